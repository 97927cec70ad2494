//! What the program says when it cannot start: one sentence with what, where and what to do.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tempfile::TempDir;

use crate::server::{BINARY, Server, command, refused};

/// The refusal holds all of `parts`.
fn check(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{said:?} does not say {part:?}");
    }
}

fn with_config(dir: &TempDir, config: &str) -> Command {
    let file = dir.path().join("onemonitor.toml");
    fs::write(&file, config).unwrap();
    let mut command = command(&dir.path().join("data"));
    command.arg("--config").arg(file);
    command
}

#[test]
fn an_unknown_key_is_named_with_its_place() {
    let dir = TempDir::new().unwrap();
    let said = refused(with_config(&dir, "[server]\nlisten_on = \"x\"\n"));
    check(&said, &["onemonitor.toml", "line 2", "listen_on", "listen"]);
    assert!(!dir.path().join("data").exists(), "nothing is made before the settings are right");
}

#[test]
fn a_wrong_value_in_the_environment_is_named() {
    let dir = TempDir::new().unwrap();
    let mut wrong = command(&dir.path().join("data"));
    wrong.env("ONEMONITOR_METRICS__RETENTION_DAYS", "many");
    check(&refused(wrong), &["ONEMONITOR_METRICS__RETENTION_DAYS", "many"]);
}

#[test]
fn a_wrong_address_is_named() {
    let dir = TempDir::new().unwrap();
    let said = refused(with_config(&dir, "[telemetry]\ntrusted = [\"10.0.0.0/99\"]\n"));
    check(&said, &["telemetry.trusted", "10.0.0.0/99"]);
}

#[test]
fn a_port_in_use_is_named() {
    let dir = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut second = Command::new(BINARY);
    second.args(["serve", "--listen", &address, "--data-dir"]).arg(dir.path().join("data"));
    check(&refused(second), &[&address, "in use"]);
}

#[test]
fn a_second_server_on_the_same_directory_names_the_first() {
    let first = Server::start();
    let said = refused(command(&first.dir));
    check(&said, &[&first.dir.display().to_string(), &first.pid().to_string()]);
}

#[test]
fn newer_data_is_refused_and_untouched() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("VERSION"), "9999\n").unwrap();
    check(&refused(command(&data)), &["9999", "newer"]);
    assert_eq!(fs::read_to_string(data.join("VERSION")).unwrap(), "9999\n");
    assert!(!data.join("records.redb").exists());
}

#[test]
fn a_file_instead_of_a_directory_is_named() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    fs::write(&data, "not a directory").unwrap();
    check(&refused(command(&data)), &[&data.display().to_string(), "not a directory"]);
}

#[test]
fn a_directory_without_rights_is_named() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o500)).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Root may do everything, so the program runs as somebody else.
    let nobody = Command::new("id").args(["-u", "nobody"]).output().unwrap();
    let nobody = String::from_utf8(nobody.stdout).unwrap().trim().to_owned();
    let binary = dir.path().join("onemonitor");
    fs::copy(BINARY, &binary).unwrap();
    let mut as_nobody = Command::new("setpriv");
    as_nobody
        .args(["--reuid", &nobody, "--clear-groups"])
        .arg(&binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data);
    check(&refused(as_nobody), &[&data.display().to_string(), "ermission denied"]);
}

#[test]
fn an_own_certificate_that_ended_is_named() {
    let dir = TempDir::new().unwrap();
    let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let pair = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["old.example".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    fs::write(&certificate, params.self_signed(&pair).unwrap().pem()).unwrap();
    fs::write(&key, pair.serialize_pem()).unwrap();
    let config = format!("[tls]\nmode = \"files\"\ncertificate = {certificate:?}\nkey = {key:?}\n");
    let said = refused(with_config(&dir, &config));
    check(&said, &[&certificate.display().to_string(), "expired", "2021-01-01"]);
}

#[test]
fn a_full_disk_is_named_and_nothing_is_left_behind() {
    let dir = TempDir::new().unwrap();
    // A small disk of its own, in a mount namespace that ends with the program.
    let script = "mount -t tmpfs -o size=4m none \"$1\" && \
                  \"$2\" serve --listen 127.0.0.1:0 --data-dir \"$1/data\"; \
                  status=$?; ls \"$1/data\" 1>&2; exit $status";
    let mut on_small_disk = Command::new("unshare");
    on_small_disk.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    on_small_disk.arg(dir.path()).arg(BINARY);
    let output = on_small_disk.output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let refusal = said.lines().find_map(|line| line.strip_prefix("onemonitor: ")).unwrap();
    check(refusal, &["free", &dir.path().display().to_string()]);
    assert!(!said.contains("records.redb"), "{said}");
}
