//! The socket on which the agent listens: only its owner can open it, a live agent's is respected,
//! a dead one's is taken over.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, fchmod, flock};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use thiserror::Error;
use tokio::net::UnixListener;

use super::address::Address;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// How often, and with which pause, the folder's lock is tried for; it is held for milliseconds.
const LOCK_TRIES: usize = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Why the agent cannot listen.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Another agent is there.
    #[error("{0} is in use by a running process: stop it, or choose another socket with --listen")]
    InUse(PathBuf),
    /// A file that nobody would expect to be overwritten.
    #[error("{0} exists and is no socket: remove it, or choose another socket with --listen")]
    NotASocket(PathBuf),
    /// The folder's lock stays taken.
    #[error("{0} is locked by another process (flock): is another agent hanging at its start?")]
    Locked(PathBuf),
    /// A system call failed.
    #[error("cannot {action} {path}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// A listening socket. Its file goes away with it.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: UnixListener,
    pub(super) file: SocketFile,
}

impl Listener {
    /// Listens. To be called within a tokio runtime; waits up to two seconds while another agent
    /// looks at the same folder.
    ///
    /// # Errors
    /// When the path is taken, or the system refuses.
    pub fn bind(address: &Address) -> Result<Self, ListenError> {
        let path = address.path();
        let folder = path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(system("create the folder", folder))?;
        // Two agents that start at once must not both find the socket dead. The lock is that of
        // the folder, so no lock file stays behind.
        let _lock = lock(folder)?;
        remove_dead(path)?;
        let socket = listen_private(path)?;
        let file = SocketFile::at(path).map_err(system("examine", path))?;
        let socket = std::os::unix::net::UnixListener::from(socket);
        let socket = UnixListener::from_std(socket).map_err(system("listen on", path))?;
        Ok(Self { socket, file })
    }
}

/// The file of a socket that is ours; removed at the end.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<Self> {
        let metadata = path.symlink_metadata()?;
        Ok(Self { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() })
    }

    fn is_still_ours(&self) -> bool {
        self.path.symlink_metadata().is_ok_and(|now| (now.dev(), now.ino()) == (self.device, self.inode))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_still_ours()
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}

fn lock(folder: &Path) -> Result<File, ListenError> {
    let file = File::open(folder).map_err(system("open", folder))?;
    for _ in 0..LOCK_TRIES {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(LOCK_PAUSE),
            Err(errno) => return Err(system("lock", folder)(errno.into())),
        }
    }
    Err(ListenError::Locked(folder.to_owned()))
}

/// Removes the socket of an agent that is gone; refuses everything else.
fn remove_dead(path: &Path) -> Result<(), ListenError> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system("examine", path)(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(ListenError::NotASocket(path.to_owned()));
    }
    // Without waiting: a live agent whose backlog is full answers EAGAIN.
    let probe = new_socket().map_err(system("make a socket for", path))?;
    let address = unix_address(path)?;
    match connect(&probe, &address) {
        Err(Errno::CONNREFUSED) => {
            tracing::info!(path = %path.display(), "taking over the socket of an agent that is gone");
            std::fs::remove_file(path).map_err(system("remove", path))
        }
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => Err(ListenError::InUse(path.to_owned())),
        Err(errno) => Err(system("connect to", path)(errno.into())),
    }
}

/// A listening socket with mode 0600. Linux gives the file of a socket the mode that the socket
/// has when it is bound (less the umask), so there is no moment in which it is wider, and the
/// umask, which all threads share, stays as it is.
fn listen_private(path: &Path) -> Result<OwnedFd, ListenError> {
    let socket = new_socket().map_err(system("make a socket for", path))?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(|errno| system("protect", path)(errno.into()))?;
    bind(&socket, &unix_address(path)?).map_err(|errno| system("bind a socket to", path)(errno.into()))?;
    listen(&socket, BACKLOG).map_err(|errno| system("listen on", path)(errno.into()))?;
    Ok(socket)
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

fn unix_address(path: &Path) -> Result<SocketAddrUnix, ListenError> {
    SocketAddrUnix::new(path).map_err(|errno| system("name a socket", path)(errno.into()))
}

fn system<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> ListenError + 'a {
    move |source| ListenError::System { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
        address: Address,
    }

    fn place(name: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("unix://{}/{name}", folder.path().display()).parse().unwrap();
        Place { folder, address }
    }

    #[tokio::test]
    async fn the_socket_and_a_new_folder_are_private() {
        let place = place("a/b/picket.sock");
        let listener = Listener::bind(&place.address).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(place.address.path()), 0o600);
        assert_eq!(mode(&place.folder.path().join("a/b")), 0o700);
        drop(listener);
        assert!(!place.address.path().exists(), "a clean end removes the socket");
    }

    #[tokio::test]
    async fn a_live_socket_is_refused_and_stays() {
        let place = place("s");
        let _live = Listener::bind(&place.address).unwrap();
        let error = Listener::bind(&place.address).unwrap_err();
        assert!(matches!(error, ListenError::InUse(_)), "{error}");
        assert!(error.to_string().contains("--listen"));
        assert!(std::os::unix::net::UnixStream::connect(place.address.path()).is_ok());
    }

    #[tokio::test]
    async fn a_live_socket_with_a_full_backlog_is_still_live() {
        let place = place("s");
        let socket = new_socket().unwrap();
        bind(&socket, &unix_address(place.address.path()).unwrap()).unwrap();
        listen(&socket, 0).unwrap();
        let _waiting = std::os::unix::net::UnixStream::connect(place.address.path()).unwrap();
        assert!(matches!(Listener::bind(&place.address), Err(ListenError::InUse(_))));
    }

    #[tokio::test]
    async fn a_dead_socket_is_taken_over() {
        let place = place("s");
        drop(std::os::unix::net::UnixListener::bind(place.address.path()).unwrap());
        assert!(place.address.path().exists());
        let _listener = Listener::bind(&place.address).unwrap();
        assert!(std::os::unix::net::UnixStream::connect(place.address.path()).is_ok());
    }

    #[tokio::test]
    async fn what_is_no_socket_is_refused_and_stays() {
        let place = place("s");
        std::fs::write(place.address.path(), "precious").unwrap();
        assert!(matches!(Listener::bind(&place.address), Err(ListenError::NotASocket(_))));
        assert_eq!(std::fs::read(place.address.path()).unwrap(), b"precious");
        std::fs::remove_file(place.address.path()).unwrap();
        std::os::unix::fs::symlink("/nowhere", place.address.path()).unwrap();
        assert!(matches!(Listener::bind(&place.address), Err(ListenError::NotASocket(_))));
    }

    #[tokio::test]
    async fn a_socket_that_is_no_longer_ours_stays() {
        let place = place("s");
        let ours = Listener::bind(&place.address).unwrap();
        std::fs::rename(place.address.path(), place.folder.path().join("ours")).unwrap();
        let _theirs = Listener::bind(&place.address).unwrap();
        drop(ours);
        assert!(place.address.path().exists());
    }

    #[tokio::test]
    async fn of_two_that_start_at_once_one_wins() {
        let place = place("s");
        drop(std::os::unix::net::UnixListener::bind(place.address.path()).unwrap());
        let starts = (0..2).map(|_| {
            let address = place.address.clone();
            tokio::task::spawn_blocking(move || Listener::bind(&address))
        });
        let starts: Vec<_> = starts.collect();
        let mut bound = Vec::new();
        for start in starts {
            bound.push(start.await.unwrap());
        }
        assert_eq!(bound.iter().filter(|result| result.is_ok()).count(), 1, "{bound:?}");
    }
}
