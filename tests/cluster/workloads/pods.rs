//! Pods out of the ordinary.

use std::path::{Path, PathBuf};

use picket_tests::expect::text;
use serde_json::json;

use super::Scene;
use super::manifest::{container, pod, spec};
use crate::kubectl::{self, FOLDER};
use crate::world::World;

pub(super) fn init_container(world: &mut World) {
    let mut scene = Scene::open(world, "init");
    let mut spec = spec(&[scene.sleeper("main")]);
    let until_let_go = "until [ -e /tmp/go ]; do sleep 0.2; done";
    spec["initContainers"] = json!([container("first", until_let_go, &scene.mark("first"))]);
    scene.apply(&[pod("web", spec)]);
    scene.wait_for("first", 1);
    scene.wait_for_facts(world, "first", "INIT", 1);
    kubectl::wait_until("the first container is let go", || {
        let words = ["exec", "-n", scene.namespace(), "web", "-c", "first", "--", "touch", "/tmp/go"];
        kubectl::output(&words).status.success()
    });
    scene.wait_for("main", 1);
    scene.wait_for_facts(world, "main", "MAIN", 1);
    scene.close(world, 3);
}

pub(super) fn two_containers(world: &mut World) {
    let mut scene = Scene::open(world, "two");
    scene.apply(&[pod("web", spec(&[scene.sleeper("main"), scene.sleeper("sidecar")]))]);
    scene.wait_for("main", 1);
    scene.wait_for("sidecar", 1);
    scene.wait_for_facts(world, "main", "MAIN", 1);
    scene.wait_for_facts(world, "sidecar", "MAIN", 1);
    scene.close(world, 3);
}

/// One process namespace for all containers: a container's first process is not process 1 in it.
pub(super) fn shared_processes(world: &mut World) {
    let mut scene = Scene::open(world, "shared");
    let mut spec = spec(&[scene.sleeper("main"), scene.sleeper("sidecar")]);
    spec["shareProcessNamespace"] = true.into();
    scene.apply(&[pod("web", spec)]);
    scene.wait_for("main", 1);
    scene.wait_for("sidecar", 1);
    scene.close(world, 3);
}

/// No namespace tells its processes from those of the node.
pub(super) fn of_the_host(world: &mut World) {
    let mut scene = Scene::open(world, "host");
    let mut main = scene.sleeper("main");
    main["securityContext"] = json!({ "privileged": true });
    let mut spec = spec(&[main]);
    for namespace in ["hostNetwork", "hostPID", "hostIPC"] {
        spec[namespace] = true.into();
    }
    scene.apply(&[pod("web", spec)]);
    scene.wait_for("main", 1);
    scene.close(world, 2);
}

/// A manifest in kubelet's folder; removed when dropped.
pub(crate) struct Manifest(PathBuf);

impl Manifest {
    pub(crate) fn write(name: &str, text: &str) -> Self {
        let folder = Path::new(FOLDER).join("manifests");
        let file = folder.join(format!("{name}.json"));
        // Complete when kubelet sees it; hidden files it does not look at.
        let hidden = folder.join(format!(".{name}"));
        std::fs::write(&hidden, text)
            .and_then(|()| std::fs::rename(&hidden, &file))
            .expect("a writable folder");
        Self(file)
    }
}

impl Drop for Manifest {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            eprintln!("left: {}: {error}", self.0.display());
        }
    }
}

/// Kubelet runs it without having asked; the API server knows it by another uid.
pub(super) fn static_pod(world: &mut World) {
    let mut scene = Scene::open(world, "static");
    let mut object = pod("fixed", spec(&[scene.sleeper("main")]));
    object["metadata"]["namespace"] = scene.namespace().into();
    let manifest = Manifest::write(scene.namespace(), &object.to_string());
    scene.wait_for("main", 1);
    kubectl::wait_until("the static pod has a mirror", || world.pods().of(scene.namespace()).count() == 1);
    scene.wait_for_facts(world, "main", "MAIN", 1);
    drop(manifest);
    scene.close(world, 2);
}

pub(super) fn crash_loop(world: &mut World) {
    let mut scene = Scene::open(world, "crash");
    scene.apply(&[pod("web", spec(&[container("main", "id; exit 7", &scene.mark("main"))]))]);
    // Each is a container of its own.
    scene.wait_for("main", 3);
    scene.close(world, 4);
}

/// Gone while its first events are on their way.
pub(super) fn deleted_at_once(world: &mut World) {
    const PODS: usize = 10;
    let mut scene = Scene::open(world, "deleted");
    for number in 0..PODS {
        let name = format!("web-{number}");
        scene.apply(&[pod(&name, spec(&[scene.sleeper("main")]))]);
        let namespace = scene.namespace().to_owned();
        scene.client.wait_for(&format!("the first program of {name}"), |event| {
            text(event, "class") == "PROCESS_EXEC"
                && text(event, "container.pod.name") == name
                && text(event, "container.pod.namespace") == namespace
        });
        kubectl::run(&[
            "delete",
            "pod",
            "-n",
            &namespace,
            &name,
            "--grace-period=0",
            "--force",
            "--wait=false",
        ]);
    }
    scene.close(world, PODS);
}
