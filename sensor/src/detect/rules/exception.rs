//! Exceptions of rules, and the condition that follows from them.

use super::collect::RuleText;
use super::definition::{fields, shown, texts};
use super::document::{Node, Scalar, Shape};
use super::problem::{Mark, Problems};
use super::text::Text;

/// Operators that take a list.
const OF_LISTS: [&str; 3] = ["in", "pmatch", "intersects"];

const OPERATORS: [&str; 19] = [
    "=",
    "==",
    "!=",
    "<=",
    "<",
    ">=",
    ">",
    "contains",
    "icontains",
    "bcontains",
    "startswith",
    "bstartswith",
    "endswith",
    "glob",
    "iglob",
    "regex",
    "in",
    "intersects",
    "pmatch",
];

/// A named exception.
#[derive(Clone, Debug)]
pub(super) struct Exception {
    name: Scalar,
    shape: Option<Columns>,
    values: Vec<Value>,
}

/// What the values are compared with.
#[derive(Clone, Debug)]
enum Columns {
    /// One field; all values are one list.
    One(String, String),
    /// Several; each value has one for each.
    Several(Vec<(String, String)>),
}

#[derive(Clone, Debug)]
enum Value {
    Text(Mark, String),
    Row(Mark, Vec<Cell>),
}

#[derive(Clone, Debug)]
enum Cell {
    Text(String),
    List(Vec<String>),
}

/// A value as a condition takes it: with quotes if it needs some and has none.
pub(super) fn quoted(text: &str) -> String {
    let bare = !text.is_empty() && !text.contains(' ');
    if bare || text.starts_with(['"', '\'']) { text.to_owned() } else { format!("\"{text}\"") }
}

/// Reads `exceptions`. With `whole` each needs its fields.
pub(super) fn read(node: &Node, whole: bool, problems: &mut Problems<'_>) -> Option<Vec<Exception>> {
    if node.is_null() {
        return Some(Vec::new());
    }
    let Shape::Sequence(nodes) = &node.shape else {
        let kind = node.kind();
        problems.error(node.at, format!("`exceptions` must be a sequence, found {kind}"));
        return None;
    };
    nodes.iter().map(|node| one(node, whole, problems)).collect()
}

fn one(node: &Node, whole: bool, problems: &mut Problems<'_>) -> Option<Exception> {
    let Shape::Mapping(pairs) = &node.shape else {
        let kind = node.kind();
        problems.error(node.at, format!("an exception must be a mapping with `name`, found {kind}"));
        return None;
    };
    let found = fields(pairs, &["name", "fields", "comps", "values"], problems)?;
    let get = |key: &str| found.iter().find(|(name, _, _)| *name == key).map(|(_, _, node)| node);
    let Some(name) = get("name").and_then(|node| node.scalar()).cloned() else {
        problems.error(node.at, "an exception needs a `name`");
        return None;
    };
    let shape = match get("fields") {
        None if whole => {
            problems.error(node.at, format!("exception `{}` has no `fields`", shown(&name.text)));
            return None;
        }
        None => None,
        Some(columns) => Some(shape(columns, get("comps").map(AsRef::as_ref), problems)?),
    };
    let values = match get("values") {
        None => Vec::new(),
        Some(node) => values(node, problems)?,
    };
    Some(Exception { name, shape, values })
}

fn shape(node: &Node, comps: Option<&Node>, problems: &mut Problems<'_>) -> Option<Columns> {
    if let Some(field) = node.scalar() {
        let operator = match comps {
            None => "in".to_owned(),
            Some(comps) => comps.scalar().map(|scalar| scalar.text.to_string()).unwrap_or_default(),
        };
        if !OF_LISTS.contains(&operator.as_str()) {
            let at = comps.map_or(node.at, |comps| comps.at);
            problems.error(at, "with one field `comps` must be one of in, pmatch, intersects");
            return None;
        }
        return Some(Columns::One(field.text.to_string(), operator));
    }
    let fields = texts("fields", node, problems)?;
    let operators = match comps {
        None => vec!["=".to_owned(); fields.len()],
        Some(comps) => {
            texts("comps", comps, problems)?.iter().map(|scalar| scalar.text.to_string()).collect()
        }
    };
    if operators.len() != fields.len() || fields.is_empty() {
        let (columns, given) = (fields.len(), operators.len());
        problems
            .error(node.at, format!("{columns} `fields` and {given} `comps`: there must be as many of both"));
        return None;
    }
    if let Some(unknown) = operators.iter().find(|operator| !OPERATORS.contains(&operator.as_str())) {
        problems.error(node.at, format!("unknown operator `{}` in `comps`", shown(unknown)));
        return None;
    }
    Some(Columns::Several(fields.iter().map(|field| field.text.to_string()).zip(operators).collect()))
}

