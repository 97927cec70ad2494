//! Targets on loopback that behave, and such that do not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a target does with every request.
#[derive(Clone, Debug)]
pub(super) enum Behaviour {
    /// Answers with a text that the test may change.
    Text(String),
    /// Answers OpenMetrics.
    OpenMetrics(String),
    /// Answers protobuf to those who ask for it before anything else, and this text to others.
    Protobuf(Vec<u8>, String),
    /// Answers these bytes, headers included.
    Raw(Vec<u8>),
    /// Sends samples without end.
    Endless,
    /// Promises more than it sends, then closes.
    Short,
    /// Takes the request and never answers.
    Silent,
    /// Sends the head and then a byte now and then.
    Drip,
    /// Answers with a body that unpacks to far more.
    Bomb,
    /// Answers only those who bring this header line.
    Guarded(String),
    /// Closes at once.
    Hangup,
}

/// A target; it ends with the test.
pub(super) struct Peer {
    pub address: String,
    behaviour: Arc<Mutex<Behaviour>>,
    hits: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Peer {
    pub(super) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let behaviour = Arc::new(Mutex::new(behaviour));
        let hits = Arc::new(AtomicUsize::new(0));
        let (acts, counts) = (Arc::clone(&behaviour), Arc::clone(&hits));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acts, counts) = (Arc::clone(&acts), Arc::clone(&counts));
                tokio::spawn(async move {
                    // The other side may hang up at any time.
                    drop(answer(stream, &acts, &counts).await);
                });
            }
        });
        Self { address, behaviour, hits, task }
    }

    pub(super) async fn text(text: &str) -> Self {
        Self::start(Behaviour::Text(text.to_owned())).await
    }

    pub(super) fn become_(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    pub(super) fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    mut stream: TcpStream,
    behaviour: &Mutex<Behaviour>,
    hits: &AtomicUsize,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Ok(());
        }
        request.push(byte[0]);
    }
    hits.fetch_add(1, Ordering::SeqCst);
    let request = String::from_utf8_lossy(&request).into_owned();
    let behaviour = behaviour.lock().unwrap().clone();
    match behaviour {
        Behaviour::Text(text) => {
            ok(&mut stream, "text/plain; version=0.0.4", text.as_bytes()).await
        }
        Behaviour::OpenMetrics(text) => {
            let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ok(&mut stream, content_type, text.as_bytes()).await
        }
        Behaviour::Protobuf(families, text) => {
            answer_families(&mut stream, &request, &families, &text).await
        }
        Behaviour::Raw(bytes) => stream.write_all(&bytes).await,
        Behaviour::Hangup => Ok(()),
        Behaviour::Short => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\na 1\nb 2\n").await
        }
        Behaviour::Silent => wait_for_hangup(&mut stream).await,
        Behaviour::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
            let mut line = 0_u64;
            loop {
                let mut chunk = String::new();
                for _ in 0..1000 {
                    line += 1;
                    chunk.push_str(&format!("endless{{line=\"{line}\"}} 1\n"));
                }
                stream.write_all(chunk.as_bytes()).await?;
            }
        }
        Behaviour::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
            loop {
                stream.write_all(b"a").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Behaviour::Bomb => {
            let body = bomb();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&body).await
        }
        Behaviour::Guarded(line) => {
            let known = request.lines().any(|it| it.eq_ignore_ascii_case(&line));
            if known {
                ok(&mut stream, "text/plain", b"let_in 1\n").await
            } else {
                stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await
            }
        }
    }
}

/// Protobuf if it is asked for before anything else, otherwise the text.
async fn answer_families(
    stream: &mut TcpStream,
    request: &str,
    families: &[u8],
    text: &str,
) -> std::io::Result<()> {
    let kind = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                encoding=delimited";
    let wanted = format!("accept: {kind},").to_ascii_lowercase();
    let mut lines = request.lines().map(str::to_ascii_lowercase);
    if lines.any(|line| line.starts_with(&wanted)) {
        return ok(stream, kind, families).await;
    }
    ok(stream, "text/plain; version=0.0.4", text.as_bytes()).await
}

async fn ok(stream: &mut TcpStream, content_type: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await
}

async fn wait_for_hangup(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// 64 MiB of samples in some hundred kilobytes.
fn bomb() -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let piece = "bomb 1\n".repeat(150_000);
    for _ in 0..64 {
        packer.write_all(piece.as_bytes()).unwrap();
    }
    packer.finish().unwrap()
}
