//! Files → a judge.

use sensor_common::class::Class;

use super::{RulesError, files::RuleFile};
use crate::config::resolved::Rules as Settings;
use crate::detect::{
    engine::Engine,
    judge::Judge,
    rules::{Matching, Options, Priority, Ruleset, Source, Toggle, Which},
};
use crate::proto;
use crate::stream::encode;

/// What a rule's name is not, but a tag.
const TAG: &str = "tag:";
/// Warnings that the status shows.
const WARNINGS_MAX: usize = 50;

/// What files became.
pub(super) struct Compiled {
    /// `None` where there are no rules.
    pub(super) judge: Option<Box<dyn Judge>>,
    /// How many of what; the rest of the message is for others to fill.
    pub(super) about: proto::Rules,
    /// Domain names that rules in force compare.
    pub(super) domains: Vec<String>,
}

pub(super) fn compile(files: Vec<RuleFile>, settings: &Settings) -> Result<Compiled, RulesError> {
    let source = |file: RuleFile| Source { name: file.path.display().to_string(), text: file.bytes };
    let sources: Vec<_> = files.into_iter().map(source).collect();
    let loaded = Ruleset::load(&sources, &options(settings)).map_err(|problems| {
        RulesError::Refused(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    let enabled = loaded.ruleset.rules().iter().filter(|rule| rule.enabled).count();
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let about = proto::Rules {
        loaded: loaded.rules as u64,
        enabled: enabled as u64,
        macros: loaded.macros as u64,
        lists: loaded.lists as u64,
        warnings: loaded.warnings.iter().take(WARNINGS_MAX).map(ToString::to_string).collect(),
        ..proto::Rules::default()
    };
    let domains = loaded.ruleset.domains();
    let engine = if settings.pushdown { Engine::new } else { Engine::without_pushdown };
    let judge = (enabled > 0).then(|| Box::new(engine(loaded.ruleset)) as Box<dyn Judge>);
    let judged = judge.as_ref().map(|judge| judge.wanted()).unwrap_or_default();
    let about = proto::Rules {
        pushdown: settings.pushdown,
        container_classes: classes(judged.containers),
        host_classes: classes(judged.host),
        ..about
    };
    Ok(Compiled { judge, about, domains })
}

/// A set of classes, for the status.
fn classes(set: u64) -> Vec<i32> {
    let wanted = Class::ALL.iter().filter(|class| set & class.bit() != 0);
    wanted.map(|class| encode::class(*class).into()).collect()
}

fn options(settings: &Settings) -> Options {
    let toggles = |names: &[String], enable| -> Vec<Toggle> {
        let which = |name: &String| match name.strip_prefix(TAG) {
            Some(tag) => Which::Tag(tag.to_owned()),
            None => Which::Name(name.clone()),
        };
        names.iter().map(|name| Toggle { enable, which: which(name) }).collect()
    };
    Options {
        matching: if settings.all { Matching::All } else { Matching::First },
        toggles: [toggles(&settings.disable, false), toggles(&settings.enable, true)].concat(),
        priority_least: Priority::parse(&settings.minimum_priority).unwrap_or_default(),
        file_bytes_max: usize::try_from(settings.bytes_max).unwrap_or(usize::MAX),
        ..Options::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Input};

    const RULES: &str = "\
- rule: one
  desc: d
  condition: evt.type = execve
  output: x
  priority: INFO
  tags: [network]
- rule: two
  desc: d
  condition: evt.type = connect and fd.sip.name = a.example
  output: x
  priority: WARNING
";

    fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
        let input = Input { host_name: "n".into(), ..Input::default() };
        let mut settings = config::load(&input).unwrap().rules;
        change(&mut settings);
        settings
    }

    fn compiled(text: &str, change: impl FnOnce(&mut Settings)) -> Result<Compiled, RulesError> {
        compile(vec![RuleFile { path: "a.yaml".into(), bytes: text.into() }], &settings(change))
    }

    fn enabled(change: impl FnOnce(&mut Settings)) -> u64 {
        compiled(RULES, change).unwrap().about.enabled
    }

    #[test]
    fn settings_choose_rules() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(enabled(|_| ()), 2);
        assert_eq!(enabled(|settings| settings.disable = list(&["t*"])), 1);
        assert_eq!(enabled(|settings| settings.disable = list(&["tag:network"])), 1);
        let all_but = |settings: &mut Settings| {
            settings.disable = list(&["*"]);
            settings.enable = list(&["tag:network"]);
        };
        assert_eq!(enabled(all_but), 1);
        assert_eq!(enabled(|settings| settings.minimum_priority = "warning".into()), 1);
    }

    #[test]
    fn what_they_are_is_told_and_without_any_nothing_is_judged() {
        let two = compiled(RULES, |_| ()).unwrap();
        assert_eq!((two.about.loaded, two.domains), (2, vec!["a.example".to_owned()]));
        assert!(two.judge.is_some());
        let none = compiled(RULES, |settings| settings.disable = vec!["*".into()]).unwrap();
        assert!(none.judge.is_none() && none.about.loaded == 2 && none.domains.is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let broken = format!(
            "{RULES}- rule: three\n  desc: d\n  condition: evt.type = nonsense\n  output: x\n  priority: INFO\n"
        );
        let error = compiled(&broken, |_| ()).err().unwrap().to_string();
        assert!(error.starts_with("a.yaml:14:"), "{error}");
    }
}
