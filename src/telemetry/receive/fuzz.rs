//! Any bytes as bodies that senders push: read, and what is good of them stored.

use std::cell::RefCell;
use std::path::PathBuf;

use kernel::metrics::Metrics;
use series::{Options, Series};

use super::work::{Packing, Workshop};
use super::{Receiver, influx, otlp, remote_write_v2, store};
use crate::intake::Intake;
use crate::room::Body;
use crate::settings::ReceiveSettings;

/// The time of the engine; samples of seeds lie around it.
const NOW_MS: i64 = 1_700_000_000_000;
/// Bodies after which the engine begins anew, so that it stays small.
const BODIES_MAX: u32 = 5_000;
/// Bytes that a body may unfold to.
const DECODED_BYTES_MAX: usize = 1 << 20;

/// An engine on a directory of its own, and what receivers share.
struct Place {
    dir: PathBuf,
    intake: Intake,
    receiver: Receiver,
    bodies: u32,
}

impl Place {
    fn new(number: u32) -> Option<Self> {
        let name = format!("fuzz-receive-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let engine = Series::open(&dir, Options::new(|| NOW_MS)).ok()?;
        let metrics = Metrics::new();
        let settings =
            ReceiveSettings { decoded_bytes_max: DECODED_BYTES_MAX, ..ReceiveSettings::default() };
        let receiver = Receiver::new(settings, &metrics);
        Some(Self { dir, intake: Intake::new(engine, &metrics), receiver, bodies: 0 })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.dir));
    }
}

thread_local! {
    static PLACE: RefCell<(u32, Option<Place>)> = const { RefCell::new((0, None)) };
}

fn with_shop(work: impl FnOnce(&Workshop<'_>)) {
    PLACE.with_borrow_mut(|(number, place)| {
        if place.as_ref().is_none_or(|place| place.bodies >= BODIES_MAX) {
            *number += 1;
            *place = Place::new(*number);
        }
        let Some(place) = place else { return };
        place.bodies += 1;
        work(&Workshop::over(&place.intake, &place.receiver));
    });
}

/// A plain body of `remote_write`, version 1, or any as the answer would be.
pub(crate) fn remote_write_v1(body: &[u8]) {
    let Ok(packed) = snap::raw::Encoder::new().compress_vec(body) else { return };
    with_shop(|shop| drop(store(Body::own(packed), shop)));
}

/// A plain body of `remote_write`, version 2.
pub(crate) fn remote_write_v2(body: &[u8]) {
    with_shop(|shop| remote_write_v2::read_any(body, shop));
}

/// An OTLP request in protobuf.
pub(crate) fn otlp_protobuf(body: &[u8]) {
    with_shop(|shop| otlp::read_any(body, shop, NOW_MS));
}

/// An OTLP request in JSON.
pub(crate) fn otlp_json(body: &[u8]) {
    with_shop(|shop| {
        if let Some(made) = otlp::protobuf_of(body, DECODED_BYTES_MAX) {
            otlp::read_any(&made, shop, NOW_MS);
        }
    });
}

/// The protobuf of a request in JSON.
pub(crate) fn otlp_protobuf_of(json: &[u8]) -> Option<Vec<u8>> {
    otlp::protobuf_of(json, DECODED_BYTES_MAX)
}

/// Lines of Influx.
pub(crate) fn influx(body: &[u8]) {
    with_shop(|shop| influx::read_any(body, shop, NOW_MS));
}

/// A body packed with snappy.
pub(crate) fn snappy(body: &[u8]) {
    with_shop(|shop| drop(shop.unpack(Body::own(body.to_vec()), Packing::Snappy)));
}

/// A body packed with gzip.
pub(crate) fn gzip(body: &[u8]) {
    with_shop(|shop| drop(shop.unpack(Body::own(body.to_vec()), Packing::Gzip)));
}
