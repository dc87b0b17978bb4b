//! The rows of the benchmark: what is done over and over, and where.

use std::ffi::CString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::read;
use rustix::net::{AddressFamily, SocketFlags, SocketType, accept, connect, socket_with, sockopt};
use rustix::process::getppid;

/// Who runs an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A process of the host.
    Host,
    /// A process in a control group that looks like a container's.
    Container,
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// What a person reads, and `--row` looks into.
    pub(crate) name: &'static str,
    /// Which goal applies: `unasked`, `filtered`, `emitted` or `exec`.
    pub(crate) kind: &'static str,
    /// Name for the worker.
    pub(crate) operation: &'static str,
    /// Who does it.
    pub(crate) place: Place,
}

/// Every row, in the order in which each round measures them.
pub(crate) const ROWS: [Row; 11] = [
    row("getppid", "unasked", "getppid", Place::Host),
    row("read 1 byte of /dev/zero", "unasked", "read", Place::Host),
    row("getppid, container", "unasked", "getppid", Place::Container),
    row("open+close, plain file", "filtered", "open", Place::Host),
    row("open+close, plain file, container", "filtered", "open", Place::Container),
    row("open+close, reported file", "emitted", "open-reported", Place::Host),
    row("open+close, reported file, container", "emitted", "open-reported", Place::Container),
    row("TCP connect+accept+close", "emitted", "connect", Place::Host),
    row("TCP connect+accept+close, container", "emitted", "connect", Place::Container),
    row("fork+exec+exit", "exec", "exec", Place::Host),
    row("fork+exec+exit, container", "exec", "exec", Place::Container),
];

const fn row(name: &'static str, kind: &'static str, operation: &'static str, place: Place) -> Row {
    Row { name, kind, operation, place }
}

/// An operation, prepared so that doing it allocates nothing of its own (but to start a program).
#[derive(Debug)]
pub(crate) enum Operation {
    /// The cheapest system call that the C library does not answer by itself.
    Getppid,
    /// One byte from this file.
    Read(OwnedFd),
    /// Open for reading and close.
    Open(CString),
    /// Both ends of a connection over loopback.
    Connect { listener: TcpListener, address: SocketAddr },
    /// A program, waited for.
    Exec(Command),
}

/// Files that the operations use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Files<'a> {
    /// A file that nobody asks for.
    pub(crate) plain: &'a str,
    /// A file that is reported.
    pub(crate) reported: &'a str,
    /// A static program that ends at once.
    pub(crate) program: &'a str,
}

impl Operation {
    pub(crate) fn prepare(name: &str, files: Files<'_>) -> Result<Self> {
        let path = |text: &str| CString::new(text).context("a path with a NUL");
        Ok(match name {
            "getppid" => Self::Getppid,
            "read" => Self::Read(open(c"/dev/zero", OFlags::RDONLY, Mode::empty())?),
            "open" => Self::Open(path(files.plain)?),
            "open-reported" => Self::Open(path(files.reported)?),
            "connect" => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
                let address = listener.local_addr()?;
                Self::Connect { listener, address }
            }
            "exec" => Self::Exec(Command::new(files.program)),
            other => bail!("no such operation: {other}"),
        })
    }

    /// Does it so many times.
    pub(crate) fn repeat(&mut self, count: u64) -> Result<()> {
        match self {
            Self::Getppid => (0..count).for_each(|_| {
                std::hint::black_box(getppid());
            }),
            Self::Read(file) => {
                for _ in 0..count {
                    read(&*file, &mut [0_u8])?;
                }
            }
            Self::Open(path) => {
                for _ in 0..count {
                    drop(open(path.as_c_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
                }
            }
            Self::Connect { listener, address } => {
                for _ in 0..count {
                    connection(listener, *address)?;
                }
            }
            Self::Exec(command) => {
                for _ in 0..count {
                    let status = command.status().context("the program cannot be started")?;
                    ensure!(status.success(), "the program ended with {status}");
                }
            }
        }
        Ok(())
    }
}

/// Ends with a reset, which leaves no port waiting: there are fewer ports than connections.
fn connection(listener: &TcpListener, address: SocketAddr) -> Result<()> {
    let client = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_linger(&client, Some(Duration::ZERO))?;
    connect(&client, &address)?;
    let server = accept(listener)?;
    drop(client);
    drop(server);
    Ok(())
}
