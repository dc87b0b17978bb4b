//! `docs/detections.md`: every detection, and which techniques of the two matrices are covered, made from the code and the
//! rules.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sensor::detect::behaviour::{About, Behaviours, Bounds};
use sensor::detect::finding::Severity;
use sensor::detect::rules::{Matching, Rule};
use sensor::detect::technique::{ALL, Matrix, Technique};

use super::{load, severity, techniques};

/// Techniques of ATT&CK's Containers matrix, in the order of its tactics, each at its first.
const CONTAINERS: [(&str, &[&str]); 9] = [
    ("Initial access", &["T1190", "T1133", "T1078"]),
    ("Execution", &["T1609", "T1610", "T1053.007", "T1204.003"]),
    ("Persistence", &["T1098.006", "T1136.001", "T1525", "T1543.005"]),
    ("Privilege escalation", &["T1611", "T1068"]),
    ("Defense evasion", &["T1612", "T1562.001", "T1070", "T1036.005", "T1550.001"]),
    ("Credential access", &["T1110", "T1528", "T1552.001", "T1552.007"]),
    ("Discovery", &["T1613", "T1046", "T1069"]),
    ("Lateral movement", &["T1210", "T1021.004"]),
    ("Impact", &["T1485", "T1499", "T1490", "T1498", "T1496.001", "T1496.002"]),
];

/// What nothing on a node can see, or what is not looked for, and why.
const UNSEEN: [(&str, &str); 30] = [
    (
        "T1078",
        "whoever uses a valid account does what its owner may do; what is done with it on the node is seen",
    ),
    (
        "T1133",
        "a log-in at the edge of the cluster is not on the node; what it leads to in a container is seen",
    ),
    (
        "T1053.007",
        "a CronJob is an object of the API server: its audit log tells. The pod that it starts is seen",
    ),
    ("T1098.006", "roles are objects of the API server: its audit log tells"),
    ("T1525", "happens in the registry; what runs from the image is seen"),
    (
        "T1543.005",
        "a unit of the node that starts containers is told as a start-up file written from a container",
    ),
    ("T1612", "done through the runtime's socket: the connection to it is told"),
    ("T1070", "told for histories, logs and firewall rules, by their own ids"),
    ("T1110", "attempts look like connections; the service's own log knows which failed"),
    ("T1490", "snapshots and backups are the storage's; deleting files in masses is told"),
    (
        "T1498",
        "floods of packets are a matter of the network; many connections of one program are told as a scan",
    ),
    ("MS-TA9001", "happens at the cloud's API"),
    ("MS-TA9002", "happens in the registry; what runs from the image is seen"),
    (
        "MS-TA9004",
        "the hole is in the application; what comes through it is told as the service's unexpected child",
    ),
    ("MS-TA9005", "an open door of the cluster is a matter of its configuration"),
    ("MS-TA9011", "a changed pod is an object of the API server; the container that comes with it is seen"),
    ("MS-TA9012", "a workload is an object of the API server; the container is seen"),
    ("MS-TA9014", "a CronJob is an object of the API server; the pod that it starts is seen"),
    ("MS-TA9015", "a webhook is an object of the API server"),
    ("MS-TA9019", "roles are objects of the API server"),
    ("MS-TA9020", "happens at the cloud's API; asking for its credentials is told"),
    ("MS-TA9022", "events are objects of the API server"),
    ("MS-TA9023", "names alone say nothing on the node"),
    ("MS-TA9024", "the address from which somebody speaks to the API server is in its audit log"),
    ("MS-TA9025", "happens at the API server, in encrypted connections; that a tool contacts it is told"),
    (
        "MS-TA9032",
        "a dashboard is one of the cluster's web services; contacting it looks like any other request",
    ),
    ("MS-TA9035", "a changed ConfigMap of CoreDNS is an object of the API server"),
    ("MS-TA9041", "a checkpoint is made by the kubelet for whoever asks the API server"),
    (
        "MS-TA9034",
        "connections between pods are seen and are what a cluster is for; scans among them are told",
    ),
    ("T1204.003", "happens in the registry; what the image does is seen"),
];

