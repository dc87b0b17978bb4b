//! Files that containers wrote, and who wrote them: what is needed should one be started as a program.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::bounded::{Bounded, Table};
use crate::detect::behaviour::{place::Place, work};
use crate::detect::scene::Scene;
use crate::event::{
    file::{Layer, layer},
    operation::FileOperation,
    text::Strings,
};
use crate::process::{Key, Program};
use sensor_common::record::{file::Facts as FileFacts, process::FileIdentity};

const SECOND_NS: u64 = 1_000_000_000;
/// Something that was said to another machine belongs to a file that was written so long after, or before the end of it.
const BEFORE_NS: u64 = 120 * SECOND_NS;
const AFTER_NS: u64 = 600 * SECOND_NS;
/// Permission to execute, for anybody.
const EXECUTABLE: u32 = 0o111;
const S_IFMT: u32 = 0o170_000;
const S_IFREG: u32 = 0o100_000;
/// proc, sysfs, both kinds of control groups: nothing that is written there is a file.
const CONTROLS: [u64; 4] = [0x9fa0, 0x6265_6572, 0x0027_e0eb, 0x6367_7270];

/// A file by device and inode.
pub(super) type Id = (u32, u64);

/// Who did something, and when.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) process: Key,
    pub(super) parent: Option<Key>,
    pub(super) program: Arc<Program>,
    pub(super) time_ns: u64,
}

impl Deed {
    fn of(scene: &Scene<'_>) -> Option<Self> {
        let process = scene.process()?;
        let (program, time_ns) = (Arc::clone(&process.program), scene.time_ns());
        Some(Self { process: process.key, parent: process.parent, program, time_ns })
    }
}

/// A file that was written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) place: Place,
    /// The last who opened it to write.
    pub(super) by: Deed,
    /// Who made it executable, if that was another step.
    pub(super) made_executable: Option<Deed>,
    /// It was compiled or installed.
    pub(super) built: bool,
}

impl Written {
    /// Whether it can be this one. Numbers of the root of a container are given again when it is gone, and files of the
    /// image may have those of others.
    pub(super) fn is_at(&self, place: Place, file: &FileIdentity) -> bool {
        match layer(file) {
            Some(layer) => layer == Layer::Upper && self.place == place,
            None => true,
        }
    }
}

/// Files of a node that were written, and connections of those who write.
#[derive(Debug)]
pub(super) struct Files {
    /// Those that may not be executed: many, and few of them ever will.
    plain: Bounded<Id, Written>,
    executable: Bounded<Id, Written>,
    /// Files by place and path, as far as they have one.
    paths: Bounded<u64, Id>,
    /// The latest connection of a process, or of a child of it.
    connections: Bounded<Key, (SocketAddr, u64)>,
}

/// Device and inode, if the file is known and is one.
pub(super) const fn id(file: &FileIdentity) -> Option<Id> {
    if file.inode == 0 { None } else { Some((file.device, file.inode)) }
}

/// A name of a library: `libx.so`, `libx.so.1`.
pub(super) fn is_library(name: &[u8]) -> bool {
    name.ends_with(b".so") || name.windows(4).any(|part| part == b".so.")
}

/// Of a path, by its names from the last one to the first.
fn hash<'a>(place: Place, names: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut hasher = DefaultHasher::new();
    place.hash(&mut hasher);
    names.for_each(|name| name.hash(&mut hasher));
    hasher.finish()
}

impl Files {
    /// None.
    pub(super) fn new(most: usize) -> Self {
        Self {
            plain: Bounded::new(most),
            executable: Bounded::new(most),
            paths: Bounded::new(most),
            connections: Bounded::new(most),
        }
    }

