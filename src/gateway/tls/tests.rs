//! Tests of the automatic authority: made once, renewed in time, its keys kept to the owner.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use kernel::clock::{Clock, ManualClock, Time};
use tempfile::TempDir;

use super::{Tls, TlsSource};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn automatic(dir: &Path, names: &[&str]) -> TlsSource {
    let extra_names = names.iter().map(|name| (*name).to_owned()).collect();
    TlsSource::Auto { directory: dir.to_owned(), extra_names }
}

fn clock() -> ManualClock {
    ManualClock::at(Time::parse("2026-11-23T08:00:00Z").unwrap())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_authority_is_made_once_and_its_keys_are_closed() {
    let dir = TempDir::new().unwrap();
    let hand = clock();
    let open = || Tls::open(automatic(dir.path(), &[]), Clock::manual(&hand)).unwrap();
    let first = open();
    assert!(first.facts().self_issued);
    assert!(first.facts().names.iter().any(|name| name == "localhost"));
    for key in ["ca.key", "server.key"] {
        assert_eq!(mode(&dir.path().join(key)), 0o600, "{key}");
    }
    let again = open();
    assert_eq!(again.authority_pem(), first.authority_pem());
    assert_eq!(again.facts().fingerprint, first.facts().fingerprint);
}

#[test]
fn the_certificate_is_renewed_before_it_ends_by_the_same_authority() {
    let dir = TempDir::new().unwrap();
    let hand = clock();
    let tls = Tls::open(automatic(dir.path(), &[]), Clock::manual(&hand)).unwrap();
    let (old, authority) = (tls.facts(), tls.authority_pem());
    hand.advance(DAY);
    tls.reload().unwrap();
    assert_eq!(tls.facts().fingerprint, old.fingerprint, "nothing is renewed without need");
    hand.set(old.not_after.minus(DAY));
    tls.reload().unwrap();
    assert_ne!(tls.facts().fingerprint, old.fingerprint);
    assert!(tls.facts().not_after > old.not_after);
    assert_eq!(tls.authority_pem(), authority, "browsers that trust the authority go on");
}

#[test]
fn a_new_name_gets_a_new_certificate() {
    let dir = TempDir::new().unwrap();
    let hand = clock();
    let before = Tls::open(automatic(dir.path(), &[]), Clock::manual(&hand)).unwrap();
    let named = automatic(dir.path(), &["monitor.example", "192.0.2.99"]);
    let after = Tls::open(named, Clock::manual(&hand)).unwrap();
    assert_ne!(after.facts().fingerprint, before.facts().fingerprint);
    for name in ["monitor.example", "192.0.2.99"] {
        assert!(after.facts().names.iter().any(|it| it == name), "{name}");
    }
}

#[test]
fn own_files_that_cannot_be_used_are_named() {
    let dir = TempDir::new().unwrap();
    let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let open = || {
        let source = TlsSource::Files { certificate: certificate.clone(), key: key.clone() };
        Tls::open(source, Clock::manual(&clock())).map(|_| ()).unwrap_err().to_string()
    };
    let check = |said: String, parts: &[&str]| {
        for part in parts {
            assert!(said.contains(part), "{said:?} does not say {part:?}");
        }
    };
    check(open(), &["cert.pem"]);

    let mut params = rcgen::CertificateParams::new(["own.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    let pair = rcgen::KeyPair::generate().unwrap();
    std::fs::write(&certificate, params.self_signed(&pair).unwrap().pem()).unwrap();
    check(open(), &["key.pem"]);
    std::fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    check(open(), &["key.pem", "cert.pem"]);
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nrubbish\n").unwrap();
    check(open(), &["key.pem"]);
}
