//! Loads the object with the kernel's layout and attaches its programs.

use std::path::{Path, PathBuf};

use aya::{
    Btf as AyaBtf, Ebpf, EbpfLoader,
    maps::{MapData, RingBuf},
};
use sensor_common::{
    class::{Class, Lane},
    layout::{Layout, Settings},
};
use thiserror::Error;
use zerocopy::IntoBytes;

use super::{
    attach::{self, Attached, Coverage},
    btf::{Btf, BtfError},
    calls,
    hooks::{Hooks, Link},
    ledger::KernelLedger,
    offsets::{self, Missing, MissingRequired},
    policy::PolicyMaps,
    programs::{BackEnd, Program, lane, services},
    witness::{self, Witness},
};

/// The kernel object, built by the build script.
static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("PICKET_KERNEL_OBJECT"));

/// Where the kernel shows its own types.
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Why the programs cannot run.
#[derive(Debug, Error)]
pub enum LoadError {
    /// No types.
    #[error(
        "cannot read the kernel's types from {}: {source}; the kernel needs CONFIG_DEBUG_INFO_BTF=y \
         (most distributions since 5.10 have it), or give a BTF file of exactly this kernel with --btf",
        path.display()
    )]
    NoBtf {
        /// File.
        path: PathBuf,
        /// Reason.
        source: std::io::Error,
    },
    /// Types that are no types.
    #[error("{} {source}; give a BTF file of exactly this kernel", path.display())]
    BadBtf {
        /// File.
        path: PathBuf,
        /// Reason.
        source: BtfError,
    },
    /// A kernel that differs too much.
    #[error(transparent)]
    Layout(#[from] MissingRequired),
    /// The types cannot be used to load programs.
    #[error("{}: {reason}", path.display())]
    UnusableBtf {
        /// File.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// The object was refused as a whole.
    #[error(
        "the kernel refused the programs' maps: {reason}; CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, are needed (before 5.11 CAP_SYS_RESOURCE, too): run as root, or grant them"
    )]
    Object {
        /// Reason.
        reason: String,
    },
    /// A program was refused.
    #[error("the kernel refused program {} ({}): {reason}", program.name, program.target())]
    Program {
        /// Program.
        program: Program,
        /// Reason, with the verifier's last words.
        reason: String,
    },
    /// The object lacks something: agent and object do not belong together.
    #[error("the embedded kernel object has no {what}: rebuild Picket")]
    Incomplete {
        /// Name of the program or map.
        what: &'static str,
    },
}

/// Types of the kernel, read once for the layout and for loading.
#[derive(Debug)]
pub struct KernelTypes {
    path: PathBuf,
    aya: AyaBtf,
    /// Offsets.
    pub layout: Layout,
    /// Optional fields that this kernel lacks.
    pub missing: Vec<Missing>,
}

impl KernelTypes {
    /// Reads the types from a file and resolves the layout.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged, or a required field that is missing.
    pub fn read(path: &Path, release: &str) -> Result<Self, LoadError> {
        let data =
            std::fs::read(path).map_err(|source| LoadError::NoBtf { path: path.to_owned(), source })?;
        let aya = AyaBtf::parse(&data, Default::default())
            .map_err(|error| LoadError::UnusableBtf { path: path.to_owned(), reason: error.to_string() });
        let btf = Btf::parse(data).map_err(|source| LoadError::BadBtf { path: path.to_owned(), source })?;
        let (layout, missing) = offsets::resolve(&btf, release)?;
        Ok(Self { path: path.to_owned(), aya: aya?, layout, missing })
    }
}

/// What the agent decides before loading.
#[derive(Clone, Debug)]
pub struct Options {
    /// Settings for the programs.
    pub settings: Settings,
    /// Size of the ring of process, container and privilege records; a power of two and a multiple of
    /// the page size.
    pub ring_bytes: u32,
    /// The same for the ring of files and sockets.
    pub bulk_ring_bytes: u32,
    /// Folder in which the control groups are mounted.
    pub cgroups: PathBuf,
}

