//! The messages of CRI that a test's runtime speaks, with the numbers of `runtime.v1`.

use std::collections::BTreeMap;

use prost::Message;

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Empty {}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Version {
    #[prost(string, tag = "2")]
    pub(super) runtime_name: String,
    #[prost(string, tag = "3")]
    pub(super) runtime_version: String,
}

/// `ContainerStatusRequest` and `PodSandboxStatusRequest`; the filters of lists have the same field.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Id {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ListRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) filter: Option<Id>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Containers {
    #[prost(message, repeated, tag = "1")]
    pub(super) containers: Vec<Container>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Container {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) pod_sandbox_id: String,
    #[prost(message, optional, tag = "3")]
    pub(super) metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "4")]
    pub(super) image: Option<Image>,
    #[prost(string, tag = "5")]
    pub(super) image_ref: String,
    #[prost(int32, tag = "6")]
    pub(super) state: i32,
    #[prost(btree_map = "string, string", tag = "8")]
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ContainerMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(uint32, tag = "2")]
    pub(super) attempt: u32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Image {
    #[prost(string, tag = "1")]
    pub(super) image: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerAnswer {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<ContainerStatus>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<ContainerMetadata>,
    #[prost(message, optional, tag = "8")]
    pub(super) image: Option<Image>,
    #[prost(string, tag = "9")]
    pub(super) image_ref: String,
    #[prost(btree_map = "string, string", tag = "12")]
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct SandboxMetadata {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) uid: String,
    #[prost(string, tag = "3")]
    pub(super) namespace: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SandboxAnswer {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<SandboxStatus>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SandboxStatus {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<SandboxMetadata>,
    #[prost(message, optional, tag = "6")]
    pub(super) linux: Option<Linux>,
    #[prost(btree_map = "string, string", tag = "7")]
    pub(super) labels: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "8")]
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Linux {
    #[prost(message, optional, tag = "1")]
    pub(super) namespaces: Option<Namespaces>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Namespaces {
    #[prost(message, optional, tag = "2")]
    pub(super) options: Option<Options>,
}

/// Modes: 0 the pod's, 1 the container's, 2 the node's.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Options {
    #[prost(int32, tag = "1")]
    pub(super) network: i32,
    #[prost(int32, tag = "2")]
    pub(super) pid: i32,
}
