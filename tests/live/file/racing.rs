//! Memory and descriptors that another thread changes during the call.

use std::fs;
use std::os::unix::fs::MetadataExt;

use picket_tests::expect::{field, number, text};
use picket_tests::skip::sized;
use serde_json::Value;

use super::{Bench, Ran, is_path};

/// How often the kernel used the first and the second text, as the workload found out.
fn used(ran: &Ran) -> [usize; 2] {
    let counts: Vec<usize> = ran.printed.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [first, second, _] = counts[..] else { panic!("flip printed {}", ran.printed) };
    [first, second]
}

/// The path and the inode of an event belong together, and those that were opened are told.
pub(super) fn open(bench: &mut Bench<'_>) {
    let times = sized(2000, 300);
    let ran = bench.run(&format!("write file1 1 , write file2 2 , flip open @/file1 @/file2 {times}"));
    for (name, used) in ["file1", "file2"].into_iter().zip(used(&ran)) {
        let path = ran.path(name);
        let read = |event: &&Value| text(event, "file.access") == "READ" && is_path(event, &path);
        let events: Vec<_> = ran.events.iter().filter(read).collect();
        assert_eq!(events.is_empty(), used == 0, "{name} was used {used} times: {events:#?}");
        let inode = fs::metadata(&path).expect("a file").ino();
        for event in events {
            assert_eq!(number(event, "file.file.inode"), Some(inode), "{event:#}");
            assert!(field(event, "file.unverified").is_none(), "{event:#}");
        }
    }
}

/// Each change is told with the name that the kernel used, or says that the name is unverified.
pub(super) fn rename_and_unlink(bench: &mut Bench<'_>) {
    let times = sized(300, 100);
    for (what, class) in [("rename", "FILE_RENAME"), ("unlink", "FILE_UNLINK")] {
        let ran = bench.run(&format!("flip {what} @/file1 @/file2 {times}"));
        let moved = ran.path("file1.moved");
        let forward = |event: &&Value| {
            text(event, "class") == class
                && (what == "unlink" || text(event, "file.newPath") == moved.to_string_lossy())
        };
        let events: Vec<_> = ran.events.iter().filter(forward).collect();
        let used = used(&ran);
        println!("file: flip {what}: the kernel used {used:?}, {} events", events.len());
        assert_eq!(events.len(), used.iter().sum::<usize>(), "each is told once");
        if !bench.names {
            assert!(events.iter().all(|event| field(event, "file.unverified").is_some()));
            continue;
        }
        for (name, used) in ["file1", "file2"].into_iter().zip(used) {
            let path = ran.path(name);
            let told = events.iter().filter(|event| is_path(event, &path)).count();
            assert_eq!(told, used, "{what} of {name}");
        }
        assert!(events.iter().all(|event| field(event, "file.unverified").is_none()));
    }
}
