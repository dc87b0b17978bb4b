//! What is chosen is what the whole would have shown, and nothing of others is in it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use sensor_common::{
    class::Class,
    header::{RecordHeader, TaskRef},
    record::{
        container::MoveRecord,
        network::{Address, NetRecord},
        privilege::CallRecord,
        process::{ExecRecord, ExitRecord, ForkRecord},
    },
    tail::Tail,
};
use zerocopy::IntoBytes as _;

use super::*;
use crate::identity::{
    container::{Container, Pod},
    peer::{Kind, Peer, PeerNews},
    store::{Answer, Known},
};
use crate::process::{Program, Running, command_line::CommandLine};
use crate::proto::{Event, SubscribeRequest};
use crate::record::tests::{Kept, PLAIN, context, encoded, pipeline, record_header, with_tails};

const HOST: u64 = 5;
const OURS: u64 = 77;
const THEIRS: u64 = 78;
const UNHEARD: u64 = 79;

fn task(pid: u32) -> TaskRef {
    TaskRef { start_ns: u64::from(pid) * 10_000_000, pid, tid: pid }
}

fn header(class: Class, cgroup: u64, pid: u32, time_ns: u64) -> RecordHeader {
    RecordHeader { cgroup, process: task(pid), ..record_header(class, pid, time_ns) }
}

fn record(now_ns: u64, bytes: Box<[u8]>) -> Input {
    Input::Record { now_ns, bytes }
}

fn fork(cgroup: u64, pid: u32, parent: u32, time_ns: u64) -> Input {
    let header = header(Class::ProcessFork, cgroup, pid, time_ns);
    let made = ForkRecord { header, parent: task(parent), creator: task(parent), ..ForkRecord::default() };
    record(time_ns, with_tails(made.as_bytes(), &[]))
}

fn exec(cgroup: u64, pid: u32, parent: u32, path: &[u8], time_ns: u64) -> Input {
    let header = header(Class::ProcessExec, cgroup, pid, time_ns);
    let made = ExecRecord { header, parent: task(parent), ..ExecRecord::default() };
    record(time_ns, with_tails(made.as_bytes(), &[(Tail::Executable, path), (Tail::Arguments, path)]))
}

fn exit(cgroup: u64, pid: u32, parent: u32, time_ns: u64) -> Input {
    let header = header(Class::ProcessExit, cgroup, pid, time_ns);
    let made = ExitRecord { header, parent: task(parent), ..ExitRecord::default() };
    record(time_ns, with_tails(made.as_bytes(), &[]))
}

fn moved(to: u64, pid: u32, mover: u32, time_ns: u64) -> Input {
    let header = header(Class::CgroupMove, to, pid, time_ns);
    let made = MoveRecord { header, mover: task(mover), ..MoveRecord::default() };
    record(time_ns, with_tails(made.as_bytes(), &[]))
}

fn trace(cgroup: u64, pid: u32, target: u32, of: u64, time_ns: u64) -> Input {
    let header = header(Class::Ptrace, cgroup, pid, time_ns);
    let made = CallRecord { header, target: task(target), target_cgroup: of, ..CallRecord::default() };
    record(time_ns, with_tails(made.as_bytes(), &[]))
}

fn connect(cgroup: u64, pid: u32, to: Ipv4Addr, time_ns: u64) -> Input {
    let remote = Address { ip: to.to_ipv6_mapped().octets(), port: 80, known: 1, scope: 0 };
    let header = header(Class::NetConnect, cgroup, pid, time_ns);
    let made = NetRecord { header, remote, family: 2, kind: 1, protocol: 6, ..NetRecord::default() };
    record(time_ns, with_tails(made.as_bytes(), &[]))
}

fn answer(cgroup: u64, name: &str, now_ns: u64) -> Input {
    let id = format!("{cgroup:064x}");
    let pod = Pod { namespace: format!("{name}-space"), name: format!("{name}-pod"), ..Pod::default() };
    let path = format!("/kubepods/{id}");
    let container = Container { id, name: name.to_owned(), pod: Some(pod), ..Container::default() };
    Input::Answer {
        now_ns,
        answer: Answer { cgroup, path, identity: Some(Arc::new(Known::new(container, None))) },
    }
}

