//! What the agent tells the programs to send and what not, and the account of it: the maps' entries.
//!
//! All of it can change while the programs run: entries are replaced one by one, so that there is
//! no moment without a policy.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Policy for the control groups of which the agent said nothing yet (key of `DEFAULTS`).
pub const UNKNOWN_GROUPS: u32 = 0;

/// What is wanted of a control group (`GROUPS`, by its id).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct GroupPolicy {
    /// Set of the classes that are wanted ([`crate::class::Class::bit`]).
    pub classes: u64,
    /// [`GroupFlags`] bits.
    pub flags: u32,
    /// Unused; zero.
    pub reserved: u32,
}

/// Bits of [`GroupPolicy::flags`].
#[derive(Clone, Copy, Debug)]
pub struct GroupFlags;

impl GroupFlags {
    /// The group is a container's.
    pub const CONTAINER: u32 = 1 << 0;
    /// Files are sent whatever the verdict on them is.
    pub const ALL_FILES: u32 = 1 << 1;
    /// Verdicts on files are also by the name that was asked for ([`FileKey::way`]).
    pub const NAMES: u32 = 1 << 2;
}

/// Bounds of one class (`CLASSES`, by [`crate::class::Class::index`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ClassPolicy {
    /// Events a second that a control group may send on average; 0: no bound.
    pub rate: u32,
    /// Events that it may send at once.
    pub burst: u32,
    /// Equal events within so many nanoseconds are one, with a count; 0: each is sent.
    pub window_ns: u64,
}

/// One class in one control group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AccountKey {
    /// Control group.
    pub cgroup: u64,
    /// [`crate::class::Class`] as a number.
    pub class: u32,
    /// Unused; zero.
    pub reserved: u32,
}

/// What became of the events of one class in one control group (`ACCOUNTS`):
/// seen = filtered + aggregated + limited + sent + lost; sent and lost follow from the table of
/// losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Account {
    /// Events that happened.
    pub seen: u64,
    /// Nobody wants them.
    pub filtered: u64,
    /// Counted by an equal event.
    pub aggregated: u64,
    /// More than the group may send.
    pub limited: u64,
    /// Nanoseconds since boot when the tokens were counted last.
    pub refilled_ns: u64,
    /// Tokens left, in billionths (a rate of n a second gives n for each nanosecond).
    pub tokens: u64,
}

/// A file as it is reached by one name (`FILES`).
///
/// An inode's number is given again after the file is gone, and a file can be given another name: both
/// change the time, so that a verdict on what was there before counts for nothing. Another link of the
/// file, or another mount that it is on, is another way to it, with a verdict of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FileKey {
    /// `inode.i_ino`
    pub inode: u64,
    /// [`crate::record::process::FileIdentity::changed_ns`]
    pub changed_ns: u64,
    /// Made of the addresses of directory entry and mount, and with [`GroupFlags::NAMES`] of the text that was asked for:
    /// says nothing but whether two ways are one.
    pub way: u64,
    /// `super_block.s_dev`, the kernel's encoding.
    pub device: u32,
    /// 0 where it is opened to be read, 1 to be written.
    pub written: u32,
}

/// What the agent thinks of a file (value of `FILES`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FileVerdict {
    /// [`Verdict`] as a number.
    pub verdict: u32,
    /// Generation of the policy that it was made with; one of another generation counts for nothing.
    pub generation: u32,
}

/// Verdicts on files, ports and networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Verdict {
    /// Not wanted.
    Quiet = 1,
    /// Wanted, and not subject to the bound of its class.
    Wanted = 2,
}

/// Generation and switches (`POLICY`, one entry).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Policy {
    /// Current generation of the verdicts on files.
    pub generation: u32,
    /// Thread id of the canary, whose events are always sent; 0 for none.
    pub canary: u32,
}

/// An event that may repeat (`REPEATS`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RepeatKey {
    /// Start of the process in nanoseconds since boot, mixed with the address of its memory: another program has another.
    pub start_ns: u64,
    /// Process id.
    pub pid: u32,
    /// [`crate::class::Class`] as a number.
    pub class: u32,
    /// What is equal: inode, or the first half of an address.
    pub first: u64,
    /// What is equal: device and access, or the second half of an address.
    pub second: u64,
    /// What is equal: ports, flags.
    pub third: u64,
}

/// How often it was (value of `REPEATS`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Repeats {
    /// When it was sent last, in nanoseconds since boot.
    pub sent_ns: u64,
    /// How often it was seen since then.
    pub count: u64,
}

/// A network, as a key of a longest-prefix table (`NETWORKS`): IPv4 in its mapped IPv6 form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Network {
    /// Address in network order.
    pub address: [u8; 16],
}
