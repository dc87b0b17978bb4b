//! `cargo xtask image`: the agent's container image, assembled here without a container builder.
//!
//! One layer, with the static agent, the rules, its licence and its bill of materials, and nothing else: no shell, no
//! library, no writable file. The same sources and the same agent give the same bytes.

pub(crate) mod busybox;
pub(crate) mod oci;
mod sbom;
pub(crate) mod tar;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{find, output, run, target_dir, workspace};
use crate::vm;
use oci::{Image, Reference};
use tar::Tree;

/// Where the agent is in the image; the chart's probes name it too.
const PROGRAM: &str = "usr/bin/picket";
/// Where the agent looks for rules, if its settings say nothing else.
const RULES: &str = "etc/picket/rules";
const DOCUMENTS: &str = "usr/share/doc/picket";
const DESCRIPTION: &str = "Node runtime sensor for Kubernetes: sees what containers do, from the kernel";

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// The archive [default: target/image/picket-VERSION.tar]; the bill of materials is written beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Take this agent instead of building one; it has to be linked statically
    #[arg(long, value_name = "FILE")]
    pub(crate) release_binary: Option<PathBuf>,
    /// Name of the image [default: docker.io/library/picket:VERSION]
    #[arg(long)]
    pub(crate) name: Option<Reference>,
    /// Load it into Docker or podman, whichever answers
    #[arg(long)]
    pub(crate) load: bool,
}

pub(crate) fn command(arguments: &Arguments) -> Result<()> {
    let archive = make(arguments)?;
    if arguments.load {
        load(&archive)?;
    }
    Ok(())
}

/// Builds what is missing, writes archive and bill of materials, and returns the archive.
pub(crate) fn make(arguments: &Arguments) -> Result<PathBuf> {
    let program = match &arguments.release_binary {
        Some(program) => program.clone(),
        None => {
            crate::setup::ensure(&[crate::setup::Need::Ebpf])?;
            vm::agent()?
        }
    };
    let agent = std::fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    ensure!(
        is_static(&agent)?,
        "{} loads libraries, and the image has none: build it with RUSTFLAGS='-C target-feature=+crt-static' \
         and `--target host-tuple`, or leave out --release-binary",
        program.display()
    );
    let archive = arguments.output.clone().unwrap_or_else(|| {
        target_dir().join("image").join(format!("picket-{}.tar", env!("CARGO_PKG_VERSION")))
    });
    let created = created()?;
    let materials = sbom::make(created)?;
    let name = arguments.name.clone().unwrap_or_default();
    let image = assemble(&agent, &rules()?, &materials, &licence()?, name, created);
    let beside = archive.with_extension("spdx.json");
    write(&archive, &image.archive()?)?;
    write(&beside, materials.as_bytes())?;
    println!("{} ({}), {}", archive.display(), image.name(), beside.display());
    Ok(archive)
}

/// The image of these files, which is a function of them.
fn assemble(
    agent: &[u8],
    rules: &[(String, Vec<u8>)],
    materials: &str,
    licence: &str,
    name: Reference,
    created: u64,
) -> Image {
    let mut tree = Tree::new(created);
    for (file, text) in rules {
        tree.file(&format!("{RULES}/{file}"), 0o644, text);
    }
    tree.file(PROGRAM, 0o755, agent);
    tree.file(&format!("{DOCUMENTS}/LICENSE"), 0o644, licence.as_bytes());
    tree.file(&format!("{DOCUMENTS}/sbom.spdx.json"), 0o644, materials.as_bytes());
    let mut image = Image::new(name, tree, created);
    image.entrypoint = vec![format!("/{PROGRAM}")];
    image.command = vec!["run".to_owned()];
    image.environment = vec!["PATH=/usr/bin".to_owned()];
    let mut label = |key: &str, value: &str| {
        image.labels.insert(format!("org.opencontainers.image.{key}"), value.to_owned());
    };
    label("title", "picket");
    label("description", DESCRIPTION);
    label("licenses", env!("CARGO_PKG_LICENSE"));
    label("version", env!("CARGO_PKG_VERSION"));
    label("created", &oci::time(created));
    if let Some(revision) = revision() {
        label("revision", &revision);
    }
    image
}

/// The rules that are shipped, in the order of their names.
fn rules() -> Result<Vec<(String, Vec<u8>)>> {
    let folder = workspace().join("deploy/rules");
    let failed = || format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") {
            files.push((name, std::fs::read(entry.path()).with_context(failed)?));
        }
    }
    files.sort();
    Ok(files)
}

