//! The archive of an image: an OCI image layout (image-spec 1.0) that Docker's and podman's `load` read as well.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::tar::Tree;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Name of an image, in full: registry, repository and tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    repository: String,
    tag: String,
}

impl Default for Reference {
    /// As the chart names it.
    fn default() -> Self {
        Self { repository: "docker.io/library/picket".to_owned(), tag: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

impl FromStr for Reference {
    type Err = anyhow::Error;

    /// Completes a short name as Docker does: `picket` is `docker.io/library/picket:latest`.
    fn from_str(text: &str) -> Result<Self> {
        let (repository, tag) = match text.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (text, "latest"),
        };
        let good = |character: char| character.is_ascii_alphanumeric() || "-._/:".contains(character);
        ensure!(
            !repository.is_empty() && !tag.is_empty() && text.chars().all(good),
            "`{text}` is no name of an image such as registry.example/picket:0.1.0"
        );
        let registry = repository.split('/').next().filter(|first| *first != repository);
        let repository = match registry {
            Some(first) if first.contains(['.', ':']) || first == "localhost" => repository.to_owned(),
            Some(_) => format!("docker.io/{repository}"),
            None => format!("docker.io/library/{repository}"),
        };
        Ok(Self { repository, tag: tag.to_owned() })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.repository, self.tag)
    }
}

/// An image of one layer.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    name: Reference,
    tree: Tree,
    created: u64,
    /// What is started.
    pub(crate) entrypoint: Vec<String>,
    /// Its arguments, unless others are given.
    pub(crate) command: Vec<String>,
    /// Variables, as `NAME=value`.
    pub(crate) environment: Vec<String>,
    /// Labels of the configuration, which are annotations of the manifest too.
    pub(crate) labels: BTreeMap<String, String>,
}

impl Image {
    /// An image of these files, made at `created` (seconds since 1970).
    pub(crate) const fn new(name: Reference, tree: Tree, created: u64) -> Self {
        Self {
            name,
            tree,
            created,
            entrypoint: Vec::new(),
            command: Vec::new(),
            environment: Vec::new(),
            labels: BTreeMap::new(),
        }
    }

    pub(crate) const fn name(&self) -> &Reference {
        &self.name
    }

    /// The layer. It is not compressed, so that it does not depend on a compressor.
    pub(crate) fn layer(&self) -> Vec<u8> {
        self.tree.archive()
    }

    /// The archive: `oci-layout`, `index.json`, blobs, and `manifest.json` for older engines.
    pub(crate) fn archive(&self) -> Result<Vec<u8>> {
        let layer = Blob::new(LAYER, self.layer())?;
        let config = Blob::new(CONFIG, self.configuration(&layer).to_string().into_bytes())?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": config.descriptor(), "layers": [layer.descriptor()], "annotations": self.labels,
        });
        let manifest = Blob::new(MANIFEST, manifest.to_string().into_bytes())?;
        let mut entry = manifest.descriptor();
        entry["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        entry["annotations"] = json!({
            // containerd takes the name from the first one, others from the second.
            "io.containerd.image.name": self.name.to_string(),
            "org.opencontainers.image.ref.name": self.name.tag,
        });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
        let older = json!([{
            "Config": config.path(), "RepoTags": [self.name.to_string()], "Layers": [layer.path()],
        }]);
        let mut archive = Tree::new(self.created);
        let mut file = |path: &str, bytes: &[u8]| archive.file(path, 0o644, bytes);
        file("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }).to_string().as_bytes());
        file("index.json", index.to_string().as_bytes());
        file("manifest.json", older.to_string().as_bytes());
        for blob in [&layer, &config, &manifest] {
            file(&blob.path(), &blob.bytes);
        }
        Ok(archive.archive())
    }

    fn configuration(&self, layer: &Blob) -> Value {
        json!({
            "architecture": architecture(),
            "os": "linux",
            "created": time(self.created),
            "config": {
                "User": "0:0",
                "WorkingDir": "/",
                "Env": self.environment,
                "Entrypoint": self.entrypoint,
                "Cmd": self.command,
                "Labels": self.labels,
            },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", layer.digest)] },
            "history": [{ "created": time(self.created), "created_by": "cargo xtask image" }],
        })
    }
}

