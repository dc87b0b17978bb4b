//! Calls aimed at other processes, and those that put code into the kernel or ask it for what few
//! programs need.

use sensor_common::{
    call::Call,
    class::Class,
    header::Incomplete,
    record::{
        privilege::{CallRecord, Facts},
        process::FileFlags,
    },
};

use super::super::{Context, Subject, container, file, namespaces, unknown};
use crate::event::{self, call::PrivilegedCall, path::End, request, signal, text::lossy};
use crate::identity::store::Owner;
use crate::proto;

/// `PROC_PID_INIT_INO` of `include/linux/proc_ns.h`: the initial pid namespace.
const INITIAL_PID_NAMESPACE: u32 = 0xefff_fffc;

impl Context {
    /// Fills in what the classes of this file tell.
    pub(super) fn calls(
        &self,
        event: &event::Event<'_>,
        call: &PrivilegedCall<'_>,
        subject: Subject<'_>,
        message: &mut proto::PrivilegedCall,
    ) {
        let record = &call.record;
        let [first, second, third, _, fifth, _] = record.arguments;
        match event.class {
            Class::Ptrace => {
                message.request = request::ptrace(first);
                self.target(record, second, subject, message);
            }
            Class::ProcessMemory => {
                message.result = succeeded(record);
                self.target(record, first, subject, message);
            }
            Class::PidfdGetfd => {
                message.arguments = vec![low(second).into()];
                message.result = succeeded(record);
                self.target(record, 0, subject, message);
            }
            Class::Signal => self.signal(record, subject, message),
            Class::Scheduling => self.scheduling(record, subject, message),
            Class::ModuleLoad => {
                message.source = resolved(event, call);
                module(call, message);
            }
            Class::Bpf => bpf(call, message),
            Class::PerfEvent => {
                message.kind = request::perf_event(record.number.into());
                message.value = format!("config {:#x}, {}", record.detail, cpu(third));
                self.target(record, second, subject, message);
            }
            Class::Keyctl => {
                if record.call == Call::Keyctl as u32 {
                    message.request = request::keyctl(low(first).into());
                }
                message.name = lossy(call.name).into_owned();
                message.value = lossy(call.value).trim_end_matches('\0').to_owned();
            }
            Class::Userfaultfd => message.flags = request::fault_flags(low(first).into()),
            Class::OpenByHandle => {
                message.path = resolved(event, call);
                message.source = call.base.map(|base| base.to_text(End::Root)).unwrap_or_default();
                message.flags = request::open_flags(third);
                used(call, message);
            }
            Class::Splice => {
                message.source = resolved(event, call);
                message.result = succeeded(record);
                message.arguments = vec![fifth];
                used(call, message);
            }
            _ => {}
        }
    }

    /// The process that the call is aimed at: as the kernel told it or, where it is gone, by its number
    /// in the caller's pid namespace.
    fn target(
        &self,
        record: &CallRecord,
        number: u64,
        subject: Subject<'_>,
        message: &mut proto::PrivilegedCall,
    ) {
        if record.facts & Facts::TARGET != 0 {
            message.target = Some(match subject.other {
                Some(process) => {
                    let mut process = self.process(process);
                    // What it was told is said by the event of the program that it runs.
                    process.arguments.truncate(1);
                    process
                }
                None => unknown(record.target),
            });
            message.target_namespaces = Some(namespaces(&record.target_namespaces));
            if let Some(Owner::Container(known)) = subject.other_owner {
                message.target_container = Some(container(known));
            }
            return;
        }
        let number = low(number);
        if number.cast_signed() <= 0 {
            return;
        }
        let initial = record.namespaces.pid == INITIAL_PID_NAMESPACE;
        message.target = Some(proto::Process {
            pid: initial.then_some(number),
            container_pid: (!initial).then_some(number),
            ..proto::Process::default()
        });
    }

    fn signal(&self, record: &CallRecord, subject: Subject<'_>, message: &mut proto::PrivilegedCall) {
        let [first, second, third, ..] = record.arguments;
        let (who, number) = match Call::from_number(record.call) {
            Some(Call::Tgkill | Call::RtTgsigqueueinfo) => (second, third),
            Some(Call::PidfdSendSignal) => (0, second),
            _ => (first, second),
        };
        let name = signal::name(low(number));
        message.request = name.map_or_else(|| low(number).to_string(), str::to_owned);
        let who = low(who).cast_signed();
        if record.call == Call::Kill as u32 && who <= 0 {
            message.value = match who {
                0 => "own process group".to_owned(),
                -1 => "every process".to_owned(),
                group => format!("process group {}", group.unsigned_abs()),
            };
        }
        self.target(record, who.cast_unsigned().into(), subject, message);
    }

