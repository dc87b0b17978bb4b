//! Control groups: created, removed.

use sensor_common::{
    class::Class,
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
pub(crate) fn cgroup_changed(class: Class, cgroup: Typed, path: u64) {
    let cgroup = Cgroup(cgroup);
    if !cgroup.names_containers() {
        return;
    }
    let id = cgroup.id();
    let Some((writer, header)) = Writer::new::<RecordHeader>(Slot::Cgroup) else { return };
    begin(class, id, TaskRef::default(), 0, header);
    writer.string::<NAME_BYTES_MAX>(Tail::CgroupPath, path);
    writer.send(&CGROUPS, class, id);
}
