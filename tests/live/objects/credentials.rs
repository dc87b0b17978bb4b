//! Changes of credentials, and capabilities that are asked for.

use picket_tests::expect::{Expect, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::workload;

use super::{Waiting, event_of};

const CLASS: &str = "PRIVILEGE_CREDENTIALS";

/// Ids are dropped step by step; then a user namespace gives everything back inside.
pub(super) fn changes(lab: &mut Lab) {
    let mut client = lab.watch();
    let tracepoint = lab.agent().back_end(CLASS) == "tracepoint";
    let script = "setgroups 5 , setresgid 7 7 7 , setresuid 8 9 10 , unshare user , say ready , wait";
    let (child, _) = Waiting::start(lab, script);
    let pid = child.pid();
    let group = event_of(&mut client, CLASS, pid, |event| text(event, "call.call") == "setresgid");
    Expect::of(&group)
        .is("call.credentialsBefore.gid", 0)
        .is("call.credentials.uid", 0)
        .is("call.credentials.gid", 7)
        .absent("call.credentials.sgid");
    let user = event_of(&mut client, CLASS, pid, |event| text(event, "call.call") == "setresuid");
    let namespace = picket_tests::truth::namespace(std::process::id(), "user");
    let expect = Expect::of(&user)
        .is("process.uid", 8)
        .is("process.effectiveUid", 9)
        .is("call.credentialsBefore.uid", 0)
        .is("call.credentialsBefore.gid", 7)
        .is("call.credentials.uid", 8)
        .is("call.credentials.euid", 9)
        .is("call.credentials.suid", 10)
        .lists("call.credentials.effective", &["NONE"])
        .is("call.namespaces.user", namespace)
        .absent("call.error");
    if !tracepoint {
        expect.such("call.credentialsBefore.effective", "not empty", |sets| {
            sets.as_array().is_some_and(|sets| !sets.is_empty() && sets[0] != "NONE")
        });
        event_of(&mut client, CLASS, pid, |event| text(event, "call.call") == "setgroups");
        let entered = event_of(&mut client, CLASS, pid, |event| text(event, "call.call") == "unshare");
        Expect::of(&entered)
            .is("call.userNamespaceBefore", namespace)
            .is("call.namespaces.user", picket_tests::truth::namespace(pid, "user"))
            .lists("call.credentials.effective", &["ALL"]);
    }
    child.end();
    // Nothing changes: no event where the hook can tell, and else one.
    let (child, _) = Waiting::start(lab, "repeat 5 setuid 0 , say ready , wait");
    let pid = child.pid();
    child.end();
    lab.fence(&mut client);
    let told = client.of_process(pid).into_iter().filter(|event| text(event, "class") == CLASS).count();
    assert_eq!(told, usize::from(tracepoint), "setuid to the same id is no change");
}

/// What is refused is told, once for root and once for others, with the ids that were asked for.
pub(super) fn refused(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("refused");
    let script = "setresgid 7 7 7 , setresuid 5 5 5 , repeat 3 setuid 0 , setresgid -1 0 -1 , setuid 9 , setresuid 0 0 0 , capset ffffffff keep keep , exec /bin/true";
    let words: Vec<&str> = [workload::IN_CONTAINER, "--may-fail"]
        .into_iter()
        .chain(script.split(' '))
        .chain([marker.as_str()])
        .collect();
    let container = lab.container(&words);
    let id = container.id().to_owned();
    container.run_ok();
    let exec = client.exec(&marker);
    let pid = picket_tests::truth::pid(&exec);
    lab.fence(&mut client);
    let told: Vec<_> = client
        .of_process(pid)
        .into_iter()
        .filter(|event| text(event, "class") == CLASS && !text(event, "call.error").is_empty())
        .collect();
    let asked: Vec<_> =
        told.iter().map(|event| (text(event, "call.call"), text(event, "call.value"))).collect();
    let expected = [
        ("setuid", "uid 0"),
        ("setresgid", "egid 0"),
        ("setuid", "uid 9"),
        ("setresuid", "uid 0, euid 0, suid 0"),
        ("capset", ""),
    ];
    assert_eq!(asked, expected, "{told:#?}");
    for event in &told {
        Expect::of(event)
            .is("call.error", "EPERM")
            .is("container.id", &*id)
            .is("process.uid", 5)
            .is("call.credentials.uid", 5)
            .is("call.credentials.gid", 7)
            .lists("call.credentials.effective", &["NONE"]);
    }
}

/// A container without `CAP_SYS_ADMIN` asks for it in vain, three times.
pub(super) fn capability(lab: &mut Lab) {
    const CLASS: &str = "PRIVILEGE_CAPABILITY";
    let mut client = lab.watch();
    let marker = marker("capability");
    let container = lab.container(&[
        workload::IN_CONTAINER,
        "--may-fail",
        "repeat",
        "3",
        "unshare",
        "mount",
        ",",
        "exec",
        "/bin/true",
        &marker,
    ]);
    let id = container.id().to_owned();
    container.run_ok();
    let exec = client.exec(&marker);
    let pid = picket_tests::truth::pid(&exec);
    // Before that the same process was the runtime's, which mounts what the container needs.
    let event = event_of(&mut client, CLASS, pid, |event| {
        text(event, "call.capability") == "SYS_ADMIN" && text(event, "call.error") == "EPERM"
    });
    Expect::of(&event)
        .is("call.call", "unshare")
        .is("call.error", "EPERM")
        .is("container.id", id)
        .is("call.namespaces.user", picket_tests::truth::namespace(std::process::id(), "user"))
        .is("call.targetNamespaces.user", picket_tests::truth::namespace(std::process::id(), "user"));
    lab.fence(&mut client);
    let told = client.of_process(pid).into_iter().filter(|event| {
        text(event, "call.capability") == "SYS_ADMIN" && text(event, "call.error") == "EPERM"
    });
    assert_eq!(told.count(), 1, "told once for a process and outcome");
}
