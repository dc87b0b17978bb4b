//! An event that matches nothing allocates nothing.

use super::mock::{Fact, Mock, load, rule};

#[test]
fn events_that_match_nothing_allocate_nothing() {
    let text = [
        "evt.type=execve and proc.name in (a, b) and not proc.cmdline contains x",
        "evt.type=execve and proc.aname in (sshd, login) and proc.aname[2]=x",
        "evt.type=execve and proc.name glob x* or proc.name iglob *X or proc.exe pmatch (/x, /y*)",
        "toupper(proc.name)=X or concat(proc.name, proc.exe)=x or basename(proc.exe)=x or len(proc.aname)>9",
        "getopt((\"-a\", proc.name), \"a:\")[a]=x or b64(proc.name)=x or proc.name=val(proc.exe)",
        "fd.snet in (10.0.0.0/8) or fd.sport in (1, 2) or proc.cmdline icontains y or fd.num>7",
        "evt.type=execve and proc.cmdline regex \"[a-f]+x\"",
    ];
    let text: String =
        text.iter().enumerate().map(|(at, condition)| rule(&format!("r{at}"), condition)).collect();
    let ruleset = load(&text).unwrap().ruleset;
    let events = [("zsh", "/bin/zsh"), ("bash", "/usr/bin/bash"), ("c", "")].map(|(name, exe)| {
        Mock::new("execve")
            .text("proc.name", name)
            .text("proc.exe", exe)
            .text("proc.cmdline", &format!("{name} -c {}", "long ".repeat(600)))
            .with("proc.aname", Fact::Many(vec!["bash", "systemd"]))
            .with("fd.snet", Fact::Address([1, 2, 3, 4].into()))
            .number("fd.sport", 443)
            .number("fd.num", 3)
    });
    let mut state = ruleset.state();
    let mut judge = || {
        for event in &events {
            ruleset.evaluate(&mut state, event, &mut |rule| panic!("{} fires", rule.name));
        }
    };
    // The first time a regular expression makes its tables.
    judge();
    let counted = allocation_counter::measure(&mut judge);
    assert_eq!(counted.count_total, 0);
    // The counter counts.
    assert!(allocation_counter::measure(|| drop(vec![1_u8; 100])).count_total > 0);
}
