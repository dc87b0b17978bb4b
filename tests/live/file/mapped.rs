//! Files that are mapped to be executed.

use picket_tests::expect::{Expect, text};
use picket_tests::workload;

use super::Bench;
use super::open::check_identity;

const CLASS: &str = "FILE_MAP_EXEC";

/// A file of another file system than the root's, and one in memory, each once; not one of the root's.
pub(super) fn brought_along(bench: &mut Bench<'_>) {
    let ran = bench.run(
        "mmap exec @/file , mmap exec @/file , mmap exec-memfd , mmap exec /proc/self/exe , mmap rwx , \
         mmap exec @/missing",
    );
    let event = ran.event(CLASS, "file");
    check_identity(event, &ran.path("file"));
    Expect::of(event)
        .is("file.call", "mmap")
        .absent("file.error")
        .absent("file.access")
        .absent("file.unverified");
    let told: Vec<_> = ran.events.iter().filter(|event| text(event, "class") == CLASS).collect();
    let memfd = told.iter().find(|event| text(event, "file.path") == "memfd:library").expect("the memfd");
    Expect::of(memfd).is("file.file.memfd", true);
    // The workload itself lies where the root is, or, of a test's own build, beside it.
    let others = told.iter().filter(|event| !text(event, "file.path").ends_with("picket-workload"));
    assert_eq!(others.count(), 2, "once each: {told:#?}");
}

/// Of a container what is not in its image.
pub(super) fn in_a_container(bench: &mut Bench<'_>) {
    let script = "write /tmp/library text , mmap exec /tmp/library , mmap exec /bin/busybox , mmap exec-memfd , \
                  write /tmp/end text";
    let words: Vec<_> = [workload::IN_CONTAINER].into_iter().chain(script.split_whitespace()).collect();
    let container = bench.lab.container(&words);
    container.run_ok();
    let id = container.id().to_owned();
    bench.client.wait_for("the end of the container's workload", |event| {
        text(event, "container.id") == id && text(event, "file.path") == "/tmp/end"
    });
    let told = bench.client.all(|event| text(event, "container.id") == id && text(event, "class") == CLASS);
    let paths: Vec<_> = told.iter().map(|event| text(event, "file.path")).collect();
    assert_eq!(paths, ["/tmp/library", "memfd:library"], "{told:#?}");
    Expect::of(&told[0])
        .is("file.file.layer", "UPPER")
        .is("file.file.filesystem", "overlay")
        .is("container.pod.name", container.names().pod.as_str());
}
