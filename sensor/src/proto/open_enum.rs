//! JSON of enum values: the name where it is known, the bare number of a newer schema otherwise.

use prost::UnknownEnumValue;
use serde::{Serialize, Serializer};

/// An enum value that may come from a newer version of the schema.
#[derive(Debug)]
pub(super) enum OpenEnum<E> {
    Known(E),
    Number(i32),
}

impl<E: Serialize> Serialize for OpenEnum<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Number(number) => serializer.serialize_i32(*number),
        }
    }
}

/// A value whose name is known; called by the generated code.
pub(super) fn open_known<E, Error>(value: E) -> Result<OpenEnum<E>, Error> {
    Ok(OpenEnum::Known(value))
}

/// A number without a name; called by the generated code.
pub(super) fn open_number<E, S: Serializer>(unknown: UnknownEnumValue) -> Result<OpenEnum<E>, S::Error> {
    Ok(OpenEnum::Number(unknown.0))
}
