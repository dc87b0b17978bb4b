//! Follows all objects of one kind: a list that the API server answers from its memory, then a watch that is
//! resumed where it broke off.

use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::time::Duration;

use futures_util::{AsyncBufRead, AsyncBufReadExt as _};
use kube::Client;
use tokio::sync::mpsc::Sender;

use super::health::{Part, Reporter};
use super::objects::{Event, Object, Rest};
use super::split::{Form, Splitter};
use super::trouble::{self, Trouble};

/// A change of the followed objects.
#[derive(Debug)]
pub(super) enum Change<T> {
    /// All are told anew.
    Begin,
    /// It is there, as it is now.
    There(T),
    /// It is gone; how it was last.
    Gone(T),
    /// All that are there were told.
    End,
}

/// How patient a follower is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// First pause after an error; each further one in a row is twice as long.
    pub(super) pause: Duration,
    /// Longest pause.
    pub(super) pause_max: Duration,
    /// Longest silence of a watch: bookmarks come every minute.
    pub(super) silence: Duration,
    /// Shortest time that a watch is asked for; the longest is a fifth longer.
    pub(super) watch: Duration,
    /// How long what is gone stays known: its last events may still be on their way.
    pub(super) stay: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pause: Duration::from_secs(1),
            pause_max: Duration::from_secs(60),
            silence: Duration::from_secs(300),
            watch: Duration::from_secs(1500),
            stay: Duration::from_secs(60),
        }
    }
}

impl Pace {
    /// Pause after so many errors in a row: half of it by chance, so that not all nodes come at once.
    pub(super) fn after(&self, failures: u32) -> Duration {
        let whole = self.pause.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.pause_max);
        whole / 2 + by_chance(whole / 2)
    }
}

/// Any time up to `most`.
fn by_chance(most: Duration) -> Duration {
    const PARTS: u32 = 1024;
    let chance = RandomState::new().hash_one(0u8) % u64::from(PARTS);
    most / PARTS * u32::try_from(chance).unwrap_or(0)
}

/// What is followed.
#[derive(Clone)]
pub(super) struct Follower {
    pub(super) client: Client,
    pub(super) part: Part,
    /// Path of the list, as in `/api/v1/pods`.
    pub(super) path: &'static str,
    /// Field selector, as it stands in a query; empty for all.
    pub(super) selector: String,
    pub(super) pace: Pace,
    pub(super) reporter: Reporter,
}

/// An answer that is coming in.
struct Answer {
    reader: Pin<Box<dyn AsyncBufRead + Send>>,
    splitter: Splitter,
}

/// How a request ended that was answered.
enum Outcome {
    /// The server ended it.
    Whole,
    /// The connection broke after something had come.
    BrokeOff,
    /// Nothing came: no failure, and yet not to be repeated at once.
    Nothing,
}

/// Nobody wants to know any more.
struct Ended;

enum Stop {
    Ended,
    Trouble(Trouble),
}

