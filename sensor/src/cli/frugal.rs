//! Makes the C library give memory back: a setting that it reads only when a program starts.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The environment variable with the settings of glibc.
const VARIABLE: &str = "GLIBC_TUNABLES";
/// Free memory at the end of a heap beyond so many bytes is given back. Without a fixed bound glibc
/// raises it to twice the largest block that was ever freed: loading the programs frees blocks of twenty
/// megabytes, and a hundred of what it took would stay with the agent for good.
const SETTING: &str = "glibc.malloc.trim_threshold=1048576";

/// Starts this program anew in its own place, with the setting. Comes back where that is done already,
/// where the user has settings of his own, or if it cannot be done, which costs nothing but memory.
pub fn settle() {
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // It returns only to say why it could not. There is no log yet.
    drop(again.args(arguments).env(VARIABLE, SETTING).exec());
}
