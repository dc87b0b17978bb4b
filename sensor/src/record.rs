//! Recordings: the inputs of the pipeline, written to a file and read back, so that they give the same events again
//! without kernel and without root. docs/recordings.md describes the form of the file.

pub mod anonymise;
pub mod choose;
pub mod format;
pub mod read;
pub mod strip;
pub mod write;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::BootClock;
use crate::detect::names::Names;
use crate::identity::{peer::PeerNews, store::Answer, usage::Usage, users::Users};
use crate::pipeline::{LossReport, Output, Pipeline};
use crate::policy::Policy;
use crate::process::Process;

/// An input of the pipeline.
#[derive(Clone, Debug)]
pub enum Input {
    /// A record of the kernel.
    Record {
        /// When it was read, in nanoseconds since boot.
        now_ns: u64,
        /// The record.
        bytes: Box<[u8]>,
    },
    /// A record that another thread read, of a control group that was created or removed.
    Group(Box<[u8]>),
    /// What waited long enough goes on.
    Release {
        /// Nanoseconds since boot.
        now_ns: u64,
    },
    /// About a second has passed.
    Tick {
        /// Nanoseconds since boot.
        now_ns: u64,
    },
    /// An answer about a control group.
    Answer {
        /// When it was taken in, in nanoseconds since boot.
        now_ns: u64,
        /// The answer.
        answer: Answer,
    },
    /// A control group was removed.
    Removed(u64),
    /// Who has which address of the cluster.
    Peer(PeerNews),
    /// Records that the kernel could not deliver.
    Lost(LossReport),
    /// The clocks moved against each other.
    Clock(BootClock),
    /// Another policy holds.
    Policy(Arc<Policy>),
    /// Other addresses of the names that rules compare.
    Names(Arc<Names>),
    /// Users and groups of the host.
    HostUsers(Arc<Users>),
    /// What a container has used of the processors.
    Usage(Usage),
    /// A process that was known before, in a recording of some containers only, which comes to need it.
    Process(Box<Process>),
    /// Inputs that the recording lacks.
    Gap(Gap),
}

/// Inputs that a recording lacks, because they came faster than they could be written.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// How many.
    pub inputs: u64,
    /// From when, in nanoseconds since boot.
    pub from_ns: u64,
    /// Until when.
    pub until_ns: u64,
    /// Number of the last event that they made.
    pub sequence: u64,
}

/// What a recording holds besides the rest.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Options {
    /// Values of environment variables.
    pub environment: bool,
    /// First bytes of flows.
    pub payload: bool,
    /// Names and addresses are replaced by others.
    pub anonymise: bool,
    /// Only what happens in some containers.
    #[serde(default)]
    pub chosen: bool,
}

impl Options {
    /// Whether they can be had together: what the environment and a flow hold cannot be anonymised.
    #[must_use]
    pub const fn is_possible(self) -> bool {
        !(self.anonymise && (self.environment || self.payload))
    }
}

impl Input {
    /// Gives it to the pipeline.
    pub fn apply(self, pipeline: &mut Pipeline, output: &mut impl Output) {
        match self {
            Self::Record { now_ns, bytes } => pipeline.record(&bytes, now_ns, output),
            Self::Group(bytes) => pipeline.group_record(&bytes, output),
            Self::Release { now_ns } => pipeline.release(now_ns, output),
            Self::Tick { now_ns } => pipeline.tick(now_ns, output),
            Self::Answer { now_ns, answer } => pipeline.answer(answer, now_ns, output),
            Self::Removed(cgroup) => pipeline.removed(cgroup),
            Self::Peer(news) => pipeline.peer(news),
            Self::Lost(report) => pipeline.lost(report, output),
            Self::Clock(clock) => pipeline.set_clock(clock),
            Self::Policy(policy) => pipeline.set_policy(policy),
            Self::Names(names) => drop(pipeline.set_names(names)),
            Self::HostUsers(users) => pipeline.set_host_users(users),
            Self::Usage(usage) => pipeline.usage(&usage, output),
            Self::Process(process) => pipeline.known_before(*process),
            Self::Gap(gap) => pipeline.gap(gap.inputs, gap.until_ns, gap.sequence, output),
        }
    }

    /// Bytes that it takes in memory, roughly.
    #[must_use]
    pub fn size(&self) -> usize {
        const SMALL: usize = 64;
        const FACTS: usize = 2048;
        match self {
            Self::Record { bytes, .. } | Self::Group(bytes) => SMALL + bytes.len(),
            Self::Answer { .. }
            | Self::Policy(_)
            | Self::Names(_)
            | Self::HostUsers(_)
            | Self::Process(_) => FACTS,
            Self::Peer(_) => 4 * SMALL,
            Self::Release { .. }
            | Self::Tick { .. }
            | Self::Removed(_)
            | Self::Lost(_)
            | Self::Clock(_)
            | Self::Usage(_)
            | Self::Gap(_) => SMALL,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
