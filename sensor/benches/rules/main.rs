//! What it costs to judge events: inputs of a recording, or made-up ones, go through decode, tree, identity and all
//! rules on one core, again and again. Started by `cargo xtask bench rules`.
//!
//! Time is the thread's own, so that what else the machine does counts little. Nothing fails because something is slow.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a benchmark asks the time itself")]

mod load;
#[path = "../../tests/shared/records.rs"]
mod records;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use sensor::agent::{self, Judging};
use sensor::detect::behaviour::{Behaviours, Bounds as Memory};
use sensor::detect::normal::{Mode, Normal};
use sensor::detect::told::Bounds;
use sensor::pipeline::{Nobody, Pipeline};
use sensor::record::{Input, read::Reader};
use sensor_common::class::Class;

/// Bounds of the agent's settings.
const TOLD: Bounds = Bounds { window_ns: 60_000_000_000, burst: 100 };
/// Images of the agent's settings.
const IMAGES_MAX: usize = 512;
/// Where the time stands in a record (`RecordHeader::time_ns`).
const TIME: std::ops::Range<usize> = 24..32;
/// Where the class stands in a record (`RecordHeader::class`).
const CLASS: std::ops::Range<usize> = 6..8;
/// How often each event is measured by itself.
const PASSES: usize = 5;
/// Time between two passes: ended processes are forgotten meanwhile.
const PAUSE_NS: u64 = 120_000_000_000;

/// Events a second through decode, tree, identity and rules, on one core.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rules: files or folders
    #[arg(long, value_name = "PATH", required = true)]
    rules: Vec<PathBuf>,
    /// Recording whose inputs are used, instead of made-up ones
    #[arg(long, value_name = "FILE")]
    recording: Option<PathBuf>,
    /// Behaviours, incidents and what is learned of images as well
    #[arg(long)]
    behaviours: bool,
    /// Seconds of each measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    seconds: u64,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// A pipeline and what goes through it.
struct Stage {
    pipeline: Pipeline,
    /// Records only: the rest was given to the pipeline before.
    records: Vec<(u64, Box<[u8]>)>,
    step_ns: u64,
}

impl Stage {
    /// With the state of the recording, its inputs gone through once.
    fn new(arguments: &Arguments, judged: bool) -> Result<Self> {
        let (mut pipeline, inputs) = match &arguments.recording {
            Some(path) => recorded(path)?,
            None => (load::pipeline(), load::inputs()),
        };
        if judged {
            pipeline.set_judge(agent::judge(&arguments.rules, Judging::default())?, TOLD);
            if arguments.behaviours {
                pipeline.set_behaviours(Behaviours::all(Memory::default()));
                pipeline.set_normal(Normal::new(Mode::Learning, IMAGES_MAX));
            }
        }
        let mut records = Vec::new();
        for input in inputs {
            if let Input::Record { now_ns, bytes } = &input {
                records.push((*now_ns, bytes.clone()));
            }
            input.apply(&mut pipeline, &mut Nobody);
        }
        ensure!(!records.is_empty(), "there are no records");
        let times = records.iter().map(|(now_ns, _)| *now_ns);
        let (first, last) = (times.clone().min().unwrap_or(0), times.max().unwrap_or(0));
        let mut stage = Self { pipeline, records, step_ns: last - first + PAUSE_NS };
        // Tables and buffers grow to their size.
        for _ in 0..2 {
            stage.pass(|pipeline, bytes, now_ns| pipeline.record(bytes, now_ns, &mut Nobody));
        }
        ensure!(stage.pipeline.rejected() == 0, "some records could not be decoded");
        Ok(stage)
    }

    /// All records once more, later.
    fn pass(&mut self, mut each: impl FnMut(&mut Pipeline, &[u8], u64)) {
        for (now_ns, bytes) in &mut self.records {
            *now_ns += self.step_ns;
            if let Some(Ok(time)) = bytes.get(TIME).map(<[u8; 8]>::try_from) {
                let later = u64::from_ne_bytes(time) + self.step_ns;
                bytes[TIME].copy_from_slice(&later.to_ne_bytes());
            }
            each(&mut self.pipeline, bytes, *now_ns);
        }
    }

    /// Nanoseconds of one event, over so many seconds.
    fn speed(&mut self, seconds: u64) -> f64 {
        let (until, mut passes) = (Instant::now() + Duration::from_secs(seconds), 0u64);
        let begin = thread_time();
        while passes == 0 || Instant::now() < until {
            self.pass(|pipeline, bytes, now_ns| pipeline.record(bytes, now_ns, &mut Nobody));
            passes += 1;
        }
        let spent = thread_time().saturating_sub(begin);
        spent.as_nanos() as f64 / (passes as f64 * self.records.len() as f64)
    }

