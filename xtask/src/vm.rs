//! `cargo xtask vm`: the live tests on stock distribution kernels, each in a small virtual machine.

pub(crate) mod failures;
mod initramfs;
mod kernels;
pub(crate) mod matrix;
mod qemu;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::{cargo, in_ci, output, target_dir};
use crate::report::{Outcome, Report};
use crate::setup::{Need, ensure as setup};
use kernels::Line;
use matrix::Matrix;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// A kernel line (may repeat; default: all)
    #[arg(long, value_enum)]
    kernel: Vec<Line>,
    /// Keep the folders that the initramfs is made from, to look into them
    #[arg(long)]
    keep: bool,
    /// Seconds after which a machine counts as hung
    #[arg(long, default_value_t = 2700)]
    timeout: u64,
    /// Leave out the tests that start an agent of their own: it takes long to attach to an emulated kernel
    #[arg(long)]
    shared_agent: bool,
    /// Run this in busybox's shell instead of the tests
    #[arg(long, value_name = "SCRIPT")]
    shell: Option<String>,
    /// Put a program of this machine into the virtual one, such as strace (may repeat)
    #[arg(long, value_name = "PROGRAM")]
    with: Vec<String>,
    /// Arguments for the live tests, such as a part of their names
    #[arg(last = true)]
    tests: Vec<String>,
}

impl Arguments {
    /// Whether the run covers all that the table in the documentation holds.
    fn is_whole(&self) -> bool {
        let all = self.kernel.is_empty() || Line::ALL.iter().all(|line| self.kernel.contains(line));
        all && self.shell.is_none() && self.tests.is_empty()
    }

    /// Every kernel, and what shows each class there.
    pub(crate) fn each_class() -> Self {
        Self {
            kernel: Vec::new(),
            keep: false,
            timeout: 2700,
            shared_agent: true,
            shell: None,
            with: Vec::new(),
            tests: Vec::new(),
        }
    }
}

pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    setup(&[Need::Ebpf, Need::Containers, Need::Vm])?;
    run(arguments)?.finish(in_ci())
}

/// Builds what the machines need, then boots the kernels, several at once. A kernel that cannot be fetched
/// is a failure like any other.
pub(crate) fn run(arguments: &Arguments) -> Result<Report> {
    ensure!(
        cfg!(target_arch = "x86_64"),
        "the virtual machines run x86-64 kernels and this machine's programs"
    );
    let programs = Programs::build(arguments.shell.is_none())?;
    let lines = if arguments.kernel.is_empty() { Line::ALL.to_vec() } else { arguments.kernel.clone() };
    let (mut report, mut matrix) = (Report::default(), Matrix::default());
    let mut good = true;
    for (line, ran) in side_by_side(&lines, |line| Ran::on(line, &programs, arguments)) {
        good &= ran.result.is_ok();
        ran.tell(line, &mut report, &mut matrix);
    }
    if arguments.shell.is_none() {
        table(matrix, programs.picket.as_deref(), good && arguments.is_whole(), &mut report);
    }
    Ok(report)
}

/// Prints the table of classes, and after a `whole` run keeps it in the documentation.
fn table(mut matrix: Matrix, picket: Option<&Path>, whole: bool, report: &mut Report) {
    let start = Instant::now();
    let native = picket.map_or(Ok(()), |picket| matrix.add_native(picket));
    matrix.print();
    let kept = match native {
        Ok(()) if !whole => return,
        Ok(()) => matrix.keep(in_ci()),
        Err(error) => Err(error),
    };
    report.add("table of classes", outcome("table of classes", kept), start.elapsed());
}

/// A step's outcome; an error is shown here in full.
fn outcome(step: &str, result: Result<String>) -> Outcome {
    result.map_or_else(
        |error| {
            eprintln!("{step}: {error:#}");
            Outcome::Failed(format!("{error:#}"))
        },
        Outcome::Passed,
    )
}

