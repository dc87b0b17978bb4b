//! What runtimes write for usual and for privileged containers, and what only looks like it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What containerd's CRI writes of a privileged container, cut down.
fn privileged() -> Value {
    let all =
        ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_PTRACE", "CAP_NET_ADMIN", "CAP_SYSLOG"];
    json!({
        "hostname": "web-1",
        "process": {"capabilities": {"bounding": all, "effective": all}},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid"]},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "rw"]},
            {"destination": "/host", "type": "bind", "source": "/", "options": ["rbind", "rslave", "ro"]},
            {"destination": "/data", "source": "/srv/data", "options": ["bind", "rw"]}
        ],
        "linux": {"resources": {"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "access": "rwm"}]}}
    })
}

fn read(config: &Value) -> Spec {
    Spec::read(config.to_string().as_bytes())
}

/// The verdict on a privileged container's file with one thing changed.
fn changed(pointer: &str, value: Value) -> Option<bool> {
    let mut config = privileged();
    *config.pointer_mut(pointer).unwrap() = value;
    read(&config).privileged()
}

#[test]
fn a_privileged_container_is_told_from_one_with_much() {
    assert_eq!(read(&privileged()).privileged(), Some(true));
    let devices = |rules: Value| changed("/linux/resources/devices", rules);
    assert_eq!(
        devices(json!([{"allow": false}])),
        Some(true),
        "without the host's devices: /sys is writable"
    );
    assert_eq!(changed("/process/capabilities/bounding", json!(["CAP_SYS_ADMIN"])), Some(false));
    assert_eq!(changed("/process", json!({})), Some(false));
    let masked = json!({"maskedPaths": ["/proc/kcore"], "resources": {"devices": [{"allow": true}]}});
    assert_eq!(changed("/linux", masked.clone()), Some(false), "all capabilities, and nothing else");
    let read_only = json!({"readonlyPaths": ["/proc/sys"], "maskedPaths": []});
    assert_eq!(changed("/linux", read_only), Some(false));
    assert_eq!(changed("/linux", Value::Null), None);
}

#[test]
fn every_device_is_allowed_only_by_the_last_word_about_all() {
    let mut config = privileged();
    config["mounts"][1]["options"] = json!(["nosuid", "ro"]);
    let mut with = |rules: Value| {
        config["linux"]["resources"]["devices"] = rules;
        read(&config).privileged()
    };
    let all = json!({"allow": true, "access": "rwm"});
    assert_eq!(with(json!([all])), Some(true));
    assert_eq!(
        with(json!([{"allow": true, "type": "a", "major": -1, "minor": -1, "access": "rwm"}])),
        Some(true)
    );
    assert_eq!(with(json!([all, {"allow": false, "access": "rwm"}])), Some(false));
    for one in [
        json!({"allow": true, "type": "c", "access": "rwm"}),
        json!({"allow": true, "major": 1, "access": "rwm"}),
        json!({"allow": true, "access": "m"}),
        json!({"allow": false}),
    ] {
        assert_eq!(with(json!([one])), Some(false), "{one}");
    }
    assert_eq!(with(Value::Null), Some(false));
}

#[test]
fn only_what_is_of_the_host_is_a_mount() {
    let details = read(&privileged()).details();
    assert_eq!(details.hostname, "web-1");
    let mut text = String::new();
    details.mounts.unwrap().write(&mut text);
    assert_eq!(text, "/:/host::false:rslave,/srv/data:/data::true:");
}

#[test]
fn a_user_namespace_is_read() {
    let mut config = privileged();
    config["linux"]["uidMappings"] = json!([{"containerID": 0, "hostID": 65536, "size": 65536}]);
    let details = read(&config).details();
    assert_eq!((details.uids.inside(65537), details.gids.inside(65537)), (Some(1), Some(65537)));
}

#[test]
fn a_file_of_another_form_tells_nothing() {
    for broken in [
        "",
        "[]",
        "7",
        r#"{"mounts": 7}"#,
        r#"{"linux": {"uidMappings": [{"size": -1}]}}"#,
        "{\"hostname\": \"a",
    ] {
        let spec = Spec::read(broken.as_bytes());
        assert_eq!((spec.privileged(), spec.details()), (None, Details::default()), "{broken}");
    }
    let long = json!({"hostname": "h".repeat(65)});
    assert_eq!(read(&long).details(), Details::default());
}

proptest! {
    #[test]
    fn any_bytes_are_taken(cut in 0usize..900, place in 0usize..900, byte in any::<u8>()) {
        let mut bytes = privileged().to_string().into_bytes();
        if let Some(changed) = bytes.get_mut(place) {
            *changed = byte;
        }
        bytes.truncate(cut);
        let spec = Spec::read(&bytes);
        let _ = spec.privileged();
        prop_assert!(spec.details().users.is_none());
    }
}
