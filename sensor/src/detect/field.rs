//! The fields that rules name, and the kinds of events.

pub(crate) mod argument;
pub(crate) mod container;
pub(crate) mod descriptor;
pub(crate) mod event;
pub(crate) mod kind;
pub(crate) mod own;
pub(crate) mod process;
pub mod reference;
pub(crate) mod user;

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

/// What a field is, for those who give it its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// An argument of a call, made readable.
    Argument(argument::Name),
    /// An argument of a call.
    RawArgument(argument::Name),
    /// Of the container.
    Container(container::Name),
    /// Of what it is done to.
    Descriptor(descriptor::Name),
    /// Of the event itself.
    Event(event::Name),
    /// What only Picket has.
    Own(own::Name),
    /// Of the process.
    Process(process::Name),
    /// Of the user.
    User(user::Name),
}

/// Fields of one subject: an enumeration `Name` of them, and their definitions.
macro_rules! fields {
    ($which:ident; $(
        $variant:ident = $name:literal, $kind:ident, $takes:ident, $many:literal; $from:literal, $differs:literal;
    )*) => {
        /// A field.
        #[allow(clippy::enum_variant_names, reason = "each is named for what it is, whatever the others are")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Name { $($variant,)* }

        pub(super) const ENTRIES: &[(Definition, Which)] = &[$((
            Definition {
                name: $name,
                kind: Type::$kind,
                takes: Takes::$takes,
                many: $many,
                from: $from,
                differs: $differs,
            },
            Which::$which(Name::$variant),
        ),)*];
    };
}
use fields;

const GROUPS: [&[(Definition, Which)]; 7] = [
    argument::ENTRIES,
    container::ENTRIES,
    descriptor::ENTRIES,
    event::ENTRIES,
    own::ENTRIES,
    process::ENTRIES,
    user::ENTRIES,
];

const COUNT: usize = {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

/// Every field with what it is, in the order of their names.
static TABLE: [(Definition, Which); COUNT] = {
    let mut table = [GROUPS[0][0]; COUNT];
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut at = 0;
        while at < GROUPS[group].len() {
            let entry = GROUPS[group][at];
            let mut place = count;
            while place > 0 && is_before(entry.0.name, table[place - 1].0.name) {
                table[place] = table[place - 1];
                place -= 1;
            }
            table[place] = entry;
            count += 1;
            at += 1;
        }
        group += 1;
    }
    table
};

const fn is_before(name: &str, other: &str) -> bool {
    let (name, other) = (name.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < name.len() && at < other.len() {
        if name[at] != other[at] {
            return name[at] < other[at];
        }
        at += 1;
    }
    name.len() < other.len()
}

static ALL: [Definition; COUNT] = {
    let mut all = [TABLE[0].0; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = TABLE[at].0;
        at += 1;
    }
    all
};

static WHICH: [Which; COUNT] = {
    let mut all = [TABLE[0].1; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = TABLE[at].1;
        at += 1;
    }
    all
};

/// Every field, in the order of their names.
pub static DEFINITIONS: &[Definition] = &ALL;

/// Number of the field with this name.
#[must_use]
pub fn find(name: &str) -> Option<u16> {
    let place = DEFINITIONS.binary_search_by(|definition| definition.name.cmp(name)).ok()?;
    u16::try_from(place).ok()
}

impl Field {
    /// Its definition.
    #[must_use]
    pub fn definition(&self) -> &'static Definition {
        // Made only with an id of the table.
        &DEFINITIONS[usize::from(self.id)]
    }

    /// What it is.
    #[must_use]
    pub(crate) fn which(&self) -> Option<Which> {
        WHICH.get(usize::from(self.id)).copied()
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
    /// The kind that events of this name have: they cannot be told apart (`accept` and `accept4`).
    pub stands_for: Option<Kind>,
}

/// Every kind.
pub static KINDS: &[KindDefinition] = &kind::ALL;

impl Kind {
    /// The kind that events of this name have.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let place = KINDS.iter().position(|definition| definition.name == name)?;
        let own = Self(u16::try_from(place).ok()?);
        Some(KINDS.get(place)?.stands_for.unwrap_or(own))
    }

    /// Its definition.
    #[must_use]
    pub fn definition(self) -> Option<&'static KindDefinition> {
        KINDS.get(usize::from(self.0))
    }
}

#[cfg(test)]
pub(crate) mod tests;
