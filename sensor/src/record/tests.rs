//! There and back; damage of every kind; what is left out; the same events again.

use std::io::Read;

use proptest::prelude::*;
use sensor_common::{
    ABI_VERSION,
    class::Class,
    header::{Incomplete, RecordHeader, TaskRef},
    record::{
        network::{Address, NetRecord},
        process::ExecRecord,
    },
    tail::{Tail, TailHeader},
};
use zerocopy::IntoBytes as _;

use super::anonymise::Anonymiser;
use super::format::{self, HEAD_BYTES, Header, Kind, PREAMBLE_BYTES};
use super::read::{ReadError, Reader, Wrong};
use super::strip::strip;
use super::write::{Encoder, Writer};
use super::*;
use crate::event::{self, decode::decode};
use crate::identity::{
    container::{Container, Pod},
    store::{Known, Question, Store},
    users::Bounds,
};
use crate::pipeline::state::State;
use crate::policy::Change;
use crate::process::tree::{Limits, Tree};
use crate::stream::{encode::Context, hub::Published};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const UID: &str = "0f7a6a3c-5a63-4a3c-9d2c-0a1b2c3d4e5f";
const CGROUP: u64 = 77;

/// Keeps the encoded events.
#[derive(Default)]
pub(super) struct Kept(pub(super) Vec<Vec<u8>>);

impl Output for Kept {
    fn wants(&self, _class: crate::proto::Class, _container: Option<&Container>) -> bool {
        true
    }
    fn ancestors_wanted(&self) -> usize {
        16
    }
    fn publish(&mut self, published: &Published<'_>) {
        self.0.push([published.event, published.ancestors.first(16)].concat());
    }
    fn canary(&mut self, _class: Class, _event: &[u8]) {}
    fn ask(&mut self, _question: Question) {}
    fn change(&mut self, _change: Change) {}
}

impl Kept {
    pub(super) fn events(&self) -> Vec<crate::proto::Event> {
        self.0.iter().map(|bytes| prost::Message::decode(bytes.as_slice()).unwrap()).collect()
    }
}

pub(super) fn context() -> Context {
    Context {
        node: "node-7".into(),
        instance: "abc".into(),
        clock: BootClock::with_offset(1_000),
        capability_last: 40,
        environment: vec!["LD_PRELOAD".into()],
    }
}

pub(super) fn pipeline() -> Pipeline {
    let tree = Tree::new(Limits { processes_max: 100, retention_ns: 1_000 });
    Pipeline::new(context(), tree, Store::new(64), 250)
}

fn header(options: Options) -> Header {
    let Context { node, instance, clock, capability_last, environment } = context();
    Header {
        agent: "0.1.0".into(),
        kernel: "6.18".into(),
        abi: ABI_VERSION,
        node,
        instance,
        clock,
        began_ns: 5,
        capability_last,
        environment,
        options,
    }
}

