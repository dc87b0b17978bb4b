//! Unusual input: bytes that are no text, the longest paths, many arguments, processes long gone.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use picket_tests::client::last_argument;
use picket_tests::expect::{Expect, field, text};
use picket_tests::image::copy_program;
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::scratch::make_folder;
use picket_tests::workload;
use rustix::process::Signal;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("input::arguments_that_are_not_utf8", arguments_that_are_not_utf8),
    Test::new("input::empty_name", empty_name),
    Test::new("input::longest_path", longest_path),
    Test::new("input::path_beyond_the_longest", path_beyond_the_longest),
    Test::new("input::path_of_many_folders", path_of_many_folders),
    Test::new("input::two_thousand_arguments", two_thousand_arguments),
    Test::new("input::gone_before_read", gone_before_read),
];

/// `PATH_MAX` without the terminating NUL: the longest path that exec takes.
const LONGEST_PATH: usize = 4095;
/// Longest name of a folder that [`path_of_length`] uses.
const NAME_LENGTH: usize = 200;
/// Processes of [`gone_before_read`].
const GONE: usize = 20;

fn arguments_that_are_not_utf8(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("bytes");
    let bytes = b"caf\xe9 \xff\xfe \xf0\x9f";
    let program = lab.image().applet("true");
    let status = Command::new(&program).arg(OsStr::from_bytes(bytes)).arg(&marker).status();
    assert!(status.expect("busybox runs").success(), "true succeeds");
    Expect::of(&client.exec(&marker))
        .lists(
            "process.arguments",
            &[program.to_string_lossy(), String::from_utf8_lossy(bytes), marker.as_str().into()],
        )
        .is("exec.argumentCount", 3)
        .absent("incomplete");
}

/// argv[0] may be empty; it still is an argument.
fn empty_name(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("empty");
    // busybox does not know what to do under that name, and says so.
    let output = lab.host("true").arg0("").arg(&marker).output().expect("busybox runs");
    assert!(!output.status.success(), "busybox knows no program without a name");
    Expect::of(&client.exec(&marker))
        .lists("process.arguments", &["", &marker])
        .is("exec.argumentCount", 2)
        .is("process.executable", lab.image().busybox().to_string_lossy().as_ref());
}

/// A path of just this length below a folder.
fn path_of_length(folder: PathBuf, length: usize) -> PathBuf {
    let rest = length - folder.as_os_str().len();
    let names = rest.div_ceil(NAME_LENGTH + 1);
    let (each, longer) = (rest / names, rest % names);
    (0..names).fold(folder, |path, place| path.join("p".repeat(each + usize::from(place < longer) - 1)))
}

fn longest_path(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("longest");
    let path = path_of_length(lab.scratch().folder("long"), LONGEST_PATH);
    assert_eq!(path.as_os_str().len(), LONGEST_PATH, "a path of the length that was asked for");
    let folder = path.parent().expect("it is in a folder");
    make_folder(folder);
    copy_program(&lab.image().busybox(), &path, 0o755);
    let status = Command::new(&path).arg0("true").arg(&marker).current_dir(folder).status();
    assert!(status.expect("the kernel takes the path").success(), "true succeeds");
    Expect::of(&client.exec(&marker))
        .is("process.executable", path.to_string_lossy().as_ref())
        .is("process.workingDirectory", folder.to_string_lossy().as_ref())
        .absent("exec.requestedPath")
        .absent("incomplete");
}

fn path_beyond_the_longest(lab: &mut Lab) {
    check_deep(lab, "25", "200");
}

fn path_of_many_folders(lab: &mut Lab) {
    check_deep(lab, "140", "3");
}

/// What does not fit is cut at the root's end, and the event says so.
fn check_deep(lab: &mut Lab, folders: &str, length: &str) {
    let mut client = lab.watch();
    let marker = marker("deep");
    let program = lab.image().busybox();
    let mut command = workload::command("deep");
    command.args([folders, length]).arg(&program).arg(&marker);
    // The copy is called `true`, and so is its first argument.
    let status = command.current_dir(lab.scratch().folder("deep")).status().expect("this program");
    assert!(status.success(), "a program in {folders} folders: {status}");
    let event = client.wait_for("exec of ./true", |event| {
        text(event, "class") == "PROCESS_EXEC"
            && text(event, "exec.requestedPath") == "./true"
            && last_argument(event) == Some(&marker)
    });
    let end = format!("/{}/true", "d".repeat(length.parse().expect("a number")));
    Expect::of(&event).such("process.executable", &format!("…{end}"), |path| {
        path.as_str().is_some_and(|path| path.ends_with(&end))
    });
    Expect::of(&event).has("incomplete", "process.executable");
    Expect::of(&event).has("incomplete", "process.workingDirectory");
}

fn two_thousand_arguments(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("many");
    let program = lab.image().applet("true").to_string_lossy().into_owned();
    let numbered = (2..2000).map(|number| format!("argument-{number:04}"));
    let arguments: Vec<String> = [program.clone(), marker.clone()].into_iter().chain(numbered).collect();
    assert_eq!(arguments.len(), 2000, "the name counts");
    let status = Command::new(&program).args(&arguments[1..]).status().expect("busybox runs");
    assert!(status.success(), "true succeeds");
    let event = client.wait_for("exec with many arguments", |event| {
        text(event, "class") == "PROCESS_EXEC" && text(event, "process.arguments.1") == marker
    });
    Expect::of(&event).is("exec.argumentCount", 2000);
    Expect::of(&event).has("incomplete", "process.arguments");
    let listed = field(&event, "process.arguments").and_then(Value::as_array).expect("a list");
    let listed: Vec<_> = listed.iter().filter_map(Value::as_str).collect();
    assert!((100..2000).contains(&listed.len()), "{} arguments are listed", listed.len());
    let (last, whole) = listed.split_last().expect("more than 100");
    assert_eq!(whole, &arguments[..whole.len()], "the first ones, in order");
    // Only the last one may be cut.
    assert!(arguments[whole.len()].starts_with(last), "{last} begins {}", arguments[whole.len()]);
}

/// Processes that are long gone when the agent comes to read their records lose no fact, because
/// every fact comes with the record.
fn gone_before_read(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("gone");
    let agent = lab.agent();
    agent.signal(Signal::STOP);
    let script = format!("for n in $(\"$1\" seq {GONE}); do \"$2\" \"$3-$n\"; done; exit");
    let busybox = lab.image().busybox().to_string_lossy().into_owned();
    let program = lab.image().applet("true").to_string_lossy().into_owned();
    let status = lab.host("sh").args(["-c", &script, "sh", &busybox, &program, &marker, "end"]).status();
    lab.agent().signal(Signal::CONT);
    assert!(status.expect("busybox runs").success(), "the shell succeeds");
    for number in 1..=GONE {
        let marker = format!("{marker}-{number}");
        let event = client.exec(&marker);
        Expect::of(&event)
            .lists("process.arguments", &[&program, &marker])
            .is("process.executable", busybox.as_str())
            .is("process.parent.executable", busybox.as_str())
            .is("exec.requestedPath", program.as_str())
            .absent("incomplete");
        Expect::of(&client.exit_of(&event)).is("exit.code", 0);
    }
}
