//! Other programs: finding them, running them, and asking before root is used.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn workspace() -> PathBuf {
    // `cargo run` sets it; the value compiled in is for a binary started by hand.
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = PathBuf::from(manifest);
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// Cargo's target folder.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The cargo that started this command, to be run in the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    // Set by `cargo run` for this process only; they would reach build scripts and system tools.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "LD_LIBRARY_PATH"
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Shows the command and runs it; anything but success is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// As [`run`]; `said` receives what it prints, as shown.
pub(crate) fn run_told(command: &mut Command, said: &mut String) -> Result<()> {
    let line = describe(command);
    println!("$ {line}");
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{line}`"))?;
    for text in BufReader::new(child.stdout.take().context("its output is piped")?).split(b'\n') {
        let text = text.with_context(|| format!("cannot read what `{line}` says"))?;
        let text = String::from_utf8_lossy(&text);
        println!("{text}");
        said.push_str(&text);
        said.push('\n');
    }
    let status = child.wait().with_context(|| format!("cannot wait for `{line}`"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// Runs the command and returns what it printed; the error holds what it said on standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{line}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{line}` failed: {}\n{}", output.status, said.trim_end());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Finds a program in `PATH` or in the folders for administrators, which a user's `PATH` may lack.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Whether nobody is there to answer a question.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// A command that runs as root: itself, or through sudo (environment kept with `-E`).
pub(crate) fn as_root(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.arg("-E").arg(program);
    sudo
}

/// sudo replaces `PATH` by its own even with `-E`.
pub(crate) fn as_root_keeping_path(program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
    let path = std::env::var("PATH").context("PATH is not readable")?;
    let mut command = as_root("env");
    command.arg(format!("PATH={path}")).arg(program);
    Ok(command)
}

/// Asks before sudo is used; root and CI are not asked. An error means "no".
pub(crate) fn permit_root(purpose: &str) -> Result<()> {
    if is_root() || in_ci() {
        return Ok(());
    }
    ensure!(
        std::io::stdin().is_terminal(),
        "{purpose} needs root, and there is no terminal to ask on: run as root or set CI=1"
    );
    print!("{purpose} needs root: use sudo? [y/N] ");
    std::io::stdout().flush().context("cannot write to standard output")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => bail!("stopped: {purpose} was declined"),
    }
}

/// Continues this command as root: starts the same one, with `more` arguments, through sudo and ends with
/// its exit code.
pub(crate) fn rerun_as_root(purpose: &str, more: &[&str]) -> Result<()> {
    if is_root() {
        return Ok(());
    }
    permit_root(purpose)?;
    let itself = std::env::current_exe().context("cannot find the path of xtask itself")?;
    let path = std::env::var("PATH").unwrap_or_default();
    let status = Command::new("sudo")
        .args(["-E", "env", &format!("PATH={path}")])
        .arg(itself)
        .args(std::env::args_os().skip(1).filter(|argument| !more.iter().any(|word| argument == word)))
        .args(more)
        .status()
        .context("cannot start sudo")?;
    std::process::exit(status.code().unwrap_or(1));
}
