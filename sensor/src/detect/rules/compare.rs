//! Whether a value fits a comparison.

use std::net::IpAddr;

use memchr::memchr2;

use super::evaluate::Stored;
use super::program::{Comparison, Program, Symbol, Test};
use super::tree::Operator;
use super::{glob, prefix, transform};
use crate::detect::value::Value;

/// A value as text, where a field that is compared as text has a number or a flag.
pub(super) fn plain<'v>(value: Value<'v>, digits: &'v mut [u8; 20]) -> Value<'v> {
    match value {
        Value::Number(number) => Value::Text(decimal(number, digits)),
        Value::Bool(true) => Value::Text(b"true"),
        Value::Bool(false) => Value::Text(b"false"),
        other => other,
    }
}

/// A number in decimal digits.
pub(super) fn decimal(number: i64, digits: &mut [u8; 20]) -> &[u8] {
    let mut rest = number.unsigned_abs();
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    &digits[at..]
}

/// Whether a value fits a comparison, the other side of which may be a list: then with one of its items.
pub(super) fn fits(
    program: &Program,
    comparison: &Comparison,
    value: Value<'_>,
    right: Stored,
    arena: &[u8],
    symbol: Option<Option<Symbol>>,
) -> bool {
    match right {
        Stored::List { start, end } => transform::items(arena.get(start..end).unwrap_or_default())
            .any(|(item, _)| holds(program, comparison, value, Some(Value::Text(item)), None)),
        right => holds(program, comparison, value, right.as_value(arena), symbol),
    }
}

/// Whether a value fits a comparison. `symbol` is the rules' number of a text, if it was looked for already.
fn holds(
    program: &Program,
    comparison: &Comparison,
    value: Value<'_>,
    right: Option<Value<'_>>,
    symbol: Option<Option<Symbol>>,
) -> bool {
    let (operator, all) = (comparison.operator, comparison.all);
    match (&comparison.test, value) {
        (Test::Exists, _) => true,
        (Test::Slot(_), value) => right.is_some_and(|right| against(operator, value, right)),
        (Test::Symbols(symbols), Value::Text(text)) => {
            let symbol = symbol.unwrap_or_else(|| program.symbols.find(text));
            symbols_hold(operator, all, symbols, symbol)
        }
        (Test::Finders(finders), Value::Text(text)) => {
            each(all, finders, |finder| finder.find(text).is_some())
        }
        (Test::Bytes(values), Value::Text(text)) => each(all, values, |value| match operator {
            Operator::StartsWithBytes => text.starts_with(value),
            _ => memchr::memmem::find(text, value).is_some(),
        }),
        (Test::Regexes(regexes), Value::Text(text)) => each(all, regexes, |regex| regex.is_match(text)),
        (Test::Prefixes(prefixes), Value::Text(text)) => prefixes.holds(text),
        (Test::Texts, Value::Text(text)) => {
            each(all, &comparison.values, |value| texts(operator, text, program.symbols.text(*value)))
        }
        (Test::Flags(flags), Value::Bool(value)) => each(all, flags, |flag| match operator {
            Operator::Unequal => *flag != value,
            _ => *flag == value,
        }),
        (Test::Numbers(numbers), value) => numbers_hold(operator, all, numbers, value),
        (Test::Addresses(addresses), value) => {
            ends(operator, value, |address| addresses.binary_search(&address).is_ok())
        }
        (Test::Networks(networks), value) => {
            ends(operator, value, |address| networks.iter().any(|network| network.contains(&address)))
        }
        _ => false,
    }
}

/// Whether a text, which has this number among the rules' texts if it is one, is one of these.
pub(super) fn symbols_hold(
    operator: Operator,
    all: bool,
    symbols: &[Symbol],
    symbol: Option<Symbol>,
) -> bool {
    let found = symbol.is_some_and(|symbol| symbols.binary_search(&symbol).is_ok());
    match (operator, all) {
        (Operator::Unequal, false) => !found || symbols.len() > 1,
        (Operator::Unequal, true) => !found,
        (_, true) => found && symbols.len() == 1,
        (_, false) => found,
    }
}

fn each<T>(all: bool, values: &[T], mut holds: impl FnMut(&T) -> bool) -> bool {
    if all { values.iter().all(&mut holds) } else { values.iter().any(&mut holds) }
}

