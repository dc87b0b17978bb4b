//! Values that only Picket has: protocols, kinds of files, what was entered.

use std::io::Write as _;

use sensor_common::{
    class::Class,
    record::{
        privilege::{CallRecord, Facts as CallFacts},
        process::{FileIdentity, Namespaces},
    },
};

use super::{Context, text};
use crate::detect::field::own::Name;
use crate::detect::value::Value;
use crate::event::{Facts, content::Content, file, request, text::until_nul, wire::dns::Question};
use crate::identity::store::{Known, Owner};

/// Commands of bpf(2) that are about maps: `BPF_MAP_CREATE`, `BPF_MAP_GET_FD_BY_ID`.
const MAP_COMMANDS: [u64; 2] = [0, 14];
/// Part of an inode's mode that says what it is.
const FILE_TYPE: u32 = 0o170_000;

/// Namespaces: name, flag (`CLONE_NEW*`), and the numbers that the kernel gives to the first of them. Most are fixed
/// (`include/linux/proc_ns.h`, since 6.18 `include/uapi/linux/nsfs.h`); those of mounts and networks were before the
/// first that were given out.
const NAMESPACES: [(&str, u64, &[u32]); 8] = [
    ("mnt", 0x0002_0000, &[0xEFFF_FFF8, 0xF000_0000, 0xF000_0001]),
    ("net", 0x4000_0000, &[0xEFFF_FFF9, 0xF000_0000]),
    ("time", 0x0000_0080, &[0xEFFF_FFFA]),
    ("cgroup", 0x0200_0000, &[0xEFFF_FFFB]),
    ("pid", 0x2000_0000, &[0xEFFF_FFFC]),
    ("user", 0x1000_0000, &[0xEFFF_FFFD]),
    ("uts", 0x0400_0000, &[0xEFFF_FFFE]),
    ("ipc", 0x0800_0000, &[0xEFFF_FFFF]),
];

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
            Name::EnteredHost => self.entered().any(|name| see(Value::Text(name.as_bytes()))),
            _ => return None,
        })
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
        NAMESPACES
            .iter()
            .filter(move |entry| record.is_some_and(|record| is_entered(entry, record)))
            .map(|(name, _, _)| *name)
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

fn put<'b>(buffer: &'b mut Vec<u8>, value: &str) -> Option<Value<'b>> {
    text::put(buffer, |to| {
        to.extend_from_slice(value.as_bytes());
        Some(())
    })
}

/// True if a setns that succeeded entered the node's namespace of this kind: by a descriptor of the namespace, or by one of
/// a process, whose namespaces the record tells.
fn is_entered((name, flag, first): &(&str, u64, &[u32]), record: &CallRecord) -> bool {
    let [_, flags, ..] = record.arguments;
    let asked = flags == 0 || flags & flag != 0;
    let of_file = |number: u32| u64::from(number) == record.file.inode;
    let (now, target) = (number_of(name, &record.namespaces), number_of(name, &record.target_namespaces));
    // The task itself stays in its pid namespace: only what it starts is in the other one.
    let is_kind = *name == "pid" || of_file(now) || flags & flag != 0;
    asked && first.iter().any(|number| of_file(*number) && is_kind || flags & flag != 0 && *number == target)
}

fn number_of(name: &str, namespaces: &Namespaces) -> u32 {
    match name {
        "mnt" => namespaces.mnt,
        "net" => namespaces.net,
        "time" => namespaces.time,
        "cgroup" => namespaces.cgroup,
        "pid" => namespaces.pid,
        "user" => namespaces.user,
        "uts" => namespaces.uts,
        _ => namespaces.ipc,
    }
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
