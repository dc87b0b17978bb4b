//! What happens before the threads start: permissions, kernel, snapshot.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensor_common::layout::Settings;

use super::{AgentError, RulesError, policy, rules};
use crate::clock::{self, BootClock};
use crate::config::{self, Config};
use crate::detect::behaviour::{Behaviours, Bounds as Memory};
use crate::event::capability;
use crate::identity::{
    catalog::Catalog,
    store::{Question, Store},
};
use crate::kernel::{
    attach::{Attached, Coverage},
    cgroup::{self, Hierarchy},
    load::{KernelTypes, Loaded, Options, Running},
    offsets::Missing,
    probe,
    witness::Witness,
};
use crate::pipeline::{Nobody, Pipeline};
use crate::policy::Policy;
use crate::process::tree::{Limits, Tree};
use crate::sources::{
    bundle::{BundleReader, default_state_folders},
    cgroupfs::CgroupTree,
    procfs::Procfs,
    resolver::{self, Resolver},
};
use crate::stream::encode::Context;

/// Control groups that are remembered for each container that may be: containers are a part of a
/// node's groups.
const GROUPS_PER_CONTAINER: usize = 4;

/// The kernel side, loaded.
pub(super) struct Kernel {
    pub(super) loaded: Loaded,
    types: KernelTypes,
    pub(super) about: About,
}

/// The kernel side, attached.
pub(super) struct Attachment {
    pub(super) running: Running,
    pub(super) attached: Vec<Attached>,
    pub(super) coverage: Vec<Coverage>,
    /// The programs' own messages, if they are wanted.
    pub(super) logger: Option<Logger>,
}

type Logger = aya_log::EbpfLogger<&'static dyn log::Log>;

/// What is known of the kernel.
pub(super) struct About {
    missing: Vec<Missing>,
    hierarchy: Hierarchy,
    release: String,
}

/// Facts about the kernel for the status.
#[derive(Clone, Debug)]
pub(super) struct KernelFacts {
    pub(super) release: String,
    pub(super) hierarchy: String,
    pub(super) missing: Vec<String>,
}

impl About {
    pub(super) fn facts(&self) -> KernelFacts {
        let text = |missing: &Missing| format!("{} is missing: lost is {}", missing.looked_for, missing.lost);
        KernelFacts {
            release: self.release.clone(),
            hierarchy: self.hierarchy.name.clone(),
            missing: self.missing.iter().map(text).collect(),
        }
    }
}

impl Kernel {
    /// Attaches every service by the best way that works, and keeps only what running programs need.
    pub(super) fn attach(self, config: &config::resolved::Kernel) -> Result<(About, Attachment), AgentError> {
        let Self { mut loaded, types, about } = self;
        let attachment = apart(move || {
            let (attached, coverage) = loaded.attach(&types, config.back_end);
            let logger = config.diagnostics.then(|| logger(&mut loaded)).flatten();
            Ok(Attachment { running: loaded.into_running()?, attached, coverage, logger })
        });
        attachment.map(|attachment| (about, attachment))
    }
}

/// Works on a thread of its own: the object, the kernel's types and what the verifier says take tens of
/// megabytes, which the allocator gives back when the thread has ended.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn logger(loaded: &mut Loaded) -> Option<Logger> {
    let failed = |error: &String| tracing::warn!(error, "no diagnostics of the kernel programs");
    loaded.logger().inspect_err(failed).ok()
}

/// Fails early and clearly where nothing can work.
pub(super) fn permitted() -> Result<(), AgentError> {
    use rustix::thread::{CapabilitySet, capabilities};
    let uid = rustix::process::geteuid().as_raw();
    let needed = CapabilitySet::BPF | CapabilitySet::PERFMON;
    let effective = capabilities(None).map(|sets| sets.effective).unwrap_or(CapabilitySet::empty());
    if uid == 0 || effective.contains(needed) || effective.contains(CapabilitySet::SYS_ADMIN) {
        Ok(())
    } else {
        Err(AgentError::NotPermitted { uid })
    }
}

