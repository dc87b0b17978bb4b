//! An incident as a page for people who were woken up by it: what, where, how it began, what is at stake, what to do.

use super::event::{place, time_of_day};
use super::text::{safe, word};
use super::{Colour, Paint, finding};
use crate::detect::technique::Technique;
use crate::proto::{Event, Incident, IncidentEntry, Process, incident::State};

/// Columns of the page, and of the names in front of its parts.
const WIDTH: usize = 110;
const NAMES: usize = 14;
/// Characters of a command that are shown.
const COMMAND_MAX: usize = 160;

/// The page of one that is new or over; of one that grew, what is new. Without the end of the last line.
#[must_use]
pub fn page(event: &Event, incident: &Incident, paint: Paint) -> String {
    let mut page = Page { lines: vec![head(event, incident, paint)] };
    if incident.state() == State::Updated {
        page.part("where", &[place(event)]);
        page.part("new", &incident.news.iter().map(|news| safe(news)).collect::<Vec<_>>());
        page.part("incident", &[number(incident)]);
        return page.lines.join("\n");
    }
    page.part("what", &[safe(&incident.summary)]);
    page.part("where", &[whereabouts(event)]);
    page.part("how it began", &[began(incident)]);
    page.timeline(incident, paint);
    page.part("at stake", &incident.stakes.iter().map(|stake| safe(stake)).collect::<Vec<_>>());
    let next = incident.next.iter().zip(1..).map(|(step, number)| format!("{number}. {}", safe(step)));
    page.part("what to do", &next.collect::<Vec<_>>());
    page.part("how sure", &[sure(incident.confidence)]);
    let named = |id: &String| match Technique::of(id).name() {
        Some(name) => format!("{} {name}", safe(id)),
        None => safe(id),
    };
    page.part("techniques", &[incident.techniques.iter().map(named).collect::<Vec<_>>().join(", ")]);
    page.part("incident", &[number(incident)]);
    page.lines.join("\n")
}

/// The same as a part of a line.
pub(super) fn what(incident: &Incident) -> String {
    let news = incident.news.iter().map(|news| safe(news)).collect::<Vec<_>>().join("; ");
    let more = if incident.state() == State::Updated { news } else { safe(&incident.summary) };
    format!(
        "{} {} {} {}: {more}",
        safe(&incident.id),
        incident.state().as_str_name(),
        finding::severity(incident.severity()),
        safe(&incident.title)
    )
}

fn head(event: &Event, incident: &Incident, paint: Paint) -> String {
    let time = event.time.unwrap_or_default().precise().1;
    let (date, clock) = (time.get(..10).unwrap_or_default(), time.get(11..19).unwrap_or_default());
    let severity = incident.severity();
    format!(
        "{} {} {}  {}",
        paint.paint(Colour::Dim, format_args!("{date} {clock} UTC")),
        paint.paint(finding::colour(severity), format_args!("INCIDENT {}", finding::severity(severity))),
        match incident.state() {
            State::Opened => "opened",
            State::Updated => "has grown",
            State::Closed => "closed: nothing more was found",
            State::Unspecified => "",
        },
        paint.paint(finding::colour(severity), safe(&incident.title)),
    )
}

/// Pod, container, image and node.
fn whereabouts(event: &Event) -> String {
    let mut text = format!("{}, on node {}", place(event), safe(&event.node));
    let image = event.container.as_ref().map(|container| container.image.as_str()).unwrap_or_default();
    if !image.is_empty() {
        text.push_str(&format!(", image {}", safe(image)));
    }
    text
}

fn began(incident: &Incident) -> String {
    let clock = time_of_day(incident.began_time);
    format!("{}: {}", clock.get(..8).unwrap_or_default(), safe(&incident.began))
}

fn sure(confidence: f64) -> String {
    let words = match confidence {
        0.9.. => "almost certain",
        0.7.. => "likely",
        0.5.. => "more likely than not; look at the timeline yourself",
        _ => "a weak sign; look at the timeline yourself",
    };
    format!("{words} ({confidence:.2})")
}

fn number(incident: &Incident) -> String {
    let mut text = format!("{}, findings: {}", safe(&incident.id), incident.findings);
    if !incident.previous.is_empty() {
        text.push_str(&format!("; the one before it here: {}", safe(&incident.previous)));
    }
    text
}

struct Page {
    lines: Vec<String>,
}

impl Page {
    /// A name and texts, each on lines of its own, which are not wider than the page.
    fn part(&mut self, name: &str, texts: &[String]) {
        let mut name = name;
        for text in texts.iter().filter(|text| !text.is_empty()) {
            for line in wrapped(text, WIDTH - NAMES) {
                self.lines.push(format!("  {name:<NAMES$}{line}").trim_end().to_owned());
                name = "";
            }
        }
    }

    fn timeline(&mut self, incident: &Incident, paint: Paint) {
        let mut name = "timeline";
        for entry in &incident.timeline {
            let severity = finding::severity(entry.severity());
            self.lines.push(format!(
                "  {name:<NAMES$}{} {} {}{}",
                paint.paint(Colour::Dim, time_of_day(entry.time)),
                paint.paint(finding::colour(entry.severity()), format_args!("{severity:<8}")),
                safe(title(entry)),
                times(entry),
            ));
            if let Some(process) = &entry.process {
                self.lines.push(format!("  {:<NAMES$}{:21} by {}", "", "", shown(process)));
            }
            name = "";
        }
        if incident.omitted > 0 {
            self.lines.push(format!("  {name:<NAMES$}and {} more", incident.omitted));
        }
    }
}

fn title(entry: &IncidentEntry) -> &str {
    if entry.name.is_empty() { &entry.finding } else { &entry.name }
}

fn times(entry: &IncidentEntry) -> String {
    if entry.count > 1 { format!(" ({} times)", entry.count) } else { String::new() }
}

/// Executable, number and arguments.
fn shown(process: &Process) -> String {
    let mut text = finding::named(process);
    if !process.arguments.is_empty() {
        let words: Vec<_> = process.arguments.iter().map(|argument| word(argument)).collect();
        text.push_str(&format!(": {}", words.join(" ")));
    }
    if let Some((end, _)) = text.char_indices().nth(COMMAND_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A text in lines of at most so many characters; a word that is longer has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