/// Comparisons of two texts.
pub(super) fn texts(operator: Operator, text: &[u8], value: &[u8]) -> bool {
    match operator {
        Operator::Exists => true,
        Operator::Equal | Operator::In | Operator::Intersects => text == value,
        Operator::Unequal => text != value,
        Operator::Less => text < value,
        Operator::LessOrEqual => text <= value,
        Operator::Greater => text > value,
        Operator::GreaterOrEqual => text >= value,
        Operator::Contains | Operator::ContainsBytes => memchr::memmem::find(text, value).is_some(),
        Operator::ContainsFolded => contains_folded(text, value),
        Operator::StartsWith | Operator::StartsWithBytes => text.starts_with(value),
        Operator::EndsWith => text.ends_with(value),
        Operator::Glob => glob::matches(value, text, false),
        Operator::GlobFolded => glob::matches(value, text, true),
        Operator::Within => prefix::holds(value, text),
        Operator::Regex => false,
    }
}

fn contains_folded(text: &[u8], value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    let (low, high) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let mut from = 0;
    while let Some(rest) = text.get(from..) {
        let Some(at) = memchr2(low, high, rest) else { return false };
        let found = rest.get(at..at + value.len());
        match found {
            Some(found) if found.eq_ignore_ascii_case(value) => return true,
            Some(_) => from += at + 1,
            None => return false,
        }
    }
    false
}

fn numbers_hold(operator: Operator, all: bool, numbers: &[i64], value: Value<'_>) -> bool {
    let ports;
    let (value, several) = match value {
        Value::Number(number) => ([Some(number), None], false),
        Value::Ports(both) => {
            ports = both.map(|port| port.map(i64::from));
            (ports, true)
        }
        _ => return false,
    };
    let mut ends = value.into_iter().flatten();
    let fits = |end: i64| match operator {
        Operator::In | Operator::Intersects => numbers.binary_search(&end).is_ok(),
        operator => each(all, numbers, |number| ordered(operator, end.cmp(number))),
    };
    if several && operator == Operator::Unequal {
        // Both ends must differ; without any end there is nothing to compare.
        value.iter().any(Option::is_some) && ends.all(fits)
    } else {
        ends.any(fits)
    }
}

fn ordered(operator: Operator, ordering: std::cmp::Ordering) -> bool {
    match operator {
        Operator::Equal | Operator::In | Operator::Intersects => ordering.is_eq(),
        Operator::Unequal => ordering.is_ne(),
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
        _ => false,
    }
}

/// One end must be in it; for `!=` neither may be.
fn ends(operator: Operator, value: Value<'_>, within: impl Fn(IpAddr) -> bool) -> bool {
    let ends = match value {
        Value::Address(address) => [Some(address), None],
        Value::Addresses(ends) => ends,
        _ => return false,
    };
    let mut ends = ends.into_iter().flatten().map(|address| address.to_canonical()).peekable();
    match operator {
        Operator::Unequal => ends.peek().is_some() && !ends.any(within),
        _ => ends.any(within),
    }
}

/// Comparisons of two values of an event.
fn against(operator: Operator, left: Value<'_>, right: Value<'_>) -> bool {
    let (mut one, mut other) = ([0; 20], [0; 20]);
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => ordered(operator, left.cmp(&right)),
        (Value::Bool(left), Value::Bool(right)) => ordered(operator, left.cmp(&right)),
        (left @ Value::Ports(_), Value::Number(right)) => numbers_hold(operator, false, &[right], left),
        (left, Value::Ports(right)) => {
            right.into_iter().flatten().any(|port| numbers_hold(operator, false, &[i64::from(port)], left))
        }
        (left @ (Value::Address(_) | Value::Addresses(_)), Value::Address(right)) => {
            ends(operator, left, |address| address == right.to_canonical())
        }
        (left @ (Value::Address(_) | Value::Addresses(_)), Value::Addresses(right)) => {
            ends(operator, left, |address| {
                right.into_iter().flatten().any(|end| end.to_canonical() == address)
            })
        }
        (left, right) => match (plain(left, &mut one), plain(right, &mut other)) {
            (Value::Text(left), Value::Text(right)) => texts(operator, left, right),
            _ => false,
        },
    }
}
