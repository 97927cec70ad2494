//! Writes protobuf, and the checksum of frames.

/// Appends a number in groups of seven bits, the lowest first.
pub(crate) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field of bytes, text, or a message.
pub(crate) fn push_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    push_varint(out, number << 3 | 2);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a field of a whole number; zero is what an absent one means.
pub(crate) fn push_int(out: &mut Vec<u8>, number: u64, value: i64) {
    if value != 0 {
        push_varint(out, number << 3);
        push_varint(out, value.cast_unsigned());
    }
}

/// Appends a field of eight bytes.
pub(crate) fn push_fixed64(out: &mut Vec<u8>, number: u64, bits: u64) {
    push_varint(out, number << 3 | 1);
    out.extend_from_slice(&bits.to_le_bytes());
}

/// The CRC-32 of Castagnoli.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        let at = (sum ^ u32::from(*byte)) & 0xff;
        CASTAGNOLI[at as usize] ^ sum >> 8
    };
    !bytes.iter().fold(u32::MAX, step)
}

static CASTAGNOLI: [u32; 256] = castagnoli();

const fn castagnoli() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut sum = at as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[at] = sum;
        at += 1;
    }
    table
}
