//! The thread that makes frames of what the tap took, while somebody records.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use sensor_common::ABI_VERSION;
use tokio::sync::{mpsc, oneshot};

use super::hot::{Control, Controls};
use super::tap::{Tape, Taped, tap};
use crate::clock;
use crate::record::{Options, anonymise::Anonymiser, choose::Chooser, format::Header, write::Encoder};
use crate::stream::filter::Filter;
use crate::stream::server::{NoRecording, RecordingRequest};

/// Parts of a recording that may wait for the client.
const PARTS_WAITING_MAX: usize = 8;
/// Longest wait for inputs: so often it looks whether the client is still there.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long the pipeline may take to begin.
const BEGIN_PATIENCE: Duration = Duration::from_secs(10);

/// Who asks for a recording, and for what.
pub(super) struct Recorder {
    options: Options,
    of: Filter,
    anonymiser: Option<Anonymiser>,
    kernel: String,
}

/// Begins a recording, or says why not.
pub(super) async fn begin(request: RecordingRequest, kernel: String, controls: Controls) {
    let RecordingRequest { options, of, reply } = request;
    let recording = match Recorder::new(options, of, kernel) {
        Some(recorder) => recorder.start(&controls).await,
        None => Err(NoRecording::Failed),
    };
    // Who asked may be gone: then the thread ends at its first look.
    reply.send(recording).ok();
}

impl Recorder {
    fn new(options: Options, of: Filter, kernel: String) -> Option<Self> {
        let anonymiser = if options.anonymise { Some(Anonymiser::new()?) } else { None };
        Some(Self { options, of, anonymiser, kernel })
    }

    async fn start(self, controls: &Controls) -> Result<mpsc::Receiver<Vec<u8>>, NoRecording> {
        let (tap, tape) = tap();
        let (reply, begun) = oneshot::channel();
        if !controls.send(Control::Record { tap, reply }) {
            return Err(NoRecording::Failed);
        }
        match tokio::time::timeout(BEGIN_PATIENCE, begun).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Err(NoRecording::Busy),
            Ok(Err(_)) | Err(_) => return Err(NoRecording::Failed),
        }
        let (parts, recording) = mpsc::channel(PARTS_WAITING_MAX);
        std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || self.run(&tape, &parts))
            .map_err(|_| NoRecording::Failed)?;
        Ok(recording)
    }

    /// Works until the client or the pipeline is gone.
    fn run(self, tape: &Tape, parts: &mpsc::Sender<Vec<u8>>) {
        let Ok(Taped::Begin(begin)) = tape.next(BEGIN_PATIENCE) else { return };
        let (context, state) = *begin;
        let (mut chooser, state) = if self.options.chosen {
            let (chooser, state) = Chooser::begin(self.of, context.clone(), state);
            (Some(chooser), state)
        } else {
            (None, state)
        };
        let header = Header {
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: self.kernel,
            abi: ABI_VERSION,
            node: context.node,
            instance: context.instance,
            clock: context.clock,
            began_ns: clock::boot_ns(),
            capability_last: context.capability_last,
            environment: context.environment,
            options: self.options,
        };
        tracing::info!(?header.options, "a recording begins");
        let send = |part| parts.blocking_send(part).is_ok();
        let mut encoder = Encoder::begin(header, state, self.anonymiser, send);
        let mut patience = PATIENCE;
        loop {
            match tape.next(patience) {
                Ok(Taped::Inputs(inputs)) => {
                    for input in inputs {
                        match &mut chooser {
                            Some(chooser) => chooser.input(input, &mut |input| encoder.input(input)),
                            None => encoder.input(input),
                        }
                    }
                    // More may be there: they go together.
                    patience = Duration::ZERO;
                }
                Ok(Taped::Begin(_)) => {}
                Err(RecvTimeoutError::Timeout) => {
                    if !encoder.flush() || parts.is_closed() {
                        break;
                    }
                    patience = PATIENCE;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    encoder.flush();
                    break;
                }
            }
        }
        tracing::info!("the recording has ended");
    }
}
