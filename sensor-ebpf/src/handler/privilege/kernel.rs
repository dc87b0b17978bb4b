//! Calls that put code into the kernel or ask it for what few programs need: modules, BPF,
//! performance events, keys, page faults.

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use sensor_common::{call::Call, class::Class, record::privilege::Facts};

use super::{Ended, Event, task};
use crate::{
    kobj::{Memory, Raw, current::Current, file, syscall::Arguments, task::Task},
    maps::offset,
};

/// `EBADF`
const EBADF: i64 = -9;
/// `EPERM`, `EACCES`: the caller lacks privileges.
const REFUSED: [i64; 2] = [-1, -13];

/// `init_module`(image, length, parameters), `finit_module`(file, parameters, flags),
/// `delete_module`(name, flags), `kexec_load`(entry, segments, …),
/// `kexec_file_load`(kernel, initrd, length, command line, flags)
#[inline(always)]
pub(super) fn module<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Option<Event> {
    let is = |known: Call| call.call == known as u32;
    let by_file = is(Call::FinitModule) || is(Call::KexecFileLoad);
    let file = match by_file && call.result != EBADF {
        true => file::behind(current.0, call.number(0)).map_or(0, |file| file.0),
        false => 0,
    };
    let value = match call.call {
        _ if is(Call::InitModule) => call.arguments.argument(2),
        _ if is(Call::FinitModule) => call.arguments.argument(1),
        _ if is(Call::KexecFileLoad) => call.arguments.argument(3),
        _ => 0,
    };
    let name = if is(Call::DeleteModule) { call.arguments.argument(0) } else { 0 };
    let event = Event { file, name, value, ..Event::new(Class::ModuleLoad, file, 0) };
    // Which module it was, no number says.
    Some(if call.result < 0 { event } else { event.each() })
}

/// Commands of bpf(2) (`enum bpf_cmd` of `include/uapi/linux/bpf.h`).
mod command {
    pub(super) const MAP_CREATE: u32 = 0;
    pub(super) const PROG_LOAD: u32 = 5;
    pub(super) const OBJ_PIN: u32 = 6;
    pub(super) const OBJ_GET: u32 = 7;
    pub(super) const PROG_ATTACH: u32 = 8;
    pub(super) const PROG_DETACH: u32 = 9;
    pub(super) const PROG_GET_FD_BY_ID: u32 = 13;
    pub(super) const MAP_GET_FD_BY_ID: u32 = 14;
    pub(super) const RAW_TRACEPOINT_OPEN: u32 = 17;
    pub(super) const BTF_LOAD: u32 = 18;
    pub(super) const BTF_GET_FD_BY_ID: u32 = 19;
    pub(super) const LINK_CREATE: u32 = 28;
    pub(super) const LINK_UPDATE: u32 = 29;
    pub(super) const LINK_GET_FD_BY_ID: u32 = 30;
    pub(super) const LINK_DETACH: u32 = 34;
    /// Those that are told whatever their result is.
    pub(super) const TOLD: u64 = 1 << MAP_CREATE
        | 1 << PROG_LOAD
        | 1 << OBJ_PIN
        | 1 << OBJ_GET
        | 1 << PROG_ATTACH
        | 1 << PROG_DETACH
        | 1 << PROG_GET_FD_BY_ID
        | 1 << MAP_GET_FD_BY_ID
        | 1 << RAW_TRACEPOINT_OPEN
        | 1 << BTF_LOAD
        | 1 << BTF_GET_FD_BY_ID
        | 1 << LINK_CREATE
        | 1 << LINK_UPDATE
        | 1 << LINK_GET_FD_BY_ID
        | 1 << LINK_DETACH;
    /// Those that put something into effect, or make it stay: where they succeed, no other is equal.
    pub(super) const EFFECTIVE: u64 = 1 << PROG_LOAD
        | 1 << OBJ_PIN
        | 1 << PROG_ATTACH
        | 1 << PROG_DETACH
        | 1 << RAW_TRACEPOINT_OPEN
        | 1 << LINK_CREATE
        | 1 << LINK_UPDATE
        | 1 << LINK_DETACH;
    /// Those that give what there is already: equal are those that gave the same object.
    pub(super) const GIVING: u64 = 1 << OBJ_GET
        | 1 << PROG_GET_FD_BY_ID
        | 1 << MAP_GET_FD_BY_ID
        | 1 << BTF_GET_FD_BY_ID
        | 1 << LINK_GET_FD_BY_ID;

    /// True if a set holds a command.
    #[inline(always)]
    pub(super) const fn is_of(command: u32, set: u64) -> bool {
        command < 64 && set & (1 << (command & 63)) != 0
    }
}

/// bpf(command, attributes, size). Commands on the contents of maps, and those that only look, are
/// events where they are refused.
#[inline(always)]
pub(super) fn bpf<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Option<Event> {
    let command = call.number(0);
    if !command::is_of(command, command::TOLD) && !REFUSED.contains(&call.result) {
        return None;
    }
    let made = object(current, call.result);
    let event = asked(call, command, made, current);
    // An object's address, folded: the number of its type comes beside it.
    let target = if command::is_of(command, command::GIVING) { made ^ made >> 32 } else { 0 };
    let event = Event { alike: (target & u64::from(u32::MAX), command), ..event };
    let unique = call.result >= 0 && command::is_of(command, command::EFFECTIVE);
    Some(if unique { event.each() } else { event })
}

