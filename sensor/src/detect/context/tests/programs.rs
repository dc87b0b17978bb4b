//! Programs that begin, and processes.

use super::*;

#[test]
fn a_program_that_begins_has_its_texts_byte_for_byte() {
    let world = World::new();
    world.check(
        &program(),
        &[
            ("evt.type", "execve"),
            ("proc.name", "python3"),
            ("proc.exe", "/usr/bin/python3"),
            ("proc.exepath", "/usr/bin/python3.11"),
            ("proc.args", "-m http server"),
            ("proc.cmdline", "python3 -m http server"),
            ("proc.exeline", "/usr/bin/python3 -m http server"),
            ("proc.cmdnargs", "2"),
            ("proc.cmdlenargs", "13"),
            ("proc.cwd", "/dev/shm/"),
            ("proc.env", "HTTP_PROXY=http://x LANG=C"),
            ("proc.env[LANG]", "C"),
            ("proc.env[LAN]", "-"),
            ("proc.tty", "34817"),
            ("proc.vpid", "7"),
            ("proc.pid", "101"),
            ("proc.duration", "1000000000"),
            ("proc.is_vpgid_leader", "true"),
            ("proc.is_exe_upper_layer", "true"),
            ("proc.is_exe_lower_layer", "false"),
            ("proc.is_exe_from_memfd", "false"),
            ("proc.is_exe_writable", "true"),
            ("proc.exe_ino", "4711"),
            ("proc.exe_ino.mtime", "1700000000000000000"),
            ("proc.exe_ino.ctime", "1769860790000000000"),
            ("proc.exe_ino.ctime_duration_proc_start", "9000000000"),
            ("proc.stdin.type", "pipe"),
            ("proc.aenv[2]", "-"),
            ("fd.name", "-"),
            ("fd.types[0]", "pipe"),
        ],
    );
}

#[test]
fn its_arguments_are_those_of_the_call() {
    let world = World::new();
    world.check(
        &program(),
        &[
            ("evt.arg.flags", "EXE_WRITABLE|EXE_UPPER_LAYER"),
            ("evt.arg.exe", "/usr/bin/python3"),
            ("evt.arg[exe]", "/usr/bin/python3"),
            ("evt.arg[0]", "0"),
            ("evt.arg.uid", "web"),
            ("evt.rawarg.uid", "33"),
            ("evt.arg.filename", "/usr/bin/python3.11"),
            ("evt.arg.res", "0"),
            ("evt.rawarg.res", "0"),
            ("evt.arg.oldpath", "-"),
            ("evt.res", "SUCCESS"),
            ("evt.rawres", "0"),
            ("evt.args", "res=0 exe=/usr/bin/python3 args=-m http server tid=101 pid=101 ptid=100 cwd=/dev/shm \
                          comm=python3 env=HTTP_PROXY=http://x LANG=C tty=142606337 pgid=101 loginuid=1000 \
                          flags=EXE_WRITABLE|EXE_UPPER_LAYER cap_inheritable= cap_permitted=CAP_CHOWN CAP_SYS_ADMIN \
                          cap_effective=CAP_CHOWN uid=web gid=webs filename=/usr/bin/python3.11"),
        ],
    );
}

#[test]
fn lineage_is_told_by_number_and_by_any() {
    let world = World::new();
    world.check(
        &program(),
        &[
            ("proc.pname", "bash"),
            ("proc.pexe", "-bash"),
            ("proc.pexepath", "/bin/bash"),
            ("proc.pcmdline", "bash"),
            ("proc.ppid", "100"),
            ("proc.pvpid", "1"),
            ("proc.aname[0]", "python3"),
            ("proc.aname[1]", "bash"),
            ("proc.aname[2]", "systemd"),
            ("proc.aname[3]", "-"),
            ("proc.aexe[2]", "/sbin/init"),
            ("proc.aexepath[2]", "/lib/systemd"),
            ("proc.acmdline[2]", "systemd splash"),
            ("proc.apid[1]", "100"),
            ("proc.sid", "100"),
            ("proc.sname", "bash"),
            ("proc.sid.exepath", "/bin/bash"),
            ("proc.pgid.name", "python3"),
            ("proc.vpgid", "7"),
            ("proc.is_sid_leader", "false"),
            ("proc.loginshellid", "100"),
            ("thread.tid", "101"),
            ("thread.ismain", "true"),
        ],
    );
    assert_eq!(world.values(&program(), "proc.aname"), ["bash", "systemd"], "never the process itself");
    assert_eq!(world.values(&program(), "proc.aname[1]"), ["bash"]);
}

