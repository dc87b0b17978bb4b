//! One value: how it is written in each place, and what is allowed.

use std::net::{IpAddr, SocketAddr};

use toml::de::DeValue;

use sensor_common::{
    class::{Class, Family},
    limits::{NETWORKS_MAX, PORTS_MAX},
};

use super::setting::Kind;
use crate::identity::selection::{self, PATTERNS_MAX};
use crate::stream::{address::Address, tls::name::Name};
use crate::{policy, proto};

/// Longest text, in characters (the limit of a DNS name, which node names are).
const TEXT_MAX: usize = 253;

/// Longest name of a rule, in characters.
const RULE_NAME_MAX: usize = 1024;

/// Most names of clients, of rules, and of addresses.
const NAMES_MAX: usize = 1024;

/// A value that fits its setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    Switch(bool),
    List(Vec<String>),
}

impl Kind {
    /// What is allowed, as the end of the sentence "must be ...".
    pub(super) fn expected(self) -> String {
        match self {
            Self::Text => format!("a text of 1 to {TEXT_MAX} printable characters"),
            Self::Address => "an address such as unix:///run/picket/picket.sock".to_owned(),
            Self::Path => "an absolute path".to_owned(),
            Self::Paths => "a list of absolute paths".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Number(min, max, unit) => format!("a whole number of {unit} from {min} to {max}"),
            Self::PowerOfTwo(min, max, unit) => format!("a power of two, in {unit}, from {min} to {max}"),
            Self::Choice(choices) => format!("one of {}", choices.join(", ")),
            Self::VariableNames => "a list of names of environment variables (without `=`)".to_owned(),
            Self::Classes => "a list of classes or families of events (process, container, file, network, \
                 privilege)"
                .to_owned(),
            Self::Patterns => "a list of patterns of absolute paths".to_owned(),
            Self::Keys => {
                format!("a list of at most {PATTERNS_MAX} patterns of keys such as app.kubernetes.io/*")
            }
            Self::Ports => format!("a list of at most {PORTS_MAX} ports from 1 to 65535, as texts"),
            Self::Networks => format!("a list of at most {NETWORKS_MAX} networks such as 10.0.0.0/8"),
            Self::Listen => {
                "an IP address and a port, such as 0.0.0.0:7443 or [::]:7443, or empty for none".to_owned()
            }
            Self::CertificateNames => format!(
                "a list of at most {NAMES_MAX} DNS names such as reader.picket.svc, or URIs such as spiffe://cluster.local/reader"
            ),
            Self::Rules => {
                format!("a list of at most {NAMES_MAX} names of rules, or tags such as tag:network")
            }
            Self::Addresses => {
                format!(
                    "a list of at most {NAMES_MAX} pairs such as kubernetes.default.svc.cluster.local=10.96.0.1"
                )
            }
        }
    }

