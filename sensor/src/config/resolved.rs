//! Settings in the form in which the agent uses them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::raw::Values;
use super::setting::{self, Setting};
use super::value::{self, Value};
use super::{ConfigError, Origin};
use crate::detect::{incident::Bounds as Incidents, normal::Mode, told::Bounds as Told};
use crate::kernel::programs::BackEnd;
use crate::policy::{
    Bounds, Judged, Policy,
    file::{FileRules, PatternError},
};
use crate::sources::kubernetes::Wish;
use crate::stream::{address::Address, hub::Limits, tls::name::Name};

/// Where rules are looked for if nobody says where.
const DEFAULT_RULES: &str = "/etc/picket/rules";
/// Where exceptions are looked for if nobody says where.
pub const DEFAULT_EXCEPTIONS: &str = "/etc/picket/exceptions.toml";

/// All settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Name of the node.
    pub node: String,
    /// `[stream]`
    pub stream: Stream,
    /// `[tls]`; `None` where no TCP port is to be opened.
    pub tls: Option<Tls>,
    /// `metrics.listen`
    pub metrics: Option<SocketAddr>,
    /// `[kernel]`
    pub kernel: Kernel,
    /// `[process]`
    pub process: Process,
    /// `[identity]`
    pub identity: Identity,
    /// `[events]`, `[files]`, `[network]` and `[limits]`
    pub wanted: Wanted,
    /// Connections whose first bytes are kept (`network.flows_max`).
    pub flows_max: usize,
    /// `[rules]`
    pub rules: Rules,
    /// Between two looks at the processor time of a container (`behaviours.usage_interval_s`); `None`: it is not read.
    pub usage_interval: Option<Duration>,
    /// `[incidents]`
    pub incidents: Incidents,
    /// `[behaviours]` and `[tuning]`
    pub memory: Memory,
    /// `[log]`
    pub log: Log,
}

/// `[events]`, `[files]`, `[network]` and `[limits]`: which events are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Set of the classes that are wanted of containers.
    pub containers: u64,
    /// Set of the classes that are wanted of the host.
    pub host: u64,
    /// Patterns of sensitive files.
    pub sensitive: Vec<String>,
    /// Patterns of quiet files.
    pub quiet: Vec<String>,
    /// Quiet remote ports.
    pub quiet_ports: Vec<u16>,
    /// Quiet networks.
    pub quiet_networks: Vec<IpNet>,
    /// Bytes of payload that events show.
    pub payload_bytes: usize,
    /// Bounds of files and sockets.
    pub bounds: Bounds,
}

impl Wanted {
    /// As a policy.
    ///
    /// # Errors
    /// A pattern of a path makes no sense, which reading the settings has excluded.
    pub fn policy(&self, generation: u32) -> Result<Policy, PatternError> {
        Ok(Policy {
            generation,
            containers: self.containers,
            host: self.host,
            judged: Judged::default(),
            bounds: self.bounds,
            files: FileRules::new(&self.sensitive, &self.quiet)?,
            quiet_ports: self.quiet_ports.clone(),
            quiet_networks: self.quiet_networks.clone(),
            payload_bytes: self.payload_bytes,
        })
    }
}

/// `[stream]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Where to listen.
    pub listen: Address,
    /// Bounds of the subscribers.
    pub limits: Limits,
}

/// `[tls]`: the stream by TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Where to listen.
    pub listen: SocketAddr,
    /// File with the agent's certificate.
    pub certificate: PathBuf,
    /// File with its private key.
    pub key: PathBuf,
    /// File with the certificates of those who sign those of clients.
    pub client_ca: PathBuf,
    /// Clients that are served; all that these have signed where it is empty.
    pub clients: Vec<Name>,
    /// Connections at once.
    pub connections_max: usize,
}

/// `[kernel]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Size of the ring buffer in bytes, a power of two.
    pub ring_bytes: u32,
    /// Size of the ring buffer for files and sockets in bytes, a power of two.
    pub bulk_ring_bytes: u32,
    /// Back end that is wanted; `None` for the best that works.
    pub back_end: Option<BackEnd>,
    /// File with the kernel's types.
    pub btf: PathBuf,
    /// Folder of a BPF file system for what is to outlive the agent.
    pub pin_folder: PathBuf,
    /// Between two trials of a class; `None` for one at the start only.
    pub canary_interval: Option<Duration>,
    /// Messages of the kernel programs.
    pub diagnostics: bool,
    /// Hierarchy that names containers: `auto`, `v2`, or a v1 controller.
    pub cgroup_hierarchy: String,
}

