//! `picket replay`: a recording through the same stages, without kernel and without root.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use prost::Message as _;
use sensor_common::class::Class;
use thiserror::Error;

use super::pretty::Paint;
use super::watch::{Printer, WatchError};
use super::{MatchingChoice, ReplayArgs, exit};
use crate::agent::{self, Judging, RulesError};
use crate::detect::{
    behaviour::{Behaviours, Bounds as Memory},
    judge::Judge,
    told::Bounds,
};
use crate::identity::{container::Container, store::Question};
use crate::pipeline::{Output, Pipeline};
use crate::policy::Change;
use crate::proto::{self, Event};
use crate::record::read::{ReadError, Reader};
use crate::stream::filter::{Filter, FilterError};
use crate::stream::hub::Published;

/// Events that are printed together.
const BATCH: usize = 256;
/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Whatever the rules find is told: an agent's bounds are for those who read along.
const TOLD: Bounds = Bounds { window_ns: 0, burst: 0 };

/// Why a replay ended early.
#[derive(Debug, Error)]
enum ReplayError {
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("cannot open {path}: {source}")]
    Open { path: String, source: io::Error },
    #[error("{path}: {error}; the {used} inputs before it were used")]
    Read { path: String, error: ReadError, used: u64 },
    #[error(
        "{path}: {count} records of the kernel could not be decoded: the recording is of another version"
    )]
    Refused { path: String, count: u64 },
    #[error("{0}")]
    Rules(#[from] RulesError),
    #[error(transparent)]
    Print(#[from] WatchError),
}

/// Runs the command; prints errors to standard error.
#[must_use]
pub fn run(args: &ReplayArgs) -> ExitCode {
    match replay(args, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has what it wanted, as in `picket replay | head`.
        Err(ReplayError::Print(WatchError::Output(error))) if error.kind() == ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("picket replay: {error}");
            ExitCode::from(if matches!(error, ReplayError::Filter(_)) { exit::USAGE } else { 1 })
        }
    }
}

fn replay(args: &ReplayArgs, out: &mut impl Write) -> Result<(), ReplayError> {
    let path = args.file.display().to_string();
    let filter = Filter::compile(args.select.request(args.output))?;
    let read = |error, used| ReplayError::Read { path: path.clone(), error, used };
    let input = open(&args.file).map_err(|source| ReplayError::Open { path: path.clone(), source })?;
    let (mut reader, state) =
        Reader::open(BufReader::with_capacity(BUFFER_BYTES, input)).map_err(|error| read(error, 0))?;
    let mut pipeline = Pipeline::restore(reader.header().context(), state);
    if let Some(judge) = judge(args)? {
        pipeline.set_judge(Some(judge), TOLD);
    }
    pipeline.set_behaviours(Behaviours::all(Memory::default()));
    let only = args.select.only(args.output);
    let printer = Printer { format: args.output, paint: Paint::for_stdout(), only };
    let left = args.select.count.unwrap_or(u64::MAX);
    let mut screen = Screen { filter, printer, out, events: Vec::new(), left, error: None };
    let mut used = 0;
    let outcome = loop {
        match reader.next_input() {
            Ok(Some(input)) => input.apply(&mut pipeline, &mut screen),
            Ok(None) => break Ok(()),
            Err(error) => break Err(read(error, used)),
        }
        used += 1;
        if screen.left == 0 || screen.error.is_some() {
            return screen.finish();
        }
    };
    // What still waits has nothing left to wait for.
    pipeline.release(u64::MAX, &mut screen);
    pipeline.finish(&mut screen);
    screen.finish()?;
    outcome?;
    match pipeline.rejected() {
        0 => Ok(()),
        count => Err(ReplayError::Refused { path, count }),
    }
}

