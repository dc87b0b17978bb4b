//! `picket rules`: rule files, looked at without an agent and without root.

mod expected;
mod test;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use super::{OutputFormat, RulesArgs, RulesCommand};
use crate::agent;
use crate::detect::field::KINDS;
use crate::detect::rules::{Loaded, Matching, Options, Problem, Rule, Ruleset, Source};

/// Runs the command.
pub fn run(args: &RulesArgs) -> ExitCode {
    let (name, paths) = match &args.command {
        RulesCommand::Check(args) => ("check", &args.paths),
        RulesCommand::List(args) => ("list", &args.paths),
        RulesCommand::Test(args) => return test::run(args),
    };
    let sources = match sources(paths) {
        Ok(sources) => sources,
        Err(error) => {
            eprintln!("picket rules {name}: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let options = Options { matching: Matching::All, ..Options::default() };
    let loaded = Ruleset::load(&sources, &options);
    let text = match (&loaded, &args.command) {
        (Err(problems), _) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
        (Ok(loaded), RulesCommand::Check(_)) => summary(loaded),
        (Ok(loaded), RulesCommand::List(args)) => {
            loaded.ruleset.rules().iter().map(|rule| line(rule, args.output)).collect()
        }
        (Ok(_), RulesCommand::Test(_)) => String::new(),
    };
    // The exit code answers even if nobody reads the text.
    let mut out = io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    if loaded.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Files and folders in the order given; of a folder what the agent would read.
fn sources(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        if !path.is_dir() {
            sources.push(source(path)?);
            continue;
        }
        let files = agent::rule_folder(path)?;
        if files.is_empty() {
            bail!("no file in {} ends in .yaml or .yml", path.display());
        }
        for file in &files {
            sources.push(source(file)?);
        }
    }
    Ok(sources)
}

/// A file, up to one byte more than is loaded: that one is refused with its place.
fn source(path: &Path) -> Result<Source> {
    let failed = || format!("cannot read {}", path.display());
    let most = u64::try_from(Options::default().file_bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::new();
    fs::File::open(path).with_context(failed)?.take(most).read_to_end(&mut text).with_context(failed)?;
    Ok(Source { name: path.to_string_lossy().into_owned(), text })
}

fn summary(loaded: &Loaded) -> String {
    let mut text = String::new();
    for Problem { file, line, column, reason } in &loaded.warnings {
        text.push_str(&format!("{file}:{line}:{column}: warning: {reason}\n"));
    }
    text + &format!("{} rules, {} macros and {} lists loaded\n", loaded.rules, loaded.macros, loaded.lists)
}

fn line(rule: &Rule, form: OutputFormat) -> String {
    let kinds = rule.kinds.iter().filter_map(|kind| KINDS.get(usize::from(kind.0)));
    let kinds: Vec<_> = kinds.map(|kind| kind.name).collect();
    match form {
        OutputFormat::Json => {
            let object = serde_json::json!({
                "id": &*rule.id, "name": &*rule.name, "priority": rule.priority.name(), "tags": rule.tags,
                "events": kinds, "enabled": rule.enabled,
            });
            format!("{object}\n")
        }
        OutputFormat::Pretty => {
            let mark = if rule.enabled { "on " } else { "off" };
            let events = match kinds.as_slice() {
                [] => "no event".to_owned(),
                [first, second, third, .., _] => format!("{first}, {second}, {third}, …"),
                few => few.join(", "),
            };
            format!(
                "{mark}  {:<13} {}\n     {events}; {}\n",
                rule.priority.name(),
                rule.name,
                rule.tags.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "- list: l\n  items: [a]\n- macro: m\n  condition: evt.type=execve\n\
        - rule: R one\n  condition: m and proc.name in (l)\n  desc: d\n  output: o\n  priority: INFO\n  tags: [T1059]\n";

    #[test]
    fn folders_are_read_by_name_and_problems_name_their_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("b.yml"),
            "- macro: m\n  condition: evt.type=open\n  override: {condition: replace}\n",
        )
        .unwrap();
        fs::write(folder.path().join("a.yaml"), GOOD).unwrap();
        fs::write(folder.path().join("c.txt"), "no").unwrap();
        fs::write(folder.path().join(".d.yaml"), "no").unwrap();
        let sources = sources(&[folder.path().to_owned()]).unwrap();
        let loaded = Ruleset::load(&sources, &Options::default()).unwrap();
        assert!(summary(&loaded).ends_with("1 rules, 1 macros and 1 lists loaded\n"));
        let rule = &loaded.ruleset.rules()[0];
        assert_eq!(
            line(rule, OutputFormat::Json),
            "{\"enabled\":true,\"events\":[\"open\"],\"id\":\"r-one\",\"name\":\"R one\",\"priority\":\"Informational\",\"tags\":[\"T1059\"]}\n"
        );
        assert!(line(rule, OutputFormat::Pretty).starts_with("on   Informational R one\n"));
        assert!(super::sources(&[folder.path().join("none")]).is_err());
    }
}
