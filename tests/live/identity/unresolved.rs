//! Containers of which not everything can be known: the id is, and the reason is said.

use std::fs;

use picket_tests::cgroup::Cgroup;
use picket_tests::container::{Container, Names, bundle_folder};
use picket_tests::expect::{Expect, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::scratch::{make_folder, write_file};
use rustix::process::Signal;
use serde_json::{Map, Value, json};

use super::{check_identity, check_unresolved};

pub(super) fn bundle_elsewhere(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("elsewhere");
    let mut options = lab.container_options(&["/bin/true", &marker]);
    options.state = lab.scratch().folder("elsewhere");
    let container = Container::create(&options);
    container.run_ok();
    check_unresolved(&client.exec(&marker), container.id());
}

/// Runs `true` on the host's files, but in a control group as a container's.
fn run_in(lab: &Lab, group: &Cgroup, marker: &str) {
    let script = format!("{} exec \"$1\" \"$2\"", group.enter());
    let program = lab.image().applet("true").to_string_lossy().into_owned();
    let status = lab.host("sh").args(["-c", &script, "sh", &program, marker, "end"]).status();
    assert!(status.expect("busybox runs").success(), "a shell moves into a control group: {script}");
}

pub(super) fn malformed_bundle(lab: &mut Lab) {
    let contents = [
        ("cut", "{\"ociVersion\": \"1.0.2\", \"annotations\": {\"io.kubernetes.cri.contai"),
        ("empty", ""),
        ("list", "[1, 2, 3]"),
        ("types", "{\"annotations\": \"none\", \"process\": 7}"),
    ];
    let mut client = lab.watch();
    for (name, content) in contents {
        let (names, marker) = (Names::new(), marker(name));
        let bundle = bundle_folder(lab.state(), &names.id);
        make_folder(&bundle);
        write_file(&bundle.join("config.json"), content, 0o644);
        let group = Cgroup::create(&format!("/k8s.io/{}", names.id));
        run_in(lab, &group, &marker);
        check_unresolved(&client.exec(&marker), &names.id);
        fs::remove_dir_all(&bundle).expect("the bundle that was made");
    }
}

/// The identity that comes late corrects what was sent, and later events have it.
pub(super) fn late_bundle(lab: &mut Lab) {
    let mut client = lab.watch();
    let (names, first, second) = (Names::new(), marker("early"), marker("late"));
    let group = Cgroup::create(&format!("/k8s.io/{}", names.id));
    run_in(lab, &group, &first);
    check_unresolved(&client.exec(&first), &names.id);

    let annotations: Map<String, Value> =
        names.annotations(false).into_iter().map(|(key, value)| (key, value.into())).collect();
    let bundle = bundle_folder(lab.state(), &names.id);
    make_folder(&bundle);
    let content = json!({ "ociVersion": "1.0.2", "annotations": annotations }).to_string();
    // A runtime's file appears whole.
    write_file(&bundle.join("config.json.new"), content, 0o644);
    fs::rename(bundle.join("config.json.new"), bundle.join("config.json")).expect("the file just written");
    let identified = client.wait_for("CONTAINER_IDENTIFIED", |event| {
        text(event, "class") == "CONTAINER_IDENTIFIED" && text(event, "container.id") == names.id
    });
    check_identity(&identified, &names);
    run_in(lab, &group, &second);
    check_identity(&client.exec(&second), &names);
    fs::remove_dir_all(&bundle).expect("the bundle that was made");
}

/// A container that came and went, bundle and all, while the agent could not look.
pub(super) fn gone_before_read(lab: &mut Lab) {
    let mut client = lab.watch();
    let (gone, kept) = (marker("gone"), marker("kept"));
    lab.agent().signal(Signal::STOP);
    let first = lab.container(&["/bin/true", &gone]);
    first.run_ok();
    let id = first.id().to_owned();
    drop(first);
    let second = lab.container(&["/bin/true", &kept]);
    second.run_ok();
    lab.agent().signal(Signal::CONT);
    let event = client.exec(&gone);
    check_unresolved(&event, &id);
    Expect::of(&event).is("process.executable", "/bin/busybox").is("process.containerPid", 1);
    // The other's bundle is still there to be read. With all records waiting at once, the process may
    // come before the answer; then the answer follows.
    let mut event = client.exec(&kept);
    if !text(&event, "container.unresolved").is_empty() {
        Expect::of(&event).is("container.id", second.id());
        event = client.wait_for("CONTAINER_IDENTIFIED", |event| {
            text(event, "class") == "CONTAINER_IDENTIFIED" && text(event, "container.id") == second.id()
        });
    }
    check_identity(&event, second.names());
}
