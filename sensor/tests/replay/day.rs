//! A day of ordinary work on a node: what forty containers, their runtime, the agents of the node and its operators do, made up,
//! the same on every run. Nearly nothing of it may be told above low.

mod agents;
mod apps;
mod builds;
mod node;
mod operators;
mod pods;
mod setup;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use sensor::agent::Judging;
use sensor::clock::BootClock;
use sensor::detect::{
    normal::{Learned, Mode, Normal, Seen},
    told::Bounds,
};
use sensor::identity::store::Store;
use sensor::pipeline::Pipeline;
use sensor::policy::Policy;
use sensor::process::tree::{Limits, Tree};
use sensor::record::Input;
use sensor::stream::encode::Context;

use self::node::{How, Node, Process, Running, SECOND, Spec};
use self::work::Work;
use super::stage::{Findings, Found, behaviours, shipped_rules};

const HOURS: u64 = 24;
const HOUR: u64 = 3600 * SECOND;
/// Findings above low that a day may have, beside which a person can work.
const ABOVE_LOW_MAX: usize = 20;
/// The same where it is known what is normal.
const LEARNED_ABOVE_LOW_MAX: usize = 3;
/// Days like the first that were learned from.
const DAYS: i64 = 7;
const DAYS_SEEN: u32 = 7;
const DAY_S: i64 = 86_400;
const IMAGES_MAX: usize = 512;
/// Findings of each kind that are printed.
const SHOWN: usize = 4;
/// What agents are told to bound their findings by, unless settings say otherwise.
const TOLD: Bounds = Bounds { window_ns: 60 * SECOND, burst: 32 };

/// What happens every so many seconds, from the first time on.
#[derive(Clone, Copy, Debug)]
struct Task {
    every: u64,
    first: u64,
    does: fn(&mut Day, u64),
}

const fn task(every: u64, first: u64, does: fn(&mut Day, u64)) -> Task {
    Task { every, first, does }
}

/// The node's day.
#[derive(Debug)]
struct Day {
    node: Node,
    pods: BTreeMap<&'static str, Running>,
    containerd: Process,
    kubelet: Process,
    sshd: Process,
    cron: Process,
    systemd: Process,
}

impl Day {
    fn new(seed: u64) -> Self {
        let mut node = Node::new(seed);
        let systemd = node.daemon(SECOND, None, &["/usr/lib/systemd/systemd", "--system"]);
        let mut daemon = |words: &[&str]| node.daemon(2 * SECOND, Some(&systemd), words);
        let containerd = daemon(&["/usr/bin/containerd"]);
        let kubelet = daemon(&["/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml"]);
        let sshd = daemon(&["/usr/sbin/sshd", "-D"]);
        let cron = daemon(&["/usr/sbin/cron", "-f"]);
        let mut day = Self { node, pods: BTreeMap::new(), containerd, kubelet, sshd, cron, systemd };
        for (place, (key, spec)) in pods::ALL.iter().enumerate() {
            let at = (5 + place as u64) * SECOND;
            day.begin(key, spec, at);
        }
        day
    }

    fn begin(&mut self, key: &'static str, spec: &Spec, at: u64) {
        let containerd = self.containerd.clone();
        let running = self.node.start(at, &containerd, spec);
        self.pods.insert(key, running);
    }