/// Loaded programs, with all that loading takes: the object's code, types and lines.
#[derive(Debug)]
pub struct Loaded {
    ebpf: Ebpf,
    links: Vec<Link>,
    /// Class, of each first or only program that is attached, and the program.
    firsts: Vec<(Class, &'static str)>,
    cgroups: PathBuf,
    witness: Witness,
}

/// What is needed of loaded programs while they run.
pub struct Running {
    /// What keeps them attached.
    pub hooks: Hooks,
    /// Ring of process, container and privilege records.
    pub vital: RingBuf<MapData>,
    /// Ring of files and sockets.
    pub bulk: RingBuf<MapData>,
    /// Ring of control groups.
    pub cgroups: RingBuf<MapData>,
    /// Counters.
    pub ledger: KernelLedger,
    /// What counts executed programs, whether or not an agent runs.
    pub witness: Witness,
}

impl Loaded {
    /// Creates the maps and prepares the programs; nothing is attached yet.
    ///
    /// # Errors
    /// The kernel refused the maps.
    pub fn new(types: &KernelTypes, options: Options, witness: Witness) -> Result<Self, LoadError> {
        let mut loader = EbpfLoader::new();
        loader
            .btf(Some(&types.aya))
            .override_global("LAYOUT", types.layout.as_bytes(), true)
            .override_global("SETTINGS", options.settings.as_bytes(), true)
            .map_max_entries("VITAL", options.ring_bytes)
            .map_max_entries("BULK", options.bulk_ring_bytes);
        if let Some(pin) = witness.map_pin() {
            loader.map_pin_path(witness::MAP, pin);
        }
        let ebpf = loader.load(OBJECT).map_err(|error| LoadError::Object { reason: chain(&error) })?;
        tracing::debug!(btf = %types.path.display(), "kernel object prepared");
        let (links, firsts) = (Vec::new(), Vec::new());
        let mut loaded = Self { ebpf, links, firsts, cgroups: options.cgroups, witness };
        loaded.name_calls()?;
        Ok(loaded)
    }

    /// Tells the programs which system calls they are to tell.
    fn name_calls(&mut self) -> Result<(), LoadError> {
        let map = self.ebpf.map_mut("CALLS").ok_or(LoadError::Incomplete { what: "CALLS" })?;
        let mut table = aya::maps::Array::<_, [u32; 2]>::try_from(map)
            .map_err(|_| LoadError::Incomplete { what: "CALLS" })?;
        let mark = [calls::MEMORY_CALL.call, calls::MEMORY_CALL.class];
        for number in calls::MEMORY_CALLS.iter().filter_map(|number| u32::try_from(*number).ok()) {
            table.set(number, mark, 0).map_err(|error| LoadError::Object { reason: chain(&error) })?;
        }
        for entry in calls::CALLS.iter().chain(calls::OLD_CALLS) {
            let value = entry.value();
            table
                .set(entry.number, [value.call, value.class], 0)
                .map_err(|error| LoadError::Object { reason: chain(&error) })?;
        }
        Ok(())
    }

    /// Has the verifier accept every program of the services without which the agent is of no use.
    ///
    /// # Errors
    /// The first program that is refused.
    pub fn verify(&mut self, types: &KernelTypes) -> Result<(), LoadError> {
        for service in services().into_iter().filter(|service| service.required) {
            for program in service.ways.iter().flat_map(|way| way.programs) {
                attach::load(&mut self.ebpf, program, &types.aya)
                    .map_err(|reason| LoadError::Program { program: *program, reason })?;
            }
        }
        Ok(())
    }

    /// Has the verifier look at the programs of every way, whether or not a better one works. Nothing
    /// is attached.
    pub fn try_all(&mut self, types: &KernelTypes) -> Vec<Coverage> {
        let services = services().into_iter();
        services.flat_map(|service| attach::try_ways(&mut self.ebpf, service, &types.aya)).collect()
    }

