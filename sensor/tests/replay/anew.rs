//! Makes the recordings of this folder from those of the live tests: without what says on which machine they were made.
//!
//! The containers are the tests' own, with names and paths that mean nothing. What belongs to the machine is the lineage above
//! the container runtime, where the runtime was started, the node's name and the kernel's build.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensor::pipeline::state::State;
use sensor::process::{Process, Program};
use sensor::record::format::Header;
use sensor::record::read::Reader;
use sensor::record::write::{Encoder, Writer};
use sensor::record::{Input, Options};

use super::stage::folder;

/// Command of the container runtime.
const RUNTIME: &str = "runc";

#[test]
#[ignore = "`cargo xtask corpus` gives it what the live tests recorded"]
fn take_in() {
    let from = PathBuf::from(
        std::env::var_os("PICKET_RECORD").expect("PICKET_RECORD names the folder with recordings"),
    );
    let mut taken = 0;
    for entry in fs::read_dir(&from).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|end| end == "picket") {
            fs::write(folder().join(file.file_name().unwrap()), neutral(&file)).unwrap();
            taken += 1;
        }
    }
    assert!(taken > 0, "{} has no recordings", from.display());
}

fn neutral(file: &Path) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    let (mut reader, state) =
        Reader::open(bytes.as_slice()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let header = header(reader.header());
    let mut containers = HashSet::new();
    let state = cut(state, &mut containers);
    let mut parts = Vec::new();
    let mut encoder = Encoder::begin(header, state, None, |part| {
        parts.push(part);
        true
    });
    while let Some(input) = reader.next_input().unwrap() {
        match input {
            Input::Process(process) => {
                let process = known(&containers, *process);
                process.into_iter().for_each(|process| encoder.input(Input::Process(Box::new(process))));
            }
            Input::Answer { ref answer, .. } => {
                if answer.identity.is_some() {
                    containers.insert(answer.cgroup);
                }
                encoder.input(input);
            }
            Input::HostUsers(_) => {}
            other => encoder.input(other),
        }
    }
    encoder.flush();
    drop(encoder);
    let mut made = Vec::new();
    let mut writer = Writer::new(&mut made, u64::MAX);
    parts.iter().for_each(|part| assert!(writer.append(part).unwrap()));
    writer.end("it was long enough").unwrap();
    made
}

fn header(of: &Header) -> Header {
    let release: Vec<&str> = of.kernel.split('.').take(2).collect();
    assert!(of.options.chosen && !of.options.environment, "only what the tests' containers do is kept");
    let options = Options { payload: of.options.payload, ..of.options };
    Header {
        node: "node".into(),
        instance: "recorded".into(),
        kernel: release.join("."),
        options,
        ..of.clone()
    }
}

fn cut(mut state: State, containers: &mut HashSet<u64>) -> State {
    let groups = state.groups.iter().filter(|group| group.container.is_some());
    containers.extend(groups.map(|group| group.cgroup));
    state.base.sequence = 0;
    state.processes = state.processes.into_iter().filter_map(|process| known(containers, process)).collect();
    state
}

/// A process of a container, or the runtime that made it; wherever that was started.
fn known(containers: &HashSet<u64>, process: Process) -> Option<Process> {
    if containers.contains(&process.cgroup) {
        return Some(process);
    }
    let is_runtime = process.program.command_line.command().starts_with(RUNTIME);
    let program = Program { directory: "/".into(), ..Program::clone(&process.program) };
    is_runtime.then(|| Process { program: Arc::new(program), ..process })
}
