//! Random secrets: sessions, API tokens, one-time passwords; and what is stored of them.
//!
//! The secrets have 100 bits and more, so their digests need neither salt nor slow hashing.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::error::{Error, Result};
use kernel::secret::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What every API token begins with, so that scanners for leaked secrets find it.
const TOKEN_MARK: &str = "om";
/// Letters and digits of an API token.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Letters and digits of a one-time password: none that is mistaken for another.
const READABLE: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Characters of a token's parts; the random one has 256 bits.
const PREFIX_CHARS: usize = 8;
const RANDOM_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;

/// The SHA-256 digest of a secret: what is stored instead of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(secret.expose().as_bytes()).into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A session's secret, the value of its cookie: 256 random bits.
pub(crate) fn new_session_secret() -> Result<Secret> {
    let mut bytes = [0; 32];
    fill(&mut bytes)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// The anti-forgery token of a session; follows from its secret, tells nothing about it.
pub(crate) fn csrf_token(session: &Secret) -> Secret {
    let mut hash = Sha256::new();
    hash.update(b"onemonitor csrf token 1\n");
    hash.update(session.expose().as_bytes());
    Secret::new(URL_SAFE_NO_PAD.encode(hash.finalize()))
}

/// Compares in a time that does not depend on where the two differ.
pub(crate) fn equal(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// A new API token, `om_<prefix>_<random>_<checksum>`, and its prefix.
pub(crate) fn new_token() -> Result<(Secret, String)> {
    let prefix = random_text(BASE62, PREFIX_CHARS)?;
    let random = random_text(BASE62, RANDOM_CHARS)?;
    let body = format!("{TOKEN_MARK}_{prefix}_{random}");
    let checksum = checksum(&body);
    Ok((Secret::new(format!("{body}_{checksum}")), format!("{TOKEN_MARK}_{prefix}")))
}

/// Whether `text` has the form of an API token and its checksum: typing errors and foreign
/// secrets are told apart without a look at the store.
pub(crate) fn is_token(text: &str) -> bool {
    let Some((body, sum)) = text.rsplit_once('_') else { return false };
    let mut parts = body.split('_');
    let has_form = parts.next() == Some(TOKEN_MARK)
        && parts.next().is_some_and(|prefix| prefix.len() == PREFIX_CHARS)
        && parts.next().is_some_and(|random| random.len() == RANDOM_CHARS)
        && parts.next().is_none();
    has_form && equal(sum, &checksum(body))
}

/// A password for one use: 100 random bits in groups that can be typed.
pub(crate) fn new_one_time_password() -> Result<Secret> {
    let mut groups = Vec::with_capacity(4);
    for _ in 0..4 {
        groups.push(random_text(READABLE, 5)?);
    }
    Ok(Secret::new(groups.join("-")))
}

fn checksum(body: &str) -> String {
    let digest = Sha256::digest(body.as_bytes());
    let letter = |byte: &u8| char::from(BASE62[usize::from(*byte) % BASE62.len()]);
    digest.iter().take(CHECKSUM_CHARS).map(letter).collect()
}

/// Characters of `alphabet`, each equally likely.
fn random_text(alphabet: &[u8], chars: usize) -> Result<String> {
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(chars);
    let mut bytes = [0; 64];
    while text.len() < chars {
        fill(&mut bytes)?;
        for byte in bytes {
            // Bytes at the end of the range would make the first characters likelier.
            if usize::from(byte) < fair && text.len() < chars {
                text.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
            }
        }
    }
    Ok(text)
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::internal("identity.no_randomness", error))
}
