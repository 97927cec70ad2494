//! The control socket: how the local command line talks to the running server.
//!
//! HTTP over the Unix socket `<data>/control.sock`, mode 0600: whoever may open it owns the data
//! directory, and is the local administrator.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};

use super::Failure;
use crate::app::Services;
use kernel::stop::Stop;

/// The longest answer that the command line reads.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What the command line asks of the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Order {
    /// Create an API token; the answer is its secret.
    CreateToken {
        /// What it is for.
        name: String,
        /// Which role it has.
        role: String,
        /// Seconds until it ends.
        expires_in_s: Option<u64>,
    },
    /// Set a new one-time password; the answer is the password.
    RecoverUser {
        /// The user's name.
        name: String,
    },
    /// Write a consistent copy; the answer says how large it is.
    Backup {
        /// An absent or empty directory.
        dest: PathBuf,
    },
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Done(String),
    Refused(String),
}

/// Where the socket of a data directory lies.
pub(super) fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// Answers orders until `stop`.
///
/// # Errors
/// When the socket cannot be made.
pub(super) fn listen(data_dir: &Path, services: Services, stop: Stop) -> Result<(), Failure> {
    let path = socket_path(data_dir);
    // The directory's lock is ours, so a socket that lies there is left over from a killed server.
    drop(std::fs::remove_file(&path));
    let listener = UnixListener::bind(&path)
        .map_err(|error| format!("cannot make the control socket {}: {error}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let router = Router::new().route("/", post(answer)).with_state(services);
    tokio::spawn(async move {
        let served = axum::serve(listener, router)
            .with_graceful_shutdown(async move { stop.wait().await })
            .await;
        if let Err(error) = served {
            tracing::warn!(%error, "control socket closed");
        }
        drop(std::fs::remove_file(&path));
    });
    Ok(())
}

async fn answer(State(services): State<Services>, Json(order): Json<Order>) -> Json<Answer> {
    Json(match carry_out(&services, order).await {
        Ok(text) => Answer::Done(text),
        Err(error) => Answer::Refused(error.to_string()),
    })
}

/// Does what the order says, in the server or, with the server stopped, in the command itself.
///
/// # Errors
/// What the service answers.
pub(super) async fn carry_out(services: &Services, order: Order) -> kernel::error::Result<String> {
    let caller = kernel::caller::Caller::local_administrator();
    match order {
        Order::CreateToken { name, role, expires_in_s } => {
            services.create_token(&caller, name, role, expires_in_s).await
        }
        Order::RecoverUser { name } => services.recover_user(&caller, &name).await,
        Order::Backup { dest } => services.backup(&caller, dest).await,
    }
}

/// Sends an order to the running server; `None` when no server runs on this directory.
///
/// # Errors
/// What the server refused, or why it could not be reached.
pub(super) async fn send(data_dir: &Path, order: &Order) -> Result<Option<String>, Failure> {
    let stream = match UnixStream::connect(socket_path(data_dir)).await {
        Ok(stream) => stream,
        Err(error) if is_nobody_there(&error) => return Ok(None),
        Err(error) => {
            let path = socket_path(data_dir);
            return Err(format!("cannot reach the server at {}: {error}", path.display()).into());
        }
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post("/")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::from(serde_json::to_vec(order)?))?;
    let response = sender.send_request(request).await?;
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| format!("the server's answer broke off: {error}"))?;
    match serde_json::from_slice(&body.to_bytes())? {
        Answer::Done(text) => Ok(Some(text)),
        Answer::Refused(reason) => Err(reason.into()),
    }
}

fn is_nobody_there(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused)
}
