//! Processes: fork, exec, exit.

use core::ptr::NonNull;

use sensor_common::{
    class::{Class, Lane},
    header::Incomplete,
    limits::{
        ARGUMENTS_BYTES_MAX, COMM_BYTES, COMPONENT_BYTES_MAX, ENVIRONMENT_BYTES_MAX, NAME_BYTES_MAX,
        TTY_NAME_BYTES,
    },
    record::process::{ExecFacts, ExecRecord, ExitRecord, FileFlags, ForkRecord},
    tail::Tail,
};

use crate::{
    emit::{begin, send, writer::Writer},
    kobj::{
        Memory, Raw, Typed,
        cgroup::Cgroup,
        cred::Cred,
        file,
        path::{self, Walk},
        task::Task,
    },
    maps::{EXECUTED, Slot, VITAL, offset, settings},
};

/// A task was created by another one. Threads are not events.
#[inline(always)]
pub(crate) fn forked(lane: Lane, creator: Typed, child: Typed) {
    let task = Task(child);
    if !task.is_leader() {
        return;
    }
    let cgroup = Cgroup::of(child).map_or(0, Cgroup::id);
    let mut record = ForkRecord::default();
    let length = size_of::<ForkRecord>() as u32;
    begin(lane, Class::ProcessFork, cgroup, task.reference(), length, &mut record.header);
    record.parent = task.parent();
    record.creator = Task(creator).reference();
    if let Some(cred) = Cred::of(child) {
        cred.ids(&mut record.ids);
    }
    (record.container_pid, record.pid_namespace) = task.namespace_pid();
    send(lane, &VITAL, Class::ProcessFork, cgroup, record.header.time_ns, &record);
}

/// A task is ending. Only the end of its process is an event.
#[inline(always)]
pub(crate) fn exited(lane: Lane, task: Typed) {
    let ending = Task(task);
    if !ending.group_is_dead() {
        return;
    }
    let cgroup = Cgroup::of(task).map_or(0, Cgroup::id);
    let mut record = ExitRecord::default();
    let length = size_of::<ExitRecord>() as u32;
    begin(lane, Class::ProcessExit, cgroup, ending.reference(), length, &mut record.header);
    record.parent = ending.parent();
    record.status = ending.exit_status();
    send(lane, &VITAL, Class::ProcessExit, cgroup, record.header.time_ns, &record);
}

/// A task runs a new program; its old memory and credentials are gone.
#[inline(always)]
pub(crate) fn executed(lane: Lane, current: Typed, caller_tid: u32, binprm: Typed) {
    let task = Task(current);
    let group = Cgroup::of(current);
    let cgroup = group.map_or(0, Cgroup::id);
    let slot = match lane {
        Lane::First => Slot::ExecFirst,
        Lane::Second => Slot::ExecSecond,
    };
    let Some((writer, record)) = Writer::new::<ExecRecord>(slot, lane, Class::ProcessExec) else { return };
    begin(lane, Class::ProcessExec, cgroup, task.reference(), 0, &mut record.header);
    fixed(task, caller_tid, binprm, record);
    // The small fields first: what may be cut is what may be long.
    writer.string::<COMM_BYTES>(Tail::Command, current.address() + u64::from(offset!(task_comm)));
    if let Some(tty) = terminal(current) {
        writer.string::<TTY_NAME_BYTES>(Tail::Terminal, tty.address() + u64::from(offset!(tty_name)));
    }
    if let Some(group) = group {
        cgroup_path(group, &writer, &mut record.header.incomplete);
    }
    executable(current, &writer, record);
    let mm = current.follow(offset!(task_mm));
    if let Some(mm) = mm {
        arguments(mm, &writer, &mut record.header.incomplete);
    }
    requested(binprm, &writer, &mut record.header.incomplete);
    directory(current, &writer, &mut record.header.incomplete);
    if let Some(mm) = mm
        && settings().environment != 0
    {
        environment(mm, &writer, &mut record.header.incomplete);
    }
    writer.send(&VITAL, cgroup);
}

/// The witness's part: one more program was executed on this CPU. It stays attached when the agent is killed.
#[inline(always)]
pub(crate) fn witnessed() {
    if let Some(counters) = EXECUTED.get_ptr_mut(0).and_then(NonNull::new) {
        // SAFETY: the pointer is that of a map's value, valid while the program runs; it is this CPU's own.
        let counters = unsafe { &mut *counters.as_ptr() };
        counters[0] = counters[0].wrapping_add(1);
    }
}

/// Counts an executed program that the agent's programs saw; the result is its number, which the witness, attached
/// before them, has just given.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the number starts again from 0")]
fn watched() -> u32 {
    let Some(counters) = EXECUTED.get_ptr_mut(0).and_then(NonNull::new) else { return 0 };
    // SAFETY: as above.
    let counters = unsafe { &mut *counters.as_ptr() };
    counters[1] = counters[1].wrapping_add(1);
    counters[0] as u32
}

