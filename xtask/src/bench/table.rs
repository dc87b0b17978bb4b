//! The figures of a benchmark, for a person.

use std::collections::BTreeSet;

use serde_json::Value;

use super::digest::{Digest, Goal, Row, Spread};

/// The whole text.
pub(super) fn render(digest: &Digest) -> String {
    let (figures, details) = (figures(&digest.rows), details(&digest.rows));
    format!("{}\n{figures}\n{details}", head(digest))
}

fn head(digest: &Digest) -> String {
    let (machine, agent) = (&digest.machine, &digest.agent);
    format!(
        "kernel {} {}, {}, {} CPUs, load {}, {} BPF programs of others\n\
         picket {} {}, {} rounds, everything attached in {}\n{}",
        plain(&machine["kernel"]),
        plain(&machine["architecture"]),
        plain(&machine["cpu"]),
        plain(&machine["cpus"]),
        plain(&machine["loadAverage"]),
        plain(&machine["otherBpfPrograms"]),
        plain(&agent["version"]),
        plain(&digest.settings["arguments"]),
        plain(&digest.settings["rounds"]),
        plain(&agent["attachTime"]),
        back_ends(agent),
    )
}

/// By class, if the agent tells it; else by program.
fn back_ends(agent: &Value) -> String {
    if let Some(coverage) = agent["coverage"].as_array() {
        return coverage.iter().map(|entry| format!("  {}\n", fields(entry))).collect();
    }
    let hooks = agent["hooks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let attached = hooks.iter().filter(|hook| hook["attached"] == true);
    let pairs = attached.map(|hook| format!("{} {}", plain(&hook["target"]), plain(&hook["backEnd"])));
    let pairs: BTreeSet<_> = pairs.collect();
    format!("  {}\n", pairs.into_iter().collect::<Vec<_>>().join(", "))
}

fn fields(entry: &Value) -> String {
    let fields = entry.as_object().into_iter().flatten();
    fields.map(|(name, value)| format!("{name} {}", plain(value))).collect::<Vec<_>>().join(", ")
}

fn figures(rows: &[Row]) -> String {
    let line = |words: [&str; 7]| {
        let [name, off, noise, agent, goal, verdict, subscriber] = words;
        format!("{name:<37} {off:>8}  {noise:<17}  {agent:<25} {goal:<6} {verdict:<8} {subscriber}\n")
    };
    let head = ["", "off", "off again", "the agent adds", "goal", "", "and with a subscriber"];
    let mut text = "ns per operation: median [quartiles] over the rounds\n".to_owned() + &line(head);
    for row in rows {
        let (goal, agent) = match row.goal {
            Goal::Nanoseconds(most) => (format!("+{most:.0}"), spread(row.agent, "")),
            Goal::Percent(most) => (format!("+{most:.0} %"), spread(row.percent, " %")),
        };
        let (off, noise) = (format!("{:.0}", row.off.median), quartiles(row.noise, 0));
        let subscriber = spread(row.subscriber, "");
        text += &line([&row.name, &off, &noise, &agent, &goal, row.verdict.text(), &subscriber]);
    }
    text
}

fn spread(spread: Spread, unit: &str) -> String {
    let digits = if unit.is_empty() { 0 } else { 1 };
    format!("{:+.digits$}{unit} {}", spread.median, quartiles(spread, digits))
}

fn quartiles(spread: Spread, digits: usize) -> String {
    format!("[{:+.digits$} {:+.digits$}]", spread.low, spread.high)
}

/// What shows that a row measured what its name says: the account, and the programs that ran.
fn details(rows: &[Row]) -> String {
    let mut text =
        "per operation: what the agent counted, and which programs ran (time with bpf_stats on)\n".to_owned();
    for row in rows {
        let mut lines = vec![row.name.clone()];
        for variant in ["default", "subscriber"] {
            let classes = row.raw["countsPerOperation"][variant].as_object().into_iter().flatten();
            let counts: Vec<_> = classes.filter_map(|(class, counters)| counted(class, counters)).collect();
            if !counts.is_empty() {
                lines.push(format!("  {variant}: {}", counts.join("; ")));
            }
        }
        let programs = row.raw["programs"].as_array().into_iter().flatten();
        lines.extend(programs.map(|program| {
            let (runs, time) = (&program["runsPerOperation"], &program["nanosecondsPerRun"]);
            format!("  {}: {:.1} × {:.0} ns", plain(&program["name"]), number(runs), number(time))
        }));
        if lines.len() > 1 {
            text.push_str(&(lines.join("\n") + "\n"));
        }
    }
    text
}

/// Nothing for what others of the machine did meanwhile.
fn counted(class: &str, counters: &Value) -> Option<String> {
    let counters = counters.as_object()?.iter();
    let shown = counters.filter(|(_, value)| number(value) >= 0.05);
    let shown: Vec<_> = shown.map(|(name, value)| format!("{name} {:.1}", number(value))).collect();
    (!shown.is_empty()).then(|| format!("{class} {}", shown.join(", ")))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

/// A text without quotes, a list as words.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::digest::digest;
    use super::*;

    #[test]
    fn every_row_shows_figures_goal_and_account() {
        let found = json!({
            "machine": { "kernel": "6.18", "cpus": 2 },
            "agent": { "hooks": [{ "target": "a_tracepoint", "backEnd": "btf_tracepoint", "attached": true }] },
            "settings": { "rounds": 1, "arguments": [] },
            "rows": [{
                "name": "fork", "kind": "exec",
                "rounds": [{ "before": 900.0, "default": 1050.0, "subscriber": 1100.0, "after": 1100.0 }],
                "countsPerOperation": { "default": { "PROCESS_FORK": { "received": 1.0, "lost": 0.001 } } },
                "programs": [{ "name": "process_fork", "runsPerOperation": 1.0, "nanosecondsPerRun": 700.4 }],
            }],
        });
        let text = render(&digest(&found).unwrap());
        for part in [
            "kernel 6.18",
            "a_tracepoint btf_tracepoint",
            "+5.0 % [+5.0 +5.0]",
            "+3 %",
            "NOT met",
            "+100 [+100 +100]",
            "default: PROCESS_FORK received 1.0\n",
            "process_fork: 1.0 × 700 ns",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn coverage_is_shown_as_the_agent_tells_it() {
        let agent = json!({ "coverage": [{ "class": "FILE_OPEN", "backEnd": "tracepoint" }] });
        assert_eq!(back_ends(&agent), "  backEnd tracepoint, class FILE_OPEN\n");
    }
}