    /// A container that begins, works and ends.
    fn job(&mut self, spec: &Spec, at: u64, does: impl FnOnce(&mut Work<'_>)) {
        let containerd = self.containerd.clone();
        let running = self.node.start(at, &containerd, spec);
        let mut work = Work { node: &mut self.node, process: running.main.clone(), at: at + SECOND };
        does(&mut work);
        let end = work.at + SECOND;
        self.node.stop(end, &running);
    }

    fn pod(&self, key: &str) -> Running {
        self.pods.get(key).unwrap_or_else(|| panic!("{key} is no pod of the day")).clone()
    }

    /// The first process of a pod does something.
    fn inside(&mut self, key: &str, at: u64, does: impl FnOnce(&mut Work<'_>)) {
        let process = self.pod(key).main;
        self.by(&process, at, does);
    }

    /// A process does something.
    fn by(&mut self, process: &Process, at: u64, does: impl FnOnce(&mut Work<'_>)) {
        does(&mut Work { node: &mut self.node, process: process.clone(), at });
    }

    /// A probe, or somebody at a terminal: a program beside the first one.
    fn exec(&mut self, key: &str, at: u64, terminal: bool, words: &[&str], does: impl FnOnce(&mut Work<'_>)) {
        let running = self.pod(key);
        let (runc, process, at) = self.node.enter(at, &running, terminal);
        self.node.exec(&process, at, words, How { terminal, ..How::default() });
        let mut work = Work { node: &mut self.node, process, at };
        does(&mut work);
        let (end, process) = (work.at + SECOND / 100, work.process.clone());
        self.node.exit(&process, end);
        self.node.exit(&runc, end + 1);
    }
}

fn schedule() -> Vec<Task> {
    [agents::TASKS, apps::TASKS, builds::TASKS, operators::TASKS].concat()
}

fn pipeline() -> Pipeline {
    let context = Context {
        node: "node".into(),
        instance: "day".into(),
        clock: BootClock::with_offset(1_700_000_000_000_000_000),
        capability_last: 40,
        environment: Vec::new(),
    };
    let tree = Tree::new(Limits { processes_max: 65_536, retention_ns: 60 * SECOND });
    let mut pipeline = Pipeline::new(context, tree, Store::new(32_768), SECOND / 4);
    pipeline.set_flows_max(8_192);
    pipeline.set_policy(Arc::new(Policy::everything()));
    pipeline
}

/// What happens in an hour of the day, with a tick in each second.
fn hour(day: &mut Day, hour: u64) -> Vec<Input> {
    for Task { every, first, does } in schedule() {
        let mut at = first * SECOND;
        while at < (hour + 1) * HOUR {
            if at >= hour * HOUR {
                // Nothing happens on the second.
                let late = day.node.random(SECOND);
                does(day, at.max(120 * SECOND) + late);
            }
            at += every * SECOND;
        }
    }
    let mut inputs = Vec::new();
    let mut second = hour * 3600;
    for ((now_ns, _), input) in day.node.until((hour + 1) * HOUR) {
        while second < now_ns / SECOND {
            second += 1;
            inputs.push(Input::Tick { now_ns: second * SECOND });
        }
        inputs.push(input);
    }
    inputs
}

/// An hour of a busier node: its programs load their libraries.
pub(crate) fn first_hour() -> (Pipeline, Vec<Input>) {
    let mut day = Day::new(1);
    day.node.loads_libraries = true;
    (pipeline(), hour(&mut day, 0))
}

/// What came of a day.
struct Lived {
    found: Vec<Found>,
    records: u64,
    pipeline: Pipeline,
}

impl Lived {
    /// The whole day through the stages.
    fn through(seed: u64, normal: Normal) -> Self {
        let (mut day, mut pipeline, mut findings) = (Day::new(seed), pipeline(), Findings::default());
        pipeline.set_judge(sensor::agent::judge(&[shipped_rules()], Judging::default()).unwrap(), TOLD);
        pipeline.set_behaviours(behaviours());
        pipeline.set_normal(normal);
        for number in 0..HOURS {
            for input in hour(&mut day, number) {
                input.apply(&mut pipeline, &mut findings);
            }
        }
        let records = day.node.records;
        assert_eq!((pipeline.rejected(), pipeline.tree().evicted()), (0, 0));
        assert!(records > 150_000, "{records} records are no day");
        Self { found: findings.0, records, pipeline }
    }

    /// Prints what was found; how much of it is above low.
    fn above_low(&self, title: &str) -> usize {
        let mut by_id: BTreeMap<(String, &str), Vec<&Found>> = BTreeMap::new();
        for one in &self.found {
            by_id.entry((one.severity(), one.id())).or_default().push(one);
        }
        println!("{title}: {} records, {} findings", self.records, self.found.len());
        for ((severity, id), all) in &by_id {
            println!("{:>6} {severity} {id}", all.len());
            for one in all.iter().filter(|one| one.is_above_low()).take(SHOWN) {
                print!("{}", one.text());
            }
        }
        let above = self.found.iter().filter(|one| one.is_above_low()).count();
        println!("{above} above low");
        above
    }
}

/// What was learned, as it is after some days like the first.
fn after_days(learned: Vec<Learned>) -> Normal {
    let mut normal = Normal::new(Mode::On, IMAGES_MAX);
    let earlier = |learned: Learned| {
        let seen = |(text, seen): (String, Seen)| {
            let Seen { since_s, occasions, .. } = seen;
            (text, Seen { since_s: since_s - DAYS * DAY_S, occasions: occasions * DAYS_SEEN, ..seen })
        };
        let facts = learned.facts.into_iter().map(seen).collect();
        Learned { since_s: learned.since_s - DAYS * DAY_S, facts, ..learned }
    };
    normal.restore(learned.into_iter().map(earlier));
    normal
}

#[test]
fn a_day_of_ordinary_work_is_quiet() {
    let mut first = Lived::through(1, Normal::new(Mode::Learning, IMAGES_MAX));
    let above = first.above_low("a day");
    assert!(above < ABOVE_LOW_MAX, "{above} findings above low");

    let learned = first.pipeline.learned(IMAGES_MAX);
    assert!(learned.len() > 20, "{} images were learned", learned.len());
    let second = Lived::through(2, after_days(learned));
    let above = second.above_low("another day, with a week of learned normal");
    assert!(above < LEARNED_ABOVE_LOW_MAX, "{above} findings above low with learned normal");
}
