//! bpf(2) without a library.
//!
//! `bpf prog` loads a socket filter of two instructions, `bpf map` makes an array of one element, `bpf btf` loads
//! bytes that are no type information (fails), `bpf get-next` asks for the first program's id, `bpf detach` for the
//! end of a program that decides on devices, of no control group (fails). What was made ends with the operation.

use anyhow::{Result, bail};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::Operation;
use super::open::address;
use super::words::Words;
use crate::raw::{descriptor, syscall};

pub(super) const OPERATIONS: &[Operation] = &[Operation::new("bpf", "prog|map|btf|get-next|detach", bpf)];

// include/uapi/linux/bpf.h
const MAP_CREATE: u64 = 0;
const PROG_LOAD: u64 = 5;
const PROG_DETACH: u64 = 9;
const PROG_GET_NEXT_ID: u64 = 11;
const BTF_LOAD: u64 = 18;
const SOCKET_FILTER: u64 = 1;
const CGROUP_DEVICE: u64 = 6;
const ARRAY: u64 = 2;
/// `union bpf_attr` as far as it is used; the kernel takes the rest as zero.
const SIZE: u64 = 48;

/// `r0 = 0; exit`: code, registers, offset (16 bits), value (32 bits), least significant first.
const PROGRAM: [u64; 2] = [0xb7, 0x95];

fn bpf(words: &mut Words<'_>) -> Result<()> {
    // Before 5.11 what all programs of a user load counts against the limit of the one that loads; a refusal shows
    // in the call itself.
    let unlimited = Rlimit { current: None, maximum: None };
    setrlimit(Resource::Memlock, unlimited).ok();
    let (command, attributes) = match words.word("prog, map, btf, get-next or detach")? {
        // Type and number of instructions, where they are, the license, no log.
        "prog" => {
            let (program, license) = (PROGRAM.as_ptr() as u64, address(c"GPL"));
            (PROG_LOAD, [SOCKET_FILTER | 2 << 32, program, license, 0, 0, 0])
        }
        // Type and size of keys, size of values and how many.
        "map" => (MAP_CREATE, [ARRAY | 4 << 32, 4 | 1 << 32, 0, 0, 0, 0]),
        // Where the bytes are, where the log, how many bytes.
        "btf" => (BTF_LOAD, [PROGRAM.as_ptr() as u64, 0, 16, 0, 0, 0]),
        // Target and program, which are no such descriptors; type of the attachment.
        "detach" => (PROG_DETACH, [0, CGROUP_DEVICE, 0, 0, 0, 0]),
        "get-next" => {
            let mut wish = [0_u64; 6];
            let arguments = [PROG_GET_NEXT_ID, wish.as_mut_ptr() as u64, 8, 0, 0, 0];
            return Ok(syscall(libc::SYS_bpf, arguments).map(drop)?);
        }
        other => bail!("no such request: {other}"),
    };
    descriptor(libc::SYS_bpf, [command, attributes.as_ptr() as u64, SIZE, 0, 0, 0])?;
    Ok(())
}
