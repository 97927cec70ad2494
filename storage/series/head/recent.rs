//! Which series came into memory within the last hour.

use std::collections::VecDeque;

use roaring::RoaringBitmap;

/// Ticks that are counted as one.
const TICKS: u32 = 5;
/// How many of those make the span that is remembered.
const PERIODS: u32 = 12;
/// The span in minutes.
pub(crate) const RECENT_MINUTES: u32 = TICKS * PERIODS;

/// The slots of young series, five minutes together.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Oldest first.
    periods: VecDeque<(u32, RoaringBitmap)>,
}

impl Recent {
    /// A series came.
    pub(super) fn insert(&mut self, slot: u32, tick: u32) {
        let period = tick / TICKS;
        match self.periods.back_mut() {
            Some((at, slots)) if *at == period => {
                slots.insert(slot);
            }
            _ => self.periods.push_back((period, RoaringBitmap::from_iter([slot]))),
        }
    }

    /// A series has gone, and its slot may be another's.
    pub(super) fn remove(&mut self, slot: u32) {
        for (_, slots) in &mut self.periods {
            slots.remove(slot);
        }
    }

    /// Forgets what is no longer young.
    pub(super) fn set_tick(&mut self, tick: u32) {
        let now = tick / TICKS;
        while self.periods.front().is_some_and(|(period, _)| period + PERIODS < now) {
            self.periods.pop_front();
        }
    }

    /// The slots of all young series.
    pub(super) fn slots(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        for (_, slots) in &self.periods {
            all |= slots;
        }
        all
    }
}
