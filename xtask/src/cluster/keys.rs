//! Who may speak to whom: the cluster's authority, a certificate for each part of it, and the settings by which
//! clients use them. All of it dies with the cluster's folder.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::folder::{self, path};
use super::settings::{ADDRESS, API_SERVICE, NODE};
use crate::process::output;

/// A certificate: its file name, its subject, and the names of its holder as a server.
struct Certificate {
    name: &'static str,
    subject: String,
    names: Option<String>,
}

/// Clients of the API server, with the users and groups that Kubernetes' own roles name.
pub(super) const CLIENTS: [(&str, &str); 5] = [
    ("admin", "/O=system:masters/CN=admin"),
    ("kube-controller-manager", "/CN=system:kube-controller-manager"),
    ("kube-proxy", "/CN=system:kube-proxy"),
    ("kube-scheduler", "/CN=system:kube-scheduler"),
    ("node", "/O=system:nodes/CN=system:node:picket-node"),
];

/// The certificate of this name.
pub(super) fn certificate(name: &str) -> PathBuf {
    path("pki").join(format!("{name}.crt"))
}

/// The key of this name.
pub(super) fn key(name: &str) -> PathBuf {
    path("pki").join(format!("{name}.key"))
}

/// The settings of a client.
pub(super) fn client(name: &str) -> PathBuf {
    path("pki").join(format!("{name}.kubeconfig"))
}

/// Makes them all.
pub(super) fn make() -> Result<()> {
    // Without a section for extensions: openssl's own would be added to those below.
    folder::write("pki/openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n")?;
    let authority = ["-subj", "/CN=picket-cluster", "-addext", "basicConstraints=critical,CA:TRUE"];
    output(request("ca").args(authority))?;
    for certificate in certificates() {
        issue(&certificate)?;
    }
    // Kubernetes of this age reads RSA keys only, here.
    output(Command::new("openssl").args(["genrsa", "-out"]).arg(key("service-accounts")).arg("2048"))?;
    for (name, _) in CLIENTS {
        folder::write(&format!("pki/{name}.kubeconfig"), &kubeconfig(name))?;
    }
    let admin = folder::kubeconfig();
    folder::write(&admin.to_string_lossy(), &kubeconfig("admin"))
}

fn certificates() -> Vec<Certificate> {
    let clients = CLIENTS.map(|(name, subject)| Certificate { name, subject: subject.into(), names: None });
    let mut all = Vec::from(clients);
    let service = "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost";
    all.push(Certificate {
        name: "kube-apiserver",
        subject: "/CN=kube-apiserver".into(),
        names: Some(format!("{service},IP:{ADDRESS},IP:{API_SERVICE},IP:127.0.0.1")),
    });
    // For `kubectl exec` and `logs`, which the API server passes on to kubelet.
    all.push(Certificate {
        name: "kubelet-client",
        subject: "/O=system:masters/CN=kube-apiserver-kubelet-client".into(),
        names: None,
    });
    all.push(Certificate {
        name: "kubelet",
        subject: format!("/O=system:nodes/CN=system:node:{NODE}"),
        names: Some(format!("DNS:{NODE},IP:{ADDRESS}")),
    });
    all
}

fn issue(certificate: &Certificate) -> Result<()> {
    let mut command = request(certificate.name);
    command.args(["-subj", &certificate.subject, "-addext", "basicConstraints=CA:FALSE"]);
    command.arg("-CA").arg(self::certificate("ca")).arg("-CAkey").arg(key("ca"));
    if let Some(names) = &certificate.names {
        command.args(["-addext", &format!("subjectAltName={names}")]);
    }
    output(&mut command)?;
    Ok(())
}

fn request(name: &str) -> Command {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-noenc", "-days", "30", "-newkey", "ec"]);
    command.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]).arg("-config").arg(path("pki/openssl.cnf"));
    command.arg("-keyout").arg(key(name)).arg("-out").arg(certificate(name));
    command
}

/// JSON is YAML.
fn kubeconfig(name: &str) -> String {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "picket",
        "clusters": [{ "name": "picket", "cluster": {
            "server": format!("https://{ADDRESS}:6443"), "certificate-authority": certificate("ca"),
        }}],
        "users": [{ "name": name, "user": {
            "client-certificate": certificate(name), "client-key": key(name),
        }}],
        "contexts": [{ "name": "picket", "context": { "cluster": "picket", "user": name } }],
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_known_by_the_name_that_its_kubelet_says() {
        let (_, subject) = CLIENTS.iter().find(|(name, _)| *name == "node").unwrap();
        assert!(subject.ends_with(&format!("CN=system:node:{NODE}")), "{subject}");
    }

    #[test]
    fn servers_have_names_and_clients_have_none() {
        for certificate in certificates() {
            let server = ["kube-apiserver", "kubelet"].contains(&certificate.name);
            assert_eq!(certificate.names.is_some(), server, "{}", certificate.name);
        }
    }
}
