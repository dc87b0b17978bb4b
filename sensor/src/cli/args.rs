//! Arguments of each command.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::{class::Choice, connect::ConnectArgs, record};
use crate::config::{Flag, Input, setting};
use crate::proto::{Class, RecordRequest, SubscribeRequest, finding::Severity};

/// Form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people; in colour on a terminal, unless NO_COLOR is set
    #[default]
    Pretty,
    /// For programs: the JSON form of the protobuf schema, one object a line
    Json,
}

/// Form of what `picket watch` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WatchFormat {
    /// For people; in colour on a terminal, unless NO_COLOR is set
    #[default]
    Pretty,
    /// For programs: the JSON form of the protobuf schema, one object a line
    Json,
    /// Findings as alerts in the form of Falco's JSON output, one object a line
    Falco,
}

/// How bad a finding is at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LeastSeverity {
    /// Worth knowing
    Low,
    /// Look at it soon
    Medium,
    /// Look at it now
    High,
    /// Somebody is at work
    Critical,
}

/// Arguments of `picket run`.
#[derive(Args, Debug, Default)]
#[command(after_help = "\
The agent stays in the foreground, logs to standard error and ends on SIGTERM or SIGINT.
It needs root, and no configuration. Every setting of the file can also be given as an
environment variable: `log.level` is PICKET_LOG_LEVEL. docs/configuration.md lists them all.

Examples:
  picket run
  picket run --listen unix:///tmp/picket.sock --runtime-state /run/k3s/containerd
  PICKET_LOG=debug picket run --config picket.toml")]
pub struct RunArgs {
    /// Settings file (TOML); without it /etc/picket/picket.toml, if that exists
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Socket to listen on [default: unix:///run/picket/picket.sock]
    #[arg(long, value_name = "unix:///PATH")]
    pub listen: Option<String>,
    /// State folder of a container runtime, besides the usual ones; may be repeated
    #[arg(long, value_name = "FOLDER")]
    pub runtime_state: Vec<String>,
    /// File with the kernel's types [default: /sys/kernel/btf/vmlinux]
    #[arg(long, value_name = "FILE")]
    pub btf: Option<String>,
    /// How to attach what can be attached in more than one way: auto, trampoline, tracepoint
    #[arg(long, value_name = "NAME")]
    pub back_end: Option<String>,
    /// Name of this node in events [default: $NODE_NAME, else the name of the host]
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// Files with rules, or folders of such, instead of those of the settings [default: /etc/picket/rules]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub rules: Vec<String>,
}

impl RunArgs {
    /// Everything that the settings of this process are made from.
    #[must_use]
    pub fn settings_input(&self) -> Input {
        let single = [
            ("--listen", &setting::STREAM_LISTEN, &self.listen),
            ("--btf", &setting::KERNEL_BTF, &self.btf),
            ("--back-end", &setting::KERNEL_BACK_END, &self.back_end),
            ("--node", &setting::NODE_NAME, &self.node),
        ];
        let mut flags: Vec<_> = single
            .into_iter()
            .filter_map(|(flag, setting, value)| Some(Flag { flag, setting, values: vec![value.clone()?] }))
            .collect();
        if !self.runtime_state.is_empty() {
            flags.push(Flag {
                flag: "--runtime-state",
                setting: &setting::IDENTITY_STATE_FOLDERS,
                values: self.runtime_state.iter().map(|folder| absolute(folder)).collect(),
            });
        }
        if !self.rules.is_empty() {
            flags.push(Flag {
                flag: "--rules",
                setting: &setting::RULES_PATHS,
                values: self.rules.iter().map(|path| absolute(path)).collect(),
            });
        }
        Input {
            file: self.config.clone(),
            flags,
            environment: std::env::vars_os().collect(),
            host_name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }
}

/// Arguments of `picket watch`.
#[derive(Args, Debug)]
#[command(after_help = "\
Options that select may be repeated, and each takes several values separated by commas: an event
passes if one of the values of each option matches. Losses are always shown: with --findings and
--incidents on standard error, so that standard output has nothing else.

Examples:
  picket watch --class exec,exit --namespace shop
  picket watch --class privilege,connect --containers-only
  picket watch --container 0123456789ab --ancestors 8 -o json
  picket watch --containers-only --count 10
  picket watch --incidents
  picket watch --findings --severity high
  picket watch -o falco | jq -r .output
  picket watch --connect https://10.0.0.1:7443 --ca ca.crt --certificate tls.crt --key tls.key

Exit codes: 0 ended as asked, 2 the agent cannot be reached or has ended, 64 wrong command line.")]
pub struct WatchArgs {
    /// Where the agent is
    #[command(flatten)]
    pub agent: ConnectArgs,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub output: WatchFormat,
    /// Which events
    #[command(flatten)]
    pub select: SelectArgs,
}

/// Which events are shown.
#[derive(Args, Clone, Debug, Default)]
pub struct SelectArgs {
    /// Show only what was found: rules that fired
    #[arg(long, conflicts_with = "class")]
    pub findings: bool,
    /// Show only incidents: what was found and belongs together, with what is at stake and what to do
    #[arg(long, conflicts_with_all = ["class", "findings"])]
    pub incidents: bool,
    /// Of findings and incidents, those that are at least so severe
    #[arg(long, value_name = "SEVERITY", value_enum, ignore_case = true)]
    pub severity: Option<LeastSeverity>,
    /// Of findings, those with these ids; of incidents, those with such a finding
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub finding: Vec<String>,
    /// Classes, such as exec, open, connect or FILE_OPEN, or families: process, container, file,
    /// network, privilege
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub class: Vec<Choice>,
    /// Of which containers
    #[command(flatten)]
    pub of: ContainerArgs,
    /// Leave out processes of the host
    #[arg(long)]
    pub containers_only: bool,
    /// Ancestors to add to each event, beyond its parent (JSON shows them)
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=16))]
    pub ancestors: u32,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
}

