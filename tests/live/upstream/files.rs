//! Rules about files.

use super::case::{Case, Field, Near};

pub(super) const TRAVERSAL: Case = Case {
    near: Near::Here("FILE_OPEN", "file.path", "/etc/near-miss"),
    fields: &[
        ("evt.type", Field::Text("openat")),
        ("fd.name", Field::Text("/etc/fire")),
        ("fd.nameraw", Field::Text("/tmp/../bin/../etc/fire")),
    ],
    ..Case::first(
        "Directory traversal monitored file read",
        &[
            "/bin/web",
            "open",
            "openat",
            "rdonly",
            "/tmp/../etc/near-miss",
            ",",
            "open",
            "openat",
            "rdonly",
            "/tmp/../bin/../etc/fire",
        ],
    )
};

/// A link to itself is asked for; that files are not there is told by no event.
pub(super) const TRAVERSAL_IN_VAIN: Case = Case {
    fields: &[
        ("evt.type", Field::Text("openat2")),
        ("fd.name", Field::Text("/etc/loop")),
        ("fd.nameraw", Field::Text("/tmp/../bin/../etc/loop")),
    ],
    ..Case {
        process: &[
            "/bin/web",
            "--may-fail",
            "open",
            "openat",
            "rdonly",
            "/tmp/../etc/near-miss",
            ",",
            "open",
            "openat2",
            "rdonly",
            "/tmp/../bin/../etc/loop",
        ],
        ..TRAVERSAL
    }
};

/// More than five seconds after it began; at first it may.
pub(super) const TRUSTED: Case = Case {
    near: Near::Here("FILE_OPEN", "file.path", "/etc/sudoers"),
    fields: &[
        ("evt.type", Field::Text("openat")),
        ("fd.name", Field::Text("/etc/shadow")),
        ("proc.pcmdline", Field::Between("runc --root ", "")),
    ],
    ..Case::first(
        "Read sensitive file trusted after startup",
        &["/bin/nginx", "read", "/etc/sudoers", ",", "sleep", "5200", ",", "read", "/etc/shadow"],
    )
};

/// A shell may.
pub(super) const UNTRUSTED: Case = Case {
    process: &["/bin/cat", "/etc/shadow"],
    near: Near::Here("FILE_OPEN", "file.path", "/etc/sudoers"),
    fields: &[("evt.type", Field::Text("openat")), ("fd.name", Field::Text("/etc/shadow"))],
    ..Case::script("Read sensitive file untrusted", "read line < /etc/sudoers; /bin/cat /etc/shadow; exit 0")
};

/// What is added takes nothing away.
pub(super) const CLEAR_LOG: Case = Case {
    process: &["/bin/app", "open", "openat", "wronly+creat+trunc", "/var/log/fire"],
    executable: picket_tests::workload::IN_CONTAINER,
    near: Near::Here("FILE_OPEN", "file.path", "/var/log/near-miss"),
    fields: &[("evt.type", Field::Text("openat")), ("fd.name", Field::Text("/var/log/fire"))],
    ..Case::script(
        "Clear Log Activities",
        "echo x >> /var/log/near-miss; /bin/app open openat wronly+creat+trunc /var/log/fire; exit 0",
    )
};

pub(super) const SYMLINK: Case = Case {
    near: Near::Here("FILE_SYMLINK", "file.path", "/tmp/near-miss"),
    fields: &[
        ("evt.type", Field::Text("symlinkat")),
        ("evt.arg.target", Field::Text("/etc/shadow")),
        ("evt.arg.linkpath", Field::Text("/tmp/fire")),
    ],
    ..Case::first(
        "Create Symlink Over Sensitive Files",
        &[
            "/bin/app",
            "symlink",
            "symlinkat",
            "/etc/passwd",
            "/tmp/near-miss",
            ",",
            "symlink",
            "symlinkat",
            "/etc/shadow",
            "/tmp/fire",
        ],
    )
};

pub(super) const HARD_LINK: Case = Case {
    near: Near::Here("FILE_LINK", "file.newPath", "/tmp/near-miss"),
    fields: &[
        ("evt.type", Field::Text("linkat")),
        ("evt.arg.oldpath", Field::Text("/etc/shadow")),
        ("evt.arg.newpath", Field::Text("/tmp/fire")),
    ],
    ..Case::first(
        "Create Hardlink Over Sensitive Files",
        &[
            "/bin/app",
            "link",
            "linkat",
            "/etc/passwd",
            "/tmp/near-miss",
            ",",
            "link",
            "linkat",
            "/etc/shadow",
            "/tmp/fire",
        ],
    )
};
