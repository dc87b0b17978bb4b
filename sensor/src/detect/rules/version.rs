//! Versions that rule files require.

use super::definition::{Item, fields, shown};
use super::document::{Node, Shape};
use super::problem::Problems;

/// Version of the rule language that is spoken.
const ENGINE: [u64; 3] = [0, 63, 0];
/// What rule files know as a plugin, and is built in; any version below the next major one will do.
const BUILT_IN: [(&str, u64); 1] = [("container", 0)];

/// `required_engine_version`: a number N, meant as 0.N.0, or three numbers.
pub(super) fn engine(item: &Item, problems: &mut Problems<'_>) -> Option<()> {
    let scalar = item.text("required_engine_version", problems)?;
    let version = scalar.text.parse().map(|minor| [0, minor, 0]).ok().or_else(|| parse(&scalar.text));
    match version {
        None => {
            let text = shown(&scalar.text);
            problems.error(scalar.at, format!("`{text}` is not a version; expected a form such as 0.57.0"));
        }
        Some(version) if version > ENGINE => {
            let [major, minor, patch] = ENGINE;
            let reason = format!(
                "requires version {} of the rule language; this is {major}.{minor}.{patch}",
                shown(&scalar.text)
            );
            problems.error(scalar.at, reason);
        }
        Some(_) => {}
    }
    Some(())
}

/// `required_plugin_versions`: each, or one of its alternatives, must be there.
pub(super) fn plugins(item: &Item, problems: &mut Problems<'_>) -> Option<()> {
    let node = item.get("required_plugin_versions")?;
    let Shape::Sequence(plugins) = &node.shape else {
        problems.error(node.at, "`required_plugin_versions` must be a sequence of names and versions");
        return None;
    };
    for plugin in plugins {
        plugin_(plugin, problems);
    }
    Some(())
}

fn plugin_(node: &Node, problems: &mut Problems<'_>) -> Option<()> {
    let (name, there, alternatives) = requirement(node, problems)?;
    let mut other = false;
    if let Some(Shape::Sequence(nodes)) = alternatives.as_ref().map(|node| &node.shape) {
        for node in nodes {
            other |= requirement(node, problems).is_some_and(|(_, there, _)| there);
        }
    }
    if !there && !other {
        problems
            .error(node.at, format!("requires the plugin `{}` in a version that there is not", shown(&name)));
    }
    Some(())
}

type Requirement = (String, bool, Option<std::rc::Rc<Node>>);

/// Name, whether it is there, and what would do as well.
fn requirement(node: &Node, problems: &mut Problems<'_>) -> Option<Requirement> {
    let Shape::Mapping(pairs) = &node.shape else {
        problems.error(node.at, "expected a mapping with `name` and `version`");
        return None;
    };
    let fields = fields(pairs, &["name", "version", "alternatives"], problems)?;
    let get = |key: &str| fields.iter().find(|(name, _, _)| *name == key).map(|(_, _, node)| node);
    let text = |key: &str| get(key).and_then(|node| node.scalar()).map(|scalar| scalar.text.to_string());
    let (Some(name), Some(version)) = (text("name"), text("version")) else {
        problems.error(node.at, "expected `name` and `version`");
        return None;
    };
    let Some([major, _, _]) = parse(&version) else {
        problems.error(node.at, format!("`{}` is not a version", shown(&version)));
        return None;
    };
    let there = BUILT_IN.iter().any(|(known, most)| *known == name && major == *most);
    Some((name, there, get("alternatives").cloned()))
}

/// Three numbers; what follows `-` or `+` does not matter.
fn parse(text: &str) -> Option<[u64; 3]> {
    let text = text.split(['-', '+']).next()?;
    let mut parts = text.split('.').map(|part| part.parse().ok());
    let version = [parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?];
    parts.next().is_none().then_some(version)
}
