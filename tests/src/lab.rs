//! What every test is given: a scratch folder, an image, a state folder, and an agent that watches it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::agent::{self, Agent, BackEnd};
use crate::client::{Client, Filters};
use crate::container::{self, Container, Names};
use crate::image::Image;
use crate::scratch::{Scratch, make_folder};

/// Folders shared by the tests, and the agent that most of them share.
#[derive(Debug)]
pub struct Lab {
    agent: Option<Agent>,
    ruled: Option<Agent>,
    back_end: BackEnd,
    image: Image,
    state: PathBuf,
    runc_root: PathBuf,
    // Last, so that it is dropped after what lives in it.
    scratch: Scratch,
}

impl Lab {
    /// Makes the folders and the image.
    #[must_use]
    pub fn new() -> Self {
        let scratch = Scratch::new();
        let state = scratch.path().join("state");
        make_folder(&state);
        let image = Image::create(scratch.folder("image"));
        Self {
            agent: None,
            ruled: None,
            back_end: BackEnd::Auto,
            image,
            state,
            runc_root: scratch.path().join("runc"),
            scratch,
        }
    }

    /// The scratch folder.
    #[must_use]
    pub const fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// The image, whose programs serve on the host as well.
    #[must_use]
    pub const fn image(&self) -> &Image {
        &self.image
    }

    /// The state folder that the agents are given.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Agents that start from now on use this back end.
    pub fn use_back_end(&mut self, back_end: BackEnd) {
        self.back_end = back_end;
    }

    /// The agent that tests share; started when the first one asks, and again after it ended.
    pub fn agent(&mut self) -> &Agent {
        let alive = self.agent.as_mut().is_some_and(|agent| agent.ended().is_none());
        if !alive {
            self.agent = None;
        }
        let mut options = self.agent_options();
        options.settings = everything();
        self.agent.get_or_insert_with(|| Agent::start(&options))
    }

    /// The agent that tests share, if it was started.
    #[must_use]
    pub const fn running(&self) -> Option<&Agent> {
        self.agent.as_ref()
    }

    /// The agent that the tests of some rules share: as [`Lab::agent`], of which the first who asks says what else
    /// it is told. It ends with the other one.
    pub fn agent_with_rules(&mut self, more: impl FnOnce(&mut agent::Options)) -> &Agent {
        let mut options = self.agent_options();
        options.settings = everything();
        self.ruled.get_or_insert_with(|| {
            more(&mut options);
            Agent::start(&options)
        })
    }

    /// Options for an agent of a test's own, with a socket of its own and the same state folder.
    #[must_use]
    pub fn agent_options(&self) -> agent::Options {
        agent::Options {
            folder: self.scratch.folder("agent"),
            states: vec![self.state.clone()],
            back_end: self.back_end,
            arguments: Vec::new(),
            settings: Vec::new(),
            through: Vec::new(),
        }
    }

    /// An agent of a test's own with a settings file of this text.
    #[must_use]
    pub fn agent_with(&self, settings: &str) -> Agent {
        Agent::start(&self.agent_options().with_settings(settings))
    }

    /// Ends the shared agents, which must end cleanly.
    pub fn finish(&mut self) {
        for agent in [self.agent.take(), self.ruled.take()].into_iter().flatten() {
            agent.stop();
        }
    }

    /// End of the shared agents' logs, for a test that failed.
    #[must_use]
    pub fn log_tail(&self) -> String {
        [&self.agent, &self.ruled].into_iter().flatten().map(Agent::log_tail).collect()
    }

    /// Subscribes to the shared agent.
    pub fn subscribe(&mut self, filters: &Filters) -> Client {
        Client::subscribe(self.agent(), filters)
    }

    /// Subscribes to everything of the shared agent.
    pub fn watch(&mut self) -> Client {
        self.subscribe(&Filters::default())
    }

    /// Options of a container that runs these arguments.
    #[must_use]
    pub fn container_options(&self, arguments: &[&str]) -> container::Options {
        container::Options {
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            names: Names::new(),
            sandbox: false,
            user: 0,
            capabilities: Vec::new(),
            privileged: false,
            console: None,
            state: self.state.clone(),
            image: self.image.root().to_owned(),
            runc_root: self.runc_root.clone(),
        }
    }

    /// A container that will run these arguments.
    #[must_use]
    pub fn container(&self, arguments: &[&str]) -> Container {
        Container::create(&self.container_options(arguments))
    }

    /// A program of busybox on the host.
    #[must_use]
    pub fn host(&self, applet: &str) -> Command {
        Command::new(self.image.applet(applet))
    }

    /// Reads everything that happened before now.
    pub fn fence(&self, client: &mut Client) {
        client.fence(&self.image.applet("true"));
    }
}

/// Settings with which every file of a container is told, whatever its path, and of the host what the usual ones
/// leave out as well.
#[must_use]
pub fn everything() -> Vec<(&'static str, String)> {
    vec![
        ("PICKET_FILES_SENSITIVE", "/**".to_owned()),
        ("PICKET_FILES_QUIET", String::new()),
        ("PICKET_EVENTS_HOST", "process,container,network,privilege".to_owned()),
    ]
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

/// A text that no other process has as an argument.
#[must_use]
pub fn marker(name: &str) -> String {
    format!("picket-{name}-{}", container::random_hex(6))
}