pub(super) fn record_header(class: Class, pid: u32, time_ns: u64) -> RecordHeader {
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

pub(super) fn with_tails(fixed: &[u8], fields: &[(Tail, &[u8])]) -> Box<[u8]> {
    let mut bytes = fixed.to_vec();
    for (kind, value) in fields {
        let length = u32::try_from(value.len()).unwrap();
        bytes.extend(TailHeader { kind: *kind as u16, reserved: 0, length }.as_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    let length = u32::try_from(bytes.len()).unwrap();
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes.into()
}

fn exec(pid: u32, time_ns: u64) -> Box<[u8]> {
    let record =
        ExecRecord { header: record_header(Class::ProcessExec, pid, time_ns), ..ExecRecord::default() };
    let pod = format!("{ID}\0pod{UID}\0besteffort\0kubepods\0");
    with_tails(
        record.as_bytes(),
        &[
            (Tail::Executable, b"payroll\0secret-project\0opt\0"),
            (Tail::Arguments, b"payroll\0--user=alice\0-phunter2\0/home/alice/.ssh/id_rsa\0"),
            (Tail::Environment, b"TOKEN=hunter2\0LD_PRELOAD=/x.so\0LD_PRELOAD=/cu"),
            (Tail::Cgroup, pod.as_bytes()),
            (Tail::Command, b"payroll\0"),
        ],
    )
}

fn datagram(pid: u32, time_ns: u64) -> Box<[u8]> {
    let ip = std::net::Ipv4Addr::new(203, 0, 113, 9).to_ipv6_mapped().octets();
    let record = NetRecord {
        header: record_header(Class::NetPayload, pid, time_ns),
        kind: 2,
        remote: Address { ip, port: 9, known: 1, scope: 0 },
        ..NetRecord::default()
    };
    with_tails(record.as_bytes(), &[(Tail::Payload, b"bytes of somebody")])
}

fn answer() -> Answer {
    let pod = Pod {
        namespace: "shop".into(),
        name: "web-1".into(),
        uid: UID.into(),
        labels: [("app".to_owned(), "payroll".to_owned())].into(),
        ..Pod::default()
    };
    let container = Container {
        id: ID.into(),
        name: "main".into(),
        image: "registry.example/team/payroll:v1".into(),
        pod: Some(pod),
        ..Container::default()
    };
    Answer {
        cgroup: CGROUP,
        path: format!("/kubepods/besteffort/pod{UID}/{ID}"),
        identity: Some(Arc::new(Known::new(container, None))),
    }
}

/// One of each kind.
fn inputs() -> Vec<Input> {
    let policy = Policy { payload_bytes: 64, ..Policy::everything() };
    vec![
        Input::Policy(Arc::new(policy)),
        Input::Record { now_ns: 110, bytes: exec(9, 100) },
        Input::Release { now_ns: 150 },
        Input::Tick { now_ns: 160 },
        Input::Usage(Usage { cgroup: 77, time_ns: 160, cpu_ns: 5, throttled: 1, waited_ns: 2 }),
        Input::Answer { now_ns: 210, answer: answer() },
        Input::Record { now_ns: 300, bytes: exec(9, 290) },
        Input::Record { now_ns: 310, bytes: datagram(9, 305) },
        Input::Clock(BootClock::with_offset(2_000)),
        Input::Peer(PeerNews::Begin(crate::identity::peer::Kind::Node)),
        Input::Lost(LossReport {
            cgroup: CGROUP,
            class: Class::ProcessExec,
            reason: sensor_common::ledger::LossReason::RingFull,
            count: 3,
            time_ns: 320,
        }),
        Input::Gap(Gap { inputs: 7, from_ns: 330, until_ns: 340, sequence: 20 }),
        Input::Group(with_tails(record_header(Class::CgroupCreate, 9, 350).as_bytes(), &[])),
        Input::Removed(CGROUP),
        Input::Names(Arc::new(Names::new([("customer.example", "203.0.113.9".parse().unwrap())]))),
        Input::HostUsers(Arc::new(Users::parse(
            b"alice:x:1000:1000::/home/alice:/bin/sh\n",
            b"",
            Bounds::HOST,
        ))),
        Input::Record { now_ns: 400, bytes: exec(10, 390) },
    ]
}

pub(super) fn encoded(options: Options, state: State, inputs: Vec<Input>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, u64::MAX);
    let anonymiser = options.anonymise.then(|| Anonymiser::with_key(b"key"));
    let mut parts = Vec::new();
    let mut encoder = Encoder::begin(header(options), state, anonymiser, |part| {
        parts.push(part);
        true
    });
    for input in inputs {
        encoder.input(input);
        assert!(encoder.flush());
    }
    drop(encoder);
    parts.iter().for_each(|part| assert!(writer.append(part).unwrap()));
    writer.end("test").unwrap();
    file
}

const ALL: Options = Options { environment: true, payload: true, anonymise: false, chosen: false };
pub(super) const PLAIN: Options =
    Options { environment: false, payload: false, anonymise: false, chosen: false };
const ANONYMOUS: Options = Options { anonymise: true, ..PLAIN };

fn file(options: Options) -> Vec<u8> {
    encoded(options, pipeline().state(), inputs())
}

/// A recording in which `payroll` is executed three times, twice by process 9 and once by process 10.
pub(crate) fn sample() -> Vec<u8> {
    file(PLAIN)
}

/// Replays as far as that is possible: the events, the inputs that were read, and what stopped it.
fn replay(from: impl Read) -> (Kept, usize, Option<ReadError>) {
    let mut kept = Kept::default();
    let (mut reader, state) = match Reader::open(from) {
        Ok(opened) => opened,
        Err(error) => return (kept, 0, Some(error)),
    };
    let mut pipeline = Pipeline::restore(reader.header().context(), state);
    let mut count = 0;
    loop {
        match reader.next_input() {
            Ok(Some(input)) => input.apply(&mut pipeline, &mut kept),
            Ok(None) => return (kept, count, None),
            Err(error) => return (kept, count, Some(error)),
        }
        count += 1;
    }
}

#[test]
fn a_replay_gives_the_events_of_the_pipeline_byte_by_byte() {
    let (mut live, mut kept) = (pipeline(), Kept::default());
    inputs().into_iter().for_each(|input| input.apply(&mut live, &mut kept));
    let file = file(ALL);
    let (replayed, count, error) = replay(file.as_slice());
    assert!(error.is_none(), "{error:?}");
    assert_eq!(count, inputs().len());
    assert!(kept.0.len() >= 6, "{:?}", kept.events());
    assert_eq!(replayed.0, kept.0);
    let again = replay(file.as_slice()).0;
    assert_eq!(again.0, replayed.0);
    let cursors: Vec<_> = replayed.events().into_iter().map(|event| event.cursor).collect();
    assert_eq!(cursors[0], "abc-1", "they are the recording's");
    assert!(
        cursors.contains(&"abc-14".to_owned()),
        "the gap has the number of the last event in it: {cursors:?}"
    );
}

/// A recording that begins in the middle goes on where the pipeline was.
#[test]
fn a_recording_begins_with_what_the_stages_know() {
    for begin in 0..inputs().len() {
        let (mut live, mut before) = (pipeline(), Kept::default());
        let mut inputs = inputs();
        let rest = inputs.split_off(begin);
        inputs.into_iter().for_each(|input| input.apply(&mut live, &mut before));
        let file = encoded(ALL, live.state(), rest.clone());
        let mut kept = Kept::default();
        rest.into_iter().for_each(|input| input.apply(&mut live, &mut kept));
        // The clock of the header is that of the beginning.
        let (replayed, _, error) = replay(file.as_slice());
        assert!(error.is_none(), "{error:?}");
        let cursors = |kept: &Kept| kept.events().into_iter().map(|event| event.cursor).collect::<Vec<_>>();
        assert_eq!(cursors(&replayed), cursors(&kept), "begun after {begin}");
    }
}

#[test]
fn a_gap_is_told_and_the_end_counts_it() {
    let file = file(PLAIN);
    let (mut reader, _) = Reader::open(file.as_slice()).unwrap();
    assert!(reader.ending().is_none());
    while reader.next_input().unwrap().is_some() {}
    let ending = reader.ending().unwrap();
    assert_eq!((ending.inputs, ending.gaps, ending.lost), (inputs().len() as u64 - 1, 1, 7));
    let events = replay(file.as_slice()).0.events();
    let losses: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event.facts {
            Some(crate::proto::event::Facts::Loss(loss)) => Some((loss.reason(), loss.count)),
            _ => None,
        })
        .collect();
    use crate::proto::loss::Reason;
    assert_eq!(losses, [(Reason::RingFull, 3), (Reason::Recording, 7)]);
}

#[test]
fn a_file_cut_anywhere_is_refused_there_and_what_is_before_is_used() {
    let whole = file(PLAIN);
    let starts = frame_starts(&whole);
    let all = replay(whole.as_slice()).0.0;
    for length in 0..whole.len() {
        let (kept, count, error) = replay(&whole[..length]);
        let error = error.unwrap_or_else(|| panic!("cut at {length} of {}", whole.len()));
        assert!(all.starts_with(&kept.0), "cut at {length}");
        let place = starts.iter().rposition(|start| *start <= length).unwrap_or(0);
        assert_eq!(error.frame, place as u64, "cut at {length}: {error}");
        let begun = inputs().len() + 1;
        assert_eq!(count, place.saturating_sub(starts.len() - begun), "cut at {length}");
        match error.what {
            Wrong::NoRecording => assert_eq!(length, 0),
            Wrong::Cut => {
                assert!(length < PREAMBLE_BYTES || error.offset == starts[place] as u64, "{error:?}");
            }
            other => panic!("cut at {length}: {other}"),
        }
    }
}

fn frame_starts(file: &[u8]) -> Vec<usize> {
    let mut starts = vec![PREAMBLE_BYTES];
    loop {
        let start = *starts.last().unwrap();
        let length = u32::from_le_bytes(file[start..start + 4].try_into().unwrap()) as usize;
        let next = start + HEAD_BYTES + length;
        if next >= file.len() {
            return starts;
        }
        starts.push(next);
    }
}

#[test]
fn a_bit_flipped_anywhere_is_found() {
    let whole = file(PLAIN);
    let all = replay(whole.as_slice()).0.0;
    for byte in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << (byte % 8);
        let (kept, _, error) = replay(bytes.as_slice());
        assert!(error.is_some(), "byte {byte} of {}", whole.len());
        assert!(all.starts_with(&kept.0), "byte {byte}");
    }
}

