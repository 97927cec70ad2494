//! The packed form of a chunk: times, then values, each in the smallest of a few encodings.
//!
//! ```text
//! count      varint, 1..=1024
//! encoding   bits 0-3: values (0 same, 1 decimal deltas, 2 decimal delta changes, 3 xor)
//!            bits 4-7: times (0 regular, 1 delta changes)
//! times      first: zigzag varint relative to the base; then
//!            regular: the difference as zigzag varint, once, when count > 1
//!            changes: the change of the difference as zigzag varint, count - 1 times
//! values     see decimal.rs and xor.rs; "same": eight bytes
//! ```

use metric::Samples;

use super::{Damaged, decimal, varint, xor};

/// Most samples in a chunk.
pub(crate) const SAMPLES_MAX: usize = 1024;

const SAME: u8 = 0;
const DELTAS: u8 = 1;
const CHANGES: u8 = 2;
const XOR: u8 = 3;
const TIMES_REGULAR: u8 = 0;
const TIMES_CHANGES: u8 = 1 << 4;

/// Encodes 1 to [`SAMPLES_MAX`] samples; times are stored relative to `base_ms`.
pub(crate) fn encode(base_ms: i64, times: &[i64], values: &[f64], out: &mut Vec<u8>) {
    debug_assert!(times.len() == values.len() && (1..=SAMPLES_MAX).contains(&times.len()));
    varint::put(out, times.len() as u64);
    let encoding_at = out.len();
    out.push(0);
    let times_encoding = encode_times(base_ms, times, out);
    let values_encoding = encode_values(values, out);
    out[encoding_at] = times_encoding | values_encoding;
}

/// Appends the samples of a chunk to `out`.
pub(crate) fn decode(base_ms: i64, mut bytes: &[u8], out: &mut Samples) -> Result<(), Damaged> {
    let count = varint::take_len(&mut bytes, SAMPLES_MAX)?;
    let (&encoding, mut rest) = bytes.split_first().ok_or(Damaged("chunk cut off"))?;
    if count == 0 {
        return Err(Damaged("empty chunk"));
    }
    let mut times = Vec::with_capacity(count);
    decode_times(base_ms, encoding & 0xf0, count, &mut rest, &mut times)?;
    let mut values = Vec::with_capacity(count);
    match encoding & 0x0f {
        SAME => values.resize(count, varint::take_u64(&mut rest)?),
        DELTAS => decimal::decode(&mut rest, count, false, &mut values)?,
        CHANGES => decimal::decode(&mut rest, count, true, &mut values)?,
        XOR => xor::decode(&mut rest, count, &mut values)?,
        _ => return Err(Damaged("unknown encoding of values")),
    }
    if !rest.is_empty() {
        return Err(Damaged("bytes after the chunk's end"));
    }
    out.reserve(count);
    for (&timestamp_ms, &bits) in times.iter().zip(&values) {
        out.push(timestamp_ms, f64::from_bits(bits));
    }
    Ok(())
}

fn encode_times(base_ms: i64, times: &[i64], out: &mut Vec<u8>) -> u8 {
    varint::put_signed(out, times[0].wrapping_sub(base_ms));
    let Some(&second) = times.get(1) else { return TIMES_REGULAR };
    let first_delta = second.wrapping_sub(times[0]);
    let regular = times.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == first_delta);
    if regular {
        varint::put_signed(out, first_delta);
        return TIMES_REGULAR;
    }
    let mut last_delta = 0_i64;
    for pair in times.windows(2) {
        let delta = pair[1].wrapping_sub(pair[0]);
        varint::put_signed(out, delta.wrapping_sub(last_delta));
        last_delta = delta;
    }
    TIMES_CHANGES
}

fn decode_times(
    base_ms: i64,
    encoding: u8,
    count: usize,
    bytes: &mut &[u8],
    out: &mut Vec<i64>,
) -> Result<(), Damaged> {
    let mut at = base_ms.wrapping_add(varint::take_signed(bytes)?);
    out.push(at);
    if count == 1 {
        return Ok(());
    }
    let mut delta = match encoding {
        TIMES_REGULAR => varint::take_signed(bytes)?,
        TIMES_CHANGES => 0,
        _ => return Err(Damaged("unknown encoding of times")),
    };
    for _ in 1..count {
        if encoding == TIMES_CHANGES {
            delta = delta.wrapping_add(varint::take_signed(bytes)?);
        }
        at = at.wrapping_add(delta);
        out.push(at);
    }
    Ok(())
}

fn encode_values(values: &[f64], out: &mut Vec<u8>) -> u8 {
    let first = values[0].to_bits();
    if values.iter().all(|value| value.to_bits() == first) {
        // Small integers are shorter as a decimal than as eight bytes.
        if !decimal::is_short(values[0]) {
            out.extend_from_slice(&first.to_le_bytes());
            return SAME;
        }
    }
    let start = out.len();
    if let Some(changes) = decimal::encode(values, out) {
        // Beyond four bytes a value the digits are noise, which xor may hold better.
        if out.len() - start <= 4 * values.len() {
            return if changes { CHANGES } else { DELTAS };
        }
        let mut by_xor = Vec::with_capacity(out.len() - start);
        xor::encode(values, &mut by_xor);
        if out.len() - start <= by_xor.len() {
            return if changes { CHANGES } else { DELTAS };
        }
        out.truncate(start);
        out.extend_from_slice(&by_xor);
        return XOR;
    }
    out.truncate(start);
    xor::encode(values, out);
    XOR
}
