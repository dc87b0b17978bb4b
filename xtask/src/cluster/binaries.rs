//! Kubernetes' programs: built once from Debian's source package, kept in the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::apt::{Apt, Kind, field};
use crate::process::{output, run, target_dir};

/// What is built. Each is a folder below `cmd` in the source.
pub(super) const PROGRAMS: [&str; 6] =
    ["kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"];

/// The suite whose source package holds the whole of Kubernetes with its dependencies.
const SUITE: &str = "bookworm";
const PACKAGE: &str = "kubernetes";
/// The version that this suite has, as the chart is rendered for it.
pub(super) const KUBERNETES: &str = "1.20.2";

/// The folder that holds [`PROGRAMS`]: `<target>/cluster/<version of the source package>`. What is missing
/// is built first, which takes minutes.
pub(super) fn ensure_built() -> Result<PathBuf> {
    let cache = target_dir().join("cluster");
    std::fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let cache = cache.canonicalize().with_context(|| format!("cannot find {}", cache.display()))?;
    match newest(&cache) {
        Some(folder) => Ok(folder),
        None => build(&cache),
    }
}

/// A folder with every program. A build is complete when its folder has its name: see [`build`].
fn newest(cache: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(cache).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let whole = |folder: &PathBuf| PROGRAMS.iter().all(|program| folder.join(program).is_file());
    entries.filter(|folder| !is_unfinished(folder)).filter(whole).max()
}

fn is_unfinished(folder: &Path) -> bool {
    folder.extension().is_some_and(|extension| extension == "unfinished")
}

/// Everything but the result lies in one folder that is removed at the end: the source and Go's cache
/// are 3 GB.
fn build(cache: &Path) -> Result<PathBuf> {
    let work = cache.join("work.unfinished");
    remove(&work)?;
    std::fs::create_dir(&work).with_context(|| format!("cannot make {}", work.display()))?;
    let version = fetch(&work)?;
    let unfinished = work.join("bin");
    compile(&work, &unfinished, &version)?;
    let folder = cache.join(file_name(&version));
    remove(&folder)?;
    std::fs::rename(&unfinished, &folder).with_context(|| format!("cannot make {}", folder.display()))?;
    remove(&work)?;
    Ok(folder)
}

/// A Debian version as the name of a folder.
fn file_name(version: &str) -> String {
    version.replace(|letter: char| !letter.is_ascii_alphanumeric() && !".-".contains(letter), "_")
}

/// Unpacks the source where Go looks for it below `work`, and returns its version.
fn fetch(work: &Path) -> Result<String> {
    let apt = Apt::new(&work.join("apt"))?;
    apt.update(Kind::Source, SUITE)?;
    let record = output(apt.command("apt-cache").args(["showsrc", "--only-source", PACKAGE]))?;
    let version = field(&record, "Version").with_context(|| format!("{SUITE} has no source of {PACKAGE}"))?;
    println!("fetching the source of {PACKAGE} {version}");
    let mut download = apt.command("apt-get");
    download.current_dir(apt.folder()).args(["--quiet", "source", "--download-only"]);
    output(download.arg(format!("{PACKAGE}={version}")))?;
    let folder = source(work);
    let parent = folder.parent().context("the source lies in no folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    // apt has checked the sums that the signed index names.
    output(
        Command::new("dpkg-source").args(["--no-check", "--extract"]).arg(description(&apt)?).arg(folder),
    )?;
    Ok(version.to_owned())
}

fn description(apt: &Apt) -> Result<PathBuf> {
    let folder = apt.folder();
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files = entries.filter_map(Result::ok).map(|entry| entry.path());
    files
        .find(|file| file.extension().is_some_and(|extension| extension == "dsc"))
        .with_context(|| format!("apt left no description of {PACKAGE} in {}", folder.display()))
}

fn source(work: &Path) -> PathBuf {
    work.join("go/src/k8s.io/kubernetes")
}

fn compile(work: &Path, folder: &Path, version: &str) -> Result<()> {
    std::fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    println!("building Kubernetes: this takes minutes, once");
    run(in_source(work, "make").args(["--silent", "generated_files"]))?;
    let packages = PROGRAMS.map(|program| format!("./cmd/{program}"));
    let flags = format!("-ldflags=-s -w {}", version_flags(version));
    run(in_source(work, "go").args(["build", &flags, "-o"]).arg(folder).args(&packages))?;
    for program in PROGRAMS {
        ensure!(folder.join(program).is_file(), "the build made no {program}");
    }
    Ok(())
}

/// What the programs say of themselves: without it v0.0.0, at which clients stumble.
fn version_flags(version: &str) -> String {
    let upstream = upstream(version);
    let mut numbers = upstream.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    let variables = ["gitVersion=v", "gitMajor=", "gitMinor="].into_iter().zip([upstream, major, minor]);
    let package = "k8s.io/kubernetes/vendor/k8s.io/component-base/version";
    variables.map(|(name, value)| format!("-X {package}.{name}{value} ")).collect()
}

/// The version of the sources in that of a Debian package. `new+reallyold` is Debian's way back to `old`.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    let version = version.rsplit_once('-').map_or(version, |(version, _)| version);
    let version = version.split_once("+really").map_or(version, |(_, version)| version);
    version.split(['+', '~']).next().unwrap_or(version)
}

fn in_source(work: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(source(work)).env("GOPATH", work.join("go")).env("GOCACHE", work.join("gocache"));
    // The source brings all it needs, in the layout from before Go's modules.
    command.envs([("GO111MODULE", "off"), ("GOPROXY", "off"), ("GOFLAGS", ""), ("CGO_ENABLED", "0")]);
    command
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_become_names_of_folders() {
        assert_eq!(file_name("1:1.20.5+really1.20.2-1.1+deb12u1"), "1_1.20.5_really1.20.2-1.1_deb12u1");
    }

    #[test]
    fn programs_say_the_version_of_their_source() {
        for (debian, source) in [
            ("1.20.5+really1.20.2-1.1+deb12u1", "1.20.2"),
            ("1:1.32.3+ds-2", "1.32.3"),
            ("1.30.0~rc1", "1.30.0"),
        ] {
            assert_eq!(upstream(debian), source);
        }
        assert!(version_flags("1.20.2-1").contains("version.gitMinor=20 "), "{}", version_flags("1.20.2-1"));
    }

    #[test]
    fn only_a_whole_build_counts() {
        let cache = std::env::temp_dir().join(format!("picket-binaries-{}", std::process::id()));
        let (half, whole, unfinished) = (cache.join("2"), cache.join("1"), cache.join("3.unfinished"));
        for folder in [&half, &whole, &unfinished] {
            std::fs::create_dir_all(folder).unwrap();
        }
        for program in PROGRAMS {
            std::fs::write(unfinished.join(program), "").unwrap();
        }
        std::fs::write(half.join("kubelet"), "").unwrap();
        assert_eq!(newest(&cache), None);
        for program in PROGRAMS {
            std::fs::write(whole.join(program), "").unwrap();
        }
        let found = newest(&cache);
        remove(&cache).unwrap();
        assert_eq!(found, Some(whole));
    }
}