/// Runs the machines side by side, as many as there are processors: emulation keeps little more than one
/// of them busy. The results are in the order of the lines.
fn side_by_side<T: Send>(lines: &[Line], run: impl Fn(Line) -> T + Sync) -> Vec<(Line, T)> {
    let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(lines.len()) {
            scope.spawn(|| {
                while let Some((number, line)) = numbered(lines, &next) {
                    let result = run(line);
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(number, (line, result));
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

/// The next line that nobody has taken.
fn numbered(lines: &[Line], next: &AtomicUsize) -> Option<(usize, Line)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    lines.get(number).map(|line| (number, *line))
}

/// What came of a kernel.
struct Ran {
    result: Result<Tested>,
    log: PathBuf,
    took: Duration,
}

impl Ran {
    /// Runs the tests on one kernel.
    fn on(line: Line, programs: &Programs, arguments: &Arguments) -> Self {
        println!("\n== kernel {line}");
        let log = target_dir().join("vm").join(format!("{line}.log"));
        let start = Instant::now();
        // An earlier run's console is not to be taken for this one's.
        drop(std::fs::remove_file(&log));
        let result = one(line, programs, arguments, &log);
        let result = result.or_else(|error| second_look(line, programs, arguments, &log, error));
        Self { result, log, took: start.elapsed() }
    }

    /// Adds it to the report and the table.
    fn tell(self, line: Line, report: &mut Report, matrix: &mut Matrix) {
        let step = format!("kernel {line}");
        match self.result {
            Ok(tested) => {
                let detail = format!("{}, {}", tested.release, tested.tests);
                report.add(&step, Outcome::Passed(detail), self.took);
                report.skips_of(&step, &tested.console);
                matrix.add(&line.to_string(), &tested.release, tested.cells);
            }
            Err(error) => {
                report.add(&step, outcome(&step, Err(error)), self.took);
                let console = read(&self.log);
                report.failures_of(&step, &console);
                // Shown, not kept: which classes failed.
                let cells = matrix::collect(&console).unwrap_or_default();
                matrix.add(&line.to_string(), &line.to_string(), cells);
            }
        }
    }
}

/// The programs that go into the machine.
#[derive(Debug)]
struct Programs {
    init: PathBuf,
    workload: PathBuf,
    picket: Option<PathBuf>,
    live: Option<PathBuf>,
}

impl Programs {
    fn build(with_tests: bool) -> Result<Self> {
        let init =
            built(&["build", "--package", "picket-tests", "--bin", "picket-vm-init"], "picket-vm-init")?;
        let workload = workload()?;
        if !with_tests {
            return Ok(Self { init, workload, picket: None, live: None });
        }
        Ok(Self { init, workload, picket: Some(agent()?), live: Some(live_tests()?) })
    }
}

/// Arguments of the live tests in a machine.
pub(crate) fn guest_arguments(arguments: &Arguments) -> Vec<&str> {
    let shared = arguments.shared_agent.then_some("--shared-agent");
    live_arguments(&arguments.tests).chain(shared).collect()
}

/// Arguments of the live tests: what depends on the back end is run with the agent's choice and with the
/// fallback, unless `more` names another one.
pub(crate) fn live_arguments(more: &[String]) -> impl Iterator<Item = &str> {
    const BACK_ENDS: [&str; 4] = ["--back-end", "auto", "--back-end", "tracepoint"];
    let named = more.iter().any(|argument| argument.starts_with("--back-end"));
    let back_ends = if named { [].as_slice() } else { BACK_ENDS.as_slice() };
    std::iter::once("--test-threads=1")
        .chain(back_ends.iter().copied())
        .chain(more.iter().map(String::as_str))
}

/// Builds the live tests and returns their executable.
pub(crate) fn live_tests() -> Result<PathBuf> {
    built(&["test", "--package", "picket-tests", "--test", "live", "--no-run"], "live")
}

/// Builds the program that does what the live tests look for, without libraries that it would load: it runs in
/// containers of any image.
pub(crate) fn workload() -> Result<PathBuf> {
    static_build("picket-tests", "picket-workload")
}

/// Builds the agent that tests run: the one of the image.
pub(crate) fn agent() -> Result<PathBuf> {
    static_build("sensor", "picket")
}

/// Builds a program of a package for release, with the C library linked into it. A target named on the command line
/// keeps the flags away from build scripts.
pub(crate) fn static_build(package: &str, program: &str) -> Result<PathBuf> {
    let mut build = cargo();
    build.env("RUSTFLAGS", "-C target-feature=+crt-static");
    let target =
        ["build", "--locked", "--release", "--target", "host-tuple", "--package", package, "--bin", program];
    built_by(build.args(target), program)
}

/// Builds with cargo and returns the path of the executable of the target with this name.
pub(crate) fn built(arguments: &[&str], target: &str) -> Result<PathBuf> {
    built_by(cargo().args(arguments), target)
}

fn built_by(command: &mut Command, target: &str) -> Result<PathBuf> {
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = command.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "cargo could not build {target}: {}", output.status);
    executable(&String::from_utf8_lossy(&output.stdout), target)
        .with_context(|| format!("cargo built no executable named {target}"))
}

fn executable(messages: &str, target: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut executables = messages.filter(|message| message["target"]["name"] == target);
    executables.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// A kernel on which all tests passed.
#[derive(Debug)]
struct Tested {
    /// As `uname -r` says it.
    release: String,
    /// How many tests passed.
    tests: String,
    console: String,
    /// What was shown of each class.
    cells: matrix::Cells,
}

/// The console's text, empty where there is none.
fn read(log: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
}

/// Emulated processors stand still now and then for as long as a test waits. So the tests that failed are run once
/// more on a machine of their own, and the report says which these were; a test that fails again is a failure.
fn second_look(
    line: Line,
    programs: &Programs,
    arguments: &Arguments,
    log: &Path,
    error: anyhow::Error,
) -> Result<Tested> {
    let first = read(log);
    let failures = failures::of(&first);
    let Some(tests) = failures::again(&failures).filter(|_| failures.len() <= failures::LOOKED_AT) else {
        return Err(error);
    };
    println!("kernel {line}: {error:#}\nkernel {line}: once more what failed: {}", tests.join(" "));
    let second = log.with_extension("second.log");
    let tested = one(line, programs, &Arguments { tests, ..arguments.clone() }, &second);
    let Ok(mut tested) = tested else { return Err(error) };
    tested.tests = format!("{}; {}", failures::passed_again(&failures), tested.tests);
    // What the second run showed counts for its tests, and the first for all others.
    let mut cells = matrix::collect(&first)?;
    cells.extend(tested.cells);
    tested.cells = cells;
    tested.console = first;
    Ok(tested)
}

/// Runs the tests on one kernel.
fn one(line: Line, programs: &Programs, arguments: &Arguments, log: &Path) -> Result<Tested> {
    let folder = target_dir().join("vm");
    let kernel = kernels::fetch(line, &folder.join("kernels"))?;
    let staging = folder.join(format!("{line}.root"));
    let image = folder.join(format!("{line}.cpio"));
    initramfs::make(&initramfs::Contents { kernel: &kernel, programs, arguments }, &staging, &image)?;
    if !arguments.keep {
        remove(&staging)?;
    }
    println!("booting {} (console: {})", kernel.release, log.display());
    let machine = qemu::Machine { kernel: &kernel.image, initramfs: &image, cpus: line.cpus() };
    let console = qemu::boot(&machine, log, Duration::from_secs(arguments.timeout))?;
    let tests = qemu::judge(&console).with_context(|| {
        format!("on {}, see {}; its end:\n{}", kernel.release, log.display(), qemu::tail(&console))
    })?;
    if arguments.shell.is_some() {
        println!("{}", qemu::tail(&console));
    }
    let cells = matrix::collect(&console).with_context(|| format!("in {}", log.display()))?;
    Ok(Tested { release: kernel.release, tests, console, cells })
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// What a program prints about a file; for `ldd` and the like, where failure has a meaning of its own.
fn ask(program: &str, file: &Path) -> Option<String> {
    output(Command::new(program).arg(file)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_runs_once_and_in_order() {
        let ran = side_by_side(&Line::ALL, |line| line.to_string());
        let expected: Vec<_> = Line::ALL.iter().map(|line| (*line, line.to_string())).collect();
        assert_eq!(ran, expected);
    }

    #[test]
    fn executable_is_found_by_target() {
        let messages = "{\"target\":{\"name\":\"picket-tests\"},\"executable\":null}\n\
                        {\"target\":{\"name\":\"live\"},\"executable\":\"/t/live-1\"}\n";
        assert_eq!(executable(messages, "live"), Some(PathBuf::from("/t/live-1")));
        assert_eq!(executable(messages, "picket-tests"), None);
    }
}
