//! The workloads themselves: each operation runs on this kernel, without the agent, and does what it says.
//!
//! What a kernel lacks is a result, not a failure: the table says which error numbers are good as well.

mod scripts;

use std::collections::BTreeSet;
use std::process::{Command, Output};

use picket_tests::lab::Lab;
use picket_tests::runner::Test;
use picket_tests::scratch::{make_folder, write_file};
use picket_tests::workload;

use scripts::{SCRIPTS, Script};

/// Runs of a workload that depends on how two threads meet.
const ATTEMPTS: u32 = 30;

pub(crate) const TESTS: &[Test] = &[
    Test::new("workload::runs", runs),
    Test::new("workload::flips", flips),
    Test::new("workload::runs_in_a_container", runs_in_a_container),
    Test::new("workload::says_what_failed", says_what_failed),
];

/// Runs a script in a new folder with a few things to work on; `@` in it is the folder.
fn run(lab: &Lab, script: &str, may_fail: bool) -> Output {
    let folder = lab.scratch().folder("workload");
    write_file(&folder.join("file"), "content\n", 0o644);
    write_file(&folder.join("other"), "another\n", 0o644);
    for name in ["folder", "second"] {
        make_folder(&folder.join(name));
    }
    let mut command = Command::new(workload::program());
    if may_fail {
        command.arg("--may-fail");
    }
    let place = folder.to_string_lossy().into_owned();
    command.args(script.split_whitespace().map(|word| word.replace('@', &place)));
    command.current_dir(&folder).output().expect("the workload program runs")
}

fn said(output: &Output) -> String {
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    format!("{}: {out}{err}", output.status)
}

fn runs(lab: &mut Lab) {
    let mut wrong = Vec::new();
    for Script { text, also } in SCRIPTS {
        let output = run(lab, text, true);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors: Vec<_> = printed.lines().filter_map(|line| line.strip_prefix("errno ")).collect();
        if !errors.is_empty() {
            println!("workload: `{text}`: {}", errors.join(", "));
        }
        if !output.status.success() || errors.iter().any(|error| !also.contains(error)) {
            wrong.push(format!("`{text}`: {}", said(&output)));
        }
    }
    assert!(wrong.is_empty(), "{} workloads failed:\n{}", wrong.len(), wrong.join("\n"));
    let words = SCRIPTS.iter().flat_map(|script| script.text.split_whitespace());
    let used: BTreeSet<_> = words.collect();
    let names: Vec<_> = workload::operations().collect();
    assert_eq!(
        names.iter().collect::<BTreeSet<_>>().len(),
        names.len(),
        "each name stands for one: {names:?}"
    );
    let missing: Vec<_> = names.iter().filter(|name| !used.contains(*name)).collect();
    assert!(missing.is_empty(), "no script for {missing:?}");
}

/// The kernel read both values, and only them.
fn flips(lab: &mut Lab) {
    let servers =
        "behind serve tcp 127.0.0.1:7461 1000 0 none , behind serve tcp 127.0.0.1:7462 1000 0 none ,";
    let scripts = [
        "flip open file1 file2 2000".to_owned(),
        "flip rename file1 file2 500".to_owned(),
        "flip unlink file1 file2 500".to_owned(),
        "flip connect-udp 127.0.0.1:7461 127.0.0.1:7462 2000".to_owned(),
        format!("unshare net , loopback , {servers} flip connect-tcp 127.0.0.1:7461 127.0.0.1:7462 500"),
        "unshare mount , private , mkdir mkdir m1 , mkdir mkdir m2 , flip mount m1 m2 200".to_owned(),
    ];
    for script in scripts {
        let prepared = format!("write file1 1 , write file2 2 , {script}");
        // On a busy machine, or one with a single CPU, all calls may fit between two changes of the memory.
        let both = (0..ATTEMPTS).any(|_| flipped(lab, &prepared).iter().all(|count| *count > 0));
        assert!(both, "`{script}` read both values in {ATTEMPTS} attempts");
    }
}

/// How often the kernel took each value. Values that differ in one byte leave no mixture.
fn flipped(lab: &Lab, script: &str) -> [u64; 2] {
    let output = run(lab, script, false);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("workload: `{script}`: {printed}");
    let counts: Vec<u64> = printed.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [first, second, neither] = counts[..] else { panic!("`{script}`: {}", said(&output)) };
    assert_eq!(neither, 0, "`{script}` always succeeded: {printed}");
    [first, second]
}

fn runs_in_a_container(lab: &mut Lab) {
    let container = lab.container(&[
        workload::IN_CONTAINER,
        "open",
        "openat",
        "rdonly",
        "/etc/passwd",
        ",",
        "say",
        "done",
    ]);
    let output = container.run();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "done", "{}", said(&output));
}

fn says_what_failed(lab: &mut Lab) {
    let code = |output: &Output| output.status.code();
    let failed = run(lab, "open openat rdonly absent , say never", false);
    assert_eq!(code(&failed), Some(1), "{}", said(&failed));
    assert!(said(&failed).contains("ENOENT") && !said(&failed).contains("never\n"), "{}", said(&failed));
    let failed = run(lab, "open openat rdonly absent , say after", true);
    assert_eq!(String::from_utf8_lossy(&failed.stdout), "errno ENOENT\nafter\n", "{}", said(&failed));
    assert_eq!(code(&failed), Some(0), "{}", said(&failed));
    for wrong in ["no-such-operation", "open openat", "open openat rdonly file 644 more", "say a , , say b"] {
        let failed = run(lab, wrong, true);
        assert_eq!(code(&failed), Some(2), "`{wrong}`: {}", said(&failed));
    }
}
