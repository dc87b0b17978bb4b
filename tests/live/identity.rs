//! Which container and pod a process belongs to, from the very first exec.

mod cri;
mod known;
mod privileged;
mod unresolved;
mod users;

use picket_tests::client::Client;
use picket_tests::container::Names;
use picket_tests::expect::{Expect, text};
use picket_tests::runner::Test;
use picket_tests::skip::SAME_EVERYWHERE;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("identity::first_exec", known::first_exec),
    Test::new("identity::sandbox", known::sandbox),
    Test::new("identity::running_before_the_agent", known::running_before_the_agent).own_agent(),
    Test::new("identity::control_group_namespace", known::control_group_namespace)
        .own_agent()
        .native_only(SAME_EVERYWHERE),
    Test::new("identity::filters", known::filters),
    Test::new("identity::containerd", known::containerd).native_only("the VM has no containerd"),
    Test::new("identity::bundle_outside_the_state_folders", unresolved::bundle_elsewhere),
    Test::new("identity::malformed_bundle", unresolved::malformed_bundle),
    Test::new("identity::late_bundle", unresolved::late_bundle),
    Test::new("identity::gone_before_read", unresolved::gone_before_read),
    Test::new("identity::privileged", privileged::privileged),
    Test::new("identity::users_of_the_container", users::own).own_agent(),
    Test::new("identity::users_hostile_files", users::hostile).own_agent(),
    Test::new("identity::cri_alone", cri::alone).own_agent(),
    Test::new("identity::cri_late", cri::late).own_agent(),
    Test::new("identity::cri_running_before_the_agent", cri::running_before_the_agent).own_agent(),
];

/// Every name of a container is there and right.
pub(crate) fn check_identity(event: &Value, names: &Names) {
    Expect::of(event)
        .is("container.id", names.id.as_str())
        .is("container.name", names.name.as_str())
        .is("container.image", names.image.as_str())
        .is("container.pod.namespace", names.namespace.as_str())
        .is("container.pod.name", names.pod.as_str())
        .is("container.pod.uid", names.uid.as_str())
        .absent("container.sandbox")
        .absent("container.unresolved");
}

/// It is known which container it is, and said why no more is.
fn check_unresolved(event: &Value, id: &str) {
    Expect::of(event)
        .is("container.id", id)
        .absent("container.name")
        .absent("container.image")
        .absent("container.pod.name")
        .such("container.unresolved", "a reason", |reason| {
            reason.as_str().is_some_and(|text| !text.is_empty())
        });
}

/// Exec events of a container so far, in order.
fn execs(client: &Client, id: &str) -> Vec<Value> {
    client.all(|event| text(event, "class") == "PROCESS_EXEC" && text(event, "container.id") == id)
}
