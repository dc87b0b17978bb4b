//! What this detection is, for documents and findings.

use crate::detect::behaviour::About;
use crate::detect::finding::Severity;
use crate::detect::technique::{MS_TA9007, T1059_004, T1571};

/// A shell that somebody uses over the network.
pub(super) static SHELL: About = About {
    id: "shell-over-the-network",
    name: "Shell handed over the network",
    severity: Severity::Critical,
    techniques: &[T1059_004, T1571, MS_TA9007],
    watches: "What standard input and output of the programs of a container are connected to, and who holds the other end: a \
              connection that was put there before the shell began or after, a pipe or terminal whose other end is held by a \
              program with a connection, a program that is no shell by its name but starts command after command with its own \
              socket for their output.",
    why: "A shell that somebody far away types into is how most intruders work once they got in. How it was put together \
          does not matter: it needs a way in and a way out.",
    evidence: "The shell, what its streams are, the connection with its other end and who began it.",
    false_positives: "Servers that give a shell to those who log in (sshd, inetd, web terminals); of programs that are made \
                      for it nothing is told unless they were brought into the container.",
    tuning: "Exceptions for the image or the program.",
    next: &[
        "Isolate the pod; do not delete it before its memory and files were kept, if you want to know more.",
        "The address at the other end belongs to the intruder: look for it in the logs of other pods.",
        "The parents of the shell show how it was started: close that way.",
    ],
};
