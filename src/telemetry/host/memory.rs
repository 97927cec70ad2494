//! Memory: sizes and paging.

use super::text::Page;
use super::{Collected, Root, number};

/// `/proc/meminfo`: every line becomes a metric, as node exporter does.
pub(super) fn collect_meminfo(root: &Root, page: &mut Page) -> Collected {
    let text = root.read("proc/meminfo")?;
    for line in text.lines() {
        let Some((key, rest)) = line.split_once(':') else { continue };
        let mut words = rest.split_ascii_whitespace();
        let Some(value) = words.next() else { continue };
        let kibibytes = words.next() == Some("kB");
        let key = key.replace('(', "_").replace(')', "");
        let suffix = if kibibytes { "_bytes" } else { "" };
        let factor = if kibibytes { 1024.0 } else { 1.0 };
        let help = format!("Memory information field {key}{suffix}.");
        page.gauge(&format!("node_memory_{key}{suffix}"), &help)
            .sample(&[], number(value) * factor);
    }
    Ok(())
}

/// The fields of `/proc/vmstat` that node exporter shows by default.
pub(super) fn collect_vmstat(root: &Root, page: &mut Page) -> Collected {
    let text = root.read("proc/vmstat")?;
    for line in text.lines() {
        let Some((key, value)) = line.split_once(' ') else { continue };
        let faults = key.starts_with("pg") && key.contains("fault");
        let shown = key.starts_with("oom_kill") || key.starts_with("pgpg");
        if shown || key.starts_with("pswp") || faults {
            let help = format!("/proc/vmstat information field {key}.");
            page.family(&format!("node_vmstat_{key}"), "untyped", &help).sample(&[], number(value));
        }
    }
    Ok(())
}
