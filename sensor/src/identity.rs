//! Stage 3: which container, and which pod, a control group belongs to.

pub mod catalog;
pub mod cgroup_path;
pub mod container;
pub mod details;
pub mod docker;
pub mod image;
pub mod json;
pub mod oci;
pub mod peer;
pub mod podman;
pub mod selection;
pub mod store;
pub mod usage;
pub mod users;
