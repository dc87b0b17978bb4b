//! What the boundary's findings say of themselves.

use super::super::About;
use crate::detect::{finding::Severity, technique};

const NEXT: &[&str] = &[
    "Take the node out of service (kubectl cordon) and look at it as taken over until you know better.",
    "Look at what the process and its children did since, by its lineage.",
    "Find out how somebody got into this container: its image, what it serves, who could start a shell in it.",
];

pub(super) static CROSSED: About = About {
    id: "container-boundary-crossed",
    name: "Program of a container runs outside of it",
    severity: Severity::Critical,
    techniques: &[technique::T1611],
    watches: "The namespaces of every program that a container's processes start and of every privileged call that they \
              make, compared with those that the container began with. It tells when one of them is the node's, or that of \
              a container of another pod.",
    why: "Namespaces are what makes a container: who is in those of the node sees its files, processes and users. No \
          program inside can get there but by an escape, whichever way it took.",
    evidence: "The namespaces, whose they are, and how the container began.",
    false_positives: "Agents of the node that enter its namespaces as their work (storage, networks): told as low when \
                      their namespace or image is known for it.",
    tuning: "Except the agent by its namespace or image.",
    next: NEXT,
};

pub(super) static RIGHTS: About = About {
    id: "container-rights-grew",
    name: "Program of a container has rights that nobody gave it",
    severity: Severity::Critical,
    techniques: &[technique::T1068, technique::T1611],
    watches: "Capabilities, user, and the filter of system calls of a container's programs, compared with all that was \
              given to it from outside: at its start, and by everybody who entered it. It tells what is beyond that, root \
              of the node in a container with users of its own, and root that no call explains.",
    why: "The kernel never gives these back or adds to them. More than was given means that the kernel itself was \
          attacked.",
    evidence: "What the program has beyond what was given.",
    false_positives: "None are known. If credential events were lost, a change of user may look unexplained.",
    tuning: "Nothing to tune.",
    next: NEXT,
};

pub(super) static FOREIGN_PROGRAM: About = About {
    id: "container-runs-program-of-node",
    name: "Container runs a program from the node's disk",
    severity: Severity::High,
    techniques: &[technique::T1611],
    watches: "The file of every program that a container starts. It tells when the file lies on a disk that is neither the \
              container's image nor one of its volumes, or in a folder of the node's system that is mounted into it.",
    why: "A container that reaches the node's disk, by a mount or a device, most often goes on by running the node's own \
          shell there (chroot).",
    evidence: "The file, its file system, and the mount of the node where there is one.",
    false_positives: "Agents that run the node's tools by chroot (told as low), a person with a debugging pod of the node.",
    tuning: "Except the image.",
    next: NEXT,
};

pub(super) static LEFT_GROUP: About = About {
    id: "container-left-its-control-group",
    name: "Process of a container left its control group",
    severity: Severity::Critical,
    techniques: &[technique::T1611],
    watches: "Processes that a container moves out of its control group, and programs that are started outside of it by \
              processes that descend from it.",
    why: "Limits, devices and the name of the container hang on its control group. A process that leaves it is taken for \
          one of the node.",
    evidence: "The groups, who moved the process, and the process of the container from which it descends.",
    false_positives: "Runtimes that run in a container and start others beside it instead of below it.",
    tuning: "Except the image.",
    next: NEXT,
};

pub(super) static BY_KERNEL: About = About {
    id: "kernel-ran-program-of-container",
    name: "Kernel ran a program that a container put in place",
    severity: Severity::Critical,
    techniques: &[technique::T1611],
    watches: "Programs that the kernel itself starts (release agents, core dumps, module loaders, device events). It tells \
              when the file lies in a container, or when a container had just written a setting that names such a program, \
              and says which container.",
    why: "Such a program runs as root of the node, outside of every container: it is the end of an escape.",
    evidence: "The program, the container in which it lies, and who wrote which setting when.",
    false_positives: "None are known for programs in a container's files.",
    tuning: "Nothing to tune.",
    next: NEXT,
};

pub(super) static REACHED: About = About {
    id: "container-reaches-into-processes",
    name: "Container reaches into processes outside of it by their files",
    severity: Severity::Critical,
    techniques: &[technique::T1611, technique::T1055_009, technique::T1562_001],
    watches: "Opens of /proc/PID/mem, environ, root, cwd, fd, ns and exe of processes of the node or of another pod, from a \
              container that sees them; connections to the sockets by which the runtime steers its containers.",
    why: "By these files one reads and writes what belongs to the other process: its memory, its files, its secrets.",
    evidence: "The file, the process and whose it is.",
    false_positives: "Monitoring of the node that looks into every process.",
    tuning: "Except the image.",
    next: NEXT,
};

pub(super) static SURFACE: About = About {
    id: "kernel-reached-by-own-user-namespace",
    name: "Rights of an own user namespace used where kernel exploits begin",
    severity: Severity::High,
    techniques: &[technique::T1068],
    watches: "Programs of a container that open the packet filter of a network namespace of their own, or mount a file \
              system of programs (FUSE) in a user namespace of their own.",
    why: "In a namespace of their own, everybody has all rights, and so reaches parts of the kernel that were written for \
          root. Most exploits of the last years begin there.",
    evidence: "What was reached.",
    false_positives: "Builders of images and what runs containers in a container: known by their program's name.",
    tuning: "Except the image, or forbid user namespaces to the workload (seccomp).",
    next: &["Look at what the program is, and whether the container crashed or gained rights afterwards."],
};

pub(super) static POWERFUL: About = About {
    id: "powerful-container-with-processes-of-node",
    name: "Container with rights over its node sees the node's processes",
    severity: Severity::Medium,
    techniques: &[technique::T1610, technique::MS_TA9018],
    watches: "The first program of each container that shares the node's processes (hostPID): its capabilities.",
    why: "Such a container can enter any process of the node. Whoever gets into it owns the node.",
    evidence: "The capabilities.",
    false_positives: "Agents of the node, debugging pods.",
    tuning: "Except the agent by its namespace or image.",
    next: &["Ask who started it, and whether it needs hostPID and these rights."],
};

pub(super) static ALL: &[&About] =
    &[&CROSSED, &RIGHTS, &FOREIGN_PROGRAM, &LEFT_GROUP, &BY_KERNEL, &REACHED, &SURFACE, &POWERFUL];
