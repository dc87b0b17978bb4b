//! Loading and attaching single programs, and the choice of a way for each service.

use std::path::Path;

use aya::{
    Btf, Ebpf,
    programs::{
        BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSysctl, FEntry, FExit,
        Program as Loadable, ProgramError, TracePoint,
    },
};
use sensor_common::class::Class;

use super::{
    hooks::Link,
    load::chain,
    programs::{BackEnd, Hook, Program, Service, Way},
    tracefs,
};

/// One program and what became of it.
#[derive(Clone, Debug)]
pub struct Attached {
    /// Program.
    pub program: Program,
    /// Back end that it belongs to.
    pub back_end: BackEnd,
    /// Why it is not attached, if it is not.
    pub error: Option<String>,
}

/// What serves a set of classes, and why not something better.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// Name of the service.
    pub service: &'static str,
    /// Classes.
    pub classes: &'static [Class],
    /// Back end, if one works.
    pub back_end: Option<BackEnd>,
    /// The agent is of no use without it.
    pub required: bool,
    /// No way works, because the kernel lacks every hook that the chosen back ends could use, or has none for an
    /// agent with these capabilities: a known limit rather than a fault.
    pub lacking: bool,
    /// Why better ways, or all, did not work; programs that are missing from the one that does.
    pub reasons: Vec<String>,
}

/// Parts of the errors of hooks that the kernel does not have, or not for an agent with these capabilities.
const NOT_THERE: [&str; 3] = ["unknown BTF type", NO_SUCH_CALL, PARANOID];
/// What helps against a refusal that upstream kernels do not know.
const PARANOID: &str = "kernels of Debian and Ubuntu refuse it without CAP_SYS_ADMIN while kernel.perf_event_paranoid is above 2";
const NO_SUCH_CALL: &str = "the kernel has none of these system calls";

fn is_known_limit(error: &str) -> bool {
    NOT_THERE.iter().any(|text| error.contains(text))
}

/// What became of a service.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) programs: Vec<Attached>,
    /// What keeps them attached.
    pub(super) links: Vec<Link>,
    pub(super) coverage: Coverage,
}

/// Attaches a service by the first way that works; programs of control groups to their root below
/// `cgroups`.
pub(super) fn service(
    ebpf: &mut Ebpf,
    service: &Service,
    btf: &Btf,
    only: Option<BackEnd>,
    cgroups: &Path,
) -> Served {
    let mut coverage = Coverage {
        service: service.name,
        classes: service.classes,
        back_end: None,
        required: service.required,
        lacking: true,
        reasons: Vec::new(),
    };
    for way in service.ways.iter().filter(|way| allowed(service, way, only)) {
        match attach_way(ebpf, way, btf, cgroups) {
            Ok((programs, links)) => {
                coverage.back_end = Some(way.back_end);
                coverage.lacking = false;
                let missing = programs.iter().filter_map(|program| {
                    Some(format!("without {}: {}", program.program.target(), program.error.as_ref()?))
                });
                coverage.reasons.extend(missing);
                return Served { programs, links, coverage };
            }
            Err((program, error)) => {
                let (back_end, target) = (way.back_end.name(), program.target());
                coverage.lacking &= is_known_limit(&error);
                coverage.reasons.push(format!("no {back_end}: {target}: {error}"));
            }
        }
    }
    coverage.lacking |= service.ways.iter().any(lacks_calls);
    if coverage.reasons.is_empty() {
        coverage.reasons.push("no way by the back end that `kernel.back_end` names".to_owned());
    }
    Served { programs: Vec::new(), links: Vec::new(), coverage }
}

/// Has the verifier look at every way, and tells of each.
pub(super) fn try_ways(ebpf: &mut Ebpf, service: &Service, btf: &Btf) -> Vec<Coverage> {
    let one = |way: &Way| {
        let failed = way.programs.iter().filter(|program| !program.optional).find_map(|program| {
            let error = load(ebpf, program, btf).err()?;
            Some(format!("{}: {error}", program.target()))
        });
        Coverage {
            service: service.name,
            classes: service.classes,
            back_end: Some(way.back_end),
            required: service.required,
            lacking: false,
            reasons: failed.into_iter().collect(),
        }
    };
    service.ways.iter().map(one).collect()
}

