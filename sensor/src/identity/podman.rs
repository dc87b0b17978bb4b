//! Names of podman's containers, from the list that its storage keeps (`containers.json`).

use serde::Deserialize;

use super::json::{self, JsonError};

#[cfg(test)]
mod tests;

/// What the list tells of one container; either may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The container's name.
    pub name: String,
    /// Reference of its image.
    pub image: String,
}

/// Looks `id` up in a `containers.json` (or `volatile-containers.json`, which holds those of `--rm`).
pub fn find(bytes: &[u8], id: &str) -> Result<Option<Names>, JsonError> {
    let all: Vec<Entry> = json::parse(bytes)?;
    let Some(entry) = all.into_iter().find(|entry| entry.id == id) else { return Ok(None) };
    // JSON within a string; it is podman's own and may change, so a form that is unknown just adds nothing.
    let metadata: Metadata = serde_json::from_str(&entry.metadata).unwrap_or_default();
    let name = entry.names.unwrap_or_default().into_iter().next().unwrap_or(metadata.name);
    Ok(Some(Names { name, image: metadata.image_name }))
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    names: Option<Vec<String>>,
    #[serde(default)]
    metadata: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Metadata {
    name: String,
    image_name: String,
}
