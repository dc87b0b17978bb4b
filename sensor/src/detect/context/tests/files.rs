//! Files: opens, their failures, and changes.

use sensor_common::{call::Call, record::file::Facts as FileFacts};

use super::*;

fn opened(change: impl FnOnce(&mut FileRecord), tails: &[(Tail, &[u8])]) -> Vec<u8> {
    let mut fixed = FileRecord { call: Call::Openat as u32, ..FileRecord::default() };
    fixed.file = FileIdentity { inode: 12, device: 8 << 20 | 1, mode: 0o100_600, ..FileIdentity::default() };
    change(&mut fixed);
    record(Class::FileOpen, &fixed, tails)
}

#[test]
fn a_file_that_was_opened_has_both_paths() {
    let world = World::new();
    let path: &[(Tail, &[u8])] = &[(Tail::Path, b"shadow\0etc\0"), (Tail::PathText, b"/tmp/x/..//link\0")];
    let open = opened(|record| record.flags = 0o2_100_000, path);
    world.check(
        &open,
        &[
            ("evt.type", "openat"),
            ("fd.name", "/tmp/link"),
            ("fd.nameraw", "/tmp/x/..//link"),
            ("fd.directory", "/tmp"),
            ("fd.filename", "link"),
            ("fd.num", "3"),
            ("evt.rawres", "3"),
            ("evt.res", "SUCCESS"),
            ("fd.typechar", "f"),
            ("fd.type", "file"),
            ("fd.l4proto", "<NA>"),
            ("fd.sip", "-"),
            ("fd.ino", "12"),
            ("fd.dev.major", "8"),
            ("evt.is_open_read", "true"),
            ("evt.is_open_write", "false"),
            ("evt.is_open_exec", "false"),
            ("evt.arg.flags", "O_RDONLY|O_CLOEXEC"),
            ("evt.arg.name", "/tmp/link"),
            ("evt.arg.fd", "<f>/tmp/link"),
            ("evt.rawarg.name", "/tmp/x/..//link"),
            ("evt.rawarg.fd", "3"),
            ("evt.arg.path", "-"),
            ("fs.path.name", "/tmp/link"),
            ("fs.path.nameraw", "/tmp/x/..//link"),
            ("fs.path.source", "-"),
            ("picket.path", "/etc/shadow"),
            ("fd.containername", "0123456789ab:/tmp/link"),
            ("fd.containerdirectory", "0123456789ab:/tmp"),
        ],
    );
    let resolved = |name: &str| {
        let field = parse(name);
        world.with(&open, |context| {
            let mut buffer = Vec::new();
            let other = context.resolved(&mut buffer).expect("another path");
            other.value(&field, &mut buffer).map(shown)
        })
    };
    for (name, value) in [
        ("fd.name", "/etc/shadow"),
        ("fd.directory", "/etc"),
        ("fd.filename", "shadow"),
        ("fd.nameraw", "/tmp/x/..//link"),
        ("evt.arg.name", "/etc/shadow"),
        ("fs.path.name", "/etc/shadow"),
        ("proc.name", "python3"),
    ] {
        assert_eq!(resolved(name).as_deref(), Some(value), "{name}");
    }
    let bare = opened(|_| {}, &[(Tail::Path, b"shadow\0etc\0")]);
    world.check(&bare, &[("fd.name", "/etc/shadow"), ("fd.nameraw", "/etc/shadow")]);
    assert!(world.with(&bare, |context| context.resolved(&mut Vec::new()).is_none()));
}

#[test]
fn a_failed_open_has_the_path_that_was_asked_for() {
    let world = World::new();
    let tails: &[(Tail, &[u8])] = &[(Tail::PathText, b"../../../etc/shadow\0"), (Tail::Base, b"www\0var\0")];
    let refused = opened(|record| (record.error, record.flags) = (-13, 0o200_000), tails);
    world.check(
        &refused,
        &[
            ("fd.name", "/etc/shadow"),
            ("fd.nameraw", "../../../etc/shadow"),
            ("fd.directory", "/etc"),
            ("fd.filename", "-"),
            ("fd.num", "-1"),
            ("fd.typechar", "f"),
            ("evt.res", "EACCES"),
            ("evt.rawres", "-13"),
            ("evt.failed", "true"),
            ("evt.arg.fd", "-1"),
            ("evt.arg.dirfd", "<d>/var/www"),
            ("fs.path.name", "-"),
        ],
    );
    let odd = opened(|record| record.error = -4000, tails);
    world.check(&odd, &[("evt.res", "-4000")]);
}

