//! The labels of one series while a protocol's words are turned into them.

use std::borrow::Cow;

use metric::{Label, LabelLimits, METRIC_NAME, push_label};

/// Labels in any order, checked and sorted when they are encoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabelSet<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> LabelSet<'a> {
    /// Without labels; memory for some.
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(16))
    }

    /// Adds a label that must not be there yet; [`LabelSet::encode`] finds it otherwise.
    pub(crate) fn add(
        &mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<Cow<'a, str>>,
    ) -> &mut Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// Sets a label, in place of one that is there.
    pub(crate) fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(at, _)| *at == name) {
            Some(pair) => pair.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// Removes a label, if it is there.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(at, _)| at != name);
    }

    /// The value of a label.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(at, _)| at == name).map(|(_, value)| value.as_ref())
    }

    /// The value of a label that lies in the request.
    pub(crate) fn borrowed(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(at, _)| at == name).and_then(|(_, value)| match value {
            Cow::Borrowed(text) => Some(*text),
            Cow::Owned(_) => None,
        })
    }

    /// The number of labels.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Shortens to the first `len` labels: what was added for one series goes, what is shared
    /// with the next one stays.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Removes all labels and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends the labels in the encoding of the engine; those without a value are left out.
    ///
    /// Nothing is appended when the set is wrong: a name that is empty or occurs twice, no
    /// metric name, or more than the engine takes.
    pub(crate) fn encode(&self, limits: &LabelLimits, out: &mut Vec<u8>) -> Result<(), String> {
        let mut sorted: Vec<Label<'_>> =
            self.0.iter().map(|(name, value)| Label { name, value }).collect();
        sorted.sort_unstable_by_key(|label| label.name);
        for pair in sorted.windows(2) {
            if pair[0].name == pair[1].name {
                return Err(format!("the label {} occurs twice", shown(pair[0].name)));
            }
        }
        sorted.retain(|label| !label.value.is_empty());
        limits.check_count(sorted.len()).map_err(|error| error.to_string())?;
        let mut named = false;
        for label in &sorted {
            if label.name.is_empty() {
                return Err("a label has an empty name".to_owned());
            }
            limits.check(*label).map_err(|error| error.to_string())?;
            named |= label.name == METRIC_NAME;
        }
        if !named {
            return Err("it has no metric name".to_owned());
        }
        for label in sorted {
            push_label(out, label.name, label.value);
        }
        Ok(())
    }
}

/// A piece of hostile text, cut to what fits in a message.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(80).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{short:?}") }
}
