//! What is installed is what the documents say: capabilities of the chart, of the plain manifests and in the security
//! model are the same, the chart has the version of the workspace, and its dashboard asks for metrics that there are.

use super::{Problem, Tree, line_of};

const VALUES: &str = "deploy/helm/picket/values.yaml";
const CHART: &str = "deploy/helm/picket/Chart.yaml";
const MANIFESTS: &str = "deploy/kubernetes/picket.yaml";
const MODEL: &str = "docs/security-model.md";
const DASHBOARD: &str = "deploy/helm/picket/files/dashboard.json";
const METRICS: &str = "docs/metrics.md";
/// The table of capabilities in [`MODEL`].
const HEADING: &str = "### Capabilities";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(values) = tree.text(VALUES) else { return Vec::new() };
    let granted = listed(values, "  capabilities: [");
    let mut problems = Vec::new();
    if granted.is_empty() {
        problems.push(Problem::new(VALUES, 1, "needs a line `  capabilities: [BPF, …]`"));
    }
    let mut compare = |path: &str, place: &str, found: Vec<String>| {
        if found != granted {
            let line = tree.text(path).map_or(1, |text| line_of(text, place));
            let what = format!("capabilities {found:?}, and {VALUES} has {granted:?}");
            problems.push(Problem::new(path, line, what));
        }
    };
    compare(MODEL, HEADING, documented(tree.text(MODEL).unwrap_or_default()));
    compare(MANIFESTS, "capabilities:", added(tree.text(MANIFESTS).unwrap_or_default()));
    problems.extend(versions(tree));
    problems.extend(metrics(tree));
    problems
}

/// Names in the dashboard that the reference does not know.
fn metrics(tree: &Tree) -> Vec<Problem> {
    let (Some(dashboard), Some(reference)) = (tree.text(DASHBOARD), tree.text(METRICS)) else {
        return Vec::new();
    };
    let words = |line: &str| -> Vec<String> {
        let all = line.split(|character: char| !character.is_ascii_lowercase() && character != '_');
        all.filter(|word| word.starts_with("picket_")).map(str::to_owned).collect()
    };
    let mut problems = Vec::new();
    for (index, line) in dashboard.lines().enumerate() {
        for name in words(line).into_iter().filter(|name| !reference.contains(&format!("| `{name}` |"))) {
            problems.push(Problem::new(DASHBOARD, index + 1, format!("{METRICS} has no `{name}`")));
        }
    }
    problems
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Items of the list that follows `start` on its line.
fn listed(text: &str, start: &str) -> Vec<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(start)?.split(']').next());
    sorted(
        line.unwrap_or_default()
            .split(',')
            .map(|item| item.trim().to_owned())
            .filter(|item| !item.is_empty()),
    )
}

/// Rows of the table that say `yes` in the second column: "| `BPF` | yes | …".
fn documented(text: &str) -> Vec<String> {
    let section = text.split(HEADING).nth(1).and_then(|rest| rest.split("\n#").next()).unwrap_or_default();
    sorted(section.lines().filter_map(|line| {
        let mut columns = line.strip_prefix('|')?.split('|').map(str::trim);
        let (name, given) = (columns.next()?, columns.next()?);
        (given == "yes").then(|| name.trim_matches('`').to_owned())
    }))
}

/// Items of the first YAML list named `add`.
fn added(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).skip_while(|line| *line != "add:").skip(1);
    sorted(lines.map_while(|line| line.strip_prefix("- ").map(str::to_owned)))
}

fn versions(tree: &Tree) -> Vec<Problem> {
    let value = |path: &str, key: &str| {
        let line = tree.text(path)?.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim().trim_matches('"').to_owned())
    };
    let workspace = value("Cargo.toml", "version = ");
    let keys = ["version: ", "appVersion: "];
    let wrong = keys.iter().filter(|key| value(CHART, key) != workspace);
    wrong.map(|key| Problem::new(CHART, 1, format!("`{key}` is not the workspace's version"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 5] = [
        ("Cargo.toml", "[workspace.package]\nversion = \"0.1.0\"\n"),
        (CHART, "version: 0.1.0\nappVersion: \"0.1.0\"\n"),
        (VALUES, "securityContext:\n  capabilities: [BPF, NET_ADMIN]\n"),
        (MANIFESTS, "a:\n  drop: [ALL]\n  add:\n    - NET_ADMIN\n    - BPF\n  other: x\n"),
        (
            MODEL,
            "### Capabilities\n\n| c | given | why |\n|---|---|---|\n| `BPF` | yes | x |\n| `NET_ADMIN` | yes | x |\n\
             | `SYS_ADMIN` | no | x |\n\n## Next\n| `OTHER` | yes | x |\n",
        ),
    ];

    fn with(path: &str, text: &str) -> Vec<String> {
        let files = GOOD.map(|(name, good)| (name, if name == path { text } else { good }));
        check(&Tree::of(&files))
            .into_iter()
            .map(|problem| format!("{}: {}", problem.path, problem.what))
            .collect()
    }

    #[test]
    fn what_agrees_passes() {
        assert_eq!(with("", ""), [""; 0]);
    }

    #[test]
    fn unknown_metric_is_told() {
        let dashboard = "{\n  \"expr\": \"rate(picket_a_total[5m]) / picket_b\"\n}\n";
        let files = [(DASHBOARD, dashboard), (METRICS, "| `picket_a_total` | counter |\n")];
        let found = metrics(&Tree::of(&files));
        assert_eq!(found, [Problem::new(DASHBOARD, 2, "docs/metrics.md has no `picket_b`")]);
    }

    #[test]
    fn each_difference_is_told() {
        assert!(with(MODEL, "### Capabilities\n| `BPF` | yes | x |\n")[0].starts_with(MODEL));
        assert!(with(MANIFESTS, "add:\n- BPF\n")[0].starts_with(MANIFESTS));
        assert_eq!(with(VALUES, "  capabilities: [BPF]\n").len(), 2);
        assert_eq!(with(CHART, "version: 0.2.0\nappVersion: \"0.1.0\"\n").len(), 1);
    }
}
