//! Trials of calls that need or give privileges: each fails, or changes nothing.

use std::fs::File;
use std::io::{IoSliceMut, Write as _};
use std::os::fd::AsFd as _;

use aya::{maps::MapType, sys::is_map_supported};
use nix::{
    kmod::{ModuleInitFlags, finit_module},
    sched::{CloneFlags, unshare},
    sys::{
        ptrace,
        uio::{RemoteIoVec, process_vm_readv},
    },
};
use rustix::{
    mount::{MountPropagationFlags, mount_change},
    pipe::{SpliceFlags, pipe, splice},
    process::{
        Pid, PidfdFlags, PidfdGetfdFlags, Signal, chroot, kill_process, pidfd_getfd, pidfd_open, pivot_root,
    },
    thread::{
        capabilities, move_into_link_name_space, sched_getaffinity, sched_setaffinity, set_capabilities,
    },
};
use sensor_common::class::Class;

use super::trial::{CouldNot, Expected, Place, Trial, error_of};
use crate::proto::event::Facts;

/// The trials.
pub(super) const TRIALS: &[Trial] = &[
    Trial { class: Class::Credentials, run: credentials },
    Trial { class: Class::Capability, run: capability },
    Trial { class: Class::Unshare, run: new_namespace },
    Trial { class: Class::Setns, run: enter_namespace },
    Trial { class: Class::Mount, run: mount },
    Trial { class: Class::PivotRoot, run: new_root },
    Trial { class: Class::Chroot, run: root_directory },
    Trial { class: Class::Ptrace, run: trace },
    Trial { class: Class::ProcessMemory, run: memory },
    Trial { class: Class::PidfdGetfd, run: descriptor },
    Trial { class: Class::ModuleLoad, run: module },
    Trial { class: Class::Bpf, run: bpf },
    Trial { class: Class::ControlWrite, run: setting },
    Trial { class: Class::Splice, run: from_file_to_pipe },
    Trial { class: Class::Scheduling, run: affinity },
    Trial { class: Class::Signal, run: signal },
];

/// A kernel setting that every kernel has, and a value that it does not take.
const SETTING: &str = "/proc/sys/fs/lease-break-time";
const NO_VALUE: &str = "picket";

/// Changes a capability that this thread could inherit, and changes it back.
fn credentials(_place: &mut Place) -> Result<Expected, CouldNot> {
    let before = capabilities(None)?;
    let Some(any) = before.permitted.iter().next() else {
        return Err(CouldNot("no capability is permitted".to_owned()));
    };
    let mut after = before;
    after.inheritable.toggle(any);
    set_capabilities(None, after)?;
    set_capabilities(None, before)?;
    Ok(Expected::call("capset", ""))
}

/// Changes how mounts spread, at a folder where nothing is mounted.
fn spread(place: &mut Place) -> Result<String, CouldNot> {
    let folder = place.path("mount")?;
    std::fs::create_dir_all(&folder)?;
    Ok(error_of(mount_change(&folder, MountPropagationFlags::PRIVATE)))
}

fn mount(place: &mut Place) -> Result<Expected, CouldNot> {
    let error = spread(place)?;
    Ok(Expected::call("mount", &error))
}

/// To change a mount, one needs `CAP_SYS_ADMIN`: the kernel asks for it.
fn capability(place: &mut Place) -> Result<Expected, CouldNot> {
    spread(place)?;
    Ok(Expected::own(|facts| matches!(facts, Facts::Call(call) if call.capability == "SYS_ADMIN")))
}

/// A process with several threads gets no user namespace.
fn new_namespace(_place: &mut Place) -> Result<Expected, CouldNot> {
    let error = error_of(unshare(CloneFlags::CLONE_NEWUSER));
    Ok(Expected::call("unshare", &error))
}

/// Enters a file that is no namespace.
fn enter_namespace(place: &mut Place) -> Result<Expected, CouldNot> {
    let file = File::open(place.file("namespace")?)?;
    let error = error_of(move_into_link_name_space(file.as_fd(), None));
    Ok(Expected::call("setns", &error))
}

/// Takes a folder for a root where nothing is mounted.
fn new_root(place: &mut Place) -> Result<Expected, CouldNot> {
    let folder = place.path("root")?;
    std::fs::create_dir_all(&folder)?;
    let error = error_of(pivot_root(&folder, &folder));
    Ok(Expected::call("pivot_root", &error))
}

/// Takes the root that it has.
fn root_directory(_place: &mut Place) -> Result<Expected, CouldNot> {
    let error = error_of(chroot("/"));
    Ok(Expected::call("chroot", &error))
}

fn trace(place: &mut Place) -> Result<Expected, CouldNot> {
    let error = error_of(ptrace::attach(number(place.child()?)));
    Ok(Expected::call("ptrace", &error))
}

fn memory(place: &mut Place) -> Result<Expected, CouldNot> {
    let child = number(place.child()?);
    let mut byte = [0];
    let from = [RemoteIoVec { base: 0x1000, len: 1 }];
    let error = error_of(process_vm_readv(child, &mut [IoSliceMut::new(&mut byte)], &from));
    Ok(Expected::call("process_vm_readv", &error))
}

fn descriptor(place: &mut Place) -> Result<Expected, CouldNot> {
    let child = pidfd_open(place.child()?, PidfdFlags::empty())?;
    let error = error_of(pidfd_getfd(child, 0, PidfdGetfdFlags::empty()));
    Ok(Expected::call("pidfd_getfd", &error))
}

/// Loads a module with a flag that does not exist: the kernel refuses before it looks at the file.
fn module(place: &mut Place) -> Result<Expected, CouldNot> {
    let file = File::open(place.file("module")?)?;
    let flags = ModuleInitFlags::from_bits_retain(1 << 30);
    let error = error_of(finit_module(file, c"", flags));
    Ok(Expected::call("finit_module", &error))
}

/// Creates a map of one entry, which goes at once.
fn bpf(_place: &mut Place) -> Result<Expected, CouldNot> {
    is_map_supported(MapType::Array).map_err(|error| CouldNot(error.to_string()))?;
    Ok(Expected::call("bpf", ""))
}

fn setting(_place: &mut Place) -> Result<Expected, CouldNot> {
    let mut file = File::options().write(true).open(SETTING)?;
    let refused = file.write(NO_VALUE.as_bytes());
    if refused.is_ok() {
        return Err(CouldNot(format!("{SETTING} takes any value")));
    }
    Ok(Expected::own(|facts| {
        matches!(facts, Facts::Call(call) if call.value == NO_VALUE
            && (call.path.ends_with("lease-break-time") || call.name.ends_with("lease-break-time")))
    }))
}

fn from_file_to_pipe(place: &mut Place) -> Result<Expected, CouldNot> {
    let file = File::open(place.file("splice")?)?;
    let (reader, writer) = pipe()?;
    let error = error_of(splice(file, None, writer, None, 1, SpliceFlags::empty()));
    drop(reader);
    Ok(Expected::call("splice", &error))
}

/// Sets what is set already.
fn affinity(_place: &mut Place) -> Result<Expected, CouldNot> {
    let set = sched_getaffinity(None)?;
    let error = error_of(sched_setaffinity(None, &set));
    Ok(Expected::call("sched_setaffinity", &error))
}

fn signal(place: &mut Place) -> Result<Expected, CouldNot> {
    let error = error_of(kill_process(place.child()?, Signal::CONT));
    Ok(Expected::call("kill", &error))
}

const fn number(pid: Pid) -> nix::unistd::Pid {
    nix::unistd::Pid::from_raw(pid.as_raw_nonzero().get())
}
