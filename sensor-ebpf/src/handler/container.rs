//! Control groups: created, removed, and tasks that are moved to another one.

use sensor_common::{
    class::{Class, Lane},
    header::{Incomplete, RecordHeader, TaskRef},
    limits::NAME_BYTES_MAX,
    record::container::MoveRecord,
    tail::Tail,
};

use crate::{
    emit::{begin, begin_gated, gate::Gate, writer::Writer},
    kobj::{Typed, cgroup::Cgroup, current::Current, task::Task},
    maps::{CGROUPS, Slot, VITAL},
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
    // Who makes or removes it; the group itself is in the header.
    let maker = Current::task().map_or_else(TaskRef::default, Task::reference);
    begin(lane, class, id, maker, 0, header);
    writer.string::<NAME_BYTES_MAX>(Tail::CgroupPath, path);
    writer.send_now(&CGROUPS, id);
}

/// A task was moved to another control group, whose path from the hierarchy's root is at `path`.
#[inline(always)]
pub(crate) fn moved(cgroup: Typed, path: u64, task: Typed) {
    let group = Cgroup(cgroup);
    if !group.names_containers() {
        return;
    }
    let Some(gate) = Gate::enter(Class::CgroupMove, group.id()) else { return };
    let Some((writer, record)) = Writer::new::<MoveRecord>(Slot::Within, Lane::First, Class::CgroupMove)
    else {
        return;
    };
    *record = MoveRecord::default();
    begin_gated(gate, Task(task).reference(), &mut record.header);
    if let Some(current) = Current::task() {
        record.mover = current.reference();
    }
    if !writer.string::<NAME_BYTES_MAX>(Tail::CgroupPath, path) {
        record.header.incomplete |= Incomplete::CGROUP;
    }
    writer.send(&VITAL, gate.cgroup);
}
