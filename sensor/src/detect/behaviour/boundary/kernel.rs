//! Programs that the kernel starts, and who chose them.

use std::collections::VecDeque;
use std::sync::Arc;

use sensor_common::record::process::ExecFacts;

use super::super::super::{
    finding::{Finding, Severity},
    scene::Scene,
};
use super::{Boundary, LATE_MAX, about};
use crate::detect::behaviour::Late;
use crate::event::{
    call::PrivilegedCall,
    operation::FileOperation,
    path::Components,
    process::Exec,
    text::{lossy, until_nul},
};
use crate::identity::store::Known;

/// Most settings that are remembered.
const SETTERS_MAX: usize = 16;
/// How long one explains what the kernel runs: a core dump or an empty control group may be long in coming.
const WINDOW_NS: u64 = 3_600_000_000_000;
/// Settings that name a program for the kernel, by their last two components, leaf first.
const SETTINGS: &[(&[u8], &[u8])] = &[
    (b"core_pattern", b"kernel"),
    (b"modprobe", b"kernel"),
    (b"hotplug", b"kernel"),
    (b"poweroff_cmd", b"kernel"),
    (b"uevent_helper", b"kernel"),
    (b"release_agent", b""),
    (b"register", b"binfmt_misc"),
];
/// What the kernel runs by itself on healthy nodes, by the last component.
const HELPERS: &[&[u8]] = &[
    b"modprobe",
    b"kmod",
    b"request-key",
    b"systemd-coredump",
    b"systemd-cgroups-agent",
    b"apport",
    b"abrt-hook-ccpp",
    b"bridge-stp",
    b"nfsidmap",
    b"nfs_cache_getent",
    b"nfsdcltrack",
    b"key.dns_resolver",
    b"cifs.upcall",
    b"drbdadm",
    b"systemd-shutdown",
];

/// A container wrote which program the kernel is to run.
#[derive(Debug)]
struct Setter {
    cgroup: u64,
    id: Arc<str>,
    setting: String,
    value: String,
    at_ns: u64,
}

/// Those who did, the latest last.
#[derive(Debug, Default)]
pub(super) struct Setters(VecDeque<Setter>);

/// Whether an open of this file may set such a program.
pub(super) fn could_open(file: &FileOperation<'_>) -> bool {
    file.is_written() && file.path.is_some_and(is_setting)
}

fn is_setting(path: Components<'_>) -> bool {
    let mut parts = path.0.split(|byte| *byte == 0);
    let (leaf, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    SETTINGS.iter().any(|(name, parent)| *name == leaf && (parent.is_empty() || *parent == folder))
}

impl Setters {
    /// A file was opened.
    pub(super) fn opened(&mut self, scene: &Scene<'_>, file: &FileOperation<'_>) {
        if file.record.error == 0
            && could_open(file)
            && let Some(path) = file.path
        {
            self.add(scene, path.to_text(crate::event::path::End::Root), String::new());
        }
    }

    /// A setting was written, or a control file.
    pub(super) fn called(&mut self, scene: &Scene<'_>, call: &PrivilegedCall<'_>) {
        if scene.class() != sensor_common::class::Class::ControlWrite || call.record.result < 0 {
            return;
        }
        let value = || lossy(until_nul(call.value)).trim().to_owned();
        let name = until_nul(call.name);
        let is_sysctl = SETTINGS.iter().any(|(setting, folder)| {
            !folder.is_empty() && name.strip_suffix(*setting).is_some_and(|rest| rest.ends_with(b"kernel/"))
        });
        if is_sysctl {
            self.add(scene, lossy(name).into_owned(), value());
        } else if let Some(path) = call.path
            && is_setting(path)
        {
            self.add(scene, path.to_text(crate::event::path::End::Root), value());
        }
    }

    fn add(&mut self, scene: &Scene<'_>, setting: String, value: String) {
        let Some(known) = scene.container() else { return };
        let (cgroup, at_ns) = (scene.cgroup(), scene.time_ns());
        // One container cannot push out what others did.
        self.0.retain(|setter| *setter.id != *known.container.id || setter.setting != setting);
        if self.0.len() >= SETTERS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Setter {
            cgroup,
            id: Arc::from(known.container.id.as_str()),
            setting,
            value,
            at_ns,
        });
    }

    fn latest(&self, now_ns: u64) -> Option<&Setter> {
        self.0.iter().rev().find(|setter| now_ns.saturating_sub(setter.at_ns) <= WINDOW_NS)
    }
}

impl Boundary {
    /// The kernel itself started a program: is it a container's?
    pub(super) fn ran_by_kernel(
        &mut self,
        scene: &Scene<'_>,
        exec: &Exec<'_>,
        found: &mut dyn FnMut(Finding),
    ) {
        if exec.record.facts & ExecFacts::BY_KERNEL == 0 {
            return;
        }
        let Some(process) = scene.process() else { return };
        let path = process.program.executable.clone();
        let by_device = self.roots.peek(&exec.record.file.device);
        let by_path = || self.baselines_in(&path);
        let lies_in = by_device.cloned().or_else(by_path);
        let is_helper = HELPERS.contains(&exec.executable.leaf());
        let setter = self.setters.latest(scene.time_ns());
        let (cgroup, id, how) = match (&lies_in, setter) {
            (Some(id), _) => {
                let Some(baseline) = self.baselines.peek(id) else { return };
                (baseline.cgroup, Arc::clone(id), format!("The file lies in the container {id}."))
            }
            (None, Some(setter)) if !is_helper => (
                setter.cgroup,
                Arc::clone(&setter.id),
                format!("{path} is none of the kernel's usual helpers."),
            ),
            _ => return,
        };
        let summary =
            format!("The kernel ran {path} as root of the node for a container: the container has escaped");
        let mut finding = about::BY_KERNEL.finding(Severity::Critical, 0.95, summary);
        finding.evidence.push(how);
        if let Some(setter) = setter {
            let seconds = scene.time_ns().saturating_sub(setter.at_ns) / 1_000_000_000;
            let Setter { setting, value, id, .. } = setter;
            let value = if value.is_empty() { String::new() } else { format!(" ({value})") };
            finding
                .evidence
                .push(format!("{seconds} seconds before, the container {id} wrote {setting}{value}."));
        }
        self.tell_of(scene, cgroup, &id, finding, found);
    }

    /// Tells a finding as one of the container, whose event it is not.
    fn tell_of(
        &mut self,
        scene: &Scene<'_>,
        cgroup: u64,
        id: &str,
        finding: Finding,
        found: &mut dyn FnMut(Finding),
    ) {
        let known: Option<&Known> = scene.given.identity.container(cgroup).map(AsRef::as_ref);
        if known.is_some_and(|known| known.container.id == id) && self.late.len() < LATE_MAX {
            self.late.push(Late { cgroup, process: Some(scene.key()), finding });
        } else {
            found(finding);
        }
    }

    /// The container whose id is part of a path, as runtimes name the folders of their containers.
    fn baselines_in(&self, path: &str) -> Option<Arc<str>> {
        let parts = path.split('/').filter(|part| part.len() == 64);
        parts.filter_map(|part| self.baselines.peek(part)).map(|baseline| Arc::clone(&baseline.id)).next()
    }
}
