//! Every kind of workload that users have: each event of each container names it.

mod debug;
mod kinds;
mod manifest;
mod pods;

use std::collections::BTreeSet;

use picket_tests::client::{Client, last_argument};
use picket_tests::expect::text;
use picket_tests::lab::marker;
use picket_tests::runner::plain::Test;
use serde_json::Value;

pub(crate) use manifest::{container, pod, spec};
pub(crate) use pods::Manifest;

use crate::kubectl::Namespace;
use crate::world::World;

pub(crate) const TESTS: &[Test<World>] = &[
    ("workloads::deployment", kinds::deployment),
    ("workloads::stateful_set", kinds::stateful_set),
    ("workloads::daemon_set", kinds::daemon_set),
    ("workloads::job", kinds::job),
    ("workloads::jobs_of_a_cron_job", kinds::cron_job),
    ("workloads::init_container", pods::init_container),
    ("workloads::two_containers", pods::two_containers),
    ("workloads::shared_processes", pods::shared_processes),
    ("workloads::of_the_host", pods::of_the_host),
    ("workloads::static_pod", pods::static_pod),
    ("workloads::crash_loop", pods::crash_loop),
    ("workloads::deleted_at_once", pods::deleted_at_once),
    ("workloads::exec", debug::exec),
    ("workloads::ephemeral_container", debug::ephemeral_container),
];

/// A namespace with a workload, and what was told meanwhile.
pub(crate) struct Scene {
    namespace: Namespace,
    pub(crate) client: Client,
    /// In the arguments of this scene's processes.
    marker: String,
}

impl Scene {
    pub(crate) fn open(world: &World, name: &str) -> Self {
        let marker = marker(name);
        let client = world.watch();
        Self { namespace: Namespace::create(&marker), client, marker }
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace.0
    }

    pub(crate) fn apply(&self, objects: &[Value]) {
        crate::kubectl::apply(self.namespace(), objects);
    }

    /// A container that marks its program with the scene and its own name, and then sleeps.
    pub(crate) fn sleeper(&self, name: &str) -> Value {
        container(name, "id; exec sleep 3600", &self.mark(name))
    }

    /// The last argument of the first program of a container.
    pub(crate) fn mark(&self, name: &str) -> String {
        format!("{}-{name}", self.marker)
    }

    /// Waits until the programs of `count` containers of this name have been told.
    pub(crate) fn wait_for(&mut self, name: &str, count: usize) {
        let mark = self.mark(name);
        let mut seen = BTreeSet::new();
        while seen.len() < count {
            let event = self.client.wait_for(&format!("exec {} of {name}", seen.len() + 1), |event| {
                text(event, "class") == "PROCESS_EXEC"
                    && last_argument(event) == Some(mark.as_str())
                    && !seen.contains(text(event, "process.execId"))
            });
            assert_eq!(text(&event, "container.name"), name, "{event}");
            seen.insert(text(&event, "process.execId").to_owned());
        }
    }

    /// Holds all that was told of the namespace's pods against the API server; there must be events of at least
    /// `containers` containers, sandboxes included.
    pub(crate) fn close(mut self, world: &World, containers: usize) {
        world.fence(&mut self.client);
        let events = self.client.all(|_| true);
        let judgement = world.pods().judge(&events, self.namespace());
        judgement.must_be_right();
        let seen = judgement.containers.len();
        assert!(seen >= containers, "events of {seen} containers, and there were {containers}");
    }

    /// Reads until the agent ends; the namespace stays.
    pub(crate) fn until_the_end(mut self) -> (Namespace, Vec<Value>) {
        let mut events = self.client.all(|_| true);
        events.extend(self.client.rest());
        (self.namespace, events)
    }
}
