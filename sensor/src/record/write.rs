//! Writing: the agent makes frames of its inputs ([`Encoder`]), and who asked for them writes them down and adds the
//! last frame ([`Writer`]).

use std::io::{self, Write};

use serde::Serialize;
use thiserror::Error;

use super::anonymise::Anonymiser;
use super::format::{self, CONTENT_BYTES_MAX, Ending, HEAD_BYTES, Head, Header, Kind, PREAMBLE_BYTES};
use super::strip::strip;
use super::{Gap, Input, Options};
use crate::pipeline::state::{State, Waiting};

/// Bytes from which on frames are handed over.
const CHUNK_BYTES: usize = 256 * 1024;

/// Makes frames, in parts that end where a frame ends.
pub struct Encoder<T> {
    to: T,
    bytes: Vec<u8>,
    number: u64,
    options: Options,
    /// Names of the variables that events show.
    variables: Vec<String>,
    anonymiser: Option<Anonymiser>,
    /// The other side has gone.
    closed: bool,
}

impl<T: FnMut(Vec<u8>) -> bool> Encoder<T> {
    /// Begins with what the stages know. `to` takes what is made, and returns false if nobody wants more.
    pub fn begin(header: Header, state: State, anonymiser: Option<Anonymiser>, to: T) -> Self {
        let mut encoder = Self {
            to,
            bytes: format::preamble().to_vec(),
            number: 0,
            options: header.options,
            variables: header.environment.clone(),
            anonymiser,
            closed: false,
        };
        encoder.open(header, state);
        encoder
    }

    fn open(&mut self, mut header: Header, state: State) {
        let State { mut base, mut groups, mut processes, mut peers, parked, unowned } = state;
        if let Some(anonymiser) = &self.anonymiser {
            anonymiser.header(&mut header);
            base.policy = anonymiser.policy(&base.policy);
            base.host_users = None;
            let names: Vec<_> = base.names.iter().map(|(name, address)| (name.as_str(), *address)).collect();
            base.names = anonymiser.names(&names);
            groups.iter_mut().for_each(|group| anonymiser.group(group));
            processes.iter_mut().for_each(|process| anonymiser.process(process));
            peers.iter_mut().for_each(|news| anonymiser.peer(news));
        }
        self.json(Kind::Header, &header);
        self.list(Kind::Groups, &groups);
        self.list(Kind::Processes, &processes);
        self.list(Kind::Peers, &peers);
        for (kind, waiting) in [(Kind::Parked, parked), (Kind::Unowned, unowned)] {
            for Waiting { on, until_ns, record } in waiting {
                let record = self.clean(&record).unwrap_or_else(|| record.into_vec());
                self.put(kind, &[&on.to_le_bytes(), &until_ns.to_le_bytes(), &record]);
            }
        }
        self.json(Kind::Base, &base);
    }

    /// Adds an input.
    pub fn input(&mut self, input: Input) {
        match input {
            Input::Record { now_ns, bytes } => {
                let clean = self.clean(&bytes);
                self.put(Kind::Record, &[&now_ns.to_le_bytes(), clean.as_deref().unwrap_or(&bytes)]);
            }
            Input::Group(bytes) => {
                let clean = self.clean(&bytes);
                self.put(Kind::Group, &[clean.as_deref().unwrap_or(&bytes)]);
            }
            Input::Tick { now_ns } => self.put(Kind::Tick, &[&now_ns.to_le_bytes()]),
            Input::Release { now_ns } => self.put(Kind::Release, &[&now_ns.to_le_bytes()]),
            Input::Answer { now_ns, mut answer } => {
                if let Some(anonymiser) = &self.anonymiser {
                    anonymiser.answer(&mut answer);
                }
                self.json(Kind::Answer, &(now_ns, answer));
            }
            Input::Removed(cgroup) => self.put(Kind::Removed, &[&cgroup.to_le_bytes()]),
            Input::Peer(mut news) => {
                if let Some(anonymiser) = &self.anonymiser {
                    anonymiser.peer(&mut news);
                }
                self.json(Kind::Peer, &news);
            }
            Input::Lost(report) => self.json(Kind::Lost, &format::Loss::from(report)),
            Input::Clock(clock) => self.json(Kind::Clock, &clock),
            Input::Policy(policy) => {
                let policy = self.anonymiser.as_ref().map_or(policy.clone(), |it| it.policy(&policy));
                self.json(Kind::Policy, policy.as_ref());
            }
            Input::Names(names) => {
                let pairs: Vec<_> = names.pairs().collect();
                match &self.anonymiser {
                    Some(anonymiser) => self.json(Kind::Names, &anonymiser.names(&pairs)),
                    None => self.json(Kind::Names, &pairs),
                }
            }
            // They are nothing but names.
            Input::HostUsers(_) if self.anonymiser.is_some() => {}
            Input::HostUsers(users) => self.json(Kind::HostUsers, users.as_ref()),
            Input::Usage(usage) => self.json(Kind::Usage, &usage),
            Input::Process(mut process) => {
                if let Some(anonymiser) = &self.anonymiser {
                    anonymiser.process(&mut process);
                }
                self.json(Kind::Process, &process);
            }
            Input::Gap(gap) => self.json(Kind::Gap, &gap),
        }
    }

