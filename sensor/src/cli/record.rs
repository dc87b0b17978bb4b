//! `picket record`: asks the agent for its inputs, and writes them to a file.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tonic::Streaming;

use super::{RecordArgs, exit};
use crate::proto::RecordResponse;
use crate::record::format::Ending;
use crate::record::write::{WriteError, Writer};
use crate::stream::client;

/// Bytes gathered for one write.
const BUFFER_BYTES: usize = 1 << 20;

/// Runs the command; prints errors to standard error.
pub async fn run(args: &RecordArgs) -> ExitCode {
    let mut client = match args.agent.client().await {
        Ok(client) => client,
        Err(error) => return fail(&error, error.exit_code()),
    };
    let (mut interrupt, mut terminate) =
        match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
            (Err(error), _) | (_, Err(error)) => {
                return fail(&format_args!("cannot wait for signals: {error}"), 1);
            }
        };
    let stream = match client.record(args.request()).await {
        Ok(response) => response.into_inner(),
        Err(status) if status.code() == tonic::Code::InvalidArgument => {
            return fail(&status.message(), exit::USAGE);
        }
        Err(status) => {
            let reason = client::refusal(&args.agent.connect, &status);
            let message = format!("the agent at {} refuses to record: {reason}", args.agent.connect);
            return fail(&message, exit::UNREACHABLE);
        }
    };
    // Only now: an agent that refuses leaves no empty file.
    let out = match open(&args.output) {
        Ok(out) => out,
        Err(error) => return fail(&format_args!("{}: {error}", args.output.display()), 1),
    };
    let writer = Writer::new(BufWriter::with_capacity(BUFFER_BYTES, out), args.size);
    match write(stream, writer, args.duration, [&mut interrupt, &mut terminate]).await {
        // Without the whole state, of which the first input comes behind, nothing can be replayed.
        Ok((Ending { inputs: 0, .. }, _, End::Size)) => {
            fail(&"what the agent knows at the start alone is more than --size permits: give more", 1)
        }
        Ok((ending, bytes, end)) => {
            eprintln!("picket record: {}", summary(&ending, bytes, &args.output));
            if end == End::Agent { ExitCode::from(exit::UNREACHABLE) } else { ExitCode::SUCCESS }
        }
        Err(error) => fail(&error, 1),
    }
}

fn fail(message: &impl std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("picket record: {message}");
    ExitCode::from(code)
}

/// A new file that only its owner can read, or standard output.
fn open(path: &Path) -> io::Result<Box<dyn Write>> {
    if path == Path::new("-") {
        let out = io::stdout();
        return if out.is_terminal() {
            Err(io::Error::other("a recording is not for a terminal: give a file, or redirect"))
        } else {
            Ok(Box::new(out))
        };
    }
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    match file {
        Ok(file) => Ok(Box::new(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(io::Error::other("it exists already: remove it, or give another name with --output"))
        }
        Err(error) => Err(error),
    }
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Duration,
    Size,
    Signal,
    Agent,
}

impl End {
    const fn text(self) -> &'static str {
        match self {
            Self::Duration => "the duration that was asked for is over",
            Self::Size => "the size that was permitted is reached",
            Self::Signal => "it was ended by a signal",
            Self::Agent => "the agent has ended, or the connection was lost",
        }
    }
}

async fn write<W: Write>(
    mut stream: Streaming<RecordResponse>,
    mut writer: Writer<W>,
    duration: Option<Duration>,
    [interrupt, terminate]: [&mut Signal; 2],
) -> Result<(Ending, u64, End), WriteError> {
    let over = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    let end = loop {
        tokio::select! {
            part = stream.message() => match part {
                Ok(Some(part)) => {
                    if !writer.append(&part.data)? {
                        break End::Size;
                    }
                }
                Ok(None) | Err(_) => break End::Agent,
            },
            () = &mut over => break End::Duration,
            _ = interrupt.recv() => break End::Signal,
            _ = terminate.recv() => break End::Signal,
        }
    };
    let (ending, bytes) = writer.end(end.text())?;
    Ok((ending, bytes, end))
}

fn summary(ending: &Ending, bytes: u64, to: &Path) -> String {
    let Ending { inputs, gaps, lost, reason } = ending;
    let place = if to == Path::new("-") { String::new() } else { format!(" in {}", to.display()) };
    let gaps = match gaps {
        0 => "no gaps".to_owned(),
        gaps => format!("{gaps} gaps, in which {lost} inputs are missing"),
    };
    format!("{inputs} inputs, {bytes} bytes{place}, {gaps}; {reason}")
}

/// A span: a number of seconds, or with the unit `s`, `m` or `h`.
///
/// # Errors
/// Says what is expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, text.get(number.len()..).unwrap_or_default()),
        None => (text, "s"),
    };
    let seconds = match unit {
        "m" => 60,
        "h" => 3600,
        _ => 1,
    };
    let number = number.parse::<u32>().ok().filter(|number| *number > 0);
    number
        .map(|number| Duration::from_secs(u64::from(number) * seconds))
        .ok_or_else(|| "a whole number of seconds, or with a unit such as 30s, 5m or 2h".to_owned())
}

/// A size: a number of bytes, or with the unit `K`, `M` or `G` (powers of 1024).
///
/// # Errors
/// Says what is expected.
pub fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(number) => (number, text.get(number.len()..).unwrap_or_default()),
        None => (text, ""),
    };
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => 0,
    };
    let number = number.parse::<u64>().ok().filter(|number| *number > 0);
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "a whole number of bytes, or with a unit such as 500K, 64M or 2G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_have_units() {
        for (text, seconds) in [("30", 30), ("30s", 30), ("5m", 300), ("2h", 7200)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for (text, bytes) in [("1000", 1000), ("3K", 3 << 10), ("64M", 64 << 20), ("2G", 2 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "-1", "1.5", "1d", "h", "99999999999999999999", "18446744073709551615G"] {
            assert!(duration(text).is_err() && size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_that_exists_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(open(&path).is_ok());
        std::fs::write(&path, "precious").unwrap();
        let error = open(&path).err().unwrap();
        assert!(error.to_string().contains("--output"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }
}
