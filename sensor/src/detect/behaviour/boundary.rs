//! The boundary of containers: what each was given when it began, and what its programs have beyond that, however they
//! came by it.
//!
//! The runtime works in the container's control group before the container's own first program, with the namespaces and
//! rights of the node (`runc init`). So the baseline is taken from the first program that somebody outside of the control
//! group started in a mount namespace of its own; and what runs there without such a program among its ancestors is the
//! runtime's. Who enters later from outside (`kubectl exec`) brings rights along, which count as given.

mod about;
mod baseline;
mod crossing;
mod group;
mod kernel;
mod powerful;
mod program;
mod reach;
mod rights;
mod surface;

use std::sync::Arc;

use sensor_common::class::{Class, Family};

use self::{
    baseline::{Baseline, Now, Seen, belong_together, foreign},
    kernel::Setters,
};
use super::super::{
    finding::{Finding, Severity},
    namespace::Kind,
    scene::Scene,
};
use super::{About, Behaviour, Bounds, Late, agents::is_agents_work};
use crate::bounded::{Bounded, Table};
use crate::event::{Facts, process::Exec};
use crate::identity::store::Known;
use crate::policy::Judged;

/// Most findings that wait for the next tick.
const LATE_MAX: usize = 64;

/// The behaviour.
#[derive(Debug)]
pub(super) struct Boundary {
    /// By id of the container.
    baselines: Bounded<Arc<str>, Baseline>,
    /// Containers by the control group in which they began.
    groups: Bounded<u64, Arc<str>>,
    /// Control groups that were made while the sensor watched.
    born: Bounded<u64, ()>,
    /// Containers by the namespaces in which they began.
    spaces: Bounded<u32, Arc<str>>,
    /// Containers by the device of their root file system.
    roots: Bounded<u32, Arc<str>>,
    /// Who wrote which program the kernel is to run.
    setters: Setters,
    late: Vec<Late>,
}

impl Boundary {
    pub(super) fn new(bounds: Bounds) -> Self {
        let most = bounds.entries_max;
        Self {
            baselines: Bounded::new(most),
            groups: Bounded::new(most),
            born: Bounded::new(most),
            spaces: Bounded::new(most.saturating_mul(4)),
            roots: Bounded::new(most),
            setters: Setters::default(),
            late: Vec::new(),
        }
    }

    fn executed(&mut self, scene: &Scene<'_>, exec: &Exec<'_>, found: &mut dyn FnMut(Finding)) {
        let Some(known) = scene.container() else {
            self.ran_by_kernel(scene, exec, found);
            self.strayed(scene, found);
            return;
        };
        if self.begins(scene, known, exec) {
            self.strayed(scene, found);
            powerful::judge(scene, self.baselines.peek(known.container.id.as_str()), known, exec, found);
            return;
        }
        let Some(baseline) = self.baselines.peek(known.container.id.as_str()) else { return };
        if baseline.has_member(scene) {
            self.compare(scene, known, found);
            // Who works with other files altogether is told of by that.
            if !baseline::is_nodes(scene, Kind::Mnt, exec.record.namespaces.mnt) {
                program::judge(scene, known, baseline, exec, found);
            }
        }
    }

    /// Whether a program begins the container, or comes into it from outside: then its standing was given to it.
    fn begins(&mut self, scene: &Scene<'_>, known: &Known, exec: &Exec<'_>) -> bool {
        let namespaces = &exec.record.namespaces;
        let standing = scene.standing().and_then(|standing| standing.namespaces);
        let stood = standing.map(|namespaces| namespaces.mnt);
        let is_outer = baseline::is_nodes(scene, Kind::Mnt, namespaces.mnt);
        if let Some(baseline) = self.baselines.get_mut(known.container.id.as_str()) {
            if baseline.has_ended(scene) {
                baseline.first = scene.key();
            }
            // A member cannot make itself one that comes from outside by a parent that is (CLONE_PARENT).
            if !scene.is_from_outside() || stood == Some(baseline.namespaces.mnt) {
                return false;
            }
            let is_other = namespaces.mnt != baseline.namespaces.mnt;
            if is_outer || stood == Some(namespaces.mnt) && is_other {
                // The runtime has not entered it yet.
                return true;
            }
            if !is_other && baseline.seen != Seen::SetUp {
                baseline.admit(&exec.record);
                return true;
            }
        } else if is_outer || stood == Some(namespaces.mnt) && scene.is_from_outside() {
            // A program of the runtime, or one that runs where its container is a machine (kata).
            return false;
        }
        // Else somebody entered a container that was there before the sensor.
        let is_first = exec.record.container_pid == 1 || self.born.peek(&scene.cgroup()).is_some();
        let seen = match (scene.is_from_outside(), stood) {
            (true, Some(_)) if is_first => Seen::Start,
            (true, _) => Seen::Later,
            (_, Some(stood)) if stood != namespaces.mnt => Seen::SetUp,
            _ => Seen::Later,
        };
        self.begin(scene, Baseline::of(scene, known, &exec.record, seen));
        true
    }

