//! Falco's own rule files, where the environment says where they are.

use crate::detect::rules::{Options, Ruleset, Source};

const VARIABLE: &str = "PICKET_FALCO_RULES";

pub(super) fn upstream() -> Option<Vec<Source>> {
    let folder = std::env::var_os(VARIABLE)?;
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let read = |name: &str| {
        let path = std::path::Path::new(&folder).join(name);
        Source { name: name.to_owned(), text: std::fs::read(path).unwrap() }
    };
    Some(names.iter().map(|name| read(name)).collect())
}

#[test]
fn all_rules_load() {
    let Some(sources) = upstream() else {
        println!("skipped: {VARIABLE} does not name a folder with Falco's rule files");
        return;
    };
    for (file, rules) in sources.iter().zip([25, 31, 37]) {
        let loaded = Ruleset::load(std::slice::from_ref(file), &Options::default());
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(loaded.rules, rules, "{}", file.name);
    }
    let loaded = Ruleset::load(&sources, &Options::default()).unwrap();
    assert_eq!((loaded.rules, loaded.macros, loaded.lists), (93, 315, 118));
    assert_eq!(loaded.ruleset.rules().iter().filter(|rule| !rule.enabled).count(), 12);
    let program = &loaded.ruleset.program;
    println!(
        "{} nodes, {} comparisons, {} slots",
        program.nodes.len(),
        program.comparisons.len(),
        program.slots.len()
    );
    for rule in loaded.ruleset.rules() {
        assert!(!rule.kinds.is_empty() || rule.name.contains("xx"), "{}", rule.name);
    }
    println!("{:?}", loaded.warnings);
}