#[test]
fn flags_and_permissions_of_opens() {
    let world = World::new();
    let made = opened(
        |record| {
            (record.flags, record.mode) = (0o1 | 0o100 | 0o1_000, 0o755);
            record.facts = FileFacts::CREATED;
            (record.file.filesystem, record.file.flags) = (OVERLAY, FileFlags::OVERLAY_UPPER);
        },
        &[(Tail::Path, b"x\0dev\0")],
    );
    world.check(
        &made,
        &[
            ("evt.arg.flags", "O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED|FD_UPPER_LAYER"),
            ("evt.arg.mode", "0755"),
            ("evt.is_open_write", "true"),
            ("evt.is_open_read", "false"),
            ("evt.is_open_exec", "true"),
            ("evt.is_open_create", "true"),
            ("fd.is_upper_layer", "true"),
        ],
    );
    let folder = opened(|record| record.flags = 0o200_000, &[(Tail::Path, b"")]);
    world.check(
        &folder,
        &[("fd.typechar", "d"), ("fd.type", "directory"), ("fd.name", "/"), ("fd.directory", "/")],
    );
    world.check(&opened(|record| record.flags = 0o10_000_000, &[]), &[("evt.is_open_read", "true")]);
    world.check(
        &opened(|record| record.flags = 2, &[]),
        &[("evt.is_open_read", "true"), ("evt.is_open_write", "true")],
    );
    let creat = opened(|record| (record.call, record.mode) = (Call::Creat as u32, 0o100), &[]);
    world.check(&creat, &[("evt.type", "creat"), ("evt.is_open_exec", "true")]);
    let ring = opened(|record| record.facts = FileFacts::IO_URING, &[]);
    world.check(&ring, &[("evt.type", "openat"), ("picket.io_uring", "true")]);
}

fn changed(
    class: Class,
    call: Call,
    change: impl FnOnce(&mut FileRecord),
    tails: &[(Tail, &[u8])],
) -> Vec<u8> {
    let mut fixed = FileRecord { call: call as u32, ..FileRecord::default() };
    change(&mut fixed);
    record(class, &fixed, tails)
}

#[test]
fn changes_have_their_arguments_and_no_descriptor() {
    let world = World::new();
    let two: &[(Tail, &[u8])] = &[(Tail::Path, b"sh\0bin\0"), (Tail::NewPath, b"x\0tmp\0")];
    let renamed = changed(Class::FileRename, Call::Renameat2, |record| record.flags = 1, two);
    world.check(
        &renamed,
        &[
            ("evt.type", "renameat2"),
            ("evt.arg.oldpath", "/bin/sh"),
            ("evt.arg.newpath", "/tmp/x"),
            ("evt.arg.flags", "RENAME_NOREPLACE"),
            ("evt.arg.path", "-"),
            ("fd.name", "-"),
            ("fd.num", "-"),
            ("fs.path.name", "-"),
            ("fs.path.source", "/bin/sh"),
            ("fs.path.target", "/tmp/x"),
            ("evt.abspath.dst", "/tmp/x"),
            ("picket.path.target", "/tmp/x"),
        ],
    );
    let linked = changed(Class::FileLink, Call::Linkat, |_| {}, two);
    world.check(
        &linked,
        &[("evt.arg.oldpath", "/bin/sh"), ("fs.path.source", "/tmp/x"), ("fs.path.target", "/bin/sh")],
    );
    let tails: &[(Tail, &[u8])] = &[(Tail::Path, b"x\0tmp\0"), (Tail::NewPathText, b"/etc/shadow\0")];
    let symlink = changed(Class::FileSymlink, Call::Symlinkat, |_| {}, tails);
    world.check(
        &symlink,
        &[
            ("evt.arg.target", "/etc/shadow"),
            ("evt.arg.linkpath", "/tmp/x"),
            ("fs.path.target", "/etc/shadow"),
        ],
    );
    let one: &[(Tail, &[u8])] = &[(Tail::Path, b".bash_history\0srv\0")];
    world.check(
        &changed(Class::FileUnlink, Call::Unlink, |_| {}, one),
        &[("evt.arg.path", "/srv/.bash_history")],
    );
    world.check(
        &changed(Class::FileUnlink, Call::Unlinkat, |_| {}, one),
        &[("evt.arg.name", "/srv/.bash_history"), ("evt.arg.path", "-")],
    );
    world.check(
        &changed(Class::FileMkdir, Call::Mkdirat, |_| {}, one),
        &[("evt.arg.path", "/srv/.bash_history")],
    );
    let mode = changed(Class::FileMode, Call::Fchmodat2, |record| record.mode = 0o104_755, one);
    world.check(
        &mode,
        &[
            ("evt.type", "fchmodat"),
            ("picket.call", "fchmodat2"),
            ("evt.arg.filename", "/srv/.bash_history"),
            ("evt.arg.mode", "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID"),
            ("fd.name", "-"),
        ],
    );
    world.check(&changed(Class::FileMode, Call::Fchmod, |_| {}, one), &[("fd.name", "/srv/.bash_history")]);
}

