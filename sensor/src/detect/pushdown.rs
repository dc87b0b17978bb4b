//! What rules let the kernel hold back: the classes that none looks at, and opens of files that none could match.
//!
//! Both are asked of the rules with a part of the facts ([`super::rules::partial`]): those that all events of a control
//! group have in common, or all opens of one file by one name. Whatever else an event says, none that a rule matches is
//! held back.

use sensor_common::{class::Class, header::Incomplete, record::file::FileRecord};

use super::context::{Context, Given};
use super::field::{Field, KINDS, Kind, Which, container, descriptor, event, own};
use super::rules::{
    Ruleset, State,
    partial::{Known, Question},
};
use super::value::{Facts, Value};
use crate::event::{Facts as EventFacts, operation::FileOperation};
use crate::policy::Judged;

/// What `container.id` is outside of containers.
const HOST: &[u8] = b"host";
/// Stands for the id of any container: no rule's text.
const SOME_CONTAINER: &[u8] = b"\0";
/// `S_IFMT` and `S_IFREG` of `include/uapi/linux/stat.h`.
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// What rules let the kernel hold back.
#[derive(Debug)]
pub(super) struct Pushdown {
    judged: Judged,
    /// Comparisons that come out the same for all opens of a file by one name, by [`How`].
    opens: [Question; How::ALL.len()],
}

/// How a file is opened, as far as verdicts on it tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// A regular file, to be read.
    Read,
    /// Something else, such as a directory, to be read.
    ReadOther,
    /// To be written, cut or made.
    Written,
}

impl How {
    pub(super) const ALL: [Self; 3] = [Self::Read, Self::ReadOther, Self::Written];

    fn of(file: &FileOperation<'_>) -> Self {
        match (file.is_written(), file.record.file.mode & TYPE) {
            (true, _) => Self::Written,
            (false, REGULAR) => Self::Read,
            (false, _) => Self::ReadOther,
        }
    }
}

impl Pushdown {
    pub(super) fn new(rules: &Ruleset, state: &mut State) -> Self {
        let host = rules.comparing(|field| matches!(field.which(), Some(Which::Container(_))));
        let container = rules.comparing_with(HOST, |field| {
            matches!(field.which(), Some(Which::Container(container::Name::Id | container::Name::FullId)))
        });
        let judged = Judged {
            containers: classes(rules, state, &container, SOME_CONTAINER),
            host: classes(rules, state, &host, HOST),
            names: opens().any(|kind| rules.kinds().contains(kind)),
        };
        let known = |how| rules.comparing(|field| is_of_file(field, how));
        Self { judged, opens: How::ALL.map(|how| rules.question(known(how), opens())) }
    }

    /// What the kernel has to send.
    pub(super) const fn judged(&self) -> Judged {
        self.judged
    }

    /// Whether a rule could match another open of the same file by the same name.
    pub(super) fn could_open(
        &self,
        rules: &Ruleset,
        state: &mut State,
        buffer: &mut Vec<u8>,
        given: Given<'_>,
    ) -> bool {
        if !self.judged.names {
            return false;
        }
        let EventFacts::File(file) = &given.event.facts else { return true };
        let cut = given.event.incomplete & (Incomplete::PATH | Incomplete::REQUESTED) != 0;
        let FileRecord { error, .. } = file.record;
        if error != 0 || cut || file.path.is_none() || file.base.is_some() {
            return true;
        }
        let Some(question) = self.opens.get(How::of(file) as usize) else { return true };
        let asked = Context::new(given);
        rules.could(state, &asked, question)
            || asked.resolved(buffer).is_some_and(|other| rules.could(state, &other, question))
    }
}

/// Kinds of events that opens of files are.
fn opens() -> impl Iterator<Item = Kind> {
    let numbered = KINDS.iter().zip(0..u16::MAX);
    numbered
        .filter(|(kind, _)| kind.classes.contains(&Class::FileOpen) && kind.stands_for.is_none())
        .map(|(_, number)| Kind(number))
}

/// Classes of which a rule could match an event of a group whose container has this id.
fn classes(rules: &Ruleset, state: &mut State, known: &Known, id: &'static [u8]) -> u64 {
    let could = |kind: &Kind| {
        let facts = OfGroup { kind: *kind, id };
        rules.could_match(state, &facts, known, *kind)
    };
    let kinds = rules.kinds().iter().filter(could);
    kinds.filter_map(Kind::definition).flat_map(|kind| kind.classes).fold(0, |set, class| set | class.bit())
}

/// What all events of a control group have in common.
#[derive(Debug)]
struct OfGroup {
    kind: Kind,
    id: &'static [u8],
}

impl Facts for OfGroup {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn value<'a>(&'a self, field: &Field, _: &'a mut Vec<u8>) -> Option<Value<'a>> {
        use container::Name;
        match field.which()? {
            Which::Container(Name::Id | Name::FullId | Name::Name | Name::Type) => Some(Value::Text(self.id)),
            _ => None,
        }
    }
}

/// Whether a field has the same value in every open of a file by the same name: it follows from the file, from the name,
/// or from that the open succeeded. What the process, the call and the container are does not.
pub(super) fn is_of_file(field: &Field, how: How) -> bool {
    match field.which() {
        Some(Which::Descriptor(name)) => is_of_descriptor(name, how),
        Some(Which::Event(name)) => is_of_event(name, how),
        Some(Which::Own(name)) => matches!(name, own::Name::FileKind | own::Name::FileSystem),
        Some(
            Which::Argument(_)
            | Which::RawArgument(_)
            | Which::Container(_)
            | Which::Process(_)
            | Which::User(_),
        )
        | None => false,
    }
}

const fn is_of_descriptor(name: descriptor::Name, how: How) -> bool {
    use descriptor::Name;
    match name {
        // `O_DIRECTORY` goes with directories only; and with `O_TMPFILE`, which makes a file.
        Name::Type | Name::TypeChar => matches!(how, How::Read),
        Name::Name
        | Name::NameRaw
        | Name::Directory
        | Name::FileName
        | Name::PathName
        | Name::PathNameRaw
        | Name::PathSource
        | Name::PathSourceRaw
        | Name::PathTarget
        | Name::PathTargetRaw
        | Name::Number
        | Name::Protocol
        | Name::Device
        | Name::DeviceMajor
        | Name::DeviceMinor
        | Name::Inode => true,
        // Of the container; of the layer, which changes when the file is first written; of the process.
        Name::ContainerName | Name::ContainerDirectory | Name::IsUpper | Name::IsLower | Name::Types => false,
        // Of sockets: a file has none.
        _ => true,
    }
}

const fn is_of_event(name: event::Name, how: How) -> bool {
    use event::Name;
    match name {
        Name::IsOpenRead | Name::IsOpenWrite | Name::IsOpenCreate | Name::Created => {
            !matches!(how, How::Written)
        }
        Name::AbsolutePath
        | Name::AbsolutePathSource
        | Name::AbsolutePathTarget
        | Name::Path
        | Name::PathTarget
        | Name::Direction
        | Name::Source
        | Name::Category
        | Name::Host
        | Name::Class
        | Name::Count
        | Name::Failed
        | Name::RawResult
        | Name::Result
        | Name::Buffer
        | Name::BufferLength
        | Name::IoDirection
        | Name::IsIo
        | Name::IsIoRead
        | Name::IsIoWrite
        | Name::IsAsync
        | Name::IsWait => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
