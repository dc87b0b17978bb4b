//! Command lines, right and wrong.

use clap::CommandFactory as _;

use super::*;
use crate::proto::Class;

fn parsed(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line.split(' ')).map(|cli| cli.command)
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn run_gives_its_flags_to_the_settings() {
    let line =
        "picket run --config /c --listen unix:///s --runtime-state /a --runtime-state /b --node n --btf /x";
    let Ok(Command::Run(args)) = parsed(line) else { panic!("refused") };
    let input = args.settings_input();
    assert_eq!(input.file.as_deref(), Some(std::path::Path::new("/c")));
    let flags: Vec<_> =
        input.flags.iter().map(|flag| (flag.flag, flag.setting.key, flag.values.len())).collect();
    let expected = [
        ("--listen", "stream.listen", 1),
        ("--btf", "kernel.btf", 1),
        ("--node", "node.name", 1),
        ("--runtime-state", "identity.state_folders", 2),
    ];
    assert_eq!(flags, expected);
    assert!(!input.host_name.is_empty());
}

#[test]
fn watch_makes_a_request() {
    let line = "picket watch --connect unix:///s -o json --class exec,PROCESS_EXIT --class container-identified \
                --namespace a,b --pod p --container c --containers-only --ancestors 16 --count 3";
    let Ok(Command::Watch(args)) = parsed(line) else { panic!("refused") };
    assert_eq!((args.output, args.select.count), (WatchFormat::Json, Some(3)));
    let request = args.request();
    let classes = [Class::ProcessExec, Class::ProcessExit, Class::ContainerIdentified].map(i32::from);
    assert_eq!(request.classes, classes);
    let Ok(Command::Watch(args)) = parsed("picket watch --class process,file-open") else {
        panic!("refused")
    };
    let expected = [Class::ProcessFork, Class::ProcessExec, Class::ProcessExit, Class::FileOpen];
    assert_eq!(args.request().classes, expected.map(i32::from));
    assert_eq!(request.namespaces, ["a", "b"]);
    assert!(request.containers_only);
    assert_eq!(request.ancestors, 16);
}

#[test]
fn findings_are_asked_for() {
    let request = |line: &str| match parsed(line) {
        Ok(Command::Watch(args)) => args.request(),
        other => panic!("{line}: {other:?}"),
    };
    let all = request("picket watch --findings --severity High --finding a,b");
    assert_eq!(all.classes, [i32::from(Class::Finding)]);
    assert_eq!((all.minimum_severity, all.findings), (3, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(request("picket watch -o falco").classes, [i32::from(Class::Finding)]);
    assert_eq!(request("picket watch --class finding,exec --severity low").classes.len(), 2);
    assert_eq!(request("picket watch --incidents -o json").classes, [i32::from(Class::Incident)]);
    assert!(parsed("picket watch --incidents --findings").is_err());
}

#[test]
fn rules_are_given_to_the_settings() {
    let Ok(Command::Run(args)) = parsed("picket run --rules /a /b --node n --rules c") else {
        panic!("refused")
    };
    let input = args.settings_input();
    let flag = input.flags.iter().find(|flag| flag.flag == "--rules").unwrap();
    assert_eq!(flag.setting.key, "rules.paths");
    assert_eq!(flag.values[..2], ["/a", "/b"]);
    assert!(flag.values[2].starts_with('/') && flag.values[2].ends_with("/c"));
}

#[test]
fn tls_needs_all_of_it_and_a_socket_none() {
    let target = |line: &str| match parsed(line) {
        Ok(Command::Status(args)) => args.agent.target().map(|target| target.place().to_string()),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(target("picket status").unwrap(), "unix:///run/picket/picket.sock");
    let remote = "picket status --connect https://x:1";
    for line in [remote.to_owned(), format!("{remote} --ca /a"), format!("{remote} --ca /a --certificate /c")]
    {
        let message = target(&line).unwrap_err().to_string();
        assert!(message.contains("https://x:1 needs --ca, --certificate and --key"), "{message}");
    }
    for more in ["--ca /a", "--server-name x"] {
        let message = target(&format!("picket status {more}")).unwrap_err().to_string();
        assert!(message.contains("picket.sock is a socket"), "{message}");
    }
    let message =
        target(&format!("{remote} --ca /nowhere --certificate /c --key /k")).unwrap_err().to_string();
    assert!(message.starts_with("--ca /nowhere: cannot read this file"), "{message}");
}

#[test]
fn defaults() {
    let Ok(Command::Watch(args)) = parsed("picket watch") else { panic!("refused") };
    assert_eq!(args.agent.connect.to_string(), "unix:///run/picket/picket.sock");
    assert_eq!(args.output, WatchFormat::Pretty);
    assert_eq!(args.request(), crate::proto::SubscribeRequest::default());
    let Ok(Command::Check(args)) = parsed("picket check") else { panic!("refused") };
    assert_eq!(args.btf, std::path::Path::new("/sys/kernel/btf/vmlinux"));
    assert!(matches!(parsed("picket status"), Ok(Command::Status(_))));
}

#[test]
fn wrong_command_lines_exit_64_and_say_what_is_right() {
    for (line, part) in [
        ("picket", "Usage"),
        ("picket fly", "unrecognized subcommand"),
        ("picket watch --connect s", "unix:///ABSOLUTE/PATH"),
        ("picket watch --connect http://x:1", "https://HOST:PORT"),
        ("picket status --connect https://x", "https://HOST:PORT"),
        ("picket watch --class fly", "classes are fork, exec, exit"),
        ("picket watch --class unspecified", "classes are"),
        ("picket watch --ancestors 17", "17"),
        ("picket watch --count 0", "0"),
        ("picket watch --findings --class exec", "--class"),
        ("picket watch --severity bad", "critical"),
        ("picket run --rules", "PATH"),
        ("picket status -o yaml", "pretty"),
        ("picket status --alive --all", "--all"),
    ] {
        let error = parsed(line).unwrap_err();
        assert!(error.use_stderr(), "{line}");
        assert!(error.to_string().contains(part), "{line}: {error}");
        let code = parse(line.split(' ').map(OsString::from)).unwrap_err();
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(exit::USAGE)));
    }
}

#[test]
fn help_teaches() {
    let help = Cli::command().render_long_help().to_string();
    assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
    for mut command in Cli::command().get_subcommands().cloned() {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Exit codes:") || help.contains("Examples:"), "{help}");
    }
}