/// Two opens of one file by one name have in common whatever verdicts on files rest on, however else they differ.
#[test]
fn what_is_said_to_follow_from_the_file_does() {
    use crate::detect::pushdown::{How, is_of_file};
    let here = World::new();
    let mut elsewhere = World::new();
    elsewhere.owner = None;
    let tails: &[(Tail, &[u8])] = &[(Tail::Path, b"shadow\0etc\0"), (Tail::PathText, b"/tmp/link\0")];
    let process = TaskRef { tid: 3, ..SHELL };
    let of = |how: How, other: bool| {
        opened(
            |record| {
                record.file.mode = if how == How::ReadOther { 0o040_755 } else { 0o100_644 };
                // As its device, of which it is a property.
                record.file.filesystem = OVERLAY;
                // `O_WRONLY`, or `O_RDWR | O_TRUNC | O_CREAT | O_APPEND`; `O_PATH` and `O_DIRECTORY` of what is only read.
                record.flags = match (how, other) {
                    (How::Written, false) => 0o1,
                    (How::Written, true) => 0o3_102,
                    (How::Read, true) => 0o2_004_100,
                    (How::ReadOther, true) => 0o10_200_000,
                    (_, false) => 0,
                };
                if other {
                    record.call = Call::Creat as u32;
                    record.facts = FileFacts::IO_URING | FileFacts::UNVERIFIED;
                    if how == How::Written {
                        record.facts |= FileFacts::CREATED;
                    }
                    record.file.flags = FileFlags::OVERLAY_UPPER;
                    record.mode = 0o777;
                    record.header.process = process;
                    record.header.time_ns = 30 * SECOND;
                }
            },
            tails,
        )
    };
    let (mut same, mut unlike) = (0, 0);
    for how in How::ALL {
        let (one, other) = (of(how, false), of(how, true));
        for id in 0..u16::try_from(field::DEFINITIONS.len()).unwrap() {
            let name = field::DEFINITIONS[usize::from(id)].name;
            let field = Field { id, argument: Argument::None };
            let all = |world: &World, bytes: &[u8], resolved: bool| {
                let mut seen = Vec::new();
                world.with(bytes, |context| {
                    let mut buffer = Vec::new();
                    let context = if resolved { context.resolved(&mut buffer).unwrap() } else { *context };
                    seen.push(context.value(&field, &mut buffer).map(shown));
                    context.any(&field, &mut buffer, &mut |value| {
                        seen.push(Some(shown(value)));
                        false
                    });
                });
                seen
            };
            for resolved in [false, true] {
                let values = [all(&here, &one, resolved), all(&elsewhere, &other, resolved)];
                if is_of_file(&field, how) {
                    assert_eq!(values[0], values[1], "{name} {how:?}");
                    same += 1;
                } else if values[0] != values[1] {
                    unlike += 1;
                }
            }
        }
    }
    assert!(same > 100 && unlike > 30, "{same} {unlike}");
}
