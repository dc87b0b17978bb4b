//! What an exec event says of the process: names, arguments, namespaces, streams, terminal.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;

use picket_tests::expect::{Expect, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::{truth, workload};
use rustix::fs::fstat;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{check_envelope, exec_as};
use crate::identity::check_identity;

/// The first process of a container, compared while it runs.
pub(super) fn container_exec(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("container");
    let arguments = ["/bin/sh", "-c", "sleep 100000; exit", &marker];
    let container = lab.container(&arguments);
    container.start();
    let event = client.exec(&marker);
    let pid = container.pid();
    check_envelope(&event);
    let names = container.names();
    check_identity(&event, names);
    Expect::of(&event)
        .is("class", "PROCESS_EXEC")
        .is("process.pid", pid)
        .is("process.containerPid", 1)
        .is("process.executable", "/bin/busybox")
        .lists("process.arguments", &arguments)
        .is("process.uid", 0)
        .absent("process.effectiveUid")
        .absent("process.unit")
        .is("process.workingDirectory", "/")
        .such("process.parent.executable", "runc", |path| {
            path.as_str().is_some_and(|path| path.ends_with("/runc"))
        })
        .is("exec.requestedPath", "/bin/sh")
        .absent("exec.interpreter")
        .is("exec.argumentCount", arguments.len())
        .absent("exec.gained")
        .absent("exec.tty")
        .is("exec.command", "sh")
        .is("exec.file.filesystem", "overlay")
        .is("exec.file.layer", "LOWER")
        .absent("exec.file.memfd")
        .absent("exec.file.unlinked")
        .is("exec.file.mountId", root_mount(pid))
        .is("exec.sessionId", session(pid))
        .is("exec.processGroupId", group(pid))
        .absent("exec.ttyDevice")
        .is("exec.seccomp", truth::status(pid, "Seccomp").parse::<u32>().expect("a number"));
    truth::check_file(&event, &container.file("/bin/busybox"));
    truth::check_namespaces(&event, pid);
    truth::check_capabilities(&event, pid);
    Expect::of(&event).such("exec.cgroup", "a path of /proc/PID/cgroup", |path| {
        path.as_str().is_some_and(|path| truth::cgroups(pid).iter().any(|known| known == path))
    });

    container.exec(&["/bin/true", "inside"]);
    let inside = exec_as(&mut client, "/bin/true", "inside");
    Expect::of(&inside).is("container.id", names.id.as_str()).is("process.executable", "/bin/busybox").such(
        "process.containerPid",
        "above 1",
        |pid| pid.as_u64().is_some_and(|pid| pid > 1),
    );
    truth::check_namespaces(&inside, pid);
}

fn root_mount(pid: u32) -> u32 {
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).expect("the container runs");
    let mut fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    // The last one covers those below it.
    let root = fields.rfind(|fields| fields.get(4) == Some(&"/")).expect("every process has a root");
    root[0].parse().expect("mountinfo begins with the id")
}

/// The session of a process. It is 0 where the test was started by a process that never called `setsid`,
/// such as PID 1: `getsid` of `rustix` can't tell that.
fn session(pid: u32) -> u32 {
    stat(pid, 3)
}

/// The process group of a process.
fn group(pid: u32) -> u32 {
    stat(pid, 2)
}

/// A field of `/proc/PID/stat`, counted from the state on.
fn stat(pid: u32, field: usize) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The name may hold blanks and brackets; what follows its last bracket is state, parent, group, session.
    let (_, fields) = stat.rsplit_once(')').expect("proc_pid_stat(5)");
    fields.split_ascii_whitespace().nth(field).and_then(|field| field.parse().ok()).expect("proc_pid_stat(5)")
}

