//! The tables are in order, whole, and what the documentation says.

use super::*;

/// The fields that the upstream rule files use.
pub(crate) const UPSTREAM: &str = "evt.type proc.name evt.num container.id fd.typechar proc.cmdline fd.name proc.pname fd.num \
    container.image.repository evt.is_open_write evt.rawres evt.res fd.directory fd.net proc.aname fd.ip \
    evt.is_open_read proc.args proc.exe fd.l4proto fd.connected fd.name_changed k8s.ns.name fd.snet proc.vpid \
    proc.pcmdline user.name evt.arg.path fd.sport fd.filename evt.arg.flags user.uid evt.arg.oldpath \
    evt.arg.newpath proc.tty container.privileged thread.cap_permitted evt.arg.name evt.arg.mode evt.arg.request \
    fd.sip.name thread.cap_effective fd.type user.loginuid fd.sip proc.env evt.arg.filename proc.pexe evt.arg.uid \
    fd.nameraw evt.arg.target proc.cwd evt.arg.cmd proc.duration proc.exepath evt.arg.domain \
    proc.is_exe_upper_layer proc.is_exe_from_memfd proc.aexe fd.port fd.rnet fd.sockfamily fd.cip.name k8s.pod.name \
    container.mount.dest fd.cip fd.cnet evt.is_open_exec evt.buffer proc.is_vpgid_leader proc.pexepath fd.rport \
    fd.lport evt.arg.linkpath evt.args proc.aexepath user.loginname group.gid group.name proc.sname \
    proc.exe_ino.ctime_duration_proc_start proc.exe_ino.mtime proc.exe_ino.ctime container.start_ts evt.arg.fd \
    fd.rip.name fd.lip.name container.mounts fd.rip container.name container.image.tag";

/// The kinds that the upstream rule files use.
const KINDS_UPSTREAM: &str = "execve execveat open openat openat2 connect accept accept4 listen sendto sendmsg rename \
    renameat renameat2 unlink unlinkat rmdir recvfrom recvmsg ptrace creat chmod fchmod fchmodat mkdir mkdirat symlink \
    symlinkat link linkat socket dup dup2 dup3 init_module finit_module setns unshare setuid bpf userfaultfd";

#[test]
fn names_are_in_order_and_found() {
    for pair in DEFINITIONS.windows(2) {
        assert!(pair[0].name < pair[1].name, "{} {}", pair[0].name, pair[1].name);
    }
    for (place, definition) in DEFINITIONS.iter().enumerate() {
        assert_eq!(find(definition.name).map(usize::from), Some(place));
        assert_eq!(
            definition.from.is_empty(),
            definition.differs.contains("never has a value"),
            "{}",
            definition.name
        );
    }
    assert_eq!(find("proc.nosuch"), None);
}

#[test]
fn what_a_field_is_belongs_to_its_name() {
    let which = |name| Field { id: find(name).unwrap(), argument: Argument::None }.which();
    assert_eq!(which("proc.name"), Some(Which::Process(process::Name::Name)));
    assert_eq!(which("evt.arg.uid"), Some(Which::Argument(argument::Name::Uid)));
    assert_eq!(which("evt.rawarg.uid"), Some(Which::RawArgument(argument::Name::Uid)));
    assert_eq!(which("user.uid"), Some(Which::User(user::Name::Uid)));
}

#[test]
fn all_that_the_upstream_rules_name_is_there() {
    for name in UPSTREAM.split_whitespace() {
        assert!(find(name).is_some(), "{name}");
    }
    for name in KINDS_UPSTREAM.split_whitespace() {
        assert!(Kind::named(name).is_some(), "{name}");
    }
}

#[test]
fn a_kind_has_one_name_and_its_other_names() {
    let mut seen = std::collections::HashSet::new();
    for definition in KINDS {
        assert!(seen.insert(definition.name), "{} is there twice", definition.name);
    }
    assert_eq!(Kind::named("execveat"), Kind::named("execve"));
    assert_ne!(Kind::named("accept"), Kind::named("accept4"));
    assert_eq!(Kind::named("openat"), Some(kind::OPENAT));
    assert_eq!(kind::OPENAT.definition().unwrap().name, "openat");
    assert_eq!(Kind::named("no_such_call"), None);
}

#[test]
fn the_documentation_is_that_of_the_tables() {
    crate::blessed::is_up_to_date("docs/rules-fields.md", &reference::markdown(), "detect::field");
}
