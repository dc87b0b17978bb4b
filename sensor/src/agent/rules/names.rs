//! Addresses of the domain names that rules compare: given by the settings, or looked up, a name at a time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::NamesTable;
use crate::agent::hot::{Control, Controls};
use crate::config::resolved::Rules as Settings;
use crate::detect::names::{ADDRESSES_MAX, NAMES_MAX, Names};

/// How long an answer holds.
const REFRESH: Duration = Duration::from_secs(300);
/// After the first failure; twice as long after each further one.
const RETRY: Duration = Duration::from_secs(30);
/// Longest pause after failures.
const RETRY_MAX: Duration = Duration::from_secs(3_600);
/// Longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two look-ups: a resolver of the node is no target.
const PAUSE: Duration = Duration::from_millis(100);
/// Longest name (RFC 1035, 2.3.4).
const NAME_MAX: usize = 253;

/// Name of the API server as pods know it, and the variable in which they are told its address.
const API_SERVER: (&str, &str) = ("kubernetes.default.svc.cluster.local", "KUBERNETES_SERVICE_HOST");

/// Names whose addresses are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::agent) struct Wanted {
    fixed: Vec<(String, IpAddr)>,
    sought: Vec<String>,
}

impl Wanted {
    /// Those of the settings, the API server, and those that rules compare.
    pub(super) fn new(settings: &Settings, domains: Vec<String>) -> Self {
        let api_server = std::env::var(API_SERVER.1).ok();
        Self::with(settings, domains, api_server.and_then(|address| address.parse().ok()))
    }

    fn with(settings: &Settings, mut domains: Vec<String>, api_server: Option<IpAddr>) -> Self {
        let mut fixed = settings.addresses.clone();
        let is_fixed = |fixed: &[(String, IpAddr)], name: &str| fixed.iter().any(|(known, _)| known == name);
        if let Some(address) = api_server
            && !is_fixed(&fixed, API_SERVER.0)
        {
            fixed.push((API_SERVER.0.to_owned(), address));
        }
        domains.sort();
        domains.dedup();
        domains.retain(|name| settings.resolve && is_domain(name) && !is_fixed(&fixed, name));
        domains.truncate(NAMES_MAX);
        Self { fixed, sought: domains }
    }
}

/// Something that can be looked up: a rule may compare any text.
fn is_domain(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=NAME_MAX).contains(&name.len())
        && name.contains('.')
        && name.bytes().all(known)
        && name.parse::<IpAddr>().is_err()
}

/// How the look-ups do.
#[derive(Debug, Default)]
pub(in crate::agent) struct Account {
    /// Names with addresses.
    pub(in crate::agent) known: AtomicU64,
    /// Names and addresses that found no room.
    pub(in crate::agent) left_out: AtomicU64,
    /// Look-ups that failed.
    pub(in crate::agent) failures: AtomicU64,
}

/// A name that is looked up.
#[derive(Debug)]
struct Entry {
    due: Instant,
    failures: u32,
    addresses: Vec<IpAddr>,
}

/// Looks names up.
pub(in crate::agent) struct NameSource {
    wanted: watch::Receiver<Wanted>,
    controls: Controls,
    account: Arc<Account>,
    fixed: Vec<(String, IpAddr)>,
    entries: BTreeMap<String, Entry>,
    told: Names,
}

impl NameSource {
    pub(in crate::agent) fn new(wanted: watch::Receiver<Wanted>, controls: Controls) -> (Self, Arc<Account>) {
        let account = Arc::<Account>::default();
        let source = Self {
            wanted,
            controls,
            account: Arc::clone(&account),
            fixed: Vec::new(),
            entries: BTreeMap::new(),
            told: Names::default(),
        };
        (source, account)
    }

