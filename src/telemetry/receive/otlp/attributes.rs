//! Attributes: their values as text, and the labels that they become.

use std::borrow::Cow;

use super::super::label_set::LabelSet;
use super::super::protobuf::{Broken, Fields, Value};
use super::name::label_name;
use crate::query::json::{push, push_text, push_value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Attributes of one data point or resource.
const ATTRIBUTES_MAX: usize = 128;
/// Lists within lists.
const DEPTH_MAX: usize = 16;
/// Bytes of a value that is a list, as text.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// What stands in the place of a value that is too deep or too long.
const TOO_MUCH: &str = "…";

/// An attribute: its key and its value as text.
pub(super) type Attribute<'a> = (&'a str, Cow<'a, str>);

/// Why attributes cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum WrongAttributes {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("it has more than {ATTRIBUTES_MAX} attributes")]
    TooMany,
}

/// Reads the attributes of a message, which are its fields `number`.
pub(super) fn read(
    mut message: Fields<'_>,
    number: u64,
) -> Result<Vec<Attribute<'_>>, WrongAttributes> {
    let mut attributes = Vec::new();
    while let Some((at, value)) = message.next_field()? {
        if let Value::Bytes(pair) = value
            && at == number
        {
            if attributes.len() >= ATTRIBUTES_MAX {
                return Err(WrongAttributes::TooMany);
            }
            attributes.push(read_pair(pair)?);
        }
    }
    Ok(attributes)
}

fn read_pair(mut pair: Fields<'_>) -> Result<Attribute<'_>, Broken> {
    let (mut key, mut text) = ("", Cow::Borrowed(""));
    while let Some((number, value)) = pair.next_field()? {
        match (number, value) {
            (1, Value::Bytes(name)) => key = name.text()?,
            (2, Value::Bytes(value)) => text = read_value(value)?,
            _ => {}
        }
    }
    Ok((key, text))
}

/// A value as text: a list or a map as JSON.
fn read_value(value: Fields<'_>) -> Result<Cow<'_, str>, Broken> {
    let mut fields = value;
    let mut text = Cow::Borrowed("");
    while let Some((number, field)) = fields.next_field()? {
        match (number, field) {
            (1, Value::Bytes(found)) => text = Cow::Borrowed(found.text()?),
            (2, Value::Varint(found)) => {
                text = Cow::Borrowed(if found == 0 { "false" } else { "true" });
            }
            (3, Value::Varint(found)) => text = Cow::Owned(found.cast_signed().to_string()),
            (7, Value::Bytes(found)) => text = Cow::Owned(STANDARD.encode(found.as_bytes())),
            (4, Value::Fixed64(bits)) => {
                let mut out = Vec::new();
                push_value(&mut out, f64::from_bits(bits));
                text = Cow::Owned(String::from_utf8_lossy(&out).trim_matches('"').to_owned());
            }
            (5 | 6, Value::Bytes(_)) => {
                let mut out = Vec::new();
                push_json(&mut out, value, 0)?;
                text = Cow::Owned(String::from_utf8_lossy(&out).into_owned());
            }
            _ => {}
        }
    }
    Ok(text)
}

/// Appends a value as JSON.
fn push_json(out: &mut Vec<u8>, value: Fields<'_>, depth: usize) -> Result<(), Broken> {
    if depth > DEPTH_MAX || out.len() > TEXT_BYTES_MAX {
        push_text(out, TOO_MUCH);
        return Ok(());
    }
    let mut fields = value;
    let Some((number, field)) = fields.next_field()? else {
        out.extend_from_slice(b"null");
        return Ok(());
    };
    match (number, field) {
        (1, Value::Bytes(text)) => push_text(out, text.text()?),
        (2, Value::Varint(truth)) => {
            out.extend_from_slice(if truth == 0 { b"false" } else { b"true" });
        }
        (3, Value::Varint(number)) => push(out, format_args!("{}", number.cast_signed())),
        (4, Value::Fixed64(bits)) => push_double(out, f64::from_bits(bits)),
        (5, Value::Bytes(list)) => {
            push_all(out, list, b"[]", depth, |out, item| push_json(out, item, depth + 1))?;
        }
        (6, Value::Bytes(pairs)) => {
            push_all(out, pairs, b"{}", depth, |out, pair| push_pair(out, pair, depth + 1))?;
        }
        (7, Value::Bytes(bytes)) => push_text(out, &STANDARD.encode(bytes.as_bytes())),
        _ => out.extend_from_slice(b"null"),
    }
    Ok(())
}

/// Numbers of JSON; those that it does not have are texts.
fn push_double(out: &mut Vec<u8>, value: f64) {
    let from = out.len();
    push_value(out, value);
    if value.is_finite() {
        out.pop();
        out.remove(from);
    }
}

fn push_all<'a>(
    out: &mut Vec<u8>,
    mut list: Fields<'a>,
    brackets: &[u8; 2],
    depth: usize,
    each: impl Fn(&mut Vec<u8>, Fields<'a>) -> Result<(), Broken>,
) -> Result<(), Broken> {
    out.push(brackets[0]);
    let mut first = true;
    while let Some((number, value)) = list.next_field()? {
        let (1, Value::Bytes(item)) = (number, value) else { continue };
        if out.len() > TEXT_BYTES_MAX || depth > DEPTH_MAX {
            break;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        each(out, item)?;
    }
    out.push(brackets[1]);
    Ok(())
}

fn push_pair(out: &mut Vec<u8>, mut pair: Fields<'_>, depth: usize) -> Result<(), Broken> {
    let (mut key, mut value) = ("", Fields::new(b""));
    while let Some((number, field)) = pair.next_field()? {
        match (number, field) {
            (1, Value::Bytes(name)) => key = name.text()?,
            (2, Value::Bytes(found)) => value = found,
            _ => {}
        }
    }
    push_text(out, key);
    out.push(b':');
    push_json(out, value, depth)
}

/// Adds attributes as labels, in the order of their keys; those whose names become the same
/// share one label, their values joined by semicolons.
///
/// # Errors
/// A key of which nothing is left.
pub(super) fn add_labels<'a>(
    labels: &mut LabelSet<'a>,
    attributes: &[Attribute<'a>],
) -> Result<(), String> {
    let mut sorted: Vec<&Attribute<'a>> = attributes.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    for (key, value) in sorted {
        let name = label_name(key)?;
        match labels.get(&name) {
            Some(there) => {
                let joined = format!("{there};{value}");
                labels.set(name, joined);
            }
            None => {
                labels.add(name, value.clone());
            }
        }
    }
    Ok(())
}

/// The value of an attribute.
pub(super) fn find<'t>(attributes: &'t [Attribute<'_>], key: &str) -> Option<&'t str> {
    attributes.iter().find(|(at, _)| *at == key).map(|(_, value)| value.as_ref())
}
