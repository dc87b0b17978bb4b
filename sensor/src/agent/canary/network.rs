//! Trials of sockets, on the loopback addresses only.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use rustix::stdio::{dup2_stdin, stdin};
use sensor_common::class::Class;

use super::trial::{CouldNot, Expected, Place, Trial};
use crate::proto::{self, Endpoint, event::Facts};

/// The trials.
pub(super) const TRIALS: &[Trial] = &[
    Trial { class: Class::NetSocket, run: socket },
    Trial { class: Class::NetConnect, run: connect },
    Trial { class: Class::NetAccept, run: accept },
    Trial { class: Class::NetBind, run: bind },
    Trial { class: Class::NetListen, run: listen },
    Trial { class: Class::NetClose, run: close },
    Trial { class: Class::NetDatagram, run: datagram },
    Trial { class: Class::NetStdio, run: standard_stream },
    Trial { class: Class::NetPayload, run: payload },
    Trial { class: Class::NetDns, run: question },
];

/// How long the other end of a connection, which is this thread, may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is said over it.
const GREETING: &[u8] = b"SSH-2.0-picket-canary\r\n";
/// What its event says of it: the bytes themselves are left out unless the settings ask for them.
const GREETING_TEXT: &str = "picket-canary";
/// A loopback address on which nobody listens; whoever listens on every address may answer.
const NAMELESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 86, 53, 53), 53);
/// The name that is asked for; that domain never exists (RFC 2606).
const NAME: &str = "picket-canary.invalid";

/// Ports of a connection that came and went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conversation {
    server: u16,
    client: u16,
}

impl Conversation {
    /// Listens, connects, accepts, greets and closes.
    fn hold() -> Result<Self, CouldNot> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let server = listener.local_addr()?;
        let mut client = TcpStream::connect(server)?;
        let ports = Self { server: server.port(), client: client.local_addr()?.port() };
        // The connection stands already, in the listener's queue.
        let (mut accepted, _) = listener.accept()?;
        client.write_all(GREETING)?;
        accepted.set_read_timeout(Some(PATIENCE))?;
        accepted.read_exact(&mut [0; GREETING.len()])?;
        Ok(ports)
    }

    fn of(place: &mut Place) -> Result<Self, CouldNot> {
        if let Some(conversation) = place.conversation {
            return Ok(conversation);
        }
        let conversation = Self::hold()?;
        place.conversation = Some(conversation);
        Ok(conversation)
    }
}

fn expected(facts: impl Fn(&proto::SocketOperation) -> bool + 'static) -> Expected {
    Expected::own(move |found| match found {
        Facts::Socket(operation) => facts(operation),
        _ => false,
    })
}

fn port(end: Option<&Endpoint>) -> Option<u16> {
    u16::try_from(end?.port).ok()
}

fn local(operation: &proto::SocketOperation) -> Option<u16> {
    port(operation.local.as_ref())
}

fn remote(operation: &proto::SocketOperation) -> Option<u16> {
    port(operation.remote.as_ref())
}

fn socket(_place: &mut Place) -> Result<Expected, CouldNot> {
    drop(socket_with(AddressFamily::INET, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::ICMP))?);
    Ok(expected(|operation| operation.r#type == "raw" && operation.error.is_empty()))
}

fn connect(place: &mut Place) -> Result<Expected, CouldNot> {
    let Conversation { server, .. } = Conversation::of(place)?;
    Ok(expected(move |operation| remote(operation) == Some(server)))
}

fn accept(place: &mut Place) -> Result<Expected, CouldNot> {
    let Conversation { server, client } = Conversation::of(place)?;
    Ok(expected(move |operation| (local(operation), remote(operation)) == (Some(server), Some(client))))
}

fn bind(place: &mut Place) -> Result<Expected, CouldNot> {
    let Conversation { server, .. } = Conversation::of(place)?;
    Ok(expected(move |operation| local(operation) == Some(server)))
}

fn listen(place: &mut Place) -> Result<Expected, CouldNot> {
    let Conversation { server, .. } = Conversation::of(place)?;
    Ok(expected(move |operation| local(operation) == Some(server)))
}

fn close(place: &mut Place) -> Result<Expected, CouldNot> {
    let Conversation { server, client } = Conversation::of(place)?;
    Ok(expected(move |operation| {
        let ends = (local(operation), remote(operation));
        ends == (Some(server), Some(client)) || ends == (Some(client), Some(server))
    }))
}

fn payload(place: &mut Place) -> Result<Expected, CouldNot> {
    Conversation::of(place)?;
    Ok(expected(|operation| {
        operation
            .payload
            .as_ref()
            .is_some_and(|payload| payload.application == "ssh" && payload.detail.contains(GREETING_TEXT))
    }))
}

fn datagram(_place: &mut Place) -> Result<Expected, CouldNot> {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = receiver.local_addr()?;
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.send_to(b"picket canary", address)?;
    Ok(expected(move |operation| remote(operation) == Some(address.port())))
}

/// For a moment standard input, which nothing in the agent reads, is a socket.
fn standard_stream(_place: &mut Place) -> Result<Expected, CouldNot> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = socket.local_addr()?.port();
    let kept = fcntl_dupfd_cloexec(stdin(), 3)?;
    let copied = dup2_stdin(&socket);
    dup2_stdin(&kept)?;
    copied?;
    Ok(expected(move |operation| operation.descriptor == Some(0) && local(operation) == Some(port)))
}

fn question(_place: &mut Place) -> Result<Expected, CouldNot> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.send_to(&query(), NAMELESS)?;
    Ok(expected(|operation| {
        let questions = operation.dns.iter().flat_map(|message| &message.questions);
        questions.into_iter().any(|question| question.name.trim_end_matches('.') == NAME)
    }))
}

/// A question for the address of [`NAME`] (RFC 1035, 4.1).
fn query() -> Vec<u8> {
    // Id, flags (recursion desired), one question, no answers.
    let mut message = vec![0x70, 0x63, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in NAME.split('.') {
        message.extend(u8::try_from(label.len()));
        message.extend(label.as_bytes());
    }
    // End of the name, type A, class IN.
    message.extend([0, 0, 1, 0, 1]);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_with_oneself_comes_and_goes() {
        let ports = Conversation::hold().unwrap();
        assert!(ports.server != 0 && ports.client != 0 && ports.server != ports.client);
    }

    #[test]
    fn the_question_is_well_formed() {
        assert_eq!(query().len(), 12 + 1 + 13 + 1 + 7 + 1 + 4);
    }
}
