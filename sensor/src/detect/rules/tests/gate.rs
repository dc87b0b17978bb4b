//! What gates and scanners leave out does not hold: the same rules fire as if each were judged by itself.

use std::cell::RefCell;

use proptest::prelude::*;

use super::mock::{Fact, Mock, load, rule};
use super::partial::event;
use super::upstream::upstream;
use crate::detect::rules::evaluate::Judge;
use crate::detect::rules::gate::{Gates, places};
use crate::detect::rules::{Matching, Options, Ruleset, Source, State};

/// Rules with comparisons of every kind, which scanners and gates know.
const CONDITIONS: [&str; 14] = [
    "evt.type in (open, openat) and fd.name startswith /etc/ and not fd.name endswith .so",
    "evt.type=openat and (fd.name contains shadow or fd.name glob \"*/cron.d/*\" or fd.name=/x) and proc.name in (cat, ls)",
    "evt.type=openat and fd.name glob /proc/*/mem and container.id != host",
    "evt.type=openat and fd.name pmatch (/var/lib, /opt/*/bin) and not proc.aname in (bash, sshd)",
    "evt.type=openat and fd.name regex \".*/[.](ssh|aws)/(id_[a-z]+|config)\" and fd.num >= 0",
    "proc.cmdline contains nc or proc.cmdline contains \"sh -i\" or proc.cmdline contains /dev/tcp/",
    "proc.cmdline regex \".*(curl|wget) .*[|] *(ba|da)?sh.*\" or proc.cmdline endswith \"-c\"",
    "proc.cmdline glob \"*a?c*\" and not (proc.cmdline startswith sh or proc.name=dd)",
    "evt.type=connect and fd.sport in (22, 80) and not (fd.snet in (10.0.0.0/8) or fd.sip=192.0.2.1)",
    "basename(proc.exepath) in (sh, bash) and proc.is_exe_upper_layer=true",
    "proc.aname contains ssh or proc.aname startswith ba or proc.aname endswith d or proc.aname glob *x*",
    "tolower(fd.name)=/etc/shadow or fd.name = val(proc.exe) or proc.name startswith val(proc.pname)",
    "evt.type=openat and proc.cmdline startswith anyof (nc, sh) and fd.name startswith allof (/etc, /)",
    "not (fd.name contains a or fd.name exists) or evt.type=openat and fd.name icontains SHADOW",
];

fn all(sources: &[Source]) -> Ruleset {
    let options = Options { matching: Matching::All, ..Options::default() };
    Ruleset::load(sources, &options).unwrap_or_else(|problems| panic!("{problems:#?}")).ruleset
}

fn own() -> Vec<Source> {
    let rules = CONDITIONS.iter().enumerate();
    let text: String = rules.map(|(at, condition)| rule(&format!("r{at}"), condition)).collect();
    vec![super::mock::source("a.yaml", &text)]
}

/// The shipped rules, and upstream's where they are.
fn many() -> Vec<Source> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/rules");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let shipped = paths
        .iter()
        .map(|path| Source { name: path.display().to_string(), text: std::fs::read(path).unwrap() });
    upstream().unwrap_or_default().into_iter().chain(shipped).collect()
}

/// The same rules with neither gates nor scanners.
fn plain(sources: &[Source]) -> Ruleset {
    let mut rules = all(sources);
    rules.program.scanners.iter_mut().for_each(|scanner| *scanner = None);
    rules.program.scanned.fill(false);
    rules
}

/// Rules, and the same with neither gates nor scanners; each with room to judge in.
struct Both([(Ruleset, State); 2]);

impl Both {
    fn new(sources: &[Source]) -> Self {
        Self([all(sources), plain(sources)].map(|rules| {
            let state = rules.state();
            (rules, state)
        }))
    }
}

