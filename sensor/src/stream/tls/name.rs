//! A client's name in its certificate (subjectAltName): a DNS name, or a URI such as a SPIFFE id.

use std::str::FromStr;

use tokio_rustls::rustls::pki_types::{CertificateDer, DnsName, ServerName};
use webpki::EndEntityCert;

/// Longest URI, in bytes (the limit of SPIFFE).
const URI_BYTES_MAX: usize = 2048;

/// A name that a certificate may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// Compared as the names of servers are: without regard to case.
    Dns(DnsName<'static>),
    /// Compared byte by byte.
    Uri(String),
}

impl Name {
    /// True if the certificate, which has been verified, has one of the names.
    pub(super) fn any(names: &[Self], certificate: &CertificateDer<'_>) -> bool {
        let Ok(certificate) = EndEntityCert::try_from(certificate) else { return false };
        names.iter().any(|name| match name {
            Self::Dns(name) => {
                certificate.verify_is_valid_for_subject_name(&ServerName::DnsName(name.clone())).is_ok()
            }
            Self::Uri(uri) => certificate.valid_uri_names().any(|other| other == uri),
        })
    }
}

impl FromStr for Name {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            let good = plain(scheme) && plain(rest) && text.len() <= URI_BYTES_MAX;
            return good.then(|| Self::Uri(text.to_owned())).ok_or(());
        }
        DnsName::try_from(text.to_owned()).map(Self::Dns).map_err(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_certificates_have() {
        for good in ["reader", "reader.picket.svc", "spiffe://cluster.local/ns/shop/sa/reader"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "spiffe://", "://x", "spiffe://x y", "10.0.0.1/8", "*.x"] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
