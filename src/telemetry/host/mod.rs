//! This machine's metrics under the names and labels of node exporter, and its busiest processes.
//!
//! Each source is a file of `/proc` or `/sys` below a root, so that tests read a tree of their
//! own. A source that is missing or unreadable loses its own metrics only, and says so in
//! `node_scrape_collector_success`.

mod cpu;
mod disk;
mod filesystem;
mod hwmon;
mod kernel_facts;
mod memory;
mod netstat;
mod network;
mod process;
mod text;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use kernel::clock::Clock;

use crate::settings::HostSettings;
use filesystem::FileSystems;
use process::Processes;
use text::Page;

/// Why a source gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// A file that cannot be read.
    #[error("{path}: {error}")]
    Read {
        path: PathBuf,
        #[source]
        error: std::io::Error,
    },
    /// A file that holds something else.
    #[error("{0}")]
    Content(String),
}

type Collected = Result<(), SourceError>;

/// Reads this machine's metrics; remembers what counters of processes need.
#[derive(Debug)]
pub(crate) struct Host {
    root: Root,
    clock: Clock,
    file_systems: FileSystems,
    processes: Processes,
}

impl Host {
    pub(crate) fn new(settings: &HostSettings, clock: Clock) -> Self {
        Self {
            root: Root(settings.root.clone()),
            clock,
            file_systems: FileSystems::default(),
            processes: Processes::new(settings.process_groups_max),
        }
    }

    /// Reads every source and gives the metrics in the text format. Takes some milliseconds, and
    /// never waits for a network file system.
    pub(crate) fn collect(&mut self) -> Vec<u8> {
        let mut page = Page::default();
        let root = &self.root;
        let now = self.clock.now();
        let mut outcomes: Vec<(&str, Collected)> = vec![
            ("stat", cpu::collect_stat(root, &mut page)),
            ("loadavg", cpu::collect_load(root, &mut page)),
            ("pressure", cpu::collect_pressure(root, &mut page)),
            ("meminfo", memory::collect_meminfo(root, &mut page)),
            ("vmstat", memory::collect_vmstat(root, &mut page)),
            ("diskstats", disk::collect(root, &mut page)),
            ("netdev", network::collect_devices(root, &mut page)),
            ("netstat", netstat::collect_counters(root, &mut page)),
            ("sockstat", netstat::collect_sockets(root, &mut page)),
            ("filefd", kernel_facts::collect_file_handles(root, &mut page)),
            ("os", kernel_facts::collect_os(root, &mut page)),
        ];
        outcomes.push(("filesystem", self.file_systems.collect(root, &mut page)));
        outcomes.push(("processes", self.processes.collect(root, &mut page)));
        network::collect_classes(root, &mut page);
        netstat::collect_conntrack(root, &mut page);
        netstat::collect_softnet(root, &mut page);
        kernel_facts::collect_uname(root, &mut page);
        kernel_facts::collect_entropy(root, &mut page);
        hwmon::collect(root, &mut page);
        kernel_facts::collect_time(now, &mut page);
        write_outcomes(&outcomes, &mut page);
        page.into_bytes()
    }
}

fn write_outcomes(outcomes: &[(&str, Collected)], page: &mut Page) {
    page.gauge("node_scrape_collector_success", "Whether a collector succeeded.");
    for (name, outcome) in outcomes {
        if let Err(error) = outcome {
            tracing::debug!(collector = name, %error, "host source not read");
        }
        page.sample(&[("collector", name)], f64::from(u8::from(outcome.is_ok())));
    }
}

/// What lies before `/proc`, `/sys` and `/etc`.
#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

impl Root {
    /// A path below the root; `path` is written without a leading slash.
    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.join(path)
    }

    fn read(&self, path: &str) -> Result<String, SourceError> {
        let path = self.path(path);
        let read = std::fs::read(&path).map_err(|error| SourceError::Read { path, error })?;
        Ok(String::from_utf8_lossy(&read).into_owned())
    }

    /// The only line of a small file, if the file is there.
    fn line(&self, path: impl AsRef<Path>) -> Option<String> {
        let text = std::fs::read_to_string(self.path(path)).ok()?;
        Some(text.trim().to_owned())
    }

    /// The names in a folder, sorted; none when there is no such folder.
    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Whether this is the running machine, whose kernel may be asked directly.
    fn is_machine(&self) -> bool {
        self.0 == Path::new("/")
    }
}

/// A number of a file; zero when it is none, which a kernel does not write.
#[expect(clippy::cast_precision_loss, reason = "a counter beyond 2^53 loses its last digits")]
fn number(text: &str) -> f64 {
    text.parse::<u64>().map_or_else(|_| text.parse().unwrap_or(0.0), |number| number as f64)
}
