//! Controllers, which make pods under names that nobody chose.

use picket_tests::expect::text;
use serde_json::json;

use super::Scene;
use super::manifest::{container, once, spec, template};
use crate::kubectl;
use crate::world::World;

pub(super) fn deployment(world: &mut World) {
    let mut scene = Scene::open(world, "deployment");
    let (selector, template) = template(spec(&[scene.sleeper("main")]));
    scene.apply(&[json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": { "replicas": 2, "selector": selector, "template": template },
    })]);
    scene.wait_for("main", 2);
    scene.wait_for_facts(world, "main", "MAIN", 2);
    scene.close(world, 4);
}

pub(super) fn stateful_set(world: &mut World) {
    let mut scene = Scene::open(world, "stateful");
    let (selector, template) = template(spec(&[scene.sleeper("main")]));
    scene.apply(&[json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "web" },
        "spec": { "replicas": 2, "serviceName": "web", "selector": selector, "template": template },
    })]);
    scene.wait_for("main", 2);
    scene.wait_for_facts(world, "main", "MAIN", 2);
    let pods: Vec<_> = world.pods().of(scene.namespace()).map(|pod| pod.name.clone()).collect();
    assert!(pods.contains(&"web-0".to_owned()), "{pods:?}");
    scene.close(world, 4);
}

pub(super) fn daemon_set(world: &mut World) {
    let mut scene = Scene::open(world, "daemon");
    let (selector, template) = template(spec(&[scene.sleeper("main")]));
    scene.apply(&[json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "each" },
        "spec": { "selector": selector, "template": template },
    })]);
    scene.wait_for("main", 1);
    scene.wait_for_facts(world, "main", "MAIN", 1);
    scene.close(world, 2);
}

pub(super) fn job(world: &mut World) {
    let mut scene = Scene::open(world, "job");
    let work = container("work", "id; ls / > /dev/null", &scene.mark("work"));
    scene.apply(&[json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "sum" },
        "spec": { "completions": 4, "parallelism": 2, "template": once(spec(&[work])) },
    })]);
    scene.wait_for("work", 4);
    kubectl::run(&["wait", "-n", scene.namespace(), "--for=condition=complete", "job/sum", "--timeout=120s"]);
    scene.close(world, 8);
}

/// As its schedule would, without waiting for it.
pub(super) fn cron_job(world: &mut World) {
    const RUNS: usize = 4;
    let mut scene = Scene::open(world, "cron");
    let work = container("work", "id; ls / > /dev/null", &scene.mark("work"));
    scene.apply(&[json!({
        "apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": { "name": "tick" },
        "spec": {
            "schedule": "0 0 1 1 *",
            "jobTemplate": { "spec": { "template": once(spec(&[work])) } },
        },
    })]);
    for run in 1..=RUNS {
        kubectl::run(&[
            "create",
            "job",
            "-n",
            scene.namespace(),
            "--from=cronjob/tick",
            &format!("tick-{run}"),
        ]);
        scene.wait_for("work", run);
    }
    // As the controller of CronJobs makes them; those above are not its own.
    let owner = kubectl::get(&["cronjob", "tick", "-n", scene.namespace()]);
    let owner = json!({
        "apiVersion": "batch/v1beta1", "kind": "CronJob", "name": "tick", "uid": text(&owner, "metadata.uid"),
        "controller": true,
    });
    scene.apply(&[json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": "tick-long", "ownerReferences": [owner] },
        "spec": { "template": once(spec(&[scene.sleeper("long")])) },
    })]);
    scene.wait_for("long", 1);
    scene.wait_for_facts(world, "long", "MAIN", 1);
    scene.close(world, 2 * RUNS + 2);
}
