//! The network stack: protocol counters and sockets in use.

use super::text::Page;
use super::{Collected, Root, number};

const TCP: [&str; 7] =
    ["ActiveOpens", "InSegs", "OutSegs", "OutRsts", "PassiveOpens", "RetransSegs", "CurrEstab"];
const UDP: [&str; 5] = ["InDatagrams", "OutDatagrams", "NoPorts", "RcvbufErrors", "SndbufErrors"];

/// What node exporter shows of the counters by default.
fn is_shown(protocol: &str, field: &str) -> bool {
    if field == "InErrors" || field == "InErrs" {
        return true;
    }
    match protocol {
        "Ip" => field == "Forwarding",
        "Ip6" | "IpExt" => field == "InOctets" || field == "OutOctets",
        "Icmp" | "Icmp6" => field == "InMsgs" || field == "OutMsgs",
        "Tcp" => TCP.contains(&field),
        "Udp" | "Udp6" => UDP.contains(&field),
        "TcpExt" => {
            let named = ["TCPSynRetrans", "TCPTimeouts", "TCPOFOQueue", "TCPRcvQDrop"];
            field.starts_with("Listen") || field.starts_with("Syncookies") || named.contains(&field)
        }
        _ => false,
    }
}

/// `/proc/net/netstat`, `/proc/net/snmp` and `/proc/net/snmp6`.
pub(super) fn collect_counters(root: &Root, page: &mut Page) -> Collected {
    let mut write = |protocol: &str, field: &str, value: &str| {
        if is_shown(protocol, field) {
            let help = format!("Statistic {protocol}{field}.");
            page.family(&format!("node_netstat_{protocol}_{field}"), "untyped", &help)
                .sample(&[], number(value));
        }
    };
    for file in ["proc/net/netstat", "proc/net/snmp"] {
        let text = root.read(file)?;
        let mut lines = text.lines();
        // A line of names, then a line of values.
        while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
            let Some((protocol, names)) = names.split_once(':') else { continue };
            let values = values.split_once(':').map_or("", |(_, values)| values);
            let fields = names.split_ascii_whitespace().zip(values.split_ascii_whitespace());
            for (field, value) in fields {
                write(protocol, field, value);
            }
        }
    }
    // Machines without IPv6 lack this file.
    let six = root.read("proc/net/snmp6").unwrap_or_default();
    for line in six.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(key), Some(value)) = (words.next(), words.next()) else { continue };
        if let Some(at) = key.find('6') {
            let (protocol, field) = key.split_at(at + 1);
            write(protocol, field, value);
        }
    }
    Ok(())
}

/// `/proc/net/sockstat` and `/proc/net/sockstat6`.
pub(super) fn collect_sockets(root: &Root, page: &mut Page) -> Collected {
    let four = root.read("proc/net/sockstat")?;
    let six = root.read("proc/net/sockstat6").unwrap_or_default();
    for line in four.lines().chain(six.lines()) {
        let Some((protocol, rest)) = line.split_once(':') else { continue };
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        for pair in words.chunks_exact(2) {
            let [field, value] = pair else { continue };
            let value = number(value);
            let help = format!("Number of {protocol} sockets in state {field}.");
            page.gauge(&format!("node_sockstat_{protocol}_{field}"), &help).sample(&[], value);
            if *field == "mem" {
                #[expect(clippy::cast_precision_loss, reason = "a page has some thousand bytes")]
                let bytes = value * procfs::page_size() as f64;
                let help = format!("Number of {protocol} sockets in state mem_bytes.");
                page.gauge(&format!("node_sockstat_{protocol}_mem_bytes"), &help)
                    .sample(&[], bytes);
            }
        }
    }
    Ok(())
}

/// `/proc/sys/net/netfilter`: connections that the firewall follows; most machines have them.
pub(super) fn collect_conntrack(root: &Root, page: &mut Page) {
    for (file, name, help) in [
        (
            "nf_conntrack_count",
            "node_nf_conntrack_entries",
            "Number of currently allocated flow entries for connection tracking.",
        ),
        (
            "nf_conntrack_max",
            "node_nf_conntrack_entries_limit",
            "Maximum size of connection tracking table.",
        ),
    ] {
        if let Some(value) = root.line(format!("proc/sys/net/netfilter/{file}")) {
            page.gauge(name, help).sample(&[], number(&value));
        }
    }
}

/// `/proc/net/softnet_stat`: packets that each processor took in, hexadecimal.
pub(super) fn collect_softnet(root: &Root, page: &mut Page) {
    let text = root.read("proc/net/softnet_stat").unwrap_or_default();
    let rows: Vec<Vec<f64>> = text
        .lines()
        .map(|line| {
            let words = line.split_ascii_whitespace();
            words.map(|word| u32::from_str_radix(word, 16).map_or(0.0, f64::from)).collect()
        })
        .collect();
    let columns = ["processed", "dropped", "times_squeezed"];
    for (column, name) in columns.into_iter().enumerate() {
        if rows.is_empty() {
            return;
        }
        let help = format!("Number of packets or polls: {name}.");
        page.counter(&format!("node_softnet_{name}_total"), &help);
        for (cpu, row) in rows.iter().enumerate() {
            if let Some(value) = row.get(column) {
                page.sample(&[("cpu", &cpu.to_string())], *value);
            }
        }
    }
}
