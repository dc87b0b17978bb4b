//! Rules about what privileges allow.

use super::case::{Case, Field, Near};
use picket_tests::workload::IN_CONTAINER;

/// It fails, for it is no module; that it was tried counts.
pub(super) const MODULE: Case = Case {
    capabilities: &["SYS_MODULE"],
    near: Near::Unprivileged("PROCESS_EXEC", "process.arguments.2", "finit-module-file"),
    fields: &[
        ("evt.type", Field::Text("finit_module")),
        ("evt.res", Field::Errno),
        ("proc.pexepath", Field::Between("/", "runc")),
        // The test itself.
        ("proc.aexepath[2]", Field::Text("@test")),
    ],
    ..Case::first(
        "Linux Kernel Module Injection Detected",
        &["/bin/app", "--may-fail", "finit-module-file", "/etc/passwd"],
    )
};

pub(super) const RELEASE_AGENT: Case = Case {
    capabilities: &["SYS_ADMIN"],
    near: Near::Here("FILE_OPEN", "file.path", "/tmp/release_agent.old"),
    fields: &[
        ("evt.type", Field::Text("openat")),
        ("fd.name", Field::Text("/tmp/release_agent")),
        ("thread.cap_effective", Field::Capabilities),
    ],
    ..Case::first(
        "Detect release_agent File Container Escapes",
        &[
            "/bin/app",
            "open",
            "openat",
            "wronly+creat",
            "/tmp/release_agent.old",
            ",",
            "open",
            "openat",
            "wronly+creat",
            "/tmp/release_agent",
        ],
    )
};

/// Asking to be traced is another rule's, and letting go is none's.
pub(super) const ATTACH: Case = Case {
    near: Near::Here("PRIVILEGE_PTRACE", "call.request", "PTRACE_TRACEME"),
    fields: &[("evt.type", Field::Text("ptrace")), ("proc.pcmdline", Field::Between("runc --root ", ""))],
    ..Case::first("PTRACE attached to process", &["/bin/app", "ptrace", "traceme", ",", "ptrace", "attach"])
};

/// It is the child that asks.
pub(super) const TRACE_ME: Case = Case {
    lineage: &["app", "runc"],
    executable: IN_CONTAINER,
    near: Near::Here("PRIVILEGE_PTRACE", "call.request", "PTRACE_ATTACH"),
    fields: &[
        ("evt.type", Field::Text("ptrace")),
        ("proc.pcmdline", Field::Text("app ptrace attach , ptrace traceme")),
    ],
    ..Case::first("PTRACE anti-debug attempt", &["/bin/app", "ptrace", "attach", ",", "ptrace", "traceme"])
};
