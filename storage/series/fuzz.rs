//! Entrances for the fuzz targets of `src/fuzz`: any bytes as what lies on the disk. Compiled with
//! the feature `fuzz` alone.

use metric::{Histogram, HistogramEncoder, Samples};

use crate::journal::{OpReader, OpWriter, SegmentWriter, read_segment, segment_path};
use crate::{chunk, partition};

/// A block of samples.
pub fn block(bytes: &[u8]) {
    partition::fuzz::block(bytes);
}

/// Native histograms and exemplars of a partition.
pub fn beside(bytes: &[u8]) {
    partition::fuzz::beside(bytes);
}

/// A block of the dictionary.
pub fn dictionary(bytes: &[u8]) {
    partition::fuzz::dictionary(bytes);
}

/// Postings and tombstones.
pub fn postings(bytes: &[u8]) {
    partition::fuzz::postings(bytes);
}

/// The operations of a journal record.
pub fn operations(bytes: &[u8]) {
    let mut reader = OpReader::default();
    let mut rest = bytes;
    while !rest.is_empty() && reader.take(&mut rest).is_ok() {}
}

/// A journal segment behind its header.
pub fn segment(bytes: &[u8]) {
    let dir = std::env::temp_dir().join(format!("fuzz-segment-{}", std::process::id()));
    let path = segment_path(&dir, 1);
    let mut content = b"OMSERJNL\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
    content.extend_from_slice(bytes);
    if std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(&path, content)).is_ok() {
        drop(read_segment(&path, 1, |raw| {
            operations(raw);
            Ok(())
        }));
    }
}

/// A packed chunk: eight bytes base time, then the chunk.
pub fn chunk(bytes: &[u8]) {
    let Some((base, chunk)) = bytes.split_first_chunk::<8>() else { return };
    chunk::decode(i64::from_le_bytes(*base), chunk, &mut Samples::new()).unwrap_or_default();
}

/// Something good of each kind to begin with: target and bytes.
///
/// # Errors
/// The disk has no room for a journal segment.
pub fn seeds() -> std::io::Result<Vec<(&'static str, Vec<u8>)>> {
    let mut writer = OpWriter::default();
    writer.define(3, b"\x0a\x05\x0a\x01a\x12\x01b");
    writer.sample(3, chunk::StreamState::default().push(1_700_000_000_000, 1).as_bytes());
    writer.late(3, -5, 7);
    writer.metadata(b"{}");
    let mut encoded = Vec::new();
    HistogramEncoder::default().push(&Histogram::default(), &mut encoded);
    writer.histogram(3, 9, &encoded);
    let dir = std::env::temp_dir().join(format!("fuzz-seed-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    SegmentWriter::create(&dir, 1)?.write(writer.bytes())?;
    let segment = std::fs::read(segment_path(&dir, 1))?;
    std::fs::remove_dir_all(&dir)?;
    let mut seeds = partition::fuzz::seeds()?;
    seeds.push(("series_operations", writer.bytes().to_vec()));
    seeds.push(("series_segment", segment.get(24..).unwrap_or_default().to_vec()));
    for values in [vec![1.0, 2.0, 2.5], vec![f64::NAN, 1e-300, 0.0], vec![7.0; 200]] {
        let times: Vec<i64> = (0..values.len() as i64).map(|at| at * 1_000 + at % 3).collect();
        let mut packed = 0_i64.to_le_bytes().to_vec();
        chunk::encode(0, &times, &values, &mut packed);
        seeds.push(("series_chunk", packed));
    }
    Ok(seeds)
}