    fn scheduling(&self, record: &CallRecord, subject: Subject<'_>, message: &mut proto::PrivilegedCall) {
        let [first, second, third, ..] = record.arguments;
        let told = record.facts & Facts::NUMBERS != 0;
        let static_priority = u32::try_from(record.detail & u64::from(u32::MAX)).unwrap_or_default();
        let nice = format!("nice {}", request::nice(static_priority));
        let call = Call::from_number(record.call);
        match call {
            Some(Call::SchedSetaffinity) if told => {
                message.value = format!("cpus {}", request::cpus(record.detail));
            }
            Some(Call::SchedSetscheduler | Call::SchedSetattr | Call::SchedSetparam) => {
                if told {
                    message.request = request::policy(record.number.into());
                    message.value = match record.detail >> 32 {
                        0 => nice,
                        priority => format!("priority {priority}"),
                    };
                }
                // What was asked for, if the call was refused.
                if record.result < 0 {
                    message.value.clear();
                    message.request = match call {
                        Some(Call::SchedSetscheduler) => request::policy(low(second).into()),
                        _ => String::new(),
                    };
                }
            }
            Some(Call::Setpriority) => {
                let whose = match low(first) {
                    1 => format!(" of process group {}", low(second)),
                    2 => format!(" of user {}", low(second)),
                    _ => String::new(),
                };
                message.value = format!("nice {}{whose}", low(third).cast_signed());
            }
            _ => {}
        }
        let who = match call {
            Some(Call::Setpriority) if low(first) != 0 => 0,
            Some(Call::Setpriority) => second,
            _ => first,
        };
        self.target(record, who, subject, message);
    }
}

/// Modules, and kernels to be started later.
fn module(call: &PrivilegedCall<'_>, message: &mut proto::PrivilegedCall) {
    let record = &call.record;
    let [first, second, third, ..] = record.arguments;
    message.name = lossy(call.name).into_owned();
    message.value = lossy(call.value).trim_end_matches('\0').to_owned();
    used(call, message);
    match Call::from_number(record.call) {
        Some(Call::InitModule) => message.arguments = vec![second],
        Some(Call::FinitModule) => message.flags = request::module_flags(low(third).into()),
        Some(Call::KexecLoad) => message.arguments = vec![first, second],
        _ => {}
    }
}

fn bpf(call: &PrivilegedCall<'_>, message: &mut proto::PrivilegedCall) {
    let record = &call.record;
    let [command, ..] = record.arguments;
    message.request = request::bpf(low(command).into());
    message.name = lossy(call.name).into_owned();
    message.path = lossy(call.path_text).into_owned();
    message.value = lossy(call.value).trim_end_matches('\0').to_owned();
    if record.facts & Facts::NUMBERS == 0 {
        return;
    }
    match message.request.as_str() {
        "BPF_MAP_CREATE" | "BPF_MAP_GET_FD_BY_ID" => message.kind = request::map(record.number.into()),
        _ => {
            message.kind = request::program(record.number.into());
            // 0 is an attach type as well as none.
            if record.detail != 0 {
                message.attach_type = request::attach(record.detail);
            }
        }
    }
}

/// The file that the call used.
fn used(call: &PrivilegedCall<'_>, message: &mut proto::PrivilegedCall) {
    let leaf = call.path.map(|path| path.leaf().to_vec()).unwrap_or_default();
    let identity = &call.record.file;
    message.file = (identity.inode != 0).then(|| file::identity(identity, &leaf));
}

/// The path of the file that the call used.
fn resolved(event: &event::Event<'_>, call: &PrivilegedCall<'_>) -> String {
    let end = match event.incomplete & Incomplete::PATH != 0 {
        true => End::Cut,
        false if call.record.file.flags & FileFlags::DETACHED != 0 => End::Detached,
        false => End::Root,
    };
    call.path.map(|path| path.to_text(end)).unwrap_or_default()
}

fn succeeded(record: &CallRecord) -> Option<i64> {
    (record.result >= 0).then_some(record.result)
}

/// The CPU of a performance event.
fn cpu(argument: u64) -> String {
    match low(argument).cast_signed() {
        -1 => "any CPU".to_owned(),
        cpu => format!("CPU {cpu}"),
    }
}

/// A 32-bit argument: the upper half of its register means nothing.
fn low(argument: u64) -> u32 {
    u32::try_from(argument & u64::from(u32::MAX)).unwrap_or_default()
}
