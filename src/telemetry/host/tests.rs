//! Tests of the host's metrics, over a tree of files like `/proc` and `/sys`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kernel::clock::{Clock, ManualClock, Time};

use super::Host;
use crate::scrape::exposition::{Entry, Format, parse_body};
use crate::settings::HostSettings;

const STAT: &str = "cpu  200 0 100 1000 10 0 5 0 0 0
cpu0 100 2 50 500 5 1 2 3 7 8
cpu3 100 0 50 500 5 0 3 0 0 0
intr 12345 1 2 3
ctxt 987
btime 1700000000
processes 4321
procs_running 2
procs_blocked 1
softirq 5 1 2 3
";

const FILES: &[(&str, &str)] = &[
    ("proc/stat", STAT),
    ("proc/loadavg", "0.20 1.05 2.10 2/300 4242\n"),
    ("proc/meminfo", "MemTotal:  1000 kB\nActive(anon):  3 kB\nHugePages_Total:  4\n"),
    ("proc/vmstat", "nr_free_pages 1\npgpgin 7\npgfault 8\npgmajfault 9\noom_kill 0\npswpin 2\n"),
    (
        "proc/diskstats",
        "   8  0 sda 10 1 16 100 20 2 32 200 3 400 500 0 0 0 0 0 0\n   8  1 sda1 1 1 1 1 1\n\
         7 0 loop0 1 0 0 0\n 259 0 nvme0n1 5 0 8 1 1 0 8 1 0 1 1\n 259 1 nvme0n1p1 5 0 8 1\n",
    ),
    (
        "proc/net/dev",
        "Inter-|   Receive                    |  Transmit\n face |bytes    packets|bytes\n\
         lo: 1 2 0 0 0 0 0 0 1 2 0 0 0 0 0 0\n  eth0:100 2 3 4 5 6 7 8 200 10 11 12 13 14 15 16\n",
    ),
    ("proc/net/netstat", "TcpExt: ListenDrops Other\nTcpExt: 5 6\nIpExt: InOctets\nIpExt: 77\n"),
    ("proc/net/snmp", "Tcp: RtoMin CurrEstab\nTcp: 200 9\nUdp: InErrors NoPorts\nUdp: 1 2\n"),
    ("proc/net/snmp6", "Ip6InOctets 55\nIp6InDelivers 5\nUdp6NoPorts 3\n"),
    ("proc/net/sockstat", "sockets: used 50\nTCP: inuse 5 orphan 0 tw 1 alloc 7 mem 2\n"),
    ("proc/sys/fs/file-nr", "1000\t0\t90000\n"),
    ("proc/sys/kernel/hostname", "fixture\n"),
    ("proc/sys/kernel/osrelease", "6.1.0\n"),
    (
        "proc/pressure/cpu",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    ),
    (
        "proc/pressure/io",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=2\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
    ),
    (
        "proc/pressure/memory",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=4\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n",
    ),
    (
        "proc/mounts",
        "/dev/sda1 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\n/dev/sdb1 /my\\040disk xfs ro 0 0\n\
         tmpfs /run tmpfs rw 0 0\noverlay /var/lib/docker/x overlay rw 0 0\n/dev/sdc1 /gone ext4 rw 0 0\n",
    ),
    ("proc/net/softnet_stat", "000000ff 00000001 00000002 0\n0000000a 00000000 00000000 0\n"),
    ("proc/sys/net/netfilter/nf_conntrack_count", "42\n"),
    ("proc/sys/kernel/random/entropy_avail", "256\n"),
    ("my disk/file", ""),
    ("run/file", ""),
    (
        "etc/os-release",
        "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\nHOME_URL=x\n",
    ),
    ("sys/class/net/eth0/operstate", "up\n"),
    ("sys/class/net/eth0/mtu", "1500\n"),
    ("sys/class/net/eth0/speed", "-1\n"),
    ("sys/class/net/eth0/address", "00:11:22:33:44:55\n"),
    ("sys/class/hwmon/hwmon0/name", "coretemp\n"),
    ("sys/class/hwmon/hwmon0/temp1_input", "45500\n"),
    ("sys/class/hwmon/hwmon0/temp1_label", "Package id 0\n"),
];

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A process: pid, name, parent, user and system ticks, start, resident pages, bytes read.
fn put_process(root: &Path, pid: u32, name: &str, parent: u32, cpu: (u64, u64), pages: u64) {
    let stat = format!(
        "{pid} ({name}) S {parent} 1 1 0 -1 4194304 1 0 0 0 {} {} 0 0 20 0 3 0 500 8192 {pages} \
         18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        cpu.0, cpu.1
    );
    put(root, &format!("proc/{pid}/stat"), &stat);
    put(
        root,
        &format!("proc/{pid}/io"),
        "rchar: 1\nwchar: 1\nsyscr: 1\nsyscw: 1\nread_bytes: 4096\nwrite_bytes: 512\n\
         cancelled_write_bytes: 0\n",
    );
}

