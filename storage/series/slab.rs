//! Slots for series: stable numbers, reused when free, without moving what is there.

const PAGE: usize = 1024;

/// Pages of slots; growing never copies the series that are there.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    pages: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slab<T> {
    /// Puts a value into a free slot.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if let Some(slot) = self.free.pop() {
            self.pages[slot as usize / PAGE][slot as usize % PAGE] = Some(value);
            return slot;
        }
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let page = self.pages.len() - 1;
        self.pages[page].push(Some(value));
        (page * PAGE + self.pages[page].len() - 1) as u32
    }

    /// The value of a slot.
    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        self.pages.get(slot as usize / PAGE)?.get(slot as usize % PAGE)?.as_ref()
    }

    /// The value of a slot, to change it.
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.pages.get_mut(slot as usize / PAGE)?.get_mut(slot as usize % PAGE)?.as_mut()
    }

    /// Empties a slot.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let place = self.pages.get_mut(slot as usize / PAGE)?.get_mut(slot as usize % PAGE)?;
        let value = place.take()?;
        self.free.push(slot);
        self.len -= 1;
        Some(value)
    }

    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// One more than the largest slot in use so far.
    pub(crate) fn end(&self) -> u32 {
        match self.pages.last() {
            Some(page) => ((self.pages.len() - 1) * PAGE + page.len()) as u32,
            None => 0,
        }
    }
}
