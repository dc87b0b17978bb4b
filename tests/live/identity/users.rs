//! Names of a container's users: from its own files, whatever these are, and never from the host's.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use picket_tests::agent::Agent;
use picket_tests::container::{Container, random_hex};
use picket_tests::lab::Lab;
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// An agent that logs which users it knows.
fn agent(lab: &Lab) -> Agent {
    let mut options = lab.agent_options();
    options.settings = vec![("PICKET_LOG", "info,sensor::sources::users=debug".to_owned())];
    Agent::start(&options)
}

fn waiting(lab: &Lab) -> Container {
    lab.container(&["/bin/sh", "-c", "while [ ! -e /tmp/end ]; do /bin/sleep 0.1; done; exit"])
}

/// The users that were told of a container last.
fn users(agent: &Agent, container: &Container) -> Option<String> {
    let log = agent.log();
    let line = log.lines().rfind(|line| line.contains("users are known") && line.contains(container.id()))?;
    Some(line.split_once("users=").map(|(_, users)| users.to_owned()).unwrap_or_default())
}

fn until(agent: &Agent, container: &Container, wanted: impl Fn(&str) -> bool) -> String {
    for _ in 0..600 {
        if let Some(users) = users(agent, container).filter(|users| wanted(users)) {
            return users;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("{:?} of {}\n{}", users(agent, container), container.id(), agent.log_tail());
}

pub(super) fn own(lab: &mut Lab) {
    let named = |line: &str| format!("root:x:0:0::/:/bin/sh\n{line}:x:1234:1234::/:/bin/sh\n");
    let [before, first, second] =
        ["before", "first", "second"].map(|name| format!("{name}-{}", random_hex(4)));
    let early = waiting(lab);
    fs::write(early.file("/etc/passwd"), named(&before)).expect("the container's root is mounted");
    early.start();
    let agent = agent(lab);
    assert!(until(&agent, &early, |_| true).contains(&format!("{before}=1234")), "older than the agent");
    let container = waiting(lab);
    fs::write(container.file("/etc/passwd"), named(&first)).expect("the container's root is mounted");
    container.start();
    let users = until(&agent, &container, |_| true);
    assert!(users.contains(&format!("root=0 {first}=1234")) && !users.contains(&before), "{users}");
    // As the first programs of some images do.
    fs::write(container.file("/etc/passwd"), named(&second)).expect("the container's root is mounted");
    until(&agent, &container, |users| users.contains(&format!("{second}=1234")));
    agent.stop();
}

pub(super) fn hostile(lab: &mut Lab) {
    let secret = format!("secret-{}", random_hex(4));
    let outside = lab.scratch().folder("outside").join("passwd");
    fs::write(&outside, format!("{secret}:x:0:0::/:/bin/sh\n")).expect("a writable folder");
    let agent = agent(lab);
    let make = |put: &dyn Fn(&Path)| {
        let container = waiting(lab);
        // runc looks root up in the file itself, and waits for what is in a pipe.
        container.start();
        let path = container.file("/etc/passwd");
        fs::remove_file(&path).expect("the image has one");
        put(&path);
        container
    };
    let link = |to: &Path| make(&|path| symlink(to, path).expect("a new link"));
    let up =
        Path::new("../../../../../../../../..").join(outside.strip_prefix("/").expect("an absolute path"));
    let hostile = [
        make(&|path| {
            mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("a new pipe");
        }),
        make(&|path| fs::create_dir(path).expect("a new folder")),
        make(&|path| fs::File::create(path).and_then(|file| file.set_len(1 << 40)).expect("a hole")),
        link(Path::new("/etc/passwd")),
        link(&outside),
        link(&up),
        link(&Path::new("/proc/self/root").join(outside.strip_prefix("/").expect("an absolute path"))),
        link(Path::new("/proc/1/environ")),
    ];
    for container in &hostile {
        until(&agent, container, |users| !users.contains('='));
    }
    let good = waiting(lab);
    good.start();
    assert!(until(&agent, &good, |_| true).contains("root=0"), "and the next one is read");
    assert!(!agent.log().contains(&secret), "{}", agent.log_tail());
    agent.stop();
}
