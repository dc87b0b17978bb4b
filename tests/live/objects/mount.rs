//! Mounts, by the old interface and by the new one.

use std::process::Command;

use picket_tests::expect::{Expect, field, number, text};
use picket_tests::lab::Lab;
use picket_tests::scratch::make_folder;
use picket_tests::truth::namespace;
use picket_tests::workload;
use serde_json::Value;

use super::{Waiting, event_of};

const CLASS: &str = "PRIVILEGE_MOUNT";

pub(super) fn old_interface(lab: &mut Lab) {
    let mut client = lab.watch();
    let script = "unshare mount , private , cd @ , mount tmpfs source folder nosuid+nodev size=64k , \
                  bind-mount @/folder @/second , umount second detach , mount nosuchfs none @/second , \
                  mount nosuchfs none @/second , say ready , wait";
    let (child, folder) = Waiting::start(lab, script);
    let pid = child.pid();
    let [first, second] = ["folder", "second"].map(|name| folder.join(name).to_string_lossy().into_owned());
    let mounted = event_of(&mut client, CLASS, pid, |event| text(event, "call.filesystem") == "tmpfs");
    Expect::of(&mounted)
        .is("call.call", "mount")
        .is("call.source", "source")
        .is("call.path", first.as_str())
        .is("call.value", "size=64k")
        .lists("call.flags", &["MS_NOSUID", "MS_NODEV"])
        .is("call.namespaces.mnt", namespace(pid, "mnt"))
        // The options: with both back ends the caller's.
        .is("call.unverified", true)
        .absent("call.error");
    let bound = event_of(&mut client, CLASS, pid, |event| text(event, "call.flags.0") == "MS_BIND");
    let expect = Expect::of(&bound).is("call.source", first.as_str()).is("call.path", second.as_str());
    if lab.agent().back_end(CLASS) == "tracepoint" {
        expect.is("call.unverified", true)
    } else {
        expect.absent("call.unverified")
    };
    let gone = event_of(&mut client, CLASS, pid, |event| text(event, "call.call") == "umount2");
    Expect::of(&gone)
        .is("call.path", second.as_str())
        .lists("call.flags", &["MNT_DETACH"])
        .absent("call.error");
    let failed = event_of(&mut client, CLASS, pid, |event| text(event, "call.filesystem") == "nosuchfs");
    Expect::of(&failed).is("call.path", second.as_str()).is("call.error", "ENODEV");
    child.end();
    lab.fence(&mut client);
    let failures =
        client.of_process(pid).into_iter().filter(|event| text(event, "call.filesystem") == "nosuchfs");
    assert_eq!(failures.count(), 1, "equal failures are counted, not told");
}

pub(super) fn new_interface(lab: &mut Lab) {
    let mut client = lab.watch();
    let script = "unshare mount , private , fsmount tmpfs @/folder , open-tree @/folder @/second , \
                  say ready , wait";
    let (child, folder) = Waiting::start(lab, script);
    let pid = child.pid();
    let [first, second] = ["folder", "second"].map(|name| folder.join(name).to_string_lossy().into_owned());
    let mut of = |call: &str| event_of(&mut client, CLASS, pid, |event| text(event, "call.call") == call);
    Expect::of(&of("fsopen")).is("call.filesystem", "tmpfs").absent("call.error").absent("call.unverified");
    Expect::of(&of("fsconfig")).is("call.filesystem", "tmpfs").such(
        "call.request",
        "a command",
        Value::is_string,
    );
    Expect::of(&of("fsmount")).is("call.filesystem", "tmpfs").absent("call.unverified");
    Expect::of(&of("open_tree")).is("call.path", first.as_str()).is("call.unverified", true);
    let moved = client.wait_for("both are moved", |event| {
        text(event, "call.call") == "move_mount" && text(event, "call.path") == second
    });
    Expect::of(&moved).absent("call.error").absent("call.unverified");
    let moved = event_of(&mut client, CLASS, pid, |event| {
        text(event, "call.call") == "move_mount" && text(event, "call.path") == first
    });
    Expect::of(&moved)
        .has("call.flags", "MOVE_MOUNT_F_EMPTY_PATH")
        .is("call.file.filesystem", "tmpfs")
        .absent("call.unverified");
    child.end();
}

/// A second thread rewrites the target's path during the calls: the event names what the kernel used, or
/// says that it does not know.
pub(super) fn flip(lab: &mut Lab) {
    let mut client = lab.watch();
    let unverified = lab.agent().back_end(CLASS) == "tracepoint";
    let folder = lab.scratch().folder("flip");
    let [first, second] = ["one", "two"].map(|name| {
        make_folder(&folder.join(name));
        folder.join(name).to_string_lossy().into_owned()
    });
    let child = Command::new(workload::program())
        .args(["unshare", "mount", ",", "private", ",", "flip", "mount", &first, &second, "50"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the workload runs");
    let pid = child.id();
    let output = child.wait_with_output().expect("our child");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let counts: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(counts.len(), 3, "{said}");
    lab.fence(&mut client);
    let mounts: Vec<_> = client
        .of_process(pid)
        .into_iter()
        .filter(|event| text(event, "call.call") == "mount" && text(event, "call.filesystem") == "tmpfs")
        .filter(|event| text(event, "call.error").is_empty())
        .collect();
    assert_eq!(mounts.len() as u64, counts[0] + counts[1], "{said}");
    if unverified {
        for event in &mounts {
            Expect::of(event).is("call.unverified", true);
        }
        return;
    }
    for (path, count) in [(&first, counts[0]), (&second, counts[1])] {
        let named = mounts.iter().filter(|event| text(event, "call.path") == path);
        assert_eq!(named.count() as u64, count, "{path}: {said}");
    }
    assert!(mounts.iter().all(|event| field(event, "call.unverified").is_none()));
    assert!(mounts.iter().all(|event| number(event, "process.pid") == Some(pid.into())));
}
