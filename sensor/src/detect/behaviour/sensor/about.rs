//! What the findings about the sensor say of themselves.

use super::super::About;
use crate::detect::{finding::Severity, technique};

pub(super) static ATTACKED: About = About {
    id: "sensor-attacked",
    name: "The sensor itself is attacked",
    severity: Severity::Critical,
    techniques: &[technique::T1562_001],
    watches: "Signals to the sensor's process, calls that trace it or reach into its memory and descriptors, moves and \
              freezes of its control group, and changes of its files and of what it keeps in the kernel by a container. \
              It knows itself by its number, whatever its program is called.",
    why: "Who wants to work unseen ends the sensor first.",
    evidence: "The call, who made it, and whether it descends from a container.",
    false_positives: "A person on the node who stops the sensor by hand: told as medium.",
    tuning: "Stop it by its service manager or the kubelet.",
    next: &[
        "See that the sensor runs: picket status on the node.",
        "Look at who did it, and from which container it came.",
        "Take what was not told meanwhile for unknown: compare the numbers of exec events.",
    ],
};

pub(super) static TAKEN: About = About {
    id: "container-takes-kernel-programs",
    name: "Container takes hold of programs in the kernel",
    severity: Severity::High,
    techniques: &[technique::T1562_001],
    watches: "Calls of bpf(2) by which a container detaches or replaces what is attached in the kernel, or gets what is \
              pinned there.",
    why: "Sensors and network agents live there: who takes their programs away blinds them.",
    evidence: "The command and its result.",
    false_positives: "Agents of the node (networks, sensors): told as low when their namespace or image is known for it.",
    tuning: "Except the agent by its namespace or image.",
    next: &["See that the sensor runs: picket status on the node.", "Look at what the container is for."],
};

pub(super) static FLOODED: About = About {
    id: "sensor-flooded",
    name: "Events are lost because of a flood",
    severity: Severity::Medium,
    techniques: &[technique::T1562_001],
    watches: "Records that the kernel could not deliver, by control group. It tells who makes most of them when many are \
              lost within ten seconds, and as low who makes more files' and sockets' events than it may.",
    why: "What happens during a flood may not be told. Somebody may want that.",
    evidence: "How many were lost, of whom, and of all.",
    false_positives: "Backups, builds and load tests.",
    tuning: "Raise the bounds of events (limits), or ask for less.",
    next: &["Look at what the container does.", "See picket status for what was lost, by class."],
};

pub(super) static ALL: &[&About] = &[&ATTACKED, &TAKEN, &FLOODED];
