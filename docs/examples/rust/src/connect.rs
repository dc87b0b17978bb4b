//! What the command line says, and how the agent is reached by it: a socket, or mutual TLS.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// A node that vanished says nothing: so it is asked for a sign of life.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The command line.
pub struct Options {
    pub namespace: String,
    /// `unix:///PATH` or `https://HOST:PORT`
    pub connect: String,
    tls: HashMap<String, String>,
}

impl Options {
    /// Pairs of `--name value`.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        const KNOWN: [&str; 6] = ["namespace", "connect", "ca", "certificate", "key", "server-name"];
        let (mut given, mut words) = (HashMap::new(), words);
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").filter(|name| KNOWN.contains(name));
            let name = name.ok_or_else(|| format!("there is no option {word}"))?;
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            given.insert(name.to_owned(), value);
        }
        Ok(Self {
            namespace: given.remove("namespace").ok_or("--namespace is missing")?,
            connect: given.remove("connect").unwrap_or_else(|| "unix:///run/picket/picket.sock".to_owned()),
            tls: given,
        })
    }

    /// Where to connect. The files are read each time: certificates are renewed.
    pub fn endpoint(&self) -> Result<Endpoint, Box<dyn Error>> {
        let endpoint = Endpoint::from_shared(self.connect.clone())?
            .connect_timeout(Duration::from_secs(10))
            .http2_keep_alive_interval(SILENCE_MAX)
            .keep_alive_timeout(SILENCE_MAX);
        if !self.connect.starts_with("https://") {
            return Ok(endpoint);
        }
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.file("ca")?))
            .identity(Identity::from_pem(self.file("certificate")?, self.file("key")?));
        let tls = match self.tls.get("server-name") {
            Some(name) => tls.domain_name(name),
            None => tls,
        };
        Ok(endpoint.tls_config(tls)?)
    }

    fn file(&self, option: &str) -> Result<Vec<u8>, String> {
        let path = self.tls.get(option).ok_or_else(|| format!("https needs --{option}"))?;
        fs::read(path).map_err(|error| format!("--{option} {path}: {error}"))
    }
}