    /// Attaches each service by the best way that works, or by that of `only`, and tells what became of
    /// it.
    pub fn attach(&mut self, types: &KernelTypes, only: Option<BackEnd>) -> (Vec<Attached>, Vec<Coverage>) {
        let mut attached = Vec::new();
        let mut coverage = Vec::new();
        match self.witness.attach(&mut self.ebpf, &types.aya) {
            Ok(link) => self.links.extend(link),
            Err(error) => tracing::warn!(error, "executed programs are not numbered"),
        }
        for service in services() {
            let served = attach::service(&mut self.ebpf, service, &types.aya, only, &self.cgroups);
            let good = served.programs.iter().filter(|program| program.error.is_none());
            for program in good.filter(|program| lane(program.program.name) == Lane::First) {
                // What the kernel did not call a program for is booked on one class only, that of the first
                // service where several share it.
                let name = program.program.name;
                if self.firsts.iter().all(|(_, known)| *known != name) {
                    self.firsts.extend(service.classes.first().map(|class| (*class, name)));
                }
            }
            attached.extend(served.programs);
            self.links.extend(served.links);
            coverage.push(served.coverage);
        }
        (attached, coverage)
    }

    /// Keeps what running programs need and gives up the rest. The kernel has the programs and their maps
    /// for as long as they are attached.
    ///
    /// # Errors
    /// The object lacks a map.
    pub fn into_running(mut self) -> Result<Running, LoadError> {
        Ok(Running {
            vital: self.ring("VITAL")?,
            bulk: self.ring("BULK")?,
            cgroups: self.ring("CGROUPS")?,
            ledger: self.ledger()?,
            witness: self.witness,
            hooks: Hooks::new(self.links),
        })
    }

    /// Takes a ring buffer out.
    fn ring(&mut self, name: &'static str) -> Result<RingBuf<MapData>, LoadError> {
        let map = self.ebpf.take_map(name).ok_or(LoadError::Incomplete { what: name })?;
        RingBuf::try_from(map).map_err(|_| LoadError::Incomplete { what: name })
    }

    /// Takes the counters out.
    fn ledger(&mut self) -> Result<KernelLedger, LoadError> {
        let counters = self.ebpf.take_map("COUNTERS").ok_or(LoadError::Incomplete { what: "COUNTERS" })?;
        let losses = self.ebpf.take_map("LOSSES").ok_or(LoadError::Incomplete { what: "LOSSES" })?;
        let accounts = self.ebpf.take_map("ACCOUNTS").ok_or(LoadError::Incomplete { what: "ACCOUNTS" })?;
        let executed =
            self.ebpf.take_map(witness::MAP).ok_or(LoadError::Incomplete { what: witness::MAP })?;
        let mut firsts = Vec::new();
        for (class, name) in &self.firsts {
            let fd = self.ebpf.program(name).and_then(|program| program.fd().ok()?.try_clone().ok());
            firsts.push((*class, fd.ok_or(LoadError::Incomplete { what: name })?));
        }
        KernelLedger::new(counters, losses, accounts, executed, firsts)
            .map_err(|_| LoadError::Incomplete { what: "ledger" })
    }

    /// Takes the maps of the policy out.
    ///
    /// # Errors
    /// The object has no such maps.
    pub fn policy(&mut self) -> Result<PolicyMaps, LoadError> {
        PolicyMaps::take(&mut self.ebpf).map_err(|what| LoadError::Incomplete { what })
    }

    /// Passes what the programs log through aya-log on to `tracing`.
    ///
    /// # Errors
    /// Text of the reason.
    pub fn logger(&mut self) -> Result<aya_log::EbpfLogger<&'static dyn log::Log>, String> {
        aya_log::EbpfLogger::init(&mut self.ebpf).map_err(|error| error.to_string())
    }
}

/// An error with its causes, in one line; of a verifier's log, the end.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    // Said by aya also where the verifier said nothing.
    if let Some(without) = text.trim_end().strip_suffix(". Verifier output:") {
        text = without.to_owned();
    }
    const LOG_BYTES_MAX: usize = 4000;
    if text.len() > LOG_BYTES_MAX {
        let start = (text.len() - LOG_BYTES_MAX..).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text = format!("… {}", text.get(start..).unwrap_or_default());
    }
    text
}
