//! Settings from every place, and what is said of wrong ones.

use std::time::Duration;

use sensor_common::{
    limits::{NETWORKS_MAX, PORTS_MAX},
    policy::Verdict,
};

use super::*;
use crate::blessed;
use crate::config::resolved::LogFormat;
use crate::config::setting::ALL;

fn with_file(text: &str) -> (tempfile::TempDir, Input) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("picket.toml");
    std::fs::write(&file, text).unwrap();
    let input = Input { file: Some(file), host_name: "host".into(), ..Input::default() };
    (folder, input)
}

fn file(text: &str) -> Result<Config, ConfigError> {
    load(&with_file(text).1)
}

/// The message without the folder of the file.
fn refused(text: &str) -> String {
    let (folder, input) = with_file(text);
    load(&input).unwrap_err().to_string().replace(&format!("{}/", folder.path().display()), "")
}

fn environment(variables: &[(&str, &str)]) -> Input {
    let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Input { environment, ..Input::default() }
}

fn resolved_environment(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let (_folder, input) = with_file("");
    load(&Input { environment: environment(variables).environment, ..input })
}

#[test]
fn defaults_are_those_of_the_table() {
    let config = file("").unwrap();
    assert_eq!(config.node, "host");
    assert_eq!(config.stream.listen.to_string(), "unix:///run/picket/picket.sock");
    assert_eq!(config.stream.limits.queue_events, 8192);
    assert_eq!(config.stream.limits.subscribers_max, 64);
    assert_eq!(config.kernel.ring_bytes, 8 << 20);
    assert_eq!(config.kernel.btf, Path::new("/sys/kernel/btf/vmlinux"));
    assert_eq!(config.kernel.cgroup_hierarchy, "auto");
    assert!(!config.kernel.diagnostics);
    assert_eq!(config.process.exited_retention, Duration::from_secs(60));
    assert_eq!(config.process.environment, ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"]);
    assert!(config.identity.state_folders.is_empty());
    assert!(config.identity.cri.contains(&"/run/containerd/containerd.sock".into()));
    assert_eq!(config.identity.labels, ["app", "k8s-app", "app.kubernetes.io/*"]);
    assert!(config.identity.annotations.is_empty());
    assert_eq!((config.log.level.as_str(), config.log.format), ("info", LogFormat::Text));
    let values = raw::Values::default();
    for setting in ALL {
        assert_eq!(values.get(setting).is_none(), setting.default.is_empty(), "{}", setting.key);
    }
}

#[test]
fn a_file_sets_everything() {
    let config = file(
        "node.name = 'n1'\n\
         [stream]\nlisten = 'unix:///tmp/s'\nsubscriber_queue_events = 1_000\nsubscribers_max = 0x10\n\
         [kernel]\nring_bytes = 65536\nbtf = '/b'\ndiagnostics = true\ncgroup_hierarchy = 'memory'\n\
         [process]\nprocesses_max = 2000\nexited_retention_s = 0\nenvironment = []\n\
         [identity]\nstate_folders = ['/a', '/b']\ncontainers_max = 64\nhost_root = '/host'\n\
         [log]\nlevel = 'debug'\nformat = 'json'\n",
    )
    .unwrap();
    assert_eq!(config.node, "n1");
    assert_eq!(config.stream.limits.queue_events, 1000);
    assert_eq!(config.stream.limits.subscribers_max, 16);
    assert_eq!(config.kernel.cgroup_hierarchy, "memory");
    assert!(config.kernel.diagnostics && config.process.environment.is_empty());
    assert_eq!(config.identity.state_folders, [Path::new("/a"), Path::new("/b")]);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let (_folder, mut input) = with_file("[node]\nname = 'file'\n[log]\nlevel = 'warn'");
    assert_eq!(load(&input).unwrap().node, "file");
    input.environment =
        environment(&[("PICKET_NODE_NAME", "variable"), ("NODE_NAME", "kubernetes")]).environment;
    assert_eq!(load(&input).unwrap().node, "variable");
    input.flags = vec![Flag { flag: "--node", setting: &setting::NODE_NAME, values: vec!["flag".into()] }];
    let config = load(&input).unwrap();
    assert_eq!((config.node.as_str(), config.log.level.as_str()), ("flag", "warn"));
}

#[test]
fn the_node_is_named_by_kubernetes_or_the_host() {
    assert_eq!(resolved_environment(&[("NODE_NAME", "worker-1")]).unwrap().node, "worker-1");
    assert_eq!(resolved_environment(&[("NODE_NAME", "")]).unwrap().node, "host");
}

#[test]
fn lists_in_the_environment_are_separated_by_commas() {
    let config = resolved_environment(&[
        ("PICKET_IDENTITY_STATE_FOLDERS", "/a,/b"),
        ("PICKET_PROCESS_ENVIRONMENT", ""),
    ])
    .unwrap();
    assert_eq!(config.identity.state_folders.len(), 2);
    assert!(config.process.environment.is_empty());
}

#[test]
fn unknown_names_are_refused_with_place_and_hint() {
    let message = refused("[stream]\n  lisen = 'x'\n");
    assert!(message.starts_with("picket.toml:2:3: there is no setting `stream.lisen`"), "{message}");
    assert!(message.contains("did you mean `stream.listen`?"), "{message}");
    assert!(
        refused("[straem]\n")
            .contains("picket.toml:1:2: there is no section `straem` (did you mean `stream`?)")
    );
    assert!(refused("foo = 1").contains("no section `foo`;"));
    assert!(refused("stream = 1").contains("1:1"));
    let message = resolved_environment(&[("PICKET_STREAM_LISTN", "x")]).unwrap_err().to_string();
    assert!(message.starts_with("environment variable PICKET_STREAM_LISTN: there is no"), "{message}");
    assert!(message.contains("PICKET_STREAM_LISTEN"), "{message}");
}

/// TCP without TLS, and TLS without clients' certificates, cannot be set.
#[test]
fn tcp_needs_all_that_mutual_tls_needs() {
    assert_eq!(file("").unwrap().tls, None);
    assert_eq!(file("[tls]\ncertificate = '/c'\nlisten = ''").unwrap().tls, None);
    let mut text = "[tls]\nlisten = '0.0.0.0:7443'\n".to_owned();
    for (needed, more) in [("certificate", "certificate = '/c'"), ("key", "key = '/k'"), ("client_ca", "")] {
        let message = refused(&text);
        let expected = format!("picket.toml:2:10: tls.listen needs tls.{needed}, which is not set: TCP is");
        assert!(message.starts_with(&expected), "{message}");
        text.push_str(&format!("{more}\n"));
    }
    text.push_str("client_ca = '/a'\n");
    let tls = file(&text).unwrap().tls.unwrap();
    assert_eq!((tls.listen.to_string().as_str(), tls.connections_max), ("0.0.0.0:7443", 64));
    assert!(tls.clients.is_empty());
    let named = "clients = ['reader.shop.svc', 'spiffe://x/ns/shop']";
    assert_eq!(file(&format!("{text}{named}")).unwrap().tls.unwrap().clients.len(), 2);
}

#[test]
fn variables_of_others_are_left_alone() {
    let others = [
        ("PICKET_LOG", "debug"),
        ("PICKET_BIN", "x"),
        ("PICKET_SERVICE_HOST", "10.0.0.1"),
        ("PICKET_PORT", "tcp://10.0.0.1:1"),
        ("PICKET_METRICS_PORT_9090_TCP_ADDR", "10.0.0.1"),
        ("PATH", "/bin"),
    ];
    resolved_environment(&others).unwrap();
}

#[test]
fn values_that_do_not_fit_say_what_does() {
    let message = refused("[stream]\nsubscriber_queue_events = 3\n");
    let expected = "picket.toml:2:27: stream.subscriber_queue_events = 3: must be a whole number of events from 16 to 1048576";
    assert_eq!(message, expected);
    for (text, expected) in [
        ("[stream]\nsubscribers_max = '5'", "a whole number of subscribers"),
        ("[stream]\nsubscribers_max = -1", "a whole number"),
        ("[stream]\nsubscribers_max = 1.5", "a whole number"),
        ("[stream]\nlisten = 'tcp://0.0.0.0:1'", "an address such as unix:///"),
        ("[kernel]\nring_bytes = 70000", "a power of two"),
        ("[kernel]\nring_bytes = 4096", "from 65536"),
        ("[kernel]\nbtf = 'relative'", "an absolute path"),
        ("[kernel]\ndiagnostics = 1", "true or false"),
        ("[kernel]\ncgroup_hierarchy = 'v3'", "pids"),
        ("[process]\nenvironment = ['A=b']", "without `=`"),
        ("[identity]\nstate_folders = ['/a', 1]", "a list of absolute paths"),
        ("[identity]\nstate_folders = '/a'", "a list of absolute paths"),
        ("[log]\nformat = 'xml'", "one of text, json"),
        ("[tls]\nlisten = '7443'", "an IP address and a port"),
        ("[tls]\nlisten = 'localhost:7443'", "an IP address and a port"),
        ("[tls]\nclients = ['a b']", "DNS names"),
        ("[tls]\ncertificate = 'tls.crt'", "an absolute path"),
        ("[tls]\nconnections_max = 0", "a whole number of connections from 1"),
        ("[metrics]\nlisten = 'http://0.0.0.0:9464'", "an IP address and a port"),
        ("[node]\nname = \"a\\u001b[2J\"", "printable"),
    ] {
        let message = refused(text);
        assert!(message.contains(expected) && message.contains("picket.toml:2:"), "{message}");
    }
    let message = resolved_environment(&[("PICKET_LOG_LEVEL", "loud")]).unwrap_err().to_string();
    assert!(message.contains("PICKET_LOG_LEVEL: log.level = loud: must be one of error"), "{message}");
}

#[test]
fn what_is_no_toml_is_refused_with_its_place() {
    let message = refused("[stream]\nlisten = \n");
    assert!(message.starts_with("picket.toml:2:"), "{message}");
    assert!(refused("[log]\nlevel='info'\nlevel='warn'").starts_with("picket.toml:3:1"), "twice");
}

#[test]
fn a_named_file_must_exist() {
    let input = Input { file: Some("/nowhere/picket.toml".into()), ..Input::default() };
    let message = load(&input).unwrap_err().to_string();
    assert!(message.contains("/nowhere/picket.toml"), "{message}");
    let variable = Input {
        environment: environment(&[("PICKET_CONFIG", "/nowhere/p")]).environment,
        ..Input::default()
    };
    assert!(matches!(load(&variable), Err(ConfigError::Read { .. })));
}

#[test]
fn the_documentation_is_up_to_date() {
    let pages =
        [("docs/configuration.md", reference::markdown()), ("deploy/host/picket.toml", reference::toml())];
    for (name, expected) in pages {
        blessed::is_up_to_date(name, &expected, "config");
    }
}

#[test]
fn the_default_file_says_what_holds_without_it() {
    assert_eq!(file(&reference::toml()).unwrap(), file("").unwrap());
}

/// By default another process's memory and environment are told however they are reached, while what
/// programs write about themselves is quiet.
#[test]
fn by_default_no_way_to_memory_is_quiet() {
    let files = file("").unwrap().wanted.policy(1).unwrap().files;
    for path in ["/proc/1/mem", "/proc/1/task/1/mem", "/proc/1/environ", "/proc/1/task/7/environ"] {
        for written in [false, true] {
            assert_eq!(files.opened(path, 0o100_600, written), Some(Verdict::Wanted), "{path}");
        }
    }
    assert_eq!(files.opened("/proc/1/task/7/comm", 0o100_600, true), Some(Verdict::Quiet));
}

#[test]
fn patterns_of_keys_are_checked_and_a_runtime_can_be_left_out() {
    let config = file("[identity]\ncri = []\nlabels = [\"team-*\"]\n").unwrap();
    assert!(config.identity.cri.is_empty());
    assert_eq!(config.identity.labels, ["team-*"]);
    assert!(refused("[identity]\nlabels = [\"[a\"]").contains("patterns of keys"));
    let many = vec!["\"a\""; 65].join(",");
    assert!(refused(&format!("[identity]\nannotations = [{many}]")).contains("at most 64"));
    let variable = resolved_environment(&[("PICKET_IDENTITY_CRI", "")]).unwrap();
    assert!(variable.identity.cri.is_empty());
}

/// More than the kernel's tables hold is refused where it is written.
#[test]
fn ports_and_networks_are_bounded() {
    let list = |count: u32, item: fn(u32) -> String| {
        (1..=count).map(|number| format!("\"{}\"", item(number))).collect::<Vec<_>>().join(", ")
    };
    let port: fn(u32) -> String = |number| number.to_string();
    let network: fn(u32) -> String = |number| format!("10.{}.{}.0/24", number / 256, number % 256);
    for (key, item, max) in [("quiet_ports", port, PORTS_MAX), ("quiet_networks", network, NETWORKS_MAX)] {
        assert!(file(&format!("[network]\n{key} = [{}]", list(max, item))).is_ok());
        let message = refused(&format!("[network]\n{key} = [{}]", list(max + 1, item)));
        assert!(message.contains(key) && message.contains(&format!("at most {max}")), "{message}");
    }
}

#[test]
fn a_long_value_is_cut_in_the_message() {
    let ports: Vec<_> = (1..1100).map(|port: u32| port.to_string()).collect();
    let message = refused(&format!("[network]\nquiet_ports = [{}]\n", ports.join(",")));
    assert!(message.starts_with("picket.toml:2:15: network.quiet_ports = [1,2,3,"), "{message}");
    assert!(message.contains("…: must be a list of at most 1024 ports"), "{message}");
    assert!(message.len() < 300, "{message}");
}
