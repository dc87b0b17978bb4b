//! Calls aimed at another process: tracing, memory, descriptors, signals, scheduling.

use sensor_common::{call::Call, class::Class, record::privilege::Facts};

use super::{Alike, Ended, Told};
use crate::{
    kobj::{Memory, Raw, current::Current, pid, syscall::Arguments, task::Task},
    maps::offset,
};

/// `PTRACE_TRACEME` of `include/uapi/linux/ptrace.h`: the parent is to trace the caller.
const TRACEME: u32 = 0;
/// Requests that take control or write: `POKETEXT`, `POKEDATA`, `POKEUSR`, `SETREGS`, `SETFPREGS`,
/// `ATTACH`, `SETFPXREGS`, as a set.
const LOW_REQUESTS: u32 = 1 << TRACEME | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 13 | 1 << 15 | 1 << 16 | 1 << 19;
const SETREGSET: u32 = 0x4205;
const SEIZE: u32 = 0x4206;
const SET_SYSCALL_INFO: u32 = 0x4212;
/// `ESRCH`, `EBADF`: there is no such target.
const EBADF: i64 = -9;

/// ptrace(request, pid, address, data)
#[inline(always)]
pub(crate) fn ptrace<A: Arguments>(call: Ended<A>) {
    let request = call.number(0);
    let low = request < 32 && LOW_REQUESTS & (1 << (request & 31)) != 0;
    if !low && request != SETREGSET && request != SEIZE && request != SET_SYSCALL_INFO {
        return;
    }
    let number = if request == TRACEME { 0 } else { call.number(1) };
    let Some(mut told) = call.begin(Class::Ptrace, Alike::If(number.into(), request)) else { return };
    if request == TRACEME {
        if let Some(parent) = told.current.0.follow(offset!(task_real_parent)) {
            told.target(Task(parent.raw()));
        }
    } else {
        told.target_number(number);
    }
    told.send();
}

/// `process_vm_readv`, `process_vm_writev`(pid, local, count, remote, count, flags)
#[inline(always)]
pub(crate) fn memory<A: Arguments>(call: Ended<A>) {
    let number = call.number(0);
    let Some(mut told) = call.begin(Class::ProcessMemory, Alike::If(number.into(), 0)) else { return };
    told.target_number(number);
    told.send();
}

/// `pidfd_getfd`(pidfd, descriptor, flags)
#[inline(always)]
pub(crate) fn descriptor<A: Arguments>(call: Ended<A>) {
    let Some(current) = Current::task() else { return };
    let pid = if call.result == EBADF { None } else { pid::by_descriptor(current, call.number(0)) };
    let Some(mut told) =
        call.begin(Class::PidfdGetfd, Alike::If(pid.map_or(0, Memory::address), call.number(1)))
    else {
        return;
    };
    if let Some(task) = pid.and_then(pid::task) {
        told.target(task);
    }
    told.send();
}

/// kill(pid, signal), tgkill(tgid, tid, signal), tkill(tid, signal),
/// `pidfd_send_signal`(pidfd, signal, info, flags): to another process.
#[inline(always)]
pub(crate) fn signal<A: Arguments>(call: Ended<A>) {
    let group = call.call == Call::Tgkill as u32;
    let signal = call.number(if group { 2 } else { 1 });
    if signal == 0 {
        return;
    }
    let Some(current) = Current::task() else { return };
    let number = call.number(if group { 1 } else { 0 });
    let pid = if call.call == Call::PidfdSendSignal as u32 {
        if call.result == EBADF { None } else { pid::by_descriptor(current, number) }
    } else {
        pid::find(current, number)
    };
    let target = pid.and_then(pid::task);
    if let Some(target) = target
        && target.0.number::<u32>(offset!(task_tgid)) == current.0.number::<u32>(offset!(task_tgid))
    {
        return;
    }
    let Some(mut told) = call.begin(Class::Signal, Alike::If(number.into(), signal)) else { return };
    if let Some(target) = target {
        told.target(target);
    }
    told.send();
}

/// `sched_setaffinity`(pid, length, mask), `sched_setscheduler`(pid, policy, parameters),
/// `sched_setattr`(pid, attributes, flags), setpriority(which, who, nice)
#[inline(always)]
pub(crate) fn scheduling<A: Arguments>(call: Ended<A>) {
    let priority = call.call == Call::Setpriority as u32;
    let which = if priority { call.number(0) } else { 0 };
    let number = if priority { call.number(1) } else { call.number(0) };
    let asked = match call.call {
        known if known == Call::SchedSetscheduler as u32 => call.number(1),
        _ if priority => call.number(2) << 2 | which & 3,
        _ => 0,
    };
    let Some(mut told) = call.begin(Class::Scheduling, Alike::If(number.into(), asked)) else { return };
    // A user's or a group's priority has no single target.
    if which == 0 {
        let task = if number == 0 { Some(Task(told.current.0.raw())) } else { find(&told, number) };
        if let Some(task) = task {
            if number != 0 {
                told.target(task);
            }
            scheduled(&mut told, task, call.call == Call::SchedSetaffinity as u32);
        }
    }
    told.send();
}

#[inline(always)]
fn find(told: &Told, number: u32) -> Option<Task<Raw>> {
    pid::find(told.current, number).and_then(pid::task)
}

/// How the kernel schedules the task now.
#[inline(always)]
fn scheduled(told: &mut Told, task: Task<Raw>, affinity: bool) {
    told.record.number = task.0.number(offset!(task_policy));
    told.record.detail = if affinity {
        task.0.number(offset!(task_cpus_mask))
    } else {
        let real_time = task.0.number::<u32>(offset!(task_rt_priority));
        u64::from(real_time) << 32 | u64::from(task.0.number::<u32>(offset!(task_static_prio)))
    };
    told.record.facts |= Facts::NUMBERS;
}
