//! Values of what an event is done to: the file or socket behind its descriptor, and its paths.

use std::io::Write as _;
use std::net::IpAddr;

use sensor_common::{
    call::Call,
    class::Class,
    record::{
        network::{Facts as NetFacts, NetRecord, Phase},
        process::FileIdentity,
    },
};

use super::{Context, text};
use crate::detect::field::{Argument, descriptor::Name};
use crate::detect::value::Value;
use crate::event::{
    Facts,
    file::{self, Layer},
    network::{self, SocketOperation},
    path::End,
    text::until_nul,
};

/// `AF_*` of `include/linux/socket.h`.
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_NETLINK: u16 = 16;
const O_DIRECTORY: u32 = 0o200_000;
/// Descriptor of a call that succeeded where the record does not say which one it was: none of the standard streams.
const SOME_DESCRIPTOR: i64 = 3;

/// What is behind a descriptor.
#[derive(Clone, Copy, Debug)]
enum Behind<'a> {
    /// A file that was opened, or would have been.
    Opened { flags: u32, error: bool, file: &'a FileIdentity },
    /// A file that was open already.
    File(&'a FileIdentity),
    /// A socket.
    Socket(&'a SocketOperation<'a>),
    /// Something else that a call made.
    Made { kind: &'static str, letter: &'static str },
}

impl<'a> Context<'a> {
    fn behind(&self) -> Option<Behind<'a>> {
        let event = self.given.event;
        Some(match &event.facts {
            Facts::File(file) if event.class == Class::FileOpen => Behind::Opened {
                flags: file.record.flags,
                error: file.record.error != 0,
                file: &file.record.file,
            },
            Facts::File(file) if is_by_descriptor(file.record.call) => Behind::File(&file.record.file),
            Facts::Socket(socket) => Behind::Socket(socket),
            Facts::Content(content) => Behind::Socket(&content.socket),
            Facts::Call(call) => match event.class {
                Class::OpenByHandle => {
                    Behind::Opened { flags: 0, error: call.record.result < 0, file: &call.record.file }
                }
                Class::Bpf => Behind::Made { kind: "bpf", letter: "b" },
                Class::Userfaultfd => Behind::Made { kind: "userfaultfd", letter: "u" },
                Class::PerfEvent => Behind::Made { kind: "event", letter: "e" },
                Class::ControlWrite | Class::Setns | Class::Splice => Behind::File(&call.record.file),
                Class::ModuleLoad if call.path.is_some() => Behind::File(&call.record.file),
                _ => return None,
            },
            _ => return None,
        })
    }

    pub(super) fn socket(&self) -> Option<&'a SocketOperation<'a>> {
        match self.behind()? {
            Behind::Socket(socket) => Some(socket),
            _ => None,
        }
    }

    /// Value of a field of the descriptor.
    pub(super) fn of_descriptor<'b>(
        &'b self,
        name: Name,
        argument: &Argument,
        buffer: &'b mut Vec<u8>,
    ) -> Option<Value<'b>> {
        match name {
            Name::PathName
            | Name::PathNameRaw
            | Name::PathSource
            | Name::PathSourceRaw
            | Name::PathTarget
            | Name::PathTargetRaw => return self.of_path(name, buffer),
            Name::Types => match argument {
                Argument::Index(number) => return self.stream(usize::try_from(*number).ok()?),
                Argument::Key(_) | Argument::None => return self.stream(0),
            },
            _ => {}
        }
        let behind = self.behind()?;
        match name {
            Name::Number => Some(Value::Number(self.descriptor())),
            Name::Type => Some(Value::Text(kind(behind).0.as_bytes())),
            Name::TypeChar => Some(Value::Text(kind(behind).1.as_bytes())),
            Name::Name => text::put(buffer, |to| self.write_name(behind, to)),
            Name::NameRaw => match self.place().and_then(|place| place.raw()) {
                Some(raw) if !matches!(behind, Behind::Socket(_)) => Some(Value::Text(raw)),
                _ => text::put(buffer, |to| self.write_name(behind, to)),
            },
            Name::Directory | Name::FileName => {
                is_file(behind).then_some(())?;
                buffer.clear();
                self.write_name(behind, buffer)?;
                part(name, behind, buffer).map(Value::Text)
            }
            Name::ContainerName | Name::ContainerDirectory => text::put(buffer, |to| {
                to.extend_from_slice(
                    self.known().map_or("host", |known| known.container.short_id()).as_bytes(),
                );
                to.push(b':');
                let start = to.len();
                self.write_name(behind, to)?;
                if name == Name::ContainerDirectory {
                    let length = text::directory(to.get(start..)?)?.len();
                    to.truncate(start + length);
                }
                Some(())
            }),
            Name::Protocol => Some(Value::Text(protocol(behind).as_bytes())),
            Name::Device => Some(Value::Number(file_of(behind)?.device.into())),
            Name::DeviceMajor => Some(Value::Number((file_of(behind)?.device >> 20).into())),
            Name::DeviceMinor => Some(Value::Number((file_of(behind)?.device & 0xf_ffff).into())),
            Name::Inode => Some(Value::Number(i64::try_from(file_of(behind)?.inode).ok()?)),
            Name::IsUpper => Some(Value::Bool(file::layer(file_of(behind)?) == Some(Layer::Upper))),
            Name::IsLower => Some(Value::Bool(file::layer(file_of(behind)?) == Some(Layer::Lower))),
            name => match behind {
                Behind::Socket(socket) => self.of_socket(name, &socket.record, buffer),
                _ => None,
            },
        }
    }

    fn of_socket<'b>(&'b self, name: Name, record: &NetRecord, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        let ends = self.ends(record);
        let address = |end: Option<(IpAddr, u16)>| end.map(|(address, _)| Value::Address(address));
        let port = |end: Option<(IpAddr, u16)>| end.map(|(_, port)| Value::Number(port.into()));
        match name {
            Name::ClientIp | Name::ClientNet => address(ends.client),
            Name::ServerIp | Name::ServerNet => address(ends.server),
            Name::LocalIp | Name::LocalNet => address(ends.local),
            Name::RemoteIp | Name::RemoteNet => address(ends.remote),
            Name::ClientPort => port(ends.client),
            Name::ServerPort => port(ends.server),
            Name::LocalPort => port(ends.local),
            Name::RemotePort => port(ends.remote),
            Name::Ip | Name::Net => {
                let both = [ends.client, ends.server].map(|end| end.map(|(address, _)| address));
                both.iter().any(Option::is_some).then_some(Value::Addresses(both))
            }
            Name::Port => {
                let both = [ends.client, ends.server].map(|end| end.map(|(_, port)| port));
                both.iter().any(Option::is_some).then_some(Value::Ports(both))
            }
            Name::Family => match record.family {
                AF_INET | AF_INET6 => Some(Value::Text(b"ip")),
                AF_UNIX => Some(Value::Text(b"unix")),
                _ => None,
            },
            Name::Connected => Some(Value::Bool(self.is_connected(record))),
            Name::NameChanged => Some(Value::Bool(self.given.event.class == Class::NetDatagram)),
            Name::IsServer => Some(Value::Bool(ends.is_server)),
            Name::ClientName | Name::ServerName | Name::LocalName | Name::RemoteName => {
                let address = ends.of(name)?;
                text::put(buffer, |to| {
                    let found = self.given.names.any(address, &mut |name| {
                        to.extend_from_slice(name.as_bytes());
                        true
                    });
                    found.then_some(())
                })
            }
            _ => None,
        }
    }

    /// Shows each value of a field that has several.
    pub(super) fn any_of_descriptor(
        &self,
        name: Name,
        see: &mut dyn FnMut(Value<'_>) -> bool,
    ) -> Option<bool> {
        match name {
            Name::ClientName | Name::ServerName | Name::LocalName | Name::RemoteName => {
                let ends = self.ends(&self.socket()?.record);
                let address = ends.of(name)?;
                Some(self.given.names.any(address, &mut |name| see(Value::Text(name.as_bytes()))))
            }
            Name::Types => Some((0..3).filter_map(|number| self.stream(number)).any(see)),
            _ => None,
        }
    }

    /// What is shown of what is behind a descriptor: a path, or the ends of a socket.
    fn write_name(&self, behind: Behind<'_>, to: &mut Vec<u8>) -> Option<()> {
        if let Behind::Socket(socket) = behind {
            // A socket without ends has an empty name.
            return self.write_tuple(socket, to).or(Some(()));
        }
        match (self.place(), &self.given.event.facts) {
            (Some(place), _) => place.write(to),
            // A kernel setting, told by its name.
            (None, Facts::Call(call)) if self.given.event.class == Class::ControlWrite => {
                to.extend_from_slice(b"/proc/sys/");
                to.extend_from_slice(call.name);
                Some(())
            }
            _ => None,
        }
    }

    /// A descriptor as arguments show it: `<f>/etc/shadow`, or -1.
    pub(super) fn write_described(&self, to: &mut Vec<u8>) -> Option<()> {
        let behind = self.behind()?;
        match self.descriptor() {
            0.. => {
                write!(to, "<{}>", kind(behind).1).ok()?;
                self.write_name(behind, to);
                Some(())
            }
            none => write!(to, "{none}").ok(),
        }
    }

    /// Both ends of a socket, the one that began first; the path of a local one.
    pub(super) fn write_tuple(&self, socket: &SocketOperation<'_>, to: &mut Vec<u8>) -> Option<()> {
        if socket.record.family == AF_UNIX {
            return write_unix(socket, to);
        }
        let ends = self.ends(&socket.record);
        match (ends.client, ends.server) {
            (Some(client), Some(server)) => {
                text::end(client, to);
                to.extend_from_slice(b"->");
                text::end(server, to);
            }
            (Some(only), None) | (None, Some(only)) => text::end(only, to),
            (None, None) => return None,
        }
        Some(())
    }

    /// Which end began: of a datagram or a connection this one, unless it is known that the other did.
    fn ends(&self, record: &NetRecord) -> Ends {
        let (local, remote) = (network::end(&record.local), network::end(&record.remote));
        let is_server = match self.given.event.class {
            Class::NetAccept | Class::NetListen | Class::NetBind => true,
            Class::NetConnect | Class::NetDatagram => false,
            // What came to a socket of datagrams came from one that sent it.
            Class::NetPayload if record.facts & NetFacts::ACCEPTED == 0 => {
                record.phase == Phase::Received as u16 && !matches!(record.protocol, 6 | 262)
            }
            _ => record.facts & NetFacts::ACCEPTED != 0,
        };
        let (client, server) = if is_server { (remote, local) } else { (local, remote) };
        Ends { client, server, local, remote, is_server }
    }

    fn is_connected(&self, record: &NetRecord) -> bool {
        match self.given.event.class {
            Class::NetDatagram | Class::NetListen | Class::NetBind | Class::NetSocket => false,
            Class::NetConnect | Class::NetStdio => record.phase == Phase::Established as u16,
            // What is sent to a peer over TCP goes over a connection.
            Class::NetPayload | Class::NetDns => matches!(record.protocol, 6 | 262),
            _ => true,
        }
    }

    /// Number of the descriptor, as far as the record tells; -1 of a call that gave none.
    pub(super) fn descriptor(&self) -> i64 {
        let event = self.given.event;
        let failed = match &event.facts {
            Facts::File(file) => event.class == Class::FileOpen && file.record.error < 0,
            Facts::Socket(socket) if event.class == Class::NetStdio => {
                return socket.record.descriptor.into();
            }
            Facts::Socket(socket) => {
                matches!(event.class, Class::NetSocket | Class::NetAccept) && socket.record.error < 0
            }
            Facts::Call(call) => match event.class {
                Class::OpenByHandle | Class::Bpf | Class::Userfaultfd | Class::PerfEvent => {
                    return call.record.result.max(-1);
                }
                _ => false,
            },
            _ => false,
        };
        if failed { -1 } else { SOME_DESCRIPTOR }
    }

    /// The path that one of `fs.path.*` means, of a call that succeeded.
    fn place_of(&self, name: Name) -> Option<text::Place<'a>> {
        if self.result() < 0 {
            return None;
        }
        let class = self.given.event.class;
        let (first, second) = (self.place(), self.second_place());
        match (name, class) {
            (
                Name::PathName | Name::PathNameRaw,
                Class::FileRename | Class::FileLink | Class::FileSymlink,
            ) => None,
            (Name::PathName | Name::PathNameRaw, Class::Mount) if first.is_some() && second.is_some() => None,
            (Name::PathName | Name::PathNameRaw, Class::Mount) => second.or(first),
            (Name::PathName | Name::PathNameRaw, _) => first,
            // Of a link Falco takes the new name for the source.
            (Name::PathSource | Name::PathSourceRaw, Class::FileLink) => second,
            (Name::PathTarget | Name::PathTargetRaw, Class::FileLink) => first,
            (
                Name::PathSource | Name::PathSourceRaw,
                Class::FileRename | Class::FileSymlink | Class::Mount,
            ) => first,
            (Name::PathTarget | Name::PathTargetRaw, Class::FileRename | Class::Mount) => second,
            _ => None,
        }
    }

    fn of_path<'b>(&'b self, name: Name, buffer: &'b mut Vec<u8>) -> Option<Value<'b>> {
        if matches!(name, Name::PathTarget | Name::PathTargetRaw)
            && let Facts::File(file) = &self.given.event.facts
            && self.given.event.class == Class::FileSymlink
        {
            return (self.result() >= 0).then_some(Value::Text(file.new_path_text));
        }
        let place = self.place_of(name)?;
        let raw = matches!(name, Name::PathNameRaw | Name::PathSourceRaw | Name::PathTargetRaw);
        match place.raw() {
            Some(text) if raw => Some(Value::Text(text)),
            _ => text::put(buffer, |to| place.write(to)),
        }
    }
}

