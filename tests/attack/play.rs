//! Runs scenes, several at once, and keeps what they said of themselves.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use picket_tests::container::Container;
use picket_tests::lab::Lab;

use crate::book::{Case, Part, Scene};
use crate::stage::{self, Stage, has};

/// Containers at once: most of a scene is the runtime's work, little of it on two processors at a time.
const AT_ONCE: usize = 6;

/// A scene that takes longer is ended.
const LONGEST: Duration = Duration::from_secs(45);
/// A scene that takes longer is named.
const LONG: Duration = Duration::from_secs(15);

/// A scene that was played.
#[derive(Debug)]
pub(crate) struct Played<'book> {
    pub(crate) case: &'book Case,
    pub(crate) scene: &'book Scene,
    /// Id of its container; empty on the host.
    pub(crate) container: String,
    /// Pids of the attack, as its processes see them.
    pub(crate) pids: Vec<u64>,
    pub(crate) output: String,
}

/// Scenes that cannot play here, with the reason.
pub(crate) fn lacks(scene: &Scene) -> Option<String> {
    let needed = scene.place.iter().filter_map(|word| word.strip_prefix("needs="));
    let mut missing = needed.filter(|path| !Path::new(path).exists());
    missing.next().map(|path| match path {
        "/proc/modules" | "/proc/sys/kernel/modprobe" => "this kernel takes no modules".to_owned(),
        path => format!("{path} is missing"),
    })
}

/// Plays all of them; in the order of the book.
pub(crate) fn all<'book>(
    lab: &Lab,
    stage: &Stage,
    scenes: &[(&'book Case, &'book Scene)],
) -> Result<Vec<Played<'book>>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((case, scene)) = scenes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let played =
                        one(lab, stage, case, scene).with_context(|| format!("{} {}", case.id, scene.name));
                    if start.elapsed() > LONG {
                        eprintln!("{} {}: took {} s", case.id, scene.name, start.elapsed().as_secs());
                    }
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(played);
                }
            });
        }
    });
    let mut played =
        done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect::<Result<Vec<_>>>()?;
    played.sort_by_key(|played| scenes.iter().position(|(_, scene)| std::ptr::eq(*scene, played.scene)));
    Ok(played)
}

fn one<'book>(lab: &Lab, stage: &Stage, case: &'book Case, scene: &'book Scene) -> Result<Played<'book>> {
    let (container, output) = if has(scene, "host") {
        (String::new(), on_host(&stage.script(scene))?)
    } else {
        let container = stage.container(lab, scene)?;
        let runc_root = lab.container_options(&[]).runc_root;
        let output = watched(&runc_root, container.id(), || in_container(&container, scene));
        (container.id().to_owned(), output)
    };
    let pids = if has(scene, "main") && !has(scene, "hostpid") { vec![1] } else { pids(&output) };
    Ok(Played { case, scene, container, pids, output })
}

fn in_container(container: &Container, scene: &Scene) -> String {
    if has(scene, "entered") {
        container.start();
        return container.exec(&[stage::SHELL, stage::SCRIPT]);
    }
    let output = container.run();
    let all = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// Runs it, and ends the container when it takes too long.
fn watched(runc_root: &Path, id: &str, run: impl FnOnce() -> String) -> String {
    let (done, ended) = sync_channel::<()>(0);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                let mut kill = Command::new("runc");
                kill.arg("--root").arg(runc_root).args(["kill", id, "KILL"]);
                // It may have ended by itself between the two.
                drop(kill.stdout(Stdio::null()).stderr(Stdio::null()).status());
            }
        });
        let said = run();
        drop(done);
        said
    })
}

fn on_host(script: &str) -> Result<String> {
    let mut command = Command::new("/bin/sh");
    let output =
        command.args(["-c", script]).stdin(Stdio::null()).output().context("cannot start a shell")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What `P` said, or else which process the script itself is.
fn pids(output: &str) -> Vec<u64> {
    let said = |word: &str| -> Vec<u64> {
        output.lines().filter_map(|line| line.strip_prefix(word)?.trim().parse().ok()).collect()
    };
    // A container's own program in the node's pid namespace says its pid alone.
    let own = output.lines().next().and_then(|line| line.parse().ok());
    let programs = [said("pid "), own.into_iter().collect()].concat();
    if programs.is_empty() { said("shell ") } else { programs }
}

/// Runs a container that is told for sure, and returns its id.
pub(crate) fn marker(lab: &Lab) -> String {
    let container = stage::marker(lab);
    container.run();
    container.id().to_owned()
}

/// Whether the scene is an attack.
pub(crate) fn is_attack(scene: &Scene) -> bool {
    scene.part == Part::Attack
}