/// `[process]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Processes that are remembered.
    pub processes_max: usize,
    /// How long ended ones are.
    pub exited_retention: Duration,
    /// Names of the variables that exec events show.
    pub environment: Vec<String>,
}

/// `[identity]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// State folders besides the usual ones.
    pub state_folders: Vec<PathBuf>,
    /// Longest time that the first events of a new control group wait for its identity.
    pub wait: Duration,
    /// Containers that are remembered.
    pub containers_max: usize,
    /// Root of the host.
    pub host_root: PathBuf,
    /// Sockets of runtimes, from the host's root.
    pub cri: Vec<PathBuf>,
    /// Longest time for one answer of a runtime.
    pub cri_timeout: Duration,
    /// Patterns of the keys of labels that events show.
    pub labels: Vec<String>,
    /// The same of annotations.
    pub annotations: Vec<String>,
    /// Patterns of the keys of the node's labels that the status shows.
    pub node_labels: Vec<String>,
    /// Whether the Kubernetes API is asked.
    pub kubernetes: Wish,
    /// File with its address and credentials.
    pub kubeconfig: Option<PathBuf>,
    /// Addresses of the cluster that are remembered; 0: none.
    pub peers_max: usize,
}

/// `[rules]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Files, and folders of such.
    pub paths: Vec<PathBuf>,
    /// These are the default paths: they need not exist.
    pub optional: bool,
    /// All rules that match fire, not only the first.
    pub all: bool,
    /// Lowest priority that runs, in lower case.
    pub minimum_priority: String,
    /// Rules that do not run.
    pub disable: Vec<String>,
    /// Rules that run nevertheless.
    pub enable: Vec<String>,
    /// Most bytes of all files.
    pub bytes_max: u64,
    /// How much of what is found is told.
    pub told: Told,
    /// Domain names and their addresses.
    pub addresses: Vec<(String, IpAddr)>,
    /// Other names are looked up.
    pub resolve: bool,
    /// `rules.pushdown`
    pub pushdown: bool,
    /// File with exceptions.
    pub exceptions: PathBuf,
    /// Behaviours that are not told.
    pub behaviours_disable: Vec<String>,
}

impl Rules {
    /// All files and folders that are read, and read anew when they change.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.paths.iter().chain([&self.exceptions]).cloned().collect()
    }
}

