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
        // Every file of a container is told, whatever its path.
        options.settings = vec![
            ("PICKET_FILES_SENSITIVE", "/**".to_owned()),
            ("PICKET_FILES_QUIET", String::new()),
            // Of the host, what the settings leave out as well.
            ("PICKET_EVENTS_HOST", "process,container,network,privilege".to_owned()),
        ];
        self.agent.get_or_insert_with(|| Agent::start(&options))
    }

    /// The agent that tests share, if it was started.
    #[must_use]
    pub const fn running(&self) -> Option<&Agent> {
        self.agent.as_ref()
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

    /// Ends the shared agent, which must end cleanly.
    pub fn finish(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.stop();
        }
    }

    /// End of the shared agent's log, for a test that failed.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.agent.as_ref().map(Agent::log_tail).unwrap_or_default()
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
