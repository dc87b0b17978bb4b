//! `cargo xtask corpus`: the recordings of the replay tests, made anew in real containers.

use std::fs;

use anyhow::{Context, Result};

use crate::process::{as_root_keeping_path, cargo, permit_root, run, target_dir, workspace};
use crate::{setup, vm};

/// Live tests that record what they do.
const RECORDED: &str = "pack::";

pub(crate) fn command() -> Result<()> {
    setup::ensure(&setup::ALL)?;
    permit_root("the live tests, which are recorded,")?;
    let folder = target_dir().join("corpus");
    let (picket, test, workload) = (vm::agent()?, vm::live_tests()?, vm::workload()?);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut live = as_root_keeping_path(test)?;
    live.arg("--test-threads=1").arg(RECORDED).current_dir(workspace().join("tests"));
    live.env("PICKET_BIN", picket).env("PICKET_WORKLOAD", workload).env("PICKET_RECORD", &folder);
    run(&mut live)?;
    // Recordings are root's alone.
    run(as_root_keeping_path("chmod")?.args(["--recursive", "a+rX"]).arg(&folder))?;
    let tests = ["test", "--locked", "--package", "sensor", "--test", "replay"];
    run(cargo().args(tests).args(["--", "--ignored", "take_in"]).env("PICKET_RECORD", &folder))?;
    run(cargo().args(tests).env("PICKET_BLESS", "1"))?;
    println!("sensor/tests/replay is made anew: review its *.findings with `git diff`");
    Ok(())
}
