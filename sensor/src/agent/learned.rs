//! What was learned of images: kept in a file while no agent runs, and shown to those who ask.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::hot::{Control, Controls};
use crate::config::resolved::Memory as Settings;
use crate::detect::normal::{Learned, Normal};

/// How often the pipeline is asked what is new.
const ROUND: Duration = Duration::from_secs(30);
/// Rounds between two times that the file is written.
const ROUNDS_A_FILE: u32 = 10;
/// Images that the pipeline tells of at once: it copies them on its own thread.
const IMAGES_AT_ONCE: usize = 16;
/// How long the pipeline gets to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest file that is read: more than the settings' largest would make.
const BYTES_MAX: u64 = 1 << 30;

/// A question for all that was learned.
pub(super) type Request = oneshot::Sender<Vec<Learned>>;

/// Keeps what was learned.
pub(super) struct Keeper {
    file: PathBuf,
    images_max: usize,
    controls: Controls,
    images: BTreeMap<String, Arc<Learned>>,
    changed: bool,
    /// The last trouble with the file, which is not told again and again.
    trouble: String,
}

/// Reads what was kept. What cannot be read is told, put aside and forgotten.
pub(super) fn read(settings: &Settings) -> Vec<Learned> {
    let path = &settings.normal_file;
    match load(path) {
        Ok(kept) => kept,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let aside = path.with_extension("damaged");
            tracing::error!(
                file = %path.display(), %error, aside = %aside.display(),
                "what was learned of images cannot be read: it is put aside, and learned anew"
            );
            fs::rename(path, aside).ok();
            Vec::new()
        }
    }
}

fn load(path: &Path) -> io::Result<Vec<Learned>> {
    use io::Read as _;
    let mut text = Vec::new();
    fs::File::open(path)?.take(BYTES_MAX).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// What the pipeline begins with; `None` where nothing is to be learned.
pub(super) fn begin(settings: &Settings, kept: &[Learned]) -> Option<Normal> {
    let mut normal = Normal::new(settings.normal?, settings.images_max);
    normal.restore(kept.iter().cloned());
    Some(normal)
}

impl Keeper {
    pub(super) fn new(settings: &Settings, kept: Vec<Learned>, controls: Controls) -> Self {
        let images = kept.into_iter().map(|learned| (learned.image.clone(), Arc::new(learned))).collect();
        Self {
            file: settings.normal_file.clone(),
            images_max: settings.images_max,
            controls,
            images,
            changed: false,
            trouble: String::new(),
        }
    }

    /// Works until it is told to end; then writes the file once more.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut ended: oneshot::Receiver<()>,
    ) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = 0_u32;
        loop {
            tokio::select! {
                _ = rounds.tick() => {
                    self.look().await;
                    round = round.wrapping_add(1);
                    if round.is_multiple_of(ROUNDS_A_FILE) {
                        self.write().await;
                    }
                }
                Some(reply) = requests.recv() => {
                    self.look().await;
                    // Who asked may be gone.
                    reply.send(self.images.values().map(|learned| Learned::clone(learned)).collect()).ok();
                }
                _ = &mut ended => break,
            }
        }
        self.look().await;
        self.write().await;
    }

    /// Takes in what is new.
    async fn look(&mut self) {
        loop {
            let (reply, told) = oneshot::channel();
            if !self.controls.send(Control::Learned(IMAGES_AT_ONCE, reply)) {
                return;
            }
            let Ok(Ok(news)) = tokio::time::timeout(PATIENCE, told).await else { return };
            let last = news.len() < IMAGES_AT_ONCE;
            self.changed |= !news.is_empty();
            for learned in news {
                self.images.insert(learned.image.clone(), Arc::new(learned));
            }
            self.make_room();
            if last {
                return;
            }
        }
    }

    /// Forgets those that were quiet for longest.
    fn make_room(&mut self) {
        while self.images.len() > self.images_max {
            let last = |learned: &Learned| learned.facts.iter().map(|(_, seen)| seen.last_s).max();
            let Some(quietest) = self.images.values().min_by_key(|learned| last(learned)) else { return };
            let name = quietest.image.clone();
            self.images.remove(&name);
        }
    }

    async fn write(&mut self) {
        if !self.changed {
            return;
        }
        let (file, images) = (self.file.clone(), self.images.values().cloned().collect::<Vec<_>>());
        let written = tokio::task::spawn_blocking(move || save(&file, &images)).await;
        let trouble = match written {
            Ok(Ok(())) => {
                self.changed = false;
                String::new()
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        if !trouble.is_empty() && trouble != self.trouble {
            tracing::warn!(
                file = %self.file.display(), error = trouble,
                "what was learned of images cannot be kept: it is lost when the agent ends (tuning.normal_file)"
            );
        }
        self.trouble = trouble;
    }
}

/// Replaces the file as a whole.
fn save(file: &Path, images: &[Arc<Learned>]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let images: Vec<&Learned> = images.iter().map(AsRef::as_ref).collect();
    let text = serde_json::to_vec(&images)?;
    let new = file.with_extension("new");
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    out.write_all(&text)?;
    out.sync_all()?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::normal::{Mode, Seen};

    fn settings(file: &Path) -> Settings {
        Settings { entries_max: 64, normal: Some(Mode::Learning), normal_file: file.into(), images_max: 2 }
    }

    fn learned(image: &str) -> Learned {
        let seen = Seen { since_s: 1, last_s: 2, occasions: 1, containers: vec![7] };
        Learned { image: image.into(), since_s: 1, facts: vec![("starts /bin/sh from ?".into(), seen)] }
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder.path().join("new/normal.json"));
        assert_eq!(read(&settings), []);
        save(&settings.normal_file, &[Arc::new(learned("a")), Arc::new(learned("b"))]).unwrap();
        assert_eq!(read(&settings), [learned("a"), learned("b")]);
        assert_eq!(begin(&settings, &read(&settings)).unwrap().table().entries, 2);
        assert!(begin(&Settings { normal: None, ..settings }, &[]).is_none());
    }

    #[test]
    fn what_cannot_be_read_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder.path().join("normal.json"));
        fs::write(&settings.normal_file, "{broken").unwrap();
        assert_eq!(read(&settings), []);
        assert!(!settings.normal_file.exists() && folder.path().join("normal.damaged").exists());
    }
}
