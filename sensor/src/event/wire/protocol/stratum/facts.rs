//! What JSON messages hold that matters for mining, also if the last of them is cut.
//!
//! `serde_json` visits keys and values in order and unescapes them; the facts are written down on the
//! way, so that they are there when it finds that the rest is missing.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::event::wire::cursor::Stop;

/// Methods that are kept of one message (a key can come twice).
const METHODS_MAX: usize = 4;

/// One message, or the part of it that has come.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// Values of `method`.
    pub(super) methods: Vec<String>,
    /// `params.login`.
    pub(super) login: Option<String>,
    /// `params.agent`.
    pub(super) agent: Option<String>,
    /// `params.pass` is there. What it says is not kept.
    pub(super) pass: bool,
    /// `params.algo` is there.
    pub(super) algorithms: bool,
    /// `params.rigid` is there.
    pub(super) rig: bool,
    /// `blob`, `target`, `job_id`, `nonce` are there, in `params` or in `result.job`.
    pub(super) blob: bool,
    pub(super) target: bool,
    pub(super) job_id: bool,
    pub(super) nonce: bool,
    /// `result.job` is there.
    pub(super) job_result: bool,
    /// First of `params`, where that is a list that begins with a string.
    pub(super) first: Option<String>,
    /// It came to its end.
    pub(super) whole: bool,
}

/// Reads at most `most` messages. Says whether more bytes could bring more.
pub(super) fn messages(bytes: &[u8], most: usize) -> (Vec<Message>, Stop) {
    // A byte that is not UTF-8 hides nothing: it is replaced, as lenient pools do.
    let text = String::from_utf8_lossy(bytes);
    let mut rest = text.trim_ascii_start();
    let mut messages = Vec::new();
    while messages.len() < most {
        if rest.is_empty() {
            return (messages, Stop::More);
        }
        let mut message = Message::default();
        let mut reader = serde_json::Deserializer::from_str(rest);
        match (Value { message: &mut message, place: Place::Message }).deserialize(&mut reader) {
            Ok(()) => {
                message.whole = true;
                messages.push(message);
                // The same value again, to learn where it ends.
                let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
                values.next();
                rest = rest.get(values.byte_offset()..).unwrap_or_default().trim_ascii_start();
            }
            Err(error) => {
                messages.push(message);
                return (messages, if may_go_on(&error, rest) { Stop::More } else { Stop::No });
            }
        }
    }
    (messages, Stop::No)
}

/// Whether it is the end of the text that is wrong. A number that is cut behind its point (`12.`) counts as
/// a mistake for `serde_json`, not as an end.
fn may_go_on(error: &serde_json::Error, text: &str) -> bool {
    let last = text.rsplit('\n').next().unwrap_or_default();
    error.is_eof() || (error.line() == text.matches('\n').count() + 1 && error.column() >= last.len())
}

/// Where in a message a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Message,
    Method,
    Params,
    FirstParam,
    Login,
    Agent,
    Result,
    Job,
    Elsewhere,
}

struct Value<'a> {
    message: &'a mut Message,
    place: Place,
}

impl Value<'_> {
    /// Writes down that the key is there. Returns where its value stands.
    fn key(&mut self, key: &str) -> Place {
        match (self.place, key) {
            (Place::Message, "method") => return Place::Method,
            (Place::Message, "params") => return Place::Params,
            (Place::Message, "result") => return Place::Result,
            (Place::Params, "login") => return Place::Login,
            (Place::Params, "agent") => return Place::Agent,
            (Place::Result, "job") => {
                self.message.job_result = true;
                return Place::Job;
            }
            (Place::Params, "pass") => self.message.pass = true,
            (Place::Params, "algo") => self.message.algorithms = true,
            (Place::Params, "rigid") => self.message.rig = true,
            (Place::Params | Place::Job, "blob") => self.message.blob = true,
            (Place::Params | Place::Job, "target") => self.message.target = true,
            (Place::Params | Place::Job, "job_id") => self.message.job_id = true,
            (Place::Params | Place::Job, "nonce") => self.message.nonce = true,
            _ => {}
        }
        Place::Elsewhere
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.place {
            Place::Elsewhere => deserializer.deserialize_ignored_any(IgnoredAny).map(drop),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let place = self.key(&key);
            map.next_value_seed(Value { message: self.message, place })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut place = if self.place == Place::Params { Place::FirstParam } else { Place::Elsewhere };
        while list.next_element_seed(Value { message: self.message, place })?.is_some() {
            place = Place::Elsewhere;
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let kept = match self.place {
            Place::Method if self.message.methods.len() < METHODS_MAX => {
                self.message.methods.push(text.to_owned());
                return Ok(());
            }
            Place::FirstParam => &mut self.message.first,
            Place::Login => &mut self.message.login,
            Place::Agent => &mut self.message.agent,
            _ => return Ok(()),
        };
        kept.get_or_insert_with(|| text.to_owned());
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}
