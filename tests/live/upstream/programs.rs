//! Rules about programs that begin.

use super::case::{Case, Field, Near, Run};
use picket_tests::workload::IN_CONTAINER;

/// What an executable of the image is, to root.
pub(super) const LOWER: (&str, Field) = ("evt.arg.flags", Field::Text("EXE_WRITABLE|EXE_LOWER_LAYER"));
const EXEC: (&str, Field) = ("evt.type", Field::Text("execve"));
const NEAR: Near = Near::Here("PROCESS_EXEC", "process.arguments.1", "near-miss");

/// Below a server, and below something else.
pub(super) const SHELL: Case = Case {
    process: &["/bin/sh", "-c", "exit 0", "fire"],
    lineage: &["nginx", "sh", "runc"],
    near: Near::Here("PROCESS_EXEC", "process.arguments.3", "near-miss"),
    fields: &[
        EXEC,
        ("proc.pexe", Field::Text("/bin/nginx")),
        ("proc.pexepath", Field::Text(IN_CONTAINER)),
        ("proc.pcmdline", Field::Text("nginx in-child exec /bin/sh -c exit 0 fire")),
        LOWER,
    ],
    ..Case::script(
        "Run shell untrusted",
        "/bin/app in-child exec /bin/sh -c 'exit 0' near-miss; \
         /bin/nginx in-child exec /bin/sh -c 'exit 0' fire; exit 0",
    )
};

/// A user who should never log in, below `sshd` and below something else.
pub(super) const SYSTEM_USER: Case = Case {
    run: Run::Host(&[
        &[
            "@bin/app",
            "setresgid",
            "1",
            "1",
            "1",
            ",",
            "setresuid",
            "1",
            "1",
            "1",
            ",",
            "in-child",
            "exec",
            "@workload",
            "say",
            "near-@marker",
        ],
        &[
            "@bin/sshd",
            "setresgid",
            "1",
            "1",
            "1",
            ",",
            "setresuid",
            "1",
            "1",
            "1",
            ",",
            "in-child",
            "exec",
            "@workload",
            "say",
            "@marker",
        ],
    ]),
    process: &["@workload", "say", "@marker"],
    executable: "@workload",
    lineage: &["sshd"],
    near: Near::Here("PROCESS_EXEC", "process.arguments.2", "near-@marker"),
    fields: &[
        EXEC,
        ("user.name", Field::Text("daemon")),
        ("user.uid", Field::Number(1)),
        // Not theirs to write.
        ("evt.arg.flags", Field::Text("0")),
    ],
    ..Case::script("System user interactive", "")
};

pub(super) const NETCAT: Case = Case {
    process: &["/bin/nc", "127.0.0.1", "9", "-e", "/bin/true"],
    near: Near::Here("PROCESS_EXEC", "process.arguments.2", "1010"),
    fields: &[EXEC, LOWER],
    ..Case::script(
        "Netcat Remote Code Execution in Container",
        "/bin/nc 127.0.0.1 1010; /bin/nc 127.0.0.1 9 -e /bin/true; exit 0",
    )
};

pub(super) const BULK_DATA: Case = Case {
    process: &["/bin/shred", "/tmp/fire"],
    near: Near::Here("PROCESS_EXEC", "process.arguments.1", "/tmp/near-miss"),
    fields: &[EXEC, ("fd.name", Field::Null), LOWER],
    ..Case::script(
        "Remove Bulk Data from Disk",
        "echo x > /tmp/near-miss; echo x > /tmp/fire; /bin/rm /tmp/near-miss; /bin/shred /tmp/fire; exit 0",
    )
};

pub(super) const DEBUGFS: Case = Case {
    privileged: true,
    near: Near::Unprivileged("PROCESS_EXEC", "process.arguments.2", "fire"),
    fields: &[EXEC, LOWER],
    ..Case::first("Debugfs Launched in Privileged Container", &["/bin/debugfs", "say", "fire"])
};

/// Beside `/dev/shm`, on the same file system.
pub(super) const SHARED_MEMORY: Case = Case {
    process: &["/dev/shm/true", "fire"],
    executable: "/dev/shm/true",
    near: NEAR,
    fields: &[
        EXEC,
        ("evt.res", Field::Text("SUCCESS")),
        ("fd.name", Field::Null),
        ("proc.pcmdline", Field::Text("sh -c @script")),
        ("evt.arg.flags", Field::Text("EXE_WRITABLE")),
    ],
    ..Case::script(
        "Execution from /dev/shm",
        "/bin/mkdir -p /dev/shm /dev/other; /bin/cp /bin/busybox /dev/shm/true; \
         /bin/cp /bin/busybox /dev/other/true; /dev/other/true near-miss; /dev/shm/true fire; exit 0",
    )
};

/// What the image brings may run.
pub(super) const DROPPED: Case = Case {
    process: &["/tmp/true", "fire"],
    executable: "/tmp/true",
    near: NEAR,
    fields: &[
        EXEC,
        ("proc.sname", Field::Text("sh")),
        ("proc.exe_ino.ctime", Field::Positive),
        ("proc.exe_ino.mtime", Field::Positive),
        ("proc.exe_ino.ctime_duration_proc_start", Field::Positive),
        ("container.start_ts", Field::Positive),
        ("evt.arg.flags", Field::Text("EXE_WRITABLE|EXE_UPPER_LAYER")),
    ],
    ..Case::script(
        "Drop and execute new binary in container",
        "/bin/cp /bin/busybox /tmp/true; /bin/true near-miss; /tmp/true fire; exit 0",
    )
};

/// What its name is depends on the kernel, so the program says it.
pub(super) const MEMORY_FILE: Case = Case {
    process: &["/bin/busybox", "cat", "/proc/self/comm"],
    executable: "memfd:program",
    near: NEAR,
    fields: &[
        EXEC,
        ("evt.res", Field::Text("SUCCESS")),
        ("proc.name", Field::Printed),
        ("proc.cmdline", Field::Between("", " cat /proc/self/comm")),
        ("proc.sname", Field::Text("sh")),
        ("container.start_ts", Field::Positive),
        ("evt.arg.flags", Field::Between("EXE_WRITABLE|EXE_FROM_MEMFD", "")),
    ],
    ..Case::script(
        "Fileless execution via memfd_create",
        "/bin/true near-miss; /bin/app memfd-exec /bin/busybox cat /proc/self/comm; exit 0",
    )
};
