//! The chunk format that Prometheus keeps samples in, as its streamed `remote_read` sends it:
//! times as differences of differences, values as what changed of their bits.

/// Bits, the highest first.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits of the last byte that are free.
    free: u32,
}

impl Bits {
    /// Appends the lowest `count` bits of a number.
    fn push(&mut self, bits: u64, count: u32) {
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
    fn push_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.push(value, 8);
    }
}

/// Writes one chunk.
#[derive(Debug)]
pub(super) struct XorChunk {
    bits: Bits,
    count: u16,
    first_ms: i64,
    last_ms: i64,
    delta_ms: i64,
    value: u64,
    /// Leading and trailing zeros of the last window of changed bits.
    window: Option<(u32, u32)>,
}

impl XorChunk {
    /// A chunk without samples.
    pub(super) fn new() -> Self {
        let bits = Bits { bytes: vec![0, 0], free: 0 };
        let (count, delta_ms, value) = (0, 0, 0);
        Self { bits, count, first_ms: 0, last_ms: 0, delta_ms, value, window: None }
    }

    /// The number of samples.
    pub(super) fn len(&self) -> u16 {
        self.count
    }

    /// The first and last time.
    pub(super) fn span_ms(&self) -> (i64, i64) {
        (self.first_ms, self.last_ms)
    }

    /// Appends a sample; times ascend.
    pub(super) fn push(&mut self, timestamp_ms: i64, value: f64) {
        let bits = value.to_bits();
        match self.count {
            0 => {
                self.first_ms = timestamp_ms;
                self.bits.push_varint((timestamp_ms << 1 ^ timestamp_ms >> 63).cast_unsigned());
                self.bits.push(bits, 64);
            }
            1 => {
                self.delta_ms = timestamp_ms.wrapping_sub(self.last_ms);
                self.bits.push_varint(self.delta_ms.cast_unsigned());
                self.push_value(bits);
            }
            _ => {
                let delta_ms = timestamp_ms.wrapping_sub(self.last_ms);
                self.push_change(delta_ms.wrapping_sub(self.delta_ms));
                self.delta_ms = delta_ms;
                self.push_value(bits);
            }
        }
        self.value = bits;
        self.last_ms = timestamp_ms;
        self.count += 1;
    }

    /// The difference of differences, in as few bits as one of five widths has.
    fn push_change(&mut self, change: i64) {
        let fits = |bits: u32| {
            let half = 1_i64 << (bits - 1);
            (1 - half..=half).contains(&change)
        };
        let (sign, sign_bits, bits) = match change {
            0 => (0b0, 1, 0),
            _ if fits(14) => (0b10, 2, 14),
            _ if fits(17) => (0b110, 3, 17),
            _ if fits(20) => (0b1110, 4, 20),
            _ => (0b1111, 4, 64),
        };
        self.bits.push(sign, sign_bits);
        self.bits.push(change.cast_unsigned(), bits);
    }

    /// The bits that differ from the last value.
    fn push_value(&mut self, bits: u64) {
        let changed = bits ^ self.value;
        if changed == 0 {
            self.bits.push(0, 1);
            return;
        }
        self.bits.push(1, 1);
        // Five bits hold the leading zeros.
        let (leading, trailing) = (changed.leading_zeros().min(31), changed.trailing_zeros());
        if let Some((before, after)) = self.window
            && leading >= before
            && trailing >= after
        {
            self.bits.push(0, 1);
            self.bits.push(changed >> after, 64 - before - after);
            return;
        }
        self.window = Some((leading, trailing));
        let width = 64 - leading - trailing;
        self.bits.push(1, 1);
        self.bits.push(u64::from(leading), 5);
        // Six bits hold 1 to 64; 64 is written as 0.
        self.bits.push(u64::from(width) & 63, 6);
        self.bits.push(changed >> trailing, width);
    }

    /// The chunk's bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for (place, byte) in self.bits.bytes.iter_mut().zip(self.count.to_be_bytes()) {
            *place = byte;
        }
        self.bits.bytes
    }
}
