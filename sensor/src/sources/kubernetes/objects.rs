//! Objects of the Kubernetes API, reduced to the fields that the agent reads; everything else is skipped while
//! they are read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// An object that can be followed.
pub(super) trait Object: DeserializeOwned + Send + 'static {
    /// `metadata.resourceVersion`
    fn version(&self) -> &str;
}

macro_rules! objects {
    ($($name:ident),*) => {
        $(impl Object for $name {
            fn version(&self) -> &str {
                &self.metadata.resource_version
            }
        })*
    };
}

objects!(Pod, PeerPod, Service, Node);

/// `metadata`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) resource_version: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) owner_references: Vec<Owner>,
}

/// `metadata.ownerReferences`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) controller: bool,
}

/// A pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    pub(super) spec: PodSpec,
    pub(super) status: PodStatus,
}

/// `spec` of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) service_account_name: String,
    pub(super) host_network: bool,
    #[serde(rename = "hostPID")]
    pub(super) host_pid: bool,
    pub(super) share_process_namespace: bool,
    pub(super) containers: Vec<ContainerSpec>,
    pub(super) init_containers: Vec<ContainerSpec>,
    pub(super) ephemeral_containers: Vec<ContainerSpec>,
}

/// A container as the pod wants it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerSpec {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) restart_policy: String,
}

/// `status` of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodStatus {
    pub(super) container_statuses: Vec<ContainerStatus>,
    pub(super) init_container_statuses: Vec<ContainerStatus>,
    pub(super) ephemeral_container_statuses: Vec<ContainerStatus>,
}

/// A container as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    #[serde(rename = "containerID")]
    pub(super) container_id: String,
    pub(super) image: String,
    #[serde(rename = "imageID")]
    pub(super) image_id: String,
    pub(super) restart_count: u32,
    pub(super) last_state: LastState,
}

/// `lastState` of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LastState {
    pub(super) terminated: Option<Terminated>,
}

/// A container that ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Terminated {
    #[serde(rename = "containerID")]
    pub(super) container_id: String,
}

/// A pod as others see it: its addresses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PeerPod {
    pub(super) metadata: PeerMetadata,
    pub(super) spec: PeerPodSpec,
    pub(super) status: PeerPodStatus,
}

/// `metadata` of what has addresses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PeerMetadata {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) resource_version: String,
    pub(super) annotations: PeerAnnotations,
}

/// The one annotation that says something of the uid.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PeerAnnotations {
    #[serde(rename = "kubernetes.io/config.mirror")]
    pub(super) mirror: String,
}

/// `spec` of such a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PeerPodSpec {
    pub(super) host_network: bool,
}

/// `status` of such a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PeerPodStatus {
    pub(super) phase: String,
    #[serde(rename = "podIP")]
    pub(super) pod_ip: String,
    #[serde(rename = "podIPs")]
    pub(super) pod_ips: Vec<Ip>,
}

/// An address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ip {
    pub(super) ip: String,
}

/// A service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    pub(super) metadata: PeerMetadata,
    pub(super) spec: ServiceSpec,
    pub(super) status: ServiceStatus,
}

/// `spec` of a service. Its `externalIPs` are not read: whoever may make services may claim any address there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ServiceSpec {
    #[serde(rename = "clusterIP")]
    pub(super) cluster_ip: String,
    #[serde(rename = "clusterIPs")]
    pub(super) cluster_ips: Vec<String>,
}

/// `status` of a service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ServiceStatus {
    pub(super) load_balancer: LoadBalancer,
}

/// `status.loadBalancer` of a service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LoadBalancer {
    pub(super) ingress: Vec<Ip>,
}

/// A node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    pub(super) metadata: PeerMetadata,
    pub(super) status: NodeStatus,
}

/// `status` of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeStatus {
    pub(super) addresses: Vec<NodeAddress>,
}

/// An address of a node; those that are names are no addresses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeAddress {
    pub(super) address: String,
}

/// An object of which only the metadata was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MetadataOnly {
    pub(super) metadata: Metadata,
}

/// What the API server says it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Version {
    pub(super) git_version: String,
}

/// One line of a watch.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
pub(super) enum Event<T> {
    /// It is new, or was there when the watch began.
    Added(T),
    /// It changed.
    Modified(T),
    /// It is gone, or does not match the selector any more.
    Deleted(T),
    /// Nothing changed up to this version.
    Bookmark(Bookmark),
    /// The watch cannot go on.
    Error(Fault),
}

/// An object that says only how far the watch is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Bookmark {
    pub(super) metadata: PeerMetadata,
}

/// A list without its objects.
pub(super) type Rest = Bookmark;

/// A `Status` that tells of an error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    pub(super) code: u16,
    pub(super) message: String,
}
