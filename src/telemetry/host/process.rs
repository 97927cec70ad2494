//! The busiest processes, grouped by name, under the names of process-exporter.
//!
//! Processes come and go; the counters of a group only grow, for what each process used since the
//! collection before is added to its group. A bounded number of groups is shown: the busiest by
//! processor time and memory, with a bonus for those shown before, so that the list does not
//! flicker.

use std::collections::HashMap;

use procfs::process::{Process, all_processes_with_root};

use super::cpu::ticks_per_second;
use super::text::Page;
use super::{Collected, Root, SourceError, number};

/// The group of the kernel's own threads.
const KERNEL_THREADS: &str = "[kernel]";
/// How much a group that was shown before counts in comparison.
const STAY_BONUS: f64 = 1.5;
/// The share of the newest collection in the smoothed use.
const SMOOTHING: f64 = 0.3;
/// Processes looked at in one collection.
const PROCESSES_MAX: usize = 65_536;

/// Name, kind, help, label and value of a family; without a kind it goes on the one before.
type Family = (
    &'static str,
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
    fn(&Group) -> f64,
);

/// What a process used since it began.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    user_s: f64,
    system_s: f64,
    read_bytes: f64,
    write_bytes: f64,
}

impl Used {
    fn add_growth(&mut self, now: &Self, before: &Self) {
        self.user_s += (now.user_s - before.user_s).max(0.0);
        self.system_s += (now.system_s - before.system_s).max(0.0);
        self.read_bytes += (now.read_bytes - before.read_bytes).max(0.0);
        self.write_bytes += (now.write_bytes - before.write_bytes).max(0.0);
    }

    fn cpu_s(&self) -> f64 {
        self.user_s + self.system_s
    }
}

/// A group of processes of one name.
#[derive(Clone, Debug, Default)]
struct Group {
    total: Used,
    processes: u32,
    threads: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    oldest_start_s: f64,
    /// Seconds of processor time in a collection, smoothed.
    busy: f64,
    shown: bool,
}

/// What is remembered between collections.
#[derive(Debug)]
pub(super) struct Processes {
    groups_max: usize,
    groups: HashMap<String, Group>,
    /// By pid and start, so that a pid used again is another process.
    known: HashMap<(i32, u64), Used>,
}

impl Processes {
    pub(super) fn new(groups_max: usize) -> Self {
        Self { groups_max, groups: HashMap::new(), known: HashMap::new() }
    }

    /// Reads all processes and writes the busiest groups.
    pub(super) fn collect(&mut self, root: &Root, page: &mut Page) -> Collected {
        let folder = root.path("proc");
        let all = all_processes_with_root(&folder)
            .map_err(|error| SourceError::Content(error.to_string()))?;
        let boot_s = boot_time(root);
        let first = self.known.is_empty();
        let mut before = HashMap::new();
        for (name, group) in &mut self.groups {
            before.insert(name.clone(), group.total.cpu_s());
            let (total, busy, shown) = (group.total, group.busy, group.shown);
            *group = Group { total, busy, shown, ..Group::default() };
        }
        let mut known = HashMap::with_capacity(self.known.len());
        for process in all.flatten().take(PROCESSES_MAX) {
            // A process that ended meanwhile is no error.
            self.add(&process, boot_s, &mut known);
        }
        self.known = known;
        self.groups.retain(|_, group| group.processes > 0);
        for (name, group) in &mut self.groups {
            let used = group.total.cpu_s() - before.get(name).copied().unwrap_or(0.0);
            // The first collection sees what was used since the start of the machine.
            let weight = if first { 0.0 } else { SMOOTHING };
            group.busy = group.busy * (1.0 - weight) + used * weight;
        }
        self.choose();
        self.write(page);
        Ok(())
    }

