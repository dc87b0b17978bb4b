//! Files → a judge.

use super::{RulesError, files::RuleFile};
use crate::config::resolved::Rules as Settings;
use crate::detect::judge::Judge;
use crate::proto;

/// What files became.
pub(super) struct Compiled {
    /// `None` where there are no rules.
    pub(super) judge: Option<Box<dyn Judge>>,
    /// How many of what; the rest of the message is for others to fill.
    pub(super) about: proto::Rules,
    /// Domain names that rules in force compare.
    pub(super) domains: Vec<String>,
}

pub(super) fn compile(files: &[RuleFile], _settings: &Settings) -> Result<Compiled, RulesError> {
    for file in files {
        if std::str::from_utf8(&file.bytes).is_err() {
            return Err(RulesError::Refused(format!("{}: this is not UTF-8", file.path.display())));
        }
    }
    Ok(Compiled { judge: None, about: proto::Rules::default(), domains: Vec::new() })
}
