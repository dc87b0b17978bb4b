//! Kernel settings, control files, control groups, and programs that the kernel starts.

use std::fs;
use std::path::{Path, PathBuf};

use picket_tests::cgroup::Cgroup;
use picket_tests::container::random_hex;
use picket_tests::expect::{Expect, text};
use picket_tests::image::copy_program;
use picket_tests::lab::{Lab, marker};
use picket_tests::scratch::{make_folder, write_file};
use picket_tests::skip::report;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

const WRITE: &str = "PRIVILEGE_CONTROL_WRITE";

/// A setting is written with the value that it has.
pub(super) fn setting(lab: &mut Lab) {
    const FILE: &str = "/proc/sys/net/ipv4/ip_default_ttl";
    let mut client = lab.watch();
    let value = fs::read_to_string(FILE).expect("/proc is mounted");
    let status = lab.host("sh").args(["-c", &format!("echo {} > {FILE}", value.trim())]).status();
    assert!(status.expect("busybox runs").success());
    let event = client.wait_for("the setting", |event| text(event, "call.path") == FILE);
    Expect::of(&event)
        .is("class", WRITE)
        .is("call.call", "write")
        .is("call.value", value.trim())
        .is("process.executable", lab.image().busybox().to_string_lossy().as_ref());
}

/// Only below the system calls is a control group's file told from any other.
pub(super) fn file(lab: &mut Lab) {
    if lab.agent().back_end("PRIVILEGE_CREDENTIALS") != "trampoline" {
        report("objects::control_file", "no trampolines");
        return;
    }
    let mut client = lab.watch();
    let group = Cgroup::create(&format!("/picket-{}", random_hex(4)));
    let script = format!("{}exit 0", group.enter());
    let status = lab.host("sh").args(["-c", &script]).status();
    assert!(status.expect("busybox runs").success());
    let path = script.split_whitespace().nth(3).expect("a path").trim_end_matches(';').to_owned();
    let event = client.wait_for("the control file", |event| text(event, "call.path") == path);
    Expect::of(&event)
        .is("class", WRITE)
        .is("call.value", event["process"]["pid"].to_string())
        .such("call.file.inode", "an inode", |inode| inode.is_string())
        .absent("call.error");
}

/// A group is made, a process moved into it, and the group removed.
pub(super) fn group(lab: &mut Lab) {
    let mut client = lab.watch();
    let path = format!("/picket-{}", random_hex(4));
    let group = Cgroup::create(&path);
    let created = client.wait_for("the new group", |event| {
        text(event, "class") == "CONTAINER_CGROUP_CREATE" && text(event, "controlGroup.path") == path
    });
    Expect::of(&created).is("process.pid", std::process::id()).absent("container");
    let status = lab.host("sh").args(["-c", &format!("{}exit 0", group.enter())]).status();
    assert!(status.expect("busybox runs").success());
    let moved = client.wait_for("the process that moves", |event| {
        text(event, "class") == "CONTAINER_CGROUP_MOVE" && text(event, "controlGroup.path") == path
    });
    Expect::of(&moved)
        .is("process.executable", lab.image().busybox().to_string_lossy().as_ref())
        .such("controlGroup.from", "a path", |from| from.as_str().is_some_and(|from| from.starts_with('/')))
        .absent("controlGroup.mover");
    drop(group);
    let removed = client.wait_for("the removed group", |event| {
        text(event, "class") == "CONTAINER_CGROUP_REMOVE" && text(event, "controlGroup.path") == path
    });
    Expect::of(&removed).is("process.pid", std::process::id());

    // A container's: named, also in the event of its creation.
    let container = lab.container(&["/bin/true", &marker("group")]);
    let id = container.id().to_owned();
    container.run_ok();
    let created = client.wait_for("the container's group", |event| {
        text(event, "class") == "CONTAINER_CGROUP_CREATE" && text(event, "container.id") == id
    });
    Expect::of(&created).such("container.pod.name", "named", |name| name.is_string());
    client.wait_for("the container's group, removed", |event| {
        text(event, "class") == "CONTAINER_CGROUP_REMOVE" && text(event, "container.id") == id
    });
}

/// A hierarchy of the test's own, whose release agent the kernel starts.
struct Hierarchy(PathBuf);

impl Hierarchy {
    fn mount(at: &Path) -> Option<Self> {
        let options = format!("none,name=picket-{}", random_hex(3));
        let options = std::ffi::CString::new(options).expect("no NUL");
        mount("cgroup", at, "cgroup", MountFlags::empty(), Some(options.as_c_str())).ok()?;
        Some(Self(at.to_owned()))
    }
}

impl Drop for Hierarchy {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.0, UnmountFlags::DETACH) {
            eprintln!("cannot unmount {}: {error}", self.0.display());
        }
    }
}

/// The release agent of a control group of the first version, as in the well-known escape.
pub(super) fn started_by_kernel(lab: &mut Lab) {
    let mut client = lab.watch();
    let folder = lab.scratch().folder("agent");
    let place = folder.join("hierarchy");
    make_folder(&place);
    let Some(hierarchy) = Hierarchy::mount(&place) else {
        report("objects::started_by_kernel", "the kernel has no control groups of the first version");
        return;
    };
    // The kernel starts it in its own mount namespace, so the program lies where that sees it.
    let program = folder.join("true");
    copy_program(&lab.image().busybox(), &program, 0o755);
    let write = |file: &str, text: &str| write_file(&place.join(file), text, 0o644);
    write("release_agent", &program.to_string_lossy());
    let name = marker("released");
    make_folder(&place.join(&name));
    write(&format!("{name}/notify_on_release"), "1");
    let procs = place.join(&name).join("cgroup.procs");
    let script = format!("echo $$ > {}", procs.display());
    let status = lab.host("sh").args(["-c", &script]).status();
    assert!(status.expect("busybox runs").success());
    let exec = client.exec(&format!("/{name}"));
    Expect::of(&exec)
        .is("exec.startedByKernel", true)
        .is("process.executable", program.to_string_lossy().as_ref());
    fs::remove_dir(place.join(&name)).expect("it is empty");
    drop(hierarchy);
}
