//! Who sends: the names of sources as small numbers, and how many series each has in memory.

use std::collections::HashMap;

/// Series whose source has no name, or is not known since the engine was opened. No limit holds
/// for them.
pub(crate) const UNNAMED: u16 = 0;
/// Series of sources beyond [`SOURCES_MAX`], all in one.
const OTHER: u16 = 1;
const OTHER_NAME: &str = "other";
/// Sources with a number of their own.
const SOURCES_MAX: usize = if cfg!(test) { 4 } else { 30_000 };
/// Longest name in bytes; longer ones are cut.
const NAME_BYTES_MAX: usize = 200;

/// The sources that have series in memory.
#[derive(Debug)]
pub(crate) struct Sources {
    numbers: HashMap<Box<str>, u16>,
    known: Vec<Source>,
    free: Vec<u16>,
    /// Who sends what is being appended.
    current: u16,
}

#[derive(Debug)]
struct Source {
    name: Box<str>,
    series: u32,
}

impl Default for Sources {
    fn default() -> Self {
        let fixed = |name: &str| Source { name: name.into(), series: 0 };
        let known = vec![fixed(""), fixed(OTHER_NAME)];
        Self { numbers: HashMap::new(), known, free: Vec::new(), current: UNNAMED }
    }
}

impl Sources {
    /// What is appended from now on comes from this source.
    pub(super) fn enter(&mut self, name: &str) {
        self.current = self.number_of(name);
    }

    /// The append has ended; a source that has no series is forgotten.
    pub(super) fn leave(&mut self) {
        let number = std::mem::replace(&mut self.current, UNNAMED);
        self.tidy(number);
    }

    /// The name of the current source when it has so many series already.
    pub(super) fn full(&self, max: usize) -> Option<&str> {
        let source = self.known.get(usize::from(self.current))?;
        (self.current != UNNAMED && source.series as usize >= max).then_some(&source.name)
    }

    fn number_of(&mut self, name: &str) -> u16 {
        if name.is_empty() {
            return UNNAMED;
        }
        let end = NAME_BYTES_MAX.min(name.len());
        let end = (0..=end).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        let name = &name[..end];
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        if self.numbers.len() >= SOURCES_MAX {
            return OTHER;
        }
        let source = Source { name: name.into(), series: 0 };
        let number = self.free.pop().unwrap_or(self.known.len() as u16);
        match self.known.get_mut(usize::from(number)) {
            Some(slot) => *slot = source,
            None => self.known.push(source),
        }
        self.numbers.insert(name.into(), number);
        number
    }

    fn tidy(&mut self, number: u16) {
        let Some(source) = self.known.get_mut(usize::from(number)) else { return };
        if number > OTHER && source.series == 0 {
            let name = std::mem::take(&mut source.name);
            if self.numbers.remove(&name).is_some() {
                self.free.push(number);
            }
        }
    }

    /// A series of the current source has come; gives the number to keep with it.
    pub(super) fn add(&mut self) -> u16 {
        if let Some(source) = self.known.get_mut(usize::from(self.current)) {
            source.series += 1;
        }
        self.current
    }

    /// A series that came from the journal, or that somebody else sends now, is the current
    /// source's.
    pub(super) fn adopt(&mut self, source: &mut u16) {
        if self.current != *source && self.current != UNNAMED {
            let before = std::mem::replace(source, self.add());
            self.take(before);
        }
    }

    /// A series has gone.
    pub(super) fn take(&mut self, number: u16) {
        if let Some(source) = self.known.get_mut(usize::from(number)) {
            source.series = source.series.saturating_sub(1);
        }
        if number != self.current {
            self.tidy(number);
        }
    }

    /// Each source that has series: its number, name and how many.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &str, u64)> {
        let numbered = (0..).zip(&self.known).filter(|(_, source)| source.series > 0);
        numbered.map(|(number, source)| (number, &*source.name, u64::from(source.series)))
    }
}
