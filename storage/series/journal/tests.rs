//! Tests of the journal's forms: what is written is read, and any bytes are read without a panic.

use std::collections::BTreeMap;
use std::sync::Arc;

use metric::{Buckets, Exemplar, Histogram, HistogramEncoder, Labels};
use proptest::prelude::*;

use super::*;
use crate::chunk::StreamState;

#[derive(Debug, Clone)]
enum Said {
    Define(u32, Vec<u8>),
    Sample(u32, i64, u64),
    Late(u32, i64, u64),
    Metadata(Vec<u8>),
    /// Reference, time, and how many observations.
    Histogram(u32, i64, u8),
    Exemplar(u32, i64, u64),
}

fn histogram(observations: u8) -> Arc<Histogram> {
    let count = f64::from(observations);
    let positive = Buckets::dense(i32::from(observations / 16), vec![count; 3]).unwrap();
    Arc::new(Histogram { count: 3.0 * count, sum: count, positive, ..Histogram::default() })
}

fn exemplar(timestamp_ms: i64, bits: u64) -> Exemplar {
    let labels = Labels::new([("trace_id", format!("{bits:x}").as_str())]).unwrap();
    Exemplar { timestamp_ms, value: f64::from_bits(bits), labels }
}

fn said() -> impl Strategy<Value = Said> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        1 => (0_u32..5, bytes()).prop_map(|(slot, labels)| Said::Define(slot * 9000, labels)),
        4 => (0_u32..5, any::<i64>(), any::<u64>())
            .prop_map(|(slot, at, bits)| Said::Sample(slot * 9000, at, bits)),
        2 => (0_u32..5, any::<i64>(), any::<u64>())
            .prop_map(|(slot, at, bits)| Said::Late(slot * 9000, at, bits)),
        1 => bytes().prop_map(Said::Metadata),
        2 => (0_u32..5, any::<i64>(), any::<u8>())
            .prop_map(|(slot, at, seen)| Said::Histogram(slot * 9000, at, seen)),
        1 => (0_u32..5, any::<i64>(), any::<u64>())
            .prop_map(|(slot, at, bits)| Said::Exemplar(slot * 9000, at, bits)),
    ]
}

