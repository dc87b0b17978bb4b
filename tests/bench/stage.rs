//! The agent, its subscriber and the workers: who is there while a segment is measured.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picket_tests::agent::{self, Agent};
use picket_tests::cgroup::Cgroup;
use picket_tests::container::Container;
use picket_tests::lab::Lab;
use picket_tests::scratch::write_file;
use serde_json::Value;

use crate::operation::{Files, Place};
use crate::worker::Worker;

/// After a change: what the agent does at its start, and what the kernel still cleans up, is over.
const SETTLE: Duration = Duration::from_millis(400);
const PAUSE: Duration = Duration::from_millis(50);

/// What is there while a segment is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// No agent of ours.
    Off,
    /// The agent, and nobody who subscribed.
    Default,
    /// The agent, and a subscriber that takes everything.
    Subscriber,
}

impl Variant {
    /// As the rounds name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Default => "default",
            Self::Subscriber => "subscriber",
        }
    }
}

/// Everything that lives through the run. Fields are dropped in this order.
#[derive(Debug)]
pub(crate) struct Stage {
    watch: Option<Watch>,
    agent: Option<Agent>,
    options: agent::Options,
    host: Worker,
    inside: Worker,
    _cgroup: Cgroup,
    container: Container,
    _lab: Lab,
}

impl Stage {
    /// `arguments` are for `picket run`; `reported` is the path of a file that is reported.
    pub(crate) fn set(arguments: Vec<String>, reported: &str) -> Result<Self> {
        let lab = Lab::new();
        let plain = lab.scratch().folder("plain").join("file");
        write_file(&plain, "nothing of interest\n", 0o644);
        let program = lab.image().applet("true");
        let files = Files {
            plain: plain.to_str().context("a path that is no UTF-8")?,
            reported,
            program: program.to_str().context("a path that is no UTF-8")?,
        };
        // Only its bundle is used: it gives the control group a name, as the runtime's would have.
        let container = lab.container(&["true"]);
        let cgroup = Cgroup::create(&format!("/k8s.io/{}", container.id()));
        let (host, inside) = (Worker::start(files, None)?, Worker::start(files, Some(&cgroup))?);
        let options = agent::Options { arguments, ..lab.agent_options() };
        let mut stage =
            Self { watch: None, agent: None, options, host, inside, _cgroup: cgroup, container, _lab: lab };
        stage.check()?;
        Ok(stage)
    }

    /// The worker of a place.
    pub(crate) const fn worker(&mut self, place: Place) -> &mut Worker {
        match place {
            Place::Host => &mut self.host,
            Place::Container => &mut self.inside,
        }
    }

    /// The container's worker must be in its control group, or its rows would be the host's.
    fn check(&mut self) -> Result<()> {
        // It answers when it is there.
        self.inside.calibrate("getppid")?;
        let groups = self.inside.control_groups();
        ensure!(groups.contains(self.container.id()), "the worker is not in the control group: {groups}");
        Ok(())
    }

    /// Starts and ends what this variant needs; nothing when it is there already.
    pub(crate) fn enter(&mut self, variant: Variant) -> Result<()> {
        if variant != Variant::Subscriber {
            self.watch = None;
        }
        match variant {
            Variant::Off => {
                if let Some(agent) = self.agent.take() {
                    agent.stop();
                }
            }
            Variant::Default => drop(self.agent()),
            Variant::Subscriber if self.watch.is_none() => self.watch = Some(Watch::start(self.agent())?),
            Variant::Subscriber => {}
        }
        sleep(SETTLE);
        Ok(())
    }

    fn agent(&mut self) -> &Agent {
        self.agent.get_or_insert_with(|| Agent::start(&self.options))
    }

    /// `GetStatusResponse` of the agent, if one runs. If none does, the question is asked all the same:
    /// what comes next finds the machine in the same state.
    pub(crate) fn status(&self) -> Option<Value> {
        let Some(agent) = &self.agent else {
            let mut command = Command::new(agent::binary());
            command
                .args(["status", "--connect"])
                .arg(format!("unix://{}/none", self.options.folder.display()));
            // Must fail.
            drop(command.stdin(Stdio::null()).output());
            return None;
        };
        Some(agent.status())
    }

    /// Process id of the agent, if one runs.
    pub(crate) fn agent_pid(&self) -> Option<u32> {
        self.agent.as_ref().map(Agent::pid)
    }
}

/// `picket watch` for everything, whose output nobody reads; ended when dropped.
#[derive(Debug)]
struct Watch(Child);

impl Watch {
    fn start(agent: &Agent) -> Result<Self> {
        let mut command = agent.client("watch");
        command.args(["-o", "json"]).stdout(Stdio::null());
        let mut watch = Self(command.spawn().context("cannot start picket watch")?);
        while agent.status()["subscribers"].as_array().is_none_or(Vec::is_empty) {
            let ended = watch.0.try_wait().context("our own child")?;
            ensure!(ended.is_none(), "picket watch ended: {ended:?}");
            sleep(PAUSE);
        }
        Ok(watch)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Already gone is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