/// Compares what fires with what each condition comes to by itself: how many fired, how many were left out.
fn check(Both([(rules, room), (plain, state)]): &mut Both, mock: &Mock) -> (usize, usize) {
    let mut fired = Vec::new();
    rules.evaluate(room, mock, &mut |rule| fired.push(rule.number));
    let all = &plain.by_kind[usize::from(mock.kind.0)];
    let holds = |condition: &u32| Judge::new(&plain.program, mock, state).holds(*condition);
    let conditions = all.iter().map(|(_, condition)| condition).map(holds).collect::<Vec<_>>();
    let expected: Vec<_> = all
        .iter()
        .zip(&conditions)
        .filter(|(_, holds)| **holds)
        .map(|((rule, _), _)| *rule as usize)
        .collect();
    assert_eq!(fired, expected, "{mock:?}");
    let mut judge = Judge::new(&rules.program, mock, room);
    let open = judge.let_through(&rules.gates[usize::from(mock.kind.0)]);
    (fired.len(), all.len() - places(&open).count())
}

proptest! {
    #[test]
    fn what_is_left_out_does_not_hold(kind: usize, picks in proptest::collection::vec(any::<usize>(), 400)) {
        let mut at = 0;
        let mut pick = |below: usize| {
            at += 1;
            picks[at % picks.len()].wrapping_add(at / picks.len()) % below
        };
        thread_local! { static RULES: RefCell<Both> = RefCell::new(Both::new(&own())); }
        RULES.with_borrow_mut(|both| {
            let mock = event(&both.0[0].0, kind, &mut pick);
            check(both, &mock);
        });
    }
}

#[test]
fn of_real_rules_nothing_that_holds_is_left_out_either() {
    let mut both = Both::new(&many());
    let (mut fired, mut left_out) = (0, 0);
    let mut seed = 1_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for _ in 0..2000 {
        let kind = random(1000);
        let mock = event(&both.0[0].0, kind, &mut random);
        let found = check(&mut both, &mock);
        fired += found.0;
        left_out += found.1;
    }
    assert!(fired > 100 && left_out > 1000, "{fired} {left_out}");
}

#[test]
fn of_an_ordinary_open_all_are_left_out() {
    let rules = all(&own());
    let mock = Mock::new("openat")
        .text("fd.name", "/usr/lib/libc.so.6")
        .text("proc.name", "grep")
        .text("proc.cmdline", "grep -r x")
        .text("proc.exepath", "/usr/bin/cat")
        .text("container.id", "0123456789ab")
        .number("fd.num", 3)
        .with("proc.aname", Fact::Many(vec!["systemm", "runtime"]));
    let mut state = rules.state();
    let mut judge = Judge::new(&rules.program, &mock, &mut state);
    let open = judge.let_through(&rules.gates[usize::from(mock.kind.0)]);
    let open: Vec<_> = places(&open).collect();
    let all = &rules.by_kind[usize::from(mock.kind.0)];
    let names: Vec<_> = open.iter().map(|place| &*rules.rules()[all[*place].0 as usize].name).collect();
    // The one names a folder `lib`; the other is a negation.
    assert_eq!(names, ["r3", "r13"], "of {}", all.len());
}

#[test]
fn a_gate_asks_only_what_is_known() {
    let rules =
        load(&rule("r", "evt.type=openat and fd.name=/etc/shadow and proc.name=cat")).unwrap().ruleset;
    let kind = Mock::new("openat").text("fd.name", "/etc/shadow").text("proc.name", "dog");
    let condition = rules.by_kind[usize::from(kind.kind.0)][0].1;
    let known = |name: &str| {
        let field = crate::detect::field::find(name).unwrap();
        rules.comparing(|of| of.id == field)
    };
    for (name, open) in [("fd.name", 1), ("proc.name", 0), ("evt.num", 1)] {
        let known = known(name);
        let gate = Gates::new(&rules.program).gate(&[condition], &|test| known.has(test));
        let mut state = rules.state();
        let found = Judge::new(&rules.program, &kind, &mut state).let_through(&gate);
        assert_eq!(found, [open], "{name}");
    }
}
