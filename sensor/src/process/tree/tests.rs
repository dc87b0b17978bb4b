//! Lineage, reuse of pids, bounds, snapshot.

use sensor_common::{class::Class, record::process::ExecRecord};

use super::*;
use crate::event::{Facts, path::Components, process::Exit, text::Strings};

const SECOND: u64 = 1_000_000_000;

fn task(pid: u32, start: u64) -> TaskRef {
    TaskRef { start_ns: start * SECOND, pid, tid: pid }
}

fn event(class: Class, process: TaskRef, time: u64) -> Event<'static> {
    Event {
        class,
        cpu: 0,
        sequence: 1,
        time_ns: time * SECOND,
        cgroup: 7,
        process,
        incomplete: 0,
        facts: Facts::Exit(Exit { parent: TaskRef::default(), status: 0 }),
    }
}

fn tree(processes_max: usize) -> Tree {
    Tree::new(Limits { processes_max, retention_ns: 10 * SECOND })
}

fn fork(tree: &mut Tree, parent: TaskRef, child: TaskRef) {
    let fork = Fork { parent, creator: parent, ids: Default::default(), container_pid: 1 };
    tree.fork(&event(Class::ProcessFork, child, child.start_ns / SECOND), &fork);
}

fn exec(tree: &mut Tree, process: TaskRef, executable: &'static [u8], time: u64) {
    let exec = Exec {
        executable: Components(executable),
        arguments: Strings(b"a\0b\0"),
        ..Exec::bare(ExecRecord::default())
    };
    tree.exec(&event(Class::ProcessExec, process, time), &exec);
}

fn exit(tree: &mut Tree, process: TaskRef, time: u64) -> bool {
    tree.exit(&event(Class::ProcessExit, process, time), TaskRef::default())
}

fn lineage(tree: &Tree, process: TaskRef) -> Vec<String> {
    tree.ancestors(process.into()).map(|process| process.program.executable.clone()).collect()
}

#[test]
fn a_double_fork_keeps_its_lineage() {
    let mut tree = tree(100);
    let (shell, middle, daemon) = (task(10, 1), task(11, 2), task(12, 3));
    exec(&mut tree, shell, b"sh\0bin\0", 1);
    fork(&mut tree, shell, middle);
    fork(&mut tree, middle, daemon);
    assert!(exit(&mut tree, middle, 4));
    tree.expire(100 * SECOND);
    exec(&mut tree, daemon, b"daemon\0", 101);
    assert_eq!(lineage(&tree, daemon), ["/bin/sh", "/bin/sh"], "the middle one stays for its child");
    assert_eq!(tree.len(), 3);
    assert!(exit(&mut tree, daemon, 102));
    tree.expire(200 * SECOND);
    assert_eq!(tree.len(), 1, "with the child, the middle one goes too");
}

#[test]
fn a_reused_pid_is_another_process() {
    let mut tree = tree(100);
    exec(&mut tree, task(10, 1), b"old\0", 1);
    fork(&mut tree, task(1, 0), task(10, 5));
    exec(&mut tree, task(10, 5), b"new\0", 6);
    assert_eq!(tree.get(task(10, 5).into()).unwrap().program.executable, "/new");
    let old = tree.get(task(10, 1).into()).unwrap();
    assert_eq!((old.program.executable.as_str(), old.exited_ns), ("/old", Some(5 * SECOND)));
    assert_eq!(tree.by_pid(10).unwrap().program.executable, "/new");
    assert!(exit(&mut tree, task(10, 5), 7));
    assert_eq!(tree.by_pid(10).unwrap().exited_ns, Some(7 * SECOND), "until another one has the pid");
    tree.expire(100 * SECOND);
    assert!(tree.by_pid(10).is_none(), "a forgotten process does not answer for its pid");
}

#[test]
fn an_end_is_told_once() {
    let mut tree = tree(100);
    exec(&mut tree, task(10, 1), b"x\0", 1);
    assert!(exit(&mut tree, task(10, 1), 2));
    assert!(!exit(&mut tree, task(10, 1), 2));
    assert!(exit(&mut tree, task(99, 1), 2), "of a process never seen");
}

#[test]
fn is_bounded_and_counts_what_it_gives_up() {
    let mut tree = tree(10);
    for pid in 1..=30 {
        fork(&mut tree, task(500, 0), task(pid, 1));
        exit(&mut tree, task(pid, 1), 2);
    }
    assert_eq!((tree.len(), tree.evicted()), (10, 20));
    for pid in 100..130 {
        fork(&mut tree, task(500, 0), task(pid, 3));
    }
    assert_eq!(tree.len(), 10);
    assert!(tree.get(task(129, 3).into()).is_none(), "nothing running is given up for a new one");
    assert_eq!(tree.evicted(), 20 + 30);
}

#[test]
fn a_chain_kept_for_its_last_link_gives_way_to_what_runs() {
    let mut tree = tree(10);
    for pid in 1..10 {
        fork(&mut tree, task(pid, u64::from(pid)), task(pid + 1, u64::from(pid) + 1));
        exit(&mut tree, task(pid, u64::from(pid)), u64::from(pid) + 1);
    }
    tree.expire(1000 * SECOND);
    assert!(lineage(&tree, task(10, 10)).len() >= 8);
    for pid in 100..105 {
        fork(&mut tree, task(500, 0), task(pid, 1000));
    }
    assert!((100..105).all(|pid| tree.get(task(pid, 1000).into()).is_some()), "running ones are known");
    assert!(tree.len() <= 10 && tree.evicted() >= 4);
}

#[test]
fn the_snapshot_and_what_happened_meanwhile_agree() {
    let mut tree = tree(100);
    let running = |pid, ticks, parent_pid, executable: &str| Running {
        pid,
        start_ticks: ticks,
        parent_pid,
        program: Program { executable: executable.to_owned(), ..Program::default() },
        ..Running::default()
    };
    tree.snapshot(vec![
        running(20, 200, 10, "/child"),
        running(10, 100, 1, "/parent"),
        running(1, 0, 0, "/init"),
    ]);
    assert_eq!(lineage(&tree, task(20, 2)), ["/parent", "/init"]);
    // This fork was in the ring already when /proc was read: the child has its own program since.
    fork(&mut tree, task(10, 1), task(20, 2));
    assert_eq!(tree.get(task(20, 2).into()).unwrap().program.executable, "/child");
    assert_eq!(tree.get(task(20, 2).into()).unwrap().start_ns, 2 * SECOND);
    exit(&mut tree, task(10, 1), 3);
    tree.expire(100 * SECOND);
    assert_eq!(
        lineage(&tree, task(20, 2)),
        ["/parent", "/init"],
        "a parent of the snapshot stays for its child"
    );
}
