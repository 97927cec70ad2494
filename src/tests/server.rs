//! The real program as a test runs it: a child process on a directory of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Certificate, Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The password of the first administrator in tests.
pub(crate) const PASSWORD: &str = "correct horse battery staple 42";
/// How long to wait for what must happen; only a broken program needs it.
const DEADLINE: Duration = Duration::from_secs(60);

/// The program's binary.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_onemonitor");

/// A running server and its data directory, which goes when this does.
pub(crate) struct Server {
    pub(crate) dir: PathBuf,
    pub(crate) base: String,
    child: Child,
    // Kept open, so that the program can go on printing.
    output: BufReader<ChildStdout>,
    _own_dir: Option<TempDir>,
}

impl Server {
    /// Starts on a new directory.
    pub(crate) fn start() -> Self {
        Self::start_with("", |command| {
            command.env("ONEMONITOR_ADMIN_PASSWORD", PASSWORD);
        })
    }

    /// Starts on a new directory with this configuration file.
    pub(crate) fn start_with(config: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let own_dir = TempDir::new().unwrap();
        let dir = own_dir.path().join("data");
        let config_file = own_dir.path().join("onemonitor.toml");
        std::fs::write(&config_file, config).unwrap();
        let mut command = command(&dir);
        command.arg("--config").arg(&config_file);
        prepare(&mut command);
        let mut server = Self::spawn(command, dir);
        server._own_dir = Some(own_dir);
        server
    }

    /// Starts on a directory that exists.
    pub(crate) fn start_on(dir: &Path) -> Self {
        let mut command = command(dir);
        command.env("ONEMONITOR_ADMIN_PASSWORD", PASSWORD);
        Self::spawn(command, dir.to_owned())
    }

    /// Starts on a directory and at an address that senders know.
    pub(crate) fn start_at(dir: &Path, address: &str) -> Self {
        let mut command = command_at(dir, address);
        command.env("ONEMONITOR_ADMIN_PASSWORD", PASSWORD);
        Self::spawn(command, dir.to_owned())
    }

    fn spawn(mut command: Command, dir: PathBuf) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        let base = loop {
            let mut line = String::new();
            let read = output.read_line(&mut line).unwrap();
            assert!(read > 0, "the server ended before it was ready: {printed}");
            printed.push_str(&line);
            if let Some(address) = line.trim_end().strip_prefix("listening on ") {
                break address.to_owned();
            }
        };
        Self { dir, base, child, output, _own_dir: None }
    }

    /// A client that trusts this server's CA.
    pub(crate) fn client(&self) -> Client {
        let pem = std::fs::read(self.dir.join("tls/ca.pem")).unwrap();
        let ca = Certificate::from_pem(&pem).unwrap();
        // The first test to come here decides; the others find it decided.
        drop(rustls::crypto::ring::default_provider().install_default());
        Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap()
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A token of `role`, made on the command line.
    pub(crate) fn token(&self, role: &str) -> String {
        let output = Command::new(BINARY)
            .args(["token", "create", "--name", "test", "--role", role, "--data-dir"])
            .arg(&self.dir)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A client for the API with a token of `role`.
    pub(crate) fn api(&self, role: &str) -> Api {
        Api { client: self.client(), base: self.base.clone(), token: self.token(role) }
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name (`TERM`, `KILL`, `HUP`).
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end; gives the exit status and what was printed last.
    pub(crate) fn wait(mut self) -> (std::process::ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (status, rest)
    }

    /// Stops without a warning, as a power cut does to the process.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `onemonitor serve` on this directory and a free port, in a clean environment.
pub(crate) fn command(dir: &Path) -> Command {
    command_at(dir, "127.0.0.1:0")
}

fn command_at(dir: &Path, address: &str) -> Command {
    let mut command = Command::new(BINARY);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ONEMONITOR_")) {
        command.env_remove(name);
    }
    command.args(["serve", "--listen", address, "--data-dir"]).arg(dir);
    command
}

/// Runs `onemonitor serve` where it must refuse; gives what it said.
pub(crate) fn refused(mut command: Command) -> String {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > DEADLINE {
            drop(child.kill());
            panic!("the server runs where it should refuse");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    assert!(!status.success());
    let stderr = String::from_utf8(stderr).unwrap();
    // The log may say what went before; the refusal is the last line, and one line.
    let refusal = stderr.lines().last().unwrap_or_default();
    refusal.strip_prefix("onemonitor: ").unwrap_or_else(|| panic!("{stderr}")).to_owned()
}

/// The API as a program uses it.
pub(crate) struct Api {
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) token: String,
}

impl Api {
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    /// The JSON answer of a GET that must succeed.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    /// The `data` of an instant query.
    pub(crate) async fn query(&self, expression: &str, at: Option<f64>) -> Value {
        let mut form = vec![("query", expression.to_owned())];
        form.extend(at.map(|at| ("time", at.to_string())));
        let path = "/prometheus/api/v1/query";
        let response = self.post(path).form(&form).send().await.unwrap();
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["status"], json!("success"), "{expression}: {answer}");
        answer["data"].clone()
    }
}

/// Asks again until `probe` gives something; the deadline is for a broken program only.
pub(crate) async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(began.elapsed() < DEADLINE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