/// Rules as the settings name them, read where it keeps nobody waiting.
pub(super) async fn rules(settings: &config::resolved::Rules) -> Result<rules::Loaded, AgentError> {
    let settings = settings.clone();
    let loaded = tokio::task::spawn_blocking(move || rules::load(&settings)).await;
    Ok(loaded.map_err(|_| RulesError::Thread)??)
}

/// Loads the programs, which do not watch the process `own`; none is attached yet.
pub(super) fn kernel(config: &Config, own: u32) -> Result<Kernel, AgentError> {
    apart(|| load(config, own))
}

fn load(config: &Config, own: u32) -> Result<Kernel, AgentError> {
    let release = probe::release();
    raise_memlock();
    let types = KernelTypes::read(&config.kernel.btf, &release)?;
    for missing in &types.missing {
        tracing::warn!(field = missing.looked_for, lost = missing.lost, "the kernel lacks a field");
    }
    let controllers = std::fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let hierarchy = cgroup::choose(&config.kernel.cgroup_hierarchy, &controllers, &types.layout)?;
    let options = Options {
        settings: Settings {
            cgroup_hierarchy: hierarchy.id,
            cgroup_subsystem: hierarchy.subsystem,
            environment: u32::from(!config.process.environment.is_empty()),
            diagnostics: u32::from(config.kernel.diagnostics),
            own,
            reserved: 0,
            capabilities: capability::UNUSUAL,
            secret: secret(),
        },
        ring_bytes: config.kernel.ring_bytes,
        bulk_ring_bytes: config.kernel.bulk_ring_bytes,
        cgroups: config.identity.host_root.join("sys/fs/cgroup"),
    };
    let mut loaded = Loaded::new(&types, options, Witness::claim(&config.kernel.pin_folder))?;
    loaded.verify(&types)?;
    let about = About { missing: types.missing.clone(), hierarchy, release };
    Ok(Kernel { loaded, types, about })
}

/// A number that nobody can guess: the standard library takes the keys of its hashes from the kernel.
fn secret() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

/// Until 5.11 maps count against this limit; without permission to raise it, loading will tell.
fn raise_memlock() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let unlimited = Rlimit { current: None, maximum: None };
    if let Err(error) = setrlimit(Resource::Memlock, unlimited) {
        tracing::debug!(%error, "cannot raise RLIMIT_MEMLOCK; kernels since 5.11 do not need it");
    }
}

/// Says what is attached; the result is what the agent is of no use without and is not there.
pub(super) fn report(attached: &[Attached], coverage: &[Coverage], attach_ns: u64) -> Vec<String> {
    let hooks = attached.iter().filter(|hook| hook.error.is_none()).count();
    let mut problems = Vec::new();
    for service in coverage {
        let reasons = service.reasons.join("; ");
        match service.back_end {
            Some(back_end) if reasons.is_empty() => {
                tracing::debug!(service = service.service, back_end = back_end.name(), "served");
            }
            Some(back_end) => {
                tracing::info!(service = service.service, back_end = back_end.name(), reasons, "served");
            }
            // A service without a class of its own but adds to others.
            None if service.required || !service.lacking && !service.classes.is_empty() => {
                tracing::error!(service = service.service, reasons, "not served");
                problems.push(format!("no {}: {reasons}", service.service));
            }
            // Said by the status, class by class: a kernel without modules has no loading of modules.
            None => tracing::warn!(service = service.service, reasons, "this kernel cannot tell"),
        }
    }
    let milliseconds = attach_ns / 1_000_000;
    if problems.is_empty() {
        tracing::info!(hooks, milliseconds, "every hook is attached");
    }
    problems
}

/// Folder of the agent's socket, in which its own trials may make a folder.
pub(super) fn folder(config: &Config) -> PathBuf {
    config.stream.listen.path().parent().unwrap_or(Path::new("/run")).to_owned()
}

