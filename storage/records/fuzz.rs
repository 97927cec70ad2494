//! Entrances for the fuzz targets of `src/fuzz`: any bytes as what lies on the disk. Compiled with
//! the feature `fuzz` alone.

use crate::journal::format::{
    Header, RECORD_HEADER_BYTES, RecordHeader, decode_changes, encode_changes, encode_record,
};
use crate::overlay::WriteSet;

/// The header of a segment, a record, and the payload of a record; what is understood is written
/// and understood again.
///
/// # Panics
/// When it is not.
pub fn journal(bytes: &[u8]) {
    Header::parse(bytes).map(drop).unwrap_or_default();
    if let Some(header) = RecordHeader::parse(bytes) {
        let payload = bytes.get(RECORD_HEADER_BYTES..).unwrap_or_default();
        let _fits = header.fits(payload);
    }
    let mut changes = WriteSet::new();
    if decode_changes(bytes, &mut changes).is_some() {
        let mut again = WriteSet::new();
        assert!(decode_changes(&encode_changes(&changes), &mut again).is_some());
        assert!(again == changes, "changes read differently when written again");
    }
}

/// Something good to begin with: target and bytes.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut changes = WriteSet::new();
    let table = changes.entry("people".into()).or_default();
    table.insert(b"a".to_vec(), Some(b"value".to_vec()));
    table.insert(b"b".to_vec(), None);
    let payload = encode_changes(&changes);
    let header = Header { store: 7, first_seq: 1 }.encode();
    [header, encode_record(1, &payload), payload].map(|seed| ("records_journal", seed)).into()
}
