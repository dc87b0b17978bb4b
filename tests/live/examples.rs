//! The example subscribers against a real agent: by its socket and by TLS, over its restart, and when it lost events.

use picket_tests::agent::Agent;
use picket_tests::example::{Example, no_python};
use picket_tests::lab::{Lab, marker};
use picket_tests::lines::Lines;
use picket_tests::runner::Test;
use picket_tests::skip::SAME_EVERYWHERE;

use crate::serve::Remote;

pub(crate) const TESTS: &[Test] = &[
    Test::new("examples::rust", rust).native_only(SAME_EVERYWHERE),
    Test::new("examples::python", python).native_only(SAME_EVERYWHERE).unless(no_python),
];

fn rust(lab: &mut Lab) {
    follows(lab, Example::Rust);
}

fn python(lab: &mut Lab) {
    follows(lab, Example::Python);
}

/// A container may cause so few events of files that a script makes too many.
const LIMITS: &str = "[limits]\nburst = 1\nevents_per_second = 1\nrepeat_window_s = 0\n";

fn follows(lab: &mut Lab, example: Example) {
    let remote = Remote::new(lab);
    let options = lab.agent_options().with_settings(&format!("{}{LIMITS}", remote.settings()));
    let agent = Agent::start(&options);
    let chatty = "i=0; while [ $i -lt 50 ]; do : > /tmp/$i; i=$((i+1)); done; /bin/true";
    let marker = marker("example");
    let mut container = lab.container_options(&["/bin/sh", "-c", &format!("{chatty} {marker}")]);
    container.names.namespace = "shop".to_owned();

    let socket = format!("unix://{}", agent.socket().display());
    let start = |connect: &[String]| Lines::of(example.command().args(["--namespace", "shop"]).args(connect));
    let mut local = start(&["--connect".to_owned(), socket]);
    let mut tls = start(&remote.good(&agent));
    for lines in [&mut local, &mut tls] {
        lines.wait_for("the connection", |line| line.starts_with("connected to "));
    }
    let mut stranger = start(&remote.strange(&agent));
    stranger.wait_for("that it is not served", |line| line.starts_with("not connected: "));
    assert!(!stranger.seen().iter().any(|line| line.starts_with("connected")), "{:?}", stranger.seen());

    let elsewhere = lab.container(&["/bin/true", &marker]);
    elsewhere.run_ok();
    let own = picket_tests::container::Container::create(&container);
    own.run_ok();
    let wanted = format!("{}/main /bin/busybox /bin/true {marker}", own.names().pod);
    for lines in [&mut local, &mut tls] {
        lines.wait_for("the program of the namespace", |line| line == wanted);
        assert!(!lines.seen().iter().any(|line| line.contains(&elsewhere.names().pod)), "{:?}", lines.seen());
        lines.wait_for("the loss", |line| line.starts_with("LOST ") && line.contains("RATE_LIMITED FILE_"));
    }

    agent.stop();
    local.wait_for("the end of the agent", |line| line.starts_with("not connected: "));
    let agent = Agent::start(&options);
    local.wait_for("the connection to the next agent", |line| line.starts_with("connected to "));
    container.names.id = picket_tests::container::random_hex(32);
    picket_tests::container::Container::create(&container).run_ok();
    local.wait_for("the same program again", |line| line == wanted);
    agent.stop();
}
