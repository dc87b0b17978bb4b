//! A shell with a terminal in a container, and one without.

use std::os::unix::net::UnixListener;

use picket_tests::container::Container;
use picket_tests::lab::Lab;
use serde_json::{Value, json};

use super::alert::{self, Want};
use super::book::Book;
use super::case::common;
use super::stage::{Stage, seen};

pub(super) const RULE: &str = "Terminal shell in container";
/// The first terminal of a `devpts` of the container's own: major 136.
const FIRST_TERMINAL: i64 = 136 << 8;
const NEAR: &str = "near-miss";

pub(super) fn check(lab: &mut Lab) {
    let stage = Stage::new(lab);
    let (mut alerts, mut events) = stage.watch(lab);
    let socket = lab.scratch().folder("console").join("socket");
    let listener = UnixListener::bind(&socket).expect("a new folder");
    let arguments = ["/bin/sh", "-c", "read line; exit 0"];
    let mut options = lab.container_options(&arguments);
    options.image = stage.image(lab);
    options.console = Some(socket);
    let container = Container::create(&options);
    container.start();
    // As long as the message with the terminal's other side is not taken, it stays open.
    let other_side = listener.accept().expect("runc connects");
    container.exec(&["/bin/sh", "-c", "exit 0", NEAR]);

    let id = &container.id()[..12];
    let mine = |alert: &Value| alert["rule"] == RULE && alert["output_fields"]["container.id"] == *id;
    let first = alerts.wait_for("the shell with a terminal", mine);
    seen(&mut events, "PROCESS_EXEC", "process.arguments.3", NEAR, container.id());
    let mut wanted = common(Some(container.names()), &arguments.map(str::to_owned), "/bin/busybox");
    let fields = [
        ("evt.type", json!("execve")),
        ("proc.pname", json!("runc")),
        ("proc.tty", json!(FIRST_TERMINAL)),
        ("evt.arg.flags", json!("EXE_WRITABLE|EXE_LOWER_LAYER")),
    ];
    wanted.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), Want::Is(value))));
    let book = Book::read(&super::file(super::STABLE));
    alert::check(&first, RULE, book.rule(RULE), &wanted);
    let all = alerts.all(mine);
    assert_eq!(all.len(), 1, "none of the shell without: {all:#?}");
    drop(other_side);
}
