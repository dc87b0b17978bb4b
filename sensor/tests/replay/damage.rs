//! Recordings that are cut, changed, or of another version.

use sensor::agent::Judging;
use sensor::pipeline::Pipeline;
use sensor::record::read::{ReadError, Reader, Wrong};

use super::stage::{Replayed, TOLD, behaviours, recordings, shipped_rules};

/// As far as that is possible.
fn replayed(bytes: &[u8]) -> (Replayed, Option<ReadError>) {
    let mut replayed = Replayed::default();
    let (mut reader, state) = match Reader::open(bytes) {
        Ok(opened) => opened,
        Err(error) => return (replayed, Some(error)),
    };
    let mut pipeline = Pipeline::restore(reader.header().context(), state);
    pipeline.set_judge(sensor::agent::judge(&[shipped_rules()], Judging::default()).unwrap(), TOLD);
    pipeline.set_behaviours(behaviours());
    loop {
        match reader.next_input() {
            Ok(Some(input)) => input.apply(&mut pipeline, &mut replayed),
            Ok(None) => return (replayed, None),
            Err(error) => return (replayed, Some(error)),
        }
    }
}

/// The first of the attacks: each cut is a replay of its own.
fn sample() -> Vec<u8> {
    let attack = recordings().into_iter().find(|(name, _)| name.starts_with("attack"));
    attack.expect(super::ANEW).1
}

#[test]
fn of_one_that_is_cut_what_is_before_can_be_used() {
    let bytes = sample();
    let whole = replayed(&bytes).0;
    assert!(whole.found.len() > 3, "there is something to lose");
    let mut most = 0;
    for part in [1, 20, 50, 80, 99] {
        let length = bytes.len() * part / 100;
        let (cut, error) = replayed(&bytes[..length]);
        let error = error.expect("it has no end");
        assert!(matches!(error.what, Wrong::Cut), "{part} %: {error}");
        assert!(error.offset <= length as u64, "{error}");
        assert!(whole.events.starts_with(&cut.events), "{part} %: the same events, as far as they go");
        assert!(cut.events.len() >= most);
        most = cut.events.len();
    }
    assert!(most > whole.events.len() / 2, "{most} of {}", whole.events.len());
}

#[test]
fn one_that_is_changed_is_refused_at_the_frame_that_was() {
    let bytes = sample();
    let whole = replayed(&bytes).0;
    for part in [30, 60, 90] {
        let mut changed = bytes.clone();
        let place = bytes.len() * part / 100;
        changed[place] ^= 0x10;
        let (some, error) = replayed(&changed);
        let error = error.expect("a checksum does not fit");
        assert!(error.offset <= place as u64, "{error}");
        assert!(whole.events.starts_with(&some.events) && some.events.len() < whole.events.len());
    }
}

#[test]
fn of_another_form_of_records_none_is_read() {
    let bytes = sample();
    let newer: Vec<u8> =
        bytes.iter().copied().enumerate().map(|(place, byte)| if place == 8 { 99 } else { byte }).collect();
    let (none, error) = replayed(&newer);
    let error = error.expect("nobody knows that version");
    assert!(matches!(error.what, Wrong::Version(99)) && none.events.is_empty(), "{error}");
    assert!(error.to_string().contains("99"), "{error}");
}
