//! What is learned of an event: a short text.

use std::fmt::Write as _;
use std::net::IpAddr;

use sensor_common::class::Class;

use crate::detect::scene::Scene;
use crate::event::network;
use crate::event::{Facts, operation::FileOperation, path::End};
use crate::process::Process;

/// Parts of the paths of credentials.
const CREDENTIALS: [&str; 16] = [
    "/secrets/",
    "/.ssh/",
    "/.aws/",
    "/.kube/",
    "/.docker/",
    "/.config/gcloud",
    "/.azure/",
    "/.git-credentials",
    "/.netrc",
    "/.pgpass",
    "/etc/kubernetes/",
    "/var/lib/kubelet/",
    "/etc/shadow",
    "credentials",
    ".pem",
    ".key",
];

/// What an event says of its program.
pub(super) struct Fact<'a> {
    process: &'a Process,
    what: What<'a>,
}

enum What<'a> {
    /// It was started, by this program.
    Started(&'a str),
    /// It connected.
    Connected(IpAddr, u16),
    /// It listens.
    Listens(u16),
    /// It opened a file.
    Opened(&'a FileOperation<'a>),
}

impl<'a> Fact<'a> {
    /// What is to be learned of an event, if it is anything.
    pub(super) fn of(scene: &Scene<'a>) -> Option<Self> {
        let what = match (scene.class(), &scene.given.event.facts) {
            (Class::ProcessExec, _) => {
                let parent = scene.given.tree.ancestors(scene.key()).next();
                What::Started(parent.map_or("", |parent| parent.program.executable.as_str()))
            }
            (Class::NetConnect | Class::NetDatagram | Class::NetPayload | Class::NetDns, _) => {
                let (address, port) = scene.remote()?;
                What::Connected(address, port)
            }
            (Class::NetListen, _) => What::Listens(network::end(&scene.socket()?.local)?.1),
            (Class::FileOpen, Facts::File(file)) => What::Opened(file),
            _ => return None,
        };
        Some(Self { process: scene.process()?, what })
    }

    /// Writes its text in the place of what is there, by way of `whole`. False if there is nothing to be learned.
    pub(super) fn write(&self, text: &mut String, whole: &mut String) -> bool {
        text.clear();
        text.push_str(match self.what {
            What::Started(_) => "starts ",
            What::Connected(..) => "connects ",
            What::Listens(_) => "listens ",
            What::Opened(_) => "opens ",
        });
        path(&self.process.program.executable, text);
        // Writing to a text never fails.
        match &self.what {
            What::Started(parent) => {
                text.push_str(" from ");
                path(parent, text);
            }
            What::Connected(address, port) => {
                text.push_str(" to ");
                place(*address, text);
                write!(text, " port {port}").ok();
            }
            // Those that the system chooses are all the same.
            What::Listens(port @ 0..32_768) => drop(write!(text, " on port {port}")),
            What::Listens(_) => text.push_str(" on a port of the system's choice"),
            What::Opened(file) => {
                let Some(components) = file.path else { return false };
                whole.clear();
                components.render(End::Root, whole);
                if !CREDENTIALS.iter().any(|part| whole.contains(part)) {
                    return false;
                }
                text.push_str(if file.is_written() { " to write " } else { " to read " });
                path(whole, text);
            }
        }
        true
    }
}

/// The text of a finding about a program.
pub(super) fn of_finding(id: &str, executable: &str, text: &mut String) {
    text.clear();
    text.push_str("finding ");
    text.push_str(id);
    text.push_str(" by ");
    path(executable, text);
}

/// A path in which each number is a `#`.
fn path(path: &str, text: &mut String) {
    let mut in_number = false;
    for letter in path.chars() {
        let digit = letter.is_ascii_digit();
        match (digit, in_number) {
            (false, _) => text.push(letter),
            (true, false) => text.push('#'),
            (true, true) => {}
        }
        in_number = digit;
    }
    if path.is_empty() {
        text.push('?');
    }
}

/// Where an address is: pods come and go, so their addresses are all the same.
fn place(address: IpAddr, text: &mut String) {
    let private = match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    };
    // Writing to a text never fails.
    match address {
        _ if address.is_loopback() => text.push_str("itself"),
        _ if private => text.push_str("a private address"),
        // Those of the cloud's services among them.
        IpAddr::V4(address) if address.is_link_local() => drop(write!(text, "{address}")),
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            write!(text, "{first}.{second}.0.0/16").ok();
        }
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            write!(text, "{first:x}:{second:x}::/32").ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_that_change_are_one() {
        let text = |name: &str| {
            let mut text = String::new();
            path(name, &mut text);
            text
        };
        assert_eq!(text("/tmp/go-build3278/b001/x.test"), "/tmp/go-build#/b#/x.test");
        assert_eq!(text(""), "?");
        let shown = |address: &str| {
            let mut text = String::new();
            place(address.parse().unwrap(), &mut text);
            text
        };
        for (address, expected) in [
            ("127.0.0.1", "itself"),
            ("::1", "itself"),
            ("10.1.2.3", "a private address"),
            ("fd00::5", "a private address"),
            ("169.254.169.254", "169.254.169.254"),
            ("203.0.113.9", "203.0.0.0/16"),
            ("2001:db8::1", "2001:db8::/32"),
        ] {
            assert_eq!(shown(address), expected);
        }
        let mut finding = "rest".to_owned();
        of_finding("x-y", "/bin/sh", &mut finding);
        assert_eq!(finding, "finding x-y by /bin/sh");
    }
}
