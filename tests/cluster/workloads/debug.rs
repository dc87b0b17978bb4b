//! What people do to pods that run.

use picket_tests::client::last_argument;
use picket_tests::expect::{Expect, text};
use serde_json::Value;

use super::Scene;
use super::manifest::{IMAGE, pod, spec};
use crate::kubectl;
use crate::world::World;

pub(super) fn exec(world: &mut World) {
    let mut scene = Scene::open(world, "exec");
    scene.apply(&[pod("web", spec(&[scene.sleeper("main"), scene.sleeper("sidecar")]))]);
    scene.wait_for("sidecar", 1);
    kubectl::run(&["wait", "-n", scene.namespace(), "--for=condition=ready", "pod/web", "--timeout=120s"]);
    let mark = scene.mark("typed");
    let words = ["exec", "-n", scene.namespace(), "web", "-c", "sidecar", "--", "/bin/echo", &mark];
    assert_eq!(kubectl::run(&words).trim(), mark);
    let event = echo(&mut scene, &mark);
    Expect::of(&event).is("container.name", "sidecar").is("container.pod.name", "web");
    scene.close(world, 3);
}

/// `kubectl debug`: a container that the pod was not made with, beside one that it looks into.
pub(super) fn ephemeral_container(world: &mut World) {
    let mut scene = Scene::open(world, "debug");
    scene.apply(&[pod("web", spec(&[scene.sleeper("main")]))]);
    kubectl::run(&["wait", "-n", scene.namespace(), "--for=condition=ready", "pod/web", "--timeout=120s"]);
    let (mark, image) = (scene.mark("probe"), format!("--image={IMAGE}"));
    let words = ["debug", "-n", scene.namespace(), "web", &image, "--target=main", "-c", "probe"];
    kubectl::run(&[words.as_slice(), &["--", "/bin/echo", &mark]].concat());
    let event = echo(&mut scene, &mark);
    Expect::of(&event).is("container.name", "probe").is("container.pod.name", "web");
    let words = ["debug", "-n", scene.namespace(), "web", &image, "-c", "stay", "--", "/bin/sleep", "3600"];
    kubectl::run(&words);
    scene.wait_for_facts(world, "stay", "EPHEMERAL", 1);
    scene.close(world, 3);
}

/// The exec of the echo that was asked for; kubectl and the runtime have the same last argument.
fn echo(scene: &mut Scene, mark: &str) -> Value {
    scene.client.wait_for(&format!("exec of echo {mark}"), |event| {
        text(event, "class") == "PROCESS_EXEC"
            && text(event, "process.arguments.0") == "/bin/echo"
            && last_argument(event) == Some(mark)
    })
}
