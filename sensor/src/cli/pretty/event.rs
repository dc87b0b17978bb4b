//! One line for each event: time, class, where, process id, what, and what deserves a look.

mod file;
mod payload;
mod privilege;
mod socket;

use super::text::{base_name, safe, word};
use super::{Colour, Paint, finding, incident};
use crate::proto::event::Facts;
use crate::proto::file_identity::Layer;
use crate::proto::{Class, Container, Event, Exec, Exit, Loss, PrivilegeGain, Process, Timestamp, loss};

/// Width of the column that names the container.
const PLACE_WIDTH: usize = 32;

/// The line, without its end.
#[must_use]
pub fn line(event: &Event, paint: Paint) -> String {
    let (what, colour) = what(event);
    let place = place(event);
    let padding = " ".repeat(PLACE_WIDTH.saturating_sub(place.chars().count()));
    let pid = event.process.as_ref().and_then(|process| process.pid);
    let mut line = format!(
        "{} {} {}{padding} {:>7}  {what}",
        paint.paint(Colour::Dim, time_of_day(event.time)),
        paint.paint(colour, format_args!("{:<5}", class(event))),
        paint.paint(Colour::Place, place),
        pid.map(|pid| pid.to_string()).unwrap_or_default(),
    );
    for note in notes(event) {
        line.push_str(&paint.paint(Colour::Notable, format_args!(" [{note}]")));
    }
    line
}

/// `HH:MM:SS.mmm` in UTC.
pub(super) fn time_of_day(time: Option<Timestamp>) -> String {
    let Some(time) = time else { return "--:--:--.---".to_owned() };
    let second = time.seconds.rem_euclid(86_400);
    let millisecond = time.nanos.clamp(0, 999_999_999) / 1_000_000;
    format!("{:02}:{:02}:{:02}.{millisecond:03}", second / 3_600, second / 60 % 60, second % 60)
}

fn class(event: &Event) -> String {
    match Class::try_from(event.class) {
        Ok(Class::ProcessFork) => "fork".to_owned(),
        Ok(Class::ProcessExec) => "exec".to_owned(),
        Ok(Class::ProcessExit) => "exit".to_owned(),
        Ok(Class::ContainerIdentified) => "ident".to_owned(),
        Ok(Class::Loss) => "LOSS".to_owned(),
        Ok(Class::Unspecified) => "?".to_owned(),
        Ok(class) => short_name(class),
        // Of a newer agent.
        Err(number) => number.0.to_string(),
    }
}

/// Name of a class without that of its family: `connect`.
fn short_name(class: Class) -> String {
    let name = class.as_str_name();
    name.split_once('_').map_or(name, |(_, rest)| rest).to_lowercase()
}

/// `namespace/pod/container`, the container's name or the start of its id, or `host`.
pub(in crate::cli::pretty) fn place(event: &Event) -> String {
    let Some(container) = &event.container else {
        let unit = event.process.as_ref().map(|process| process.unit.as_str()).unwrap_or_default();
        return match (event.process.is_some(), unit) {
            (false, _) => "-".to_owned(),
            (true, "") => "host".to_owned(),
            (true, unit) => format!("host/{}", safe(unit)),
        };
    };
    let name = container_name(container);
    match &container.pod {
        Some(pod) => format!("{}/{}/{name}", safe(&pod.namespace), safe(&pod.name)),
        None => name,
    }
}

fn container_name(container: &Container) -> String {
    match (container.name.as_str(), container.sandbox) {
        ("", true) => "(sandbox)".to_owned(),
        ("", false) => safe(&container.id.chars().take(12).collect::<String>()),
        (name, _) => safe(name),
    }
}

fn what(event: &Event) -> (String, Colour) {
    let process = event.process.as_ref();
    match &event.facts {
        Some(Facts::Exec(_)) => (started(process), Colour::Good),
        Some(Facts::Exit(exit)) => ended(process, exit),
        Some(Facts::Loss(loss)) => (lost(loss), Colour::Bad),
        Some(Facts::Fork(_)) => (executable(process) + &called(process) + &from_parent(process), Colour::Dim),
        None if event.class() == Class::ContainerIdentified => {
            let container = event.container.as_ref();
            let id = container.map(|container| safe(&container.id)).unwrap_or_default();
            let image = container.map(|container| safe(&container.image)).unwrap_or_default();
            (format!("{id} image {image}"), Colour::Place)
        }
        Some(Facts::File(operation)) => (executable(process) + &file::what(operation), Colour::Place),
        Some(Facts::Socket(operation)) => {
            let what = payload::what(operation).unwrap_or_else(|| socket::what(operation));
            (executable(process) + &what, Colour::Place)
        }
        Some(Facts::Call(call)) => (executable(process) + &privilege::what(call), Colour::Notable),
        Some(Facts::Finding(found)) => (finding::what(found), finding::colour(found.severity())),
        Some(Facts::Incident(told)) => (incident::what(told), finding::colour(told.severity())),
        Some(Facts::ControlGroup(group)) => (safe(&group.path), Colour::Dim),
        None => (executable(process), Colour::Dim),
    }
}

