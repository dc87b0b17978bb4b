//! Keeps the kernel's policy maps, on a thread of its own: what is wanted of which control group, and
//! the verdicts on files.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use aya::maps::{MapError, lpm_trie::Key};
use sensor_common::{
    class::Class,
    limits::GROUPS_MAX,
    policy::{FileVerdict, Verdict},
};
use tokio::sync::mpsc::error::TrySendError;

use crate::clock;
use crate::kernel::policy::PolicyMaps;
use crate::policy::{Change, GroupKind, Policy};
use crate::sources::lapses::Lapses;

/// How long the entries of a control group outlive it: its last records may be on their way.
const GRACE_NS: u64 = 10_000_000_000;
/// Longest wait for a change.
const PATIENCE: Duration = Duration::from_millis(500);

/// The thread's state.
pub(super) struct Writer {
    maps: PolicyMaps,
    policy: Arc<Policy>,
    groups: HashMap<u64, GroupKind>,
    /// Groups that are gone, and when.
    gone: VecDeque<(u64, u64)>,
    /// Where groups that are gone are told for good.
    forgotten: tokio::sync::mpsc::Sender<u64>,
    failed: bool,
    lapses: Arc<Lapses>,
}

impl Writer {
    /// A writer that has written the policy: it holds from the first event on.
    pub(super) fn new(
        maps: PolicyMaps,
        policy: Arc<Policy>,
        forgotten: tokio::sync::mpsc::Sender<u64>,
        lapses: Arc<Lapses>,
    ) -> Self {
        let (groups, gone) = (HashMap::new(), VecDeque::new());
        let mut writer = Self { maps, policy, groups, gone, forgotten, failed: false, lapses };
        writer.write_all();
        writer
    }

    /// Whose a control group is.
    pub(super) fn group(&mut self, cgroup: u64, kind: GroupKind) {
        if self.groups.len() >= GROUPS_MAX as usize && !self.groups.contains_key(&cgroup) {
            // The default holds for it, which wants everything that anybody could.
            self.lapses.groups.add(1);
            return;
        }
        self.groups.insert(cgroup, kind);
        let result = self.maps.set_group(cgroup, self.policy.group(kind));
        self.check("the policy of a control group", result);
    }

    /// Names the thread whose events pass every filter, by its number in the initial pid namespace.
    pub(super) fn canary(&mut self, thread: u32) {
        let result = self.maps.set_canary(thread);
        self.check("the canary", result);
    }

    /// Works until every sender is gone, or `stopped`.
    pub(super) fn run(mut self, changes: &Receiver<Change>, stopped: impl Fn() -> bool) {
        while !stopped() {
            match changes.recv_timeout(PATIENCE) {
                Ok(change) => self.apply(change),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.bury();
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Group { cgroup, kind } => self.group(cgroup, kind),
            Change::Removed(cgroup) => self.gone.push_back((cgroup, clock::boot_ns())),
            Change::File { key, verdict, generation } => {
                let verdict = FileVerdict { verdict: verdict as u32, generation };
                let result = self.maps.set_file(key, verdict);
                self.check("the verdict on a file", result);
            }
            Change::Replace(policy) => {
                self.replace(policy);
                tracing::info!(generation = self.policy.generation, "the new policy holds");
            }
        }
    }

    /// Another policy holds.
    pub(super) fn replace(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
        self.write_all();
    }

    /// Removes the entries of groups that have been gone for a while.
    fn bury(&mut self) {
        let now = clock::boot_ns();
        while let Some((cgroup, since)) = self.gone.front().copied()
            && now.saturating_sub(since) > GRACE_NS
        {
            // No room: later. Else its account and its losses would stay in their tables for good.
            if matches!(self.forgotten.try_send(cgroup), Err(TrySendError::Full(_))) {
                return;
            }
            self.gone.pop_front();
            self.groups.remove(&cgroup);
            self.maps.forget_group(cgroup);
        }
    }

    /// Writes everything. More is wanted first, less afterwards, so that nothing falls between: bounds and
    /// groups before the verdicts of the old policy lose their meaning.
    fn write_all(&mut self) {
        let policy = Arc::clone(&self.policy);
        let mut result = self.maps.set_default(policy.unknown());
        for class in Class::ALL {
            result = result.and(self.maps.set_class(*class, policy.class(*class)));
        }
        for (cgroup, kind) in &self.groups {
            result = result.and(self.maps.set_group(*cgroup, policy.group(*kind)));
        }
        result = result.and(self.networks(&policy)).and(self.maps.set_generation(policy.generation));
        self.check("the policy", result);
    }

    fn networks(&mut self, policy: &Policy) -> Result<(), MapError> {
        let quiet = Verdict::Quiet as u32;
        let ports: Vec<u32> = self.maps.ports.keys().filter_map(Result::ok).collect();
        for port in
            ports.into_iter().filter(|port| !policy.ports().iter().any(|quiet| u32::from(*quiet) == *port))
        {
            self.maps.ports.remove(&port)?;
        }
        for port in policy.ports() {
            self.maps.ports.insert(u32::from(*port), quiet, 0)?;
        }
        let wanted: Vec<Key<[u8; 16]>> =
            policy.networks().map(|(prefix, network)| Key::new(prefix, network.address)).collect();
        let same = |one: &Key<[u8; 16]>, other: &Key<[u8; 16]>| {
            (one.prefix_len(), one.data()) == (other.prefix_len(), other.data())
        };
        let old: Vec<_> = self.maps.networks.keys().filter_map(Result::ok).collect();
        for key in old.iter().filter(|key| !wanted.iter().any(|other| same(key, other))) {
            self.maps.networks.remove(key)?;
        }
        for key in &wanted {
            self.maps.networks.insert(key, quiet, 0)?;
        }
        Ok(())
    }

    fn check(&mut self, what: &str, result: Result<(), MapError>) {
        match result {
            Ok(()) => self.failed = false,
            Err(error) if !self.failed => {
                tracing::error!(%error, what, "cannot tell the kernel; the default holds: more events than wanted");
                self.failed = true;
            }
            Err(_) => {}
        }
    }
}
