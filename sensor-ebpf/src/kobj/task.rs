//! `task_struct`: ids, parent, namespaces.

use sensor_common::{header::TaskRef, layout::ABSENT, record::process::Namespaces};

use super::{Memory, Raw, Typed};
use crate::maps::offset;

/// `SIGNAL_GROUP_EXIT` of `include/linux/sched/signal.h`: the group's exit code counts.
const SIGNAL_GROUP_EXIT: u32 = 0x4;

/// `PF_KTHREAD` of `include/linux/sched.h`.
const PF_KTHREAD: u32 = 0x0020_0000;

/// `PF_IO_WORKER` of `include/linux/sched.h`: a worker or poller of io_uring.
const PF_IO_WORKER: u32 = 0x0000_0010;

/// `TS_COMPAT` of `arch/x86/include/asm/thread_info.h`: in a 32-bit system call.
const TS_COMPAT: u32 = 0x0002;

/// A task.
#[derive(Clone, Copy)]
pub(crate) struct Task<M = Typed>(pub(crate) M);

impl<M: Memory> Task<M> {
    /// Names the task and its process.
    #[inline(always)]
    pub(crate) fn reference(self) -> TaskRef {
        TaskRef {
            start_ns: self.leader().0.number(offset!(task_start_boottime)),
            pid: self.0.number(offset!(task_tgid)),
            tid: self.0.number(offset!(task_pid)),
        }
    }

    /// True for the thread that gave the process its id.
    #[inline(always)]
    pub(crate) fn is_leader(self) -> bool {
        self.0.number::<u32>(offset!(task_tgid)) == self.0.number::<u32>(offset!(task_pid))
    }

    /// The thread group leader.
    #[inline(always)]
    pub(crate) fn leader(self) -> Self {
        self.0.follow(offset!(task_group_leader)).map_or(self, Self)
    }

    /// The process that will be told of this one's end.
    #[inline(always)]
    pub(crate) fn parent(self) -> TaskRef {
        match self.0.follow(offset!(task_real_parent)) {
            Some(parent) => Self(parent).reference(),
            None => TaskRef::default(),
        }
    }

    /// True if its parent is a kernel thread: a program that the kernel itself started.
    #[inline(always)]
    pub(crate) fn is_child_of_kernel(self) -> bool {
        match self.0.follow(offset!(task_real_parent)) {
            Some(parent) => parent.number::<u32>(offset!(task_flags)) & PF_KTHREAD != 0,
            None => false,
        }
    }

    /// True for a thread of the kernel.
    #[inline(always)]
    pub(crate) fn is_kernel(self) -> bool {
        self.0.number::<u32>(offset!(task_flags)) & PF_KTHREAD != 0
    }

    /// True for a worker or poller of io_uring.
    #[inline(always)]
    pub(crate) fn is_uring_worker(self) -> bool {
        self.0.number::<u32>(offset!(task_flags)) & PF_IO_WORKER != 0
    }

    /// True within a 32-bit system call.
    #[inline(always)]
    pub(crate) fn is_compat(self) -> bool {
        self.0.number::<u32>(offset!(thread_status)) & TS_COMPAT != 0
    }

    /// True while it executes a program.
    #[inline(always)]
    pub(crate) fn is_executing(self) -> bool {
        let bit = offset!(task_in_execve_bit);
        if bit == ABSENT {
            return false;
        }
        // Through the helper: kernels differ in whether a load may touch a bit field.
        self.0.raw().number::<u8>(bit / 8) & (1 << (bit % 8)) != 0
    }

    /// Pid in the task's own pid namespace, and that namespace's inode number.
    #[inline(always)]
    pub(crate) fn namespace_pid(self) -> (u32, u32) {
        match self.leader().0.follow(offset!(task_thread_pid)) {
            Some(pid) => innermost(pid),
            None => (0, 0),
        }
    }

    /// The pid namespace that the task is in (`task_active_pid_ns`).
    #[inline(always)]
    pub(crate) fn pid_namespace(self) -> Option<Raw> {
        let pid = self.0.follow(offset!(task_thread_pid))?;
        level(pid).follow(offset!(upid_ns))
    }

