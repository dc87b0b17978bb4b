//! Records of files as messages.

use sensor_common::record::file::FileRecord;

use super::*;

fn operation_of(record: FileRecord) -> FileOperation<'static> {
    FileOperation {
        record,
        path: None,
        new_path: None,
        path_text: b"",
        new_path_text: b"",
        base: None,
        new_base: None,
        name: b"",
    }
}

#[test]
fn a_resolved_open_has_its_facts() {
    let flags = 0o1 | 0o100 | 0o1000 | 0o2_000_000 | 0o100_000;
    let record = FileRecord {
        flags,
        facts: Facts::CREATED | Facts::IO_URING,
        call: Call::Openat2 as u32,
        file: FileIdentity { inode: 5, device: 8 << 20 | 1, mode: 0o100_600, links: 1, ..Default::default() },
        ..FileRecord::default()
    };
    let path = Some(Components(b"b\0a\0"));
    let message = operation(Class::FileOpen, &FileOperation { path, ..operation_of(record) }, 0);
    assert_eq!(message.path, "/a/b");
    assert_eq!(message.access(), proto::file_operation::Access::Write);
    assert_eq!(message.flags, ["O_CREAT", "O_TRUNC", "O_CLOEXEC"]);
    assert_eq!((message.call.as_str(), message.created, message.io_uring), ("openat2", true, true));
    let file = message.file.unwrap();
    assert_eq!((file.inode, file.device.as_str(), file.mode.as_str()), (5, "8:1", "0600"));
}

#[test]
fn what_was_asked_for_is_made_absolute() {
    let record = FileRecord { error: -13, facts: Facts::UNVERIFIED, ..FileRecord::default() };
    let relative = FileOperation {
        path_text: b"./x/../y",
        base: Some(Components(b"home\0")),
        new_path_text: b"/z",
        ..operation_of(record)
    };
    let message = operation(Class::FileRename, &relative, 0);
    assert_eq!((message.path.as_str(), message.new_path.as_str()), ("/home/x/../y", "/z"));
    assert_eq!((message.error.as_str(), message.unverified), ("EACCES", true));
    assert!(message.file.is_none());
}

#[test]
fn a_path_is_told_as_written_where_that_says_more() {
    for (text, told) in
        [("/a/b", ""), ("b", ""), ("", ""), ("/b", "/b"), ("x/../b", "x/../b"), ("./b", "./b"), ("ab", "ab")]
    {
        let path = Some(Components(b"b\0a\0"));
        let asked = FileOperation { path, path_text: text.as_bytes(), ..operation_of(FileRecord::default()) };
        assert_eq!(operation(Class::FileOpen, &asked, 0).requested_path, told, "{text}");
    }
    let unresolved = FileOperation { path_text: b"x/../b", ..operation_of(FileRecord::default()) };
    assert_eq!(operation(Class::FileOpen, &unresolved, 0).requested_path, "");
}

#[test]
fn made_nodes_say_what_they_are() {
    let record = FileRecord { mode: 0o020_600, rdev: 1 << 20 | 3, ..FileRecord::default() };
    let message = operation(Class::FileMknod, &operation_of(record), 0);
    assert_eq!((message.node_kind.as_str(), message.node_device.as_str()), ("character", "1:3"));
    assert_eq!(message.mode, "0600");
}
