//! The streaming form of samples: written one by one in the head and in the journal.
//!
//! A sample is a control byte, an optional time step and up to eight bytes of value:
//!
//! ```text
//! control   bit 7: a time step follows   bits 4-6: zero bytes cut off below   bits 0-3: value bytes
//! step      zigzag varint: change of the time difference (the first sample: its time)
//! value     the middle bytes of (bits XOR previous bits), little-endian
//! ```
//!
//! A series that stands still at a regular interval thus takes one byte a sample.

use super::{Damaged, varint};

const STEP: u8 = 0x80;

/// Most bytes of one sample: control, step, value.
pub(crate) const SAMPLE_BYTES_MAX: usize = 1 + varint::LEN_MAX + 8;

/// One sample in the streaming form. It goes to two places, head and journal; reading it back
/// from the first would wait for memory that writing need not wait for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoded {
    bytes: [u8; SAMPLE_BYTES_MAX],
    len: usize,
}

impl Encoded {
    /// The bytes of the sample.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What the next sample is encoded against.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StreamState {
    /// Time of the previous sample.
    pub(crate) timestamp_ms: i64,
    /// Difference between the previous two samples.
    pub(crate) delta: i64,
    /// Bits of the previous value.
    pub(crate) bits: u64,
    /// Samples so far, saturating; the first one is encoded against zero.
    pub(crate) count: u32,
}

impl StreamState {
    /// Encodes a sample behind those before.
    pub(crate) fn push(&mut self, timestamp_ms: i64, bits: u64) -> Encoded {
        let (step, delta) = if self.count == 0 {
            (timestamp_ms, 0)
        } else {
            let delta = timestamp_ms.wrapping_sub(self.timestamp_ms);
            (delta.wrapping_sub(self.delta), delta)
        };
        let xor = if self.count == 0 { bits } else { bits ^ self.bits };
        let cut = if xor == 0 { 0 } else { xor.trailing_zeros() / 8 };
        let len = if xor == 0 { 0 } else { 8 - xor.leading_zeros() / 8 - cut };
        let control = (cut << 4) as u8 | len as u8;
        let mut out = Encoded { bytes: [0; SAMPLE_BYTES_MAX], len: 1 };
        if step == 0 {
            out.bytes[0] = control;
        } else {
            out.bytes[0] = control | STEP;
            out.len += varint::write_signed(&mut out.bytes[1..], step);
        }
        out.bytes[out.len..out.len + 8].copy_from_slice(&(xor >> (8 * cut)).to_le_bytes());
        out.len += len as usize;
        *self = Self { timestamp_ms, delta, bits, count: self.count.saturating_add(1) };
        out
    }

    /// Reads the next sample and moves past it.
    #[inline]
    pub(crate) fn take(&mut self, bytes: &mut &[u8]) -> Result<(i64, u64), Damaged> {
        let (&control, rest) = bytes.split_first().ok_or(Damaged("sample cut off"))?;
        *bytes = rest;
        let step = if control & STEP == 0 { 0 } else { varint::take_signed(bytes)? };
        let (cut, len) = (u32::from(control >> 4 & 7), usize::from(control & 0x0f));
        if len + cut as usize > 8 {
            return Err(Damaged("value longer than eight bytes"));
        }
        let mut middle = [0_u8; 8];
        middle[..len].copy_from_slice(varint::take_bytes(bytes, len)?);
        let xor = u64::from_le_bytes(middle) << (8 * cut);
        let (timestamp_ms, delta, bits) = if self.count == 0 {
            (step, 0, xor)
        } else {
            let delta = self.delta.wrapping_add(step);
            (self.timestamp_ms.wrapping_add(delta), delta, self.bits ^ xor)
        };
        *self = Self { timestamp_ms, delta, bits, count: self.count.saturating_add(1) };
        Ok((timestamp_ms, bits))
    }
}

/// Iterates over the samples of a stream that this process wrote.
#[derive(Debug)]
pub(crate) struct StreamReader<'a> {
    state: StreamState,
    rest: &'a [u8],
}

impl<'a> StreamReader<'a> {
    /// Reads on behind the samples that led to `state`.
    pub(crate) fn resume(state: StreamState, bytes: &'a [u8]) -> Self {
        Self { state, rest: bytes }
    }
}

impl Iterator for StreamReader<'_> {
    type Item = (i64, u64);

    /// Ends early on bytes that no writer makes; those of the head never are such.
    #[inline]
    fn next(&mut self) -> Option<(i64, u64)> {
        if self.rest.is_empty() {
            return None;
        }
        self.state.take(&mut self.rest).ok()
    }
}
