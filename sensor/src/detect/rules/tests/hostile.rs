//! Files that mean harm, or were never meant to be rules: each loads or is refused with its place, in little time and
//! memory, and nothing panics.

use proptest::prelude::*;

use super::mock::{Mock, hits, load, rule, source};
use crate::detect::rules::{Options, Ruleset, Source};

fn first(text: &str) -> String {
    match load(text) {
        Ok(_) => "it loads".to_owned(),
        Err(problems) => problems[0].to_string(),
    }
}

#[test]
fn not_text_and_not_yaml() {
    let of = |bytes: &[u8]| {
        let source = Source { name: "a.yaml".to_owned(), text: bytes.to_vec() };
        Ruleset::load(&[source], &Options::default()).unwrap_err()[0].to_string()
    };
    assert!(of(b"- list: a\n  items: [\xff]\n").starts_with("a.yaml:2:11: not UTF-8"));
    assert!(of(b"\x7fELF\x02\x01\x01\0\0").starts_with("a.yaml:1:"));
    assert!(of(b"- list: a\n\titems: [b]\n").contains("not YAML"));
    assert!(of(b"- rule: 'a\n").contains("not YAML"));
    assert!(of(b"<html></html>").contains("must be a sequence of items, found a text"));
    assert!(of(b"{\"rules\": []}").contains("must be a sequence of items, found a mapping"));
}

#[test]
fn large_files() {
    let of = |text: &str, file_bytes_max| {
        let options = Options { file_bytes_max, ..Options::default() };
        Ruleset::load(&[source("a.yaml", text)], &options)
    };
    let error = of(&"#".repeat(1001), 1000).unwrap_err();
    assert_eq!(error[0].to_string(), "a.yaml:1:1: the file has 1001 bytes; at most 1000 are read");
    assert!(of(&"#".repeat(1000), 1000).is_ok());
    // A whole one beyond the real bound.
    assert!(first(&"- list: a\n".repeat(5 << 20)).contains("the file has 52428800 bytes"));
}