impl From<Ended> for Stop {
    fn from(_: Ended) -> Self {
        Self::Ended
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Follower {
    /// Works until nobody wants to know any more.
    pub(super) async fn run<T: Object>(self, changes: Sender<Change<T>>) {
        let mut version = None;
        let mut failures = 0;
        loop {
            let result = match &mut version {
                None => self.list(&changes).await.map(|listed| {
                    version = Some(listed);
                    Outcome::Whole
                }),
                Some(version) => self.watch(version, &changes).await,
            };
            match result {
                Ok(Outcome::Whole) => {
                    failures = 0;
                    continue;
                }
                Ok(Outcome::BrokeOff) => failures = 0,
                Ok(Outcome::Nothing) => {}
                Err(Stop::Ended) => return,
                Err(Stop::Trouble(Trouble::Expired)) => version = None,
                Err(Stop::Trouble(Trouble::Broken(text) | Trouble::Text(text))) => {
                    self.reporter.trouble(self.part, text);
                }
            }
            failures += 1;
            tokio::time::sleep(self.pace.after(failures)).await;
            if changes.is_closed() {
                return;
            }
        }
    }

    /// Tells all that are there; the result is the version of the list.
    async fn list<T: Object>(&self, changes: &Sender<Change<T>>) -> Result<String, Stop> {
        // Version 0 asks for what the API server has in memory; it need not ask its store.
        let mut answer = self.ask(&self.query("resourceVersion=0"), Form::List).await?;
        told(changes, Change::Begin).await?;
        while let Some(objects) = self.next(&mut answer).await? {
            for object in objects {
                match serde_json::from_slice::<T>(&object) {
                    Ok(object) => told(changes, Change::There(object)).await?,
                    Err(error) => self.reporter.refused(self.part, &error.to_string()),
                }
            }
        }
        let rest = answer.splitter.rest().and_then(|rest| serde_json::from_slice::<Rest>(rest).ok());
        let version = rest.map(|rest| rest.metadata.resource_version).filter(|version| !version.is_empty());
        let version = version.ok_or_else(|| Trouble::Text(trouble::cut_off(self.part)))?;
        told(changes, Change::End).await?;
        Ok(version)
    }

    /// Tells what changes after `version`, which goes on with it.
    async fn watch<T: Object>(
        &self,
        version: &mut String,
        changes: &Sender<Change<T>>,
    ) -> Result<Outcome, Stop> {
        let seconds = (self.pace.watch + by_chance(self.pace.watch / 5)).as_secs();
        let query = self.query(&format!(
            "watch=1&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={version}"
        ));
        let mut answer = self.ask(&query, Form::Watch).await?;
        let mut came = false;
        loop {
            let objects = match self.next(&mut answer).await {
                Ok(Some(objects)) => objects,
                Ok(None) => return Ok(if came { Outcome::Whole } else { Outcome::Nothing }),
                // Proxies end what is idle, servers are started anew: it goes on where it was.
                Err(Trouble::Broken(text)) if came => {
                    tracing::debug!(of = self.part.name(), text, "a watch broke off");
                    return Ok(Outcome::BrokeOff);
                }
                Err(trouble) => return Err(trouble.into()),
            };
            for object in objects {
                let change = match serde_json::from_slice::<Event<T>>(&object) {
                    Ok(Event::Added(object) | Event::Modified(object)) => {
                        object.version().clone_into(version);
                        Change::There(object)
                    }
                    Ok(Event::Deleted(object)) => {
                        object.version().clone_into(version);
                        Change::Gone(object)
                    }
                    Ok(Event::Bookmark(mark)) => {
                        *version = mark.metadata.resource_version;
                        came = true;
                        continue;
                    }
                    Ok(Event::Error(fault)) => return Err(trouble::of_fault(self.part, &fault).into()),
                    Err(error) => {
                        self.reporter.refused(self.part, &error.to_string());
                        continue;
                    }
                };
                came = true;
                told(changes, change).await?;
            }
        }
    }

    fn query(&self, what: &str) -> String {
        let selector = if self.selector.is_empty() {
            String::new()
        } else {
            format!("&fieldSelector={}", self.selector)
        };
        format!("{}?{what}{selector}", self.path)
    }

    async fn ask(&self, query: &str, form: Form) -> Result<Answer, Trouble> {
        let request = http::Request::get(query).body(Vec::new()).map_err(|error| broken(&error))?;
        let asked = self.client.request_stream(request);
        let answer = tokio::time::timeout(self.pace.silence, asked).await.map_err(|_| self.silent())?;
        let reader = answer.map_err(|error| trouble::of_request(self.part, &error))?;
        self.reporter.fine(self.part);
        Ok(Answer { reader: Box::pin(reader), splitter: Splitter::new(form) })
    }

    /// The objects of the next piece of an answer, there may be none; `None` at its end.
    async fn next(&self, answer: &mut Answer) -> Result<Option<Vec<Vec<u8>>>, Trouble> {
        let Answer { reader, splitter } = answer;
        let piece = tokio::time::timeout(self.pace.silence, reader.fill_buf());
        let piece = piece.await.map_err(|_| self.silent())?.map_err(|error| broken(&error))?;
        if piece.is_empty() {
            return Ok(None);
        }
        self.reporter.spoke();
        let length = piece.len();
        let mut objects = Vec::new();
        let result = splitter.push(piece, |object| objects.push(object.to_vec()));
        reader.as_mut().consume(length);
        result.map_err(|error| Trouble::Text(format!("{}: {error}", self.part.name())))?;
        Ok(Some(objects))
    }

    fn silent(&self) -> Trouble {
        Trouble::Broken(format!(
            "the API server says nothing of {} for {} seconds",
            self.part.name(),
            self.pace.silence.as_secs()
        ))
    }
}

fn broken(error: &dyn std::error::Error) -> Trouble {
    Trouble::Broken(trouble::unreachable(error))
}

async fn told<T>(changes: &Sender<Change<T>>, change: Change<T>) -> Result<(), Ended> {
    changes.send(change).await.map_err(|_| Ended)
}

#[cfg(test)]
mod tests;
