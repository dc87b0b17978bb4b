//! Miners of several make are found; work that looks alike is not.

use sensor_common::{
    call::Call,
    class::Class,
    record::{
        file::FileRecord,
        network::{Facts as NetFacts, NetRecord, Phase},
    },
};

use super::*;
use crate::detect::behaviour::world::{HOST, Lies, World, file};

const BOX: u64 = 77;
const SHELL: u32 = 10;
const POOL: &str = "198.51.100.7:3333";
const WEB: &str = "198.51.100.8:443";
const IDLE: u32 = 5;

fn world() -> World<Mining> {
    let mut world = World::new(Mining::new(Bounds::default()));
    world.container(BOX);
    world.exec(BOX, (2, 1), "/app/init", file(1, Lies::Image));
    world.exec(BOX, (1, SHELL), "/bin/sh -c ./x", file(2, Lies::Image));
    assert!(world.found.is_empty());
    world
}

fn usage() -> Usage {
    Usage { cgroup: BOX, ..Usage::default() }
}

fn severities(world: &World<Mining>) -> Vec<Severity> {
    world.found.iter().map(|finding| finding.severity).collect()
}

/// Threads of a process are bound to one processor each.
fn pin(world: &mut World<Mining>, pid: u32, processors: u32) {
    for processor in 0..processors {
        world.schedule(BOX, pid, Call::SchedSetaffinity, 0, 1 << processor);
    }
}

#[test]
fn the_protocol_alone_is_enough() {
    let mut world = world();
    world.exec(BOX, (SHELL, 20), "/usr/bin/python3 agent.py", file(3, Lies::Image));
    world.connect(BOX, 20, 5, WEB);
    let found = world.say(BOX, 20, (5, WEB), Some(Protocol::Stratum), None);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((finding.severity, finding.id.as_str()), (Severity::Critical, "mining"));
    assert_eq!(finding.summary, "/usr/bin/python3 mines cryptocurrency.");
    assert!(finding.evidence[0].contains("198.51.100.8:443"), "{:?}", finding.evidence);
    for _ in 0..10 {
        assert!(world.say(BOX, 20, (5, WEB), Some(Protocol::Stratum), None).is_empty(), "told once");
    }
}

#[test]
fn weak_items_add_up_and_a_rise_is_told_again() {
    let mut world = world();
    world.exec(BOX, (SHELL, 20), "/tmp/.x/systemd-helper", file(3, Lies::Upper));
    world.connect(BOX, 20, 5, WEB);
    world.say(BOX, 20, (5, WEB), Some(Protocol::Tls), Some("www.example.com"));
    pin(&mut world, 20, 4);
    assert!(world.found.is_empty(), "{:?}", world.found);
    let mut used = usage();
    world.work(&mut used, 7, 390);
    assert_eq!(severities(&world), [Severity::Medium]);
    assert!(world.found[0].evidence.iter().any(|fact| fact.contains("3.9 processors without a pause")));
    let unlinked = FileRecord { file: file(3, Lies::Upper), ..FileRecord::default() };
    world.touch(BOX, SHELL, Class::FileUnlink, "/tmp/.x/systemd-helper", unlinked);
    assert_eq!(severities(&world), [Severity::Medium, Severity::High]);
}

#[test]
fn a_pool_behind_tls_or_a_proxy_is_known_by_its_name() {
    for protocol in [Protocol::Tls, Protocol::Socks5, Protocol::Http1] {
        let mut world = world();
        world.exec(BOX, (SHELL, 20), "/app/worker", file(3, Lies::Image));
        world.connect(BOX, 20, 5, WEB);
        world.say(BOX, 20, (5, WEB), Some(protocol), Some("pool.supportxmr.com"));
        assert_eq!(severities(&world), [Severity::Medium], "{protocol:?}");
        world.work(&mut usage(), 7, 180);
        assert_eq!(severities(&world), [Severity::Medium, Severity::High], "with the load");
    }
}

#[test]
fn names_that_are_looked_up_count_and_not_for_who_does_it_for_others() {
    let mut world = world();
    world.exec(BOX, (SHELL, 20), "/app/worker", file(3, Lies::Image));
    world.look_up(BOX, 20, "xmr-eu1.nanopool.org");
    assert_eq!(severities(&world), [Severity::Medium]);
    let mut world = self::world();
    world.exec(BOX, (SHELL, 20), "/coredns -conf /etc/coredns/Corefile", file(3, Lies::Image));
    world.look_up(BOX, 20, "xmr-eu1.nanopool.org");
    assert!(world.found.is_empty());
}

