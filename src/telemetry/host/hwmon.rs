//! Temperatures of the sensors that the kernel knows.

use super::text::Page;
use super::{Root, number};

/// Sensors shown at most.
const SENSORS_MAX: usize = 256;

/// The chip as node exporter labels it: kind and name of its device, `platform_coretemp_0`.
fn chip_label(root: &Root, folder: &str) -> Option<String> {
    let link = |path: String| {
        let target = std::fs::read_link(root.path(path)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    };
    let device = link(format!("{folder}/device"))?;
    let kind = link(format!("{folder}/device/subsystem"))?;
    let clean = |c: char| if c.is_ascii_alphanumeric() || c == ':' { c } else { '_' };
    Some(format!("{kind}_{device}").to_lowercase().chars().map(clean).collect())
}

/// `/sys/class/hwmon`; a virtual machine has none.
pub(super) fn collect(root: &Root, page: &mut Page) {
    let mut sensors = Vec::new();
    for chip in root.names("sys/class/hwmon") {
        let folder = format!("sys/class/hwmon/{chip}");
        let name = root.line(format!("{folder}/name")).unwrap_or_else(|| chip.clone());
        let chip = chip_label(root, &folder).unwrap_or(chip);
        for file in root.names(&folder) {
            let Some(sensor) = file.strip_suffix("_input").filter(|it| it.starts_with("temp"))
            else {
                continue;
            };
            // A sensor that is asleep answers with an error.
            let Some(value) = root.line(format!("{folder}/{file}")) else { continue };
            let label = root.line(format!("{folder}/{sensor}_label"));
            if sensors.len() < SENSORS_MAX {
                sensors.push((chip.clone(), name.clone(), sensor.to_owned(), label, value));
            }
        }
    }
    if sensors.is_empty() {
        return;
    }
    page.gauge("node_hwmon_temp_celsius", "Hardware monitor for temperature (input).");
    for (chip, _, sensor, _, value) in &sensors {
        page.sample(&[("chip", chip), ("sensor", sensor)], number(value) / 1000.0);
    }
    page.gauge("node_hwmon_chip_names", "Annotation metric for human-readable chip names.");
    let mut last = "";
    for (chip, name, ..) in &sensors {
        if chip != last {
            page.sample(&[("chip", chip), ("chip_name", name)], 1.0);
            last = chip;
        }
    }
    page.gauge("node_hwmon_sensor_label", "Label for given chip and sensor.");
    for (chip, _, sensor, label, _) in &sensors {
        if let Some(label) = label {
            page.sample(&[("chip", chip), ("label", label), ("sensor", sensor)], 1.0);
        }
    }
}