    /// Session id in the initial pid namespace.
    #[inline(always)]
    pub(crate) fn session(self) -> u32 {
        self.group(offset!(signal_session))
    }

    /// Process group id in the initial pid namespace.
    #[inline(always)]
    pub(crate) fn process_group(self) -> u32 {
        self.group(offset!(signal_group))
    }

    /// Number, in the initial pid namespace, of a group to which the process belongs.
    #[inline(always)]
    fn group(self, field: u32) -> u32 {
        let group = self
            .0
            .follow(offset!(task_signal))
            .and_then(|signal| signal.read::<u64>(field))
            .filter(|pid| *pid != 0);
        match group {
            Some(pid) => Raw(pid).number(offset!(pid_numbers).wrapping_add(offset!(upid_nr))),
            None => 0,
        }
    }

    /// Inode numbers of the namespaces, except the user namespace.
    #[inline(always)]
    pub(crate) fn namespaces(self, into: &mut Namespaces) {
        let (_, pid) = self.namespace_pid();
        into.pid = pid;
        let Some(proxy) = self.0.follow(offset!(task_nsproxy)) else { return };
        into.mnt = namespace(proxy, offset!(nsproxy_mnt), offset!(mnt_namespace_inum));
        into.net = namespace(proxy, offset!(nsproxy_net), offset!(net_inum));
        into.ipc = namespace(proxy, offset!(nsproxy_ipc), offset!(ipc_namespace_inum));
        into.uts = namespace(proxy, offset!(nsproxy_uts), offset!(uts_namespace_inum));
        into.cgroup = namespace(proxy, offset!(nsproxy_cgroup), offset!(cgroup_namespace_inum));
        into.time = namespace(proxy, offset!(nsproxy_time), offset!(time_namespace_inum));
    }

    /// Inode number of the network namespace.
    #[inline(always)]
    pub(crate) fn network_namespace(self) -> u32 {
        self.0
            .follow(offset!(task_nsproxy))
            .map_or(0, |proxy| namespace(proxy, offset!(nsproxy_net), offset!(net_inum)))
    }

    /// True once the last thread of the process is ending.
    #[inline(always)]
    pub(crate) fn group_is_dead(self) -> bool {
        match self.0.follow(offset!(task_signal)) {
            Some(signal) => signal.number::<i32>(offset!(signal_live)) == 0,
            None => false,
        }
    }

    /// Wait status of the process, as its parent will get it.
    #[inline(always)]
    pub(crate) fn exit_status(self) -> u32 {
        if let Some(signal) = self.0.follow(offset!(task_signal))
            && signal.number::<u32>(offset!(signal_flags)) & SIGNAL_GROUP_EXIT != 0
        {
            return signal.number(offset!(signal_group_exit_code));
        }
        self.leader().0.number(offset!(task_exit_code))
    }
}

/// Inode number of one namespace.
#[inline(always)]
fn namespace<M: Memory>(proxy: M, pointer: u32, inum: u32) -> u32 {
    match proxy.follow(pointer) {
        Some(namespace) => namespace.number(inum),
        None => 0,
    }
}

/// Number and namespace of a `struct pid` at its deepest level.
#[inline(always)]
fn innermost<M: Memory>(pid: M) -> (u32, u32) {
    let upid = level(pid);
    let inum = upid.follow(offset!(upid_ns)).map_or(0, |ns| ns.number(offset!(pid_namespace_inum)));
    (upid.number(offset!(upid_nr)), inum)
}

/// A `struct pid`'s number at its deepest level, with its namespace.
#[inline(always)]
fn level<M: Memory>(pid: M) -> Raw {
    let level = u64::from(pid.number::<u32>(offset!(pid_level)) & 0x3f);
    let numbers = pid.address() + u64::from(offset!(pid_numbers));
    // The mask is for the verifier, which knows no bound of this product before 6.12.
    Raw(numbers + ((level * u64::from(offset!(upid_size))) & 0xfff))
}
