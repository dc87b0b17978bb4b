//! The agent's settings: from flags, the environment, a TOML file and defaults, in this order.

pub mod raw;
pub mod reference;
pub mod resolved;
pub mod setting;
mod value;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use self::resolved::Config;
use self::setting::Setting;

/// The file that is read when none is named; it need not exist.
pub const DEFAULT_FILE: &str = "/etc/picket/picket.toml";

/// Variable that names the file.
const FILE_VARIABLE: &str = "PICKET_CONFIG";

/// What the settings are made from.
#[derive(Debug, Default)]
pub struct Input {
    /// File named on the command line.
    pub file: Option<PathBuf>,
    /// Settings given on the command line.
    pub flags: Vec<Flag>,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Name of the host: the node's name if nothing else tells it.
    pub host_name: String,
}

/// A setting given on the command line.
#[derive(Debug)]
pub struct Flag {
    /// As it is written, for messages.
    pub flag: &'static str,
    /// What it sets.
    pub setting: &'static Setting,
    /// Its values; more than one only for lists.
    pub values: Vec<String>,
}

/// What is wrong with the settings.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {source}", path = path.display())]
    Read {
        /// File.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{origin}: this is not TOML: {message}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What the parser says.
        message: String,
    },
    /// A section, key or variable that nobody reads.
    #[error("{origin}: there is no {what} `{name}`{hint}; docs/configuration.md lists all settings", hint = did_you_mean(nearest))]
    Unknown {
        /// Where.
        origin: Origin,
        /// Section, setting or environment variable.
        what: &'static str,
        /// As it was written.
        name: String,
        /// What was perhaps meant.
        nearest: Option<String>,
    },
    /// A value that does not fit.
    #[error("{origin}: {key} = {value}: must be {expected}", value = shown(value))]
    Invalid {
        /// Where.
        origin: Origin,
        /// Setting.
        key: &'static str,
        /// As it was written.
        value: String,
        /// What is allowed.
        expected: String,
    },
    /// A setting that another one needs.
    #[error(
        "{origin}: {key} needs {needed}, which is not set: TCP is served only with TLS, and only to clients with a certificate; docs/operations.md tells how"
    )]
    Needed {
        /// Where.
        origin: Origin,
        /// Setting that is there.
        key: &'static str,
        /// Setting that is not.
        needed: &'static str,
    },
}

/// Where a setting comes from.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Origin {
    /// A position in the file, counted from 1.
    #[error("{path}:{line}:{column}", path = path.display())]
    File {
        /// File.
        path: PathBuf,
        /// Line.
        line: usize,
        /// Column, in characters.
        column: usize,
    },
    /// A variable of the environment.
    #[error("environment variable {0}")]
    Environment(String),
    /// A flag.
    #[error("flag {0}")]
    Flag(&'static str),
    /// Nobody gave it.
    #[error("default")]
    Default,
}

/// A value as errors show it: the beginning of one that would fill the screen.
fn shown(value: &str) -> String {
    const CHARACTERS_MAX: usize = 120;
    match value.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

/// Reads and checks all settings.
///
/// # Errors
/// Says where, which setting, what was written and what is allowed.
pub fn load(input: &Input) -> Result<Config, ConfigError> {
    let named = input.file.clone().or_else(|| variable(input, FILE_VARIABLE).map(PathBuf::from));
    let mut values = raw::Values::default();
    match read(named.as_deref())? {
        Some((path, text)) => values.add_file(&path, &text)?,
        None => tracing::debug!("no configuration file at {DEFAULT_FILE}: using defaults"),
    }
    values.add_environment(&input.environment)?;
    values.add_flags(&input.flags)?;
    let node = variable(input, "NODE_NAME").and_then(|name| name.to_str()).filter(|name| !name.is_empty());
    Config::resolve(&values, node.unwrap_or(&input.host_name))
}

fn variable<'a>(input: &'a Input, name: &str) -> Option<&'a OsString> {
    input.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// The file's text; `None` if nobody named a file and there is none at the default place.
fn read(named: Option<&Path>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests;
