//! Tests of the forms in which a partition keeps things: any bytes are read without a panic.

use metric::{Labels, Sample, Samples};
use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::block::{Block, BlockBuilder, block_range_ms};
use super::dictionary::DictionaryBlock;
use super::frame::checksum;
use super::tombstone::Tombstone;
use super::{bitmap, dictionary};

fn sets(count: usize) -> Vec<Labels> {
    let set = |i: usize| Labels::new([("__name__", "up"), ("i", i.to_string().as_str())]);
    (0..count).map(|i| set(i).unwrap()).collect()
}

#[test]
fn a_block_gives_back_what_was_put_in() {
    let mut builder = BlockBuilder::new().unwrap();
    let mut bytes = Vec::new();
    for len in [1_i64, 240, 241, 5000] {
        let samples: Vec<Sample> = (0..len)
            .map(|i| Sample { timestamp_ms: i * 1000 - 7, value: (i as f64).sqrt() })
            .collect();
        builder.add(64, &samples);
        builder.add(65, &[]);
        builder.add(127, &samples[..1]);
        builder.finish(&mut bytes).unwrap();
        assert!(builder.is_empty());
        let block = Block::open(&bytes).unwrap();
        let mut found = Samples::new();
        block.read(64, i64::MIN, i64::MAX, &mut found).unwrap();
        assert!(found.iter().eq(samples.iter().copied()));
        found.clear();
        block.read(65, i64::MIN, i64::MAX, &mut found).unwrap();
        assert_eq!(found.len(), 0);
        block.read(127, i64::MIN, i64::MAX, &mut found).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(block_range_ms(&bytes).unwrap(), (-7, (len - 1) * 1000 - 7));
    }
}

#[test]
fn a_dictionary_block_gives_back_what_was_put_in() {
    for count in [1, 63, 64] {
        let block = DictionaryBlock::open(&dictionary::encode(&sets(count)).unwrap()).unwrap();
        assert_eq!(block.iter().count(), count);
        for (i, labels) in sets(count).iter().enumerate() {
            assert_eq!(&block.labels(i).unwrap(), labels);
        }
        assert!(block.labels(count).is_err());
    }
}

/// Whether a stored form opens.
type Whole = fn(&[u8]) -> bool;

#[test]
fn every_bit_of_a_stored_form_is_covered() {
    let mut builder = BlockBuilder::new().unwrap();
    let mut block = Vec::new();
    builder.add(3, &[Sample { timestamp_ms: 5, value: 1.5 }]);
    builder.finish(&mut block).unwrap();
    let dictionary = dictionary::encode(&sets(3)).unwrap();
    let mut postings = Vec::new();
    bitmap::encode(&RoaringBitmap::from_iter([1, 5, 70_000]), &mut postings).unwrap();
    let locals = RoaringBitmap::from_iter([1, 5, 70_000]);
    let mut tombstone = Vec::new();
    let lost = Tombstone { bound: 3, from_ms: -7, to_ms: 9, locals };
    lost.encode(&mut tombstone).unwrap();
    assert_eq!(Tombstone::decode(&tombstone), Ok(lost));
    let forms: [(&[u8], Whole); 4] = [
        (&tombstone, |bytes| Tombstone::decode(bytes).is_ok()),
        (&block, |bytes| Block::open(bytes).is_ok()),
        (&dictionary, |bytes| DictionaryBlock::open(bytes).is_ok()),
        (&postings, |bytes| bitmap::decode(bytes).is_ok()),
    ];
    for (bytes, whole) in forms {
        assert!(whole(bytes));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!whole(&changed), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(!whole(&bytes[..len]), "cut at {len}");
        }
    }
}

/// A stored form whose checksum holds, whatever its payload says.
fn sealed(mut header: Vec<u8>, raw: &[u8]) -> Vec<u8> {
    let payload = zstd::bulk::compress(raw, 1).unwrap();
    header.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    let crc = checksum(&header, &payload);
    header.extend_from_slice(&crc.to_le_bytes());
    header.extend_from_slice(&payload);
    header
}

proptest! {
    #[test]
    fn rubbish_is_an_error_or_harmless(
        raw in prop::collection::vec(any::<u8>(), 0..300),
        present in any::<u64>(),
        times in any::<[u8; 16]>(),
        count in any::<u8>(),
    ) {
        drop(Block::open(&raw));
        drop(DictionaryBlock::open(&raw));
        drop(bitmap::decode(&raw));
        let mut postings = crc32fast::hash(&raw).to_le_bytes().to_vec();
        postings.extend_from_slice(&raw);
        drop(bitmap::decode(&postings));
        drop(Tombstone::decode(&postings));
        let body = [&present.to_le_bytes()[..], &raw].concat();
        for body in [&raw, &body] {
            if let Ok(block) = Block::open(&sealed([&[2], &times[..]].concat(), body)) {
                let mut found = Samples::new();
                for local in 0..64 {
                    let _outcome = block.read(local, i64::MIN, i64::MAX, &mut found);
                }
            }
        }
        if let Ok(block) = DictionaryBlock::open(&sealed(vec![2, count], &raw)) {
            for position in 0..256 {
                drop(block.labels(position));
            }
        }
    }
}
