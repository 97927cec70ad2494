//! Values as decimal integers: most metrics are counts, bytes or seconds with few digits.
//!
//! ```text
//! scale       byte, 0..=15: value = integer / 10^scale
//! exceptions  varint count; each: varint distance from the previous one (the first: position),
//!             eight bytes of value. NaN, infinities, minus zero and what has no short decimal.
//! integers    first: zigzag varint; then the difference, or the change of the difference, as
//!             zigzag varint. In the place of an exception stands the integer before it.
//! ```
//!
//! With all differences alike the list of differences ends after the first: bit 7 of the scale
//! says so.

use super::{Damaged, varint};

const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Integers up to here are exact as a float.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
const REGULAR: u8 = 0x80;

/// The integer at a scale, when it gives back the very same bits.
fn integer(value: f64, scale: usize) -> Option<i64> {
    let scaled = (value * POWERS[scale]).round();
    if scaled.abs() >= EXACT_MAX {
        return None;
    }
    let integer = scaled as i64;
    (back(integer, scale).to_bits() == value.to_bits()).then_some(integer)
}

fn back(integer: i64, scale: usize) -> f64 {
    if scale == 0 { integer as f64 } else { integer as f64 / POWERS[scale] }
}

/// Whether a value takes at most seven bytes as an integer.
pub(crate) fn is_short(value: f64) -> bool {
    integer(value, 0).is_some_and(|integer| varint::signed_len(integer) < 6)
}

/// Encodes the values; says whether changes of differences were shorter than differences.
/// `None` when decimals do not fit the values.
pub(crate) fn encode(values: &[f64], out: &mut Vec<u8>) -> Option<bool> {
    let (scale, exceptional) = find_scale(values)?;
    let mut integers = Vec::with_capacity(values.len());
    let mut exceptions = Vec::new();
    let mut last = 0_i64;
    for (i, &value) in values.iter().enumerate() {
        match integer(value, scale) {
            Some(integer) => last = integer,
            None => exceptions.push((i, value.to_bits())),
        }
        integers.push(last);
    }
    // What one scale held another need not hold: very large beside very fine values.
    if exceptions.len() > exceptional + values.len() / 16 {
        return None;
    }
    let scale_at = out.len();
    out.push(scale as u8);
    varint::put(out, exceptions.len() as u64);
    let mut previous = 0;
    for (i, bits) in exceptions {
        varint::put(out, (i - previous) as u64);
        out.extend_from_slice(&bits.to_le_bytes());
        previous = i;
    }
    let (regular, changes) = encode_integers(&integers, out);
    if regular {
        out[scale_at] |= REGULAR;
    }
    Some(changes)
}

/// The smallest scale that holds all values but a few, and how many those are.
fn find_scale(values: &[f64]) -> Option<(usize, usize)> {
    let few = values.len() / 8 + 1;
    let mut scale = 0;
    let mut exceptional = 0;
    for &value in values {
        if integer(value, scale).is_some() {
            continue;
        }
        let ordinary = value.is_finite() && value.to_bits() != (-0.0_f64).to_bits();
        let finer = (scale + 1..POWERS.len()).find(|&finer| integer(value, finer).is_some());
        match finer {
            Some(finer) if ordinary => scale = finer,
            _ => exceptional += 1,
        }
        if exceptional > few {
            return None;
        }
    }
    Some((scale, exceptional))
}

/// Appends the integers; returns whether they are regular and whether as changes.
fn encode_integers(integers: &[i64], out: &mut Vec<u8>) -> (bool, bool) {
    varint::put_signed(out, integers[0]);
    let Some(&second) = integers.get(1) else { return (true, false) };
    let first_delta = second - integers[0];
    let (mut as_deltas, mut as_changes) = (0, 0);
    let (mut last_delta, mut regular) = (0, true);
    for pair in integers.windows(2) {
        let delta = pair[1] - pair[0];
        regular &= delta == first_delta;
        as_deltas += varint::signed_len(delta);
        as_changes += varint::signed_len(delta - last_delta);
        last_delta = delta;
    }
    if regular {
        varint::put_signed(out, first_delta);
        return (true, false);
    }
    let changes = as_changes < as_deltas;
    last_delta = 0;
    for pair in integers.windows(2) {
        let delta = pair[1] - pair[0];
        varint::put_signed(out, if changes { delta - last_delta } else { delta });
        last_delta = delta;
    }
    (false, changes)
}

/// Appends the bits of `count` values.
pub(crate) fn decode(
    bytes: &mut &[u8],
    count: usize,
    changes: bool,
    out: &mut Vec<u64>,
) -> Result<(), Damaged> {
    let (&head, rest) = bytes.split_first().ok_or(Damaged("values cut off"))?;
    *bytes = rest;
    let scale = usize::from(head & !REGULAR);
    let regular = head & REGULAR != 0;
    if scale >= POWERS.len() {
        return Err(Damaged("unknown decimal scale"));
    }
    let exceptional = varint::take_len(bytes, count)?;
    let mut exceptions = Vec::with_capacity(exceptional);
    let mut at = 0_usize;
    for _ in 0..exceptional {
        at += varint::take_len(bytes, count)?;
        exceptions.push((at, varint::take_u64(bytes)?));
    }
    let mut integer = varint::take_signed(bytes)?;
    out.push(back(integer, scale).to_bits());
    let mut delta = 0_i64;
    for i in 1..count {
        if !regular || i == 1 {
            let read = varint::take_signed(bytes)?;
            delta = if changes { delta.wrapping_add(read) } else { read };
        }
        integer = integer.wrapping_add(delta);
        out.push(back(integer, scale).to_bits());
    }
    for (position, bits) in exceptions {
        *out.get_mut(position).ok_or(Damaged("exception beyond the chunk"))? = bits;
    }
    Ok(())
}
