//! Containers with the host's privileges.

use std::fs;

use picket_tests::expect::Expect;
use picket_tests::lab::{Lab, marker};
use serde_json::{Value, json};

use super::check_identity;

/// What runtimes write for a privileged container; runc leaves capabilities out that it does not have itself.
pub(super) fn privileged(lab: &mut Lab) {
    let mut client = lab.watch();
    let (usual, much) = (marker("usual"), marker("privileged"));
    lab.container(&["/bin/true", &usual]).run_ok();
    let container = lab.container(&["/bin/true", &much]);
    let text = fs::read(container.configuration()).expect("the bundle was just made");
    let mut file: Value = serde_json::from_slice(&text).expect("the configuration is JSON");
    let capabilities = file["process"]["capabilities"]["bounding"].as_array_mut().expect("a list");
    let more = ["SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "NET_ADMIN", "SYSLOG"];
    capabilities.extend(more.map(|name| Value::from(format!("CAP_{name}"))));
    let sys =
        json!({ "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "rw"] });
    file["mounts"].as_array_mut().expect("a list").push(sys);
    fs::write(container.configuration(), file.to_string()).expect("the bundle is writable");
    container.run_ok();
    let event = client.exec(&much);
    check_identity(&event, container.names());
    Expect::of(&event).is("container.privileged", true);
    Expect::of(&client.exec(&usual)).absent("container.privileged").absent("container.unresolved");
}
