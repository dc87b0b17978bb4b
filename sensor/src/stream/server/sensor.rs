//! The calls of `picket.v1.Sensor`.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _, stream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::generated::sensor_server::Sensor;
use super::{Backend, NoRecording, NoStatus, stopped};
use crate::clock::{self, BootClock};
use crate::proto::{
    GetNormalRequest, GetStatusRequest, GetStatusResponse, LearnedImage, RecordRequest, RecordResponse,
    SubscribeRequest,
};
use crate::record::Options;
use crate::stream::connection::Way;
use crate::stream::encode;
use crate::stream::filter::Filter;
use crate::stream::frame::Frames;
use crate::stream::hub::SubscribeError;
use crate::stream::subscription::Subscription;

/// The service.
#[derive(Debug)]
pub(super) struct Service {
    backend: Backend,
}

impl Service {
    pub(super) fn new(backend: Backend) -> Self {
        Self { backend }
    }
}

type Images = Pin<Box<dyn Stream<Item = Result<LearnedImage, Status>> + Send>>;
type Parts = Pin<Box<dyn Stream<Item = Result<RecordResponse, Status>> + Send>>;
type Responses = Pin<Box<dyn Stream<Item = Result<Frames, Status>> + Send>>;

#[tonic::async_trait]
impl Sensor for Service {
    type SubscribeStream = Responses;

    async fn subscribe(&self, request: Request<SubscribeRequest>) -> Result<Response<Responses>, Status> {
        let filter = Filter::compile(request.into_inner())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let subscription = self.backend.hub.subscribe(filter).await.map_err(|error| match error {
            SubscribeError::TooMany(_) => Status::resource_exhausted(error.to_string()),
            SubscribeError::NoPipeline => Status::unavailable(error.to_string()),
        })?;
        let stop = self.backend.stop.clone();
        let end: End = Box::pin(stopped(stop));
        // The response headers go out now, and so tell the client that it misses nothing from here.
        Ok(Response::new(Box::pin(stream::unfold(Some((subscription, end)), next))))
    }

    type RecordStream = Parts;

    async fn record(&self, request: Request<RecordRequest>) -> Result<Response<Parts>, Status> {
        if request.extensions().get::<Way>() != Some(&Way::Local) {
            return Err(Status::permission_denied(
                "recordings are made through the socket on the node only, not by TCP",
            ));
        }
        let RecordRequest { environment, payload, anonymise, namespaces, pods, containers } =
            request.into_inner();
        let chosen = [&namespaces, &pods, &containers].iter().any(|names| !names.is_empty());
        let options = Options { environment, payload, anonymise, chosen };
        if !options.is_possible() {
            return Err(Status::invalid_argument(
                "`anonymise` is not possible with `environment` or `payload`: what they hold cannot be anonymised",
            ));
        }
        let of = SubscribeRequest { namespaces, pods, containers, ..SubscribeRequest::default() };
        let of = Filter::compile(of).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let parts = self.backend.record(options, of).await.map_err(|error| match error {
            NoRecording::Busy => Status::resource_exhausted(error.to_string()),
            NoRecording::Failed => Status::unavailable(error.to_string()),
        })?;
        let parts = ReceiverStream::new(parts).map(|data| Ok(RecordResponse { data }));
        // The client asks for an end itself: one that comes by itself is the agent's.
        let end = stream::once(async { Err(Status::unavailable("the agent is ending")) });
        let stop = stopped(self.backend.stop.clone());
        Ok(Response::new(Box::pin(parts.take_until(stop).chain(end))))
    }

    type GetNormalStream = Images;

    async fn get_normal(&self, _: Request<GetNormalRequest>) -> Result<Response<Images>, Status> {
        let learned = self.backend.ask_learned().await;
        let learned = learned.ok_or_else(|| Status::unavailable("the agent is ending"))?;
        let now_s = BootClock::read().to_wall(clock::boot_ns()).unix_nanos() / 1_000_000_000;
        let images = learned.into_iter().map(move |learned| Ok(encode::learned(learned, now_s)));
        Ok(Response::new(Box::pin(stream::iter(images))))
    }

    async fn get_status(&self, _: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        match self.backend.ask_status().await {
            Ok(status) => Ok(Response::new(status)),
            Err(error @ NoStatus::Ending) => Err(Status::unavailable(error.text())),
            Err(error @ NoStatus::Stuck) => Err(Status::deadline_exceeded(error.text())),
        }
    }
}

type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The next item of a stream of responses. The stream ends with an error, so that a client can
/// tell the end of the agent from the end of events.
async fn next(
    state: Option<(Subscription, End)>,
) -> Option<(Result<Frames, Status>, Option<(Subscription, End)>)> {
    let (mut subscription, mut end) = state?;
    let frames = tokio::select! {
        frames = subscription.next() => frames,
        () = &mut end => None,
    };
    Some(match frames {
        Some(frames) => (Ok(frames), Some((subscription, end))),
        None => (Err(Status::unavailable("the agent is ending")), None),
    })
}
