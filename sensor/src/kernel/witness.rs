//! The witness: a small program that numbers the programs that are executed on each CPU. It is pinned, so it goes on
//! counting when the agent is killed, and the gap in the numbers of exec events is exactly what nobody was told.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use aya::{
    Btf, Ebpf,
    maps::{Map, MapData, PerCpuArray},
    programs::{BtfTracePoint, links::FdLink},
};

use super::{hooks::Link, load::chain};

/// Name of the counters' map.
pub(super) const MAP: &str = "EXECUTED";
const PROGRAM: &str = "witness_exec";
/// The names hold the form of what is pinned: another form gets other names.
const MAP_PIN: &str = "executed-v1";
const LINK_PIN: &str = "witness-v1";
/// `BPF_FS_MAGIC` of `linux/magic.h`.
const BPF_FS_MAGIC: u32 = 0xcafe_4a11;

/// Where the witness is pinned, or why it is not.
#[derive(Debug)]
pub struct Witness {
    pinned: Result<Pinned, String>,
}

#[derive(Debug)]
struct Pinned {
    folder: PathBuf,
    /// Held for as long as this agent lives: another one does not touch what is pinned.
    _lock: File,
}

/// Executed programs, all CPUs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// Since the witness counts.
    pub all: u64,
    /// Those that a program of an agent saw, too.
    pub watched: u64,
}

impl Witness {
    /// Takes `folder`, which is to lie in a BPF file system. Without one the witness works for as long as the
    /// agent does.
    #[must_use]
    pub fn claim(folder: &Path) -> Self {
        let pinned = claim(folder);
        match &pinned {
            Ok(pinned) if pinned.link().exists() => {
                tracing::info!(
                    "another agent ended without an end; executed programs were counted meanwhile"
                );
            }
            Ok(_) => {}
            Err(reason) => tracing::info!(reason, "executed programs are not counted while no agent runs"),
        }
        Self { pinned }
    }

    /// One that ends with the agent.
    #[must_use]
    pub fn none() -> Self {
        Self { pinned: Err("not asked for".to_owned()) }
    }

    /// Why nothing is pinned.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.pinned.as_ref().err().map(String::as_str)
    }

    /// Where the counters are pinned.
    pub(super) fn map_pin(&self) -> Option<PathBuf> {
        self.pinned.as_ref().ok().map(Pinned::map)
    }

    /// Attaches the witness, before the programs that read its numbers, unless it still is.
    pub(super) fn attach(&self, ebpf: &mut Ebpf, btf: &Btf) -> Result<Option<Link>, String> {
        if self.pinned.as_ref().is_ok_and(|pinned| pinned.link().exists()) {
            return Ok(None);
        }
        let program = ebpf.program_mut(PROGRAM).ok_or("not in the object: rebuild Picket")?;
        let program: &mut BtfTracePoint = program.try_into().map_err(|error| chain(&error))?;
        program.load("sched_process_exec", btf).map_err(|error| chain(&error))?;
        let link =
            program.attach().and_then(|link| program.take_link(link)).map_err(|error| chain(&error))?;
        let Ok(pinned) = &self.pinned else { return Ok(Some(Box::new(link))) };
        let link = FdLink::from(link);
        let link = link.pin(pinned.link()).map_err(|error| chain(&error))?;
        Ok(Some(Box::new(link)))
    }

    /// The agent ends as it should: nothing stays behind.
    pub fn release(self) {
        if let Ok(pinned) = self.pinned {
            pinned.forget();
            std::fs::remove_dir(&pinned.folder).ok();
        }
    }
}

impl Pinned {
    fn map(&self) -> PathBuf {
        self.folder.join(MAP_PIN)
    }

    fn link(&self) -> PathBuf {
        self.folder.join(LINK_PIN)
    }

    /// What cannot be used is removed; both belong together.
    fn forget(&self) {
        for pin in [self.link(), self.map()] {
            if let Err(error) = std::fs::remove_file(&pin)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(pin = %pin.display(), %error, "cannot remove what is pinned");
            }
        }
    }
}

fn claim(folder: &Path) -> Result<Pinned, String> {
    let place = folder.display();
    let parent = folder.parent().ok_or_else(|| format!("{place} has no parent"))?;
    let system = rustix::fs::statfs(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
    if u32::try_from(system.f_type) != Ok(BPF_FS_MAGIC) {
        return Err(format!("no BPF file system is mounted on {}", parent.display()));
    }
    if !folder.exists() {
        DirBuilder::new()
            .mode(0o700)
            .create(folder)
            .map_err(|error| format!("cannot make {place}: {error}"))?;
    }
    let lock = File::open(folder).map_err(|error| format!("cannot open {place}: {error}"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(format!("another agent uses {place}")),
        Err(TryLockError::Error(error)) => return Err(format!("cannot lock {place}: {error}")),
    }
    let pinned = Pinned { folder: folder.to_owned(), _lock: lock };
    if pinned.link().exists() != is_usable(&pinned.map()) {
        pinned.forget();
    }
    Ok(pinned)
}

/// True for counters of the expected form.
fn is_usable(map: &Path) -> bool {
    map.exists()
        && MapData::from_pin(map)
            .is_ok_and(|data| PerCpuArray::<_, [u64; 2]>::try_from(Map::PerCpuArray(data)).is_ok())
}

/// Reads the counters.
pub(super) fn executed(counters: &PerCpuArray<MapData, [u64; 2]>) -> Executed {
    let Ok(values) = counters.get(&0, 0) else { return Executed::default() };
    values.iter().fold(Executed::default(), |sum, [all, watched]| Executed {
        all: sum.all.wrapping_add(*all),
        watched: sum.watched.wrapping_add(*watched),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_hold_programs_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let witness = Witness::claim(&folder.path().join("picket"));
        assert!(witness.reason().unwrap().starts_with("no BPF file system is mounted on /"));
        assert!(!folder.path().join("picket").exists());
        assert!(
            Witness::claim(&folder.path().join("none/picket")).reason().unwrap().contains("No such file")
        );
        witness.release();
    }
}
