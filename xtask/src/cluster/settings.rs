//! The settings of the components, as texts.

use anyhow::Result;
use serde_json::json;

use super::folder::{self, path};
use super::images::PAUSE;
use super::keys::{certificate, key};

/// The only node.
pub(super) const NODE: &str = "picket-node";
/// The node's address, on a bridge in its own network namespace.
pub(super) const ADDRESS: &str = "10.250.0.1";
/// Addresses of services.
pub(super) const SERVICES: &str = "10.96.0.0/16";
/// The first of [`SERVICES`]: the API server, as pods reach it.
pub(super) const API_SERVICE: &str = "10.96.0.1";
/// Addresses of pods. Wide, so that churn does not use them up.
pub(super) const PODS: &str = "10.244.0.0/16";
/// containerd's socket, as the node sees it.
pub(super) const SOCKET: &str = "/run/containerd/containerd.sock";
/// Kubelet runs what it finds here without the API server.
pub(super) const STATIC_PODS: &str = "manifests";

/// Writes them all.
pub(super) fn write() -> Result<()> {
    folder::write("etc/containerd.toml", &containerd())?;
    folder::write("etc/cni/10-pods.conflist", &network().to_string())?;
    folder::write("etc/kubelet.json", &kubelet().to_string())?;
    folder::write("etc/audit.json", &audit().to_string())?;
    folder::write(&format!("{STATIC_PODS}/.keep"), "")
}

/// Without CAP_SYS_RESOURCE runc can neither lower a score for the OOM killer nor, on some machines, find
/// the controller of huge pages.
fn containerd() -> String {
    let cni = path("etc/cni");
    format!(
        r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
disable_hugetlb_controller = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{}"
"#,
        cni.display()
    )
}

fn network() -> serde_json::Value {
    let bridge = json!({
        "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
        "ipam": {
            "type": "host-local", "ranges": [[{ "subnet": PODS }]], "routes": [{ "dst": "0.0.0.0/0" }],
        },
    });
    let ports = json!({ "type": "portmap", "capabilities": { "portMappings": true } });
    json!({ "cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports] })
}

fn kubelet() -> serde_json::Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": certificate("ca") },
        },
        "authorization": { "mode": "Webhook" },
        "tlsCertFile": certificate("kubelet"),
        "tlsPrivateKeyFile": key("kubelet"),
        "staticPodPath": path(STATIC_PODS),
        // Nobody answers there: names of services are not resolved, and pods do not get the machine's
        // name server, which the node cannot reach.
        "clusterDNS": ["10.96.0.10"],
        "clusterDomain": "cluster.local",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "cgroupDriver": "cgroupfs",
        "failSwapOn": false,
        "featureGates": { "EphemeralContainers": true },
        // The machine's disk is not ours to judge.
        "evictionHard": { "memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%" },
        "imageGCHighThresholdPercent": 100,
        // The tests' churn should wait for nothing but the work itself.
        "maxPods": 400,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        "eventRecordQPS": 0,
        "serializeImagePulls": false,
    })
}

/// Every request of Picket's service account goes to `log/audit.log`, one a line; no other does.
fn audit() -> serde_json::Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            { "level": "Metadata", "userGroups": ["system:serviceaccounts:picket"] },
            { "level": "None" },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_agree() {
        let network = |text: &str| text.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(network(API_SERVICE), network(SERVICES));
        let all = [network(ADDRESS), network(SERVICES), network(PODS)];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2], "{all:?}");
    }

    #[test]
    fn runtime_and_kubelet_name_the_same_things() {
        let text = containerd();
        assert!(text.contains(&format!("address = \"{SOCKET}\"")), "{text}");
        assert!(text.contains(PAUSE), "{text}");
        assert_eq!(kubelet()["cgroupDriver"], "cgroupfs");
    }
}
