//! Which events are wanted: the settings in the form that the stages and the kernel's maps need.
//!
//! A policy is replaced whole. Verdicts on files carry the generation of the policy that gave them, so
//! that those of an earlier one count for nothing.

pub mod file;

use std::net::IpAddr;

use ipnet::IpNet;
use sensor_common::{
    class::{Class, Family},
    policy::{ClassPolicy, FileKey, GroupFlags, GroupPolicy, Network, Verdict},
};
use serde::{Deserialize, Serialize};

use self::file::FileRules;

/// Equal uses of a capability, and mappings of a file, by a program within so many nanoseconds are one: an hour.
const ONCE_WINDOW_NS: u64 = 3_600_000_000_000;

/// Whose a control group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// The host's.
    Host,
    /// A container's.
    Container,
}

/// Bounds of files and sockets, for each class of each control group. Other families have none.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// Events a second, on average; 0 for no bound.
    pub rate: u32,
    /// Events at once.
    pub burst: u32,
    /// Equal events within so many nanoseconds are one; 0 for none.
    pub window_ns: u64,
}

/// What rules look at: the kernel sends it, and subscribers get of it what the settings want.
///
/// Of files that were opened rules are asked one by one ([`crate::detect::judge::Judge::could_open`]): a verdict `Quiet`
/// ends what the kernel sends.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// Set of classes of containers.
    pub containers: u64,
    /// Set of classes of the host.
    pub host: u64,
    /// Some rule compares the names by which files are opened: verdicts are to be by these, too.
    pub names: bool,
}

impl Judged {
    /// All that there is.
    #[must_use]
    pub fn everything() -> Self {
        Self { containers: Class::all_bits(), host: Class::all_bits(), names: true }
    }

    /// What either wants.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            containers: self.containers | other.containers,
            host: self.host | other.host,
            names: self.names || other.names,
        }
    }

    /// Whether sockets are among it.
    #[must_use]
    pub fn has_sockets(&self) -> bool {
        let mut sockets = Class::ALL.iter().filter(|class| class.family() == Family::Network);
        sockets.any(|class| (self.containers | self.host) & class.bit() != 0)
    }
}

/// What is wanted.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Policy {
    /// Counts the policies of this run of the agent, from 1.
    pub generation: u32,
    /// Set of the classes that are wanted of containers.
    pub containers: u64,
    /// Set of the classes that are wanted of the host.
    pub host: u64,
    /// What rules want besides.
    pub judged: Judged,
    /// Bounds.
    pub bounds: Bounds,
    /// Files.
    pub files: FileRules,
    /// Remote ports to which connections are not wanted. Like the networks they are for the kernel alone, so a
    /// recording is without them.
    #[serde(skip)]
    pub quiet_ports: Vec<u16>,
    /// Networks to which connections are not wanted.
    #[serde(skip)]
    pub quiet_networks: Vec<IpNet>,
    /// Bytes of payload that events show of each direction of a flow.
    pub payload_bytes: usize,
}

/// A change for the kernel's maps.
#[derive(Clone, Debug)]
pub enum Change {
    /// Whose a control group is has become known.
    Group {
        /// Id.
        cgroup: u64,
        /// Owner.
        kind: GroupKind,
    },
    /// A control group is gone.
    Removed(u64),
    /// A verdict on a file.
    File {
        /// File.
        key: FileKey,
        /// Verdict.
        verdict: Verdict,
        /// Generation of the policy that gave it.
        generation: u32,
    },
    /// The settings changed.
    Replace(std::sync::Arc<Policy>),
}

