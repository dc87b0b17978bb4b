//! Steps of an attack in words that need no security expertise: what was done, what is at stake, what to do.

use crate::detect::finding::Finding;

/// A step of an attack; those that are worse come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Nobody knows what for.
    Unusual,
    /// Something was started.
    Execution,
    /// Traces or protection.
    Evasion,
    /// Looking around.
    Discovery,
    /// It starts again by itself.
    Persistence,
    /// More rights.
    Privilege,
    /// A way in.
    Entry,
    /// Orders from elsewhere.
    Control,
    /// Data goes out.
    Exfiltration,
    /// Passwords, tokens, keys.
    Credentials,
    /// To other systems.
    Movement,
    /// Mining.
    Mining,
    /// Data or services are destroyed.
    Damage,
    /// To the node.
    Escape,
}

/// What of a technique's id says which step it is; the first that fits decides.
const TECHNIQUES: &[(&str, Phase)] = &[
    ("T1611", Phase::Escape),
    ("MS-TA9018", Phase::Escape),
    ("T1496", Phase::Mining),
    ("MS-TA9039", Phase::Mining),
    ("T1485", Phase::Damage),
    ("T1489", Phase::Damage),
    ("T1499", Phase::Damage),
    ("T1190", Phase::Entry),
    ("T1210", Phase::Movement),
    ("T1021", Phase::Movement),
    ("T1550", Phase::Movement),
    ("T1528", Phase::Credentials),
    ("T1552", Phase::Credentials),
    ("T1003", Phase::Credentials),
    ("T1557", Phase::Credentials),
    ("T1041", Phase::Exfiltration),
    ("T1048", Phase::Exfiltration),
    ("T1071", Phase::Control),
    ("T1090", Phase::Control),
    ("T1571", Phase::Control),
    ("T1046", Phase::Discovery),
    ("T1613", Phase::Discovery),
    ("T1082", Phase::Discovery),
    ("T1069", Phase::Discovery),
    ("T1083", Phase::Discovery),
    ("T1040", Phase::Discovery),
    ("T1005", Phase::Discovery),
    ("T1068", Phase::Privilege),
    ("T1548", Phase::Privilege),
    ("T1055", Phase::Privilege),
    ("T1053", Phase::Persistence),
    ("T1098", Phase::Persistence),
    ("T1543", Phase::Persistence),
    ("T1546", Phase::Persistence),
    ("T1547", Phase::Persistence),
    ("T1574", Phase::Persistence),
    ("T1562", Phase::Evasion),
    ("T1070", Phase::Evasion),
    ("T1014", Phase::Evasion),
    ("T1059", Phase::Execution),
    ("T1105", Phase::Execution),
    ("T1204", Phase::Execution),
    ("T1609", Phase::Execution),
    ("T1610", Phase::Execution),
    ("T1620", Phase::Execution),
    ("T1036", Phase::Evasion),
    ("T1622", Phase::Evasion),
];

/// What a rule's tag says of it.
const TAGS: &[(&str, Phase)] = &[
    ("escape", Phase::Escape),
    ("mining", Phase::Mining),
    ("mitre_initial_access", Phase::Entry),
    ("mitre_credential_access", Phase::Credentials),
    ("mitre_discovery", Phase::Discovery),
    ("mitre_lateral_movement", Phase::Movement),
    ("mitre_command_and_control", Phase::Control),
    ("mitre_exfiltration", Phase::Exfiltration),
    ("mitre_impact", Phase::Damage),
    ("mitre_privilege_escalation", Phase::Privilege),
    ("mitre_persistence", Phase::Persistence),
    ("mitre_execution", Phase::Execution),
    ("mitre_defense_evasion", Phase::Evasion),
];

impl Phase {
    /// Every one.
    pub const ALL: [Self; 14] = [
        Self::Unusual,
        Self::Execution,
        Self::Evasion,
        Self::Discovery,
        Self::Persistence,
        Self::Privilege,
        Self::Entry,
        Self::Control,
        Self::Exfiltration,
        Self::Credentials,
        Self::Movement,
        Self::Mining,
        Self::Damage,
        Self::Escape,
    ];

    /// The step that a finding is: by its techniques where a rule says nothing by its tags.
    #[must_use]
    pub fn of(finding: &Finding) -> Self {
        let names = |id: &str| finding.techniques.iter().any(|technique| technique.id().starts_with(id));
        let tags = finding.alert.iter().flat_map(|alert| &alert.tags);
        let tagged = || {
            let tags: Vec<_> = tags.collect();
            TAGS.iter().find(|(tag, _)| tags.iter().any(|other| *other == tag)).map(|(_, phase)| *phase)
        };
        let by_technique = || TECHNIQUES.iter().find(|(id, _)| names(id)).map(|(_, phase)| *phase);
        // What a program is for shows by its rule; that it leads to the node, by the technique.
        let escape = names("T1611").then_some(Self::Escape);
        escape.or_else(tagged).or_else(by_technique).unwrap_or(Self::Unusual)
    }

