//! Turns the JSON of OTLP into its protobuf, guided by a schema, so that one walker reads both.
//!
//! Nothing of the JSON is kept: a value is written as soon as it is read. Unknown keys are passed
//! over, as the protocol demands.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::schema::{Field, Kind, Message};
use crate::query::wire::push_varint;

/// Writes the message that `json` describes; at most `bytes_max` bytes of it.
///
/// # Errors
/// What is wrong, with line and column.
pub(super) fn to_protobuf(
    json: &[u8],
    message: &'static Message,
    bytes_max: usize,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(json);
    MessageSeed { message, out: &mut out, bytes_max }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(out)
}

/// Reads an object as a message.
struct MessageSeed<'o> {
    message: &'static Message,
    out: &'o mut Vec<u8>,
    bytes_max: usize,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match self.message.0.iter().find(|field| field.key == key) {
                Some(field) => map.next_value_seed(FieldSeed {
                    field,
                    out: &mut *self.out,
                    bytes_max: self.bytes_max,
                    in_list: false,
                })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Reads the value of a field and writes it with its tag.
struct FieldSeed<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
    bytes_max: usize,
    in_list: bool,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl FieldSeed<'_> {
    fn tag(&mut self, wire: u64) {
        push_varint(self.out, self.field.number << 3 | wire);
    }

    fn bytes<E: Error>(&mut self, bytes: &[u8]) -> Result<(), E> {
        if self.out.len() + bytes.len() > self.bytes_max {
            return Err(E::custom(format!("more than {} bytes of values", self.bytes_max)));
        }
        self.tag(2);
        push_varint(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn fixed<E: Error>(&mut self, bits: u64) -> Result<(), E> {
        if self.out.len() + 10 > self.bytes_max {
            return Err(E::custom(format!("more than {} bytes of values", self.bytes_max)));
        }
        self.tag(1);
        self.out.extend_from_slice(&bits.to_le_bytes());
        Ok(())
    }

    /// A whole number, which a field may hold in several ways.
    #[expect(clippy::cast_precision_loss, reason = "a double has no more digits")]
    fn whole<E: Error>(&mut self, number: i128) -> Result<(), E> {
        let wrong = || E::custom(format!("{number} is out of range for {}", self.field.key));
        let signed = i64::try_from(number);
        let bits = match self.field.kind {
            Kind::Double => return self.fixed((number as f64).to_bits()),
            Kind::Fixed64 => {
                let bits = u64::try_from(number).map_err(|_| wrong())?;
                return self.fixed(bits);
            }
            Kind::Sfixed64 => {
                let bits = signed.map_err(|_| wrong())?.cast_unsigned();
                return self.fixed(bits);
            }
            Kind::Varint | Kind::Enum(_) => match signed {
                Ok(signed) => signed.cast_unsigned(),
                Err(_) => u64::try_from(number).map_err(|_| wrong())?,
            },
            Kind::Signed => {
                let signed = signed.map_err(|_| wrong())?;
                (signed << 1 ^ signed >> 63).cast_unsigned()
            }
            Kind::Text | Kind::Bytes | Kind::Hex | Kind::Bool | Kind::Message(_) => {
                return Err(self.mismatch("a number"));
            }
        };
        self.tag(0);
        push_varint(self.out, bits);
        Ok(())
    }

    fn mismatch<E: Error>(&self, got: &str) -> E {
        E::custom(format!("{got} where {} needs {}", self.field.key, self.expected()))
    }

    fn expected(&self) -> &'static str {
        if self.field.repeated && !self.in_list {
            return "a list";
        }
        match self.field.kind {
            Kind::Text => "a text",
            Kind::Bytes => "base64",
            Kind::Hex => "hexadecimal digits",
            Kind::Bool => "true or false",
            Kind::Message(_) => "an object",
            _ => "a number",
        }
    }

    /// A list is not given where one value is meant, nor the other way round.
    fn check_shape<E: Error>(&self, got: &str) -> Result<(), E> {
        if self.field.repeated && !self.in_list { Err(self.mismatch(got)) } else { Ok(()) }
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected())
    }

    /// `null` is as good as absent.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        self.check_shape("a truth value")?;
        if !matches!(self.field.kind, Kind::Bool) {
            return Err(self.mismatch("a truth value"));
        }
        self.tag(0);
        self.out.push(u8::from(value));
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        self.check_shape("a number")?;
        self.whole(i128::from(value))
    }

    fn visit_u64<E: Error>(mut self, value: u64) -> Result<(), E> {
        self.check_shape("a number")?;
        self.whole(i128::from(value))
    }

    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        self.check_shape("a number")?;
        if matches!(self.field.kind, Kind::Double) {
            return self.fixed(value.to_bits());
        }
        // Writers of JSON may put whole numbers as 1e9 or 5.0.
        if value.fract() == 0.0 && value.abs() < 1e19 {
            return self.whole(value as i128);
        }
        Err(self.mismatch("a fraction"))
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        self.check_shape("a text")?;
        match self.field.kind {
            Kind::Text => self.bytes(text.as_bytes()),
            Kind::Bytes => {
                let bytes = STANDARD.decode(text).map_err(|_| self.mismatch("a text"))?;
                self.bytes(&bytes)
            }
            Kind::Hex => {
                let bytes = unhex(text).ok_or_else(|| self.mismatch("a text"))?;
                self.bytes(&bytes)
            }
            Kind::Double => {
                let value: f64 = text.parse().map_err(|_| self.mismatch("a text"))?;
                self.fixed(value.to_bits())
            }
            Kind::Enum(names) => {
                let at = names.iter().position(|name| *name == text);
                let at = at.ok_or_else(|| self.mismatch("a text"))?;
                self.whole(at as i128)
            }
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Varint | Kind::Signed => {
                let number = text.parse().map_err(|_| self.mismatch("a text"))?;
                self.whole(number)
            }
            Kind::Bool | Kind::Message(_) => Err(self.mismatch("a text")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if !self.field.repeated || self.in_list {
            return Err(self.mismatch("a list"));
        }
        loop {
            let (field, bytes_max) = (self.field, self.bytes_max);
            let item = FieldSeed { field, out: &mut *self.out, bytes_max, in_list: true };
            if items.next_element_seed(item)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        self.check_shape("an object")?;
        let Kind::Message(message) = self.field.kind else {
            return Err(self.mismatch("an object"));
        };
        let mut inner = Vec::new();
        MessageSeed { message, out: &mut inner, bytes_max: self.bytes_max }.visit_map(map)?;
        self.bytes(&inner)
    }
}

/// The bytes that hexadecimal digits stand for, two a byte.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4 | digit(*low)?) as u8);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}