    /// From an environment variable or a flag. Items of a list are separated by commas.
    pub(super) fn parse_text(self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Switch => Value::Switch(text.parse().ok()?),
            Self::Number(..) | Self::PowerOfTwo(..) => Value::Number(text.parse().ok()?),
            Self::Paths
            | Self::VariableNames
            | Self::Classes
            | Self::Patterns
            | Self::Keys
            | Self::Ports
            | Self::Networks
            | Self::CertificateNames
            | Self::Rules
            | Self::Addresses => {
                Value::List(text.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect())
            }
            Self::Text | Self::Address | Self::Path | Self::Choice(_) | Self::Listen => {
                Value::Text(text.to_owned())
            }
        };
        self.permits(&value).then_some(value)
    }

    /// From several flags.
    pub(super) fn parse_texts(self, texts: &[String]) -> Option<Value> {
        match (self, texts) {
            (
                Self::Paths
                | Self::VariableNames
                | Self::Classes
                | Self::Patterns
                | Self::Keys
                | Self::Ports
                | Self::Networks
                | Self::CertificateNames
                | Self::Rules
                | Self::Addresses,
                items,
            ) => {
                let value = Value::List(items.to_vec());
                self.permits(&value).then_some(value)
            }
            (_, [text]) => self.parse_text(text),
            _ => None,
        }
    }

    /// From the file.
    pub(super) fn parse_toml(self, value: &DeValue<'_>) -> Option<Value> {
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => {
                Value::Number(u64::from_str_radix(number.as_str(), number.radix()).ok()?)
            }
            DeValue::Boolean(switch) => Value::Switch(*switch),
            DeValue::Array(items) => Value::List(
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect::<Option<_>>()?,
            ),
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => return None,
        };
        self.permits(&value).then_some(value)
    }

    fn permits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text, Value::Text(text)) => {
                (1..=TEXT_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control)
            }
            (Self::Address, Value::Text(text)) => text.parse::<Address>().is_ok(),
            (Self::Path, Value::Text(path)) => is_path(path),
            (Self::Paths, Value::List(paths)) => paths.iter().all(|path| is_path(path)),
            (Self::Switch, Value::Switch(_)) => true,
            (Self::Number(min, max, _), Value::Number(number)) => (min..=max).contains(number),
            (Self::PowerOfTwo(min, max, _), Value::Number(number)) => {
                (min..=max).contains(number) && number.is_power_of_two()
            }
            (Self::Choice(choices), Value::Text(text)) => choices.contains(&text.as_str()),
            (Self::VariableNames, Value::List(names)) => {
                names.iter().all(|name| !name.is_empty() && !name.contains(['=', '\0']))
            }
            (Self::Classes, Value::List(names)) => classes(names).is_some(),
            (Self::Patterns, Value::List(patterns)) => {
                patterns.iter().all(|pattern| policy::file::check(pattern).is_ok())
            }
            (Self::Keys, Value::List(patterns)) => {
                patterns.len() <= PATTERNS_MAX
                    && patterns.iter().all(|pattern| selection::check(pattern).is_ok())
            }
            (Self::Ports, Value::List(ports)) => {
                ports.len() <= PORTS_MAX as usize
                    && ports.iter().all(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
            }
            (Self::Networks, Value::List(networks)) => {
                networks.len() <= NETWORKS_MAX as usize
                    && networks.iter().all(|network| network.parse::<ipnet::IpNet>().is_ok())
            }
            (Self::Listen, Value::Text(text)) => text.is_empty() || text.parse::<SocketAddr>().is_ok(),
            (Self::Rules, Value::List(names)) => {
                let is_name = |name: &String| {
                    (1..=RULE_NAME_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control)
                };
                names.len() <= NAMES_MAX && names.iter().all(is_name)
            }
            (Self::Addresses, Value::List(pairs)) => {
                pairs.len() <= NAMES_MAX && pairs.iter().all(|pair| address(pair).is_some())
            }
            (Self::CertificateNames, Value::List(names)) => {
                names.len() <= NAMES_MAX && names.iter().all(|name| name.parse::<Name>().is_ok())
            }
            _ => false,
        }
    }
}

/// The set of the classes that families and names stand for.
pub(super) fn classes(names: &[String]) -> Option<u64> {
    names.iter().try_fold(0, |bits, name| {
        let more = match name.as_str() {
            "process" => Class::bits_of(Family::Process),
            "container" => Class::bits_of(Family::Container),
            "file" => Class::bits_of(Family::File),
            "network" => Class::bits_of(Family::Network),
            "privilege" => Class::bits_of(Family::Privilege),
            name => {
                let number = proto::Class::from_str_name(name)? as u16;
                Class::try_from(number).ok()?.bit()
            }
        };
        Some(bits | more)
    })
}

/// A domain name and an address.
pub(super) fn address(pair: &str) -> Option<(String, IpAddr)> {
    let (name, address) = pair.split_once('=')?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let named = (1..=TEXT_MAX).contains(&name.len()) && name.bytes().all(known);
    named.then_some(())?;
    Some((name.to_owned(), address.parse().ok()?))
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && !path.contains('\0')
}
