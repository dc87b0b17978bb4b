//! Opens.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use picket_tests::expect::{Expect, number, text};
use picket_tests::truth;
use picket_tests::workload;
use serde_json::Value;

use super::Bench;

/// Ways to open, and the system call that the event names.
const WAYS: [(&str, &str); 16] = [
    ("open", "open"),
    ("openat", "openat"),
    ("openat2", "openat2"),
    ("relative", "openat"),
    ("proc-root", "openat"),
    ("handle", "open_by_handle_at"),
    ("uring", ""),
    ("uring-async", ""),
    ("uring-sqpoll", ""),
    ("uring2", ""),
    ("uring2-async", ""),
    ("uring2-sqpoll", ""),
    ("int80", ""),
    ("int80-openat", ""),
    ("int80-creat", ""),
    ("creat", "creat"),
];

/// The same file, opened in every way: the same inode and the same path.
pub(super) fn ways(bench: &mut Bench<'_>) {
    for (way, call) in WAYS {
        let (compat, uring) = (way.starts_with("int80"), way.starts_with("uring"));
        let path = if way == "relative" { "file" } else { "@/file" };
        let ran = bench.run(&format!("open {way} rdonly {path}"));
        if ran.lacks(way) {
            continue;
        }
        if compat && !bench.opens {
            // Tracepoints of system calls are not called for them.
            assert!(ran.find("FILE_OPEN", &ran.path("file")).is_none(), "{way}: documented as not told");
            continue;
        }
        let writes = way.ends_with("creat");
        let event = ran.event("FILE_OPEN", "file");
        println!("file: {way}: {}", text(event, "file.call"));
        Expect::of(event).is("file.access", if writes { "WRITE" } else { "READ" });
        let blind = uring && number(event, "file.file.inode").is_none();
        if blind {
            // Before 5.19 the tracepoint of a completion does not have the request.
            assert!(!bench.opens, "{event:#}");
            Expect::of(event).is("file.outcomeUnknown", true).is("file.ioUring", true);
            continue;
        }
        check_identity(event, &ran.path("file"));
        let expect = Expect::of(event).absent("file.unverified").absent("file.error").absent("file.created");
        match (uring, compat) {
            (true, _) => expect.is("file.ioUring", true),
            (_, true) => expect.is("file.compat", true),
            _ => expect.is("file.call", call).absent("file.ioUring").absent("file.compat"),
        };
        // It says the same, or is the end of it.
        if way != "proc-root" {
            Expect::of(event).absent("file.requestedPath");
        }
    }
}

/// Compares `file.file` with what stat says.
pub(super) fn check_identity(event: &Value, path: &Path) {
    let stat = fs::metadata(path).unwrap_or_else(|error| panic!("cannot stat {}: {error}", path.display()));
    Expect::of(event)
        .is("file.file.inode", stat.ino())
        .is("file.file.device", truth::device(stat.dev()))
        .is("file.file.mode", format!("{:04o}", stat.mode() & 0o7777))
        .is("file.file.uid", stat.uid())
        .is("file.file.gid", stat.gid())
        .is("file.file.links", stat.nlink())
        .is("file.file.filesystem", "tmpfs")
        .such("file.file.mountId", "a mount", |id| id.as_u64().is_some_and(|id| id > 0));
}

pub(super) fn flags(bench: &mut Bench<'_>) {
    let ran = bench.run(
        "open openat rdwr+creat new 600 , open openat wronly+trunc+append file , open openat path other , \
         open openat rdonly+directory folder , open openat2 rdwr+tmpfile second 600",
    );
    Expect::of(ran.event("FILE_OPEN", "new"))
        .is("file.access", "READ_WRITE")
        .is("file.created", true)
        .lists("file.flags", &["O_CREAT"])
        .is("file.mode", "0600")
        .is("file.file.mode", "0600");
    Expect::of(ran.event("FILE_OPEN", "file"))
        .is("file.access", "WRITE")
        .absent("file.created")
        .absent("file.mode")
        .lists("file.flags", &["O_TRUNC", "O_APPEND"]);
    Expect::of(ran.event("FILE_OPEN", "other")).is("file.access", "PATH");
    Expect::of(ran.event("FILE_OPEN", "folder")).lists("file.flags", &["O_DIRECTORY"]);
    let nameless = ran
        .events
        .iter()
        .find(|event| text(event, "class") == "FILE_OPEN" && number(event, "file.file.links") == Some(0));
    Expect::of(nameless.expect("an event of the file without a name"))
        .is("file.file.unlinked", true)
        .has("file.flags", "O_TMPFILE");
}

