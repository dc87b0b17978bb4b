//! What an event says of a field, and how whoever compares gets it.

use std::net::IpAddr;

use super::field::{Field, Kind};

/// Value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A number, a port or a time in nanoseconds.
    Number(i64),
    /// Text, compared byte by byte.
    Text(&'a [u8]),
    /// An address, IPv4 as such.
    Address(IpAddr),
    /// Addresses of both ends: equal if one is, unlike if both are.
    Addresses([Option<IpAddr>; 2]),
    /// Ports of both ends, in the same way.
    Ports([Option<u16>; 2]),
}

/// What is known when an event is judged.
pub trait Facts {
    /// Kind of the event (`evt.type`).
    fn kind(&self) -> Kind;

    /// The value of a field, or `None` where it has none: then every comparison fails. What must be put together
    /// is written into `buffer`, whose content before does not matter.
    fn value<'a>(&'a self, field: &Field, buffer: &'a mut Vec<u8>) -> Option<Value<'a>>;

    /// True if `see` says so of one of the values of a field that has several, such as `proc.aname` without a number.
    /// It is shown each until it says so.
    fn any(&self, field: &Field, buffer: &mut Vec<u8>, see: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        self.value(field, buffer).is_some_and(see)
    }
}
