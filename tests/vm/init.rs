//! The first process of a test machine: mounts what Linux needs, runs the tests, says the verdict on the
//! console, powers off. The counterpart on the host is `xtask/src/vm`.
#![forbid(unsafe_code)]

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};
use picket_tests as _;
use rustix::mount::{MountFlags, mount, mount_bind_recursive, mount_move};
use rustix::process::{Pid, WaitOptions};
use rustix::system::RebootCommand;
use serde_json as _;

/// Program and arguments, one a line.
const COMMAND: &str = "/etc/picket-vm-command";
/// Rules of Falco, if they are there.
const RULES: &str = "/rules";

/// File system type, where it is mounted, options; a failure of an optional one is only said.
const MOUNTS: [(&str, &str, &str, Needed); 11] = [
    ("proc", "/proc", "", Needed::Yes),
    ("sysfs", "/sys", "", Needed::Yes),
    ("devtmpfs", "/dev", "mode=0755", Needed::Yes),
    ("devpts", "/dev/pts", "ptmxmode=0666", Needed::Yes),
    ("tmpfs", "/dev/shm", "mode=1777", Needed::Yes),
    ("tmpfs", "/run", "mode=0755", Needed::Yes),
    ("tmpfs", "/tmp", "mode=1777", Needed::Yes),
    ("cgroup2", "/sys/fs/cgroup", "", Needed::Yes),
    ("tracefs", "/sys/kernel/tracing", "", Needed::Yes),
    ("bpf", "/sys/fs/bpf", "", Needed::Yes),
    ("securityfs", "/sys/kernel/security", "", Needed::No),
];

/// Links that udev makes elsewhere. Without `/dev/fd`, executing a file by its descriptor fails with
/// ENOENT on 5.10 (TOMOYO looks the name `/dev/fd/N` up), and that is what runc does.
const LINKS: [(&str, &str); 4] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

/// Whether a machine without it is of use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needed {
    Yes,
    No,
}

fn main() {
    match prepare().and_then(|()| run_tests()) {
        Ok(()) => println!("\npicket-vm: passed"),
        Err(error) => println!("\npicket-vm: failed {error:#}"),
    }
    rustix::fs::sync();
    if let Err(error) = rustix::system::reboot(RebootCommand::PowerOff) {
        println!("cannot power off: {error}");
    }
}

fn prepare() -> Result<()> {
    // The kernel starts its first process in session 0, which no process elsewhere is in.
    rustix::process::setsid().context("cannot begin a session")?;
    leave_rootfs().context("cannot leave the initial root")?;
    for (kind, place, options, needed) in MOUNTS {
        std::fs::create_dir_all(place).with_context(|| format!("cannot make {place}"))?;
        let options = std::ffi::CString::new(options).context("mount options")?;
        let mounted = mount(kind, place, kind, MountFlags::empty(), Some(options.as_c_str()));
        match (mounted, needed) {
            (Err(error), Needed::Yes) => {
                return Err(error).with_context(|| format!("cannot mount {kind} on {place}"));
            }
            (Err(error), Needed::No) => println!("no {kind}: {error}"),
            (Ok(()), _) => {}
        }
    }
    for (name, target) in LINKS {
        std::os::unix::fs::symlink(target, name).with_context(|| format!("cannot link {name}"))?;
    }
    load_modules()?;
    busybox(&["ip", "link", "set", "lo", "up"])?;
    busybox(&["hostname", "picket-vm"])?;
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read osrelease")?;
    println!("picket-vm: Linux {}", release.trim());
    Ok(())
}

/// The first root (`rootfs`) cannot be pivoted away from, which runc does for each container. So it is
/// bound to a second place, which is then moved over it.
fn leave_rootfs() -> Result<()> {
    mount_bind_recursive("/", "/root2").context("bind")?;
    rustix::process::chdir("/root2").context("chdir")?;
    mount_move(".", "/").context("move")?;
    rustix::process::chroot(".").context("chroot")?;
    rustix::process::chdir("/").context("chdir to the new root")
}

fn load_modules() -> Result<()> {
    let order = std::fs::read_to_string("/lib/modules/order").context("cannot read /lib/modules/order")?;
    order.lines().try_for_each(|module| busybox(&["insmod", &format!("/lib/modules/{module}.ko")]))
}

fn busybox(arguments: &[&str]) -> Result<()> {
    let status = Command::new("/bin/busybox").args(arguments).status().context("cannot start busybox")?;
    ensure!(status.success(), "busybox {}: {status}", arguments.join(" "));
    Ok(())
}

fn run_tests() -> Result<()> {
    let text = std::fs::read_to_string(COMMAND).with_context(|| format!("cannot read {COMMAND}"))?;
    let mut words = text.lines();
    let program = words.next().with_context(|| format!("{COMMAND} is empty"))?;
    ensure!(Path::new(program).exists(), "{program} is not in the machine");
    let mut command = Command::new(program);
    if Path::new(RULES).is_dir() {
        command.env("PICKET_FALCO_RULES", RULES);
    }
    let child = command
        .args(words)
        .env("PATH", "/bin:/sbin:/usr/bin:/usr/sbin")
        .env("HOME", "/tmp")
        .env("PICKET_BIN", "/bin/picket")
        .env("PICKET_WORKLOAD", "/bin/picket-workload")
        .env("PICKET_VM", "1")
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
    let status = reap_until(pid)?;
    ensure!(status.success(), "the tests: {status}");
    Ok(())
}

/// Collects every orphan, as the first process must, until `pid` has ended.
fn reap_until(pid: Pid) -> Result<ExitStatus> {
    loop {
        let ended = rustix::process::wait(WaitOptions::empty()).context("cannot wait")?;
        if let Some((_, status)) = ended.filter(|(ended, _)| *ended == pid) {
            return Ok(ExitStatus::from_raw(status.as_raw()));
        }
    }
}
