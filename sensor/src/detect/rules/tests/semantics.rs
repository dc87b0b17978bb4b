//! What conditions mean: goes through the tables with an open of a file and a connection.

use super::mock::{Fact, Mock, hits, load, rule};
use super::tables::{EACH, FLAGS_AND_BYTES, LOGIC, NETWORK, NUMBERS, SEVERAL, TEXTS, TRANSFORMERS};

/// An open of a file, in the terms of the table.
fn open() -> Mock {
    Mock::new("openat")
        .text("proc.name", "cat")
        .text("proc.exe", "cat")
        .text("proc.exepath", "/usr/bin/cat")
        .text("proc.args", "-n /etc/shadow")
        .text("proc.cmdline", "cat -n /etc/shadow")
        .text("proc.env", "PATH=/bin HTTP_Proxy=x")
        .text("proc.cwd", "/srv/\\")
        .text("fd.name", "/etc/shadow")
        .text("fd.directory", "/etc")
        .text("fd.filename", "shadow")
        .text("fd.typechar", "f")
        .text("evt.res", "SUCCESS")
        .text("evt.arg.flags", "O_RDONLY|O_CLOEXEC")
        .text("user.name", "<NA>")
        .text("group.name", "")
        .text("container.id", "host")
        .text("container.mount.dest[/proc*]", "/host/proc")
        .number("evt.num", 17)
        .number("evt.rawres", -2)
        .number("fd.num", 3)
        .number("user.uid", 0)
        .number("user.loginuid", -1)
        .number("proc.duration", 5_000_000_000)
        .number("proc.vpid", 1)
        .number("proc.tty", 34816)
        .with("evt.is_open_read", Fact::Bool(true))
        .with("evt.is_open_write", Fact::Bool(false))
        .with("evt.buffer", Fact::Text(b"\xca\xfe\xba\xbe\0GET".to_vec()))
        .with("proc.aname", Fact::Many(vec!["bash", "sshd", "systemd"]))
        .with("fd.types", Fact::Many(vec!["file", "ipv4"]))
        .text("proc.aname[1]", "bash")
        .text("proc.aname[2]", "sshd")
}

/// A connection.
fn connection() -> Mock {
    let ip = |text: &str| text.parse().ok();
    let (client, server) = (ip("192.168.0.5"), ip("10.1.2.3"));
    let both = Fact::Addresses([client, server]);
    Mock::new("connect")
        .text("proc.name", "curl")
        .text("fd.l4proto", "tcp")
        .with("fd.ip", both.clone())
        .with("fd.net", both)
        .with("fd.cip", Fact::Address(client.unwrap()))
        .with("fd.cnet", Fact::Address(client.unwrap()))
        .with("fd.sip", Fact::Address(server.unwrap()))
        .with("fd.snet", Fact::Address(server.unwrap()))
        .with("fd.rip", Fact::Address("2001:db8::1".parse().unwrap()))
        .with("fd.rnet", Fact::Address("2001:db8::1".parse().unwrap()))
        .with("fd.lip", Fact::Address("::ffff:169.254.169.254".parse().unwrap()))
        .with("fd.lnet", Fact::Address("::ffff:169.254.169.254".parse().unwrap()))
        .with("fd.port", Fact::Ports([Some(50000), Some(443)]))
        .number("fd.cport", 50000)
        .number("fd.sport", 443)
        .number("fd.rport", 443)
}

/// Goes through a table; how many lines it has, and which are wrong.
fn table(event: &Mock, lines: &str, wrong: &mut Vec<String>) -> usize {
    let lines: Vec<_> = lines.lines().filter(|line| !line.is_empty()).collect();
    for line in &lines {
        let (sign, rest) = line.split_once(' ').unwrap();
        match sign {
            "!" => wrong.extend(refused(rest)),
            _ => wrong.extend(judged(event, rest, sign == "+")),
        }
    }
    lines.len()
}

fn judged(event: &Mock, condition: &str, expected: bool) -> Option<String> {
    // A negation is the other way round, whatever is missing.
    for (condition, expected) in [(condition.to_owned(), expected), (format!("not ({condition})"), !expected)]
    {
        match load(&rule("r", &condition)) {
            Err(problems) => return Some(format!("{condition}: {problems:?}")),
            Ok(loaded) if hits(&loaded.ruleset, event).is_empty() == expected => {
                return Some(format!("{condition}: not {expected}"));
            }
            Ok(_) => {}
        }
    }
    None
}

fn refused(line: &str) -> Option<String> {
    let (condition, reason) = line.rsplit_once(" # ").unwrap();
    let shown = match load(&rule("r", condition)) {
        Ok(_) => "it loads".to_owned(),
        Err(problems) => problems[0].to_string(),
    };
    let fits = shown.contains(reason) && shown.starts_with("a.yaml:2:");
    (!fits).then(|| format!("{condition}: {shown}"))
}

#[test]
fn conditions_mean_what_they_should() {
    let open = open();
    let tables = [TEXTS, NUMBERS, FLAGS_AND_BYTES, SEVERAL, LOGIC, EACH];
    let mut wrong = Vec::new();
    let mut count: usize = tables.iter().map(|lines| table(&open, lines, &mut wrong)).sum();

    count += table(&open, TRANSFORMERS, &mut wrong);
    count += table(&connection(), NETWORK, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 300, "{count}");
}

#[test]
fn all_and_first_differ_and_the_order_is_the_files() {
    use crate::detect::rules::{Matching, Options, Ruleset};
    let text = format!(
        "{}{}{}",
        rule("one", "evt.type=openat and proc.name=dog"),
        rule("two", "evt.type=openat and proc.name=cat"),
        rule("three", "proc.name=cat")
    );
    let source = super::mock::source("a.yaml", &text);
    let all = Options { matching: Matching::All, ..Options::default() };
    let of = |options| Ruleset::load(std::slice::from_ref(&source), options).unwrap().ruleset;
    assert_eq!(hits(&of(&all), &open()), ["two", "three"]);
    assert_eq!(hits(&of(&Options::default()), &open()), ["two"]);
}

#[test]
fn kinds_follow_from_the_condition() {
    let kinds = |condition: &str| {
        let loaded = load(&rule("r", condition)).unwrap();
        let names: Vec<_> = loaded
            .ruleset
            .kinds()
            .iter()
            .map(|kind| crate::detect::field::KINDS[usize::from(kind.0)].name)
            .collect();
        names.join(" ")
    };
    assert_eq!(kinds("evt.type=openat"), "openat");
    assert_eq!(kinds("evt.type in (open,openat) and evt.type!=open"), "openat");
    assert_eq!(kinds("evt.num=0"), "");
    assert_eq!(kinds("evt.type=open and evt.num=0"), "");
    assert_eq!(kinds("not (evt.type!=open and evt.type!=openat)"), "open openat");
    assert_eq!(kinds("not (evt.type!=open or proc.name=a)"), "open");
    assert_eq!(kinds("(evt.type=open or evt.type=creat) and not evt.type=open"), "creat");
    assert_eq!(kinds("evt.type=execveat"), "execve");
    assert!(kinds("proc.name=a").split(' ').count() > 40);
    assert!(kinds("not (evt.type=open and proc.name=a)").split(' ').count() > 40);
}