proptest! {
    #[test]
    fn operations_are_read_as_they_were_written(script in prop::collection::vec(said(), 0..60)) {
        let mut writer = OpWriter::default();
        let mut streams: BTreeMap<u32, (StreamState, HistogramEncoder)> = BTreeMap::new();
        let mut wanted = Vec::new();
        for said in &script {
            let slot = match said {
                Said::Define(slot, _)
                | Said::Sample(slot, ..)
                | Said::Late(slot, ..)
                | Said::Histogram(slot, ..)
                | Said::Exemplar(slot, ..) => *slot,
                Said::Metadata(json) => {
                    writer.metadata(json);
                    wanted.push(said.clone());
                    continue;
                }
            };
            if let Said::Define(_, labels) = said {
                writer.define(slot, labels);
                streams.insert(slot, Default::default());
            }
            let Some((stream, encoder)) = streams.get_mut(&slot) else { continue };
            match said {
                Said::Sample(_, at, bits) => {
                    let mut encoded = Vec::new();
                    encoded.extend_from_slice(stream.push(*at, *bits).as_bytes());
                    writer.sample(slot, &encoded);
                }
                Said::Late(_, at, bits) => writer.late(slot, *at, *bits),
                Said::Histogram(_, at, seen) => {
                    let mut encoded = Vec::new();
                    encoder.push(&histogram(*seen), &mut encoded);
                    writer.histogram(slot, *at, &encoded);
                }
                Said::Exemplar(_, at, bits) => writer.exemplar(slot, &exemplar(*at, *bits)),
                _ => {}
            }
            wanted.push(said.clone());
        }
        let mut reader = OpReader::default();
        let mut rest = writer.bytes();
        for said in wanted {
            let op = reader.take(&mut rest).unwrap();
            let wanted = match &said {
                Said::Define(slot, labels) => Op::Define { slot: *slot, labels },
                Said::Sample(slot, at, bits) | Said::Late(slot, at, bits) => {
                    Op::Sample { slot: *slot, timestamp_ms: *at, bits: *bits }
                }
                Said::Histogram(slot, at, seen) => {
                    let histogram = histogram(*seen);
                    Op::Histogram { slot: *slot, timestamp_ms: *at, histogram }
                }
                Said::Exemplar(slot, at, bits) => {
                    Op::Exemplar { slot: *slot, exemplar: exemplar(*at, *bits) }
                }
                Said::Metadata(json) => Op::Metadata { json },
            };
            prop_assert_eq!(format!("{op:?}"), format!("{wanted:?}"));
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn rubbish_is_an_error_or_harmless(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut reader = OpReader::default();
        let mut rest = &bytes[..];
        while !rest.is_empty() && reader.take(&mut rest).is_ok() {}
        let dir = tempfile::tempdir().unwrap();
        let mut header = b"OMSERJNL\x01\0\0\0\0\0\0\0".to_vec();
        header.extend_from_slice(&1_u64.to_le_bytes());
        for content in [bytes.clone(), [&header[..], &bytes].concat()] {
            let path = segment_path(dir.path(), 1);
            std::fs::write(&path, content).unwrap();
            drop(read_segment(&path, 1, |_| Ok(())));
        }
    }
}

#[test]
fn a_large_reference_costs_little_memory() {
    let mut writer = OpWriter::default();
    writer.define((1 << 27) - 1, b"");
    let mut reader = OpReader::default();
    assert!(reader.take(&mut writer.bytes()).is_ok());
    assert!(reader.table_bytes() <= 16 << 20, "{} bytes", reader.table_bytes());
}

fn records(dir: &Path, number: u64) -> (Vec<Vec<u8>>, Tail) {
    let mut found = Vec::new();
    let tail = read_segment(&segment_path(dir, number), number, |raw| {
        found.push(raw.to_vec());
        Ok(())
    });
    (found, tail.unwrap())
}

#[test]
fn records_come_back_in_order_and_segments_in_theirs() {
    let dir = tempfile::tempdir().unwrap();
    for number in [2, 10, 1] {
        let mut writer = SegmentWriter::create(dir.path(), number).unwrap();
        for len in [0, 1, 100_000] {
            writer.write(&vec![7; len]).unwrap();
        }
        let (found, tail) = records(dir.path(), number);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 100_000]);
        assert_eq!(tail, Tail::Whole);
    }
    std::fs::write(dir.path().join("notes.txt"), "x").unwrap();
    assert_eq!(list_segments(dir.path()).unwrap(), [1, 2, 10]);
    assert!(SegmentWriter::create(dir.path(), 2).is_err(), "never overwritten");
}

#[test]
fn many_that_wait_share_a_sync() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::create(dir.path(), 1).unwrap());
    let tickets: Vec<Ticket> = (0..50).map(|i| journal.enqueue(&[i; 3])).collect();
    std::thread::scope(|scope| {
        for ticket in tickets {
            let journal = &journal;
            scope.spawn(move || journal.sync(ticket).unwrap());
        }
    });
    assert_eq!(journal.syncs(), 1);
    let (found, _) = records(dir.path(), 1);
    assert_eq!(found.concat(), (0..50).flat_map(|i| [i; 3]).collect::<Vec<u8>>());
}

#[test]
fn after_a_failure_nothing_is_acknowledged_until_it_is_revived() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::create(dir.path(), 1).unwrap();
    let before = journal.enqueue(b"before");
    journal.sync(before).unwrap();
    let ticket = journal.enqueue(b"lost");
    journal.fail("the disk is full");
    assert_eq!(&*journal.sync(ticket).unwrap_err(), "the disk is full");
    assert!(journal.check().is_err());
    journal.sync(before).unwrap();
    assert_eq!(journal.rotate(SegmentWriter::create(dir.path(), 2).ok()), 1);
    assert!(journal.check().is_err(), "rotation does not revive");
    journal.revive(SegmentWriter::create(dir.path(), 3).unwrap());
    let ticket = journal.enqueue(b"after");
    journal.sync(ticket).unwrap();
    assert_eq!(records(dir.path(), 1).0, [b"before"]);
    assert_eq!(records(dir.path(), 3).0, [b"after"]);
}
