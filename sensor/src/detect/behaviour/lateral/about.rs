//! What these detections are, for documents and findings.

use crate::detect::behaviour::About;
use crate::detect::finding::Severity;
use crate::detect::technique::{
    MS_TA9006, MS_TA9007, MS_TA9016, MS_TA9029, MS_TA9031, MS_TA9034, T1021_004, T1033, T1041, T1046, T1069,
    T1082, T1083, T1105, T1210, T1528, T1550_001, T1552_001, T1552_004, T1609, T1613,
};

/// A credential was read and then used by the same hands.
pub(super) static USED: About = About {
    id: "credential-read-and-used",
    name: "Credential read and used",
    severity: Severity::Critical,
    techniques: &[T1528, T1550_001, T1552_001, T1552_004, T1021_004, T1041, T1613, MS_TA9016, MS_TA9029],
    watches: "Reads of tokens, kubeconfigs, keys and other credentials by shells, tools, scripts and programs that are not of \
              the image, and what the same hands connect to within ten minutes: the Kubernetes API, kubelets, etcd, servers \
              of ssh, registries, or the internet.",
    why: "Whoever holds the credential of a pod acts as the pod, from anywhere: this is how an intruder gets from one \
          container to the cluster.",
    evidence: "Which credential was read by which process, what was connected to, how much later, and whether both descend \
               from one process.",
    false_positives: "Scripts that talk to the Kubernetes API with curl as a part of normal work.",
    tuning: "Clients that are made for it (kubectl, helm) do not count unless they were brought into the container; an \
             exception for the image silences a script.",
    next: &[
        "Look at who started the process, and end it.",
        "Replace the credential; delete the pod, which gives a new token to the next one.",
        "Look in the audit log of the API server for what was done with it.",
    ],
};

/// Many kinds of credentials were read.
pub(super) static COLLECTED: About = About {
    id: "credentials-collected",
    name: "Credentials collected",
    severity: Severity::High,
    techniques: &[T1552_001, T1552_004, T1528],
    watches: "Credentials of three kinds or more that one lineage of tools, scripts or dropped programs opens within five \
              minutes, whether or not it may.",
    why: "Services read the one credential that they need; who reads all of them looks for a way on.",
    evidence: "Each kind, who read it, and when.",
    false_positives: "Backups and searches through whole file systems by hand.",
    tuning: "Exceptions for the image or the program.",
    next: &["Look at what else the process did.", "Replace the credentials that were read."],
};

/// Addresses and ports are tried one after the other.
pub(super) static SCAN: About = About {
    id: "network-scanned",
    name: "Network scanned from a container",
    severity: Severity::High,
    techniques: &[T1046, MS_TA9031, MS_TA9034],
    watches: "How many different addresses and ports the programs of a container try, and how many do not answer, over \
              minutes and over hours. What ever answered does not count as missed. Of the container's own programs only \
              private addresses count, and far more of them must be missed than of tools and scripts.",
    why: "An intruder does not know what there is and has to look; a service knows whom it talks to.",
    evidence: "Numbers of addresses, ports and those that did not answer, the first and the last of them, and who tried.",
    false_positives: "Monitoring that discovers its targets by trying; a cluster of servers most of which are gone.",
    tuning: "Exceptions for the image or the namespace.",
    next: &["Find out who started the program.", "Restrict what the pod may reach by a network policy."],
};

/// What a scan found is used.
pub(super) static FOUND: About = About {
    id: "scanned-service-used",
    name: "Service that a scan found is used",
    severity: Severity::Critical,
    techniques: &[T1210, T1046, MS_TA9034],
    watches: "Commands to a database, a server of ssh or an interface by HTTP of a private address, sent by hand from a container that \
              scanned the network within the last half hour.",
    why: "The step from looking around to breaking in.",
    evidence: "The scan, and what was spoken with whom how much later.",
    false_positives: "Scripts that look for servers by trying, and then use them.",
    tuning: "As for scans.",
    next: &[
        "Look at the logs of the service that was reached.",
        "Isolate the pod, and look how it was entered.",
    ],
};

/// Somebody looks around.
pub(super) static RECON: About = About {
    id: "surroundings-explored",
    name: "Surroundings explored by commands",
    severity: Severity::High,
    techniques: &[T1082, T1613, T1069, T1033, T1083, T1609, MS_TA9007],
    watches: "Commands that tell about the container and its rights (id, uname, env, mount, capsh, find -perm, \
              /proc/1/cgroup, the folder of secrets, …), of four kinds or more within a minute. On a terminal that was \
              opened from outside it is low.",
    why: "First thing that somebody does who came into a container and does not know it; programs know where they are.",
    evidence: "The commands in their order.",
    false_positives: "Support scripts, and administrators who look around without a terminal.",
    tuning: "Builds do not count; exceptions for the image.",
    next: &["Find out how the shell came into being: its ancestors are part of the finding."],
};

/// A credential gets another name.
pub(super) static HIDDEN: About = About {
    id: "credential-under-another-name",
    name: "Credential under another name",
    severity: Severity::High,
    techniques: &[T1552_001, T1552_004, T1528],
    watches: "Reads by hand of credentials that were given another name before (a hard link, a rename).",
    why: "Who watches names does not see the file any more; nobody gives a key another name to work with it.",
    evidence: "What it is, the name by which it was read, and who read it.",
    false_positives: "Tools that keep an earlier version of a file by renaming it.",
    tuning: "Exceptions for the image or the program.",
    next: &["Replace the credential.", "Look at what else the process did."],
};

/// ssh to other machines.
pub(super) static SSH: About = About {
    id: "ssh-to-other-machines",
    name: "Other machines entered by ssh",
    severity: Severity::High,
    techniques: &[T1021_004],
    watches: "ssh that is spoken by tools, scripts and programs that are not of the image; clients of ssh that a shell starts for five               different machines or more.",
    why: "Containers seldom log in to machines; an intruder tries the machines that a file of known ones names.",
    evidence: "Who spoke with whom, and to how many.",
    false_positives: "Scripts that keep machines by ssh in a loop.",
    tuning: "What git or ansible start does not count; exceptions for the image.",
    next: &[
        "Look at the logs of the machines that were reached.",
        "Replace the keys that the container had.",
    ],
};

/// Somebody who entered brings a program along.
pub(super) static ENTERED: About = About {
    id: "program-brought-along-by-hand",
    name: "Container entered, and a program brought along",
    severity: Severity::Medium,
    techniques: &[T1609, T1105, MS_TA9006],
    watches: "Programs that are not of the image and are started by somebody who entered the container from outside.",
    why: "With the right to enter containers (pods/exec) somebody works in them without leaving a trace in the image.",
    evidence: "The program, and the session from which it was started.",
    false_positives: "Administrators who bring a tool to look for a fault.",
    tuning: "Exceptions for the image or the namespace.",
    next: &["Ask in the audit log of the API server who entered the pod."],
};
