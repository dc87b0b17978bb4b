//! The table itself: as Markdown, read back from the document, merged and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result};

use super::Cells;

const BEGIN: &str = "<!-- matrix begin -->";
const END: &str = "<!-- matrix end -->";
/// Heading of the first column.
const CLASS: &str = "class";

/// One kernel of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// The kernel line, such as `5.10` or `newest`, or `native`.
    pub(super) name: String,
    /// Version in brackets, where the name does not tell it; may be empty.
    pub(super) version: String,
}

impl Column {
    fn parse(heading: &str) -> Self {
        let (name, version) = heading.split_once(" (").unwrap_or((heading, ""));
        Self { name: name.to_owned(), version: version.trim_end_matches(')').to_owned() }
    }

    /// Whether both stand for the same kernel. The newest may be another one than before; a native kernel
    /// of another version is another machine, of which this table says nothing.
    fn is(&self, other: &Self) -> bool {
        self.name == other.name && (self.name != "native" || self.version == other.version)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version.as_str() {
            "" => formatter.write_str(&self.name),
            version => write!(formatter, "{} ({version})", self.name),
        }
    }
}

/// Columns in order, with their cells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table(Vec<(Column, Cells)>);

impl Table {
    pub(super) fn add(&mut self, column: Column, cells: Cells) {
        self.0.push((column, cells));
    }

    /// Whether it has no class.
    pub(super) fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    fn rows(&self) -> BTreeSet<&str> {
        self.0.iter().flat_map(|(_, cells)| cells.keys().map(String::as_str)).collect()
    }

    fn get(&self, column: &Column) -> Option<&(Column, Cells)> {
        self.0.iter().find(|(one, _)| one.is(column))
    }

    /// The columns of `newer`, and those of this table that `newer` does not have. Another machine's
    /// native column does not take the place of the one that is there.
    pub(super) fn merged(&self, newer: &Self) -> Self {
        let mut merged = Self::default();
        for (column, cells) in &newer.0 {
            let foreign = self.get(column).is_none() && self.0.iter().any(|(one, _)| one.name == column.name);
            if !foreign {
                merged.add(column.clone(), cells.clone());
            }
        }
        for (column, cells) in &self.0 {
            if merged.get(column).is_none() {
                merged.add(column.clone(), cells.clone());
            }
        }
        merged
    }

    /// What changes from this table to `newer`, a line for each cell; versions do not count.
    pub(super) fn differences(&self, newer: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (column, after) in &newer.0 {
            let before = self.get(column).map(|(_, cells)| cells);
            let classes: BTreeSet<_> =
                after.keys().chain(before.into_iter().flat_map(BTreeMap::keys)).collect();
            for class in classes {
                let (old, new) = (before.and_then(|cells| cells.get(class)), after.get(class));
                if old != new {
                    let [old, new] = [old, new].map(|cell| cell.map_or("(nothing)", String::as_str));
                    differences.push(format!("{class} on {}: was {old}, is {new}", column.name));
                }
            }
        }
        differences
    }

    /// From Markdown; text without a table is a table with nothing in it.
    fn parse(text: &str) -> Self {
        let mut rows = text.lines().filter(|line| line.starts_with('|')).map(cells);
        let columns = rows.next().unwrap_or_default();
        let mut table = Self::default();
        for heading in columns.iter().skip(1) {
            table.add(Column::parse(heading), Cells::new());
        }
        // The first row under the headings is Markdown's rule.
        for row in rows.skip(1) {
            let Some((class, values)) = row.split_first() else { continue };
            for ((_, cells), value) in table.0.iter_mut().zip(values) {
                if !value.is_empty() {
                    cells.insert(class.clone(), value.clone());
                }
            }
        }
        table
    }
}

