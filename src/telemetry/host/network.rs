//! Network interfaces.

use super::text::Page;
use super::{Collected, Root, number};

/// The columns of `/proc/net/dev`.
const COLUMNS: [&str; 16] = [
    "receive_bytes",
    "receive_packets",
    "receive_errs",
    "receive_drop",
    "receive_fifo",
    "receive_frame",
    "receive_compressed",
    "receive_multicast",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errs",
    "transmit_drop",
    "transmit_fifo",
    "transmit_colls",
    "transmit_carrier",
    "transmit_compressed",
];
/// Interfaces shown at most: a machine full of containers has thousands.
const INTERFACES_MAX: usize = 256;

/// `/proc/net/dev`: the counters of each interface.
pub(super) fn collect_devices(root: &Root, page: &mut Page) -> Collected {
    let text = root.read("proc/net/dev")?;
    let mut devices = Vec::new();
    for line in text.lines().skip(2).take(INTERFACES_MAX) {
        // The name may itself hold a colon (an alias); the last one ends it.
        let Some((device, rest)) = line.rsplit_once(':') else { continue };
        let values: Vec<f64> = rest.split_ascii_whitespace().map(number).collect();
        devices.push((device.trim(), values));
    }
    for (column, name) in COLUMNS.iter().enumerate() {
        let help = format!("Network device statistic {name}.");
        page.counter(&format!("node_network_{name}_total"), &help);
        for (device, values) in &devices {
            if let Some(value) = values.get(column) {
                page.sample(&[("device", device)], *value);
            }
        }
    }
    Ok(())
}

struct Interface {
    device: String,
    state: String,
    values: Vec<Option<f64>>,
    facts: Vec<String>,
}

/// The files of an interface that hold a number: file, metric, help, factor.
const NUMBERS: [(&str, &str, &str, f64); 5] = [
    ("mtu", "mtu_bytes", "Network device property: mtu.", 1.0),
    ("speed", "speed_bytes", "Network device property: speed.", 125_000.0),
    ("carrier", "carrier", "Network device property: carrier.", 1.0),
    ("tx_queue_len", "transmit_queue_length", "Network device property: tx_queue_len.", 1.0),
    ("ifindex", "iface_id", "Network device property: ifindex.", 1.0),
];
const FACTS: [&str; 4] = ["address", "broadcast", "duplex", "ifalias"];

/// `/sys/class/net`: what each interface is.
pub(super) fn collect_classes(root: &Root, page: &mut Page) {
    let mut interfaces = Vec::new();
    for device in root.names("sys/class/net").into_iter().take(INTERFACES_MAX) {
        let file = |name: &str| root.line(format!("sys/class/net/{device}/{name}"));
        // What is no interface has no state, such as the file bonding_masters.
        let Some(state) = file("operstate") else { continue };
        interfaces.push(Interface {
            values: NUMBERS.iter().map(|(name, ..)| file(name).map(|it| number(&it))).collect(),
            facts: FACTS.iter().map(|name| file(name).unwrap_or_default()).collect(),
            state,
            device,
        });
    }
    page.gauge("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.");
    for interface in &interfaces {
        let up = f64::from(u8::from(interface.state == "up"));
        page.sample(&[("device", &interface.device)], up);
    }
    page.gauge("node_network_info", "Non-numeric data from /sys/class/net/<iface>.");
    for interface in &interfaces {
        let mut labels =
            vec![("device", interface.device.as_str()), ("operstate", &interface.state)];
        labels.extend(FACTS.iter().zip(&interface.facts).map(|(name, it)| (*name, it.as_str())));
        page.sample(&labels, 1.0);
    }
    for (column, (_, name, help, factor)) in NUMBERS.iter().enumerate() {
        page.gauge(&format!("node_network_{name}"), help);
        for interface in &interfaces {
            // An interface without a link states a negative speed.
            if let Some(Some(value)) = interface.values.get(column).filter(|it| **it >= Some(0.0)) {
                page.sample(&[("device", &interface.device)], value * factor);
            }
        }
    }
}
