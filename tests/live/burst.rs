//! A burst of processes: the account of what was seen, received, sent and lost must add up.

mod ring;

use std::collections::{HashMap, HashSet};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::Agent;
use picket_tests::client::{Client, Filters, last_argument};
use picket_tests::expect::{field, number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::skip::{SAME_EVERYWHERE, sized};
use picket_tests::workload;
use rustix::process::Signal;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("burst::account_adds_up", account_adds_up).own_agent(),
    Test::new("burst::slow_subscriber", slow_subscriber).own_agent().native_only(SAME_EVERYWHERE),
    Test::new("burst::full_ring", ring::full).own_agent(),
];

const CLASSES: [&str; 3] = ["PROCESS_FORK", "PROCESS_EXEC", "PROCESS_EXIT"];
/// Programs that the container of [`slow_subscriber`] runs.
const EXECS: u64 = 4000;
/// Processes that make the burst.
const MAKERS: usize = 2;

/// Account of one class, as the status has it.
#[derive(Clone, Copy, Debug, Default)]
struct Ledger {
    /// Without those that the policy keeps in the kernel.
    seen: u64,
    received: u64,
    lost: u64,
}

fn account_adds_up(lab: &mut Lab) {
    let each: u64 = sized(10_000, 500);
    let total = each * MAKERS as u64;
    let agent = Agent::start(&lab.agent_options());
    let mut client = Client::subscribe(&agent, &Filters::default());
    let (before, _) = settled(&agent, &CLASSES);
    let program = lab.image().applet("true");
    let start = || {
        let mut command = workload::command("burst");
        command.arg(each.to_string()).arg(&program).stdin(Stdio::null()).spawn().expect("this program")
    };
    let makers: Vec<Child> = (0..MAKERS).map(|_| start()).collect();
    let got = count(lab, &mut client, makers);

    let (after, status) = settled(&agent, &CLASSES);
    let mut lost_in_kernel = 0;
    for class in CLASSES {
        let [before, after] = [&before, &after].map(|table| table.get(class).copied().unwrap_or_default());
        let (seen, received) = (after.seen - before.seen, after.received - before.received);
        let lost = after.lost - before.lost;
        let delivered = got.events.get(class).copied().unwrap_or_default();
        println!(
            "burst: {class}: made {total}, seen {seen}, received {received}, lost {lost}, delivered of the burst {delivered}"
        );
        assert!(seen >= total, "the kernel programs saw each of them: {status:#}");
        assert_eq!(seen, received + lost, "{class}: seen = received + lost: {status:#}");
        assert!(delivered + lost + got.lost >= total, "{class}: none disappears: {status:#}");
        assert!(delivered <= total, "{class}: none comes twice");
        lost_in_kernel += lost;
    }
    let lost_by_client = own_loss(&status, client.id());
    println!("burst: lost in the kernel {lost_in_kernel}, lost by the subscriber {lost_by_client}");
    println!(
        "burst: resident memory {} bytes, attach time {}, {} CPUs",
        number(&status, "residentBytes").unwrap_or_default(),
        text(&status, "attachTime"),
        std::thread::available_parallelism().map_or(0, usize::from),
    );
    assert_eq!(got.lost, lost_by_client, "the stream tells the subscriber of its own losses: {status:#}");
    assert!(number(&status, "residentBytes").is_some_and(|bytes| bytes > 0), "memory is told: {status:#}");
    assert!(text(&status, "attachTime").ends_with('s'), "the attach time is told: {status:#}");
    drop(client);
    agent.stop();
}

