//! Reads a body to its end and lists its wrong lines, for the doctor.

use super::{Entry, Format, LineParser, protobuf};

/// Longest piece of a wrong line that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// A wrong line, for a person to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// The line's beginning.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What a body holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Lines that are samples.
    pub samples: u64,
    /// Wrong lines in all.
    pub wrong: u64,
    /// The first wrong lines.
    pub problems: Vec<Problem>,
}

/// Parses every line, whatever is wrong with others, and keeps at most `problems_max` wrong ones.
pub(crate) fn check(body: &[u8], format: Format, problems_max: usize) -> Checked {
    let mut checked = Checked::default();
    if format == Format::Protobuf {
        checked.check_protobuf(body, problems_max);
        return checked;
    }
    let mut parser = LineParser::new(format);
    let mut last = 0;
    let content = body.strip_suffix(b"\n").unwrap_or(body);
    for (index, line) in content.split(|&byte| byte == b'\n').enumerate() {
        last = index + 1;
        if content.is_empty() {
            break;
        }
        let parsed = std::str::from_utf8(line)
            .map_err(|error| format!("not valid UTF-8 from byte {}", error.valid_up_to() + 1))
            .and_then(|text| parser.parse(text));
        match parsed {
            Ok(Entry::Sample(_)) => checked.samples += 1,
            Ok(_) => {}
            Err(reason) => checked.add(last, line, reason, problems_max),
        }
    }
    if let Err(reason) = parser.finish() {
        checked.add(last, b"", reason, problems_max);
    }
    checked
}

impl Checked {
    /// Reads families up to the first wrong one.
    fn check_protobuf(&mut self, body: &[u8], problems_max: usize) {
        let mut families = 1;
        let read = protobuf::walk(body, true, |shown| {
            match shown {
                protobuf::Shown::Sample(_) => self.samples += 1,
                protobuf::Shown::Family { .. } => families += 1,
            }
            Ok::<(), protobuf::Wrong>(())
        });
        if let Err(wrong) = read {
            self.add(families, b"", wrong.to_string(), problems_max);
        }
    }

    fn add(&mut self, line: usize, text: &[u8], reason: String, problems_max: usize) {
        self.wrong += 1;
        if self.problems.len() < problems_max {
            let head = text.get(..text.len().min(SHOWN_CHARS_MAX * 4)).unwrap_or_default();
            let text = String::from_utf8_lossy(head).chars().take(SHOWN_CHARS_MAX).collect();
            self.problems.push(Problem { line, text, reason });
        }
    }
}
