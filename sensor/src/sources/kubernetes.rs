//! The Kubernetes API as a source of identity: optional, slower than all others, and the only one that knows
//! owners, service accounts and roles, and who in the cluster has which address.
//!
//! Each node follows its own pods only, so that what it asks does not depend on how many pods other nodes have;
//! peers (`identity.peers`) are the exception, and off unless asked for.

mod facts;
mod follow;
mod health;
mod jobs;
mod later;
mod node;
mod objects;
mod peers;
mod pods;
mod split;
mod trouble;

#[cfg(test)]
mod fake;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use self::follow::Pace;
use self::health::{Part, Reporter};
use super::account::Account;
use super::adviser::Teacher;
use crate::identity::selection::{Keys, Selection};

/// Where a pod finds the token of its service account.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Where a pod finds the API server.
const HOST_VARIABLE: &str = "KUBERNETES_SERVICE_HOST";

/// Whether the API server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// In a pod with a service account, or where a kubeconfig file is named.
    Auto,
    /// Yes; that it cannot be asked is a problem of this source.
    On,
    /// No.
    Off,
}

/// What the source is to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether it is asked.
    pub wish: Wish,
    /// File with address and credentials; without one, those of the pod that the agent runs in.
    pub kubeconfig: Option<PathBuf>,
    /// This node, as `spec.nodeName` of pods names it.
    pub node: String,
    /// Labels and annotations that are kept.
    pub selection: Arc<Selection>,
    /// Labels of the node that are kept.
    pub node_labels: Keys,
    /// Addresses of the cluster that are remembered; 0: peers are not followed.
    pub peers_max: usize,
}

impl Settings {
    /// True if the API server is to be asked.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        match self.wish {
            Wish::On => true,
            Wish::Off => false,
            Wish::Auto => self.kubeconfig.is_some() || is_in_cluster(),
        }
    }
}

/// Where the API server is, as the status shows it.
#[must_use]
pub fn place(kubeconfig: Option<&Path>) -> String {
    kubeconfig.map_or_else(|| "of this cluster".to_owned(), |path| path.display().to_string())
}

/// Asks the API server, and keeps its books in `account`, until the resolver ends.
pub async fn advise(settings: Settings, teacher: Teacher, account: Arc<Account>) {
    let reporter = Reporter::new(account, &settings.node);
    work(settings, Pace::default(), teacher, reporter).await;
}

async fn work(settings: Settings, pace: Pace, teacher: Teacher, reporter: Reporter) {
    let client = connect(settings.kubeconfig.as_deref(), pace, &teacher, &reporter).await;
    let Some(client) = client else { return };
    let Settings { node, selection, node_labels, peers_max, .. } = settings;
    let node = encoded(&node);
    let introduction = introduce(client.clone(), pace, reporter.clone());
    let of_pods = pods::advise(client.clone(), &node, selection, pace, teacher.clone(), reporter.clone());
    let of_node =
        node::advise(client.clone(), node.clone(), &node_labels, pace, teacher.clone(), reporter.clone());
    let of_peers = async {
        if peers_max > 0 {
            peers::advise(client, peers_max, pace, teacher, reporter).await;
        }
    };
    tokio::join!(introduction, of_pods, of_node, of_peers);
}

/// Asks the API server for its version, which is no more than a courtesy to the reader of the status.
async fn introduce(client: Client, pace: Pace, reporter: Reporter) {
    let Ok(request) = http::Request::get("/version").body(Vec::new()) else { return };
    let answer = tokio::time::timeout(pace.silence, client.request::<objects::Version>(request)).await;
    let version = answer.ok().and_then(Result::ok).map(|version| version.git_version);
    reporter.version(format!("Kubernetes {}", version.as_deref().unwrap_or("of an unknown version")));
}

/// Address and credentials, as soon as they are there; `None` when nobody wants to know any more.
async fn connect(
    kubeconfig: Option<&Path>,
    pace: Pace,
    teacher: &Teacher,
    reporter: &Reporter,
) -> Option<Client> {
    let mut failures = 0;
    loop {
        match client(kubeconfig).await {
            Ok(client) => {
                reporter.mended(Part::Connection);
                return Some(client);
            }
            Err(text) => reporter.trouble(Part::Connection, text),
        }
        failures += 1;
        tokio::time::sleep(pace.after(failures)).await;
        if teacher.is_alone() {
            return None;
        }
    }
}

async fn client(kubeconfig: Option<&Path>) -> Result<Client, String> {
    let mut config = match kubeconfig {
        Some(path) => {
            let unusable = |error| format!("{}: {}", path.display(), trouble::reasons(&error));
            let file = Kubeconfig::read_from(path).map_err(unusable)?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(unusable)?
        }
        None => Config::incluster().map_err(|error| {
            format!(
                "no credentials of a pod: {}; outside of a cluster name a file with identity.kubeconfig",
                trouble::reasons(&error)
            )
        })?,
    };
    // The pauses between requests are ours.
    config.default_retry = false;
    let agent = http::HeaderValue::from_static(concat!("picket/", env!("CARGO_PKG_VERSION")));
    config.headers.push((http::header::USER_AGENT, agent));
    Client::try_from(config).map_err(|error| trouble::unreachable(&error))
}

fn is_in_cluster() -> bool {
    std::env::var_os(HOST_VARIABLE).is_some() && Path::new(TOKEN).exists()
}

/// A text as it may stand in a query.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => encoded.push(byte.into()),
            // Writing to a `String` does not fail.
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_with_a_strange_name_stays_one_value() {
        assert_eq!(encoded("worker-1.example"), "worker-1.example");
        assert_eq!(encoded("a&b=c é"), "a%26b%3Dc%20%C3%A9");
    }

    #[test]
    fn it_is_asked_where_there_is_a_way() {
        let settings = |wish, kubeconfig: Option<&str>| Settings {
            wish,
            kubeconfig: kubeconfig.map(PathBuf::from),
            node: "n".into(),
            selection: Arc::default(),
            node_labels: Keys::default(),
            peers_max: 0,
        };
        assert!(settings(Wish::Auto, Some("/k")).is_wanted());
        assert_eq!(settings(Wish::Auto, None).is_wanted(), is_in_cluster());
        assert!(settings(Wish::On, None).is_wanted());
        assert!(!settings(Wish::Off, Some("/k")).is_wanted());
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named() {
        let error = client(Some(Path::new("/nonexistent/kubeconfig"))).await.err().unwrap();
        assert!(error.starts_with("/nonexistent/kubeconfig: "), "{error}");
    }
}
