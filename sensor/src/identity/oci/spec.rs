//! What the runtime was told to do: privileges, mounts, users and hostname of a `config.json` (OCI runtime
//! specification, `config.md` and `config-linux.md`).

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::identity::details::{Details, IdMap, IdRange, Mount, Mounts};

#[cfg(test)]
mod tests;

/// Longest hostname, in bytes (`HOST_NAME_MAX` of Linux).
const HOSTNAME_MAX: usize = 64;

/// The parts that are read; anything else, and whole files of another form, tell nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    hostname: Option<String>,
    process: Option<Process>,
    mounts: Option<Vec<SpecMount>>,
    linux: Option<Linux>,
}

#[derive(Deserialize)]
struct Process {
    capabilities: Option<Capabilities>,
}

#[derive(Deserialize)]
struct Capabilities {
    bounding: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct SpecMount {
    destination: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    source: Option<String>,
    options: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    masked_paths: Option<Vec<IgnoredAny>>,
    readonly_paths: Option<Vec<IgnoredAny>>,
    resources: Option<Resources>,
    uid_mappings: Option<Vec<Mapping>>,
    gid_mappings: Option<Vec<Mapping>>,
}

#[derive(Deserialize)]
struct Resources {
    devices: Option<Vec<DeviceRule>>,
}

#[derive(Deserialize)]
struct DeviceRule {
    #[serde(default)]
    allow: bool,
    #[serde(rename = "type")]
    kind: Option<String>,
    major: Option<i64>,
    minor: Option<i64>,
    access: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
struct Mapping {
    #[serde(rename = "containerID")]
    container: u32,
    #[serde(rename = "hostID")]
    host: u32,
    size: u32,
}

impl Spec {
    /// Reads a file. It is read apart from the annotations: whatever is wrong here takes no name away.
    pub(super) fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    /// Whether the container has the host's privileges. No runtime writes that down; what all of them do for such a
    /// container, and for no other, is: nothing of `/proc` and `/sys` is hidden or read-only, the bounding set has
    /// `CAP_SYS_ADMIN` and the capabilities that come with it, and either every device is allowed or (containerd's
    /// and CRI-O's `privileged_without_host_devices`) `/sys` is writable. Not every capability is asked for: a runtime
    /// hands on what it has itself, and old ones do not know the newest.
    pub(super) fn privileged(&self) -> Option<bool> {
        const TELLING: [&str; 5] =
            ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_PTRACE", "CAP_NET_ADMIN", "CAP_SYSLOG"];
        let linux = self.linux.as_ref()?;
        let bounding =
            self.process.as_ref().and_then(|process| process.capabilities.as_ref()?.bounding.as_deref());
        let bounding = bounding.unwrap_or_default();
        let is_empty = |paths: &Option<Vec<IgnoredAny>>| paths.as_ref().is_none_or(Vec::is_empty);
        let capable = TELLING.iter().all(|wanted| bounding.iter().any(|name| name == wanted));
        let open = is_empty(&linux.masked_paths) && is_empty(&linux.readonly_paths);
        Some(capable && open && (linux.allows_all_devices() || self.has_writable_sys()))
    }

    fn has_writable_sys(&self) -> bool {
        let mounts = self.mounts.as_deref().unwrap_or_default();
        let sys = mounts.iter().rfind(|mount| mount.destination == "/sys");
        sys.is_some_and(|mount| mount.kind.as_deref() == Some("sysfs") && mount.is_writable())
    }

    /// Everything else that rules want to know.
    pub(super) fn details(self) -> Details {
        let map = |ranges: Option<Vec<Mapping>>| IdMap::new(ranges.unwrap_or_default().iter().map(range));
        let mounts: Option<Mounts> =
            self.mounts.map(|mounts| mounts.into_iter().filter_map(SpecMount::of_host).collect());
        let (uids, gids) =
            self.linux.map_or_else(Default::default, |linux| (linux.uid_mappings, linux.gid_mappings));
        Details {
            hostname: self.hostname.filter(|name| name.len() <= HOSTNAME_MAX).unwrap_or_default(),
            mounts: mounts.map(Arc::new),
            uids: map(uids),
            gids: map(gids),
            ..Details::default()
        }
    }
}

fn range(mapping: &Mapping) -> IdRange {
    IdRange { inside: mapping.container, outside: mapping.host, count: mapping.size }
}

impl Linux {
    /// The last rule about all devices counts, as in the kernel's controller.
    fn allows_all_devices(&self) -> bool {
        let rules =
            self.resources.as_ref().and_then(|resources| resources.devices.as_deref()).unwrap_or_default();
        rules.iter().rfind(|rule| rule.is_about_all()).is_some_and(|rule| rule.allow)
    }
}

impl DeviceRule {
    fn is_about_all(&self) -> bool {
        let access = self.access.as_deref().unwrap_or_default();
        let any = |number: Option<i64>| number.is_none_or(|number| number < 0);
        matches!(self.kind.as_deref(), None | Some("" | "a"))
            && any(self.major)
            && any(self.minor)
            && (access.is_empty() || ["r", "w", "m"].iter().all(|kind| access.contains(kind)))
    }
}

impl SpecMount {
    fn is_writable(&self) -> bool {
        let options = self.options.as_deref().unwrap_or_default();
        options.iter().rfind(|option| *option == "ro" || *option == "rw").is_none_or(|option| option == "rw")
    }

    /// The mount, if it shows something of the host; file systems of the container's own are of no interest.
    fn of_host(self) -> Option<Mount> {
        let options = self.options.as_deref().unwrap_or_default();
        let bound = self.kind.as_deref() == Some("bind")
            || options.iter().any(|option| option == "bind" || option == "rbind");
        let propagation = options.iter().find(|option| {
            let kind = option.strip_prefix('r').unwrap_or(option);
            matches!(kind, "private" | "shared" | "slave" | "unbindable")
        });
        let (propagation, writable) = (propagation.cloned().unwrap_or_default(), self.is_writable());
        let source = self.source.filter(|_| bound)?;
        Some(Mount { source, destination: self.destination, mode: String::new(), writable, propagation })
    }
}
