//! The form of the file: a preamble, then frames, each with its kind, length and checksum. Numbers are
//! little-endian; contents of few bytes and records of the kernel are as they are, all others JSON.

use sensor_common::{class::Class, ledger::LossReason};
use serde::{Deserialize, Serialize};

use super::Options;
use crate::clock::BootClock;
use crate::pipeline::LossReport;
use crate::stream::encode::Context;

/// First bytes of a recording; those that are no letters show that it went through something that takes it for text.
pub const MAGIC: [u8; 8] = *b"\x89PICKET\n";
/// Version of the form. Another one is refused.
pub const VERSION: u16 = 1;
/// Bytes of the preamble: magic, version, zeros.
pub const PREAMBLE_BYTES: usize = 12;
/// Bytes of a frame before its content: length, kind, zeros, checksum.
pub const HEAD_BYTES: usize = 12;
/// Longest content of a frame.
pub const CONTENT_BYTES_MAX: usize = 8 << 20;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    /// [`Header`]; the first frame.
    Header = 1,
    /// Control groups that are known when the recording begins.
    Groups = 2,
    /// Processes that are known then.
    Processes = 3,
    /// Addresses of the cluster that are known then.
    Peers = 4,
    /// A record that waits for the identity of its control group then.
    Parked = 5,
    /// A record that waits for the owner of its socket then.
    Unowned = 6,
    /// Bounds and numbers; the last frame of what is known when the recording begins.
    Base = 7,
    /// `Input::Record`
    Record = 16,
    /// `Input::Group`
    Group = 17,
    /// `Input::Release`
    Release = 18,
    /// `Input::Answer`
    Answer = 19,
    /// `Input::Removed`
    Removed = 20,
    /// `Input::Peer`
    Peer = 21,
    /// `Input::Lost`
    Lost = 22,
    /// `Input::Clock`
    Clock = 23,
    /// `Input::Policy`
    Policy = 24,
    /// `Input::Names`
    Names = 25,
    /// `Input::HostUsers`
    HostUsers = 26,
    /// `Input::Gap`
    Gap = 27,
    /// `Input::Tick`
    Tick = 28,
    /// `Input::Process`
    Process = 29,
    /// `Input::Usage`
    Usage = 30,
    /// [`Ending`]; the last frame.
    End = 31,
}

impl Kind {
    const ALL: [Self; 23] = [
        Self::Header,
        Self::Groups,
        Self::Processes,
        Self::Peers,
        Self::Parked,
        Self::Unowned,
        Self::Base,
        Self::Record,
        Self::Group,
        Self::Release,
        Self::Answer,
        Self::Removed,
        Self::Peer,
        Self::Lost,
        Self::Clock,
        Self::Policy,
        Self::Names,
        Self::HostUsers,
        Self::Gap,
        Self::Tick,
        Self::Process,
        Self::Usage,
        Self::End,
    ];

    /// The kind with this number, if this version knows it.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == number)
    }

    /// True for an input of the pipeline, a gap aside.
    #[must_use]
    pub const fn is_input(self) -> bool {
        self as u16 >= Self::Record as u16 && !matches!(self, Self::Gap | Self::End)
    }
}

/// Who made a recording, and what is needed to make its events.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Version of the agent.
    pub agent: String,
    /// Release of its kernel.
    pub kernel: String,
    /// Form of the kernel's records: `sensor_common::ABI_VERSION`.
    pub abi: u16,
    /// `Event.node`
    pub node: String,
    /// First part of the events' cursors.
    pub instance: String,
    /// Distance of the clocks when the recording began.
    pub clock: BootClock,
    /// When it began, in nanoseconds since boot.
    pub began_ns: u64,
    /// Highest capability of the kernel.
    pub capability_last: u32,
    /// Names of the environment variables that exec events show.
    pub environment: Vec<String>,
    /// What it holds.
    pub options: Options,
}

impl Header {
    /// What encoding needs to know.
    #[must_use]
    pub fn context(&self) -> Context {
        Context {
            node: self.node.clone(),
            instance: self.instance.clone(),
            clock: self.clock,
            capability_last: self.capability_last,
            environment: self.environment.clone(),
        }
    }
}

/// What the last frame says.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Ending {
    /// Inputs that the recording holds.
    pub inputs: u64,
    /// Gaps in it.
    pub gaps: u64,
    /// Inputs that it lacks.
    pub lost: u64,
    /// Why it ended.
    pub reason: String,
}

/// `LossReport` as a frame keeps it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Loss {
    cgroup: u64,
    class: u16,
    reason: u32,
    count: u64,
    time_ns: u64,
}

impl From<LossReport> for Loss {
    fn from(report: LossReport) -> Self {
        let LossReport { cgroup, class, reason, count, time_ns } = report;
        Self { cgroup, class: class as u16, reason: reason as u32, count, time_ns }
    }
}

impl Loss {
    pub(super) fn report(self) -> Option<LossReport> {
        let Self { cgroup, class, reason, count, time_ns } = self;
        let class = Class::try_from(class).ok()?;
        Some(LossReport { cgroup, class, reason: LossReason::from_number(reason)?, count, time_ns })
    }
}

/// The first bytes of a file.
#[must_use]
pub fn preamble() -> [u8; PREAMBLE_BYTES] {
    let mut bytes = [0; PREAMBLE_BYTES];
    let [magic @ .., _, _, _, _] = &mut bytes;
    *magic = MAGIC;
    let [.., low, high, _, _] = &mut bytes;
    [*low, *high] = VERSION.to_le_bytes();
    bytes
}

/// Checksum of a frame. Its number is part of it, so that a frame that is missing or in another's place shows.
#[must_use]
pub fn checksum(number: u64, length: u32, kind: u16, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(&kind.to_le_bytes());
    hasher.update(content);
    hasher.finalize()
}

/// Appends the frame with this number. False if the content is too long for one.
#[must_use]
pub fn put(number: u64, kind: Kind, content: &[u8], to: &mut Vec<u8>) -> bool {
    let Some(length) = u32::try_from(content.len()).ok().filter(|_| content.len() <= CONTENT_BYTES_MAX)
    else {
        return false;
    };
    let kind = kind as u16;
    to.extend(length.to_le_bytes());
    to.extend(kind.to_le_bytes());
    to.extend([0, 0]);
    to.extend(checksum(number, length, kind, content).to_le_bytes());
    to.extend(content);
    true
}

/// A frame's head, as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the content.
    pub length: u32,
    /// [`Kind`] as a number.
    pub kind: u16,
    /// Zero.
    pub reserved: u16,
    /// [`checksum`]
    pub checksum: u32,
}

impl Head {
    /// From its bytes.
    #[must_use]
    pub fn parse(bytes: [u8; HEAD_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        Self {
            length: u32::from_le_bytes([a, b, c, d]),
            kind: u16::from_le_bytes([e, f]),
            reserved: u16::from_le_bytes([g, h]),
            checksum: u32::from_le_bytes([i, j, k, l]),
        }
    }

    /// Whether the frame with this number and content is whole.
    #[must_use]
    pub fn fits(&self, number: u64, content: &[u8]) -> bool {
        self.reserved == 0 && checksum(number, self.length, self.kind, content) == self.checksum
    }
}
