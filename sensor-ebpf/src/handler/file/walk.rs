//! Paths of files as fields of a record.

use sensor_common::{
    header::Incomplete,
    record::{file::FileRecord, process::FileFlags},
    tail::Tail,
};

use crate::{
    emit::writer::Writer,
    kobj::{
        Raw,
        path::{self, Walk},
    },
};

/// Writes the path of the file that the record is about, from its two halves.
#[inline(always)]
pub(super) fn own(dentry: Raw, vfsmount: Raw, writer: &Writer, record: &mut FileRecord) {
    record.file.mount_id = path::id_of(vfsmount);
    let Some(components) = writer.components() else {
        record.header.incomplete |= Incomplete::PATH;
        return;
    };
    match path::write_from(dentry, vfsmount, writer, &components) {
        Walk::Complete => {}
        Walk::Detached => record.file.flags |= FileFlags::DETACHED,
        Walk::Cut => record.header.incomplete |= Incomplete::PATH,
    }
    writer.end_components(Tail::Path, &components);
}

/// Writes another path; `incomplete` is set if it is cut.
#[inline(always)]
pub(super) fn other(
    kind: Tail,
    dentry: Raw,
    vfsmount: Raw,
    writer: &Writer,
    incomplete: u32,
    record: &mut FileRecord,
) {
    let Some(components) = writer.components() else {
        record.header.incomplete |= incomplete;
        return;
    };
    if path::write_from(dentry, vfsmount, writer, &components) == Walk::Cut {
        record.header.incomplete |= incomplete;
    }
    writer.end_components(kind, &components);
}
