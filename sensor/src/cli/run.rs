//! `picket run`: the agent in the foreground.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use super::{RunArgs, exit};
use crate::agent;
use crate::config::{
    self, Config,
    resolved::{Log, LogFormat},
};

/// Runs the command; prints errors to standard error.
pub async fn run(args: &RunArgs) -> ExitCode {
    let config = match config::load(&args.settings_input()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("picket run: {error}");
            return ExitCode::from(exit::CONFIG);
        }
    };
    match work(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("picket run: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn work(config: Config) -> Result<()> {
    log(&config.log)?;
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let waiting = tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: ending"),
            _ = interrupt.recv() => tracing::info!("SIGINT: ending"),
        }
        // If the agent is gone already, nobody listens: fine.
        stop.send(true).ok();
    });
    let result = agent::run(config, stopped).await;
    waiting.abort();
    Ok(result?)
}

/// Logs to standard error; `PICKET_LOG` (as `RUST_LOG` elsewhere) overrides the level.
fn log(settings: &Log) -> Result<()> {
    let filter = match std::env::var("PICKET_LOG") {
        Ok(text) => EnvFilter::try_new(&text).with_context(|| {
            format!("PICKET_LOG={text} is not a log filter such as `debug` or `sensor=trace`")
        })?,
        Err(_) => EnvFilter::new(&settings.level),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match settings.format {
        LogFormat::Text => registry.with(layer.with_target(false)).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    }
    .context("cannot set up the log")
}
