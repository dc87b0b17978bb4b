//! Kernel settings and control files of control groups are written.

use aya_ebpf::{
    bindings::{bpf_sysctl, task_struct},
    helpers::{
        bpf_get_current_task,
        generated::{bpf_sysctl_get_name, bpf_sysctl_get_new_value},
    },
};
use sensor_common::{
    call::Call,
    class::{Class, Lane},
    header::Incomplete,
    limits::{COMPONENT_BYTES_MAX, VALUE_BYTES_MAX},
    record::privilege::CallRecord,
    tail::Tail,
};

use crate::{
    emit::{begin_gated, gate::Gate, writer::Writer},
    kobj::{
        Memory, Raw, Typed,
        cgroup::Cgroup,
        current::Current,
        file,
        path::{self, Walk},
        task::Task,
    },
    maps::{Slot, VITAL, offset},
};

/// The running task is about to write a kernel setting. Whether the kernel takes it is not known yet.
#[inline(always)]
pub(crate) fn setting(ctx: *mut bpf_sysctl) {
    // SAFETY: the helper takes nothing and gives the address of the running task. Programs of this kind
    // may not use the ones that give it with its type, nor ask for its thread.
    let task: *mut task_struct = unsafe { bpf_get_current_task() } as *mut task_struct;
    let current = Task(Raw(task as u64));
    let process = current.reference();
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    let Some(gate) = Gate::enter_by(Class::ControlWrite, cgroup, process.pid, process.tid) else { return };
    let Some((writer, record)) = Writer::new::<CallRecord>(Slot::Within, Lane::First, Class::ControlWrite)
    else {
        return;
    };
    *record = CallRecord { call: Call::Write as u32, ..Default::default() };
    begin_gated(gate, process, &mut record.header);
    current.namespaces(&mut record.namespaces);
    let named = writer.written::<COMPONENT_BYTES_MAX>(Tail::Name, |to, room| {
        // SAFETY: the destination lies in the buffer for `room` bytes.
        unsafe { bpf_sysctl_get_name(ctx, to.cast(), room as u64, 0) as i64 }
    });
    if !named {
        record.header.incomplete |= Incomplete::NAME;
    }
    let whole = writer.written::<VALUE_BYTES_MAX>(Tail::Value, |to, room| {
        // SAFETY: as above.
        unsafe { bpf_sysctl_get_new_value(ctx, to.cast(), room as u64) as i64 }
    });
    if !whole {
        record.header.incomplete |= Incomplete::VALUE;
    }
    writer.send(&VITAL, gate.cgroup);
}

/// The running task wrote to a control file of a control group: `open` is its `kernfs_open_file`, `text`
/// the kernel's copy of what was written, which the file's own code may have split by NULs.
#[inline(always)]
pub(crate) fn control_file(open: Typed, text: u64, length: u64, result: i64) {
    let Some(current) = Current::task() else { return };
    let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
    let Some(gate) = Gate::enter(Class::ControlWrite, cgroup) else { return };
    let Some((writer, record)) = Writer::new::<CallRecord>(Slot::Within, Lane::First, Class::ControlWrite)
    else {
        return;
    };
    let result = if result < 0 { result } else { 0 };
    *record = CallRecord { call: Call::Write as u32, result, ..Default::default() };
    begin_gated(gate, current.reference(), &mut record.header);
    current.namespaces(&mut record.namespaces);
    if let Some(file) = open.follow(offset!(kernfs_open_file)) {
        file::identity(file, &mut record.file);
        let place = Raw(file.address() + u64::from(offset!(file_path)));
        record.file.mount_id = path::mount_id(place);
        if let Some(components) = writer.components() {
            if path::write(place, &writer, &components) == Walk::Cut {
                record.header.incomplete |= Incomplete::PATH;
            }
            writer.end_components(Tail::Path, &components);
        }
    }
    if writer.bytes::<VALUE_BYTES_MAX>(Tail::Value, text, length) != Some(true) {
        record.header.incomplete |= Incomplete::VALUE;
    }
    writer.send(&VITAL, gate.cgroup);
}
