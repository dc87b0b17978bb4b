//! Replaces what names people, workloads and machines: a keyed hash, so that the same name is the same everywhere in a
//! recording, and cannot be found again without the key, which is kept nowhere. docs/recordings.md lists what stays.

mod text;
mod words;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use sensor_common::{
    class::{Class, Family},
    header::{Incomplete, RecordHeader},
    record::network::{Address, NetRecord},
    tail::{Tail, Tails},
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::format::Header;
use super::strip::{fixed_bytes, rewrite};
use crate::event::text::{Strings, lossy};
use crate::identity::{
    container::{Container, Pod},
    details::{Details, Mount},
    peer::{Peer, PeerNews},
    store::{Answer, GroupState, Known},
};
use crate::policy::{Policy, file::Patterns};
use crate::process::{Process, Program, command_line::CommandLine};

/// Bytes of the key.
const KEY_BYTES: usize = 32;
/// Longest command name of a task, without its end.
const COMMAND_BYTES: usize = 15;

/// Replaces names; always the same by the same.
#[derive(Clone)]
pub struct Anonymiser {
    key: hmac::Key,
}

impl std::fmt::Debug for Anonymiser {
    /// Without the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Anonymiser").finish_non_exhaustive()
    }
}

impl Anonymiser {
    /// With a key that nobody else knows; `None` if the system has no random numbers.
    #[must_use]
    pub fn new() -> Option<Self> {
        let mut key = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut key).ok()?;
        Some(Self::with_key(&key))
    }

    /// With this key.
    #[must_use]
    pub fn with_key(key: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key) }
    }

    fn digits(&self, bytes: &[u8]) -> String {
        let tag = hmac::sign(&self.key, bytes);
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn header(&self, header: &mut Header) {
        header.node = self.name(&header.node);
    }

    pub(super) fn policy(&self, policy: &Arc<Policy>) -> Arc<Policy> {
        let mut patterns = Patterns::from(policy.files.clone());
        for pattern in patterns.sensitive.iter_mut().chain(&mut patterns.quiet) {
            *pattern = self.pattern(pattern);
        }
        let files = patterns.try_into().unwrap_or_else(|_| policy.files.clone());
        Arc::new(Policy { files, ..Policy::clone(policy) })
    }

    pub(super) fn group(&self, group: &mut GroupState) {
        group.path = self.cgroup_path(&group.path);
        group.unit = group.unit.take().map(|unit| self.cgroup_component(&unit));
        group.container = group.container.take().map(|known| self.known(&known));
    }

    pub(super) fn answer(&self, answer: &mut Answer) {
        answer.path = self.cgroup_path(&answer.path);
        answer.identity = answer.identity.take().map(|known| self.known(&known));
    }

    fn known(&self, known: &Known) -> Arc<Known> {
        let mut container = known.container.clone();
        self.container(&mut container);
        // A reason may name a folder or what a runtime said.
        let unresolved = known.unresolved.as_ref().map(|_| "the reason is not part of this recording".into());
        Arc::new(Known::new(container, unresolved))
    }

    fn container(&self, container: &mut Container) {
        container.id = self.cgroup_component(&container.id);
        container.name = self.name(&container.name);
        container.image = self.image(&container.image);
        container.image_digest = self.ids(&container.image_digest);
        self.details(&mut container.details);
        if let Some(pod) = &mut container.pod {
            self.pod(pod);
        }
    }

    fn pod(&self, pod: &mut Pod) {
        for name in [&mut pod.namespace, &mut pod.name, &mut pod.service_account] {
            *name = self.name(name);
        }
        pod.uid = self.ids(&pod.uid);
        pod.sandbox_id = self.ids(&pod.sandbox_id);
        for value in pod.labels.values_mut().chain(pod.annotations.values_mut()) {
            *value = self.name(value);
        }
        for owner in &mut pod.owners {
            owner.name = self.name(&owner.name);
        }
    }

    pub(super) fn process(&self, process: &mut Process) {
        let Program { executable, command_line, directory, .. } = process.program.as_ref();
        let arguments: Vec<_> = command_line.arguments().map(|argument| self.argument(argument)).collect();
        let executable = self.path(executable);
        let command = self.command(command_line.command(), &executable);
        process.program = Arc::new(Program {
            command_line: CommandLine::new(&command, arguments.iter()),
            executable,
            directory: self.path(directory),
            ..Program::clone(&process.program)
        });
    }

    /// Command name of a program, by the name of its file as it is now; another one is a word.
    fn command(&self, command: &str, executable: &str) -> String {
        let leaf = executable.rsplit('/').next().unwrap_or_default();
        if leaf.get(..COMMAND_BYTES).unwrap_or(leaf) == command {
            command.to_owned()
        } else {
            self.word(command)
        }
    }

    /// Names that rules compare, with their addresses.
    pub(super) fn names(&self, pairs: &[(&str, IpAddr)]) -> Vec<(String, IpAddr)> {
        pairs.iter().map(|(name, address)| (self.name(name), self.address(*address))).collect()
    }

    /// Of users nothing is kept but their numbers.
    fn details(&self, details: &mut Details) {
        details.hostname = self.name(&details.hostname);
        details.users = None;
        let mount = |mount: &Mount| Mount {
            source: self.path(&mount.source),
            destination: self.path(&mount.destination),
            ..mount.clone()
        };
        let mounts = details.mounts.take().map(|mounts| mounts.list().iter().map(mount).collect());
        details.mounts = mounts.map(Arc::new);
    }

    pub(super) fn peer(&self, news: &mut PeerNews) {
        match news {
            PeerNews::Has(address, peer) => {
                *address = self.address(*address);
                let (namespace, name) = (self.name(peer.namespace()), self.name(peer.name()));
                // These are shorter than any bound.
                if let Some(other) = Peer::new(peer.kind(), &namespace, &name, &self.ids(peer.uid())) {
                    *peer = other;
                }
            }
            PeerNews::Gone(address, uid) => {
                *address = self.address(*address);
                *uid = self.ids(uid).into();
            }
            PeerNews::Moved(uid) => *uid = self.ids(uid).into(),
            PeerNews::Begin(_) | PeerNews::End(_) => {}
        }
    }

    /// A record of the kernel; an empty one if it makes no sense.
    pub(super) fn record(&self, record: &[u8]) -> Vec<u8> {
        let command = leaf(record).map(|leaf| (cut(leaf).to_vec(), self.component_of_program(record, leaf)));
        let changed =
            rewrite(record, |kind, value, incomplete| self.field(kind, value, *incomplete, command.as_ref()));
        let mut bytes = changed.unwrap_or_default();
        self.fixed(&mut bytes);
        bytes
    }

    /// A variable field; `None` leaves it out.
    fn field(
        &self,
        kind: Tail,
        value: &[u8],
        incomplete: u32,
        command: Option<&(Vec<u8>, String)>,
    ) -> Option<Vec<u8>> {
        let cut_by = |bit: u32| incomplete & bit != 0;
        Some(match kind {
            Tail::Executable => self.components(value, cut_by(Incomplete::EXECUTABLE)),
            Tail::Directory => self.components(value, cut_by(Incomplete::DIRECTORY)),
            Tail::Path | Tail::Base => self.components(value, cut_by(Incomplete::PATH)),
            Tail::NewPath | Tail::NewBase => self.components(value, cut_by(Incomplete::NEW_PATH)),
            Tail::Cgroup => each(value, |component| self.cgroup_component(component)),
            Tail::CgroupPath => ended(self.cgroup_path(&text_of(value))),
            Tail::Arguments => each(value, |argument| self.argument(argument)),
            Tail::PathText | Tail::NewPathText | Tail::Requested | Tail::Interpreter => {
                ended(self.path(&text_of(value)))
            }
            Tail::Command => {
                let text = text_of(value);
                match command {
                    Some((of_file, changed)) if text.as_bytes() == of_file.as_slice() => {
                        [cut(changed.as_bytes()), &[0]].concat()
                    }
                    _ => ended(self.word(&text)),
                }
            }
            Tail::SocketName => match value.split_first() {
                Some((0, name)) => [&[0], self.name(&lossy(name)).as_bytes()].concat(),
                _ => ended(self.path(&text_of(value))),
            },
            Tail::Name => ended(self.attribute(&text_of(value))),
            Tail::Value => self.name(&lossy(value)).into_bytes(),
            // Values were taken out before.
            Tail::Environment | Tail::Terminal | Tail::Filesystem => value.to_vec(),
            Tail::Payload => return None,
        })
    }

    /// Addresses in the fixed part.
    fn fixed(&self, bytes: &mut [u8]) {
        let class =
            RecordHeader::read_from_prefix(bytes).ok().map(|(header, _)| Class::try_from(header.class));
        let Some(Ok(class)) = class else { return };
        if class.family() != Family::Network {
            return;
        }
        let Ok((mut record, _)) = NetRecord::read_from_prefix(bytes) else { return };
        for Address { ip, .. } in [&mut record.local, &mut record.remote] {
            let changed = match self.address(Ipv6Addr::from(*ip).to_canonical()) {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            *ip = changed.octets();
        }
        if let Some(place) = bytes.get_mut(..size_of::<NetRecord>()) {
            place.copy_from_slice(record.as_bytes());
        }
    }

    /// Name of the executed file, as its path shows it.
    fn component_of_program(&self, record: &[u8], leaf: &[u8]) -> String {
        let components = components_of(record).unwrap_or_default();
        let changed = self.components(components, false);
        let first = Strings(&changed).iter().next().map(|first| lossy(first).into_owned());
        first.unwrap_or_else(|| self.word(&lossy(leaf)))
    }

    /// An address of the same kind: its network stays where that says what it is, the rest is replaced.
    pub(super) fn address(&self, address: IpAddr) -> IpAddr {
        let bytes = |octets: &[u8]| {
            let mut tag = [0; 16];
            tag.copy_from_slice(
                hmac::sign(&self.key, octets).as_ref().first_chunk::<16>().unwrap_or(&[0; 16]),
            );
            tag
        };
        match address {
            IpAddr::V4(v4) if v4.is_loopback() || v4.is_link_local() || v4.is_multicast() => address,
            IpAddr::V4(v4) if v4.is_unspecified() || v4.is_broadcast() => address,
            IpAddr::V4(v4) => {
                let (mask, tag) = (prefix_of(v4), bytes(&v4.octets()));
                let [a, b, c, d, ..] = tag;
                let other = u32::from_be_bytes([a, b, c, d]);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask | other & !mask))
            }
            IpAddr::V6(v6) if v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() => address,
            IpAddr::V6(v6) => {
                const FIRST_16: u128 = 0xffff << 112;
                let other = u128::from_be_bytes(bytes(&v6.octets()));
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & FIRST_16 | other & !FIRST_16))
            }
        }
    }
}

