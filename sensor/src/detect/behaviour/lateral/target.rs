//! What a connection leads to: parts of the cluster, of its cloud, and services in which others log in.

use std::net::{IpAddr, Ipv6Addr};

use sensor_common::{class::Class, record::network::Phase};

use crate::detect::scene::Scene;
use crate::event::{Facts, wire::protocol::Protocol};

/// What is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The API server, by its name or a port that only it has.
    Api,
    /// A service of the private network over TLS: perhaps the API server.
    PrivateTls,
    /// A kubelet.
    Kubelet,
    /// The store of a cluster.
    Etcd,
    /// A container runtime over the network.
    Runtime,
    /// A server of ssh.
    Ssh,
    /// A registry of images.
    Registry,
    /// A place in the internet.
    Internet,
}

impl Target {
    /// For people.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Api => "the Kubernetes API",
            Self::PrivateTls => "a service of the cluster that looks like the Kubernetes API",
            Self::Kubelet => "a kubelet",
            Self::Etcd => "etcd",
            Self::Runtime => "a container runtime",
            Self::Ssh => "a server of ssh",
            Self::Registry => "a registry of images",
            Self::Internet => "the internet",
        }
    }
}

/// What names the API server has in TLS.
fn is_api_name(name: &str) -> bool {
    name == "kubernetes" || name == "kubernetes.default" || name.starts_with("kubernetes.default.svc")
}

/// An address that is not to be reached from the internet, the container's own excepted.
pub(in super::super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            // 100.64.0.0/10 is what some clouds give to pods (RFC 6598).
            ip.is_private() || ip.is_link_local() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(ip) => is_local_v6(ip),
    }
}

const fn is_local_v6(ip: Ipv6Addr) -> bool {
    let [first, ..] = ip.segments();
    first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
}

/// An address beyond the node and its networks.
pub(super) fn is_public(ip: IpAddr) -> bool {
    !is_private(ip) && !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast()
}

/// What a connection or its first bytes lead to, if it is something with which credentials are of use.
pub(super) fn of(scene: &Scene<'_>) -> Option<Target> {
    let (ip, port) = scene.remote()?;
    if ip.is_loopback() {
        return None;
    }
    match &scene.given.event.facts {
        Facts::Content(content) => {
            let known = content.recognised.as_ref()?;
            match known.protocol {
                Protocol::Ssh => Some(Target::Ssh),
                Protocol::Tls | Protocol::Http1 if known.server_name.as_deref().is_some_and(is_api_name) => {
                    Some(Target::Api)
                }
                _ => None,
            }
        }
        Facts::Socket(_) => of_address(scene, ip, port),
        _ => None,
    }
}

fn of_address(scene: &Scene<'_>, ip: IpAddr, port: u16) -> Option<Target> {
    let private = is_private(ip);
    match port {
        443 | 6443 | 8443 | 16443 => {
            if scene.given.names.any(ip, &mut is_api_name) || private && port == 6443 {
                return Some(Target::Api);
            }
            Some(if private { Target::PrivateTls } else { Target::Internet })
        }
        10250 | 10255 if private => Some(Target::Kubelet),
        2379 | 2380 if private => Some(Target::Etcd),
        2375 | 2376 | 10010 => Some(Target::Runtime),
        22 | 2222 => Some(Target::Ssh),
        5000 if private => Some(Target::Registry),
        _ => is_public(ip).then_some(Target::Internet),
    }
}

/// Phase of a connection.
pub(super) fn phase(scene: &Scene<'_>) -> Option<Phase> {
    if scene.class() != Class::NetConnect {
        return None;
    }
    let phase = scene.socket()?.phase;
    [Phase::Attempt, Phase::Established, Phase::Failed].into_iter().find(|known| *known as u16 == phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_clusters_are_private() {
        for ip in [
            "10.96.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "100.64.0.9",
            "169.254.169.254",
            "fd00:ec2::254",
            "fe80::1",
        ] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["198.51.100.1", "100.128.0.1", "2001:db8::1", "8.8.8.8"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        assert!(!is_public("127.0.0.1".parse().unwrap()) && !is_private("127.0.0.1".parse().unwrap()));
    }
}
