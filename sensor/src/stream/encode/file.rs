//! What is done to files.

use sensor_common::{
    class::Class,
    record::{file::Facts, process::FileIdentity},
};

use crate::event::{
    errno,
    file::{self, Device, Layer},
    operation::FileOperation,
    path::{Components, End},
};
use crate::proto;

/// The message of an operation on a file.
pub(super) fn operation(_class: Class, operation: &FileOperation<'_>) -> proto::FileOperation {
    let record = &operation.record;
    let leaf = operation.path.map(|path| path.leaf().to_vec()).unwrap_or_default();
    proto::FileOperation {
        path: operation.path.map(|path| text(path)).unwrap_or_default(),
        unverified: record.facts & Facts::UNVERIFIED != 0,
        file: (record.file.inode != 0).then(|| identity(&record.file, &leaf)),
        error: errno::name(record.error.into()),
        repeats: record.repeats.into(),
        ..proto::FileOperation::default()
    }
}

fn text(path: Components<'_>) -> String {
    path.to_text(End::Root)
}

/// The message of a file's identity; `leaf` is the last component of its path.
pub(super) fn identity(of: &FileIdentity, leaf: &[u8]) -> proto::FileIdentity {
    let memfd = file::is_memfd(of, leaf);
    proto::FileIdentity {
        inode: of.inode,
        device: Device::from_kernel(of.device).to_string(),
        mode: format!("{:04o}", of.mode & 0o7777),
        uid: Some(of.uid),
        gid: Some(of.gid),
        links: Some(of.links),
        filesystem: file::filesystem(of.filesystem),
        layer: file::layer(of).map(|layer| match layer {
            Layer::Lower => proto::file_identity::Layer::Lower.into(),
            Layer::Upper => proto::file_identity::Layer::Upper.into(),
        }),
        memfd,
        unlinked: of.links == 0 && !memfd,
        mount_id: of.mount_id,
    }
}
