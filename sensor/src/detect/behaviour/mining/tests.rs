//! Miners of several make are found; work that looks alike is not.

use sensor_common::{
    call::Call,
    class::Class,
    record::{
        file::FileRecord,
        network::{NetRecord, Phase},
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

/// M10: threads on their own processors, only when nobody else wants them, all the time.
#[test]
fn idle_and_pinned_is_told_without_any_connection() {
    type Set = fn(&mut World<Mining>, u32);
    let ways: [Set; 3] = [
        |world, pid| drop(world.schedule(BOX, pid, Call::SchedSetscheduler, IDLE, 0)),
        |world, pid| drop(world.schedule(BOX, pid, Call::Setpriority, 0, 139)),
        |world, pid| drop(world.schedule(BOX, pid, Call::SchedSetattr, IDLE, 120)),
    ];
    for set in ways {
        let mut world = world();
        world.exec(BOX, (SHELL, 20), "/usr/bin/python3 burn.py", file(3, Lies::Image));
        set(&mut world, 20);
        pin(&mut world, 20, 1);
        assert!(world.found.is_empty());
        pin(&mut world, 20, 2);
        world.work(&mut usage(), 30, 195);
        assert_eq!(severities(&world), [Severity::Medium]);
    }
}

#[test]
fn processes_that_are_pinned_one_by_one_count_together() {
    let mut world = world();
    for pid in 20..24 {
        world.exec(BOX, (SHELL, pid), "/usr/bin/taskset -c 0 ./x", file(4, Lies::Image));
        world.schedule(BOX, pid, Call::SchedSetaffinity, 0, 1 << (pid - 20));
        world.schedule(BOX, pid, Call::Setpriority, 0, 139);
        world.exec(BOX, (SHELL, pid), "/usr/bin/python3 burn.py", file(3, Lies::Image));
    }
    world.work(&mut usage(), 7, 195);
    assert_eq!(severities(&world), [Severity::Medium]);
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
    let mut world = world();
    world.exec(BOX, (SHELL, 20), "/app/x", file(3, Lies::Image));
    let opened = FileRecord { flags: 1, ..FileRecord::default() };
    world.touch(BOX, 20, Class::FileOpen, "/dev/cpu/0/msr", opened);
    assert_eq!(severities(&world), [Severity::Medium]);
    world.touch(BOX, 20, Class::FileOpen, "/data/msr", opened);
    assert_eq!(world.found.len(), 1);
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
    assert!(table.most <= 5 * 64 + 256);
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
