//! Domain names that rules compare with the ends of a socket.

use std::collections::BTreeSet;

use super::Ruleset;
use super::program::{Node, NodeId, Slot, Test};

/// Fields whose values are names of addresses.
const FIELDS: [&str; 4] = ["fd.cip.name", "fd.lip.name", "fd.rip.name", "fd.sip.name"];

impl Ruleset {
    /// Names that rules in force compare with addresses, in order.
    #[must_use]
    pub fn domains(&self) -> Vec<String> {
        let mut found = BTreeSet::new();
        let mut seen = vec![false; self.program.nodes.len()];
        let mut left: Vec<NodeId> = self.by_kind.iter().flatten().map(|(_, condition)| *condition).collect();
        while let Some(id) = left.pop() {
            match seen.get_mut(id as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            match self.program.nodes.get(id as usize) {
                Some(Node::Not(child)) => left.push(*child),
                Some(Node::And(children) | Node::Or(children)) => left.extend(children.iter()),
                Some(Node::Test(test)) => found.extend(self.names(*test as usize)),
                Some(Node::Never | Node::Always | Node::Kinds(_)) | None => {}
            }
        }
        found.into_iter().collect()
    }

    fn names(&self, test: usize) -> Vec<String> {
        let Some(comparison) = self.program.comparisons.get(test) else { return Vec::new() };
        let Some(Slot::Field { field, .. }) = self.program.slots.get(comparison.slot as usize) else {
            return Vec::new();
        };
        if !matches!(comparison.test, Test::Symbols(_)) || !FIELDS.contains(&field.definition().name) {
            return Vec::new();
        }
        let text = |symbol: &u32| String::from_utf8(self.program.symbols.text(*symbol).to_vec()).ok();
        comparison.values.iter().filter_map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::detect::rules::{Options, Ruleset, Source};

    #[test]
    fn of_rules_in_force_only() {
        let text = br#"
- rule: one
  desc: d
  condition: evt.type = connect and (fd.sip.name = "a.example" or not fd.cip.name in ("b.example", "a.example"))
  output: x
  priority: INFO
- rule: two
  desc: d
  condition: evt.type = connect and fd.sip.name = "c.example"
  output: x
  priority: INFO
  enabled: false
- rule: three
  desc: d
  condition: evt.type = connect and proc.name = "d.example"
  output: x
  priority: INFO
"#;
        let source = Source { name: "a.yaml".into(), text: text.to_vec() };
        let loaded = Ruleset::load(&[source], &Options::default()).unwrap();
        assert_eq!(loaded.ruleset.domains(), ["a.example", "b.example"]);
    }
}
