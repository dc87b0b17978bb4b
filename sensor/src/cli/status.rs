//! `picket status`: asks the agent how it is.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::pretty::{Paint, status};
use super::{OutputFormat, StatusArgs, exit, json};
use crate::proto::{GetStatusRequest, GetStatusResponse};
use crate::stream::client::{self, Target};

/// Runs the command; prints errors to standard error.
pub async fn run(args: &StatusArgs) -> ExitCode {
    let target = match args.agent.target() {
        Ok(target) => target,
        Err(error) => {
            eprintln!("picket status: {error}");
            return ExitCode::from(exit::USAGE);
        }
    };
    let status = match ask(&target).await {
        Ok(status) => status,
        Err(message) => {
            eprintln!("picket status: {message}");
            return ExitCode::from(exit::UNREACHABLE);
        }
    };
    if args.alive {
        return ExitCode::SUCCESS;
    }
    let mut text = Vec::new();
    match args.output {
        OutputFormat::Pretty => {
            text.extend_from_slice(status::page(&status, args.all, Paint::for_stdout()).as_bytes())
        }
        OutputFormat::Json => {
            if let Err(error) = json::write(&mut text, &status) {
                eprintln!("picket status: the status has no JSON form: {error}");
            }
            text.push(b'\n');
        }
    }
    // The exit code answers even if nobody reads the text.
    let mut out = io::stdout().lock();
    drop(out.write_all(&text).and_then(|()| out.flush()));
    ExitCode::from(exit_code(&status))
}

async fn ask(target: &Target) -> Result<GetStatusResponse, String> {
    let mut client = client::connect(target).await.map_err(|error| error.to_string())?;
    let response = client.get_status(GetStatusRequest {}).await;
    let refused = |status: tonic::Status| {
        format!(
            "the agent at {} does not answer: {}",
            target.place(),
            client::refusal(&target.place(), &status)
        )
    };
    Ok(response.map_err(refused)?.into_inner())
}

fn exit_code(status: &GetStatusResponse) -> u8 {
    if status.ready { 0 } else { exit::NOT_READY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_readiness() {
        assert_eq!(exit_code(&GetStatusResponse { ready: true, ..Default::default() }), 0);
        assert_eq!(exit_code(&GetStatusResponse::default()), exit::NOT_READY);
    }
}
