//! Recordings of attacks and of ordinary work, made by the live tests in real containers (`cargo xtask corpus`), judged
//! by the rules that are shipped: the findings are those that were reviewed, whatever the kernel holds back of what no
//! rule looks at. A recording that is damaged says so, and what is before the damage can be used.
//!
//! Beside each `NAME.picket` stands `NAME.findings`; PICKET_BLESS=1 writes these anew, to be reviewed.

mod anew;
mod damage;
mod day;
mod kernel;
#[path = "../shared/records.rs"]
mod records;
mod stage;

use std::fs;
use std::path::PathBuf;

use sensor::agent::Judging;
use sensor::detect::behaviour::Behaviours;
use sensor::pipeline::Pipeline;
use sensor::record::Input;

use self::stage::{Found, folder, recordings};

/// What makes them anew.
const ANEW: &str = "`cargo xtask corpus` makes the recordings anew; review the findings that change";

fn blessed(name: &str, found: &[Found]) {
    let file = folder().join(format!("{name}.findings"));
    let text: String = found.iter().map(Found::text).collect();
    if std::env::var_os("PICKET_BLESS").is_some() {
        fs::write(&file, text).unwrap();
        return;
    }
    let reviewed = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        text, reviewed,
        "{name}: other findings than were reviewed; PICKET_BLESS=1 cargo test -p sensor --test replay writes them"
    );
}

#[test]
fn there_are_attacks_and_ordinary_work() {
    let names: Vec<String> = recordings().into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().any(|name| name.starts_with("attack")), "{names:?}: {ANEW}");
    assert!(names.iter().any(|name| name.starts_with("ordinary")), "{names:?}: {ANEW}");
    let bytes: usize = recordings().iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes < 3 << 20, "{bytes} bytes are too many for a repository");
}

#[test]
fn findings_are_those_that_were_reviewed() {
    for (name, bytes) in recordings() {
        let first = stage::replayed(&name, &bytes, Some(Judging::default()));
        let second = stage::replayed(&name, &bytes, Some(Judging::default()));
        assert!(first.events == second.events, "{name}: two replays differ");
        assert!(first.rejected == 0, "{name}: {} records cannot be decoded: {ANEW}", first.rejected);
        let above = first.found.iter().filter(|found| found.is_above_low()).count();
        assert_eq!(above == 0, name.starts_with("ordinary"), "{name}: {above} findings above low");
        blessed(&name, &first.found);
    }
}

/// What says where a recording was made is not in it.
#[test]
fn recordings_name_no_machine() {
    let folders = ["work", "root", "home", "target"].map(|name| format!("/{name}/"));
    let programs = ["cargo", "systemd", "bash", "init=", "sshd", "sudo"].map(str::to_owned);
    for (name, bytes) in recordings() {
        for text in folders.iter().chain(&programs) {
            let holds = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!holds, "{name} holds {text}");
        }
    }
}

/// Its name, its files, and the behaviours that judge beside it.
type RuleSet = (&'static str, Vec<PathBuf>, fn() -> Behaviours);

/// Rules under test: those that are shipped, and those of Falco where `PICKET_FALCO_RULES` names them.
fn rule_sets() -> Vec<RuleSet> {
    let mut sets: Vec<RuleSet> = vec![
        ("shipped rules", vec![stage::shipped_rules()], Behaviours::default),
        ("shipped rules and behaviours", vec![stage::shipped_rules()], stage::behaviours),
    ];
    if let Some(folder) = std::env::var_os("PICKET_FALCO_RULES") {
        let rules = vec![PathBuf::from(folder).join("falco_rules.yaml")];
        sets.push(("stable rules of Falco", rules, Behaviours::default));
    }
    sets
}

/// Some inputs, from the beginning.
type Load = (String, Pipeline, Vec<Input>);

fn loads() -> Vec<Load> {
    let recorded = recordings().into_iter().map(|(name, bytes)| {
        let (mut reader, state) = stage::opened(&bytes);
        let inputs = std::iter::from_fn(|| reader.next_input().unwrap()).collect();
        (name, Pipeline::restore(reader.header().context(), state), inputs)
    });
    let mut loads: Vec<Load> = recorded.collect();
    let (pipeline, inputs) = day::first_hour();
    loads.push(("an hour of ordinary work".to_owned(), pipeline, inputs));
    loads
}

#[test]
fn what_the_kernel_holds_back_changes_no_finding() {
    for (set, rules, behaviours) in rule_sets() {
        let ([mut records, mut held], [mut opens, mut held_opens]) = ([0; 2], [0; 2]);
        for ((name, first, inputs), (_, second, _)) in loads().into_iter().zip(loads()) {
            let all = kernel::judged(first, inputs.iter().cloned(), &rules, behaviours(), false);
            let some = kernel::judged(second, inputs.into_iter(), &rules, behaviours(), true);
            assert_eq!(all.found, some.found, "{name}, {set}");
            assert_eq!(all.held, 0, "{name}: without pushdown nothing is held back");
            records += some.records;
            held += some.held;
            opens += some.opens;
            held_opens += some.held_opens;
        }
        let share = |part: u64, of: u64| part as f64 * 100.0 / of as f64;
        println!(
            "{set}: of {records} records of files, sockets and privileges {:.1} % are held back, of {opens} opens {:.1} %",
            share(held, records),
            share(held_opens, opens),
        );
        assert!(held > 0, "{set}: pushdown holds nothing back");
    }
}