#[test]
fn frames_that_are_missing_twice_or_behind_the_end_are_found() {
    let whole = file(PLAIN);
    let starts = frame_starts(&whole);
    let [.., first, second, third] = starts[..] else { panic!() };
    let missing = [&whole[..first], &whole[second..]].concat();
    let twice = [&whole[..second], &whole[first..]].concat();
    let swapped = [&whole[..first], &whole[second..third], &whole[first..second], &whole[third..]].concat();
    for bytes in [missing, twice, swapped] {
        assert!(matches!(replay(bytes.as_slice()).2.unwrap().what, Wrong::Checksum));
    }
    let longer = [whole.as_slice(), b"x"].concat();
    assert!(matches!(replay(longer.as_slice()).2.unwrap().what, Wrong::Behind));
}

#[test]
fn what_a_newer_version_wrote_is_refused_with_what_to_do() {
    let mut newer = file(PLAIN);
    newer[8] = 2;
    let error = replay(newer.as_slice()).2.unwrap();
    assert!(error.to_string().contains("form 2"), "{error}");

    // A frame of an unknown kind, in a file of this version.
    let mut bytes = file(PLAIN);
    let starts = frame_starts(&bytes);
    let place = starts.len() - 2;
    let tail = bytes.split_off(starts[place]);
    let content = &tail[HEAD_BYTES..starts[place + 1] - starts[place]];
    let mut frame = Vec::new();
    assert!(format::put(place as u64, Kind::Record, content, &mut frame));
    let length = u32::try_from(content.len()).unwrap();
    frame[4..6].copy_from_slice(&200u16.to_le_bytes());
    frame[8..12].copy_from_slice(&format::checksum(place as u64, length, 200, content).to_le_bytes());
    bytes.extend(frame);
    let (_, count, error) = replay(bytes.as_slice());
    let error = error.unwrap();
    assert!(matches!(error.what, Wrong::Kind(200)) && error.frame == place as u64, "{error}");
    assert_eq!(count, inputs().len() - 1, "all before it is used");

    let other = encoded_with(|header| header.abi = ABI_VERSION + 1);
    let error = replay(other.as_slice()).2.unwrap();
    assert!(matches!(error.what, Wrong::Records { found, .. } if found == ABI_VERSION + 1), "{error}");
}

