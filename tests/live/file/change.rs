//! Changes of names and attributes.

use picket_tests::expect::{Expect, text};
use serde_json::Value;

use super::open::check_identity;
use super::{Bench, Ran};

/// The path is the kernel's on trampolines, and the caller's on tracepoints.
fn named<'a>(bench: &Bench<'_>, ran: &'a Ran, class: &str, name: &str) -> Expect<'a> {
    let event = ran.event(class, name);
    let expect = Expect::of(event).absent("file.error").absent("file.outcomeUnknown");
    if bench.names {
        expect.absent("file.unverified").such("file.file.inode", "a number", |inode| inode.is_string())
    } else {
        expect.is("file.unverified", true).absent("file.file")
    }
}

/// Absolute path of a name in the folder.
fn path(ran: &Ran, name: &str) -> String {
    ran.path(name).to_string_lossy().into_owned()
}

pub(super) fn names(bench: &mut Bench<'_>) {
    for (way, call) in [("rename", "rename"), ("renameat", "renameat"), ("renameat2", "renameat2")] {
        let ran = bench.run(&format!("rename {way} file folder/moved"));
        named(bench, &ran, "FILE_RENAME", "file")
            .is("file.newPath", path(&ran, "folder/moved"))
            .is("file.call", call)
            .absent("file.flags");
        if bench.names {
            check_identity(ran.event("FILE_RENAME", "file"), &ran.path("folder/moved"));
        }
    }
    let ran = bench.run("rename exchange file @/folder , rename noreplace other third");
    named(bench, &ran, "FILE_RENAME", "file")
        .is("file.newPath", path(&ran, "folder"))
        .lists("file.flags", &["RENAME_EXCHANGE"]);
    named(bench, &ran, "FILE_RENAME", "other").lists("file.flags", &["RENAME_NOREPLACE"]);

    for (way, call) in [("link", "link"), ("linkat", "linkat")] {
        let ran = bench.run(&format!("link {way} file folder/linked"));
        named(bench, &ran, "FILE_LINK", "file")
            .is("file.newPath", path(&ran, "folder/linked"))
            .is("file.call", call);
    }
    let ran = bench.run("link fd file linked");
    named(bench, &ran, "FILE_LINK", "file").is("file.newPath", path(&ran, "linked"));

    for way in ["symlink", "symlinkat"] {
        let ran = bench.run(&format!("symlink {way} ../to/somewhere folder/pointer"));
        named(bench, &ran, "FILE_SYMLINK", "folder/pointer")
            .is("file.linkTarget", "../to/somewhere")
            .is("file.call", way);
    }
    for way in ["unlink", "unlinkat"] {
        let ran = bench.run(&format!("unlink {way} file"));
        named(bench, &ran, "FILE_UNLINK", "file").is("file.call", way);
        assert!(ran.find("FILE_RMDIR", &ran.path("file")).is_none());
        if bench.names {
            Expect::of(ran.event("FILE_UNLINK", "file")).is("file.file.unlinked", true);
        }
    }
    for (way, call) in [("rmdir", "rmdir"), ("unlinkat", "unlinkat")] {
        let ran = bench.run(&format!("rmdir {way} folder"));
        named(bench, &ran, "FILE_RMDIR", "folder").is("file.call", call);
    }
    for way in ["mkdir", "mkdirat"] {
        let ran = bench.run(&format!("mkdir {way} folder/new 710"));
        named(bench, &ran, "FILE_MKDIR", "folder/new").is("file.mode", "0710").is("file.call", way);
    }
}

pub(super) fn nodes(bench: &mut Bench<'_>) {
    for (way, kind, number) in [
        ("mknod", "fifo", "0:0"),
        ("mknodat", "socket", "0:0"),
        ("mknod", "file", "0:0"),
        ("mknodat", "char", "1:3"),
        ("mknod", "block", "7:300"),
    ] {
        let ran = bench.run(&format!("mknod {way} {kind} {number} node"));
        if ran.lacks(kind) {
            continue;
        }
        let kind = match kind {
            "char" => "character",
            other => other,
        };
        let expect = named(bench, &ran, "FILE_MKNOD", "node").is("file.nodeKind", kind).is("file.call", way);
        let expect = expect.is("file.mode", "0600");
        if number == "0:0" {
            expect.absent("file.nodeDevice")
        } else {
            expect.is("file.nodeDevice", number)
        };
    }
}