/// Facts of fixed size.
#[inline(always)]
fn fixed(task: Task, caller_tid: u32, binprm: Typed, record: &mut ExecRecord) {
    record.parent = task.parent();
    record.namespaces = Default::default();
    task.namespaces(&mut record.namespaces);
    record.ids = Default::default();
    record.capabilities = Default::default();
    if let Some(cred) = Cred::of(task.0) {
        cred.ids(&mut record.ids);
        cred.capabilities(&mut record.capabilities);
        record.namespaces.user = cred.user_namespace();
    }
    record.stdio = Default::default();
    file::stdio(task.0, 0, &mut record.stdio[0]);
    file::stdio(task.0, 1, &mut record.stdio[1]);
    file::stdio(task.0, 2, &mut record.stdio[2]);
    (record.container_pid, _) = task.namespace_pid();
    record.session = task.session();
    record.login_uid = task.0.read(offset!(task_loginuid)).unwrap_or(u32::MAX);
    record.seccomp = task.0.read(offset!(task_seccomp_mode)).unwrap_or(u32::MAX);
    record.argument_count = binprm.number(offset!(binprm_argc));
    record.caller_tid = caller_tid;
    record.facts = if task.is_child_of_kernel() { ExecFacts::BY_KERNEL } else { 0 };
    if has_other_root(task.0) {
        record.facts |= ExecFacts::OTHER_ROOT;
    }
    record.number = watched();
    record.process_group = task.process_group();
    record.terminal = terminal(task.0).map_or(0, device);
}

/// The executed file.
#[inline(always)]
fn executable(current: Typed, writer: &Writer, record: &mut ExecRecord) {
    record.file = Default::default();
    record.modified_ns = 0;
    let executable = current.follow(offset!(task_mm)).and_then(|mm| mm.follow(offset!(mm_exe_file)));
    if let Some(executable) = executable {
        file::identity(executable, &mut record.file);
        record.modified_ns = file::modified_ns(executable);
        let place = Raw(executable.address() + u64::from(offset!(file_path)));
        record.file.mount_id = path::mount_id(place);
        match walk(Tail::Executable, place, writer) {
            Walk::Complete => {}
            Walk::Detached => record.file.flags |= FileFlags::DETACHED,
            Walk::Cut => record.header.incomplete |= Incomplete::EXECUTABLE,
        }
    }
}

/// How the file was asked for.
#[inline(always)]
fn requested(binprm: Typed, writer: &Writer, incomplete: &mut u32) {
    let requested = binprm.number::<u64>(offset!(binprm_filename));
    let interpreter = binprm.number::<u64>(offset!(binprm_interp));
    if !writer.string::<NAME_BYTES_MAX>(Tail::Requested, requested) {
        *incomplete |= Incomplete::REQUESTED;
    }
    if interpreter != requested && !writer.string::<COMPONENT_BYTES_MAX>(Tail::Interpreter, interpreter) {
        *incomplete |= Incomplete::REQUESTED;
    }
}

/// Working directory.
#[inline(always)]
fn directory(current: Typed, writer: &Writer, incomplete: &mut u32) {
    let Some(fs) = current.follow(offset!(task_fs)) else { return };
    if walk(Tail::Directory, Raw(fs.address() + u64::from(offset!(fs_pwd))), writer) == Walk::Cut {
        *incomplete |= Incomplete::DIRECTORY;
    }
}

/// True if absolute paths of the task do not begin at the root of its mount namespace.
#[inline(always)]
fn has_other_root(current: Typed) -> bool {
    let Some(fs) = current.follow(offset!(task_fs)) else { return false };
    path::is_below_root(Raw(fs.address() + u64::from(offset!(fs_root))))
}

/// Arguments, from the new program's memory.
#[inline(always)]
fn arguments(mm: Typed, writer: &Writer, incomplete: &mut u32) {
    let (start, end) = (mm.number(offset!(mm_arg_start)), mm.number(offset!(mm_arg_end)));
    match writer.user_bytes::<ARGUMENTS_BYTES_MAX>(Tail::Arguments, start, end) {
        Some(true) => {}
        Some(false) => *incomplete |= Incomplete::ARGUMENTS,
        None => *incomplete |= Incomplete::ARGUMENTS_UNREADABLE,
    }
}

/// Environment, from the new program's memory.
#[inline(always)]
fn environment(mm: Typed, writer: &Writer, incomplete: &mut u32) {
    let (start, end) = (mm.number(offset!(mm_env_start)), mm.number(offset!(mm_env_end)));
    match writer.user_bytes::<ENVIRONMENT_BYTES_MAX>(Tail::Environment, start, end) {
        Some(true) => {}
        Some(false) => *incomplete |= Incomplete::ENVIRONMENT,
        None => *incomplete |= Incomplete::ENVIRONMENT_UNREADABLE,
    }
}

/// Writes a path as a field.
#[inline(always)]
fn walk(kind: Tail, place: Raw, writer: &Writer) -> Walk {
    let Some(field) = writer.components() else { return Walk::Cut };
    let end = path::write(place, writer, &field);
    writer.end_components(kind, &field);
    end
}

/// Writes the control group's path as a field.
#[inline(always)]
fn cgroup_path(group: Cgroup, writer: &Writer, incomplete: &mut u32) {
    let Some(field) = writer.components() else { return };
    if !group.write_path(writer, &field) {
        *incomplete |= Incomplete::CGROUP;
    }
    writer.end_components(Tail::Cgroup, &field);
}

/// The controlling terminal.
#[inline(always)]
fn terminal(current: Typed) -> Option<Typed> {
    current.follow(offset!(task_signal))?.follow(offset!(signal_tty))
}

/// Number of a terminal's device (`tty_devnum`).
#[inline(always)]
fn device(tty: Typed) -> u32 {
    let Some(driver) = tty.follow(offset!(tty_driver)) else { return 0 };
    let first = driver.number::<u32>(offset!(tty_driver_minor));
    driver.number::<u32>(offset!(tty_driver_major)) << 20 | first.wrapping_add(tty.number(offset!(tty_index)))
}
