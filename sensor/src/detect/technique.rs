//! Techniques of attacks: ids and names of MITRE ATT&CK (Enterprise, the Containers matrix and what of Linux is needed)
//! and of Microsoft's threat matrix for Kubernetes.

use std::fmt;
use std::sync::Arc;

/// A technique.
#[derive(Clone, Debug)]
pub enum Technique {
    /// One that this version knows.
    Known(&'static Entry),
    /// One that a rule names and this version does not know.
    Other(Arc<str>),
}

/// Whose technique it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matrix {
    /// MITRE ATT&CK
    Attack,
    /// Microsoft's threat matrix for Kubernetes.
    Kubernetes,
}

/// A technique that this version knows.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// `T1611`, `MS-TA9018`
    pub id: &'static str,
    /// Name in its matrix.
    pub name: &'static str,
    /// Whose it is.
    pub matrix: Matrix,
}

impl Technique {
    /// The technique with this id, known or not.
    #[must_use]
    pub fn of(id: &str) -> Self {
        ALL.iter().find(|entry| entry.id == id).map_or_else(|| Self::Other(id.into()), Self::Known)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Known(entry) => entry.id,
            Self::Other(id) => id,
        }
    }

    /// Its name, if it is known.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Known(entry) => Some(entry.name),
            Self::Other(_) => None,
        }
    }
}

