//! Who came from whom: parents, ancestors, processes that were given a new parent.

use std::collections::HashSet;

use picket_tests::client::Filters;
use picket_tests::expect::{Expect, field, text};
use picket_tests::lab::{Lab, marker};
use serde_json::Value;

use super::{exec_as, line};

/// Ancestors that the test asks for.
const ANCESTORS: usize = 8;
/// Waits until its parent is gone, at most some seconds, then runs `true`.
const ORPHAN: &str = "n=0; while kill -0 $PPID 2>/dev/null && [ $PPID != 1 ] && [ $n -lt 300 ]; \
                      do n=$((n + 1)); \"$1\" sleep 0.01; done; \"$1\" true \"$2\"; exit";

/// Ten shells, each started by the one before: eight ancestors with their arguments.
pub(super) fn ancestors(lab: &mut Lab) {
    let filters = Filters { ancestors: 8, ..Filters::default() };
    let mut client = lab.subscribe(&filters);
    let marker = marker("nest");
    lab.container(&["/nest", "10", &marker]).run_ok();
    let event = exec_as(&mut client, "/bin/true", &marker);
    Expect::of(&event).lists("process.parent.arguments", &["/bin/sh", "/nest", "0", &marker]);
    let count = field(&event, "ancestors").and_then(Value::as_array).map_or(0, Vec::len);
    assert_eq!(count, ANCESTORS, "as many ancestors as asked for: {event:#}");
    for place in 0..ANCESTORS {
        let level = (place + 1).to_string();
        Expect::of(&event)
            .is(&format!("ancestors.{place}.executable"), "/bin/busybox")
            .lists(&format!("ancestors.{place}.arguments"), &["/bin/sh", "/nest", &level, &marker]);
    }
    // Each id of the line is that of an exec event.
    let execs = client.all(|event| text(event, "class") == "PROCESS_EXEC");
    let known: HashSet<_> = execs.iter().map(|event| text(event, "process.execId")).collect();
    let line = line(&event);
    assert!(line.iter().all(|id| known.contains(id.as_str())), "{line:?} are in {known:?}");
    assert_eq!(line.iter().collect::<HashSet<_>>().len(), line.len(), "all different: {line:?}");
}

/// A process whose parent is gone still belongs to the line that it came from.
pub(super) fn double_fork(lab: &mut Lab) {
    let filters = Filters { ancestors: 8, ..Filters::default() };
    let mut client = lab.subscribe(&filters);
    let (marker, outer) = (marker("orphan"), marker("outer"));
    let script = "(\"$1\" sh -c \"$2\" sh \"$1\" \"$3\" orphan & ); exit";
    let busybox = lab.image().busybox().to_string_lossy().into_owned();
    let status = lab.host("sh").args(["-c", script, "sh", &busybox, ORPHAN, &marker, &outer]).status();
    assert!(status.expect("busybox runs").success(), "the outer shell succeeds");
    let event = client.exec(&marker);
    let outer = client.exec(&outer);
    let line = line(&event);
    let origin = text(&outer, "process.execId");
    assert!(line.iter().any(|id| id == origin), "{origin} is in the line {line:?} of {event:#}");
}

/// An id names one program in one process: children name it as their parent's.
pub(super) fn exec_ids(lab: &mut Lab) {
    let mut client = lab.watch();
    let (parent, first, second) = (marker("parent"), marker("first"), marker("second"));
    let script = "\"$1\" \"$2\"; \"$1\" \"$3\"; exit";
    let program = lab.image().applet("true").to_string_lossy().into_owned();
    let status = lab.host("sh").args(["-c", script, "sh", &program, &first, &second, &parent]).status();
    assert!(status.expect("busybox runs").success(), "the shell succeeds");
    let (parent, first, second) = (client.exec(&parent), client.exec(&first), client.exec(&second));
    let id = text(&parent, "process.execId");
    for child in [&first, &second] {
        Expect::of(child)
            .is("process.parent.execId", id)
            .is("process.parent.pid", field(&parent, "process.pid").expect("a pid").clone());
    }
    let ids: HashSet<_> =
        [&parent, &first, &second].into_iter().map(|event| text(event, "process.execId")).collect();
    assert_eq!(ids.len(), 3, "three programs, three ids: {ids:?}");
    // The child had an id of its own before it executed anything.
    let fork = client.wait_for("fork of the first child", |event| {
        text(event, "class") == "PROCESS_FORK" && field(event, "process.pid") == field(&first, "process.pid")
    });
    assert_ne!(text(&fork, "process.execId"), text(&first, "process.execId"), "exec gives a new id");
}
