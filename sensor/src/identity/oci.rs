//! What an OCI runtime `config.json` tells of its container: each runtime writes its own annotations into it.

use serde::Deserialize;

use super::container::{Container, Pod, Runtime};
use super::json::{self, JsonError};

use annotations::{Annotations, key};

use spec::Spec;

mod annotations;
mod spec;
#[cfg(test)]
mod tests;

/// Reads a `config.json` of unknown origin: the annotations tell which runtime wrote it.
pub fn parse(bytes: &[u8], id: &str) -> Result<Container, JsonError> {
    let annotations = read(bytes)?;
    let runtime = match annotations.get(key::MANAGER) {
        "libpod" => Some(Runtime::Podman),
        "cri-o" => Some(Runtime::Crio),
        _ if annotations.has(key::cri::TYPE) || annotations.has(key::NERDCTL_NAME) => {
            Some(Runtime::Containerd)
        }
        _ => annotations.has(key::crio::TYPE).then_some(Runtime::Crio),
    };
    Ok(annotations.container(id, runtime, Spec::read(bytes)))
}

/// Reads a `config.json` found where `runtime` keeps its bundles.
///
/// Only that runtime's annotations count, so that annotations which users may set on a pod cannot pass for those
/// of another runtime. CRI-O and podman share their place: the one or the other is taken from the annotations.
pub fn parse_from(bytes: &[u8], id: &str, runtime: Runtime) -> Result<Container, JsonError> {
    let annotations = read(bytes)?;
    let runtime = match runtime {
        Runtime::Crio | Runtime::Podman => match annotations.get(key::MANAGER) {
            "libpod" => Runtime::Podman,
            "cri-o" => Runtime::Crio,
            _ => runtime,
        },
        Runtime::Containerd | Runtime::Docker => runtime,
    };
    Ok(annotations.container(id, Some(runtime), Spec::read(bytes)))
}

fn read(bytes: &[u8]) -> Result<Annotations, JsonError> {
    let config: Config = json::parse_object(bytes)?;
    Ok(config.annotations.unwrap_or_default())
}

#[derive(Deserialize)]
struct Config {
    annotations: Option<Annotations>,
}

impl Annotations {
    fn container(&self, id: &str, runtime: Option<Runtime>, spec: Spec) -> Container {
        let found = match runtime {
            Some(Runtime::Containerd) => self.containerd(),
            Some(Runtime::Crio) => self.crio(),
            // podman and Docker keep names elsewhere.
            Some(Runtime::Podman | Runtime::Docker) | None => Container::default(),
        };
        let privileged = spec.privileged();
        Container { id: id.to_owned(), runtime, privileged, details: spec.details(), ..found }
    }

    fn containerd(&self) -> Container {
        use key::cri;
        let sandbox = self.get(cri::TYPE) == "sandbox";
        let [name, image] = if sandbox {
            ["", self.get(cri::SANDBOX_IMAGE)]
        } else {
            [self.get(cri::CONTAINER), self.get(cri::IMAGE)]
        };
        let name = if self.has(cri::TYPE) { name } else { self.get(key::NERDCTL_NAME) };
        let pod = self.pod(cri::NAMESPACE, cri::POD, cri::UID);
        Container { name: name.to_owned(), image: image.to_owned(), pod, sandbox, ..Container::default() }
    }

    fn crio(&self) -> Container {
        use key::crio;
        let sandbox = self.get(crio::TYPE) == "sandbox";
        // CRI-O calls every sandbox `POD`; CRI gives sandboxes no name.
        let name = if sandbox { "" } else { self.get(crio::CONTAINER) };
        // An image may have many names, so what was asked for is better, unless that is an id.
        let asked = self.get(crio::IMAGE);
        let any_name = self.get(crio::IMAGE_NAME);
        let image = if is_image_id(asked) && !any_name.is_empty() { any_name } else { asked };
        let pod = self.pod(crio::NAMESPACE, crio::POD, crio::UID);
        Container { name: name.to_owned(), image: image.to_owned(), pod, sandbox, ..Container::default() }
    }

    /// The pod, if any of these is there: containerd before 1.6 gave fewer of them.
    fn pod(&self, namespace: &str, name: &str, uid: &str) -> Option<Pod> {
        let [namespace, name, uid] = [namespace, name, uid].map(|key| self.get(key).to_owned());
        let pod = Pod { namespace, name, uid, ..Pod::default() };
        (pod != Pod::default()).then_some(pod)
    }
}

/// Empty, or an id rather than a name: 64 hexadecimal digits, maybe after `sha256:`.
fn is_image_id(image: &str) -> bool {
    let hex = image.strip_prefix("sha256:").unwrap_or(image);
    hex.is_empty() || (hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
