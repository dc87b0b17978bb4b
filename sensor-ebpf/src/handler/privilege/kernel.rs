//! Calls that put code into the kernel or ask it for what few programs need: modules, BPF,
//! performance events, keys, page faults.

use aya_ebpf::helpers::generated::bpf_probe_read_user;
use sensor_common::{
    call::Call,
    class::Class,
    header::Incomplete,
    limits::{COMPONENT_BYTES_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX},
    record::privilege::Facts,
    tail::Tail,
};

use super::{Alike, Ended, Told};
use crate::{
    kobj::{Memory, Raw, file, syscall::Arguments},
    maps::offset,
};

/// `EBADF`
const EBADF: i64 = -9;
/// `EPERM`, `EACCES`: the caller lacks privileges.
const REFUSED: [i64; 2] = [-1, -13];
/// Longest name of a BPF program or map (`BPF_OBJ_NAME_LEN`).
const BPF_NAME_BYTES: usize = 16;

/// `init_module`(image, length, parameters), `finit_module`(file, parameters, flags),
/// `delete_module`(name, flags), `kexec_load`(entry, segments, …),
/// `kexec_file_load`(kernel, initrd, length, command line, flags)
#[inline(always)]
pub(crate) fn module<A: Arguments>(call: Ended<A>) {
    let Some(mut told) = call.begin(Class::ModuleLoad, Alike::Never) else { return };
    let is = |known: Call| call.call == known as u32;
    if (is(Call::FinitModule) || is(Call::KexecFileLoad))
        && call.result != EBADF
        && let Some(file) = file::behind(told.current.0, call.number(0))
    {
        told.file(file);
    }
    if is(Call::DeleteModule) {
        told.user_string::<COMPONENT_BYTES_MAX>(Tail::Name, call.arguments.argument(0), Incomplete::NAME);
    }
    let text = match call.call {
        _ if is(Call::InitModule) => call.arguments.argument(2),
        _ if is(Call::FinitModule) => call.arguments.argument(1),
        _ if is(Call::KexecFileLoad) => call.arguments.argument(3),
        _ => 0,
    };
    told.user_string::<VALUE_BYTES_MAX>(Tail::Value, text, Incomplete::VALUE);
    told.send();
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
}

/// bpf(command, attributes, size). Commands on the contents of maps, and those that only look, are
/// events where they are refused.
#[inline(always)]
pub(crate) fn bpf<A: Arguments>(call: Ended<A>) {
    let number = call.number(0);
    let told = number < 64 && command::TOLD & (1 << (number & 63)) != 0;
    if !told && !REFUSED.contains(&call.result) {
        return;
    }
    let attributes = call.arguments.argument(1);
    let Some(mut told) = call.begin(Class::Bpf, Alike::If(0, number)) else { return };
    match number {
        command::PROG_LOAD | command::PROG_GET_FD_BY_ID => {
            if !by_descriptor(&mut told, call.result, program) && number == command::PROG_LOAD {
                told.record.number = user(&mut told, attributes);
                told.record.detail = u64::from(user::<u32>(&mut told, attributes + 68));
                told.record.facts |= Facts::NUMBERS;
                told.user_string::<BPF_NAME_BYTES>(Tail::Name, attributes + 48, Incomplete::NAME);
            }
        }
        command::MAP_CREATE | command::MAP_GET_FD_BY_ID => {
            if !by_descriptor(&mut told, call.result, map) && number == command::MAP_CREATE {
                told.record.number = user(&mut told, attributes);
                told.record.facts |= Facts::NUMBERS;
                told.user_string::<BPF_NAME_BYTES>(Tail::Name, attributes + 28, Incomplete::NAME);
            }
        }
        command::LINK_CREATE | command::LINK_GET_FD_BY_ID => {
            by_descriptor(&mut told, call.result, link);
        }
        command::RAW_TRACEPOINT_OPEN => {
            by_descriptor(&mut told, call.result, link);
            let name = user(&mut told, attributes);
            told.user_string::<COMPONENT_BYTES_MAX>(Tail::Value, name, Incomplete::VALUE);
        }
        command::PROG_ATTACH | command::PROG_DETACH => {
            told.record.detail = u64::from(user::<u32>(&mut told, attributes + 8));
            let descriptor = user::<u32>(&mut told, attributes + 4);
            by_descriptor(&mut told, descriptor.into(), program_but_kind);
        }
        command::OBJ_PIN | command::OBJ_GET => {
            let path = user(&mut told, attributes);
            told.user_string::<NAME_BYTES_MAX>(Tail::PathText, path, Incomplete::PATH);
        }
        _ => {}
    }
    told.send();
}

