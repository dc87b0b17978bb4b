//! Tests of who has which address, down to the table of the pipeline.

use serde_json::{Value, json};

use super::super::fake::{Fake, PACE, event, list};
use super::*;
use crate::identity::peer;
use crate::kernel::ring::Waker;
use crate::sources::adviser::{self, Advisers};

struct Cluster {
    peers: Peers,
    table: peer::Peers,
    _advisers: Advisers,
}

impl Cluster {
    fn new() -> Self {
        let (advisers, teacher) = adviser::channels(Waker::new().unwrap());
        let peers = Peers::new(teacher, 100, PACE.stay);
        Self { peers, table: peer::Peers::new(100), _advisers: advisers }
    }

    /// Takes a change in; the result is how many news it was.
    fn change<T: Addressed>(&mut self, change: Change<T>) -> usize {
        self.peers.change(change);
        let news = std::mem::take(&mut self.peers.news);
        let count = news.len();
        news.into_iter().for_each(|news| self.table.learn(news));
        count
    }

    fn there<T: Addressed>(&mut self, object: Value) -> usize {
        self.change(Change::There(serde_json::from_value::<T>(object).unwrap()))
    }

    async fn gone<T: Addressed>(&mut self, object: Value) {
        self.change(Change::Gone(serde_json::from_value::<T>(object).unwrap()));
        while let Ok((address, uid)) =
            tokio::time::timeout(Duration::from_millis(50), self.peers.leaving.due()).await
        {
            self.table.learn(PeerNews::Gone(address, uid));
        }
    }

    fn at(&self, address: &str) -> String {
        self.table.get(address.parse().unwrap()).map_or_else(String::new, |peer| peer.name().to_owned())
    }
}

fn pod(name: &str, addresses: &[&str]) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": name, "uid": format!("uid-of-{name}")},
        "status": {
            "phase": "Running", "podIP": addresses.first(),
            "podIPs": addresses.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>()
        }
    })
}

fn with(mut object: Value, path: &str, value: Value) -> Value {
    *object.pointer_mut(path).unwrap() = value;
    object
}

#[tokio::test]
async fn pods_come_move_and_go() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.there::<PeerPod>(pod("a", &["10.0.0.1", "fd00::1"])), 2);
    assert_eq!((cluster.at("10.0.0.1"), cluster.at("fd00::1")), ("a".into(), "a".into()));
    assert_eq!(cluster.there::<PeerPod>(pod("a", &["10.0.0.1", "fd00::1"])), 0, "nothing new");
    cluster.there::<PeerPod>(pod("a", &["10.0.0.2"]));
    assert_eq!((cluster.at("10.0.0.1"), cluster.at("10.0.0.2")), (String::new(), "a".into()));
    // The address goes to another one before the first is said to be gone.
    cluster.there::<PeerPod>(pod("b", &["10.0.0.2"]));
    cluster.gone::<PeerPod>(pod("a", &["10.0.0.2"])).await;
    assert_eq!(cluster.at("10.0.0.2"), "b");
    cluster.gone::<PeerPod>(pod("b", &["10.0.0.2"])).await;
    assert!(cluster.table.is_empty());
}

#[tokio::test]
async fn finished_pods_and_those_on_the_nodes_network_have_none() {
    let mut cluster = Cluster::new();
    let mut host = pod("host", &["192.0.2.1"]);
    host["spec"] = json!({"hostNetwork": true});
    cluster.there::<PeerPod>(host);
    let job = pod("job", &["10.0.0.1"]);
    cluster.there::<PeerPod>(job.clone());
    assert_eq!((cluster.at("192.0.2.1"), cluster.at("10.0.0.1")), (String::new(), "job".into()));
    cluster.there::<PeerPod>(with(job, "/status/phase", json!("Succeeded")));
    assert!(cluster.table.is_empty());
    // Gone, and said so only in its last state.
    cluster.there::<PeerPod>(pod("other", &["10.0.0.3"]));
    cluster.gone::<PeerPod>(with(pod("other", &["10.0.0.3"]), "/status/phase", json!("Failed"))).await;
    assert!(cluster.table.is_empty());
}