fn fixture() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        put(folder.path(), path, text);
    }
    put_process(folder.path(), 1, "systemd", 0, (100, 50), 10);
    put_process(folder.path(), 2, "kthreadd", 0, (0, 10), 0);
    put_process(folder.path(), 9, "kworker/0:1", 2, (0, 20), 0);
    put_process(folder.path(), 20, "nginx: (worker)", 1, (300, 100), 30);
    put_process(folder.path(), 21, "nginx: (worker)", 1, (100, 0), 20);
    folder
}

fn host(root: &Path, groups: usize) -> Host {
    let settings = HostSettings {
        root: root.to_owned(),
        process_groups_max: groups,
        interval: Duration::from_secs(15),
        ..HostSettings::default()
    };
    let hand = ManualClock::at(Time::from_millis(1_700_000_100_500));
    Host::new(&settings, Clock::manual(&hand))
}

/// The samples of a collection, as `name{label="value",...}` in the order of the text.
fn collect(host: &mut Host) -> BTreeMap<String, f64> {
    let text = host.collect();
    let mut samples = BTreeMap::new();
    parse_body(&text, Format::Text, |entry, _| {
        if let Entry::Sample(sample) = entry {
            let twice = samples.insert(sample.series.to_owned(), sample.value);
            assert_eq!(twice, None, "{} occurs twice", sample.series);
        }
        Ok(())
    })
    .unwrap();
    samples
}

#[test]
fn a_fixture_gives_the_metrics_of_node_exporter() {
    let root = fixture();
    let samples = collect(&mut host(root.path(), 30));
    let check = |series: &str, value: f64| {
        assert_eq!(samples.get(series), Some(&value), "{series} in {:#?}", samples.keys());
    };
    check("node_cpu_seconds_total{cpu=\"0\",mode=\"user\"}", 1.0);
    check("node_cpu_seconds_total{cpu=\"3\",mode=\"idle\"}", 5.0);
    check("node_cpu_seconds_total{cpu=\"0\",mode=\"steal\"}", 0.03);
    check("node_cpu_guest_seconds_total{cpu=\"0\",mode=\"nice\"}", 0.08);
    check("node_intr_total", 12345.0);
    check("node_boot_time_seconds", 1_700_000_000.0);
    check("node_load5", 1.05);
    check("node_memory_MemTotal_bytes", 1_024_000.0);
    check("node_memory_Active_anon_bytes", 3072.0);
    check("node_memory_HugePages_Total", 4.0);
    check("node_vmstat_pgmajfault", 9.0);
    check("node_disk_read_bytes_total{device=\"sda\"}", 8192.0);
    check("node_disk_io_time_seconds_total{device=\"sda\"}", 0.4);
    check("node_disk_reads_completed_total{device=\"nvme0n1\"}", 5.0);
    check("node_network_receive_bytes_total{device=\"eth0\"}", 100.0);
    check("node_network_transmit_compressed_total{device=\"eth0\"}", 16.0);
    check("node_network_up{device=\"eth0\"}", 1.0);
    check("node_network_mtu_bytes{device=\"eth0\"}", 1500.0);
    check("node_netstat_TcpExt_ListenDrops", 5.0);
    check("node_netstat_Tcp_CurrEstab", 9.0);
    check("node_netstat_Udp_InErrors", 1.0);
    check("node_netstat_Ip6_InOctets", 55.0);
    check("node_sockstat_TCP_alloc", 7.0);
    check("node_sockstat_sockets_used", 50.0);
    check("node_filefd_maximum", 90000.0);
    check("node_pressure_cpu_waiting_seconds_total", 1.5);
    check("node_time_seconds", 1_700_000_100.5);
    check(
        "node_os_info{pretty_name=\"Debian GNU/Linux 12 (bookworm)\",id=\"debian\",version_id=\"12\"}",
        1.0,
    );
    check("node_os_version{id=\"debian\"}", 12.0);
    check("node_softnet_processed_total{cpu=\"0\"}", 255.0);
    check("node_nf_conntrack_entries", 42.0);
    check("node_entropy_available_bits", 256.0);
    check("node_hwmon_temp_celsius{chip=\"hwmon0\",sensor=\"temp1\"}", 45.5);
    check("node_scrape_collector_success{collector=\"filesystem\"}", 1.0);
    let fs = "device=\"/dev/sdb1\",fstype=\"xfs\",mountpoint=\"/my disk\"";
    check(&format!("node_filesystem_readonly{{{fs}}}"), 1.0);
    assert!(samples[&format!("node_filesystem_size_bytes{{{fs}}}")] > 0.0);
    check(
        "node_filesystem_device_error{device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/gone\"}",
        1.0,
    );
    for absent in ["loop0", "\"sda1\"", "nvme0n1p1", "/var/lib/docker", "speed_bytes{", "cpu=\"2\""]
    {
        let found = samples.keys().find(|series| series.contains(absent));
        assert_eq!(found, None, "{absent}");
    }
}

