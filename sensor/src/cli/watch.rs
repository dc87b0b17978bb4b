//! `picket watch`: subscribes and prints what comes.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use thiserror::Error;
use tonic::Streaming;

use super::pretty::{Paint, event, finding, incident};
use super::{WatchArgs, WatchFormat, exit, falco, json};
use crate::proto::{Class, Event, SubscribeResponse, event::Facts};
use crate::stream::client;

/// How a watch ended early.
#[derive(Debug, Error)]
pub(super) enum WatchError {
    #[error("the agent ended the stream: {}", .0.message())]
    Stream(Box<tonic::Status>),
    #[error("the agent ended the stream")]
    End,
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
    #[error("an event has no JSON form: {0}")]
    Json(#[from] serde_json::Error),
}

/// Runs the command; prints errors to standard error.
pub async fn run(args: &WatchArgs) -> ExitCode {
    let mut client = match args.agent.client().await {
        Ok(client) => client,
        Err(error) => return fail(&error, error.exit_code()),
    };
    let stream = match client.subscribe(args.request()).await {
        Ok(response) => response.into_inner(),
        Err(status) if status.code() == tonic::Code::InvalidArgument => {
            return fail(&status.message(), exit::USAGE);
        }
        Err(status) => {
            let reason = client::refusal(&args.agent.connect, &status);
            let message = format!("the agent at {} refuses to subscribe: {reason}", args.agent.connect);
            return fail(&message, exit::UNREACHABLE);
        }
    };
    let printer = Printer { format: args.output, paint: Paint::for_stdout(), only: args.only() };
    match print(stream, printer, args.select.count, &mut io::stdout().lock()).await {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has what it wanted, as in `picket watch | head`.
        Err(WatchError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error @ (WatchError::Output(_) | WatchError::Json(_))) => fail(&error, 1),
        Err(error @ (WatchError::Stream(_) | WatchError::End)) => fail(&error, exit::UNREACHABLE),
    }
}

fn fail(message: &impl std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("picket watch: {message}");
    ExitCode::from(code)
}

/// Prints events until there were `count` of them.
async fn print(
    mut stream: Streaming<SubscribeResponse>,
    printer: Printer,
    count: Option<u64>,
    out: &mut impl Write,
) -> Result<(), WatchError> {
    let mut left = count.unwrap_or(u64::MAX);
    let ended = |status| WatchError::Stream(Box::new(status));
    while let Some(response) = stream.message().await.map_err(ended)? {
        left = printer.print(&response.events, left, out)?;
        if left == 0 {
            return Ok(());
        }
    }
    Err(WatchError::End)
}

/// How events are printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Printer {
    pub(super) format: WatchFormat,
    pub(super) paint: Paint,
    /// Nothing but this goes to standard output.
    pub(super) only: Option<Class>,
}

impl Printer {
    /// Prints at most `left` events and flushes; gives what is left of that number.
    pub(super) fn print(
        self,
        events: &[Event],
        mut left: u64,
        out: &mut impl Write,
    ) -> Result<u64, WatchError> {
        // One write for the batch: standard output would otherwise be written line by line.
        let mut text = Vec::new();
        for event in events {
            if left == 0 {
                break;
            }
            if self.only.is_some_and(|only| event.class() != only) {
                // A loss: whoever reads findings or incidents must know that some may be missing.
                eprintln!("picket watch: {}", event::line(event, Paint::OFF));
                continue;
            }
            self.write(&mut text, event)?;
            text.push(b'\n');
            left -= 1;
        }
        out.write_all(&text)?;
        out.flush()?;
        Ok(left)
    }

    fn write(self, text: &mut Vec<u8>, event: &Event) -> Result<(), WatchError> {
        match (self.format, &event.facts) {
            (WatchFormat::Falco, Some(Facts::Finding(found))) => {
                json::write(text, &falco::Alert::of(event, found))?;
            }
            (WatchFormat::Pretty, Some(Facts::Finding(found))) if self.only.is_some() => {
                text.extend_from_slice(finding::block(event, found, self.paint).as_bytes());
            }
            (WatchFormat::Pretty, Some(Facts::Incident(told))) if self.only.is_some() => {
                text.extend_from_slice(incident::page(event, told, self.paint).as_bytes());
                // A page ends with an empty line.
                text.push(b'\n');
            }
            (WatchFormat::Pretty, _) => text.extend_from_slice(event::line(event, self.paint).as_bytes()),
            (WatchFormat::Json | WatchFormat::Falco, _) => json::write(text, event)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(count: usize) -> Vec<Event> {
        let event = |number: usize| Event { cursor: number.to_string(), class: 2, ..Event::default() };
        (0..count).map(event).collect()
    }

    #[test]
    fn json_is_one_event_a_line() {
        let mut out = Vec::new();
        let printer = Printer { format: WatchFormat::Json, paint: Paint::ON, only: None };
        assert_eq!(printer.print(&events(2), 10, &mut out).unwrap(), 8);
        let expected =
            "{\"cursor\":\"0\",\"class\":\"PROCESS_EXEC\"}\n{\"cursor\":\"1\",\"class\":\"PROCESS_EXEC\"}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn no_more_than_asked_for() {
        let mut out = Vec::new();
        let printer = Printer { format: WatchFormat::Pretty, paint: Paint::OFF, only: None };
        assert_eq!(printer.print(&events(5), 3, &mut out).unwrap(), 0);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 3);
    }

    #[test]
    fn only_findings_go_to_standard_output() {
        use crate::proto::{Finding, Loss};

        let loss = Event {
            class: Class::Loss.into(),
            facts: Some(Facts::Loss(Loss::default())),
            ..Event::default()
        };
        let found = Event {
            class: Class::Finding.into(),
            facts: Some(Facts::Finding(Finding { id: "a".into(), ..Finding::default() })),
            ..Event::default()
        };
        for format in [WatchFormat::Json, WatchFormat::Falco, WatchFormat::Pretty] {
            let mut out = Vec::new();
            let printer = Printer { format, paint: Paint::OFF, only: Some(Class::Finding) };
            assert_eq!(printer.print(&[loss.clone(), found.clone()], 5, &mut out).unwrap(), 4);
            let out = String::from_utf8(out).unwrap();
            assert!(!out.contains("LOSS"), "{out}");
            if format == WatchFormat::Json {
                assert_eq!(out, "{\"class\":\"FINDING\",\"finding\":{\"id\":\"a\"}}\n");
            }
        }
    }

    #[tokio::test]
    async fn without_an_agent_the_exit_code_says_so() {
        use clap::Parser as _;

        let cli = crate::cli::Cli::parse_from(["picket", "watch", "--connect", "unix:///nowhere/s"]);
        let crate::cli::Command::Watch(args) = cli.command else { panic!("not a watch") };
        assert_eq!(format!("{:?}", run(&args).await), format!("{:?}", ExitCode::from(exit::UNREACHABLE)));
    }

    #[test]
    fn a_closed_output_is_an_output_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let printer = Printer { format: WatchFormat::Json, paint: Paint::OFF, only: None };
        let error = printer.print(&events(1), 1, &mut Closed).unwrap_err();
        assert!(matches!(error, WatchError::Output(error) if error.kind() == ErrorKind::BrokenPipe));
    }
}