/// A technique with the detections that name it.
type Covered<'a> = BTreeMap<String, Vec<String>>;

fn covered(behaviours: &[&'static About], rules: &[Rule]) -> Covered<'static> {
    let mut covered = Covered::new();
    for about in behaviours {
        for technique in about.techniques {
            covered.entry(technique.id().to_owned()).or_default().push(format!("**{}**", about.name));
        }
    }
    for rule in rules {
        for technique in techniques(rule) {
            covered.entry(technique.to_owned()).or_default().push(rule.name.to_string());
        }
    }
    covered
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}

fn line(text: &mut String, covered: &Covered<'_>, id: &str) {
    let technique = Technique::of(id);
    let name = technique.name().unwrap_or_else(|| panic!("{id} is no technique"));
    let by = match (covered.get(id), UNSEEN.iter().find(|(unseen, _)| *unseen == id)) {
        (Some(by), _) => by.join("; "),
        (None, Some((_, why))) => format!("— {why}"),
        (None, None) => panic!("{id} {name} is neither covered nor said why not"),
    };
    writeln!(text, "| {id} | {name} | {by} |").unwrap();
}

/// The page after its introduction.
pub(super) fn page() -> String {
    let all = Behaviours::all(Bounds::default());
    let behaviours: Vec<_> = all.about().collect();
    let loaded = load(Matching::First);
    let rules = loaded.ruleset.rules();
    let covered = covered(&behaviours, rules);
    let mut text = String::from("\n## Behaviours\n");
    for about in &behaviours {
        let ids = about.techniques.iter().map(Technique::id).collect::<Vec<_>>().join(", ");
        writeln!(text, "\n### {}\n\n`{}` · up to {} · {ids}\n", about.name, about.id, word(about.severity))
            .unwrap();
        for (title, said) in [
            ("Watches", about.watches),
            ("Why", about.why),
            ("Evidence", about.evidence),
            ("May also be", about.false_positives),
            ("Tuning", about.tuning),
        ] {
            writeln!(text, "- **{title}**: {}", said.split_whitespace().collect::<Vec<_>>().join(" "))
                .unwrap();
        }
        writeln!(text, "- **What to do**: {}", about.next.join(" ")).unwrap();
    }
    text.push_str(
        "\n## Rules\n\nWhat each tells is in [rule-pack.md](rule-pack.md), which says also how to change one. Known \
         exceptions are in the rules themselves: lists and conditions of `deploy/rules`.\n\n| rule | severity | \
         techniques |\n|---|---|---|\n",
    );
    for rule in rules {
        let ids = techniques(rule).join(", ");
        writeln!(text, "| {} | {} | {ids} |", rule.name, severity(rule.priority)).unwrap();
    }
    text.push_str(
        "\n## MITRE ATT&CK for Containers\n\nWhat is in bold is a behaviour, the rest are rules; behind a dash stands why \
         there is none.\n",
    );
    let head = "\n| technique | name | told by |\n|---|---|---|\n";
    for (tactic, ids) in CONTAINERS {
        write!(text, "\n### {tactic}\n{head}").unwrap();
        for id in ids {
            line(&mut text, &covered, id);
        }
    }
    write!(text, "\n### Further techniques of ATT&CK (Linux)\n{head}").unwrap();
    let listed = |id: &str| CONTAINERS.iter().any(|(_, ids)| ids.contains(&id));
    for entry in ALL.iter().filter(|entry| entry.matrix == Matrix::Attack && !listed(entry.id)) {
        if covered.contains_key(entry.id) {
            line(&mut text, &covered, entry.id);
        }
    }
    write!(text, "\n## Threat matrix for Kubernetes\n{head}").unwrap();
    for entry in ALL.iter().filter(|entry| entry.matrix == Matrix::Kubernetes) {
        line(&mut text, &covered, entry.id);
    }
    text
}
