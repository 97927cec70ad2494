//! Real peers from Debian: node exporter and Prometheus, each a child on a free port.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A peer that ends with the test.
pub(crate) struct Peer {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Peer {
    /// Ends the peer as its service manager does, so that it saves what it holds.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
        drop(self.child.wait());
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(command: &mut Command, port: u16) -> Peer {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    Peer { child, port }
}

/// Debian's node exporter.
pub(crate) fn node_exporter() -> Peer {
    let port = free_port();
    let listen = format!("--web.listen-address=127.0.0.1:{port}");
    spawn(Command::new("prometheus-node-exporter").arg(listen), port)
}

/// Debian's vmagent, which sends what it is given to a server, its queue below `dir`.
pub(crate) fn vmagent(dir: &Path, url: &str, token: &str, ca: &Path) -> Peer {
    let port = free_port();
    let mut command = Command::new("vmagent");
    command
        .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
        .arg(format!("-remoteWrite.url={url}"))
        .arg(format!("-remoteWrite.bearerToken={token}"))
        .arg(format!("-remoteWrite.tlsCAFile={}", ca.display()))
        .arg(format!("-remoteWrite.tmpDataPath={}", dir.join("vmagent").display()))
        .arg("-remoteWrite.flushInterval=200ms");
    spawn(&mut command, port)
}

/// Debian's Prometheus with this configuration, its data below `dir`.
pub(crate) fn prometheus(dir: &Path, config: &str) -> Peer {
    prometheus_at(dir, config, free_port())
}

/// The same at a port that is known before.
pub(crate) fn prometheus_at(dir: &Path, config: &str, port: u16) -> Peer {
    spawn(&mut prometheus_command(dir, config, port), port)
}

/// The same with features that are off by default.
pub(crate) fn prometheus_with(dir: &Path, config: &str, features: &str) -> Peer {
    let port = free_port();
    let mut command = prometheus_command(dir, config, port);
    spawn(command.arg(format!("--enable-feature={features}")), port)
}

fn prometheus_command(dir: &Path, config: &str, port: u16) -> Command {
    let file = dir.join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("prometheus").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--web.enable-remote-write-receiver");
    command
}