/// True if a way waits for the ends of system calls that the kernel does not have.
fn lacks_calls(way: &Way) -> bool {
    let Ok(tracefs) = tracefs::find() else { return false };
    let has = |name: &&str| tracefs.join("events/syscalls").join(format!("sys_exit_{name}")).exists();
    way.programs
        .iter()
        .any(|program| matches!(program.hook, Hook::SyscallExit(names) if !names.iter().any(&has)))
}

/// Whether a way may be taken: a choice of the user's holds where there is one.
fn allowed(service: &Service, way: &Way, only: Option<BackEnd>) -> bool {
    let chosen = |way: &Way| matches!(way.back_end, BackEnd::Trampoline | BackEnd::Tracepoint);
    match only {
        Some(only) if service.ways.iter().any(chosen) && chosen(way) => way.back_end == only,
        _ => true,
    }
}

/// Programs of a way with what became of each, and what keeps them attached.
type WayAttached = (Vec<Attached>, Vec<Link>);

/// Attaches every program of a way, or none.
fn attach_way(
    ebpf: &mut Ebpf,
    way: &Way,
    btf: &Btf,
    cgroups: &Path,
) -> Result<WayAttached, (Program, String)> {
    let (mut done, mut links): WayAttached = (Vec::new(), Vec::new());
    for program in way.programs {
        let error = match load(ebpf, program, btf).and_then(|()| attach(ebpf, program, cgroups)) {
            Ok(more) => {
                links.extend(more);
                None
            }
            Err(error) if program.optional => Some(error),
            Err(error) => {
                drop(links);
                for earlier in done.iter().filter(|earlier| earlier.error.is_none()) {
                    unload(ebpf, earlier.program);
                }
                return Err((*program, error));
            }
        };
        done.push(Attached { program: *program, back_end: way.back_end, error });
    }
    Ok((done, links))
}

/// Takes a program back that is not attached any more; one that other services may share stays.
fn unload(ebpf: &mut Ebpf, program: Program) {
    let Some(found) = ebpf.program_mut(program.name) else { return };
    let result = match program.hook {
        Hook::BtfTracepoint(_) => typed::<BtfTracePoint>(found).map(BtfTracePoint::unload),
        Hook::Fentry(_) => typed::<FEntry>(found).map(FEntry::unload),
        Hook::Fexit(_) => typed::<FExit>(found).map(FExit::unload),
        Hook::SyscallExit(_) => Ok(Ok(())),
        Hook::PacketsOut | Hook::PacketsIn => typed::<CgroupSkb>(found).map(CgroupSkb::unload),
        Hook::Sysctl => typed::<CgroupSysctl>(found).map(CgroupSysctl::unload),
    };
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(program = program.name, %error, "cannot unload"),
        Err(error) => tracing::warn!(program = program.name, error, "cannot unload"),
    }
}

/// Has the verifier accept a program; one that is loaded already is fine.
pub(super) fn load(ebpf: &mut Ebpf, program: &Program, btf: &Btf) -> Result<(), String> {
    let found = ebpf.program_mut(program.name).ok_or("not in the object: rebuild Picket")?;
    if found.fd().is_ok() {
        return Ok(());
    }
    let result = match program.hook {
        Hook::BtfTracepoint(names) => {
            first(names, |name| typed::<BtfTracePoint>(found)?.load(name, btf).map_err(|error| chain(&error)))
        }
        Hook::Fentry(names) => {
            first(names, |name| typed::<FEntry>(found)?.load(name, btf).map_err(|error| chain(&error)))
        }
        Hook::Fexit(names) => {
            first(names, |name| typed::<FExit>(found)?.load(name, btf).map_err(|error| chain(&error)))
        }
        Hook::SyscallExit(_) => typed::<TracePoint>(found)?.load().map_err(|error| chain(&error)),
        Hook::PacketsOut | Hook::PacketsIn => {
            typed::<CgroupSkb>(found)?.load().map_err(|error| chain(&error))
        }
        Hook::Sysctl => typed::<CgroupSysctl>(found)?.load().map_err(|error| chain(&error)),
    };
    if let Ok(info) = found.info() {
        let (program, instructions) = (program.name, info.verified_instruction_count());
        tracing::debug!(program, instructions, "looked at by the verifier");
    }
    result
}

