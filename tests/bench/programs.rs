//! The agent's kernel programs, as the kernel itself accounts for them.

use std::collections::{BTreeMap, HashSet};
use std::fs;

use anyhow::{Context, Result};
use aya::programs::loaded_programs;

/// Run time and runs of one program.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Nanoseconds in all.
    pub(crate) nanoseconds: u64,
    /// How often it ran.
    pub(crate) runs: u64,
}

/// Usage of programs, by name and id.
pub(crate) type Programs = BTreeMap<(String, u32), Usage>;

/// Usage of the programs that this process holds. Others of the machine may hold
/// some with the same names.
pub(crate) fn usage(pid: u32) -> Result<Programs> {
    let held = held(pid)?;
    let mut usage = Programs::new();
    for program in loaded_programs() {
        // One that ends between listing and asking is none of the agent's.
        let Ok(program) = program else { continue };
        if held.contains(&program.id()) {
            let name = program.name_as_str().unwrap_or("?").to_owned();
            let value =
                Usage { nanoseconds: program.run_time().as_nanos().try_into()?, runs: program.run_count() };
            usage.insert((name, program.id()), value);
        }
    }
    Ok(usage)
}

/// How many programs are loaded in the whole system.
pub(crate) fn loaded() -> usize {
    loaded_programs().filter(Result::is_ok).count()
}

fn held(pid: u32) -> Result<HashSet<u32>> {
    let folder = format!("/proc/{pid}/fdinfo");
    let files = fs::read_dir(&folder).with_context(|| format!("cannot list {folder}"))?;
    // The agent may close a file meanwhile.
    let texts = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
    let ids = texts.filter_map(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("prog_id:"))?;
        line.trim().parse().ok()
    });
    Ok(ids.collect())
}
