//! What a judge wants beside the settings: verdicts on files, ends of sockets, and that a new judge takes the old verdicts back.

use std::sync::atomic::{AtomicUsize, Ordering};

use sensor_common::policy::Verdict;
use sensor_common::record::process::FileIdentity;

use super::*;
use crate::detect::{context::Given, finding::Finding, judge::Judge, told::Bounds};
use crate::policy::GroupKind;
use crate::policy::Judged;

/// Wants sockets and opens, and could find something in opens or not.
#[derive(Debug)]
struct Picky {
    could_open: bool,
    /// How often it was asked of an open.
    asked: Arc<AtomicUsize>,
}

impl Judge for Picky {
    fn judge(&mut self, _: Given<'_>, _: &mut dyn FnMut(Finding)) {}

    fn wanted(&self) -> Judged {
        let containers = Class::FileOpen.bit() | Class::NetConnect.bit();
        Judged { containers, names: true, ..Judged::default() }
    }

    fn could_open(&mut self, _: Given<'_>) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.could_open
    }
}

fn judge(pipeline: &mut Pipeline, could_open: bool) -> Arc<AtomicUsize> {
    let asked = Arc::default();
    let picky = Picky { could_open, asked: Arc::clone(&asked) };
    pipeline.set_judge(Some(Box::new(picky)), Bounds { window_ns: 0, burst: 1 });
    asked
}

/// The verdict that an open of a file is given, and by which generation.
fn verdict(pipeline: &mut Pipeline) -> Option<(Verdict, u32)> {
    let file = FileIdentity { inode: 7, mode: 0o100_644, ..FileIdentity::default() };
    let record = FileRecord { header: header(Class::FileOpen, 9, 100), file, ..FileRecord::default() };
    let mut kept = Kept::default();
    pipeline.record(&finish(record.as_bytes().to_vec()), 110, &mut kept);
    let verdict = kept.changes.into_iter().map(|change| match change {
        Change::File { verdict, generation, .. } => (verdict, generation),
        other => panic!("{other:?}"),
    });
    verdict.last()
}

#[test]
fn a_file_is_quiet_if_neither_settings_nor_judge_want_it() {
    let mut pipeline = pipeline(100);
    pipeline.answer(answer(), 0, &mut Kept::default());
    let nothing = Policy { containers: 0, host: 0, ..Policy::everything() };
    pipeline.set_policy(Arc::new(nothing.clone()));
    let first = pipeline.policy().generation;
    assert_eq!(verdict(&mut pipeline), Some((Verdict::Quiet, first)), "there is no judge");

    judge(&mut pipeline, true);
    assert_eq!(verdict(&mut pipeline), None, "the judge may want it");
    assert_ne!(pipeline.policy().generation, first, "old verdicts count for nothing");
    let wanted = pipeline.policy().group(GroupKind::Container).classes;
    assert_eq!(wanted, Class::FileOpen.bit() | Class::NetConnect.bit());

    judge(&mut pipeline, false);
    let third = pipeline.policy().generation;
    assert_eq!(verdict(&mut pipeline), Some((Verdict::Quiet, third)));

    pipeline.set_policy(Arc::new(nothing));
    assert_ne!(pipeline.policy().generation, third);
    assert_eq!(
        pipeline.policy().judged.containers,
        wanted,
        "other settings do not take away what the judge wants"
    );
    let counts = pipeline.counts(Class::FileOpen);
    assert_eq!((counts.received, counts.quiet, counts.published), (3, 3, 0));
}

#[test]
fn a_judge_is_asked_once_of_a_file_of_which_all_opens_come() {
    let mut pipeline = pipeline(100);
    pipeline.answer(answer(), 0, &mut Kept::default());
    pipeline.set_policy(Arc::new(Policy { containers: 0, host: 0, ..Policy::everything() }));
    let asked = judge(&mut pipeline, true);
    assert_eq!([verdict(&mut pipeline), verdict(&mut pipeline)], [None, None]);
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    let asked = judge(&mut pipeline, false);
    let quiet = Some((Verdict::Quiet, pipeline.policy().generation));
    assert_eq!([verdict(&mut pipeline), verdict(&mut pipeline)], [quiet, quiet], "the kernel forgot it");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn what_goes_to_a_quiet_end_is_judged_and_not_told() {
    let mut pipeline = pipeline(100);
    pipeline.answer(answer(), 0, &mut Kept::default());
    pipeline.set_policy(Arc::new(Policy { quiet_ports: vec![443], ..Policy::everything() }));
    judge(&mut pipeline, true);
    assert!(pipeline.policy().ports().is_empty(), "the kernel holds none back");
    let mut connect = |port| {
        let remote = Address { ip: [1; 16], port, known: 1, ..Address::default() };
        let record = NetRecord { header: header(Class::NetConnect, 9, 100), remote, ..NetRecord::default() };
        let (mut kept, before) = (Kept::default(), pipeline.judged().events);
        pipeline.record(&finish(record.as_bytes().to_vec()), 110, &mut kept);
        (kept.events.len(), pipeline.judged().events - before)
    };
    assert_eq!(connect(443), (0, 1));
    assert_eq!(connect(80), (1, 1));
}
