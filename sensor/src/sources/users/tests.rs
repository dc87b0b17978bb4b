//! Files that nobody should follow, open or wait for; and who is read when.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, openat};
use tempfile::TempDir;

use super::*;

const SECOND: u64 = 1_000_000_000;

/// A container's root with `etc`, and beside it a file of the host.
fn root() -> (TempDir, OwnedFd) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("root/etc")).unwrap();
    fs::write(folder.path().join("secret"), "host:x:1:1:::\n").unwrap();
    let root = openat(CWD, folder.path().join("root"), OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    (folder, root.unwrap())
}

/// What is read of `etc/passwd`.
fn passwd(root: &OwnedFd) -> Result<Option<String>, String> {
    let read = file::read(root.as_fd(), "etc", "passwd", Trust::None);
    read.map(|bytes| bytes.map(|bytes| String::from_utf8(bytes).unwrap())).map_err(|error| error.to_string())
}

#[test]
fn links_lead_nowhere_but_within_the_root() {
    let (folder, root) = root();
    let at = |path: &str| folder.path().join("root").join(path);
    let link = |to: &Path| {
        drop(fs::remove_file(at("etc/passwd")));
        symlink(to, at("etc/passwd")).unwrap();
    };
    assert_eq!(passwd(&root), Ok(None));
    fs::create_dir(at("usr")).unwrap();
    fs::write(at("usr/passwd"), "inner:x:1:1:::\n").unwrap();
    let inner = Ok(Some("inner:x:1:1:::\n".to_owned()));
    for to in ["/usr/passwd", "../usr/passwd", "../../../../usr/passwd"] {
        link(Path::new(to));
        assert_eq!(passwd(&root), inner, "{to}");
    }
    for to in ["../../secret", "/secret", "/proc/self/environ", "../../../../../../../etc/passwd"] {
        link(Path::new(to));
        assert!(matches!(passwd(&root), Ok(None)) || to.ends_with("etc/passwd"), "{to}");
        assert!(!passwd(&root).is_ok_and(|text| text.is_some()), "{to}");
    }
    link(&folder.path().join("secret"));
    assert_eq!(passwd(&root), Ok(None), "the host's path is the container's own");
    link(Path::new("passwd"));
    assert!(passwd(&root).is_err(), "a link to itself");
    fs::remove_dir_all(at("etc")).unwrap();
    symlink(folder.path(), at("etc")).unwrap();
    assert_eq!(passwd(&root), Ok(None));
    fs::remove_file(at("etc")).unwrap();
    fs::write(at("etc"), "").unwrap();
    assert_eq!(passwd(&root), Ok(None), "a file in place of the folder");
}

#[test]
fn only_regular_files_are_opened() {
    let (folder, root) = root();
    let path = folder.path().join("root/etc/passwd");
    // Would block whoever opens it for reading.
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let refused = Err("it is not a regular file".to_owned());
    assert_eq!(passwd(&root), refused);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(passwd(&root), refused);
    fs::remove_dir(&path).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert_eq!(passwd(&root), refused);
}

#[test]
fn large_files_are_refused_before_they_are_read() {
    let (folder, root) = root();
    let path = folder.path().join("root/etc/passwd");
    let file = fs::File::create(&path).unwrap();
    file.set_len(file::LARGEST).unwrap();
    assert_eq!(passwd(&root).unwrap().unwrap().len() as u64, file::LARGEST);
    // No machine holds so much; it is a hole.
    file.set_len(1 << 40).unwrap();
    assert_eq!(passwd(&root), Err("it has more than 1048576 bytes".to_owned()));
}

/// A way in which a fake container answers, each time.
type Script = Arc<Mutex<Vec<Outcome>>>;

fn users(name: &str) -> Users {
    Users::parse(format!("{name}:x:1:1:::").as_bytes(), b"", Bounds::CONTAINER)
}

fn wanted(id: &str) -> Wanted {
    Wanted { container: id.to_owned(), group: format!("/{id}") }
}

struct Bench {
    script: Script,
    told: Arc<Mutex<Vec<Told>>>,
}

type Read = Box<dyn Fn(&Job) -> Outcome + Send + Sync>;
type Tell = Box<dyn Fn(Told) -> Result<(), Ended>>;

impl Bench {
    /// A keeper of containers that answer by the script, the last of it first; the host is silent.
    fn keeper(script: Vec<Outcome>) -> (Self, Keeper<Read, Tell>) {
        let bench = Self { script: Arc::new(Mutex::new(script)), told: Arc::default() };
        let (script, told) = (Arc::clone(&bench.script), Arc::clone(&bench.told));
        let read: Read = Box::new(move |job| match job {
            Job::Host => Outcome::NotYet,
            Job::Group(_) => script.lock().unwrap().pop().unwrap_or(Outcome::NotYet),
        });
        let tell: Tell = Box::new(move |news| {
            told.lock().unwrap().push(news);
            Ok(())
        });
        (bench, Keeper::new(Readers::new(read), tell, Arc::default()))
    }

    fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    fn left(&self) -> usize {
        self.script.lock().unwrap().len()
    }
}

fn of(id: &str, name: &str) -> Told {
    Told::Users { container: id.to_owned(), users: Arc::new(users(name)) }
}

