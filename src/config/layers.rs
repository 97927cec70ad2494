//! The layers of settings, weakest first: defaults, file, environment, flags.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{ConfigError, File};

/// Where the package puts the configuration.
pub const DEFAULT_FILE: &str = "/etc/onemonitor/onemonitor.toml";
/// The beginning of the environment variables that set configuration keys.
const PREFIX: &str = "ONEMONITOR_";
/// Environment variables that are no configuration keys.
const NOT_KEYS: [&str; 2] = ["ONEMONITOR_ADMIN_PASSWORD", "ONEMONITOR_LOG"];

/// Settings from the command line, which win over everything else.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--tls`
    pub tls: Option<String>,
}

/// Reads the layers and gives the settings as typed.
#[derive(Debug)]
pub struct Layers {
    /// The merged settings.
    pub merged: File,
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
}

impl Layers {
    /// Reads file, environment and flags.
    ///
    /// # Errors
    /// Names the layer, the key and what was expected.
    pub fn read(
        flags: &Flags,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let (file, mut merged) = read_file(flags.config.as_deref())?;
        for (name, value) in environment {
            if let Some(path) = key_of(&name) {
                let layer = environment_layer(&path, &value);
                check(&layer, || format!("environment variable {name}"))?;
                merge(&mut merged, layer);
            }
        }
        merge(&mut merged, flags_layer(flags));
        let merged = check(&merged, || "settings".to_owned())?;
        Ok(Self { merged, file })
    }
}

fn read_file(wanted: Option<&Path>) -> Result<(Option<PathBuf>, Table), ConfigError> {
    let path = wanted.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        // Without --config the file is optional.
        Err(error) if wanted.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok((None, Table::new()));
        }
        Err(error) => {
            let what = format!("cannot read the configuration file: {error}");
            return Err(ConfigError::new(path.display().to_string(), what));
        }
    };
    parse(&text, path).map(|table| (Some(path.to_owned()), table))
}

/// Parses the text of a configuration file; a mistake is named with line and column.
pub(super) fn parse(text: &str, path: &Path) -> Result<Table, ConfigError> {
    toml::from_str::<File>(text).map_err(|error| in_file(&error, text, path))?;
    toml::from_str(text).map_err(|error| in_file(&error, text, path))
}

fn in_file(error: &toml::de::Error, text: &str, path: &Path) -> ConfigError {
    let mut place = path.display().to_string();
    if let Some(span) = error.span() {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        place = format!("{place}, line {line}, column {column}");
    }
    ConfigError::new(place, one_line(error.message()))
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `ONEMONITOR_SERVER__LISTEN` is `server.listen`.
fn key_of(name: &str) -> Option<Vec<String>> {
    if NOT_KEYS.contains(&name) {
        return None;
    }
    let key = name.strip_prefix(PREFIX)?;
    Some(key.split("__").map(str::to_ascii_lowercase).collect())
}

/// The value is read as TOML (`true`, `15`, `["a", "b"]`); what is not TOML is text.
fn environment_layer(path: &[String], text: &str) -> Table {
    let as_toml = toml::from_str::<Table>(&format!("value = {text}"));
    let parsed = as_toml.ok().and_then(|mut table| table.remove("value"));
    let mut value = parsed.unwrap_or_else(|| Value::String(text.to_owned()));
    for key in path.iter().rev() {
        value = Value::Table(Table::from_iter([(key.clone(), value)]));
    }
    match value {
        Value::Table(table) => table,
        _ => Table::new(),
    }
}

fn flags_layer(flags: &Flags) -> Table {
    let mut server = Table::new();
    if let Some(dir) = &flags.data_dir {
        server.insert("data_dir".into(), Value::String(dir.display().to_string()));
    }
    if let Some(listen) = &flags.listen {
        server.insert("listen".into(), Value::String(listen.clone()));
    }
    let mut layer = Table::from_iter([("server".to_owned(), Value::Table(server))]);
    if let Some(mode) = &flags.tls {
        let tls = Table::from_iter([("mode".to_owned(), Value::String(mode.clone()))]);
        layer.insert("tls".into(), Value::Table(tls));
    }
    layer
}

fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

fn check(layer: &Table, place: impl Fn() -> String) -> Result<File, ConfigError> {
    File::try_from_table(layer).map_err(|error| ConfigError::new(place(), one_line(&error)))
}
