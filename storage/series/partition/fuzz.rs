//! Any bytes as what a partition holds, behind checksums that are right.

use metric::{Exemplar, Labels, Sample, Samples};
use roaring::RoaringBitmap;

use super::beside::{self, encode_exemplars, read_exemplars, read_histograms};
use super::bitmap;
use super::block::{self, Block, BlockBuilder, PACK};
use super::dictionary::{self, DictionaryBlock};
use super::frame::{self, Framer};
use super::tombstone::Tombstone;

const ALL: (i64, i64) = (i64::MIN, i64::MAX);

fn framed(version: u8, raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if let Ok(mut framer) = Framer::new() {
        drop(framer.seal(version, (0, 1), raw, &mut out));
    }
    out
}

/// A block: as it lies on disk, and as the content of a frame.
pub(crate) fn block(bytes: &[u8]) {
    for bytes in [bytes, &framed(block::VERSION, bytes)] {
        let Ok(block) = Block::open(bytes) else { continue };
        for local in 0..PACK {
            block.read(local, ALL.0, ALL.1, &mut Samples::new()).unwrap_or_default();
        }
    }
}

/// Histograms and exemplars of a series, likewise.
pub(crate) fn beside(bytes: &[u8]) {
    for bytes in [bytes, &framed(beside::VERSION, bytes)] {
        read_histograms(bytes, ALL, |_| true, &mut Samples::new()).unwrap_or_default();
        read_exemplars(bytes, ALL, &mut Vec::new()).unwrap_or_default();
    }
}

/// A block of the dictionary, likewise; the first byte is its number of label sets.
pub(crate) fn dictionary(bytes: &[u8]) {
    let (count, raw) = bytes.split_first().unwrap_or((&0, &[]));
    let sealed = dictionary::seal(*count, raw).unwrap_or_default();
    for bytes in [bytes, &sealed] {
        let Ok(block) = DictionaryBlock::open(bytes) else { continue };
        for position in 0..block.iter().count() {
            drop(block.labels(position));
        }
    }
}

/// Postings and a tombstone, likewise.
pub(crate) fn postings(bytes: &[u8]) {
    let sealed = [&crc32fast::hash(bytes).to_le_bytes(), bytes].concat();
    for bytes in [bytes, &sealed] {
        if let Ok(set) = bitmap::decode(bytes) {
            let mut again = Vec::new();
            drop(bitmap::encode(&set, &mut again));
            assert_eq!(bitmap::decode(&again).ok(), Some(set));
        }
        drop(Tombstone::decode(bytes));
    }
}

/// Something good of each kind to begin with: target and bytes.
pub(crate) fn seeds() -> std::io::Result<Vec<(&'static str, Vec<u8>)>> {
    let values = [1.0, 2.5, f64::NAN, 1e300, -0.0];
    let samples: Vec<Sample> = (0..300)
        .map(|at| Sample { timestamp_ms: at * 15_000, value: values[at as usize % 5] })
        .collect();
    let mut builder = BlockBuilder::new()?;
    builder.add(0, &samples[..3]);
    builder.add(63, &samples);
    let mut sealed = Vec::new();
    builder.finish(&mut sealed)?;
    let block = frame::open(&sealed, block::VERSION).unwrap_or_default();
    let sets: Vec<Labels> = ["a", "b"]
        .iter()
        .flat_map(|value| Labels::new([("__name__", "x"), ("l", *value)]))
        .collect();
    let mut dictionary = vec![2];
    for set in &sets {
        let bytes = set.encoded().as_bytes();
        dictionary.push(bytes.len() as u8);
        dictionary.extend_from_slice(bytes);
    }
    let exemplars: Vec<Exemplar> =
        sets.into_iter().map(|labels| Exemplar { timestamp_ms: 5, value: 0.5, labels }).collect();
    let mut exemplar = Vec::new();
    encode_exemplars(&mut Framer::new()?, &exemplars, &mut exemplar)?;
    let exemplar = frame::open(&exemplar, beside::VERSION).unwrap_or_default();
    let mut set: RoaringBitmap = (5..9_000).collect();
    set.extend([70_000, 1 << 30]);
    let mut postings = Vec::new();
    set.serialize_into(&mut postings)?;
    Ok(vec![
        ("series_block", block),
        ("series_block", sealed),
        ("series_dictionary", dictionary),
        ("series_beside", exemplar),
        ("series_postings", postings),
    ])
}