/// Who judges by the rules that were given.
fn judge(args: &ReplayArgs) -> Result<Option<Box<dyn Judge>>, ReplayError> {
    if args.rules.is_empty() {
        return Ok(None);
    }
    let how = Judging { all: args.matching == MatchingChoice::All, ..Judging::default() };
    Ok(agent::judge(&args.rules, how)?)
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == Path::new("-") { Ok(Box::new(io::stdin())) } else { Ok(Box::new(File::open(path)?)) }
}

/// Prints the events that are chosen.
struct Screen<'a, W> {
    filter: Filter,
    printer: Printer,
    out: &'a mut W,
    events: Vec<Event>,
    left: u64,
    error: Option<WatchError>,
}

impl<W: Write> Screen<'_, W> {
    fn print(&mut self) {
        if self.error.is_none() && self.left > 0 {
            match self.printer.print(&self.events, self.left, self.out) {
                Ok(left) => self.left = left,
                Err(error) => self.error = Some(error),
            }
        }
        self.events.clear();
    }

    fn finish(mut self) -> Result<(), ReplayError> {
        self.print();
        self.error.map_or(Ok(()), |error| Err(error.into()))
    }
}

impl<W: Write> Output for Screen<'_, W> {
    /// All are made, whatever is chosen, so that the choice does not change their cursors.
    fn wants(&self, _class: proto::Class, _container: Option<&Container>) -> bool {
        true
    }

    fn ancestors_wanted(&self) -> usize {
        self.filter.ancestors()
    }

    fn publish(&mut self, published: &Published<'_>) {
        if !self.filter.permits(published) || !self.filter.matches(published.class, published.container) {
            return;
        }
        let bytes = [published.event, published.ancestors.first(self.filter.ancestors())].concat();
        // The pipeline has just encoded it.
        if let Ok(event) = Event::decode(bytes.as_slice()) {
            self.events.push(event);
        }
        if self.events.len() >= BATCH {
            self.print();
        }
    }

    fn canary(&mut self, _class: Class, _event: &[u8]) {}
    /// The answers are in the recording.
    fn ask(&mut self, _question: Question) {}
    fn change(&mut self, _change: Change) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    const RULE: &str = "- rule: Payroll ran\n  desc: d\n  condition: evt.type in (execve, execveat) and proc.name = payroll\n  \
        output: ran %proc.exepath as %proc.pid\n  priority: NOTICE\n  tags: [T1059]\n";

    #[test]
    fn rules_judge_a_recording() {
        let folder = tempfile::tempdir().unwrap();
        let [file, rules] = ["a.recording", "rules.yaml"].map(|name| folder.path().join(name));
        std::fs::write(&file, crate::record::tests::sample()).unwrap();
        std::fs::write(&rules, RULE).unwrap();
        let (file, rules) = (file.to_str().unwrap(), rules.to_str().unwrap());
        let shown = |more: &[&str]| {
            let words = ["picket", "replay", file, "--rules", rules].into_iter().chain(more.iter().copied());
            let Ok(Cli { command: Command::Replay(args) }) = Cli::try_parse_from(words) else { panic!() };
            let mut out = Vec::new();
            replay(&args, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let lines = |text: &str| -> Vec<serde_json::Value> {
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let findings = lines(&shown(&["--findings", "-o", "json"]));
        assert_eq!(findings.len(), 3);
        assert!(findings.iter().all(|found| found["class"] == "FINDING"), "{findings:?}");
        assert_eq!(findings[0]["finding"]["techniques"][0], "T1059");
        let alerts = lines(&shown(&["--findings", "-o", "falco"]));
        assert_eq!(alerts.len(), 3);
        assert_eq!(alerts[2]["output_fields"]["proc.pid"], 10);
        assert_eq!(alerts[2]["output_fields"]["proc.exepath"], "/opt/secret-project/payroll");
        assert_eq!(alerts[2]["rule"], "Payroll ran");
        assert_eq!(alerts, lines(&shown(&["-o", "falco"])), "there is nothing else in that form");
        assert!(lines(&shown(&["-o", "json"])).len() > 3);
    }
}
