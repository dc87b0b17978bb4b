//! What the cases have in common: the containers' image, programs of the host, and the agent with the rules.

use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use picket_tests::client::{Client, Filters};
use picket_tests::container::{Container, succeeded};
use picket_tests::expect::{field, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::scratch::{make_folder, write_file};
use picket_tests::workload::{self, IN_CONTAINER};

use super::case::{Case, Run};

/// Programs of busybox that the cases use besides the image's.
const APPLETS: &[&str] = &["find", "grep", "nc", "shred"];
/// Other names of the workload program.
const ALIASES: &[&str] = &["app", "debugfs", "nginx", "ssh", "sshd", "web"];
const USERS: &str = "root:x:0:0:root:/:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\n";

/// The image's layer for these tests, and what the process on the host is known by.
pub(super) struct Stage {
    layer: PathBuf,
    marker: String,
}

impl Stage {
    pub(super) fn new(lab: &mut Lab) -> Self {
        let layer = lab.scratch().folder("upstream");
        for folder in ["bin", "etc", "var/log", "host"] {
            make_folder(&layer.join(folder));
        }
        let link = |target: &Path, name: &str| {
            symlink(target, layer.join("bin").join(name)).expect("a new link in a new folder");
        };
        APPLETS.iter().for_each(|name| link(Path::new("busybox"), name));
        ALIASES.iter().for_each(|name| link(Path::new(IN_CONTAINER), name));
        for (name, content) in
            [("passwd", USERS), ("group", "root:x:0:\n"), ("shadow", "x"), ("sudoers", "x")]
        {
            write_file(&layer.join("etc").join(name), content, 0o644);
        }
        // Nobody else has opened these when the process begins: it would open them again.
        ["fire", "near-miss"].iter().for_each(|name| write_file(&layer.join("etc").join(name), "x", 0o644));
        symlink("loop", layer.join("etc/loop")).expect("a new link in a new folder");
        Self { layer, marker: marker("upstream") }
    }

    /// Subscribes to the alerts, and to the events of which they come.
    pub(super) fn watch(&self, lab: &mut Lab) -> (Client, Client) {
        let agent = lab.agent_with_rules(|options| {
            let file = super::file(super::STABLE).to_string_lossy().into_owned();
            options.arguments.extend(["--rules".to_owned(), file]);
            options.settings.extend([
                ("PICKET_RULES_MATCHING", "all".to_owned()),
                ("PICKET_RULES_REPEAT_WINDOW_S", "0".to_owned()),
                ("PICKET_RULES_RESOLVE", "false".to_owned()),
                (
                    "PICKET_RULES_ADDRESSES",
                    format!("kubernetes.default.svc.cluster.local={}", super::API_SERVER),
                ),
            ]);
        });
        let alerts = Client::subscribe(agent, &Filters { alerts: true, ..Filters::default() });
        (alerts, Client::subscribe(agent, &Filters::default()))
    }

    /// A container for a case.
    pub(super) fn container(&self, lab: &Lab, case: &Case) -> Container {
        let arguments = match case.run {
            Run::Script(script) => vec!["/bin/sh", "-c", script],
            Run::First | Run::Host(_) => case.process.to_vec(),
        };
        let mut options = lab.container_options(&arguments);
        options.capabilities = case.capabilities.to_vec();
        options.privileged = case.privileged;
        options.image = self.image(lab);
        Container::create(&options)
    }

    /// The layers of the containers.
    pub(super) fn image(&self, lab: &Lab) -> PathBuf {
        let layers = [self.layer.as_os_str(), lab.image().root().as_os_str()];
        layers.join(OsStr::new(":")).into()
    }

    /// Runs a process on the host, and gives what it printed.
    pub(super) fn host(&self, words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(|word| self.filled(word)).collect();
        let program = Path::new(&words[0]);
        if !program.exists() {
            symlink(workload::program(), program).expect("a new link");
        }
        let output = Command::new(program).args(&words[1..]).current_dir("/").output();
        succeeded(&words.join(" "), &output.expect("it can be run"))
    }

    /// What processes of the host have as an argument.
    pub(super) fn marker(&self) -> &str {
        &self.marker
    }

    pub(super) fn filled(&self, text: &str) -> String {
        let path = |path: std::io::Result<PathBuf>| {
            path.expect("a program that runs").to_string_lossy().into_owned()
        };
        text.replace("@bin", &self.layer.join("host").to_string_lossy())
            .replace("@marker", &self.marker)
            .replace("@workload", &path(workload::program().canonicalize()))
            .replace("@test", &path(std::env::current_exe()))
    }
}

/// The first 12 digits of a container's id, as Falco shows it.
pub(super) fn of_container(container: &Container) -> String {
    container.id()[..12].to_owned()
}

/// The agent saw what is nearly the same.
pub(super) fn seen(events: &mut Client, class: &str, name: &str, value: &str, container: &str) {
    events.wait_for(&format!("{class} with {name} = {value}"), |event| {
        let got = field(event, name);
        let same = got.is_some_and(|got| got == value || got.as_u64() == value.parse().ok());
        text(event, "class") == class && same && text(event, "container.id") == container
    });
}
