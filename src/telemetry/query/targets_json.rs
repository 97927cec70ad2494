//! The targets in the form of Prometheus' `/api/v1/targets`.

use std::collections::BTreeMap;

use kernel::clock::Time;
use metric::Labels;

use super::json::{push, push_labels, push_list, push_text};
use crate::duration::format_duration;
use crate::scrape::manager::{LastPlan, Scraped};
use crate::scrape::status::TargetHealth;

/// Which targets are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub active: bool,
    pub dropped: bool,
}

/// Writes the whole answer.
pub(crate) fn write(scraped: &[Scraped], plan: &LastPlan, wanted: Wanted) -> Vec<u8> {
    let mut out = b"{\"status\":\"success\",\"data\":{\"activeTargets\":".to_vec();
    let active = if wanted.active { scraped } else { &[] };
    push_list(&mut out, active, write_active);
    out.extend_from_slice(b",\"droppedTargets\":");
    let dropped: &[Labels] = if wanted.dropped { &plan.dropped } else { &[] };
    push_list(&mut out, dropped, |out, labels| {
        out.extend_from_slice(b"{\"discoveredLabels\":");
        push_labels(out, labels);
        out.extend_from_slice(b",\"scrapePool\":");
        push_text(out, labels.get("job").unwrap_or(""));
        out.push(b'}');
    });
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for labels in &plan.dropped {
        *counts.entry(labels.get("job").unwrap_or("")).or_default() += 1;
    }
    out.extend_from_slice(b",\"droppedTargetCounts\":{");
    for (index, (job, count)) in counts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_text(&mut out, job);
        push(&mut out, format_args!(":{count}"));
    }
    out.extend_from_slice(b"}}}");
    out
}

fn write_active(out: &mut Vec<u8>, (target, state): &Scraped) {
    let state = state.get();
    out.extend_from_slice(b"{\"discoveredLabels\":");
    push_labels(out, &target.discovered);
    out.extend_from_slice(b",\"labels\":");
    push_labels(out, &target.labels);
    let health = match state.health {
        TargetHealth::Up => "up",
        TargetHealth::Down => "down",
        TargetHealth::Unknown => "unknown",
    };
    let error = state.failure.as_ref().filter(|_| state.health == TargetHealth::Down);
    let texts = [
        ("scrapePool", target.labels.get("job").unwrap_or("").to_owned()),
        ("scrapeUrl", target.url.clone()),
        ("globalUrl", target.url.clone()),
        ("lastError", error.map(|error| error.detail.clone()).unwrap_or_default()),
        ("lastScrape", state.last_scrape_at.unwrap_or(Time::from_nanos(0)).to_string()),
        ("health", health.to_owned()),
        ("scrapeInterval", format_duration(target.interval)),
        ("scrapeTimeout", format_duration(target.timeout)),
    ];
    for (name, text) in texts {
        push(out, format_args!(",\"{name}\":"));
        push_text(out, &text);
    }
    push(out, format_args!(",\"lastScrapeDuration\":{}}}", state.duration_ms / 1000.0));
}