/// Containers that are meant: one of each option's values. None given: all, and the host.
#[derive(Args, Clone, Debug, Default)]
pub struct ContainerArgs {
    /// Kubernetes namespaces
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub namespace: Vec<String>,
    /// Pods, by name
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub pod: Vec<String>,
    /// Containers, by name, id, or at least 12 digits of the id
    #[arg(long, value_name = "NAME|ID", value_delimiter = ',')]
    pub container: Vec<String>,
}

/// Which rules fire on an event that several match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MatchingChoice {
    /// The first in the order of the files, as an agent does unless its settings say otherwise
    #[default]
    First,
    /// All of them
    All,
}

impl WatchArgs {
    /// The class of which alone events are shown, if there is one.
    #[must_use]
    pub fn only(&self) -> Option<Class> {
        self.select.only(self.output)
    }

    /// What to ask the agent for.
    #[must_use]
    pub fn request(&self) -> SubscribeRequest {
        self.select.request(self.output)
    }
}

impl SelectArgs {
    /// The class of which alone events are shown in this form, if there is one: Falco's has findings only.
    #[must_use]
    pub fn only(&self, output: WatchFormat) -> Option<Class> {
        match output {
            WatchFormat::Falco => Some(Class::Finding),
            _ if self.findings => Some(Class::Finding),
            _ if self.incidents => Some(Class::Incident),
            _ => None,
        }
    }

    /// As an agent is asked for them.
    #[must_use]
    pub fn request(&self, output: WatchFormat) -> SubscribeRequest {
        let classes = match self.only(output) {
            Some(class) => vec![class.into()],
            None => self.class.iter().flat_map(|choice| &choice.0).map(|&class| class.into()).collect(),
        };
        let least = self.severity.map_or(Severity::Unspecified, |severity| match severity {
            LeastSeverity::Low => Severity::Low,
            LeastSeverity::Medium => Severity::Medium,
            LeastSeverity::High => Severity::High,
            LeastSeverity::Critical => Severity::Critical,
        });
        SubscribeRequest {
            classes,
            minimum_severity: least.into(),
            findings: self.finding.clone(),
            namespaces: self.of.namespace.clone(),
            pods: self.of.pod.clone(),
            containers: self.of.container.clone(),
            containers_only: self.containers_only,
            ancestors: self.ancestors,
        }
    }
}