/// `[behaviours]` and `[tuning]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Most entries of each table of a behaviour.
    pub entries_max: usize,
    /// `None`: nothing is learned.
    pub normal: Option<Mode>,
    /// Where it is kept.
    pub normal_file: PathBuf,
    /// Most images.
    pub images_max: usize,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Form.
    pub format: LogFormat,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// From what was given; `node` is the node's name if no setting tells it.
    ///
    /// # Errors
    /// When a value has no usable form.
    pub fn resolve(values: &Values, node: &str) -> Result<Self, ConfigError> {
        let values = Typed(values);
        Ok(Self {
            node: values.text(&setting::NODE_NAME).unwrap_or_else(|| node.to_owned()),
            stream: Stream {
                listen: values.address(&setting::STREAM_LISTEN)?,
                limits: Limits {
                    subscribers_max: values.size(&setting::STREAM_SUBSCRIBERS_MAX)?,
                    queue_events: values.size(&setting::STREAM_SUBSCRIBER_QUEUE_EVENTS)?,
                    queue_bytes: values.size(&setting::STREAM_SUBSCRIBER_QUEUE_BYTES)?,
                },
            },
            tls: values.tls()?,
            metrics: values.listen(&setting::METRICS_LISTEN),
            kernel: Kernel {
                ring_bytes: values.number(&setting::KERNEL_RING_BYTES)?,
                bulk_ring_bytes: values.number(&setting::KERNEL_BULK_RING_BYTES)?,
                back_end: match values.text(&setting::KERNEL_BACK_END).as_deref() {
                    Some("trampoline") => Some(BackEnd::Trampoline),
                    Some("tracepoint") => Some(BackEnd::Tracepoint),
                    _ => None,
                },
                btf: values.path(&setting::KERNEL_BTF),
                pin_folder: values.path(&setting::KERNEL_PIN_FOLDER),
                canary_interval: Some(values.number(&setting::KERNEL_CANARY_INTERVAL_S)?)
                    .filter(|seconds| *seconds > 0)
                    .map(Duration::from_secs),
                diagnostics: values.0.get(&setting::KERNEL_DIAGNOSTICS) == Some(Value::Switch(true)),
                cgroup_hierarchy: values.text(&setting::KERNEL_CGROUP_HIERARCHY).unwrap_or_default(),
            },
            process: Process {
                processes_max: values.size(&setting::PROCESS_PROCESSES_MAX)?,
                exited_retention: Duration::from_secs(values.number(&setting::PROCESS_EXITED_RETENTION_S)?),
                environment: values.list(&setting::PROCESS_ENVIRONMENT),
            },
            identity: Identity {
                wait: Duration::from_millis(values.number(&setting::IDENTITY_WAIT_MS)?),
                state_folders: values.paths(&setting::IDENTITY_STATE_FOLDERS),
                containers_max: values.size(&setting::IDENTITY_CONTAINERS_MAX)?,
                host_root: values.path(&setting::IDENTITY_HOST_ROOT),
                cri: values.paths(&setting::IDENTITY_CRI),
                cri_timeout: Duration::from_millis(values.number(&setting::IDENTITY_CRI_TIMEOUT_MS)?),
                labels: values.list(&setting::IDENTITY_LABELS),
                annotations: values.list(&setting::IDENTITY_ANNOTATIONS),
                node_labels: values.list(&setting::IDENTITY_NODE_LABELS),
                kubernetes: match values.text(&setting::IDENTITY_KUBERNETES).as_deref() {
                    Some("on") => Wish::On,
                    Some("off") => Wish::Off,
                    _ => Wish::Auto,
                },
                kubeconfig: values.text(&setting::IDENTITY_KUBECONFIG).map(PathBuf::from),
                peers_max: match values.0.get(&setting::IDENTITY_PEERS) {
                    Some(Value::Switch(true)) => values.size(&setting::IDENTITY_PEERS_MAX)?,
                    _ => 0,
                },
            },
            wanted: Wanted {
                containers: values.classes(&setting::EVENTS_CONTAINERS),
                host: values.classes(&setting::EVENTS_HOST),
                sensitive: values.list(&setting::FILES_SENSITIVE),
                quiet: values.list(&setting::FILES_QUIET),
                quiet_ports: values.parsed(&setting::NETWORK_QUIET_PORTS),
                quiet_networks: values.parsed(&setting::NETWORK_QUIET_NETWORKS),
                payload_bytes: values.size(&setting::NETWORK_PAYLOAD_BYTES)?,
                bounds: Bounds {
                    rate: values.number(&setting::LIMITS_EVENTS_PER_SECOND)?,
                    burst: values.number(&setting::LIMITS_BURST)?,
                    window_ns: values.number::<u64>(&setting::LIMITS_REPEAT_WINDOW_S)? * 1_000_000_000,
                },
            },
            flows_max: values.size(&setting::NETWORK_FLOWS_MAX)?,
            rules: values.rules()?,
            usage_interval: Some(values.number(&setting::BEHAVIOURS_USAGE_INTERVAL_S)?)
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
            incidents: Incidents {
                quiet_ns: values.number::<u64>(&setting::INCIDENTS_QUIET_S)? * 1_000_000_000,
                open_max: values.size(&setting::INCIDENTS_OPEN_MAX)?,
                timeline_max: values.size(&setting::INCIDENTS_TIMELINE_MAX)?,
            },
            memory: Memory {
                entries_max: values.size(&setting::BEHAVIOURS_ENTRIES_MAX)?,
                normal: match values.text(&setting::TUNING_NORMAL).as_deref() {
                    Some("on") => Some(Mode::On),
                    Some("off") => None,
                    _ => Some(Mode::Learning),
                },
                normal_file: values.path(&setting::TUNING_NORMAL_FILE),
                images_max: values.size(&setting::TUNING_IMAGES_MAX)?,
            },
            log: Log {
                level: values.text(&setting::LOG_LEVEL).unwrap_or_default(),
                format: match values.text(&setting::LOG_FORMAT).as_deref() {
                    Some("json") => LogFormat::Json,
                    _ => LogFormat::Text,
                },
            },
        })
    }
}

/// Reads checked values in the form that each field has.
struct Typed<'a>(&'a Values);