fn encoded_with(change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = header(PLAIN);
    change(&mut header);
    let mut bytes = Vec::new();
    Encoder::begin(header, pipeline().state(), None, |part| {
        bytes.extend(part);
        true
    })
    .flush();
    bytes
}

#[test]
fn what_is_no_recording_is_refused() {
    for bytes in [&b""[..], b"x", b"#!/bin/sh\nexit 0\n", &[0; 4096]] {
        assert!(matches!(replay(bytes).2.unwrap().what, Wrong::NoRecording), "{bytes:?}");
    }
    let long = [format::preamble().as_slice(), &[0xff; 64]].concat();
    assert!(matches!(replay(long.as_slice()).2.unwrap().what, Wrong::Length(u32::MAX)));
}

#[test]
fn values_of_variables_and_bytes_of_flows_are_there_only_if_asked_for() {
    let holds = |file: &[u8], text: &str| file.windows(text.len()).any(|part| part == text.as_bytes());
    let plain = file(PLAIN);
    for text in ["hunter2\0", "/x.so", "TOKEN", "bytes of somebody"] {
        assert_eq!(holds(&plain, text), text == "hunter2\0", "{text}: an argument is kept");
        assert!(holds(&file(ALL), text), "{text}");
    }
    let events = replay(plain.as_slice()).0.events();
    let exec = events.iter().find(|event| event.class() == crate::proto::Class::ProcessExec).unwrap();
    let Some(crate::proto::event::Facts::Exec(facts)) = &exec.facts else { panic!("{exec:?}") };
    assert_eq!(facts.environment, ["LD_PRELOAD="], "that it was set is kept");
    assert_eq!(exec.incomplete, ["exec.environment"]);
    let payload = events.iter().find(|event| event.class() == crate::proto::Class::NetworkPayload).unwrap();
    assert_eq!(payload.incomplete, ["socket.payload"]);
}

