//! Names that carry data or search the cluster, and those that programs ask for.

use super::super::play::{Play, SECOND};
use super::*;

const A: RecordType = RecordType::A;
const PTR: RecordType = RecordType(12);

fn play_of(main: &str) -> Play {
    Play::of(Box::new(Names::new(Bounds::default())), main)
}

/// What somebody would put into a name.
fn data(number: u64) -> String {
    let value = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    format!("{value:016x}{:016x}", value.rotate_left(17) ^ number)
}

fn one(id: &str) -> Vec<(String, Severity)> {
    vec![(id.to_owned(), Severity::High)]
}

#[test]
fn data_in_names_fast_as_texts_and_slowly() {
    for (kind, step, names) in [(A, 1, NAMES), (TXT, 1, CARRIED.div_ceil(33)), (A, 100, SLOW_NAMES)] {
        let mut play = play_of("/app/server");
        let mut asked = 0;
        while play.found.is_empty() && asked < 1_000 {
            play.ask(10, &format!("{}.t.example.org", data(asked)), kind, None);
            play.now_ns += step * SECOND;
            asked += 1;
        }
        assert!((names..names + 4).contains(&usize::try_from(asked).unwrap()), "{kind:?} {step}: {asked}");
        assert_eq!(play.take(), one("data-carried-by-names"));
    }
}

#[test]
fn the_cluster_is_searched() {
    let mut play = play_of("/app/server");
    for name in 0..60 {
        play.ask(10, &format!("redis-{name}.shop.svc.cluster.local"), A, Some(3));
    }
    assert_eq!(play.take(), one("names-of-the-cluster-searched"));
    let mut guessed = play_of("/app/server");
    for name in 0..60 {
        guessed.run(100 + name, 10, "/app/resolve", "resolve");
        guessed.ask(100 + name, &format!("x{name}.shop.svc.cluster.local"), A, None);
    }
    assert_eq!(guessed.take(), one("names-of-the-cluster-searched"));
    let mut all = play_of("/app/server");
    all.ask(10, "any.any.svc.cluster.local", RecordType(33), None);
    assert_eq!(all.take(), one("names-of-the-cluster-searched"));
    let mut copied = play_of("/app/server");
    copied.ask(10, "cluster.local", AXFR, None);
    assert_eq!(copied.take(), one("names-of-the-cluster-searched"));
    let mut reversed = play_of("/app/server");
    for last in 0..60 {
        reversed.run(100 + last, 10, "/usr/bin/dig", "dig -x");
        reversed.ask(100 + last, &format!("{last}.1.0.10.in-addr.arpa"), PTR, None);
    }
    assert_eq!(reversed.take(), one("names-of-the-cluster-searched"));
}

#[test]
fn names_that_programs_ask_for() {
    let mut play = play_of("/app/server");
    for turn in 0..2_000_u32 {
        play.ask(10, &format!("a{turn}.cdn.example.com"), A, None);
        play.ask(10, &format!("{}.cdn.example.com", data(turn.into()).get(..14).unwrap()), A, None);
        play.ask(10, &format!("{}.{}.zen.example.org", turn % 250, turn / 250), A, Some(3));
        play.ask(10, &format!("example{turn}.com.shop.svc.cluster.local"), A, Some(3));
        play.ask(10, &format!("{}.example.net", data((turn % 12).into())), A, None);
        play.ask(10, "db.shop.svc.cluster.local", A, Some(3));
        play.ask(10, &format!("web-{}.shop.svc.cluster.local", turn % 200), A, Some(0));
        play.ask(10, &format!("{}.1.0.10.in-addr.arpa", turn % 100), PTR, Some(0));
    }
    play.is_quiet();
}

#[test]
fn memory_is_bounded() {
    let mut play = Play::new(Box::new(Names::new(Bounds { entries_max: 64 })));
    let flood = |play: &mut Play, turns: std::ops::Range<u64>| {
        for turn in turns {
            play.ask(2, &format!("{}.example{turn}.com", data(turn)), A, None);
            play.ask(2, &format!("x{turn}.shop.svc.cluster.local"), A, Some(3));
            play.ask(2, &format!("{}.example.com", data(turn)), A, None);
        }
        play.found.clear();
        play.memory()
    };
    let before = flood(&mut play, 0..5_000);
    let after = flood(&mut play, 5_000..10_000);
    assert!(after < before + before / 4, "{before} {after}");
    for cgroup in 100..1_000 {
        play.cgroup = cgroup;
        play.container(cgroup);
        play.ask(2, "x.example.com", A, None);
    }
    assert_eq!(play.behaviour.table().entries, 16);
}
