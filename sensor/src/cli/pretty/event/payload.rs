//! What is said of first bytes and of DNS messages.

use super::{safe, socket::whose};
use crate::proto::{DnsMessage, Endpoint, Payload, SocketOperation, payload::Direction};

/// Answers that are shown.
const ANSWERS: usize = 4;

/// What was exchanged, after the program's name; nothing if the event is of another kind.
pub(super) fn what(operation: &SocketOperation) -> Option<String> {
    if let Some(dns) = &operation.dns {
        return Some(message(dns));
    }
    let payload = operation.payload.as_ref()?;
    let whose = operation.remote_peer.as_ref().map(whose).unwrap_or_default();
    let peer = operation.remote.as_ref().map(endpoint).unwrap_or_default() + &whose;
    let way = match Direction::try_from(payload.direction) {
        Ok(Direction::Received) => format!("(from {peer})"),
        _ => format!("(to {peer})"),
    };
    Some(format!("{} {way}", bytes(payload, &operation.protocol)))
}

/// `tls to example.test: 1.3 h2`
fn bytes(payload: &Payload, transport: &str) -> String {
    let mut text = match payload.application.as_str() {
        "" => format!(" first bytes over {}", safe(transport)),
        known => format!(" {}", safe(known)),
    };
    if !payload.server_name.is_empty() {
        text.push_str(" to ");
        text.push_str(&safe(&payload.server_name));
    }
    if !payload.detail.is_empty() {
        text.push_str(": ");
        text.push_str(&safe(&payload.detail));
    }
    text
}

/// `dns A example.test`, and with an answer ` → 10.0.0.1` or ` → NXDOMAIN`
fn message(dns: &DnsMessage) -> String {
    let mut text = " dns".to_owned();
    for question in &dns.questions {
        text.push_str(&format!(" {} {}", safe(&question.r#type), safe(&question.name)));
    }
    if !dns.response {
        return text;
    }
    let mut answers: Vec<_> = dns.answers.iter().filter(|answer| !answer.data.is_empty()).collect();
    let more = answers.len().saturating_sub(ANSWERS);
    answers.truncate(ANSWERS);
    let mut shown: Vec<_> = answers.into_iter().map(|answer| safe(&answer.data)).collect();
    if shown.is_empty() {
        shown.push(safe(&dns.code));
    }
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    text + " → " + &shown.join(", ")
}

fn endpoint(endpoint: &Endpoint) -> String {
    let (address, port) = (safe(&endpoint.address), endpoint.port);
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{DnsAnswer, DnsQuestion};

    #[test]
    fn answers_follow_their_question() {
        let answer = |data: &str| DnsAnswer { data: data.to_owned(), ..DnsAnswer::default() };
        let question = DnsQuestion { name: "example.test".to_owned(), r#type: "A".to_owned() };
        let mut dns = DnsMessage { questions: vec![question], ..DnsMessage::default() };
        assert_eq!(message(&dns), " dns A example.test");
        dns.response = true;
        dns.code = "NXDOMAIN".to_owned();
        assert_eq!(message(&dns), " dns A example.test → NXDOMAIN");
        dns.answers = vec![answer("a.test"), answer(""), answer("10.0.0.1")];
        assert_eq!(message(&dns), " dns A example.test → a.test, 10.0.0.1");
    }

    #[test]
    fn the_protocol_and_the_server_come_first() {
        let payload = Payload {
            application: "tls".to_owned(),
            server_name: "example.test".to_owned(),
            detail: "1.3 h2".to_owned(),
            direction: Direction::Sent.into(),
            ..Payload::default()
        };
        let remote = Some(Endpoint { address: "fd00::1".to_owned(), port: 443 });
        let operation = SocketOperation {
            payload: Some(payload),
            remote,
            protocol: "tcp".to_owned(),
            ..SocketOperation::default()
        };
        assert_eq!(what(&operation).unwrap(), " tls to example.test: 1.3 h2 (to [fd00::1]:443)");
    }
}
