//! A disk that is full or fails, and comes back.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::faults::Faults;
use super::{PEOPLE, Place, id, ids, insert};
use crate::disk::Disk;
use crate::{Error, Options, Records};

fn open(place: &Place) -> (Records, std::sync::Arc<Faults>) {
    let disk = Disk::default();
    let faults = disk.faults.clone();
    (Records::open_with(&place.path(), super::quiet(), disk).unwrap(), faults)
}

/// Waits for a condition, up to a deadline.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

#[test]
fn a_full_journal_refuses_writes_and_serves_reads() {
    let place = Place::new();
    let (records, faults) = open(&place);
    insert(&records, 1).unwrap();
    faults.journal_full.store(true, Ordering::SeqCst);
    for number in 2..5 {
        let refused = insert(&records, number);
        assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
        assert_eq!(ids(&records), Ok(vec![1]));
    }
    assert_eq!(ids(&place.crashed().open()), Ok(vec![1]), "nothing of the refused is left");
    faults.journal_full.store(false, Ordering::SeqCst);
    assert_eq!(insert(&records, 6), Ok(1));
    assert_eq!(ids(&place.crashed().open()), Ok(vec![1, 6]));
}

#[test]
fn a_record_whose_sync_failed_is_cut_off() {
    let place = Place::new();
    let (records, faults) = open(&place);
    insert(&records, 1).unwrap();
    faults.journal_sync_once.store(true, Ordering::SeqCst);
    assert!(matches!(insert(&records, 2), Err(Error::Unavailable { .. })));
    assert_eq!(ids(&records), Ok(vec![1]));
    assert_eq!(ids(&place.crashed().open()), Ok(vec![1]), "the refused record is gone");
    insert(&records, 3).unwrap();
    assert_eq!(ids(&place.crashed().open()), Ok(vec![1, 3]));
}

#[test]
fn a_journal_that_cannot_be_cut_is_left_and_a_new_one_begun() {
    let place = Place::new();
    let (records, faults) = open(&place);
    insert(&records, 1).unwrap();
    faults.journal_sync.store(true, Ordering::SeqCst);
    assert!(matches!(insert(&records, 2), Err(Error::Unavailable { .. })));
    assert!(matches!(insert(&records, 3), Err(Error::Unavailable { .. })));
    until("reading comes back", || ids(&records).is_ok());
    faults.journal_sync.store(false, Ordering::SeqCst);
    until("writing comes back", || insert(&records, 4).is_ok());
    let now = ids(&records).unwrap();
    assert!(now.starts_with(&[1]) && now.ends_with(&[4]) && !now.contains(&3), "{now:?}");
    assert_eq!(ids(&place.crashed().open()), Ok(now));
    assert_eq!(records.status().unavailable, None);
}

#[test]
fn a_record_file_that_fails_is_opened_anew() {
    let place = Place::new();
    let (records, faults) = open(&place);
    for number in 0..50 {
        insert(&records, number).unwrap();
    }
    let expected: Vec<u128> = (0..50).collect();
    faults.file.store(true, Ordering::SeqCst);
    assert!(matches!(records.checkpoint(), Err(Error::Unavailable { .. })));
    assert!(matches!(insert(&records, 50), Err(Error::Unavailable { .. })));
    until("the trouble is told", || records.status().unavailable.is_some());
    assert_eq!(ids(&place.crashed().open()), Ok(expected.clone()));
    faults.file.store(false, Ordering::SeqCst);
    until("writing comes back", || insert(&records, 51).is_ok());
    let mut now = expected;
    now.push(51);
    assert_eq!(ids(&records), Ok(now.clone()));
    assert_eq!(ids(&place.crashed().open()), Ok(now));
    assert_eq!(records.status().unavailable, None);
}

#[test]
fn a_snapshot_taken_before_the_failure_errs_instead_of_lying() {
    let place = Place::new();
    let (records, faults) = open(&place);
    insert(&records, 1).unwrap();
    let outcome = records.read(|tx| {
        faults.file.store(true, Ordering::SeqCst);
        assert!(records.checkpoint().is_err());
        faults.file.store(false, Ordering::SeqCst);
        until("writing comes back", || insert(&records, 2).is_ok());
        tx.get(&PEOPLE, id(1))
    });
    match outcome {
        Ok(found) => assert_eq!(found.map(|stored| stored.id), Some(id(1)), "from memory"),
        Err(error) => assert!(matches!(error, Error::Unavailable { .. }), "{error:?}"),
    }
}

#[test]
fn a_checkpoint_that_finds_no_room_for_a_segment_keeps_the_old_one() {
    let place = Place::new();
    let (records, faults) = open(&place);
    insert(&records, 1).unwrap();
    faults.journal_full.store(true, Ordering::SeqCst);
    assert!(matches!(records.checkpoint(), Err(Error::Unavailable { .. })));
    faults.journal_full.store(false, Ordering::SeqCst);
    insert(&records, 2).unwrap();
    assert_eq!(ids(&place.crashed().open()), Ok(vec![1, 2]));
    records.checkpoint().unwrap();
    insert(&records, 3).unwrap();
    assert_eq!(ids(&place.crashed().open()), Ok(vec![1, 2, 3]));
}

#[test]
fn superfluous_segments_go_after_their_time_only() {
    let place = Place::new();
    let keep = Options { segment_keep: Duration::from_secs(3600), ..super::quiet() };
    let records = Records::open(&place.path(), keep.clone()).unwrap();
    for number in 0..5 {
        insert(&records, number).unwrap();
        records.checkpoint().unwrap();
    }
    assert_eq!(place.segments().len(), 6);
    drop(records);
    let at_once = Options { segment_keep: Duration::ZERO, ..keep };
    let records = Records::open(&place.path(), at_once).unwrap();
    insert(&records, 5).unwrap();
    until("old segments are deleted", || records.status().journal_segments == 1);
    assert_eq!(place.segments().len(), 1);
    assert_eq!(ids(&place.crashed().open()), Ok((0..6).collect()));
}
