//! Just enough of Rust's syntax for the checks: code without comments, tests and strings; paths in `use`.

/// Blanks comments, and everything from the inline test module on, keeping line numbers.
pub(super) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let test_module =
            line.trim() == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.trim() == "mod tests {");
        if test_module {
            break;
        }
        code.push_str(without_comment(line));
        code.push('\n');
    }
    code
}

/// The line up to `//`, unless that stands in a string (an odd number of quotes before it).
fn without_comment(line: &str) -> &str {
    let mut from = 0;
    while let Some(found) = line[from..].find("//") {
        let at = from + found;
        if line[..at].matches('"').count().is_multiple_of(2) {
            return &line[..at];
        }
        from = at + 2;
    }
    line
}

/// Whether a file holds tests only, by its name.
pub(super) fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
        || path.contains("/tests/")
        || path.starts_with("tests/")
}

/// Every path that the code names, with its line: `use` trees expanded, and `a::b` in expressions.
pub(super) fn paths(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let mut rest = code;
    let mut line = 1;
    while let Some(start) = rest.find(|character: char| is_word(character)) {
        line += rest[..start].matches('\n').count();
        rest = &rest[start..];
        let (word, after) = split_path(rest);
        if word == "use" {
            let end = after.find(';').unwrap_or(after.len());
            expand("", after[..end].trim(), &mut |path| paths.push((line, path)));
            line += after[..end].matches('\n').count();
            rest = &after[end..];
        } else {
            if word.contains("::") {
                paths.push((line, word.to_owned()));
            }
            rest = after;
        }
    }
    paths
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Splits a leading `a::b::c` off.
fn split_path(text: &str) -> (&str, &str) {
    let mut end = 0;
    loop {
        let word = text[end..].find(|character| !is_word(character)).unwrap_or(text.len() - end);
        end += word;
        let more = text[end..].strip_prefix("::").is_some_and(|rest| rest.starts_with(is_word));
        if !more {
            return text.split_at(end);
        }
        end += 2;
    }
}

/// Expands `a::{b, c::{d, e}}` to `a::b`, `a::c::d`, `a::c::e`.
fn expand(prefix: &str, tree: &str, found: &mut dyn FnMut(String)) {
    let tree = tree.trim();
    match tree.find('{') {
        None => {
            let path = format!("{prefix}{}", tree.split(" as ").next().unwrap_or(tree).trim());
            found(path.strip_suffix("::self").unwrap_or(&path).to_owned());
        }
        Some(open) => {
            let prefix = format!("{prefix}{}", tree[..open].trim());
            let inner = tree[open + 1..].trim_end().strip_suffix('}').unwrap_or(&tree[open + 1..]);
            for part in top_level_parts(inner) {
                expand(&prefix, part, found);
            }
        }
    }
}

/// Splits at commas that are not inside braces.
fn top_level_parts(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0usize, 0);
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_tests_are_no_code() {
        let text =
            "a(); // tokio::spawn\nlet u = \"http://x\"; b();\n#[cfg(test)]\nmod tests {\n use std::fs;\n}\n";
        assert_eq!(code(text), "a(); \nlet u = \"http://x\"; b();\n");
    }

    #[test]
    fn use_trees_are_expanded() {
        let found = paths(
            "use std::{\n    collections::{HashMap, hash_map},\n    fs::{self as files},\n};\nlet x = std::env::var;\n",
        );
        assert_eq!(
            found,
            [
                (1, "std::collections::HashMap".to_owned()),
                (1, "std::collections::hash_map".to_owned()),
                (1, "std::fs".to_owned()),
                (5, "std::env::var".to_owned()),
            ]
        );
    }
}