/// The path as it was written is told where it is another one than the kernel came to.
pub(super) fn requested(bench: &mut Bench<'_>) {
    for (way, path, told) in [
        ("openat", "folder/../file", "folder/../file"),
        ("open", "@/folder/../file", "@/folder/../file"),
        ("openat2", "./file", "./file"),
        ("openat", "link", "link"),
        ("openat", "/proc/self/cwd/file", "/proc/self/cwd/file"),
        ("creat", "folder/../file", "folder/../file"),
    ] {
        let ran = bench.run(&format!("symlink symlink file link , open {way} rdonly {path}"));
        if ran.lacks(way) {
            continue;
        }
        let told = told.replace('@', &ran.folder.to_string_lossy());
        Expect::of(ran.event("FILE_OPEN", "file")).is("file.requestedPath", told).absent("file.unverified");
    }
}

/// Through another mount of the same folder: the same inode, the path through that mount.
pub(super) fn other_mount(bench: &mut Bench<'_>) {
    let ran = bench.run(
        "open openat rdonly file , unshare mount , private , bind-mount @ @/second , \
         open openat rdonly @/second/file",
    );
    let (one, other) = (ran.event("FILE_OPEN", "file"), ran.event("FILE_OPEN", "second/file"));
    for path in ["file.file.inode", "file.file.device"] {
        assert_eq!(number(one, path), number(other, path), "{path}");
    }
    assert_ne!(number(one, "file.file.mountId"), number(other, "file.file.mountId"));
}

/// What the kernel refuses is told with the reason; what is not there is not told.
pub(super) fn refused(bench: &mut Bench<'_>) {
    let ran = bench.run(
        "symlink symlink loop loop , open openat rdonly loop , open openat rdonly absent , chmod chmod 000 file , \
         setuid 1000 , open openat rdwr file , open open rdonly @/file",
    );
    let user_memory = !bench.opens;
    let loops =
        Expect::of(ran.event("FILE_OPEN", "loop")).is("file.error", "ELOOP").is("file.call", "openat");
    let loops = loops.absent("file.file").is("file.access", "READ");
    if user_memory {
        loops.is("file.unverified", true)
    } else {
        loops.absent("file.unverified")
    };
    assert!(ran.find("FILE_OPEN", &ran.path("absent")).is_none(), "ENOENT is not told");
    let refused: Vec<_> = ran.events.iter().filter(|event| text(event, "file.error") == "EACCES").collect();
    assert_eq!(refused.len(), 2, "{:#?}", ran.events);
    Expect::of(refused[0])
        .is("file.path", ran.path("file").to_string_lossy().as_ref())
        .is("file.access", "READ_WRITE")
        .is("file.call", "openat");
    Expect::of(refused[1])
        .is("file.path", ran.path("file").to_string_lossy().as_ref())
        .is("file.access", "READ")
        .is("file.call", "open");
}

/// In a container: its own paths, the layer, and whose it is.
pub(super) fn in_a_container(bench: &mut Bench<'_>) {
    let script =
        ["open", "openat", "rdonly", "/etc/passwd", ",", "open", "openat", "wronly+creat", "/tmp/new"];
    let arguments = [&[workload::IN_CONTAINER], &script[..]].concat();
    let container = bench.lab.container(&arguments);
    container.run_ok();
    let id = container.id().to_owned();
    let mut of = |path: &str| {
        bench.client.wait_for(&format!("open of {path} in {id}"), |event| {
            text(event, "class") == "FILE_OPEN"
                && text(event, "container.id") == id
                && text(event, "file.path") == path
        })
    };
    let passwd = of("/etc/passwd");
    Expect::of(&passwd)
        .is("file.file.layer", "LOWER")
        .is("file.file.filesystem", "overlay")
        .is("container.pod.name", container.names().pod.as_str());
    Expect::of(&of("/tmp/new")).is("file.file.layer", "UPPER").is("file.created", true);
}
