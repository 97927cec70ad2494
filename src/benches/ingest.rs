//! What taking samples costs a server: CPU seconds per million, memory, bytes on disk, restart.
//!
//! `cargo bench --bench ingest`; series of 180 hosts as a node exporter has them, 30 % of which
//! move at each step of 15 s, in `remote_write` bodies of 8,000 samples over four connections.
//! Prometheus and VictoriaMetrics are measured beside us when they are installed. CPU seconds of
//! the server process are the figure to compare; wall time depends on the neighbours.
//! Two numbers as arguments change how many series and how many samples of each.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for the terminal")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kernel::clock::Clock;
use metric::Labels;
use reqwest::blocking::Client;

const BODY_SAMPLES: usize = 8_000;
const CONNECTIONS: usize = 4;
const STEP_MS: i64 = 15_000;

/// One server and how it is asked.
struct Peer {
    name: &'static str,
    command: Command,
    base: String,
    ready: &'static str,
    write: &'static str,
    query: &'static str,
}

fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let numbers: Vec<usize> = std::env::args().filter_map(|text| text.parse().ok()).collect();
    let (series, steps) = match numbers[..] {
        [series, steps] => (series, steps),
        _ => (100_000, 120),
    };
    println!("{series} series, {steps} samples each");
    println!(
        "{:16} {:>10} {:>12} {:>9} {:>13} {:>11} {:>10}",
        "", "CPU s/M", "samples/s", "peak MiB", "disk B/sample", "restart ms", "stop CPU s"
    );
    let lanes = bodies(series, steps);
    let peers: [fn(&Path) -> Option<Peer>; 3] =
        [|dir| Some(onemonitor(dir)), prometheus, victoria_metrics];
    for start in peers {
        let dir = tempfile::tempdir().unwrap();
        if let Some(peer) = start(dir.path()) {
            measure(peer, dir.path(), &lanes, (series * steps) as f64);
        }
    }
}

fn measure(mut peer: Peer, dir: &Path, lanes: &[Vec<Vec<u8>>], samples: f64) {
    let client = Client::builder().no_proxy().build().unwrap();
    let token = std::fs::read_to_string(dir.join("token")).unwrap_or_default();
    let mut child = launch(&mut peer, &client, &token);
    let (began, before_s) = (Instant::now(), cpu_s(&child));
    std::thread::scope(|scope| {
        for lane in lanes {
            let (peer, token) = (&peer, &token);
            scope.spawn(move || {
                let client = Client::builder().no_proxy().build().unwrap();
                for body in lane {
                    send(&client, peer, token, body);
                }
            });
        }
    });
    let wall_s = began.elapsed().as_secs_f64();
    // What was put off belongs to the cost.
    std::thread::sleep(Duration::from_secs(12));
    let spent_s = cpu_s(&child) - before_s;
    let peak_mib = peak_mib(&child);
    let written_s = cpu_s(&child);
    let stop_s = stop(&mut child) - written_s;
    let disk = disk_bytes(dir) as f64;
    let again = Instant::now();
    let mut child = launch(&mut peer, &client, &token);
    let restart_ms = again.elapsed().as_secs_f64() * 1000.0;
    stop(&mut child);
    println!(
        "{:16} {:10.2} {:12.0} {:9.0} {:13.2} {:11.0} {:10.2}",
        peer.name,
        spent_s / samples * 1e6,
        samples / wall_s,
        peak_mib,
        disk / samples,
        restart_ms,
        stop_s
    );
}

