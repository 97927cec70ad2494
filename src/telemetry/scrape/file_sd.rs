//! `file_sd` files: lists of targets that other programs write, JSON or YAML.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files that one pattern may find.
const FILES_MAX: usize = 1_000;

/// A group of targets that share labels, as Prometheus writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetGroup {
    #[serde(default)]
    pub targets: Vec<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Whether a pattern is one: the last part of the path may hold one `*`.
pub(crate) fn check_pattern(pattern: &str) -> Result<(), String> {
    let path = Path::new(pattern);
    let known = ["json", "yml", "yaml"];
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    if !known.contains(&extension) {
        return Err(format!("{pattern}: expected a file that ends in .json, .yml or .yaml"));
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let stars = name.matches('*').count();
    if stars > 1 || pattern.matches('*').count() > stars {
        return Err(format!("{pattern}: one * is allowed, in the last part of the path"));
    }
    Ok(())
}

/// The files that a pattern names, sorted.
pub(crate) fn expand(pattern: &str) -> Result<Vec<PathBuf>, String> {
    check_pattern(pattern)?;
    let path = Path::new(pattern);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let Some((before, after)) = name.split_once('*') else { return Ok(vec![path.to_owned()]) };
    let folder = folder(pattern);
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| format!("{} cannot be read: {error}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let file = entry.file_name();
        let Some(file) = file.to_str() else { continue };
        let fits = file.len() >= before.len() + after.len();
        if fits && file.starts_with(before) && file.ends_with(after) {
            found.push(folder.join(file));
        }
    }
    found.sort();
    if found.len() > FILES_MAX {
        return Err(format!("{pattern}: {} files, at most {FILES_MAX} are read", found.len()));
    }
    Ok(found)
}

/// The folder that a pattern looks into.
pub(crate) fn folder(pattern: &str) -> PathBuf {
    let parent = Path::new(pattern).parent().filter(|parent| *parent != Path::new(""));
    parent.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Reads one file.
pub(crate) fn read(path: &Path) -> Result<Vec<TargetGroup>, String> {
    let told = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let size = std::fs::metadata(path).map_err(told)?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("{} has {size} bytes, at most {FILE_BYTES_MAX}", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(told)?;
    let json = path.extension().is_some_and(|extension| extension == "json");
    let parsed = if json {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    } else if text.trim().is_empty() {
        Ok(Vec::new())
    } else {
        serde_yaml_ng::from_str(&text).map_err(|error| error.to_string())
    };
    parsed.map_err(|error| format!("{}: {error}", path.display()))
}

/// The groups of all files, and what was wrong with files; a file that is there and cannot be
/// read keeps the groups that were known of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    groups: BTreeMap<PathBuf, Vec<TargetGroup>>,
    paths: BTreeMap<String, Vec<PathBuf>>,
    /// One sentence a problem.
    pub problems: Vec<String>,
}

impl Files {
    /// Reads the files of `patterns` anew.
    pub(crate) fn reload(&self, patterns: &BTreeSet<String>) -> Self {
        let mut fresh = Self::default();
        for pattern in patterns {
            let paths = expand(pattern).unwrap_or_else(|problem| {
                fresh.problems.push(problem);
                // The folder may be back soon: what it held goes on meanwhile.
                self.paths.get(pattern).cloned().unwrap_or_default()
            });
            for path in &paths {
                if !fresh.groups.contains_key(path) {
                    self.reload_file(path, &mut fresh);
                }
            }
            fresh.paths.insert(pattern.clone(), paths);
        }
        fresh
    }

    fn reload_file(&self, path: &Path, fresh: &mut Self) {
        let groups = match read(path) {
            Ok(groups) => groups,
            Err(problem) => {
                fresh.problems.push(problem);
                let last = self.groups.get(path).filter(|_| path.exists());
                last.cloned().unwrap_or_default()
            }
        };
        fresh.groups.insert(path.to_owned(), groups);
    }

    /// The groups that belong to a pattern, each with its file.
    pub(crate) fn of(&self, pattern: &str) -> impl Iterator<Item = (&Path, &TargetGroup)> {
        let paths = self.paths.get(pattern).into_iter().flatten();
        let files = paths.filter_map(|path| Some((path.as_path(), self.groups.get(path)?)));
        files.flat_map(|(path, groups)| groups.iter().map(move |group| (path, group)))
    }
}
