//! `picket rules test`: whether rules find in a recording what is expected.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use prost::Message as _;
use sensor_common::class::Class;

use super::expected::{self, Alert};
use crate::agent::{self, Judging};
use crate::cli::{MatchingChoice, RulesTestArgs, falco};
use crate::detect::told::Bounds;
use crate::identity::{container::Container, store::Question};
use crate::pipeline::{Output, Pipeline};
use crate::policy::Change;
use crate::proto::{self, Event, event};
use crate::record::read::Reader;
use crate::stream::hub::Published;

/// Each alert counts: an agent's bounds are for those who read along.
const TOLD: Bounds = Bounds { window_ns: 0, burst: 0 };
/// Bytes of a file of expectations.
const EXPECTED_BYTES_MAX: u64 = 64 << 20;

/// Runs the command.
pub(super) fn run(args: &RulesTestArgs) -> ExitCode {
    let (text, code) = match test(args) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("picket rules test: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    // The exit code answers even if nobody reads the text.
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    code
}

/// What is said, and how it ends.
fn test(args: &RulesTestArgs) -> Result<(String, ExitCode)> {
    let path = args.recording.display();
    let file = File::open(&args.recording).with_context(|| format!("cannot open {path}"))?;
    let alerts = judge(args, BufReader::new(file)).with_context(|| format!("recording {path}"))?;
    let file = args.expect.display();
    if args.write {
        fs::write(&args.expect, expected::write(&alerts)?).with_context(|| format!("cannot write {file}"))?;
        return Ok((format!("{} alerts written to {file}: review them\n", alerts.len()), ExitCode::SUCCESS));
    }
    let mut text = String::new();
    let opened = File::open(&args.expect).with_context(|| format!("cannot open {file}"))?;
    let read = opened.take(EXPECTED_BYTES_MAX + 1).read_to_string(&mut text);
    let read = read.with_context(|| format!("cannot read {file}"))?;
    ensure!(read as u64 <= EXPECTED_BYTES_MAX, "{file} has more than {EXPECTED_BYTES_MAX} bytes");
    let expected = expected::read(&text).with_context(|| file.to_string())?;
    let difference = expected::difference(&expected, &alerts);
    let ends = match difference.is_empty() {
        true => (format!("{} alerts, as expected\n", alerts.len()), ExitCode::SUCCESS),
        false => {
            let ending =
                format!("{} alerts, not as expected: - is missing, + was not expected\n", alerts.len());
            (difference + &ending, ExitCode::FAILURE)
        }
    };
    Ok(ends)
}

/// Every alert of these rules in a recording.
fn judge(args: &RulesTestArgs, recording: impl Read) -> Result<Vec<Alert>> {
    let how = Judging { all: args.matching == MatchingChoice::All, ..Judging::default() };
    let judge = agent::judge(&args.paths, how).map_err(|error| anyhow::anyhow!("{error}"))?;
    let Some(judge) = judge else { bail!("none of these rules is enabled") };
    let (mut reader, state) = Reader::open(recording)?;
    let mut pipeline = Pipeline::restore(reader.header().context(), state);
    pipeline.set_judge(Some(judge), TOLD);
    let mut alerts = Alerts::default();
    while let Some(input) = reader.next_input()? {
        input.apply(&mut pipeline, &mut alerts);
    }
    // What still waits has nothing left to wait for.
    pipeline.release(u64::MAX, &mut alerts);
    let refused = pipeline.rejected();
    ensure!(refused == 0, "{refused} records of the kernel could not be decoded: it is of another version");
    Ok(alerts.0)
}

/// Keeps the alerts.
#[derive(Default)]
struct Alerts(Vec<Alert>);

impl Output for Alerts {
    fn wants(&self, class: proto::Class, _container: Option<&Container>) -> bool {
        class == proto::Class::Finding
    }

    fn ancestors_wanted(&self) -> usize {
        0
    }

    fn publish(&mut self, published: &Published<'_>) {
        // The pipeline has just encoded it.
        let Ok(event) = Event::decode(published.event) else { return };
        let Some(event::Facts::Finding(found)) = &event.facts else { return };
        let shown = serde_json::to_value(falco::Alert::of(&event, found)).unwrap_or_default();
        let fields = shown.get("output_fields").and_then(|fields| fields.as_object());
        let (rule, output) = match &found.alert {
            Some(alert) => (&alert.rule, &alert.output),
            None => (&found.name, &found.summary),
        };
        self.0.push(Alert {
            rule: rule.clone(),
            output: output.clone(),
            fields: fields.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect(),
        });
    }

    fn canary(&mut self, _class: Class, _event: &[u8]) {}
    /// The answers are in the recording.
    fn ask(&mut self, _question: Question) {}
    fn change(&mut self, _change: Change) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;

    const RULES: &str = "\
- rule: Payroll ran
  desc: d
  condition: evt.type in (execve, execveat) and proc.name = payroll
  output: ran %proc.exepath as %proc.pid
  priority: NOTICE
- rule: Nothing
  desc: d
  condition: evt.type in (execve, execveat) and proc.name = other
  output: o
  priority: NOTICE
";

    fn args(folder: &std::path::Path) -> RulesTestArgs {
        let [rules, recording, expect] =
            ["rules.yaml", "a.recording", "expected"].map(|name| folder.join(name));
        RulesTestArgs { paths: vec![rules], recording, expect, matching: MatchingChoice::First, write: false }
    }

    #[test]
    fn what_was_found_once_is_expected_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let args = args(folder.path());
        fs::write(&args.paths[0], RULES).unwrap();
        fs::write(&args.recording, sample()).unwrap();
        let written = RulesTestArgs { write: true, ..self::args(folder.path()) };
        assert!(test(&written).unwrap().0.starts_with("3 alerts written to "));
        let text = fs::read_to_string(&args.expect).unwrap();
        assert!(text.contains(r#""rule":"Payroll ran","count":2,"#), "{text}");
        assert!(text.contains(r#""proc.exepath":"/opt/secret-project/payroll""#), "{text}");
        assert_eq!(test(&args).unwrap(), ("3 alerts, as expected\n".to_owned(), ExitCode::SUCCESS));

        fs::write(&args.expect, "{\"rule\":\"Payroll ran\",\"count\":2}\n{\"rule\":\"Nothing\"}\n").unwrap();
        let (text, code) = test(&args).unwrap();
        assert_eq!(code, ExitCode::FAILURE);
        assert!(
            text.contains("- Nothing: 1 expected, 0 found\n")
                && text.contains("+ Payroll ran: 1 not expected: ran /opt/secret-project/payroll as 10 "),
            "{text}"
        );
    }

    #[test]
    fn matching_is_as_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut args = args(folder.path());
        let second = RULES.replacen("Payroll ran", "Payroll ran, too", 1);
        let second = second.split("- rule: Nothing").next().unwrap();
        fs::write(&args.paths[0], format!("{RULES}{second}")).unwrap();
        fs::write(&args.recording, sample()).unwrap();
        args.write = true;
        assert!(test(&args).unwrap().0.starts_with("3 alerts"));
        args.matching = MatchingChoice::All;
        assert!(test(&args).unwrap().0.starts_with("6 alerts"));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let args = args(folder.path());
        let told = || format!("{:#}", test(&args).unwrap_err());
        assert!(told().contains("a.recording"), "{}", told());
        fs::write(&args.recording, &sample()[..200]).unwrap();
        assert!(told().contains("rules.yaml"), "{}", told());
        fs::write(&args.paths[0], RULES).unwrap();
        assert!(told().contains("cut"), "{}", told());
        fs::write(&args.recording, sample()).unwrap();
        assert!(told().contains("expected"), "{}", told());
        fs::write(&args.expect, "nonsense").unwrap();
        assert!(told().contains("line 1"), "{}", told());
        fs::write(&args.paths[0], "- rule: x\n").unwrap();
        assert!(told().contains("rules.yaml:1:"), "{}", told());
    }
}
