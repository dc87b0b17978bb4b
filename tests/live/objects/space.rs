//! Namespaces and roots.

use std::fs;
use std::os::unix::fs::MetadataExt;

use picket_tests::client::Client;
use picket_tests::expect::{Expect, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::truth::namespace;

use super::{Waiting, event_of};

pub(super) fn unshare(lab: &mut Lab) {
    let mut client = lab.watch();
    let (child, _) = Waiting::start(lab, "unshare uts+ipc , unshare mount+net , say ready , wait");
    let pid = child.pid();
    let event = event_of(&mut client, "PRIVILEGE_UNSHARE", pid, |event| {
        text(event, "call.flags.0") == "CLONE_NEWUTS"
    });
    Expect::of(&event)
        .is("call.call", "unshare")
        .lists("call.flags", &["CLONE_NEWUTS", "CLONE_NEWIPC"])
        .is("call.namespaces.uts", namespace(pid, "uts"))
        .is("call.namespaces.ipc", namespace(pid, "ipc"))
        .is("call.namespaces.net", namespace(std::process::id(), "net"))
        .absent("call.error")
        .absent("call.unverified");
    let event =
        event_of(&mut client, "PRIVILEGE_UNSHARE", pid, |event| text(event, "call.flags.0") == "CLONE_NEWNS");
    Expect::of(&event)
        .is("call.namespaces.mnt", namespace(pid, "mnt"))
        .is("call.namespaces.net", namespace(pid, "net"));
    child.end();
    // In vain: a user without privileges.
    let (child, _) = Waiting::start(lab, "setresuid 1000 1000 1000 , unshare net , say ready , wait");
    let failed = event_of(&mut client, "PRIVILEGE_UNSHARE", child.pid(), |_| true);
    Expect::of(&failed).lists("call.flags", &["CLONE_NEWNET"]).is("call.error", "EPERM");
    child.end();
}

pub(super) fn clone(lab: &mut Lab) {
    let mut client = lab.watch();
    let (child, _) = Waiting::start(lab, "clone uts+user , clone3 ipc , say ready , wait");
    for flags in [["CLONE_NEWUTS", "CLONE_NEWUSER"].as_slice(), &["CLONE_NEWIPC"]] {
        let event = event_of(&mut client, "PRIVILEGE_UNSHARE", child.pid(), |event| {
            text(event, "call.flags.0") == flags[0]
        });
        Expect::of(&event)
            .is("call.call", "clone")
            .lists("call.flags", flags)
            .is("call.namespaces.uts", namespace(std::process::id(), "uts"))
            .such("call.target.pid", "the new process", serde_json::Value::is_number);
    }
    child.end();
}

pub(super) fn setns(lab: &mut Lab) {
    let mut client = lab.watch();
    let (other, _) = Waiting::start(lab, "unshare uts+ipc , say ready , wait");
    let (uts, ipc) = (namespace(other.pid(), "uts"), namespace(other.pid(), "ipc"));
    let script = format!(
        "setns /proc/{pid}/ns/uts , setns-process {pid} ipc , setns /proc/self/status , say ready , wait",
        pid = other.pid()
    );
    let (child, _) = Waiting::start(lab, &script);
    let pid = child.pid();
    let class = "PRIVILEGE_SETNS";
    let by_file =
        event_of(&mut client, class, pid, |event| text(event, "call.file.inode") == uts.to_string());
    Expect::of(&by_file)
        .is("call.call", "setns")
        .is("call.namespaces.uts", uts)
        .is("call.namespaces.ipc", namespace(std::process::id(), "ipc"))
        .absent("call.error");
    let by_process = event_of(&mut client, class, pid, |event| text(event, "call.flags.0") == "CLONE_NEWIPC");
    Expect::of(&by_process).is("call.namespaces.ipc", ipc).is("call.target.pid", other.pid());
    let failed = event_of(&mut client, class, pid, |event| text(event, "call.error") == "EINVAL");
    Expect::of(&failed).absent("call.target");
    child.end();
    other.end();
}

pub(super) fn roots(lab: &mut Lab) {
    let mut client = lab.watch();
    let script =
        "unshare mount , private , mount tmpfs none @/folder , cd @ , chroot folder , say ready , wait";
    let (child, folder) = Waiting::start(lab, script);
    let event = event_of(&mut client, "PRIVILEGE_CHROOT", child.pid(), |_| true);
    let root = fs::metadata(format!("/proc/{}/root", child.pid())).expect("it waits");
    Expect::of(&event)
        .is("call.call", "chroot")
        .is("call.path", folder.join("folder").to_string_lossy().as_ref())
        .is("call.file.inode", root.ino())
        .absent("call.error")
        .absent("call.unverified");
    child.end();
    other_root(lab, &mut client);

    let script = "unshare mount , private , mount tmpfs none @/folder , cd @/folder , mkdir mkdir old 0755 , \
                  pivot-root . old , chroot /missing , say ready , wait";
    let (child, folder) = Waiting::start(lab, script);
    let event = event_of(&mut client, "PRIVILEGE_PIVOT_ROOT", child.pid(), |_| true);
    let root = fs::metadata(format!("/proc/{}/root", child.pid())).expect("it waits");
    Expect::of(&event)
        .is("call.call", "pivot_root")
        .is("call.unverified", true)
        .is("call.file.inode", root.ino())
        .absent("call.error");
    let failed = event_of(&mut client, "PRIVILEGE_CHROOT", child.pid(), |_| true);
    Expect::of(&failed)
        .is("call.path", "/missing")
        .is("call.error", "ENOENT")
        .is("call.unverified", true)
        .absent("call.file");
    drop(folder);
    child.end();
}

/// A program that begins below a `chroot` says so, one at the root of a container does not.
fn other_root(lab: &mut Lab, client: &mut Client) {
    for (below, told) in [("/", false), ("/inner", true)] {
        let marker = marker("root");
        let script =
            format!("mkdir -p /inner; cp -a /bin /lib* /inner/; exec chroot {below} /bin/true {marker}");
        let container = lab.container(&["/bin/sh", "-c", &script]);
        container.run_ok();
        let event = client.wait_for("the program below chroot", |event| {
            text(event, "class") == "PROCESS_EXEC"
                && text(event, "container.id") == container.id()
                && text(event, "process.arguments.0") == "/bin/true"
                && text(event, "process.arguments.1") == marker
        });
        assert_eq!(event["exec"]["otherRoot"] == true, told, "{event:#}");
    }
}
