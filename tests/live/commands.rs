//! What the commands do when something is wrong: they say what, and what to do, and end as told.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::{self, Agent, Options, run_command};
use picket_tests::client::{Client, Filters};
use picket_tests::expect::Expect;
use picket_tests::image::copy_program;
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::scratch::write_file;
use picket_tests::skip::{SAME_EVERYWHERE, sized};
use rustix::process::Signal;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("commands::socket_in_use", socket_in_use).own_agent().native_only(SAME_EVERYWHERE),
    Test::new("commands::socket_left_behind", socket_left_behind).own_agent().native_only(SAME_EVERYWHERE),
    Test::new("commands::end_on_sigterm", end_on_sigterm).own_agent(),
    Test::new("commands::end_despite_hanging_clients", end_despite_hanging_clients)
        .own_agent()
        .native_only(SAME_EVERYWHERE),
    Test::new("commands::unknown_setting", unknown_setting).own_agent(),
    Test::new("commands::no_agent", no_agent).own_agent(),
    Test::new("commands::not_root", not_root).own_agent(),
    Test::new("commands::truncated_btf", truncated_btf).own_agent(),
    Test::new("commands::missing_btf", missing_btf).own_agent(),
    Test::new("commands::kernel_without_btf", kernel_without_btf).own_agent(),
    Test::new("commands::no_tracefs", no_tracefs).own_agent().each_back_end(),
    Test::new("commands::tracefs_refused", tracefs_refused).own_agent(),
    Test::new("commands::diagnostics", diagnostics).own_agent(),
    Test::new("commands::status", status).own_agent(),
    Test::new("commands::idle_memory", idle_memory).own_agent(),
    Test::new("commands::check", check).own_agent(),
];

/// Classes that tracepoints of system calls serve, some of them only where trampolines do not.
const TRACED: [&str; 4] = ["FILE_OPEN", "FILE_XATTR", "NETWORK_CONNECT", "PRIVILEGE_SETNS"];
/// Where the kernel tells of its types.
const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Runs a command that must end by itself and fail, and returns what it says.
fn refused(command: &mut Command, folder: &std::path::Path) -> String {
    let output = File::create(folder.join("refused.log")).expect("a writable folder");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a file can be cloned"))
        .stderr(output)
        .spawn()
        .expect("the program can be run");
    let text = || fs::read_to_string(folder.join("refused.log")).unwrap_or_default();
    for _ in 0..sized(600, 3000) {
        if let Some(status) = child.try_wait().expect("our child") {
            assert!(
                status.code().is_some_and(|code| code != 0),
                "refused, not crashed: {status}: {}",
                text()
            );
            assert!(!text().contains("panicked"), "an error is no panic: {}", text());
            return text();
        }
        sleep(Duration::from_millis(100));
    }
    child.kill().expect("it runs");
    child.wait().expect("our child");
    panic!("{command:?} goes on instead of refusing: {}", text());
}

/// The message names what is wrong.
fn check_names(message: &str, names: &[&str]) {
    for name in names {
        assert!(message.to_lowercase().contains(&name.to_lowercase()), "the message names {name}: {message}");
    }
}

fn socket_in_use(lab: &mut Lab) {
    let options = lab.agent_options();
    let agent = Agent::start(&options);
    let message = refused(&mut run_command(&options), &options.folder);
    check_names(&message, &["picket.sock", "use"]);
    assert!(agent.picket("status", &[]).status.success(), "the first one goes on\n{}", agent.log_tail());
    agent.stop();
}

/// After a crash the socket is still there; the next agent takes its place and works.
fn socket_left_behind(lab: &mut Lab) {
    let options = lab.agent_options();
    let agent = Agent::start(&options);
    let socket = agent.socket().to_owned();
    agent.kill();
    assert!(socket.exists(), "a killed agent leaves its socket");
    let agent = Agent::start(&options);
    let mut client = Client::subscribe(&agent, &Filters::default());
    let marker = marker("restarted");
    lab.container(&["/bin/true", &marker]).run_ok();
    Expect::of(&client.exec(&marker)).is("process.executable", "/bin/busybox");
    drop(client);
    agent.stop();
}

fn end_on_sigterm(lab: &mut Lab) {
    let agent = Agent::start(&lab.agent_options());
    let socket = agent.socket().to_owned();
    let mode = fs::metadata(&socket).expect("the socket of a ready agent").mode() & 0o7777;
    assert_eq!(format!("{mode:o}"), "600", "only root may connect");
    // A subscriber does not hold it up.
    let client = Client::subscribe(&agent, &Filters::default());
    agent.stop();
    drop(client);
    assert!(!socket.exists(), "the socket is removed");
}

