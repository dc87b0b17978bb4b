//! The table of all settings: name, form, default and meaning. The reader, the checks and
//! `docs/configuration.md` are made from it.

/// A setting.
#[derive(Debug)]
pub struct Setting {
    /// `section.key`
    pub key: &'static str,
    /// Form of the value.
    pub kind: Kind,
    /// Default, as in the file; empty where the help tells how it is found.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// Form of a value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text of 1 to 253 printable characters.
    Text,
    /// `unix:///ABSOLUTE/PATH`
    Address,
    /// Absolute path.
    Path,
    /// Absolute paths.
    Paths,
    /// `true` or `false`.
    Switch,
    /// Whole number with its bounds and unit.
    Number(u64, u64, &'static str),
    /// As `Number`, and a power of two.
    PowerOfTwo(u64, u64, &'static str),
    /// One of these.
    Choice(&'static [&'static str]),
    /// Names of environment variables.
    VariableNames,
    /// Classes and families of events.
    Classes,
    /// Patterns of paths.
    Patterns,
    /// Patterns of the keys of labels and annotations.
    Keys,
    /// Numbers of ports.
    Ports,
    /// Networks.
    Networks,
    /// IP address and port to listen on; empty for none.
    Listen,
    /// Names of certificates.
    CertificateNames,
    /// Names of rules with wildcards, or tags.
    Rules,
    /// Domain names with an address.
    Addresses,
}

impl Setting {
    /// Section of the file.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(section, _)| section)
    }

    /// Variable of the environment: `PICKET_SECTION_KEY`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.key.replace('.', "_").to_uppercase())
    }
}

/// What the variables of all settings begin with.
pub const VARIABLE_PREFIX: &str = "PICKET_";

macro_rules! settings {
    ($($name:ident: $key:literal, $kind:expr, $default:literal, $help:literal;)*) => {
        $(
            #[doc = concat!("`", $key, "`")]
            pub static $name: Setting = Setting { key: $key, kind: $kind, default: $default, help: $help };
        )*

        /// All settings, section by section.
        pub static ALL: &[&Setting] = &[$(&$name),*];
    };
}

