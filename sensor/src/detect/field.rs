//! The fields that rules name, and the kinds of events.

/// A field of a rule, with its argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Which one: index into [`DEFINITIONS`].
    pub id: u16,
    /// What stands in its brackets.
    pub argument: Argument,
}

/// What stands in the brackets of a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Argument {
    /// There are none.
    None,
    /// A number, as in `proc.aname[2]`.
    Index(u32),
    /// A text, as in `container.mount.dest[/proc*]`.
    Key(Box<str>),
}

/// What a field takes in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// A number, if anything.
    OptionalIndex,
    /// A number.
    Index,
    /// A text, if anything.
    OptionalKey,
    /// A text.
    Key,
}

/// What kind of value a field has; it decides which operators there are and how a value of a rule is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Number,
    /// A port: a number, or the name of a service.
    Port,
    /// Nanoseconds.
    Duration,
    /// Nanoseconds of the wall clock.
    Time,
    /// Text.
    Text,
    /// A path.
    Path,
    /// Bytes.
    Bytes,
    /// An address.
    Address,
    /// An address that is compared with networks.
    Network,
}

/// A field that there is.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Name, such as `proc.name`.
    pub name: &'static str,
    /// Kind of its value.
    pub kind: Type,
    /// What it takes in brackets.
    pub takes: Takes,
    /// It has several values without an argument ([`super::value::Facts::any`]).
    pub many: bool,
    /// Where the value comes from, for the documentation.
    pub from: &'static str,
    /// How it differs from Falco's; empty where it does not.
    pub differs: &'static str,
}

/// Every field, in the order of their names.
pub const DEFINITIONS: &[Definition] = &[];

impl Field {
    /// Its definition.
    #[must_use]
    pub fn definition(&self) -> &'static Definition {
        // Made only with an id of the table.
        &DEFINITIONS[usize::from(self.id)]
    }
}

/// Kind of an event, as `evt.type` names it: an index into [`KINDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u16);

/// A kind of event that rules can name.
#[derive(Clone, Copy, Debug)]
pub struct KindDefinition {
    /// Name, such as `openat`.
    pub name: &'static str,
    /// Classes of records of which some are of this kind; empty where none ever is.
    pub classes: &'static [sensor_common::class::Class],
}

/// Every kind.
pub const KINDS: &[KindDefinition] = &[];