/// Where bundles are looked for.
pub(super) fn bundles(config: &Config) -> Result<BundleReader, AgentError> {
    let given = config.identity.state_folders.clone();
    for folder in given.iter().filter(|folder| !folder.is_dir()) {
        if folder.exists() {
            return Err(AgentError::NoFolder { path: folder.clone() });
        }
        tracing::warn!(folder = %folder.display(), "state folder does not exist (yet)");
    }
    tracing::debug!(usual = ?default_state_folders(), ?given, "state folders");
    Ok(BundleReader::with_root(&config.identity.host_root, given))
}

/// The stages, knowing what runs already, and the control groups whose container was not found yet. The hooks are attached before, so that nothing falls
/// between: what happens meanwhile waits in the ring.
pub(super) fn pipeline(
    config: &Config,
    kernel: &About,
    bundles: &BundleReader,
    policy: &Arc<Policy>,
    writer: &mut policy::Writer,
) -> Result<(Pipeline, Catalog, Vec<Question>), AgentError> {
    let context = Context {
        node: config.node.clone(),
        instance: format!("{:x}", clock::boot_ns()),
        clock: BootClock::read(),
        capability_last: capability_last(),
        environment: config.process.environment.clone(),
    };
    let retention_ns = clock::nanos(config.process.exited_retention);
    let tree = Tree::new(Limits { processes_max: config.process.processes_max, retention_ns });
    let groups_max = config.identity.containers_max.saturating_mul(GROUPS_PER_CONTAINER);
    let (identity, mut catalog) = (Store::new(groups_max), Catalog::new(groups_max));
    let wait_ns = clock::nanos(config.identity.wait);
    let mut pipeline = Pipeline::new(context, tree, identity, wait_ns);
    pipeline.set_behaviours(Behaviours::all(Memory { entries_max: config.memory.entries_max }));
    pipeline.set_policy(Arc::clone(policy));
    pipeline.set_flows_max(config.flows_max);
    pipeline.set_incidents(config.incidents);
    pipeline.set_peers_max(config.identity.peers_max);

    let host = &config.identity.host_root;
    let cgroups = CgroupTree::new(&host.join("sys/fs/cgroup"), &kernel.hierarchy.name);
    let groups = cgroups.groups();
    if groups.is_empty() {
        return Err(AgentError::NoControlGroups { path: host.join("sys/fs/cgroup") });
    }
    let (mut containers, total) = (0usize, groups.len());
    let mut unanswered = Vec::new();
    for (id, path) in groups {
        let answer = catalog.found(Resolver::look_up(bundles, id, path));
        containers += usize::from(answer.identity.is_some());
        if let Some(kind) = resolver::kind(&answer) {
            writer.group(id, kind);
        }
        if resolver::is_unanswered(&answer) {
            unanswered.push(Question { cgroup: id, path: answer.path.clone() });
        }
        pipeline.answer(answer, clock::boot_ns(), &mut Nobody);
    }
    let proc = host.join("proc");
    let running = Procfs::new(if proc.join("self").exists() { &proc } else { Path::new("/proc") })
        .running(&cgroups)
        .map_err(|source| AgentError::System { action: "read /proc", source })?;
    tracing::info!(
        processes = running.len(),
        control_groups = total,
        containers,
        hierarchy = kernel.hierarchy.name,
        "took in what runs already"
    );
    pipeline.snapshot(running);
    Ok((pipeline, catalog, unanswered))
}

/// Passes the programs' own messages on.
pub(super) fn diagnostics(mut logger: Logger) -> tokio::task::JoinHandle<()> {
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);
    tokio::spawn(async move {
        loop {
            logger.flush();
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// Highest capability of the kernel; 40 since 5.9.
fn capability_last() -> u32 {
    const SINCE_5_9: u32 = 40;
    std::fs::read_to_string("/proc/sys/kernel/cap_last_cap")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(SINCE_5_9)
}