/// The first name that works; the error of the first that the kernel knows, or else of the last.
fn first(names: &[&str], mut load: impl FnMut(&str) -> Result<(), String>) -> Result<(), String> {
    let mut told = "no target".to_owned();
    for name in names {
        match load(name) {
            Ok(()) => return Ok(()),
            // aya's words for a name that the kernel does not have.
            Err(error) if error.contains("unknown BTF type") => told = error,
            Err(error) => return Err(error),
        }
    }
    Err(told)
}

fn attach(ebpf: &mut Ebpf, program: &Program, cgroups: &Path) -> Result<Vec<Link>, String> {
    let found = ebpf.program_mut(program.name).ok_or("not in the object: rebuild Picket")?;
    let link = match program.hook {
        Hook::SyscallExit(names) => return syscalls(typed::<TracePoint>(found)?, names),
        Hook::BtfTracepoint(_) => {
            let program = typed::<BtfTracePoint>(found)?;
            kept(program.attach().and_then(|link| program.take_link(link)))
        }
        Hook::Fentry(_) => {
            let program = typed::<FEntry>(found)?;
            kept(program.attach().and_then(|link| program.take_link(link)))
        }
        Hook::Fexit(_) => {
            let program = typed::<FExit>(found)?;
            kept(program.attach().and_then(|link| program.take_link(link)))
        }
        Hook::PacketsOut => packets(typed::<CgroupSkb>(found)?, CgroupSkbAttachType::Egress, cgroups),
        Hook::PacketsIn => packets(typed::<CgroupSkb>(found)?, CgroupSkbAttachType::Ingress, cgroups),
        Hook::Sysctl => {
            let root = tracefs::cgroup_root(cgroups)?;
            let program = typed::<CgroupSysctl>(found)?;
            kept(program.attach(root, CgroupAttachMode::Single).and_then(|link| program.take_link(link)))
        }
    }?;
    Ok(vec![link])
}

/// A link of whatever kind, taken out of its program.
fn kept<L: Send + 'static>(link: Result<L, ProgramError>) -> Result<Link, String> {
    link.map(|link| Box::new(link) as Link).map_err(|error| chain(&error))
}

/// Attaches to the ends of all calls that the kernel has; there must be one.
fn syscalls(program: &mut TracePoint, names: &[&str]) -> Result<Vec<Link>, String> {
    let events = tracefs::find()?.join("events/syscalls");
    let mut links = Vec::new();
    for name in names.iter().map(|name| format!("sys_exit_{name}")) {
        if !events.join(&name).exists() {
            continue;
        }
        let link = program.attach("syscalls", &name).and_then(|link| program.take_link(link));
        links.push(kept(link).map_err(|error| match is_refused_by_distribution(&error) {
            true => format!("{name}: {error}; {PARANOID}"),
            false => format!("{name}: {error}"),
        })?);
    }
    if links.is_empty() { Err(NO_SUCH_CALL.to_owned()) } else { Ok(links) }
}

/// `EACCES` to `CAP_PERFMON`.
fn is_refused_by_distribution(error: &str) -> bool {
    error.contains("perf_event_open") && error.contains("os error 13")
}

fn packets(program: &mut CgroupSkb, direction: CgroupSkbAttachType, cgroups: &Path) -> Result<Link, String> {
    let root = tracefs::cgroup_root(cgroups)?;
    let link = program.attach(root, direction, CgroupAttachMode::Single);
    kept(link.and_then(|link| program.take_link(link)))
}

fn typed<'a, T>(program: &'a mut Loadable) -> Result<&'a mut T, String>
where
    &'a mut T: TryFrom<&'a mut Loadable>,
{
    program.try_into().map_err(|_| "of another kind than the agent expects: rebuild Picket".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_to_the_capabilities_is_a_limit_and_other_refusals_are_faults() {
        let refused = "`perf_event_open_trace_point` failed: Permission denied (os error 13)";
        assert!(is_refused_by_distribution(refused));
        assert!(is_known_limit(&format!("sys_exit_setxattr: {refused}; {PARANOID}")));
        assert!(is_known_limit("unknown BTF type `btf_trace_cap_capable`"));
        assert!(!is_known_limit("`bpf_link_create` failed: Operation not permitted (os error 1)"));
    }
}
