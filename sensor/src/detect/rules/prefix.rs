//! Paths of which one must be the path that is looked at, or a folder above it (`pmatch`).

use std::collections::HashMap;

use super::glob;

/// A tree of the parts of paths.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    nodes: Vec<Part>,
}

#[derive(Debug, Default)]
struct Part {
    /// A path of the list ends here.
    ends: bool,
    names: HashMap<Box<[u8]>, usize>,
    patterns: Vec<(Box<[u8]>, usize)>,
}

/// How many parts are looked at: a path of the kernel has 4096 bytes.
const PARTS_MAX: usize = 2048;

pub(super) fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).take(PARTS_MAX)
}

pub(super) fn is_pattern(part: &[u8]) -> bool {
    part.iter().any(|byte| b"?*[".contains(byte))
}

impl Prefixes {
    pub(super) fn new<'a>(paths: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut made = Self { nodes: vec![Part::default()] };
        for path in paths {
            let mut at = 0;
            for part in parts(path) {
                at = made.child(at, part);
            }
            if let Some(node) = made.nodes.get_mut(at) {
                node.ends = true;
            }
        }
        made
    }

    fn child(&mut self, at: usize, part: &[u8]) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let pattern = is_pattern(part);
        let known = if pattern {
            node.patterns.iter().find(|(known, _)| **known == *part).map(|(_, child)| *child)
        } else {
            node.names.get(part).copied()
        };
        if let Some(known) = known {
            return known;
        }
        if pattern {
            node.patterns.push((part.into(), new));
        } else {
            node.names.insert(part.into(), new);
        }
        self.nodes.push(Part::default());
        new
    }

    /// True if one of the paths is `path` or stands above it. Looks at each part of the tree at most once.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        self.below(0, parts(path))
    }

    fn below<'a>(&self, at: usize, mut rest: impl Iterator<Item = &'a [u8]> + Clone) -> bool {
        let mut at = at;
        loop {
            let Some(node) = self.nodes.get(at) else { return false };
            if node.ends {
                return true;
            }
            let Some(part) = rest.next() else { return false };
            for (pattern, child) in &node.patterns {
                // As deep as the list's own paths with patterns are.
                if glob::matches(pattern, part, false) && self.below(*child, rest.clone()) {
                    return true;
                }
            }
            match node.names.get(part) {
                Some(child) => at = *child,
                None => return false,
            }
        }
    }
}

/// The same for one path.
pub(super) fn holds(prefix: &[u8], path: &[u8]) -> bool {
    let mut rest = parts(path);
    parts(prefix).all(|wanted| {
        rest.next().is_some_and(|part| {
            if is_pattern(wanted) { glob::matches(wanted, part, false) } else { wanted == part }
        })
    })
}
