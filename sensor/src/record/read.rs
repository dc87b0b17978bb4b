//! Reading: what is wrong is refused at the frame that is wrong; all before it can be used. Any bytes are accepted,
//! and none are trusted.

use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;

use sensor_common::ABI_VERSION;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::Input;
use super::format::{
    CONTENT_BYTES_MAX, Ending, HEAD_BYTES, Head, Header, Kind, Loss, MAGIC, PREAMBLE_BYTES, VERSION,
};
use crate::detect::names::Names;
use crate::pipeline::state::{State, Waiting};

/// What is wrong, and where.
#[derive(Debug, Error)]
#[error("frame {frame} at byte {offset}: {what}")]
pub struct ReadError {
    /// Number of the frame, from 0.
    pub frame: u64,
    /// Where it begins in the file.
    pub offset: u64,
    /// What is wrong.
    pub what: Wrong,
}

/// What can be wrong.
#[derive(Debug, Error)]
pub enum Wrong {
    /// Something else than a recording.
    #[error("this is no recording of picket")]
    NoRecording,
    /// Of another version.
    #[error(
        "the recording has form {0}, and this picket reads form {VERSION}: replay it with the picket that made it"
    )]
    Version(u16),
    /// Made by kernel programs with other records.
    #[error(
        "the recording was made by picket {agent}, whose records have form {found}, and this picket reads form \
         {ABI_VERSION}: replay it with that one"
    )]
    Records {
        /// Version of the agent.
        agent: String,
        /// Form.
        found: u16,
    },
    /// The file ends too early.
    #[error("the recording is cut: it ends within this frame, or the last frame is missing")]
    Cut,
    /// Longer than any can be.
    #[error("the frame says that it has {0} bytes, which is more than any has: the recording is damaged")]
    Length(u32),
    /// Damage.
    #[error("the checksum is wrong: the recording is damaged")]
    Checksum,
    /// A later version's.
    #[error("the frame is of kind {0}, which this picket does not know: replay it with a newer one")]
    Kind(u16),
    /// Not where it belongs.
    #[error("a frame of kind {0} does not belong here")]
    Place(u16),
    /// Not what its kind has.
    #[error("the content makes no sense: {0}")]
    Content(String),
    /// Not the last one.
    #[error("there are bytes behind the last frame")]
    Behind,
    /// The file cannot be read.
    #[error("cannot read: {0}")]
    Input(io::Error),
}

/// Reads a recording, frame by frame.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    header: Header,
    frame: u64,
    /// Where the frame at hand begins.
    offset: u64,
    /// Bytes read.
    read: u64,
    ending: Option<Ending>,
    failed: bool,
}

/// A frame's content in its kind.
type Frame = (Kind, Vec<u8>);

impl<R: Read> Reader<R> {
    /// Reads what the recording begins with: who made it, and what the stages knew.
    ///
    /// # Errors
    /// When that is not whole: nothing of such a file can be used.
    pub fn open(from: R) -> Result<(Self, State), ReadError> {
        let mut reader =
            Self { from, header: Header::empty(), frame: 0, offset: 0, read: 0, ending: None, failed: false };
        let state = reader.begin().map_err(|what| reader.error(what))?;
        Ok((reader, state))
    }

    /// Who made it.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// What the last frame said, once it was read.
    #[must_use]
    pub const fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// The next input; `None` behind the last one.
    ///
    /// # Errors
    /// When the next frame is wrong. There is no way on behind it.
    pub fn next_input(&mut self) -> Result<Option<Input>, ReadError> {
        if self.ending.is_some() || self.failed {
            return Ok(None);
        }
        self.input().map_err(|what| {
            self.failed = true;
            self.error(what)
        })
    }

    const fn error(&self, what: Wrong) -> ReadError {
        ReadError { frame: self.frame, offset: self.offset, what }
    }

    fn begin(&mut self) -> Result<State, Wrong> {
        let mut preamble = [0; PREAMBLE_BYTES];
        let length = self.fill(&mut preamble)?;
        let [magic @ .., low, high, first, second] = preamble;
        if length < PREAMBLE_BYTES {
            let given = preamble.get(..length).unwrap_or_default();
            let begins = length > 0 && MAGIC.starts_with(given.get(..MAGIC.len()).unwrap_or(given));
            return Err(if begins { Wrong::Cut } else { Wrong::NoRecording });
        }
        if magic != MAGIC || [first, second] != [0, 0] {
            return Err(Wrong::NoRecording);
        }
        let version = u16::from_le_bytes([low, high]);
        if version != VERSION {
            return Err(Wrong::Version(version));
        }
        let (kind, content) = self.frame()?;
        if kind != Kind::Header {
            return Err(Wrong::Place(kind as u16));
        }
        self.header = json(&content)?;
        if self.header.abi != ABI_VERSION {
            return Err(Wrong::Records { agent: self.header.agent.clone(), found: self.header.abi });
        }
        self.state()
    }

