//! What an append may bring: times within the retention and the clock, and so many series.

use metric::LabelLimits;

use crate::batch::{Entry, RejectReason};
use crate::limits::SeriesLimits;
use crate::retention::Keeping;

/// What an append may bring.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// The oldest time that some series keeps.
    pub(crate) oldest_ms: i64,
    /// The oldest time that every series keeps.
    pub(crate) oldest_of_all_ms: i64,
    pub(crate) keeping: Keeping,
    pub(crate) latest_ms: i64,
    pub(crate) out_of_order_ms: i64,
    pub(crate) limits: SeriesLimits,
    pub(crate) exemplars_max: u64,
    pub(crate) labels: LabelLimits,
}

/// Label bytes whose samples are old, and the oldest time that their series keeps.
pub(super) type OldSeries<'a> = Option<(&'a [u8], i64)>;

/// Whether the time of a sample is one that is not taken.
pub(super) fn outside<'a>(
    entry: &Entry<'a>,
    window: &Window,
    old: &mut OldSeries<'a>,
) -> Option<RejectReason> {
    if entry.timestamp_ms < window.oldest_ms {
        return Some(RejectReason::TooOld { oldest_ms: window.oldest_ms });
    }
    if entry.timestamp_ms < window.oldest_of_all_ms {
        let oldest_ms = match *old {
            Some((labels, oldest_ms)) if std::ptr::eq(labels, entry.labels) => oldest_ms,
            _ => window.keeping.oldest_of_ms(entry.labels),
        };
        *old = Some((entry.labels, oldest_ms));
        if entry.timestamp_ms < oldest_ms {
            return Some(RejectReason::TooOld { oldest_ms });
        }
    }
    (entry.timestamp_ms > window.latest_ms)
        .then_some(RejectReason::TooFarInFuture { latest_ms: window.latest_ms })
}
