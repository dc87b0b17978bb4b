//! JSON from outside, read whole: bounded in size, and with errors that say where.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};

/// Largest file that is parsed, in bytes; real ones have some 10 KiB, podman's lists some 100.
pub const LARGEST: usize = 8 << 20;

/// Why a file tells nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Larger than any real one.
    #[error("it has {bytes} bytes, more than the {LARGEST} that are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No JSON, or not of the form that its kind of file has.
    #[error("line {line}, column {column}: {reason}")]
    Malformed {
        /// From 1.
        line: usize,
        /// In bytes from 1; 0 where the line is empty.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
}

/// Reads a file.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    if bytes.len() > LARGEST {
        return Err(JsonError::TooLarge { bytes: bytes.len() });
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let place = format!(" at line {line} column {column}");
        let reason = text.strip_suffix(place.as_str()).unwrap_or(&text).to_owned();
        JsonError::Malformed { line, column, reason }
    })
}

/// Reads a file that holds one object. serde's derived structs alone would take an array as well.
pub(super) fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    parse(bytes).map(|Object(found)| found)
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}
