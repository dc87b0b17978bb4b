//! Tests of the table of peers.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn ip(number: u32) -> IpAddr {
    Ipv4Addr::from(0x0a00_0000 | number).into()
}

fn pod(name: &str) -> Peer {
    Peer::new(Kind::Pod, "shop", name, &format!("uid-of-{name}")).unwrap()
}

fn has(address: u32, name: &str) -> PeerNews {
    PeerNews::Has(ip(address), pod(name))
}

fn name(peers: &Peers, address: u32) -> Option<&str> {
    peers.get(ip(address)).map(Peer::name)
}

#[test]
fn a_peer_is_kept_in_one_text() {
    let peer = Peer::new(Kind::Service, "shop", "db", "u-1").unwrap();
    assert_eq!((peer.namespace(), peer.name(), peer.uid()), ("shop", "db", "u-1"));
    assert_eq!(Peer::new(Kind::Node, "", "worker", "").unwrap().name(), "worker");
    assert_eq!(Peer::new(Kind::Pod, "", &"x".repeat(70_000), ""), None);
}

#[test]
fn an_address_may_be_written_in_two_ways() {
    let mut peers = Peers::new(4);
    peers.learn(PeerNews::Has("::ffff:10.0.0.1".parse().unwrap(), pod("web")));
    assert_eq!(name(&peers, 1), Some("web"));
    assert_eq!(peers.get("::ffff:10.0.0.1".parse().unwrap()).map(Peer::name), Some("web"));
}

#[test]
fn an_address_that_went_to_another_pod_stays_with_it() {
    let mut peers = Peers::new(4);
    peers.learn(has(1, "old"));
    peers.learn(has(1, "new"));
    peers.learn(PeerNews::Gone(ip(1), "uid-of-old".into()));
    assert_eq!(name(&peers, 1), Some("new"));
    peers.learn(PeerNews::Gone(ip(1), "uid-of-new".into()));
    assert!(peers.is_empty());
}

#[test]
fn a_pod_that_moved_leaves_its_old_address() {
    let mut peers = Peers::new(4);
    peers.learn(has(1, "web"));
    peers.learn(has(2, "db"));
    peers.learn(PeerNews::Moved("uid-of-web".into()));
    peers.learn(has(3, "web"));
    assert_eq!((name(&peers, 1), name(&peers, 2), name(&peers, 3)), (None, Some("db"), Some("web")));
}

#[test]
fn what_a_full_round_does_not_tell_is_gone() {
    let mut peers = Peers::new(4);
    peers.learn(PeerNews::Has(ip(9), Peer::new(Kind::Node, "", "worker", "n").unwrap()));
    peers.learn(PeerNews::Begin(Kind::Pod));
    peers.learn(has(1, "stays"));
    peers.learn(has(2, "goes"));
    peers.learn(PeerNews::End(Kind::Pod));
    peers.learn(PeerNews::Begin(Kind::Pod));
    peers.learn(has(2, "goes"));
    assert_eq!(name(&peers, 1), Some("stays"), "until the round is through");
    // Broken off, and begun anew.
    peers.learn(PeerNews::Begin(Kind::Pod));
    peers.learn(has(1, "stays"));
    peers.learn(PeerNews::End(Kind::Pod));
    assert_eq!((name(&peers, 1), name(&peers, 2), name(&peers, 9)), (Some("stays"), None, Some("worker")));
}

#[test]
fn a_node_keeps_its_address() {
    let mut peers = Peers::new(4);
    peers.learn(PeerNews::Has(ip(1), Peer::new(Kind::Service, "shop", "lb", "s").unwrap()));
    peers.learn(PeerNews::Has(ip(1), Peer::new(Kind::Node, "", "worker", "n").unwrap()));
    peers.learn(PeerNews::Has(ip(1), Peer::new(Kind::Service, "shop", "lb", "s").unwrap()));
    peers.learn(PeerNews::Gone(ip(1), "s".into()));
    assert_eq!(name(&peers, 1), Some("worker"));
}

