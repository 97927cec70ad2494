//! The files of rules that the configuration names: found, read, and kept as they were when what
//! they say now is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernel::clock::Time;

use super::check::Group;
use super::file;
use super::model::RuleProblem;
use crate::settings::RuleSettings;

/// One file.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadedFile {
    /// The groups in force: of the last version that was right.
    pub groups: Vec<Arc<Group>>,
    /// When the version in force was read; `None` when none was right.
    pub loaded_at: Option<Time>,
    /// Why the present version is refused.
    pub problems: Vec<RuleProblem>,
    /// Why it cannot be read at all.
    pub unread: Option<String>,
    pub warnings: Vec<RuleProblem>,
}

/// All files, by path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    pub files: BTreeMap<PathBuf, LoadedFile>,
    /// What is wrong with patterns, and with the number of files.
    pub problems: Vec<String>,
}

/// Whether a pattern is one: absolute, with `*`, `?` and `[...]` within the parts of a path.
///
/// # Errors
/// What is wrong with it.
pub fn check_rule_pattern(pattern: &str) -> Result<(), String> {
    if !Path::new(pattern).is_absolute() {
        return Err("expected an absolute path such as /etc/onemonitor/rules/*.yml".to_owned());
    }
    if pattern.contains("**") {
        return Err("** is not supported: name each folder".to_owned());
    }
    glob::Pattern::new(pattern).map(drop).map_err(|error| error.to_string())
}

impl Files {
    /// Reads the files of `patterns` anew.
    pub(crate) fn reload(&self, patterns: &[String], settings: &RuleSettings, now: Time) -> Self {
        let mut fresh = Self::default();
        let mut paths = BTreeSet::new();
        for pattern in patterns {
            if let Err(problem) = fresh.find(pattern, settings.files_max, &mut paths) {
                fresh.problems.push(format!("{pattern}: {problem}"));
                // The folder may be back soon: what it held goes on meanwhile.
                let known = glob::Pattern::new(pattern).ok();
                let stays =
                    |path: &&PathBuf| known.as_ref().is_some_and(|it| it.matches_path(path));
                paths.extend(self.files.keys().filter(stays).cloned());
            }
        }
        for path in paths {
            let before = self.files.get(&path).cloned().unwrap_or_default();
            let file = before.reload(&path, settings, now);
            fresh.files.insert(path, file);
        }
        fresh
    }

    fn find(
        &mut self,
        pattern: &str,
        files_max: usize,
        paths: &mut BTreeSet<PathBuf>,
    ) -> Result<(), String> {
        check_rule_pattern(pattern)?;
        let found = glob::glob(pattern).map_err(|error| error.to_string())?;
        let mut unreadable = None;
        for path in found {
            match path {
                Ok(path) if path.is_dir() => {}
                Ok(path) => {
                    if paths.len() >= files_max && !paths.contains(&path) {
                        self.problems
                            .push(format!("{pattern}: at most {files_max} files are read"));
                        return Ok(());
                    }
                    paths.insert(path);
                }
                Err(error) => unreadable = Some(error.to_string()),
            }
        }
        unreadable.map_or(Ok(()), Err)
    }
}

impl LoadedFile {
    fn reload(self, path: &Path, settings: &RuleSettings, now: Time) -> Self {
        let text = match read(path, settings.file_bytes_max) {
            Ok(text) => text,
            Err(reason) => {
                return Self { unread: Some(reason), problems: Vec::new(), ..self };
            }
        };
        let read = file::read(&text, settings);
        if !read.problems.is_empty() {
            return Self { problems: read.problems, unread: None, ..self };
        }
        let kept = |group: Group| {
            let same = self.groups.iter().find(|known| known.spec == group.spec);
            same.map_or_else(|| Arc::new(group), Arc::clone)
        };
        let groups = read.groups.into_iter().map(kept).collect();
        let loaded_at = Some(now);
        Self { groups, loaded_at, warnings: read.warnings, ..Self::default() }
    }
}

fn read(path: &Path, bytes_max: usize) -> Result<String, String> {
    let told = |error: std::io::Error| format!("the file cannot be read: {error}");
    let about = std::fs::metadata(path).map_err(told)?;
    if !about.is_file() {
        return Err("this is no file".to_owned());
    }
    if about.len() > bytes_max as u64 {
        return Err(format!("the file has {} bytes, at most {bytes_max} are read", about.len()));
    }
    let bytes = std::fs::read(path).map_err(told)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("the file is no UTF-8 text: byte {at} is wrong")
    })
}
