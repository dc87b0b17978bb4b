//! The policy maps: what the agent tells the programs while they run.

use aya::{
    Ebpf,
    maps::{Array, HashMap, MapData, MapError, lpm_trie::LpmTrie},
};
use sensor_common::{
    class::Class,
    policy::{ClassPolicy, FileKey, FileVerdict, GroupPolicy, UNKNOWN_GROUPS},
};
use zerocopy::IntoBytes;

/// Writer of the maps.
pub struct PolicyMaps {
    defaults: Array<MapData, [u64; 2]>,
    groups: HashMap<MapData, u64, [u64; 2]>,
    classes: Array<MapData, [u64; 2]>,
    policy: Array<MapData, [u32; 2]>,
    files: HashMap<MapData, [u64; 4], [u32; 2]>,
    /// Verdicts on remote ports.
    pub ports: HashMap<MapData, u32, u32>,
    /// Verdicts on networks.
    pub networks: LpmTrie<MapData, [u8; 16], u32>,
}

impl PolicyMaps {
    /// Takes the maps out of a loaded object.
    ///
    /// # Errors
    /// Name of a map that is missing or of another kind.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, &'static str> {
        let mut map = |name: &'static str| ebpf.take_map(name).ok_or(name);
        Ok(Self {
            defaults: map("DEFAULTS")?.try_into().map_err(|_| "DEFAULTS")?,
            groups: map("GROUPS")?.try_into().map_err(|_| "GROUPS")?,
            classes: map("CLASSES")?.try_into().map_err(|_| "CLASSES")?,
            policy: map("POLICY")?.try_into().map_err(|_| "POLICY")?,
            files: map("FILES")?.try_into().map_err(|_| "FILES")?,
            ports: map("PORTS")?.try_into().map_err(|_| "PORTS")?,
            networks: map("NETWORKS")?.try_into().map_err(|_| "NETWORKS")?,
        })
    }

    /// Sets what is wanted of control groups without a policy of their own.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn set_default(&mut self, policy: GroupPolicy) -> Result<(), MapError> {
        self.defaults.set(UNKNOWN_GROUPS, words(&policy), 0)
    }

    /// Sets what is wanted of a control group.
    ///
    /// # Errors
    /// The table is full, or the kernel refused.
    pub fn set_group(&mut self, cgroup: u64, policy: GroupPolicy) -> Result<(), MapError> {
        self.groups.insert(cgroup, words(&policy), 0)
    }

    /// Forgets a control group; one that is not there is fine.
    pub fn forget_group(&mut self, cgroup: u64) {
        self.groups.remove(&cgroup).ok();
    }

    /// Sets the bounds of a class.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn set_class(&mut self, class: Class, policy: ClassPolicy) -> Result<(), MapError> {
        self.classes.set(class.index(), words(&policy), 0)
    }

    /// Sets the generation of the verdicts that count.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn set_generation(&mut self, generation: u32) -> Result<(), MapError> {
        let [_, canary] = self.policy.get(&0, 0)?;
        self.policy.set(0, [generation, canary], 0)
    }

    /// Sets the thread whose events are always told.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn set_canary(&mut self, thread: u32) -> Result<(), MapError> {
        let [generation, _] = self.policy.get(&0, 0)?;
        self.policy.set(0, [generation, thread], 0)
    }

    /// Sets the verdict on a file.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn set_file(&mut self, key: FileKey, verdict: FileVerdict) -> Result<(), MapError> {
        self.files.insert(words(&key), [verdict.verdict, verdict.generation], 0)
    }
}

/// A value of so many words as aya takes it.
fn words<T: IntoBytes + zerocopy::Immutable, const N: usize>(value: &T) -> [u64; N] {
    let mut words = [0u64; N];
    let bytes = value.as_bytes();
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_ne_bytes(*chunk);
    }
    words
}
