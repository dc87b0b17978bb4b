//! `picket check`: what this kernel allows, before anything is attached.

use std::io::Write as _;
use std::process::ExitCode;

use super::{CheckArgs, OutputFormat};
use crate::kernel::probe::{self, Finding, Outcome};

/// Runs the command.
pub fn run(args: &CheckArgs) -> ExitCode {
    let findings = probe::all(&args.btf);
    let text = match args.output {
        OutputFormat::Pretty => page(&findings),
        OutputFormat::Json => lines(&findings),
    };
    // The exit code answers even if nobody reads the text.
    drop(std::io::stdout().lock().write_all(text.as_bytes()));
    if findings.iter().any(|finding| finding.outcome == Outcome::Fails) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn page(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.outcome {
            Outcome::Works => "ok  ",
            Outcome::Limited => "note",
            Outcome::Fails => "FAIL",
        };
        text.push_str(&format!("{mark}  {:<22} {}\n", finding.subject, finding.text));
    }
    let fails = findings.iter().filter(|finding| finding.outcome == Outcome::Fails).count();
    text.push_str(&match fails {
        0 => "\nPicket can run here.\n".to_owned(),
        1 => "\nPicket cannot run here: see the line marked FAIL.\n".to_owned(),
        _ => format!("\nPicket cannot run here: see the {fails} lines marked FAIL.\n"),
    });
    text
}

/// One JSON object a finding.
fn lines(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let outcome = match finding.outcome {
            Outcome::Works => "WORKS",
            Outcome::Limited => "LIMITED",
            Outcome::Fails => "FAILS",
        };
        let object = serde_json::json!({
            "subject": finding.subject, "outcome": outcome, "text": finding.text,
        });
        format!("{object}\n")
    };
    findings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_whether_it_can_run() {
        let finding = |outcome| Finding { subject: "kernel types", outcome, text: "x".into() };
        assert!(page(&[finding(Outcome::Works), finding(Outcome::Limited)]).contains("can run here"));
        assert!(page(&[finding(Outcome::Fails)]).contains("cannot run here"));
        assert_eq!(
            lines(&[finding(Outcome::Fails)]),
            "{\"outcome\":\"FAILS\",\"subject\":\"kernel types\",\"text\":\"x\"}\n"
        );
    }
}
