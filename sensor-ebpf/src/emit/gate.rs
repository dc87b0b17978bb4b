//! Decides whether an event is sent, and keeps the account of those that are not.
//!
//! The order is: is the class wanted of the control group, is it a repetition, may the group send
//! more. Handlers ask between these what only they know, such as the verdict on a file.

use core::ptr::NonNull;

use aya_ebpf::{
    bindings::BPF_NOEXIST,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_ktime_get_boot_ns},
};
use sensor_common::{
    class::{Class, Lane},
    header::TaskRef,
    ledger::ClassCounters,
    policy::{Account, AccountKey, GroupFlags, GroupPolicy, RepeatKey, Repeats, UNKNOWN_GROUPS},
};

use super::add_one;
use crate::kobj::{Memory, current::Current};
use crate::maps::{ACCOUNTS, CLASSES, COUNTERS, DEFAULTS, GROUPS, POLICY, REPEATS, offset, settings};

/// Billionths in a token.
const TOKEN: u64 = 1_000_000_000;
/// Longest time for which tokens are given at once, so that nothing overflows.
const REFILL_NS_MAX: u64 = 10_000_000_000;

/// An event on its way.
#[derive(Clone, Copy)]
pub(crate) struct Gate {
    class: Class,
    /// Control group that the event is booked on.
    pub(crate) cgroup: u64,
    policy: GroupPolicy,
    account: Option<NonNull<Account>>,
    canary: bool,
}

impl Gate {
    /// True if the class is wanted of the control group, or the canary runs. For hooks so hot that what
    /// is not wanted is not even counted.
    #[inline(always)]
    pub(crate) fn is_wanted(class: Class, cgroup: u64) -> bool {
        policy(cgroup).classes & class.bit() != 0 || is_canary(bpf_get_current_pid_tgid() as u32)
    }

    /// Counts an event of a control group. `None` if nobody wants its class there, or it is the agent's
    /// own.
    #[inline(always)]
    pub(crate) fn enter(class: Class, cgroup: u64) -> Option<Self> {
        let current = bpf_get_current_pid_tgid();
        Self::enter_by(class, cgroup, (current >> 32) as u32, current as u32)
    }

    /// As [`Gate::enter`], where the program may not ask for the running process and thread but knows
    /// them.
    #[inline(always)]
    pub(crate) fn enter_by(class: Class, cgroup: u64, process: u32, thread: u32) -> Option<Self> {
        let canary = is_canary(thread);
        if process == settings().own && !canary {
            return None;
        }
        let policy = policy(cgroup);
        let account = account(class, cgroup);
        let gate = Self { class, cgroup, policy, account, canary };
        gate.count(|counters| &raw mut counters.seen, |account| &raw mut account.seen);
        if account.is_none() {
            count(class, |counters| &raw mut counters.unaccounted);
        }
        if policy.classes & class.bit() == 0 && !gate.canary {
            gate.filter();
            return None;
        }
        Some(gate)
    }

    /// Class of the event.
    #[inline(always)]
    pub(crate) const fn class(self) -> Class {
        self.class
    }

    /// True for an event that the canary made.
    #[inline(always)]
    pub(crate) const fn is_canary(self) -> bool {
        self.canary
    }

    /// True if files of this group are sent whatever the verdict on them is.
    #[inline(always)]
    pub(crate) const fn wants_all_files(self) -> bool {
        self.policy.flags & GroupFlags::ALL_FILES != 0
    }

    /// True if verdicts on files of this group are also by the name that was asked for.
    #[inline(always)]
    pub(crate) const fn tells_names(self) -> bool {
        self.policy.flags & GroupFlags::NAMES != 0
    }

    /// The event is not wanted after all.
    #[inline(always)]
    pub(crate) fn filter(self) {
        self.count(|counters| &raw mut counters.filtered, |account| &raw mut account.filtered);
    }

