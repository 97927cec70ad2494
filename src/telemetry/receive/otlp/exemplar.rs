//! Exemplars of data points: the trace and span that they belong to, and the attributes that the
//! point's series does not have.

use metric::{Exemplar, LabelsBuilder};

use super::super::protobuf::{Broken, Fields, Value};
use super::attributes::{self, Attribute, WrongAttributes};
use super::name::label_name;
use super::points::Exemplars;

/// Bytes that an id may have; those of the protocol have 16 and 8.
const ID_BYTES_MAX: usize = 32;

/// Reads exemplars in the order of time; `None` for one that has no labels that may be stored.
/// `at_ns` is the time of those that state none.
pub(super) fn read_all(found: &Exemplars<'_>, at_ns: u64) -> Result<Vec<Option<Exemplar>>, Broken> {
    let mut exemplars = Vec::with_capacity(found.messages.len());
    for message in &found.messages {
        exemplars.push(read(*message, at_ns)?);
    }
    // The engine takes none that is older than the one before.
    exemplars.sort_by_key(|exemplar| exemplar.as_ref().map(|it| it.timestamp_ms));
    Ok(exemplars)
}

fn read(message: Fields<'_>, at_ns: u64) -> Result<Option<Exemplar>, Broken> {
    let (mut time_ns, mut value) = (0, 0.0);
    let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = message;
    while let Some((number, field)) = fields.next_field()? {
        match (number, field) {
            (2, Value::Fixed64(found)) => time_ns = found,
            (3, Value::Fixed64(bits)) => value = f64::from_bits(bits),
            (6, Value::Fixed64(bits)) => value = bits.cast_signed() as f64,
            (4, Value::Bytes(id)) => span_id = id.as_bytes(),
            (5, Value::Bytes(id)) => trace_id = id.as_bytes(),
            _ => {}
        }
    }
    let attributes = match attributes::read(message, 7) {
        Ok(attributes) => attributes,
        Err(WrongAttributes::Broken(broken)) => return Err(broken),
        Err(WrongAttributes::TooMany) => Vec::new(),
    };
    if trace_id.len() > ID_BYTES_MAX || span_id.len() > ID_BYTES_MAX {
        return Ok(None);
    }
    let time_ns = if time_ns == 0 { at_ns } else { time_ns };
    let timestamp_ms = i64::try_from(time_ns / 1_000_000).unwrap_or(i64::MAX);
    let mut ids = LabelsBuilder::new();
    ids.set("trace_id", &hex(trace_id)).set("span_id", &hex(span_id));
    let all = with_attributes(&ids, &attributes);
    // Attributes that are too long go, the ids stay: so does Prometheus.
    let made = [all, ids].into_iter().filter_map(|labels| labels.build().ok());
    Ok(made.map(|labels| Exemplar { timestamp_ms, value, labels }).find(Exemplar::fits))
}

fn with_attributes(ids: &LabelsBuilder, attributes: &[Attribute<'_>]) -> LabelsBuilder {
    let mut labels = ids.clone();
    for (key, value) in attributes {
        if let Ok(name) = label_name(key)
            && labels.get(&name).is_none()
        {
            labels.set(&name, value);
        }
    }
    labels
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
