//! An event that matches nothing, and that nobody reads, goes through every stage without an allocation.

use sensor_common::{call::Call, record::network::Phase};

use super::*;
use crate::detect::{
    engine::Engine,
    rules::{Options, Ruleset, Source},
    told::Bounds,
};

/// What rules usually ask: names, paths, ancestors, the container, addresses, patterns.
const CONDITIONS: [&str; 8] = [
    "evt.type in (open, openat) and fd.name in (/etc/shadow, /etc/sudoers) and not proc.name in (sshd, sudo)",
    "evt.type=openat and (fd.name startswith /srv/.ssh or fd.directory in (/etc/pam.d, /boot)) and container.id!=host",
    "evt.type=openat and evt.is_open_write=true and proc.cmdline contains secret",
    "evt.type=openat and fd.name pmatch (/proc/kcore, /dev/mem) and proc.aname in (sshd, login)",
    "evt.type=openat and fd.filename glob *.pem and proc.exepath regex \"/opt/[a-z]+/x\"",
    "evt.type=connect and fd.sip=169.254.169.254 and not container.image.repository in (a, b)",
    "evt.type=connect and fd.snet in (192.0.2.0/24) and proc.pname=x or evt.type=connect and fd.sport in (6667, 3333)",
    "evt.type=connect and fd.typechar=4 and fd.name contains 203.0.113.9 and k8s.ns.name=prod and proc.tty!=0",
];

fn engine() -> Engine {
    let rule = |(number, condition): (usize, &&str)| {
        format!("- rule: r{number}\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n")
    };
    let text: String = CONDITIONS.iter().enumerate().map(rule).collect();
    let source = Source { name: "rules.yaml".into(), text: text.into() };
    Engine::new(Ruleset::load(&[source], &Options::default()).unwrap().ruleset)
}

fn open(path: &[u8], text: &[u8], time_ns: u64) -> Vec<u8> {
    let header = header(Class::FileOpen, 10, time_ns);
    let record = FileRecord { header, call: Call::Openat as u32, ..FileRecord::default() };
    let mut bytes = record.as_bytes().to_vec();
    for (kind, value) in [(Tail::Path, path), (Tail::PathText, text), (Tail::Base, b"app\0srv\0")] {
        let length = u32::try_from(value.len()).unwrap();
        bytes.extend(TailHeader { kind: kind as u16, reserved: 0, length }.as_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    finish(bytes)
}

fn connect(last: u8, time_ns: u64) -> Vec<u8> {
    let end = |port| {
        let ip = std::net::Ipv4Addr::new(10, 42, 0, last).to_ipv6_mapped().octets();
        Address { ip, port, known: 1, scope: 0 }
    };
    let record = NetRecord {
        header: header(Class::NetConnect, 10, time_ns),
        local: end(40_000),
        remote: end(443),
        family: 2,
        kind: 1,
        protocol: 6,
        phase: Phase::Established as u16,
        call: Call::Connect as u32,
        ..NetRecord::default()
    };
    finish(record.as_bytes().to_vec())
}

#[test]
fn what_matches_nothing_allocates_nothing() {
    let mut pipeline = pipeline(100);
    pipeline.set_judge(Some(Box::new(engine())), Bounds { window_ns: 1_000, burst: 8 });
    pipeline.answer(answer(), 0, &mut Nobody);
    pipeline.record(&exec(10, 1), 1, &mut Nobody);
    let records = [
        open(b"libc.so.6\0lib\0usr\0", b"/lib/libc.so.6\0", 2),
        open(b"settings.json\0app\0srv\0", b"settings.json\0", 3),
        open(b"tls.pem\0app\0srv\0", b"./tls.pem\0", 3),
        connect(1, 4),
        connect(2, 5),
    ];
    let mut run = || records.iter().for_each(|record| pipeline.record(record, 10, &mut Nobody));
    // The first time buffers grow, and patterns make their tables.
    run();
    let counted = allocation_counter::measure(&mut run);
    assert_eq!(counted.count_total, 0);
    assert_eq!(pipeline.judged().events, 11, "they were judged");
    // What matches does allocate, and is found.
    let shadow = open(b"shadow\0etc\0", b"/etc/shadow\0", 6);
    assert!(allocation_counter::measure(|| pipeline.record(&shadow, 10, &mut Nobody)).count_total > 0);
    assert_eq!(pipeline.judged().findings.iter().sum::<u64>(), 1);
}