    fn begin(&mut self, scene: &Scene<'_>, baseline: Baseline) {
        let id = Arc::clone(&baseline.id);
        for kind in Kind::ALL {
            let number = kind.of(&baseline.namespaces);
            if number != 0 && !kind.is_first(number) {
                // What a pod's containers share stays that of the first of them.
                let owner = self.spaces.entry(number, || Arc::clone(&id));
                if self.baselines.peek(owner).is_some_and(|owner| owner.has_ended(scene)) {
                    *owner = Arc::clone(&id);
                }
            }
        }
        if let (device @ 1.., baseline::OVERLAY) = baseline.root {
            *self.roots.entry(device, || Arc::clone(&id)) = Arc::clone(&id);
        }
        *self.groups.entry(baseline.cgroup, || Arc::clone(&id)) = Arc::clone(&id);
        self.baselines.remove(&id);
        self.baselines.entry(id, || baseline);
    }

    /// Compares the standing of a process with its container's baseline.
    fn compare(&self, scene: &Scene<'_>, known: &Known, found: &mut dyn FnMut(Finding)) {
        let Some(baseline) = self.baselines.peek(known.container.id.as_str()) else { return };
        let Some(now) = Now::of(scene) else { return };
        let other = |number: u32| {
            let other = self.spaces.peek(&number)?;
            let is_foreign = *other != baseline.id
                && self
                    .baselines
                    .peek(other)
                    .is_some_and(|other| !other.has_ended(scene) && !belong_together(scene, baseline, other));
            is_foreign.then(|| Arc::clone(other))
        };
        let differs = now.namespaces != baseline.namespaces;
        let foreign = if differs { foreign(baseline, &now.namespaces, other, scene) } else { Vec::new() };
        let is_crossed = !foreign.is_empty() && !crossing::is_told_by_rule(scene, &foreign);
        if (is_crossed || rights::is_odd(baseline, known, &now, scene)) && baseline.has_member(scene) {
            if is_crossed {
                found(crossing::finding(scene, baseline, &foreign));
            }
            rights::judge(scene, known, baseline, &now, found);
        }
    }
}

/// What is bad in others is the work of agents of the node.
fn tempered(scene: &Scene<'_>, severity: Severity) -> Severity {
    if is_agents_work(scene) { Severity::Low } else { severity }
}

/// The program of an event, for people.
fn name(scene: &Scene<'_>) -> String {
    let path = scene.process().map_or("", |process| process.program.executable.as_str());
    if path.is_empty() { "A program".to_owned() } else { format!("The program {path}") }
}

impl Behaviour for Boundary {
    fn about(&self) -> &'static [&'static About] {
        about::ALL
    }

    fn wanted(&self) -> Judged {
        let calls = Class::bits_of(Family::Privilege) & !(Class::Scheduling.bit() | Class::Keyctl.bit());
        let both = Class::ProcessExec.bit() | Class::CgroupMove.bit() | Class::CgroupCreate.bit();
        let more = Class::FileOpen.bit() | Class::NetConnect.bit() | Class::NetSocket.bit();
        Judged { containers: calls | both | more, host: both, names: true }
    }

    fn could_open(&self, scene: &Scene<'_>) -> bool {
        scene.container().is_some()
            && scene.file().is_some_and(|file| reach::could_open(file) || kernel::could_open(file))
    }

    fn see(&mut self, scene: &Scene<'_>, found: &mut dyn FnMut(Finding)) {
        match &scene.given.event.facts {
            Facts::Exec(exec) => self.executed(scene, exec, found),
            Facts::Call(call) => {
                let Some(known) = scene.container() else { return };
                self.compare(scene, known, found);
                self.setters.called(scene, call);
                if let Some(baseline) = self.baselines.peek(known.container.id.as_str()) {
                    surface::mounted(scene, baseline, call, found);
                }
            }
            Facts::File(file) if scene.class() == Class::FileOpen => {
                let Some(known) = scene.container() else { return };
                self.setters.opened(scene, file);
                if let Some(baseline) = self.baselines.peek(known.container.id.as_str()) {
                    reach::opened(scene, baseline, file, found);
                }
            }
            Facts::Socket(socket) if scene.class() == Class::NetSocket => {
                let Some(known) = scene.container() else { return };
                if let Some(baseline) = self.baselines.peek(known.container.id.as_str()) {
                    surface::opened(scene, baseline, socket, found);
                }
            }
            Facts::Socket(socket) => reach::connected(scene, socket, found),
            Facts::CgroupMove(moved) => self.moved(scene, moved, found),
            Facts::CgroupCreate(_) => *self.born.entry(scene.cgroup(), || ()) = (),
            _ => {}
        }
    }

    fn tick(&mut self, _now_ns: u64, found: &mut dyn FnMut(Late)) {
        self.late.drain(..).for_each(found);
    }

    fn removed(&mut self, cgroup: u64) {
        self.born.remove(&cgroup);
        let Some(id) = self.groups.remove(&cgroup) else { return };
        let Some(baseline) = self.baselines.remove(&id) else { return };
        // The kernel gives their numbers away again.
        for kind in Kind::ALL {
            let number = kind.of(&baseline.namespaces);
            if self.spaces.peek(&number) == Some(&id) {
                self.spaces.remove(&number);
            }
        }
        if self.roots.peek(&baseline.root.0) == Some(&id) {
            self.roots.remove(&baseline.root.0);
        }
    }

    fn table(&self) -> Table {
        let tables = [self.groups.table(), self.born.table(), self.spaces.table(), self.roots.table()];
        tables.into_iter().fold(self.baselines.table(), Table::and)
    }
}

#[cfg(test)]
mod tests;
