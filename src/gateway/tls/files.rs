//! Certificate and key files: read, checked, and written so that nobody else can read a key.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use kernel::clock::Time;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;
use super::leaf::Leaf;

/// A certificate chain or key larger than this is refused unread.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads the administrator's certificate and key and checks that they can be served now.
pub(super) fn read(
    certificate: &Path,
    key: &Path,
    now: Time,
    provider: &CryptoProvider,
) -> Result<Leaf, TlsError> {
    let chain = read_chain(certificate)?;
    let private = read_key(key)?;
    let shown = certificate.display();
    let leaf = Leaf::new(chain, private, false, provider).map_err(|problem| {
        TlsError(format!(
            "the certificate {shown} with the key {} cannot be used: {problem}; \
             give a certificate and its own private key, both PEM",
            key.display()
        ))
    })?;
    let facts = &leaf.facts;
    if now >= facts.not_after {
        return Err(TlsError(format!(
            "the certificate {shown} expired at {}; put a valid one in its place, or set tls to \
             auto for one made here",
            facts.not_after
        )));
    }
    if now < facts.not_before {
        return Err(TlsError(format!(
            "the certificate {shown} is valid only from {} and it is {now}; correct the clock of \
             this machine or the certificate",
            facts.not_before
        )));
    }
    Ok(leaf)
}

/// Reads the certificate made here, if it is there and whole.
pub(super) fn read_own(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Option<Leaf> {
    if !certificate.exists() {
        return None;
    }
    let read = || -> Result<Leaf, TlsError> {
        let (chain, private) = (read_chain(certificate)?, read_key(key)?);
        Leaf::new(chain, private, true, provider).map_err(TlsError)
    };
    match read() {
        Ok(leaf) => Some(leaf),
        Err(error) => {
            tracing::warn!(%error, "the stored server certificate is unusable, making a new one");
            None
        }
    }
}

/// Reads the certificates of a PEM file.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read_limited("certificate", path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(not_pem("certificate", path, "-----BEGIN CERTIFICATE-----", "none in it")),
        Err(error) => {
            let found = error.to_string();
            Err(not_pem("certificate", path, "-----BEGIN CERTIFICATE-----", &found))
        }
    }
}

/// Reads the private key of a PEM file.
pub(super) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read_limited("private key", path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        if bytes.windows(9).any(|window| window == b"ENCRYPTED") {
            return TlsError(format!(
                "the private key {} is protected by a passphrase; store it without one, readable \
                 only by the user that the server runs as",
                path.display()
            ));
        }
        not_pem("private key", path, "-----BEGIN PRIVATE KEY-----", &error.to_string())
    })
}

fn not_pem(what: &str, path: &Path, expected: &str, found: &str) -> TlsError {
    let shown = path.display();
    TlsError(format!(
        "{shown} is no {what} in PEM form ({found}); it must have a part that begins with \
         {expected}"
    ))
}

fn read_limited(what: &str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |cause: &io::Error| {
        TlsError(format!(
            "the {what} {} cannot be read: {cause}; correct the path in the configuration or the \
             file's permissions",
            path.display()
        ))
    };
    let size = fs::metadata(path).map_err(|cause| unreadable(&cause))?.len();
    if size > FILE_BYTES_MAX {
        return Err(TlsError(format!(
            "the {what} {} has {size} bytes, more than a PEM file of {FILE_BYTES_MAX} bytes; \
             correct the path in the configuration",
            path.display()
        )));
    }
    fs::read(path).map_err(|cause| unreadable(&cause))
}

/// Writes a file whole or not at all, synced, with `mode`.
pub(super) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), TlsError> {
    let attempt = || -> io::Result<()> {
        let draft = path.with_extension("new");
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        fs::File::open(path.parent().unwrap_or(path))?.sync_all()
    };
    attempt().map_err(|cause| {
        TlsError(format!(
            "{} cannot be written: {cause}; the server keeps its certificate there, make the \
             directory writable and leave some space on the disk",
            path.display()
        ))
    })
}

/// Makes the directory of the certificates, open to the server's user alone.
pub(super) fn make_directory(path: &Path) -> Result<(), TlsError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|cause| {
        TlsError(format!(
            "the directory {} cannot be made: {cause}; the server keeps its certificate there",
            path.display()
        ))
    })
}
