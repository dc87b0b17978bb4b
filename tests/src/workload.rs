//! Processes that do every operation of every event class in every way, for the live tests.
//!
//! They are done by a program of their own, `picket-workload`, which is linked statically so that it runs in
//! the test containers too (there it is [`IN_CONTAINER`]):
//!
//! ```text
//! picket-workload [--may-fail] OPERATION ARGUMENT… [, OPERATION ARGUMENT…]…
//! ```
//!
//! Operations run one after the other in the same process, in its first thread, so `unshare mount , private ,
//! bind-mount A B` works in a mount namespace of its own. Most print nothing. One that fails is said on standard
//! error and ends the program with code 1; with `--may-fail` it prints `errno NAME` (or `errno NUMBER`) on
//! standard output, and the program goes on and ends with code 0. Wrong words end it with code 2. Sets of
//! flags are names joined by `+`, and `-` is the empty set. `picket-workload help` lists the operations;
//! each family's file says what its words mean.
//!
//! Nothing here leaves the machine or spares it: operations are done as asked. Give addresses of the loopback
//! device, or unshare the network first; unshare mounts before you mount.

mod address;
mod bpf;
mod credentials;
mod dns;
mod file;
mod flip;
mod hostile;
mod inspect;
mod kernel;
mod load;
mod memory;
mod mount;
mod names;
mod namespace;
mod network;
mod numbers;
mod open;
mod process;
mod serve;
mod shell;
mod socket;
mod stdio;
mod steps;
mod uring;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::errno::Errno;
use words::Words;

/// Where the program is in the test containers.
pub const IN_CONTAINER: &str = "/bin/picket-workload";

/// Separates operations.
const NEXT: &str = ",";

/// One operation.
#[derive(Clone, Copy, Debug)]
struct Operation {
    name: &'static str,
    /// Its arguments, for `help`.
    usage: &'static str,
    run: fn(&mut Words<'_>) -> Result<()>,
}

impl Operation {
    const fn new(name: &'static str, usage: &'static str, run: fn(&mut Words<'_>) -> Result<()>) -> Self {
        Self { name, usage, run }
    }
}

const FAMILIES: [&[Operation]; 18] = [
    open::OPERATIONS,
    file::OPERATIONS,
    network::OPERATIONS,
    stdio::OPERATIONS,
    serve::OPERATIONS,
    dns::OPERATIONS,
    credentials::OPERATIONS,
    namespace::OPERATIONS,
    mount::OPERATIONS,
    inspect::OPERATIONS,
    memory::OPERATIONS,
    kernel::OPERATIONS,
    bpf::OPERATIONS,
    flip::OPERATIONS,
    hostile::OPERATIONS,
    process::OPERATIONS,
    shell::OPERATIONS,
    load::OPERATIONS,
];

/// All operations' names.
pub fn operations() -> impl Iterator<Item = &'static str> {
    all().map(|operation| operation.name)
}

fn all() -> impl Iterator<Item = Operation> {
    FAMILIES.into_iter().flatten().chain(steps::OPERATIONS).copied()
}

/// The program's path on this machine: `PICKET_WORKLOAD`, or what cargo built beside the running tests.
///
/// # Panics
/// When neither is there.
#[must_use]
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("PICKET_WORKLOAD") {
        return path.into();
    }
    let itself = std::env::current_exe().expect("/proc is mounted");
    // `cargo test` builds the tests to target/debug/deps and the package's programs to target/debug.
    let folders = itself.ancestors().skip(1).take(2);
    let mut places = folders.map(|folder| folder.join("picket-workload"));
    places.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("no picket-workload near {}: run `cargo build -p picket-tests --bins`", itself.display())
    })
}

/// A command that runs an operation on this machine; its arguments are still to be given.
///
/// # Panics
/// See [`program`].
#[must_use]
pub fn command(name: &str) -> Command {
    let mut command = Command::new(program());
    command.arg(name);
    command
}

/// Does what the command line asks for.
#[must_use]
pub fn main(words: &[String]) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (may_fail, words) = match words.as_slice() {
        ["--may-fail", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if matches!(words, [] | ["help"]) {
        return help();
    }
    for (operation, arguments) in words.split(|word| *word == NEXT).map(|part| (part.first(), part.get(1..)))
    {
        let result = run(operation.copied(), arguments.unwrap_or_default());
        let Err(error) = result else { continue };
        match errno(&error) {
            Some(errno) if may_fail => say(&format!("errno {errno}")),
            Some(_) => {
                eprintln!("{}: {error:#}", words.join(" "));
                return ExitCode::FAILURE;
            }
            None => {
                eprintln!("{}: {error:#}", words.join(" "));
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}

fn run(name: Option<&str>, arguments: &[&str]) -> Result<()> {
    let name = name.context("an operation is missing between two commas")?;
    let operation = all().find(|operation| operation.name == name);
    let operation = operation.with_context(|| format!("no such operation: {name} (try `help`)"))?;
    let mut words = Words::new(arguments);
    let done = (operation.run)(&mut words).and_then(|()| words.end());
    done.with_context(|| format!("{name} {}", operation.usage))
}

/// The kernel's error number in a chain of errors.
fn errno(error: &anyhow::Error) -> Option<Errno> {
    error.chain().find_map(|cause| {
        let own = cause.downcast_ref::<Errno>().copied();
        own.or_else(|| cause.downcast_ref::<std::io::Error>()?.raw_os_error().map(Errno))
    })
}

/// Prints a line at once, also into a pipe.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).expect("an open output");
}

fn help() -> ExitCode {
    say("picket-workload [--may-fail] OPERATION ARGUMENT… [, OPERATION ARGUMENT…]…");
    for operation in all() {
        say(&format!("  {} {}", operation.name, operation.usage));
    }
    ExitCode::SUCCESS
}

/// Puts the program, with the libraries that it loads if it is not static, into a root file system.
///
/// # Panics
/// When it has not been built or cannot be copied.
pub fn install(root: &Path) {
    let program = program();
    crate::image::copy_program(&program, &root.join(IN_CONTAINER.trim_start_matches('/')), 0o755);
    // A static program, as `cargo xtask` builds it, makes ldd fail; VMs hold no ldd and only static ones.
    let Ok(output) = Command::new("ldd").arg(&program).output() else { return };
    let libraries = String::from_utf8_lossy(&output.stdout).into_owned();
    for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        let place = root.join(library.trim_start_matches('/'));
        crate::scratch::make_folder(place.parent().unwrap_or(root));
        crate::image::copy_program(Path::new(library), &place, 0o755);
    }
}
