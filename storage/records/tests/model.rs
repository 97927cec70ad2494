//! Random transactions, scans and reopenings, compared with a naive model in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{BY_AGE, BY_NAME, BY_TAG, PEOPLE, Person, Place, id, person};
use crate::{Error, Key, Options, Read, Records, Scan, Write};

/// Names, tags and ids are few, so that operations meet each other.
const NAMES: [&str; 6] = ["", "a", "aa", "b", "a\0", "ž"];
const TAGS: [&str; 3] = ["x", "xy", "z"];
const IDS: u128 = 8;

/// Id to revision and record.
type Model = BTreeMap<u128, (u64, Person)>;

#[derive(Clone, Debug)]
enum Op {
    Insert(u128, Person),
    Update(u128, Option<u64>, Person),
    Put(u128, Person),
    Remove(u128, Option<u64>),
    /// Compares everything in the middle of the transaction.
    Look(Look),
}

#[derive(Clone, Debug)]
enum Step {
    /// A transaction that commits, returns an error at its end, or panics there.
    Transaction(Vec<Op>, End),
    Look(Look),
    Checkpoint,
    Reopen,
    /// Goes on with the files as a crash at this instant leaves them.
    Crash,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Commit,
    Fail,
    Panic,
}

/// A scan as it can be checked by brute force.
#[derive(Clone, Debug)]
struct Look {
    order: Order,
    prefix: Option<(i64, usize)>,
    range: Option<(i64, i64)>,
    reverse: bool,
    limit: usize,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Id,
    Name,
    Age,
    Tag,
}

fn people() -> impl Strategy<Value = Person> {
    let tags = prop::sample::subsequence(TAGS.to_vec(), 0..=3);
    (prop::sample::select(NAMES.to_vec()), -2_i64..3, tags)
        .prop_map(|(name, age, tags)| person(name, age, &tags))
}

fn looks() -> impl Strategy<Value = Look> {
    let order = prop_oneof![Just(Order::Id), Just(Order::Name), Just(Order::Age), Just(Order::Tag)];
    let prefix = prop::option::of((-2_i64..3, 0..3_usize));
    let range = prop::option::of((-3_i64..4, -3_i64..4));
    (order, prefix, range, any::<bool>(), 1..5_usize).prop_map(
        |(order, prefix, range, reverse, limit)| Look { order, prefix, range, reverse, limit },
    )
}

