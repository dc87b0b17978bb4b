//! What these detections are, for documents and findings.

use crate::detect::behaviour::About;
use crate::detect::finding::Severity;
use crate::detect::technique::{MS_TA9031, T1018, T1046, T1048_003, T1071_004, T1613};

/// Data is carried by names.
pub(super) static TUNNEL: About = About {
    id: "data-carried-by-names",
    name: "Data carried by questions for names",
    severity: Severity::High,
    techniques: &[T1048_003, T1071_004],
    watches: "How many different names with long parts that look encoded a container asks for below one domain, over minutes \
              and over hours; fewer of them are needed where the questions are for texts. What forwards the questions of \
              others does not count.",
    why: "Names are looked up even where nothing else may leave: each name carries a piece of data out, each answer a piece \
          in.",
    evidence: "The domain, how many names, how many characters they carried, one of them.",
    false_positives: "Lists of blocked senders with long keys; services that put ids of sessions into names.",
    tuning: "Exceptions for the image.",
    next: &["Block the domain.", "Find the process that asks, and how it came into the container."],
};

/// Names of the cluster are tried.
pub(super) static SWEEP: About = About {
    id: "names-of-the-cluster-searched",
    name: "Names of the cluster searched through",
    severity: Severity::High,
    techniques: &[T1018, T1046, T1613, MS_TA9031],
    watches: "Services of the cluster that a container asks for and that do not exist, private addresses whose names it \
              asks for, questions for all services at once, and for a copy of the whole zone.",
    why: "A program knows the names of the services that it needs; an intruder tries, to learn what there is.",
    evidence: "How many names were asked for, and the latest.",
    false_positives: "Tools that print names instead of addresses, if they run for long.",
    tuning: "Exceptions for the image.",
    next: &["Find out who started the program that asks."],
};
