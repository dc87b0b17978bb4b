//! Files that change while the agent runs: new ones are taken, bad ones are told and the old ones hold.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;

use super::{Counters, TlsError, material::Material};
use crate::config::resolved::Tls;

/// How often the files are looked at. They are read whole: three small files, and no question of what a
/// file system tells of their times.
const ROUND: Duration = Duration::from_secs(10);

/// Rounds in a row in which the files are wrong, after which it is a problem: who writes them one by one
/// may be between two.
const ROUNDS_WRONG_MAX: u32 = 2;

/// Looks after the files.
#[derive(Debug)]
pub(super) struct Renewal {
    settings: Tls,
    in_use: Material,
    current: watch::Sender<Arc<ServerConfig>>,
    problem: watch::Sender<Option<String>>,
    counters: Arc<Counters>,
    pub(super) round: Duration,
    /// Rounds in a row in which they were wrong.
    wrong: u32,
}

impl Renewal {
    /// Reads the files; gives what is in use, and why something newer is not.
    #[expect(clippy::type_complexity, reason = "three things, taken apart at the only caller")]
    pub(super) fn new(
        settings: Tls,
        counters: Arc<Counters>,
    ) -> Result<(Self, watch::Receiver<Arc<ServerConfig>>, watch::Receiver<Option<String>>), TlsError> {
        let in_use = Material::read(&settings)?;
        let (current, receiver) = watch::channel(Arc::new(in_use.server(&settings)?));
        let (problem, problems) = watch::channel(None);
        let renewal = Self { settings, in_use, current, problem, counters, round: ROUND, wrong: 0 };
        Ok((renewal, receiver, problems))
    }

    /// Looks at the files from time to time, for ever.
    pub(super) async fn run(mut self) {
        loop {
            tokio::time::sleep(self.round).await;
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            // An error means that the runtime ends.
            let Ok(renewal) = looked.await else { return };
            self = renewal;
        }
    }

    /// Takes what is new and right.
    fn look(&mut self) {
        let read = Material::read(&self.settings).and_then(|material| {
            let changed = material != self.in_use;
            let server = changed.then(|| material.server(&self.settings)).transpose()?;
            Ok(server.map(|server| (material, server)))
        });
        match read {
            Ok(renewed) => {
                if let Some((material, server)) = renewed {
                    self.in_use = material;
                    self.current.send_replace(Arc::new(server));
                    self.counters.renewals.add(1);
                    tracing::info!("certificate, key and authorities of the TCP listener are taken anew");
                }
                self.wrong = 0;
                self.problem.send_replace(None);
            }
            Err(error) => self.is_wrong(&error),
        }
    }

    fn is_wrong(&mut self, error: &TlsError) {
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong >= ROUNDS_WRONG_MAX {
            let told = format!("the TCP listener goes on with its old certificate: {error}");
            if self.wrong == ROUNDS_WRONG_MAX {
                tracing::error!("{told}");
            }
            self.problem.send_replace(Some(told));
        }
    }
}