#[test]
fn a_container_is_looked_at_until_it_is_there_and_twice_again() {
    let script = vec![
        Outcome::Read(users("late")),
        Outcome::Read(users("a")),
        Outcome::Read(users("a")),
        Outcome::NotYet,
    ];
    let (bench, mut keeper) = Bench::keeper(script);
    keeper.want(wanted("1"), 0);
    keeper.want(wanted("1"), 0);
    assert_eq!(keeper.waiting.len(), 1, "asked once");
    keeper.turn(0).unwrap();
    assert_eq!((bench.told(), bench.left()), (vec![], 3));
    keeper.turn(1).unwrap();
    assert_eq!(bench.left(), 3, "not before its time");
    keeper.turn(SECOND).unwrap();
    assert_eq!(bench.told(), [of("1", "a")]);
    keeper.turn(4 * SECOND).unwrap();
    assert_eq!((bench.told(), bench.left()), (vec![], 1), "nothing is new");
    keeper.turn(60 * SECOND).unwrap();
    assert_eq!(bench.told(), [of("1", "late")], "a program of the container wrote the file");
    assert!(keeper.waiting.is_empty() && keeper.ids.is_empty());
    keeper.want(wanted("1"), 60 * SECOND);
    assert_eq!(keeper.waiting.len(), 1, "may be asked for again");
}

#[test]
fn one_that_never_comes_is_given_up_and_one_that_is_gone_at_once() {
    let (bench, mut keeper) = Bench::keeper(vec![Outcome::Never]);
    keeper.want(wanted("1"), 0);
    keeper.turn(0).unwrap();
    assert!(keeper.waiting.is_empty() && bench.told().is_empty());
    keeper.want(wanted("2"), 0);
    let mut turns = 0;
    while let Some(((due, _), _)) = keeper.waiting.first_key_value() {
        turns += 1;
        let due = *due;
        keeper.turn(due).unwrap();
    }
    assert_eq!((turns, keeper.ids.len()), (LOOKS_MAX + 1, 0));
}

#[test]
fn who_waits_is_bounded_and_the_rest_counted() {
    let (_bench, mut keeper) = Bench::keeper(vec![]);
    for number in 0..WAITING_MAX + 3 {
        keeper.want(wanted(&number.to_string()), 0);
    }
    assert_eq!(
        (keeper.waiting.len(), keeper.ids.len(), keeper.lapses.users.get()),
        (WAITING_MAX, WAITING_MAX, 3)
    );
}

#[test]
fn containers_of_one_image_share_their_users() {
    let (bench, mut keeper) = Bench::keeper(vec![Outcome::Read(users("a")), Outcome::Read(users("a"))]);
    keeper.want(wanted("1"), 0);
    keeper.want(wanted("2"), 0);
    keeper.turn(0).unwrap();
    match bench.told().as_slice() {
        [Told::Users { users: one, .. }, Told::Users { users: other, .. }] => {
            assert!(Arc::ptr_eq(one, other))
        }
        other => panic!("{other:?}"),
    }
    for number in 0..200 {
        keeper.share(users(&format!("u{number}")));
    }
    assert_eq!(keeper.shared.len(), SHARED_MAX);
}

#[test]
fn the_host_is_told_when_it_changed() {
    let told: Arc<Mutex<Vec<Told>>> = Arc::default();
    let heard = Arc::clone(&told);
    let script = Mutex::new(vec![users("new"), users("old"), users("old")]);
    let read = move |_: &Job| Outcome::Read(script.lock().unwrap().pop().unwrap());
    let tell = move |news| {
        heard.lock().unwrap().push(news);
        Ok(())
    };
    let mut keeper = Keeper::new(Readers::new(read), tell, Arc::default());
    for minute in 0..3 {
        keeper.turn(minute * 60 * SECOND).unwrap();
        keeper.turn(minute * 60 * SECOND + 1).unwrap();
    }
    let of_host = |name: &str| Told::HostUsers(Arc::new(users(name)));
    assert_eq!(*told.lock().unwrap(), [of_host("old"), of_host("new")]);
}

/// A file system that the container itself serves may never answer.
#[test]
fn readers_that_hang_are_left_behind_and_bounded() {
    let (release, gate) = sync_channel::<()>(1);
    let gate = Mutex::new(gate);
    let mut readers = Readers::new(move |job: &Job| match job {
        Job::Group(group) if group == "/hangs" => {
            // Until the test lets go.
            gate.lock().unwrap().recv().ok();
            Outcome::NotYet
        }
        _ => Outcome::Never,
    });
    readers.patience = Duration::from_millis(20);
    for _ in 0..READERS_MAX {
        assert_eq!(readers.read(Job::Group("/hangs".into())), Err(Hangs));
    }
    assert_eq!(readers.read(Job::Group("/good".into())), Err(Hangs), "no more threads than that");
    drop(release);
    while Arc::strong_count(&readers.alive) > 1 {
        std::thread::yield_now();
    }
    readers.patience = Duration::from_secs(60);
    assert_eq!(readers.read(Job::Group("/good".into())), Ok(Outcome::Never), "one came back");
}
