//! Schema versions, indexes that change, versions of the data, copies and checks.

use serde::{Deserialize, Serialize};

use super::{BY_AGE, BY_NAME, BY_TAG, PEOPLE, Person, Place, id, ids, insert, person, write};
use crate::table::index_table;
use crate::{Collection, Error, Index, Key, Records, Scan, verify};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PersonV2 {
    full_name: String,
    born: i64,
}

const BY_BORN: Index<PersonV2> =
    Index::plain("by_born", |person, keys| keys.add(Key::new().i64(person.born)));
const PEOPLE_V2: Collection<PersonV2> = Collection::new("test/person", 2, &[&BY_BORN]);
const FOLK: Collection<PersonV2> = Collection::new("test/folk", 1, &[&BY_BORN]);
const FEWER: Collection<Person> = Collection::new("test/person", 1, &[&BY_NAME]);
const BY_NAME_PLAIN: Index<Person> =
    Index::plain("by_name", |person, keys| keys.add(Key::new().str(&person.name)));
const OTHER_KIND: Collection<Person> =
    Collection::new("test/person", 1, &[&BY_NAME_PLAIN, &BY_AGE, &BY_TAG]);

fn three() -> (Place, Records) {
    let place = Place::new();
    let records = place.open();
    for number in 1..4 {
        insert(&records, number).unwrap();
    }
    (place, records)
}

#[test]
fn another_schema_is_refused_both_ways() {
    let (_place, records) = three();
    let newer = records.read(|tx| tx.count(&PEOPLE_V2));
    assert_eq!(newer, Err(Error::Schema { collection: "test/person", stored: 1, expected: 2 }));
    let written = write(&records, |tx| {
        tx.put(&PEOPLE_V2, id(9), &PersonV2 { full_name: "x".into(), born: 1 })
    });
    assert!(matches!(written, Err(Error::Schema { .. })), "{written:?}");
    write(&records, |tx| tx.upgrade(&PEOPLE, &PEOPLE_V2, convert)).unwrap();
    let older = records.read(|tx| tx.count(&PEOPLE));
    assert_eq!(older, Err(Error::Schema { collection: "test/person", stored: 2, expected: 1 }));
}

