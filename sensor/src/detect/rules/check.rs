//! Fields by their names, types and the operators they have, values of the right type.

use regex::bytes::RegexBuilder;

use super::definition::shown;
use super::parse::Wrong;
use super::program::{Node, Shape};
use super::tree::{Literal, Operator, Transformer};
use super::{compare, glob, number};
use crate::detect::field::{self, Field, Takes, Type};

/// Why a condition cannot be compiled, and where.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) wrong: Wrong,
    /// Only a field, or a kind of event, is not known.
    pub(super) unknown: bool,
}

/// What compiling gives.
pub(super) type Made<T> = Result<T, Fault>;

pub(super) fn fault<T>(at: usize, reason: impl Into<String>) -> Made<T> {
    Err(Fault { wrong: Wrong { at, reason: reason.into() }, unknown: false })
}

pub(super) fn unknown<T>(at: usize, reason: impl Into<String>) -> Made<T> {
    Err(Fault { wrong: Wrong { at, reason: reason.into() }, unknown: true })
}

/// A field by its name and what stands in its brackets.
pub(super) fn lookup(name: &str, argument: Option<&str>, at: usize) -> Made<(Field, Shape)> {
    let Some(id) = field::find(name) else {
        return unknown(at, format!("unknown field `{}`", shown(name)));
    };
    let mut field = Field { id, argument: field::Argument::None };
    let definition = field.definition();
    let index = |text: &str| text.parse().ok().map(field::Argument::Index);
    let key = |text: &str| Some(field::Argument::Key(text.into()));
    field.argument = match (definition.takes, argument) {
        (Takes::Nothing | Takes::OptionalIndex | Takes::OptionalKey, None) => field::Argument::None,
        (Takes::Nothing, Some(_)) => return fault(at, format!("`{name}` takes nothing in [ ]")),
        (Takes::Index | Takes::OptionalIndex, Some(text)) => match index(text) {
            Some(index) => index,
            None => return fault(at, format!("`{name}` takes a number in [ ], found `{}`", shown(text))),
        },
        (Takes::Key | Takes::OptionalKey, Some(text)) => key(text).unwrap_or(field::Argument::None),
        (Takes::Index, None) => return fault(at, format!("`{name}` needs a number in [ ]")),
        (Takes::Key, None) => return fault(at, format!("`{name}` needs an argument in [ ]")),
    };
    let list = name == "fd.types" && field.argument == field::Argument::None;
    Ok((field, Shape { kind: definition.kind, list }))
}

/// Which operators a type has.
pub(super) fn allowed(operator: Operator, shape: Shape, at: usize) -> Made<()> {
    use Operator as O;
    let common = matches!(operator, O::Exists | O::Equal | O::Unequal | O::In);
    let order = matches!(operator, O::Less | O::LessOrEqual | O::Greater | O::GreaterOrEqual);
    let bytes = matches!(operator, O::ContainsBytes | O::StartsWithBytes);
    let (fits, what) = match shape.kind {
        Type::Bool => (common, "a field that is true or false"),
        Type::Number | Type::Port | Type::Duration | Type::Time => {
            (common || order || operator == O::Intersects, "a number")
        }
        Type::Address | Type::Network => (common || operator == O::Intersects, "an address"),
        Type::Text | Type::Path => (!bytes, "a text"),
        Type::Bytes => {
            (!order && !matches!(operator, O::Within | O::Glob | O::GlobFolded | O::Regex), "bytes")
        }
    };
    if fits { Ok(()) } else { fault(at, format!("`{}` does not go with {what}", operator.name())) }
}

/// Whether two slots can be compared.
pub(super) fn comparable(operator: Operator, left: Shape, right: Shape, at: usize) -> Made<()> {
    let class = |kind| match kind {
        Type::Bool => 0,
        Type::Number | Type::Port | Type::Duration | Type::Time => 1,
        Type::Address | Type::Network => 2,
        Type::Text | Type::Path | Type::Bytes => 3,
    };
    if operator == Operator::Regex {
        return fault(at, "a regular expression must be written out");
    }
    if matches!(operator, Operator::ContainsBytes | Operator::StartsWithBytes) {
        return fault(at, "bytes in hexadecimal must be written out");
    }
    if class(left.kind) == class(right.kind) {
        Ok(())
    } else {
        fault(at, "the two sides are of different types")
    }
}

