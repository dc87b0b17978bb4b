//! Facts by hand, and rules from a condition.

use std::net::IpAddr;

use crate::detect::field::{Argument, Field, Kind};
use crate::detect::rules::{Loaded, Options, Problem, Ruleset, Source};
use crate::detect::value::{Facts, Value};

/// A value by hand.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    Bool(bool),
    Number(i64),
    Text(Vec<u8>),
    Address(IpAddr),
    Addresses([Option<IpAddr>; 2]),
    Ports([Option<u16>; 2]),
    /// Of a field with several values.
    Many(Vec<&'static str>),
}

/// An event by hand.
#[derive(Clone, Debug)]
pub(super) struct Mock {
    pub(super) kind: Kind,
    pub(super) facts: Vec<(String, Fact)>,
}

impl Mock {
    pub(super) fn new(kind: &str) -> Self {
        Self { kind: Kind::named(kind).unwrap(), facts: Vec::new() }
    }

    pub(super) fn with(mut self, field: &str, fact: Fact) -> Self {
        self.facts.push((field.to_owned(), fact));
        self
    }

    pub(super) fn text(self, field: &str, text: &str) -> Self {
        self.with(field, Fact::Text(text.as_bytes().to_vec()))
    }

    pub(super) fn number(self, field: &str, number: i64) -> Self {
        self.with(field, Fact::Number(number))
    }

    fn find(&self, field: &Field) -> Option<&Fact> {
        let base = field.definition().name;
        let is = |name: &str| {
            let argument = name.strip_prefix(base).and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'));
            match &field.argument {
                Argument::None => name == base,
                Argument::Index(index) => argument.and_then(|text| text.parse().ok()) == Some(*index),
                Argument::Key(key) => argument == Some(&**key),
            }
        };
        // Without allocating, for the test that counts.
        self.facts.iter().find(|(name, _)| is(name)).map(|(_, fact)| fact)
    }
}

impl Facts for Mock {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn value<'a>(&'a self, field: &Field, buffer: &'a mut Vec<u8>) -> Option<Value<'a>> {
        Some(match self.find(field)? {
            Fact::Bool(flag) => Value::Bool(*flag),
            Fact::Number(number) => Value::Number(*number),
            Fact::Text(text) => {
                buffer.clear();
                buffer.extend_from_slice(text);
                Value::Text(buffer)
            }
            Fact::Address(address) => Value::Address(*address),
            Fact::Addresses(ends) => Value::Addresses(*ends),
            Fact::Ports(ends) => Value::Ports(*ends),
            Fact::Many(_) => return None,
        })
    }

    fn any(&self, field: &Field, buffer: &mut Vec<u8>, see: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        match self.find(field) {
            Some(Fact::Many(values)) => values.iter().any(|value| see(Value::Text(value.as_bytes()))),
            _ => self.value(field, buffer).is_some_and(see),
        }
    }
}

/// A file of one text.
pub(super) fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), text: text.as_bytes().to_vec() }
}

/// Loads one file.
pub(super) fn load(text: &str) -> Result<Loaded, Vec<Problem>> {
    Ruleset::load(&[source("a.yaml", text)], &Options::default())
}

/// Names of the rules that fire.
pub(super) fn hits(ruleset: &Ruleset, facts: &Mock) -> Vec<String> {
    let mut names = Vec::new();
    ruleset.evaluate(&mut ruleset.state(), facts, &mut |rule| names.push(rule.name.to_string()));
    names
}

/// A rule file with this condition, which must go onto one line, in single quotes.
pub(super) fn rule(name: &str, condition: &str) -> String {
    let condition = condition.replace('\'', "''");
    format!("- rule: {name}\n  condition: '{condition}'\n  desc: d\n  output: o\n  priority: WARNING\n")
}
