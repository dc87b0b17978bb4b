//! Who owns a socket: what happens to it in the network's own time, in no process, is told of that one.

use core::ptr::{NonNull, addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::helpers::{bpf_get_smp_processor_id, generated::bpf_ktime_get_boot_ns};
use sensor_common::header::TaskRef;

use crate::{
    kobj::{Raw, sock::Sock},
    maps::SOCKETS,
};

/// The owner of a socket: the process that connected, accepted, bound it or sent by it first.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Owner {
    /// Names the socket, in all its records.
    pub(crate) id: u64,
    /// Process.
    pub(crate) process: TaskRef,
    /// Its control group.
    pub(crate) cgroup: u64,
    /// When the connection was attempted or accepted, in nanoseconds since boot; 0 where unknown.
    pub(crate) since_ns: u64,
    /// [`Stage`] as a number.
    pub(crate) stage: u32,
    /// Thread whose attempt to connect has been told while its call goes on; 0 if there is none.
    pub(crate) thread: u32,
    /// 1 if the connection was accepted.
    pub(crate) accepted: u32,
    /// 1 if the attempt was not waited for.
    pub(crate) nonblocking: u32,
}

/// How far a socket is.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Stage {
    /// It has an owner, and no connection that would have to be told.
    Used = 1,
    /// A connection was attempted.
    Attempted = 2,
    /// A connection stands. Whoever begins with this has accepted it.
    Connected = 3,
    /// An attempt was refused within the call, whose result will say why.
    Refused = 4,
    /// A connection stands whose beginning was not seen; kept as [`Stage::Connected`].
    Adopted = 5,
}

/// The owner of a socket, by the address of its `struct sock`.
#[inline(always)]
pub(crate) fn owner_of(sock: u64) -> Option<&'static Owner> {
    // SAFETY: the entry stays valid while the program runs; another CPU may give it to another
    // socket meanwhile, which is then told in its place.
    SOCKETS.get_ptr_mut(sock).and_then(NonNull::new).map(|owner| unsafe { owner.as_ref() })
}

/// Names the owner of a socket. One that is known and the same stays as it is but for its stage. The
/// result is the name of the socket.
#[inline(always)]
pub(crate) fn own(sock: u64, process: TaskRef, cgroup: u64, stage: Stage) -> u64 {
    // SAFETY: the helper takes no argument and reads a clock.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    let mut id = 0;
    if let Some(known) = owner_of(sock)
        && known.process.pid == process.pid
        && known.process.start_ns == process.start_ns
    {
        if stage == Stage::Used && known.stage == Stage::Used as u32 {
            return known.id;
        }
        // A connection begins by a socket that was bound before; after a connection, the address
        // may be that of a new socket.
        if known.stage == Stage::Used as u32 {
            id = known.id;
        }
    }
    if id == 0 {
        // What went over it already was told by this name.
        id = Sock(Raw(sock)).cookie();
    }
    if id == 0 {
        // SAFETY: the helper reads nothing but the current CPU's number.
        id = now << 8 | u64::from(unsafe { bpf_get_smp_processor_id() } & 0xff);
    }
    let thread = if stage == Stage::Attempted { process.tid } else { 0 };
    let since_ns = if matches!(stage, Stage::Attempted | Stage::Connected) { now } else { 0 };
    let accepted = u32::from(stage == Stage::Connected);
    let nonblocking = u32::from(stage == Stage::Attempted && Sock(Raw(sock)).is_nonblocking());
    let stage = if stage == Stage::Adopted { Stage::Connected } else { stage } as u32;
    let owner = Owner { id, process, cgroup, since_ns, stage, thread, accepted, nonblocking };
    SOCKETS.insert(sock, owner, 0).ok();
    id
}

/// Sets how far a socket is, if its owner is known.
#[inline(always)]
pub(crate) fn set_stage(sock: u64, stage: Stage) {
    if let Some(owner) = SOCKETS.get_ptr_mut(sock).and_then(NonNull::new) {
        // SAFETY: as in `owner_of`.
        unsafe { write_volatile(addr_of_mut!((*owner.as_ptr()).stage), stage as u32) };
    }
}

/// The thread's call to connect ends. True if its attempt has been told.
#[inline(always)]
pub(crate) fn take_attempt(sock: u64, thread: u32) -> bool {
    let Some(owner) = SOCKETS.get_ptr_mut(sock).and_then(NonNull::new) else { return false };
    // SAFETY: as in `owner_of`.
    let noted = unsafe { addr_of_mut!((*owner.as_ptr()).thread) };
    // SAFETY: as in `owner_of`.
    if unsafe { read_volatile(noted) } != thread {
        return false;
    }
    // SAFETY: as in `owner_of`.
    unsafe { write_volatile(noted, 0) };
    true
}

/// The socket is gone.
#[inline(always)]
pub(crate) fn forget(sock: u64) {
    SOCKETS.remove(sock).ok();
}
