//! The rules that are shipped: each fires on what it is for and not on what comes near it, ordinary work raises nothing
//! above low, and `docs/rule-pack.md` is what the files say.

mod detections;
mod scene;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sensor::detect::engine::Engine;
use sensor::detect::judge::Judge as _;
use sensor::detect::rules::{Loaded, Matching, Options, Priority, Rule, Ruleset, Source};
use sensor::detect::technique::Technique;

/// Blocks of `= NAME` with lines of events: `+` fires the rule, `-` does not.
const CASES: &str = include_str!("cases.txt");
/// Lines of ordinary work, in blocks that say what it is.
const BENIGN: &str = include_str!("benign.txt");

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources() -> Vec<Source> {
    let folder = workspace().join("deploy/rules");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |file: &Path| format!("deploy/rules/{}", file.file_name().unwrap().to_string_lossy());
    files.iter().map(|file| Source { name: name(file), text: fs::read(file).unwrap() }).collect()
}

fn load(matching: Matching) -> Loaded {
    let options = Options { matching, suggested_output: false, ..Options::default() };
    Ruleset::load(&sources(), &options).unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(|problem| format!("{problem}\n")).collect::<String>())
    })
}

/// The rules, and whoever judges by them.
struct Pack {
    rules: Vec<Rule>,
    engine: Engine,
}

impl Pack {
    fn new(matching: Matching) -> Self {
        let ruleset = load(matching).ruleset;
        Self { rules: ruleset.rules().to_vec(), engine: Engine::new(ruleset) }
    }

    /// Names and priorities of the rules that fire on a line, in their order.
    fn hits(&mut self, line: &str) -> Vec<(&str, Priority)> {
        let mut names = Vec::new();
        scene::with(line, |given| self.engine.judge(given, &mut |finding| names.push(finding.name)));
        let rule = |name: &String| self.rules.iter().find(|rule| *rule.name == **name);
        names.iter().filter_map(rule).map(|rule| (&*rule.name, rule.priority)).collect()
    }
}

/// Blocks of a file: title, and lines with the letter before them.
fn blocks(text: &str) -> Vec<(&str, Vec<(char, &str)>)> {
    let mut blocks: Vec<(&str, Vec<(char, &str)>)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut letters = line.chars();
        let (mark, rest) = (letters.next().unwrap(), letters.as_str().trim());
        match mark {
            '=' => blocks.push((rest, Vec::new())),
            '+' | '-' => blocks.last_mut().expect("a block before its lines").1.push((mark, rest)),
            other => panic!("{other}: a line begins with =, + or -"),
        }
    }
    blocks
}

const fn is_low(priority: Priority) -> bool {
    !matches!(
        priority,
        Priority::Emergency | Priority::Alert | Priority::Critical | Priority::Error | Priority::Warning
    )
}

#[test]
fn files_are_clean() {
    let loaded = load(Matching::First);
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.is_empty(), "{}", warnings.join("\n"));
    for rule in loaded.ruleset.rules() {
        assert!(rule.enabled, "{}", rule.name);
        assert!(rule.description.trim_end().ends_with('.'), "{}: a sentence says what it is", rule.name);
    }
}