#[test]
fn other_indexes_are_refused() {
    let (_place, records) = three();
    for collection in [&FEWER, &OTHER_KIND] {
        let refused = records.read(|tx| tx.get(collection, id(1)));
        assert!(matches!(refused, Err(Error::Indexes { .. })), "{refused:?}");
    }
    let unknown = records.read(|tx| tx.scan(&FEWER, Scan::index(&BY_AGE)));
    assert!(matches!(unknown, Err(Error::UnknownIndex { .. })));
    let not_unique = records.read(|tx| tx.find(&PEOPLE, &BY_AGE, Key::new().i64(1)));
    assert!(matches!(not_unique, Err(Error::UnknownIndex { .. })));
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a conversion")]
fn convert(old: crate::Stored<Person>) -> Result<PersonV2, Error> {
    Ok(PersonV2 { full_name: old.value.name, born: 2000 - old.value.age })
}

#[test]
fn an_upgrade_rewrites_records_and_indexes() {
    for moves in [false, true] {
        let (place, records) = three();
        write(&records, |tx| tx.update(&PEOPLE, id(2), None, &person("two", 2, &[]))).unwrap();
        let to = if moves { &FOLK } else { &PEOPLE_V2 };
        assert_eq!(write(&records, move |tx| tx.upgrade(&PEOPLE, to, convert)), Ok(3));
        let scan = Scan::index(&BY_BORN);
        let page = records.read(|tx| tx.scan(to, scan)).unwrap();
        let found: Vec<_> = page.items.iter().map(|one| (one.id.0, one.rev)).collect();
        assert_eq!(found, [(3, 1), (2, 2), (1, 1)]);
        let collections = records.read(crate::Read::collections).unwrap();
        assert_eq!(collections.len(), 1);
        assert_eq!(collections[0].indexes.len(), 1);
        drop(records);
        assert_eq!(verify(&place.path()).unwrap().problems, Vec::<String>::new());
    }
}

#[test]
fn an_upgrade_that_fails_half_way_leaves_everything() {
    let (place, records) = three();
    let failed = write(&records, |tx| {
        tx.upgrade(&PEOPLE, &PEOPLE_V2, |old| {
            if old.id == id(3) { Err(Error::Busy) } else { convert(old) }
        })
    });
    assert_eq!(failed, Err(Error::Busy));
    assert_eq!(ids(&records), Ok(vec![1, 2, 3]));
    drop(records);
    assert!(verify(&place.path()).unwrap().is_whole());
}

#[test]
fn indexes_are_rebuilt_and_collections_dropped() {
    let (place, records) = three();
    assert_eq!(write(&records, |tx| tx.reindex(&FEWER)), Ok(3));
    let found = records.read(|tx| tx.find(&FEWER, &BY_NAME, Key::new().str("2"))).unwrap();
    assert_eq!(found.map(|stored| stored.id), Some(id(2)));
    assert_eq!(write(&records, |tx| tx.reindex(&PEOPLE)), Ok(3));
    let by_tag = Scan::index(&BY_TAG).prefix(Key::new().str("tag"));
    assert_eq!(records.read(|tx| tx.scan(&PEOPLE, by_tag)).unwrap().items.len(), 3);
    write(&records, |tx| tx.drop_collection(&PEOPLE)).unwrap();
    assert_eq!(ids(&records), Ok(vec![]));
    assert_eq!(insert(&records, 2), Ok(1));
    drop(records);
    assert!(verify(&place.path()).unwrap().is_whole());
}

#[test]
fn a_field_may_be_added_without_a_new_schema() {
    #[derive(Serialize, Deserialize)]
    struct Longer {
        name: String,
        #[serde(default)]
        note: Option<String>,
        age: i64,
    }
    const LONGER: Collection<Longer> = Collection::new("test/plain", 1, &[]);
    const SHORT: Collection<Person> = Collection::new("test/plain", 1, &[]);
    let records = Place::new().open();
    write(&records, |tx| tx.insert(&SHORT, id(1), &person("ann", 3, &["x"]))).unwrap();
    let longer = records.read(|tx| tx.get(&LONGER, id(1))).unwrap().unwrap().value;
    assert_eq!((longer.name.as_str(), longer.age, longer.note), ("ann", 3, None));
}

#[test]
fn a_damaged_record_is_an_error_of_that_record() {
    const NUMBERS: Collection<u64> = Collection::new("test/number", 1, &[]);
    const TEXTS: Collection<String> = Collection::new("test/number", 1, &[]);
    let records = Place::new().open();
    write(&records, |tx| tx.insert(&NUMBERS, id(1), &7)).unwrap();
    let read = records.read(|tx| tx.get(&TEXTS, id(1)));
    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
    assert_eq!(records.read(|tx| tx.get(&NUMBERS, id(1))).unwrap().unwrap().value, 7);
}

#[test]
fn the_data_version_commits_with_the_transaction() {
    let (place, records) = three();
    assert_eq!(records.read(crate::Read::data_version), Ok(0));
    let failed = write(&records, |tx| {
        tx.set_data_version(7);
        assert_eq!(tx.data_version(), Ok(7));
        Err::<(), _>(Error::Busy)
    });
    assert_eq!(failed, Err(Error::Busy));
    assert_eq!(records.read(crate::Read::data_version), Ok(0));
    write(&records, |tx| {
        tx.set_data_version(8);
        Ok(())
    })
    .unwrap();
    let crashed = place.crashed().open();
    assert_eq!(crashed.read(crate::Read::data_version), Ok(8));
}

#[test]
fn a_snapshot_is_a_whole_store_of_its_own() {
    let (place, records) = three();
    write(&records, |tx| {
        tx.set_data_version(5);
        Ok(())
    })
    .unwrap();
    let copy = Place::new();
    let bytes = records.snapshot(&copy.path()).unwrap();
    assert!(bytes > 0);
    insert(&records, 4).unwrap();
    assert!(records.snapshot(&copy.path()).is_err(), "an existing file stays");
    let report = verify(&copy.path()).unwrap();
    assert_eq!((report.records, report.data_version, report.problem_count), (3, 5, 0));
    let opened = copy.open();
    assert_eq!(ids(&opened), Ok(vec![1, 2, 3]));
    insert(&opened, 9).unwrap();
    drop(opened);
    // The journal of the original must not be replayed over the copy.
    drop(records);
    std::fs::copy(copy.path(), place.path()).unwrap();
    let error = Records::open(&place.path(), super::quiet()).unwrap_err();
    assert!(error.to_string().contains("belongs to another record file"), "{error}");
}

#[test]
fn verify_names_entries_that_are_missing_or_left_over() {
    let (place, records) = three();
    write(&records, |tx| {
        let by_name = index_table("test/person", "by_name");
        tx.read.overlay.set(&by_name, Key::new().str("1").as_slice(), None);
        tx.read.overlay.set(&by_name, b"left over", Some(id(2).to_bytes().to_vec()));
        let by_age = index_table("test/person", "by_age");
        tx.read.overlay.set(&by_age, b"another one of 16 or more", Some(vec![]));
        Ok(())
    })
    .unwrap();
    let missing = records.read(|tx| tx.scan(&PEOPLE, Scan::index(&BY_AGE)));
    assert!(matches!(missing, Err(Error::Damaged { .. })), "{missing:?}");
    drop(records);
    let report = verify(&place.path()).unwrap();
    assert_eq!(report.problem_count, 2, "{report:?}");
    assert!(report.problems[0].contains("is missing in index by_name"), "{report:?}");
    assert!(report.problems[1].contains("by_age has 4 entries instead of 3"), "{report:?}");
}
