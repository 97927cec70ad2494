//! A request's body under a limit, which tells whether it arrived whole.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Limited;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Wraps a body.
pub(super) struct Watched {
    inner: Limited<Body>,
    whole: Arc<AtomicBool>,
}

impl Watched {
    /// At most `bytes_max` of `body`; `whole` becomes true when its end has arrived.
    pub(super) fn new(body: Body, bytes_max: u64, whole: &Arc<AtomicBool>) -> Self {
        whole.store(body.is_end_stream(), Ordering::Relaxed);
        let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        Self { inner: Limited::new(body, limit), whole: Arc::clone(whole) }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || self.inner.is_end_stream() {
            self.whole.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
