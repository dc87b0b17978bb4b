//! `cred`: ids, capabilities, user namespace.

use sensor_common::record::{
    privilege::FurtherIds,
    process::{Capabilities, Ids},
};

use super::{Memory, Typed};
use crate::maps::offset;

/// Credentials of a task.
#[derive(Clone, Copy)]
pub(crate) struct Cred<M = Typed>(pub(crate) M);

impl<M: Memory> Cred<M> {
    /// Credentials with which a task acts on its own behalf.
    #[inline(always)]
    pub(crate) fn of(task: M) -> Option<Self> {
        task.follow(offset!(task_cred)).map(Self)
    }

    /// User and group ids.
    #[inline(always)]
    pub(crate) fn ids(self, into: &mut Ids) {
        into.uid = self.0.number(offset!(cred_uid));
        into.gid = self.0.number(offset!(cred_gid));
        into.euid = self.0.number(offset!(cred_euid));
        into.egid = self.0.number(offset!(cred_egid));
    }

    /// The ids that programs seldom set apart.
    #[inline(always)]
    pub(crate) fn further(self, into: &mut FurtherIds) {
        into.suid = self.0.number(offset!(cred_suid));
        into.sgid = self.0.number(offset!(cred_sgid));
        into.fsuid = self.0.number(offset!(cred_fsuid));
        into.fsgid = self.0.number(offset!(cred_fsgid));
    }

    /// Where the supplementary groups are: equal for credentials that were copied and not given others.
    #[inline(always)]
    pub(crate) fn groups(self) -> u64 {
        self.0.follow(offset!(cred_groups)).map_or(0, Memory::address)
    }

    /// Capability sets.
    #[inline(always)]
    pub(crate) fn capabilities(self, into: &mut Capabilities) {
        into.inheritable = self.set(offset!(cred_cap_inheritable));
        into.permitted = self.set(offset!(cred_cap_permitted));
        into.effective = self.set(offset!(cred_cap_effective));
        into.bounding = self.set(offset!(cred_cap_bset));
        into.ambient = self.set(offset!(cred_cap_ambient));
    }

    /// Inode number of the user namespace.
    #[inline(always)]
    pub(crate) fn user_namespace(self) -> u32 {
        self.0.follow(offset!(cred_user_ns)).map_or(0, |ns| ns.number(offset!(user_namespace_inum)))
    }

    /// One set. Two halves, because before 6.3 it is an array of two 32-bit words, which the
    /// verifier does not allow to be read at once.
    #[inline(always)]
    fn set(self, offset: u32) -> u64 {
        let low: u32 = self.0.number(offset);
        let high: u32 = self.0.number(offset.wrapping_add(4));
        u64::from(low) | u64::from(high) << 32
    }
}