pub(super) fn host_exec(lab: &mut Lab) {
    let mut client = lab.watch();
    let folder = lab.scratch().folder("cwd");
    let (start, end) = (marker("host"), marker("host-end"));
    // It waits on a pipe that only this test holds, so that it never outlives it.
    let mut command = lab.host("sh");
    command.args(["-c", "read line; exit", &start]).current_dir(&folder).stdin(Stdio::piped());
    let mut child = command.spawn().expect("busybox runs");
    let event = client.exec(&start);
    check_envelope(&event);
    let busybox = lab.image().busybox();
    Expect::of(&event)
        .is("process.pid", child.id())
        .absent("process.containerPid")
        .absent("container")
        .is("process.executable", path_text(&busybox))
        .is("exec.requestedPath", path_text(&lab.image().applet("sh")))
        .is("process.workingDirectory", path_text(&folder))
        .is("process.parent.pid", std::process::id())
        .is("process.parent.executable", path_text(&std::env::current_exe().expect("/proc")))
        .is("exec.file.filesystem", "tmpfs")
        .absent("exec.file.layer");
    match session(child.id()) {
        0 => Expect::of(&event).absent("exec.sessionId"),
        session => Expect::of(&event).is("exec.sessionId", session),
    };
    truth::check_file(&event, &busybox);
    truth::check_namespaces(&event, child.id());
    truth::check_capabilities(&event, child.id());
    child.kill().expect("it runs");
    child.wait().expect("our child");
    Expect::of(&client.exit_of(&event)).is("exit.signal", 9);
    // A path that is no link is not repeated.
    let status = std::process::Command::new(&busybox).args(["true", &end]).status().expect("busybox runs");
    assert!(status.success(), "busybox true: {status}");
    Expect::of(&client.exec(&end)).is("process.executable", path_text(&busybox)).absent("exec.requestedPath");
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A script shows what runs it, and what was asked for.
pub(super) fn script(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("script");
    lab.container(&["/script", &marker]).run_ok();
    Expect::of(&client.exec(&marker))
        .is("process.executable", "/bin/busybox")
        .lists("process.arguments", &["/bin/sh", "-e", "/script", &marker])
        .is("exec.requestedPath", "/script")
        .is("exec.interpreter", "/bin/sh")
        .is("exec.argumentCount", 4)
        .is("exec.command", "script");
}

pub(super) fn standard_streams(lab: &mut Lab) {
    let mut client = lab.watch();
    let (open, closed) = (marker("streams"), marker("closed"));
    let file = File::create(lab.scratch().folder("streams").join("errors")).expect("a new file");
    let inode = file.metadata().expect("an open file").ino();
    let null = fs::metadata("/dev/null").expect("/dev/null");
    let mut child = lab
        .host("true")
        .arg(&open)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .expect("busybox runs");
    let pipe = fstat(child.stdin.as_ref().expect("it is piped").as_fd()).expect("an open pipe").st_ino;
    child.wait().expect("our child");
    Expect::of(&client.exec(&open))
        .is("exec.stdin.kind", "PIPE")
        .is("exec.stdin.inode", pipe)
        .is("exec.stdout.kind", "NULL")
        .is("exec.stdout.device", truth::device(null.rdev()))
        .is("exec.stderr.kind", "FILE")
        .is("exec.stderr.inode", inode);
    let program = path_text(&lab.image().applet("true"));
    let status = lab.host("sh").args(["-c", "\"$1\" \"$2\" <&-", "sh", &program, &closed, "end"]).status();
    assert!(status.expect("busybox runs").success(), "the shell runs true");
    Expect::of(&client.exec(&closed)).is("exec.stdin.kind", "CLOSED");
}

/// A process with a controlling terminal names it.
pub(super) fn terminal(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("terminal");
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("/dev/ptmx (devpts is mounted)");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("a new terminal");
    let name = ptsname(&master, Vec::new()).expect("a new terminal").into_string().expect("ASCII");
    let side = File::options().read(true).write(true).open(&name).expect("the terminal's other side");
    let status = lab
        .host("setsid")
        .arg("-c")
        .args([lab.image().applet("true").as_os_str(), marker.as_ref()])
        .stdin(side)
        .status()
        .expect("busybox runs");
    assert!(status.success(), "setsid -c true: {status}");
    let program = path_text(&lab.image().applet("true"));
    let event = exec_as(&mut client, &program, &marker);
    let device = fs::metadata(&name).expect("the terminal's other side").rdev();
    let short = name.trim_start_matches("/dev/").replace('/', "");
    Expect::of(&event)
        .is("exec.tty", short)
        .is("exec.ttyDevice", truth::device(device))
        .is("exec.stdin.kind", "TERMINAL")
        .is("exec.processGroupId", truth::pid(&event))
        .is("exec.sessionId", truth::pid(&event));
}

/// exec by a thread that is not the leader: the process keeps its pid and ends once.
pub(super) fn exec_by_a_thread(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("thread");
    let program = path_text(&lab.image().applet("true"));
    let mut child = workload::command("thread").args([&program, &marker]).spawn().expect("this program");
    assert!(child.wait().expect("our child").success(), "the thread's program succeeds");
    let event = exec_as(&mut client, &program, &marker);
    Expect::of(&event).is("process.pid", child.id()).is("process.parent.pid", std::process::id());
    lab.fence(&mut client);
    let of_process = client.of_process(child.id());
    let classes = of_process.iter().map(|event| text(event, "class"));
    let classes: Vec<_> = classes.filter(|class| class.starts_with("PROCESS_")).collect();
    assert_eq!(classes, ["PROCESS_FORK", "PROCESS_EXEC", "PROCESS_EXEC", "PROCESS_EXIT"], "{of_process:#?}");
    Expect::of(&client.exit_of(&event)).is("exit.code", 0);
}
