//! Files: every operation in every way, on both back ends, compared with what stat says.
//!
//! Each workload runs in a control group of its own, so that the machine's other opens take nothing from what
//! it may send, and ends with an open by which the test knows that everything before has arrived.

mod change;
mod mapped;
mod open;
mod racing;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use picket_tests::cgroup::Cgroup;
use picket_tests::client::Client;
use picket_tests::container::random_hex;
use picket_tests::expect::{field, number, text};
use picket_tests::lab::Lab;
use picket_tests::runner::Test;
use picket_tests::scratch::{make_folder, write_file};
use picket_tests::workload;
use serde_json::Value;

pub(crate) const TESTS: &[Test] = &[
    Test::new("file::opens", opens).each_back_end().proves(&["FILE_OPEN"]),
    Test::new("file::changes", changes).each_back_end().proves(&[
        "FILE_RENAME",
        "FILE_LINK",
        "FILE_SYMLINK",
        "FILE_UNLINK",
        "FILE_MKDIR",
        "FILE_RMDIR",
        "FILE_CHMOD",
        "FILE_CHOWN",
        "FILE_MKNOD",
        "FILE_TRUNCATE",
    ]),
    Test::new("file::mapped_to_be_executed", mapped_to_be_executed)
        .each_back_end()
        .proves(&["FILE_MAP_EXEC"]),
    Test::new("file::extended_attributes", extended_attributes).proves(&["FILE_XATTR"]),
];

fn opens(lab: &mut Lab) {
    let mut bench = Bench::new(lab);
    open::ways(&mut bench);
    open::flags(&mut bench);
    open::requested(&mut bench);
    open::other_mount(&mut bench);
    open::refused(&mut bench);
    open::in_a_container(&mut bench);
    racing::open(&mut bench);
}

fn changes(lab: &mut Lab) {
    let mut bench = Bench::new(lab);
    change::names(&mut bench);
    change::nodes(&mut bench);
    change::attributes(&mut bench);
    change::by_uring(&mut bench);
    change::by_32_bits(&mut bench);
    racing::rename_and_unlink(&mut bench);
}

fn extended_attributes(lab: &mut Lab) {
    change::extended(&mut Bench::new(lab));
}

fn mapped_to_be_executed(lab: &mut Lab) {
    let mut bench = Bench::new(lab);
    mapped::brought_along(&mut bench);
    mapped::in_a_container(&mut bench);
}

/// What the checks work with.
struct Bench<'a> {
    lab: &'a mut Lab,
    client: Client,
    /// Opens are told below the system-call layer.
    opens: bool,
    /// So are changes of names.
    names: bool,
    /// So are changes of mode, owner and length.
    attributes: bool,
}

/// What a workload did.
struct Ran {
    folder: PathBuf,
    events: Vec<Value>,
    printed: String,
}

impl<'a> Bench<'a> {
    fn new(lab: &'a mut Lab) -> Self {
        let [opens, names, attributes] = ["FILE_OPEN", "FILE_RENAME", "FILE_CHMOD"].map(|class| {
            let back_end = lab.agent().back_end(class);
            println!("file: {class} comes from the {back_end}");
            back_end == "trampoline"
        });
        let client = lab.watch();
        Self { lab, client, opens, names, attributes }
    }

    /// Runs a script in a new folder with a few things to work on (`@` in it is the folder), and collects its
    /// events.
    fn run(&mut self, script: &str) -> Ran {
        let folder = self.lab.scratch().folder("file");
        for name in ["file", "other"] {
            write_file(&folder.join(name), "content\n", 0o644);
        }
        for name in ["folder", "second"] {
            make_folder(&folder.join(name));
        }
        write_file(&folder.join("end"), "", 0o666);
        let place = folder.to_string_lossy().into_owned();
        let script = format!("{script} , open openat rdonly @/end").replace('@', &place);
        let group = Cgroup::create(&format!("/k8s.io/{}", random_hex(32)));
        let run = format!("{} exec {} --may-fail {script}", group.enter(), workload::program().display());
        let mut command = self.lab.host("sh");
        command.args(["-c", &run]).current_dir(&folder).stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("busybox runs");
        let pid = child.id();
        let Output { status, stdout, stderr } = child.wait_with_output().expect("our child");
        assert!(status.success(), "{script}: {status}: {}", String::from_utf8_lossy(&stderr));
        let end = format!("{place}/end");
        self.client.wait_for(&format!("the end of {script}"), |event| {
            text(event, "file.path") == end && number(event, "process.pid") == Some(pid.into())
        });
        let printed = String::from_utf8_lossy(&stdout).into_owned();
        Ran { events: self.client.of_process(pid), folder, printed }
    }
}

impl Ran {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The event of a class about this path, if there is one.
    fn find(&self, class: &str, path: &Path) -> Option<&Value> {
        self.events.iter().find(|event| text(event, "class") == class && is_path(event, path))
    }

    /// The event of a class about a name in the folder.
    fn event(&self, class: &str, name: &str) -> &Value {
        let path = self.path(name);
        self.find(class, &path).unwrap_or_else(|| {
            let all = self.events.iter().map(|event| format!("{} {}", text(event, "class"), event["file"]));
            panic!("no {class} of {}\n{}", path.display(), all.collect::<Vec<_>>().join("\n"))
        })
    }

    /// The error that the kernel gave for something it lacks, if it did.
    fn lacks(&self, what: &str) -> bool {
        let lacks = self.printed.contains("errno");
        if lacks {
            println!("file: {what}: {}", self.printed.trim());
        }
        lacks
    }
}

fn is_path(event: &Value, path: &Path) -> bool {
    field(event, "file.path").and_then(Value::as_str) == Some(&*path.to_string_lossy())
}
