//! Compares fields of an event, by their path, with what is true.

use std::fmt::Debug;

use serde_json::Value;

/// An event whose fields are compared one by one; the first difference ends the test with the path,
/// what was wanted, what was there, and the whole event.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    event: &'a Value,
}

/// Field of an event by its path: names separated by points, and numbers for places in a list.
#[must_use]
pub fn field<'a>(event: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(event, |value, name| match value {
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    })
}

/// A text field, or nothing.
#[must_use]
pub fn text<'a>(event: &'a Value, path: &str) -> &'a str {
    field(event, path).and_then(Value::as_str).unwrap_or_default()
}

/// A number, whether JSON has it as a number or, as protobuf's 64-bit integers, as a string.
#[must_use]
pub fn number(event: &Value, path: &str) -> Option<u64> {
    let value = field(event, path)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

impl<'a> Expect<'a> {
    /// Begins to compare an event.
    #[must_use]
    pub const fn of(event: &'a Value) -> Self {
        Self { event }
    }

    /// The field has this value. Numbers are equal as numbers, in whichever JSON form.
    pub fn is(self, path: &str, wanted: impl Into<Value>) -> Self {
        let wanted = wanted.into();
        let same = match wanted.as_u64() {
            Some(wanted) => number(self.event, path) == Some(wanted),
            None => field(self.event, path) == Some(&wanted),
        };
        self.check(same, path, &wanted)
    }

    /// The field is a list of just these texts.
    pub fn lists(self, path: &str, wanted: &[impl AsRef<str>]) -> Self {
        self.is(path, wanted.iter().map(AsRef::as_ref).collect::<Vec<_>>())
    }

    /// The field is a list that has this text in it.
    pub fn has(self, path: &str, wanted: &str) -> Self {
        let list = field(self.event, path).and_then(Value::as_array);
        let there = list.is_some_and(|list| list.iter().any(|value| value == wanted));
        self.check(there, path, &format!("a list with {wanted:?} in it"))
    }

    /// The field is missing, which in protobuf JSON also says: has its default value.
    pub fn absent(self, path: &str) -> Self {
        let value = field(self.event, path);
        let empty = match value {
            None | Some(Value::Null | Value::Bool(false)) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Array(list)) => list.is_empty(),
            Some(Value::Number(_) | Value::Bool(true) | Value::Object(_)) => false,
        };
        self.check(empty, path, &"no such field")
    }

    /// The field is there, and what `right` says of it is true; `wanted` describes that.
    pub fn such(self, path: &str, wanted: &str, right: impl FnOnce(&Value) -> bool) -> Self {
        let good = field(self.event, path).is_some_and(right);
        self.check(good, path, &wanted)
    }

    fn check(self, good: bool, path: &str, wanted: &dyn Debug) -> Self {
        assert!(
            good,
            "{path}\n  wanted: {wanted:?}\n  got:    {}\n  event:  {:#}",
            field(self.event, path).map_or_else(|| "(absent)".to_owned(), Value::to_string),
            self.event,
        );
        self
    }
}
