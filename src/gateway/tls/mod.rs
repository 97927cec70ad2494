//! TLS of the listener: where its certificate comes from, and how it changes while running.
//!
//! With `Auto` the appliance is its own small authority: a CA made at the first start, and a server
//! certificate that names this machine, renewed before it ends and when the machine gets a new name
//! or address. With `Files` the administrator's certificate is checked and served, and read again
//! on [`Tls::reload`]. A connection that is open keeps the certificate that it began with.

mod authority;
mod files;
mod leaf;
mod names;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use kernel::clock::{Clock, Time};
use kernel::stop::Stop;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use authority::Authority;
pub use leaf::CertificateFacts;
use leaf::Leaf;
pub(crate) use names::reachable_name;

/// How often the certificate's end and the machine's names are looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(600);
/// Own certificates that end sooner than this are warned about.
const WARN_BEFORE_END: Duration = Duration::from_secs(14 * 24 * 3600);

/// Where the server certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsSource {
    /// An authority of the appliance's own.
    Auto {
        /// Where the authority and its certificates are kept: `<data>/tls`.
        directory: PathBuf,
        /// Names and addresses to certify besides those that the machine has.
        extra_names: Vec<String>,
    },
    /// The administrator's own files, PEM.
    Files {
        /// The certificate, followed by the intermediate ones.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// Why TLS cannot be set up: one sentence that says what, where and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(pub(crate) String);

/// The listener's TLS; clones share one certificate.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    source: TlsSource,
    clock: Clock,
    provider: Arc<CryptoProvider>,
    served: RwLock<Served>,
}

/// The certificate that new connections get.
#[derive(Clone)]
struct Served {
    key: Arc<CertifiedKey>,
    facts: CertificateFacts,
    authority_pem: Option<String>,
}

impl Tls {
    /// Reads, or with `Auto` makes, the certificate.
    ///
    /// # Errors
    /// A certificate that cannot be read, used or made.
    pub(crate) fn open(source: TlsSource, clock: Clock) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let served = load(&source, clock.now(), &provider)?;
        let served = RwLock::new(served);
        Ok(Self(Arc::new(Inner { source, clock, provider, served })))
    }

    /// Reads the certificate again, or with `Auto` renews it when it is due.
    ///
    /// Does blocking work on files. When it fails, the certificate served so far stays.
    ///
    /// # Errors
    /// A certificate that cannot be read, used or made.
    pub fn reload(&self) -> Result<(), TlsError> {
        let served = load(&self.0.source, self.0.clock.now(), &self.0.provider)?;
        let changed = served.facts.fingerprint != self.facts().fingerprint;
        let (not_after, fingerprint) = (served.facts.not_after, served.facts.fingerprint.clone());
        *self.0.served.write().unwrap_or_else(PoisonError::into_inner) = served;
        if changed {
            tracing::info!(%not_after, fingerprint, "server certificate changed");
        }
        Ok(())
    }

    /// What the served certificate says.
    #[must_use]
    pub fn facts(&self) -> CertificateFacts {
        self.served().facts
    }

    /// The certificate of the appliance's own authority, PEM; `None` with own files.
    #[must_use]
    pub fn authority_pem(&self) -> Option<String> {
        self.served().authority_pem
    }

    /// Keeps the certificate fresh until `stop`.
    pub(crate) async fn keep_fresh(self, stop: Stop) {
        while stop.sleep(CHECK_INTERVAL).await {
            let tls = self.clone();
            let checked = tokio::task::spawn_blocking(move || tls.check()).await;
            if let Ok(Err(error)) = checked {
                tracing::warn!(%error, "server certificate not renewed");
            }
        }
    }

    fn check(&self) -> Result<(), TlsError> {
        if matches!(self.0.source, TlsSource::Auto { .. }) {
            return self.reload();
        }
        let not_after = self.facts().not_after;
        if self.0.clock.now().plus(WARN_BEFORE_END) > not_after {
            tracing::warn!(%not_after, "the server certificate ends soon: put a new one in place");
        }
        Ok(())
    }

    /// The rustls configuration of the listener.
    pub(crate) fn server_config(&self) -> Result<rustls::ServerConfig, TlsError> {
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&self.0.provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| TlsError(format!("TLS cannot be set up: {error}")))?;
        let resolver = Arc::new(self.clone());
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn served(&self) -> Served {
        self.0.served.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("source", &self.0.source).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served().key)
    }
}

fn load(source: &TlsSource, now: Time, provider: &CryptoProvider) -> Result<Served, TlsError> {
    match source {
        TlsSource::Files { certificate, key } => {
            let leaf = files::read(certificate, key, now, provider)?;
            Ok(Served { key: leaf.key, facts: leaf.facts, authority_pem: None })
        }
        TlsSource::Auto { directory, extra_names } => {
            let names = names::of_this_machine(extra_names);
            let (authority, leaf) = own_certificate(directory, &names, now, provider)?;
            let authority_pem = Some(authority.certificate_pem);
            Ok(Served { key: leaf.key, facts: leaf.facts, authority_pem })
        }
    }
}

fn own_certificate(
    directory: &Path,
    names: &[String],
    now: Time,
    provider: &CryptoProvider,
) -> Result<(Authority, Leaf), TlsError> {
    let authority = Authority::open(directory, now)?;
    let (certificate, key) = (directory.join("server.pem"), directory.join("server.key"));
    if let Some(leaf) = files::read_own(&certificate, &key, provider)
        && !leaf.facts.is_due(now)
        && leaf.facts.covers(names)
        && authority.issued(&leaf)
    {
        return Ok((authority, leaf));
    }
    let leaf = authority.issue(names, now, provider)?;
    Ok((authority, leaf))
}

#[cfg(test)]
mod tests;
