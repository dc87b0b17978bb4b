//! Where the executed file comes from: image layer, container's own layer, memory, no name any more.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use picket_tests::expect::Expect;
use picket_tests::image::copy_program;
use picket_tests::lab::{Lab, marker};
use picket_tests::truth;
use rustix::fs::{MemfdFlags, fstat, memfd_create};
use rustix::io::{FdFlags, fcntl_setfd};

use super::exec_as;

/// A program that the container wrote is told from one of the image.
pub(super) fn upper_layer(lab: &mut Lab) {
    let mut client = lab.watch();
    let (marker, lower) = (marker("upper"), marker("lower"));
    let script = format!("cp /bin/busybox /tmp/true; /tmp/true {marker}; /bin/true {lower}");
    let container = lab.container(&["/bin/sh", "-c", &script]);
    container.run_ok();
    let event = exec_as(&mut client, "/tmp/true", &marker);
    Expect::of(&event)
        .is("process.executable", "/tmp/true")
        .absent("exec.requestedPath")
        .is("exec.file.filesystem", "overlay")
        .is("exec.file.layer", "UPPER");
    truth::check_file(&event, &container.file("/tmp/true"));
    Expect::of(&exec_as(&mut client, "/bin/true", &lower)).is("exec.file.layer", "LOWER");
}

/// A program that only ever was in memory.
pub(super) fn memfd(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("memfd");
    let memory = memfd_create("picket-memfd", MemfdFlags::empty()).expect("memfd_create");
    let mut file = File::from(memory);
    file.write_all(&fs::read(lab.image().busybox()).expect("busybox")).expect("room in memory");
    let inode = fstat(file.as_fd()).expect("an open file").st_ino;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let status = Command::new(&path).arg0("true").arg(&marker).status().expect("the memfd runs");
    assert!(status.success(), "{path}: {status}");
    Expect::of(&client.exec(&marker))
        .is("exec.file.memfd", true)
        .is("exec.file.inode", inode)
        .is("exec.file.links", 0)
        .is("exec.requestedPath", path)
        .absent("exec.file.layer")
        .such("process.executable", "the memfd's name", |path| {
            path.as_str().is_some_and(|path| path.contains("memfd:picket-memfd"))
        });
}

/// A program whose file was removed before it began.
pub(super) fn unlinked(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("unlinked");
    let path = lab.scratch().folder("unlinked").join("gone");
    copy_program(&lab.image().busybox(), &path, 0o755);
    let written = File::options().write(true).open(&path).expect("the copy");
    written.set_modified(UNIX_EPOCH + Duration::new(1_000_000_000, 123_000_000)).expect("our own file");
    drop(written);
    let file = File::open(&path).expect("the copy");
    fcntl_setfd(&file, FdFlags::empty()).expect("an open file");
    fs::remove_file(&path).expect("the copy");
    let by_descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
    let status = Command::new(&by_descriptor).arg0("true").arg(&marker).status().expect("it still runs");
    assert!(status.success(), "{by_descriptor}: {status}");
    Expect::of(&client.exec(&marker))
        .is("exec.file.unlinked", true)
        .is("exec.file.modified", "2001-09-09T01:46:40.123Z")
        .absent("exec.file.memfd")
        .is("exec.file.links", 0)
        .is("exec.file.inode", file.metadata().expect("an open file").ino())
        .such("process.executable", "the path that it had", |executable| {
            executable.as_str().is_some_and(|executable| executable.starts_with(&*path.to_string_lossy()))
        });
}