fn licence() -> Result<String> {
    let file = workspace().join("LICENSE");
    std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// Seconds since 1970 that every file and the image carry: `SOURCE_DATE_EPOCH`, else when the last commit was made.
fn created() -> Result<u64> {
    if let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") {
        return text
            .trim()
            .parse()
            .with_context(|| format!("SOURCE_DATE_EPOCH={text} is no number of seconds"));
    }
    let time = git(&["log", "-1", "--format=%ct"]).context(
        "when the sources were made is not known: set SOURCE_DATE_EPOCH to seconds since 1970, or build in a \
         checkout with git",
    )?;
    time.parse().with_context(|| format!("git says `{time}` for the time of the last commit"))
}

/// The commit, marked where files differ from it.
fn revision() -> Option<String> {
    let commit = git(&["rev-parse", "HEAD"]).ok()?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).ok()?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-dirty") })
}

fn git(arguments: &[&str]) -> Result<String> {
    Ok(output(Command::new("git").arg("-C").arg(workspace()).args(arguments))?.trim().to_owned())
}

/// Whether an ELF program names no loader (`PT_INTERP` of elf(5)).
fn is_static(program: &[u8]) -> Result<bool> {
    use object::read::elf::{FileHeader as _, ProgramHeader as _};
    let header = object::elf::FileHeader64::<object::Endianness>::parse(program)
        .map_err(|error| anyhow::anyhow!("the agent is no 64-bit ELF program: {error}"))?;
    let endian = header.endian().map_err(|error| anyhow::anyhow!("the agent's byte order: {error}"))?;
    let segments = header
        .program_headers(endian, program)
        .map_err(|error| anyhow::anyhow!("the agent's program headers: {error}"))?;
    Ok(!segments.iter().any(|segment| segment.p_type(endian) == object::elf::PT_INTERP))
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

/// Gives the archive to the first engine that is there and answers.
fn load(archive: &Path) -> Result<()> {
    let engines = ["docker", "podman"];
    let answers = |engine: &&str| find(engine).is_some() && output(Command::new(engine).arg("info")).is_ok();
    let engine = engines.iter().find(|engine| answers(engine)).with_context(|| {
        format!(
            "neither Docker nor podman answers here; the archive is complete: copy {} to where one runs and \
             `docker load --input` it there, or on a node `ctr --namespace k8s.io images import` it",
            archive.display()
        )
    })?;
    run(Command::new(engine).args(["load", "--input"]).arg(archive))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        let rules = [("a.yaml".to_owned(), b"[]".to_vec())];
        assemble(b"agent", &rules, "{}", "licence", Reference::default(), 1_700_000_000)
    }

    #[test]
    fn it_is_the_same_each_time() {
        assert_eq!(image().archive().unwrap(), image().archive().unwrap());
    }

    #[test]
    fn it_holds_the_agent_and_nothing_to_write_to() {
        let layer = image().layer();
        let files: Vec<_> = tar::tests::entries(&layer)
            .into_iter()
            .map(|entry| (entry.path, entry.mode, entry.owner))
            .collect();
        let expected = [
            ("etc/", 0o755),
            ("etc/picket/", 0o755),
            ("etc/picket/rules/", 0o755),
            ("etc/picket/rules/a.yaml", 0o644),
            ("usr/", 0o755),
            ("usr/bin/", 0o755),
            ("usr/bin/picket", 0o755),
            ("usr/share/", 0o755),
            ("usr/share/doc/", 0o755),
            ("usr/share/doc/picket/", 0o755),
            ("usr/share/doc/picket/LICENSE", 0o644),
            ("usr/share/doc/picket/sbom.spdx.json", 0o644),
        ];
        assert_eq!(files, expected.map(|(path, mode)| (path.to_owned(), mode, (0, 0))));
    }

    #[test]
    fn the_rules_are_those_of_the_repository() {
        let names: Vec<String> = rules().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.first().map(String::as_str), Some("00-common.yaml"));
        assert!(names.len() > 5 && names.is_sorted(), "{names:?}");
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(is_static(b"#!/bin/sh\n").unwrap_err().to_string().contains("no 64-bit ELF"));
        // The tests themselves are linked dynamically, unless the build is told otherwise.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(is_static(&own).unwrap(), cfg!(target_feature = "crt-static"));
    }
}
