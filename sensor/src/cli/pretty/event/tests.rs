//! What the lines look like, hostile text included.

use super::*;
use crate::proto::{Duration, FileIdentity, Fork, Pod};

fn event(class: Class, facts: Option<Facts>) -> Event {
    Event {
        time: Some(Timestamp { seconds: 5 * 3_600 + 7, nanos: 123_999_999 }),
        class: class.into(),
        process: Some(Process {
            pid: Some(4242),
            executable: "/bin/busybox".into(),
            arguments: vec!["sh".into(), "-c".into(), "id; ls".into()],
            parent: Some(Box::new(Process {
                pid: Some(7),
                executable: "/usr/bin/runc".into(),
                ..Process::default()
            })),
            ..Process::default()
        }),
        container: Some(Container {
            id: "0123456789abcdef".into(),
            name: "main".into(),
            pod: Some(Pod { namespace: "shop".into(), name: "web-1".into(), ..Pod::default() }),
            ..Container::default()
        }),
        facts,
        ..Event::default()
    }
}

fn exec(exec: Exec) -> Event {
    event(Class::ProcessExec, Some(Facts::Exec(exec)))
}

fn shown(event: &Event) -> String {
    line(event, Paint::OFF)
}

#[test]
fn an_exec() {
    let expected = "05:00:07.123 exec  shop/web-1/main                     4242  \
                    /bin/busybox(sh) -c \"id; ls\" (by runc[7])";
    assert_eq!(shown(&exec(Exec::default())), expected);
}

#[test]
fn an_exec_with_everything_notable() {
    let mut event = exec(Exec {
        file: Some(FileIdentity {
            memfd: true,
            unlinked: true,
            layer: Some(Layer::Upper.into()),
            ..FileIdentity::default()
        }),
        gained: vec![PrivilegeGain::Setuid.into(), 99, PrivilegeGain::FileCapabilities.into()],
        interpreter: "/bin/sh".into(),
        ..Exec::default()
    });
    event.incomplete = vec!["process.arguments".into()];
    let notes = "(by runc[7]) [memfd] [unlinked] [upper layer] [setuid] [file capabilities] \
                 [script, by /bin/sh] [incomplete: process.arguments]";
    assert!(shown(&event).ends_with(notes), "{}", shown(&event));
}

#[test]
fn exits() {
    let exit = |exit| shown(&event(Class::ProcessExit, Some(Facts::Exit(exit))));
    let run_time = Some(Duration { seconds: 1, nanos: 500_000_000 });
    let line = exit(Exit { code: Some(3), run_time, ..Exit::default() });
    assert!(line.ends_with(
        "exit  shop/web-1/main                     4242  /bin/busybox(sh): exit code 3 after 1.500s"
    ));
    let line =
        exit(Exit { signal: Some(11), signal_name: "SIGSEGV".into(), core_dumped: true, ..Exit::default() });
    assert!(line.ends_with("/bin/busybox(sh): killed by SIGSEGV, core dumped"), "{line}");
    assert!(exit(Exit { signal: Some(40), ..Exit::default() }).ends_with("killed by signal 40"));
}

#[test]
fn forks_and_identified_containers() {
    let fork = shown(&event(Class::ProcessFork, Some(Facts::Fork(Fork::default()))));
    assert!(fork.ends_with("4242  /bin/busybox(sh) (by runc[7])"), "{fork}");
    let mut identified = event(Class::ContainerIdentified, None);
    identified.process = None;
    identified.container.as_mut().unwrap().image = "bb:1".into();
    assert!(shown(&identified).ends_with("0123456789abcdef image bb:1"), "{}", shown(&identified));
}

#[test]
fn losses() {
    let loss = Loss { reason: loss::Reason::RingFull.into(), count: 5, class: Class::ProcessExec.into() };
    let event = Event { class: Class::Loss.into(), facts: Some(Facts::Loss(loss)), ..Event::default() };
    let expected = "5 PROCESS_EXEC events lost: the kernel's ring buffer was full";
    assert!(shown(&event).starts_with("--:--:--.--- LOSS  -  "), "{}", shown(&event));
    assert!(shown(&event).ends_with(expected), "{}", shown(&event));
}

#[test]
fn places() {
    let mut event = exec(Exec::default());
    let container = event.container.as_mut().unwrap();
    container.pod = None;
    assert_eq!(place(&event), "main");
    event.container.as_mut().unwrap().name.clear();
    assert_eq!(place(&event), "0123456789ab");
    event.container.as_mut().unwrap().sandbox = true;
    assert_eq!(place(&event), "(sandbox)");
    event.container = None;
    assert_eq!(place(&event), "host");
    event.process.as_mut().unwrap().unit = "ssh.service".into();
    assert_eq!(place(&event), "host/ssh.service");
}

#[test]
fn hostile_text_cannot_command_the_terminal() {
    let evil = "\x1b]0;pwned\x07\u{9b}31m\r\n\u{202e}";
    let event = Event {
        process: Some(Process {
            executable: evil.into(),
            arguments: vec![evil.into(), evil.into()],
            parent: Some(Box::new(Process { executable: evil.into(), ..Process::default() })),
            unit: evil.into(),
            ..Process::default()
        }),
        container: Some(Container {
            id: evil.into(),
            name: evil.into(),
            image: evil.into(),
            unresolved: evil.into(),
            pod: Some(Pod { namespace: evil.into(), name: evil.into(), uid: evil.into(), ..Pod::default() }),
            ..Container::default()
        }),
        incomplete: vec![evil.into()],
        ..exec(Exec { interpreter: evil.into(), ..Exec::default() })
    };
    let mut host = event.clone();
    host.container = None;
    let mut exit = event.clone();
    exit.facts = Some(Facts::Exit(Exit { signal: Some(1), signal_name: evil.into(), ..Exit::default() }));
    let mut identified = event.clone();
    identified.class = Class::ContainerIdentified.into();
    identified.facts = None;
    for event in [event, host, exit, identified] {
        let line = shown(&event);
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(!line.contains('\u{202e}'));
        assert!(line.contains("\\u{1b}]0;pwned"));
    }
}

#[test]
fn colour_is_only_there_when_asked_for() {
    let event = exec(Exec::default());
    assert!(!shown(&event).contains('\x1b'));
    assert!(line(&event, Paint::ON).contains("\x1b[32mexec \x1b[0m"));
}

#[test]
fn events_of_a_newer_agent_are_shown_too() {
    let newer = Event { class: 500, ..Event::default() };
    assert!(shown(&newer).contains(" 500 "));
}
