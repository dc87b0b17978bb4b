//! The JSON form that outside readers rely on.

use super::*;

fn exec() -> Event {
    Event {
        cursor: "c1".into(),
        time: Some(Timestamp { seconds: 1_795_323_600, nanos: 123_456_789 }),
        node: "n1".into(),
        class: Class::ProcessExec.into(),
        process: Some(Process {
            exec_id: "p1".into(),
            pid: Some(4242),
            container_pid: Some(7),
            executable: "/bin/busybox".into(),
            arguments: vec!["sh".into(), "-c".into(), "id".into()],
            uid: Some(0),
            parent: Some(Box::new(Process { pid: Some(4200), ..Process::default() })),
            ..Process::default()
        }),
        container: Some(Container {
            id: "0".repeat(64),
            pod: Some(Pod { namespace: "default".into(), ..Pod::default() }),
            ..Container::default()
        }),
        facts: Some(event::Facts::Exec(Exec {
            file: Some(FileIdentity {
                inode: u64::MAX,
                layer: Some(file_identity::Layer::Upper.into()),
                ..FileIdentity::default()
            }),
            gained: vec![PrivilegeGain::Setuid.into()],
            ..Exec::default()
        })),
        ..Event::default()
    }
}

#[test]
fn an_exec_has_the_names_of_the_contract() {
    let json = serde_json::to_value(exec()).unwrap();
    let expected = serde_json::json!({
        "cursor": "c1",
        "time": "2026-11-22T05:00:00.123456789Z",
        "node": "n1",
        "class": "PROCESS_EXEC",
        "process": {
            "execId": "p1", "pid": 4242, "containerPid": 7, "executable": "/bin/busybox",
            "arguments": ["sh", "-c", "id"], "uid": 0, "parent": {"pid": 4200},
        },
        "container": {"id": "0".repeat(64), "pod": {"namespace": "default"}},
        "exec": {"file": {"inode": "18446744073709551615", "layer": "UPPER"}, "gained": ["SETUID"]},
    });
    assert_eq!(json, expected);
}

#[test]
fn json_reads_back() {
    let text = serde_json::to_string(&exec()).unwrap();
    assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), exec());
}

#[test]
fn enum_numbers_of_a_newer_schema_appear_as_numbers() {
    let event = Event {
        class: 999,
        facts: Some(event::Facts::Exec(Exec {
            file: Some(FileIdentity { layer: Some(77), ..FileIdentity::default() }),
            gained: vec![1, 88],
            ..Exec::default()
        })),
        ..Event::default()
    };
    let json = serde_json::to_value(event).unwrap();
    let exec = serde_json::json!({"file": {"layer": 77}, "gained": ["SETUID", 88]});
    assert_eq!(json, serde_json::json!({"class": 999, "exec": exec}));
}

#[test]
fn times_and_spans_have_their_canonical_form() {
    let time = |seconds, nanos| Timestamp { seconds, nanos }.to_string();
    assert_eq!(time(0, 0), "1970-01-01T00:00:00Z");
    assert_eq!(time(0, 120_000_000), "1970-01-01T00:00:00.120Z");
    assert_eq!(time(-1, 1_000), "1969-12-31T23:59:59.000001Z");
    assert_eq!(Timestamp::from_unix_nanos(-1), Timestamp { seconds: -1, nanos: 999_999_999 });
    assert_eq!(Duration::from_nanos(1_500_000_000).to_string(), "1.500s");
    assert_eq!(Duration::from_nanos(-1_500_000_000).to_string(), "-1.500s");
    let span: Duration = serde_json::from_str("\"-0.000000001s\"").unwrap();
    assert_eq!(span, Duration { seconds: 0, nanos: -1 });
}

#[test]
fn extreme_times_do_not_panic() {
    for seconds in [i64::MIN, i64::MAX] {
        for nanos in [i32::MIN, i32::MAX] {
            assert!(!Timestamp { seconds, nanos }.to_string().is_empty());
            assert!(!Duration { seconds, nanos }.to_string().is_empty());
        }
    }
}

#[test]
fn the_descriptor_names_the_service() {
    let name = b"Sensor";
    assert!(DESCRIPTOR.windows(name.len()).any(|window| window == name));
}
