//! Calls that need, give or show privileges.

use sensor_common::{call::Call, record::privilege::Facts as CallFacts};

use super::*;

fn called(
    class: Class,
    call: Call,
    change: impl FnOnce(&mut CallRecord),
    tails: &[(Tail, &[u8])],
) -> Vec<u8> {
    let mut fixed = CallRecord { call: call as u32, ..CallRecord::default() };
    change(&mut fixed);
    record(class, &fixed, tails)
}

#[test]
fn requests_have_names() {
    let world = World::new();
    let traced = called(
        Class::Ptrace,
        Call::Ptrace,
        |record| record.arguments[..3].copy_from_slice(&[16, 42, 0xff]),
        &[],
    );
    let expected = [
        ("evt.type", "ptrace"),
        ("evt.arg.request", "PTRACE_ATTACH"),
        ("evt.rawarg.request", "16"),
        ("evt.arg.pid", "42"),
        ("evt.arg.addr", "ff"),
        ("fd.name", "-"),
        ("picket.target.name", "bash"),
        ("picket.target.container.id", "0123456789ab"),
    ];
    world.check(&traced, &expected);
    let odd = called(Class::Ptrace, Call::Ptrace, |record| record.arguments[0] = 999, &[]);
    world.check(&odd, &[("evt.arg.request", "999")]);
    let bpf = called(Class::Bpf, Call::Bpf, |record| (record.arguments[0], record.result) = (5, 8), &[]);
    world.check(
        &bpf,
        &[("evt.arg.cmd", "BPF_PROG_LOAD"), ("evt.rawarg.cmd", "5"), ("fd.typechar", "b"), ("fd.num", "8")],
    );
    let fault = called(Class::Userfaultfd, Call::Userfaultfd, |record| record.arguments[0] = 1, &[]);
    world.check(&fault, &[("evt.arg.flags", "UFFD_USER_MODE_ONLY"), ("fd.type", "userfaultfd")]);
    let killed =
        called(Class::Signal, Call::Kill, |record| record.arguments[..2].copy_from_slice(&[7, 9]), &[]);
    world.check(&killed, &[("evt.arg.sig", "SIGKILL"), ("evt.rawarg.pid", "7")]);
}

#[test]
fn namespaces_and_modules() {
    let world = World::new();
    let unshared = called(Class::Unshare, Call::Unshare, |record| record.arguments[0] = 0x1002_0000, &[]);
    world.check(
        &unshared,
        &[("evt.arg.flags", "CLONE_NEWNS|CLONE_NEWUSER"), ("evt.rawarg.flags", "268566528")],
    );
    let entered = called(Class::Setns, Call::Setns, |record| record.arguments[1] = 0x4000_0000, &[]);
    world
        .check(&entered, &[("evt.arg.nstype", "CLONE_NEWNET"), ("evt.res", "SUCCESS"), ("fd.typechar", "f")]);
    let tails: &[(Tail, &[u8])] = &[(Tail::Path, b"x.ko\0tmp\0"), (Tail::Value, b"a=1\0")];
    let module = called(Class::ModuleLoad, Call::FinitModule, |record| record.result = -1, tails);
    let expected = [
        ("evt.type", "finit_module"),
        ("evt.res", "EPERM"),
        ("evt.arg.uargs", "a=1"),
        ("fd.name", "/tmp/x.ko"),
        ("evt.arg.fd", "<f>/tmp/x.ko"),
    ];
    world.check(&module, &expected);
    let init = called(Class::ModuleLoad, Call::InitModule, |record| record.arguments[1] = 4096, &[]);
    world.check(&init, &[("evt.type", "init_module"), ("evt.arg.length", "4096"), ("fd.name", "-")]);
}

#[test]
fn mounts_and_settings() {
    let world = World::new();
    let tails: &[(Tail, &[u8])] =
        &[(Tail::PathText, b"/dev/sda1\0"), (Tail::NewPath, b"mnt\0"), (Tail::Filesystem, b"ext4\0")];
    let mounted = called(Class::Mount, Call::Mount, |record| record.arguments[3] = 0x1001, tails);
    let expected = [
        ("evt.type", "mount"),
        ("evt.arg.dev", "/dev/sda1"),
        ("evt.arg.dir", "/mnt"),
        ("evt.arg.type", "ext4"),
        ("evt.arg.flags", "MS_RDONLY|MS_BIND"),
        ("fs.path.source", "/dev/sda1"),
        ("fs.path.target", "/mnt"),
    ];
    world.check(&mounted, &expected);
    let tails: &[(Tail, &[u8])] = &[(Tail::Name, b"kernel/core_pattern\0"), (Tail::Value, b"|/x")];
    let written = called(Class::ControlWrite, Call::Write, |_| {}, tails);
    let expected = [
        ("evt.type", "write"),
        ("fd.name", "/proc/sys/kernel/core_pattern"),
        ("fd.directory", "/proc/sys/kernel"),
        ("evt.buffer", "|/x"),
        ("evt.arg.data", "|/x"),
        ("evt.io_dir", "w"),
    ];
    world.check(&written, &expected);
    let capability =
        called(Class::Capability, Call::Mount, |record| (record.call, record.number) = (0, 21), &[]);
    world.check(
        &capability,
        &[
            ("evt.type", "capability"),
            ("evt.arg.cap", "CAP_SYS_ADMIN"),
            ("picket.capability", "CAP_SYS_ADMIN"),
        ],
    );
    let handle = called(
        Class::OpenByHandle,
        Call::OpenByHandleAt,
        |record| (record.arguments[2], record.result) = (2, 9),
        &[(Tail::Path, b"shadow\0etc\0")],
    );
    world.check(
        &handle,
        &[
            ("fd.name", "/etc/shadow"),
            ("fd.num", "9"),
            ("evt.is_open_write", "true"),
            ("evt.arg.flags", "O_RDWR"),
        ],
    );
}

#[test]
fn who_changes_its_ids_is_who_it_was_before() {
    let world = World::new();
    let changed = |call: u32, change: fn(&mut CallRecord)| {
        let mut fixed = CallRecord {
            call,
            facts: CallFacts::BEFORE,
            ids_before: Ids { uid: 33, gid: 33, euid: 33, egid: 33 },
            ids: Ids { uid: 0, gid: 33, euid: 0, egid: 33 },
            ..CallRecord::default()
        };
        change(&mut fixed);
        record(Class::Credentials, &fixed, &[])
    };
    let setuid = changed(Call::Setuid as u32, |_| {});
    let expected = [
        ("evt.type", "setuid"),
        ("user.uid", "33"),
        ("user.name", "web"),
        ("evt.arg.uid", "root"),
        ("evt.rawarg.uid", "0"),
    ];
    world.check(&setuid, &expected);
    let named = changed(Call::Setuid as u32, |record| record.ids.euid = 7);
    world.check(&named, &[("evt.arg.uid", "7")]);
    world.check(&changed(0, |_| {}), &[("evt.type", "setuid")]);
    world.check(
        &changed(0, |record| (record.ids, record.ids.egid) = (record.ids_before, 0)),
        &[("evt.type", "setgid")],
    );
    world.check(&changed(0, |record| record.ids = record.ids_before), &[("evt.type", "capset")]);
    // The call to enter a namespace is an event of its own.
    world.check(&changed(Call::Setns as u32, |_| {}), &[("evt.type", "picket_other")]);
    let set = changed(Call::Setresuid as u32, |record| record.further.suid = 1);
    world.check(&set, &[("evt.arg.ruid", "root"), ("evt.arg.suid", "1"), ("evt.arg.euid", "root")]);
}