impl Policy {
    /// Everything is wanted, nothing is bounded or counted together.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            generation: 1,
            containers: Class::all_bits(),
            host: Class::all_bits(),
            judged: Judged::default(),
            bounds: Bounds { rate: 0, burst: 0, window_ns: 0 },
            files: FileRules::everything(),
            quiet_ports: Vec::new(),
            quiet_networks: Vec::new(),
            payload_bytes: 0,
        }
    }

    /// What is wanted of a control group.
    #[must_use]
    pub const fn group(&self, kind: GroupKind) -> GroupPolicy {
        let names = if self.judged.names { GroupFlags::NAMES } else { 0 };
        let (classes, flags) = match kind {
            GroupKind::Host => (self.host | self.judged.host, names),
            GroupKind::Container => (self.containers | self.judged.containers, names | GroupFlags::CONTAINER),
        };
        GroupPolicy { classes, flags, reserved: 0 }
    }

    /// What is wanted of a control group of which nothing is known: whatever anybody could want.
    #[must_use]
    pub const fn unknown(&self) -> GroupPolicy {
        let container = self.group(GroupKind::Container);
        GroupPolicy { classes: self.group(GroupKind::Host).classes | container.classes, ..container }
    }

    /// Whether rules look at a class of a control group: of one that is not known, whatever they could look at.
    #[must_use]
    pub const fn judges(&self, class: Class, kind: Option<GroupKind>) -> bool {
        let classes = match kind {
            Some(GroupKind::Host) => self.judged.host,
            Some(GroupKind::Container) => self.judged.containers,
            None => self.judged.host | self.judged.containers,
        };
        classes & class.bit() != 0
    }

    /// Whether subscribers may want a class of a control group: of one that is not known, whatever anybody could want.
    #[must_use]
    pub const fn wants(&self, class: Class, kind: Option<GroupKind>) -> bool {
        let classes = match kind {
            Some(GroupKind::Host) => self.host,
            Some(GroupKind::Container) => self.containers,
            None => self.host | self.containers,
        };
        classes & class.bit() != 0
    }

    /// Bounds of a class.
    #[must_use]
    pub fn class(&self, class: Class) -> ClassPolicy {
        match class.family() {
            Family::File | Family::Network => {
                let Bounds { rate, burst, window_ns } = self.bounds;
                let window_ns = if class == Class::FileMapExec { ONCE_WINDOW_NS } else { window_ns };
                ClassPolicy { rate, burst, window_ns }
            }
            // The hook is hot, and once for each process, capability and outcome tells all that there is.
            Family::Privilege if class == Class::Capability => {
                ClassPolicy { window_ns: ONCE_WINDOW_NS, ..ClassPolicy::default() }
            }
            // Never limited; a program that asks for the same again and again is counted.
            Family::Privilege => ClassPolicy { window_ns: self.bounds.window_ns, ..ClassPolicy::default() },
            Family::Process | Family::Container => ClassPolicy::default(),
        }
    }

    /// Whether subscribers do not want to be told of what goes to this end.
    #[must_use]
    pub fn is_quiet(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        self.quiet_ports.contains(&port)
            || self.quiet_networks.iter().any(|network| network.contains(&address))
    }

    /// Ports that the kernel is to hold back: none where rules look at sockets.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        if self.judged.has_sockets() { &[] } else { &self.quiet_ports }
    }

    /// The same of networks, with the length of their prefix as the kernel's table takes it.
    pub fn networks(&self) -> impl Iterator<Item = (u32, Network)> {
        let networks = if self.judged.has_sockets() { &[][..] } else { &self.quiet_networks };
        networks.iter().map(|network| match network.addr() {
            IpAddr::V4(address) => {
                let prefix = u32::from(network.prefix_len()) + 96;
                (prefix, Network { address: address.to_ipv6_mapped().octets() })
            }
            IpAddr::V6(address) => (network.prefix_len().into(), Network { address: address.octets() }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vital_events_are_never_limited() {
        let policy = Policy { bounds: Bounds { rate: 5, burst: 10, window_ns: 7 }, ..Policy::everything() };
        for class in Class::ALL {
            let bounds = policy.class(*class);
            assert_eq!(bounds.rate == 0, class.family().is_vital(), "{class:?}");
        }
        assert_eq!(policy.class(Class::ProcessExec), ClassPolicy::default());
        assert_eq!(policy.class(Class::FileOpen), ClassPolicy { rate: 5, burst: 10, window_ns: 7 });
    }

    #[test]
    fn what_rules_want_is_sent_and_not_told() {
        let judged =
            Judged { containers: Class::FileOpen.bit(), host: Class::Bpf.bit(), ..Judged::default() };
        let policy = Policy { containers: 0, host: 0, judged, ..Policy::everything() };
        assert_eq!(policy.group(GroupKind::Container).classes, judged.containers);
        assert_eq!(policy.group(GroupKind::Host).classes, judged.host);
        assert_eq!(policy.unknown().classes, judged.containers | judged.host);
        assert!(
            !policy.wants(Class::FileOpen, Some(GroupKind::Container)) && !policy.wants(Class::Bpf, None)
        );
    }

    #[test]
    fn what_rules_look_at_is_not_held_back() {
        let networks = ["10.0.0.0/8"].map(|text| text.parse().unwrap()).to_vec();
        let mut policy = Policy { quiet_ports: vec![443], quiet_networks: networks, ..Policy::everything() };
        assert_eq!((policy.ports(), policy.networks().count()), (&[443][..], 1));
        assert_eq!(policy.group(GroupKind::Host).flags, 0);
        policy.judged = Judged { host: Class::NetConnect.bit(), names: true, ..Judged::default() };
        assert_eq!((policy.ports(), policy.networks().count()), (&[][..], 0));
        assert_eq!(policy.group(GroupKind::Host).flags, GroupFlags::NAMES);
        assert_eq!(policy.unknown().flags, GroupFlags::NAMES | GroupFlags::CONTAINER);
        for (address, port, quiet) in [
            ("10.1.2.3", 80, true),
            ("::ffff:10.1.2.3", 80, true),
            ("11.1.2.3", 443, true),
            ("11.1.2.3", 80, false),
        ] {
            assert_eq!(policy.is_quiet(address.parse().unwrap(), port), quiet, "{address}:{port}");
        }
        assert!(
            policy.judges(Class::NetConnect, Some(GroupKind::Host)) && policy.judges(Class::NetConnect, None)
        );
        assert!(!policy.judges(Class::NetConnect, Some(GroupKind::Container)));
    }

    #[test]
    fn networks_are_in_mapped_form() {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap()).to_vec();
        let policy = Policy { quiet_networks: networks, ..Policy::everything() };
        let found: Vec<_> = policy.networks().collect();
        assert_eq!(found[0].0, 104);
        assert_eq!(found[0].1.address[10..], [0xff, 0xff, 10, 0, 0, 0]);
        assert_eq!((found[1].0, found[1].1.address[0]), (8, 0xfd));
    }
}
