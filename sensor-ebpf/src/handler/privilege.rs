//! Calls that need, give or show privileges: what all of them have in common, and which handler
//! each class has.
//!
//! A handler looks at the arguments and decides whether the call is an event; [`tell`] makes the record of
//! what it found.

mod file;
mod kernel;
mod mount;
mod space;
mod task;

pub(crate) use self::{
    file::spliced,
    mount::{mount, mounted, unmounted, unmounting},
    space::{chroot, cloned, pivot_root, setns, unshare},
};

use sensor_common::{
    class::{Class, Lane},
    header::Incomplete,
    limits::{COMPONENT_BYTES_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX},
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
        Raw,
        cgroup::Cgroup,
        cred::Cred,
        current::Current,
        file as file_object,
        path::{self, Walk},
        syscall::Arguments,
        task::Task,
    },
    maps::{Slot, VITAL, offset, zero},
};

/// Longest name of a BPF program or map (`BPF_OBJ_NAME_LEN`).
const BPF_NAME_BYTES: usize = 16;

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
    /// Target, request, and a number that the kernel or the caller told.
    If(u64, u32, u64),
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

/// What a handler found out, for [`tell`]. Addresses are 0 where there is nothing.
///
/// All of it is numbers, so that the handlers of all classes meet again before the record is made: the
/// verifier then follows what is behind once, and not once for each class.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    class: Class,
    /// What makes two calls equal, besides `number` and `detail`: target and request.
    alike: (u64, u32),
    /// Not 0 if no other call is equal.
    unique: u32,
    /// `struct task_struct`: who it is done to.
    target: u64,
    /// `struct file`: what the call used.
    file: u64,
    /// `struct file`: where the call was to look.
    base: u64,
    /// Texts in the caller's memory.
    path: u64,
    name: u64,
    value: u64,
    /// A name in the kernel's memory.
    object_name: u64,
    number: u32,
    detail: u64,
    /// [`Facts`] bits.
    facts: u32,
}

impl Event {
    /// An event of a class; equal are those of one process with this target and request, as long as
    /// `number` and `detail` are equal as well. Targets are numbers of 32 bits where there is a `number`.
    #[inline(always)]
    pub(crate) const fn new(class: Class, target: u64, request: u32) -> Self {
        Self {
            class,
            alike: (target, request),
            unique: 0,
            target: 0,
            file: 0,
            base: 0,
            path: 0,
            name: 0,
            value: 0,
            object_name: 0,
            number: 0,
            detail: 0,
            facts: 0,
        }
    }

    /// The same, told each time.
    #[inline(always)]
    const fn each(self) -> Self {
        Self { unique: 1, ..self }
    }

    /// What makes another call equal.
    #[inline(always)]
    fn alike(&self) -> Alike {
        if self.unique != 0 {
            return Alike::Never;
        }
        let (target, request) = self.alike;
        Alike::If(target ^ u64::from(self.number) << 32, request, self.detail)
    }

    /// The same, but the verifier knows nothing of the numbers any more.
    #[inline(always)]
    fn opaque(self) -> Option<Self> {
        let zero = zero()?;
        let low = zero as u32;
        // SAFETY: the number is that of the class, as zero is zero.
        let class = unsafe { core::mem::transmute::<u16, Class>(self.class as u16 ^ zero as u16) };
        Some(Self {
            class,
            alike: (self.alike.0 ^ zero, self.alike.1 ^ low),
            unique: self.unique ^ low,
            target: self.target ^ zero,
            file: self.file ^ zero,
            base: self.base ^ zero,
            path: self.path ^ zero,
            name: self.name ^ zero,
            value: self.value ^ zero,
            object_name: self.object_name ^ zero,
            number: self.number ^ low,
            detail: self.detail ^ zero,
            facts: self.facts ^ low,
        })
    }
}

/// The end of a known call: what its class never fills in is not looked at.
#[inline(always)]
pub(crate) fn ended<A: Arguments>(class: Class, call: Ended<A>) {
    if let Some(event) = found(class as u32, call) {
        tell(call, event);
    }
}

