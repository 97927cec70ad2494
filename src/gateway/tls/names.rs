//! The names and addresses that this machine is reached by.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Names that a certificate may hold; a machine with more is certified for the first ones.
const NAMES_MAX: usize = 100;

/// Every host name and address of this machine, and `extra`: sorted, each once.
///
/// Link-local addresses are left out: no browser can open them without a zone.
pub(super) fn of_this_machine(extra: &[String]) -> Vec<String> {
    let addresses = local_addresses();
    let host = host_name();
    let mut names = vec!["localhost".to_owned(), host.clone()];
    names.extend(extra.iter().map(|name| canonical(name)));
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    names.extend(aliases(&hosts, &host, &addresses));
    names.extend([Ipv4Addr::LOCALHOST.to_string(), Ipv6Addr::LOCALHOST.to_string()]);
    names.extend(addresses.iter().map(IpAddr::to_string));
    names.retain(|name| is_certifiable(name));
    let mut unique = Vec::with_capacity(names.len());
    for name in names {
        if !unique.contains(&name) && unique.len() < NAMES_MAX {
            unique.push(name);
        }
    }
    unique
}

/// The machine's host name, in lower case.
pub(super) fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
    if is_certifiable(&name) { name } else { "localhost".to_owned() }
}

/// A name that people on the network can probably reach this machine by: the host name when the
/// hosts file knows it, else an address. Asks no name server.
pub(crate) fn reachable_name() -> String {
    let host = host_name();
    let addresses = local_addresses();
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    if aliases(&hosts, &host, &addresses).contains(&host) {
        return host;
    }
    let outside = addresses.iter().find(|address| address.is_ipv4() && !address.is_loopback());
    outside.map_or_else(|| "localhost".to_owned(), IpAddr::to_string)
}

/// The address in a certificate's bytes, as text.
pub(super) fn address_text(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| Ipv6Addr::from(sixteen).to_string())
}

/// A name in lower case, an address in its shortest form: as a certificate shows it again.
fn canonical(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    name.parse::<IpAddr>().map_or(name, |address| address.to_string())
}

/// Whether a certificate can name it: an address, or a host name of letters, digits, `-` and dots.
pub(super) fn is_certifiable(name: &str) -> bool {
    if name.parse::<IpAddr>().is_ok() {
        return true;
    }
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        !label.is_empty() && label.len() <= 63 && label.chars().all(inner)
    };
    let name = name.strip_prefix("*.").unwrap_or(name);
    name.len() <= 253 && name.split('.').all(is_label)
}

/// The other names that the hosts file has for this machine, such as its full domain name.
pub(super) fn aliases(hosts: &str, host: &str, addresses: &[IpAddr]) -> Vec<String> {
    let mut found = Vec::new();
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
        let names: Vec<String> = words.map(str::to_ascii_lowercase).collect();
        let is_ours = addresses.contains(&address)
            || (address.is_loopback() && names.iter().any(|name| name == host));
        if is_ours {
            found.extend(names);
        }
    }
    found
}

fn local_addresses() -> Vec<IpAddr> {
    let trie = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let mut addresses = ipv4_of(&trie);
    let table = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    addresses.extend(ipv6_of(&table));
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// The machine's own addresses in the kernel's routing trie: leaves of the kind `host LOCAL`.
pub(super) fn ipv4_of(trie: &str) -> Vec<IpAddr> {
    let mut leaf: Option<Ipv4Addr> = None;
    let mut addresses = Vec::new();
    for line in trie.lines() {
        let line = line.trim();
        if let Some(text) = line.strip_prefix("|-- ") {
            leaf = text.parse().ok();
        } else if line.starts_with("/32 host LOCAL")
            && let Some(address) = leaf
            && !address.is_link_local()
            && !address.is_unspecified()
        {
            addresses.push(IpAddr::V4(address));
        }
    }
    addresses
}

/// The addresses of `/proc/net/if_inet6`: 32 hexadecimal digits at the beginning of each line.
pub(super) fn ipv6_of(table: &str) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for line in table.lines() {
        let digits = line.split_whitespace().next().unwrap_or_default();
        let Ok(bits) = u128::from_str_radix(digits, 16) else { continue };
        let address = Ipv6Addr::from(bits);
        if digits.len() == 32 && !address.is_unicast_link_local() {
            addresses.push(IpAddr::V6(address));
        }
    }
    addresses
}
