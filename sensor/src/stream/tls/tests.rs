//! Handshakes, right and wrong, with the real server and the real client; files that change.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use super::*;
use crate::proto::sensor_client::SensorClient;
use crate::proto::{GetStatusRequest, SubscribeRequest};
use crate::stream::client::{self, Proof, Target};
use crate::stream::tests::{Agent, LIMITS};

/// How many authorities there were: each has a name of its own.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// An authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate for a DNS name, or for a URI, and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let name = name.to_owned();
        params.subject_alt_names = vec![match name.contains("://") {
            true => SanType::URI(name.try_into().unwrap()),
            false => SanType::DnsName(name.try_into().unwrap()),
        }];
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Files of a server with the name `agent`, and the authorities of both sides.
struct Place {
    folder: tempfile::TempDir,
    servers: Authority,
    clients: Authority,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder, servers: Authority::new(), clients: Authority::new() };
        place.renew(&place.servers);
        place.write("ca.crt", &place.clients.certificate);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn renew(&self, servers: &Authority) {
        let (certificate, key) = servers.sign("agent");
        self.write("tls.crt", &certificate);
        self.write("tls.key", &key);
    }

    fn settings(&self, clients: &[&str], connections_max: usize) -> Tls {
        Tls {
            listen: "127.0.0.1:0".parse().unwrap(),
            certificate: self.path("tls.crt"),
            key: self.path("tls.key"),
            client_ca: self.path("ca.crt"),
            clients: clients.iter().map(|name| name.parse().unwrap()).collect(),
            connections_max,
        }
    }

    async fn start(&self, clients: &[&str], connections_max: usize) -> Server {
        let settings = self.settings(clients, connections_max);
        let listener = TlsListener::bind(&settings).await.unwrap().looking_every(Duration::from_millis(5));
        let (address, observer) = (listener.address(), listener.observer());
        Server { address, observer, agent: Agent::start_with(LIMITS, Some(listener)) }
    }
}

struct Server {
    address: SocketAddr,
    observer: Observer,
    agent: Agent,
}

impl Server {
    /// How a client with this certificate reaches it, who knows these authorities of servers.
    fn target(&self, servers: &Authority, (certificate, key): (String, String)) -> Target {
        let proof = Proof {
            ca: servers.certificate.clone().into(),
            certificate: certificate.into(),
            key: key.into(),
            server_name: Some("agent".to_owned()),
        };
        Target::Tls { host: "127.0.0.1".to_owned(), port: self.address.port(), proof: Box::new(proof) }
    }

