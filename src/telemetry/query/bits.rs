//! Bits, and numbers in as few of them as they need: what the chunks of Prometheus are made of
//! (`tsdb/chunkenc`).

/// The widths of numbers of variable size, by the ones that stand before each.
const WIDTHS: [u32; 8] = [3, 6, 9, 12, 18, 25, 56, 64];

/// Bits, the highest first.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are free.
    free: u32,
}

impl Bits {
    /// Bits behind some bytes.
    pub(super) fn behind(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), free: 0 }
    }

    /// The number of bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes, the first of which are replaced.
    pub(super) fn finish(mut self, head: &[u8]) -> Vec<u8> {
        for (place, byte) in self.bytes.iter_mut().zip(head) {
            *place = *byte;
        }
        self.bytes
    }

    /// Appends the lowest `count` bits of a number.
    pub(super) fn push(&mut self, bits: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let now = left.min(self.free);
            let part = (bits >> (left - now)) & ((1 << now) - 1);
            self.free -= now;
            left -= now;
            if let Some(last) = self.bytes.last_mut() {
                *last |= (part << self.free) as u8;
            }
        }
    }

    /// Appends a number in groups of seven bits, the lowest first.
    pub(super) fn push_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.push(value, 8);
    }

    /// Appends a number without sign: ones that tell the width, then as many bits.
    pub(super) fn push_number(&mut self, value: u64) {
        let needed = u64::BITS - value.leading_zeros();
        self.push_wide(value, |width| needed <= width);
    }

    /// Appends a number with sign in the same way.
    pub(super) fn push_signed(&mut self, value: i64) {
        self.push_wide(value.cast_unsigned(), |width| {
            let half = 1_i64.checked_shl(width - 1).filter(|half| *half > 0);
            half.is_none_or(|half| (1 - half..=half).contains(&value))
        });
    }

    fn push_wide(&mut self, bits: u64, fits: impl Fn(u32) -> bool) {
        if bits == 0 {
            self.push(0, 1);
            return;
        }
        let place = WIDTHS.iter().position(|width| fits(*width)).unwrap_or(WIDTHS.len() - 1);
        for _ in 0..=place {
            self.push(1, 1);
        }
        // No zero ends the longest row of ones.
        if place + 1 < WIDTHS.len() {
            self.push(0, 1);
        }
        self.push(bits, WIDTHS.get(place).copied().unwrap_or(64));
    }
}

/// A value of which each time only the bits are written that changed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct XorValue {
    bits: u64,
    /// Leading and trailing zeros of the last window of changed bits.
    window: Option<(u32, u32)>,
}

impl XorValue {
    /// Writes the first value whole.
    pub(super) fn push_first(&mut self, value: f64, out: &mut Bits) {
        self.bits = value.to_bits();
        out.push(self.bits, 64);
    }

    /// Writes the bits that differ from the last value.
    pub(super) fn push(&mut self, value: f64, out: &mut Bits) {
        let changed = value.to_bits() ^ self.bits;
        self.bits = value.to_bits();
        if changed == 0 {
            out.push(0, 1);
            return;
        }
        out.push(1, 1);
        // Five bits hold the leading zeros.
        let (leading, trailing) = (changed.leading_zeros().min(31), changed.trailing_zeros());
        if let Some((before, after)) = self.window
            && leading >= before
            && trailing >= after
        {
            out.push(0, 1);
            out.push(changed >> after, 64 - before - after);
            return;
        }
        self.window = Some((leading, trailing));
        let width = 64 - leading - trailing;
        out.push(1, 1);
        out.push(u64::from(leading), 5);
        // Six bits hold 1 to 64; 64 is written as 0.
        out.push(u64::from(width) & 63, 6);
        out.push(changed >> trailing, width);
    }
}
