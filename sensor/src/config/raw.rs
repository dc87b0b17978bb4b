//! Settings as they were written, each with the place that it comes from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::setting::{self, ALL, Setting, VARIABLE_PREFIX};
use super::value::Value;
use super::{ConfigError, Flag, Origin};

/// Variables with the prefix that are no settings: log filter, file name, and those of the tests.
const OTHER_VARIABLES: [&str; 10] = [
    "PICKET_LOG",
    "PICKET_CONFIG",
    "PICKET_BIN",
    "PICKET_VM",
    "PICKET_BLESS",
    "PICKET_WORKLOAD",
    "PICKET_RECORD",
    "PICKET_EXAMPLE",
    "PICKET_PYTHON",
    "PICKET_FALCO_RULES",
];

/// What was given, by key; what is added later goes before what was added earlier.
#[derive(Debug, Default)]
pub struct Values(BTreeMap<&'static str, (Value, Origin)>);

impl Values {
    /// Adds the settings of a file.
    ///
    /// # Errors
    /// Names line and column of what is not understood.
    pub fn add_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let file = File { path, text };
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            origin: file.origin(error.span().unwrap_or_default()),
            message: error.message().to_owned(),
        })?;
        for (section, content) in table.get_ref() {
            let origin = file.origin(section.span());
            if !ALL.iter().any(|setting| setting.section() == section.get_ref()) {
                let sections = ALL.iter().map(|setting| setting.section());
                return Err(unknown(origin, "section", section.get_ref(), sections));
            }
            let DeValue::Table(keys) = content.get_ref() else {
                return Err(unknown(
                    origin,
                    "setting outside of a section",
                    section.get_ref(),
                    [].into_iter(),
                ));
            };
            for (key, value) in keys {
                self.add_file_value(&file, section.get_ref(), key, value)?;
            }
        }
        Ok(())
    }

    fn add_file_value(
        &mut self,
        file: &File<'_>,
        section: &str,
        key: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ConfigError> {
        let name = format!("{section}.{}", key.get_ref().as_ref());
        let Some(setting) = setting::find(&name) else {
            let keys = ALL.iter().map(|setting| setting.key);
            return Err(unknown(file.origin(key.span()), "setting", &name, keys));
        };
        let origin = file.origin(value.span());
        let written = file.text.get(value.span()).unwrap_or_default();
        self.add(setting, setting.kind.parse_toml(value.get_ref()), origin, written)
    }

    /// Adds the settings of the environment.
    ///
    /// # Errors
    /// Names the variable that is unknown or does not fit.
    pub fn add_environment(&mut self, variables: &[(OsString, OsString)]) -> Result<(), ConfigError> {
        for (name, value) in variables {
            let name = name.to_string_lossy();
            if !name.starts_with(VARIABLE_PREFIX)
                || OTHER_VARIABLES.contains(&name.as_ref())
                || is_service_link(&name)
            {
                continue;
            }
            let origin = Origin::Environment(name.to_string());
            let Some(setting) = ALL.iter().find(|setting| setting.variable() == name) else {
                let names: Vec<_> = ALL.iter().map(|setting| setting.variable()).collect();
                return Err(unknown(origin, "environment variable", &name, names.iter().map(String::as_str)));
            };
            let parsed = value.to_str().and_then(|value| setting.kind.parse_text(value));
            self.add(setting, parsed, origin, &value.to_string_lossy())?;
        }
        Ok(())
    }

    /// Adds the settings of the command line.
    ///
    /// # Errors
    /// Names the flag whose value does not fit.
    pub fn add_flags(&mut self, flags: &[Flag]) -> Result<(), ConfigError> {
        for Flag { flag, setting, values } in flags {
            let parsed = setting.kind.parse_texts(values);
            self.add(setting, parsed, Origin::Flag(flag), &values.join(","))?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        setting: &'static Setting,
        parsed: Option<Value>,
        origin: Origin,
        written: &str,
    ) -> Result<(), ConfigError> {
        let Some(value) = parsed else {
            let value = written.escape_debug().to_string();
            return Err(ConfigError::Invalid {
                origin,
                key: setting.key,
                value,
                expected: setting.kind.expected(),
            });
        };
        self.0.insert(setting.key, (value, origin));
        Ok(())
    }

    /// The value of a setting, or its default; `None` if it has neither.
    pub(super) fn get(&self, setting: &Setting) -> Option<Value> {
        match self.0.get(setting.key) {
            Some((value, _)) => Some(value.clone()),
            None => setting.kind.parse_toml(DeValue::parse(setting.default).ok()?.get_ref()),
        }
    }

    /// Where a setting comes from.
    #[must_use]
    pub fn origin(&self, setting: &Setting) -> Origin {
        self.0.get(setting.key).map_or(Origin::Default, |(_, origin)| origin.clone())
    }
}

/// Kubernetes puts variables for every service into the pods of its namespace. A service called
/// `picket` or `picket-something` must not keep the agent from starting.
fn is_service_link(name: &str) -> bool {
    ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"].iter().any(|part| name.contains(part))
        || name.ends_with("_PORT")
}

fn unknown<'a>(
    origin: Origin,
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> ConfigError {
    ConfigError::Unknown { origin, what, name: name.to_owned(), nearest: setting::nearest(name, known) }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Origin::File { path: self.path.to_owned(), line, column }
    }
}