#[test]
fn what_waits_at_the_beginning_is_stripped_too() {
    let (mut live, mut kept) = (pipeline(), Kept::default());
    live.record(&exec(9, 100), 110, &mut kept);
    assert!(live.has_parked());
    let bytes = encoded(PLAIN, live.state(), Vec::new());
    assert!(!bytes.windows(5).any(|part| part == b"/x.so"));
}

#[test]
fn an_anonymous_recording_names_nobody_and_stays_consistent() {
    let bytes = file(ANONYMOUS);
    for text in [
        "hunter2",
        "alice",
        "payroll",
        "secret-project",
        "shop",
        "web-1",
        ID,
        UID,
        "node-7",
        "registry.example",
        "team",
        &ID[..32],
        "bytes of somebody",
        "customer",
    ] {
        assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()), "{text}");
    }
    let (kept, _, error) = replay(bytes.as_slice());
    assert!(error.is_none(), "{error:?}");
    let events = kept.events();
    assert_eq!(events.len(), replay(file(PLAIN).as_slice()).0.0.len());
    let exec = events.iter().rfind(|event| event.class() == crate::proto::Class::ProcessExec).unwrap();
    let (process, container) = (exec.process.as_ref().unwrap(), exec.container.as_ref().unwrap());
    let Some(crate::proto::event::Facts::Exec(facts)) = &exec.facts else { panic!("{exec:?}") };
    assert!(process.executable.starts_with("/opt/x"), "{}", process.executable);
    let leaf = process.executable.rsplit('/').next().unwrap();
    assert_eq!((process.arguments[0].as_str(), facts.command.as_str()), (leaf, leaf));
    assert!(process.arguments[1].starts_with("--user=x"), "{:?}", process.arguments);
    let key = &process.arguments[3];
    assert!(key.starts_with("/home/x") && key.ends_with("/.ssh/id_rsa"), "{key}");
    assert_eq!(container.id.len(), 64);
    let pod = container.pod.as_ref().unwrap();
    let path = format!("/kubepods/besteffort/pod{}/{}", pod.uid, container.id);
    assert_eq!(facts.cgroup, path, "ids are the same ones in paths");
    assert_eq!(pod.labels["app"].len(), 11);
    let payload = events.iter().find(|event| event.class() == crate::proto::Class::NetworkPayload).unwrap();
    let Some(crate::proto::event::Facts::Socket(socket)) = &payload.facts else { panic!("{payload:?}") };
    assert!(format!("{socket:?}").contains("203.") && !format!("{socket:?}").contains("203.0.113.9"));
}