settings! {
    NODE_NAME: "node.name", Kind::Text, "",
        "Name of the node in every event. Without it: the variable `NODE_NAME` (which a DaemonSet sets from `spec.nodeName`), else the name of the host.";
    STREAM_LISTEN: "stream.listen", Kind::Address, "\"unix:///run/picket/picket.sock\"",
        "Socket of the gRPC server. Only its owner can open it. Missing folders are made, for the owner only.";
    STREAM_SUBSCRIBERS_MAX: "stream.subscribers_max", Kind::Number(1, 4096, "subscribers"), "64",
        "Most subscribers at once; more are refused.";
    STREAM_SUBSCRIBER_QUEUE_EVENTS: "stream.subscriber_queue_events", Kind::Number(16, 1_048_576, "events"), "8192",
        "Events that may wait for one subscriber. What does not fit is lost for that subscriber only, which is told how many.";
    STREAM_SUBSCRIBER_QUEUE_BYTES: "stream.subscriber_queue_bytes", Kind::Number(65_536, 1_073_741_824, "bytes"), "16777216",
        "Bytes of events that may wait for one subscriber.";
    TLS_LISTEN: "tls.listen", Kind::Listen, "\"\"",
        "IP address and port of the gRPC server for clients from elsewhere, beside the socket. Only clients that prove themselves by a certificate are served: the three files below are needed. Empty: no TCP port is opened.";
    TLS_CERTIFICATE: "tls.certificate", Kind::Path, "",
        "Certificate of the agent, in PEM form, followed by those of intermediate authorities. The three files are looked at every ten seconds, and taken anew when they have changed.";
    TLS_KEY: "tls.key", Kind::Path, "",
        "Private key of that certificate, in PEM form.";
    TLS_CLIENT_CA: "tls.client_ca", Kind::Path, "",
        "Certificates, in PEM form, of the authorities that sign those of clients.";
    TLS_CLIENTS: "tls.clients", Kind::CertificateNames, "[]",
        "Clients that are served, by the DNS names or URIs (subjectAltName) of their certificates. An empty list: whoever has a certificate of these authorities.";
    TLS_CONNECTIONS_MAX: "tls.connections_max", Kind::Number(1, 4_096, "connections"), "64",
        "Most connections by TCP at once, those that have not proved themselves yet included; more are closed.";
    METRICS_LISTEN: "metrics.listen", Kind::Listen, "\"\"",
        "IP address and port on which `/metrics` tells counters in the text form of Prometheus: plain HTTP, to whoever asks. It tells no events, no pods and no paths. Empty: no port is opened.";
    KERNEL_RING_BYTES: "kernel.ring_bytes", Kind::PowerOfTwo(65_536, 1_073_741_824, "bytes"), "8388608",
        "Size of the ring buffer for processes, containers and privileges.";
    KERNEL_BULK_RING_BYTES: "kernel.bulk_ring_bytes", Kind::PowerOfTwo(65_536, 1_073_741_824, "bytes"), "8388608",
        "Size of the ring buffer for files and sockets.";
    KERNEL_BACK_END: "kernel.back_end", Kind::Choice(&["auto", "trampoline", "tracepoint"]), "\"auto\"",
        "How classes that both can serve are attached: `trampoline` below the system calls (fentry, fexit), `tracepoint` at the end of single system calls. `auto` takes the first where the kernel permits it, for each class.";
    KERNEL_BTF: "kernel.btf", Kind::Path, "\"/sys/kernel/btf/vmlinux\"",
        "File with the types of the running kernel.";
    KERNEL_PIN_FOLDER: "kernel.pin_folder", Kind::Path, "\"/sys/fs/bpf/picket\"",
        "Folder of a BPF file system in which the program that numbers executed programs is pinned, so that it goes on when the agent is killed: `exec.number` then shows how many nobody was told of. Made by the agent, and removed when it ends as it should. Where there is no such file system, or another agent uses the folder, the numbers start anew with each agent.";
    KERNEL_CANARY_INTERVAL_S: "kernel.canary_interval_s", Kind::Number(0, 86_400, "seconds"), "60",
        "How often the agent makes an event of each class itself and checks that it comes through. 0: at the start only.";
    KERNEL_DIAGNOSTICS: "kernel.diagnostics", Kind::Switch, "false",
        "Messages of the kernel programs in the agent's log. For developers: it costs time on every event.";
    KERNEL_CGROUP_HIERARCHY: "kernel.cgroup_hierarchy", Kind::Choice(&["auto", "v2", "pids", "memory"]), "\"auto\"",
        "Control group hierarchy that names containers: `auto` looks at the node, `v2` is the unified one, `pids` and `memory` are those of v1 controllers.";
    PROCESS_PROCESSES_MAX: "process.processes_max", Kind::Number(1024, 4_194_304, "processes"), "65536",
        "Processes that the agent remembers, ended ones included. Beyond it the oldest ended ones are forgotten first.";
    PROCESS_EXITED_RETENTION_S: "process.exited_retention_s", Kind::Number(0, 86_400, "seconds"), "60",
        "How long an ended process is remembered, for the lineage of its children.";
    PROCESS_ENVIRONMENT: "process.environment", Kind::VariableNames, "[\"LD_PRELOAD\", \"LD_LIBRARY_PATH\", \"LD_AUDIT\"]",
        "Variables of a program's environment that its exec event shows. An empty list: none is collected.";
    IDENTITY_STATE_FOLDERS: "identity.state_folders", Kind::Paths, "[]",
        "State folders of container runtimes to look into besides the usual ones (containerd, k3s, RKE2, microk8s, CRI-O, Docker, podman).";
    IDENTITY_CONTAINERS_MAX: "identity.containers_max", Kind::Number(64, 1_048_576, "containers"), "8192",
        "Containers that the agent remembers.";
    IDENTITY_WAIT_MS: "identity.wait_ms", Kind::Number(0, 5_000, "milliseconds"), "250",
        "Longest time that the first events of a new control group wait for the identity of its container; nothing else waits. Usually it is there before the first event. 0: events never wait, and a later CONTAINER_IDENTIFIED event names the container.";
    IDENTITY_HOST_ROOT: "identity.host_root", Kind::Path, "\"/\"",
        "Where the root of the host is mounted, when the agent itself runs in a container.";
    IDENTITY_CRI: "identity.cri", Kind::Paths, r#"["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/k3s/containerd/containerd.sock", "/run/k0s/containerd.sock", "/var/snap/microk8s/common/run/containerd.sock", "/run/cri-dockerd.sock"]"#,
        "Sockets of container runtimes, below `identity.host_root`, that are asked over CRI (v1 or v1alpha2) for what the files on disk do not tell: labels and annotations, the digest of the image, restarts, what a pod shares with the node. Those that exist are asked; one that appears later is found within a minute. An empty list: no runtime is asked. docs/security-model.md says what such a socket gives away.";
    IDENTITY_CRI_TIMEOUT_MS: "identity.cri_timeout_ms", Kind::Number(10, 60_000, "milliseconds"), "10000",
        "Longest time that a runtime has for one answer. No event waits for it.";
    IDENTITY_LABELS: "identity.labels", Kind::Keys, r#"["app", "k8s-app", "app.kubernetes.io/*"]"#,
        "Keys of the pod labels that events show: `*` stands for any characters. At most 32 labels and 2048 bytes of a pod are shown.";
    IDENTITY_ANNOTATIONS: "identity.annotations", Kind::Keys, "[]",
        "The same for annotations.";
    IDENTITY_NODE_LABELS: "identity.node_labels", Kind::Keys, r#"["topology.kubernetes.io/*", "node.kubernetes.io/instance-type", "kubernetes.io/arch"]"#,
        "Keys of the labels of this node that the status shows, in the same way; they are read from the API server once an hour. They are not in events, whose `node` names the node: they would be the same in each.";
    IDENTITY_KUBERNETES: "identity.kubernetes", Kind::Choice(&["auto", "on", "off"]), "\"auto\"",
        "Whether the Kubernetes API server is asked for the pods of this node, for what the node itself does not know: controllers, service accounts, roles of containers. `auto`: in a pod with a service account, or with `identity.kubeconfig`. No event waits for it. docs/security-model.md says which rights it needs.";
    IDENTITY_KUBECONFIG: "identity.kubeconfig", Kind::Path, "",
        "File with address and credentials of the API server, for an agent that does not run in a pod. `node.name` must then be the node's name in Kubernetes.";
    IDENTITY_PEERS: "identity.peers", Kind::Switch, "false",
        "Whether events of sockets name the pod, service or node that has the remote address. For this the agent follows all pods, services and nodes of the cluster: docs/operations.md says what that costs the API server.";
    IDENTITY_PEERS_MAX: "identity.peers_max", Kind::Number(1_000, 1_000_000, "addresses"), "50000",
        "Addresses of the cluster that are remembered with `identity.peers`. Beyond it the oldest pods are forgotten.";
    EVENTS_CONTAINERS: "events.containers", Kind::Classes, "[\"process\", \"container\", \"file\", \"network\", \"privilege\"]",
        "Classes of events that are wanted of containers: families (`process`, `container`, `file`, `network`, `privilege`) or single ones such as `FILE_OPEN`. Processes and control groups are always followed; what is not listed costs nothing but a look.";
    EVENTS_HOST: "events.host", Kind::Classes, "[\"process\", \"container\", \"PRIVILEGE_MODULE_LOAD\", \"PRIVILEGE_PTRACE\", \"PRIVILEGE_PROCESS_MEMORY\"]",
        "The same for processes of the host.";
    FILES_SENSITIVE: "files.sensitive", Kind::Patterns, r#"["/etc/shadow*", "/etc/gshadow*", "/etc/sudoers*", "/etc/sudoers.d/**", "/etc/ld.so.preload", "/etc/cron*/**", "/var/spool/cron/**", "/etc/kubernetes/**", "/var/lib/kubelet/**", "/run/secrets/**", "/var/run/secrets/**", "**/.ssh/**", "**/.aws/**", "**/.azure/**", "**/.config/gcloud/**", "**/.kube/**", "**/.docker/config.json", "**/.git-credentials", "**/.netrc", "**/.pgpass", "/proc/*/environ", "/proc/*/mem", "/proc/*/task/*/environ", "/proc/*/task/*/mem", "/proc/kcore", "/proc/kmsg", "/proc/sysrq-trigger", "/proc/sys/kernel/**", "/sys/kernel/uevent_helper", "/sys/kernel/debug/**", "/sys/fs/bpf/**", "**/release_agent", "**/notify_on_release", "**/devices.allow", "**/docker.sock", "**/containerd.sock", "**/crio.sock", "/dev/kmsg", "/dev/mem", "/dev/userfaultfd", "/dev/cpu/**", "/sys/module/msr/**"]"#,
        "Files whose every opening is told, also to read them, by their path as the kernel resolves it: `*` stands for any part of a name, `**` for any number of folders. Block devices are always among them. They are not subject to `limits`.";
    FILES_QUIET: "files.quiet", Kind::Patterns, r#"["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts/**", "/dev/stdout", "/dev/stderr", "/proc/self/**", "/proc/*/task/**", "/proc/*/oom_score_adj", "/proc/*/attr/**", "/var/log/**", "/var/cache/**"]"#,
        "Files that are not told when they are opened to write, changed, renamed or removed. All others are. Opening to read is told of sensitive files only.";
    NETWORK_QUIET_PORTS: "network.quiet_ports", Kind::Ports, "[]",
        "Remote ports to which connections and datagrams are not told.";
    NETWORK_QUIET_NETWORKS: "network.quiet_networks", Kind::Networks, "[]",
        "Networks, such as `10.96.0.0/12`, to which connections and datagrams are not told.";
    NETWORK_PAYLOAD_BYTES: "network.payload_bytes", Kind::Number(0, 2_048, "bytes"), "0",
        "Bytes that NETWORK_PAYLOAD events show of each direction of a flow. The protocol, the server's name and what the first messages say are told without; the bytes themselves may hold secrets.";
    NETWORK_FLOWS_MAX: "network.flows_max", Kind::Number(64, 1_048_576, "flows"), "8192",
        "Connections whose first bytes the agent keeps, at most 2,048 of each direction, to tell the protocol. Beyond it those that were quiet for longest are forgotten. A new value holds from the next start on.";
    LIMITS_EVENTS_PER_SECOND: "limits.events_per_second", Kind::Number(0, 1_000_000, "events"), "500",
        "Events of files and of the network, of each class, that a container may cause on average; what is beyond is counted, and told as LOSS with the reason RATE_LIMITED. Processes, containers and privileges are never limited. 0: no limit.";
    LIMITS_BURST: "limits.burst", Kind::Number(1, 1_000_000, "events"), "5000",
        "Events that it may cause at once.";
    LIMITS_REPEAT_WINDOW_S: "limits.repeat_window_s", Kind::Number(0, 3_600, "seconds"), "10",
        "Equal events of one process within this time are one: the next one after it says how many there were (`repeats`). 0: each is told.";
    RULES_PATHS: "rules.paths", Kind::Paths, "[\"/etc/picket/rules\"]",
        "Files with rules in Falco's language, or folders of such: of a folder the files that end in `.yaml` or `.yml`, in the order of their names. They are read anew when they change and on SIGHUP; rules that cannot be read leave those in force that were. A place that is not there is an error, but for the default one.";
    RULES_MATCHING: "rules.matching", Kind::Choice(&["first", "all"]), "\"first\"",
        "Which rules fire on an event that several match: the `first` in the order of the files, as with Falco, or `all`.";
    RULES_MINIMUM_PRIORITY: "rules.minimum_priority", Kind::Choice(&["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"]), "\"debug\"",
        "Rules of a lower priority do not run.";
    RULES_DISABLE: "rules.disable", Kind::Rules, "[]",
        "Rules that do not run, by their names (`*` stands for any characters) or by a tag (`tag:NAME`).";
    RULES_ENABLE: "rules.enable", Kind::Rules, "[]",
        "Rules that run although `rules.disable` names them or their file says `enabled: false`.";
    RULES_BYTES_MAX: "rules.bytes_max", Kind::Number(4_096, 268_435_456, "bytes"), "16777216",
        "Most bytes of all rule files together.";
    RULES_REPEAT_WINDOW_S: "rules.repeat_window_s", Kind::Number(0, 3_600, "seconds"), "60",
        "Equal findings in one container within this time are one, whichever processes gave rise to them. When it is over, one event says how many were not told (`repeats`). 0: each is told.";
    RULES_BURST: "rules.burst", Kind::Number(1, 1_024, "findings"), "32",
        "Findings of one rule in one container that are told within `rules.repeat_window_s`; further ones are counted as repeats, too.";
    RULES_ADDRESSES: "rules.addresses", Kind::Addresses, "[]",
        "Addresses of domain names that rules compare (`fd.sip.name`), such as `kubernetes.default.svc.cluster.local=10.96.0.1`. These names are not looked up.";
    RULES_RESOLVE: "rules.resolve", Kind::Switch, "true",
        "Whether the other domain names that rules in force compare are looked up, by the resolver of the agent's own environment, every five minutes. Where that must not be seen on the network: false.";
    RULES_PUSHDOWN: "rules.pushdown", Kind::Switch, "true",
        "Whether the kernel holds back what neither the other settings want nor any rule in force could match. false: as long as there are rules, it sends every event, which costs much and finds the same.";
    INCIDENTS_QUIET_S: "incidents.quiet_s", Kind::Number(1, 604_800, "seconds"), "600",
        "An incident in which nothing above LOW was found for so long is closed. What is found later opens a new one, which names it.";
    INCIDENTS_OPEN_MAX: "incidents.open_max", Kind::Number(1, 4_096, "incidents"), "128",
        "Most incidents that are open at once. Beyond it the one that was quiet for longest is closed.";
    INCIDENTS_TIMELINE_MAX: "incidents.timeline_max", Kind::Number(1, 1_024, "entries"), "64",
        "Most entries of an incident's timeline; what is found beyond is counted. An entry takes up to 2 KB, and equal findings are one.";
    BEHAVIOURS_DISABLE: "behaviours.disable", Kind::Rules, "[]",
        "Behaviours whose findings are not told, by their ids (docs/detections.md) with wildcards.";
    BEHAVIOURS_ENTRIES_MAX: "behaviours.entries_max", Kind::Number(64, 1_048_576, "entries"), "8192",
        "Most entries of each table that behaviours remember things in: containers, programs, addresses. What was not touched for longest is given up.";
    BEHAVIOURS_USAGE_INTERVAL_S: "behaviours.usage_interval_s", Kind::Number(0, 3_600, "seconds"), "5",
        "How often the processor time of each container is read from its control group, for detections that look at load. 0: it is not read. A new value holds from the next start on.";
    TUNING_EXCEPTIONS: "tuning.exceptions", Kind::Path, "\"/etc/picket/exceptions.toml\"",
        "File with exceptions: findings that are not told, or told as low ones (docs/tuning.md). It is read anew with the rules, when it changes and on SIGHUP. One that is not there is an error, but for the default one.";
    TUNING_NORMAL: "tuning.normal", Kind::Choice(&["off", "learning", "on"]), "\"learning\"",
        "What programs of an image always do: `learning` remembers it for `picket normal` and changes nothing, `on` lowers the confidence of findings in what has always been so and raises it in what is new (docs/tuning.md), `off` remembers nothing.";
    TUNING_NORMAL_FILE: "tuning.normal_file", Kind::Path, "\"/var/lib/picket/normal.json\"",
        "Where what was learned is kept while no agent runs. Missing folders are made, for the owner only.";
    TUNING_IMAGES_MAX: "tuning.images_max", Kind::Number(1, 65_536, "images"), "512",
        "Images of which it is remembered what they do, at most 256 facts each.";
    LOG_LEVEL: "log.level", Kind::Choice(&["error", "warn", "info", "debug", "trace"]), "\"info\"",
        "How much is logged to standard error. The variable `PICKET_LOG` can say it by module (`info,sensor::stream=debug`) and goes before it.";
    LOG_FORMAT: "log.format", Kind::Choice(&["text", "json"]), "\"text\"",
        "Form of the log.";
}