#[test]
fn users_and_capabilities() {
    let mut world = World::new();
    let expected = [
        ("thread.cap_effective", "CAP_CHOWN"),
        ("thread.cap_permitted", "CAP_CHOWN CAP_SYS_ADMIN"),
        ("user.uid", "33"),
        ("user.name", "web"),
        ("user.homedir", "/srv"),
        ("user.shell", "/bin/false"),
        ("user.loginuid", "1000"),
        ("user.loginname", "ada"),
        ("group.gid", "33"),
        ("group.name", "webs"),
    ];
    world.check(&program(), &expected);
    world.owner = None;
    world.check(&program(), &[("user.name", "<NA>"), ("group.name", "<NA>"), ("user.shell", "<NA>")]);
    // A process of which nothing is known has no user, and names are never missing.
    let stranger = record(Class::FileOpen, &stranger(), &[]);
    world.check(
        &stranger,
        &[("user.uid", "-"), ("user.name", "<NA>"), ("user.loginuid", "-1"), ("proc.name", "-")],
    );
    world.check(&stranger, &[("proc.pname", "-"), ("proc.cmdline", "-"), ("proc.duration", "-")]);
}

fn stranger() -> FileRecord {
    let mut fixed = FileRecord::default();
    fixed.header.process = task(999, 3);
    fixed
}

#[test]
fn memory_files_are_named_as_such() {
    let mut world = World::new();
    let file = FileIdentity {
        filesystem: TMPFS,
        flags: FileFlags::DETACHED,
        mode: 0o100_777,
        inode: 5,
        ..FileIdentity::default()
    };
    let begun = begun(&Begun {
        process: task(200, 22),
        parent: SHELL,
        container_pid: 9,
        command: b"3\0",
        executable: b"memfd:x\0",
        arguments: b"x\0",
        file,
    });
    world.take_in(&begun);
    world.check(
        &begun,
        &[
            ("proc.exepath", "memfd:x"),
            ("proc.is_exe_from_memfd", "true"),
            ("proc.is_exe_upper_layer", "false"),
            ("evt.arg.flags", "EXE_WRITABLE|EXE_FROM_MEMFD"),
            ("proc.args", ""),
            ("proc.cmdline", "3"),
        ],
    );
}

#[test]
fn the_event_itself() {
    let world = World::new();
    world.check(
        &program(),
        &[
            ("evt.num", "7"),
            ("evt.cpu", "3"),
            ("evt.dir", "<"),
            ("evt.hostname", "node-1"),
            ("evt.time", "12:00:00.000000000"),
            ("evt.time.s", "12:00:00"),
            ("evt.time.iso8601", "2026-01-31T12:00:00.000000000+0000"),
            ("evt.datetime", "2026-01-31 12:00:00.000000000"),
            ("evt.datetime.s", "2026-01-31 12:00:00"),
            ("evt.rawtime", "1769860800000000000"),
            ("evt.rawtime.s", "1769860800"),
            ("evt.failed", "false"),
            ("evt.category", "process"),
            ("evt.is_open_write", "false"),
            ("picket.class", "PROCESS_EXEC"),
            ("picket.cgroup", "/kubepods/pod"),
            ("proc.pid.ts", "1769860799000000000"),
        ],
    );
}

#[test]
fn the_container() {
    let mut world = World::new();
    world.check(
        &program(),
        &[
            ("container.id", "0123456789ab"),
            ("container.full_id", ID),
            ("container.name", "main"),
            ("container.type", "containerd"),
            ("container.image", "registry.example:5000/team/web:1.2@sha256:ab"),
            ("container.image.repository", "registry.example:5000/team/web"),
            ("container.image.tag", "1.2"),
            ("container.image.digest", "sha256:ab"),
            ("container.privileged", "true"),
            ("container.start_ts", "1769860795000000000"),
            ("container.duration", "5000000000"),
            ("container.mounts", "/etc:/host/etc::true:rprivate,/data:/data::true:rprivate"),
            ("container.mount.dest[/etc]", "/host/etc"),
            ("container.mount.dest[/et*]", "/host/etc"),
            ("container.mount.dest[1]", "/data"),
            ("container.mount.dest[/proc*]", "N/A"),
            ("container.mount.source[/host/etc]", "/etc"),
            ("container.mount.rdwr[/data]", "true"),
            ("container.mount[1]", "/data:/data::true:rprivate"),
            ("k8s.ns.name", "shop"),
            ("k8s.pod.name", "web-1"),
            ("k8s.pod.uid", "u-1"),
            ("k8s.pod.label[app]", "web"),
            ("k8s.pod.label[other]", "-"),
            ("k8s.pod.labels", "app:web"),
            ("container.label[x]", "-"),
        ],
    );
    world.owner = Some(Owner::Host { unit: Some("ssh.service".into()) });
    world.check(
        &program(),
        &[
            ("container.id", "host"),
            ("container.name", "host"),
            ("container.privileged", "-"),
            ("container.image.repository", "-"),
            ("container.mount.dest[/etc]", "-"),
            ("k8s.ns.name", "-"),
            ("picket.unit", "ssh.service"),
        ],
    );
    world.owner = None;
    world.check(&program(), &[("container.id", "host")]);
}
