//! Asking the kernel for what changes or reveals the kernel; nothing here succeeds in changing it.
//!
//! `init-module` and `finit-module` (of bytes that are no module: `ENOEXEC`), `finit-module-file PATH`,
//! `delete-module NAME`, `keyctl add|session|read`, `perf [software|faults]` (an event of this process),
//! `kexec-load` (of nothing into an invalid place: fails), `syslog` (reads the size of the kernel's log),
//! `syscall NUMBER [ARGUMENT…]` (any number with numbers; for calls that no kernel knows), `syscall32 NUMBER
//! [ARGUMENT…]` (the same through `int 0x80`).

use anyhow::{Context, Result, bail};

use super::Operation;
use super::open::{address, ensure_32_bits, openat, raw, write_all};
use super::words::Words;
use crate::raw::{descriptor, syscall, syscall32};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("init-module", "", init_module),
    Operation::new("finit-module", "", finit_module),
    Operation::new("finit-module-file", "PATH", finit_module_file),
    Operation::new("delete-module", "NAME", delete_module),
    Operation::new("keyctl", "add|session|read", keyctl),
    Operation::new("perf", "[software|faults]", perf),
    Operation::new("kexec-load", "", kexec_load),
    Operation::new("syslog", "", syslog),
    Operation::new("syscall", "NUMBER [ARGUMENT…]", any),
    Operation::new("syscall32", "NUMBER [ARGUMENT…]", any32),
];

const GARBAGE: &[u8] = b"this is no kernel module, and it is long enough to be looked at by the kernel: \
    an ELF header has 64 bytes";

fn init_module(_words: &mut Words<'_>) -> Result<()> {
    let parameters = address(c"");
    syscall(libc::SYS_init_module, [GARBAGE.as_ptr() as u64, GARBAGE.len() as u64, parameters, 0, 0, 0])?;
    Ok(())
}

fn finit_module(_words: &mut Words<'_>) -> Result<()> {
    let file = descriptor(libc::SYS_memfd_create, [address(c"module"), 0, 0, 0, 0, 0])?;
    write_all(&file, GARBAGE)?;
    syscall(libc::SYS_finit_module, [raw(&file), address(c""), 0, 0, 0, 0])?;
    Ok(())
}

fn finit_module_file(words: &mut Words<'_>) -> Result<()> {
    let file = openat(&words.text("PATH")?, libc::O_RDONLY as u64, 0)?;
    syscall(libc::SYS_finit_module, [raw(&file), address(c""), 0, 0, 0, 0])?;
    Ok(())
}

fn delete_module(words: &mut Words<'_>) -> Result<()> {
    let name = words.text("NAME")?;
    syscall(libc::SYS_delete_module, [address(&name), libc::O_NONBLOCK as u64, 0, 0, 0, 0])?;
    Ok(())
}

/// Everything happens in a session keyring of its own, which ends with the process.
fn keyctl(words: &mut Words<'_>) -> Result<()> {
    const JOIN_SESSION_KEYRING: u64 = 1;
    const READ: u64 = 11;
    const SESSION_KEYRING: u64 = (-3_i64).cast_unsigned();
    syscall(libc::SYS_keyctl, [JOIN_SESSION_KEYRING, 0, 0, 0, 0, 0]).context("a keyring of its own")?;
    match words.word("add, session or read")? {
        "session" => {}
        "add" => {
            let (kind, name, value) = (c"user", c"picket", b"value");
            let arguments =
                [address(kind), address(name), value.as_ptr() as u64, value.len() as u64, SESSION_KEYRING, 0];
            syscall(libc::SYS_add_key, arguments)?;
        }
        "read" => {
            syscall(libc::SYS_keyctl, [READ, SESSION_KEYRING, 0, 0, 0, 0])?;
        }
        other => bail!("no such request: {other}"),
    }
    Ok(())
}

/// `struct perf_event_attr`: type and size (words), configuration, period, sample type, read format, flags.
fn perf(words: &mut Words<'_>) -> Result<()> {
    const SOFTWARE: u64 = 1;
    const SIZE: u64 = 64;
    const PAGE_FAULTS: u64 = 2;
    const DUMMY: u64 = 9;
    const DISABLED: u64 = 1;
    let what = match words.maybe() {
        None | Some("software") => DUMMY,
        Some("faults") => PAGE_FAULTS,
        Some(other) => bail!("no such event: {other}"),
    };
    let attributes = [SOFTWARE | SIZE << 32, what, 0, 0, 0, DISABLED, 0, 0];
    let (any_cpu, no_group) = ((-1_i64).cast_unsigned(), (-1_i64).cast_unsigned());
    descriptor(libc::SYS_perf_event_open, [attributes.as_ptr() as u64, 0, any_cpu, no_group, 0, 0])?;
    Ok(())
}

/// More segments than the kernel takes (`KEXEC_SEGMENT_MAX` is 16): refused before anything is read.
fn kexec_load(_words: &mut Words<'_>) -> Result<()> {
    syscall(libc::SYS_kexec_load, [0, 1000, 0, 0, 0, 0])?;
    Ok(())
}

/// `SYSLOG_ACTION_SIZE_BUFFER` is 10.
fn syslog(_words: &mut Words<'_>) -> Result<()> {
    syscall(libc::SYS_syslog, [10, 0, 0, 0, 0, 0])?;
    Ok(())
}

fn any(words: &mut Words<'_>) -> Result<()> {
    let number = words.number("NUMBER")?;
    let mut arguments = [0; 6];
    for (argument, word) in arguments.iter_mut().zip(words.rest()) {
        *argument = word.parse::<i64>().context("ARGUMENT")?.cast_unsigned();
    }
    syscall(number, arguments)?;
    Ok(())
}

fn any32(words: &mut Words<'_>) -> Result<()> {
    ensure_32_bits()?;
    let number = words.number("NUMBER")?;
    let mut arguments = [0; 5];
    for (argument, word) in arguments.iter_mut().zip(words.rest()) {
        *argument = word.parse::<u32>().context("ARGUMENT")?;
    }
    syscall32(number, arguments)?;
    Ok(())
}
