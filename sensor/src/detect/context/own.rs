//! Values that only Picket has: protocols, kinds of files, what was entered.

use std::io::Write as _;

use sensor_common::{
    class::Class,
    record::{
        privilege::{CallRecord, Facts as CallFacts},
        process::FileIdentity,
    },
};

use super::{Context, process::Part, text};
use crate::detect::field::own::Name;
use crate::detect::{namespace::Kind, scene::Scene, value::Value};
use crate::event::{Facts, content::Content, file, request, text::until_nul, wire::dns::Question};
use crate::identity::store::{Known, Owner};
use crate::process::Process;

/// Commands of bpf(2) that are about maps: `BPF_MAP_CREATE`, `BPF_MAP_GET_FD_BY_ID`.
const MAP_COMMANDS: [u64; 2] = [0, 14];
/// Part of an inode's mode that says what it is.
const FILE_TYPE: u32 = 0o170_000;

impl<'a> Context<'a> {
    /// Value of a field that only Picket has.
    pub(super) fn of_own<'b>(&'b self, name: Name, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        let shown = |text: &'a str| (!text.is_empty()).then_some(Value::Text(text.as_bytes()));
        match name {
            Name::Protocol => shown(self.content()?.recognised.as_ref()?.protocol.name()),
            Name::ServerName => shown(self.content()?.recognised.as_ref()?.server_name.as_deref()?),
            Name::Detail => shown(self.content()?.recognised.as_ref()?.detail.as_deref()?),
            Name::DnsName => shown(&self.questions().first()?.name),
            Name::DnsType => put(buffer, &self.questions().first()?.kind.to_string()),
            Name::FileKind => shown(file_kind(self.mode()?)?),
            Name::FileSystem => {
                let magic = self.identity()?.filesystem;
                match file::filesystem_name(magic) {
                    Some(name) => shown(name),
                    None => text::put(buffer, |to| write!(to, "{magic:#x}").ok()),
                }
            }
            Name::AncestorName | Name::AncestorExecutable | Name::AncestorCommandLine => {
                part(name)?.of(self.ancestors_within().next()?)
            }
            Name::ExeUnlinked => match &self.given.event.facts {
                Facts::Exec(exec) => Some(Value::Bool(exec.record.file.links == 0)),
                _ => None,
            },
            Name::EnteredHost => shown(self.entered().next()?),
            Name::ParentOutside => Some(Value::Bool(self.is_parent_outside()?)),
            Name::SamePod => Some(Value::Bool(self.is_target_in_pod()?)),
            Name::AttachType | Name::ObjectKind => self.object(name, buffer),
            Name::MountType | Name::CallName | Name::CallValue => self.call_text(name).map(Value::Text),
        }
    }

    /// Shows each value of a field that has several.
    pub(super) fn any_of_own(&self, name: Name, see: &mut dyn FnMut(Value<'_>) -> bool) -> Option<bool> {
        Some(match name {
            Name::DnsName => {
                self.questions().iter().any(|question| see(Value::Text(question.name.as_bytes())))
            }
            Name::DnsType => {
                self.questions().iter().any(|question| see(Value::Text(question.kind.to_string().as_bytes())))
            }
            Name::AncestorName | Name::AncestorExecutable | Name::AncestorCommandLine => {
                self.ancestors_within().filter_map(|ancestor| part(name)?.of(ancestor)).any(see)
            }
            Name::EnteredHost => self.entered().any(|name| see(Value::Text(name.as_bytes()))),
            _ => return None,
        })
    }

    /// Ancestors of the process, its parent first, until one is not in its container; on the host, all.
    fn ancestors_within(&self) -> impl Iterator<Item = &'a Process> + use<'a> {
        Scene::new(self.given).lineage()
    }

    fn content(&self) -> Option<&'a Content<'a>> {
        match &self.given.event.facts {
            Facts::Content(content) => Some(content),
            _ => None,
        }
    }

    fn questions(&self) -> &'a [Question] {
        let message = self.content().and_then(|content| content.message.as_ref());
        message.map_or(&[], |message| &message.questions)
    }

    /// The file of the event, where the record has it.
    fn identity(&self) -> Option<&'a FileIdentity> {
        let file = match &self.given.event.facts {
            Facts::File(file) => &file.record.file,
            Facts::Call(call) => &call.record.file,
            Facts::Exec(exec) => &exec.record.file,
            _ => return None,
        };
        (file.inode != 0).then_some(file)
    }

    fn mode(&self) -> Option<u32> {
        match &self.given.event.facts {
            Facts::File(file) if self.given.event.class == Class::FileMknod => Some(file.record.mode),
            _ => Some(self.identity()?.mode),
        }
    }

    /// Namespaces of the node that were entered.
    fn entered(&self) -> impl Iterator<Item = &'static str> {
        let record = match &self.given.event.facts {
            Facts::Call(call) if self.given.event.class == Class::Setns && call.record.result >= 0 => {
                Some(&call.record)
            }
            _ => None,
        };
        Kind::ALL
            .into_iter()
            .filter(move |kind| record.is_some_and(|record| is_entered(*kind, record)))
            .map(Kind::name)
    }

    fn is_parent_outside(&self) -> Option<bool> {
        let own = self.known()?;
        let parent = self.given.parent_owner?;
        Some(!matches!(parent, Owner::Container(known) if known.container.id == own.container.id))
    }

    fn is_target_in_pod(&self) -> Option<bool> {
        let pod = |known: &'a Known| known.container.pod.as_ref().map(|pod| pod.uid.as_str());
        match self.given.other_owner? {
            Owner::Container(other) => {
                let own = self.known().and_then(pod);
                Some(pod(other).is_some_and(|uid| !uid.is_empty() && Some(uid) == own))
            }
            Owner::Host { .. } => Some(false),
        }
    }

    /// Of BPF and performance events.
    fn object<'b>(&self, name: Name, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        let Facts::Call(call) = &self.given.event.facts else { return None };
        let record = &call.record;
        if record.facts & CallFacts::NUMBERS == 0 {
            return None;
        }
        let [command, ..] = record.arguments;
        let text = match (name, self.given.event.class) {
            // 0 is one of them as well as none.
            (Name::AttachType, Class::Bpf) if record.detail != 0 => request::attach(record.detail),
            (Name::ObjectKind, Class::Bpf) if MAP_COMMANDS.contains(&command) => {
                request::map(record.number.into())
            }
            (Name::ObjectKind, Class::Bpf) => request::program(record.number.into()),
            (Name::ObjectKind, Class::PerfEvent) => request::perf_event(record.number.into()),
            _ => return None,
        };
        put(buffer, &text)
    }

    fn call_text(&self, name: Name) -> Option<&'a [u8]> {
        let text = match (&self.given.event.facts, name) {
            (Facts::File(file), Name::CallName) => file.name,
            (Facts::Call(call), Name::CallName) => call.name,
            (Facts::Call(call), Name::CallValue) => call.value,
            (Facts::Call(call), Name::MountType) => call.filesystem,
            _ => return None,
        };
        Some(until_nul(text)).filter(|text| !text.is_empty())
    }
}

