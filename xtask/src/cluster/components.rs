//! The programs that make a cluster, with their arguments, in the order of their start.

use std::path::PathBuf;

use super::folder::{log, path};
use super::keys::{certificate, client, key};
use super::settings::{ADDRESS, NODE, PODS, SERVICES, SOCKET};

/// A program that runs as long as the cluster.
pub(super) struct Component {
    /// Its name, and that of its log.
    pub(super) name: &'static str,
    /// The program: one that was built is in `bin`, another is the machine's.
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

impl Component {
    fn new(name: &'static str, program: PathBuf) -> Self {
        Self { name, program, arguments: Vec::new() }
    }

    fn built(name: &'static str) -> Self {
        Self::new(name, path("bin").join(name))
    }

    fn installed(name: &'static str) -> Self {
        Self::new(name, name.into())
    }

    /// An option with a value.
    fn with(mut self, option: &str, value: impl Into<String>) -> Self {
        self.arguments.push(format!("--{option}={}", value.into()));
        self
    }

    /// An option whose value is a path.
    fn at(self, option: &str, path: PathBuf) -> Self {
        let text = path.display().to_string();
        self.with(option, text)
    }
}

/// What the API server needs, and itself.
pub(super) fn control() -> [Component; 3] {
    [etcd(), containerd(), api_server()]
}

/// What needs the API server.
pub(super) fn workers() -> [Component; 4] {
    [controllers(), scheduler(), proxy(), kubelet()]
}

fn etcd() -> Component {
    Component::installed("etcd")
        .at("data-dir", path("etcd"))
        .with("listen-client-urls", "http://127.0.0.1:2379")
        .with("advertise-client-urls", "http://127.0.0.1:2379")
        .with("listen-peer-urls", "http://127.0.0.1:2380")
}

fn containerd() -> Component {
    Component::installed("containerd").at("config", path("etc/containerd.toml"))
}

fn api_server() -> Component {
    Component::built("kube-apiserver")
        .with("etcd-servers", "http://127.0.0.1:2379")
        .with("advertise-address", ADDRESS)
        .with("service-cluster-ip-range", SERVICES)
        .at("tls-cert-file", certificate("kube-apiserver"))
        .at("tls-private-key-file", key("kube-apiserver"))
        .at("client-ca-file", certificate("ca"))
        .with("kubelet-preferred-address-types", "InternalIP")
        .at("kubelet-certificate-authority", certificate("ca"))
        .at("kubelet-client-certificate", certificate("kubelet-client"))
        .at("kubelet-client-key", key("kubelet-client"))
        .with("service-account-issuer", "https://kubernetes.default.svc")
        .at("service-account-key-file", key("service-accounts"))
        .at("service-account-signing-key-file", key("service-accounts"))
        .with("authorization-mode", "Node,RBAC")
        .with("enable-admission-plugins", "NodeRestriction")
        .with("allow-privileged", "true")
        .with("feature-gates", "EphemeralContainers=true")
        .at("audit-policy-file", path("etc/audit.json"))
        .at("audit-log-path", log("audit"))
}

fn controllers() -> Component {
    Component::built("kube-controller-manager")
        .at("kubeconfig", client("kube-controller-manager"))
        .at("service-account-private-key-file", key("service-accounts"))
        .at("root-ca-file", certificate("ca"))
        // Each controller with the role that Kubernetes has for it.
        .with("use-service-account-credentials", "true")
        .with("leader-elect", "false")
        .with("kube-api-qps", "100")
        .with("kube-api-burst", "200")
}

fn scheduler() -> Component {
    Component::built("kube-scheduler")
        .at("kubeconfig", client("kube-scheduler"))
        .with("leader-elect", "false")
        .with("kube-api-qps", "100")
        .with("kube-api-burst", "200")
}

fn proxy() -> Component {
    Component::built("kube-proxy")
        .at("kubeconfig", client("kube-proxy"))
        .with("hostname-override", NODE)
        .with("proxy-mode", "iptables")
        .with("cluster-cidr", PODS)
        // Limits of the whole machine's connection tracking are left as they are.
        .with("conntrack-max-per-core", "0")
        .with("conntrack-tcp-timeout-established", "0s")
        .with("conntrack-tcp-timeout-close-wait", "0s")
}

fn kubelet() -> Component {
    Component::built("kubelet")
        .at("config", path("etc/kubelet.json"))
        .at("kubeconfig", client("node"))
        .with("container-runtime", "remote")
        .with("container-runtime-endpoint", format!("unix://{SOCKET}"))
        .with("hostname-override", NODE)
        .with("node-ip", ADDRESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::binaries::PROGRAMS;

    #[test]
    fn every_program_that_is_built_runs() {
        let all: Vec<_> = control().into_iter().chain(workers()).collect();
        for program in PROGRAMS.into_iter().filter(|program| *program != "kubectl") {
            assert!(all.iter().any(|component| component.name == program), "{program}");
        }
    }

    #[test]
    fn every_client_has_a_key_of_its_own() {
        let options: Vec<_> = workers().into_iter().flat_map(|component| component.arguments).collect();
        for name in ["kube-controller-manager", "kube-scheduler", "kube-proxy", "node"] {
            let wanted = format!("--kubeconfig={}", client(name).display());
            assert!(options.contains(&wanted), "{wanted} in {options:?}");
        }
    }
}
