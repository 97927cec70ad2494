//! File systems: sizes of what is mounted, without waiting for a network that is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use rustix::fs::{StatVfs, statvfs};

use super::text::Page;
use super::{Collected, Root};

/// File systems that hold no data of the machine; the list of node exporter.
const KINDS_LEFT_OUT: [&str; 29] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "erofs",
    "sysfs",
    "tracefs",
    "ramfs",
    "fuse.lxcfs",
    "fuse.portal",
];
/// Folders below which file systems are not shown.
const FOLDERS_LEFT_OUT: [&str; 6] =
    ["/dev", "/proc", "/sys", "/run/credentials", "/var/lib/docker", "/var/lib/containers/storage"];
/// File systems shown at most.
const MOUNTS_MAX: usize = 500;
/// How long a network file system may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_millis(500);

type Asked = Receiver<rustix::io::Result<StatVfs>>;

/// Reads file systems and remembers which of them do not answer.
#[derive(Debug, Default)]
pub(super) struct FileSystems {
    /// Mount points whose question is still open, each with the thread that waits for the answer.
    stuck: BTreeMap<String, Asked>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mount {
    device: String,
    mount_point: String,
    kind: String,
    read_only: bool,
}

enum Usage {
    Known(StatVfs),
    Failed,
}

impl FileSystems {
    /// Writes the sizes of all file systems.
    pub(super) fn collect(&mut self, root: &Root, page: &mut Page) -> Collected {
        let text = root.read("proc/1/mounts").or_else(|_| root.read("proc/mounts"))?;
        let mut found = Vec::new();
        for mount in mounts(&text) {
            let usage = self.usage(root, &mount);
            found.push((mount, usage));
        }
        write(&found, page);
        Ok(())
    }

    fn usage(&mut self, root: &Root, mount: &Mount) -> Usage {
        let path = root.path(mount.mount_point.trim_start_matches('/'));
        let answer = if is_remote(&mount.kind) {
            self.ask(&mount.mount_point, path)
        } else {
            statvfs(&path).ok()
        };
        answer.map_or(Usage::Failed, Usage::Known)
    }

    /// Asks on a thread of its own: the kernel may never answer, and cannot be interrupted.
    fn ask(&mut self, mount_point: &str, path: PathBuf) -> Option<StatVfs> {
        let asked = match self.stuck.remove(mount_point) {
            Some(asked) => asked,
            None => {
                let (tell, asked) = sync_channel(1);
                let ask = move || drop(tell.send(statvfs(&path)));
                std::thread::Builder::new().name("statvfs".to_owned()).spawn(ask).ok()?;
                match asked.recv_timeout(PATIENCE) {
                    Ok(answer) => return answer.ok(),
                    Err(_) => asked,
                }
            }
        };
        match asked.try_recv() {
            Ok(answer) => answer.ok(),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                self.stuck.insert(mount_point.to_owned(), asked);
                None
            }
        }
    }
}

/// File systems whose answer may need a network, or a program.
fn is_remote(kind: &str) -> bool {
    let named =
        ["nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "9p", "afs", "lustre"];
    named.contains(&kind) || kind.starts_with("fuse")
}

/// The mounts to be shown, each once.
fn mounts(text: &str) -> Vec<Mount> {
    let mut seen = BTreeSet::new();
    let mut mounts = Vec::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        let (Some(device), Some(mount_point), Some(kind), Some(options)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let mount_point = unescape(mount_point);
        // In a container the root is an overlay: the only disk there is to see.
        let own_root = mount_point == "/" && kind == "overlay";
        if is_left_out(&mount_point, kind) && !own_root {
            continue;
        }
        if mounts.len() < MOUNTS_MAX && seen.insert(mount_point.clone()) {
            let read_only = options.split(',').any(|option| option == "ro");
            let (device, kind) = (unescape(device), kind.to_owned());
            mounts.push(Mount { device, mount_point, kind, read_only });
        }
    }
    mounts
}

fn is_left_out(mount_point: &str, kind: &str) -> bool {
    let below = |folder: &str| {
        let rest = mount_point.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    KINDS_LEFT_OUT.contains(&kind) || FOLDERS_LEFT_OUT.iter().any(|folder| below(folder))
}

/// The kernel writes spaces and the like as `\040`.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 4).filter(|_| byte == b'\\');
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(code) => {
                plain.push(code);
                at += 4;
            }
            None => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[expect(clippy::cast_precision_loss, reason = "a size beyond 2^53 loses its last digits")]
fn write(found: &[(Mount, Usage)], page: &mut Page) {
    type Figure = fn(&StatVfs) -> f64;
    let figures: [(&str, &str, Figure); 5] = [
        ("size_bytes", "Filesystem size in bytes.", |it| (it.f_blocks * it.f_frsize) as f64),
        ("free_bytes", "Filesystem free space in bytes.", |it| (it.f_bfree * it.f_frsize) as f64),
        ("avail_bytes", "Filesystem space available to non-root users in bytes.", |it| {
            (it.f_bavail * it.f_frsize) as f64
        }),
        ("files", "Filesystem total file nodes.", |it| it.f_files as f64),
        ("files_free", "Filesystem total free file nodes.", |it| it.f_ffree as f64),
    ];
    for (name, help, figure) in figures {
        page.gauge(&format!("node_filesystem_{name}"), help);
        for (mount, usage) in found {
            if let Usage::Known(usage) = usage {
                page.sample(&labels(mount), figure(usage));
            }
        }
    }
    page.gauge("node_filesystem_readonly", "Filesystem read-only status.");
    for (mount, usage) in found {
        if matches!(usage, Usage::Known(_)) {
            page.sample(&labels(mount), f64::from(u8::from(mount.read_only)));
        }
    }
    page.gauge(
        "node_filesystem_device_error",
        "Whether an error occurred while getting statistics for the given device.",
    );
    for (mount, usage) in found {
        page.sample(&labels(mount), f64::from(u8::from(matches!(usage, Usage::Failed))));
    }
}

fn labels(mount: &Mount) -> [(&str, &str); 3] {
    [("device", &mount.device), ("fstype", &mount.kind), ("mountpoint", &mount.mount_point)]
}