/// Stages that know a host with a shim, and one process of another's container.
fn before() -> Pipeline {
    let mut before = pipeline();
    let program = |path: &str| Program {
        executable: path.to_owned(),
        command_line: CommandLine::new("", [path].iter()),
        ..Program::default()
    };
    let running = |pid: u32, parent_pid, cgroup, path: &str| Running {
        pid,
        start_ticks: pid.into(),
        parent_pid,
        cgroup: Some((cgroup, String::new())),
        program: program(path),
        ..Running::default()
    };
    before.set_peers_max(10);
    let answer_of_host =
        Answer { cgroup: HOST, path: "/system.slice/runtime.service".into(), identity: None };
    Input::Answer { now_ns: 1, answer: answer_of_host }.apply(&mut before, &mut Nobody);
    answer(THEIRS, "theirs", 1).apply(&mut before, &mut Nobody);
    before.snapshot(vec![
        running(1, 0, HOST, "/sbin/init"),
        running(2, 1, HOST, "/usr/bin/shim"),
        running(3, 1, HOST, "/usr/bin/secret-of-the-host"),
        running(4, 2, THEIRS, "/secret-of-theirs"),
    ]);
    before
}

/// A container is made, works and ends, beside others.
fn inputs() -> Vec<Input> {
    let address = IpAddr::from([10, 0, 0, 9]);
    let peer = |name: &str| Peer::new(Kind::Pod, "shop", name, name).unwrap();
    vec![
        Input::Peer(PeerNews::Begin(Kind::Pod)),
        Input::Peer(PeerNews::Has(address, peer("database"))),
        Input::Peer(PeerNews::Has([10, 0, 0, 8].into(), peer("secret-peer"))),
        fork(HOST, 20, 2, 1_000),
        exec(HOST, 20, 2, b"runc\0bin\0", 1_010),
        fork(HOST, 21, 20, 1_020),
        exec(HOST, 30, 3, b"secret-program\0", 1_025),
        moved(OURS, 21, 20, 1_030),
        exec(UNHEARD, 40, 2, b"secret-unheard\0", 1_032),
        exec(OURS, 21, 20, b"runc-init\0", 1_035),
        exit(HOST, 20, 2, 1_038),
        Input::Release { now_ns: 1_039 },
        answer(OURS, "ours", 1_040),
        exec(OURS, 21, 20, b"server\0app\0", 1_050),
        exec(THEIRS, 4, 2, b"secret-of-theirs\0", 1_060),
        fork(OURS, 22, 21, 1_070),
        exec(OURS, 22, 21, b"sh\0bin\0", 1_080),
        connect(OURS, 22, Ipv4Addr::new(10, 0, 0, 9), 1_090),
        connect(THEIRS, 4, Ipv4Addr::new(10, 0, 0, 8), 1_095),
        trace(OURS, 22, 30, HOST, 1_100),
        Input::Peer(PeerNews::Gone(address, "database".into())),
        connect(OURS, 22, Ipv4Addr::new(10, 0, 0, 9), 1_110),
        answer(UNHEARD, "secret-unheard", 1_115),
        exit(OURS, 22, 21, 1_120),
        Input::Removed(THEIRS),
        exit(OURS, 21, 20, 1_130),
        Input::Removed(OURS),
    ]
}

fn of_ours() -> Filter {
    Filter::compile(SubscribeRequest { containers: vec!["ours".into()], ..SubscribeRequest::default() })
        .unwrap()
}

fn chosen(inputs: Vec<Input>, state: State) -> (State, Vec<Input>) {
    let (mut chooser, first) = Chooser::begin(of_ours(), context(), state);
    let mut rest = Vec::new();
    inputs.into_iter().for_each(|input| chooser.input(input, &mut |input| rest.push(input)));
    (first, rest)
}

