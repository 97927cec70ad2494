//! A server certificate as it is served, and what it says about itself.

use std::sync::Arc;
use std::time::Duration;

use kernel::clock::Time;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::names::address_text;

/// A certificate made here is renewed when less than this is left of its life.
const RENEW_BEFORE_END: Duration = Duration::from_secs(60 * 24 * 3600);

/// What a server certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// From when it is valid.
    pub not_before: Time,
    /// Until when it is valid.
    pub not_after: Time,
    /// The host names and addresses that it certifies.
    pub names: Vec<String>,
    /// SHA-256 of the certificate as browsers show it: `AB:CD:…`.
    pub fingerprint: String,
    /// Whether the appliance's own authority issued it.
    pub self_issued: bool,
}

impl CertificateFacts {
    /// Whether a certificate made here should be replaced; also when the clock was corrected to a
    /// time before its beginning.
    pub(super) fn is_due(&self, now: Time) -> bool {
        now < self.not_before || now.plus(RENEW_BEFORE_END) > self.not_after
    }

    /// Whether all of `names` are certified.
    pub(super) fn covers(&self, names: &[String]) -> bool {
        names.iter().all(|name| self.names.contains(name))
    }
}

/// A certificate with its key, ready to serve.
#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) facts: CertificateFacts,
}

impl Leaf {
    /// Joins a chain and its key; says in words what does not fit.
    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        self_issued: bool,
        provider: &CryptoProvider,
    ) -> Result<Self, String> {
        let Some(first) = chain.first() else { return Err("it holds no certificate".to_owned()) };
        let facts = facts_of(first, self_issued)?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                "the private key does not belong to it".to_owned()
            }
            other => other.to_string(),
        })?;
        Ok(Self { key: Arc::new(key), facts })
    }

    /// The server certificate alone.
    pub(super) fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.key.cert.first()
    }
}

/// Reads what a certificate says.
pub(super) fn facts_of(der: &[u8], self_issued: bool) -> Result<CertificateFacts, String> {
    let (_, parsed) = X509Certificate::from_der(der)
        .map_err(|error| format!("it is no X.509 certificate ({error})"))?;
    let mut names = Vec::new();
    if let Ok(Some(extension)) = parsed.subject_alternative_name() {
        for name in &extension.value.general_names {
            match name {
                GeneralName::DNSName(name) => names.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => names.extend(address_text(bytes)),
                _ => {}
            }
        }
    }
    let validity = parsed.validity();
    Ok(CertificateFacts {
        not_before: Time::from_millis(validity.not_before.timestamp().saturating_mul(1_000)),
        not_after: Time::from_millis(validity.not_after.timestamp().saturating_mul(1_000)),
        names,
        fingerprint: fingerprint(der),
        self_issued,
    })
}

fn fingerprint(der: &[u8]) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(der);
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}
