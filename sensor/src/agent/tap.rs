//! The pipeline thread's side of a recording: inputs are handed on in batches, through a queue that never makes the
//! thread wait. What finds no room is missing in the recording, which says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::pipeline::state::State;
use crate::record::{Gap, Input};
use crate::stream::encode::Context;

/// Batches that may wait for the recorder: each is of one turn of the pipeline's thread.
const BATCHES_WAITING_MAX: usize = 16 * 1024;
/// Bytes of them.
pub(super) const BYTES_WAITING_MAX: usize = 32 << 20;

/// What goes to the recorder.
#[derive(Debug)]
pub(super) enum Taped {
    /// What the stages know when the recording begins.
    Begin(Box<(Context, State)>),
    /// The next inputs.
    Inputs(Vec<Input>),
}

/// Where the recorder takes inputs from.
#[derive(Debug)]
pub(super) struct Tape {
    taped: Receiver<Taped>,
    waiting: Arc<AtomicUsize>,
}

/// Takes inputs on their way to the pipeline.
#[derive(Debug)]
pub(super) struct Tap {
    sender: SyncSender<Taped>,
    /// Bytes in the queue; shared with the recorder while it lives.
    waiting: Arc<AtomicUsize>,
    batch: Vec<Input>,
    gap: Option<Gap>,
}

/// A tap, and the recorder's end of it.
pub(super) fn tap() -> (Tap, Tape) {
    let (sender, taped) = sync_channel(BATCHES_WAITING_MAX);
    let waiting = Arc::default();
    let tap = Tap { sender, waiting: Arc::clone(&waiting), batch: Vec::new(), gap: None };
    (tap, Tape { taped, waiting })
}

impl Tap {
    /// Hands over what the recording begins with. False if nobody takes it.
    pub(super) fn begin(&self, context: Context, state: State) -> bool {
        self.sender.try_send(Taped::Begin(Box::new((context, state)))).is_ok()
    }

    /// Takes an input.
    pub(super) fn add(&mut self, input: Input) {
        self.batch.push(input);
    }

    /// True while somebody records.
    pub(super) fn is_wanted(&self) -> bool {
        Arc::strong_count(&self.waiting) > 1
    }

    /// Hands over what was taken since the last time. `sequence` is the number of the pipeline's last event. How many
    /// inputs found no room.
    pub(super) fn flush(&mut self, now_ns: u64, sequence: u64) -> u64 {
        if self.batch.is_empty() {
            return 0;
        }
        let mut batch = std::mem::take(&mut self.batch);
        let inputs = batch.len() as u64;
        if let Some(gap) = self.gap {
            batch.insert(0, Input::Gap(gap));
        }
        let bytes = batch.iter().map(Input::size).sum();
        let waiting = self.waiting.load(Ordering::Relaxed);
        let fits = waiting == 0 || waiting.saturating_add(bytes) <= BYTES_WAITING_MAX;
        if fits {
            self.waiting.fetch_add(bytes, Ordering::Relaxed);
            match self.sender.try_send(Taped::Inputs(batch)) {
                Ok(()) => {
                    self.gap = None;
                    return 0;
                }
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                    self.waiting.fetch_sub(bytes, Ordering::Relaxed);
                }
            }
        }
        let gap = self.gap.get_or_insert(Gap { from_ns: now_ns, ..Gap::default() });
        gap.inputs += inputs;
        (gap.until_ns, gap.sequence) = (now_ns, sequence);
        inputs
    }

    /// The gap at the end, which no later input follows.
    pub(super) fn end(self) {
        if let Some(gap) = self.gap {
            // The recorder that has no room for it has gone, or hangs.
            self.sender.try_send(Taped::Inputs(vec![Input::Gap(gap)])).ok();
        }
    }
}

impl Tape {
    /// The next part; waits for it that long.
    ///
    /// # Errors
    /// When none came, or none will.
    pub(super) fn next(
        &self,
        patience: std::time::Duration,
    ) -> Result<Taped, std::sync::mpsc::RecvTimeoutError> {
        let taped = self.taped.recv_timeout(patience)?;
        if let Taped::Inputs(inputs) = &taped {
            self.waiting.fetch_sub(inputs.iter().map(Input::size).sum(), Ordering::Relaxed);
        }
        Ok(taped)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record(bytes: usize) -> Input {
        Input::Record { now_ns: 1, bytes: vec![0; bytes].into() }
    }

    fn inputs(tape: &Tape) -> Vec<Input> {
        match tape.next(Duration::ZERO) {
            Ok(Taped::Inputs(inputs)) => inputs,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_finds_no_room_is_a_gap_before_the_next_that_does() {
        let (mut tap, tape) = tap();
        tap.add(record(BYTES_WAITING_MAX));
        assert_eq!(tap.flush(10, 1), 0, "one that is too long may wait alone");
        tap.add(record(1));
        tap.add(record(1));
        assert_eq!(tap.flush(20, 3), 2);
        tap.add(record(1));
        assert_eq!(tap.flush(30, 4), 1);
        assert_eq!(inputs(&tape).len(), 1);
        tap.add(record(1));
        assert_eq!(tap.flush(40, 5), 0);
        let later = inputs(&tape);
        let [Input::Gap(gap), Input::Record { .. }] = later.as_slice() else { panic!("{later:?}") };
        assert_eq!(*gap, Gap { inputs: 3, from_ns: 20, until_ns: 30, sequence: 4 });
        assert!(tape.next(Duration::ZERO).is_err());
        tap.add(record(1));
        assert_eq!((tap.flush(50, 6), inputs(&tape).len()), (0, 1), "told once");
    }

    #[test]
    fn the_tap_knows_when_the_recorder_is_gone() {
        let (tap, tape) = tap();
        assert!(tap.is_wanted());
        drop(tape);
        assert!(!tap.is_wanted());
    }

    #[test]
    fn a_gap_at_the_end_is_told() {
        let (mut tap, tape) = tap();
        tap.add(record(BYTES_WAITING_MAX));
        tap.flush(10, 1);
        tap.add(record(1));
        tap.flush(20, 2);
        tap.end();
        assert_eq!(inputs(&tape).len(), 1);
        assert!(matches!(inputs(&tape).as_slice(), [Input::Gap(Gap { inputs: 1, .. })]));
    }
}
