//! What the live tests proved: event class × kernel × back end, and its place in `docs/kernels.md`.

mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{target_dir, workspace};
use table::{Column, Table};

/// What a line of the live tests starts with. The counterpart is `tests/src/runner/matrix.rs`.
const LINE: &str = "picket-matrix: ";
/// First line of the file that the native live tests leave.
const RELEASE: &str = "release: ";
/// The agent's words for what serves a class, the better ones first, and how the table names them.
const BACK_ENDS: [(&str, &str); 5] = [
    ("trampoline", "trampoline"),
    ("tracepoint", "tracepoint"),
    ("btf_tracepoint", "BTF tracepoint"),
    ("cgroup", "cgroup"),
    (NONE, NONE),
];
const NONE: &str = "none";

/// Cells of one kernel: a class, and what was shown of it.
pub(crate) type Cells = BTreeMap<String, String>;

/// Reads the lines of the live tests; a line with another form is an error, for a table with a hole in it
/// would look like a kernel that lacks something.
pub(crate) fn collect(output: &str) -> Result<Cells> {
    let mut shown = BTreeMap::<String, BTreeMap<usize, String>>::new();
    for line in output.lines().filter_map(|line| line.trim_end().strip_prefix(LINE)) {
        let words: Vec<_> = line.split(' ').collect();
        let [class, back_end, verdict] = words.as_slice() else { bail!("not a class: `{LINE}{line}`") };
        let (rank, text) = cell(back_end, verdict).with_context(|| format!("unknown: `{LINE}{line}`"))?;
        shown.entry((*class).to_owned()).or_default().insert(rank, text);
    }
    // A back end that lacks the class matters only where the other one lacks it too.
    let joined = |cells: BTreeMap<_, String>| {
        let named: Vec<_> = cells.into_values().collect();
        let served: Vec<_> = named.iter().map(String::as_str).filter(|name| *name != NONE).collect();
        if served.is_empty() { NONE.to_owned() } else { served.join(", ") }
    };
    Ok(shown.into_iter().map(|(class, cells)| (class, joined(cells))).collect())
}

/// What the table says of one back end, and its place in a cell.
fn cell(back_end: &str, verdict: &str) -> Option<(usize, String)> {
    let rank = BACK_ENDS.iter().position(|(word, _)| *word == back_end)?;
    let (_, name) = BACK_ENDS.get(rank)?;
    let text = match (*name, verdict) {
        (NONE, "skipped") => NONE.to_owned(),
        (name, "passed") => name.to_owned(),
        (name, "failed") => format!("{name} FAILED"),
        (name, "skipped") => format!("{name} (not tested)"),
        _ => return None,
    };
    Some((rank, text))
}

/// The kernels of this run.
#[derive(Debug, Default)]
pub(crate) struct Matrix(Table);

impl Matrix {
    /// Adds what was shown on a kernel line, in the order of the lines.
    pub(crate) fn add(&mut self, line: &str, release: &str, cells: Cells) {
        // The line's own name says the version, but for the newest.
        let version = version(release);
        let version = if version == line { String::new() } else { version };
        self.0.add(Column { name: line.to_owned(), version }, cells);
    }

    /// Adds what the live tests showed on this machine itself, if that is not older than the agent `picket`.
    pub(crate) fn add_native(&mut self, picket: &Path) -> Result<()> {
        let file = native_file();
        if !file.exists() || modified(&file) < modified(picket) {
            return Ok(());
        }
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let release = text.lines().find_map(|line| line.strip_prefix(RELEASE));
        let release = release.with_context(|| format!("{} names no kernel", file.display()))?;
        self.0.add(Column { name: "native".to_owned(), version: version(release) }, collect(&text)?);
        Ok(())
    }

    /// Prints the table, if a class was proved.
    pub(crate) fn print(&self) {
        if !self.0.is_empty() {
            println!("\n{}", self.0);
        }
    }

    /// Makes the document agree with this run of all kernels. With `check_only` a difference is an error
    /// that shows it.
    pub(crate) fn keep(&self, check_only: bool) -> Result<String> {
        let file = workspace().join("docs/kernels.md");
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let change = self.change(&text).with_context(|| format!("in {}", file.display()))?;
        let Some((document, difference)) = change else { return Ok("as in docs/kernels.md".to_owned()) };
        ensure!(
            !check_only,
            "docs/kernels.md has another table: mend the class, or run `cargo xtask vm` outside of CI and \
             commit the table:\n  {difference}"
        );
        std::fs::write(&file, document).with_context(|| format!("cannot write {}", file.display()))?;
        println!("docs/kernels.md: the table was rewritten:\n  {difference}");
        Ok("docs/kernels.md was rewritten".to_owned())
    }