/// A part of an image, named by its digest.
struct Blob {
    kind: &'static str,
    digest: String,
    bytes: Vec<u8>,
}

impl Blob {
    fn new(kind: &'static str, bytes: Vec<u8>) -> Result<Self> {
        Ok(Self { kind, digest: sha256(&bytes)?, bytes })
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }

    fn descriptor(&self) -> Value {
        json!({ "mediaType": self.kind, "digest": format!("sha256:{}", self.digest), "size": self.bytes.len() })
    }
}

/// In hexadecimal digits; by coreutils, which every builder has.
pub(super) fn sha256(bytes: &[u8]) -> Result<String> {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start sha256sum (package coreutils)")?;
    // It says nothing before it has read everything, so neither waits for the other.
    child
        .stdin
        .take()
        .context("no input of sha256sum")?
        .write_all(bytes)
        .context("sha256sum reads no more")?;
    let said = child.wait_with_output().context("cannot wait for sha256sum")?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    match said.split_whitespace().next() {
        Some(digest) if digest.len() == 64 => Ok(digest.to_owned()),
        _ => bail!("sha256sum printed no digest: {said}"),
    }
}

/// As image configurations name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Seconds since 1970 in the form of RFC 3339.
pub(super) fn time(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut day) = (1970, days);
    let length = |year: u64| {
        365 + u64::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)))
    };
    while day >= length(year) {
        day -= length(year);
        year += 1;
    }
    let february = length(year) - 337;
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{:02}Z", day + 1, second % 60)
}

#[cfg(test)]
mod tests {
    use super::super::tar::tests::entries;
    use super::*;

    fn sample() -> Image {
        let mut tree = Tree::new(1);
        tree.file("a", 0o644, b"one");
        Image::new("example.org/x/y:1".parse().unwrap(), tree, 1)
    }

    #[test]
    fn every_blob_is_named_by_its_digest_and_every_reference_leads_to_one() {
        let archive = entries(&sample().archive().unwrap());
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            let found = archive.iter().find(|entry| entry.path == format!("blobs/sha256/{digest}")).unwrap();
            assert_eq!(sha256(&found.bytes).unwrap(), digest);
            assert_eq!(descriptor["size"], found.bytes.len());
            found.bytes.clone()
        };
        let file = |name: &str| -> Value {
            serde_json::from_slice(&archive.iter().find(|entry| entry.path == name).unwrap().bytes).unwrap()
        };
        let index = file("index.json");
        let manifest: Value = serde_json::from_slice(&blob(&index["manifests"][0])).unwrap();
        let config: Value = serde_json::from_slice(&blob(&manifest["config"])).unwrap();
        let layer = blob(&manifest["layers"][0]);
        assert_eq!(layer, sample().layer());
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], "example.org/x/y:1");
        let older = file("manifest.json");
        assert_eq!(older[0]["RepoTags"][0], "example.org/x/y:1");
        assert!(archive.iter().any(|entry| older[0]["Config"] == entry.path));
        assert!(archive.iter().any(|entry| older[0]["Layers"][0] == entry.path));
        assert_eq!(archive.iter().filter(|entry| entry.path.len() > "blobs/sha256/".len()).count(), 3);
    }

    #[test]
    fn names_are_completed() {
        for (short, full) in [
            ("picket", "docker.io/library/picket:latest"),
            ("picket:1", "docker.io/library/picket:1"),
            ("me/picket:1", "docker.io/me/picket:1"),
            ("localhost/picket", "localhost/picket:latest"),
            ("host:5000/a/b", "host:5000/a/b:latest"),
        ] {
            assert_eq!(short.parse::<Reference>().unwrap().to_string(), full);
        }
        for bad in ["", ":1", "a b", "picket:"] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }
}