/// Ends of a socket.
#[derive(Clone, Copy, Debug)]
struct Ends {
    client: Option<(IpAddr, u16)>,
    server: Option<(IpAddr, u16)>,
    local: Option<(IpAddr, u16)>,
    remote: Option<(IpAddr, u16)>,
    is_server: bool,
}

impl Ends {
    fn of(&self, name: Name) -> Option<IpAddr> {
        let end = match name {
            Name::ClientName => self.client,
            Name::ServerName => self.server,
            Name::LocalName => self.local,
            _ => self.remote,
        };
        end.map(|(address, _)| address)
    }
}

/// True for calls on a file that is open already.
fn is_by_descriptor(call: u32) -> bool {
    [Call::Fchmod, Call::Fchown, Call::Fsetxattr, Call::Fremovexattr, Call::Ftruncate]
        .iter()
        .any(|known| *known as u32 == call)
}

/// Directory or last component of a path. Falco shows no last component of what could not be opened.
fn part<'b>(name: Name, behind: Behind<'_>, path: &'b [u8]) -> Option<&'b [u8]> {
    match (name, behind) {
        (Name::Directory, _) => text::directory(path),
        (_, Behind::Opened { error: true, .. }) => None,
        _ => text::file_name(path),
    }
}

const fn is_file(behind: Behind<'_>) -> bool {
    matches!(behind, Behind::Opened { .. } | Behind::File(_))
}

