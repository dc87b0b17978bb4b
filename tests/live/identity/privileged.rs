//! Containers with the host's privileges.

use picket_tests::container::Container;
use picket_tests::expect::Expect;
use picket_tests::lab::{Lab, marker};

use super::check_identity;

pub(super) fn privileged(lab: &mut Lab) {
    let mut client = lab.watch();
    let (usual, much) = (marker("usual"), marker("privileged"));
    lab.container(&["/bin/true", &usual]).run_ok();
    let mut options = lab.container_options(&["/bin/true", &much]);
    options.privileged = true;
    let container = Container::create(&options);
    container.run_ok();
    let event = client.exec(&much);
    check_identity(&event, container.names());
    Expect::of(&event).is("container.privileged", true);
    Expect::of(&client.exec(&usual)).absent("container.privileged").absent("container.unresolved");
}
