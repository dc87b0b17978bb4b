//! A recording through the stages, and what is found in it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;
use sensor::agent::{self, Judging};
use sensor::detect::{
    behaviour::{Behaviours, Bounds as Memory},
    told::Bounds,
};
use sensor::identity::{container::Container, store::Question};
use sensor::pipeline::{Output, Pipeline, state::State};
use sensor::policy::Change;
use sensor::proto::{self, Event, event::Facts, finding::Severity};
use sensor::record::read::Reader;
use sensor::stream::hub::Published;
use sensor_common::class::Class;

/// Whatever is found is told.
pub(crate) const TOLD: Bounds = Bounds { window_ns: 0, burst: 0 };

/// Characters of a summary that are reviewed: whole scripts are arguments.
const SUMMARY_MAX: usize = 240;

/// Those that an agent has.
pub(crate) fn behaviours() -> Behaviours {
    Behaviours::all(Memory::default())
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay")
}

pub(crate) fn shipped_rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules")
}

/// Names and bytes of the recordings, by name.
pub(crate) fn recordings() -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|end| end == "picket")).collect();
    files.sort();
    let name = |file: &Path| file.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|file| (name(file), fs::read(file).unwrap())).collect()
}

/// A finding, without what only the stream knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    cursor: String,
    time: String,
    severity: Severity,
    id: String,
    container: String,
    process: String,
    summary: String,
}

impl Found {
    pub(crate) fn of(event: &Event) -> Option<Self> {
        let Some(Facts::Finding(found)) = &event.facts else { return None };
        let process = event.process.clone().unwrap_or_default();
        let pids =
            [process.pid, process.container_pid].map(|pid| pid.map_or("-".to_owned(), |pid| pid.to_string()));
        Some(Self {
            cursor: event.cursor.clone(),
            time: event.time.map_or_else(String::new, |time| format!("{}.{:09}", time.seconds, time.nanos)),
            severity: found.severity(),
            id: found.id.clone(),
            container: event.container.as_ref().map_or("host".to_owned(), |container| container.id.clone()),
            process: format!("{} ({}) {}", pids[0], pids[1], process.executable),
            summary: found.summary.clone(),
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn severity(&self) -> String {
        self.severity.as_str_name().trim_start_matches("SEVERITY_").to_owned()
    }

    pub(crate) fn is_above_low(&self) -> bool {
        self.severity > Severity::Low
    }

    /// The same without its place in the stream, which others have that were told of more.
    pub(crate) fn without_cursor(self) -> Self {
        Self { cursor: String::new(), ..self }
    }

    /// For the file that is reviewed.
    pub(crate) fn text(&self) -> String {
        let Self { cursor, id, container, process, summary, .. } = self;
        let mut text = String::new();
        writeln!(text, "{} {id}", self.severity()).unwrap();
        writeln!(
            text,
            "    event {cursor}, container {}, process {process}",
            container.get(..12).unwrap_or(container)
        )
        .unwrap();
        let summary = summary.replace('\n', " ");
        let cut: String = summary.chars().take(SUMMARY_MAX).collect();
        writeln!(text, "    {cut}{}", if cut.len() < summary.len() { "…" } else { "" }).unwrap();
        text
    }
}

/// What comes out of the stages.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// Every event, encoded.
    pub(crate) events: Vec<Vec<u8>>,
    pub(crate) found: Vec<Found>,
    pub(crate) rejected: u64,
}

impl Output for Replayed {
    fn wants(&self, _class: proto::Class, _container: Option<&Container>) -> bool {
        true
    }

    fn ancestors_wanted(&self) -> usize {
        16
    }

    fn publish(&mut self, published: &Published<'_>) {
        let event = [published.event, published.ancestors.first(16)].concat();
        self.found.extend(Found::of(&Event::decode(event.as_slice()).unwrap()));
        self.events.push(event);
    }

    fn canary(&mut self, _class: Class, _event: &[u8]) {}
    fn ask(&mut self, _question: Question) {}
    fn change(&mut self, _change: Change) {}
}

/// Keeps what is found, and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(crate) Vec<Found>);

impl Output for Findings {
    fn wants(&self, class: proto::Class, _container: Option<&Container>) -> bool {
        class == proto::Class::Finding
    }

    fn ancestors_wanted(&self) -> usize {
        0
    }

    fn publish(&mut self, published: &Published<'_>) {
        self.0.extend(Found::of(&Event::decode(published.event).unwrap()));
    }

    fn canary(&mut self, _class: Class, _event: &[u8]) {}
    fn ask(&mut self, _question: Question) {}
    fn change(&mut self, _change: Change) {}
}

/// A recording of this picket's form.
pub(crate) fn opened(bytes: &[u8]) -> (Reader<&[u8]>, State) {
    Reader::open(bytes).unwrap_or_else(|error| panic!("{error}. {}", super::ANEW))
}

/// A whole recording, by the shipped rules.
pub(crate) fn replayed(name: &str, bytes: &[u8], how: Option<Judging>) -> Replayed {
    let mut replayed = Replayed::default();
    let (mut reader, state) = opened(bytes);
    let mut pipeline = Pipeline::restore(reader.header().context(), state);
    if let Some(how) = how {
        pipeline.set_judge(agent::judge(&[shipped_rules()], how).unwrap(), TOLD);
        pipeline.set_behaviours(behaviours());
    }
    while let Some(input) = reader.next_input().unwrap_or_else(|error| panic!("{name}: {error}")) {
        input.apply(&mut pipeline, &mut replayed);
    }
    pipeline.release(u64::MAX, &mut replayed);
    replayed.rejected = pipeline.rejected();
    replayed
}
