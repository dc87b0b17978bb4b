//! Services that are made to run somebody's commands: children that a server starts, and what these do.

mod about;
mod command;

use std::collections::VecDeque;

use sensor_common::class::Class;

use self::about::SERVICE;
use self::command::Weight;
use super::distinct::hash;
use super::{About, Behaviour, Bounds, hand};
use crate::bounded::{Bounded, Table};
use crate::detect::finding::{Finding, Severity};
use crate::detect::scene::Scene;
use crate::policy::Judged;
use crate::process::{Key, Process};

/// Programs of a container that listen, and are kept.
const LISTENERS: usize = 8;
/// Commands of one service that are kept.
const COMMANDS: usize = 12;
/// Longest command that is shown, in characters.
const SHOWN: usize = 120;
/// Commands that are further apart do not belong together.
const APART_NS: u64 = 600_000_000_000;
/// What a service did so often and for so long is its habit.
const HABIT: u32 = 3;
const HABIT_NS: u64 = 1_200_000_000_000;
/// A minute, in nanoseconds.
const MINUTE: u64 = 60_000_000_000;
/// Services by the names of their programs. Others are known by what they do: they listen.
const FAMILIES: [&str; 45] = [
    "apache2",
    "beam.smp",
    "caddy",
    "clickhouse-server",
    "consul",
    "coredns",
    "dotnet",
    "envoy",
    "etcd",
    "exim4",
    "gitea",
    "grafana",
    "grafana-server",
    "gunicorn",
    "haproxy",
    "httpd",
    "influxd",
    "java",
    "lighttpd",
    "mariadbd",
    "memcached",
    "minio",
    "mongod",
    "mongos",
    "mysqld",
    "named",
    "nats-server",
    "nginx",
    "node",
    "nodejs",
    "php-cgi",
    "php-fpm",
    "postgres",
    "prometheus",
    "proftpd",
    "puma",
    "redis-server",
    "traefik",
    "unbound",
    "unicorn",
    "uwsgi",
    "valkey-server",
    "vault",
    "vsftpd",
    "w3wp",
];
/// Of these, what never starts another program in its work.
const ALONE: [&str; 20] = [
    "caddy",
    "coredns",
    "envoy",
    "etcd",
    "haproxy",
    "influxd",
    "mariadbd",
    "memcached",
    "minio",
    "mongod",
    "mongos",
    "mysqld",
    "named",
    "nats-server",
    "nginx",
    "redis-server",
    "traefik",
    "unbound",
    "valkey-server",
    "vault",
];
/// Whose work it is to run what others tell: words of the command line of the service or of who started it.
const RUNNERS: [&str; 14] = [
    "jenkins",
    "agent.jar",
    "slave.jar",
    "remoting",
    "airflow",
    "gitlab-runner",
    "act_runner",
    "jupyter",
    "code-server",
    "rundeck",
    "ansible",
    "celery",
    "buildkite",
    "teamcity",
];

/// The behaviour.
#[derive(Debug)]
pub(super) struct Service {
    places: Bounded<u64, Place>,
    habits: Bounded<u32, Habit>,
}

/// What is remembered of a container.
#[derive(Debug, Default)]
struct Place {
    /// Programs that listen.
    listeners: VecDeque<u32>,
    /// What its services were seen to run.
    commands: VecDeque<Command>,
    told: Option<(u64, usize)>,
}

#[derive(Debug)]
struct Command {
    at_ns: u64,
    service: Key,
    weight: usize,
    text: String,
}

/// What a service of an image did before.
#[derive(Debug)]
struct Habit {
    first_ns: u64,
    last_ns: u64,
    times: u32,
}

/// What it can find.
static ALL: [&About; 1] = [&SERVICE];

