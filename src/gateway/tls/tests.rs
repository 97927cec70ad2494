//! Tests of the certificate: made, kept, renewed, taken from files, refused with a reason.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::clock::{Clock, ManualClock, Time};
use tempfile::TempDir;

use super::names::{aliases, ipv4_of, ipv6_of, is_certifiable, of_this_machine};
use super::{Tls, TlsSource};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn auto(dir: &TempDir, extra: &[&str]) -> TlsSource {
    let extra_names = extra.iter().map(|&name| name.to_owned()).collect();
    TlsSource::Auto { directory: dir.path().join("tls"), extra_names }
}

fn clock() -> ManualClock {
    ManualClock::at(Time::parse("2026-11-23T08:00:00Z").unwrap())
}

fn open(source: TlsSource, clock: &ManualClock) -> Tls {
    Tls::open(source, Clock::manual(clock)).unwrap()
}

#[test]
fn the_first_start_makes_an_authority_and_later_ones_keep_it() {
    let (dir, clock) = (TempDir::new().unwrap(), clock());
    let first = open(auto(&dir, &[]), &clock);
    let facts = first.facts();
    assert!(facts.self_issued && facts.names.contains(&"localhost".to_owned()), "{facts:?}");
    assert!(facts.names.contains(&"127.0.0.1".to_owned()), "{facts:?}");
    let again = open(auto(&dir, &[]), &clock);
    assert_eq!(again.facts(), facts);
    assert_eq!(again.authority_pem(), first.authority_pem());
    for (name, mode) in [("ca.key", 0o600), ("server.key", 0o600), ("ca.pem", 0o644)] {
        let path = dir.path().join("tls").join(name);
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
}

#[test]
fn the_certificate_is_renewed_by_the_same_authority() {
    let (dir, clock) = (TempDir::new().unwrap(), clock());
    let tls = open(auto(&dir, &[]), &clock);
    let (first, authority) = (tls.facts(), tls.authority_pem());
    clock.advance(300 * DAY);
    tls.reload().unwrap();
    assert_eq!(tls.facts(), first, "not due yet");
    clock.advance(10 * DAY);
    tls.reload().unwrap();
    assert!(tls.facts().not_after > first.not_after);
    assert_eq!(tls.authority_pem(), authority);

    let renewed = tls.facts();
    let named = open(auto(&dir, &["Monitor.Example", "0:0:0:0:0:0:0:9"]), &clock);
    assert_ne!(named.facts().fingerprint, renewed.fingerprint);
    assert!(named.facts().names.contains(&"monitor.example".to_owned()));
    assert!(named.facts().names.contains(&"::9".to_owned()));
    let kept = open(auto(&dir, &["monitor.example", "::9"]), &clock);
    assert_eq!(kept.facts(), named.facts(), "the same names in other words");
    assert_eq!(named.authority_pem(), authority);
}

#[test]
fn a_wrong_clock_at_the_first_start_is_survived() {
    let (dir, clock) = (TempDir::new().unwrap(), clock());
    let ahead = ManualClock::at(Clock::manual(&clock).now().plus(5_000 * DAY));
    let early = open(auto(&dir, &[]), &ahead).facts();
    let tls = open(auto(&dir, &[]), &clock);
    let now = Clock::manual(&clock).now();
    assert!(tls.facts().not_before < now && now < tls.facts().not_after, "{early:?}");
    clock.advance(3_500 * DAY);
    tls.reload().unwrap();
    let now = Clock::manual(&clock).now();
    assert!(now < tls.facts().not_after, "the authority is made again before it ends");
}

#[test]
fn a_crash_between_key_and_certificate_is_mended() {
    let (dir, clock) = (TempDir::new().unwrap(), clock());
    let first = open(auto(&dir, &[]), &clock);
    let tls = dir.path().join("tls");
    let other = rcgen::KeyPair::generate().unwrap();
    fs::write(tls.join("server.key"), other.serialize_pem()).unwrap();
    fs::write(tls.join("server.new"), "half").unwrap();
    let second = open(auto(&dir, &[]), &clock);
    assert_ne!(second.facts().fingerprint, first.facts().fingerprint);
    assert_eq!(second.authority_pem(), first.authority_pem());
    fs::write(tls.join("ca.key"), "rubbish").unwrap();
    let error = Tls::open(auto(&dir, &[]), Clock::manual(&clock)).unwrap_err().to_string();
    assert!(error.contains("ca.key") && error.contains("PEM"), "{error}");
}

/// An own certificate and key, valid from 2026-11-01 for `days`.
fn own(dir: &Path, name: &str, days: u64) -> (PathBuf, PathBuf) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![format!("{name}.example")]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 11, 1);
    params.not_after = params.not_before + Duration::from_secs(days * 24 * 3600);
    let certificate = params.self_signed(&key).unwrap();
    let paths = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    fs::write(&paths.0, certificate.pem()).unwrap();
    fs::write(&paths.1, key.serialize_pem()).unwrap();
    paths
}

