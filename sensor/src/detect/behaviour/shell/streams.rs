//! What the standard streams of processes are connected to, and which processes have connections.

use std::net::IpAddr;

use sensor_common::record::process::ExecRecord;

use crate::event::file::{StreamKind, stream_kind};

/// Commands of a process that are counted.
const COMMANDS: usize = 8;

/// One end of a stream: what it is, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) kind: StreamKind,
    pub(super) inode: u64,
}

/// A connection of the internet's protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    /// The other end; of a socket that listens, this end.
    pub(super) ip: IpAddr,
    pub(super) port: u16,
    pub(super) way: Way,
    pub(super) at_ns: u64,
}

/// Who began a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// This end: a reverse shell.
    Out,
    /// The other end: a bind shell.
    In,
    /// Nobody yet.
    Listening,
}

impl Connection {
    /// For people.
    pub(super) fn text(&self) -> String {
        let Self { ip, port, .. } = self;
        match self.way {
            Way::Out => format!("a connection that was made to {ip} port {port}"),
            Way::In => format!("a connection that came from {ip} port {port}"),
            Way::Listening => format!("a socket that listens on port {port}"),
        }
    }
}

/// What is remembered of a process.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Standard input and output when its program began.
    pub(super) streams: Option<[End; 2]>,
    /// Which of its standard streams became a connection of the internet (bits 0 to 2), and that connection.
    pub(super) taken: Option<(u8, Connection)>,
    /// A connection that it made, or a socket that listens.
    pub(super) connection: Option<Connection>,
    /// Names of programs that it started whose output is its own socket, or that work for its connection.
    commands: Vec<u32>,
    pub(super) told: bool,
}

impl Held {
    /// The connection that is both its input and its output.
    pub(super) fn both(&self) -> Option<&Connection> {
        self.taken
            .as_ref()
            .filter(|(mask, _)| mask & 1 != 0 && mask & 6 != 0)
            .map(|(_, connection)| connection)
    }

    /// Its input and output are sockets, the same one.
    pub(super) fn is_on_socket(&self) -> bool {
        self.streams.is_some_and(|[input, output]| input.kind == StreamKind::Socket && input == output)
    }

    /// It started a program. How many different ones it started so.
    pub(super) fn command(&mut self, hash: u32) -> usize {
        if self.commands.len() < COMMANDS && !self.commands.contains(&hash) {
            self.commands.push(hash);
        }
        self.commands.len()
    }
}

/// Standard input and output of a program that begins.
pub(super) fn ends(record: &ExecRecord) -> [End; 2] {
    let [input, output, _] = &record.stdio;
    [input, output].map(|stream| End { kind: stream_kind(stream), inode: stream.inode })
}
