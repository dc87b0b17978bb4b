//! The bill of materials: what is linked into the agent, as SPDX 2.3 in JSON.
//!
//! Packages and their licences are those that cargo links into `picket` (no build scripts, no macros) and into the kernel
//! programs inside it; checksums are those of `Cargo.lock`. A static agent holds the C library too.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::oci;
use crate::process::{cargo, output, workspace};

/// Crates whose dependencies are linked: the agent, and the kernel programs that it carries.
const ROOTS: [&str; 2] = ["sensor", "sensor-ebpf"];
/// The element that stands for the agent as a whole.
const AGENT: &str = "SPDXRef-picket";

/// A part of the agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    name: String,
    version: String,
    licence: String,
    /// SHA-256 of the package file, if it came from a registry.
    checksum: Option<String>,
    /// Package URL (purl-spec), if there is a type for it.
    url: Option<String>,
}

/// The document, as text; `created` in seconds since 1970.
pub(super) fn make(created: u64) -> Result<String> {
    let lock = workspace().join("Cargo.lock");
    let lock = std::fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let checksums = checksums(&lock);
    let mut parts = BTreeSet::new();
    for root in ROOTS {
        let tree = ["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none"];
        let said =
            output(cargo().args(tree).args(["--format", "{p}|{l}", "--no-dedupe", "--package", root]))?;
        parts.extend(said.lines().filter_map(|line| part(line, &checksums)));
    }
    parts.extend(libraries()?);
    let mut text = serde_json::to_string_pretty(&document(&parts, created))?;
    text.push('\n');
    Ok(text)
}

/// `name vVERSION (where)|LICENCE`, as cargo prints it.
fn part(line: &str, checksums: &BTreeMap<(String, String), String>) -> Option<Part> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split_whitespace();
    let (name, version) = (words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned());
    let checksum = checksums.get(&(name.clone(), version.clone())).cloned();
    let url = checksum.is_some().then(|| format!("pkg:cargo/{name}@{version}"));
    // Older packages write `/` where SPDX has `OR`.
    let licence = licence.trim_end_matches(" (*)").replace('/', " OR ");
    Some(Part { name, version, licence, checksum, url })
}

/// Checksums by name and version, from the blocks of `Cargo.lock`.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]").skip(1);
    blocks
        .filter_map(|block| {
            Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?))
        })
        .collect()
}

/// What a static program has from the toolchain instead of from packages.
fn libraries() -> Result<[Part; 2]> {
    let part = |name: &str, version: &str, licence: &str| Part {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
        checksum: None,
        url: None,
    };
    let rust = output(cargo().arg("--version"))?;
    let rust = rust.split_whitespace().nth(1).unwrap_or("unknown");
    let libc = output(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let libc = libc.split_whitespace().nth(1).unwrap_or("unknown");
    Ok([part("rust-std", rust, "MIT OR Apache-2.0"), part("glibc", libc, "LGPL-2.1-or-later")])
}

fn document(parts: &BTreeSet<Part>, created: u64) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let mut packages = vec![json!({
        "SPDXID": AGENT, "name": "picket", "versionInfo": version,
        "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
        "licenseConcluded": env!("CARGO_PKG_LICENSE"), "licenseDeclared": env!("CARGO_PKG_LICENSE"),
        "copyrightText": "NOASSERTION", "primaryPackagePurpose": "APPLICATION",
    })];
    let mut relations = vec![json!({
        "spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": AGENT,
    })];
    for part in parts {
        packages.push(package(part));
        relations.push(json!({
            "spdxElementId": AGENT, "relationshipType": "CONTAINS", "relatedSpdxElement": id(part),
        }));
    }
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": format!("picket-{version}"),
        // Has to be unique for each document, and need not lead anywhere.
        "documentNamespace": format!("urn:picket:sbom:{version}:{created}"),
        "creationInfo": { "created": oci::time(created), "creators": ["Tool: cargo xtask image"] },
        "packages": packages,
        "relationships": relations,
    })
}

fn package(part: &Part) -> Value {
    let mut package = json!({
        "SPDXID": id(part), "name": part.name, "versionInfo": part.version,
        "downloadLocation": "NOASSERTION", "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION", "licenseDeclared": part.licence,
        "copyrightText": "NOASSERTION",
    });
    if let Some(checksum) = &part.checksum {
        package["checksums"] = json!([{ "algorithm": "SHA256", "checksumValue": checksum }]);
    }
    if let Some(url) = &part.url {
        package["externalRefs"] = json!([{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url,
        }]);
    }
    package
}

/// Ids are made of letters, digits, dots and hyphens.
fn id(part: &Part) -> String {
    let text = format!("{}-{}", part.name, part.version);
    let safe = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' });
    format!("SPDXRef-{}", safe.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"a_b\"\nversion = \"1.2.3+x\"\nsource = \"registry\"\n\
                        checksum = \"c0ffee\"\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";

    #[test]
    fn parts_have_the_checksum_of_the_lock_file() {
        let checksums = checksums(LOCK);
        let found = part("a_b v1.2.3+x|MIT/Apache-2.0 (*)", &checksums).unwrap();
        assert_eq!(found.checksum.as_deref(), Some("c0ffee"));
        assert_eq!(found.url.as_deref(), Some("pkg:cargo/a_b@1.2.3+x"));
        assert_eq!(found.licence, "MIT OR Apache-2.0");
        assert_eq!(id(&found), "SPDXRef-a-b-1.2.3-x");
        let own = part("own v0.1.0 (folder/own)|Apache-2.0", &checksums).unwrap();
        assert_eq!((own.name.as_str(), own.checksum, own.url), ("own", None, None));
    }

    #[test]
    fn it_lists_what_is_linked_and_only_that() {
        let text = make(0).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let packages = document["packages"].as_array().unwrap();
        let names: Vec<_> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
        for linked in ["picket", "sensor", "aya", "tokio", "aya-ebpf", "sensor-ebpf", "rust-std", "glibc"] {
            assert!(names.contains(&linked), "{linked}");
        }
        for left_out in ["proptest", "prost-build", "clap_derive", "xtask"] {
            assert!(!names.contains(&left_out), "{left_out}");
        }
        let registry = packages.iter().filter(|package| package["externalRefs"].is_array());
        assert!(registry.clone().count() > 50);
        for package in registry {
            assert_eq!(
                package["checksums"][0]["checksumValue"].as_str().map(str::len),
                Some(64),
                "{package}"
            );
            assert_ne!(package["licenseDeclared"], "", "{package}");
        }
        let mut ids: Vec<_> = packages.iter().map(|package| package["SPDXID"].to_string()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), packages.len(), "ids are unique");
        assert_eq!(text, make(0).unwrap());
    }
}
