//! Many short containers: every exec of each has its whole identity, the first one included.

use std::collections::{BTreeMap, HashMap};

use picket_tests::client::{Client, Filters};
use picket_tests::container::{Container, Names, Options};
use picket_tests::expect::{field, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::runner::Test;
use picket_tests::skip::sized;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[Test::new("churn::short_containers", short_containers).own_agent()];

/// Containers that run at the same time.
const AT_ONCE: usize = 10;

/// What came of one container.
#[derive(Debug, Default)]
struct Seen {
    /// Execs of the container's own program: there must be one.
    execs: usize,
    /// Of these, fully identified.
    identified: usize,
    /// Execs of any program in the container, the runtime's own included, that lack something.
    blank: Vec<String>,
}

fn short_containers(lab: &mut Lab) {
    let count: usize = sized(1000, 20);
    // What else the runtime does for so many containers is more than one reader takes in.
    let classes = vec!["PROCESS_FORK", "PROCESS_EXEC", "PROCESS_EXIT", "CONTAINER_IDENTIFIED"];
    let mut client = lab.subscribe(&Filters { classes, ..Filters::default() });
    let marker = marker("churn");
    let made: Vec<Options> = (0..count)
        .map(|number| lab.container_options(&["/bin/true", &format!("{marker}-{number}")]))
        .collect();
    std::thread::scope(|scope| {
        for part in made.chunks(count.div_ceil(AT_ONCE)) {
            scope.spawn(|| part.iter().for_each(|options| drop(Container::create(options).run_ok())));
        }
    });
    lab.fence(&mut client);

    let by_marker: HashMap<&str, &Names> =
        made.iter().map(|options| (options.arguments[1].as_str(), &options.names)).collect();
    let mut seen: HashMap<String, Seen> = HashMap::new();
    for event in execs(&client) {
        let last = picket_tests::client::last_argument(&event).unwrap_or_default();
        // The container's own program is known by its argument, whatever the event says of identity.
        let names =
            by_marker.get(last).copied().filter(|_| text(&event, "process.arguments.0") == "/bin/true");
        let id = names.map_or_else(|| text(&event, "container.id"), |names| names.id.as_str());
        let names = made.iter().map(|options| &options.names).find(|names| names.id == id);
        if let Some(names) = names {
            let entry = seen.entry(names.id.clone()).or_default();
            let (own, lacking) = (by_marker.contains_key(last), difference(&event, names));
            entry.execs += usize::from(own);
            entry.identified += usize::from(own && lacking.is_none());
            entry.blank.extend(lacking);
        }
    }
    let whole = made.iter().filter_map(|options| seen.get(&options.names.id));
    let whole = whole.filter(|seen| seen.execs == 1 && seen.blank.is_empty()).count();
    let own = seen.values().map(|seen| seen.identified).sum::<usize>();
    println!("identity: {own} of {count} containers' own programs identified");
    println!(
        "identity: {whole} of {count} containers with every exec fully identified ({} %)",
        whole * 100 / count
    );
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for event in seen.values().flat_map(|seen| &seen.blank) {
        let event: Value = serde_json::from_str(event).unwrap_or_default();
        let program = text(&event, "process.arguments.0");
        *reasons.entry(format!("{program}: {}", text(&event, "container.unresolved"))).or_default() += 1;
    }
    reasons.iter().for_each(|(reason, count)| println!("identity: {count} times {reason}"));
    let bad: Vec<_> = made
        .iter()
        .map(|options| (&options.names.id, seen.get(&options.names.id)))
        .filter(|(_, seen)| seen.is_none_or(|seen| seen.execs != 1 || !seen.blank.is_empty()))
        .take(2)
        .collect();
    assert_eq!(whole, count, "the first of the others: {bad:#?}");
}

fn execs(client: &Client) -> Vec<Value> {
    client.all(|event| text(event, "class") == "PROCESS_EXEC")
}

/// The event, if a name is missing or wrong in it.
fn difference(event: &Value, names: &Names) -> Option<String> {
    let wanted = [
        ("container.id", &names.id),
        ("container.name", &names.name),
        ("container.image", &names.image),
        ("container.pod.namespace", &names.namespace),
        ("container.pod.name", &names.pod),
        ("container.pod.uid", &names.uid),
    ];
    let same = wanted.iter().all(|(path, value)| text(event, path) == value.as_str());
    (!same || field(event, "container.unresolved").is_some()).then(|| event.to_string())
}
