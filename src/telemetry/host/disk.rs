//! Block devices.

use super::text::Page;
use super::{Collected, Root, number};

const SECTOR_BYTES: f64 = 512.0;

/// The columns of `/proc/diskstats` behind the device: name, help, kind, factor.
const COLUMNS: [(&str, &str, &str, f64); 17] = [
    ("reads_completed_total", "Reads completed successfully.", "counter", 1.0),
    ("reads_merged_total", "Reads merged.", "counter", 1.0),
    ("read_bytes_total", "Bytes read successfully.", "counter", SECTOR_BYTES),
    ("read_time_seconds_total", "Seconds spent by all reads.", "counter", 0.001),
    ("writes_completed_total", "Writes completed successfully.", "counter", 1.0),
    ("writes_merged_total", "Writes merged.", "counter", 1.0),
    ("written_bytes_total", "Bytes written successfully.", "counter", SECTOR_BYTES),
    ("write_time_seconds_total", "Seconds spent by all writes.", "counter", 0.001),
    ("io_now", "I/Os currently in progress.", "gauge", 1.0),
    ("io_time_seconds_total", "Seconds spent doing I/Os.", "counter", 0.001),
    ("io_time_weighted_seconds_total", "Weighted seconds spent doing I/Os.", "counter", 0.001),
    ("discards_completed_total", "Discards completed successfully.", "counter", 1.0),
    ("discards_merged_total", "Discards merged.", "counter", 1.0),
    ("discarded_sectors_total", "Sectors discarded successfully.", "counter", 1.0),
    ("discard_time_seconds_total", "Seconds spent by all discards.", "counter", 0.001),
    ("flush_requests_total", "Flush requests completed successfully.", "counter", 1.0),
    ("flush_requests_time_seconds_total", "Seconds spent by all flushes.", "counter", 0.001),
];

/// `/proc/diskstats`, without partitions and memory disks.
pub(super) fn collect(root: &Root, page: &mut Page) -> Collected {
    let text = root.read("proc/diskstats")?;
    let mut devices = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(major), Some(minor), Some(device)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if !is_left_out(device) {
            devices.push((device, major, minor, words.map(number).collect::<Vec<f64>>()));
        }
    }
    page.gauge("node_disk_info", "Info of /sys/block/<block_device>.");
    for (device, major, minor, _) in &devices {
        let fact = |file: &str| root.line(format!("sys/block/{device}/device/{file}"));
        let model = fact("model").unwrap_or_default();
        let serial = fact("serial").unwrap_or_default();
        page.sample(
            &[
                ("device", device),
                ("major", major),
                ("minor", minor),
                ("model", &model),
                ("serial", &serial),
            ],
            1.0,
        );
    }
    for (column, (name, help, kind, factor)) in COLUMNS.iter().enumerate() {
        page.family(&format!("node_disk_{name}"), kind, help);
        for (device, _, _, values) in &devices {
            // Older kernels have fewer columns.
            if let Some(value) = values.get(column) {
                page.sample(&[("device", device)], value * factor);
            }
        }
    }
    Ok(())
}

/// What node exporter leaves out by default: memory disks, loops, and partitions.
fn is_left_out(device: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    for prefix in ["ram", "zram", "loop", "fd"] {
        if device.strip_prefix(prefix).is_some_and(digits) {
            return true;
        }
    }
    for prefix in ["hd", "sd", "vd", "xvd"] {
        if let Some(rest) = device.strip_prefix(prefix) {
            let letters = rest.trim_end_matches(|c: char| c.is_ascii_digit());
            return letters.len() < rest.len() && letters.len() == 1;
        }
    }
    let nvme = device.strip_prefix("nvme").and_then(|rest| rest.split_once('p'));
    nvme.is_some_and(|(disk, partition)| disk.contains('n') && digits(partition))
}
