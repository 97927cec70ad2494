//! Walks protobuf where it lies: fields one after the other, no message is built.

use thiserror::Error;

/// A wrong byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("broken protobuf at byte {offset}: {reason}")]
pub(crate) struct Broken {
    /// Where, from the beginning of the outermost message.
    pub offset: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(Fields<'a>),
    Fixed32(u32),
}

/// A message, or any length-delimited value, with its place in the outermost message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Offset of `bytes` in the outermost message.
    base: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, base: 0 }
    }

    /// All bytes of the value.
    pub(crate) fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The value as text.
    pub(crate) fn text(&self) -> Result<&'a str, Broken> {
        std::str::from_utf8(self.bytes).map_err(|_| self.broken("text is not UTF-8"))
    }

    fn broken(&self, reason: &'static str) -> Broken {
        Broken { offset: self.base + self.at, reason }
    }

    /// The next field: its number and value.
    pub(crate) fn next_field(&mut self) -> Result<Option<(u64, Value<'a>)>, Broken> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 {
            return Err(self.broken("field number 0"));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.fixed()?)),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let base = self.base + self.at;
                Value::Bytes(Fields { bytes: self.take(length)?, at: 0, base })
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.fixed()?)),
            _ => return Err(self.broken("unknown wire type")),
        };
        Ok(Some((number, value)))
    }

    /// The bytes of the next fields that have this one-byte tag and are length-delimited; what is
    /// in them is not read.
    pub(crate) fn take_run(&mut self, tag: u8) -> Result<&'a [u8], Broken> {
        let from = self.at;
        while self.bytes.get(self.at) == Some(&tag) {
            self.at += 1;
            let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
            self.take(length)?;
        }
        Ok(self.bytes.get(from..self.at).unwrap_or_default())
    }

    /// The next message of a stream of messages, each behind its length.
    pub(crate) fn next_delimited(&mut self) -> Result<Option<Fields<'a>>, Broken> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let base = self.base + self.at;
        Ok(Some(Fields { bytes: self.take(length)?, at: 0, base }))
    }

    /// The next number of a packed list of varints.
    pub(crate) fn next_packed_varint(&mut self) -> Result<Option<u64>, Broken> {
        if self.at >= self.bytes.len() { Ok(None) } else { self.varint().map(Some) }
    }

    /// The next number of a packed list of eight bytes each.
    pub(crate) fn next_packed_fixed64(&mut self) -> Result<Option<u64>, Broken> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        Ok(Some(u64::from_le_bytes(self.fixed()?)))
    }

    fn varint(&mut self) -> Result<u64, Broken> {
        // One byte is by far the most frequent.
        if let Some(&byte) = self.bytes.get(self.at)
            && byte < 0x80
        {
            self.at += 1;
            return Ok(u64::from(byte));
        }
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(self.broken("the message ends within a number"));
            };
            self.at += 1;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.broken("a number is longer than 64 bits"))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.broken("the message ends within a number"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.broken("the message ends within a field"))?;
        self.at += length;
        Ok(taken)
    }
}
