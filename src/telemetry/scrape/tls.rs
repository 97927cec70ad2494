//! TLS towards targets: which certificates are trusted, and which one is shown.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use kernel::error::Result;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::job::{TlsSettings, invalid};

/// Most bytes of a certificate or key file.
const PEM_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Builds the configuration of a job.
pub(crate) fn configure(settings: &TlsSettings, default_ca: &Path) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid("tls", error.to_string()))?;
    let name = match &settings.server_name {
        None => None,
        Some(name) => Some(ServerName::try_from(name.clone()).map_err(|_| {
            invalid("tls.server_name", format!("{name:?} is not a host name or address"))
        })?),
    };
    let inner = if settings.insecure_skip_verify {
        None
    } else {
        let roots = roots(settings, default_ca)?;
        // Without any root every handshake fails, with a message that says why.
        WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build().ok()
    };
    let verifier = Verifier { inner, name, provider, skip: settings.insecure_skip_verify };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let client = match (&settings.cert_file, &settings.key_file) {
        (Some(cert), Some(key)) => {
            let chain = certificates(&read("tls.cert_file", cert)?, "tls.cert_file")?;
            let key = PrivateKeyDer::from_pem_slice(&read("tls.key_file", key)?)
                .map_err(|error| invalid("tls.key_file", format!("no key in it: {error}")))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| invalid("tls.key_file", error.to_string()))?
        }
        (None, None) => builder.with_no_client_auth(),
        _ => return Err(invalid("tls.key_file", "give cert_file and key_file together")),
    };
    Ok(Arc::new(client))
}

/// The default authorities, read once while their file stays the same: a bundle takes some
/// hundred kilobytes, and every job without authorities of its own needs it.
static BUNDLE: Mutex<Option<Bundle>> = Mutex::new(None);

struct Bundle {
    path: PathBuf,
    modified: Option<SystemTime>,
    roots: Arc<RootCertStore>,
}

fn default_roots(path: &Path) -> Arc<RootCertStore> {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let mut bundle = BUNDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = bundle.as_ref()
        && known.path == path
        && known.modified == modified
    {
        return Arc::clone(&known.roots);
    }
    let mut store = RootCertStore::empty();
    let pem = read("tls", path).unwrap_or_default();
    store.add_parsable_certificates(certificates(&pem, "tls").unwrap_or_default());
    let roots = Arc::new(store);
    *bundle = Some(Bundle { path: path.to_owned(), modified, roots: Arc::clone(&roots) });
    roots
}

fn roots(settings: &TlsSettings, default_ca: &Path) -> Result<Arc<RootCertStore>> {
    if settings.ca_pem.is_none() && settings.ca_file.is_none() {
        return Ok(default_roots(default_ca));
    }
    let mut store = RootCertStore::empty();
    if let Some(pem) = &settings.ca_pem {
        let found = certificates(pem.as_bytes(), "tls.ca_pem")?;
        if found.is_empty() {
            return Err(invalid("tls.ca_pem", "no certificate in it"));
        }
        store.add_parsable_certificates(found);
    }
    if let Some(path) = &settings.ca_file {
        store.add_parsable_certificates(certificates(&read("tls.ca_file", path)?, "tls.ca_file")?);
    }
    Ok(Arc::new(store))
}

fn certificates(pem: &[u8], field: &str) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(field, format!("not a list of PEM certificates: {error}")))
}

fn read(field: &str, path: &Path) -> Result<Vec<u8>> {
    let told = |error: std::io::Error| {
        invalid(field, format!("{} cannot be read: {error}", path.display()))
    };
    if std::fs::metadata(path).map_err(told)?.len() > PEM_BYTES_MAX {
        return Err(invalid(field, format!("{} is too large", path.display())));
    }
    std::fs::read(path).map_err(told)
}

/// Checks certificates under the name that the job states, or not at all when it says so.
#[derive(Debug)]
struct Verifier {
    inner: Option<Arc<WebPkiServerVerifier>>,
    name: Option<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
    skip: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.skip {
            return Ok(ServerCertVerified::assertion());
        }
        let Some(inner) = &self.inner else {
            return Err(rustls::Error::General("no trusted certificates are known".to_owned()));
        };
        let name = self.name.as_ref().unwrap_or(server_name);
        inner.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
