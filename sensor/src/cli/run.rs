//! `picket run`: the agent in the foreground.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::str::FromStr as _;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing_subscriber::{
    EnvFilter, filter::LevelFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use super::{RunArgs, exit};
use crate::agent::{self, AgentError, Reload};
use crate::config::{
    self, Config,
    resolved::{Log, LogFormat},
};
use crate::kernel::load::chain;

/// Runs the command; prints errors to standard error.
pub async fn run(args: &RunArgs) -> ExitCode {
    let config = match config::load(&args.settings_input()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("picket run: {error}");
            return ExitCode::from(exit::CONFIG);
        }
    };
    match work(config, args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("picket run: {}", chain(error.as_ref()));
            match error.downcast_ref() {
                Some(AgentError::Tls(error)) if error.is_of_settings() => ExitCode::from(exit::CONFIG),
                Some(AgentError::Rules(_)) => ExitCode::from(exit::CONFIG),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn work(config: Config, args: &RunArgs) -> Result<()> {
    log(&config.log)?;
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let (reload, reloaded) = mpsc::channel(1);
    let input = args.settings_input();
    let waiting = tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: ending"),
                _ = interrupt.recv() => tracing::info!("SIGINT: ending"),
                _ = hangup.recv() => {
                    match config::load(&input) {
                        Ok(config) => {
                            tracing::info!("SIGHUP: `events`, `files`, `network`, `limits` and `rules` are read anew");
                            reload.send(Reload { wanted: config.wanted, rules: config.rules }).await.ok();
                        }
                        Err(error) => tracing::error!(%error, "SIGHUP: the old settings hold"),
                    }
                    continue;
                }
            }
            break;
        }
        // If the agent is gone already, nobody listens: fine.
        stop.send(true).ok();
    });
    let result = agent::run(config, stopped, reloaded).await;
    waiting.abort();
    Ok(result?)
}

/// A filter. A word alone must be a level: it would be taken for the name of a module, and a mistyped
/// level would silence everything.
fn filter(text: &str) -> Result<EnvFilter> {
    for word in text.split(',').filter(|part| !part.contains(['=', '['])) {
        LevelFilter::from_str(word.trim()).with_context(|| format!("`{word}` is no level"))?;
    }
    Ok(EnvFilter::try_new(text)?)
}

/// Logs to standard error; `PICKET_LOG` (as `RUST_LOG` elsewhere) overrides the level.
fn log(settings: &Log) -> Result<()> {
    let filter = match std::env::var("PICKET_LOG").ok().filter(|text| !text.is_empty()) {
        Some(text) => filter(&text).with_context(|| {
            format!("PICKET_LOG={text} is not a log filter such as `debug` or `sensor=trace`")
        })?,
        None => EnvFilter::new(&settings.level),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match settings.format {
        LogFormat::Text => registry.with(layer.with_target(false)).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    }
    .context("cannot set up the log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_level_is_refused() {
        for good in ["debug", "info,sensor::stream=debug", "sensor=trace"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        assert!(format!("{:#}", filter("loud").unwrap_err()).contains("`loud` is no level"));
    }
}
