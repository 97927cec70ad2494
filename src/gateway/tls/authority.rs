//! The appliance's own certificate authority: made once, then only used.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::clock::Time;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::TlsError;
use super::files;
use super::leaf::{CertificateFacts, Leaf, facts_of};
use super::names;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Life of the authority: people import it into browsers by hand, so it should last.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
/// Life of a server certificate; browsers accept up to 398 days.
const SERVER_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// A certificate authority with its key.
pub(super) struct Authority {
    directory: PathBuf,
    key: KeyPair,
    /// The authority's certificate, PEM.
    pub(super) certificate_pem: String,
    certificate_der: Vec<u8>,
}

impl Authority {
    /// Opens the authority kept in `directory`; makes it when there is none.
    ///
    /// One whose end is near, or that the clock says is not yet valid, is made again with the same
    /// key and name, so that certificates of both fit to either.
    pub(super) fn open(directory: &Path, now: Time) -> Result<Self, TlsError> {
        files::make_directory(directory)?;
        let (certificate_path, key_path) = (directory.join("ca.pem"), directory.join("ca.key"));
        if !key_path.exists() {
            // The key comes first: a crash between the two leaves a key that gets a certificate.
            let key = KeyPair::generate().map_err(|error| cannot_make(&error))?;
            files::write(&key_path, key.serialize_pem().as_bytes(), 0o600)?;
        }
        let key = match files::read_key(&key_path)? {
            PrivateKeyDer::Pkcs8(der) => KeyPair::try_from(der.secret_pkcs8_der()),
            _ => Err(rcgen::Error::CouldNotParseKeyPair),
        };
        let key = key.map_err(|error| unusable(&key_path, &error.to_string()))?;
        if certificate_path.exists() {
            let chain = files::read_chain(&certificate_path)?;
            let der = chain.first().map(|first| first.to_vec()).unwrap_or_default();
            let facts = facts_of(&der, true).map_err(|why| unusable(&certificate_path, &why))?;
            if !ends_soon(&facts, now) {
                let certificate_pem = pem_text(&certificate_path)?;
                let directory = directory.to_owned();
                return Ok(Self { directory, key, certificate_pem, certificate_der: der });
            }
        }
        let params = authority_params(now, subject_of(&certificate_path));
        let certificate = params.self_signed(&key).map_err(|error| cannot_make(&error))?;
        let certificate_pem = certificate.pem();
        files::write(&certificate_path, certificate_pem.as_bytes(), 0o644)?;
        tracing::info!(path = %certificate_path.display(), "certificate authority made");
        let certificate_der = certificate.der().to_vec();
        Ok(Self { directory: directory.to_owned(), key, certificate_pem, certificate_der })
    }

    /// Whether this authority signed `leaf`.
    pub(super) fn issued(&self, leaf: &Leaf) -> bool {
        let Some(certificate) = leaf.certificate() else { return false };
        let parsed = X509Certificate::from_der(certificate);
        let own = X509Certificate::from_der(&self.certificate_der);
        match (parsed, own) {
            (Ok((_, leaf)), Ok((_, own))) => {
                leaf.issuer() == own.subject()
                    && leaf.verify_signature(Some(own.public_key())).is_ok()
            }
            _ => false,
        }
    }

    /// Makes, stores and gives a server certificate for `names`.
    pub(super) fn issue(
        &self,
        names: &[String],
        now: Time,
        provider: &CryptoProvider,
    ) -> Result<Leaf, TlsError> {
        let key = KeyPair::generate().map_err(|error| cannot_make(&error))?;
        let mut params =
            CertificateParams::new(names.to_vec()).map_err(|error| cannot_make(&error))?;
        params.distinguished_name = name(&names::host_name());
        set_validity(&mut params, now, SERVER_LIFE);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate_pem, &self.key)
            .map_err(|error| cannot_make(&error))?;
        let certificate = params.signed_by(&key, &issuer).map_err(|error| cannot_make(&error))?;

        // The key goes first: a crash in between leaves a pair that does not fit and is made again.
        let key_pem = key.serialize_pem();
        files::write(&self.directory.join("server.key"), key_pem.as_bytes(), 0o600)?;
        let pem = certificate.pem();
        files::write(&self.directory.join("server.pem"), pem.as_bytes(), 0o644)?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain = vec![certificate.der().clone()];
        let leaf = Leaf::new(chain, private, true, provider)
            .map_err(|why| TlsError(format!("a server certificate cannot be made: {why}")))?;
        tracing::info!(names = ?leaf.facts.names, not_after = %leaf.facts.not_after,
            "server certificate made");
        Ok(leaf)
    }
}

fn authority_params(now: Time, subject: Option<String>) -> CertificateParams {
    let mut params = CertificateParams::default();
    let fresh = || format!("OneMonitor CA {} {}", names::host_name(), now.as_millis() / 1_000);
    params.distinguished_name = name(&subject.unwrap_or_else(fresh));
    set_validity(&mut params, now, AUTHORITY_LIFE);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn ends_soon(facts: &CertificateFacts, now: Time) -> bool {
    now < facts.not_before || now.plus(SERVER_LIFE) > facts.not_after
}

/// The common name of the certificate stored at `path`, if there is one.
fn subject_of(path: &Path) -> Option<String> {
    let chain = files::read_chain(path).ok()?;
    let (_, parsed) = X509Certificate::from_der(chain.first()?).ok()?;
    parsed.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    let short: String = common_name.chars().take(64).collect();
    name.push(DnType::CommonName, short);
    name
}

/// From a day ago, because clocks differ, until the end of `life`.
fn set_validity(params: &mut CertificateParams, now: Time, life: Duration) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since_epoch = |time: Time| time.since(Time::default());
    params.not_before = epoch + since_epoch(now.minus(DAY));
    params.not_after = epoch + since_epoch(now.plus(life));
}

fn pem_text(path: &Path) -> Result<String, TlsError> {
    std::fs::read_to_string(path).map_err(|error| unusable(path, &error.to_string()))
}

fn cannot_make(error: &rcgen::Error) -> TlsError {
    TlsError(format!("a server certificate cannot be made: {error}"))
}

fn unusable(path: &Path, why: &str) -> TlsError {
    let directory = path.parent().unwrap_or(path);
    TlsError(format!(
        "{} cannot be used: {why}; restore it, or delete the directory {} for a new authority, \
         which clients must then trust anew",
        path.display(),
        directory.display()
    ))
}