/// Events of our container, without their numbers in the stream.
fn events(state: State, inputs: Vec<Input>) -> Vec<Event> {
    let (mut stages, mut kept) = (Pipeline::restore(context(), state), Kept::default());
    inputs.into_iter().for_each(|input| input.apply(&mut stages, &mut kept));
    stages.release(u64::MAX, &mut kept);
    let ours = |event: &Event| event.container.as_ref().is_some_and(|container| container.name == "ours");
    let of_container = kept.events().into_iter().filter(ours);
    of_container.map(|event| Event { cursor: String::new(), ..event }).collect()
}

#[test]
fn the_chosen_containers_events_are_those_of_the_whole() {
    for begin in [0, 5, 9, 12, 16] {
        let mut before = before();
        let mut inputs = inputs();
        let rest = inputs.split_off(begin);
        inputs.into_iter().for_each(|input| input.apply(&mut before, &mut Nobody));
        let whole = events(before.state(), rest.clone());
        assert!(whole.len() >= 6, "begun after {begin}: {}", whole.len());
        let (state, inputs) = chosen(rest, before.state());
        let part = events(state, inputs);
        for (place, (one, other)) in part.iter().zip(&whole).enumerate() {
            assert_eq!(one, other, "begun after {begin}, event {place}");
        }
        assert_eq!(part.len(), whole.len(), "begun after {begin}");
    }
}

#[test]
fn nothing_of_others_is_in_it_but_what_is_acted_on() {
    let (state, inputs) = chosen(inputs(), before().state());
    assert!(state.processes.is_empty() && state.groups.is_empty(), "nothing is chosen yet");
    let needed = inputs.iter().filter(|input| matches!(input, Input::Process(_)));
    let needed: Vec<u32> = needed
        .map(|input| match input {
            Input::Process(process) => process.key.pid,
            _ => 0,
        })
        .collect();
    assert_eq!(needed, [1, 2, 20, 21, 3, 30], "the lineage, and later the target with its own");
    // The target's program is told: the container acts on it. Nobody acts on the others.
    let file = encoded(PLAIN, state, inputs);
    let holds = |text: &str| file.windows(text.len()).any(|part| part == text.as_bytes());
    for text in ["secret-of-theirs", "theirs", "secret-unheard", "secret-peer", "10.0.0.8"] {
        assert!(!holds(text), "{text}");
    }
    for text in ["shim", "runtime.service", "secret-program", "database"] {
        assert!(holds(text), "{text}");
    }
}

#[test]
fn what_waits_is_bounded_and_said_to_be_missing() {
    let (mut chooser, _) = Chooser::begin(of_ours(), context(), before().state());
    let mut told = Vec::new();
    let mut path = vec![b'x'; 4_000];
    path.push(0);
    let (mut time_ns, most) = (2_000, HELD_BYTES_MAX / path.len());
    for _ in 0..most + 10 {
        time_ns += 1;
        chooser.input(exec(OURS, 21, 2, &path, time_ns), &mut |input| told.push(input));
    }
    assert!(told.is_empty() && chooser.held_bytes <= HELD_BYTES_MAX);
    chooser.input(answer(OURS, "ours", time_ns), &mut |input| told.push(input));
    let gap = told.iter().find_map(|input| match input {
        Input::Gap(gap) => Some(*gap),
        _ => None,
    });
    let gap = gap.expect("some found no room");
    let records = told.iter().filter(|input| matches!(input, Input::Record { .. })).count();
    assert_eq!(records as u64 + gap.inputs, most as u64 + 10);
    assert_eq!((chooser.held_bytes, chooser.held.len()), (0, 0));
    // A gap in memory is small: many groups of which nothing is ever known are, too.
    for cgroup in 1_000..1_000 + 2 * HELD_GROUPS_MAX as u64 {
        chooser.input(exec(cgroup, 21, 2, b"x\0", time_ns), &mut |_| {});
    }
    assert!(chooser.held.len() <= HELD_GROUPS_MAX);
}
