//! Certificate, key and authorities: read from their files, and made into what a handshake needs. Taken
//! whole or not at all.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{Error, RootCertStore, ServerConfig, version::TLS13};

use super::{TlsError, verifier::Verifier};
use crate::config::resolved::Tls;
use crate::config::setting;

/// Largest file, in bytes; hundreds of certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The files, as they were read.
#[derive(PartialEq, Eq)]
pub(super) struct Material {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Vec<u8>,
}

impl Material {
    pub(super) fn read(settings: &Tls) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(&setting::TLS_CERTIFICATE, &settings.certificate)?,
            key: read(&setting::TLS_KEY, &settings.key)?,
            client_ca: read(&setting::TLS_CLIENT_CA, &settings.client_ca)?,
        })
    }

    /// What a server needs that asks each client for a certificate.
    pub(super) fn server(&self, settings: &Tls) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&setting::TLS_CERTIFICATE, &settings.certificate, &self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| {
            let what = match error {
                pem::Error::NoItemsFound => {
                    "holds no private key in PEM form (PKCS#8, PKCS#1 or SEC1, without a passphrase)"
                        .to_owned()
                }
                other => format!("is no PEM: {other}"),
            };
            content(&setting::TLS_KEY, &settings.key, what)
        })?;
        let verifier = self.verifier(settings, &provider)?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| content(&setting::TLS_KEY, &settings.key, error.to_string()))?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_single_cert(chain, key)
            .map_err(|error| unfit(settings, &error))?;
        server.alpn_protocols = vec![b"h2".to_vec()];
        // A session that is taken up again would not show a certificate, which may have expired meanwhile.
        server.send_tls13_tickets = 0;
        Ok(server)
    }

    fn verifier(&self, settings: &Tls, provider: &Arc<CryptoProvider>) -> Result<Verifier, TlsError> {
        let wrong = |what| content(&setting::TLS_CLIENT_CA, &settings.client_ca, what);
        let mut roots = RootCertStore::empty();
        let authorities = certificates(&setting::TLS_CLIENT_CA, &settings.client_ca, &self.client_ca)?;
        for (number, certificate) in authorities.into_iter().enumerate() {
            let unusable = |error| wrong(format!("certificate {} in it is of no use: {error}", number + 1));
            roots.add(certificate).map_err(unusable)?;
        }
        let chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Verifier::new(chain, settings.clients.clone()))
    }
}

fn read(setting: &setting::Setting, path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let result = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    let failed = |source: io::Error| TlsError::Read { setting: setting.key, path: path.to_owned(), source };
    result.map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(content(setting, path, format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// All certificates of a file; at least one.
fn certificates(
    setting: &setting::Setting,
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let found = found.map_err(|error| content(setting, path, format!("is no PEM: {error}")))?;
    if found.is_empty() {
        let what = "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)";
        return Err(content(setting, path, what.to_owned()));
    }
    Ok(found)
}

/// Why certificate and key are of no use.
fn unfit(settings: &Tls, error: &Error) -> TlsError {
    match error {
        Error::InconsistentKeys(_) => {
            let what = format!("is not the key of the certificate in {}", settings.certificate.display());
            content(&setting::TLS_KEY, &settings.key, what)
        }
        Error::InvalidCertificate(reason) => {
            content(&setting::TLS_CERTIFICATE, &settings.certificate, format!("is of no use: {reason:?}"))
        }
        error => content(&setting::TLS_KEY, &settings.key, format!("is of no use: {error}")),
    }
}

fn content(setting: &setting::Setting, path: &Path, what: String) -> TlsError {
    TlsError::Content { setting: setting.key, path: path.to_owned(), what }
}

impl std::fmt::Debug for Material {
    /// Without the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Material").finish_non_exhaustive()
    }
}