fn cells(row: &str) -> Vec<String> {
    row.trim().trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headings: Vec<_> = self.0.iter().map(|(column, _)| column.to_string()).collect();
        writeln!(formatter, "| {CLASS} | {} |", headings.join(" | "))?;
        writeln!(formatter, "|{}", "---|".repeat(self.0.len() + 1))?;
        for class in self.rows() {
            let cell = |(_, cells): &(Column, Cells)| cells.get(class).cloned().unwrap_or_default();
            let row: Vec<_> = self.0.iter().map(cell).collect();
            writeln!(formatter, "| `{class}` | {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// The table in a document, and what stands around it.
#[derive(Debug)]
pub(super) struct Found<'text> {
    before: &'text str,
    pub(super) table: Table,
    after: &'text str,
}

impl Found<'_> {
    /// The document with another table.
    pub(super) fn replaced(&self, table: &Table) -> String {
        format!("{}{BEGIN}\n{table}{END}{}", self.before, self.after)
    }
}

/// Finds the table of a document between its two marks.
pub(super) fn find(text: &str) -> Result<Found<'_>> {
    let missing = || format!("the table's marks {BEGIN} and {END} are missing");
    let (before, rest) = text.split_once(BEGIN).with_context(missing)?;
    let (table, after) = rest.split_once(END).with_context(missing)?;
    Ok(Found { before, table: Table::parse(table), after })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, &[(&str, &str)])]) -> Table {
        let mut table = Table::default();
        for (heading, cells) in columns {
            let cells = cells.iter().map(|(class, cell)| ((*class).to_owned(), (*cell).to_owned()));
            table.add(Column::parse(heading), cells.collect());
        }
        table
    }

    fn committed() -> Table {
        table(&[
            ("5.10", &[("FILE_OPEN", "trampoline, tracepoint")]),
            ("newest (7.2)", &[("FILE_OPEN", "trampoline"), ("MODULE_LOAD", "none")]),
            ("native (6.18)", &[("FILE_OPEN", "tracepoint")]),
        ])
    }

    #[test]
    fn table_is_written_and_read_back() {
        let markdown = "| class | 5.10 | newest (7.2) | native (6.18) |\n|---|---|---|---|\n\
                        | `FILE_OPEN` | trampoline, tracepoint | trampoline | tracepoint |\n\
                        | `MODULE_LOAD` |  | none |  |\n";
        assert_eq!(committed().to_string(), markdown);
        assert_eq!(Table::parse(markdown), committed());
        assert!(Table::parse("\nNothing yet.\n").is_empty());
    }

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = format!("# A\n{BEGIN}\nold\n{END}\n## B\n");
        let found = find(&text).unwrap();
        let replaced = found.replaced(&committed());
        assert_eq!(replaced, format!("# A\n{BEGIN}\n{}{END}\n## B\n", committed()));
        assert_eq!(find(&replaced).unwrap().table, committed());
        assert!(find("no marks").unwrap_err().to_string().contains(BEGIN));
    }

    #[test]
    fn cells_differ_and_versions_do_not() {
        let run = table(&[
            ("5.10", &[("FILE_OPEN", "tracepoint")]),
            ("newest (7.3)", &[("FILE_OPEN", "trampoline"), ("DNS", "cgroup")]),
        ]);
        let merged = committed().merged(&run);
        assert_eq!(
            committed().differences(&merged),
            [
                "FILE_OPEN on 5.10: was trampoline, tracepoint, is tracepoint",
                "DNS on newest: was (nothing), is cgroup",
                "MODULE_LOAD on newest: was none, is (nothing)",
            ]
        );
        assert_eq!(merged.0.len(), 3, "the native column stays: {merged}");
        assert_eq!(committed().differences(&committed().merged(&committed())), [""; 0]);
    }

    #[test]
    fn native_column_of_another_machine_changes_nothing() {
        let other = table(&[("native (6.12)", &[("FILE_OPEN", "trampoline")])]);
        assert_eq!(committed().merged(&other), committed());
        let same = table(&[("native (6.18)", &[("FILE_OPEN", "none")])]);
        assert_eq!(committed().differences(&committed().merged(&same)).len(), 1);
        assert_eq!(Table::default().merged(&other), other);
    }
}