    async fn until(&self, what: &str, holds: impl Fn(&proto::TlsListener) -> bool) {
        let wait = async {
            while !holds(&self.observer.report()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
        waited.unwrap_or_else(|_| panic!("{what}: {:?}", self.observer.report()));
    }
}

/// Asks for the status; what goes wrong, wherever it does.
async fn ask(target: &Target) -> Result<(), String> {
    let mut client = client::connect(target).await.map_err(|error| error.to_string())?;
    let answer = client.get_status(GetStatusRequest {}).await;
    answer.map(drop).map_err(|status| client::refusal(&target.place(), &status))
}

#[tokio::test]
async fn recordings_are_not_made_by_tcp() {
    let place = Place::new();
    let server = place.start(&[], 4).await;
    let target = server.target(&place.servers, place.clients.sign("client"));
    let mut client = client::connect(&target).await.unwrap();
    let refused = client.record(proto::RecordRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    assert!(refused.message().contains("socket"), "{refused}");
    let local =
        client::connect(&server.agent.target()).await.unwrap().record(proto::RecordRequest::default()).await;
    assert!(local.is_ok(), "{local:?}");
}

#[tokio::test]
async fn who_has_a_certificate_gets_events_and_the_socket_serves_on() {
    let place = Place::new();
    let server = place.start(&[], 8).await;
    let target = server.target(&place.servers, place.clients.sign("reader"));
    for target in [target, server.agent.target()] {
        let mut client = client::connect(&target).await.unwrap();
        let mut stream = client.subscribe(SubscribeRequest::default()).await.unwrap().into_inner();
        server.agent.publish(3, 10);
        let mut events = 0;
        while events < 3 {
            events += stream.message().await.unwrap().unwrap().events.len();
        }
    }
    server.until("one over", |report| (report.served, report.connections) == (1, 0)).await;
    let report = server.observer.report();
    assert_eq!((report.accepted, report.failed, report.unknown, report.refused), (1, 0, 0, 0));
    assert_eq!(report.address, server.address.to_string());
}

#[tokio::test]
async fn who_cannot_prove_itself_is_refused() {
    let place = Place::new();
    let server = place.start(&[], 8).await;
    let other = Authority::new();
    let strange = server.target(&place.servers, other.sign("reader"));
    let said = ask(&strange).await.unwrap_err();
    assert!(said.contains("does the agent know the authority of this certificate"), "{said}");

    let uri = format!("https://{}", server.address);
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&place.servers.certificate))
        .domain_name("agent");
    let bare = Endpoint::from_shared(uri).unwrap().tls_config(tls).unwrap().connect().await;
    let answer = match bare {
        Ok(channel) => SensorClient::new(channel).get_status(GetStatusRequest {}).await.map(drop),
        Err(_) => Err(tonic::Status::unavailable("no handshake")),
    };
    assert!(answer.is_err(), "no certificate, and served");

    let plain = Endpoint::from_shared(format!("http://{}", server.address)).unwrap().connect().await;
    let answer = match plain {
        Ok(channel) => SensorClient::new(channel).get_status(GetStatusRequest {}).await.map(drop),
        Err(_) => Err(tonic::Status::unavailable("no handshake")),
    };
    assert!(answer.is_err(), "no TLS, and served");

    server.until("three counted", |report| report.failed >= 3 && report.connections == 0).await;
    assert_eq!(server.observer.report().served, 0);
    // The client, for its part, does not speak to a server that it does not know.
    let said = ask(&server.target(&other, place.clients.sign("reader"))).await.unwrap_err();
    assert!(said.contains("UnknownIssuer") || said.contains("BadSignature"), "{said}");
}

#[tokio::test]
async fn with_names_only_these_clients_are_served() {
    let place = Place::new();
    let uri = "spiffe://cluster.local/ns/shop/sa/reader";
    let server = place.start(&["reader.shop", uri], 8).await;
    for name in ["reader.shop", "READER.shop", uri] {
        ask(&server.target(&place.servers, place.clients.sign(name))).await.unwrap();
    }
    for name in ["other.shop", "spiffe://cluster.local/ns/shop/sa/reader2", "x.reader.shop"] {
        let said = ask(&server.target(&place.servers, place.clients.sign(name))).await.unwrap_err();
        assert!(said.contains("tls.clients"), "{name}: {said}");
    }
    server.until("three unknown", |report| report.unknown == 3).await;
    assert_eq!((server.observer.report().failed, server.observer.report().served), (0, 3));
}

#[tokio::test]
async fn noise_and_silence_are_harmless_and_connections_are_bounded() {
    let place = Place::new();
    let server = place.start(&[], 2).await;
    let mut noise = TcpStream::connect(server.address).await.unwrap();
    noise.write_all(&[0x5a; 4096]).await.unwrap();
    server.until("noise ends", |report| report.failed == 1 && report.connections == 0).await;

    let good = server.target(&place.servers, place.clients.sign("reader"));
    let mut first = client::connect(&good).await.unwrap();
    first.get_status(GetStatusRequest {}).await.unwrap();
    let silent = TcpStream::connect(server.address).await.unwrap();
    server.until("two places taken", |report| report.connections == 2).await;
    let mut third = TcpStream::connect(server.address).await.unwrap();
    // Closed at once: the end, or a reset.
    assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(server.observer.report().refused, 1);
    first.get_status(GetStatusRequest {}).await.unwrap();
    drop(silent);
    server.until("a place is free", |report| report.connections == 1).await;
    ask(&good).await.unwrap();
}

#[tokio::test]
async fn renewed_files_are_taken_and_bad_ones_are_told_while_the_old_hold() {
    let place = Place::new();
    let server = place.start(&[], 8).await;
    let known = server.target(&place.servers, place.clients.sign("reader"));
    let mut lasting = client::connect(&known).await.unwrap();
    lasting.get_status(GetStatusRequest {}).await.unwrap();

    let newer = Authority::new();
    place.renew(&newer);
    let renewed = server.target(&newer, place.clients.sign("reader"));
    server.until("a renewal", |report| report.renewals >= 1).await;
    // The key may have been read a moment after the certificate: then there is a second round.
    let mut said = ask(&renewed).await;
    for _ in 0..500 {
        if said.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        said = ask(&renewed).await;
    }
    said.unwrap();
    assert!(ask(&known).await.is_err(), "the old certificate is still shown");
    lasting.get_status(GetStatusRequest {}).await.unwrap();
    let mut problem = server.observer.problem.clone();
    problem.wait_for(Option::is_none).await.unwrap();
    place.write("tls.key", &place.servers.sign("agent").1);
    let told = problem.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert!(told.contains("tls.key = ") && told.contains("is not the key of the certificate in"), "{told}");
    ask(&renewed).await.unwrap();

    place.renew(&newer);
    problem.wait_for(Option::is_none).await.unwrap();
    ask(&renewed).await.unwrap();
}

#[tokio::test]
async fn files_that_are_wrong_are_named_at_the_start() {
    let place = Place::new();
    let (other, _) = place.servers.sign("agent");
    let key = fs::read_to_string(place.path("tls.key")).unwrap();
    let cases = [
        ("tls.crt", "", "tls.certificate", "holds no certificate in PEM form"),
        ("tls.crt", key.as_str(), "tls.certificate", "holds no certificate in PEM form"),
        ("tls.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n", "tls.certificate", "is no PEM"),
        (
            "tls.crt",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "tls.certificate",
            "is of no use",
        ),
        ("tls.crt", other.as_str(), "tls.key", "is not the key of the certificate in"),
        ("tls.key", "no key", "tls.key", "holds no private key in PEM form"),
        ("ca.crt", "", "tls.client_ca", "holds no certificate in PEM form"),
        (
            "ca.crt",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "tls.client_ca",
            "certificate 1 in it is of no use",
        ),
    ];
    for (file, text, setting, expected) in cases {
        let before = fs::read_to_string(place.path(file)).unwrap();
        place.write(file, text);
        let error = TlsListener::bind(&place.settings(&[], 1)).await.unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with(&format!("{setting} = ")) && said.contains(expected), "{file}: {said}");
        assert!(error.is_of_settings());
        place.write(file, &before);
    }
    fs::write(place.path("ca.crt"), vec![b'x'; (1 << 20) + 1]).unwrap();
    let said = TlsListener::bind(&place.settings(&[], 1)).await.unwrap_err().to_string();
    assert!(said.contains("is larger than 1048576 bytes"), "{said}");
    fs::remove_file(place.path("ca.crt")).unwrap();
    let said = TlsListener::bind(&place.settings(&[], 1)).await.unwrap_err().to_string();
    assert!(said.starts_with("tls.client_ca = ") && said.contains("cannot read this file"), "{said}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_no_matter_of_the_files() {
    let place = Place::new();
    let first = TlsListener::bind(&place.settings(&[], 1)).await.unwrap();
    let settings = Tls { listen: first.address(), ..place.settings(&[], 1) };
    let error = TlsListener::bind(&settings).await.unwrap_err();
    assert!(!error.is_of_settings() && error.to_string().contains("tls.listen = 127.0.0.1:"), "{error}");
}
