//! What this detection is, for documents and findings.

use crate::detect::behaviour::About;
use crate::detect::finding::Severity;
use crate::detect::technique::{MS_TA9009, T1059_004, T1190, T1210};

/// A service runs somebody's commands.
pub(super) static SERVICE: About = About {
    id: "service-runs-foreign-commands",
    name: "Service runs foreign commands",
    severity: Severity::Critical,
    techniques: &[T1190, T1210, T1059_004, MS_TA9009],
    watches: "What the servers of a container start: programs that listen, or whose family is known to serve. Commands by which \
              a person finds out where they are (id, whoami, uname -a), downloads, and what makes a way back weigh; what \
              programs ask for (id -u, date) does not. A command that a service of the image gave again and again before \
              is its habit.",
    why: "A service that suddenly runs id or curl executes what somebody sent it: the usual first sign of a hole in it.",
    evidence: "The service, how long it runs, and the commands in their order.",
    false_positives: "Servers whose work it is to run what others tell them: those of continuous integration, notebooks and \
                      schedulers are known by their command line.",
    tuning: "Exceptions for the image or the program; a habit becomes quiet by itself after twenty minutes.",
    next: &[
        "Look at the requests that the service got at that time.",
        "Update the service, and replace the credentials that it had.",
        "Look what the commands changed, and start the pod anew from its image.",
    ],
};
