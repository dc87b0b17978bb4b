//! Records and answers in, events out: order, waiting, correction, full tables.

mod allocation;
mod findings;
mod incidents;
mod pushdown;

use prost::Message as _;
use sensor_common::{
    ABI_VERSION,
    header::{RecordHeader, TaskRef},
    ledger::LossReason,
    record::{
        file::FileRecord,
        network::{Address, NetRecord},
        process::{ExecRecord, ExitRecord, ForkRecord},
    },
    tail::{Tail, TailHeader},
};
use zerocopy::IntoBytes;

use super::*;
use crate::process::tree::Limits;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const WAIT: u64 = 250;
const CGROUP: u64 = 77;

/// Keeps everything that comes out.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) events: Vec<proto::Event>,
    questions: Vec<Question>,
    changes: Vec<Change>,
    canary: Vec<Class>,
}

impl Output for Kept {
    fn wants(&self, _class: proto::Class, _container: Option<&Container>) -> bool {
        true
    }
    fn ancestors_wanted(&self) -> usize {
        16
    }
    fn publish(&mut self, published: &Published<'_>) {
        self.events.push(proto::Event::decode(published.event).unwrap());
    }
    fn canary(&mut self, class: Class, event: &[u8]) {
        assert_eq!(encode::class(class), proto::Event::decode(event).unwrap().class());
        self.canary.push(class);
    }
    fn ask(&mut self, question: Question) {
        self.questions.push(question);
    }
    fn change(&mut self, change: Change) {
        self.changes.push(change);
    }
}

impl Kept {
    /// Class and container name of each event, and forgets them.
    fn take(&mut self) -> Vec<(proto::Class, String)> {
        let short = |event: proto::Event| (event.class(), event.container.unwrap_or_default().name);
        self.events.drain(..).map(short).collect()
    }
}

pub(super) fn pipeline(processes_max: usize) -> Pipeline {
    let context = Context {
        node: "n".into(),
        instance: "i".into(),
        clock: BootClock::with_offset(0),
        capability_last: 40,
        environment: vec!["LD_PRELOAD".into()],
    };
    let tree = Tree::new(Limits { processes_max, retention_ns: 1_000 });
    Pipeline::new(context, tree, Store::new(64), WAIT)
}

fn header(class: Class, pid: u32, time_ns: u64) -> RecordHeader {
    RecordHeader {
        version: ABI_VERSION,
        class: class as u16,
        sequence: 1,
        time_ns,
        cgroup: CGROUP,
        process: TaskRef { start_ns: 5, pid, tid: pid },
        ..RecordHeader::default()
    }
}

