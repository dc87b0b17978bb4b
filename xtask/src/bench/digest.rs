//! From the rounds of a benchmark to figures: medians, spread, and how they stand to the goals.

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Median and quartiles over the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What issue and design set as the most that an operation may cost more, with the default settings on
/// the tracepoint back end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    Nanoseconds(f64),
    Percent(f64),
}

/// How the figure stands to its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Met,
    NotMet,
    /// The goal lies between the quartiles.
    Unsure,
    /// The row is about events that are emitted, and most operations gave none: not attached, filtered,
    /// aggregated or rate limited.
    NoEvent,
}

impl Verdict {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "NOT met",
            Self::Unsure => "unsure",
            Self::NoEvent => "no event",
        }
    }
}

/// A row of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) name: String,
    /// Nanoseconds per operation without the agent.
    pub(super) off: Spread,
    /// Nanoseconds between two segments without the agent: how exact the rest can be.
    pub(super) noise: Spread,
    /// Nanoseconds that the agent adds.
    pub(super) agent: Spread,
    /// The same in percent.
    pub(super) percent: Spread,
    /// Nanoseconds that the agent with a subscriber adds.
    pub(super) subscriber: Spread,
    pub(super) goal: Goal,
    pub(super) verdict: Verdict,
    /// As measured: rounds, counts, programs.
    pub(super) raw: Value,
}

/// Everything that is shown.
#[derive(Clone, Debug)]
pub(super) struct Digest {
    pub(super) machine: Value,
    pub(super) agent: Value,
    pub(super) settings: Value,
    pub(super) rows: Vec<Row>,
}

/// Computes it from what `picket-bench` wrote.
pub(super) fn digest(found: &Value) -> Result<Digest> {
    let rows = found["rows"].as_array().context("picket-bench found no rows")?;
    Ok(Digest {
        machine: found["machine"].clone(),
        agent: found["agent"].clone(),
        settings: found["settings"].clone(),
        rows: rows.iter().map(row).collect::<Result<_>>()?,
    })
}

/// Differences are taken inside each round, against the mean of what was there before and after.
fn row(raw: &Value) -> Result<Row> {
    let name = raw["name"].as_str().context("a row without a name")?;
    let rounds = raw["rounds"].as_array().with_context(|| format!("no rounds of {name}"))?;
    let spread = |figure: &dyn Fn(&Value) -> Option<f64>| {
        let figures = rounds.iter().map(figure).collect::<Option<Vec<_>>>();
        figures
            .and_then(|figures| Spread::of(&figures))
            .with_context(|| format!("a gap in the rounds of {name}"))
    };
    let off = |round: &Value| Some(round["before"].as_f64()?.midpoint(round["after"].as_f64()?));
    let added = |round: &Value, variant: &str| Some(round[variant].as_f64()? - off(round)?);
    let agent = spread(&|round| added(round, "default"))?;
    let percent = spread(&|round| Some(100.0 * added(round, "default")? / off(round)?))?;
    let kind = raw["kind"].as_str().unwrap_or_default();
    let goal = goal(kind).with_context(|| format!("{name} is of no known kind"))?;
    let silent = matches!(kind, "emitted" | "exec") && received(raw) < 0.5;
    Ok(Row {
        name: name.to_owned(),
        off: spread(&off)?,
        noise: spread(&|round| Some(round["after"].as_f64()? - round["before"].as_f64()?))?,
        agent,
        percent,
        subscriber: spread(&|round| added(round, "subscriber"))?,
        goal,
        verdict: if silent { Verdict::NoEvent } else { verdict(goal, agent, percent) },
        raw: raw.clone(),
    })
}

/// Events of all classes that reached the agent, per operation, with the default settings.
fn received(raw: &Value) -> f64 {
    let classes = raw["countsPerOperation"]["default"].as_object().into_iter().flatten();
    classes.filter_map(|(_, counters)| counters["received"].as_f64()).sum()
}

fn goal(kind: &str) -> Option<Goal> {
    match kind {
        "unasked" => Some(Goal::Nanoseconds(40.0)),
        "filtered" => Some(Goal::Nanoseconds(300.0)),
        "emitted" => Some(Goal::Nanoseconds(1000.0)),
        "exec" => Some(Goal::Percent(3.0)),
        _ => None,
    }
}

fn verdict(goal: Goal, nanoseconds: Spread, percent: Spread) -> Verdict {
    let (most, measured) = match goal {
        Goal::Nanoseconds(most) => (most, nanoseconds),
        Goal::Percent(most) => (most, percent),
    };
    if measured.high <= most {
        Verdict::Met
    } else if measured.low > most {
        Verdict::NotMet
    } else {
        Verdict::Unsure
    }
}