fn values(node: &Node, problems: &mut Problems<'_>) -> Option<Vec<Value>> {
    if node.is_null() {
        return Some(Vec::new());
    }
    let Shape::Sequence(nodes) = &node.shape else {
        let kind = node.kind();
        problems.error(node.at, format!("`values` must be a sequence, found {kind}"));
        return None;
    };
    let value = |node: &std::rc::Rc<Node>| match &node.shape {
        Shape::Scalar(scalar) => Some(Value::Text(node.at, scalar.text.to_string())),
        Shape::Sequence(cells) => {
            let cell = |cell: &std::rc::Rc<Node>| match &cell.shape {
                Shape::Scalar(scalar) => Some(Cell::Text(scalar.text.to_string())),
                Shape::Sequence(_) => {
                    let items = texts("values", cell, problems)?;
                    Some(Cell::List(items.iter().map(|item| item.text.to_string()).collect()))
                }
                Shape::Mapping(_) => {
                    problems.error(cell.at, "expected a text or a sequence of texts, found a mapping");
                    None
                }
            };
            Some(Value::Row(node.at, cells.iter().map(cell).collect::<Option<_>>()?))
        }
        Shape::Mapping(_) => {
            problems.error(node.at, "expected a text or a sequence, found a mapping");
            None
        }
    };
    nodes.iter().map(value).collect()
}

/// Adds values to exceptions of the same names; a new one needs its fields.
pub(super) fn append(
    known: &mut Vec<Exception>,
    added: Vec<Exception>,
    problems: &mut Problems<'_>,
) -> Option<()> {
    for exception in added {
        let same = known.iter_mut().find(|known| known.name.text == exception.name.text);
        match (same, &exception.shape) {
            (Some(same), None) => same.values.extend(exception.values),
            (None, Some(_)) => known.push(exception),
            (Some(_), Some(_)) => {
                let name = shown(&exception.name.text);
                problems.error(
                    exception.name.at,
                    format!("exception `{name}` has its fields already; only `values` can be appended"),
                );
                return None;
            }
            (None, None) => {
                let name = shown(&exception.name.text);
                problems.error(
                    exception.name.at,
                    format!("there is no exception `{name}` to append to; a new one needs `fields`"),
                );
                return None;
            }
        }
    }
    Some(())
}

/// The condition of a rule with what its exceptions take out.
pub(super) fn condition(rule: &RuleText, problems: &mut Problems<'_>) -> Option<Text> {
    let mut text = rule.condition.clone();
    let mut wrapped = false;
    for exception in rule.exceptions.iter().filter(|exception| !exception.values.is_empty()) {
        let made = match exception.shape.as_ref()? {
            Columns::One(field, operator) => one_column(exception, field, operator, problems)?,
            Columns::Several(columns) => rows(exception, columns, problems)?,
        };
        if !std::mem::replace(&mut wrapped, true) {
            text.wrap("(", ")");
        }
        text.push_made(&format!(" and not {made}"), &exception.name);
    }
    Some(text)
}

fn one_column(
    exception: &Exception,
    field: &str,
    operator: &str,
    problems: &mut Problems<'_>,
) -> Option<String> {
    let mut items = Vec::with_capacity(exception.values.len());
    for value in &exception.values {
        match value {
            Value::Text(_, text) => items.push(quoted(text)),
            Value::Row(at, _) => {
                problems.error(*at, "with one field each of `values` must be a text");
                return None;
            }
        }
    }
    Some(format!("({field} {operator} ({}))", items.join(", ")))
}

fn rows(exception: &Exception, columns: &[(String, String)], problems: &mut Problems<'_>) -> Option<String> {
    let mut rows = Vec::with_capacity(exception.values.len());
    for value in &exception.values {
        let (at, cells) = match value {
            Value::Row(at, cells) => (*at, cells),
            Value::Text(at, _) => {
                problems.error(*at, "with several fields each of `values` must be a sequence");
                return None;
            }
        };
        if cells.len() != columns.len() {
            let (wanted, given) = (columns.len(), cells.len());
            problems.error(at, format!("expected {wanted} values, one for each field, found {given}"));
            return None;
        }
        let mut parts = Vec::with_capacity(cells.len());
        for ((field, operator), cell) in columns.iter().zip(cells) {
            let of_list = OF_LISTS.contains(&operator.as_str());
            let value = match cell {
                Cell::Text(text) if of_list && text.starts_with('(') => text.clone(),
                Cell::Text(text) if of_list => format!("({})", quoted(text)),
                Cell::Text(text) => quoted(text),
                Cell::List(items) if of_list => {
                    format!("({})", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
                }
                Cell::List(_) => {
                    problems.error(at, format!("`{operator}` takes one value, found a sequence"));
                    return None;
                }
            };
            parts.push(format!("{field} {operator} {value}"));
        }
        rows.push(format!("({})", parts.join(" and ")));
    }
    Some(format!("({})", rows.join(" or ")))
}
