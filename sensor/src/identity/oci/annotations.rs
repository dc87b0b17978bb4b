//! The annotations of a `config.json` that say whose container it is.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

/// Longest value that is kept, in bytes: Kubernetes allows 253 for names, registries some 500 for images.
const LONGEST_VALUE: usize = 4096;

/// The annotations that are read; all others are skipped.
pub(super) mod key {
    /// containerd, `pkg/cri/annotations`.
    pub(crate) mod cri {
        pub(crate) const TYPE: &str = "io.kubernetes.cri.container-type";
        pub(crate) const CONTAINER: &str = "io.kubernetes.cri.container-name";
        pub(crate) const IMAGE: &str = "io.kubernetes.cri.image-name";
        pub(crate) const SANDBOX_IMAGE: &str = "io.kubernetes.cri.podsandbox.image-name";
        pub(crate) const NAMESPACE: &str = "io.kubernetes.cri.sandbox-namespace";
        pub(crate) const POD: &str = "io.kubernetes.cri.sandbox-name";
        pub(crate) const UID: &str = "io.kubernetes.cri.sandbox-uid";
    }
    /// CRI-O, `pkg/annotations`; and the kubelet's labels, which CRI-O copies as they are.
    pub(crate) mod crio {
        pub(crate) const TYPE: &str = "io.kubernetes.cri-o.ContainerType";
        /// As the kubelet asked: a name, or (older ones) the image's id.
        pub(crate) const IMAGE: &str = "io.kubernetes.cri-o.Image";
        /// One of the names that the image has.
        pub(crate) const IMAGE_NAME: &str = "io.kubernetes.cri-o.ImageName";
        pub(crate) const CONTAINER: &str = "io.kubernetes.container.name";
        pub(crate) const NAMESPACE: &str = "io.kubernetes.pod.namespace";
        pub(crate) const POD: &str = "io.kubernetes.pod.name";
        pub(crate) const UID: &str = "io.kubernetes.pod.uid";
    }
    /// `libpod` or `cri-o`: the two keep their containers in the same place.
    pub(crate) const MANAGER: &str = "io.container.manager";
    /// nerdctl, `pkg/labels`.
    pub(crate) const NERDCTL_NAME: &str = "nerdctl/name";

    pub(crate) const ALL: &[&str] = &[
        cri::TYPE,
        cri::CONTAINER,
        cri::IMAGE,
        cri::SANDBOX_IMAGE,
        cri::NAMESPACE,
        cri::POD,
        cri::UID,
        crio::TYPE,
        crio::IMAGE,
        crio::IMAGE_NAME,
        crio::CONTAINER,
        crio::NAMESPACE,
        crio::POD,
        crio::UID,
        MANAGER,
        NERDCTL_NAME,
    ];
}

/// The annotations of `key::ALL` that the file has.
#[derive(Default)]
pub(super) struct Annotations(BTreeMap<&'static str, String>);

impl Annotations {
    /// The value, empty where there is none.
    pub(super) fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        !self.get(key).is_empty()
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnnotationsVisitor)
    }
}

struct AnnotationsVisitor;

impl<'de> Visitor<'de> for AnnotationsVisitor {
    type Value = Annotations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("annotations as an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
        let mut found = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map
                .next_value::<String>()
                .map_err(|error| A::Error::custom(format!("annotation `{name}`: {error}")))?;
            let Some(key) = key::ALL.iter().find(|key| **key == name) else { continue };
            if value.len() > LONGEST_VALUE {
                let length = value.len();
                return Err(A::Error::custom(format!("annotation `{name}`: {length} bytes are too many")));
            }
            found.insert(*key, value);
        }
        Ok(Annotations(found))
    }
}
