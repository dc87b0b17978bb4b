//! What conditions mean: a condition, the facts, what follows.

use super::mock::{Fact, Mock, hits, load, rule};

/// The event of the table; a case may change it.
fn event() -> Mock {
    Mock::new("openat")
        .text("proc.name", "cat")
        .text("proc.exepath", "/usr/bin/cat")
        .text("fd.name", "/etc/shadow")
        .text("proc.cmdline", "cat -n /etc/shadow")
        .number("evt.rawres", -2)
        .number("fd.num", 3)
        .with("evt.is_open_read", Fact::Bool(true))
        .with("evt.is_open_write", Fact::Bool(false))
        .with("proc.aname", Fact::Many(vec!["bash", "sshd", "systemd"]))
        .text("proc.aname[2]", "sshd")
}

#[track_caller]
fn case(condition: &str, facts: &Mock, expected: bool) {
    let loaded = load(&rule("r", condition)).unwrap_or_else(|problems| panic!("{condition}: {problems:?}"));
    assert_eq!(!hits(&loaded.ruleset, facts).is_empty(), expected, "{condition}");
}

#[test]
fn smoke() {
    for (condition, expected) in [
        ("evt.type=openat and proc.name=cat", true),
        ("evt.type=open and proc.name=cat", false),
        ("not proc.name=cat", false),
        ("proc.name in (a, b, cat)", true),
        ("proc.aname in (sshd)", true),
        ("proc.aname=cat", false),
        ("fd.num>=0", true),
        ("fd.name startswith /etc/", true),
        ("(proc.name=cat or fd.num=7) and not (fd.num=4)", true),
    ] {
        case(condition, &event(), expected);
    }
}
