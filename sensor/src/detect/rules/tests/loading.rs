//! What rule files define: lists, macros, exceptions, overrides, and what is refused with which place.

use super::mock::{Mock, hits, load, rule, source};
use crate::detect::rules::{Options, Priority, Problem, Ruleset, Toggle, Which};

fn problems(text: &str) -> Vec<String> {
    match load(text) {
        Ok(_) => panic!("loads: {text}"),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// Whether the rule `r` of a text fires for an execution of `name` with `arguments`.
#[track_caller]
fn fires(text: &str, name: &str, arguments: &str) -> bool {
    let loaded = load(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let event = Mock::new("execve").text("proc.name", name).text("proc.args", arguments);
    hits(&loaded.ruleset, &event).contains(&"r".to_owned())
}

fn names(text: &str, condition: &str, yes: &[&str], no: &[&str]) {
    let text = format!("{text}{}", rule("r", condition));
    yes.iter().for_each(|name| assert!(fires(&text, name, ""), "{name}: {text}"));
    no.iter().for_each(|name| assert!(!fires(&text, name, ""), "{name}: {text}"));
}

#[test]
fn lists_stand_for_their_items() {
    let list = "- list: l\n  items: [a, b c, \"d\", '\"e f\"', 7]\n";
    names(list, "proc.name in (l)", &["a", "b c", "d", "e f", "7"], &["l", "b", "c"]);
    names(list, "proc.name in (x, l)", &["a", "x"], &["l"]);
    names(list, "proc.name in (l,x)", &["a", "x"], &["l"]);
    names(list, "proc.name in ( l )", &["a"], &["l"]);
    names(list, "proc.name in (\"l\")", &["l"], &["a"]);
    names(list, "proc.name in (ll, l.)", &["ll", "l."], &["a"]);
    // A list may be defined behind its use, and again.
    let late = format!("{}- list: l\n  items: [a]\n", rule("r", "proc.name in (l)"));
    assert!(fires(&late, "a", ""));
    names("- list: l\n  items: [a]\n- list: l\n  items: [b]\n", "proc.name in (l)", &["b"], &["a"]);
    // An empty one takes a comma along.
    let empty = "- list: l\n  items: []\n";
    names(empty, "proc.name in (l)", &[], &["l", ""]);
    names(empty, "proc.name in (a, l)", &["a"], &["l"]);
    names(empty, "proc.name in (l, a)", &["a"], &["l"]);
    names(empty, "proc.name in (a, l, b)", &["a", "b"], &["l"]);
    // It is text that is put in: also where no list stands.
    names("- list: l\n  items: [cat]\n", "proc.name = l", &["cat"], &["l"]);
}

#[test]
fn lists_in_lists_go_one_level_and_need_an_order() {
    let nested = "- list: a\n  items: [x]\n- list: b\n  items: [a, y]\n- list: c\n  items: [b, z]\n";
    names(nested, "proc.name in (b)", &["x", "y"], &["a"]);
    // One level: of b in c only its own items, of which `a` is one by name.
    names(nested, "proc.name in (c)", &["a", "y", "z"], &["x", "b"]);
    // A later list in an earlier one is put in with the text of the condition.
    names("- list: b\n  items: [a]\n- list: a\n  items: [x]\n", "proc.name in (b)", &["x"], &["a"]);
    // An earlier one that is redefined keeps its place.
    names(
        "- list: a\n  items: [x]\n- list: b\n  items: [a]\n- list: a\n  items: [y]\n",
        "proc.name in (b)",
        &["y"],
        &["x"],
    );
}

#[test]
fn lists_append_and_replace() {
    let base = "- list: l\n  items: [a]\n";
    names(&format!("{base}- list: l\n  items: [b]\n  append: true\n"), "proc.name in (l)", &["a", "b"], &[]);
    names(
        &format!("{base}- list: l\n  items: [b]\n  override: {{items: append}}\n"),
        "proc.name in (l)",
        &["a", "b"],
        &[],
    );
    names(
        &format!("{base}- list: l\n  items: [b]\n  override:\n    items: replace\n"),
        "proc.name in (l)",
        &["b"],
        &["a"],
    );
    assert_eq!(
        problems("- list: l\n  items: [b]\n  append: true\n"),
        ["a.yaml:1:3: there is no list `l` before this that could be changed"]
    );
    assert!(
        problems("- list: l\n  items: b\n")[0]
            .contains("a.yaml:2:10: `items` must be a sequence of texts, found a text")
    );
    assert!(problems("- list: l\n")[0].contains("list `l` has no `items`"));
    assert!(
        problems("- list: l\n  items: [[a]]\n")[0]
            .contains("a.yaml:2:11: each of `items` must be a text, found a sequence")
    );
}

#[test]
fn macros_are_wholes() {
    let text = "- macro: m\n  condition: proc.name=a or proc.name=b\n";
    names(text, "m", &["a", "b"], &["c"]);
    names(text, "m and proc.name=b", &["b"], &["a"]);
    names(text, "not m", &["c"], &["a", "b"]);
    names(text, "(m)", &["a"], &["c"]);
    names("- condition: proc.name=a\n  macro: m\n", "m", &["a"], &["b"]);
    // Rules see all macros; macros see those before them.
    assert!(fires(&format!("{}{text}", rule("r", "m")), "a", ""));
    let early = "- macro: n\n  condition: m\n- macro: m\n  condition: proc.name=a\n";
    assert_eq!(
        problems(&format!("{early}{}", rule("r", "n"))),
        ["a.yaml:2:14: there is no macro `m` before macro `n`"]
    );
    let again = "- macro: m\n  condition: proc.name=a\n- macro: n\n  condition: m\n- macro: m\n  condition: proc.name=b\n";
    names(again, "n", &["b"], &["a"]);
    let round =
        "- macro: m\n  condition: proc.name=a\n- macro: n\n  condition: m\n- macro: m\n  condition: n\n";
    assert!(problems(&format!("{round}{}", rule("r", "n")))[0].contains("macro `n` contains itself: n → m"));
}

#[test]
fn macros_append_and_replace() {
    let base = "- macro: m\n  condition: proc.name=a\n";
    names(
        &format!("{base}- macro: m\n  condition: or proc.name=b\n  append: true\n"),
        "m",
        &["a", "b"],
        &["c"],
    );
    names(
        &format!("{base}- macro: m\n  condition: or proc.name=b\n  override: {{condition: append}}\n"),
        "m",
        &["a", "b"],
        &["c"],
    );
    names(
        &format!("{base}- macro: m\n  condition: proc.name=b\n  override: {{condition: replace}}\n"),
        "m",
        &["b"],
        &["a"],
    );
    assert!(problems("- macro: m\n  condition: x\n  append: true\n")[0].contains("there is no macro `m`"));
    assert!(problems("- macro: m\n")[0].contains("macro `m` has no `condition`"));
    assert!(problems("- macro: m\n  condition:\n")[0].contains("`condition` must be a text, found nothing"));
}

#[test]
fn rules_append() {
    let base = rule("r", "proc.name=a");
    let text = format!("{base}- rule: r\n  condition: or proc.name=b\n  append: true\n");
    assert!(fires(&text, "b", "") && fires(&text, "a", "") && !fires(&text, "c", ""));
    let text = format!("{base}- rule: r\n  condition: and proc.args=x\n  override: {{condition: append}}\n");
    assert!(fires(&text, "a", "x") && !fires(&text, "a", "y"));
    // As text: what is appended goes with what stands next to it.
    let text = format!(
        "{}- rule: r\n  condition: and proc.args=x\n  append: true\n",
        rule("r", "proc.name=a or proc.name=b")
    );
    assert!(fires(&text, "a", "y") && !fires(&text, "b", "y"));
    assert!(
        problems("- rule: x\n  condition: a\n  append: true\n")
            .iter()
            .any(|text| text.contains("there is no rule `x`"))
    );
    assert!(problems(&format!("{base}- rule: r\n  append: true\n"))[0].contains("nothing to append"));
}

#[test]
fn rules_override() {
    let base = rule("r", "proc.name=a");
    let with = |item: &str| format!("{base}- rule: r\n{item}");
    let first = |item: &str| load(&with(item)).unwrap().ruleset.rules()[0].clone();
    assert!(fires(&with("  condition: proc.name=b\n  override: {condition: replace}\n"), "b", ""));
    assert_eq!(first("  priority: ERROR\n  override: {priority: replace}\n").priority, Priority::Error);
    assert_eq!(first("  desc: e\n  override: {desc: append}\n").description, "d e");
    assert_eq!(first("  desc: e\n  override: {desc: replace}\n").description, "e");
    assert_eq!(first("  tags: [b, a, b]\n  override: {tags: append}\n").tags, ["a", "b"]);
    assert!(!first("  enabled: false\n  override: {enabled: replace}\n").enabled);
    assert!(!first("  enabled: false\n").enabled);
    for (item, reason) in [
        (
            "  condition: x\n  desc: y\n  override: {desc: append}\n",
            "a.yaml:7:3: `condition` is not in `override`",
        ),
        (
            "  desc: y\n  override: {desc: append, tags: append}\n",
            "`override` names `tags`, which this item does not have",
        ),
        ("  desc: y\n  override: {desc: add}\n", "expected `append` or `replace` for `desc`"),
        ("  priority: INFO\n  override: {priority: append}\n", "expected `replace` for `priority`"),
        (
            "  desc: y\n  override: {name: append}\n",
            "`name` cannot be overridden; expected condition, output",
        ),
        (
            "  desc: y\n  append: true\n  override: {desc: append}\n",
            "`append` and `override` cannot stand together",
        ),
        ("  desc: y\n  override: desc\n", "`override` must be a mapping"),
        (
            "  priority: HIGH\n  override: {priority: replace}\n",
            "unknown priority `HIGH`; expected Emergency, Alert",
        ),
    ] {
        let found = problems(&with(item));
        assert!(found[0].contains(reason), "{item}: {found:?}");
    }
    assert!(
        problems("- rule: r\n  desc: y\n  override: {desc: append}\n")[0]
            .contains("there is no rule `r` before")
    );
}

#[test]
fn a_rule_needs_all_four() {
    for key in ["condition", "output", "desc", "priority"] {
        let text: String = rule("r", "proc.name=a")
            .lines()
            .filter(|line| !line.trim_start().starts_with(&format!("{key}:")))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(problems(&text), [format!("a.yaml:1:3: rule `r` has no `{key}`")]);
    }
    assert!(problems("- rule: r\n  enabled: true\n")[0].contains("there is no rule `r`"));
    assert!(
        problems("- rule: r\n").first().unwrap().contains("has no `condition`, `output`, `desc`, `priority`")
    );
}

#[test]
fn exceptions_of_several_fields() {
    let text = rule("r", "proc.name=a or proc.name=b")
        + "  exceptions:\n  - name: e\n    fields: [proc.name, proc.args]\n    comps: [=, startswith]\n    values:\n    - [a, x]\n    - [b, 'y z']\n";
    assert!(
        !fires(&text, "a", "xx")
            && fires(&text, "a", "y")
            && !fires(&text, "b", "y z 1")
            && fires(&text, "b", "x")
    );
    let lists = rule("r", "proc.name exists")
        + "  exceptions:\n  - name: e\n    fields: [proc.name, proc.args]\n    comps: [in, =]\n    values:\n    - [[a, 'b c'], x]\n    - ['(d, e)', y]\n    - [f, z]\n";
    for (name, arguments, expected) in
        [("a", "x", false), ("b c", "x", false), ("d", "y", false), ("f", "z", false), ("f", "x", true)]
    {
        assert_eq!(fires(&lists, name, arguments), expected, "{name} {arguments}");
    }
    let equal = rule("r", "proc.name exists")
        + "  exceptions:\n  - name: e\n    fields: [proc.name]\n    values: [[a]]\n";
    assert!(!fires(&equal, "a", "") && fires(&equal, "b", ""));
}

#[test]
fn exceptions_of_one_field_and_appended_ones() {
    let text = rule("r", "proc.name exists")
        + "  exceptions:\n  - name: e\n    fields: proc.name\n    comps: in\n    values: [a, 'b c']\n  - name: f\n    fields: proc.args\n";
    assert!(!fires(&text, "a", "") && !fires(&text, "b c", "") && fires(&text, "d", "x"));
    let more = format!("{text}- rule: r\n  exceptions:\n  - name: f\n    values: [x]\n  append: true\n");
    assert!(!fires(&more, "d", "x") && fires(&more, "d", "y") && !fires(&more, "a", "y"));
    let more = format!(
        "{text}- rule: r\n  exceptions:\n  - name: g\n    fields: proc.args\n    comps: pmatch\n    values: [/x]\n  override: {{exceptions: append}}\n"
    );
    assert!(!fires(&more, "d", "/x/y") && fires(&more, "d", "/xy"));
    let none = format!("{text}- rule: r\n  exceptions: []\n  override: {{exceptions: replace}}\n");
    assert!(fires(&none, "a", ""));
    // Both sides of an `or` are in brackets.
    let or = rule("r", "proc.name=a or proc.name=b")
        + "  exceptions:\n  - name: e\n    fields: proc.args\n    values: [x]\n";
    assert!(!fires(&or, "a", "x") && !fires(&or, "b", "x") && fires(&or, "b", "y"));
}

#[test]
fn exceptions_that_are_wrong() {
    for (exception, reason) in [
        ("- fields: proc.name", "an exception needs a `name`"),
        ("- name: e", "exception `e` has no `fields`"),
        (
            "- {name: e, fields: proc.name, comps: startswith}",
            "`comps` must be one of in, pmatch, intersects",
        ),
        ("- {name: e, fields: [proc.name], comps: [in, =]}", "1 `fields` and 2 `comps`"),
        ("- {name: e, fields: [proc.name], comps: [near]}", "unknown operator `near`"),
        (
            "- {name: e, fields: [proc.name], values: [[a, b]]}",
            "expected 1 values, one for each field, found 2",
        ),
        ("- {name: e, fields: [proc.name], values: [a]}", "each of `values` must be a sequence"),
        ("- {name: e, fields: proc.name, values: [[a]]}", "each of `values` must be a text"),
        ("- {name: e, fields: [proc.name], values: [[[a]]]}", "`=` takes one value, found a sequence"),
        ("- {name: e, fields: [proc.nme], values: [[a]]}", "unknown field `proc.nme`"),
        ("- e", "an exception must be a mapping"),
    ] {
        let text = format!("{}  exceptions:\n  {exception}\n", rule("r", "proc.name exists"));
        let found = problems(&text);
        assert!(found[0].contains(reason), "{exception}: {found:?}");
    }
    let base = rule("r", "proc.name exists") + "  exceptions:\n  - {name: e, fields: proc.name}\n";
    let append = |exception: &str| format!("{base}- rule: r\n  exceptions:\n  {exception}\n  append: true\n");
    assert!(
        problems(&append("- {name: e, fields: proc.args, values: [a]}"))[0]
            .contains("only `values` can be appended")
    );
    assert!(problems(&append("- {name: x, values: [a]}"))[0].contains("there is no exception `x`"));
}

#[test]
fn versions_and_sources() {
    let of = |text: &str| load(text).map(|loaded| loaded.warnings.len());
    for good in ["0.57.0", "63", "0.63.0", "0.31.0-rc1"] {
        assert_eq!(of(&format!("- required_engine_version: {good}\n")), Ok(0), "{good}");
    }
    for bad in ["64", "0.64.0", "1.0.0"] {
        let found = problems(&format!("- required_engine_version: {bad}\n"));
        assert!(found[0].starts_with("a.yaml:1:28: requires version"), "{found:?}");
    }
    assert!(problems("- required_engine_version: x\n")[0].contains("is not a version"));
    let plugin = |name: &str, rest: &str| {
        format!("- required_plugin_versions:\n  - name: {name}\n    version: 0.4.0\n{rest}")
    };
    assert_eq!(of(&plugin("container", "")), Ok(0));
    assert!(problems(&plugin("k8saudit", ""))[0].contains("requires the plugin `k8saudit`"));
    let other = "    alternatives:\n    - name: container\n      version: 0.1.0\n";
    assert_eq!(of(&plugin("k8saudit", other)), Ok(0));
    let foreign = format!(
        "{}  source: k8s_audit\n- rule: r\n  condition: and x\n  append: true\n",
        rule("r", "ka.verb=get")
    );
    let loaded = load(&foreign).unwrap();
    assert_eq!(loaded.rules, 0);
    assert!(loaded.warnings[0].to_string().starts_with("a.yaml:6:11: rule `r` is of the source `k8s_audit`"));
}

#[test]
fn what_is_not_known_is_warned_of() {
    let text = rule("r", "proc.name=a") + "  author: me\n- thing: x\n";
    let loaded = load(&text).unwrap();
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings[0], "a.yaml:6:3: unknown key `author`; it is ignored");
    assert!(warnings[1].starts_with("a.yaml:7:3: this item has none of the keys list, macro, rule"));
    let skip = |condition: &str| rule("r", condition) + "  skip-if-unknown-filter: true\n";
    for condition in ["proc.nme=a", "evt.type=nope", "m"] {
        let text = format!("- macro: m\n  condition: fd.nme=a\n{}", skip(condition));
        let loaded = load(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!((loaded.rules, loaded.warnings.len()), (0, 1), "{condition}");
    }
    // Other faults are not forgiven.
    assert!(problems(&skip("proc.nme=a and fd.num=x")).len() == 2);
    assert!(problems(&skip("proc.name=a and"))[0].contains("expected a field"));
    // A macro that no rule needs may name what it likes.
    assert_eq!(load("- macro: m\n  condition: fd.nme=a\n").unwrap().macros, 1);
}

#[test]
fn documents() {
    for empty in ["", "---\n", "# nothing\n", "[]\n", "---\n---\n"] {
        assert_eq!(load(empty).unwrap().rules, 0, "{empty:?}");
    }
    let two = format!("---\n{}---\n{}", rule("r", "proc.name=a"), rule("s", "proc.name=b"));
    assert_eq!(load(&two).unwrap().rules, 2);
    assert_eq!(problems("a: b\n"), ["a.yaml:1:1: a rule file must be a sequence of items, found a mapping"]);
    assert!(problems("- a\n")[0].contains("expected an item such as `- rule: NAME`, found a text"));
    assert!(problems("- rule: [\n")[0].contains("not YAML"));
    assert!(problems("- list: a\n  items: []\n  items: []\n")[0].contains("`items` is there twice"));
    let anchors = "- list: a\n  items: &x [p, q]\n- list: b\n  items: *x\n";
    names(anchors, "proc.name in (b)", &["p", "q"], &["x"]);
    let brackets = "- list: a\n  items: [\n    p,\n    q\n  ]\n";
    names(brackets, "proc.name in (a)", &["p", "q"], &["x"]);
    let flat = "- list: a\n  items: [\n  p, q\n]\n";
    names(flat, "proc.name in (a)", &["p", "q"], &["x"]);
}

#[test]
fn places_are_those_of_the_file() {
    let place = |text: &str| {
        let problem: Problem = load(text).err().unwrap().remove(0);
        (problem.line, problem.column)
    };
    let head = "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: ";
    assert_eq!(place(&format!("{head}proc.name=a and proc.nme=b\n")), (5, 30));
    assert_eq!(place(&format!("{head}>\n    proc.name=a\n    and proc.nme=b\n")), (7, 9));
    assert_eq!(place(&format!("{head}>-\n    proc.name=a\n\n    and proc.nme=b\n")), (8, 9));
    assert_eq!(place(&format!("{head}|\n    proc.name=a\n      and proc.nme=b\n")), (7, 11));
    assert_eq!(place(&format!("{head}\n    proc.name=a\n    and proc.nme=b\n")), (7, 9));
    assert_eq!(place(&format!("{head}'proc.name=''a'' and proc.nme=b'\n")), (5, 35));
    assert_eq!(place(&format!("{head}\"proc.name=\\\"a\\\" and proc.nme=b\"\n")), (5, 35));
    assert_eq!(place(&format!("{head}>\n    proc.name=ä and\n    ä\n")), (7, 5));
    // Behind a list the place is still that of the file.
    let list = "- list: l\n  items: [a, b, c]\n";
    assert_eq!(place(&format!("{list}{head}proc.name in (l) and proc.nme=b\n")), (7, 35));
    // Inside of it, that of its name.
    assert_eq!(place(&format!("{list}{head}fd.num in (l)\n")), (7, 25));
    // What is appended stands where it was written.
    let text = format!("{head}proc.name=a\n- rule: r\n  condition: and proc.nme=b\n  append: true\n");
    assert_eq!(place(&text), (7, 18));
    // And an output.
    let text = "- rule: r\n  desc: d\n  condition: proc.name=a\n  priority: INFO\n  output: a %proc.name b %proc.nme\n";
    assert_eq!(place(text), (5, 26));
    let text = "- macro: m\n  condition: proc.nme=a\n";
    assert_eq!(place(&format!("{text}{head}m\n")), (2, 14));
}

#[test]
fn files_follow_each_other() {
    let one = source("one.yaml", &(rule("r", "m") + "- macro: m\n  condition: proc.name=a\n"));
    let two = source("two.yaml", "- macro: m\n  condition: proc.name=b\n  override: {condition: replace}\n");
    let loaded = Ruleset::load(&[one.clone(), two.clone()], &Options::default()).unwrap();
    assert!(!hits(&loaded.ruleset, &Mock::new("execve").text("proc.name", "b")).is_empty());
    let problems = Ruleset::load(&[two, one], &Options::default()).unwrap_err();
    assert!(problems[0].to_string().starts_with("two.yaml:1:3: there is no macro `m`"));
}

#[test]
fn rules_are_switched_by_name_tag_and_priority() {
    let text = rule("Read one", "proc.name=a")
        + "  tags: [x]\n"
        + &rule("Read two", "proc.name=b")
        + &rule("Write", "proc.name=c");
    let on = |toggles: &[(bool, Which)], least| {
        let toggles =
            toggles.iter().map(|(enable, which)| Toggle { enable: *enable, which: which.clone() }).collect();
        let options = Options { toggles, priority_least: least, ..Options::default() };
        let loaded = Ruleset::load(&[source("a.yaml", &text)], &options).unwrap();
        let on = loaded.ruleset.rules().iter().filter(|rule| rule.enabled);
        on.map(|rule| rule.name.to_string()).collect::<Vec<_>>()
    };
    let name = |name: &str| Which::Name(name.to_owned());
    let tag = |tag: &str| Which::Tag(tag.to_owned());
    let debug = Priority::Debug;
    assert_eq!(on(&[], debug).len(), 3);
    assert_eq!(on(&[(false, name("Read*"))], debug), ["Write"]);
    assert_eq!(on(&[(false, name("*")), (true, name("Read t?o"))], debug), ["Read two"]);
    assert_eq!(on(&[(true, name("Read two")), (false, name("*"))], debug), [""; 0]);
    assert_eq!(on(&[(false, name("*")), (true, tag("x"))], debug), ["Read one"]);
    assert_eq!(on(&[], Priority::Warning).len(), 3);
    assert_eq!(on(&[], Priority::Error).len(), 0);
}
