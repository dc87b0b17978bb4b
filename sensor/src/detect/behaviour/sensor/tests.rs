//! Attacks on the sensor, and those who may do the same.

use sensor_common::{call::Call, class::Class, ledger::LossReason, record::process::FileFlags, tail::Tail};

use super::*;
use crate::detect::behaviour::tests::{Stage, container};
use crate::process::TICK_NS;

/// The sensor, started by the runtime's shim.
const SENSOR: u32 = 300;
const GROUP: u64 = 50;

fn stage() -> (Stage, u32) {
    let mut stage = Stage::of(Sensor::new(Bounds { entries_max: 8 }));
    stage.group(GROUP, "/system.slice/picket.service", None);
    stage.host(SENSOR, 1, GROUP, "/usr/bin/picket");
    stage.pipeline.set_sensor(SENSOR);
    let first = stage.container(1, container(1, "shop"));
    assert!(stage.take().is_empty() && TICK_NS > 0);
    (stage, first)
}

fn kill(stage: &mut Stage, pid: u32, target: u32, signal: u64) -> Vec<(Severity, String)> {
    stage.aimed(pid, Class::Signal, target, |record| {
        record.call = Call::Kill as u32;
        record.arguments[1] = signal;
    });
    stage.take().into_iter().map(|told| (told.severity, told.finding.summary)).collect()
}

#[test]
fn a_container_that_signals_the_sensor_is_told_whatever_the_call_is() {
    let (mut stage, shell) = stage();
    let told = kill(&mut stage, shell, SENSOR, 9);
    assert_eq!(told.len(), 1);
    assert!(told[0].0 == Severity::Critical && told[0].1.contains("SIGKILL"), "{told:?}");
    assert_eq!(kill(&mut stage, shell, 20, 9), [], "somebody else");
    assert_eq!(kill(&mut stage, shell, SENSOR, 17), []);
    stage.aimed(shell, Class::Signal, SENSOR, |record| {
        record.call = Call::Tgkill as u32;
        (record.arguments[2], record.result) = (19, -1);
    });
    let told = stage.take();
    assert_eq!(told[0].severity, Severity::High);
    assert!(told[0].finding.summary.contains("SIGSTOP"));
    for class in [Class::Ptrace, Class::ProcessMemory, Class::PidfdGetfd] {
        stage.aimed(shell, class, SENSOR, |record| record.arguments[0] = 16);
        assert_eq!(stage.ids(), ["sensor-attacked"], "{class:?}");
    }
}

#[test]
fn the_service_manager_the_runtime_and_the_parent_may_and_a_person_is_medium() {
    let (mut stage, _) = stage();
    assert_eq!(kill(&mut stage, 1, SENSOR, 15), []);
    assert_eq!(kill(&mut stage, 20, SENSOR, 9), [], "the shim");
    stage.host(400, 1, 1, "/usr/bin/bash");
    let told = kill(&mut stage, 400, SENSOR, 15);
    assert_eq!(told.iter().map(|(severity, _)| *severity).collect::<Vec<_>>(), [Severity::Medium]);
    assert_eq!(kill(&mut stage, 400, SENSOR, 1), [], "it reads its settings anew");
    // Who started it by hand ends it as well.
    stage.host(401, 400, 1, "/usr/bin/picket");
    stage.pipeline.set_sensor(401);
    assert_eq!(kill(&mut stage, 400, 401, 15), []);
}

#[test]
fn who_descends_from_a_container_is_none_of_them() {
    let (mut stage, shell) = stage();
    let child = stage.fork(shell);
    stage.act(child).cgroup = 1;
    stage.exec(child, "/usr/lib/systemd/systemd", |_| {});
    assert_eq!(kill(&mut stage, child, SENSOR, 9)[0].0, Severity::Critical);
}

#[test]
fn trials_of_its_own_and_of_another_sensor_are_nothing() {
    let (mut stage, _) = stage();
    let own = stage.fork(SENSOR);
    stage.aimed(own, Class::Ptrace, SENSOR, |record| record.arguments[0] = 16);
    assert_eq!(kill(&mut stage, own, SENSOR, 9), []);
    let other = stage.container(2, container(2, "picket"));
    let child = stage.fork(other);
    stage.aimed(other, Class::Ptrace, child, |record| record.arguments[0] = 16);
    assert_eq!(kill(&mut stage, other, child, 9), []);
    assert!(stage.take().is_empty());
}

