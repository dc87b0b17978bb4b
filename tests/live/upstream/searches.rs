//! Rules about programs that look for secrets.

use super::case::{Case, Field, Near};
use super::programs::LOWER;

const NEAR: Near = Near::Here("PROCESS_EXEC", "process.arguments.1", "near-miss");

pub(super) const KEYS: Case = Case {
    process: &["/bin/grep", "BEGIN RSA PRIVATE", "/etc/passwd"],
    near: NEAR,
    fields: &[("evt.type", Field::Text("execve")), LOWER],
    ..Case::script(
        "Search Private Keys or Passwords",
        "/bin/grep near-miss /etc/passwd; /bin/grep 'BEGIN RSA PRIVATE' /etc/passwd; exit 0",
    )
};

pub(super) const KEY_FILES: Case = Case {
    process: &["/bin/find", "/etc", "-name", "id_ed25519"],
    near: Near::Here("PROCESS_EXEC", "process.arguments.3", "near-miss"),
    ..Case {
        run: super::case::Run::Script(
            "/bin/find /etc -name near-miss > /dev/null; /bin/find /etc -name id_ed25519; exit 0",
        ),
        ..KEYS
    }
};

pub(super) const AWS: Case = Case {
    process: &["/bin/grep", "aws_secret_access_key", "/etc/passwd"],
    near: NEAR,
    fields: &[("evt.type", Field::Text("execve")), ("proc.pcmdline", Field::Text("sh -c @script")), LOWER],
    ..Case::script(
        "Find AWS Credentials",
        "/bin/grep near-miss /etc/passwd; /bin/grep aws_secret_access_key /etc/passwd; exit 0",
    )
};
