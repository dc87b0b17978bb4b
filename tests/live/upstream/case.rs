//! One rule's test: what runs where, which alert must come of it, and what must not be one.

use std::path::Path;

use picket_tests::container::Names;
use picket_tests::lab::Lab;
use picket_tests::workload::IN_CONTAINER;
use serde_json::{Value, json};

use super::alert::{self, Want, Wanted};
use super::book::Book;
use super::own::{capabilities, login, own_line, terminal};
use super::stage::{Stage, of_container, seen};

/// What a field should be, as a table can say it. In texts `@script` stands for the shell's script, `@marker` for the
/// host process's mark, `@bin` for the folder of its programs, `@workload` for the program behind them, `@test` for the
/// tests' own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Text(&'static str),
    Number(i64),
    Null,
    Positive,
    Between(&'static str, &'static str),
    /// The error that the program printed.
    Errno,
    /// The last line that the program printed.
    Printed,
    /// The container's effective capabilities.
    Capabilities,
}

/// How it is started.
#[derive(Clone, Copy, Debug)]
pub(super) enum Run {
    /// By the shell that is a container's first process.
    Script(&'static str),
    /// As a container's first process.
    First,
    /// On the host: these, one after the other.
    Host(&'static [&'static [&'static str]]),
}

/// What is nearly the same: an event of this class whose field has this value is seen, and is no alert.
#[derive(Clone, Copy, Debug)]
pub(super) enum Near {
    /// In the same container, before.
    Here(&'static str, &'static str, &'static str),
    /// The same in a container without more rights.
    Unprivileged(&'static str, &'static str, &'static str),
}

/// A test.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) rule: &'static str,
    /// More capabilities of the container.
    pub(super) capabilities: &'static [&'static str],
    pub(super) privileged: bool,
    pub(super) run: Run,
    /// Arguments of the process that the alert is about; its name follows from the first.
    pub(super) process: &'static [&'static str],
    /// Path of its executable.
    pub(super) executable: &'static str,
    /// Names of its ancestors, the parent first, up to what the test itself started.
    pub(super) lineage: &'static [&'static str],
    pub(super) near: Near,
    /// Everything else that the output has.
    pub(super) fields: &'static [(&'static str, Field)],
}

impl Case {
    /// A container's shell runs busybox.
    pub(super) const fn script(rule: &'static str, script: &'static str) -> Self {
        Self {
            rule,
            capabilities: &[],
            privileged: false,
            run: Run::Script(script),
            process: &[],
            executable: "/bin/busybox",
            lineage: &["sh", "runc"],
            near: Near::Here("", "", ""),
            fields: &[],
        }
    }

