//! The attack laboratory: every case in real containers against one agent as it is shipped, and a table by class.
//!
//! `attack` plays all cases, `attack E01 lateral` some, by their ids or classes. `--list` names them, `--json` prints
//! the results as JSON, `--explain FILE` writes what the stream had of those that failed. Needs root.
#![forbid(unsafe_code)]

mod book;
mod judge;
mod play;
mod report;
mod stage;

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters};
use picket_tests::container::Container;
use picket_tests::expect::text;
use picket_tests::lab::Lab;

use book::{Case, Scene};
use judge::{Findings, Verdict};
use report::Report;

/// How often it is looked once more for what needs time to be found, a second apart.
const PATIENCE: u32 = 10;

/// What the command line asks for.
#[derive(Debug, Default)]
struct Arguments {
    names: Vec<String>,
    list: bool,
    json: bool,
    explain: Option<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--list" => arguments.list = true,
            "--json" => arguments.json = true,
            "--explain" => arguments.explain = Some(words.next().context("--explain takes a file")?),
            option if option.starts_with('-') => bail!("no such option: {option}"),
            name => arguments.names.push(name.to_owned()),
        }
    }
    Ok(arguments)
}

fn run() -> Result<bool> {
    let arguments = arguments()?;
    let cases = book::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("attack/cases"))?;
    let wanted = |case: &&Case| {
        let named = |name: &String| *name == case.id || *name == case.class;
        arguments.names.is_empty() || arguments.names.iter().any(named)
    };
    let chosen: Vec<&Case> = cases.iter().filter(wanted).collect();
    if let Some(name) = arguments
        .names
        .iter()
        .find(|name| !cases.iter().any(|case| case.id == **name || case.class == **name))
    {
        bail!("no such case or class: {name} (try --list)");
    }
    if arguments.list {
        chosen
            .iter()
            .for_each(|case| println!("{} {} ({}): {}", case.id, case.class, case.scenes.len(), case.title));
        return Ok(true);
    }
    let report = play(&chosen, arguments.explain.as_deref())?;
    if arguments.json {
        println!("{}", report.json());
    } else {
        print!("{report}");
    }
    Ok(report.is_good())
}

fn play<'book>(chosen: &[&'book Case], explain: Option<&str>) -> Result<Report<'book>> {
    let mut report = Report::new(chosen);
    let mut scenes: Vec<(&Case, &Scene)> = Vec::new();
    for (case, scene) in chosen.iter().flat_map(|case| case.scenes.iter().map(|scene| (*case, scene))) {
        match play::lacks(scene) {
            Some(reason) => report.skip(case, scene, reason),
            None => scenes.push((case, scene)),
        }
    }
    let world = World::new();
    let mut client = Client::subscribe(&world.agent, &Filters { findings: true, ..Filters::default() });
    let mut events = explain
        .map(|_| Client::subscribe(&world.agent, &Filters { containers_only: true, ..Filters::default() }));
    let mut findings = Findings::default();
    let (played, explained) = std::thread::scope(|scope| -> Result<_> {
        let reader = events.as_mut().map(|events| scope.spawn(|| report::collect(events)));
        let played = play::all(&world.lab, &world.stage, &scenes)?;
        read_until_marker(&world, &mut client, &mut findings);
        let explained =
            reader.map(|reader| reader.join().map_err(|_| anyhow::anyhow!("the reader panicked")));
        Ok((played, explained.transpose()?))
    })?;
    let missing = |findings: &Findings| {
        played.iter().any(|one| play::is_attack(one.scene) && findings.judge(one) != Verdict::Good)
    };
    for _ in 0..PATIENCE {
        if !missing(&findings) {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
        read_until_marker(&world, &mut client, &mut findings);
    }
    for one in &played {
        report.add(one, &findings);
    }
    if let (Some(file), Some(events)) = (explain, explained) {
        report::explain(Path::new(file), &played, &findings, &events)?;
    }
    drop((client, events));
    world.agent.stop();
    Ok(report)
}

/// Takes the findings of everything that happened before now.
fn read_until_marker(world: &World, client: &mut Client, findings: &mut Findings) {
    let marker = play::marker(&world.lab);
    while let Some(event) = client.next_event() {
        let end = text(&event, "container.id") == marker;
        if text(&event, "class") == "FINDING" {
            findings.add(event);
        }
        if end {
            return;
        }
    }
    panic!("no finding of the container {marker}\n{}", world.agent.log_tail());
}

/// What all scenes share. Fields end in their order: what lives in the laboratory's folders goes before these.
struct World {
    agent: Agent,
    stage: stage::Stage,
    _victim: Container,
    _helper: Helper,
    lab: Lab,
}

/// A process of the node; ended when dropped.
struct Helper(Child);

impl Drop for Helper {
    fn drop(&mut self) {
        // Already gone is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl World {
    fn new() -> Self {
        let lab = Lab::new();
        let mut sleep = Command::new("/bin/sleep");
        let helper = Helper(sleep.arg("900").stdin(Stdio::null()).spawn().expect("sleep is there"));
        let victim = lab.container(&["/bin/sleep", "900"]);
        victim.start();
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules").to_owned();
        let mut options = lab.agent_options();
        options.arguments.extend(["--rules".to_owned(), rules]);
        // As an agent in the cluster would find it out.
        let api = "kubernetes.default.svc.cluster.local=10.96.0.1".to_owned();
        options.settings.push(("PICKET_RULES_ADDRESSES", api));
        let agent = Agent::start(&options);
        let helpers = vec![("HELPER", helper.0.id()), ("VICTIM", victim.pid()), ("AGENT", agent.pid())];
        let stage = stage::Stage::new(&lab, helpers);
        Self { agent, stage, _victim: victim, _helper: helper, lab }
    }
}