    fn add(&mut self, process: &Process, boot_s: f64, known: &mut HashMap<(i32, u64), Used>) {
        let Ok(stat) = process.stat() else { return };
        // Of other people's processes only root may read this.
        let io = process.io().ok();
        let ticks = ticks_per_second();
        let used = Used {
            user_s: float(stat.utime) / ticks,
            system_s: float(stat.stime) / ticks,
            read_bytes: io.as_ref().map_or(0.0, |io| float(io.read_bytes)),
            write_bytes: io.as_ref().map_or(0.0, |io| float(io.write_bytes)),
        };
        let key = (stat.pid, stat.starttime);
        let before = self.known.get(&key).copied().unwrap_or_default();
        known.insert(key, used);
        let kernel_thread = stat.pid == 2 || stat.ppid == 2;
        let name = if kernel_thread { KERNEL_THREADS } else { stat.comm.as_str() };
        if !self.groups.contains_key(name) {
            self.groups.insert(name.to_owned(), Group::default());
        }
        let Some(group) = self.groups.get_mut(name) else { return };
        group.total.add_growth(&used, &before);
        let start_s = boot_s + float(stat.starttime) / ticks;
        if group.processes == 0 || start_s < group.oldest_start_s {
            group.oldest_start_s = start_s;
        }
        group.processes += 1;
        group.threads += number(&stat.num_threads.to_string());
        group.resident_bytes += float(stat.rss) * float(procfs::page_size());
        group.virtual_bytes += float(stat.vsize);
    }

    /// Marks the groups to be shown.
    fn choose(&mut self) {
        let memory: f64 = self.groups.values().map(|group| group.resident_bytes).sum();
        let busy: f64 = self.groups.values().map(|group| group.busy).sum();
        let mut ranked: Vec<(f64, String)> = Vec::with_capacity(self.groups.len());
        for (name, group) in &self.groups {
            let share = group.busy / busy.max(1e-9) + group.resident_bytes / memory.max(1.0);
            let score = if group.shown { share * STAY_BONUS } else { share };
            ranked.push((score, name.clone()));
        }
        ranked.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        for group in self.groups.values_mut() {
            group.shown = false;
        }
        for (_, name) in ranked.into_iter().take(self.groups_max) {
            if let Some(group) = self.groups.get_mut(&name) {
                group.shown = true;
            }
        }
    }

    fn write(&self, page: &mut Page) {
        let mut shown: Vec<(&str, &Group)> = self
            .groups
            .iter()
            .filter(|(_, group)| group.shown)
            .map(|(name, group)| (name.as_str(), group))
            .collect();
        shown.sort_by_key(|(name, _)| *name);
        let figures: [Family; 9] = [
            ("num_procs", "gauge", "number of processes", None, |it| f64::from(it.processes)),
            ("num_threads", "gauge", "number of threads", None, |it| it.threads),
            (
                "cpu_seconds_total",
                "counter",
                "cpu usage in seconds",
                Some(("mode", "user")),
                |it| it.total.user_s,
            ),
            ("cpu_seconds_total", "", "", Some(("mode", "system")), |it| it.total.system_s),
            (
                "memory_bytes",
                "gauge",
                "number of bytes of memory in use",
                Some(("memtype", "resident")),
                |it| it.resident_bytes,
            ),
            ("memory_bytes", "", "", Some(("memtype", "virtual")), |it| it.virtual_bytes),
            ("read_bytes_total", "counter", "number of bytes read", None, |it| it.total.read_bytes),
            ("write_bytes_total", "counter", "number of bytes written", None, |it| {
                it.total.write_bytes
            }),
            (
                "oldest_start_time_seconds",
                "gauge",
                "start time in seconds since 1970 of the oldest process",
                None,
                |it| it.oldest_start_s,
            ),
        ];
        for (name, kind, help, label, figure) in figures {
            if !kind.is_empty() {
                page.family(&format!("namedprocess_namegroup_{name}"), kind, help);
            }
            for (group_name, group) in &shown {
                let mut labels = vec![("groupname", *group_name)];
                labels.extend(label);
                page.sample(&labels, figure(group));
            }
        }
    }
}

fn boot_time(root: &Root) -> f64 {
    let text = root.read("proc/stat").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("btime "));
    line.map_or(0.0, |seconds| number(seconds.trim()))
}

#[expect(clippy::cast_precision_loss, reason = "a counter beyond 2^53 loses its last digits")]
fn float(count: u64) -> f64 {
    count as f64
}
