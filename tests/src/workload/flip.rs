//! Memory that a second thread rewrites while the kernel reads it.
//!
//! `flip WHAT FIRST SECOND TIMES`: the second thread writes FIRST and SECOND into the same memory in turn, as fast as
//! it can, while the first thread makes the call so many times with that memory. Both are equally long; best they
//! differ in few bytes within one aligned word of eight, or the kernel also reads mixtures. After each call the
//! kernel is asked what it used, and at the end one line is printed: `first N second N neither N`, `neither` being
//! failed calls and mixtures. WHAT is
//! - `open`: FIRST and SECOND are files;
//! - `connect-tcp`, `connect-udp`: addresses (`address.rs`), with servers for TCP;
//! - `rename`: files, made when absent; the one that the kernel took is renamed to FIRST + `.moved`, and back;
//! - `unlink`: files, made when absent and after each call;
//! - `mount`: folders, on which a tmpfs is mounted; needs `unshare mount , private` before.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::Operation;
use super::address::{Address, inet};
use super::mount::mount_call;
use super::namespace::has_unshared;
use super::open::{HERE, address, raw};
use super::socket::{name, socket};
use super::words::{Words, text};
use crate::raw::{descriptor, syscall};

pub(super) const OPERATIONS: &[Operation] = &[Operation::new("flip", "WHAT FIRST SECOND TIMES", flip)];

const MOUNT: u64 = libc::CLONE_NEWNS as u64;

/// Memory with two contents in turn; the thread ends when this is dropped.
struct Flipper {
    memory: Arc<Vec<AtomicU64>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flipper {
    fn start(first: &[u8], second: &[u8]) -> Result<Self> {
        ensure!(first.len() == second.len(), "FIRST and SECOND must be equally long");
        let [first, second] = [first, second].map(in_words);
        let memory: Arc<Vec<_>> = Arc::new(first.iter().map(|word| AtomicU64::new(*word)).collect());
        let differing: Vec<_> = (0..first.len()).filter(|index| first[*index] != second[*index]).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(Barrier::new(2));
        let thread = std::thread::spawn({
            let (memory, stop, begun) = (Arc::clone(&memory), Arc::clone(&stop), Arc::clone(&begun));
            move || {
                begun.wait();
                while !stop.load(Ordering::Relaxed) {
                    for content in [&second, &first] {
                        differing
                            .iter()
                            .for_each(|index| memory[*index].store(content[*index], Ordering::Relaxed));
                    }
                }
            }
        });
        begun.wait();
        Ok(Self { memory, stop, thread: Some(thread) })
    }

    fn at(&self) -> u64 {
        self.memory.as_ptr() as u64
    }
}

impl Drop for Flipper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It cannot panic.
            thread.join().ok();
        }
    }
}

fn in_words(bytes: &[u8]) -> Vec<u64> {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_ne_bytes(word)
    });
    words.collect()
}

/// What the kernel used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Used {
    First,
    Second,
    Neither,
}

impl Used {
    fn of(first: bool, second: bool) -> Self {
        match (first, second) {
            (true, false) => Self::First,
            (false, true) => Self::Second,
            _ => Self::Neither,
        }
    }
}

fn flip(words: &mut Words<'_>) -> Result<()> {
    let what = words.word("WHAT")?;
    let (first, second) = (words.word("FIRST")?, words.word("SECOND")?);
    let times: u64 = words.number("TIMES")?;
    let mut counts = [0_u64; 3];
    let mut count = |used| counts[used as usize] += 1;
    if let Some(kind) = what.strip_prefix("connect-") {
        let addresses = [Address::parse(first)?, Address::parse(second)?];
        let flipper = Flipper::start(&addresses[0].bytes, &addresses[1].bytes)?;
        for _ in 0..times {
            count(connect(super::socket::kind(kind)?, &flipper, &addresses)?);
        }
    } else {
        let call = match what {
            "open" => open,
            "rename" => rename,
            "unlink" => unlink,
            "mount" => mount,
            other => bail!("no such operation to flip: {other}"),
        };
        let [first_text, second_text] = [text(first)?, text(second)?];
        let flipper = Flipper::start(first_text.as_bytes_with_nul(), second_text.as_bytes_with_nul())?;
        for _ in 0..times {
            count(call(flipper.at(), first, second)?);
        }
    }
    let [first, second, neither] = counts;
    super::say(&format!("first {first} second {second} neither {neither}"));
    Ok(())
}

fn open(at: u64, first: &str, second: &str) -> Result<Used> {
    let Ok(file) = descriptor(libc::SYS_openat, [HERE, at, libc::O_RDONLY as u64, 0, 0, 0]) else {
        return Ok(Used::Neither);
    };
    let opened = fs::File::from(file).metadata()?.ino();
    let is = |path: &str| fs::metadata(path).is_ok_and(|file| file.ino() == opened);
    Ok(Used::of(is(first), is(second)))
}

fn connect(kind: i32, flipper: &Flipper, addresses: &[Address; 2]) -> Result<Used> {
    let [first, second] = addresses;
    let fd = socket(first.family, kind, 0)?;
    if syscall(libc::SYS_connect, [raw(&fd), flipper.at(), first.length(), 0, 0, 0]).is_err() {
        return Ok(Used::Neither);
    }
    let peer = name(&fd, libc::SYS_getpeername)?;
    Ok(Used::of(peer == inet(&first.bytes), peer == inet(&second.bytes)))
}

/// Which of the two files is gone. Both are there before.
fn gone(first: &str, second: &str) -> Used {
    Used::of(!Path::new(first).exists(), !Path::new(second).exists())
}

fn make(first: &str, second: &str) -> Result<()> {
    for path in [first, second] {
        if !Path::new(path).exists() {
            fs::write(path, path).with_context(|| format!("cannot make {path}"))?;
        }
    }
    Ok(())
}

fn rename(at: u64, first: &str, second: &str) -> Result<Used> {
    make(first, second)?;
    let moved = format!("{first}.moved");
    let to = text(&moved)?;
    if syscall(libc::SYS_renameat2, [HERE, at, HERE, address(&to), 0, 0]).is_err() {
        return Ok(Used::Neither);
    }
    let used = gone(first, second);
    let back = if used == Used::First { first } else { second };
    fs::rename(&moved, back).with_context(|| format!("cannot rename {moved} to {back}"))?;
    Ok(used)
}

fn unlink(at: u64, first: &str, second: &str) -> Result<Used> {
    make(first, second)?;
    if syscall(libc::SYS_unlinkat, [HERE, at, 0, 0, 0, 0]).is_err() {
        return Ok(Used::Neither);
    }
    Ok(gone(first, second))
}

fn mount(at: u64, first: &str, second: &str) -> Result<Used> {
    ensure!(has_unshared(MOUNT), "first `unshare mount , private`");
    let device = |path: &str| {
        fs::metadata(path).map(|folder| folder.dev()).map_err(|error| anyhow!("{path}: {error}"))
    };
    let before = [device(first)?, device(second)?];
    if mount_call(c"none", at, Some(c"tmpfs"), 0, None).is_err() {
        return Ok(Used::Neither);
    }
    let used = Used::of(device(first)? != before[0], device(second)? != before[1]);
    let path = text(if used == Used::First { first } else { second })?;
    syscall(libc::SYS_umount2, [address(&path), 0, 0, 0, 0, 0])?;
    Ok(used)
}