    /// How many equal events went before this one unsent. `None` if this one, too, is but counted.
    #[inline(always)]
    pub(crate) fn repeats(self, process: TaskRef, first: u64, second: u64, third: u64) -> Option<u32> {
        let window = CLASSES.get(self.class.index()).map_or(0, |class| class.window_ns);
        if window == 0 || self.canary {
            return Some(0);
        }
        let (pid, class) = (process.pid, self.class.index());
        // What one program did is news of the next one, which has a memory of its own: else whoever executes a
        // program would hide what that does.
        let memory: u64 = Current::task().map_or(0, |task| task.0.raw().number(offset!(task_mm)));
        let start_ns = process.start_ns ^ memory;
        let key = RepeatKey { start_ns, pid, class, first, second, third };
        // SAFETY: the helper takes no argument and reads a clock.
        let now = unsafe { bpf_ktime_get_boot_ns() };
        let Some(known) = REPEATS.get_ptr_mut(key) else {
            REPEATS.insert(key, Repeats { sent_ns: now, count: 0 }, 0).ok();
            return Some(0);
        };
        // SAFETY: the pointer is that of a map's value, valid while the program runs. Another CPU
        // may change it meanwhile; then an equal event is counted for one more or less.
        let known = unsafe { &mut *known };
        if now.wrapping_sub(known.sent_ns) < window {
            add_one(Some(&raw mut known.count));
            self.count(|counters| &raw mut counters.aggregated, |account| &raw mut account.aggregated);
            return None;
        }
        let count = known.count;
        *known = Repeats { sent_ns: now, count: 0 };
        Some(count as u32)
    }

    /// True if the group may send one more event of the class.
    #[inline(always)]
    pub(crate) fn permits(self) -> bool {
        let Some(bounds) = CLASSES.get(self.class.index()) else { return true };
        let Some(account) = self.account else { return true };
        if bounds.rate == 0 || self.canary {
            return true;
        }
        // SAFETY: as in `repeats`: a race gives a token too many or too few, the account is exact.
        let account = unsafe { &mut *account.as_ptr() };
        // SAFETY: the helper takes no argument and reads a clock.
        let now = unsafe { bpf_ktime_get_boot_ns() };
        let passed = now.wrapping_sub(account.refilled_ns);
        let passed = if passed > REFILL_NS_MAX { REFILL_NS_MAX } else { passed };
        let full = u64::from(bounds.burst) * TOKEN;
        let tokens = account.tokens + passed * u64::from(bounds.rate);
        let tokens = if tokens > full { full } else { tokens };
        account.refilled_ns = now;
        if tokens < TOKEN {
            account.tokens = tokens;
            self.count(|counters| &raw mut counters.limited, |account| &raw mut account.limited);
            return false;
        }
        account.tokens = tokens - TOKEN;
        true
    }

    /// Number of the record within CPU and class.
    #[inline(always)]
    pub(super) fn sequence(self) -> u64 {
        let Some(counters) = COUNTERS.get_ptr_mut(Lane::First.slot(self.class)) else { return 0 };
        // SAFETY: the entry belongs to this CPU.
        let counters = unsafe { &*counters };
        counters.seen - counters.filtered - counters.aggregated - counters.limited
    }

    #[inline(always)]
    fn count(
        self,
        of_class: impl FnOnce(&mut ClassCounters) -> *mut u64,
        of_group: impl FnOnce(&mut Account) -> *mut u64,
    ) {
        count(self.class, of_class);
        if let Some(mut account) = self.account {
            // SAFETY: the pointer is that of a map's value, valid while the program runs; only its
            // address is used here, the addition is atomic.
            add_one(Some(of_group(unsafe { account.as_mut() })));
        }
    }
}

/// Adds one to a counter of the class on this CPU.
#[inline(always)]
fn count(class: Class, which: impl FnOnce(&mut ClassCounters) -> *mut u64) {
    if let Some(counters) = COUNTERS.get_ptr_mut(Lane::First.slot(class)) {
        // SAFETY: as in `Gate::count`; several programs of a class may run on this CPU, one
        // interrupted by the other, so the addition is atomic.
        add_one(Some(which(unsafe { &mut *counters })));
    }
}

#[inline(always)]
fn policy(cgroup: u64) -> GroupPolicy {
    // SAFETY: the reference is used at once; entries are replaced whole by the agent.
    match unsafe { GROUPS.get(cgroup) }.or_else(|| DEFAULTS.get(UNKNOWN_GROUPS)) {
        Some(policy) => *policy,
        None => GroupPolicy::default(),
    }
}

#[inline(always)]
fn account(class: Class, cgroup: u64) -> Option<NonNull<Account>> {
    let key = AccountKey { cgroup, class: class.index(), reserved: 0 };
    if let Some(account) = ACCOUNTS.get_ptr_mut(key) {
        return NonNull::new(account);
    }
    ACCOUNTS.insert(key, Account::default(), u64::from(BPF_NOEXIST)).ok();
    ACCOUNTS.get_ptr_mut(key).and_then(NonNull::new)
}

#[inline(always)]
fn is_canary(thread: u32) -> bool {
    POLICY.get(0).is_some_and(|policy| policy.canary != 0 && policy.canary == thread)
}
