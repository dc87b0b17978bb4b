//! Control groups: created, removed.

use sensor_common::{
    class::{Class, Lane},
    header::{RecordHeader, TaskRef},
    limits::NAME_BYTES_MAX,
    tail::Tail,
};

use crate::{
    emit::{begin, writer::Writer},
    kobj::{Typed, cgroup::Cgroup},
    maps::{CGROUPS, Slot},
};

/// A control group came or went. `path` is the address of its path from the hierarchy's root.
#[inline(always)]
pub(crate) fn cgroup_changed(lane: Lane, class: Class, cgroup: Typed, path: u64) {
    let cgroup = Cgroup(cgroup);
    if !cgroup.names_containers() {
        return;
    }
    let id = cgroup.id();
    let slot = match lane {
        Lane::First => Slot::CgroupFirst,
        Lane::Second => Slot::CgroupSecond,
    };
    let Some((writer, header)) = Writer::new::<RecordHeader>(slot, lane, class) else { return };
    begin(lane, class, id, TaskRef::default(), 0, header);
    writer.string::<NAME_BYTES_MAX>(Tail::CgroupPath, path);
    writer.send_now(&CGROUPS, id);
}