/// Which part of an ancestor a field shows.
const fn part(name: Name) -> Option<Part> {
    match name {
        Name::AncestorName => Some(Part::Command),
        Name::AncestorExecutable => Some(Part::Executable),
        Name::AncestorCommandLine => Some(Part::CommandLine),
        _ => None,
    }
}

fn put<'b>(buffer: &'b mut Vec<u8>, value: &str) -> Option<Value<'b>> {
    text::put(buffer, |to| {
        to.extend_from_slice(value.as_bytes());
        Some(())
    })
}

/// True if a setns that succeeded entered the node's namespace of this kind: by a descriptor of the namespace, or by one of
/// a process, whose namespaces the record tells.
fn is_entered(kind: Kind, record: &CallRecord) -> bool {
    let [_, flags, ..] = record.arguments;
    let asked = flags == 0 || flags & kind.flag() != 0;
    let (now, target) = (kind.of(&record.namespaces), kind.of(&record.target_namespaces));
    let file = u32::try_from(record.file.inode).unwrap_or_default();
    // The task itself stays in its pid namespace: only what it starts is in the other one.
    let is_kind = kind == Kind::Pid || file == now || flags & kind.flag() != 0;
    asked && (kind.is_first(file) && is_kind || flags & kind.flag() != 0 && kind.is_first(target))
}

fn file_kind(mode: u32) -> Option<&'static str> {
    Some(match mode & FILE_TYPE {
        0o100_000 => "file",
        0o040_000 => "directory",
        0o060_000 => "block",
        0o020_000 => "character",
        0o010_000 => "fifo",
        0o140_000 => "socket",
        _ => return None,
    })
}
