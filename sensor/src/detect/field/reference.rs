//! `docs/rules-fields.md`, made from the tables of fields and kinds.

use std::fmt::Write as _;

use super::{DEFINITIONS, Definition, KINDS, Kind, Takes, Type};
use crate::proto;

const HEAD: &str = "\
<!-- Made from sensor/src/detect/field; to write it anew: PICKET_BLESS=1 cargo test -p sensor --lib detect::field -->
# Fields and kinds of events in rules

Rules are written in Falco's language. A field has the value that it would have in Falco, byte for byte, where the same is
known; the last column tells the differences. Where a field has no value, every comparison with it is false, also `!=`, and
`exists` is false too.

- **Paths.** Falco knows the path that a program asked for, with `..` taken as text; Picket also knows which file that
  was. Where they differ, rules are judged by both, each as a whole: a symbolic link hides nothing, and one with the name of
  an exception excepts nothing. The alert shows the path by which its rule matched; `picket.path` is always the resolved one.
- **Connections.** A connect is judged once, when it is known how it ended; the attempt itself is of the kind
  `connect_attempt`, which no rule of Falco's names.
- **Repeats.** Equal events of a process are counted by the kernel, not sent again, and so they are not judged again.
- **Changes of users.** `user.*` and `group.*` of a change of credentials say who asked for it.

## Fields

`[n]` is a number, `[k]` a text; in `[n?]` and `[k?]` they may be left out. `*` marks fields that have several values
without them: a comparison holds if it holds for one.

| field | type | where the value comes from | difference to Falco |
|---|---|---|---|
";

const KINDS_HEAD: &str = "
## Kinds of events

What `evt.type` can name, and the classes of events ([events.md](events.md)) that are of that kind. What is done by io_uring
has the kind of the call that does the same.

| kind | classes | also named |
|---|---|---|
";

const OTHERS_HEAD: &str = "
These can be named as well, but no event is of their kind:

";

/// The whole page.
#[must_use]
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for definition in DEFINITIONS {
        field(&mut page, definition);
    }
    page.push_str(KINDS_HEAD);
    let (mut others, mut column) = (String::new(), 0);
    for (number, definition) in KINDS.iter().enumerate() {
        if definition.stands_for.is_some() {
            continue;
        }
        if definition.classes.is_empty() {
            let between = match column {
                0 => "",
                width if width + definition.name.len() > 110 => ",\n",
                _ => ", ",
            };
            column =
                if between.ends_with('\n') { 0 } else { column + between.len() } + definition.name.len() + 2;
            write!(others, "{between}`{}`", definition.name).unwrap_or_default();
            continue;
        }
        let classes = definition.classes.iter().filter_map(|class| {
            let class = proto::Class::try_from(i32::from(*class as u16)).ok()?;
            Some(format!("`{}`", class.as_str_name()))
        });
        let own = u16::try_from(number).ok().map(Kind);
        let aliases = KINDS.iter().filter(|other| other.stands_for.is_some() && other.stands_for == own);
        let aliases: Vec<_> = aliases.map(|alias| format!("`{}`", alias.name)).collect();
        let classes = classes.collect::<Vec<_>>().join(", ");
        line(&mut page, format_args!("| `{}` | {classes} | {} |", definition.name, aliases.join(", ")));
    }
    page.push_str(OTHERS_HEAD);
    line(&mut page, format_args!("{others}"));
    page
}

fn field(page: &mut String, definition: &Definition) {
    let takes = match definition.takes {
        Takes::Nothing => "",
        Takes::Index => "[n]",
        Takes::OptionalIndex => "[n?]",
        Takes::Key => "[k]",
        Takes::OptionalKey => "[k?]",
    };
    let kind = match definition.kind {
        Type::Bool => "bool",
        Type::Number => "number",
        Type::Port => "port",
        Type::Duration => "nanoseconds",
        Type::Time => "time in nanoseconds",
        Type::Text => "text",
        Type::Path => "path",
        Type::Bytes => "bytes",
        Type::Address => "address",
        Type::Network => "network",
    };
    let many = if definition.many { " \\*" } else { "" };
    let Definition { name, from, differs, .. } = definition;
    // A bar would end the cell.
    let [from, differs] = [from, differs].map(|text| text.replace('|', "\\|"));
    line(page, format_args!("| `{name}{takes}`{many} | {kind} | {from} | {differs} |"));
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a `String` does not fail.
    writeln!(page, "{text}").unwrap_or_default();
}
