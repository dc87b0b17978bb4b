//! Rights of a user namespace of one's own, used where exploits of the kernel begin: parts of it that only root may reach
//! otherwise. Sandboxes make such namespaces, and use them for nothing of this.

use sensor_common::class::Class;

use super::super::super::{
    finding::{Finding, Severity},
    namespace::Kind,
    scene::Scene,
};
use super::super::agents::is_builders_work;
use super::{
    about,
    baseline::{Baseline, is_nodes},
    name, tempered,
};
use crate::event::{call::PrivilegedCall, network::SocketOperation, text::until_nul};

/// `AF_NETLINK`
const NETLINK: u16 = 16;
/// `NETLINK_NETFILTER`
const NETFILTER: u16 = 12;
/// File systems whose answers come from programs, which can be slow at the right moment.
const BY_PROGRAMS: [&[u8]; 2] = [b"fuse", b"fuseblk"];

/// A file system was mounted, or an attempt was refused.
pub(super) fn mounted(
    scene: &Scene<'_>,
    baseline: &Baseline,
    call: &PrivilegedCall<'_>,
    found: &mut dyn FnMut(Finding),
) {
    if scene.class() != Class::Mount || !BY_PROGRAMS.contains(&until_nul(call.filesystem)) {
        return;
    }
    let user = call.record.namespaces.user;
    let is_own = user != 0 && user != baseline.namespaces.user && !is_nodes(scene, Kind::User, user);
    if is_own {
        tell(scene, baseline, "mounts a file system that a program answers for (FUSE)", found);
    }
}

/// A socket of a rare kind was made.
pub(super) fn opened(
    scene: &Scene<'_>,
    baseline: &Baseline,
    socket: &SocketOperation<'_>,
    found: &mut dyn FnMut(Finding),
) {
    let record = &socket.record;
    if record.family != NETLINK || record.protocol != NETFILTER || record.namespace == 0 {
        return;
    }
    // A network namespace that the container made itself: to change its filter is the right of who made it.
    if record.namespace != baseline.namespaces.net && !is_nodes(scene, Kind::Net, record.namespace) {
        tell(scene, baseline, "opens the packet filter (nf_tables) of a network of its own", found);
    }
}

fn tell(scene: &Scene<'_>, baseline: &Baseline, what: &str, found: &mut dyn FnMut(Finding)) {
    if !baseline.has_member(scene) || is_builders_work(scene) {
        return;
    }
    let summary =
        format!("{} {what} with rights that it gave itself: exploits of the kernel begin so", name(scene));
    found(about::SURFACE.finding(tempered(scene, Severity::High), 0.6, summary));
}
