//! Protobuf by hand, for bodies of every protocol.

/// A number in as few bytes as it needs.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A length-delimited field: bytes, text, a message, a packed list.
pub(crate) fn bytes(number: u64, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    [varint(number << 3 | 2), varint(body.len() as u64), body.to_vec()].concat()
}

/// A field of varint.
pub(crate) fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

/// A field of eight bytes.
pub(crate) fn fixed(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

/// A field of a floating-point number.
pub(crate) fn double(number: u64, value: f64) -> Vec<u8> {
    fixed(number, value.to_bits())
}

/// A signed number whose last bit is its sign.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// A span of buckets.
pub(crate) fn span(offset: i32, length: u32) -> Vec<u8> {
    [number(1, zigzag(offset.into())), number(2, length.into())].concat()
}

/// Numbers of eight bytes each, as a packed list.
pub(crate) fn doubles(field: u64, values: &[f64]) -> Vec<u8> {
    bytes(field, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// Signed numbers as a packed list.
pub(crate) fn signed(field: u64, values: &[i64]) -> Vec<u8> {
    bytes(field, values.iter().flat_map(|value| varint(zigzag(*value))).collect::<Vec<u8>>())
}

/// A native histogram of `remote_write` with whole numbers: one observation in (0.5, 1], three in
/// (1, 2], two in [-1, -0.5), one about zero.
pub(crate) fn whole_histogram(timestamp_ms: i64) -> Vec<u8> {
    [
        number(1, 7),
        double(3, 5.5),
        number(4, zigzag(0)),
        double(5, 1e-3),
        number(6, 1),
        bytes(8, span(0, 1)),
        signed(9, &[2]),
        bytes(11, span(0, 2)),
        signed(12, &[1, 2]),
        number(14, 2),
        number(15, timestamp_ms as u64),
    ]
    .concat()
}

/// The same with other counts, which are no whole numbers, and a gap between the buckets.
pub(crate) fn float_histogram(timestamp_ms: i64) -> Vec<u8> {
    [
        double(2, 4.5),
        double(3, f64::NAN),
        number(4, zigzag(-1)),
        double(7, 0.5),
        bytes(11, span(-1, 1)),
        bytes(11, span(2, 1)),
        doubles(13, &[1.5, 2.5]),
        number(14, 3),
        number(15, timestamp_ms as u64),
    ]
    .concat()
}

/// A classic histogram as a native one, with its boundaries.
pub(crate) fn custom_histogram(timestamp_ms: i64) -> Vec<u8> {
    [
        number(1, 6),
        double(3, 20.0),
        number(4, zigzag(-53)),
        bytes(11, span(0, 3)),
        signed(12, &[1, 1, 1]),
        doubles(16, &[2.5, 10.0]),
        number(15, timestamp_ms as u64),
    ]
    .concat()
}

/// Histograms that are none, each with a part of the reason.
pub(crate) fn bad_histograms(timestamp_ms: i64) -> Vec<(Vec<u8>, &'static str)> {
    let at = number(15, timestamp_ms as u64);
    let with = |parts: &[Vec<u8>]| [at.clone(), parts.concat()].concat();
    let spans = |spans: &[(i32, u32)]| -> Vec<u8> {
        spans.iter().flat_map(|(offset, length)| bytes(11, span(*offset, *length))).collect()
    };
    vec![
        (with(&[number(1, 3), spans(&[(0, 1)]), signed(12, &[2])]), "its count is 3"),
        (with(&[number(1, 1), spans(&[(0, 2)]), signed(12, &[2, -3])]), "negative count"),
        (with(&[spans(&[(0, 2)]), signed(12, &[i64::MAX, i64::MAX])]), "out of range"),
        (with(&[spans(&[(0, 1_000_000_000)]), signed(12, &[1])]), "need 1000000000 buckets"),
        (with(&[spans(&[(0, u32::MAX), (0, u32::MAX)]), signed(12, &[1])]), "buckets, found 1"),
        (with(&[spans(&[(i32::MAX, 1)]), signed(12, &[0])]), "offset out of range"),
        (with(&[spans(&[(0, 1), (-1, 1)]), signed(12, &[0, 0])]), "span 1"),
        (with(&[spans(&[(0, 70_000)]), signed(12, &[0; 70_000])]), "more than 65536"),
        (with(&[spans(&[(0, 1); 70_000])]), "more than 65536"),
        (with(&[number(4, zigzag(53))]), "schema 53"),
        (with(&[number(4, zigzag(-5))]), "schema -5"),
        (with(&[number(4, zigzag(i64::MIN))]), "is not supported"),
        (with(&[double(5, -1.0)]), "zero threshold"),
        (with(&[double(5, f64::NAN)]), "zero threshold"),
        (with(&[double(2, f64::NAN)]), "negative or undefined"),
        (with(&[double(2, -1.0)]), "negative or undefined"),
        (with(&[double(2, 1.0), spans(&[(0, 1)]), doubles(13, &[-1.0])]), "negative or undefined"),
        (with(&[doubles(16, &[1.0])]), "boundaries"),
        (with(&[number(4, zigzag(-53)), doubles(16, &[2.0, 1.0])]), "boundaries"),
        (with(&[number(4, zigzag(-53)), doubles(16, &[f64::NAN])]), "boundaries"),
        (with(&[number(4, zigzag(-53)), spans(&[(3, 1)]), signed(12, &[0])]), "boundaries"),
    ]
}
