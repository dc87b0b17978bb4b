//! How busy a container is, against its own history.

use super::evidence::Load;
use crate::identity::usage::Usage;

/// Measurements in a row for a load to be sustained.
const SUSTAINED: u32 = 4;
/// Processors from which on a container is busy.
const BUSY: f64 = 0.8;
/// Measurements from which on there is a history.
const HISTORY: u32 = 6;
/// After so long a measurement weighs half in the history.
const HALF_LIFE_S: f64 = 3_600.0;
/// A load that is so many times that of the history is new.
const JUMP: f64 = 4.0;

/// Points of a load that is new, of one without history, and of one that was always there.
const NEW: u32 = 35;
const UNKNOWN: u32 = 30;
const USUAL: u32 = 20;

/// What is remembered of a control group.
#[derive(Clone, Copy, Debug)]
pub(super) struct History {
    last: Usage,
    /// Processors on average, before the load that holds on now.
    average: f64,
    /// Measurements in it.
    measured: u32,
    /// Measurements in a row that were busy.
    streak: u32,
    since_ns: u64,
    /// Processor time at the beginning of these.
    begun_ns: u64,
    /// It was held back by its limit, or waited, in each of them.
    starved: bool,
}

impl History {
    /// Begins.
    pub(super) const fn new(first: Usage) -> Self {
        Self { last: first, average: 0.0, measured: 0, streak: 0, since_ns: 0, begun_ns: 0, starved: false }
    }

    /// Takes the next measurement in. True if a load is sustained now.
    pub(super) fn take(&mut self, usage: &Usage) -> bool {
        let last = std::mem::replace(&mut self.last, *usage);
        let time = usage.time_ns.saturating_sub(last.time_ns);
        if time == 0 || usage.cpu_ns < last.cpu_ns {
            return self.is_sustained();
        }
        let used = ratio(usage.cpu_ns - last.cpu_ns, time);
        let waited = ratio(usage.waited_ns.saturating_sub(last.waited_ns), time).min(1.0);
        let throttled = usage.throttled > last.throttled;
        // Who waits for a processor would use it: a busy node hides no load.
        let busy = used + waited >= BUSY || throttled && used > 0.0;
        if busy {
            if self.streak == 0 {
                (self.since_ns, self.begun_ns, self.starved) = (last.time_ns, last.cpu_ns, true);
            }
            self.streak += 1;
            self.starved &= used < BUSY;
        } else {
            self.streak = 0;
            self.learn(used, time);
        }
        if self.streak > SUSTAINED {
            self.learn(used, time);
        }
        self.is_sustained()
    }

    fn learn(&mut self, used: f64, time: u64) {
        self.measured = self.measured.saturating_add(1);
        #[expect(clippy::cast_precision_loss, reason = "seconds to minutes")]
        let fade = 1.0 - (-(time as f64 / 1e9) / HALF_LIFE_S).exp2();
        // The first measurements count alike.
        let share = fade.max(1.0 / f64::from(self.measured));
        self.average += (used - self.average) * share;
    }

    const fn is_sustained(&self) -> bool {
        self.streak >= SUSTAINED
    }

    /// What the load says, while it is sustained.
    pub(super) fn load(&self) -> Option<Load> {
        if !self.is_sustained() {
            return None;
        }
        let time = self.last.time_ns.saturating_sub(self.since_ns).max(1);
        let used = ratio(self.last.cpu_ns.saturating_sub(self.begun_ns), time);
        let known = self.measured >= HISTORY;
        let points = match known {
            true if used >= JUMP * self.average => NEW,
            true if used < 1.5 * self.average => USUAL,
            _ => UNKNOWN,
        };
        let before = if known { format!("; before: {:.2} on average", self.average) } else { String::new() };
        let starved = if self.starved { ", and would use more if it got it" } else { "" };
        let seconds = time / 1_000_000_000;
        let text = format!(
            "the container uses {used:.1} processors without a pause for {seconds} s{starved}{before}"
        );
        Some(Load { points, text })
    }
}

#[expect(clippy::cast_precision_loss, reason = "differences of nanoseconds")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = 10_000_000_000;

    /// Measurements every ten seconds, each with hundredths of a processor.
    fn run(history: &mut History, hundredths: &[u64]) -> bool {
        let mut sustained = false;
        for share in hundredths {
            let last = history.last;
            let usage =
                Usage { time_ns: last.time_ns + STEP, cpu_ns: last.cpu_ns + STEP / 100 * share, ..last };
            sustained = history.take(&usage);
        }
        sustained
    }

    #[test]
    fn a_load_counts_when_it_holds_on() {
        let mut history = History::new(Usage::default());
        assert!(!run(&mut history, &[200; 3]) && history.load().is_none());
        assert!(run(&mut history, &[200]));
        let load = history.load().unwrap();
        assert_eq!(load.points, UNKNOWN);
        assert_eq!(load.text, "the container uses 2.0 processors without a pause for 40 s");
        assert!(!run(&mut history, &[10]), "a pause ends it");
    }

    #[test]
    fn a_load_that_is_new_says_more_and_one_that_was_always_there_less() {
        let mut history = History::new(Usage::default());
        run(&mut history, &[5; 20]);
        run(&mut history, &[190; 4]);
        let load = history.load().unwrap();
        assert_eq!(load.points, NEW);
        assert!(load.text.ends_with("before: 0.05 on average"), "{}", load.text);
        run(&mut history, &[190; 2_000]);
        assert_eq!(history.load().unwrap().points, USUAL, "in the end it is the history");
    }

    #[test]
    fn who_waits_or_is_held_back_is_busy_too() {
        let mut history = History::new(Usage::default());
        for step in 1..=6 {
            let time_ns = step * STEP;
            history.take(&Usage { time_ns, cpu_ns: time_ns / 20, throttled: step, ..Usage::default() });
        }
        assert!(history.load().unwrap().text.contains("would use more"));
        let mut history = History::new(Usage::default());
        for step in 1..=6 {
            let time_ns = step * STEP;
            history.take(&Usage { time_ns, cpu_ns: time_ns / 20, waited_ns: time_ns, ..Usage::default() });
        }
        assert!(history.load().is_some());
    }

    #[test]
    fn counters_that_go_back_say_nothing() {
        let mut history = History::new(Usage { time_ns: 5, cpu_ns: 500, ..Usage::default() });
        assert!(!history.take(&Usage { time_ns: 10, cpu_ns: 0, ..Usage::default() }));
        assert!(!history.take(&Usage { time_ns: 10, cpu_ns: 0, ..Usage::default() }));
    }
}
