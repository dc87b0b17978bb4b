//! The agent is killed while programs are executed, and comes back: the numbers of its events say how many were missed.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use picket_tests::agent::{Agent, Options};
use picket_tests::client::{Client, Filters, last_argument};
use picket_tests::expect::{number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::numbers::Numbers;
use picket_tests::runner::Test;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

pub(crate) const TESTS: &[Test] = &[
    Test::new("restart::missed_programs_are_numbered", missed_programs_are_numbered).own_agent(),
    Test::new("restart::a_clean_end_leaves_nothing", a_clean_end_leaves_nothing).own_agent(),
];

/// Programs that take the place of another one in the same process, such as the agent's second start.
const FORKLESS_MAX: u64 = 100;

/// A BPF file system of the test's own; away when dropped.
struct PinFolder(std::path::PathBuf);

impl PinFolder {
    fn mount(lab: &Lab) -> Self {
        let folder = lab.agent_options().folder.join("bpf");
        std::fs::create_dir_all(&folder).expect("a folder of our own");
        mount("bpf", &folder, "bpf", MountFlags::empty(), None).expect("the kernel has BPF file systems");
        Self(folder)
    }

    fn settings(&self) -> String {
        let folder = self.0.join("picket");
        format!("[kernel]\npin_folder = \"{}\"\ncanary_interval_s = 0\n", folder.display())
    }

    fn agent(&self, options: Options) -> Agent {
        Agent::start(&options.with_settings(&self.settings()))
    }
}

impl Drop for PinFolder {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.0, UnmountFlags::DETACH) {
            eprintln!("cannot unmount {}: {error}", self.0.display());
        }
    }
}

/// Runs one program on each CPU, so that each has a number.
fn on_each_cpu(program: &std::path::Path, mark: &str) {
    let before = sched_getaffinity(None).expect("our own");
    for cpu in (0..CpuSet::MAX_CPU).filter(|cpu| before.is_set(*cpu)) {
        let mut one = CpuSet::new();
        one.set(cpu);
        sched_setaffinity(None, &one).expect("a CPU that we may use");
        run(program, mark);
    }
    sched_setaffinity(None, &before).expect("as it was");
}

/// Tasks that the kernel made since it started, as it says itself.
fn forks() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").expect("procfs");
    let line = text.lines().find_map(|line| line.strip_prefix("processes "));
    line.and_then(|count| count.parse().ok()).expect("a line of /proc/stat")
}

fn run(program: &std::path::Path, mark: &str) {
    let status = Command::new(program).arg(mark).status().expect("busybox");
    assert!(status.success());
}

/// Reads events until one with this argument came from each CPU.
fn read_until(client: &mut Client, mark: &str, numbers: &mut Numbers, cpus: usize) {
    let mut seen = 0;
    while seen < cpus {
        let event = client.next_event().expect("the stream goes on");
        match text(&event, "class") {
            "PROCESS_EXEC" => numbers.add(&event),
            other => {
                panic!("only exec events were asked for, and none were lost on the way: {other}: {event}")
            }
        }
        seen += usize::from(last_argument(&event) == Some(mark));
    }
}

fn missed_programs_are_numbered(lab: &mut Lab) {
    let pins = PinFolder::mount(lab);
    let program = lab.image().applet("true");
    let filters = Filters { classes: vec!["PROCESS_EXEC"], ..Filters::default() };
    let [load, first, last] = ["load", "first", "last"].map(marker);
    let cpus = std::thread::available_parallelism().expect("CPUs").get();
    let (mut numbers, stop) = (Numbers::default(), AtomicBool::new(false));

    let forks_before = forks();
    let agent = pins.agent(lab.agent_options());
    assert_eq!(text(&agent.status(), "executed.unpinned"), "", "{:#}", agent.status());
    let mut client = Client::subscribe(&agent, &filters);
    on_each_cpu(&program, &first);
    read_until(&mut client, &first, &mut numbers, cpus);
    let (made, second) = scope(|scope| {
        let loader = scope.spawn(|| {
            let mut made = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                run(&program, &load);
                made += 1;
            }
            made
        });
        sleep(Duration::from_millis(500));
        agent.kill();
        sleep(Duration::from_millis(500));
        let second = pins.agent(lab.agent_options());
        stop.store(true, Ordering::Relaxed);
        (loader.join().expect("it only starts programs"), second)
    });
    // What the first agent still sent.
    let mut told = 0;
    for event in client.rest() {
        told += u64::from(last_argument(&event) == Some(load.as_str()));
        numbers.add(&event);
    }
    let mut client = Client::subscribe(&second, &filters);
    on_each_cpu(&program, &last);
    read_until(&mut client, &last, &mut numbers, cpus);

    let status = second.status();
    let unwatched = number(&status, "executed.unwatched").unwrap_or_default();
    let (missed, untold) = (numbers.missed(), made - told);
    println!(
        "restart: executed {made}, told {told}, missed by the numbers {missed}, without an agent {unwatched}"
    );
    assert!(told > 0 && unwatched > 0, "killed under load");
    assert!(missed >= untold, "each program that was not told has a number: {numbers:?}");
    // What else the machine executes has numbers, too; nearly all of it is a new process first.
    let forks = forks() - forks_before;
    assert!(
        missed + numbers.events <= forks + FORKLESS_MAX,
        "no more than was executed ({forks} forks): {numbers:?}"
    );
    assert!(unwatched <= missed, "{status:#}");
    drop(client);
    second.stop();
}

fn a_clean_end_leaves_nothing(lab: &mut Lab) {
    let pins = PinFolder::mount(lab);
    let agent = pins.agent(lab.agent_options());
    assert!(pins.0.join("picket").is_dir());
    // Another one leaves it alone, and says so.
    let mut other = lab.agent_options();
    other.folder = other.folder.join("other");
    std::fs::create_dir_all(&other.folder).expect("a folder of our own");
    let other = pins.agent(other);
    let why = other.status();
    assert!(text(&why, "executed.unpinned").starts_with("another agent uses "), "{why:#}");
    other.stop();
    assert!(pins.0.join("picket").is_dir());
    agent.stop();
    assert!(!pins.0.join("picket").exists());
}
