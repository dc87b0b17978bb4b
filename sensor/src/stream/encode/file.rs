//! What is done to files.

use sensor_common::{
    call::Call,
    class::Class,
    header::Incomplete,
    record::{
        file::Facts,
        process::{FileFlags, FileIdentity},
    },
};

use crate::event::{
    errno,
    file::{self, Device, Layer},
    open_flags,
    operation::FileOperation,
    path::{self, Components, End},
    text::lossy,
};
use crate::proto;

/// The message of an operation on a file.
pub(super) fn operation(
    class: Class,
    operation: &FileOperation<'_>,
    incomplete: u32,
) -> proto::FileOperation {
    let record = &operation.record;
    let facts = |bit| record.facts & bit != 0;
    let mut message = proto::FileOperation {
        path: own_path(operation, incomplete),
        unverified: facts(Facts::UNVERIFIED | Facts::NAME_UNVERIFIED),
        file: (record.file.inode != 0).then(|| identity(&record.file, leaf(operation))),
        error: errno::name(record.error.into()),
        repeats: record.repeats.into(),
        call: Call::from_number(record.call).map(|call| call.name().to_owned()).unwrap_or_default(),
        io_uring: facts(Facts::IO_URING),
        compat: facts(Facts::COMPAT),
        outcome_unknown: facts(Facts::ASKED),
        ..proto::FileOperation::default()
    };
    match class {
        Class::FileOpen => opened(operation, &mut message),
        Class::FileRename => {
            message.new_path = new_path(operation, incomplete);
            message.flags = open_flags::of_rename(record.flags);
        }
        Class::FileLink => message.new_path = new_path(operation, incomplete),
        Class::FileSymlink => message.link_target = lossy(operation.new_path_text).into_owned(),
        Class::FileMode | Class::FileMkdir => message.mode = permissions(record.mode),
        Class::FileOwner => {
            message.uid = (record.uid != u32::MAX).then_some(record.uid);
            message.gid = (record.gid != u32::MAX).then_some(record.gid);
        }
        Class::FileXattr => {
            message.attribute = lossy(operation.name).into_owned();
            message.removed = facts(Facts::REMOVED);
        }
        Class::FileMknod => made(operation, &mut message),
        _ => {}
    }
    message
}

fn opened(operation: &FileOperation<'_>, message: &mut proto::FileOperation) {
    use open_flags::Access;
    let record = &operation.record;
    message.access = match open_flags::access(record.flags) {
        Access::Read => proto::file_operation::Access::Read,
        Access::Write => proto::file_operation::Access::Write,
        Access::ReadWrite => proto::file_operation::Access::ReadWrite,
        Access::Path => proto::file_operation::Access::Path,
    }
    .into();
    message.flags = open_flags::of_open(record.flags);
    message.requested_path = requested(operation, &message.path);
    message.created = record.facts & Facts::CREATED != 0;
    if record.mode != 0 {
        message.mode = permissions(record.mode);
    }
}

/// The path as the caller wrote it, where that says more than the resolved one: it is another one, and not its end.
fn requested(operation: &FileOperation<'_>, path: &str) -> String {
    let text = lossy(operation.path_text);
    let end = path.strip_suffix(&*text).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    if operation.path.is_none() || end { String::new() } else { text.into_owned() }
}

fn made(operation: &FileOperation<'_>, message: &mut proto::FileOperation) {
    let (mode, device) = (operation.record.mode, operation.record.rdev);
    let (kind, has_device) = match mode & 0o170_000 {
        0o020_000 => ("character", true),
        0o060_000 => ("block", true),
        0o010_000 => ("fifo", false),
        0o140_000 => ("socket", false),
        _ => ("file", false),
    };
    kind.clone_into(&mut message.node_kind);
    if has_device {
        message.node_device = Device::from_kernel(device).to_string();
    }
    message.mode = permissions(mode);
}

fn permissions(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}

/// The path of the file that the operation is about.
fn own_path(operation: &FileOperation<'_>, incomplete: u32) -> String {
    let detached = operation.record.file.flags & FileFlags::DETACHED != 0;
    let cut = incomplete & Incomplete::PATH != 0;
    let end = match (cut, detached) {
        (true, _) => End::Cut,
        (false, true) => End::Detached,
        (false, false) => End::Root,
    };
    match operation.path {
        Some(path) => path.to_text(end),
        None => asked(operation.path_text, operation.base),
    }
}

fn new_path(operation: &FileOperation<'_>, incomplete: u32) -> String {
    let end = if incomplete & Incomplete::NEW_PATH == 0 { End::Root } else { End::Cut };
    match operation.new_path {
        Some(path) => path.to_text(end),
        None => asked(operation.new_path_text, operation.new_base),
    }
}

fn asked(text: &[u8], base: Option<Components<'_>>) -> String {
    path::absolute(text, base)
}

/// Last component of the resolved path.
fn leaf<'a>(operation: &FileOperation<'a>) -> &'a [u8] {
    operation.path.map(|path| path.first()).unwrap_or_default()
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
        modified: None,
    }
}

#[cfg(test)]
mod tests;
