//! Test: an API server that answers what it was told to, over real connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::{Client, Config};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

use super::follow::Pace;

/// An answer: its status, and what it consists of until the other side of the channel is dropped.
struct Reply {
    of: String,
    status: u16,
    pieces: Receiver<String>,
}

/// An answer that goes on until this is dropped.
pub(super) struct Open(Sender<String>);

impl Open {
    /// Goes on with it.
    pub(super) fn send(&self, text: String) -> Result<(), TrySendError<String>> {
        self.0.try_send(text)
    }
}

/// The server. Requests for which it has no answer are refused with 503.
#[derive(Clone, Default)]
pub(super) struct Fake {
    replies: Arc<Mutex<Vec<Reply>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

/// No test waits long for a failure.
pub(super) const PACE: Pace = Pace {
    pause: Duration::from_millis(4),
    pause_max: Duration::from_millis(20),
    silence: Duration::from_secs(60),
    watch: Duration::from_secs(1500),
    stay: Duration::from_millis(5),
};

impl Fake {
    /// Answers the next request whose target contains `of` with a whole body.
    pub(super) fn answer(&self, of: &str, status: u16, body: &str) {
        self.open(of, status).send(body.to_owned()).unwrap();
    }

    /// Answers the next such request with what is sent, until the sender is dropped.
    pub(super) fn open(&self, of: &str, status: u16) -> Open {
        let (sender, pieces) = channel(64);
        self.replies.lock().unwrap().push(Reply { of: of.to_owned(), status, pieces });
        Open(sender)
    }

    /// Targets of all requests so far that contain `of`.
    pub(super) fn requests(&self, of: &str) -> Vec<String> {
        self.requests.lock().unwrap().iter().filter(|target| target.contains(of)).cloned().collect()
    }

    /// Starts it; the result asks it.
    pub(super) async fn start(&self) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fake = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(fake.clone().serve(stream));
            }
        });
        client(&format!("http://{address}"))
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let reply = {
            let mut replies = self.replies.lock().unwrap();
            let index = replies.iter().position(|reply| target.contains(&reply.of));
            index.map(|index| replies.remove(index))
        };
        self.requests.lock().unwrap().push(target);
        let status = reply.as_ref().map_or(503, |reply| reply.status);
        let head =
            format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok();
        let Some(mut reply) = reply else { return };
        while let Some(piece) = reply.pieces.recv().await {
            if stream.write_all(piece.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// Asks whoever is there.
pub(super) fn client(url: &str) -> Client {
    let mut config = Config::new(url.parse().unwrap());
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// A `Status` of an error.
pub(super) fn status(code: u16, message: &str) -> String {
    serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "X", "code": code
    })
    .to_string()
}

/// A list of these objects.
pub(super) fn list(version: &str, items: &[serde_json::Value]) -> String {
    serde_json::json!({"kind": "List", "metadata": {"resourceVersion": version}, "items": items}).to_string()
}

/// A line of a watch.
pub(super) fn event(kind: &str, object: &serde_json::Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}
