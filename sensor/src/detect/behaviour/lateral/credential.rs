//! Files that are credentials, by the path that the kernel resolved.

use crate::detect::technique::{
    MS_TA9003, MS_TA9016, MS_TA9026, MS_TA9027, MS_TA9037, T1528, T1552_001, T1552_004, Technique,
};
use crate::event::{path::Components, text::Strings};

/// What a credential opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The API server, as the pod.
    Token,
    /// The API server, as whoever the file was made for.
    Kubeconfig,
    /// The cluster, as one of its parts.
    ClusterKey,
    /// Other machines, by ssh.
    SshKey,
    /// An account of a cloud.
    Cloud,
    /// A registry of images.
    Registry,
    /// Repositories, databases.
    Password,
}

impl Kind {
    /// For people.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Token => "the token of a service account",
            Self::Kubeconfig => "a kubeconfig",
            Self::ClusterKey => "a key of the cluster",
            Self::SshKey => "a private key of ssh",
            Self::Cloud => "credentials of a cloud",
            Self::Registry => "credentials of a registry",
            Self::Password => "stored passwords",
        }
    }

    /// Techniques of taking it.
    pub(super) const fn techniques(self) -> &'static [Technique] {
        match self {
            Self::Token => &[T1528, T1552_001, MS_TA9016],
            Self::Kubeconfig => &[T1552_001, MS_TA9003],
            Self::ClusterKey | Self::SshKey => &[T1552_004, T1552_001],
            Self::Cloud => &[T1552_001, MS_TA9026],
            Self::Registry => &[T1552_001, MS_TA9037],
            Self::Password => &[T1552_001, MS_TA9027],
        }
    }
}

/// Folders above a file that are looked at.
const FOLDERS: usize = 6;

/// What kind of credential a file is, if it is one.
pub(super) fn kind(path: Components<'_>) -> Option<Kind> {
    let mut parts = Strings(path.0).iter();
    let leaf = parts.next()?;
    let mut folders: [&[u8]; FOLDERS] = [&[]; FOLDERS];
    for (place, folder) in folders.iter_mut().zip(parts) {
        *place = folder;
    }
    of_cluster(leaf, &folders).or_else(|| of_person(leaf, &folders))
}

fn of_cluster(leaf: &[u8], folders: &[&[u8]; FOLDERS]) -> Option<Kind> {
    let has = |name: &str| folders.contains(&name.as_bytes());
    let is_token = leaf == b"token" || leaf.ends_with(b"-token") || leaf.ends_with(b"_token");
    if is_token && (has("serviceaccount") || has("secrets") && has("tokens")) {
        return Some(Kind::Token);
    }
    // As the node sees them.
    if leaf == b"token" && (has("kubernetes.io~projected") || has("kubernetes.io~secret")) {
        return Some(Kind::Token);
    }
    if has("kubelet") && has("pki") && leaf.ends_with(b".pem")
        || has("kubernetes") && has("pki") && leaf.ends_with(b".key")
    {
        return Some(Kind::ClusterKey);
    }
    let [folder, above, ..] = folders;
    match (leaf, *folder, *above) {
        (b"config", b".kube", _) | (b"kubeconfig", b"kubelet", _) => Some(Kind::Kubeconfig),
        (_, b"kubernetes", b"etc") if leaf.ends_with(b".conf") => Some(Kind::Kubeconfig),
        (_, _, b"rancher") if leaf.ends_with(b".yaml") => Some(Kind::Kubeconfig),
        (b"config.json", b"kubelet" | b".docker", _) | (b"auth.json", b"containers" | b".docker", _) => {
            Some(Kind::Registry)
        }
        _ => None,
    }
}

fn of_person(leaf: &[u8], folders: &[&[u8]; FOLDERS]) -> Option<Kind> {
    let [folder, above, ..] = folders;
    let key = (leaf.starts_with(b"id_") || leaf.ends_with(b".pem")) && !leaf.ends_with(b".pub");
    match (leaf, *folder, *above) {
        (_, b".ssh", _) if key => Some(Kind::SshKey),
        (_, b"ssh", b"etc") if leaf.starts_with(b"ssh_host_") && leaf.ends_with(b"_key") => {
            Some(Kind::SshKey)
        }
        (b"credentials", b".aws", _)
        | (b"credentials.db" | b"access_tokens.db" | b"application_default_credentials.json", b"gcloud", _)
        | (b"accessTokens.json" | b"msal_token_cache.json" | b"azureProfile.json", b".azure", _)
        | (b"azure.json", b"kubernetes", b"etc") => Some(Kind::Cloud),
        (_, b"cache", b"sso") => Some(Kind::Cloud),
        (b".git-credentials" | b".netrc" | b".pgpass" | b".my.cnf" | b".vault-token", ..)
        | (b"hosts.yml", b"gh", _) => Some(Kind::Password),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<Kind> {
        let mut bytes = Vec::new();
        for part in path.split('/').rev().filter(|part| !part.is_empty()) {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(0);
        }
        kind(Components(&bytes))
    }

    #[test]
    fn known_by_their_place() {
        for (path, kind) in [
            ("/run/secrets/kubernetes.io/serviceaccount/token", Kind::Token),
            ("/run/secrets/kubernetes.io/serviceaccount/..2026_11_23_02_00_00.1/token", Kind::Token),
            ("/run/secrets/eks.amazonaws.com/serviceaccount/token", Kind::Token),
            ("/var/run/secrets/tokens/vault-token", Kind::Token),
            (
                "/var/lib/kubelet/pods/u/volumes/kubernetes.io~projected/kube-api-access-x/..1/token",
                Kind::Token,
            ),
            ("/root/.kube/config", Kind::Kubeconfig),
            ("/host/etc/kubernetes/admin.conf", Kind::Kubeconfig),
            ("/host/etc/kubernetes/pki/etcd/server.key", Kind::ClusterKey),
            ("/host/var/lib/kubelet/pki/kubelet-client-current.pem", Kind::ClusterKey),
            ("/home/x/.ssh/id_ed25519", Kind::SshKey),
            ("/etc/ssh/ssh_host_rsa_key", Kind::SshKey),
            ("/root/.aws/credentials", Kind::Cloud),
            ("/root/.config/gcloud/credentials.db", Kind::Cloud),
            ("/root/.docker/config.json", Kind::Registry),
            ("/root/.git-credentials", Kind::Password),
        ] {
            assert_eq!(of(path), Some(kind), "{path}");
        }
    }

    #[test]
    fn what_lies_beside_them_is_none() {
        for path in [
            "/run/secrets/kubernetes.io/serviceaccount/ca.crt",
            "/run/secrets/kubernetes.io/serviceaccount/..1/namespace",
            "/home/x/.ssh/id_rsa.pub",
            "/home/x/.ssh/known_hosts",
            "/srv/token",
            "/etc/app/config",
            "/etc/ssl/certs/ca.pem",
            "/token",
            "/",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }
}