const fn file_of(behind: Behind<'_>) -> Option<&FileIdentity> {
    match behind {
        Behind::Opened { file, .. } | Behind::File(file) => Some(file),
        Behind::Socket(_) | Behind::Made { .. } => None,
    }
}

/// Type and its letter, as Falco calls them.
fn kind(behind: Behind<'_>) -> (&'static str, &'static str) {
    match behind {
        Behind::Opened { flags, error: false, .. } if flags & O_DIRECTORY != 0 => ("directory", "d"),
        Behind::Opened { .. } | Behind::File(_) => ("file", "f"),
        Behind::Made { kind, letter } => (kind, letter),
        Behind::Socket(socket) => match socket.record.family {
            AF_INET => ("ipv4", "4"),
            AF_INET6 => ("ipv6", "6"),
            AF_UNIX => ("unix", "u"),
            AF_NETLINK => ("netlink", "n"),
            _ => ("<NA>", "o"),
        },
    }
}

/// Protocol of a socket of the internet.
fn protocol(behind: Behind<'_>) -> &'static str {
    const NONE: &str = "<NA>";
    let Behind::Socket(socket) = behind else { return NONE };
    let NetRecord { family, kind, protocol, .. } = socket.record;
    match (family, protocol, kind) {
        (AF_INET | AF_INET6, 6 | 262, _) | (AF_INET | AF_INET6, 0, 1) => "tcp",
        (AF_INET | AF_INET6, 17 | 136, _) | (AF_INET | AF_INET6, 0, 2) => "udp",
        (AF_INET, 1, _) | (AF_INET6, 58, _) => "icmp",
        (AF_INET | AF_INET6, _, 3) => "raw",
        _ => NONE,
    }
}

fn write_unix(socket: &SocketOperation<'_>, to: &mut Vec<u8>) -> Option<()> {
    match (socket.path, socket.name.split_first()) {
        (Some(path), _) => path.write(End::Root, to),
        (None, Some((0, name))) => {
            to.push(b'@');
            to.extend(name.iter().map(|byte| if *byte == 0 { b'@' } else { *byte }));
        }
        (None, Some(_)) => to.extend_from_slice(until_nul(socket.name)),
        (None, None) => return None,
    }
    Some(())
}