/// What a transformer makes of arguments.
pub(super) fn result(transformer: Transformer, shapes: &[Shape]) -> Result<Shape, &'static str> {
    let is_text = |shape: &Shape| matches!(shape.kind, Type::Text | Type::Path | Type::Bytes);
    let text = |list| Ok(Shape { kind: Type::Text, list });
    match (transformer, shapes) {
        (Transformer::Lower | Transformer::Upper | Transformer::Base64 | Transformer::Basename, [one]) => {
            if is_text(one) {
                text(one.list)
            } else {
                Err("this transformer takes a text")
            }
        }
        (Transformer::Length, [one]) if is_text(one) || one.list => {
            Ok(Shape { kind: Type::Number, list: false })
        }
        (Transformer::Length, [_]) => Err("`len` takes a text or a list"),
        (Transformer::Join, [separator, list]) if !separator.list && is_text(separator) && list.list => {
            text(false)
        }
        (Transformer::Join, _) => Err("`join` takes a separator and a list"),
        (Transformer::Concat, [_, _, ..]) if shapes.iter().all(|shape| is_text(shape) && !shape.list) => {
            text(false)
        }
        (Transformer::Concat, _) => Err("`concat` takes two or more texts"),
        (Transformer::Options, [list, options]) if list.list && !options.list && is_text(options) => {
            text(true)
        }
        (Transformer::Options, _) => Err("`getopt` takes a list and a text of options"),
        _ => Err("this transformer takes one argument"),
    }
}

pub(super) fn read<T>(literals: &[Literal], parse: fn(&[u8]) -> Option<T>, expected: &str) -> Made<Box<[T]>> {
    literals
        .iter()
        .map(|literal| match parse(&literal.bytes) {
            Some(value) => Ok(value),
            None => {
                let found = shown(&String::from_utf8_lossy(&literal.bytes));
                fault(literal.at, format!("expected {expected}, found `{found}`"))
            }
        })
        .collect()
}

pub(super) fn sorted<T: Ord>(mut values: Box<[T]>) -> Box<[T]> {
    values.sort_unstable();
    values
}

/// A comparison of a text that is known.
pub(super) fn literal_holds(operator: Operator, literals: &[Literal], all: bool, text: &[u8]) -> bool {
    if operator == Operator::Unequal {
        return literals.iter().all(|literal| literal.bytes != text);
    }
    let holds = |literal: &Literal| match operator {
        Operator::Regex => std::str::from_utf8(&literal.bytes).is_ok_and(|pattern| {
            RegexBuilder::new(&format!("\\A(?:{pattern})\\z"))
                .size_limit(1 << 18)
                .build()
                .is_ok_and(|regex| regex.is_match(text))
        }),
        Operator::Glob => glob::matches(&literal.bytes, text, false),
        Operator::GlobFolded => glob::matches(&literal.bytes, text, true),
        operator => compare::texts(operator, text, &literal.bytes),
    };
    if all { literals.iter().all(holds) } else { literals.iter().any(holds) }
}

/// `evt.num` is 1 or more: what follows from that alone.
pub(super) fn number_of_event(operator: Operator, literals: &[Literal]) -> Option<Node> {
    let [literal] = literals else { return None };
    let value = number::number(&literal.bytes)?;
    let always = match operator {
        Operator::Equal | Operator::In if value < 1 => false,
        Operator::Unequal if value < 1 => true,
        Operator::Greater if value < 1 => true,
        Operator::GreaterOrEqual if value <= 1 => true,
        Operator::Less if value <= 1 => false,
        Operator::LessOrEqual if value < 1 => false,
        _ => return None,
    };
    Some(if always { Node::Always } else { Node::Never })
}