/// What a command of bpf(2) was given or made.
#[inline(always)]
fn asked<A: Arguments>(call: Ended<A>, command: u32, made: u64, current: Task<Current>) -> Event {
    let attributes = call.arguments.argument(1);
    let event = Event::new(Class::Bpf, 0, command);
    match command {
        command::PROG_LOAD | command::PROG_GET_FD_BY_ID if made != 0 => program(event, Raw(made)),
        command::LINK_CREATE | command::LINK_GET_FD_BY_ID if made != 0 => link(event, Raw(made)),
        command::MAP_CREATE | command::MAP_GET_FD_BY_ID if made != 0 => map(event, Raw(made)),
        command::PROG_LOAD => Event {
            number: user(attributes),
            detail: u64::from(user::<u32>(attributes + 68)),
            name: attributes + 48,
            facts: Facts::NUMBERS | Facts::UNVERIFIED,
            ..event
        },
        command::MAP_CREATE => Event {
            number: user(attributes),
            name: attributes + 28,
            facts: Facts::NUMBERS | Facts::UNVERIFIED,
            ..event
        },
        command::RAW_TRACEPOINT_OPEN => {
            let event = if made == 0 { event } else { link(event, Raw(made)) };
            Event { value: user(attributes), facts: event.facts | Facts::UNVERIFIED, ..event }
        }
        command::PROG_ATTACH | command::PROG_DETACH => {
            let attach = object(current, user::<u32>(attributes + 4).into());
            let event = if attach == 0 { event } else { program(event, Raw(attach)) };
            let detail = u64::from(user::<u32>(attributes + 8));
            Event { detail, facts: event.facts | Facts::NUMBERS | Facts::UNVERIFIED, ..event }
        }
        command::OBJ_PIN | command::OBJ_GET => {
            Event { path: user(attributes), facts: Facts::UNVERIFIED, ..event }
        }
        _ => event,
    }
}

/// Address of what the kernel keeps behind a descriptor, 0 if there is none.
#[inline(always)]
fn object(current: Task<Current>, descriptor: i64) -> u64 {
    let Ok(descriptor) = u32::try_from(descriptor) else { return 0 };
    file::behind(current.0, descriptor).map_or(0, |file| file.number(offset!(file_private)))
}

/// `struct bpf_prog`
#[inline(always)]
fn program(event: Event, program: Raw) -> Event {
    Event {
        number: program.number(offset!(bpf_prog_type)),
        detail: u64::from(program.number::<u32>(offset!(bpf_prog_attach_type))),
        object_name: program
            .follow(offset!(bpf_prog_aux))
            .map_or(0, |rest| rest.0.wrapping_add(u64::from(offset!(bpf_prog_aux_name)))),
        facts: event.facts | Facts::NUMBERS,
        ..event
    }
}

/// `struct bpf_link`
#[inline(always)]
fn link(event: Event, link: Raw) -> Event {
    match link.follow(offset!(bpf_link_prog)) {
        Some(linked) => program(event, linked),
        None => event,
    }
}

/// `struct bpf_map`
#[inline(always)]
fn map(event: Event, map: Raw) -> Event {
    Event {
        number: map.number(offset!(bpf_map_type)),
        object_name: map.0.wrapping_add(u64::from(offset!(bpf_map_name))),
        facts: event.facts | Facts::NUMBERS,
        ..event
    }
}

/// First type of performance events that is not fixed (`PERF_TYPE_MAX`): probes, and devices.
const DYNAMIC: u32 = 6;
/// Offset of `perf_event_attr.config1`, where a breakpoint has its address.
const FURTHER: u32 = 56;

/// `perf_event_open`(attributes, pid, cpu, group, flags)
#[inline(always)]
pub(super) fn perf_event<A: Arguments>(call: Ended<A>, current: Task<Current>) -> Option<Event> {
    let pid = call.number(1);
    let event = Event::new(Class::PerfEvent, pid.into(), call.number(2));
    // 0 is the caller, a negative number every process.
    let target = if pid.cast_signed() > 0 { task::task(current, pid) } else { 0 };
    let made = object(current, call.result);
    if made == 0 {
        let attributes = call.arguments.argument(0);
        let (number, detail) = (user(attributes), user(attributes + 8));
        return Some(Event { target, number, detail, facts: Facts::NUMBERS | Facts::UNVERIFIED, ..event });
    }
    let attributes = Raw(made.wrapping_add(u64::from(offset!(perf_event_attr))));
    let (number, detail) = (attributes.number(0), attributes.number(8));
    let event = Event { target, number, detail, facts: Facts::NUMBERS, ..event };
    // What a probe is for is a text; where a breakpoint is, a further number.
    let unique = number >= DYNAMIC || attributes.number::<u64>(FURTHER) != 0;
    Some(if unique { event.each() } else { event })
}

/// keyctl(operation, …), `add_key`(type, description, payload, length, keyring),
/// `request_key`(type, description, …)
#[inline(always)]
pub(super) fn key<A: Arguments>(call: Ended<A>) -> Option<Event> {
    if call.call == Call::Keyctl as u32 {
        return Some(Event::new(Class::Keyctl, 0, call.number(0)));
    }
    let (name, value) = (call.arguments.argument(0), call.arguments.argument(1));
    Some(Event { name, value, ..Event::new(Class::Keyctl, value, 0) })
}

/// userfaultfd(flags)
#[inline(always)]
pub(super) fn userfaultfd<A: Arguments>(call: Ended<A>) -> Option<Event> {
    Some(Event::new(Class::Userfaultfd, 0, call.number(0)))
}

/// Reads a number of the caller's memory, which another thread may have changed since; 0 where it
/// cannot be read.
#[inline(always)]
fn user<T: Copy + Default>(address: u64) -> T {
    let mut value = T::default();
    // SAFETY: the helper writes at most the value, and zeros where it cannot read; `T` is a number.
    unsafe {
        bpf_probe_read_user(
            core::ptr::from_mut(&mut value).cast(),
            size_of::<T>() as u32,
            address as *const core::ffi::c_void,
        );
    }
    value
}
