//! The kernel side of the ledger: what the programs saw, sent and lost.

use aya::maps::{HashMap, Map, MapData, MapError, PerCpuArray};
use sensor_common::{
    class::Class,
    ledger::{ClassCounters, LossKey, LossReason},
};
use zerocopy::{FromBytes, IntoBytes};

/// Reader of the counters.
pub struct KernelLedger {
    counters: PerCpuArray<MapData, [u64; 4]>,
    losses: HashMap<MapData, [u64; 2], u64>,
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
    /// Wraps the maps `COUNTERS` and `LOSSES`.
    ///
    /// # Errors
    /// The maps have other types: the object does not belong to this agent.
    pub fn new(counters: Map, losses: Map) -> Result<Self, MapError> {
        Ok(Self { counters: PerCpuArray::try_from(counters)?, losses: HashMap::try_from(losses)? })
    }

    /// Counters of a class, all CPUs together.
    ///
    /// # Errors
    /// The kernel refused the look-up.
    pub fn class(&self, class: Class) -> Result<ClassCounters, MapError> {
        let mut sum = ClassCounters::default();
        for cpu in self.counters.get(&class.index(), 0)?.iter() {
            let Ok(counters) = ClassCounters::read_from_bytes(cpu.as_bytes()) else { continue };
            sum.seen += counters.seen;
            sum.sent += counters.sent;
            sum.lost += counters.lost;
            sum.lost_unattributed += counters.lost_unattributed;
        }
        Ok(sum)
    }

    /// Every loss, the largest first.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        let mut losses: Vec<Loss> = self.losses.iter().filter_map(Result::ok).filter_map(loss).collect();
        losses.sort_by_key(|loss| std::cmp::Reverse(loss.count));
        losses
    }
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
