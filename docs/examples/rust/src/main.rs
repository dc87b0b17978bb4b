//! Prints the programs that one namespace starts on a node, a line each: a small, complete subscriber.
//!
//! It comes back by itself when the agent ends or the connection breaks, and says what was lost.
#![forbid(unsafe_code)]

mod connect;

use std::error::Error;
use std::hash::{BuildHasher as _, RandomState};
use std::process::ExitCode;
use std::time::Duration;

use tonic::{Code, Status};

use connect::Options;
use picket::event::Facts;
use picket::sensor_client::SensorClient;
use picket::{Class, Event, SubscribeRequest};

/// The schema `picket.v1`.
#[expect(
    clippy::large_enum_variant,
    reason = "generated: facts of some classes are larger than those of others"
)]
mod picket {
    tonic::include_proto!("picket.v1");
}

const USAGE: &str = "usage: picket-example --namespace NAME [--connect unix:///run/picket/picket.sock]
       picket-example --namespace NAME --connect https://HOST:PORT --ca FILE --certificate FILE --key FILE
                      [--server-name NAME]";

/// Pauses between attempts: doubled from the first to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_LAST: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(64);
        }
    };
    let mut pause = PAUSE_FIRST;
    loop {
        let error = match follow(&options, &mut pause).await {
            Err(error) if is_final(&*error) => {
                eprintln!("the agent refuses: {error}");
                return ExitCode::FAILURE;
            }
            Err(error) => whole(&*error),
            Ok(()) => "the agent ended the stream".to_owned(),
        };
        let wait = jittered(pause);
        eprintln!("not connected: {error}; again in {} ms", wait.as_millis());
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(PAUSE_LAST);
    }
}

/// Subscribes, and prints until the stream ends. What happened while nobody was connected is not told later.
async fn follow(options: &Options, pause: &mut Duration) -> Result<(), Box<dyn Error>> {
    let mut client = SensorClient::new(options.endpoint()?.connect().await?);
    let request = SubscribeRequest {
        classes: vec![Class::ProcessExec.into()],
        namespaces: vec![options.namespace.clone()],
        ..SubscribeRequest::default()
    };
    let mut stream = client.subscribe(request).await?.into_inner();
    eprintln!("connected to {}", options.connect);
    *pause = PAUSE_FIRST;
    while let Some(response) = stream.message().await? {
        response.events.iter().for_each(print);
    }
    Ok(())
}

fn print(event: &Event) {
    if let Some(Facts::Loss(loss)) = &event.facts {
        // Losses come whatever the filter says; one of SLOW_SUBSCRIBER is this program's own.
        let (reason, class) = (loss.reason().as_str_name(), loss.class().as_str_name());
        eprintln!("LOST {} events: {reason} {class}", loss.count);
        return;
    }
    let (Some(process), Some(container)) = (&event.process, &event.container) else { return };
    let pod = container.pod.as_ref().map_or("", |pod| &pod.name);
    let arguments = process.arguments.join(" ");
    // What a container says of itself must not reach a terminal as it is.
    println!("{}", format!("{pod}/{} {} {arguments}", container.name, process.executable).escape_debug());
}

/// An error with what it comes from.
fn whole(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| Error::source(*error));
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// True if trying again would not help: the request itself is wrong.
fn is_final(error: &(dyn Error + 'static)) -> bool {
    let status = error.downcast_ref::<Status>();
    status.is_some_and(|status| matches!(status.code(), Code::InvalidArgument | Code::Unimplemented))
}

/// Between half and the whole of it, so that many clients do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0) % 1000;
    pause / 2 + pause * u32::try_from(chance).unwrap_or(0) / 2000
}
