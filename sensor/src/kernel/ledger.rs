//! The kernel side of the ledger: what the programs saw, sent and lost.

use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::maps::{HashMap, Map, MapData, MapError, PerCpuArray};
use aya::programs::ProgramFd;
use sensor_common::{
    class::{Class, Lane},
    ledger::{ClassCounters, LossKey, LossReason},
    policy::{Account, AccountKey},
};
use zerocopy::{FromBytes, IntoBytes};

use super::witness::{self, Executed};

/// Reader of the counters.
pub struct KernelLedger {
    counters: PerCpuArray<MapData, [u64; 10]>,
    losses: HashMap<MapData, [u64; 2], u64>,
    accounts: HashMap<MapData, [u64; 2], [u64; 6]>,
    executed: PerCpuArray<MapData, [u64; 2]>,
    /// First program of each class.
    firsts: Vec<(Class, ProgramFd)>,
}

/// Losses of one class in one control group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Control group.
    pub cgroup: u64,
    /// Class.
    pub class: Class,
    /// Reason.
    pub reason: LossReason,
    /// How many since the programs were loaded.
    pub count: u64,
}

impl KernelLedger {
    /// Wraps the maps `COUNTERS`, `LOSSES`, `ACCOUNTS` and `EXECUTED`.
    ///
    /// # Errors
    /// The maps have other types: the object does not belong to this agent.
    pub fn new(
        counters: Map,
        losses: Map,
        accounts: Map,
        executed: Map,
        firsts: Vec<(Class, ProgramFd)>,
    ) -> Result<Self, MapError> {
        let (counters, losses) = (PerCpuArray::try_from(counters)?, HashMap::try_from(losses)?);
        let (accounts, executed) = (HashMap::try_from(accounts)?, PerCpuArray::try_from(executed)?);
        Ok(Self { counters, losses, accounts, executed, firsts })
    }

    /// Programs that were executed since the witness counts.
    #[must_use]
    pub fn executed(&self) -> Executed {
        witness::executed(&self.executed)
    }

    /// What became of the events of each class in each control group, those with most first.
    #[must_use]
    pub fn accounts(&self) -> Vec<(u64, Class, Account)> {
        let mut accounts: Vec<_> = self
            .accounts
            .iter()
            .filter_map(Result::ok)
            .filter_map(|(key, account)| {
                let key = AccountKey::read_from_bytes(key.as_bytes()).ok()?;
                let account = Account::read_from_bytes(account.as_bytes()).ok()?;
                Some((key.cgroup, Class::try_from(u16::try_from(key.class).ok()?).ok()?, account))
            })
            .collect();
        accounts.sort_by_key(|(_, _, account)| std::cmp::Reverse(account.seen));
        accounts
    }

    /// Counters of a class, all CPUs and both lanes together. What neither program was called for
    /// counts as seen and lost.
    ///
    /// # Errors
    /// The kernel refused the look-up.
    pub fn class(&self, class: Class) -> Result<ClassCounters, MapError> {
        let misses = self.misses(class);
        let mut sum = self.counted(class)?;
        let not_called = not_called(misses, &sum);
        sum.seen += not_called;
        sum.lost += not_called;
        Ok(sum)
    }

    /// Forgets a control group that is gone, with those of its losses that have been told: their table
    /// would fill up.
    pub fn forget(&mut self, cgroup: u64, told: &[(Class, LossReason)]) {
        for class in Class::ALL {
            let key = AccountKey { cgroup, class: class.index(), reserved: 0 };
            if let Ok(key) = <[u64; 2]>::read_from_bytes(key.as_bytes()) {
                // One that is not there is fine.
                self.accounts.remove(&key).ok();
            }
        }
        for (class, reason) in told {
            let key = LossKey { cgroup, class: class.index(), reason: *reason as u32 };
            if let Ok(key) = <[u64; 2]>::read_from_bytes(key.as_bytes()) {
                self.losses.remove(&key).ok();
            }
        }
    }

    fn counted(&self, class: Class) -> Result<ClassCounters, MapError> {
        let mut sum = ClassCounters::default();
        for lane in Lane::ALL {
            for cpu in self.counters.get(&lane.slot(class), 0)?.iter() {
                let Ok(counters) = ClassCounters::read_from_bytes(cpu.as_bytes()) else { continue };
                sum.seen += counters.seen;
                sum.sent += counters.sent;
                sum.lost += counters.lost;
                sum.refused += counters.refused;
                sum.recovered += counters.recovered;
                sum.lost_unattributed += counters.lost_unattributed;
                sum.filtered += counters.filtered;
                sum.aggregated += counters.aggregated;
                sum.limited += counters.limited;
                sum.unaccounted += counters.unaccounted;
            }
        }
        Ok(sum)
    }