#[test]
fn its_control_group_is_its_own() {
    let (mut stage, shell) = stage();
    let freeze = |stage: &mut Stage, pid: u32, group: &[u8], value: &[u8]| {
        let path = [b"cgroup.freeze\0", group, b"cgroup\0fs\0sys\0"].concat();
        stage.call_with(pid, Class::ControlWrite, &[(Tail::Path, &path), (Tail::Value, value)], |_| {});
        stage.take().len()
    };
    assert_eq!(freeze(&mut stage, shell, b"picket.service\0system.slice\0", b"1\n\0"), 1);
    assert_eq!(freeze(&mut stage, shell, b"system.slice\0", b"1"), 1, "what is above it");
    assert_eq!(freeze(&mut stage, shell, b"picket.service\0system.slice\0", b"0\n"), 0);
    assert_eq!(freeze(&mut stage, shell, b"other.service\0system.slice\0", b"1\n"), 0);
    assert_eq!(freeze(&mut stage, 1, b"picket.service\0system.slice\0", b"1\n"), 0);
    stage.moved(SENSOR, shell, 1, "/");
    assert_eq!(stage.ids(), ["sensor-attacked"]);
    stage.moved(SENSOR, 1, GROUP, "/system.slice/picket.service");
    assert!(stage.ids().is_empty());
}

#[test]
fn its_files_and_pins_are_its_own() {
    let (mut stage, shell) = stage();
    let change = |stage: &mut Stage,
                  class: Class,
                  path: &str,
                  change: fn(&mut sensor_common::record::file::FileRecord)| {
        stage.file(shell, class, path, path, change);
        stage.take().len()
    };
    let disk: fn(&mut sensor_common::record::file::FileRecord) =
        |record| (record.flags, record.file.filesystem) = (1, 0xef53);
    assert_eq!(change(&mut stage, Class::FileOpen, "/host/etc/picket/picket.toml", disk), 1);
    assert_eq!(change(&mut stage, Class::FileOpen, "/host/usr/bin/picket", disk), 1);
    assert_eq!(change(&mut stage, Class::FileOpen, "/host/etc/picket/picket.toml", |_| {}), 0, "it is read");
    assert_eq!(
        change(&mut stage, Class::FileOpen, "/etc/picket/x", |record| {
            (record.flags, record.file.flags) = (1, FileFlags::OVERLAY_UPPER);
        }),
        0
    );
    let pin: fn(&mut sensor_common::record::file::FileRecord) = |record| record.file.filesystem = BPF;
    assert_eq!(change(&mut stage, Class::FileUnlink, "/host/sys/fs/bpf/picket/witness-v1", pin), 1);
    assert_eq!(change(&mut stage, Class::FileUnlink, "/sys/fs/bpf/own", pin), 0);
    stage.call(shell, Class::Bpf, |record| record.arguments[0] = 34);
    assert_eq!(stage.ids(), ["container-takes-kernel-programs"]);
    stage.call(shell, Class::Bpf, |record| record.arguments[0] = 0);
    assert!(stage.ids().is_empty());
}

#[test]
fn who_floods_is_named_once() {
    let (mut stage, _) = stage();
    let window = |stage: &mut Stage| {
        for _ in 0..11 {
            stage.tick();
        }
        stage.take()
    };
    window(&mut stage);
    let flood = Stage::cgroup_of(1);
    stage.lost(flood, Class::FileOpen, LossReason::RingFull, 900);
    stage.lost(GROUP, Class::FileOpen, LossReason::RingFull, 50);
    assert!(window(&mut stage).is_empty(), "few");
    for _ in 0..2 {
        stage.lost(flood, Class::FileOpen, LossReason::RingFull, 900);
        stage.lost(GROUP, Class::FileOpen, LossReason::RingFull, 500);
    }
    let told = window(&mut stage);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((told[0].severity, told[0].container.clone()), (Severity::Medium, format!("{:064x}", 1)));
    stage.lost(flood, Class::FileOpen, LossReason::RingFull, 5_000);
    assert!(window(&mut stage).is_empty(), "not again so soon");
    stage.lost(GROUP, Class::FileOpen, LossReason::RateLimited, 500_000);
    assert_eq!(window(&mut stage)[0].severity, Severity::Low);
}

#[test]
fn many_that_lose_are_bounded() {
    let (mut stage, _) = stage();
    for cgroup in 1..10_000 {
        stage.lost(cgroup, Class::FileOpen, LossReason::RingFull, 1);
    }
    let table = stage.pipeline.judged().remembered;
    assert_eq!((table.entries, table.most), (8, 8));
}