/// Starts the server and waits until it answers a query.
fn launch(peer: &mut Peer, client: &Client, token: &str) -> Child {
    let child = peer.command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for path in [peer.ready, peer.query] {
        let url = format!("{}{path}", peer.base);
        let answers =
            || client.get(&url).bearer_auth(token).send().is_ok_and(|it| it.status().is_success());
        while !answers() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    child
}

fn send(client: &Client, peer: &Peer, token: &str, body: &[u8]) {
    let url = format!("{}{}", peer.base, peer.write);
    let answer = client
        .post(url)
        .bearer_auth(token)
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0")
        .body(body.to_vec())
        .send()
        .unwrap();
    assert!(answer.status().is_success(), "{}: {}", peer.name, answer.text().unwrap());
}

/// Ends the server in order; CPU seconds of its whole life.
fn stop(child: &mut Child) -> f64 {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    let mut last_s = cpu_s(child);
    while child.try_wait().unwrap().is_none() {
        last_s = last_s.max(cpu_s(child));
        std::thread::sleep(Duration::from_millis(20));
    }
    last_s
}

fn onemonitor(dir: &Path) -> Peer {
    let binary = env!("CARGO_BIN_EXE_onemonitor");
    let data = dir.join("data");
    let serve = || {
        let mut command = Command::new(binary);
        command.args(["serve", "--tls", "off", "--listen", "127.0.0.1:18431", "--data-dir"]);
        command.arg(&data).env("ONEMONITOR_ADMIN_PASSWORD", "correct horse battery staple 42");
        command
    };
    let mut first = serve().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let token = loop {
        let mut create = Command::new(binary);
        create.args(["token", "create", "--name", "bench", "--role", "admin", "--data-dir"]);
        let output = create.arg(&data).output().unwrap();
        if output.status.success() {
            break String::from_utf8(output.stdout).unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    std::fs::write(dir.join("token"), token.trim()).unwrap();
    stop(&mut first);
    Peer {
        name: "onemonitor",
        command: serve(),
        base: "http://127.0.0.1:18431".to_owned(),
        ready: "/readyz",
        write: "/prometheus/api/v1/write",
        query: "/prometheus/api/v1/query?query=count(up)",
    }
}

fn prometheus(dir: &Path) -> Option<Peer> {
    installed("prometheus")?;
    let config = dir.join("prometheus.yml");
    std::fs::write(&config, "").unwrap();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
        .args(["--web.listen-address=127.0.0.1:18432", "--web.enable-remote-write-receiver"]);
    Some(Peer {
        name: "prometheus",
        command,
        base: "http://127.0.0.1:18432".to_owned(),
        ready: "/-/ready",
        write: "/api/v1/write",
        query: "/api/v1/query?query=count(up)",
    })
}

fn victoria_metrics(dir: &Path) -> Option<Peer> {
    installed("victoria-metrics")?;
    let mut command = Command::new("victoria-metrics");
    command
        .arg(format!("-storageDataPath={}", dir.join("data").display()))
        .args(["-httpListenAddr=127.0.0.1:18433", "-retentionPeriod=100y"]);
    Some(Peer {
        name: "victoria-metrics",
        command,
        base: "http://127.0.0.1:18433".to_owned(),
        ready: "/health",
        write: "/api/v1/write",
        query: "/api/v1/query?query=count(up)",
    })
}

fn installed(program: &str) -> Option<()> {
    let mut asked = Command::new(program);
    asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().ok().map(|_| ())
}

/// The bodies of each connection, in the order of time.
fn bodies(series: usize, steps: usize) -> Vec<Vec<Vec<u8>>> {
    let start_ms = Clock::system().now().as_millis() - steps as i64 * STEP_MS;
    let sets: Vec<Vec<u8>> = (0..series).map(labels).collect();
    let lane = |number: usize| {
        let own: Vec<usize> =
            (number * series / CONNECTIONS..(number + 1) * series / CONNECTIONS).collect();
        let mut lane = Vec::new();
        for step in 0..steps {
            for part in own.chunks(BODY_SAMPLES) {
                lane.push(body(&sets, part, step, start_ms + step as i64 * STEP_MS));
            }
        }
        lane
    };
    (0..CONNECTIONS).map(lane).collect()
}

/// A packed `WriteRequest`: a series a sample, as scrapers send it.
fn body(sets: &[Vec<u8>], part: &[usize], step: usize, at_ms: i64) -> Vec<u8> {
    let mut out = Vec::new();
    for &i in part {
        let mut sample = vec![1 << 3 | 1];
        sample.extend_from_slice(&value(i, step).to_le_bytes());
        sample.push(2 << 3);
        varint(&mut sample, at_ms as u64);
        let len = sets[i].len() + 2 + sample.len();
        out.push(1 << 3 | 2);
        varint(&mut out, len as u64);
        out.extend_from_slice(&sets[i]);
        out.extend_from_slice(&[2 << 3 | 2, sample.len() as u8]);
        out.extend_from_slice(&sample);
    }
    snap::raw::Encoder::new().compress_vec(&out).unwrap()
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn labels(i: usize) -> Vec<u8> {
    let (host, metric) = (i / 560, i % 560);
    let name =
        if metric == 0 { "up".to_owned() } else { format!("node_metric_{:03}_total", metric / 4) };
    let instance = format!("host-{host:05}:9100");
    let set = Labels::new([
        ("__name__", name.as_str()),
        ("cpu", ["0", "1", "2", "3"][metric % 4]),
        ("dc", ["fra1", "ams2", "nyc3"][host % 3]),
        ("env", "prod"),
        ("instance", instance.as_str()),
        ("job", "node"),
        ("mode", ["idle", "user", "system", "iowait"][metric / 140]),
    ]);
    set.unwrap().encoded().as_bytes().to_vec()
}

/// 30 % of the series move: counters by an uneven rate, gauges with two decimals.
fn value(i: usize, step: usize) -> f64 {
    let noise = (i.wrapping_mul(2_654_435_761) ^ step.wrapping_mul(40_503_001)) >> 7;
    match i % 10 {
        0 | 1 => (i * 1000 + step * 150 + noise % 40) as f64,
        2 => (noise % 10_000) as f64 / 100.0,
        _ => (i % 97) as f64,
    }
}

/// CPU seconds of a process so far, in steps of 10 ms; 0 when it is gone.
fn cpu_s(child: &Child) -> f64 {
    let Ok(text) = std::fs::read_to_string(format!("/proc/{}/stat", child.id())) else {
        return 0.0;
    };
    let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: f64 = fields[11..13].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

fn peak_mib(child: &Child) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// Allocated bytes below a directory.
fn disk_bytes(dir: &Path) -> u64 {
    let output = Command::new("du").args(["-s", "--block-size=1"]).arg(dir.join("data")).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    text.split('\t').next().unwrap().parse().unwrap()
}
