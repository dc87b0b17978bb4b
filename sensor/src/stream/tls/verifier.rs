//! Which clients are served: those whose certificate an authority signed, and among them those with a name
//! that the settings list.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
};

use super::name::Name;

/// What a client is told that `tls.clients` does not name; no other check of certificates says so.
pub(super) const UNKNOWN: Error = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);

/// Checks the chain first, then the names.
#[derive(Debug)]
pub(super) struct Verifier {
    /// Refuses who has no certificate, or one of another authority.
    chain: Arc<dyn ClientCertVerifier>,
    names: Vec<Name>,
}

impl Verifier {
    pub(super) const fn new(chain: Arc<dyn ClientCertVerifier>, names: Vec<Name>) -> Self {
        Self { chain, names }
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        if self.names.is_empty() || Name::any(&self.names, end_entity) { Ok(verified) } else { Err(UNKNOWN) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