/// A subscriber that stands still loses its own events and is told how many; the others get theirs.
fn slow_subscriber(lab: &mut Lab) {
    let agent = lab.agent_with("[stream]\nsubscriber_queue_events = 64\n");
    let end = marker("slow-end");
    // Far more than the queue and the buffers of the connection hold.
    let script =
        format!("n=0; while [ $n -lt {EXECS} ]; do n=$((n + 1)); /bin/true; done; /bin/true {end}; exit");
    let container = lab.container(&["/bin/sh", "-c", &script]);
    let filters = Filters {
        classes: vec!["PROCESS_EXEC"],
        containers: vec![container.id().to_owned()],
        ..Filters::default()
    };
    let [mut slow, mut other] = [(); 2].map(|()| Client::subscribe(&agent, &filters));
    slow.signal(Signal::STOP);
    container.run_ok();
    slow.signal(Signal::CONT);

    let mut both = [(0, 0); 2];
    let add = |client: &mut Client, sum: &mut (u64, u64)| {
        let Some(event) = client.next_event() else { return false };
        // Losses of other reasons are the kernel's, which its own account has.
        match (text(&event, "class"), text(&event, "loss.reason")) {
            ("LOSS", "SLOW_SUBSCRIBER") => sum.1 += number(&event, "loss.count").unwrap_or_default(),
            ("LOSS", _) => {}
            _ => sum.0 += 1,
        }
        true
    };
    let [slow_sum, other_sum] = &mut both;
    while other_sum.0 + other_sum.1 < EXECS && add(&mut other, other_sum) {}
    while slow_sum.0 + slow_sum.1 < EXECS && add(&mut slow, slow_sum) {}
    let kernel: u64 = ledgers(&agent.status()).values().map(|ledger| ledger.lost).sum();
    println!(
        "burst: slow subscriber (received, lost) {slow_sum:?}, the other {other_sum:?}, kernel lost {kernel}"
    );
    assert!(slow_sum.1 > 0, "it stood still and lost nothing: {slow_sum:?}");
    for (name, sum) in [("slow", *slow_sum), ("other", *other_sum)] {
        assert!(
            sum.0 + sum.1 + kernel >= EXECS,
            "{name}: received and lost make all: {sum:?}, kernel {kernel}"
        );
    }
    assert!(other_sum.1 < slow_sum.1, "the other one is better off: {other_sum:?}, {slow_sum:?}");
    drop((slow, other));
    agent.stop();
}

/// What a subscriber got.
#[derive(Debug, Default)]
struct Got {
    events: HashMap<String, u64>,
    lost: u64,
}

/// Reads while the makers run, and on until a process that ran after them has come.
fn count(lab: &Lab, client: &mut Client, mut makers: Vec<Child>) -> Got {
    let pids: HashSet<u64> = makers.iter().map(|maker| maker.id().into()).collect();
    let marker = marker("burst-end");
    let (mut got, mut marked) = (Got::default(), false);
    loop {
        makers.retain_mut(|maker| !ended(maker));
        if makers.is_empty() && !marked {
            let status = lab.host("true").arg(&marker).status().expect("busybox runs");
            assert!(status.success(), "true: {status}");
            marked = true;
        }
        let Some(event) = client.next_event() else {
            assert!(marked, "the makers run and nothing comes: {got:?}");
            break;
        };
        let class = text(&event, "class");
        if class == "LOSS" && text(&event, "loss.reason") == "SLOW_SUBSCRIBER" {
            got.lost += number(&event, "loss.count").unwrap_or_default();
        } else if number(&event, "process.parent.pid").is_some_and(|pid| pids.contains(&pid)) {
            *got.events.entry(class.to_owned()).or_default() += 1;
        }
        if class != "PROCESS_EXIT" {
            continue;
        }
        // The event comes a moment before its parent can see the end.
        let pid = number(&event, "process.pid");
        if let Some(maker) = makers.iter_mut().find(|maker| Some(u64::from(maker.id())) == pid) {
            maker.wait().expect("our child");
        }
        if last_argument(&event) == Some(&marker) {
            break;
        }
    }
    got
}

/// Whether a maker ended, which it must do well.
fn ended(maker: &mut Child) -> bool {
    let status = maker.try_wait().expect("our child");
    assert!(status.is_none_or(|status| status.success()), "a maker of the burst: {status:?}");
    status.is_some()
}

fn ledgers(status: &Value) -> HashMap<String, Ledger> {
    let classes = field(status, "classes").and_then(Value::as_array).cloned().unwrap_or_default();
    let ledger = |class: &Value| {
        let value = |name| number(class, name).unwrap_or_default();
        let unsent = value("filtered") + value("aggregated") + value("limited");
        let seen = value("seen").saturating_sub(unsent);
        Ledger { seen, received: value("received"), lost: value("lost") }
    };
    classes.iter().map(|class| (text(class, "class").to_owned(), ledger(class))).collect()
}

/// The status once the rings are empty: other processes of the machine go on, and a record may be on
/// its way while the counters are read.
fn settled(agent: &Agent, classes: &[&str]) -> (HashMap<String, Ledger>, Value) {
    let attempts = 300;
    let mut status = agent.status();
    for _ in 0..attempts {
        let table = ledgers(&status);
        let mut wanted = classes.iter().filter_map(|class| table.get(*class));
        if wanted.all(|ledger| ledger.seen == ledger.received + ledger.lost) {
            return (table, status);
        }
        sleep(Duration::from_millis(100));
        status = agent.status();
    }
    panic!("seen is not received + lost in any of {attempts} looks: {status:#}");
}

fn own_loss(status: &Value, id: u64) -> u64 {
    let list = field(status, "subscribers").and_then(Value::as_array).cloned().unwrap_or_default();
    let own = list.iter().find(|subscriber| number(subscriber, "id") == Some(id));
    own.and_then(|subscriber| number(subscriber, "lost")).unwrap_or_default()
}