#[test]
fn every_rule_fires_and_knows_its_limits() {
    let (mut first, mut all) = (Pack::new(Matching::First), Pack::new(Matching::All));
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (name, lines) in blocks(CASES) {
        let counts = seen.entry(name).or_default();
        for (mark, line) in lines {
            let fired = all.hits(line);
            let fires = fired.iter().any(|(rule, _)| *rule == name);
            match mark {
                '+' => counts.0 += 1,
                _ => counts.1 += 1,
            }
            if fires != (mark == '+') {
                wrong.push(format!("{name}, {mark} {line}: {fired:?}"));
            }
            // The order of the files decides which one is told: it must be one of the worst.
            let worst = fired.iter().map(|(_, priority)| *priority).min();
            let told = first.hits(line).first().map(|(_, priority)| *priority);
            if told != worst {
                wrong.push(format!("{told:?} is told of {line}: {fired:?}"));
            }
        }
    }
    for rule in &all.rules {
        let (fires, not) = seen.remove(&*rule.name).unwrap_or_default();
        if fires == 0 || not == 0 {
            wrong.push(format!("{}: {fires} events that fire it, {not} that come near it", rule.name));
        }
    }
    wrong.extend(seen.keys().map(|name| format!("{name}: there is no such rule")));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn ordinary_work_raises_nothing_above_low() {
    let mut pack = Pack::new(Matching::All);
    let mut wrong = Vec::new();
    let mut lines_seen = 0;
    for (title, lines) in blocks(BENIGN) {
        for (_, line) in lines {
            lines_seen += 1;
            for (rule, priority) in pack.hits(line).iter().filter(|(_, priority)| !is_low(*priority)) {
                wrong.push(format!("{title}: {rule} ({priority:?}): {line}"));
            }
        }
    }
    assert!(lines_seen > 80, "the list of ordinary work is not read: {lines_seen}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Tactics of ATT&CK for containers and Linux, as tags name them; a note or a kind of attack.
const SUBJECTS: [&str; 11] = [
    "escape",
    "mining",
    "lateral",
    "credentials",
    "execution",
    "persistence",
    "evasion",
    "drift",
    "note",
    "host",
    "container",
];
const TACTICS: [&str; 10] = [
    "mitre_initial_access",
    "mitre_execution",
    "mitre_persistence",
    "mitre_privilege_escalation",
    "mitre_defense_evasion",
    "mitre_credential_access",
    "mitre_discovery",
    "mitre_lateral_movement",
    "mitre_command_and_control",
    "mitre_impact",
];

fn techniques(rule: &Rule) -> Vec<&str> {
    let is = |tag: &&String| tag.starts_with("T1") || tag.starts_with("MS-");
    rule.tags.iter().filter(is).map(String::as_str).collect()
}

#[test]
fn tags_are_known() {
    let loaded = load(Matching::First);
    for rule in loaded.ruleset.rules() {
        for tag in &rule.tags {
            let known = [&SUBJECTS[..], &TACTICS].iter().any(|list| list.contains(&tag.as_str()))
                || Technique::of(tag).name().is_some();
            assert!(known, "{}: the tag `{tag}` is none", rule.name);
        }
        assert!(!techniques(rule).is_empty(), "{} names no technique", rule.name);
        let tactics = rule.tags.iter().filter(|tag| tag.starts_with("mitre_")).count();
        assert_eq!(tactics, 1, "{} names one tactic", rule.name);
        let place = rule.tags.iter().any(|tag| tag == "container" || tag == "host");
        assert!(place, "{} says where it looks", rule.name);
        let note = rule.tags.iter().any(|tag| tag == "note");
        assert_eq!(note, is_low(rule.priority), "{}: what is low is a note", rule.name);
    }
}

const fn severity(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency | Priority::Alert | Priority::Critical => "critical",
        Priority::Error => "high",
        Priority::Warning => "medium",
        _ => "low",
    }
}

/// `docs/rule-pack.md` after its introduction: a table for each file.
fn tables() -> String {
    let loaded = load(Matching::First);
    let mut text = String::new();
    for source in sources() {
        let content = String::from_utf8(source.text).unwrap();
        let names: Vec<&str> = content.lines().filter_map(|line| line.strip_prefix("- rule: ")).collect();
        if names.is_empty() {
            continue;
        }
        let about: Vec<&str> = content.lines().map_while(|line| line.strip_prefix("# ")).collect();
        let (name, about) = (&source.name, about.join("\n"));
        let head = "| rule | severity | what it tells | techniques |\n|---|---|---|---|";
        writeln!(text, "\n## {name}\n\n{about}\n\n{head}").unwrap();
        for name in names {
            let rule = loaded.ruleset.rules().iter().find(|rule| &*rule.name == name).unwrap();
            let about = rule.description.split_whitespace().collect::<Vec<_>>().join(" ");
            let techniques = techniques(rule).join(", ");
            writeln!(text, "| {name} | {} | {about} | {techniques} |", severity(rule.priority)).unwrap();
        }
    }
    text
}

const MARK: &str =
    "<!-- From here on made from deploy/rules: PICKET_BLESS=1 cargo test -p sensor --test rule_pack -->\n";

const DETECTIONS: &str = "<!-- From here on made from the code and deploy/rules: PICKET_BLESS=1 cargo test -p sensor --test rule_pack -->\n";

#[test]
fn the_pages_are_what_code_and_files_say() {
    for (name, mark, rest) in [("rule-pack", MARK, tables()), ("detections", DETECTIONS, detections::page())]
    {
        let file = workspace().join(format!("docs/{name}.md"));
        let page = fs::read_to_string(&file).unwrap();
        let (introduction, _) = page.split_once(mark).expect("the page has its mark");
        let wanted = format!("{introduction}{mark}{rest}");
        if std::env::var_os("PICKET_BLESS").is_some() {
            fs::write(&file, wanted).unwrap();
        } else {
            assert!(
                page == wanted,
                "docs/{name}.md: PICKET_BLESS=1 cargo test -p sensor --test rule_pack writes it anew"
            );
        }
    }
}
