//! What goes over sockets: first bytes of flows, DNS messages.

use super::{Context, Subject};
use crate::event::{
    self,
    content::Content,
    wire::{
        dns::{Answer, Data, End, Message, rcode_name},
        flow::Direction,
    },
};
use crate::proto;

impl Context {
    /// The message of what goes over a socket.
    pub(super) fn content(
        &self,
        event: &event::Event<'_>,
        content: &Content<'_>,
        subject: Subject<'_>,
    ) -> proto::SocketOperation {
        proto::SocketOperation {
            payload: content.message.is_none().then(|| payload(content)),
            dns: content.message.as_ref().map(message),
            ..self.socket(event, &content.socket, subject)
        }
    }
}

fn payload(content: &Content<'_>) -> proto::Payload {
    use proto::payload::Direction::{Received, Sent};
    let direction = match content.direction {
        Direction::Sent => Sent,
        Direction::Received => Received,
    };
    let known = content.recognised.as_ref();
    proto::Payload {
        direction: direction.into(),
        data: content.data.clone(),
        cut: content.cut,
        application: known.map(|known| known.protocol.name().to_owned()).unwrap_or_default(),
        server_name: known.and_then(|known| known.server_name.clone()).unwrap_or_default(),
        detail: known.and_then(|known| known.detail.clone()).unwrap_or_default(),
    }
}

fn message(message: &Message) -> proto::DnsMessage {
    let questions = message.questions.iter().map(|question| proto::DnsQuestion {
        name: question.name.clone(),
        r#type: question.kind.to_string(),
    });
    let code = || rcode_name(message.rcode).map_or_else(|| message.rcode.to_string(), str::to_owned);
    proto::DnsMessage {
        id: message.id.into(),
        response: message.response,
        code: if message.response { code() } else { String::new() },
        questions: questions.collect(),
        answers: message.answers.iter().map(answer).collect(),
        cut: message.end != End::Whole,
    }
}

fn answer(answer: &Answer) -> proto::DnsAnswer {
    proto::DnsAnswer {
        name: answer.name.clone(),
        r#type: answer.kind.to_string(),
        ttl: answer.ttl,
        data: match &answer.data {
            Data::Address(_) | Data::Alias(_) => answer.data.to_string(),
            Data::Other { .. } => String::new(),
        },
    }
}
