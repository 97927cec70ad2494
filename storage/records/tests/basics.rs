//! One operation at a time.

use super::{BY_AGE, BY_NAME, BY_TAG, PEOPLE, Place, id, person, write};
use crate::{Error, Key, Records, Scan};

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

#[test]
fn a_cursor_of_another_list_is_refused() {
    let records = Place::new().open();
    for number in 0..3 {
        super::insert(&records, number).unwrap();
    }
    let page = records.read(|tx| tx.scan(&PEOPLE, Scan::index(&BY_AGE).limit(1))).unwrap();
    let cursor = page.next.unwrap();
    for scan in [Scan::all(), Scan::index(&BY_NAME), Scan::index(&BY_AGE).reverse()] {
        let refused = records.read(|tx| tx.scan(&PEOPLE, scan.after(Some(cursor.clone()))));
        assert_eq!(refused, Err(Error::BadCursor));
    }
    for text in ["", "x", "0", "00", "zz", "ABCD", &"00".repeat(5000)] {
        let parsed = text.parse::<crate::Cursor>();
        let refused = parsed.and_then(|cursor| {
            records.read(|tx| tx.scan(&PEOPLE, Scan::all().after(Some(cursor))))
        });
        assert_eq!(refused, Err(Error::BadCursor), "{text:.20}");
    }
}

#[test]
fn a_cursor_cannot_leave_the_prefix() {
    let records = Place::new().open();
    write(&records, |tx| {
        tx.insert(&PEOPLE, id(1), &person("ann", 1, &["a"]))?;
        tx.insert(&PEOPLE, id(2), &person("bob", 2, &["b", "z"]))?;
        tx.insert(&PEOPLE, id(3), &person("cid", 3, &["b"]))
    })
    .unwrap();
    let wide = records.read(|tx| tx.scan(&PEOPLE, Scan::index(&BY_TAG).limit(1))).unwrap();
    let narrow = |reverse: bool| {
        let scan = Scan::index(&BY_TAG).prefix(Key::new().str("b")).after(wide.next.clone());
        if reverse { scan.reverse() } else { scan }
    };
    assert_eq!(names(&records, narrow(false)), ["bob", "cid"]);
    let other_way = records.read(|tx| tx.scan(&PEOPLE, narrow(true)));
    assert_eq!(other_way, Err(Error::BadCursor));
}

#[test]
fn what_is_too_large_is_refused_and_named() {
    let records = Place::new().open();
    let key = write(&records, |tx| tx.insert(&PEOPLE, id(1), &person(&"n".repeat(2000), 1, &[])));
    assert!(matches!(key, Err(Error::TooLarge { what: "an index key", .. })), "{key:?}");
    let value = write(&records, |tx| {
        let tags = ["t".repeat(1000)];
        let mut big = person("big", 1, &[]);
        big.tags = tags.iter().cycle().take(9000).cloned().collect();
        tx.insert(&PEOPLE, id(1), &big)
    });
    assert!(matches!(value, Err(Error::TooLarge { what: "a record", .. })), "{value:?}");
    assert_eq!(records.read(|tx| tx.count(&PEOPLE)), Ok(0));

    let place = Place::new();
    let options = crate::Options { transaction_bytes_max: 1000, ..super::quiet() };
    let records = Records::open(&place.path(), options).unwrap();
    let many = write(&records, |tx| {
        for number in 0..100 {
            tx.insert(&PEOPLE, id(number), &person(&number.to_string(), 1, &[]))?;
        }
        Ok(())
    });
    assert!(matches!(many, Err(Error::TooLarge { what: "a transaction", .. })), "{many:?}");
    assert_eq!(super::insert(&records, 1), Ok(1));
    let large = write(&records, |tx| {
        tx.allow_large();
        for number in 2..100 {
            tx.insert(&PEOPLE, id(number), &person(&number.to_string(), 1, &[]))?;
        }
        Ok(())
    });
    assert_eq!(large, Ok(()));
}
