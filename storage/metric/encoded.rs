//! Label sets in the protobuf encoding of `remote_write`, read without copying.

use crate::labels::{Label, LabelError, LabelLimits, Labels, LabelsBuilder};

/// Tag of a label within a series: field 1, length-delimited.
const LABEL_TAG: u8 = 0x0a;
/// Tag of the name within a label: field 1, length-delimited.
const NAME_TAG: u8 = 0x0a;
/// Tag of the value within a label: field 2, length-delimited.
const VALUE_TAG: u8 = 0x12;

/// The bytes of a label set: repeated field 1, each a message of name (1) and value (2).
///
/// The bytes may come straight from outside and are unchecked: unsorted, duplicated or broken.
/// [`EncodedLabels::to_labels`] checks them and brings them into the one canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EncodedLabels<'a>(pub &'a [u8]);

impl<'a> EncodedLabels<'a> {
    /// The bytes as they lie.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Parses, sorts and validates; empty values are dropped, for they mean a missing label.
    ///
    /// # Errors
    /// Broken encoding, invalid UTF-8, an empty or duplicate name, or a limit exceeded.
    pub fn to_labels(self, limits: &LabelLimits) -> Result<Labels, LabelError> {
        if let Some(count) = canonical_len(self.0) {
            let labels = Labels::from_canonical(self.0);
            limits.check_count(count)?;
            for label in &labels {
                limits.check(label)?;
            }
            return Ok(labels);
        }
        let mut builder = LabelsBuilder::new();
        let mut rest = self.0;
        while !rest.is_empty() {
            let (tag, after_tag) = varint(rest).ok_or_else(|| self.malformed(rest))?;
            if tag != u64::from(LABEL_TAG) {
                return Err(self.malformed(rest));
            }
            let (body, after) = delimited(after_tag).ok_or_else(|| self.malformed(after_tag))?;
            let (name, value) = name_and_value(body).ok_or_else(|| self.malformed(body))?;
            let name = text(name, "name")?;
            let value = text(value, "value")?;
            if name.is_empty() {
                return Err(LabelError::EmptyName);
            }
            limits.check(Label { name, value })?;
            if builder.contains(name) {
                return Err(LabelError::Duplicate { name: name.to_owned() });
            }
            builder.insert_even_if_empty(name, value);
            limits.check_count(builder.len())?;
            rest = after;
        }
        builder.build()
    }

    /// The labels for a message, as far as they can be read: broken bytes are replaced, long
    /// texts and long lists cut.
    #[must_use]
    pub fn describe(self) -> String {
        let mut shown = String::from("{");
        let mut rest = self.0;
        while let Some((body, after)) = varint(rest).and_then(|(_, body)| delimited(body)) {
            if shown.len() > 200 {
                shown.push('…');
                break;
            }
            let (name, value) = name_and_value(body).unwrap_or((b"?", body));
            let cut =
                |text: &[u8]| String::from_utf8_lossy(text.get(..64).unwrap_or(text)).into_owned();
            let comma = if shown.len() > 1 { ", " } else { "" };
            shown.push_str(&format!("{comma}{}={:?}", cut(name), cut(value)));
            rest = after;
        }
        shown.push('}');
        shown
    }

    fn malformed(self, rest: &[u8]) -> LabelError {
        let offset = (rest.as_ptr() as usize).saturating_sub(self.0.as_ptr() as usize);
        LabelError::Malformed { offset: offset.min(self.0.len()) }
    }
}

/// Appends one label in the canonical encoding; labels must be appended in the order of names.
pub fn push_label(buffer: &mut Vec<u8>, name: &str, value: &str) {
    let body = 2 + varint_len(name.len()) + name.len() + varint_len(value.len()) + value.len();
    buffer.push(LABEL_TAG);
    push_varint(buffer, body);
    buffer.push(NAME_TAG);
    push_varint(buffer, name.len());
    buffer.extend_from_slice(name.as_bytes());
    buffer.push(VALUE_TAG);
    push_varint(buffer, value.len());
    buffer.extend_from_slice(value.as_bytes());
}

/// Reads one label of a canonical encoding; `None` at the end.
pub(crate) fn next_canonical(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let after_tag = bytes.strip_prefix(&[LABEL_TAG])?;
    let (body_len, body) = minimal_varint(after_tag)?;
    let name_at = body.strip_prefix(&[NAME_TAG])?;
    let (name_len, name_rest) = minimal_varint(name_at)?;
    let (name, value_at) = name_rest.split_at_checked(name_len)?;
    let value_at = value_at.strip_prefix(&[VALUE_TAG])?;
    let (value_len, value_rest) = minimal_varint(value_at)?;
    let (value, rest) = value_rest.split_at_checked(value_len)?;
    (body.len() - rest.len() == body_len).then_some((name, value, rest))
}

/// Where the label that begins at `from` ends in a canonical encoding; `None` behind the last.
pub(crate) fn label_end(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?.strip_prefix(&[LABEL_TAG])?;
    let (len, body) = minimal_varint(rest)?;
    Some(bytes.len() - body.len() + len)
}

/// The number of labels when the bytes are a label set in canonical form, otherwise `None`.
fn canonical_len(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let mut last: &[u8] = &[];
    let mut count = 0;
    while !rest.is_empty() {
        let (name, value, after) = next_canonical(rest)?;
        // Names ascend strictly, which also excludes the empty name.
        let valid = name > last
            && !value.is_empty()
            && std::str::from_utf8(name).is_ok()
            && std::str::from_utf8(value).is_ok();
        if !valid {
            return None;
        }
        last = name;
        rest = after;
        count += 1;
    }
    Some(count)
}

/// Name and value of a label message in any legal encoding; unknown fields are skipped.
fn name_and_value(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut name: &[u8] = &[];
    let mut value: &[u8] = &[];
    let mut rest = body;
    while !rest.is_empty() {
        let (tag, after_tag) = varint(rest)?;
        match tag & 7 {
            0 => rest = varint(after_tag)?.1,
            1 => rest = after_tag.get(8..)?,
            5 => rest = after_tag.get(4..)?,
            2 => {
                let (field, after) = delimited(after_tag)?;
                match tag >> 3 {
                    1 => name = field,
                    2 => value = field,
                    _ => {}
                }
                rest = after;
            }
            _ => return None,
        }
    }
    Some((name, value))
}

fn text<'a>(bytes: &'a [u8], part: &'static str) -> Result<&'a str, LabelError> {
    std::str::from_utf8(bytes).map_err(|_| LabelError::InvalidUtf8 {
        part,
        text: String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned(),
    })
}

fn delimited(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = varint(bytes)?;
    rest.split_at_checked(usize::try_from(len).ok()?)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (i, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * i as u32)?;
        if byte < 0x80 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}

/// A length of at most four bytes in its shortest form.
fn minimal_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let (value, rest) = varint(bytes)?;
    let value = usize::try_from(value).ok()?;
    (bytes.len() - rest.len() == varint_len(value)).then_some((value, rest))
}

fn push_varint(buffer: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        buffer.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}

fn varint_len(value: usize) -> usize {
    let bits = usize::BITS - value.leading_zeros();
    bits.max(1).div_ceil(7) as usize
}
