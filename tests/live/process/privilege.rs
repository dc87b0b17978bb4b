//! Credentials of a program, and how it got more than its caller had.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use picket_tests::client::Client;
use picket_tests::container::Container;
use picket_tests::expect::Expect;
use picket_tests::image::copy_program;
use picket_tests::lab::{Lab, marker};
use picket_tests::truth::capability_set;
use rustix::fs::{XattrFlags, setxattr};
use serde_json::Value;

/// Ids of a user that is not root.
const USER: u32 = 1000;
/// `CAP_NET_RAW` as `struct vfs_cap_data`, revision 2: effective bit; permitted; nothing inheritable.
const NET_RAW: [u32; 5] = [0x0200_0001, 1 << 13, 0, 0, 0];

/// Runs a program as a user and returns its exec event.
fn run_as(client: &mut Client, program: &Path, user: u32) -> Value {
    let marker = marker("privilege");
    let status = Command::new(program).arg(&marker).uid(user).gid(user).current_dir("/").status();
    assert!(status.expect("it may be executed").success(), "{} as {user}", program.display());
    client.exec(&marker)
}

pub(super) fn set_user_id(lab: &mut Lab) {
    let mut client = lab.watch();
    let program = lab.scratch().folder("setuid").join("true");
    copy_program(&lab.image().busybox(), &program, 0o4755);
    Expect::of(&run_as(&mut client, &program, USER))
        .is("process.uid", USER)
        .is("process.effectiveUid", 0)
        .is("exec.credentials.uid", USER)
        .is("exec.credentials.gid", USER)
        .is("exec.credentials.euid", 0)
        .absent("exec.credentials.egid")
        .is("exec.file.mode", "4755")
        .lists("exec.gained", &["SETUID"]);
    // The same bit gives root nothing.
    Expect::of(&run_as(&mut client, &program, 0)).absent("exec.gained").absent("exec.credentials.euid");

    let program = lab.scratch().folder("setgid").join("true");
    copy_program(&lab.image().busybox(), &program, 0o2755);
    Expect::of(&run_as(&mut client, &program, USER))
        .absent("exec.credentials.euid")
        .is("exec.credentials.egid", 0)
        .absent("process.effectiveUid")
        .lists("exec.gained", &["SETGID"]);
}

pub(super) fn file_capabilities(lab: &mut Lab) {
    let mut client = lab.watch();
    let program = lab.scratch().folder("filecaps").join("true");
    copy_program(&lab.image().busybox(), &program, 0o755);
    let before = run_as(&mut client, &program, USER);
    Expect::of(&before).absent("exec.gained");
    assert_eq!(capability_set(&before, "permitted"), [""; 0], "no capability yet: {before:#}");
    let value: Vec<u8> = NET_RAW.iter().flat_map(|word| word.to_le_bytes()).collect();
    setxattr(&program, "security.capability", &value, XattrFlags::empty()).expect("CAP_SETFCAP");
    let after = run_as(&mut client, &program, USER);
    Expect::of(&after)
        .is("process.uid", USER)
        .absent("process.effectiveUid")
        .lists("exec.gained", &["FILE_CAPABILITIES"]);
    for set in ["effective", "permitted"] {
        assert_eq!(capability_set(&after, set), ["NET_RAW"], "{set}: {after:#}");
    }
}

/// A container's process that is not root.
pub(super) fn container_user(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("user");
    let mut options = lab.container_options(&["/bin/true", &marker]);
    options.user = USER;
    Container::create(&options).run_ok();
    Expect::of(&client.exec(&marker))
        .is("process.uid", USER)
        .absent("process.effectiveUid")
        .is("exec.credentials.uid", USER)
        .is("exec.credentials.gid", USER)
        .has("exec.credentials.bounding", "NET_RAW")
        .absent("exec.gained");
}