#[test]
fn arguments_count_whatever_the_program_is_called() {
    let mut world = world();
    world.exec(
        BOX,
        (SHELL, 20),
        "/usr/sbin/nginx -o stratum+ssl://198.51.100.7:443 -u x",
        file(3, Lies::Image),
    );
    assert_eq!(severities(&world), [Severity::High]);
    let mut world = self::world();
    world.exec(BOX, (SHELL, 20), "/bin/grep -r stratum+tcp:// /etc", file(3, Lies::Image));
    assert!(world.found.is_empty(), "who searches for it does not mine");
    world.exec(HOST, (1, 30), "/opt/x -o stratum+tcp://198.51.100.7:443", file(9, Lies::Image));
    assert_eq!(severities(&world), [Severity::High], "on the host, too");
}

/// M10: a program of nobody's image that takes what is left of the processors.
#[test]
fn what_was_dropped_and_takes_leftovers_is_told_without_any_connection() {
    type Set = fn(&mut World<Mining>, u32);
    let ways: [Set; 3] = [
        |world, pid| drop(world.schedule(BOX, pid, Call::SchedSetscheduler, IDLE, 0)),
        |world, pid| drop(world.schedule(BOX, pid, Call::Setpriority, 0, 139)),
        |world, pid| drop(world.schedule(BOX, pid, Call::SchedSetattr, IDLE, 120)),
    ];
    for set in ways {
        for (line, lies) in
            [("/opt/notes", Lies::Upper), ("/dev/shm/x", Lies::Temporary), ("memfd:x", Lies::Memory)]
        {
            let mut world = world();
            world.exec(BOX, (SHELL, 20), line, file(3, lies));
            assert!(world.found.is_empty());
            set(&mut world, 20);
            assert_eq!(severities(&world), [Severity::Medium], "{line}");
        }
    }
}

/// M04: a program of the image in the idle class, a thread for each processor, and a connection that says nothing.
#[test]
fn modest_threads_with_a_connection() {
    let mut world = world();
    world.exec(BOX, (SHELL, 20), "/usr/bin/python3 burn.py", file(3, Lies::Image));
    world.exec(BOX, (20, 21), "/usr/bin/python3 burn.py", file(3, Lies::Image));
    world.connect(BOX, 21, 6, WEB);
    world.say(BOX, 21, (6, WEB), Some(Protocol::Tls), Some("relay.example.org"));
    world.schedule(BOX, 20, Call::SchedSetscheduler, IDLE, 0);
    pin(&mut world, 20, 2);
    assert!(world.found.is_empty());
    world.pass(10);
    assert_eq!(severities(&world), [Severity::High]);
    world.pass(600);
    assert_eq!(world.found.len(), 1);
    // One that ended just before counts as well, one of long ago does not.
    for (seconds, expected) in [(10, 1), (100, 0)] {
        let mut world = self::world();
        world.exec(BOX, (SHELL, 20), "/usr/bin/python3 burn.py", file(3, Lies::Image));
        world.connect(BOX, 20, 6, WEB);
        world.connection(BOX, 20, Class::NetClose, (6, WEB), NetRecord::default());
        world.pass(seconds);
        world.schedule(BOX, 20, Call::SchedSetscheduler, IDLE, 0);
        pin(&mut world, 20, 2);
        world.pass(2);
        assert_eq!(world.found.len(), expected);
    }
}

#[test]
fn processes_that_are_pinned_one_by_one_count_together() {
    let mut world = world();
    for pid in 20..24 {
        world.exec(BOX, (SHELL, pid), "/usr/bin/taskset -c 0 ./x", file(4, Lies::Image));
        world.schedule(BOX, pid, Call::SchedSetaffinity, 0, 1 << (pid - 20));
        world.schedule(BOX, pid, Call::SchedSetscheduler, IDLE, 0);
        world.exec(BOX, (SHELL, pid), "/usr/bin/python3 burn.py", file(3, Lies::Image));
    }
    let mut used = usage();
    world.work(&mut used, 10, 5);
    assert!(world.found.is_empty());
    world.work(&mut used, 7, 195);
    assert_eq!(severities(&world), [Severity::Medium]);
}

#[test]
fn who_ends_rivals_and_stays_modest_is_one_of_them() {
    let mut world = world();
    world.exec_as(BOX, (SHELL, 20), "/bin/busybox", "killall xmrig", file(4, Lies::Image));
    assert_eq!(severities(&world), [Severity::Medium]);
    world.exec(BOX, (SHELL, 21), "/var/notes", file(5, Lies::Upper));
    world.schedule(BOX, 21, Call::Setpriority, 0, 139);
    assert_eq!(severities(&world), [Severity::Medium, Severity::High, Severity::Critical]);
    let mut other = self::world();
    other.exec(BOX, (SHELL, 20), "/usr/bin/pkill nginx", file(4, Lies::Image));
    assert!(other.found.is_empty());
}