impl Typed<'_> {
    fn text(&self, setting: &Setting) -> Option<String> {
        match self.0.get(setting)? {
            Value::Text(text) => Some(text),
            Value::Number(_) | Value::Switch(_) | Value::List(_) => None,
        }
    }

    fn path(&self, setting: &Setting) -> PathBuf {
        self.text(setting).unwrap_or_default().into()
    }

    fn list(&self, setting: &Setting) -> Vec<String> {
        match self.0.get(setting) {
            Some(Value::List(items)) => items,
            _ => Vec::new(),
        }
    }

    fn paths(&self, setting: &Setting) -> Vec<PathBuf> {
        self.list(setting).into_iter().map(PathBuf::from).collect()
    }

    fn classes(&self, setting: &Setting) -> u64 {
        value::classes(&self.list(setting)).unwrap_or_default()
    }

    /// A list of what was checked to have this form.
    fn parsed<T: std::str::FromStr>(&self, setting: &Setting) -> Vec<T> {
        self.list(setting).iter().filter_map(|item| item.parse().ok()).collect()
    }

    fn number<N: TryFrom<u64>>(&self, setting: &'static Setting) -> Result<N, ConfigError> {
        match self.0.get(setting) {
            Some(Value::Number(number)) => {
                N::try_from(number).map_err(|_| self.invalid(setting, &number.to_string()))
            }
            _ => Err(self.invalid(setting, "")),
        }
    }

    fn size(&self, setting: &'static Setting) -> Result<usize, ConfigError> {
        self.number(setting)
    }

    fn address(&self, setting: &'static Setting) -> Result<Address, ConfigError> {
        let text = self.text(setting).unwrap_or_default();
        text.parse().map_err(|_| self.invalid(setting, &text))
    }

    fn listen(&self, setting: &Setting) -> Option<SocketAddr> {
        self.text(setting)?.parse().ok()
    }

    fn tls(&self) -> Result<Option<Tls>, ConfigError> {
        let Some(listen) = self.listen(&setting::TLS_LISTEN) else { return Ok(None) };
        let needed = |needed: &Setting| {
            self.text(needed).map(PathBuf::from).ok_or_else(|| ConfigError::Needed {
                origin: self.0.origin(&setting::TLS_LISTEN),
                key: setting::TLS_LISTEN.key,
                needed: needed.key,
            })
        };
        Ok(Some(Tls {
            listen,
            certificate: needed(&setting::TLS_CERTIFICATE)?,
            key: needed(&setting::TLS_KEY)?,
            client_ca: needed(&setting::TLS_CLIENT_CA)?,
            clients: self.parsed(&setting::TLS_CLIENTS),
            connections_max: self.size(&setting::TLS_CONNECTIONS_MAX)?,
        }))
    }

    fn rules(&self) -> Result<Rules, ConfigError> {
        let addresses = self.list(&setting::RULES_ADDRESSES);
        let paths = self.paths(&setting::RULES_PATHS);
        Ok(Rules {
            optional: paths == [Path::new(DEFAULT_RULES)],
            paths,
            all: self.text(&setting::RULES_MATCHING).as_deref() == Some("all"),
            minimum_priority: self.text(&setting::RULES_MINIMUM_PRIORITY).unwrap_or_default(),
            disable: self.list(&setting::RULES_DISABLE),
            enable: self.list(&setting::RULES_ENABLE),
            bytes_max: self.number(&setting::RULES_BYTES_MAX)?,
            told: Told {
                window_ns: self.number::<u64>(&setting::RULES_REPEAT_WINDOW_S)? * 1_000_000_000,
                burst: self.size(&setting::RULES_BURST)?,
            },
            addresses: addresses.iter().filter_map(|pair| value::address(pair)).collect(),
            resolve: self.0.get(&setting::RULES_RESOLVE) == Some(Value::Switch(true)),
            pushdown: self.0.get(&setting::RULES_PUSHDOWN) == Some(Value::Switch(true)),
            exceptions: self.path(&setting::TUNING_EXCEPTIONS),
            behaviours_disable: self.list(&setting::BEHAVIOURS_DISABLE),
        })
    }

    fn invalid(&self, setting: &'static Setting, value: &str) -> ConfigError {
        let origin: Origin = self.0.origin(setting);
        ConfigError::Invalid {
            origin,
            key: setting.key,
            value: value.to_owned(),
            expected: setting.kind.expected(),
        }
    }
}