impl Spread {
    /// Nothing for no figures.
    fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self { median: quantile(&sorted, 2)?, low: quantile(&sorted, 1)?, high: quantile(&sorted, 3)? })
    }

    fn json(self) -> Value {
        json!({ "median": self.median, "lowerQuartile": self.low, "upperQuartile": self.high })
    }
}

/// The figure at so many quarters of a sorted list, between two neighbours if it falls there.
fn quantile(sorted: &[f64], quarters: usize) -> Option<f64> {
    let position = sorted.len().checked_sub(1)? * quarters;
    let (index, rest) = (position / 4, position % 4);
    let low = *sorted.get(index)?;
    let high = sorted.get(index + 1).copied().unwrap_or(low);
    // `rest` is 0 to 3.
    let share = [0.0, 0.25, 0.5, 0.75].get(rest)?;
    Some(low + (high - low) * share)
}

impl Digest {
    /// For `--json`: the figures and what they were made from.
    pub(super) fn json(&self) -> Value {
        json!({
            "machine": self.machine,
            "agent": self.agent,
            "settings": self.settings,
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn json(&self) -> Value {
        let mut value = self.raw.clone();
        value["offNanoseconds"] = self.off.json();
        value["noiseNanoseconds"] = self.noise.json();
        value["agentNanoseconds"] = self.agent.json();
        value["agentPercent"] = self.percent.json();
        value["subscriberNanoseconds"] = self.subscriber.json();
        value["goal"] = match self.goal {
            Goal::Nanoseconds(most) => json!({ "nanoseconds": most }),
            Goal::Percent(most) => json!({ "percent": most }),
        };
        value["verdict"] = json!(self.verdict.text());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_neighbours() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[7.0]), Some(Spread { median: 7.0, low: 7.0, high: 7.0 }));
        let four = Spread::of(&[4.0, 1.0, 3.0, 2.0]);
        assert_eq!(four, Some(Spread { median: 2.5, low: 1.75, high: 3.25 }));
    }

    #[test]
    fn differences_are_taken_inside_a_round() {
        // The machine gets slower and slower; the agent costs 10 all the time.
        let rounds = json!([
            { "before": 100.0, "default": 160.0, "subscriber": 170.0, "after": 200.0 },
            { "before": 200.0, "default": 260.0, "subscriber": 270.0, "after": 300.0 },
        ]);
        let row = row(&json!({ "name": "x", "kind": "unasked", "rounds": rounds })).unwrap();
        assert_eq!(row.agent, Spread { median: 10.0, low: 10.0, high: 10.0 });
        assert_eq!((row.subscriber.median, row.noise.median), (20.0, 100.0));
        assert_eq!(row.verdict, Verdict::Met);
    }

    #[test]
    fn a_goal_inside_the_spread_is_not_decided() {
        let spread = |low, high| Spread { median: 0.0, low, high };
        let (any, goal) = (spread(0.0, 0.0), Goal::Percent(3.0));
        assert_eq!(verdict(goal, any, spread(1.0, 3.0)), Verdict::Met);
        assert_eq!(verdict(goal, any, spread(1.0, 4.0)), Verdict::Unsure);
        assert_eq!(verdict(goal, any, spread(3.5, 4.0)), Verdict::NotMet);
    }

    #[test]
    fn a_goal_is_not_met_by_events_that_were_not_emitted() {
        let rounds = json!([{ "before": 1.0, "default": 1.0, "subscriber": 1.0, "after": 1.0 }]);
        let of = |counts: Value| {
            let counts = json!({ "default": { "X": counts } });
            let raw =
                json!({ "name": "x", "kind": "emitted", "rounds": rounds, "countsPerOperation": counts });
            row(&raw).unwrap().verdict
        };
        assert_eq!(of(json!({ "received": 1.0 })), Verdict::Met);
        assert_eq!(of(json!({ "seen": 1.0, "received": 0.01 })), Verdict::NoEvent);
    }

    #[test]
    fn a_gap_in_the_rounds_is_an_error() {
        let rounds = json!([{ "before": 100.0, "default": 110.0 }]);
        assert!(row(&json!({ "name": "x", "kind": "unasked", "rounds": rounds })).is_err());
        assert!(row(&json!({ "name": "x", "kind": "?", "rounds": [] })).is_err());
    }
}