/// Neither a client that never says a word nor one that stands still holds the end up.
fn end_despite_hanging_clients(lab: &mut Lab) {
    let agent = Agent::start(&lab.agent_options());
    let mute = UnixStream::connect(agent.socket()).expect("the socket of a ready agent");
    let still = Client::subscribe(&agent, &Filters::default());
    still.signal(Signal::STOP);
    agent.stop();
    still.signal(Signal::CONT);
    drop((mute, still));
}

fn unknown_setting(lab: &mut Lab) {
    let mut options = lab.agent_options().with_settings("[kernel]\nno_such_setting = 1\n");
    let message = refused(&mut run_command(&options), &options.folder);
    check_names(&message, &["no_such_setting", "picket.toml"]);
    options.arguments = vec!["--config".to_owned(), "/nowhere/picket.toml".to_owned()];
    check_names(&refused(&mut run_command(&options), &options.folder), &["/nowhere/picket.toml"]);
}

fn no_agent(lab: &mut Lab) {
    let folder = lab.scratch().folder("nobody");
    let address = format!("unix://{}/picket.sock", folder.display());
    for verb in [["status"].as_slice(), &["status", "--alive"], &["watch"]] {
        let mut command = Command::new(agent::binary());
        let output = command.args(verb).args(["--connect", &address]).stdin(Stdio::null()).output();
        let output = output.expect("the program can be run");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "picket {verb:?} without an agent: {message}");
        check_names(&message, &["picket.sock"]);
    }
}

fn not_root(lab: &mut Lab) {
    let folder = lab.scratch().folder("user");
    // Where the program was built, the user may not be allowed to look.
    let program = folder.join("picket");
    copy_program(&agent::binary(), &program, 0o755);
    let mut command = Command::new(&program);
    let address = format!("unix://{}/picket.sock", folder.display());
    command.args(["run", "--listen", &address]).uid(1000).gid(1000).current_dir("/");
    check_names(&refused(&mut command, &folder), &["root"]);
}

fn with_btf(mut options: Options, btf: &str) -> Options {
    options.arguments = vec!["--btf".to_owned(), btf.to_owned()];
    options
}

fn truncated_btf(lab: &mut Lab) {
    let whole = fs::read(BTF).expect("the kernel has BTF");
    let file = lab.scratch().folder("btf").join("cut");
    let path = file.to_string_lossy().into_owned();
    // Within the header, within the types, within the strings.
    for length in [0, 10, whole.len() / 3, whole.len() - 1000] {
        write_file(&file, &whole[..length], 0o644);
        let options = with_btf(lab.agent_options(), &path);
        check_names(&refused(&mut run_command(&options), &options.folder), &["btf", &path]);
    }
}

fn missing_btf(lab: &mut Lab) {
    let options = with_btf(lab.agent_options(), "/nowhere/btf");
    check_names(&refused(&mut run_command(&options), &options.folder), &["btf", "/nowhere/btf"]);
}

/// A command in a mount namespace of its own, after these steps of a shell.
fn in_other_mounts(lab: &Lab, steps: &str, command: &Command) -> Command {
    let mut shell = lab.host("unshare");
    let script = format!("mount --make-rprivate / && {steps} && exec \"$@\"");
    shell.args(["-m", "/bin/sh", "-c", &script, "sh"]).arg(command.get_program()).args(command.get_args());
    shell
}

fn kernel_without_btf(lab: &mut Lab) {
    let options = lab.agent_options();
    let mut command = in_other_mounts(lab, "mount -t tmpfs none /sys/kernel/btf", &run_command(&options));
    check_names(&refused(&mut command, &options.folder), &[BTF, "CONFIG_DEBUG_INFO_BTF", "--btf"]);
}

/// Steps of a shell that take tracefs away, wherever it is mounted.
const WITHOUT_TRACEFS: &str = "{ while grep -q ' tracefs ' /proc/mounts; do \
     umount -l $(grep ' tracefs ' /proc/mounts | head -n 1 | cut -d ' ' -f 2) || exit 1; done; }";

/// Where tracefs is not mounted the agent mounts it, and serves as much as elsewhere.
fn no_tracefs(lab: &mut Lab) {
    let as_usual: Vec<_> = TRACED.map(|class| lab.agent().back_end(class)).into();
    let options = lab.agent_options();
    let command = in_other_mounts(lab, WITHOUT_TRACEFS, &run_command(&options));
    let agent = Agent::start_by(&options, command);
    assert!(agent.log().contains("mounted tracefs"), "it says so\n{}", agent.log_tail());
    let mounts = fs::read_to_string(format!("/proc/{}/mounts", agent.pid())).expect("it runs");
    assert!(mounts.contains(" /sys/kernel/tracing tracefs "), "{mounts}");
    let served: Vec<_> = TRACED.map(|class| agent.back_end(class)).into();
    assert_eq!(served, as_usual, "{TRACED:?}");
    agent.stop();
}