/// Arguments of `picket record`.
#[derive(Args, Debug)]
#[command(after_help = "\
The file holds what happens on the node while the command runs, arguments of programs and names of files
included: keep it as you would keep those. `picket replay` shows its events. docs/recordings.md says what is
in it, and what --anonymise replaces.

Examples:
  picket record --duration 30s
  picket record --output incident.recording --anonymise
  picket record --namespace shop --pod web-1
  picket record --output - --duration 5m | zstd > long.recording.zst

Exit codes: 0 ended as asked or by SIGINT, 1 the file cannot be written, 2 the agent cannot be reached,
refuses, or has ended (what came before is in the file), 64 wrong command line.")]
pub struct RecordArgs {
    /// Where the agent is
    #[command(flatten)]
    pub agent: ConnectArgs,
    /// New file to write, or - for standard output
    #[arg(long, value_name = "FILE", default_value = "picket.recording")]
    pub output: PathBuf,
    /// End after this time, such as 30s, 5m or 2h [default: at SIGINT or SIGTERM]
    #[arg(long, value_name = "TIME", value_parser = record::duration)]
    pub duration: Option<Duration>,
    /// End before the file is longer, such as 64M or 2G
    #[arg(long, value_name = "BYTES", default_value = "256M", value_parser = record::size)]
    pub size: u64,
    /// Keep the environment of programs, with all values
    #[arg(long, conflicts_with = "anonymise")]
    pub environment: bool,
    /// Keep the first bytes of connections and datagrams
    #[arg(long, conflicts_with = "anonymise")]
    pub payload: bool,
    /// Replace names, addresses and what else names people, workloads and machines
    #[arg(long)]
    pub anonymise: bool,
    /// Only what happens in these containers
    #[command(flatten)]
    pub of: ContainerArgs,
}

impl RecordArgs {
    /// What to ask the agent for.
    #[must_use]
    pub fn request(&self) -> RecordRequest {
        let ContainerArgs { namespace, pod, container } = self.of.clone();
        RecordRequest {
            environment: self.environment,
            payload: self.payload,
            anonymise: self.anonymise,
            namespaces: namespace,
            pods: pod,
            containers: container,
        }
    }
}

/// Arguments of `picket replay`.
#[derive(Args, Debug)]
#[command(after_help = "\
Options that select are those of `picket watch`. The events are the same on every run, cursors included.

Examples:
  picket replay picket.recording
  picket replay picket.recording --class exec,connect -o json
  picket replay picket.recording --rules my_rules.yaml --findings
  picket replay picket.recording --rules /etc/picket/rules --incidents
  zstd -dc long.recording.zst | picket replay -

Exit codes: 0 the whole recording was shown, 1 it cannot be read or is damaged (the events before are shown),
64 wrong command line.")]
pub struct ReplayArgs {
    /// Recording, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub output: WatchFormat,
    /// Rules by which the events are judged: files, or folders of such; may be repeated
    #[arg(long, value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Which rules fire on an event that several match, as `rules.matching` of the settings
    #[arg(long, value_enum, default_value_t)]
    pub matching: MatchingChoice,
    /// Which events
    #[command(flatten)]
    pub select: SelectArgs,
}

