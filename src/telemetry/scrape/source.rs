//! Where the text of a scrape comes from: a target on the network, this machine, the program.

use std::sync::{Arc, Mutex, PoisonError};

use kernel::metrics::Metrics;

use super::exposition::Format;
use super::fetch::{Answer, ScrapeFailure, fetch};
use super::target::ScrapeTarget;
use crate::host::Host;
use crate::room::{Body, Room};

/// A source of metrics.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// An HTTP target.
    Http,
    /// This machine.
    Host(Arc<Mutex<Host>>),
    /// The program itself.
    Own(Metrics),
}

impl Source {
    /// Whether it needs no network.
    pub(crate) fn is_local(&self) -> bool {
        !matches!(self, Self::Http)
    }

    /// Gets the text.
    pub(crate) async fn fetch(
        &self,
        target: &ScrapeTarget,
        room: &Room,
    ) -> Result<Answer, ScrapeFailure> {
        match self {
            Self::Http => fetch(&target.scraping, &target.url, target.timeout, room).await,
            Self::Own(own) => {
                let own = own.clone();
                blocking(move || own.gather_text().into_bytes()).await
            }
            Self::Host(host) => {
                let host = Arc::clone(host);
                blocking(move || host.lock().unwrap_or_else(PoisonError::into_inner).collect())
                    .await
            }
        }
    }
}

/// Makes text on the blocking pool.
async fn blocking(
    make: impl FnOnce() -> Vec<u8> + Send + 'static,
) -> Result<Answer, ScrapeFailure> {
    let made = tokio::task::spawn_blocking(make).await.map_err(|error| {
        tracing::error!(%error, "collection of local metrics failed");
        ScrapeFailure::new("internal", "internal error, see the log")
    })?;
    Ok(Answer { body: Body::own(made), format: Format::Text, content_type: None })
}
