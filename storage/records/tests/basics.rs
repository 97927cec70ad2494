//! One operation at a time.

use super::{BY_AGE, BY_NAME, BY_TAG, PEOPLE, Place, id, person};
use crate::{Error, Key, Records, Scan};

fn write<T: Send + 'static>(
    records: &Records,
    act: impl FnOnce(&mut crate::Write) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    records.write(act)
}

fn names(records: &Records, scan: Scan) -> Vec<String> {
    let page = records.read(|tx| tx.scan(&PEOPLE, scan)).unwrap();
    page.items.into_iter().map(|stored| stored.value.name).collect()
}

#[test]
fn a_record_lives_through_its_operations() {
    let place = Place::new();
    let records = place.open();
    let rev = write(&records, |tx| {
        assert_eq!(tx.get(&PEOPLE, id(1))?, None);
        tx.insert(&PEOPLE, id(1), &person("ann", 30, &[]))
    });
    assert_eq!(rev, Ok(1));
    let again = write(&records, |tx| tx.insert(&PEOPLE, id(1), &person("bob", 1, &[])));
    assert_eq!(again, Err(Error::AlreadyExists { collection: "test/person", id: id(1) }));
    assert_eq!(
        write(&records, |tx| tx.update(&PEOPLE, id(1), Some(1), &person("ann", 31, &[]))),
        Ok(2)
    );
    let stale = write(&records, |tx| tx.update(&PEOPLE, id(1), Some(1), &person("x", 0, &[])));
    let conflict = Error::Conflict { collection: "test/person", id: id(1), expected: 1, found: 2 };
    assert_eq!(stale, Err(conflict));
    drop(records);

    let records = place.open();
    let stored = records.read(|tx| tx.find(&PEOPLE, &BY_NAME, Key::new().str("ann"))).unwrap();
    let stored = stored.unwrap();
    assert_eq!((stored.id, stored.rev, stored.value), (id(1), 2, person("ann", 31, &[])));
    assert_eq!(write(&records, |tx| tx.remove(&PEOPLE, id(1), Some(2))), Ok(()));
    let gone = write(&records, |tx| tx.remove(&PEOPLE, id(1), None));
    assert_eq!(gone, Err(Error::NotFound { collection: "test/person", id: id(1) }));
    assert_eq!(records.read(|tx| tx.count(&PEOPLE)), Ok(0));
    assert!(names(&records, Scan::index(&BY_AGE)).is_empty());
}

#[test]
fn a_unique_key_belongs_to_one_record() {
    let records = Place::new().open();
    let outcome = write(&records, |tx| {
        tx.insert(&PEOPLE, id(1), &person("ann", 30, &[]))?;
        tx.insert(&PEOPLE, id(2), &person("ann", 31, &[]))
    });
    let taken = Error::Unique { collection: "test/person", index: "by_name", holder: id(1) };
    assert_eq!(outcome, Err(taken));
    assert_eq!(records.read(|tx| tx.count(&PEOPLE)), Ok(0), "the whole transaction is gone");
}

#[test]
fn scans_go_both_ways_and_page() {
    let records = Place::new().open();
    write(&records, |tx| {
        for (number, name) in ["eve", "dan", "cid", "bob", "ann"].iter().enumerate() {
            let tags = if number % 2 == 0 { &["even", "all"][..] } else { &["all"][..] };
            tx.insert(&PEOPLE, id(number as u128), &person(name, number as i64 - 2, tags))?;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(names(&records, Scan::all()), ["eve", "dan", "cid", "bob", "ann"]);
    assert_eq!(names(&records, Scan::index(&BY_NAME).reverse().limit(2)), ["eve", "dan"]);
    assert_eq!(names(&records, Scan::index(&BY_NAME).prefix(Key::new().str_start("c"))), ["cid"]);
    let middle = Scan::index(&BY_AGE).range(Key::new().i64(-1), Key::new().i64(2));
    assert_eq!(names(&records, middle), ["dan", "cid", "bob"]);
    assert_eq!(
        names(&records, Scan::index(&BY_TAG).prefix(Key::new().str("even"))),
        ["eve", "cid", "ann"]
    );

    let mut paged = Vec::new();
    let mut cursor = None;
    loop {
        let scan = Scan::index(&BY_AGE).reverse().limit(2).after(cursor);
        let page = records.read(|tx| tx.scan(&PEOPLE, scan)).unwrap();
        paged.extend(page.items.into_iter().map(|stored| stored.value.name));
        let Some(next) = page.next else { break };
        cursor = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(paged, ["ann", "bob", "cid", "dan", "eve"]);
}
