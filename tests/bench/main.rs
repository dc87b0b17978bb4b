//! What the agent costs those who do not ask for it: time per operation with and without it, in one run.
//!
//! `picket-bench SETTINGS` takes and gives JSON; `cargo xtask bench hooks` starts it and shows the result.
//! It calls itself as `picket-bench worker …` for the processes that are measured. Needs root.
#![forbid(unsafe_code)]

mod findings;
mod machine;
mod operation;
mod programs;
mod rounds;
mod stage;
mod worker;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["worker", rest @ ..] => worker::main(rest),
        [settings] => {
            let settings = serde_json::from_str(settings).context("the settings are no JSON")?;
            println!("{}", rounds::run(&settings)?);
            Ok(())
        }
        _ => bail!("usage: picket-bench SETTINGS (start it by `cargo xtask bench hooks`)"),
    }
}