fn ops() -> impl Strategy<Value = Op> {
    let rev = prop::option::weighted(0.3, 1..4_u64);
    prop_oneof![
        4 => (0..IDS, people()).prop_map(|(id, person)| Op::Insert(id, person)),
        3 => (0..IDS, rev.clone(), people()).prop_map(|(id, rev, person)| Op::Update(id, rev, person)),
        2 => (0..IDS, people()).prop_map(|(id, person)| Op::Put(id, person)),
        2 => (0..IDS, rev).prop_map(|(id, rev)| Op::Remove(id, rev)),
        2 => looks().prop_map(Op::Look),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let end = prop_oneof![8 => Just(End::Commit), 2 => Just(End::Fail), 1 => Just(End::Panic)];
    prop_oneof![
        12 => (prop::collection::vec(ops(), 1..8), end)
            .prop_map(|(ops, end)| Step::Transaction(ops, end)),
        6 => looks().prop_map(Step::Look),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
        2 => Just(Step::Crash),
    ]
}

/// Does an operation on the model; an error leaves the model as it was.
fn expect(model: &mut Model, op: &Op) -> Result<u64, Error> {
    let collection = "test/person";
    let (number, expected, new) = match op {
        Op::Insert(number, person) => {
            if model.contains_key(number) {
                return Err(Error::AlreadyExists { collection, id: id(*number) });
            }
            (*number, None, Some(person))
        }
        Op::Update(number, expected, person) => (*number, *expected, Some(person)),
        Op::Put(number, person) => (*number, None, Some(person)),
        Op::Remove(number, expected) => (*number, *expected, None),
        Op::Look(_) => return Ok(0),
    };
    let found = model.get(&number).map(|(rev, _)| *rev);
    if found.is_none() && matches!(op, Op::Update(..) | Op::Remove(..)) {
        return Err(Error::NotFound { collection, id: id(number) });
    }
    if let (Some(expected), Some(found)) = (expected, found)
        && expected != found
    {
        return Err(Error::Conflict { collection, id: id(number), expected, found });
    }
    let Some(new) = new else {
        model.remove(&number);
        return Ok(0);
    };
    let holder = model.iter().find(|(other, (_, old))| **other != number && old.name == new.name);
    if let Some((holder, _)) = holder {
        return Err(Error::Unique { collection, index: "by_name", holder: id(*holder) });
    }
    let rev = found.unwrap_or(0) + 1;
    model.insert(number, (rev, new.clone()));
    Ok(rev)
}

fn act(tx: &mut Write, op: &Op) -> Result<u64, Error> {
    match op {
        Op::Insert(number, person) => tx.insert(&PEOPLE, id(*number), person),
        Op::Update(number, rev, person) => tx.update(&PEOPLE, id(*number), *rev, person),
        Op::Put(number, person) => tx.put(&PEOPLE, id(*number), person),
        Op::Remove(number, rev) => tx.remove(&PEOPLE, id(*number), *rev).map(|()| 0),
        Op::Look(_) => Ok(0),
    }
}

/// Compares counts, lookups and one paged scan with the model.
fn check(tx: &Read, model: &Model, look: &Look) {
    assert_eq!(tx.count(&PEOPLE), Ok(model.len() as u64));
    for number in 0..IDS {
        let found = tx.get(&PEOPLE, id(number)).unwrap();
        let found = found.map(|stored| (stored.rev, stored.value));
        assert_eq!(found.as_ref(), model.get(&number), "record {number}");
    }
    for name in NAMES {
        let found = tx.find(&PEOPLE, &BY_NAME, Key::new().str(name)).unwrap();
        let holder = model.iter().find(|(_, (_, person))| person.name == name);
        assert_eq!(found.map(|stored| stored.id.0), holder.map(|(number, _)| *number));
    }
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let scan = scan_of(look).limit(look.limit).after(cursor.take());
        let page = tx.scan(&PEOPLE, scan).unwrap();
        assert!(page.items.len() <= look.limit);
        assert!(page.next.is_none() || page.items.len() == look.limit);
        found.extend(page.items.into_iter().map(|stored| stored.id.0));
        let Some(next) = page.next else { break };
        cursor = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(found, ids_of(model, look), "{look:?}");
}

/// The scan; each order reads the prefix and the range in its own way.
fn scan_of(look: &Look) -> Scan {
    let mut scan = match look.order {
        Order::Id => Scan::all(),
        Order::Name => Scan::index(&BY_NAME),
        Order::Age => Scan::index(&BY_AGE),
        Order::Tag => Scan::index(&BY_TAG),
    };
    if let Some((age, word)) = look.prefix {
        scan = match look.order {
            Order::Id => scan,
            Order::Name => scan.prefix(Key::new().str_start(NAMES[word])),
            Order::Age => scan.prefix(Key::new().i64(age)),
            Order::Tag => scan.prefix(Key::new().str(TAGS[word])),
        };
    }
    if let Some((from, to)) = look.range {
        scan = match look.order {
            Order::Id => scan.range(
                Key::new().ulid(id(from.max(0) as u128)),
                Key::new().ulid(id(to.max(0) as u128)),
            ),
            Order::Age => scan.range(Key::new().i64(from), Key::new().i64(to)),
            Order::Name | Order::Tag => scan,
        };
    }
    if look.reverse { scan.reverse() } else { scan }
}

/// The ids that the scan must give, by brute force.
fn ids_of(model: &Model, look: &Look) -> Vec<u128> {
    let mut rows: Vec<(i64, String, u128)> = Vec::new();
    for (number, (_, person)) in model {
        match look.order {
            Order::Id => rows.push((*number as i64, String::new(), *number)),
            Order::Name => rows.push((0, person.name.clone(), *number)),
            Order::Age => rows.push((person.age, person.name.clone(), *number)),
            Order::Tag => {
                rows.extend(person.tags.iter().map(|tag| (0, tag.clone(), *number)));
            }
        }
    }
    rows.sort();
    rows.retain(|(number, word, _)| {
        let in_prefix = look.prefix.is_none_or(|(age, at)| match look.order {
            Order::Id => true,
            Order::Name => word.starts_with(NAMES[at]),
            Order::Age => *number == age,
            Order::Tag => word == TAGS[at],
        });
        let in_range = look.range.is_none_or(|(from, to)| match look.order {
            Order::Id => (from.max(0)..to.max(0)).contains(number),
            Order::Age => (from..to).contains(number),
            Order::Name | Order::Tag => true,
        });
        in_prefix && in_range
    });
    if look.reverse {
        rows.reverse();
    }
    rows.into_iter().map(|(_, _, number)| number).collect()
}

/// Runs one transaction on the store and on the model, comparing every outcome.
fn transact(records: &Records, model: &mut Model, ops: &[Op], end: End) {
    let (ops, mut inside) = (ops.to_vec(), model.clone());
    let outcome = super::write(records, move |tx| {
        for op in &ops {
            if let Op::Look(look) = op {
                check(tx, &inside, look);
            }
            // A failed operation leaves no trace, the transaction goes on.
            assert_eq!(act(tx, op), expect(&mut inside, op), "{op:?}");
        }
        match end {
            End::Commit => Ok(inside),
            End::Fail => Err(Error::BadCursor),
            // Panics without a report on the terminal.
            End::Panic => std::panic::resume_unwind(Box::new("on purpose")),
        }
    });
    match (end, outcome) {
        (End::Commit, Ok(after)) => *model = after,
        (End::Fail, Err(Error::BadCursor)) => {}
        (End::Panic, Err(Error::Panicked { message })) if message == "on purpose" => {}
        (_, other) => panic!("the transaction ended otherwise: {other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::default() })]
    #[test]
    fn the_store_does_what_the_model_does(
        steps in prop::collection::vec(steps(), 1..30),
        checkpoint_bytes in prop_oneof![Just(1_u64), Just(u64::MAX)],
    ) {
        let options = Options {
            checkpoint_bytes,
            segment_keep: Duration::ZERO,
            ..super::quiet()
        };
        let mut place = Place::in_memory();
        let mut records = Records::open(&place.path(), options.clone()).unwrap();
        let mut model = Model::new();
        for step in &steps {
            match step {
                Step::Transaction(ops, end) => transact(&records, &mut model, ops, *end),
                Step::Look(look) => {
                    records.read(|tx| { check(tx, &model, look); Ok::<_, Error>(()) }).unwrap();
                }
                Step::Checkpoint => records.checkpoint().unwrap(),
                Step::Reopen => {
                    drop(records);
                    records = Records::open(&place.path(), options.clone()).unwrap();
                }
                Step::Crash if checkpoint_bytes == 1 => {}
                Step::Crash => {
                    let left = place.crashed();
                    records = Records::open(&left.path(), options.clone()).unwrap();
                    place = left;
                }
            }
        }
        drop(records);
        let report = crate::verify(&place.path()).unwrap();
        prop_assert_eq!(report.problems, Vec::<String>::new());
        prop_assert_eq!(report.records, model.len() as u64);
    }
}
