//! Authorities and the certificates that they sign, in files, for both sides of TLS.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::scratch::write_file;

/// How many authorities there were.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// An authority, new each time.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// Files of one side.
#[derive(Clone, Debug)]
pub struct Files {
    /// Certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names, which are right");
        // Each has a name of its own: libraries look authorities up by it.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// Writes its own certificate.
    #[must_use]
    pub fn write(&self, file: &Path) -> PathBuf {
        write_file(file, &self.certificate, 0o644);
        file.to_owned()
    }

    /// Writes a certificate for this DNS name, and its key, as `NAME.crt` and `NAME.key`; replaces those that are there.
    ///
    /// # Panics
    /// When the name is none.
    #[must_use]
    pub fn sign(&self, name: &str, folder: &Path) -> Files {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a DNS name");
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        let files = Files {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        };
        write_file(&files.certificate, &certificate, 0o644);
        write_file(&files.key, key.serialize_pem(), 0o600);
        files
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
