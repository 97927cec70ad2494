//! The file that says in which format a data directory is.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::error::OpenError;

/// Name of the file.
const FILE: &str = "VERSION";
/// A longer file is not ours.
const BYTES_MAX: u64 = 1024;

/// Format version of a directory, and the program that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// Number of the last migration step.
    pub(crate) number: u32,
    /// Name and version of the program.
    pub(crate) program: String,
}

impl Version {
    pub(crate) fn new(number: u32, program: &str) -> Self {
        Self { number, program: program.to_owned() }
    }

    /// The version of a directory; `None` when the file is missing.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, OpenError> {
        let path = dir.join(FILE);
        let mut text = String::new();
        let read =
            File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(OpenError::damaged(dir, "VERSION is not a text"));
            }
            Err(error) => return Err(OpenError::io("read", &path, error)),
        }
        let mut lines = text.lines();
        let number = lines.next().and_then(|line| line.trim().parse().ok());
        let Some(number) = number else {
            return Err(OpenError::damaged(dir, "VERSION does not begin with a number"));
        };
        let program = lines.next().unwrap_or("an unknown program").to_owned();
        Ok(Some(Self { number, program }))
    }

    /// Writes the file, whole or not at all.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), OpenError> {
        let path = dir.join(FILE);
        self.replace(dir, &path).map_err(|error| OpenError::io("write", &path, error))
    }

    fn replace(&self, dir: &Path, path: &Path) -> io::Result<()> {
        let fresh = dir.join("VERSION.new");
        let mut file = File::create(&fresh)?;
        writeln!(file, "{}\n{}", self.number, self.program)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        File::open(dir)?.sync_all()
    }

    /// The refusal of data that is newer than `newest`.
    pub(crate) fn newer(self, dir: &Path, newest: u32) -> OpenError {
        let Self { number: found, program } = self;
        OpenError::Newer { dir: dir.to_owned(), found, newest, program }
    }
}
