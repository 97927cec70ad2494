//! Tests of the layers: which wins, and how mistakes are named.

use std::path::Path;

use super::layers::parse;
use super::{Flags, Layers, Settings};

fn layers(file: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Layers, String> {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("onemonitor.toml");
    std::fs::write(&path, file).unwrap();
    let flags = Flags { config: Some(path), ..flags };
    let pairs = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    Layers::read(&flags, pairs.collect::<Vec<_>>().into_iter()).map_err(|error| error.to_string())
}

#[test]
fn the_stronger_layer_wins() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\ndata_dir = \"/file\"\n";
    let flags = Flags { data_dir: Some("/flag".into()), ..Flags::default() };
    let environment = [
        ("ONEMONITOR_SERVER__LISTEN", "127.0.0.1:2"),
        ("ONEMONITOR_SERVER__DATA_DIR", "/environment"),
        ("ONEMONITOR_METRICS__RETENTION_DAYS", "7"),
        ("ONEMONITOR_TELEMETRY__TRUSTED", "[\"10.0.0.0/8\"]"),
        ("ONEMONITOR_ADMIN_PASSWORD", "no key"),
        ("PATH", "/bin"),
    ];
    let merged = layers(file, &environment, flags).unwrap().merged;
    assert_eq!(merged.server.listen, "127.0.0.1:2");
    assert_eq!(merged.server.data_dir, Path::new("/flag"));
    assert_eq!(merged.metrics.retention_days, 7);
    assert_eq!(merged.telemetry.trusted, ["10.0.0.0/8"]);
    assert!(merged.telemetry.host.enabled);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let check = |file: &str, environment: &[(&str, &str)], parts: &[&str]| {
        let said = layers(file, environment, Flags::default()).unwrap_err();
        for part in parts {
            assert!(said.contains(part), "{said:?} does not say {part:?}");
        }
        assert!(!said.contains('\n'), "more than one line: {said:?}");
    };
    check("[server]\nport = 1\n", &[], &["line 2, column 1", "port", "listen"]);
    check("[metrics]\nretention_days = -3\n", &[], &["line 2", "-3"]);
    check("[server\n", &[], &["line 1"]);
    check("", &[("ONEMONITOR_SERVR__LISTEN", "x")], &["ONEMONITOR_SERVR__LISTEN", "servr"]);
    check("", &[("ONEMONITOR_LIMITS__REQUESTS", "lots")], &["ONEMONITOR_LIMITS__REQUESTS"]);
}

#[test]
fn values_that_cannot_be_used_are_named() {
    let check = |file: &str, parts: &[&str]| {
        let merged = layers(file, &[], Flags::default()).unwrap().merged;
        let said = Settings::from_file(&merged).unwrap_err().to_string();
        for part in parts {
            assert!(said.contains(part), "{said:?} does not say {part:?}");
        }
    };
    check("[server]\nlisten = \"8443\"\n", &["server.listen", "8443"]);
    check("[tls]\nmode = \"on\"\n", &["tls.mode", "auto, files or off"]);
    check("[tls]\nmode = \"files\"\n", &["tls.certificate"]);
    check("[telemetry]\ntrusted = [\"10.0.0.0/40\"]\n", &["telemetry.trusted", "10.0.0.0/40"]);
    check("[metrics]\nretention_days = 0\n", &["metrics.retention_days"]);
    let rules = "[metrics]\nretention_rules = [{ match = '{a=\"1\"}', days = 1 }, ";
    check(
        &format!("{rules}{{ match = '{{a=', days = 1 }}]\n"),
        &["retention_rules, rule 2", "{a="],
    );
    check(&format!("{rules}{{ match = 'm', days = 0 }}]\n"), &["rule 2", "days"]);
    check("[metrics]\nrule_files = [\"r.yml\"]\n", &["metrics.rule_files", "absolute path"]);
    check("[log]\nformat = \"xml\"\n", &["log.format", "xml"]);
    let job = "[[telemetry.scrape]]\nname = \"a\"\ntargets = [\"x:1\"]\ninterval_s = -1\n";
    check(job, &["telemetry.scrape", "\"a\"", "interval"]);
}

#[test]
fn the_packaged_file_states_the_defaults() {
    let text = include_str!("../../packaging/deb/onemonitor.toml");
    let table = parse(text, Path::new("onemonitor.toml")).unwrap();
    let packaged = super::File::try_from_table(&table).unwrap();
    assert_eq!(packaged, super::File::default());
}

#[test]
fn secrets_are_not_shown() {
    let file = "[[telemetry.scrape]]\nname = \"a\"\ntargets = [\"x:1\"]\n\
                bearer_token = \"tell-nobody\"\n\n[[telemetry.scrape]]\nname = \"b\"\n\
                targets = [\"x:2\"]\nbasic_auth = { username = \"u\", password = \"hush\" }\n";
    let shown = layers(file, &[], Flags::default()).unwrap().merged.to_text().unwrap();
    assert!(shown.contains("***"), "{shown}");
    assert!(!shown.contains("tell-nobody") && !shown.contains("hush"), "{shown}");
}