    /// Hands over what there is. False if nobody wants more.
    pub fn flush(&mut self) -> bool {
        if !self.closed && !self.bytes.is_empty() {
            self.closed = !(self.to)(std::mem::take(&mut self.bytes));
        }
        !self.closed
    }

    /// The record without what was not asked for; `None` if it stays as it is.
    fn clean(&self, record: &[u8]) -> Option<Vec<u8>> {
        let stripped = strip(record, self.options, &self.variables);
        match &self.anonymiser {
            Some(anonymiser) => Some(anonymiser.record(stripped.as_deref().unwrap_or(record))),
            None => stripped,
        }
    }

    fn put(&mut self, kind: Kind, parts: &[&[u8]]) {
        if self.closed {
            return;
        }
        let content = parts.concat();
        // Records are bounded by the ring, and lists are split; what is too long would be a single fact of megabytes.
        if format::put(self.number, kind, &content, &mut self.bytes) {
            self.number += 1;
        }
        if self.bytes.len() >= CHUNK_BYTES {
            self.flush();
        }
    }

    fn json(&mut self, kind: Kind, value: &impl Serialize) {
        // These values have nothing that JSON does not have: no maps with other keys than text, no failing parts.
        if let Ok(content) = serde_json::to_vec(value) {
            self.put(kind, &[&content]);
        }
    }

    /// A list, in as many frames as it needs.
    fn list(&mut self, kind: Kind, values: &[impl Serialize]) {
        let mut content = vec![b'['];
        for value in values {
            let Ok(one) = serde_json::to_vec(value) else { continue };
            if content.len() > 1 && content.len() + one.len() > CHUNK_BYTES {
                content.push(b']');
                self.put(kind, &[&content]);
                content.truncate(1);
            }
            if content.len() > 1 {
                content.push(b',');
            }
            content.extend(one);
        }
        if content.len() > 1 {
            content.push(b']');
            self.put(kind, &[&content]);
        }
    }
}

impl<T> std::fmt::Debug for Encoder<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Encoder").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Why a recording cannot be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The file.
    #[error("cannot write the recording: {0}")]
    Output(#[from] io::Error),
    /// The other side.
    #[error("the agent sent something that is no recording, {written} frames after its beginning")]
    Broken {
        /// Frames before.
        written: u64,
    },
}

/// Writes down what an [`Encoder`] made.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    bytes: u64,
    bytes_max: u64,
    frames: u64,
    ending: Ending,
    begun: bool,
}

impl<W: Write> Writer<W> {
    /// Writes at most so many bytes, the last frame aside.
    pub const fn new(to: W, bytes_max: u64) -> Self {
        let ending = Ending { inputs: 0, gaps: 0, lost: 0, reason: String::new() };
        Self { to, bytes: 0, bytes_max, frames: 0, ending, begun: false }
    }

    /// Writes the next part. False if the bound is reached: what did not fit is left out.
    ///
    /// # Errors
    /// When it cannot be written, or is no part of a recording.
    pub fn append(&mut self, mut part: &[u8]) -> Result<bool, WriteError> {
        if !self.begun {
            let (preamble, rest) = part.split_at_checked(PREAMBLE_BYTES).ok_or_else(|| self.broken())?;
            self.write(preamble)?;
            self.begun = true;
            part = rest;
        }
        while !part.is_empty() {
            let (head, rest) = part.split_first_chunk::<HEAD_BYTES>().ok_or_else(|| self.broken())?;
            let head_bytes = head;
            let head = Head::parse(*head_bytes);
            let (content, rest) = rest.split_at_checked(head.length as usize).ok_or_else(|| self.broken())?;
            if !head.fits(self.frames, content) {
                return Err(self.broken());
            }
            if self.bytes + (HEAD_BYTES + content.len()) as u64 > self.bytes_max {
                return Ok(false);
            }
            self.write(head_bytes)?;
            self.write(content)?;
            self.count(head.kind, content);
            part = rest;
        }
        Ok(true)
    }

    /// Writes the last frame.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(mut self, reason: &str) -> Result<(Ending, u64), WriteError> {
        reason.clone_into(&mut self.ending.reason);
        let content = serde_json::to_vec(&self.ending).map_err(io::Error::from)?;
        let mut frame = Vec::new();
        if !format::put(self.frames, Kind::End, &content, &mut frame) {
            return Err(self.broken());
        }
        self.write(&frame)?;
        self.to.flush()?;
        Ok((self.ending, self.bytes))
    }

    fn count(&mut self, kind: u16, content: &[u8]) {
        self.frames += 1;
        match Kind::from_number(kind) {
            Some(Kind::Gap) => {
                self.ending.gaps += 1;
                let gap = serde_json::from_slice::<Gap>(content).unwrap_or_default();
                self.ending.lost += gap.inputs;
            }
            Some(kind) => self.ending.inputs += u64::from(kind.is_input()),
            None => {}
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.to.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    const fn broken(&self) -> WriteError {
        WriteError::Broken { written: self.frames }
    }
}

const _: () = assert!(CHUNK_BYTES < CONTENT_BYTES_MAX);
