//! Boots a machine, waits for its end, and reads its verdict from the console.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Memory of the machine.
pub(crate) const MEMORY_MIB: u64 = 1024;

/// What init says last. The counterpart is `tests/vm/init.rs`.
const VERDICT: &str = "picket-vm: ";

/// Lines of the console that are shown when something failed.
const TAIL_LINES: usize = 60;

/// Times that a machine is booted whose kernel crashes by itself.
const BOOTS_MAX: usize = 3;

/// A machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine<'a> {
    pub(crate) kernel: &'a Path,
    pub(crate) initramfs: &'a Path,
    pub(crate) cpus: u8,
}

/// Boots a machine with plain emulation (KVM is not everywhere) and returns what the console showed.
pub(crate) fn boot(machine: &Machine<'_>, log: &Path, timeout: Duration) -> Result<String> {
    for number in 1..BOOTS_MAX {
        let console = boot_once(machine, log, timeout)?;
        if !crashed_by_itself(&console) {
            return Ok(console);
        }
        let crashed = log.with_extension(format!("crash-{number}.log"));
        std::fs::rename(log, &crashed).with_context(|| format!("cannot keep {}", crashed.display()))?;
        println!(
            "the emulated kernel crashed outside of any BPF program, booting again (console: {})",
            crashed.display()
        );
    }
    boot_once(machine, log, timeout)
}

/// True if the kernel crashed, and no BPF program had to do with it. Stock kernels do that under plain
/// emulation now and then, without Picket too; it says nothing of what is tested. A crash with a program
/// in its trace counts.
fn crashed_by_itself(console: &str) -> bool {
    console.contains("Kernel panic - not syncing") && !console.contains("bpf_")
}

fn boot_once(machine: &Machine<'_>, log: &Path, timeout: Duration) -> Result<String> {
    let file = std::fs::File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
    let (memory, cpus) = (MEMORY_MIB.to_string(), machine.cpus.to_string());
    // Without CMPXCHG16B: QEMU 7.2 returns from it with damaged flags, at which 6.12 (whose slab allocator
    // uses it) crashed in 5 of 14 boots.
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-accel", "tcg,thread=multi", "-cpu", "max,-cx16", "-smp", &cpus, "-m", &memory])
        .args(["-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio", "-nic", "none"])
        .args(["-append", "console=ttyS0 panic=-1 oops=panic quiet rdinit=/init"])
        .arg("-kernel")
        .arg(machine.kernel)
        .arg("-initrd")
        .arg(machine.initramfs);
    let errors = file.try_clone().context("cannot share the console's file")?;
    let child = qemu.stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
    let ended = wait(child.context("cannot start qemu-system-x86_64")?, timeout)?;
    let console = std::fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let console = String::from_utf8_lossy(&console).replace('\r', "");
    match ended {
        None => bail!(
            "the machine did not end within {} s; the console's end:\n{}",
            timeout.as_secs(),
            tail(&console)
        ),
        Some(status) => ensure!(status.success(), "qemu failed: {status}\n{}", tail(&console)),
    }
    Ok(console)
}

/// Waits for the end; kills the machine after `timeout` and returns nothing then.
fn wait(mut child: Child, timeout: Duration) -> Result<Option<ExitStatus>> {
    let end = Instant::now() + timeout;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().context("cannot wait for qemu")? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().context("cannot end qemu")?;
    child.wait().context("cannot wait for qemu")?;
    Ok(None)
}

/// Reads the verdict; the answer is the summary of the tests, when there were any.
pub(crate) fn judge(console: &str) -> Result<String> {
    let verdict = console.lines().rev().find_map(|line| line.strip_prefix(VERDICT));
    match verdict.map(str::trim) {
        Some("passed") => Ok(summary(console).unwrap_or("no tests").to_owned()),
        Some(other) => bail!("{other}"),
        None => bail!("the machine ended without a verdict"),
    }
}

fn summary(console: &str) -> Option<&str> {
    let result = console.lines().rev().find_map(|line| line.strip_prefix("test result: "))?;
    Some(result.split_once(". ").map_or(result, |(_, counts)| counts).trim())
}

/// The last lines of the console.
pub(crate) fn tail(console: &str) -> String {
    let lines: Vec<_> = console.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_is_the_last_word() {
        let passed =
            "boot\ntest result: ok. 3 passed; 0 failed\npicket-vm: passed\n[ 1.0] reboot: Power down\n";
        assert_eq!(judge(passed).unwrap(), "3 passed; 0 failed");
        let error = judge("picket-vm: failed the tests: exit status: 101\n").unwrap_err().to_string();
        assert_eq!(error, "failed the tests: exit status: 101");
        assert!(judge("Kernel panic - not syncing").unwrap_err().to_string().contains("without a verdict"));
    }

    #[test]
    fn only_crashes_without_bpf_are_the_emulators() {
        let crash = "Call Trace:\n seq_open+0x2b/0x70\nKernel panic - not syncing: Fatal exception\n";
        assert!(crashed_by_itself(crash));
        assert!(!crashed_by_itself(&format!("{crash} bpf_prog_6deef7357e7b4530_process_exec+0x1/0x2")));
        assert!(!crashed_by_itself("picket-vm: failed the tests: exit status: 101"));
    }

    #[test]
    fn hung_machine_is_ended() {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(wait(child, Duration::from_millis(200)).unwrap(), None);
    }

    #[test]
    fn tail_is_short() {
        assert_eq!(tail(&"x\n".repeat(100)).lines().count(), TAIL_LINES);
        assert_eq!(tail("a\nb"), "a\nb");
    }
}