pub(super) fn attributes(bench: &mut Bench<'_>) {
    for way in ["chmod", "fchmod", "fchmodat", "fchmodat2"] {
        let ran = bench.run(&format!("chmod {way} 4711 file"));
        if ran.lacks(way) {
            continue;
        }
        attribute(bench, &ran, "FILE_CHMOD", way).is("file.mode", "4711");
    }
    for way in ["chown", "lchown", "fchown", "fchownat"] {
        let ran = bench.run(&format!("chown {way} 1000 1001 file"));
        attribute(bench, &ran, "FILE_CHOWN", way).is("file.uid", 1000).is("file.gid", 1001);
    }
    for way in ["truncate", "ftruncate"] {
        let ran = bench.run(&format!("truncate {way} 3 file"));
        attribute(bench, &ran, "FILE_TRUNCATE", way);
    }
}

pub(super) fn extended(bench: &mut Bench<'_>) {
    for (way, set, remove) in [
        ("set", "setxattr", "removexattr"),
        ("lset", "lsetxattr", "lremovexattr"),
        ("fset", "fsetxattr", "fremovexattr"),
    ] {
        let taken = way.replace("set", "remove");
        let ran = bench.run(&format!(
            "setxattr {way} trusted.picket value file , removexattr {taken} trusted.picket file"
        ));
        if ran.lacks("extended attributes") {
            continue;
        }
        for (call, removed) in [(set, false), (remove, true)] {
            let event = ran.events.iter().find(|event| text(event, "file.call") == call);
            let expect = Expect::of(event.unwrap_or_else(|| panic!("no {call}: {:#?}", ran.events)))
                .is("class", "FILE_XATTR")
                .is("file.path", path(&ran, "file"))
                .is("file.attribute", "trusted.picket")
                .is("file.unverified", true);
            if removed {
                expect.is("file.removed", true)
            } else {
                expect.absent("file.removed")
            };
        }
    }
}

/// The event of a call that changes an attribute of `file`: by a descriptor, the file is the kernel's.
fn attribute<'a>(bench: &Bench<'_>, ran: &'a Ran, class: &str, way: &str) -> Expect<'a> {
    let event = ran.event(class, "file");
    let expect = Expect::of(event).is("file.call", way).absent("file.error");
    if bench.attributes || (way.starts_with('f') && !way.contains("at")) || way == "ftruncate" {
        check_identity(event, &ran.path("file"));
        expect.absent("file.unverified")
    } else {
        expect.is("file.unverified", true)
    }
}

/// Below the system-call layer as any other; above it by the kernel's copy of the path, before it is done.
pub(super) fn by_uring(bench: &mut Bench<'_>) {
    for (script, class, name) in [
        ("rename uring file moved", "FILE_RENAME", "file"),
        ("rename uring-async file moved", "FILE_RENAME", "file"),
        ("rename uring-sqpoll @/file @/moved", "FILE_RENAME", "file"),
        ("link uring file linked", "FILE_LINK", "file"),
        ("symlink uring target pointer", "FILE_SYMLINK", "pointer"),
        ("unlink uring file", "FILE_UNLINK", "file"),
        ("rmdir uring folder", "FILE_RMDIR", "folder"),
        ("mkdir uring new 700", "FILE_MKDIR", "new"),
    ] {
        let ran = bench.run(script);
        if ran.lacks(script) {
            continue;
        }
        let expect = Expect::of(ran.event(class, name)).is("file.ioUring", true).absent("file.unverified");
        if bench.names {
            expect.absent("file.outcomeUnknown").such("file.file.inode", "a number", Value::is_string);
        } else {
            expect.is("file.outcomeUnknown", true).absent("file.file");
        }
    }
}

pub(super) fn by_32_bits(bench: &mut Bench<'_>) {
    for (script, class) in
        [("rename int80 @/file @/moved", "FILE_RENAME"), ("unlink int80 @/file", "FILE_UNLINK")]
    {
        let ran = bench.run(script);
        if ran.lacks(script) {
            continue;
        }
        if bench.names {
            Expect::of(ran.event(class, "file")).is("file.compat", true).absent("file.unverified");
        } else {
            assert!(ran.find(class, &ran.path("file")).is_none(), "{script}: documented as not told");
        }
    }
}
