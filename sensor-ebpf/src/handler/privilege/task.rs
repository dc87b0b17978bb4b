//! Calls aimed at another process: tracing, memory, descriptors, signals, scheduling.

use sensor_common::{call::Call, class::Class, record::privilege::Facts};

use super::{Ended, Event};
use crate::{
    kobj::{Memory, Raw, current::Current, pid, syscall::Arguments, task::Task},
    maps::offset,
};

/// `PTRACE_TRACEME` of `include/uapi/linux/ptrace.h`: the parent is to trace the caller.
const TRACEME: u32 = 0;
/// Requests that take control or write, as a set: `TRACEME`, `POKETEXT`, `POKEDATA`, `POKEUSR`, `SETREGS`,
/// `SETFPREGS`, `ATTACH`, `SETFPXREGS`.
const LOW_REQUESTS: u32 = 1 << TRACEME | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 13 | 1 << 15 | 1 << 16 | 1 << 19;
const SETREGSET: u32 = 0x4205;
const SEIZE: u32 = 0x4206;
const SET_SYSCALL_INFO: u32 = 0x4212;
/// The descriptor is none.
const EBADF: i64 = -9;

/// ptrace(request, pid, address, data)
#[inline(always)]
pub(super) fn ptrace<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Option<Event> {
    let request = call.number(0);
    let low = request < 32 && LOW_REQUESTS & (1 << (request & 31)) != 0;
    if !low && request != SETREGSET && request != SEIZE && request != SET_SYSCALL_INFO {
        return None;
    }
    let (number, target) = if request == TRACEME {
        // Not by a plain load: the verifier would know a pointer, which may not become a number.
        (0, current.0.raw().number::<u64>(offset!(task_real_parent)))
    } else {
        let number = call.number(1);
        (number, task(current, number))
    };
    Some(Event { target, ..Event::new(Class::Ptrace, number.into(), request) })
}

/// `process_vm_readv`, `process_vm_writev`(pid, local, count, remote, count, flags)
#[inline(always)]
pub(super) fn memory<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Option<Event> {
    let number = call.number(0);
    Some(Event { target: task(current, number), ..Event::new(Class::ProcessMemory, number.into(), 0) })
}

/// `pidfd_getfd`(pidfd, descriptor, flags)
#[inline(always)]
pub(super) fn descriptor<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Option<Event> {
    let target = by_descriptor(call, current);
    Some(Event { target, ..Event::new(Class::PidfdGetfd, target, call.number(1)) })
}

/// kill(pid, signal), tgkill(tgid, tid, signal), tkill(tid, signal), `rt_sigqueueinfo`(tgid, signal, info),
/// `rt_tgsigqueueinfo`(tgid, tid, signal, info), `pidfd_send_signal`(pidfd, signal, info, flags): to another
/// process.
#[inline(always)]
pub(super) fn signal<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Option<Event> {
    let group = call.call == Call::Tgkill as u32 || call.call == Call::RtTgsigqueueinfo as u32;
    let signal = call.number(if group { 2 } else { 1 });
    if signal == 0 {
        return None;
    }
    let number = call.number(if group { 1 } else { 0 });
    let target = if call.call == Call::PidfdSendSignal as u32 {
        by_descriptor(call, current)
    } else {
        task(current, number)
    };
    let process = if target == 0 { 0 } else { Raw(target).number(offset!(task_tgid)) };
    if process != 0 && process == current.0.number::<u32>(offset!(task_tgid)) {
        return None;
    }
    // A descriptor's number can come to stand for another process: who it is aimed at counts.
    let alike = u64::from(process) << 32 | u64::from(number);
    Some(Event { target, ..Event::new(Class::Signal, alike, signal) })
}

/// `sched_setaffinity`(pid, length, mask), `sched_setscheduler`(pid, policy, parameters),
/// `sched_setattr`(pid, attributes, flags), `sched_setparam`(pid, parameters), setpriority(which, who, nice)
#[inline(always)]
pub(super) fn scheduling<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Option<Event> {
    let priority = call.call == Call::Setpriority as u32;
    let which = if priority { call.number(0) } else { 0 };
    let number = call.number(if priority { 1 } else { 0 });
    let asked = match call.call {
        known if known == Call::SchedSetscheduler as u32 => call.number(1),
        _ if priority => call.number(2) << 2 | which & 3,
        _ => 0,
    };
    let event = Event::new(Class::Scheduling, number.into(), asked);
    // A user's or a group's priority has no single target.
    if which != 0 {
        return Some(event);
    }
    let target = if number == 0 { 0 } else { task(current, number) };
    let told = if number == 0 { current.0.address() } else { target };
    if told == 0 {
        return Some(event);
    }
    let told = Raw(told);
    let detail = if call.call == Call::SchedSetaffinity as u32 {
        told.number(offset!(task_cpus_mask))
    } else {
        let real_time = told.number::<u32>(offset!(task_rt_priority));
        u64::from(real_time) << 32 | u64::from(told.number::<u32>(offset!(task_static_prio)))
    };
    let number = told.number(offset!(task_policy));
    Some(Event { target, number, detail, facts: Facts::NUMBERS, ..event })
}

/// Address of the task with a number in the caller's pid namespace, 0 if there is none.
#[inline(always)]
pub(super) fn task(current: Task<Current>, number: u32) -> u64 {
    pid::find(current, number).and_then(pid::task).map_or(0, |task| task.0.0)
}

/// Address of the task of the pidfd that is the first argument, 0 if there is none.
#[inline(always)]
fn by_descriptor<A: Arguments>(call: Ended<A>, current: Task<Current>) -> u64 {
    if call.result == EBADF {
        return 0;
    }
    pid::by_descriptor(current, call.number(0)).and_then(pid::task).map_or(0, |task| task.0.0)
}