    fn state(&mut self) -> Result<State, Wrong> {
        let (mut groups, mut processes, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        let (mut parked, mut unowned) = (Vec::new(), Vec::new());
        loop {
            let (kind, content) = self.frame()?;
            match kind {
                Kind::Groups => groups.append(&mut json(&content)?),
                Kind::Processes => processes.append(&mut json(&content)?),
                Kind::Peers => peers.append(&mut json(&content)?),
                Kind::Parked => parked.push(waiting(&content)?),
                Kind::Unowned => unowned.push(waiting(&content)?),
                Kind::Base => {
                    let base = json(&content)?;
                    return Ok(State { base, groups, processes, peers, parked, unowned });
                }
                other => return Err(Wrong::Place(other as u16)),
            }
        }
    }

    fn input(&mut self) -> Result<Option<Input>, Wrong> {
        let (kind, content) = self.frame()?;
        Ok(Some(match kind {
            Kind::Record => {
                let (now_ns, bytes) = number(&content)?;
                Input::Record { now_ns, bytes: bytes.into() }
            }
            Kind::Group => Input::Group(content.into()),
            Kind::Tick => Input::Tick { now_ns: number(&content)?.0 },
            Kind::Release => Input::Release { now_ns: number(&content)?.0 },
            Kind::Answer => {
                let (now_ns, answer) = json(&content)?;
                Input::Answer { now_ns, answer }
            }
            Kind::Removed => Input::Removed(number(&content)?.0),
            Kind::Peer => Input::Peer(json(&content)?),
            Kind::Lost => {
                let report = json::<Loss>(&content)?.report();
                Input::Lost(report.ok_or_else(|| Wrong::Content("an unknown class or reason".to_owned()))?)
            }
            Kind::Clock => Input::Clock(json(&content)?),
            Kind::Policy => Input::Policy(Arc::new(json(&content)?)),
            Kind::Names => {
                let pairs: Vec<(String, IpAddr)> = json(&content)?;
                let pairs = pairs.iter().map(|(name, address)| (name.as_str(), *address));
                Input::Names(Arc::new(Names::new(pairs)))
            }
            Kind::HostUsers => Input::HostUsers(Arc::new(json(&content)?)),
            Kind::Usage => Input::Usage(json(&content)?),
            Kind::Gap => Input::Gap(json(&content)?),
            Kind::Process => Input::Process(json(&content)?),
            Kind::End => {
                let ending = json(&content)?;
                self.next_frame();
                if self.fill(&mut [0])? > 0 {
                    return Err(Wrong::Behind);
                }
                self.ending = Some(ending);
                return Ok(None);
            }
            Kind::Header
            | Kind::Groups
            | Kind::Processes
            | Kind::Peers
            | Kind::Parked
            | Kind::Unowned
            | Kind::Base => return Err(Wrong::Place(kind as u16)),
        }))
    }

    /// The next frame, whole and unharmed.
    fn frame(&mut self) -> Result<Frame, Wrong> {
        if self.read > PREAMBLE_BYTES as u64 {
            self.next_frame();
        } else {
            self.offset = self.read;
        }
        let mut head = [0; HEAD_BYTES];
        if self.fill(&mut head)? < HEAD_BYTES {
            return Err(Wrong::Cut);
        }
        let head = Head::parse(head);
        let length = head.length as usize;
        if length > CONTENT_BYTES_MAX {
            return Err(Wrong::Length(head.length));
        }
        let mut content = Vec::new();
        let read = (&mut self.from).take(head.length.into()).read_to_end(&mut content);
        self.read += content.len() as u64;
        if read.map_err(Wrong::Input)? < length {
            return Err(Wrong::Cut);
        }
        if !head.fits(self.frame, &content) {
            return Err(Wrong::Checksum);
        }
        Ok((Kind::from_number(head.kind).ok_or(Wrong::Kind(head.kind))?, content))
    }

    const fn next_frame(&mut self) {
        self.frame += 1;
        self.offset = self.read;
    }

    /// Reads as much as there is, up to the end of `to`; how much that was.
    fn fill(&mut self, to: &mut [u8]) -> Result<usize, Wrong> {
        let mut filled = 0;
        while let Some(rest) = to.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.from.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Wrong::Input(error)),
            }
        }
        self.read += filled as u64;
        Ok(filled)
    }
}

impl Header {
    /// Nobody's, until the real one is read.
    const fn empty() -> Self {
        Self {
            agent: String::new(),
            kernel: String::new(),
            abi: 0,
            node: String::new(),
            instance: String::new(),
            clock: crate::clock::BootClock::with_offset(0),
            began_ns: 0,
            capability_last: 0,
            environment: Vec::new(),
            options: super::Options { environment: false, payload: false, anonymise: false, chosen: false },
        }
    }
}

fn json<T: DeserializeOwned>(content: &[u8]) -> Result<T, Wrong> {
    serde_json::from_slice(content).map_err(|error| Wrong::Content(error.to_string()))
}

fn number(content: &[u8]) -> Result<(u64, &[u8]), Wrong> {
    let (number, rest) =
        content.split_first_chunk().ok_or_else(|| Wrong::Content("it is too short".to_owned()))?;
    Ok((u64::from_le_bytes(*number), rest))
}

fn waiting(content: &[u8]) -> Result<Waiting, Wrong> {
    let (on, rest) = number(content)?;
    let (until_ns, record) = number(rest)?;
    Ok(Waiting { on, until_ns, record: record.into() })
}