    /// What was done, as a part of a sentence.
    #[must_use]
    pub const fn step(self) -> &'static str {
        match self {
            Self::Unusual => "something unusual was done",
            Self::Execution => "a program or command was run that does not belong there",
            Self::Evasion => "traces were hidden, or protection was weakened",
            Self::Discovery => "the cluster or the network was explored",
            Self::Persistence => "something was left behind that starts again by itself",
            Self::Privilege => "more rights were taken, or tried for",
            Self::Entry => "a service was made to run commands",
            Self::Control => "a connection was opened by which somebody can give orders",
            Self::Exfiltration => "data was carried out in a hidden way",
            Self::Credentials => "passwords, tokens or keys were read",
            Self::Movement => "other systems were used from there",
            Self::Mining => "cryptocurrency was mined",
            Self::Damage => "data or services were damaged",
            Self::Escape => "a way out of the container, to the node, was taken or tried",
        }
    }

    /// A title for an incident of which it is the worst.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unusual => "Unusual activity",
            Self::Execution => "Program that does not belong there",
            Self::Evasion => "Traces hidden or protection weakened",
            Self::Discovery => "Somebody explores the cluster",
            Self::Persistence => "Something was left behind to come back",
            Self::Privilege => "More rights taken",
            Self::Entry => "Service made to run commands",
            Self::Control => "Container under orders from elsewhere",
            Self::Exfiltration => "Data carried out",
            Self::Credentials => "Passwords, tokens or keys read",
            Self::Movement => "Attack spreads to other systems",
            Self::Mining => "Mining of cryptocurrency",
            Self::Damage => "Data or services damaged",
            Self::Escape => "Break-out from a container to the node",
        }
    }

    /// What can be lost, in a sentence.
    #[must_use]
    pub const fn stakes(self) -> &'static str {
        match self {
            Self::Unusual => "Not known: nothing that normally goes on looks like this.",
            Self::Execution => "Whoever started it can do with this container what its service can do.",
            Self::Evasion => "What else was done may be missing from logs and alarms.",
            Self::Discovery => {
                "Whoever explores looks for the next target: other pods, services, the cluster's control plane."
            }
            Self::Persistence => "It comes back after a restart, or lets somebody in again later.",
            Self::Privilege => "With more rights, what limits this program does not hold any more.",
            Self::Entry => {
                "Somebody outside can run commands with the rights of this service, and read its data."
            }
            Self::Control => "Somebody elsewhere can give orders in this container at any time.",
            Self::Exfiltration => "Data that this container can read may be in other hands.",
            Self::Credentials => {
                "Whatever these passwords, tokens or keys open is open to whoever read them, also from elsewhere and later."
            }
            Self::Movement => "Other systems, up to the whole cluster, may be in the same hands.",
            Self::Mining => {
                "Computing time that you pay for; and whoever could start this could start something else."
            }
            Self::Damage => "Data and the service itself: they may be gone or stand still.",
            Self::Escape => {
                "The node, with every pod on it, their data and their credentials: on the node no limit of a container holds."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::finding::{Alert, Origin, Severity};
    use crate::detect::technique::Technique;

    fn finding(techniques: &[&str], tags: Option<&[&str]>) -> Finding {
        let alert = |tags: &[&str]| Alert {
            rule: String::new(),
            priority: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            output: String::new(),
            fields: Vec::new(),
        };
        Finding {
            id: "a".into(),
            name: String::new(),
            origin: Origin::Rule,
            severity: Severity::High,
            confidence: 1.0,
            techniques: techniques.iter().map(|id| Technique::of(id)).collect(),
            summary: String::new(),
            evidence: Vec::new(),
            next: Vec::new(),
            alert: tags.map(alert),
        }
    }

    #[test]
    fn a_rule_says_it_by_tags_and_a_behaviour_by_techniques() {
        let tags: &[&str] = &["container", "mitre_credential_access"];
        assert_eq!(Phase::of(&finding(&["T1552.001", "T1083"], Some(tags))), Phase::Credentials);
        assert_eq!(Phase::of(&finding(&["T1059.004", "T1611"], Some(tags))), Phase::Escape, "it goes before");
        assert_eq!(Phase::of(&finding(&["T1046"], None)), Phase::Discovery);
        assert_eq!(Phase::of(&finding(&["T1105", "T1036"], None)), Phase::Execution);
        assert_eq!(Phase::of(&finding(&["T9999"], None)), Phase::Unusual);
        assert_eq!(Phase::of(&finding(&["T1059"], Some(&["note"]))), Phase::Execution, "no tag that says it");
    }

    #[test]
    fn all_are_in_order_with_words_of_their_own() {
        assert!(Phase::ALL.is_sorted());
        let titles: std::collections::HashSet<_> = Phase::ALL.iter().map(|phase| phase.title()).collect();
        let steps: std::collections::HashSet<_> = Phase::ALL.iter().map(|phase| phase.step()).collect();
        assert_eq!((titles.len(), steps.len()), (Phase::ALL.len(), Phase::ALL.len()));
    }
}