/// Where it cannot be mounted either, the agent is not ready and says why, and serves what needs no tracefs.
fn tracefs_refused(lab: &mut Lab) {
    let options = lab.agent_options();
    let btf = options.folder.join("btf");
    fs::copy(BTF, &btf).expect("the kernel has BTF");
    let options = with_btf(options, &btf.to_string_lossy());
    // Without the folder below /sys/kernel there is no place to mount it.
    let steps = format!("{WITHOUT_TRACEFS} && mount -t tmpfs none /sys/kernel");
    let agent = Agent::start_unready(&options, in_other_mounts(lab, &steps, &run_command(&options)));
    let status = agent.status();
    assert_eq!(agent.picket("status", &[]).status.code(), Some(1), "it is not ready");
    assert_eq!(agent.picket("status", &["--alive"]).status.code(), Some(0), "and alive");
    let why = "tracefs is not mounted and cannot be mounted";
    Expect::of(&status).such("problems", "attributes of files, and why", |problems| {
        let mut problems = problems.as_array().into_iter().flatten().filter_map(Value::as_str);
        problems.any(|problem| problem.contains("attributes of files") && problem.contains(why))
    });
    // Of no kernel has it another back end.
    let coverage = status["coverage"].as_array().cloned().unwrap_or_default();
    let class = coverage.iter().find(|one| one["class"] == "FILE_XATTR").expect("each class is listed");
    Expect::of(class)
        .is("backEnd", "none")
        .such("reason", "tracefs", |reason| reason.as_str().is_some_and(|reason| reason.contains(why)));
    let mut client = Client::subscribe(&agent, &Filters::default());
    let marker = marker("traceless");
    lab.container(&["/bin/true", &marker]).run_ok();
    Expect::of(&client.exec(&marker)).is("process.executable", "/bin/busybox");
    drop(client);
    agent.stop();
}

/// What the kernel programs themselves say reaches the agent's log, if that is wanted.
fn diagnostics(lab: &mut Lab) {
    let agent = lab.agent_with("[kernel]\ndiagnostics = true\n[log]\nlevel = 'debug'\n");
    let mut child = lab.host("true").spawn().expect("busybox runs");
    let said = format!("exec by thread {}", child.id());
    child.wait().expect("our child");
    let found = (0..sized(100, 600)).any(|_| {
        sleep(Duration::from_millis(100));
        agent.log().contains(&said)
    });
    assert!(found, "the log says {said:?}:\n{}", agent.log_tail());
    agent.stop();
    assert!(!lab.agent().log().contains("exec by thread"), "off by default");
}

/// What `picket status` tells of an agent that works.
fn status(lab: &mut Lab) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    let status = lab.agent().status();
    Expect::of(&status)
        .is("ready", true)
        .absent("problems")
        .is("kernel", release.trim())
        .such("version", "a version", |version| version.as_str().is_some_and(|text| !text.is_empty()))
        .such("hooks", "all attached", |hooks| {
            let hooks = hooks.as_array().cloned().unwrap_or_default();
            hooks.len() >= 3 && hooks.iter().all(|hook| hook["attached"] == true)
        })
        .such("attachTime", "a duration", |time| time.as_str().is_some_and(|time| time.ends_with('s')))
        .such("cgroupHierarchy", "a name", |name| name.as_str().is_some_and(|name| !name.is_empty()))
        .absent("recordsRejected");
    let pretty = lab.agent().picket("status", &[]);
    assert!(pretty.status.success() && !pretty.stdout.is_empty(), "picket status tells something");
}

/// What only loading needs is given back.
fn idle_memory(lab: &mut Lab) {
    /// A release build has some sixty million; what loading takes is more than twice that.
    const MOST: u64 = 100_000_000;
    let agent = Agent::start(&lab.agent_options());
    Expect::of(&agent.status()).such("residentBytes", "little", |bytes| {
        bytes.as_str().and_then(|bytes| bytes.parse().ok()).is_some_and(|bytes: u64| bytes < MOST)
    });
    agent.stop();
}

/// `picket check` changes nothing and says that this kernel will do.
fn check(_lab: &mut Lab) {
    let output = Command::new(agent::binary()).arg("check").stdin(Stdio::null()).output();
    let output = output.expect("the program can be run");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "picket check: {}: {text}", output.status);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc is mounted");
    check_names(&text, &[release.trim(), "btf"]);
}
