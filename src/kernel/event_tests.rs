//! Tests of the outbox over a real record store.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use records::{Records, Ulid};
use tempfile::TempDir;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::db::Db;
use crate::error::Error;
use crate::event::{Event, Events};
use crate::metrics::Metrics;
use crate::stop::Stop;

type Seen = Arc<Mutex<Vec<(u64, Event)>>>;

fn open(dir: &TempDir) -> Db {
    let records = Records::open(&dir.path().join("records.redb"), records::Options::default());
    Db::new(records.unwrap(), Clock::system())
}

fn changed(n: u128) -> Event {
    Event::TargetChanged { target: Ulid::from(n) }
}

async fn publish(db: &Db, event: Event) {
    let caller = Caller::system("test");
    db.write(&caller, "test.publish", move |tx| tx.emit(&event)).await.unwrap();
}

/// Waits until `seen` holds `count` events; the deadline is for a broken program only.
async fn wait_for(seen: &Seen, count: usize) -> Vec<(u64, Event)> {
    for _ in 0..2_000 {
        let now = seen.lock().unwrap().clone();
        if now.len() >= count {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not delivered: {:?}", seen.lock().unwrap());
}

fn subscribe(events: &mut Events, seen: &Seen) {
    let seen = Arc::clone(seen);
    events.on("test", Event::is_target, move |number, event| {
        seen.lock().unwrap().push((number, event));
        async { Ok(()) }
    });
}

#[tokio::test]
async fn events_arrive_in_order_and_only_after_their_commit() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let seen = Seen::default();
    let mut events = Events::new(db.clone(), &Metrics::default());
    subscribe(&mut events, &seen);
    let events = Arc::new(events);
    let stop = Stop::new();
    let running = tokio::spawn(Arc::clone(&events).run(stop.clone()));

    publish(&db, changed(1)).await;
    let failed = db
        .write(&Caller::system("test"), "test.fail", |tx| {
            tx.emit(&changed(99))?;
            Err::<(), _>(Error::invalid("test.refused", "refused"))
        })
        .await;
    assert!(failed.is_err());
    publish(&db, Event::UserSignedIn { user: Ulid::from(5) }).await;
    publish(&db, changed(2)).await;

    let delivered = wait_for(&seen, 2).await;
    assert_eq!(delivered, vec![(1, changed(1)), (3, changed(2))]);
    stop.trigger();
    running.await.unwrap();
    assert_eq!(events.lag().await.unwrap()[0].events, 0);
}

#[tokio::test]
async fn a_failing_handler_is_asked_again_and_nothing_overtakes() {
    let dir = TempDir::new().unwrap();
    let db = open(&dir);
    let seen = Seen::default();
    let tries = Arc::new(Mutex::new(0));
    let mut events = Events::new(db.clone(), &Metrics::default());
    let (handler_seen, handler_tries) = (Arc::clone(&seen), Arc::clone(&tries));
    events.on("test", Event::is_target, move |number, event| {
        let mut tries = handler_tries.lock().unwrap();
        *tries += 1;
        let fails = number == 1 && *tries < 3;
        if !fails {
            handler_seen.lock().unwrap().push((number, event));
        }
        async move { if fails { Err(Error::unavailable("test.down", "down")) } else { Ok(()) } }
    });
    publish(&db, changed(1)).await;
    publish(&db, changed(2)).await;
    let stop = Stop::new();
    let running = tokio::spawn(Arc::new(events).run(stop.clone()));
    let delivered = wait_for(&seen, 2).await;
    assert_eq!(delivered, vec![(1, changed(1)), (2, changed(2))]);
    assert_eq!(*tries.lock().unwrap(), 4);
    stop.trigger();
    running.await.unwrap();
}

#[tokio::test]
async fn delivery_goes_on_behind_the_cursor_after_a_restart() {
    let dir = TempDir::new().unwrap();
    for round in 1..=3_u128 {
        let db = open(&dir);
        let seen = Seen::default();
        let mut events = Events::new(db.clone(), &Metrics::default());
        subscribe(&mut events, &seen);
        // Published while nobody listens, as before a crash.
        publish(&db, changed(round)).await;
        let stop = Stop::new();
        let running = tokio::spawn(Arc::new(events).run(stop.clone()));
        let delivered = wait_for(&seen, 1).await;
        assert_eq!(delivered, vec![(u64::try_from(round).unwrap(), changed(round))]);
        stop.trigger();
        running.await.unwrap();
    }
}
