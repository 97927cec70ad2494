//! Reading a journal back after a stop, clean or not.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::format::{
    HEADER_BYTES, Header, RECORD_HEADER_BYTES, RECORD_MAGIC, RecordHeader, decode_changes,
    segment_seq,
};
use crate::error::OpenError;
use crate::overlay::WriteSet;

/// Payload bytes that are handed on in one piece, to bound memory.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What a replay found.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// The last record in the journal, or the last applied one if that is greater.
    pub(crate) last_seq: u64,
    /// Number of records handed on.
    pub(crate) records: u64,
    /// All segment files, oldest first.
    pub(crate) segments: Vec<PathBuf>,
}

/// Hands the changes of all records behind number `applied` to `apply`, in order, in batches
/// that name the last record they hold.
///
/// A last record that is not whole was never acknowledged and is passed over. A record that is
/// not whole in front of a whole one is damage, as is a gap in the numbers.
pub(crate) fn replay(
    dir: &Path,
    store: u128,
    applied: u64,
    apply: &mut dyn FnMut(WriteSet, u64) -> Result<(), OpenError>,
) -> Result<Replayed, OpenError> {
    let segments = list_segments(dir)?;
    let mut reader = Replay { store, applied, last_seq: applied, records: 0, apply };
    for (at, (first_seq, path)) in segments.iter().enumerate() {
        let next_first = segments.get(at + 1).map(|(first_seq, _)| *first_seq);
        if next_first.is_some_and(|next| next <= applied + 1) {
            continue;
        }
        reader.segment(path, *first_seq, next_first)?;
    }
    let (last_seq, records) = (reader.last_seq, reader.records);
    Ok(Replayed {
        last_seq,
        records,
        segments: segments.into_iter().map(|(_, path)| path).collect(),
    })
}

struct Replay<'a> {
    store: u128,
    applied: u64,
    last_seq: u64,
    records: u64,
    apply: &'a mut dyn FnMut(WriteSet, u64) -> Result<(), OpenError>,
}

impl Replay<'_> {
    fn segment(
        &mut self,
        path: &Path,
        first_seq: u64,
        next_first: Option<u64>,
    ) -> Result<(), OpenError> {
        let read_error = |cause| OpenError::io("read", path, cause);
        let mut file = File::open(path).map_err(read_error)?;
        let mut start = Vec::new();
        file.by_ref().take(HEADER_BYTES).read_to_end(&mut start).map_err(read_error)?;
        match Header::parse(&start) {
            Ok(header) => self.check_header(path, first_seq, header)?,
            // A segment that was being created holds no record yet.
            Err(_) if next_first.is_none() && is_blank_after(&mut file).map_err(read_error)? => {
                return Ok(());
            }
            Err(problem) => return Err(OpenError::damaged(path, problem)),
        }
        let end = self.records_of(path, &mut file, first_seq, next_first)?;
        match (end, next_first) {
            (SegmentEnd { next_seq, .. }, Some(next)) if next_seq != next => {
                Err(OpenError::damaged(
                    path,
                    format!("record {next_seq} is missing, the next segment begins with {next}"),
                ))
            }
            (SegmentEnd { bad_at: Some(offset), next_seq }, None) => {
                check_tail(path, &mut file, offset, next_seq)
            }
            _ => Ok(()),
        }
    }

    fn check_header(&self, path: &Path, name_seq: u64, header: Header) -> Result<(), OpenError> {
        if header.store != self.store {
            return Err(OpenError::damaged(
                path,
                "it belongs to another record file; move the journal directory away if the \
                 record file was put here from a backup",
            ));
        }
        if header.first_seq != name_seq {
            return Err(OpenError::damaged(path, "its name and its header disagree"));
        }
        if header.first_seq > self.last_seq + 1 {
            return Err(OpenError::damaged(
                path,
                format!(
                    "the journal goes on with record {} but the last one known is {}",
                    header.first_seq, self.last_seq
                ),
            ));
        }
        Ok(())
    }

    /// Hands on the records of a segment; stops in front of the next segment's first.
    fn records_of(
        &mut self,
        path: &Path,
        file: &mut File,
        first_seq: u64,
        next_first: Option<u64>,
    ) -> Result<SegmentEnd, OpenError> {
        let mut input = io::BufReader::with_capacity(256 * 1024, file);
        let mut offset = HEADER_BYTES;
        let mut seq = first_seq;
        let mut batch = WriteSet::new();
        let mut batch_bytes = 0;
        let mut bad_at = None;
        while next_first != Some(seq) {
            let record = read_record(&mut input, seq);
            let payload = match record.map_err(|cause| OpenError::io("read", path, cause))? {
                Found::End => break,
                Found::Bad => {
                    bad_at = Some(offset);
                    break;
                }
                Found::Record(payload) => payload,
            };
            if seq > self.applied {
                decode_changes(&payload, &mut batch).ok_or_else(|| {
                    OpenError::damaged(path, format!("record {seq} cannot be understood"))
                })?;
                self.records += 1;
                batch_bytes += payload.len();
                if batch_bytes >= BATCH_BYTES {
                    (self.apply)(std::mem::take(&mut batch), seq)?;
                    batch_bytes = 0;
                }
            }
            offset += (RECORD_HEADER_BYTES + payload.len()) as u64;
            seq += 1;
        }
        if !batch.is_empty() {
            (self.apply)(batch, seq - 1)?;
        }
        self.last_seq = self.last_seq.max(seq - 1);
        Ok(SegmentEnd { next_seq: seq, bad_at })
    }
}

