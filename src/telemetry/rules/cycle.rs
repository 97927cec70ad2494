//! The life of one group: evaluated at its times, its series handed over when it goes away.

use std::sync::Arc;
use std::time::Duration;

use kernel::caller::Caller;
use kernel::clock::Time;
use kernel::stop::Stop;
use tokio::sync::watch;

use super::check::Group;
use super::manager::{GroupKey, Rules};
use super::schedule::{Due, Slots};
use super::state::SharedState;
use crate::Telemetry;

/// How long to sleep at most: the machine's clock may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// One group being evaluated.
pub(super) struct Cycle {
    pub telemetry: Telemetry,
    pub key: GroupKey,
    pub group: watch::Receiver<Arc<Group>>,
    pub state: SharedState,
    /// Given when the group goes away.
    pub gone: Stop,
}

impl Cycle {
    /// Evaluates until `stop`, or until the group is gone.
    pub(super) async fn run(mut self, stop: Stop) {
        let who = Caller::system("rules");
        let mut group = Arc::clone(&self.group.borrow_and_update());
        let mut slots = self.slots(&group);
        let mut before = slots.latest(self.now());
        loop {
            let now = self.now();
            let (at, missed) = match slots.due(before, now) {
                Due::Now { at, missed } => (at, missed),
                Due::At(next) => {
                    self.state.lock().next_at = Some(next);
                    tokio::select! {
                        biased;
                        () = stop.wait() => return,
                        () = self.gone.wait() => return self.end(&group),
                        changed = self.group.changed() => {
                            if changed.is_err() {
                                return self.end(&group);
                            }
                            group = self.adopt(&group);
                            slots = self.slots(&group);
                        }
                        () = tokio::time::sleep(next.since(now).min(SLEEP_MAX)) => {}
                    }
                    continue;
                }
            };
            let metrics = self.rules().metrics();
            metrics.iterations.inc();
            metrics.missed.inc_by(missed);
            self.state.lock().missed += missed;
            tokio::select! {
                biased;
                () = stop.wait() => return,
                () = self.evaluate(&who, &group, at) => {}
            }
            before = at;
        }
    }

    fn rules(&self) -> &Rules {
        self.telemetry.rules()
    }

    fn now(&self) -> Time {
        self.telemetry.clock().now()
    }

    fn slots(&self, group: &Group) -> Slots {
        Slots::new(&self.key.file, &self.key.name, group.interval)
    }

    /// Takes over the group as it is described now.
    fn adopt(&mut self, before: &Group) -> Arc<Group> {
        let group = Arc::clone(&self.group.borrow_and_update());
        let mut state = self.state.lock();
        let series = state.adopt(&group);
        let last_ms = state.last_ms;
        drop(state);
        self.rules().orphan(series, self.now(), last_ms, before.interval);
        group
    }

    async fn evaluate(&self, who: &Caller, group: &Group, at: Time) {
        // The turn is never closed.
        let Ok(_turn) = self.rules().turns().acquire().await else { return };
        let tally = self.telemetry.evaluate_rules(who, group, at, &self.state, &self.gone).await;
        let duration = self.state.lock().duration;
        self.rules().metrics().show(&self.key, group, &tally, duration, at);
    }

    /// Hands the series over: nobody records them any more, unless a group of another name does.
    fn end(&self, group: &Group) {
        let mut state = self.state.lock();
        let series = state.forget();
        let last_ms = state.last_ms;
        drop(state);
        self.rules().orphan(series, self.now(), last_ms, group.interval);
        self.rules().metrics().forget(&self.key);
    }
}