#[test]
fn a_list_of_100_000() {
    let mut text = "- list: l\n  items:\n".to_owned();
    for number in 0..100_000 {
        text.push_str(&format!("  - item-{number}\n"));
    }
    let text = text
        + &rule("r", "evt.type=execve and proc.name in (l)")
        + &rule("s", "evt.type=open and fd.name in (l, x)");
    let loaded = load(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
    for (name, expected) in [("item-99999", true), ("item-100000", false), ("l", false)] {
        let event = Mock::new("execve").text("proc.name", name);
        assert_eq!(!hits(&loaded.ruleset, &event).is_empty(), expected, "{name}");
    }
}

#[test]
fn macros_that_double() {
    let mut text = "- macro: m0\n  condition: proc.name=a\n".to_owned();
    for number in 1..200 {
        let before = number - 1;
        text.push_str(&format!("- macro: m{number}\n  condition: (m{before} or fd.num={number}) and (fd.num={number} or not m{before})\n"));
    }
    let text = text + &rule("r", "m199 and m199");
    // A tree would have 2^199 leaves; shared it has some hundreds.
    let loaded = load(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(loaded.ruleset.program.nodes.len() < 4000);
    assert!(hits(&loaded.ruleset, &Mock::new("execve").text("proc.name", "a")).is_empty());
}

#[test]
fn long_chains() {
    let chain = |count: usize| {
        let mut text = "- macro: m0\n  condition: proc.name=a\n".to_owned();
        for number in 1..count {
            text.push_str(&format!(
                "- macro: m{number}\n  condition: not (m{} and fd.num={number})\n",
                number - 1
            ));
        }
        text + &rule("r", &format!("m{}", count - 1))
    };
    let loaded = load(&chain(400)).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(hits(&loaded.ruleset, &Mock::new("execve").text("proc.name", "a")), ["r"]);
    assert!(first(&chain(5000)).contains("the condition with its macros is nested more than 1000 deep"));
    let negations = rule("r", &("not ".repeat(100_000) + "proc.name=a"));
    assert!(load(&negations).is_ok());
    let many = rule("r", &vec!["proc.name=a"; 50_000].join(" or "));
    assert!(load(&many).unwrap().ruleset.program.nodes.len() < 10);
}

#[test]
fn lists_that_double() {
    let mut text = String::new();
    for number in 0..60 {
        text.push_str(&format!("- list: l{number}\n  items: [l{0}, l{0}]\n", number + 1));
    }
    let text = text + "- list: l60\n  items: [x, y]\n" + &rule("r", "proc.name in (l0)");
    assert!(first(&text).contains("with the lists in it has more than 8388608 bytes"), "{}", first(&text));
    // The same through items that are names of lists before them: one level only.
    let mut text = "- list: l0\n  items: [x, y]\n".to_owned();
    for number in 1..60 {
        text.push_str(&format!("- list: l{number}\n  items: [l{0}, l{0}]\n", number - 1));
    }
    assert_eq!(load(&(text + &rule("r", "proc.name in (l59)"))).unwrap().lists, 60);
    // Many conditions with one large list.
    let items: Vec<_> = (0..1000).map(|number| format!("i{number}")).collect();
    let mut text = format!("- list: l\n  items: [{}]\n", items.join(", "));
    for number in 0..40 {
        text.push_str(&rule(&format!("r{number}"), &format!("fd.num={number} and proc.name in (l)")));
    }
    let options = Options { expanded_bytes_max: 20_000, ..Options::default() };
    let problems = Ruleset::load(&[source("a.yaml", &text)], &options).unwrap_err();
    assert!(problems[0].reason.contains("all conditions with their lists have more than 160000 bytes"));
}

#[test]
fn deep_nesting() {
    let brackets =
        |count: usize| rule("r", &format!("{}proc.name=a{}", "(".repeat(count), ")".repeat(count)));
    assert!(load(&brackets(900)).is_ok());
    assert!(first(&brackets(2000)).contains("a.yaml:2:1015: brackets are nested more than 1000 deep"));
    assert!(first(&brackets(200_000)).contains("nested more than"));
    let mixed = |count: usize| {
        rule("r", &format!("{}proc.name=a{}", "not (fd.num=1 or ".repeat(count), ")".repeat(count)))
    };
    assert!(load(&mixed(450)).is_ok());
    assert!(first(&mixed(2000)).contains("nested more than"));
    let functions = format!("{}proc.name{}=a", "tolower(".repeat(2000), ")".repeat(2000));
    assert!(first(&rule("r", &functions)).contains("fewer transformers in each other"));
    let lists = format!("- list: l\n  items: {}{}\n", "[".repeat(2000), "]".repeat(2000));
    assert!(first(&lists).contains("a.yaml:2:"));
    let mut blocks = String::new();
    for depth in 0..2000 {
        blocks.push_str(&format!("{}- a:\n", "  ".repeat(depth)));
    }
    assert!(first(&blocks).contains("nested more than 32 deep"));
}

#[test]
fn aliases_that_double() {
    let mut text = "- list: l\n  items: &a0 [x, y]\n".to_owned();
    for number in 1..40 {
        text.push_str(&format!("- list: l\n  items: &a{number} [*a{0}, *a{0}]\n", number - 1));
    }
    assert!(first(&text).contains("values in one file, aliases counted"), "{}", first(&text));
    assert!(first("- list: l\n  items: &a [*a]\n").contains("alias"));
}

#[test]
fn patterns_built_to_be_slow() {
    let value = "a".repeat(4000);
    let event = Mock::new("execve").text("proc.name", &value);
    let stars = "*a".repeat(500) + "b";
    for condition in [
        format!("proc.name glob {stars}"),
        format!("proc.name iglob *{}b", "?".repeat(1000)),
        "proc.name regex \"(a*)*b\"".to_owned(),
        "proc.name regex \"(a|a|aa)*(a|aa)*b\"".to_owned(),
        format!("proc.name pmatch ({})", "/*a*b".repeat(100)),
    ] {
        let loaded = load(&rule("r", &condition)).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(hits(&loaded.ruleset, &event), [""; 0], "{condition}");
    }
    assert!(
        first(&rule("r", &format!("proc.name glob {}", "*a".repeat(2000)))).contains("at most 2048 bytes")
    );
    for regex in
        ["(((a{100}){100}){100}){100}", "\\\\w{1000}{1000}", "[[[[", "a{99999999}", "(?P<a", "\\\\p{Foo}"]
    {
        let found = first(&rule("r", &format!("proc.name regex \"{regex}\"")));
        assert!(found.contains("a.yaml:2:31: not a usable regular expression"), "{regex}: {found}");
    }
    let many: String =
        (0..600).map(|number| rule(&format!("r{number}"), &format!("proc.name regex a{number}"))).collect();
    assert!(first(&many).contains("more than 512 regular expressions"));
}

#[test]
fn problems_have_an_end() {
    let many: String = (0..1000).map(|number| rule(&format!("r{number}"), "proc.nme=a")).collect();
    assert_eq!(load(&many).unwrap_err().len(), 100);
    let odd: String =
        (0..1000).map(|number| rule(&format!("r{number}"), "proc.name=a") + "  odd: x\n").collect();
    assert_eq!(load(&odd).unwrap().warnings.len(), 100);
}

#[test]
fn names_that_are_there_twice() {
    let text = rule("r", "proc.name=a") + &rule("r", "proc.name=b");
    let loaded = load(&text).unwrap();
    assert_eq!(loaded.rules, 1);
    assert_eq!(loaded.warnings[0].to_string(), "a.yaml:6:3: rule `r` replaces the one of line 1");
}

/// Pieces of conditions and of what stands around them.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "proc.name",
        "=",
        "!=",
        "in",
        "(",
        ")",
        ",",
        "and",
        "or",
        "not",
        "evt.type",
        "open",
        "\"",
        "'",
        "\\",
        "a",
        " ",
        "fd.num",
        ">=",
        "3",
        "val(",
        "tolower(",
        "len(",
        "glob",
        "*",
        "[",
        "]",
        "pmatch",
        "/etc",
        "contains",
        "exists",
        "oneof",
        "allof",
        "getopt(",
        "join(",
        "fd.ip",
        "10.0.0.0/8",
        "regex",
        "l",
        "m",
        "\n",
        "ä",
        "\u{0}",
        "proc.aname",
    ];
    prop_oneof![4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,3}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn conditions_never_panic(pieces in prop::collection::vec((piece(), prop::bool::ANY), 0..30)) {
        let condition: String =
            pieces.iter().map(|(piece, blank)| format!("{piece}{}", if *blank { " " } else { "" })).collect();
        let text = format!(
            "- list: l\n  items: [a, b]\n- macro: m\n  condition: proc.name=a\n- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: {}\n",
            serde_json::to_string(&condition).unwrap()
        );
        match load(&text) {
            Ok(loaded) => drop(hits(&loaded.ruleset, &Mock::new("openat").text("proc.name", "a").number("fd.num", 3))),
            Err(problems) => prop_assert!(problems.iter().all(|problem| problem.line >= 1 && problem.column >= 1)),
        }
    }

    #[test]
    fn files_never_panic(cuts in prop::collection::vec((0usize..900, 0usize..20, piece()), 0..12)) {
        let mut text = format!(
            "- list: l\n  items: [a, 'b c']\n- macro: m\n  condition: >\n    proc.name in (l)\n    and fd.num>=0\n{}  exceptions:\n  - name: e\n    fields: [proc.name, fd.name]\n    comps: [in, =]\n    values:\n    - [[a, b], c]\n- rule: r\n  condition: or m\n  append: true\n- list: l\n  items: [x]\n  override: {{items: append}}\n",
            rule("r", "m and not evt.type=open")
        );
        for (at, length, piece) in cuts {
            let start = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let end = ((start + length).min(text.len())..=text.len()).find(|at| text.is_char_boundary(*at));
            text.replace_range(start..end.unwrap_or(text.len()), &piece);
        }
        if let Err(problems) = load(&text) {
            prop_assert!(!problems.is_empty());
        }
    }
}
