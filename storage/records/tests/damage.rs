//! Files that are torn, damaged, missing, foreign or in use.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Place, ids, insert, quiet};
use crate::journal::format::{HEADER_BYTES, RECORD_HEADER_BYTES};
use crate::{OpenError, Records};

/// A store that was killed with records 0..5 in its journal only, and the journal's path.
fn killed() -> (Place, std::path::PathBuf) {
    let place = Place::in_memory();
    let records = place.open();
    for number in 0..5 {
        insert(&records, number).unwrap();
    }
    let left = place.crashed();
    let segments = left.segments();
    assert_eq!(segments.len(), 1);
    (left, segments[0].clone())
}

/// The offsets at which the records of a segment begin, and its end.
fn offsets(segment: &Path) -> Vec<u64> {
    let bytes = fs::read(segment).unwrap();
    let mut offsets = vec![HEADER_BYTES];
    let mut at = HEADER_BYTES as usize;
    while at < bytes.len() {
        let len = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap());
        at += RECORD_HEADER_BYTES + len as usize;
        offsets.push(at as u64);
    }
    offsets
}

fn cut(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

fn refusal(place: &Place) -> String {
    let error = Records::open(&place.path(), quiet()).unwrap_err();
    let verified = crate::verify(&place.path());
    assert!(verified.is_err(), "verify says: {verified:?}");
    error.to_string()
}

#[test]
fn a_journal_cut_anywhere_opens_with_the_whole_records() {
    let (original, segment) = killed();
    let offsets = offsets(&segment);
    assert_eq!(offsets.len(), 6);
    let end = *offsets.last().unwrap();
    // All lengths of the last record, and around all borders before it.
    let mut lengths: Vec<u64> = (offsets[4]..=end).collect();
    for offset in &offsets[..4] {
        lengths.extend([offset.saturating_sub(1), *offset, offset + 1, offset + 21]);
    }
    lengths.extend([0, 1, HEADER_BYTES - 1]);
    for length in lengths {
        let place = original.crashed();
        cut(&place.segments()[0], length);
        let whole = offsets.iter().filter(|offset| **offset <= length).count() as u128;
        let expected: Vec<u128> = (0..whole.saturating_sub(1)).collect();
        let report = crate::verify(&place.path()).unwrap();
        assert_eq!((report.records, report.problems), (expected.len() as u64, vec![]));
        let records = place.open();
        assert_eq!(ids(&records), Ok(expected.clone()), "cut to {length} bytes");
        // What comes after a torn record is kept like anything else.
        insert(&records, 100).unwrap();
        let crashed = place.crashed();
        assert_eq!(ids(&crashed.open()), Ok([expected, vec![100]].concat()));
    }
}

#[test]
fn a_flipped_bit_in_the_middle_is_damage_and_changes_nothing() {
    let (original, segment) = killed();
    let offsets = offsets(&segment);
    for record in 0..4 {
        for within in [0, 5, 9, 17, 25, offsets[record + 1] - offsets[record] - 1] {
            let place = original.crashed();
            let segment = &place.segments()[0];
            flip(segment, offsets[record] + within);
            let before = fs::read(segment).unwrap();
            let refusal = refusal(&place);
            assert!(refusal.contains(&format!("record {} at byte", record + 1)), "{refusal}");
            assert!(fs::read(segment).unwrap() == before, "the segment was changed");
        }
    }
}

#[test]
fn a_flipped_bit_in_the_last_record_is_a_torn_record() {
    let (place, segment) = killed();
    flip(&segment, offsets(&segment)[4] + 30);
    assert_eq!(ids(&place.open()), Ok(vec![0, 1, 2, 3]));
}

#[test]
fn a_missing_segment_is_a_gap() {
    let place = Place::in_memory();
    let records = place.open();
    insert(&records, 1).unwrap();
    let with_first_only = place.crashed();
    records.checkpoint().unwrap();
    insert(&records, 2).unwrap();
    records.checkpoint().unwrap();
    insert(&records, 3).unwrap();
    let segments = place.segments();
    assert_eq!(segments.len(), 3);
    // The old record file with the newest segment only.
    let old = with_first_only;
    fs::remove_file(&old.segments()[0]).unwrap();
    fs::copy(&segments[2], old.journal().join(segments[2].file_name().unwrap())).unwrap();
    let gap = refusal(&old);
    assert!(gap.contains("goes on with record 3 but the last one known is 0"), "{gap}");
    // The old record file with the whole journal is at the newest state.
    for segment in &segments[..2] {
        fs::copy(segment, old.journal().join(segment.file_name().unwrap())).unwrap();
    }
    assert_eq!(ids(&old.open()), Ok(vec![1, 2, 3]));
}

#[test]
fn what_a_later_segment_repeats_does_not_count() {
    let place = Place::in_memory();
    let records = place.open();
    let at_the_start = place.crashed();
    insert(&records, 1).unwrap();
    let after_one = place.crashed();
    insert(&records, 2).unwrap();
    // A write that failed left record 2 behind; the process went on with another record 2.
    let went_on = after_one.open();
    insert(&went_on, 7).unwrap();
    let newer = &after_one.segments()[1];
    fs::copy(&place.segments()[0], &at_the_start.segments()[0]).unwrap();
    fs::copy(newer, at_the_start.journal().join(newer.file_name().unwrap())).unwrap();
    assert_eq!(crate::verify(&at_the_start.path()).unwrap().records, 2);
    assert_eq!(ids(&at_the_start.open()), Ok(vec![1, 7]));
}

#[test]
fn a_journal_of_another_store_is_refused() {
    let (place, segment) = killed();
    let (other, _) = killed();
    fs::copy(&other.segments()[0], &segment).unwrap();
    assert!(refusal(&place).contains("belongs to another record file"));
}

#[test]
fn a_copy_without_its_journal_is_refused_unless_it_was_closed() {
    let place = Place::in_memory();
    let records = place.open();
    insert(&records, 1).unwrap();
    let running = place.crashed();
    fs::remove_dir_all(running.journal()).unwrap();
    assert!(refusal(&running).contains("records.journal is missing"));
    assert!(!running.journal().exists());
    drop(records);
    let stopped = place.crashed();
    fs::remove_dir_all(stopped.journal()).unwrap();
    assert_eq!(ids(&stopped.open()), Ok(vec![1]));
}

#[test]
fn a_journal_without_its_record_file_is_refused() {
    let (place, _) = killed();
    fs::remove_file(place.path()).unwrap();
    let error = Records::open(&place.path(), quiet()).unwrap_err();
    assert!(error.to_string().contains("missing although its journal"), "{error}");
}

#[test]
fn a_file_that_is_no_record_store_is_refused() {
    for content in [&b""[..], b"hello", &[0; 10_000], &[0xa5; 10_000]] {
        let place = Place::in_memory();
        fs::write(place.path(), content).unwrap();
        let error = Records::open(&place.path(), quiet()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
        assert!(fs::read(place.path()).unwrap() == content, "the file was changed");
    }
    let place = Place::in_memory();
    fs::create_dir(place.path()).unwrap();
    let error = Records::open(&place.path(), quiet()).unwrap_err();
    assert!(error.to_string().contains("not a file"), "{error}");
}

#[test]
fn a_second_opening_is_refused() {
    let place = Place::in_memory();
    let records = place.open();
    let error = Records::open(&place.path(), quiet()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    insert(&records, 1).unwrap();
}

#[test]
fn damaged_pages_are_found_by_verify() {
    let place = Place::in_memory();
    let records = place.open();
    for number in 0..2000 {
        insert(&records, number).unwrap();
    }
    records.close().unwrap();
    assert_eq!(crate::verify(&place.path()).unwrap().records, 2000);
    let len = File::open(place.path()).unwrap().metadata().unwrap().len();
    let mut found = 0;
    for part in 1..10 {
        let damaged = place.crashed();
        flip(&damaged.path(), len * part / 10 + 100);
        found += usize::from(crate::verify(&damaged.path()).is_err());
    }
    assert!(found >= 3, "{found} of 9 flipped bits were found; free pages hide the rest");
}