/// The end of any call.
#[inline(always)]
pub(crate) fn any_ended<A: Arguments>(class: u32, call: Ended<A>) {
    if let Some(event) = found(class, call).and_then(Event::opaque) {
        tell(call, event);
    }
}

/// What the handler of a class found.
#[inline(always)]
fn found<A: Arguments>(class: u32, call: Ended<A>) -> Option<Event> {
    let current = Current::task()?;
    match class {
        PTRACE => task::ptrace(call, current),
        MEMORY => task::memory(call, current),
        DESCRIPTOR => task::descriptor(call, current),
        SIGNAL => task::signal(call, current),
        SCHEDULING => task::scheduling(call, current),
        MODULE => kernel::module(call, current),
        BPF => kernel::bpf(call, current),
        PERF_EVENT => kernel::perf_event(call, current),
        KEY => kernel::key(call),
        USERFAULTFD => kernel::userfaultfd(call),
        BY_HANDLE => file::by_handle(call, current),
        SPLICE => file::splice(call, current),
        _ => None,
    }
}

const PTRACE: u32 = Class::Ptrace as u32;
const MEMORY: u32 = Class::ProcessMemory as u32;
const DESCRIPTOR: u32 = Class::PidfdGetfd as u32;
const SIGNAL: u32 = Class::Signal as u32;
const SCHEDULING: u32 = Class::Scheduling as u32;
const MODULE: u32 = Class::ModuleLoad as u32;
const BPF: u32 = Class::Bpf as u32;
const PERF_EVENT: u32 = Class::PerfEvent as u32;
const KEY: u32 = Class::Keyctl as u32;
const USERFAULTFD: u32 = Class::Userfaultfd as u32;
const BY_HANDLE: u32 = Class::OpenByHandle as u32;
const SPLICE: u32 = Class::Splice as u32;

/// Makes and sends the record of an event.
#[inline(always)]
pub(crate) fn tell<A: Arguments>(call: Ended<A>, event: Event) {
    let Some(mut told) = call.begin(event.class, event.alike()) else { return };
    told.record.number = event.number;
    told.record.detail = event.detail;
    told.record.facts |= event.facts;
    if event.target != 0 {
        told.target(Task(Raw(event.target)));
    }
    if event.object_name != 0 {
        told.writer.string::<BPF_NAME_BYTES>(Tail::Name, event.object_name);
    }
    told.user_string::<COMPONENT_BYTES_MAX>(Tail::Name, event.name, Incomplete::NAME);
    told.user_string::<VALUE_BYTES_MAX>(Tail::Value, event.value, Incomplete::VALUE);
    told.user_string::<NAME_BYTES_MAX>(Tail::PathText, event.path, Incomplete::PATH);
    if event.file != 0 {
        told.file_identity(Raw(event.file));
    }
    let walked = if event.file != 0 { event.file } else { event.base };
    if walked != 0 {
        let kind = if event.file != 0 { Tail::Path } else { Tail::Base };
        told.walk(kind, Raw(walked + u64::from(offset!(file_path))));
    }
    told.send();
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

    /// Each call that succeeds is told; of those that fail, one of each kind for each error. Kinds are few, so
    /// that who is allowed nothing cannot make many records.
    #[inline(always)]
    pub(crate) fn failures_of(self, kind: u32) -> Alike {
        if self.result < 0 { Alike::If(0, kind, 0) } else { Alike::Never }
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
            Alike::If(target, request, number) => {
                // A call's number has 16 bits at most, and so has an error's.
                let request = (u64::from(self.call) << 16 | self.error()) << 32 | u64::from(request);
                gate.repeats(process, target, request, number)?
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

    /// The file that the call used, without its path.
    #[inline(always)]
    fn file_identity(&mut self, file: Raw) {
        file_object::identity(file, &mut self.record.file);
        self.record.file.mount_id = path::mount_id(Raw(file.0 + u64::from(offset!(file_path))));
    }

    /// Writes a path as a field and says how that ended.
    #[inline(always)]
    fn walk(&mut self, kind: Tail, place: Raw) {
        match self.path(kind, place) {
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