    /// A container's first process is the workload program.
    pub(super) const fn first(rule: &'static str, process: &'static [&'static str]) -> Self {
        Self {
            run: Run::First,
            process,
            executable: IN_CONTAINER,
            lineage: &["runc"],
            ..Self::script(rule, "")
        }
    }

    pub(super) fn check(&self, lab: &mut Lab) {
        let stage = Stage::new(lab);
        let (mut alerts, mut events) = stage.watch(lab);
        let mut others = Vec::new();
        if let Near::Unprivileged(class, field, value) = self.near {
            let container = stage.container(lab, &Self { capabilities: &[], privileged: false, ..*self });
            container.run();
            seen(&mut events, class, field, &stage.filled(value), container.id());
            others.push(of_container(&container));
        }
        let (id, names, printed) = match self.run {
            Run::Script(_) | Run::First => {
                let container = stage.container(lab, self);
                let printed = container.run_ok();
                (of_container(&container), Some(container.names().clone()), printed)
            }
            Run::Host(commands) => {
                let printed = commands.iter().map(|words| stage.host(words)).collect();
                ("host".to_owned(), None, printed)
            }
        };
        let mine = |alert: &Value| {
            let fields = &alert["output_fields"];
            alert["rule"] == self.rule
                && (fields["container.id"] == id
                    || others.iter().any(|other| fields["container.id"] == *other))
                && (names.is_some() || alert["output"].to_string().contains(stage.marker()))
        };
        let first = alerts.wait_for(&format!("an alert of {:?} in {id}", self.rule), mine);
        if let Near::Here(class, field, value) = self.near {
            seen(
                &mut events,
                class,
                field,
                &stage.filled(value),
                names.as_ref().map_or("", |names| &names.id),
            );
        }
        let book = Book::read(&super::file(super::STABLE));
        let wanted = self.wanted(&stage, names.as_ref(), &printed);
        alert::check(&first, self.rule, book.rule(self.rule), &wanted);
        let all = alerts.all(mine);
        assert_eq!(all.len(), 1, "one alert, and none of what is nearly the same: {all:#?}");
    }

    /// What each field of the output should be.
    fn wanted(&self, stage: &Stage, names: Option<&Names>, printed: &str) -> Wanted {
        let arguments: Vec<_> = self.process.iter().map(|word| stage.filled(word)).collect();
        let mut wanted = common(names, &arguments, &stage.filled(self.executable));
        let mut lineage: Vec<_> = self.lineage.iter().map(|name| (*name).to_owned()).collect();
        lineage.extend(own_line());
        for level in 1..16_usize {
            let name = lineage.get(level - 1).map_or(Value::Null, |name| name.as_str().into());
            if level == 1 {
                wanted.insert("proc.pname".to_owned(), Want::Is(name.clone()));
            }
            wanted.insert(format!("proc.aname[{level}]"), Want::Is(name));
        }
        for (name, field) in self.fields {
            let want = match field {
                Field::Text(text) => Want::Is(self.filled(stage, text).into()),
                Field::Number(number) => Want::Is((*number).into()),
                Field::Null => Want::Is(Value::Null),
                Field::Positive => Want::Positive,
                Field::Between(start, end) => Want::Between(start, end),
                Field::Errno => Want::Is(printed.trim().trim_start_matches("errno ").into()),
                Field::Printed => Want::Is(printed.lines().last().unwrap_or_default().into()),
                Field::Capabilities => Want::Is(capabilities(self.capabilities).into()),
            };
            wanted.insert((*name).to_owned(), want);
        }
        wanted
    }

    fn filled(&self, stage: &Stage, text: &str) -> String {
        let script = if let Run::Script(script) = self.run { script } else { "" };
        stage.filled(text).replace("@script", script)
    }
}

/// What the alerts of all rules have.
pub(super) fn common(names: Option<&Names>, arguments: &[String], executable: &str) -> Wanted {
    let program = arguments.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    let name: String = program.to_string_lossy().chars().take(15).collect();
    let line = [std::slice::from_ref(&name), arguments.get(1..).unwrap_or_default()].concat().join(" ");
    let image = names.map(|names| names.image.rsplit_once(':').expect("the tests' images have tags"));
    let of = |value: Option<&str>| value.map_or(Value::Null, Into::into);
    let values = [
        ("user.name", json!("root")),
        ("user.uid", json!(0)),
        ("user.loginuid", login()),
        ("user.loginname", json!("<NA>")),
        ("group.gid", json!(0)),
        ("group.name", json!("root")),
        ("proc.name", name.into()),
        ("proc.exepath", executable.into()),
        ("proc.exe", of(arguments.first().map(String::as_str))),
        ("proc.cmdline", line.into()),
        ("proc.args", arguments.get(1..).unwrap_or_default().join(" ").into()),
        ("proc.tty", if names.is_some() { json!(0) } else { terminal() }),
        ("proc.cwd", json!("/")),
        ("container.id", names.map_or("host", |names| &names.id[..12]).into()),
        ("container.name", names.map_or("host", |names| &names.name).into()),
        ("container.image.repository", of(image.map(|(repository, _)| repository))),
        ("container.image.tag", of(image.map(|(_, tag)| tag))),
        ("k8s.pod.name", of(names.map(|names| names.pod.as_str()))),
        ("k8s.ns.name", of(names.map(|names| names.namespace.as_str()))),
    ];
    values.into_iter().map(|(name, value)| (name.to_owned(), Want::Is(value))).collect()
}