/// What the kernel made, or found by an id, from its descriptor. False if there is none.
#[inline(always)]
fn by_descriptor(told: &mut Told, descriptor: i64, tell: impl FnOnce(&mut Told, Raw)) -> bool {
    let Ok(descriptor) = u32::try_from(descriptor) else { return false };
    let object = file::behind(told.current.0, descriptor).and_then(|file| file.follow(offset!(file_private)));
    match object {
        Some(object) => {
            tell(told, object);
            true
        }
        None => false,
    }
}

/// `struct bpf_prog`
#[inline(always)]
fn program(told: &mut Told, program: Raw) {
    told.record.detail = u64::from(program.number::<u32>(offset!(bpf_prog_attach_type)));
    program_but_kind(told, program);
}

/// `struct bpf_prog`, whose attach type was told by the call.
#[inline(always)]
fn program_but_kind(told: &mut Told, program: Raw) {
    told.record.number = program.number(offset!(bpf_prog_type));
    told.record.facts |= Facts::NUMBERS;
    if let Some(rest) = program.follow(offset!(bpf_prog_aux)) {
        let name = rest.0.wrapping_add(u64::from(offset!(bpf_prog_aux_name)));
        told.writer.string::<BPF_NAME_BYTES>(Tail::Name, name);
    }
}

/// `struct bpf_link`
#[inline(always)]
fn link(told: &mut Told, link: Raw) {
    if let Some(linked) = link.follow(offset!(bpf_link_prog)) {
        program(told, linked);
    }
}

/// `struct bpf_map`
#[inline(always)]
fn map(told: &mut Told, map: Raw) {
    told.record.number = map.number(offset!(bpf_map_type));
    told.record.facts |= Facts::NUMBERS;
    let name = map.0.wrapping_add(u64::from(offset!(bpf_map_name)));
    told.writer.string::<BPF_NAME_BYTES>(Tail::Name, name);
}

/// `perf_event_open`(attributes, pid, cpu, group, flags)
#[inline(always)]
pub(crate) fn perf_event<A: Arguments>(call: Ended<A>) {
    let Some(mut told) = call.begin(Class::PerfEvent, Alike::If(call.number(1).into(), call.number(2)))
    else {
        return;
    };
    let opened = by_descriptor(&mut told, call.result, |told, event| {
        let attributes = Raw(event.0.wrapping_add(u64::from(offset!(perf_event_attr))));
        told.record.number = attributes.number(0);
        told.record.detail = attributes.number(8);
    });
    if !opened {
        let attributes = call.arguments.argument(0);
        told.record.number = user(&mut told, attributes);
        told.record.detail = user(&mut told, attributes + 8);
    }
    told.record.facts |= Facts::NUMBERS;
    // 0 is the caller, a negative number every process.
    let number = call.number(1);
    if number.cast_signed() > 0 {
        told.target_number(number);
    }
    told.send();
}

/// keyctl(operation, …), `add_key`(type, description, payload, length, keyring),
/// `request_key`(type, description, …)
#[inline(always)]
pub(crate) fn key<A: Arguments>(call: Ended<A>) {
    let operation = if call.call == Call::Keyctl as u32 { call.number(0) } else { 0 };
    let Some(mut told) = call.begin(Class::Keyctl, Alike::If(0, operation)) else { return };
    if call.call != Call::Keyctl as u32 {
        told.user_string::<COMPONENT_BYTES_MAX>(Tail::Name, call.arguments.argument(0), Incomplete::NAME);
        told.user_string::<VALUE_BYTES_MAX>(Tail::Value, call.arguments.argument(1), Incomplete::VALUE);
    }
    told.send();
}

/// userfaultfd(flags)
#[inline(always)]
pub(crate) fn userfaultfd<A: Arguments>(call: Ended<A>) {
    if let Some(told) = call.begin(Class::Userfaultfd, Alike::If(0, call.number(0))) {
        told.send();
    }
}

/// Reads a number of the caller's memory, which another thread may have changed since; 0 where it
/// cannot be read.
#[inline(always)]
fn user<T: Copy + Default>(told: &mut Told, address: u64) -> T {
    let mut value = T::default();
    // SAFETY: the helper writes at most the value, and zeros where it cannot read; `T` is a number.
    unsafe {
        bpf_probe_read_user(
            core::ptr::from_mut(&mut value).cast(),
            size_of::<T>() as u32,
            address as *const core::ffi::c_void,
        );
    }
    told.record.facts |= Facts::UNVERIFIED;
    value
}
