//! Transactions of many callers, and those that misbehave.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::{PEOPLE, Place, id, ids, insert, person, write};
use crate::{Error, Options, Records};

type Outcome = Result<u128, Error>;

/// Holds the writing thread inside a transaction until the sender is dropped or used.
fn hold(records: &Records) -> Sender<()> {
    let (release, released) = channel::<()>();
    let (inside, is_inside) = channel();
    records.submit(
        move |_| {
            inside.send(()).unwrap();
            // An error means that the sender was dropped, which releases as well.
            released.recv().or(Ok(()))
        },
        |outcome: Result<(), Error>| outcome.unwrap(),
    );
    is_inside.recv().unwrap();
    release
}

/// Queues an insertion whose outcome is the number it wrote.
fn submit(records: &Records, number: u128, end: fn(u128) -> Outcome) -> Receiver<Outcome> {
    let (answer, outcome) = channel();
    records.submit(
        move |tx| {
            let name = number.to_string();
            tx.insert(&PEOPLE, id(number), &person(&name, 1, &["t"]))?;
            assert!(tx.get(&PEOPLE, id(number))?.is_some());
            end(number)
        },
        move |outcome| answer.send(outcome).unwrap(),
    );
    outcome
}

#[test]
fn a_failing_neighbour_leaves_no_trace() {
    let place = Place::new();
    let records = place.open();
    let release = hold(&records);
    let before = records.status().groups;
    let good = submit(&records, 1, Ok);
    let failing = submit(&records, 2, |_| Err(Error::Busy));
    let panicking = submit(&records, 3, |_| std::panic::resume_unwind(Box::new("on purpose")));
    let after = submit(&records, 4, Ok);
    let taken = submit(&records, 4, Ok);
    drop(release);
    assert_eq!(good.recv().unwrap(), Ok(1));
    assert_eq!(failing.recv().unwrap(), Err(Error::Busy));
    assert_eq!(
        panicking.recv().unwrap(),
        Err(Error::Panicked { message: "on purpose".to_owned() })
    );
    assert_eq!(after.recv().unwrap(), Ok(4));
    let exists = Error::AlreadyExists { collection: "test/person", id: id(4) };
    assert_eq!(taken.recv().unwrap(), Err(exists));
    assert!(records.status().groups <= before + 2, "they were one group");
    assert_eq!(ids(&records), Ok(vec![1, 4]));
    let crashed = place.crashed();
    assert_eq!(ids(&crashed.open()), Ok(vec![1, 4]));
    drop(records);
    assert!(crate::verify(&place.path()).unwrap().is_whole());
}

#[test]
fn a_collection_that_a_failing_neighbour_began_comes_into_being_all_the_same() {
    let place = Place::new();
    let records = place.open();
    let release = hold(&records);
    let failing = submit(&records, 1, |_| Err(Error::Busy));
    let good = submit(&records, 2, Ok);
    drop(release);
    assert_eq!(failing.recv().unwrap(), Err(Error::Busy));
    assert_eq!(good.recv().unwrap(), Ok(2));
    assert_eq!(ids(&records), Ok(vec![2]));
}

#[test]
fn an_acknowledged_transaction_is_seen_by_the_next_reader() {
    let records = Place::new().open();
    let mut threads = Vec::new();
    for caller in 0..8_u128 {
        let records = records.clone();
        threads.push(thread::spawn(move || {
            for turn in 0..50 {
                let number = caller * 1000 + turn;
                insert(&records, number).unwrap();
                let seen = records.read(|tx| tx.get(&PEOPLE, id(number))).unwrap();
                assert!(seen.is_some());
            }
        }));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(ids(&records).unwrap().len(), 400);
    let status = records.status();
    assert_eq!((status.transactions, status.queue_len), (400, 0));
}

#[test]
fn a_reader_keeps_its_snapshot() {
    let place = Place::new();
    let records = place.open();
    insert(&records, 1).unwrap();
    records
        .read(|tx| {
            insert(&records, 2).unwrap();
            records.checkpoint().unwrap();
            assert_eq!(tx.count(&PEOPLE), Ok(1));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(ids(&records), Ok(vec![1, 2]));
}

#[test]
fn a_full_queue_refuses() {
    let place = Place::new();
    let options = Options { queue_len: 2, ..super::quiet() };
    let records = Records::open(&place.path(), options).unwrap();
    let release = hold(&records);
    let waiting = [submit(&records, 1, Ok), submit(&records, 2, Ok)];
    let refused = submit(&records, 3, Ok);
    assert_eq!(refused.recv().unwrap(), Err(Error::Busy));
    drop(release);
    for outcome in waiting {
        outcome.recv().unwrap().unwrap();
    }
    assert_eq!(ids(&records), Ok(vec![1, 2]));
}

#[test]
fn a_write_inside_a_write_is_refused() {
    let records = Place::new().open();
    let inner = records.clone();
    let outcome = write(&records, move |_| insert(&inner, 1));
    assert_eq!(outcome, Err(Error::Nested));
}

#[test]
fn a_closed_store_says_so_and_can_be_opened_again() {
    let place = Place::new();
    let records = place.open();
    insert(&records, 1).unwrap();
    let release = hold(&records);
    let queued = submit(&records, 2, Ok);
    drop(release);
    records.close().unwrap();
    assert_eq!(queued.recv().unwrap(), Ok(2));
    assert_eq!(records.close(), Ok(()));
    assert_eq!(insert(&records, 3), Err(Error::Closed));
    assert_eq!(ids(&records), Err(Error::Closed));
    assert_eq!(records.checkpoint(), Err(Error::Closed));
    assert_eq!(ids(&place.open()), Ok(vec![1, 2]));
}

#[test]
fn the_last_handle_may_go_on_the_writing_thread() {
    let place = Place::new();
    let records = place.open();
    let (answer, outcome) = channel();
    let last = records.clone();
    let release = hold(&records);
    records.submit(
        |tx| tx.insert(&PEOPLE, id(1), &person("ann", 1, &[])),
        move |inserted: Result<u64, Error>| {
            drop(last);
            answer.send(inserted).unwrap();
        },
    );
    drop(records);
    drop(release);
    assert_eq!(outcome.recv().unwrap(), Ok(1));
}