    /// Works until nobody wants names any more.
    pub(in crate::agent) async fn run(mut self) {
        self.take_over();
        loop {
            self.tell().await;
            let next = self.entries.iter().min_by_key(|(_, entry)| entry.due);
            let next = next.map(|(name, entry)| (name.clone(), entry.due));
            let due = next.as_ref().map(|(_, due)| *due);
            tokio::select! {
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.take_over();
                }
                () = wait(due) => {
                    if let Some((name, _)) = next {
                        self.look_up(&name).await;
                        sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    /// What is wanted has changed; what is known of names that stay is kept.
    fn take_over(&mut self) {
        let Wanted { fixed, sought } = self.wanted.borrow_and_update().clone();
        self.fixed = fixed;
        self.entries.retain(|name, _| sought.binary_search(name).is_ok());
        for name in sought {
            let fresh = || Entry { due: Instant::now(), failures: 0, addresses: Vec::new() };
            self.entries.entry(name).or_insert_with(fresh);
        }
    }

    async fn look_up(&mut self, name: &str) {
        let found = timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await;
        let found: Option<Vec<IpAddr>> = found.ok().and_then(Result::ok).map(|found| {
            let mut addresses: Vec<_> = found.map(|end| end.ip().to_canonical()).collect();
            addresses.sort();
            addresses.dedup();
            addresses.truncate(ADDRESSES_MAX);
            addresses
        });
        let Some(entry) = self.entries.get_mut(name) else { return };
        match found.filter(|addresses| !addresses.is_empty()) {
            Some(addresses) => *entry = Entry { due: Instant::now() + REFRESH, failures: 0, addresses },
            // What was known stays: a resolver that is away does not blind a rule.
            None => {
                self.account.failures.fetch_add(1, Ordering::Relaxed);
                entry.due = Instant::now() + retry(entry.failures);
                entry.failures = entry.failures.saturating_add(1);
            }
        }
    }

    /// Hands the table over if it changed; if there is no room, at the next occasion.
    async fn tell(&mut self) {
        let fixed = self.fixed.iter().map(|(name, address)| (name.as_str(), *address));
        let sought = self
            .entries
            .iter()
            .flat_map(|(name, entry)| entry.addresses.iter().map(|address| (name.as_str(), *address)));
        let names = Names::new(fixed.chain(sought));
        if names == self.told {
            return;
        }
        self.account.known.store(names.len() as u64, Ordering::Relaxed);
        self.account.left_out.store(names.left_out() as u64, Ordering::Relaxed);
        let (reply, before) = oneshot::channel::<NamesTable>();
        if self.controls.send(Control::Names { names: Arc::new(names.clone()), reply }) {
            self.told = names;
            // Dropped here, and not by the pipeline.
            before.await.ok();
        }
    }
}

async fn wait(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn retry(failures: u32) -> Duration {
    RETRY.saturating_mul(1_u32.checked_shl(failures.min(16)).unwrap_or(u32::MAX)).min(RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Input};

    fn settings(resolve: bool) -> Settings {
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let input = Input { host_name: "n".into(), ..Input::default() };
        let defaults = config::load(&input).unwrap().rules;
        Settings { addresses: vec![("a.example".into(), address)], resolve, ..defaults }
    }

    #[test]
    fn only_what_can_be_a_name_and_is_not_given_is_sought() {
        let names = ["b.example", "a.example", "b.example", "10.0.0.1", "no name", "plain", ""];
        let domains = names.map(str::to_owned).to_vec();
        let api: IpAddr = "10.96.0.1".parse().unwrap();
        let wanted = Wanted::with(&settings(true), domains.clone(), Some(api));
        assert_eq!(wanted.sought, ["b.example"]);
        assert_eq!(wanted.fixed.len(), 2);
        assert_eq!(wanted.fixed[1], (API_SERVER.0.to_owned(), api));
        assert!(Wanted::with(&settings(false), domains, None).sought.is_empty());
    }

    #[test]
    fn pauses_grow_and_end_somewhere() {
        assert_eq!([0, 1, 2].map(retry), [30, 60, 120].map(Duration::from_secs));
        assert_eq!(retry(7), RETRY_MAX);
        assert_eq!(retry(u32::MAX), RETRY_MAX);
    }
}