    /// Times that the kernel did not call the first program of a class.
    fn misses(&self, class: Class) -> u64 {
        self.firsts.iter().filter(|(of, _)| *of == class).map(|(_, program)| misses(program)).sum()
    }

    /// Every loss, the largest first. Those that could not be booked on a control group are booked on
    /// none (0).
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        let mut losses: Vec<Loss> = self.losses.iter().filter_map(Result::ok).filter_map(loss).collect();
        let misses = self.firsts.iter().map(|(class, program)| (*class, misses(program))).collect::<Vec<_>>();
        for loss in unattributed(&misses, |class| self.counted(class).ok()) {
            add(&mut losses, loss);
        }
        losses.sort_by_key(|loss| std::cmp::Reverse(loss.count));
        losses
    }
}

/// Losses that are booked on no control group, each class once: what the kernel did not call its programs
/// for, of all of them together, and what found no room in the table. `misses` are those of each program.
fn unattributed(misses: &[(Class, u64)], counted: impl Fn(Class) -> Option<ClassCounters>) -> Vec<Loss> {
    let of_class = |class: &Class| {
        let counters = counted(*class)?;
        let misses = misses.iter().filter(|(of, _)| of == class).map(|(_, count)| count).sum();
        let loss = |reason, count| Loss { cgroup: 0, class: *class, reason, count };
        let not_called = loss(LossReason::NotCalled, not_called(misses, &counters));
        Some([not_called, loss(LossReason::RingFull, counters.lost_unattributed)])
    };
    Class::ALL.iter().filter_map(of_class).flatten().collect()
}

/// Adds a loss; control group, class and reason name one entry only.
fn add(losses: &mut Vec<Loss>, loss: Loss) {
    let same = |other: &&mut Loss| {
        (other.cgroup, other.class, other.reason) == (loss.cgroup, loss.class, loss.reason)
    };
    match losses.iter_mut().find(same) {
        Some(entry) => entry.count += loss.count,
        None if loss.count > 0 => losses.push(loss),
        None => {}
    }
}

/// Events for which the kernel called neither program. The misses must be read before the counters:
/// what is recovered in between would look like a loss.
const fn not_called(misses: u64, counters: &ClassCounters) -> u64 {
    (misses + counters.refused).saturating_sub(counters.recovered)
}

/// Times that the kernel did not call a program because it was being preempted on that CPU
/// (`recursion_misses`, told since 5.12; before, programs on tracepoints cannot be preempted).
fn misses(program: &ProgramFd) -> u64 {
    let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

fn loss((key, count): ([u64; 2], u64)) -> Option<Loss> {
    let key = LossKey::read_from_bytes(key.as_bytes()).ok()?;
    Some(Loss {
        cgroup: key.cgroup,
        class: Class::try_from(u16::try_from(key.class).ok()?).ok()?,
        reason: LossReason::from_number(key.reason)?,
        count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_with_several_programs_is_counted_once() {
        let misses =
            [(Class::FileOpen, 3), (Class::FileRename, 1), (Class::FileRename, 2), (Class::FileRename, 0)];
        let counters = |class| match class {
            Class::FileRename => {
                ClassCounters { refused: 4, recovered: 2, lost_unattributed: 7, ..Default::default() }
            }
            // No program of it is first.
            Class::Mount => ClassCounters { lost_unattributed: 1, ..Default::default() },
            _ => ClassCounters::default(),
        };
        let mut losses = unattributed(&misses, |class| Some(counters(class)));
        losses.retain(|loss| loss.count > 0);
        let loss = |class, reason, count| Loss { cgroup: 0, class, reason, count };
        let expected = [
            loss(Class::FileOpen, LossReason::NotCalled, 3),
            // As `KernelLedger::class` has it: 1 + 2 + 0 misses, and 4 refused of which 2 came after all.
            loss(Class::FileRename, LossReason::NotCalled, not_called(3, &counters(Class::FileRename))),
            loss(Class::FileRename, LossReason::RingFull, 7),
            loss(Class::Mount, LossReason::RingFull, 1),
        ];
        assert_eq!(losses.len(), expected.len(), "{losses:?}");
        assert!(expected.iter().all(|loss| losses.contains(loss)), "{losses:?}");
        assert!(losses.contains(&loss(Class::FileRename, LossReason::NotCalled, 5)));
    }

    #[test]
    fn an_entry_is_listed_once() {
        let loss =
            |count| Loss { cgroup: 0, class: Class::CgroupCreate, reason: LossReason::RingFull, count };
        let mut losses = vec![loss(3)];
        add(&mut losses, loss(4));
        add(&mut losses, Loss { cgroup: 7, ..loss(0) });
        assert_eq!(losses, [loss(7)], "twice in the list, each round would tell the difference again");
        add(&mut losses, Loss { cgroup: 7, ..loss(1) });
        assert_eq!(losses.len(), 2);
    }
}
