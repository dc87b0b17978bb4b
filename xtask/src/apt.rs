//! Debian's archive by way of apt, with sources and state of its own: nothing of the machine's is changed, no
//! root is needed, and it works on Ubuntu too.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::output;

/// Used when apt's sources name no Debian mirror (on Ubuntu, for one).
const DEFAULT_MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Which of the archive's indexes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Packages for x86-64.
    Binary,
    /// Source packages.
    Source,
}

/// The archive, as the mirror shows it that this machine uses.
#[derive(Debug)]
pub(crate) struct Apt {
    folder: PathBuf,
    mirror: String,
}

impl Apt {
    /// Keeps its state in `folder`.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        for part in ["lists/partial", "cache/archives/partial"] {
            let path = folder.join(part);
            std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        let folder = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
        Ok(Self { folder, mirror: configured_mirror() })
    }

    /// Where its state is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// One of apt's programs, told of this state.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folder = self.folder.display();
        for option in [
            format!("Dir::Etc::sourcelist={folder}/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".into(),
            format!("Dir::State::lists={folder}/lists"),
            "Dir::State::status=/dev/null".into(),
            format!("Dir::Cache={folder}/cache"),
            "Acquire::Languages=none".into(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
            "APT::Architecture=amd64".into(),
            "APT::Sandbox::User=root".into(),
        ] {
            command.args(["-o", &option]);
        }
        command
    }

    /// Reads the index of a suite; from then on the commands know this suite alone.
    pub(crate) fn update(&self, kind: Kind, suite: &str) -> Result<()> {
        let kind = match kind {
            Kind::Binary => "deb [arch=amd64 ",
            Kind::Source => "deb-src [",
        };
        let sources = format!("{kind}signed-by={KEYRING}] {} {suite} main\n", self.mirror);
        let file = self.folder.join("sources.list");
        std::fs::write(&file, sources).with_context(|| format!("cannot write {}", file.display()))?;
        output(self.command("apt-get").args(["--quiet", "--error-on=any", "update"]))?;
        Ok(())
    }

    /// The record of a package.
    pub(crate) fn show(&self, package: &str) -> Result<String> {
        output(self.command("apt-cache").args(["show", "--no-all-versions", package]))
    }
}

/// The value of a field of a record, when it stands on one line.
pub(crate) fn field<'record>(record: &'record str, name: &str) -> Option<&'record str> {
    record.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The Debian mirror in this machine's apt sources, in either of the two formats.
fn configured_mirror() -> String {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = std::fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
    }
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    texts.into_iter().find_map(|text| mirror(&text)).unwrap_or_else(|| DEFAULT_MIRROR.to_owned())
}

fn mirror(sources: &str) -> Option<String> {
    let lines = sources.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut words = lines.flat_map(str::split_whitespace).map(|word| word.trim_end_matches('/'));
    words.find(|word| word.contains("://") && word.ends_with("/debian")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_is_read_from_both_formats() {
        assert_eq!(
            mirror("deb http://a/debian-security x main\ndeb https://b/debian/ y main"),
            Some("https://b/debian".into())
        );
        assert_eq!(
            mirror("Types: deb\n# URIs: http://old/debian\nURIs: http://c/debian\n"),
            Some("http://c/debian".into())
        );
        assert_eq!(mirror("deb http://archive.ubuntu.com/ubuntu noble main"), None);
    }
}
