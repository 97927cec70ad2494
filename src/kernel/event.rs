//! Events: what happened, written with the change itself and delivered at least once, in order.
//!
//! Every event gets the next number inside the transaction of its change. A subscriber has a
//! durable cursor, the number of the last event that it handled, and sees all later events one
//! after the other in the order of their numbers, which holds the order per subject. A handler that
//! fails is asked again with growing pauses; nothing overtakes the event that it failed on. After a
//! crash delivery goes on behind the cursor, so a handler may see an event twice: it must be
//! idempotent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGaugeVec;
use records::{Collection, Index, Key, Read, Scan, Ulid};
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::metrics::Metrics;
use crate::stop::Stop;

/// Everything that can happen. Past tense, ids and facts; samples and records of logs never.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A person signed in.
    UserSignedIn {
        /// The user.
        user: Ulid,
    },
    /// A person's password was changed, by them or by an administrator.
    PasswordChanged {
        /// The user.
        user: Ulid,
    },
    /// A session was ended before its time.
    SessionEnded {
        /// The user whose session it was.
        user: Ulid,
        /// The session.
        session: Ulid,
    },
    /// An API token was created.
    TokenCreated {
        /// The token.
        token: Ulid,
    },
    /// An API token was deleted.
    TokenDeleted {
        /// The token.
        token: Ulid,
    },
    /// A scrape target was created or changed.
    TargetChanged {
        /// The target.
        target: Ulid,
    },
    /// A scrape target was deleted.
    TargetDeleted {
        /// The target.
        target: Ulid,
    },
}

impl Event {
    /// What the event is about; events of one subject are delivered in order.
    #[must_use]
    pub fn subject(&self) -> Ulid {
        match *self {
            Self::UserSignedIn { user } | Self::PasswordChanged { user } => user,
            Self::SessionEnded { session, .. } => session,
            Self::TokenCreated { token } | Self::TokenDeleted { token } => token,
            Self::TargetChanged { target } | Self::TargetDeleted { target } => target,
        }
    }

    /// Whether the event tells of a scrape target.
    #[must_use]
    pub fn is_target(&self) -> bool {
        matches!(self, Self::TargetChanged { .. } | Self::TargetDeleted { .. })
    }
}

/// An event as it stands in the outbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Published {
    at: Time,
    event: Event,
}

/// Where a subscriber stands, and where numbering stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    name: String,
    number: u64,
}

static OUTBOX: Collection<Published> = Collection::new("kernel/event", 1, &[]);
static CURSORS: Collection<Cursor> = Collection::new("kernel/cursor", 1, &[&BY_NAME]);
static BY_NAME: Index<Cursor> = Index::unique("by_name", |cursor, keys| {
    keys.add(by_name(&cursor.name));
});

/// The cursor that holds the number of the newest event.
const NEWEST: &str = "newest";
/// Events that a subscriber reads at a time.
const BATCH: usize = 100;
/// Events kept after every subscriber handled them: a trace of what happened last.
const KEPT: u64 = 1_000;
/// The longest pause between two tries of a handler that fails.
const PAUSE_MAX: Duration = Duration::from_secs(60);

fn key(number: u64) -> Ulid {
    Ulid::from(u128::from(number))
}

fn by_name(name: &str) -> Key {
    Key::new().str(name)
}

fn cursor(read: &Read, name: &str) -> Result<u64> {
    let found = read.find(&CURSORS, &BY_NAME, by_name(name))?;
    Ok(found.map_or(0, |stored| stored.value.number))
}

fn set_cursor(tx: &mut Tx<'_>, name: &str, number: u64) -> Result<()> {
    let value = Cursor { name: name.to_owned(), number };
    let found = tx.find(&CURSORS, &BY_NAME, by_name(name))?;
    let id = found.map_or_else(|| tx.new_id(), |stored| stored.id);
    tx.put(&CURSORS, id, &value)?;
    Ok(())
}

/// Writes `event` into the outbox; gives its number.
pub(crate) fn append(tx: &mut Tx<'_>, event: &Event) -> Result<u64> {
    let number = cursor(tx, NEWEST)? + 1;
    let published = Published { at: tx.now(), event: event.clone() };
    tx.insert(&OUTBOX, key(number), &published)?;
    set_cursor(tx, NEWEST, number)?;
    Ok(number)
}

type Handled = Pin<Box<dyn Future<Output = Result<()>> + Send>>;
type Handler = Arc<dyn Fn(u64, Event) -> Handled + Send + Sync>;

struct Subscriber {
    name: &'static str,
    wants: fn(&Event) -> bool,
    handler: Handler,
}

/// How far a subscriber is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The subscriber.
    pub name: &'static str,
    /// Events published and not yet handled.
    pub events: u64,
}

/// The subscriptions of the whole program; built in one place, then run.
pub struct Events {
    db: Db,
    subscribers: Vec<Arc<Subscriber>>,
    lag: IntGaugeVec,
}

