//! The port: accepts connections within limits and ends them gracefully.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::stop::Stop;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::connection::{Doorway, Peer};
use crate::observe::Instruments;
use crate::settings::Limits;

/// The pause after an error of `accept`, such as having no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The kernel's queue of connections not yet accepted.
const BACKLOG: u32 = 1_024;

/// Opens the port; says in one sentence why it cannot.
pub(crate) fn bind(listen: SocketAddr) -> Result<TcpListener, String> {
    let attempt = || -> io::Result<TcpListener> {
        let socket = if listen.is_ipv4() {
            tokio::net::TcpSocket::new_v4()?
        } else {
            tokio::net::TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(listen)?;
        socket.listen(BACKLOG)
    };
    attempt().map_err(|cause| {
        let advice = match cause.kind() {
            io::ErrorKind::AddrInUse => "stop the program that uses it, or choose another port",
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need a privilege, choose a higher one"
            }
            io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            _ => "choose another address or port",
        };
        format!("cannot listen on {listen}: {cause}; {advice}")
    })
}

/// Accepts connections until `stop`, then lets requests in progress end.
pub(crate) async fn run(
    listener: TcpListener,
    doorway: Doorway,
    limits: Limits,
    instruments: Instruments,
    stop: Stop,
) {
    let doorway = Arc::new(doorway);
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let sources = Sources::new(limits.connections_per_source_max);
    let connections = TaskTracker::new();
    let cut_off = Stop::new();
    loop {
        let accepted = tokio::select! {
            () = stop.wait() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, address, place)) = accepted else { continue };
        let Some(seat) = sources.admit(address.ip()) else {
            instruments.refused("source");
            continue;
        };
        let (doorway, stop, cut_off) = (Arc::clone(&doorway), stop.clone(), cut_off.clone());
        let open = instruments.connection();
        connections.spawn(async move {
            let peer = Peer { address, tls: doorway.speaks_tls() };
            tokio::select! {
                () = doorway.serve(stream, peer, &stop) => {}
                () = cut_off.wait() => {}
            }
            drop((place, seat, open));
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.drain_timeout, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "cutting off requests that did not end");
        cut_off.trigger();
        connections.wait().await;
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<Accepted> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => {
            // Answers are written whole; waiting for more to send only delays them.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "connection ended before it was served");
                return None;
            }
            let ip = address.ip().to_canonical();
            Some((stream, SocketAddr::new(ip, address.port()), place))
        }
        Err(error) => {
            tracing::warn!(%error, "connection not accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Counts the connections of each address.
#[derive(Clone)]
struct Sources {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    limit: usize,
}

impl Sources {
    fn new(limit: usize) -> Self {
        Self { open: Arc::default(), limit }
    }

    /// A seat for one more connection of `source`, unless it has enough.
    fn admit(&self, source: IpAddr) -> Option<Seat> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(source).or_insert(0);
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Seat { source, sources: self.clone() })
    }
}

/// One connection's place among those of its address; free again when dropped.
struct Seat {
    source: IpAddr,
    sources: Sources,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.sources.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.source) {
            if *count.get() <= 1 {
                count.remove();
            } else {
                *count.get_mut() -= 1;
            }
        }
    }
}
