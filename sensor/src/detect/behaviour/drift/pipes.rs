//! Shells that read from a pipe, and who writes into it: a download that is run at once has no file.

use sensor_common::record::process::{ExecRecord, Stdio};

use crate::bounded::{Bounded, Table};
use crate::detect::behaviour::work;
use crate::process::{Key, Process};

const S_IFMT: u32 = 0o170_000;
const S_IFIFO: u32 = 0o010_000;

/// Who is at an end of a pipe.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) key: Key,
    pub(super) line: Box<str>,
}

#[derive(Debug, Default)]
struct Pipe {
    writer: Option<End>,
    /// The writer gets things from elsewhere, or makes programs of text, by its name.
    known: bool,
    shell: Option<End>,
    told: bool,
}

/// Pipes of containers.
#[derive(Debug)]
pub(super) struct Pipes {
    /// By inode.
    pipes: Bounded<u64, Pipe>,
    /// Into which a process writes.
    outputs: Bounded<Key, u64>,
}

impl Pipes {
    /// None.
    pub(super) fn new(most: usize) -> Self {
        Self { pipes: Bounded::new(most), outputs: Bounded::new(most) }
    }

    /// A program was started: gives the pipes that it writes into or, as a shell, reads.
    pub(super) fn executed(&mut self, process: &Process, record: &ExecRecord) -> [Option<u64>; 2] {
        let [input, output, _] = &record.stdio;
        let (program, key) = (&process.program, process.key);
        let end = || End { key, line: program.command_line.whole().into() };
        let read = pipe(input).filter(|_| work::is_shell(program) && reads_input(process));
        if let Some(inode) = read {
            self.pipes.entry(inode, Pipe::default).shell = Some(end());
        }
        let written = pipe(output).filter(|_| !work::is_shell(program));
        if let Some(inode) = written {
            let pipe = self.pipes.entry(inode, Pipe::default);
            pipe.known = work::is_downloader(program) || work::is_decoder(program);
            pipe.writer = Some(end());
            self.outputs.insert(key, inode);
        }
        [read, written]
    }

    /// Into which pipe a process writes.
    pub(super) fn of(&self, key: Key) -> Option<u64> {
        self.outputs.peek(&key).copied()
    }

    /// A shell that reads what was got from elsewhere, once: who writes, and the shell. `fetched` says of whom it is known
    /// that they are connected.
    pub(super) fn run(&mut self, inode: u64, fetched: impl Fn(Key) -> bool) -> Option<(End, End)> {
        let pipe = self.pipes.get_mut(&inode)?;
        let (writer, shell) = (pipe.writer.as_ref()?, pipe.shell.as_ref()?);
        if pipe.told || writer.key == shell.key || !(pipe.known || fetched(writer.key)) {
            return None;
        }
        pipe.told = true;
        Some((writer.clone(), shell.clone()))
    }

    /// How full it is.
    pub(super) fn table(&self) -> Table {
        self.pipes.table().and(self.outputs.table())
    }
}

fn pipe(stream: &Stdio) -> Option<u64> {
    (stream.mode & S_IFMT == S_IFIFO && stream.inode != 0).then_some(stream.inode)
}

/// A shell without a command or script of its own.
fn reads_input(process: &Process) -> bool {
    let mut arguments = process.program.command_line.arguments().skip(1);
    !arguments.next().is_some_and(|first| !matches!(first, "-" | "-s" | "-x" | "-e" | "-i" | "-l"))
}
