//! Only what happens in some containers: their records and answers, and of others what is needed to judge these, which is
//! the lineage of their processes, the processes that they act on, and who has the addresses that they talk to.
//!
//! All inputs go through stages of its own, so that it knows what the agent's know. What nobody can tell yet whose it is
//! waits, bounded, until its control group is known.

mod needs;

use std::collections::BTreeMap;

use self::needs::{Needed, Told};
use super::{Gap, Input};
use crate::event::decode::decode;
use crate::identity::store::Owner;
use crate::pipeline::{Nobody, Pipeline, state::State};
use crate::proto::Class;
use crate::stream::{encode::Context, filter::Filter};

/// Bytes of inputs that may wait for their control group to be known.
const HELD_BYTES_MAX: usize = 16 << 20;
/// Control groups for which inputs may wait.
const HELD_GROUPS_MAX: usize = 4096;

/// Whose a control group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Chosen,
    Others,
    /// Of a container that is not known yet.
    Unknown,
}

/// What waits for a control group to be known.
#[derive(Debug, Default)]
struct Held {
    inputs: Vec<Input>,
    told: Told,
    /// What found no room.
    gap: Option<Gap>,
}

/// Chooses among the inputs of a recording.
#[derive(Debug)]
pub struct Chooser {
    of: Filter,
    /// Stages that know everything.
    all: Pipeline,
    /// What the recording has.
    told: Told,
    held: BTreeMap<u64, Held>,
    held_bytes: usize,
    /// A release that nothing has followed yet.
    release_ns: Option<u64>,
}

impl Chooser {
    /// Begins with what the stages know; gives what the recording begins with.
    #[must_use]
    pub fn begin(of: Filter, context: Context, mut state: State) -> (Self, State) {
        // They are there only to remember that events were sent: here they are as unknown as any.
        state.groups.retain(|group| !group.unknown);
        let all = Pipeline::restore(context, state.clone());
        let mut chooser =
            Self { of, all, told: Told::default(), held: BTreeMap::new(), held_bytes: 0, release_ns: None };
        let state = chooser.first(state);
        (chooser, state)
    }

    /// The part of a state that belongs to the chosen containers.
    fn first(&mut self, mut state: State) -> State {
        let chosen = |this: &Self, cgroup| this.whose(cgroup) == Whose::Chosen;
        let mut needed = Needed::new(&self.all, &mut self.told, None);
        let (of, tree) = (&self.of, self.all.tree());
        for process in &state.processes {
            if whose(&self.all, of, process.cgroup) == Whose::Chosen {
                needed.process(process.key, tree);
            }
        }
        drop(needed.inputs(0));
        state.processes.retain(|process| self.told.has_process(process.key));
        for group in &state.groups {
            if chosen(self, group.cgroup) {
                self.told.group(group.cgroup);
            }
        }
        state.groups.retain(|group| self.told.has_group(group.cgroup));
        state.base.removed.retain(|cgroup| self.told.has_group(*cgroup));
        state.base.host_users = None;
        state.peers.clear();
        for waiting in &state.parked {
            // It goes on with its control group's answer.
            let record = Input::Record { now_ns: waiting.until_ns, bytes: waiting.record.clone() };
            if let Some((_, Whose::Unknown, needed)) = self.needed(&record) {
                needed.into_iter().chain([record]).for_each(|input| self.hold(waiting.on, input));
            }
        }
        state.parked.retain(|waiting| chosen(self, waiting.on));
        state.unowned.retain(|waiting| decode(&waiting.record).is_ok_and(|event| chosen(self, event.cgroup)));
        state
    }

    fn whose(&self, cgroup: u64) -> Whose {
        match whose(&self.all, &self.of, cgroup) {
            // The stages take it for the host's until there is an answer, for which something waits.
            Whose::Others if self.held.contains_key(&cgroup) => Whose::Unknown,
            whose => whose,
        }
    }

    /// Takes an input; hands on what the recording is to have.
    pub fn input(&mut self, input: Input, to: &mut impl FnMut(Input)) {
        match input {
            Input::Record { .. } | Input::Group(_) => self.record(input, to),
            Input::Release { now_ns } => {
                self.apply(input);
                self.release_ns = Some(now_ns);
            }
            Input::Answer { .. } => self.answer(input, to),
            Input::Removed(cgroup) => {
                self.drop_held(cgroup);
                self.apply(input.clone());
                if self.told.has_group(cgroup) {
                    self.put(input, to);
                }
            }
            Input::Usage(usage) => {
                self.apply(input.clone());
                if matches!(self.whose(usage.cgroup), Whose::Chosen) {
                    self.put(input, to);
                }
            }
            // What is needed of them goes before the record that needs it.
            Input::Peer(_) | Input::HostUsers(_) => self.apply(input),
            Input::Lost(report) => {
                self.apply(input.clone());
                match self.whose(report.cgroup) {
                    Whose::Unknown => self.hold(report.cgroup, input),
                    Whose::Others if report.cgroup != 0 => {}
                    Whose::Chosen | Whose::Others => self.put(input, to),
                }
            }
            Input::Clock(_)
            | Input::Policy(_)
            | Input::Names(_)
            | Input::Tick { .. }
            | Input::Gap(_)
            | Input::Process(_) => {
                self.apply(input.clone());
                self.put(input, to);
            }
        }
        self.told.forget(&self.all);
    }