impl PartialEq for Technique {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Technique {}

impl fmt::Display for Technique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

macro_rules! techniques {
    ($($constant:ident: $matrix:ident, $id:literal, $name:literal;)*) => {
        $(
            #[doc = concat!($id, " ", $name)]
            pub const $constant: Technique =
                Technique::Known(&Entry { id: $id, name: $name, matrix: Matrix::$matrix });
        )*

        /// All that are known, in the order of their ids.
        pub static ALL: &[Entry] = &[$(Entry { id: $id, name: $name, matrix: Matrix::$matrix },)*];
    };
}

techniques! {
    T1003_008: Attack, "T1003.008", "/etc/passwd and /etc/shadow";
    T1005: Attack, "T1005", "Data from Local System";
    T1014: Attack, "T1014", "Rootkit";
    T1018: Attack, "T1018", "Remote System Discovery";
    T1021_004: Attack, "T1021.004", "SSH";
    T1033: Attack, "T1033", "System Owner/User Discovery";
    T1036: Attack, "T1036", "Masquerading";
    T1036_004: Attack, "T1036.004", "Masquerade Task or Service";
    T1036_005: Attack, "T1036.005", "Match Legitimate Resource Name or Location";
    T1040: Attack, "T1040", "Network Sniffing";
    T1041: Attack, "T1041", "Exfiltration Over C2 Channel";
    T1046: Attack, "T1046", "Network Service Discovery";
    T1048_003: Attack, "T1048.003", "Exfiltration Over Unencrypted Non-C2 Protocol";
    T1053_003: Attack, "T1053.003", "Cron";
    T1055_008: Attack, "T1055.008", "Ptrace System Calls";
    T1055_009: Attack, "T1055.009", "Proc Memory";
    T1059_004: Attack, "T1059.004", "Unix Shell";
    T1068: Attack, "T1068", "Exploitation for Privilege Escalation";
    T1069: Attack, "T1069", "Permission Groups Discovery";
    T1070_003: Attack, "T1070.003", "Clear Command History";
    T1071_004: Attack, "T1071.004", "DNS";
    T1082: Attack, "T1082", "System Information Discovery";
    T1083: Attack, "T1083", "File and Directory Discovery";
    T1090: Attack, "T1090", "Proxy";
    T1098_004: Attack, "T1098.004", "SSH Authorized Keys";
    T1105: Attack, "T1105", "Ingress Tool Transfer";
    T1190: Attack, "T1190", "Exploit Public-Facing Application";
    T1210: Attack, "T1210", "Exploitation of Remote Services";
    T1485: Attack, "T1485", "Data Destruction";
    T1489: Attack, "T1489", "Service Stop";
    T1496: Attack, "T1496", "Resource Hijacking";
    T1496_001: Attack, "T1496.001", "Compute Hijacking";
    T1496_002: Attack, "T1496.002", "Bandwidth Hijacking";
    T1499: Attack, "T1499", "Endpoint Denial of Service";
    T1528: Attack, "T1528", "Steal Application Access Token";
    T1543_002: Attack, "T1543.002", "Systemd Service";
    T1546: Attack, "T1546", "Event Triggered Execution";
    T1547_006: Attack, "T1547.006", "Kernel Modules and Extensions";
    T1548_001: Attack, "T1548.001", "Setuid and Setgid";
    T1550_001: Attack, "T1550.001", "Application Access Token";
    T1552_001: Attack, "T1552.001", "Credentials In Files";
    T1552_004: Attack, "T1552.004", "Private Keys";
    T1552_005: Attack, "T1552.005", "Cloud Instance Metadata API";
    T1552_007: Attack, "T1552.007", "Container API";
    T1557_002: Attack, "T1557.002", "ARP Cache Poisoning";
    T1562_001: Attack, "T1562.001", "Disable or Modify Tools";
    T1571: Attack, "T1571", "Non-Standard Port";
    T1574_006: Attack, "T1574.006", "Dynamic Linker Hijacking";
    T1609: Attack, "T1609", "Container Administration Command";
    T1610: Attack, "T1610", "Deploy Container";
    T1611: Attack, "T1611", "Escape to Host";
    T1613: Attack, "T1613", "Container and Resource Discovery";
    T1620: Attack, "T1620", "Reflective Code Loading";
    T1622: Attack, "T1622", "Debugger Evasion";
    MS_TA9003: Kubernetes, "MS-TA9003", "Kubeconfig file";
    MS_TA9006: Kubernetes, "MS-TA9006", "Exec into container";
    MS_TA9007: Kubernetes, "MS-TA9007", "Bash or cmd inside container";
    MS_TA9008: Kubernetes, "MS-TA9008", "New container";
    MS_TA9009: Kubernetes, "MS-TA9009", "Application exploit (RCE)";
    MS_TA9010: Kubernetes, "MS-TA9010", "SSH server running inside container";
    MS_TA9013: Kubernetes, "MS-TA9013", "Writable hostPath mount";
    MS_TA9016: Kubernetes, "MS-TA9016", "Container service account";
    MS_TA9017: Kubernetes, "MS-TA9017", "Static pods";
    MS_TA9018: Kubernetes, "MS-TA9018", "Privileged container";
    MS_TA9021: Kubernetes, "MS-TA9021", "Clear container logs";
    MS_TA9026: Kubernetes, "MS-TA9026", "Mount service principal";
    MS_TA9027: Kubernetes, "MS-TA9027", "Application credentials in configuration files";
    MS_TA9028: Kubernetes, "MS-TA9028", "Access managed identity credentials";
    MS_TA9029: Kubernetes, "MS-TA9029", "Access Kubernetes API server";
    MS_TA9030: Kubernetes, "MS-TA9030", "Access Kubelet API";
    MS_TA9031: Kubernetes, "MS-TA9031", "Network mapping";
    MS_TA9033: Kubernetes, "MS-TA9033", "Instance Metadata API";
    MS_TA9034: Kubernetes, "MS-TA9034", "Cluster internal networking";
    MS_TA9036: Kubernetes, "MS-TA9036", "ARP poisoning and IP spoofing";
    MS_TA9037: Kubernetes, "MS-TA9037", "Images from a private registry";
    MS_TA9038: Kubernetes, "MS-TA9038", "Data destruction";
    MS_TA9039: Kubernetes, "MS-TA9039", "Resource hijacking";
    MS_TA9040: Kubernetes, "MS-TA9040", "Denial of service";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_and_unknown_ones_stay() {
        assert_eq!(Technique::of("T1611").name(), Some("Escape to Host"));
        assert_eq!((Technique::of("MS-TA9018"), Technique::of("T1611")), (MS_TA9018, T1611));
        let other = Technique::of("T9999");
        assert_eq!((other.id(), other.name(), other.to_string()), ("T9999", None, "T9999".to_owned()));
    }

    #[test]
    fn each_is_there_once() {
        let ids: std::collections::HashSet<_> = ALL.iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), ALL.len());
    }
}
