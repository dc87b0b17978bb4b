//! How far the first bytes of a flow are, and who owns it.

use core::ptr::{NonNull, addr_of, addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::bindings::BPF_NOEXIST;
use sensor_common::header::TaskRef;

use crate::{
    emit::sockets::{self, Owner},
    kobj::{Raw, packet::PacketSocket},
    maps::FLOWS,
};

/// A connection, or what a UDP socket exchanges with one peer.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Flow {
    /// Address of the kernel's `struct sock`.
    sock: u64,
    /// Process that sent by it last.
    pub(crate) process: TaskRef,
    /// Its control group.
    pub(crate) cgroup: u64,
    /// Names the socket.
    pub(crate) name: u64,
    /// 1 once the process is known.
    pub(crate) owned: u32,
    /// Unused; zero.
    reserved: u32,
    /// What goes out and what comes in.
    pub(crate) ways: [Way; 2],
}

/// One direction of a flow.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Way {
    /// Sequence number of the first byte (TCP).
    pub(crate) base: u32,
    /// Bytes before the first that has not been seen.
    pub(crate) next: u32,
    /// Packets with bytes in them that were looked at.
    pub(crate) packets: u32,
    /// Bits of this.
    pub(crate) state: u32,
}

impl Way {
    /// The first sequence number is known.
    pub(crate) const BASE: u32 = 1 << 0;
    /// Nothing more is wanted.
    pub(crate) const DONE: u32 = 1 << 1;
    /// It begins with a client's TLS hello, or may do so.
    pub(crate) const LONG: u32 = 1 << 2;
}

/// A flow that is known.
#[inline(always)]
pub(crate) fn find(key: u64) -> Option<&'static mut Flow> {
    // SAFETY: the entry stays valid while the program runs. Other CPUs may change it meanwhile: then a
    // chunk of the flow is told twice or not at all.
    FLOWS.get_ptr_mut(key).and_then(NonNull::new).map(|flow| unsafe { &mut *flow.as_ptr() })
}

/// A flow, which is known afterwards.
#[inline(always)]
pub(crate) fn find_or_begin(key: u64, name: u64, socket: PacketSocket) -> Option<&'static mut Flow> {
    if let Some(flow) = find(key) {
        return Some(flow);
    }
    const NEW: Way = Way { base: 0, next: 0, packets: 0, state: 0 };
    let process = TaskRef { start_ns: 0, pid: 0, tid: 0 };
    let flow = Flow { sock: 0, process, cgroup: 0, name, owned: 0, reserved: 0, ways: [NEW; 2] };
    FLOWS.insert(key, flow, u64::from(BPF_NOEXIST)).ok();
    let flow = find(key)?;
    // SAFETY: the pointer is that of a map's value; the socket's address is but a number there.
    unsafe { write_volatile(addr_of_mut!(flow.sock).cast(), socket.pointer()) };
    Some(flow)
}

impl Flow {
    /// Its owner and name, as far as they were not known, are those of the socket.
    #[inline(always)]
    pub(crate) fn owned_by_socket(&mut self) {
        if self.owned != 0 {
            return;
        }
        if let Some(Owner { id, process, cgroup, .. }) = sockets::owner_of(self.sock().0) {
            (self.name, self.process, self.cgroup) = (*id, *process, *cgroup);
            self.owned = 1;
        }
    }

    /// The kernel's `struct sock`.
    #[inline(always)]
    pub(crate) fn sock(&self) -> Raw {
        // SAFETY: the pointer is that of a map's value; the read is volatile so that the number is taken
        // from there, not from the register of the pointer that was stored.
        Raw(unsafe { read_volatile(addr_of!(self.sock)) })
    }
}
