//! What rules say: texts, alerts, findings.

use super::mock::{Fact, Mock, source};
use crate::detect::finding::{Scalar, Severity};
use crate::detect::rules::{Options, Rule, Ruleset};

fn of(output: &str, tail: &str, suggested_output: bool) -> Rule {
    let text = format!(
        "- rule: Some Rule (x)\n  condition: proc.name=a\n  desc: d\n  priority: error\n  output: '{output}'\n{tail}"
    );
    let options = Options { suggested_output, ..Options::default() };
    let loaded =
        Ruleset::load(&[source("a.yaml", &text)], &options).unwrap_or_else(|problems| panic!("{problems:?}"));
    loaded.ruleset.rules()[0].clone()
}

fn event() -> Mock {
    Mock::new("connect")
        .text("proc.name", "a\u{1b}[31m\nb")
        .text("proc.aname[2]", "sshd")
        .text("container.id", "host")
        .number("user.uid", 0)
        .with("evt.is_open_read", Fact::Bool(true))
        .with("fd.sip", Fact::Address("::ffff:10.0.0.1".parse().unwrap()))
        .text("fd.type", "ipv4")
}

#[test]
fn texts_are_put_together() {
    for (output, expected) in [
        ("plain", "plain"),
        ("%user.uid", "0"),
        ("uid=%user.uid.", "uid=0."),
        ("%proc.pname", "<NA>"),
        ("%container.id %proc.aname[2]!", "host sshd!"),
        ("%6container.id|", "host  |"),
        ("%2container.id|", "ho|"),
        ("%6proc.pname|", "<NA>  |"),
        ("%fd.sip", "10.0.0.1"),
        ("%evt.is_open_read", "true"),
        ("%toupper(container.id) %len(fd.type)", "HOST 4"),
        ("%proc.name", "a\\u001b[31m\\nb"),
        ("a%container.info b", "a b"),
        // The longest name: fd.type, not fd.typechar.
        ("%fd.type, %fd.typechar", "ipv4, <NA>"),
        ("%fd.types x", "<NA> x"),
    ] {
        assert_eq!(of(output, "", false).alert(&event()).output, expected, "{output}");
    }
}

#[test]
fn an_alert_has_each_field_once_with_its_type() {
    let rule = of(
        "%user.uid %proc.pname %user.uid %toupper(container.id) %proc.aname[2]",
        "  tags: [b, T1611, a]\n",
        true,
    );
    let alert = rule.alert(&event());
    assert_eq!((alert.priority.as_str(), alert.rule.as_str()), ("Error", "Some Rule (x)"));
    assert_eq!(alert.tags, ["T1611", "a", "b"]);
    assert!(alert.output.ends_with(" container_id=host container_name=<NA> container_image_repository=<NA> container_image_tag=<NA> k8s_pod_name=<NA> k8s_ns_name=<NA>"));
    let names: Vec<_> = alert.fields.iter().map(|(name, _)| name.as_str()).collect();
    let expected = "container.id container.image.repository container.image.tag container.name k8s.ns.name k8s.pod.name \
                    proc.aname[2] proc.pname user.uid";
    assert_eq!(names.join(" "), expected);
    assert_eq!(alert.fields[0].1, Some(Scalar::Text("host".to_owned())));
    assert_eq!(alert.fields[7].1, None);
    assert_eq!(alert.fields[8].1, Some(Scalar::Number(0)));
}

#[test]
fn a_finding_says_it_without_what_was_suggested() {
    let tags = "  tags: [T1611, T1552.005, TA0003, MS-TA9018, T16, T1611x, mitre_x, host]\n";
    let finding = of("uid=%user.uid p=%proc.pname", tags, true).finding(&event());
    assert_eq!((finding.id.as_str(), finding.severity), ("some-rule-x", Severity::High));
    assert_eq!(
        finding.techniques.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["MS-TA9018", "T1552.005", "T1611", "TA0003"]
    );
    assert_eq!(finding.summary, "uid=0 p=<NA>");
    assert_eq!(finding.evidence, ["user.uid=0"]);
    assert!(finding.alert.is_some());
}

#[test]
fn outputs_that_are_wrong() {
    for (output, reason) in [
        ("%", "a field is expected behind %"),
        ("x %", "a field is expected behind %"),
        ("%nofield", "unknown field `%nofield`"),
        ("%proc.nme", "unknown field `%proc.nme`"),
        ("%% x", "unknown field `%`"),
        ("%99999user.uid", "a width is at most 1024"),
        ("%toupper(user.uid", "`)` is missing"),
        ("%container.mount.dest", "needs an argument"),
    ] {
        let text = format!(
            "- rule: r\n  condition: proc.name=a\n  desc: d\n  priority: error\n  output: '{output}'\n"
        );
        let problems = super::mock::load(&text).unwrap_err();
        assert!(problems[0].reason.contains(reason) && problems[0].line == 5, "{output}: {problems:?}");
    }
}