    /// Nanoseconds of single events by class, sorted, the clock's own left out. Of several passes the shortest of each:
    /// the longer ones are what else the machine did.
    fn single(&mut self) -> BTreeMap<String, Vec<u128>> {
        let mut clock: Vec<_> = (0..10_000).map(|_| Instant::now().elapsed().as_nanos()).collect();
        clock.sort_unstable();
        let clock = clock[clock.len() / 2];
        let mut times: Vec<(String, u128)> =
            self.records.iter().map(|(_, bytes)| (class(bytes), u128::MAX)).collect();
        for _ in 0..PASSES {
            let mut each = times.iter_mut();
            self.pass(|pipeline, bytes, now_ns| {
                let begin = Instant::now();
                pipeline.record(bytes, now_ns, &mut Nobody);
                let took = begin.elapsed().as_nanos().saturating_sub(clock);
                if let Some((_, shortest)) = each.next() {
                    *shortest = took.min(*shortest);
                }
            });
        }
        let mut by_class = BTreeMap::<String, Vec<u128>>::new();
        for (class, time) in times {
            by_class.entry(class).or_default().push(time);
        }
        by_class.values_mut().for_each(|times| times.sort_unstable());
        by_class
    }

    /// By class: events that matched nothing, those of them that allocated, and how often.
    fn allocations(&mut self) -> (BTreeMap<String, [u64; 3]>, u64) {
        let (mut by_class, mut matched) = (BTreeMap::<String, [u64; 3]>::new(), 0);
        self.pass(|pipeline, bytes, now_ns| {
            let before = found(pipeline);
            let counted = allocation_counter::measure(|| pipeline.record(bytes, now_ns, &mut Nobody));
            if found(pipeline) > before {
                matched += 1;
                return;
            }
            let [events, allocating, allocations] = by_class.entry(class(bytes)).or_default();
            *events += 1;
            *allocating += u64::from(counted.count_total > 0);
            *allocations += counted.count_total;
        });
        (by_class, matched)
    }
}

/// Class of a record.
fn class(bytes: &[u8]) -> String {
    let class = bytes.get(CLASS).and_then(|class| class.try_into().ok()).map_or(0, u16::from_ne_bytes);
    Class::try_from(class).map_or_else(|_| "?".to_owned(), |class| format!("{class:?}"))
}

/// What the rules have found so far, told or not.
fn found(pipeline: &Pipeline) -> u64 {
    let judged = pipeline.judged();
    judged.findings.iter().sum::<u64>() + judged.combined + judged.limited
}

fn recorded(path: &PathBuf) -> Result<(Pipeline, Vec<Input>)> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let (mut reader, state) = Reader::open(BufReader::new(file))?;
    let mut inputs = Vec::new();
    while let Some(input) = reader.next_input()? {
        inputs.push(input);
    }
    Ok((Pipeline::restore(reader.header().context(), state), inputs))
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut cpus = CpuSet::new();
    cpus.set(sched_getcpu());
    sched_setaffinity(None, &cpus).context("cannot stay on one CPU")?;
    let bare = Stage::new(&arguments, false)?.speed(arguments.seconds);
    let mut stage = Stage::new(&arguments, true)?;
    let full = stage.speed(arguments.seconds);
    let times = stage.single();
    let mut all: Vec<_> = times.values().flatten().copied().collect();
    all.sort_unstable();
    let (by_class, matched) = stage.allocations();
    let share = 100.0 * matched as f64 / stage.records.len() as f64;
    println!("{} records a pass, {matched} of them ({share:.2} %) match a rule", stage.records.len());
    println!("without rules  {bare:>6.0} ns/event  {:>9.0} events/s", 1e9 / bare);
    println!("with rules     {full:>6.0} ns/event  {:>9.0} events/s  (goal 500000)", 1e9 / full);
    println!("one event, shortest of {PASSES} times, in ns:    p50      p90      p99    p99.9");
    for (class, times) in times.iter().chain([(&"all".to_owned(), &all)]) {
        let at = |share: usize| times.get(times.len() * share / 1000).copied().unwrap_or(0);
        println!("  {class:<34} {:>8} {:>8} {:>8} {:>8}", at(500), at(900), at(990), at(999));
    }
    println!("events that match nothing, by class:    number  that allocate  allocations");
    for (class, [events, allocating, allocations]) in by_class {
        println!("  {class:<36} {events:>8} {allocating:>14} {allocations:>12}");
    }
    Ok(())
}