    /// A file was opened to be written.
    pub(super) fn opened(&mut self, scene: &Scene<'_>, operation: &FileOperation<'_>) {
        let file = &operation.record.file;
        let regular = file.mode & S_IFMT == S_IFREG && !CONTROLS.contains(&file.filesystem);
        let Some(id) = id(file).filter(|_| regular) else { return };
        let Some(by) = Deed::of(scene) else { return };
        let made = operation.record.facts & FileFacts::CREATED != 0;
        let executable = file.mode & EXECUTABLE != 0 || made && operation.record.mode & EXECUTABLE != 0;
        let name = operation.path.map(|path| path.first()).unwrap_or_default();
        let built = (executable || is_library(name)) && self.is_built(scene);
        let made_executable = self.executable.peek(&id).and_then(|known| known.made_executable.clone());
        let written = Written { place: Place::of(scene), by, made_executable, built };
        let table = if executable || self.executable.peek(&id).is_some() {
            &mut self.executable
        } else {
            &mut self.plain
        };
        if let Some(path) = operation.path {
            let names = Strings(path.0).iter();
            self.paths.insert(hash(written.place, names), id);
        }
        table.insert(id, written);
    }

    /// Permissions of a file were changed.
    pub(super) fn changed(&mut self, scene: &Scene<'_>, operation: &FileOperation<'_>) {
        let record = &operation.record;
        if record.error != 0 || record.mode & EXECUTABLE == 0 {
            return;
        }
        let Some(id) = id(&record.file) else { return };
        let Some(mut written) = self.plain.remove(&id) else { return };
        written.built |= self.is_built(scene);
        written.made_executable = Deed::of(scene);
        self.executable.insert(id, written);
    }

    /// A process is connected with another end.
    pub(super) fn connected(&mut self, scene: &Scene<'_>) {
        let (Some(process), Some((ip, port))) = (scene.process(), scene.remote()) else { return };
        let connection = (SocketAddr::new(ip, port), scene.time_ns());
        self.connections.insert(process.key, connection);
        // What a downloader gets its siblings may write. The container's first process has too many children.
        let parent = process.parent.filter(|parent| {
            let first = scene.given.tree.get(*parent).is_none_or(|parent| parent.container_pid == 1);
            !first || work::is_downloader(&process.program)
        });
        if let Some(parent) = parent {
            self.connections.insert(parent, connection);
        }
    }

    /// A file that was written.
    pub(super) fn get(&self, id: Id) -> Option<&Written> {
        self.executable.peek(&id).or_else(|| self.plain.peek(&id))
    }

    /// A file that was written, by its path from the root.
    pub(super) fn named(&self, place: Place, path: &str) -> Option<&Written> {
        self.get(self.id_of(place, path)?)
    }

    /// The same, device and inode.
    pub(super) fn id_of(&self, place: Place, path: &str) -> Option<Id> {
        let names = path.rsplit('/').filter(|name| !name.is_empty() && *name != ".").map(str::as_bytes);
        self.paths.peek(&hash(place, names)).copied()
    }

    /// From where the content of something came that was done then, by a process or by a sibling of it.
    pub(super) fn fetched(&self, process: Key, parent: Option<Key>, time_ns: u64) -> Option<SocketAddr> {
        let of = |key: Key| {
            let (end, at_ns) = self.connections.peek(&key).copied()?;
            let fits =
                at_ns.saturating_add(AFTER_NS) >= time_ns && at_ns <= time_ns.saturating_add(BEFORE_NS);
            fits.then_some(end)
        };
        of(process).or_else(|| parent.and_then(of))
    }

    /// Whether the process compiles or installs: by a program of the image, or one that was itself installed.
    pub(super) fn is_built(&self, scene: &Scene<'_>) -> bool {
        let installed = |program: &Program| {
            work::has_name_of_builder(program)
                && id(&program.file)
                    .and_then(|id| self.executable.peek(&id))
                    .is_some_and(|written| written.built)
        };
        work::builds(scene)
            || scene.process().is_some_and(|process| installed(&process.program))
            || scene.lineage().any(|process| installed(&process.program))
    }

    /// How full it is.
    pub(super) fn table(&self) -> Table {
        self.plain.table().and(self.executable.table()).and(self.paths.table()).and(self.connections.table())
    }
}