/// The setting with this key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Setting> {
    ALL.iter().copied().find(|setting| setting.key == key)
}

/// Of these names the one that is nearest to what was written, if any is near.
pub(super) fn nearest<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = written.chars().count().div_ceil(3).min(4);
    let (distance, name) = names.map(|name| (distance(written, name), name)).min()?;
    (distance <= near).then(|| name.to_owned())
}

/// Insertions, deletions and replacements that lead from one text to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, wanted) in from.chars().enumerate() {
        let mut left = index + 1;
        let mut next = vec![left];
        for (pair, given) in row.windows(2).zip(&to) {
            let &[diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(wanted != *given)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, expected) in
            [("", "abc", 3), ("abc", "abc", 0), ("listn", "listen", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
        assert_eq!(nearest("lisen", ["listen", "level"].into_iter()), Some("listen".into()));
        assert_eq!(nearest("zzzzzz", ["listen", "level"].into_iter()), None);
    }

    #[test]
    fn every_key_has_a_section_and_its_own_variable() {
        let mut variables: Vec<_> = ALL.iter().map(|setting| setting.variable()).collect();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), ALL.len());
        assert!(ALL.iter().all(|setting| setting.key.split('.').count() == 2));
        assert_eq!(STREAM_LISTEN.variable(), "PICKET_STREAM_LISTEN");
    }
}