#[test]
fn a_missing_source_loses_only_its_own_metrics() {
    let root = fixture();
    std::fs::remove_file(root.path().join("proc/meminfo")).unwrap();
    std::fs::write(root.path().join("proc/pressure/io"), b"\xff rubbish").unwrap();
    let samples = collect(&mut host(root.path(), 30));
    assert_eq!(samples["node_scrape_collector_success{collector=\"meminfo\"}"], 0.0);
    assert_eq!(samples["node_scrape_collector_success{collector=\"pressure\"}"], 0.0);
    assert_eq!(samples["node_load1"], 0.2);
}

#[test]
fn an_empty_root_is_no_disaster() {
    let root = tempfile::tempdir().unwrap();
    let samples = collect(&mut host(root.path(), 30));
    assert_eq!(samples["node_scrape_collector_success{collector=\"stat\"}"], 0.0);
}

#[test]
fn processes_are_grouped_and_counters_only_grow() {
    let root = fixture();
    let mut host = host(root.path(), 30);
    let group = |samples: &BTreeMap<String, f64>, name: &str, figure: &str| {
        let (figure, more) = figure.split_once(' ').unwrap_or((figure, ""));
        let series = format!("namedprocess_namegroup_{figure}{{groupname=\"{name}\"{more}}}");
        samples.get(&series).copied()
    };
    let nginx = "nginx: (worker)";
    let user = "cpu_seconds_total ,mode=\"user\"";
    let resident = "memory_bytes ,memtype=\"resident\"";
    let samples = collect(&mut host);
    assert_eq!(group(&samples, nginx, "num_procs"), Some(2.0));
    assert_eq!(group(&samples, nginx, "num_threads"), Some(6.0));
    assert_eq!(group(&samples, nginx, user), Some(4.0));
    assert_eq!(group(&samples, nginx, "read_bytes_total"), Some(8192.0));
    let page = f64::from(u32::try_from(procfs::page_size()).unwrap());
    assert_eq!(group(&samples, nginx, resident), Some(50.0 * page));
    assert_eq!(group(&samples, "[kernel]", "num_procs"), Some(2.0));
    assert_eq!(group(&samples, "systemd", "oldest_start_time_seconds"), Some(1_700_000_005.0));

    // One ends, the other works on: the group's counter keeps what the first one used.
    std::fs::remove_dir_all(root.path().join("proc/21")).unwrap();
    put_process(root.path(), 20, nginx, 1, (350, 100), 30);
    let samples = collect(&mut host);
    assert_eq!(group(&samples, nginx, "num_procs"), Some(1.0));
    assert_eq!(group(&samples, nginx, user), Some(4.5));

    std::fs::remove_dir_all(root.path().join("proc/20")).unwrap();
    let samples = collect(&mut host);
    assert_eq!(group(&samples, nginx, "num_procs"), None);
}

#[test]
fn only_the_busiest_groups_are_shown() {
    let root = fixture();
    let mut host = host(root.path(), 2);
    collect(&mut host);
    put_process(root.path(), 30, "burner", 1, (90_000, 0), 5);
    let groups = |samples: &BTreeMap<String, f64>| -> Vec<String> {
        let prefix = "namedprocess_namegroup_num_procs";
        samples.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    };
    let shown = groups(&collect(&mut host));
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown.iter().any(|name| name.contains("burner")), "{shown:?}");
}

#[test]
fn this_machine_can_be_read() {
    let mut host = host(Path::new("/"), 30);
    let samples = collect(&mut host);
    for family in ["node_cpu_seconds_total{", "node_uname_info{", "node_memory_MemTotal_bytes"] {
        assert!(samples.keys().any(|series| series.starts_with(family)), "{family}");
    }
    assert!(samples.keys().any(|series| series.starts_with("namedprocess_namegroup_num_procs")));
}
