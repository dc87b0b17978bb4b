//! The cases as data: files in `tests/attack/cases`, one for each class.
//!
//! ```text
//! case E01 critical T1611: What is attacked
//! attack privileged net: how this variant does it
//!     lines of a shell script
//! attack: another way
//!     # missed: why this is not detected, and what it would take
//!     lines of a shell script
//! twin: what looks like it and is none
//!     lines of a shell script
//! unshown: what this machine cannot show, and why
//! ```
//!
//! An attack must be told with one of the techniques and at least the severity of its case; a twin must raise nothing
//! above low. The words before a scene's colon say where it plays: see [`crate::stage`].

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// How bad a finding is; as the stream names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// By its name, in whatever case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "critical" => Self::Critical,
            _ => return None,
        })
    }
}

/// What a scene shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Attack,
    Twin,
}

/// One script, in one container.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) part: Part,
    /// What it does, in a few words; names it within its case.
    pub(crate) name: String,
    /// Where it plays.
    pub(crate) place: Vec<String>,
    pub(crate) script: String,
    /// Why it is not detected, where that is known.
    pub(crate) missed: Option<String>,
}

/// A technique with its variants and their benign twins.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) title: String,
    /// `escape`, `mining`, `lateral`, `supporting` or `benign`.
    pub(crate) class: String,
    pub(crate) severity: Severity,
    pub(crate) techniques: Vec<String>,
    pub(crate) scenes: Vec<Scene>,
    /// What is not shown here, with the reason.
    pub(crate) unshown: Vec<String>,
}

/// Classes in the order of the table; each is a file.
pub(crate) const CLASSES: [&str; 5] = ["escape", "mining", "lateral", "supporting", "benign"];

/// Reads all classes from a folder.
pub(crate) fn read(folder: &Path) -> Result<Vec<Case>> {
    let mut all: Vec<Case> = Vec::new();
    for class in CLASSES {
        let path = folder.join(class).with_extension("txt");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        all.extend(parse(class, &text).with_context(|| path.display().to_string())?);
    }
    for (at, case) in all.iter().enumerate() {
        ensure!(all[..at].iter().all(|other| other.id != case.id), "{} is there twice", case.id);
    }
    Ok(all)
}

fn parse(class: &str, text: &str) -> Result<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        add(class, line, &mut cases).with_context(|| format!("line {number}: {line}"))?;
    }
    for case in &cases {
        check(case).with_context(|| format!("case {}", case.id))?;
    }
    Ok(cases)
}

fn add(class: &str, line: &str, cases: &mut Vec<Case>) -> Result<()> {
    if let Some(words) = line.strip_prefix("    ") {
        let scene = cases.last_mut().and_then(|case| case.scenes.last_mut());
        let scene = scene.context("a script before its scene")?;
        if let Some(reason) = words.strip_prefix("# missed: ") {
            scene.missed = Some(reason.to_owned());
        } else {
            scene.script.push_str(words);
            scene.script.push('\n');
        }
        return Ok(());
    }
    let (head, title) = line.split_once(": ").context("no `: ` in it")?;
    let mut words = head.split_whitespace();
    let kind = words.next().unwrap_or_default();
    if kind == "case" {
        cases.push(new_case(class, title, words)?);
        return Ok(());
    }
    let case = cases.last_mut().context("a scene before its case")?;
    let part = match kind {
        "attack" => Part::Attack,
        "twin" => Part::Twin,
        "unshown" => {
            case.unshown.push(title.to_owned());
            return Ok(());
        }
        other => bail!("{other} is none of case, attack, twin, unshown"),
    };
    let place = words.map(str::to_owned).collect();
    case.scenes.push(Scene { part, name: title.to_owned(), place, script: String::new(), missed: None });
    Ok(())
}

fn new_case<'a>(class: &str, title: &str, mut words: impl Iterator<Item = &'a str>) -> Result<Case> {
    let id = words.next().context("the id is missing")?.to_owned();
    let severity = words.next().and_then(Severity::from_name).context("the severity is missing")?;
    let techniques = words.map(str::to_owned).collect();
    let (class, title) = (class.to_owned(), title.to_owned());
    Ok(Case { id, title, class, severity, techniques, scenes: Vec::new(), unshown: Vec::new() })
}

fn check(case: &Case) -> Result<()> {
    let attacks = case.scenes.iter().filter(|scene| scene.part == Part::Attack).count();
    ensure!(attacks == 0 || !case.techniques.is_empty(), "an attack without a technique");
    ensure!(case.scenes.iter().all(|scene| !scene.script.is_empty()), "a scene without a script");
    if case.class == "benign" {
        return ensure_that(attacks == 0, "an attack among the benign");
    }
    let twins = case.scenes.len() - attacks;
    ensure_that(!case.unshown.is_empty() || attacks >= 3, "fewer than three variants")?;
    ensure_that(!case.unshown.is_empty() || twins >= 1, "no twin")
}

fn ensure_that(good: bool, what: &str) -> Result<()> {
    ensure!(good, "{what}");
    Ok(())
}
