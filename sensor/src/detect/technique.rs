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
    T1048: Attack, "T1048", "Exfiltration Over Alternative Protocol";
    T1048_003: Attack, "T1048.003", "Exfiltration Over Unencrypted Non-C2 Protocol";
    T1049: Attack, "T1049", "System Network Connections Discovery";
    T1053_003: Attack, "T1053.003", "Cron";
    T1053_007: Attack, "T1053.007", "Container Orchestration Job";
    T1055_008: Attack, "T1055.008", "Ptrace System Calls";
    T1055_009: Attack, "T1055.009", "Proc Memory";
    T1057: Attack, "T1057", "Process Discovery";
    T1059: Attack, "T1059", "Command and Scripting Interpreter";
    T1059_004: Attack, "T1059.004", "Unix Shell";
    T1059_006: Attack, "T1059.006", "Python";
    T1068: Attack, "T1068", "Exploitation for Privilege Escalation";
    T1069: Attack, "T1069", "Permission Groups Discovery";
    T1069_001: Attack, "T1069.001", "Local Groups";
    T1070: Attack, "T1070", "Indicator Removal";
    T1070_002: Attack, "T1070.002", "Clear Linux or Mac System Logs";
    T1070_003: Attack, "T1070.003", "Clear Command History";
    T1070_004: Attack, "T1070.004", "File Deletion";
    T1070_006: Attack, "T1070.006", "Timestomp";
    T1071: Attack, "T1071", "Application Layer Protocol";
    T1071_001: Attack, "T1071.001", "Web Protocols";
    T1071_004: Attack, "T1071.004", "DNS";
    T1072: Attack, "T1072", "Software Deployment Tools";
    T1078: Attack, "T1078", "Valid Accounts";
    T1082: Attack, "T1082", "System Information Discovery";
    T1083: Attack, "T1083", "File and Directory Discovery";
    T1087_001: Attack, "T1087.001", "Local Account";
    T1090: Attack, "T1090", "Proxy";
    T1095: Attack, "T1095", "Non-Application Layer Protocol";
    T1098: Attack, "T1098", "Account Manipulation";
    T1098_004: Attack, "T1098.004", "SSH Authorized Keys";
    T1098_006: Attack, "T1098.006", "Additional Container Cluster Roles";
    T1105: Attack, "T1105", "Ingress Tool Transfer";
    T1110: Attack, "T1110", "Brute Force";
    T1133: Attack, "T1133", "External Remote Services";
    T1134: Attack, "T1134", "Access Token Manipulation";
    T1136_001: Attack, "T1136.001", "Local Account";
    T1140: Attack, "T1140", "Deobfuscate/Decode Files or Information";
    T1190: Attack, "T1190", "Exploit Public-Facing Application";
    T1204_002: Attack, "T1204.002", "Malicious File";
    T1204_003: Attack, "T1204.003", "Malicious Image";
    T1210: Attack, "T1210", "Exploitation of Remote Services";
    T1218: Attack, "T1218", "System Binary Proxy Execution";
    T1222_002: Attack, "T1222.002", "Linux and Mac File and Directory Permissions Modification";
    T1485: Attack, "T1485", "Data Destruction";
    T1486: Attack, "T1486", "Data Encrypted for Impact";
    T1489: Attack, "T1489", "Service Stop";
    T1490: Attack, "T1490", "Inhibit System Recovery";
    T1496: Attack, "T1496", "Resource Hijacking";
    T1496_001: Attack, "T1496.001", "Compute Hijacking";
    T1496_002: Attack, "T1496.002", "Bandwidth Hijacking";
    T1498: Attack, "T1498", "Network Denial of Service";
    T1499: Attack, "T1499", "Endpoint Denial of Service";
    T1505_003: Attack, "T1505.003", "Web Shell";
    T1518_001: Attack, "T1518.001", "Security Software Discovery";
    T1525: Attack, "T1525", "Implant Internal Image";
    T1528: Attack, "T1528", "Steal Application Access Token";
    T1529: Attack, "T1529", "System Shutdown/Reboot";
    T1543_002: Attack, "T1543.002", "Systemd Service";
    T1543_005: Attack, "T1543.005", "Container Service";
    T1546: Attack, "T1546", "Event Triggered Execution";
    T1546_004: Attack, "T1546.004", "Unix Shell Configuration Modification";
    T1547_006: Attack, "T1547.006", "Kernel Modules and Extensions";
    T1548: Attack, "T1548", "Abuse Elevation Control Mechanism";
    T1548_001: Attack, "T1548.001", "Setuid and Setgid";
    T1548_003: Attack, "T1548.003", "Sudo and Sudo Caching";
    T1550_001: Attack, "T1550.001", "Application Access Token";
    T1552: Attack, "T1552", "Unsecured Credentials";
    T1552_001: Attack, "T1552.001", "Credentials In Files";
    T1552_004: Attack, "T1552.004", "Private Keys";
    T1552_005: Attack, "T1552.005", "Cloud Instance Metadata API";
    T1552_007: Attack, "T1552.007", "Container API";
    T1555: Attack, "T1555", "Credentials from Password Stores";
    T1557_002: Attack, "T1557.002", "ARP Cache Poisoning";
    T1562: Attack, "T1562", "Impair Defenses";
    T1562_001: Attack, "T1562.001", "Disable or Modify Tools";
    T1562_004: Attack, "T1562.004", "Disable or Modify System Firewall";
    T1564_001: Attack, "T1564.001", "Hidden Files and Directories";
    T1571: Attack, "T1571", "Non-Standard Port";
    T1572: Attack, "T1572", "Protocol Tunneling";
    T1573: Attack, "T1573", "Encrypted Channel";
    T1574_006: Attack, "T1574.006", "Dynamic Linker Hijacking";
    T1578: Attack, "T1578", "Modify Cloud Compute Infrastructure";
    T1580: Attack, "T1580", "Cloud Infrastructure Discovery";
    T1609: Attack, "T1609", "Container Administration Command";
    T1610: Attack, "T1610", "Deploy Container";
    T1611: Attack, "T1611", "Escape to Host";
    T1612: Attack, "T1612", "Build Image on Host";
    T1613: Attack, "T1613", "Container and Resource Discovery";
    T1620: Attack, "T1620", "Reflective Code Loading";
    T1622: Attack, "T1622", "Debugger Evasion";
    MS_TA9001: Kubernetes, "MS-TA9001", "Using cloud credentials";
    MS_TA9002: Kubernetes, "MS-TA9002", "Compromised image in registry";
    MS_TA9003: Kubernetes, "MS-TA9003", "Kubeconfig file";
    MS_TA9004: Kubernetes, "MS-TA9004", "Application vulnerability";
    MS_TA9005: Kubernetes, "MS-TA9005", "Exposed sensitive interfaces";
    MS_TA9006: Kubernetes, "MS-TA9006", "Exec into container";
    MS_TA9007: Kubernetes, "MS-TA9007", "Bash or cmd inside container";
    MS_TA9008: Kubernetes, "MS-TA9008", "New container";
    MS_TA9009: Kubernetes, "MS-TA9009", "Application exploit (RCE)";
    MS_TA9010: Kubernetes, "MS-TA9010", "SSH server running inside container";
    MS_TA9011: Kubernetes, "MS-TA9011", "Sidecar injection";
    MS_TA9012: Kubernetes, "MS-TA9012", "Backdoor container";
    MS_TA9013: Kubernetes, "MS-TA9013", "Writable hostPath mount";
    MS_TA9014: Kubernetes, "MS-TA9014", "Kubernetes CronJob";
    MS_TA9015: Kubernetes, "MS-TA9015", "Malicious admission controller";
    MS_TA9016: Kubernetes, "MS-TA9016", "Container service account";
    MS_TA9017: Kubernetes, "MS-TA9017", "Static pods";
    MS_TA9018: Kubernetes, "MS-TA9018", "Privileged container";
    MS_TA9019: Kubernetes, "MS-TA9019", "Cluster-admin binding";
    MS_TA9020: Kubernetes, "MS-TA9020", "Access cloud resources";
    MS_TA9021: Kubernetes, "MS-TA9021", "Clear container logs";
    MS_TA9022: Kubernetes, "MS-TA9022", "Delete Kubernetes events";
    MS_TA9023: Kubernetes, "MS-TA9023", "Pod or container name similarity";
    MS_TA9024: Kubernetes, "MS-TA9024", "Connect from proxy server";
    MS_TA9025: Kubernetes, "MS-TA9025", "List Kubernetes secrets";
    MS_TA9026: Kubernetes, "MS-TA9026", "Mount service principal";
    MS_TA9027: Kubernetes, "MS-TA9027", "Application credentials in configuration files";
    MS_TA9028: Kubernetes, "MS-TA9028", "Access managed identity credentials";
    MS_TA9029: Kubernetes, "MS-TA9029", "Access Kubernetes API server";
    MS_TA9030: Kubernetes, "MS-TA9030", "Access Kubelet API";
    MS_TA9031: Kubernetes, "MS-TA9031", "Network mapping";
    MS_TA9032: Kubernetes, "MS-TA9032", "Access Kubernetes dashboard";
    MS_TA9033: Kubernetes, "MS-TA9033", "Instance Metadata API";
    MS_TA9034: Kubernetes, "MS-TA9034", "Cluster internal networking";
    MS_TA9035: Kubernetes, "MS-TA9035", "CoreDNS poisoning";
    MS_TA9036: Kubernetes, "MS-TA9036", "ARP poisoning and IP spoofing";
    MS_TA9037: Kubernetes, "MS-TA9037", "Images from a private registry";
    MS_TA9038: Kubernetes, "MS-TA9038", "Data destruction";
    MS_TA9039: Kubernetes, "MS-TA9039", "Resource hijacking";
    MS_TA9040: Kubernetes, "MS-TA9040", "Denial of service";
    MS_TA9041: Kubernetes, "MS-TA9041", "Collecting data from pod";
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