fn finish(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

pub(super) fn exec(pid: u32, time_ns: u64) -> Vec<u8> {
    let record = ExecRecord { header: header(Class::ProcessExec, pid, time_ns), ..ExecRecord::default() };
    let mut bytes = record.as_bytes().to_vec();
    let cgroup = [ID.as_bytes(), b"\0k8s.io\0"].concat();
    let fields: [(Tail, &[u8]); 4] = [
        (Tail::Executable, b"sh\0bin\0"),
        (Tail::Arguments, b"sh\0-c\0"),
        (Tail::Environment, b"SECRET=1\0LD_PRELOAD=/x.so\0LD_PRELOAD=/cu"),
        (Tail::Cgroup, &cgroup),
    ];
    for (kind, value) in fields {
        let header =
            TailHeader { kind: kind as u16, reserved: 0, length: u32::try_from(value.len()).unwrap() };
        bytes.extend(header.as_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    finish(bytes)
}

pub(super) fn fork(pid: u32, time_ns: u64) -> Vec<u8> {
    let record = ForkRecord { header: header(Class::ProcessFork, pid, time_ns), ..ForkRecord::default() };
    finish(record.as_bytes().to_vec())
}

pub(super) fn exit(pid: u32, time_ns: u64) -> Vec<u8> {
    let record = ExitRecord { header: header(Class::ProcessExit, pid, time_ns), ..ExitRecord::default() };
    finish(record.as_bytes().to_vec())
}

pub(super) fn answer() -> Answer {
    let container = Container { id: ID.into(), name: "main".into(), ..Container::default() };
    Answer {
        cgroup: CGROUP,
        path: format!("/k8s.io/{ID}"),
        identity: Some(Arc::new(Known::new(container, None))),
    }
}

fn named(class: proto::Class, name: &str) -> (proto::Class, String) {
    (class, name.to_owned())
}

#[test]
fn events_of_the_canary_go_to_it_alone() {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    pipeline.set_canary(50, 57);
    let creator = TaskRef { start_ns: 5, pid: 50, tid: 57 };
    let header = header(Class::ProcessFork, 9, 100);
    let record = ForkRecord { header, creator, parent: creator, ..ForkRecord::default() };
    pipeline.record(&finish(record.as_bytes().to_vec()), 1_000, &mut kept);
    pipeline.record(&exec(9, 200), 1_000, &mut kept);
    pipeline.record(&exit(9, 300), 1_000, &mut kept);
    assert_eq!(kept.canary, [Class::ProcessFork, Class::ProcessExec, Class::ProcessExit]);
    assert!(kept.events.is_empty(), "no subscriber gets them");
    let count = pipeline.counts(Class::ProcessExec);
    assert_eq!((count.received, count.canary, count.published), (1, 1, 0), "the account closes");
    assert!(
        pipeline.tree().get(Key::from(TaskRef { tid: 9, pid: 9, start_ns: 5 })).is_some(),
        "the tree knows it"
    );
    // The number is given again: another process.
    pipeline.record(&exec(9, 400), 1_000, &mut kept);
    assert_eq!((kept.canary.len(), kept.events.len()), (3, 1));
}

#[test]
fn the_first_events_of_a_group_wait_for_its_name_and_keep_their_order() {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    pipeline.record(&fork(9, 100), 110, &mut kept);
    pipeline.record(&exec(9, 101), 111, &mut kept);
    pipeline.record(&exit(9, 102), 112, &mut kept);
    pipeline.release(200, &mut kept);
    assert!(kept.events.is_empty() && pipeline.has_parked());
    pipeline.answer(answer(), 210, &mut kept);
    assert_eq!(
        kept.take(),
        [
            named(proto::Class::ProcessFork, "main"),
            named(proto::Class::ProcessExec, "main"),
            named(proto::Class::ProcessExit, "main"),
        ]
    );
    assert!(kept.questions.is_empty() && !pipeline.has_parked());
    assert_eq!(pipeline.identity().first_execs(), (1, 0));
    pipeline.record(&exec(9, 300), 301, &mut kept);
    assert_eq!(kept.take(), [named(proto::Class::ProcessExec, "main")], "known now: nothing waits");
}

/// The kernel sends what it was told nothing of yet; once it is known whose it is, the policy decides.
#[test]
fn what_the_host_is_not_asked_for_is_quiet_from_the_first_event_on() {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    let policy = Policy { host: Class::ProcessExec.bit(), ..Policy::everything() };
    pipeline.set_policy(Arc::new(policy));
    pipeline.answer(Answer { identity: None, path: "/".into(), ..answer() }, 0, &mut kept);
    let record = FileRecord { header: header(Class::FileOpen, 9, 100), ..FileRecord::default() };
    pipeline.record(&finish(record.as_bytes().to_vec()), 110, &mut kept);
    pipeline.record(&exec(9, 120), 130, &mut kept);
    let of_files = pipeline.counts(Class::FileOpen);
    assert_eq!((of_files.received, of_files.quiet, of_files.published), (1, 1, 0));
    assert_eq!(pipeline.counts(Class::ProcessExec).published, 1);
}

#[test]
fn the_pod_at_the_other_end_is_named_as_far_as_it_is_known() {
    use crate::identity::peer::Kind;
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    pipeline.answer(answer(), 0, &mut kept);
    let ip: std::net::IpAddr = "10.0.0.7".parse().unwrap();
    let remote = Address {
        ip: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7],
        known: 1,
        ..Address::default()
    };
    let connect = |pipeline: &mut Pipeline, kept: &mut Kept| {
        let record = NetRecord { header: header(Class::NetConnect, 9, 100), remote, ..NetRecord::default() };
        pipeline.record(&finish(record.as_bytes().to_vec()), 110, kept);
        match kept.events.pop().and_then(|event| event.facts) {
            Some(proto::event::Facts::Socket(socket)) => socket.remote_peer,
            other => panic!("{other:?}"),
        }
    };
    let news = || PeerNews::Has(ip, Peer::new(Kind::Pod, "shop", "db-0", "u-1").unwrap());
    pipeline.peer(news());
    assert_eq!(connect(&mut pipeline, &mut kept), None, "nobody asked for peers");
    pipeline.set_peers_max(10);
    pipeline.peer(news());
    let peer = connect(&mut pipeline, &mut kept).unwrap();
    assert_eq!(peer.kind(), proto::cluster_peer::Kind::Pod);
    assert_eq!((peer.namespace.as_str(), peer.name.as_str(), peer.uid.as_str()), ("shop", "db-0", "u-1"));
    pipeline.peer(PeerNews::Gone(ip, "u-1".into()));
    assert_eq!(connect(&mut pipeline, &mut kept), None);
}

#[test]
fn a_name_that_does_not_come_in_time_is_told_later() {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    pipeline.record(&exec(9, 100), 110, &mut kept);
    pipeline.release(100 + WAIT, &mut kept);
    let event = kept.events.first().unwrap();
    let container = event.container.clone().unwrap();
    assert_eq!((container.id.as_str(), container.name.as_str()), (ID, ""), "the path tells the id");
    assert!(!container.unresolved.is_empty());
    assert_eq!(kept.questions, [Question { cgroup: CGROUP, path: format!("/k8s.io/{ID}") }]);
    kept.take();
    pipeline.answer(answer(), 900, &mut kept);
    assert_eq!(kept.take(), [named(proto::Class::ContainerIdentified, "main")]);
    pipeline.answer(answer(), 901, &mut kept);
    assert!(kept.take().is_empty(), "told once");
}

#[test]
fn events_that_find_no_room_to_wait_are_counted_and_told() {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    let room = parked::RECORDS_MAX as u64;
    for _ in 0..room {
        pipeline.record(&fork(9, 100), 110, &mut kept);
    }
    assert_eq!((kept.events.len(), pipeline.unparked()), (0, 0));
    pipeline.record(&exit(9, 101), 111, &mut kept);
    assert_eq!((kept.events.len() as u64, pipeline.unparked()), (room + 1, 1), "those before it go first");
}

#[test]
fn a_backlog_is_not_made_longer() {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    pipeline.record(&exec(9, 100), 100 + WAIT, &mut kept);
    assert_eq!(kept.take().len(), 1, "read later than it would have waited");
}

#[test]
fn a_full_tree_takes_nothing_from_the_event() {
    let (mut pipeline, mut kept) = (pipeline(1), Kept::default());
    pipeline.answer(answer(), 1, &mut kept);
    pipeline.record(&exec(1, 100), 100, &mut kept);
    pipeline.record(&exec(2, 101), 101, &mut kept);
    let process = kept.events.pop().unwrap().process.unwrap();
    assert_eq!((process.pid, process.uid), (Some(2), Some(0)));
    assert_eq!((process.executable.as_str(), process.arguments), ("/bin/sh", vec!["sh".into(), "-c".into()]));
    assert_eq!(pipeline.tree().evicted(), 1);
}

#[test]
fn only_selected_variables_leave_and_a_cut_one_does_not() {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    pipeline.answer(answer(), 1, &mut kept);
    pipeline.record(&exec(9, 100), 100, &mut kept);
    let Some(proto::event::Facts::Exec(facts)) = kept.events.pop().unwrap().facts else { panic!("an exec") };
    assert_eq!(facts.environment, ["LD_PRELOAD=/x.so"]);
    assert_eq!(facts.cgroup, format!("/k8s.io/{ID}"));
}

#[test]
fn garbage_is_counted_and_the_next_record_is_read() {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    pipeline.answer(answer(), 1, &mut kept);
    pipeline.record(b"garbage", 100, &mut kept);
    pipeline.record(&exec(9, 100), 100, &mut kept);
    assert_eq!((pipeline.rejected(), kept.take().len()), (1, 1));
    let count = pipeline.counts(Class::ProcessExec);
    assert_eq!((count.received, count.published), (1, 1));
}

#[test]
fn a_process_ends_once_and_the_account_closes() {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    pipeline.answer(answer(), 1, &mut kept);
    pipeline.record(&exit(9, 100), 110, &mut kept);
    pipeline.record(&exit(9, 101), 111, &mut kept);
    let count = pipeline.counts(Class::ProcessExit);
    assert_eq!((count.received, count.published, count.quiet), (2, 1, 1));
}

#[test]
fn a_loss_names_its_container() {
    let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
    pipeline.answer(answer(), 1, &mut kept);
    let (class, reason) = (Class::ProcessExec, LossReason::RingFull);
    pipeline.lost(LossReport { cgroup: CGROUP, class, reason, count: 3, time_ns: 5 }, &mut kept);
    let event = kept.events.pop().unwrap();
    assert_eq!(event.container.unwrap().name, "main");
    let Some(proto::event::Facts::Loss(loss)) = event.facts else { panic!("a loss") };
    assert_eq!((loss.count, loss.class()), (3, proto::Class::ProcessExec));
}

#[test]
fn the_same_inputs_give_the_same_events() {
    let run = || {
        let (mut pipeline, mut kept) = (pipeline(100), Kept::default());
        pipeline.record(&fork(9, 100), 110, &mut kept);
        pipeline.record(&exec(9, 101), 111, &mut kept);
        pipeline.answer(answer(), 210, &mut kept);
        pipeline.record(&exit(9, 302), 312, &mut kept);
        kept.events
    };
    assert_eq!(run(), run());
}