struct SegmentEnd {
    next_seq: u64,
    /// Where something lies that is not the next record.
    bad_at: Option<u64>,
}

enum Found {
    Record(Vec<u8>),
    Bad,
    End,
}

fn read_record(input: &mut impl io::Read, seq: u64) -> io::Result<Found> {
    let mut head = Vec::with_capacity(RECORD_HEADER_BYTES);
    input.by_ref().take(RECORD_HEADER_BYTES as u64).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(Found::End);
    }
    let Some(header) = RecordHeader::parse(&head).filter(|header| header.seq == seq) else {
        return Ok(Found::Bad);
    };
    let mut payload = Vec::new();
    input.by_ref().take(u64::from(header.len)).read_to_end(&mut payload)?;
    if header.fits(&payload) { Ok(Found::Record(payload)) } else { Ok(Found::Bad) }
}

/// Tells a torn last record, which is harmless, from damage in front of a whole record.
fn check_tail(path: &Path, file: &mut File, offset: u64, seq: u64) -> Result<(), OpenError> {
    let read_error = |cause| OpenError::io("read", path, cause);
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(offset)).map_err(read_error)?;
    file.read_to_end(&mut rest).map_err(read_error)?;
    for at in 1..rest.len() {
        if !rest[at..].starts_with(&RECORD_MAGIC) {
            continue;
        }
        let Some(header) = RecordHeader::parse(&rest[at..]) else { continue };
        let payload = rest[at + RECORD_HEADER_BYTES..].get(..header.len as usize);
        if header.seq > seq && payload.is_some_and(|payload| header.fits(payload)) {
            return Err(OpenError::damaged(
                path,
                format!(
                    "record {seq} at byte {offset} is not whole although record {} behind it is",
                    header.seq
                ),
            ));
        }
    }
    tracing::warn!(path = %path.display(), offset, bytes = rest.len(), "passed over a torn record");
    Ok(())
}

/// Whether the rest of the file is empty or zero.
fn is_blank_after(file: &mut File) -> io::Result<bool> {
    let mut rest = Vec::new();
    file.by_ref().take(1 << 20).read_to_end(&mut rest)?;
    Ok(rest.iter().all(|&byte| byte == 0))
}

fn list_segments(dir: &Path) -> Result<Vec<(u64, PathBuf)>, OpenError> {
    let list_error = |cause| OpenError::io("list", dir, cause);
    let mut segments = Vec::new();
    for entry in fs::read_dir(dir).map_err(list_error)? {
        let path = entry.map_err(list_error)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(first_seq) = name.and_then(segment_seq) {
            segments.push((first_seq, path));
        }
    }
    segments.sort();
    Ok(segments)
}