/// A folder named on the command line is meant from the current one; in the file it is absolute.
fn absolute(folder: &str) -> String {
    std::path::absolute(folder).map_or_else(|_| folder.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// Arguments of `picket status`.
#[derive(Args, Debug)]
#[command(after_help = "\
The table of events has a line for each class that is not served, is missed by the agent's own trials,
or had events; the columns are explained in docs/operations.md.

Exit codes: 0 the agent is ready, 1 it says that it is not, 2 it cannot be reached. With --alive, 0 says that it
answers, ready or not.

Examples, as probes:
  picket status              of readiness: events come through
  picket status --alive      of life: a new start would not help an agent that answers")]
pub struct StatusArgs {
    /// Where the agent is
    #[command(flatten)]
    pub agent: ConnectArgs,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub output: OutputFormat,
    /// Show every class and every hook
    #[arg(long)]
    pub all: bool,
    /// Say by the exit code only whether the agent answers, and print nothing
    #[arg(long, conflicts_with_all = ["output", "all"])]
    pub alive: bool,
}

/// Arguments of `picket normal`.
#[derive(Args, Debug)]
#[command(after_help = "\
What is marked as normal has always been so: known for a day, and seen in three containers or on three occasions.
docs/tuning.md says what it is for.

Examples:
  picket normal
  picket normal 'registry.example/shop/*' -o json")]
pub struct NormalArgs {
    /// Images, without tag: * stands for any characters [default: all]
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Where the agent is
    #[command(flatten)]
    pub agent: ConnectArgs,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// Arguments of `picket check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Looks at the kernel's types, its features and the caller's privileges, and attaches nothing.

Exit codes: 0 the agent can run here, 1 it cannot.")]
pub struct CheckArgs {
    /// File with the kernel's types
    #[arg(long, value_name = "FILE", default_value = "/sys/kernel/btf/vmlinux")]
    pub btf: PathBuf,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub output: OutputFormat,
}

/// Arguments of `picket rules`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  picket rules check rules/ own.yaml
  picket rules list -o json rules/")]
pub struct RulesArgs {
    /// What to do with them
    #[command(subcommand)]
    pub command: RulesCommand,
}

/// What to do with rule files.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Tell whether rule files can be loaded, and what is wrong if not; needs no agent and no root
    Check(RulesCheckArgs),
    /// List the rules of files: name, priority, tags, kinds of events
    List(RulesListArgs),
    /// Tell whether rules find in a recording what is expected, no more and no less; needs no agent and no root
    Test(RulesTestArgs),
}

/// Arguments of `picket rules check`.
#[derive(Args, Debug)]
#[command(after_help = "\
All files are loaded together, in the order given: later ones can change what earlier ones define.

Exit codes: 0 all of them load, 1 something is wrong: each problem is a line FILE:LINE:COLUMN: REASON.")]
pub struct RulesCheckArgs {
    /// Files, or folders of which every .yaml and .yml file is read, by name
    #[arg(value_name = "FILE|FOLDER", required = true)]
    pub paths: Vec<PathBuf>,
}

/// Arguments of `picket rules test`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  picket record --duration 30s --output attack.recording
  picket rules test my_rules.yaml --recording attack.recording --expect attack.expected --write
  picket rules test my_rules.yaml --recording attack.recording --expect attack.expected

A line of the expectations is a JSON object such as
  {\"rule\": \"Shell in a container\", \"count\": 2, \"fields\": {\"proc.name\": \"sh\"}}
docs/rules.md says more.

Exit codes: 0 the rules found what is expected, 1 they did not, or something could not be read.")]
pub struct RulesTestArgs {
    /// Rules: files, or folders of which every .yaml and .yml file is read, by name
    #[arg(value_name = "FILE|FOLDER", required = true)]
    pub paths: Vec<PathBuf>,
    /// Recording that they judge, as `picket record` wrote it
    #[arg(short, long, value_name = "FILE")]
    pub recording: PathBuf,
    /// What they are to find
    #[arg(short, long, value_name = "FILE")]
    pub expect: PathBuf,
    /// Which rules fire on an event that several match, as `rules.matching` of the settings
    #[arg(long, value_enum, default_value_t)]
    pub matching: MatchingChoice,
    /// Write what they found to the file of expectations, to be reviewed, instead of comparing
    #[arg(long)]
    pub write: bool,
}

/// Arguments of `picket rules list`.
#[derive(Args, Debug)]
pub struct RulesListArgs {
    /// Files, or folders of which every .yaml and .yml file is read, by name
    #[arg(value_name = "FILE|FOLDER", default_value = "/etc/picket/rules")]
    pub paths: Vec<PathBuf>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t)]
    pub output: OutputFormat,
}