#[test]
fn a_full_table_gives_the_oldest_pods_up() {
    let mut peers = Peers::new(3);
    peers.learn(PeerNews::Has(ip(100), Peer::new(Kind::Service, "shop", "db", "s").unwrap()));
    for number in 0..5 {
        peers.learn(has(number, &format!("web-{number}")));
    }
    assert_eq!((peers.len(), peers.evicted()), (3, 3));
    assert_eq!((name(&peers, 100), name(&peers, 2)), (Some("db"), None));
    assert_eq!((name(&peers, 3), name(&peers, 4)), (Some("web-3"), Some("web-4")));
    for number in 200..203 {
        peers.learn(PeerNews::Has(ip(number), Peer::new(Kind::Node, "", "n", &number.to_string()).unwrap()));
    }
    assert_eq!((peers.len(), peers.evicted()), (3, 6), "two pods gave way; the third node found no room");
    let mut none = Peers::new(0);
    none.learn(has(1, "web"));
    assert_eq!((none.len(), none.evicted()), (0, 1));
}

/// The memory that the documents name: 1,000 pods with names and uids as they are in clusters.
#[test]
fn a_thousand_pods_take_less_than_a_quarter_of_a_megabyte() {
    let mut peers = Peers::new(50_000);
    for number in 0..1_000 {
        let name = format!("checkout-6d5f8c7b9d-{number:05}");
        let uid = format!("0f7a6a3c-5a63-4a3c-9d2c-0a1b2c{number:06}");
        peers.learn(PeerNews::Has(ip(number), Peer::new(Kind::Pod, "production", &name, &uid).unwrap()));
    }
    println!("{} bytes for 1,000 pods", peers.bytes());
    assert!((100_000..250_000).contains(&peers.bytes()), "{}", peers.bytes());
}

#[derive(Clone, Debug)]
enum Step {
    Has(u8, u8),
    Gone(u8, u8),
    Moved(u8),
    Begin,
    End,
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..24u8;
    prop_oneof![
        6 => (number.clone(), number.clone()).prop_map(|(address, uid)| Step::Has(address, uid)),
        2 => (number.clone(), number.clone()).prop_map(|(address, uid)| Step::Gone(address, uid)),
        1 => number.prop_map(Step::Moved),
        1 => Just(Step::Begin),
        1 => Just(Step::End),
    ]
}

proptest! {
    /// Whatever is told: the bound holds, what is there was told last, and with room it is all there.
    #[test]
    fn the_table_is_bounded_and_right(steps in prop::collection::vec(step(), 0..400), most in 0..32usize) {
        let mut peers = Peers::new(most);
        let mut model: HashMap<u8, (u8, u32)> = HashMap::new();
        let mut round = 0;
        for step in steps {
            match step {
                Step::Has(address, uid) => {
                    let peer = Peer::new(Kind::Pod, "n", "p", &uid.to_string()).unwrap();
                    peers.learn(PeerNews::Has(ip(address.into()), peer));
                    model.insert(address, (uid, round));
                }
                Step::Gone(address, uid) => {
                    peers.learn(PeerNews::Gone(ip(address.into()), uid.to_string().into()));
                    if model.get(&address).is_some_and(|(known, _)| *known == uid) {
                        model.remove(&address);
                    }
                }
                Step::Moved(uid) => {
                    peers.learn(PeerNews::Moved(uid.to_string().into()));
                    model.retain(|_, (known, _)| *known != uid);
                }
                Step::Begin => {
                    peers.learn(PeerNews::Begin(Kind::Pod));
                    round += 1;
                }
                Step::End => {
                    peers.learn(PeerNews::End(Kind::Pod));
                    model.retain(|_, (_, told)| *told == round);
                }
            }
            prop_assert!(peers.len() <= most);
            prop_assert!(peers.order.len() <= 2 * most + 65);
            for address in 0..24u8 {
                let known = peers.get(ip(address.into())).map(Peer::uid);
                let expected = model.get(&address).map(|(uid, _)| uid.to_string());
                if let Some(known) = known {
                    prop_assert_eq!(Some(known), expected.as_deref());
                } else if most >= 24 {
                    prop_assert_eq!(None, expected);
                }
            }
        }
    }
}
