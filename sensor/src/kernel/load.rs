//! Loads the object with the kernel's layout and attaches its programs.

use std::path::{Path, PathBuf};

use aya::{Btf as AyaBtf, Ebpf, EbpfLoader, maps::RingBuf, programs::BtfTracePoint};
use sensor_common::{
    class::Lane,
    layout::{Layout, Settings},
};
use thiserror::Error;
use zerocopy::IntoBytes;

use super::{
    btf::{Btf, BtfError},
    ledger::KernelLedger,
    offsets::{self, Missing, MissingRequired},
    programs::{BackEnd, PROGRAMS, Program},
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
    #[error("the kernel refused the programs' maps: {reason}; root or CAP_BPF and CAP_PERFMON are needed")]
    Object {
        /// Reason.
        reason: String,
    },
    /// A program was refused.
    #[error("the kernel refused program {} ({}): {reason}", program.name, program.target)]
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
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Settings for the programs.
    pub settings: Settings,
    /// Size of the ring of process records; a power of two and a multiple of the page size.
    pub ring_bytes: u32,
}

/// Loaded programs. Dropping it detaches them.
#[derive(Debug)]
pub struct Loaded {
    ebpf: Ebpf,
}

/// One program and what became of it.
#[derive(Clone, Debug)]
pub struct Attached {
    /// Program.
    pub program: Program,
    /// Why it is not attached, if it is not.
    pub error: Option<String>,
}

impl Loaded {
    /// Creates the maps and prepares the programs; nothing is attached yet.
    ///
    /// # Errors
    /// The kernel refused the maps.
    pub fn new(types: &KernelTypes, options: Options) -> Result<Self, LoadError> {
        let mut loader = EbpfLoader::new();
        loader
            .btf(Some(&types.aya))
            .override_global("LAYOUT", types.layout.as_bytes(), true)
            .override_global("SETTINGS", options.settings.as_bytes(), true)
            .map_max_entries("VITAL", options.ring_bytes);
        let ebpf = loader.load(OBJECT).map_err(|error| LoadError::Object { reason: chain(&error) })?;
        tracing::debug!(btf = %types.path.display(), "kernel object prepared");
        Ok(Self { ebpf })
    }

    /// Has the verifier accept every program, without attaching any.
    ///
    /// # Errors
    /// The first program that is refused.
    pub fn verify(&mut self, types: &KernelTypes) -> Result<(), LoadError> {
        for program in PROGRAMS {
            self.program(program)?
                .load(program.target, &types.aya)
                .map_err(|error| LoadError::Program { program, reason: chain(&error) })?;
        }
        Ok(())
    }

    /// Attaches every program and tells what became of each.
    ///
    /// # Errors
    /// The object lacks a program.
    pub fn attach(&mut self) -> Result<Vec<Attached>, LoadError> {
        let mut attached = Vec::with_capacity(PROGRAMS.len());
        for program in PROGRAMS {
            let result = self.program(program)?.attach();
            attached.push(Attached { program, error: result.err().map(|error| chain(&error)) });
        }
        Ok(attached)
    }

    /// Takes a ring buffer out.
    ///
    /// # Errors
    /// The object has no such ring.
    pub fn ring(&mut self, name: &'static str) -> Result<RingBuf<aya::maps::MapData>, LoadError> {
        let map = self.ebpf.take_map(name).ok_or(LoadError::Incomplete { what: name })?;
        RingBuf::try_from(map).map_err(|_| LoadError::Incomplete { what: name })
    }

    /// Takes the counters out.
    ///
    /// # Errors
    /// The object has no such maps.
    pub fn ledger(&mut self) -> Result<KernelLedger, LoadError> {
        let counters = self.ebpf.take_map("COUNTERS").ok_or(LoadError::Incomplete { what: "COUNTERS" })?;
        let losses = self.ebpf.take_map("LOSSES").ok_or(LoadError::Incomplete { what: "LOSSES" })?;
        let mut firsts = Vec::new();
        for program in PROGRAMS.into_iter().filter(|program| program.lane == Lane::First) {
            let incomplete = LoadError::Incomplete { what: program.name };
            let fd = self.program(program)?.fd().ok().and_then(|fd| fd.try_clone().ok());
            firsts.push((program.class, fd.ok_or(incomplete)?));
        }
        KernelLedger::new(counters, losses, firsts).map_err(|_| LoadError::Incomplete { what: "ledger" })
    }

    /// Passes what the programs log through aya-log on to `tracing`.
    ///
    /// # Errors
    /// Text of the reason.
    pub fn logger(&mut self) -> Result<aya_log::EbpfLogger<&'static dyn log::Log>, String> {
        aya_log::EbpfLogger::init(&mut self.ebpf).map_err(|error| error.to_string())
    }

    fn program(&mut self, program: Program) -> Result<&mut BtfTracePoint, LoadError> {
        let BackEnd::BtfTracepoint = program.back_end;
        self.ebpf
            .program_mut(program.name)
            .and_then(|found| found.try_into().ok())
            .ok_or(LoadError::Incomplete { what: program.name })
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
    const LOG_BYTES_MAX: usize = 4000;
    if text.len() > LOG_BYTES_MAX {
        let start = (text.len() - LOG_BYTES_MAX..).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text = format!("… {}", text.get(start..).unwrap_or_default());
    }
    text
}