fn executable(process: Option<&Process>) -> String {
    process
        .map(|process| if process.executable.is_empty() { "?".to_owned() } else { word(&process.executable) })
        .unwrap_or_default()
}

/// The name under which a program was called, in brackets, where it is not the file's own name: all
/// applets of busybox are one file.
fn called(process: Option<&Process>) -> String {
    let name = process.and_then(|process| {
        let first = base_name(process.arguments.first()?.trim_start_matches('-'));
        (!first.is_empty() && first != base_name(&process.executable)).then_some(first)
    });
    name.map(|name| format!("({})", safe(name))).unwrap_or_default()
}

/// The executable with the arguments after the program's own name.
fn started(process: Option<&Process>) -> String {
    let mut text = executable(process) + &called(process);
    for argument in process.into_iter().flat_map(|process| process.arguments.iter().skip(1)) {
        text.push(' ');
        text.push_str(&word(argument));
    }
    text + &from_parent(process)
}

fn from_parent(process: Option<&Process>) -> String {
    let Some(parent) = process.and_then(|process| process.parent.as_ref()) else { return String::new() };
    let name = match base_name(&parent.executable) {
        "" => "?".to_owned(),
        name => safe(name) + &called(Some(parent)),
    };
    match parent.pid {
        Some(pid) => format!(" (by {name}[{pid}])"),
        None => format!(" (by {name})"),
    }
}

fn ended(process: Option<&Process>, exit: &Exit) -> (String, Colour) {
    let how = match (exit.signal, exit.code) {
        (Some(signal), _) if exit.signal_name.is_empty() => format!("killed by signal {signal}"),
        (Some(_), _) => format!("killed by {}", safe(&exit.signal_name)),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "ended".to_owned(),
    };
    let core = if exit.core_dumped { ", core dumped" } else { "" };
    let after = exit.run_time.map(|time| format!(" after {time}")).unwrap_or_default();
    let good = exit.signal.is_none() && exit.code.unwrap_or_default() == 0;
    let colour = if good { Colour::Dim } else { Colour::Notable };
    (format!("{}{}: {how}{core}{after}", executable(process), called(process)), colour)
}

fn lost(loss: &Loss) -> String {
    let why = match loss::Reason::try_from(loss.reason) {
        Ok(loss::Reason::RingFull) => "the kernel's ring buffer was full",
        Ok(loss::Reason::Unreadable) => "the kernel program could not read them",
        Ok(loss::Reason::NotCalled) => "the kernel did not call the program",
        Ok(loss::Reason::Preempted) => "another program preempted the one that made them",
        Ok(loss::Reason::Recording) => "the recording has a gap",
        Ok(loss::Reason::RateLimited) => "the container made more than it may",
        Ok(loss::Reason::SlowSubscriber) => "this subscriber reads too slowly",
        Ok(loss::Reason::Unspecified) | Err(_) => "reason unknown",
    };
    let class = match Class::try_from(loss.class) {
        Ok(Class::Unspecified) | Err(_) => String::new(),
        Ok(class) => format!(" {}", class.as_str_name()),
    };
    format!("{}{class} events lost: {why}", loss.count)
}

fn notes(event: &Event) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(Facts::Exec(exec)) = &event.facts {
        exec_notes(exec, &mut notes);
    }
    if let Some(Facts::File(operation)) = &event.facts {
        file::notes(operation, &mut notes);
    }
    if let Some(container) = &event.container
        && !container.unresolved.is_empty()
    {
        notes.push(format!("names unknown: {}", safe(&container.unresolved)));
    }
    if !event.incomplete.is_empty() {
        let fields: Vec<_> = event.incomplete.iter().map(|field| safe(field)).collect();
        notes.push(format!("incomplete: {}", fields.join(", ")));
    }
    notes
}

fn exec_notes(exec: &Exec, notes: &mut Vec<String>) {
    if let Some(file) = &exec.file {
        let facts = [
            (file.memfd, "memfd"),
            (file.unlinked, "unlinked"),
            (file.layer() == Layer::Upper, "upper layer"),
        ];
        notes.extend(facts.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note.to_owned()));
    }
    notes.extend(exec.gained().filter_map(|gain| match gain {
        PrivilegeGain::Setuid => Some("setuid".to_owned()),
        PrivilegeGain::Setgid => Some("setgid".to_owned()),
        PrivilegeGain::FileCapabilities => Some("file capabilities".to_owned()),
        PrivilegeGain::Unspecified => None,
    }));
    if !exec.interpreter.is_empty() {
        notes.push(format!("script, by {}", safe(&exec.interpreter)));
    }
}

#[cfg(test)]
mod tests;