fn check_refused(certificate: &Path, key: &Path, clock: &ManualClock, parts: &[&str]) {
    let source = TlsSource::Files { certificate: certificate.to_owned(), key: key.to_owned() };
    let error = Tls::open(source, Clock::manual(clock)).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    assert!(!error.contains('\n'), "one sentence: {error:?}");
}

#[test]
fn own_certificates_that_cannot_be_served_are_named() {
    let (dir, clock) = (TempDir::new().unwrap(), clock());
    let (good, key) = own(dir.path(), "good", 300);
    let (old, old_key) = own(dir.path(), "old", 10);
    let shown = old.display().to_string();
    check_refused(&old, &old_key, &clock, &[&shown, "expired at 2026-11-11", "put a valid one"]);
    check_refused(&good, &old_key, &clock, &["good.pem", "old.key", "does not belong to it"]);
    let early = ManualClock::at(Time::parse("2026-10-01T00:00:00Z").unwrap());
    check_refused(&good, &key, &early, &["valid only from 2026-11-01", "clock"]);
    let absent = dir.path().join("absent.pem");
    check_refused(&absent, &key, &clock, &["absent.pem", "cannot be read", "correct the path"]);
    check_refused(&good, &absent, &clock, &["private key", "absent.pem", "cannot be read"]);
    let text = dir.path().join("text.pem");
    fs::write(&text, "hello").unwrap();
    check_refused(&text, &key, &clock, &["text.pem", "BEGIN CERTIFICATE"]);
    check_refused(&good, &text, &clock, &["text.pem", "BEGIN PRIVATE KEY"]);
    fs::write(
        &text,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    check_refused(&good, &text, &clock, &["passphrase"]);
    fs::write(&text, vec![b'x'; 2 * 1024 * 1024]).unwrap();
    check_refused(&text, &key, &clock, &["2097152 bytes"]);
}

#[test]
fn own_certificates_are_read_again_and_a_mistake_changes_nothing() {
    let (dir, clock) = (TempDir::new().unwrap(), clock());
    let (certificate, key) = own(dir.path(), "good", 300);
    let tls = open(TlsSource::Files { certificate: certificate.clone(), key: key.clone() }, &clock);
    let first = tls.facts();
    assert_eq!(
        (first.self_issued, first.names.as_slice()),
        (false, &["good.example".to_owned()][..])
    );
    assert_eq!(tls.authority_pem(), None);
    let (other, other_key) = own(dir.path(), "other", 200);
    fs::copy(&other, &certificate).unwrap();
    assert!(tls.reload().is_err(), "the key is still the old one");
    assert_eq!(tls.facts(), first);
    fs::copy(&other_key, &key).unwrap();
    tls.reload().unwrap();
    assert_eq!(tls.facts().names, ["other.example"]);
}

#[test]
fn reads_the_addresses_that_the_kernel_lists() {
    let trie = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.1.2.0\n        /24 link UNICAST\n     \
                |-- 10.1.2.3\n        /32 host LOCAL\n     |-- 10.1.2.255\n        \
                /32 link BROADCAST\n     |-- 169.254.7.7\n        /32 host LOCAL\n";
    assert_eq!(ipv4_of(trie), ["10.1.2.3".parse::<IpAddr>().unwrap()]);
    let table = "00000000000000000000000000000001 01 80 10 80 lo\n\
                 fe80000000000000021122fffe334455 02 40 20 80 eth0\n\
                 fd000000000000000000000000000005 02 40 00 80 eth0\nrubbish\n";
    let six: Vec<String> = ipv6_of(table).iter().map(ToString::to_string).collect();
    assert_eq!(six, ["::1", "fd00::5"]);
}

#[test]
fn reads_the_full_name_from_the_hosts_file() {
    let hosts = "127.0.0.1 localhost\n127.0.1.1 Mon1.site.example mon1 # us\n\
                 10.1.2.3 monitor.site.example\n10.9.9.9 other\n";
    let found = aliases(hosts, "mon1", &["10.1.2.3".parse().unwrap()]);
    assert_eq!(found, ["mon1.site.example", "mon1", "monitor.site.example"]);
}

#[test]
fn names_this_machine() {
    let names = of_this_machine(&["Monitor.Example ".to_owned(), "bad name".to_owned()]);
    assert!(names.contains(&"localhost".to_owned()) && names.contains(&"::1".to_owned()));
    assert!(names.contains(&"monitor.example".to_owned()));
    assert!(!names.contains(&"bad name".to_owned()));
    assert!(!is_certifiable("a..b") && !is_certifiable(""));
}