    /// The document with this run's table, and what differs; nothing when every cell agrees.
    fn change(&self, text: &str) -> Result<Option<(String, String)>> {
        let committed = table::find(text)?;
        let merged = committed.table.merged(&self.0);
        let differences = committed.table.differences(&merged);
        let change = (committed.replaced(&merged), differences.join("\n  "));
        Ok(if differences.is_empty() { None } else { Some(change) })
    }
}

/// Where the native live tests leave their part: `target/vm/native.matrix`.
fn native_file() -> PathBuf {
    target_dir().join("vm/native.matrix")
}

/// Removes what an earlier run left.
pub(crate) fn forget_native() -> Result<()> {
    let file = native_file();
    if file.exists() {
        std::fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    Ok(())
}

/// Keeps what the live tests printed on this machine.
pub(crate) fn keep_native(output: &str) -> Result<()> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read osrelease")?;
    let lines = output.lines().filter(|line| line.starts_with(LINE));
    let text: String = std::iter::once(format!("{RELEASE}{}\n", release.trim()))
        .chain(lines.map(|line| format!("{line}\n")))
        .collect();
    let file = native_file();
    let folder = file.parent().unwrap_or(&file);
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn modified(file: &Path) -> Option<SystemTime> {
    file.metadata().ok()?.modified().ok()
}

/// `7.2` of `7.2.13+deb14-cloud-amd64`; nothing where there are no numbers.
fn version(release: &str) -> String {
    let numbers = release.split(|character: char| !character.is_ascii_digit());
    let numbers: Vec<_> = numbers.take(2).filter(|number| !number.is_empty()).collect();
    numbers.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_among_others_become_cells() {
        let console = "[    1.0] boot\npicket-matrix: FILE_OPEN trampoline passed\r\n\
                       picket-matrix: FILE_OPEN tracepoint failed\ntest result: ok.\n\
                       picket-matrix: MODULE_LOAD none skipped\npicket-matrix: DNS cgroup skipped\n\
                       picket-matrix: DNS none skipped\n\
                       picket-matrix: PROCESS_EXEC btf_tracepoint passed\n";
        let cells = collect(console).unwrap();
        let cells: Vec<_> = cells.iter().map(|(class, cell)| (class.as_str(), cell.as_str())).collect();
        assert_eq!(
            cells,
            [
                ("DNS", "cgroup (not tested)"),
                ("FILE_OPEN", "trampoline, tracepoint FAILED"),
                ("MODULE_LOAD", "none"),
                ("PROCESS_EXEC", "BTF tracepoint"),
            ]
        );
    }

    #[test]
    fn document_changes_with_a_cell_and_not_with_a_version() {
        let run = |release: &str, verdict: &str| {
            let mut matrix = Matrix::default();
            let lines = format!("{LINE}FILE_OPEN trampoline passed\n{LINE}FILE_OPEN tracepoint {verdict}\n");
            matrix.add("newest", release, collect(&lines).unwrap());
            matrix
        };
        let empty = "# Kernels\n<!-- matrix begin -->\n<!-- matrix end -->\nend\n";
        let (document, difference) = run("7.2.13", "passed").change(empty).unwrap().unwrap();
        assert_eq!(
            document,
            "# Kernels\n<!-- matrix begin -->\n| class | newest (7.2) |\n|---|---|\n\
             | `FILE_OPEN` | trampoline, tracepoint |\n<!-- matrix end -->\nend\n"
        );
        assert_eq!(difference, "FILE_OPEN on newest: was (nothing), is trampoline, tracepoint");
        assert_eq!(run("7.3.1", "passed").change(&document).unwrap(), None);
        assert!(run("7.2.13", "skipped").change(&document).unwrap().is_some());
        run("7.2.13", "passed").change("no marks").unwrap_err();
    }

    #[test]
    fn broken_line_is_an_error() {
        for line in ["FILE_OPEN trampoline", "FILE_OPEN kprobe passed", "FILE_OPEN none passd"] {
            collect(&format!("{LINE}{line}\n")).unwrap_err();
        }
    }

    #[test]
    fn version_has_two_numbers() {
        assert_eq!(version("7.2.13+deb14-cloud-amd64"), "7.2");
        assert_eq!(version("6.18-rc1"), "6.18");
        assert_eq!(version("newest"), "");
    }
}