#[test]
fn what_is_carried_for_others() {
    let carried = |program: Lies, swapped: bool| {
        let mut world = world();
        world.exec(BOX, (SHELL, 20), "/opt/notes", file(3, program));
        for number in 0..30_u64 {
            let bytes = 20_000 + number * 5_000;
            let record = |sent_bytes, received_bytes, facts| NetRecord {
                sent_bytes,
                received_bytes,
                facts,
                ..NetRecord::default()
            };
            let accepted = record(bytes, 40, NetFacts::ACCEPTED);
            world.connection(BOX, 20, Class::NetClose, (100 + number, "10.0.0.7:5000"), accepted);
            let made = if swapped { record(40, bytes, 0) } else { record(bytes + 9_000, 7_000, 0) };
            world.connection(BOX, 20, Class::NetClose, (200 + number, WEB), made);
        }
        world.found
    };
    let found = carried(Lies::Upper, true);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((finding.severity, finding.id.as_str()), (Severity::Medium, "relay"));
    assert_eq!(carried(Lies::Memory, true).iter().filter(|finding| finding.id == "relay").count(), 1);
    assert!(carried(Lies::Image, true).is_empty(), "a load balancer");
    assert!(carried(Lies::Upper, false).is_empty(), "a client that also serves");
}

#[test]
fn heavy_work_of_other_kinds_is_not_mining() {
    // A build: nice, busy, starts what it made.
    let mut build = world();
    build.exec(BOX, (SHELL, 20), "/usr/bin/make -j8", file(3, Lies::Image));
    build.schedule(BOX, 20, Call::Setpriority, 0, 139);
    build.exec(BOX, (20, 21), "/src/target/test-abc", file(4, Lies::Upper));
    build.connect(BOX, 20, 5, WEB);
    build.say(BOX, 20, (5, WEB), Some(Protocol::Tls), Some("static.crates.io"));
    build.work(&mut usage(), 100, 790);
    build.pass(400);
    assert!(build.found.is_empty(), "{:?}", build.found);
    // Training: pinned, busy for hours, huge pages, a connection that stays.
    let mut training = world();
    training.exec(BOX, (SHELL, 20), "/usr/bin/python3 train.py", file(3, Lies::Image));
    pin(&mut training, 20, 16);
    training.connect(BOX, 20, 5, WEB);
    training.say(BOX, 20, (5, WEB), Some(Protocol::Tls), Some("api.wandb.ai"));
    let mut used = usage();
    training.work(&mut used, 3, 5);
    training.work(&mut used, 300, 1_590);
    training.pass(400);
    let thin = NetRecord { sent_bytes: 2_000, received_bytes: 2_000, ..NetRecord::default() };
    training.connection(BOX, 20, Class::NetClose, (5, WEB), thin);
    assert!(training.found.is_empty(), "{:?}", training.found);
    // The same as a job in the background.
    let mut job = world();
    job.exec(BOX, (1, 20), "/usr/bin/python3 train.py", file(3, Lies::Image));
    job.schedule(BOX, 20, Call::Setpriority, 0, 139);
    pin(&mut job, 20, 16);
    let mut used = usage();
    job.work(&mut used, 10, 5);
    job.work(&mut used, 30, 1_590);
    assert!(job.found.is_empty(), "{:?}", job.found);
    // An encoder in the background.
    let mut encoder = world();
    encoder.exec(BOX, (SHELL, 20), "/usr/bin/ffmpeg -i in.mkv -c:v libx265 -o out", file(3, Lies::Image));
    encoder.schedule(BOX, 20, Call::Setpriority, 0, 139);
    encoder.work(&mut usage(), 100, 790);
    assert!(encoder.found.is_empty(), "{:?}", encoder.found);
}

