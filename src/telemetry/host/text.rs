//! Writes metrics in the text format: the host's metrics go the same way as a target's.

use std::fmt::Write as _;

/// A page of metrics being written.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    name: String,
}

impl Page {
    /// Begins a family; samples follow.
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) -> &mut Self {
        self.name.clear();
        self.name.push_str(name);
        self.push(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        self
    }

    /// Begins a family of a counter.
    pub(crate) fn counter(&mut self, name: &str, help: &str) -> &mut Self {
        self.family(name, "counter", help)
    }

    /// Begins a family of a gauge.
    pub(crate) fn gauge(&mut self, name: &str, help: &str) -> &mut Self {
        self.family(name, "gauge", help)
    }

    /// Adds a sample to the family.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.text.push_str(&self.name);
        if !labels.is_empty() {
            self.text.push('{');
            for (index, (name, value)) in labels.iter().enumerate() {
                if index > 0 {
                    self.text.push(',');
                }
                self.text.push_str(name);
                self.text.push_str("=\"");
                self.push_escaped(value);
                self.text.push('"');
            }
            self.text.push('}');
        }
        if value.is_infinite() {
            self.text.push_str(if value > 0.0 { " +Inf\n" } else { " -Inf\n" });
        } else {
            self.push(format_args!(" {value}\n"));
        }
        self
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        if self.text.write_fmt(text).is_err() {
            tracing::error!("writing into a string failed");
        }
    }

    fn push_escaped(&mut self, value: &str) {
        for character in value.chars() {
            match character {
                '\\' => self.text.push_str("\\\\"),
                '"' => self.text.push_str("\\\""),
                '\n' => self.text.push_str("\\n"),
                other => self.text.push(other),
            }
        }
    }

    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }
}