    fn record(&mut self, input: Input, to: &mut impl FnMut(Input)) {
        // What is needed is as it was before: the record itself changes it.
        let Some((cgroup, whose, needed)) = self.needed(&input) else { return };
        self.apply(input.clone());
        match whose {
            Whose::Others => {}
            Whose::Chosen => needed.into_iter().chain([input]).for_each(|input| self.put(input, to)),
            Whose::Unknown => needed.into_iter().chain([input]).for_each(|input| self.hold(cgroup, input)),
        }
    }

    /// Control group of a record, whose it is, and what has to be told before. `None` for what cannot be decoded: it
    /// is nobody's.
    fn needed(&mut self, input: &Input) -> Option<(u64, Whose, Vec<Input>)> {
        let (Input::Record { bytes, .. } | Input::Group(bytes)) = input else { return None };
        let event = decode(bytes).ok()?;
        let cgroup = event.cgroup;
        let whose = self.whose(cgroup);
        let mut needed = match whose {
            Whose::Chosen => Needed::new(&self.all, &mut self.told, None),
            Whose::Unknown if self.may_hold(cgroup) => {
                let held = self.held.entry(cgroup).or_default();
                Needed::new(&self.all, &mut held.told, Some(&self.told))
            }
            Whose::Unknown | Whose::Others => return Some((cgroup, whose, Vec::new())),
        };
        needed.event(&event);
        Some((cgroup, whose, needed.inputs(event.time_ns)))
    }

    fn answer(&mut self, input: Input, to: &mut impl FnMut(Input)) {
        let Input::Answer { answer, .. } = &input else { return };
        let cgroup = answer.cgroup;
        self.apply(input.clone());
        match whose(&self.all, &self.of, cgroup) {
            Whose::Unknown => {}
            Whose::Others => {
                self.drop_held(cgroup);
                if self.told.has_group(cgroup) {
                    self.put(input, to);
                }
            }
            Whose::Chosen => {
                self.told.group(cgroup);
                self.put(input, to);
                self.go_on(cgroup, to);
            }
        }
    }

    /// What waited for a control group that turned out to be chosen.
    fn go_on(&mut self, cgroup: u64, to: &mut impl FnMut(Input)) {
        let Some(held) = self.take_held(cgroup) else { return };
        for input in held.inputs {
            // Another group's records may have told it meanwhile.
            let is_new = match &input {
                Input::Process(process) => self.told.process(process.key),
                Input::Answer { answer, .. } => self.told.group(answer.cgroup),
                _ => true,
            };
            if is_new {
                self.put(input, to);
            }
        }
        if let Some(gap) = held.gap {
            self.put(Input::Gap(Gap { sequence: self.all.sequence(), ..gap }), to);
        }
    }

    fn may_hold(&self, cgroup: u64) -> bool {
        self.held.len() < HELD_GROUPS_MAX || self.held.contains_key(&cgroup)
    }

    fn hold(&mut self, cgroup: u64, input: Input) {
        if !self.may_hold(cgroup) {
            return;
        }
        let has_room = self.held_bytes + input.size() <= HELD_BYTES_MAX;
        let held = self.held.entry(cgroup).or_default();
        if has_room && held.gap.is_none() {
            self.held_bytes += input.size();
            held.inputs.push(input);
            return;
        }
        let gap = held.gap.get_or_insert_default();
        gap.inputs += 1;
        if let Input::Record { now_ns, .. } = input {
            gap.until_ns = now_ns;
            gap.from_ns = if gap.from_ns == 0 { now_ns } else { gap.from_ns };
        }
    }

    fn take_held(&mut self, cgroup: u64) -> Option<Held> {
        let held = self.held.remove(&cgroup)?;
        self.held_bytes -= held.inputs.iter().map(Input::size).sum::<usize>();
        Some(held)
    }

    fn drop_held(&mut self, cgroup: u64) {
        drop(self.take_held(cgroup));
    }

    fn apply(&mut self, input: Input) {
        input.apply(&mut self.all, &mut Nobody);
    }

    /// Of releases between two inputs the last one does what all do.
    fn put(&mut self, input: Input, to: &mut impl FnMut(Input)) {
        if let Some(now_ns) = self.release_ns.take() {
            to(Input::Release { now_ns });
        }
        to(input);
    }
}

fn whose(all: &Pipeline, of: &Filter, cgroup: u64) -> Whose {
    match all.identity().owner(cgroup) {
        None if cgroup == 0 => Whose::Others,
        None => Whose::Unknown,
        Some(Owner::Host { .. }) => Whose::Others,
        Some(Owner::Container(known)) => {
            let is_chosen = of.matches(Class::ProcessExec, Some(&known.container));
            match (is_chosen, known.is_awaited()) {
                (true, _) => Whose::Chosen,
                // Its names may be chosen.
                (false, true) => Whose::Unknown,
                (false, false) => Whose::Others,
            }
        }
    }
}

#[cfg(test)]
mod tests;
