//! Facts: name and release of kernel and system, open files, the clock.

use kernel::clock::Time;

use super::text::Page;
use super::{Collected, Root, SourceError, number};

/// `/proc/sys/fs/file-nr`.
pub(super) fn collect_file_handles(root: &Root, page: &mut Page) -> Collected {
    let text = root.read("proc/sys/fs/file-nr")?;
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [allocated, _, maximum] = words.as_slice() else {
        return Err(SourceError::Content("proc/sys/fs/file-nr has not three numbers".to_owned()));
    };
    page.gauge("node_filefd_allocated", "File descriptor statistics: allocated.")
        .sample(&[], number(allocated));
    page.gauge("node_filefd_maximum", "File descriptor statistics: maximum.")
        .sample(&[], number(maximum));
    Ok(())
}

/// `/proc/sys/kernel/random`: what randomness the kernel holds.
pub(super) fn collect_entropy(root: &Root, page: &mut Page) {
    for (file, name, help) in [
        ("entropy_avail", "node_entropy_available_bits", "Bits of available entropy."),
        ("poolsize", "node_entropy_pool_size_bits", "Bits of entropy pool."),
    ] {
        if let Some(value) = root.line(format!("proc/sys/kernel/random/{file}")) {
            page.gauge(name, help).sample(&[], number(&value));
        }
    }
}

/// The kernel's name and release.
pub(super) fn collect_uname(root: &Root, page: &mut Page) {
    page.gauge(
        "node_uname_info",
        "Labeled system information as provided by the uname system call.",
    );
    if root.is_machine() {
        let name = rustix::system::uname();
        let text = |field: &std::ffi::CStr| field.to_string_lossy().into_owned();
        page.sample(
            &[
                ("domainname", &text(name.domainname())),
                ("machine", &text(name.machine())),
                ("nodename", &text(name.nodename())),
                ("release", &text(name.release())),
                ("sysname", &text(name.sysname())),
                ("version", &text(name.version())),
            ],
            1.0,
        );
        return;
    }
    let fact = |file: &str| root.line(format!("proc/sys/kernel/{file}")).unwrap_or_default();
    page.sample(
        &[
            ("domainname", &fact("domainname")),
            ("nodename", &fact("hostname")),
            ("release", &fact("osrelease")),
            ("sysname", &fact("ostype")),
            ("version", &fact("version")),
        ],
        1.0,
    );
}

/// The names of `/etc/os-release` that become labels.
const OS_FACTS: [(&str, &str); 10] = [
    ("BUILD_ID", "build_id"),
    ("ID", "id"),
    ("ID_LIKE", "id_like"),
    ("IMAGE_ID", "image_id"),
    ("NAME", "name"),
    ("PRETTY_NAME", "pretty_name"),
    ("VARIANT", "variant"),
    ("VERSION", "version"),
    ("VERSION_CODENAME", "version_codename"),
    ("VERSION_ID", "version_id"),
];

/// `/etc/os-release`.
pub(super) fn collect_os(root: &Root, page: &mut Page) -> Collected {
    let text = root.read("etc/os-release").or_else(|_| root.read("usr/lib/os-release"))?;
    let mut labels = Vec::new();
    let mut version = None;
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let value = value.trim_matches(['"', '\'']);
        if let Some((_, label)) = OS_FACTS.iter().find(|(name, _)| *name == key) {
            labels.push((*label, value));
        }
        if key == "VERSION_ID" {
            version = major_and_minor(value);
        }
    }
    page.gauge("node_os_info", "A metric with a constant '1' value labeled by the system's facts.")
        .sample(&labels, 1.0);
    if let Some(version) = version {
        let named: Vec<(&str, &str)> = labels
            .iter()
            .filter(|(name, _)| matches!(*name, "id" | "id_like" | "name"))
            .copied()
            .collect();
        page.gauge("node_os_version", "Metric containing the major.minor part of the OS version.")
            .sample(&named, version);
    }
    Ok(())
}

fn major_and_minor(version: &str) -> Option<f64> {
    let mut parts = version.splitn(3, '.');
    let major = parts.next()?;
    match parts.next() {
        Some(minor) => format!("{major}.{minor}").parse().ok(),
        None => major.parse().ok(),
    }
}

/// The clock of this machine.
pub(super) fn collect_time(now: Time, page: &mut Page) {
    page.gauge("node_time_seconds", "System time in seconds since epoch (1970).")
        .sample(&[], now.as_secs_f64());
}
