//! Which classes rules look at, for containers and the host.

use super::*;
use crate::detect::rules::{Options, Source};

fn pushdown(conditions: &[&str]) -> Pushdown {
    let rule = |condition: &&str| {
        let name = condition.replace([':', '"'], " ");
        format!("- rule: 'r {name}'\n  condition: '{condition}'\n  desc: d\n  output: o\n  priority: INFO\n")
    };
    let text: String = conditions.iter().map(rule).collect();
    let source = Source { name: "a.yaml".into(), text: text.into_bytes() };
    let rules =
        Ruleset::load(&[source], &Options::default()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let mut state = rules.ruleset.state();
    Pushdown::new(&rules.ruleset, &mut state)
}

#[test]
fn classes_are_those_that_a_rule_of_the_group_could_match() {
    let bits = |classes: &[Class]| classes.iter().fold(0, |set, class| set | class.bit());
    let judged = pushdown(&[
        "evt.type in (open, openat) and container.id != host and fd.name = /etc/shadow",
        "evt.type = connect and not container.id in (host)",
        "evt.type = mount and container.id = host",
        "evt.type = setns and (container.id = host or proc.name = x)",
        "evt.type = bpf and k8s.ns.name = kube-system",
        "evt.type = ptrace and container.id startswith 1",
    ])
    .judged();
    let both = [Class::Setns];
    let of_containers = [Class::FileOpen, Class::NetConnect, Class::Bpf, Class::Ptrace];
    assert_eq!(judged.containers, bits(&both) | bits(&of_containers));
    assert_eq!(judged.host, bits(&both) | bits(&[Class::Mount]));
    assert!(judged.names);
}

#[test]
fn without_rules_of_opens_names_do_not_matter() {
    let judged = pushdown(&["evt.type = execve and proc.name = x"]).judged();
    assert_eq!(
        judged,
        Judged { containers: Class::ProcessExec.bit(), host: Class::ProcessExec.bit(), names: false }
    );
}

#[test]
fn every_kind_of_open_has_its_place() {
    assert_eq!(How::ALL.map(|how| how as usize), [0, 1, 2]);
    assert_eq!(opens().count(), 4);
}