/// Bits of an address that say what it is.
const fn prefix_of(address: Ipv4Addr) -> u32 {
    match address.octets() {
        [192, 168, ..] => 0xffff_0000,
        [172, second, ..] if second >= 16 && second < 32 => 0xfff0_0000,
        [100, second, ..] if second >= 64 && second < 128 => 0xffc0_0000,
        _ => 0xff00_0000,
    }
}

/// The executed file's components.
fn components_of(record: &[u8]) -> Option<&[u8]> {
    let (header, _) = RecordHeader::read_from_prefix(record).ok()?;
    let tails = record.get(fixed_bytes(Class::try_from(header.class).ok()?)..)?;
    let mut found = Tails::new(tails).map_while(Result::ok);
    found.find_map(|(kind, value)| (kind == Tail::Executable as u16).then_some(value))
}

/// The executed file's name.
fn leaf(record: &[u8]) -> Option<&[u8]> {
    Strings(components_of(record)?).iter().next()
}

fn cut(name: &[u8]) -> &[u8] {
    name.get(..COMMAND_BYTES).unwrap_or(name)
}

fn text_of(value: &[u8]) -> String {
    lossy(crate::event::text::until_nul(value)).into_owned()
}

fn ended(text: String) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    bytes.push(0);
    bytes
}

/// Strings that follow each other, each changed.
fn each(value: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    Strings(value).iter().flat_map(|one| ended(change(&lossy(one)))).collect()
}

#[cfg(test)]
mod tests;