#[test]
fn a_port_of_pools_says_something_only_where_nothing_else_does() {
    for protocol in [Protocol::Tls, Protocol::Http1] {
        let mut spoken = world();
        spoken.exec(BOX, (SHELL, 20), "/usr/bin/openssl s_client", file(3, Lies::Image));
        spoken.connect(BOX, 20, 5, POOL);
        spoken.say(BOX, 20, (5, POOL), Some(protocol), None);
        spoken.pass(60);
        spoken.connection(BOX, 20, Class::NetClose, (5, POOL), NetRecord::default());
        assert!(spoken.found.is_empty());
    }
    let mut silent = world();
    silent.exec(BOX, (SHELL, 20), "/app/x", file(3, Lies::Image));
    silent.connect(BOX, 20, 5, POOL);
    assert!(silent.found.is_empty());
    silent.pass(20);
    assert_eq!(severities(&silent), [Severity::Medium]);
    let mut refused = world();
    refused.exec(BOX, (SHELL, 20), "/app/x", file(3, Lies::Image));
    let failed = NetRecord { phase: Phase::Failed as u16, error: -111, ..NetRecord::default() };
    refused.connection(BOX, 20, Class::NetConnect, (5, POOL), failed);
    assert_eq!(severities(&refused), [Severity::Medium]);
    let mut private = world();
    private.exec(BOX, (SHELL, 20), "/app/x", file(3, Lies::Image));
    private.connect(BOX, 20, 5, "10.0.0.7:3333");
    private.pass(20);
    assert!(private.found.is_empty());
}

#[test]
fn a_service_that_speaks_json_rpc_and_one_that_hides_are_none() {
    let mut world = world();
    world.exec(BOX, (SHELL, 20), "/app/node", file(3, Lies::Image));
    world.connect(BOX, 20, 5, WEB);
    world.say(BOX, 20, (5, WEB), None, None);
    world.exec_as(BOX, (SHELL, 21), "/dev/shm/x", "[kworker/0:1]", file(4, Lies::Temporary));
    world.exec(BOX, (SHELL, 22), "memfd:x", file(5, Lies::Memory));
    world.pass(400);
    assert!(world.found.is_empty(), "{:?}", world.found);
}

/// What different programs of a container do does not add up, but for the load, which is the container's.
#[test]
fn strangers_in_a_container_do_not_add_up() {
    let mut world = world();
    world.exec(BOX, (1, 20), "/usr/bin/ffmpeg -i x", file(3, Lies::Image));
    pin(&mut world, 20, 4);
    world.exec(BOX, (1, 30), "/usr/bin/backup", file(4, Lies::Image));
    world.schedule(BOX, 30, Call::Setpriority, 0, 139);
    world.work(&mut usage(), 100, 390);
    assert!(world.found.is_empty(), "{:?}", world.found);
}

#[test]
fn processor_registers_count() {
    let opened = FileRecord { flags: 1, ..FileRecord::default() };
    let start = || {
        let mut world = world();
        world.exec(BOX, (SHELL, 20), "/app/x", file(3, Lies::Image));
        world
    };
    let mut known = start();
    known.touch(BOX, 20, Class::FileOpen, "/data/msr", opened);
    assert!(known.found.is_empty());
    known.touch(BOX, 20, Class::FileOpen, "/dev/cpu/0/msr", opened);
    assert_eq!(severities(&known), [Severity::Critical]);
    let mut renamed = start();
    let node = FileRecord { mode: 0o020_600, rdev: 202 << 20, ..FileRecord::default() };
    renamed.touch(BOX, SHELL, Class::FileMknod, "/tmp/notes", node);
    assert!(renamed.found.is_empty());
    let refused = FileRecord { error: -1, ..FileRecord::default() };
    renamed.touch(BOX, 20, Class::FileOpen, "/tmp/other", refused);
    renamed.touch(BOX, 20, Class::FileOpen, "/tmp/notes", refused);
    assert_eq!(severities(&renamed), [Severity::Critical]);
    let mut module = start();
    module.exec_as(BOX, (SHELL, 21), "/bin/busybox", "modprobe msr", file(4, Lies::Image));
    assert_eq!(severities(&module), [Severity::Critical]);
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let mut world = World::new(Mining::new(Bounds { entries_max: 64 }));
    for number in 0..5_000_u32 {
        let cgroup = 1_000 + u64::from(number);
        world.container(cgroup);
        world.exec(cgroup, (1, 100 + number), "/tmp/x --donate-level 1", file(number.into(), Lies::Upper));
        world.connect(cgroup, 100 + number, number.into(), POOL);
        world.work(&mut Usage { cgroup, ..Usage::default() }, 1, 100);
    }
    let table = world.behaviour.table();
    assert!(table.entries <= table.most && table.evicted > 0, "{table:?}");
    assert!(table.most <= 6 * 64 + 2 * 256);
    // Lineages of one container.
    for number in 0..1_000 {
        let line = format!("/tmp/{number} --donate-level 1");
        world.exec(1_000, (1, 10_000 + number), &line, file(100_000 + u64::from(number), Lies::Upper));
    }
    assert!(world.behaviour.places.iter().all(|(_, lineages)| lineages.len() <= LINEAGES_MAX));
    for cgroup in 0..10_000 {
        world.behaviour.removed(cgroup);
    }
    assert!(world.behaviour.owners.is_empty() && world.behaviour.loads.is_empty());
}