impl Service {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { places: Bounded::new(bounds.entries_max / 4), habits: Bounded::new(bounds.entries_max) }
    }

    fn listens(&mut self, scene: &Scene<'_>) {
        let Some(process) = scene.process() else { return };
        let program = hash(&process.program.executable);
        let place = self.places.entry(scene.cgroup(), Place::default);
        if !place.listeners.contains(&program) {
            if place.listeners.len() >= LISTENERS {
                place.listeners.pop_front();
            }
            place.listeners.push_back(program);
        }
    }

    /// The service that made the process start: the nearest ancestor that is no shell and no tool.
    fn service<'a>(&self, scene: &Scene<'a>) -> Option<&'a Process> {
        let service =
            scene.lineage().find(|ancestor| !hand::is_shell(ancestor) && !hand::is_tool(ancestor))?;
        let listeners = self.places.peek(&scene.cgroup()).map(|place| &place.listeners);
        let listens =
            listeners.is_some_and(|listeners| listeners.contains(&hash(&service.program.executable)));
        (listens || is_family(service)).then_some(service)
    }

    fn began(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(process) = scene.process() else { return };
        let Some(weight) = command::weight(process) else { return };
        let Some(service) = self.service(scene) else { return };
        if hand::is_login_server(service) || is_runner(scene) || hand::is_building(scene) {
            return;
        }
        // A server that starts nothing by itself, and a shell or anything else below it.
        let alone = ALONE.binary_search(&hand::name(service)).is_ok();
        let points = match weight {
            Weight::Shell => return self.noted(scene, service, process),
            weight => weight.points() + usize::from(alone),
        };
        if self.is_habit(scene, service, process) {
            return;
        }
        let key = service.key;
        self.noted(scene, service, process);
        let now_ns = scene.time_ns();
        let place = self.places.entry(scene.cgroup(), Place::default);
        if let Some(command) = place.commands.back_mut() {
            command.weight = points;
        }
        let sum = place.commands.iter().map(|command| command.weight).sum();
        let more = place
            .told
            .is_none_or(|(at_ns, before)| now_ns.saturating_sub(at_ns) > APART_NS || sum >= 2 * before + 4);
        if sum < 2 || !more {
            return;
        }
        place.told = Some((now_ns, sum));
        found(place.finding(scene, service, key, sum));
    }

    /// Remembers a command, which counts for nothing yet.
    fn noted(&mut self, scene: &Scene<'_>, service: &Process, process: &Process) {
        let now_ns = scene.time_ns();
        let place = self.places.entry(scene.cgroup(), Place::default);
        place.commands.retain(|command| now_ns.saturating_sub(command.at_ns) < APART_NS);
        if place.commands.len() >= COMMANDS {
            place.commands.pop_front();
        }
        let text = process.program.command_line.whole().chars().take(SHOWN).collect();
        place.commands.push_back(Command { at_ns: now_ns, service: service.key, weight: 0, text });
    }

    /// Counts a command of a service of this image. True if it always did so.
    fn is_habit(&mut self, scene: &Scene<'_>, service: &Process, process: &Process) -> bool {
        let image = scene.container().map(|known| known.container.image.as_str());
        let (line, now_ns) = (process.program.command_line.whole(), scene.time_ns());
        let key = hash((image, &service.program.executable, line));
        let habit = self.habits.entry(key, || Habit { first_ns: now_ns, last_ns: now_ns, times: 0 });
        // Many at once are one time.
        if habit.times == 0 || now_ns.saturating_sub(habit.last_ns) >= MINUTE {
            habit.times = habit.times.saturating_add(1);
            habit.last_ns = now_ns;
        }
        habit.times > HABIT && now_ns.saturating_sub(habit.first_ns) >= HABIT_NS
    }
}

impl Place {
    fn finding(&self, scene: &Scene<'_>, service: &Process, key: Key, sum: usize) -> Finding {
        let name = hand::name(service);
        let late = scene.time_ns().saturating_sub(service.start_ns) > 5 * MINUTE;
        let confidence = match (sum, late) {
            (0..=2, false) => 0.7,
            (0..=2, true) | (3..=4, false) => 0.8,
            _ => 0.92,
        };
        let summary = format!(
            "The service {name} was made to run commands that only a person would give: somebody executes code in it from outside."
        );
        let mut finding = SERVICE.finding(Severity::Critical, confidence, summary);
        let minutes = scene.time_ns().saturating_sub(service.start_ns) / MINUTE;
        finding.evidence.push(format!("{} runs since {minutes} minutes.", hand::told(Some(service), key)));
        let of_service = self.commands.iter().filter(|command| command.service == key);
        finding.evidence.extend(of_service.map(|command| format!("It started: {}", command.text)));
        finding
    }
}

/// Known by its name, without a version.
fn is_family(process: &Process) -> bool {
    let name = hand::name(process);
    let plain = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    !hand::is_dropped(process)
        && (FAMILIES.binary_search(&name).is_ok() || FAMILIES.binary_search(&plain).is_ok())
}

/// The service or one above it runs what others tell it, as its work.
fn is_runner(scene: &Scene<'_>) -> bool {
    scene.lineage().any(|process| {
        let line = process.program.command_line.whole();
        RUNNERS.iter().any(|word| line.contains(word))
            && !hand::is_dropped(process)
            && !hand::is_shell(process)
    })
}

impl Behaviour for Service {
    fn about(&self) -> &'static [&'static About] {
        &ALL
    }

    fn wanted(&self) -> Judged {
        let classes = [Class::ProcessExec, Class::NetListen];
        Judged { containers: classes.iter().fold(0, |bits, class| bits | class.bit()), host: 0, names: false }
    }

    fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        if scene.container().is_none() {
            return;
        }
        match scene.class() {
            Class::ProcessExec => self.began(scene, found),
            Class::NetListen if scene.socket().is_some_and(|socket| matches!(socket.family, 2 | 10)) => {
                self.listens(scene)
            }
            _ => {}
        }
    }

    fn removed(&mut self, cgroup: u64) {
        self.places.remove(&cgroup);
    }

    fn table(&self) -> Table {
        self.places.table().and(self.habits.table())
    }
}

#[cfg(test)]
mod tests;
