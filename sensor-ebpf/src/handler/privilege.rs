//! Calls that need, give or show privileges: what all of them have in common, and which handler
//! each class has.
//!
//! A handler looks at the arguments, decides whether the call is an event ([`Ended::begin`]), adds
//! what only its class has, and sends the record.

mod file;
mod kernel;
mod task;

pub(crate) use self::file::spliced;

use sensor_common::{
    class::{Class, Lane},
    header::Incomplete,
    record::{
        privilege::{CallRecord, Facts},
        process::FileFlags,
    },
    tail::Tail,
};
use zerocopy::FromZeros;

use crate::{
    emit::{begin_gated, gate::Gate, writer::Writer},
    kobj::{
        Memory, Raw,
        cgroup::Cgroup,
        cred::Cred,
        current::Current,
        file as file_object,
        path::{self, Walk},
        pid,
        syscall::Arguments,
        task::Task,
    },
    maps::{Slot, VITAL, offset},
};

/// A call that has ended.
#[derive(Clone, Copy)]
pub(crate) struct Ended<A> {
    /// [`sensor_common::call::Call`] as a number.
    pub(crate) call: u32,
    /// Its arguments.
    pub(crate) arguments: A,
    /// Its result, or a negative error number.
    pub(crate) result: i64,
}

/// What makes two calls of one process and class equal, besides the call and its error.
#[derive(Clone, Copy)]
pub(crate) enum Alike {
    /// Nothing: each is told.
    Never,
    /// Target and request.
    If(u64, u32),
}

/// An event in the making.
pub(crate) struct Told {
    /// Who made the call.
    pub(crate) current: Task<Current>,
    /// For variable fields.
    pub(crate) writer: Writer,
    /// Fixed part; what every call has is filled in.
    pub(crate) record: &'static mut CallRecord,
    cgroup: u64,
}

/// Calls the handler of a class.
#[inline(always)]
pub(crate) fn ended<A: Arguments>(class: u32, call: Ended<A>) {
    macro_rules! handlers {
        ($($class:ident => $handler:expr,)*) => {
            $(if class == Class::$class as u32 {
                let handler = $handler;
                handler(call);
                return;
            })*
        };
    }
    handlers! {
        Ptrace => task::ptrace,
        ProcessMemory => task::memory,
        PidfdGetfd => task::descriptor,
        Signal => task::signal,
        Scheduling => task::scheduling,
        ModuleLoad => kernel::module,
        Bpf => kernel::bpf,
        PerfEvent => kernel::perf_event,
        Keyctl => kernel::key,
        Userfaultfd => kernel::userfaultfd,
        OpenByHandle => file::by_handle,
        Splice => file::splice,
    }
}

impl<A: Arguments> Ended<A> {
    /// One argument, as a 32-bit number.
    #[inline(always)]
    pub(crate) fn number(self, n: usize) -> u32 {
        self.arguments.argument(n) as u32
    }

    /// Error number with which it failed, 0 if it did not.
    #[inline(always)]
    pub(crate) fn error(self) -> u64 {
        if self.result < 0 { self.result.unsigned_abs() } else { 0 }
    }

    /// Counts the call and begins its record. `None` if it is not to be sent.
    #[inline(always)]
    pub(crate) fn begin(self, class: Class, alike: Alike) -> Option<Told> {
        let current = Current::task()?;
        let cgroup = Cgroup::of(current.0).map_or(0, Cgroup::id);
        let gate = Gate::enter(class, cgroup)?;
        let process = current.reference();
        let repeats = match alike {
            Alike::Never => 0,
            Alike::If(target, request) => {
                let request = u64::from(self.call) << 32 | u64::from(request);
                gate.repeats(process, target, request, self.error())?
            }
        };
        let (writer, record) = Writer::new::<CallRecord>(Slot::Call, Lane::First, class)?;
        record.zero();
        begin_gated(gate, process, &mut record.header);
        record.arguments = self.arguments.all();
        record.result = self.result;
        record.call = self.call;
        record.repeats = repeats;
        record.facts = if A::COMPAT { Facts::COMPAT } else { 0 };
        if let Some(cred) = Cred::of(current.0) {
            cred.ids(&mut record.ids);
            cred.capabilities(&mut record.capabilities);
            record.namespaces.user = cred.user_namespace();
        }
        current.namespaces(&mut record.namespaces);
        Some(Told { current, writer, record, cgroup })
    }
}

impl Told {
    /// The task that the call is aimed at, as the kernel has it.
    #[inline(always)]
    pub(crate) fn target(&mut self, task: Task<Raw>) {
        self.record.target = task.reference();
        self.record.target_cgroup = Cgroup::of(task.0).map_or(0, Cgroup::id);
        task.namespaces(&mut self.record.target_namespaces);
        if let Some(cred) = Cred::of(task.0) {
            self.record.target_namespaces.user = cred.user_namespace();
        }
        self.record.facts |= Facts::TARGET;
    }

    /// The task with a number in the caller's pid namespace; 0 is the caller and no target.
    #[inline(always)]
    pub(crate) fn target_number(&mut self, number: u32) {
        if let Some(task) = pid::find(self.current, number).and_then(pid::task) {
            self.target(task);
        }
    }

    /// The file that the call used: identity and path.
    #[inline(always)]
    pub(crate) fn file(&mut self, file: Raw) {
        file_object::identity(file, &mut self.record.file);
        let place = Raw(file.0 + u64::from(offset!(file_path)));
        self.record.file.mount_id = path::mount_id(place);
        match self.path(Tail::Path, place) {
            Walk::Complete => {}
            Walk::Detached => self.record.file.flags |= FileFlags::DETACHED,
            Walk::Cut => self.record.header.incomplete |= Incomplete::PATH,
        }
    }

    /// Writes a path (`struct path` at an address) as a field.
    #[inline(always)]
    pub(crate) fn path(&mut self, kind: Tail, place: Raw) -> Walk {
        let Some(components) = self.writer.components() else { return Walk::Cut };
        let end = path::write(place, &self.writer, &components);
        self.writer.end_components(kind, &components);
        end
    }

    /// Adds a string of the caller's memory, which another thread may have changed since.
    #[inline(always)]
    pub(crate) fn user_string<const MAX: usize>(&mut self, kind: Tail, address: u64, incomplete: u32) {
        if address == 0 {
            return;
        }
        self.record.facts |= Facts::UNVERIFIED;
        if !self.writer.user_string::<MAX>(kind, address) {
            self.record.header.incomplete |= incomplete;
        }
    }

    /// Sends it.
    #[inline(always)]
    pub(crate) fn send(self) {
        self.writer.send(&VITAL, self.cgroup);
    }
}
