//! Starts those who are asked about containers over a connection.

use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::AgentError;
use crate::config::resolved::Identity;
use crate::identity::{
    container::Source,
    selection::{Keys, Selection},
};
use crate::kernel::ring::Waker;
use crate::sources::{
    account::{Account, Accounts},
    adviser::{self, Advisers},
    cgroupfs::CgroupTree,
    cri,
    kubernetes::{self, Wish},
    lapses::Lapses,
    users,
};

/// The advisers: the resolver's side, and their accounts. They end when the tasks are dropped.
pub(super) struct Advising {
    pub(super) advisers: Advisers,
    pub(super) accounts: Accounts,
    pub(super) tasks: JoinSet<()>,
}

/// Starts all that the settings name, for the resolver that `resolver` wakes.
pub(super) fn start(
    settings: &Identity,
    node: &str,
    hierarchy: &str,
    resolver: Waker,
    lapses: &Arc<Lapses>,
) -> Result<Advising, AgentError> {
    let selection = Arc::new(Selection::new(&settings.labels, &settings.annotations)?);
    let (mut advisers, teacher) = adviser::channels(resolver);
    let reader = teacher.clone();
    let mut accounts = Accounts::new();
    let mut tasks = JoinSet::new();
    for socket in &settings.cri {
        let account = Arc::new(Account::new(Source::Cri, socket.display().to_string()));
        accounts.push(Arc::clone(&account));
        let wanted = cri::Settings {
            socket: below(&settings.host_root, socket),
            timeout: settings.cri_timeout,
            selection: Arc::clone(&selection),
        };
        tasks.spawn(cri::Adviser::new(wanted, advisers.add(), teacher.clone(), account).run());
    }
    if settings.kubernetes != Wish::Off {
        let wanted = kubernetes::Settings {
            wish: settings.kubernetes,
            kubeconfig: settings.kubeconfig.clone(),
            node: node.to_owned(),
            selection,
            node_labels: Keys::new(&settings.node_labels)?,
            peers_max: settings.peers_max,
        };
        let place = kubernetes::place(wanted.kubeconfig.as_deref());
        let account = Arc::new(Account::new(Source::Kubernetes, place));
        accounts.push(Arc::clone(&account));
        if wanted.is_wanted() {
            tasks.spawn(kubernetes::advise(wanted, teacher, account));
        }
    }
    let groups = CgroupTree::new(&settings.host_root.join("sys/fs/cgroup"), hierarchy);
    let readers = users::start(settings.host_root.clone(), groups, reader, Arc::clone(lapses));
    advisers.set_users(readers.map_err(|source| AgentError::System { action: "start a thread", source })?);
    Ok(Advising { advisers, accounts, tasks })
}

/// A path of the host, where its root is mounted.
fn below(root: &Path, path: &Path) -> std::path::PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_looked_for_below_the_hosts_root() {
        assert_eq!(below(Path::new("/host"), Path::new("/run/s")), Path::new("/host/run/s"));
        assert_eq!(below(Path::new("/"), Path::new("/run/s")), Path::new("/run/s"));
    }
}
