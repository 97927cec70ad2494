//! Finding the series of a partition by their labels.

use metric::ReadError;
use roaring::RoaringBitmap;

use super::bitmap;
use super::read::PartitionReader;
use crate::postings::Postings;

impl PartitionReader {
    /// Passes each value of `name` from `prefix` on, with its postings, until told to stop.
    fn each_value(
        &self,
        name: &str,
        prefix: &str,
        mut visit: impl FnMut(&str, &[u8]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let Some(tables) = &self.tables else { return Ok(()) };
        self.guard(|| {
            let range = tables.postings.range((name, prefix)..);
            for entry in range.map_err(|error| self.failed(error))? {
                let (key, postings) = entry.map_err(|error| self.failed(error))?;
                let (at, value) = key.value();
                if at != name || !value.starts_with(prefix) {
                    break;
                }
                visit(value, postings.value())?;
            }
            Ok(())
        })
    }

    fn bitmap(&self, bytes: &[u8]) -> Result<RoaringBitmap, ReadError> {
        bitmap::decode(bytes).map_err(|error| self.damaged(error))
    }
}

impl Postings for PartitionReader {
    fn all(&self) -> Result<RoaringBitmap, ReadError> {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.series_len());
        Ok(all)
    }

    fn gone(&self) -> Option<&RoaringBitmap> {
        Some(&self.tombstones.gone).filter(|gone| !gone.is_empty())
    }

    fn add(&self, name: &str, value: &str, into: &mut RoaringBitmap) -> Result<(), ReadError> {
        let Some(tables) = &self.tables else { return Ok(()) };
        self.guard(|| {
            let found = tables.postings.get((name, value)).map_err(|error| self.failed(error))?;
            if let Some(bytes) = found {
                *into |= self.bitmap(bytes.value())?;
            }
            Ok(())
        })
    }

    fn add_where(
        &self,
        name: &str,
        prefix: &str,
        keep: &mut dyn FnMut(&str) -> bool,
        into: &mut RoaringBitmap,
    ) -> Result<(), ReadError> {
        self.each_value(name, prefix, |value, bytes| {
            if keep(value) {
                *into |= self.bitmap(bytes)?;
            }
            Ok(())
        })
    }

    fn names(
        &self,
        among: Option<&RoaringBitmap>,
        visit: &mut dyn FnMut(&str),
    ) -> Result<(), ReadError> {
        let Some(tables) = &self.tables else { return Ok(()) };
        self.guard(|| {
            let mut seen = String::new();
            let mut next = Some((String::new(), String::new()));
            while let Some((name, value)) = next.take() {
                let from = (name.as_str(), value.as_str());
                let range = tables.postings.range(from..).map_err(|error| self.failed(error))?;
                for entry in range {
                    let (key, postings) = entry.map_err(|error| self.failed(error))?;
                    let (at, _) = key.value();
                    if at == seen {
                        continue;
                    }
                    let carried = match among {
                        None => true,
                        Some(among) => !self.bitmap(postings.value())?.is_disjoint(among),
                    };
                    if carried {
                        visit(at);
                        at.clone_into(&mut seen);
                        // No value is empty: this is the first key of the next name.
                        next = Some((format!("{at}\0"), String::new()));
                        break;
                    }
                }
            }
            Ok(())
        })
    }

    fn values(
        &self,
        name: &str,
        among: Option<&RoaringBitmap>,
        visit: &mut dyn FnMut(&str, u64),
    ) -> Result<(), ReadError> {
        self.each_value(name, "", |value, bytes| {
            let ids = self.bitmap(bytes)?;
            let count = among.map_or_else(|| ids.len(), |among| ids.intersection_len(among));
            if count > 0 {
                visit(value, count);
            }
            Ok(())
        })
    }
}