impl Events {
    /// No subscriptions yet.
    #[must_use]
    pub fn new(db: Db, metrics: &Metrics) -> Self {
        let lag = metrics.gauges(
            "onemonitor_events_lag",
            "Events published and not yet handled, by subscriber.",
            &["subscriber"],
        );
        Self { db, subscribers: Vec::new(), lag }
    }

    /// Adds a subscriber: `handler` sees every event that `wants` says yes to.
    ///
    /// `name` is the durable name of its cursor: a renamed subscriber starts from the oldest event
    /// that is still kept.
    pub fn on<F, A>(&mut self, name: &'static str, wants: fn(&Event) -> bool, handler: F)
    where
        F: Fn(u64, Event) -> A + Send + Sync + 'static,
        A: Future<Output = Result<()>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |number, event| Box::pin(handler(number, event)));
        self.subscribers.push(Arc::new(Subscriber { name, wants, handler }));
    }

    /// How far each subscriber is behind.
    ///
    /// # Errors
    /// What the store says.
    pub async fn lag(&self) -> Result<Vec<Lag>> {
        let names: Vec<&'static str> = self.subscribers.iter().map(|it| it.name).collect();
        self.db.read(move |read| lags(read, &names)).await
    }

    /// Delivers events until `stop`.
    pub async fn run(self: Arc<Self>, stop: Stop) {
        let mut tasks = tokio::task::JoinSet::new();
        for subscriber in &self.subscribers {
            let (events, subscriber) = (Arc::clone(&self), Arc::clone(subscriber));
            let stop = stop.clone();
            tasks.spawn(async move { events.deliver(&subscriber, &stop).await });
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn deliver(&self, subscriber: &Subscriber, stop: &Stop) {
        let mut published = self.db.published();
        let mut pause = Duration::from_millis(100);
        while !stop.is_triggered() {
            published.mark_unchanged();
            match self.deliver_batch(subscriber, stop).await {
                Ok(true) => pause = Duration::from_millis(100),
                Ok(false) => {
                    pause = Duration::from_millis(100);
                    tokio::select! {
                        () = stop.wait() => return,
                        _ = published.changed() => {}
                    }
                }
                Err(error) => {
                    let cause = error.cause_chain();
                    tracing::warn!(subscriber = subscriber.name, %error, cause, "event not handled");
                    if !stop.sleep(pause).await {
                        return;
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Handles the next events behind the cursor; says whether there were any.
    async fn deliver_batch(&self, subscriber: &Subscriber, stop: &Stop) -> Result<bool> {
        let name = subscriber.name;
        let (from, batch, newest) = self
            .db
            .read(move |read| {
                let from = cursor(read, name)?;
                let unseen = Scan::all().at_least(Key::new().ulid(key(from + 1)));
                let page = read.scan(&OUTBOX, unseen.limit(BATCH))?;
                Ok((from, page.items, cursor(read, NEWEST)?))
            })
            .await?;
        self.lag.with_label_values(&[name]).set(gauge(newest.saturating_sub(from)));
        let mut done = from;
        let mut failure = None;
        for stored in batch {
            if stop.is_triggered() {
                break;
            }
            let number = u64::try_from(u128::from(stored.id)).unwrap_or(u64::MAX);
            if (subscriber.wants)(&stored.value.event)
                && let Err(error) = (subscriber.handler)(number, stored.value.event).await
            {
                failure = Some(error);
                break;
            }
            done = number;
        }
        if done > from {
            self.advance(name, done).await?;
            self.lag.with_label_values(&[name]).set(gauge(newest.saturating_sub(done)));
        }
        failure.map_or(Ok(done > from), Err)
    }

    /// Moves a cursor and forgets events that nobody needs any more.
    async fn advance(&self, name: &'static str, number: u64) -> Result<()> {
        let names: Vec<&'static str> = self.subscribers.iter().map(|it| it.name).collect();
        self.db
            .note(move |tx| {
                set_cursor(tx, name, number)?;
                let mut handled = u64::MAX;
                for name in names {
                    handled = handled.min(cursor(tx, name)?);
                }
                let keep_from = handled.min(number).saturating_sub(KEPT);
                let forgotten = Scan::all().below(Key::new().ulid(key(keep_from)));
                for stored in tx.scan(&OUTBOX, forgotten.limit(BATCH * 2))?.items {
                    tx.remove(&OUTBOX, stored.id, None)?;
                }
                Ok(())
            })
            .await
    }
}

fn lags(read: &Read, names: &[&'static str]) -> Result<Vec<Lag>> {
    let newest = cursor(read, NEWEST)?;
    let mut lags = Vec::with_capacity(names.len());
    for &name in names {
        lags.push(Lag { name, events: newest.saturating_sub(cursor(read, name)?) });
    }
    Ok(lags)
}

fn gauge(events: u64) -> i64 {
    i64::try_from(events).unwrap_or(i64::MAX)
}