#[test]
fn a_static_pod_has_the_uid_that_its_own_events_name() {
    let mut cluster = Cluster::new();
    let mut pod = pod("static", &["10.0.0.1"]);
    let hash = "0123456789abcdef0123456789abcdef";
    pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": hash, "other": "x"});
    cluster.there::<PeerPod>(pod);
    assert_eq!(cluster.table.get("10.0.0.1".parse().unwrap()).unwrap().uid(), hash);
}

#[test]
fn services_and_nodes() {
    let mut cluster = Cluster::new();
    cluster.there::<Service>(json!({
        "metadata": {"namespace": "shop", "name": "db", "uid": "s"},
        "spec": {
            "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd01::1"], "externalIPs": ["10.0.0.9"]
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}, {"hostname": "x.example"}]}}
    }));
    cluster.there::<Service>(json!({
        "metadata": {"namespace": "shop", "name": "headless", "uid": "h"}, "spec": {"clusterIP": "None"}
    }));
    cluster.there::<Node>(json!({
        "metadata": {"name": "worker", "uid": "n"},
        "status": {"addresses": [
            {"type": "InternalIP", "address": "192.0.2.1"}, {"type": "Hostname", "address": "worker"}
        ]}
    }));
    for address in ["10.96.0.1", "fd01::1", "203.0.113.1"] {
        assert_eq!(cluster.at(address), "db");
    }
    assert_eq!(cluster.at("10.0.0.9"), "", "anybody may claim external addresses");
    assert_eq!(cluster.at("192.0.2.1"), "worker");
    assert_eq!(cluster.table.len(), 4);
}

#[test]
fn a_new_list_replaces_the_old_one() {
    let mut cluster = Cluster::new();
    cluster.change::<PeerPod>(Change::Begin);
    cluster.there::<PeerPod>(pod("a", &["10.0.0.1"]));
    cluster.there::<PeerPod>(pod("b", &["10.0.0.2"]));
    cluster.change::<PeerPod>(Change::End);
    cluster.change::<PeerPod>(Change::Begin);
    cluster.there::<PeerPod>(pod("b", &["10.0.0.2"]));
    cluster.change::<PeerPod>(Change::End);
    assert_eq!((cluster.at("10.0.0.1"), cluster.at("10.0.0.2")), (String::new(), "b".into()));
    assert_eq!(cluster.peers.pods.len(), 1, "nothing is remembered of the one that is gone");
}

#[tokio::test]
async fn all_three_kinds_are_followed() {
    let fake = Fake::default();
    fake.answer("/api/v1/pods?resourceVersion=0", 200, &list("1", &[pod("a", &["10.0.0.1"])]));
    let watched = fake.open("/api/v1/pods?watch=1", 200);
    let service = json!({"metadata": {"name": "db", "uid": "s"}, "spec": {"clusterIP": "10.96.0.1"}});
    fake.answer("/api/v1/services?resourceVersion=0", 200, &list("1", &[service]));
    let _services = fake.open("/api/v1/services?watch=1", 200);
    let node =
        json!({"metadata": {"name": "w", "uid": "n"}, "status": {"addresses": [{"address": "192.0.2.1"}]}});
    fake.answer("/api/v1/nodes?resourceVersion=0", 200, &list("1", &[node]));
    let _nodes = fake.open("/api/v1/nodes?watch=1", 200);
    let (mut advisers, teacher) = adviser::channels(Waker::new().unwrap());
    let reporter = Reporter::of_test();
    let client = fake.start().await;
    tokio::spawn(async move { advise(client, 100, PACE, teacher, reporter).await });
    watched.send(event("ADDED", &pod("b", &["10.0.0.2"]))).unwrap();
    let mut table = peer::Peers::new(100);
    while table.len() < 4 {
        let Told::Peers(news) = advisers.next().await else { panic!() };
        assert!(news.len() <= 2 * BATCH);
        news.into_iter().for_each(|news| table.learn(news));
    }
    let pods = fake.requests("/api/v1/pods");
    assert!(pods.iter().all(|target| target.contains("status.phase%21%3DSucceeded")), "{pods:?}");
    let kinds =
        ["10.0.0.1", "10.96.0.1", "192.0.2.1"].map(|ip| table.get(ip.parse().unwrap()).unwrap().kind());
    assert_eq!(kinds, [Kind::Pod, Kind::Service, Kind::Node]);
}