#[test]
fn the_size_is_bounded_at_a_frame() {
    let whole = file(PLAIN);
    let mut short = Vec::new();
    let mut writer = Writer::new(&mut short, whole.len() as u64 / 2);
    let end = *frame_starts(&whole).last().unwrap();
    assert!(!writer.append(&whole[..end]).unwrap(), "the bound is reached");
    writer.end("size").unwrap();
    assert!(short.len() < whole.len());
    let (_, count, error) = replay(short.as_slice());
    assert!(error.is_none() && count < inputs().len(), "{error:?}");
    let mut writer = Writer::new(Vec::new(), u64::MAX);
    assert!(writer.append(b"something else entirely").is_err());
}

#[test]
fn a_client_that_is_gone_ends_the_work() {
    let mut parts = 0;
    let mut encoder = Encoder::begin(header(PLAIN), pipeline().state(), None, |_| {
        parts += 1;
        false
    });
    assert!(!encoder.flush());
    inputs().into_iter().for_each(|input| encoder.input(input));
    assert!(!encoder.flush());
    drop(encoder);
    assert_eq!(parts, 1);
}

fn any_tails() -> impl Strategy<Value = Vec<(Tail, Vec<u8>)>> {
    let tail = (0..Tail::ALL.len()).prop_map(|index| Tail::ALL[index]);
    prop::collection::vec((tail, prop::collection::vec(any::<u8>(), 0..40)), 0..6)
}

proptest! {
    /// Whatever bytes there are, reading them ends without a panic.
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        replay(bytes.as_slice());
        let (_, _, error) = replay([format::preamble().as_slice(), &bytes].concat().as_slice());
        prop_assert!(error.is_some());
    }

    /// Frames that are whole but hold nonsense.
    #[test]
    fn any_content_is_read_without_a_panic(
        kind in 0..40u16,
        content in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let Some(kind) = Kind::from_number(kind) else { return Ok(()) };
        let whole = file(PLAIN);
        let starts = frame_starts(&whole);
        let mut bytes = whole[..*starts.last().unwrap()].to_vec();
        prop_assert!(format::put(starts.len() as u64 - 1, kind, &content, &mut bytes));
        replay(bytes.as_slice());
    }

    /// Every record of any kind and with any variable fields decodes as before when nothing is to be left out, and without
    /// environment and payload otherwise; nothing makes it panic.
    #[test]
    fn records_stay_records(class in 0..Class::ALL.len(), tails in any_tails(), junk in any::<[u8; 24]>()) {
        let class = Class::ALL[class];
        let mut fixed = vec![0; strip::fixed_bytes(class)];
        let start = size_of::<RecordHeader>();
        fixed[..start].copy_from_slice(record_header(class, 9, 100).as_bytes());
        let end = fixed.len().min(start + junk.len());
        fixed[start..end].copy_from_slice(&junk[..end - start]);
        let tails: Vec<_> = tails.iter().map(|(kind, value)| (*kind, value.as_slice())).collect();
        let record = with_tails(&fixed, &tails);
        prop_assert!(strip(&record, ALL, &[]).is_none());
        if let Some(stripped) = strip(&record, PLAIN, &[]) {
            let event = decode(&stripped).unwrap();
            match event.facts {
                event::Facts::Exec(exec) => prop_assert!(exec.environment.0.is_empty()),
                event::Facts::Socket(socket) => prop_assert!(socket.payload.is_empty()),
                _ => prop_assert!(false, "others stay as they are"),
            }
        }
        let bytes = encoded(
            ANONYMOUS,
            pipeline().state(),
            vec![Input::Record { now_ns: 1, bytes: record.clone() }],
        );
        let (mut reader, _) = Reader::open(bytes.as_slice()).unwrap();
        let Some(Input::Record { bytes, .. }) = reader.next_input().unwrap() else { panic!() };
        prop_assert!(decode(&bytes).is_ok());
        prop_assert_eq!(decode(&bytes).unwrap().incomplete & Incomplete::ARGUMENTS, 0);
    }

    /// What is cut of a record, or no record at all, is left out rather than passed on.
    #[test]
    fn what_is_no_record_is_not_kept(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let stripped = strip(&bytes, PLAIN, &[]);
        prop_assert!(stripped.is_none_or(|stripped| stripped.is_empty() || decode(&stripped).is_ok()) || decode(&bytes).is_err());
    }
}
