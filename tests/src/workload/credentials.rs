//! Changes of credentials, capabilities and what `prctl` changes. The raw calls: they change this thread only.
//!
//! `setuid ID`, `setgid ID`, `setreuid R E`, `setregid R E`, `setresuid R E S`, `setresgid R E S`, `setfsuid ID`,
//! `setfsgid ID` (-1 leaves one as it is), `setgroups ID…`, `setsid`.
//! `capset EFFECTIVE PERMITTED INHERITABLE`: hexadecimal masks of 64 bits, or `keep`.
//! `prctl NAME VALUE`: `keepcaps no-new-privs dumpable securebits bounding-drop ambient-raise ambient-clear
//! pdeathsig subreaper seccomp-strict`.

use anyhow::{Context, Result, bail};

use super::Operation;
use super::words::{Names, Words};
use crate::raw::syscall;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::new("setuid", "ID", |words| identities(words, libc::SYS_setuid, 1)),
    Operation::new("setgid", "ID", |words| identities(words, libc::SYS_setgid, 1)),
    Operation::new("setreuid", "REAL EFFECTIVE", |words| identities(words, libc::SYS_setreuid, 2)),
    Operation::new("setregid", "REAL EFFECTIVE", |words| identities(words, libc::SYS_setregid, 2)),
    Operation::new("setresuid", "REAL EFFECTIVE SAVED", |words| identities(words, libc::SYS_setresuid, 3)),
    Operation::new("setresgid", "REAL EFFECTIVE SAVED", |words| identities(words, libc::SYS_setresgid, 3)),
    Operation::new("setfsuid", "ID", |words| identities(words, libc::SYS_setfsuid, 1)),
    Operation::new("setfsgid", "ID", |words| identities(words, libc::SYS_setfsgid, 1)),
    Operation::new("setgroups", "ID…", set_groups),
    Operation::new("setsid", "", |_| call(libc::SYS_setsid, [0; 6])),
    Operation::new("capset", "EFFECTIVE PERMITTED INHERITABLE", set_capabilities),
    Operation::new("prctl", "NAME VALUE", prctl),
];

/// `_LINUX_CAPABILITY_VERSION_3` (include/uapi/linux/capability.h): two blocks of 32 bits each.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

const AMBIENT_RAISE: u64 = 2;
const AMBIENT_CLEAR: u64 = 4;

const OPTIONS: &Names = &[
    ("pdeathsig", 1),
    ("dumpable", 4),
    ("keepcaps", 8),
    ("bounding-drop", 24),
    ("securebits", 28),
    ("subreaper", 36),
    ("no-new-privs", 38),
];

fn call(number: i64, arguments: [u64; 6]) -> Result<()> {
    syscall(number, arguments)?;
    Ok(())
}

fn identities(words: &mut Words<'_>, number: i64, count: usize) -> Result<()> {
    let mut arguments = [0; 6];
    for argument in arguments.iter_mut().take(count) {
        *argument = words.number::<i64>("ID")?.cast_unsigned() & u64::from(u32::MAX);
    }
    call(number, arguments)
}

fn set_groups(words: &mut Words<'_>) -> Result<()> {
    let groups = words.rest().iter().map(|word| word.parse::<u32>().context("ID"));
    let groups: Vec<u32> = groups.collect::<Result<_>>()?;
    call(libc::SYS_setgroups, [groups.len() as u64, groups.as_ptr() as u64, 0, 0, 0, 0])
}

fn set_capabilities(words: &mut Words<'_>) -> Result<()> {
    let header = [CAPABILITY_VERSION, 0];
    // Effective, permitted, inheritable of the lower 32 capabilities, then of the upper ones.
    let mut sets = [0_u32; 6];
    call(libc::SYS_capget, [header.as_ptr() as u64, sets.as_mut_ptr() as u64, 0, 0, 0, 0])?;
    for (index, what) in ["EFFECTIVE", "PERMITTED", "INHERITABLE"].into_iter().enumerate() {
        let word = words.word(what)?;
        if word != "keep" {
            let mask = u64::from_str_radix(word.trim_start_matches("0x"), 16).context(what)?;
            sets[index] = u32::try_from(mask & u64::from(u32::MAX))?;
            sets[index + 3] = u32::try_from(mask >> 32)?;
        }
    }
    call(libc::SYS_capset, [header.as_ptr() as u64, sets.as_ptr() as u64, 0, 0, 0, 0])
}

fn prctl(words: &mut Words<'_>) -> Result<()> {
    let name = words.word("NAME")?;
    let value: u64 = words.number_or("VALUE", 0)?;
    let ambient = u64::from(libc::PR_CAP_AMBIENT.unsigned_abs());
    let arguments = match name {
        "ambient-raise" => [ambient, AMBIENT_RAISE, value, 0, 0, 0],
        "ambient-clear" => [ambient, AMBIENT_CLEAR, 0, 0, 0, 0],
        // From then on only read, write, _exit and sigreturn: nothing can follow but the end.
        "seccomp-strict" => {
            call(libc::SYS_prctl, [22, 1, 0, 0, 0, 0])?;
            loop {
                syscall(libc::SYS_exit, [0; 6]).ok();
            }
        }
        _ => match OPTIONS.iter().find(|(known, _)| *known == name) {
            Some((_, option)) => [*option, value, 0, 0, 0, 0],
            None => bail!("no such option of prctl: {name}"),
        },
    };
    call(libc::SYS_prctl, arguments)
}
