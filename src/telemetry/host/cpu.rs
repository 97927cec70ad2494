//! Processor time, load and pressure.

use procfs::{CpuPressure, IoPressure, LoadAverage, MemoryPressure};
use procfs::{FromBufRead as _, FromRead as _};

use super::text::Page;
use super::{Collected, Root, SourceError, number};

const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// `/proc/stat`.
pub(super) fn collect_stat(root: &Root, page: &mut Page) -> Collected {
    let text = root.read("proc/stat")?;
    let ticks = ticks_per_second();
    let mut cpus = Vec::new();
    let mut facts = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(key) = words.next() else { continue };
        // The first line sums all processors and has no number.
        match key.strip_prefix("cpu") {
            Some("") => {}
            Some(cpu) => cpus.push((cpu, words.map(number).collect::<Vec<f64>>())),
            None => facts.push((key, words.next().map_or(0.0, number))),
        }
    }
    page.counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.");
    for (cpu, times) in &cpus {
        for (mode, time) in MODES.iter().zip(times) {
            page.sample(&[("cpu", cpu), ("mode", mode)], time / ticks);
        }
    }
    page.counter("node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs).");
    for (cpu, times) in &cpus {
        for (mode, time) in ["user", "nice"].iter().zip(times.iter().skip(MODES.len())) {
            page.sample(&[("cpu", cpu), ("mode", mode)], time / ticks);
        }
    }
    write_facts(&facts, page);
    if cpus.is_empty() {
        return Err(SourceError::Content("proc/stat names no cpu".to_owned()));
    }
    Ok(())
}

fn write_facts(facts: &[(&str, f64)], page: &mut Page) {
    const FACTS: [(&str, &str, &str, &str); 6] = [
        ("intr", "node_intr_total", "counter", "Total number of interrupts serviced."),
        ("ctxt", "node_context_switches_total", "counter", "Total number of context switches."),
        ("processes", "node_forks_total", "counter", "Total number of forks."),
        ("btime", "node_boot_time_seconds", "gauge", "Node boot time, in unixtime."),
        ("procs_running", "node_procs_running", "gauge", "Processes in runnable state."),
        ("procs_blocked", "node_procs_blocked", "gauge", "Processes blocked waiting for I/O."),
    ];
    for (key, name, kind, help) in FACTS {
        if let Some((_, value)) = facts.iter().find(|(found, _)| *found == key) {
            page.family(name, kind, help).sample(&[], *value);
        }
    }
}

/// The kernel's unit of processor time. Linux shows it as a hundredth of a second everywhere.
#[expect(clippy::cast_precision_loss, reason = "it is 100")]
pub(super) fn ticks_per_second() -> f64 {
    procfs::ticks_per_second() as f64
}

/// `/proc/loadavg`.
pub(super) fn collect_load(root: &Root, page: &mut Page) -> Collected {
    let text = root.read("proc/loadavg")?;
    let load = LoadAverage::from_read(text.as_bytes()).map_err(content)?;
    page.gauge("node_load1", "1m load average.").sample(&[], short(load.one));
    page.gauge("node_load5", "5m load average.").sample(&[], short(load.five));
    page.gauge("node_load15", "15m load average.").sample(&[], short(load.fifteen));
    Ok(())
}

/// The decimal that was written, without the noise of its binary form.
fn short(value: f32) -> f64 {
    (f64::from(value) * 100.0).round() / 100.0
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn content(error: procfs::ProcError) -> SourceError {
    SourceError::Content(error.to_string())
}

/// `/proc/pressure`; kernels without it lose nothing else.
pub(super) fn collect_pressure(root: &Root, page: &mut Page) -> Collected {
    if !root.path("proc/pressure").exists() {
        return Ok(());
    }
    let cpu = root.read("proc/pressure/cpu")?;
    let cpu = CpuPressure::from_buf_read(cpu.as_bytes()).map_err(content)?;
    let io = root.read("proc/pressure/io")?;
    let io = IoPressure::from_buf_read(io.as_bytes()).map_err(content)?;
    let memory = root.read("proc/pressure/memory")?;
    let memory = MemoryPressure::from_buf_read(memory.as_bytes()).map_err(content)?;
    let mut write = |name: &str, help: &str, micros: u64| {
        page.counter(name, help).sample(&[], number(&micros.to_string()) / 1e6);
    };
    write(
        "node_pressure_cpu_waiting_seconds_total",
        "Seconds that processes have waited for CPU time.",
        cpu.some.total,
    );
    write(
        "node_pressure_io_waiting_seconds_total",
        "Seconds that processes have waited due to IO congestion.",
        io.some.total,
    );
    write(
        "node_pressure_io_stalled_seconds_total",
        "Seconds no process could make progress due to IO congestion.",
        io.full.total,
    );
    write(
        "node_pressure_memory_waiting_seconds_total",
        "Seconds that processes have waited for memory.",
        memory.some.total,
    );
    write(
        "node_pressure_memory_stalled_seconds_total",
        "Seconds no process could make progress due to memory congestion.",
        memory.full.total,
    );
    Ok(())
}
