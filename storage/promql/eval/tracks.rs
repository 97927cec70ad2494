//! Where the series of range vectors come from: a store, or the evaluation of a subquery.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metric::{Histogram, ResetHint, Samples, Selection, is_stale};

use super::budget::{Amount, Charge};
use super::reduced::keep_counts;
use super::row::{Rows, amount_of};
use super::run::{HistogramUse, Scope};
use super::steps::{References, Steps};
use super::thin::{self, Asked, Stretch};
use super::trace::{Stopwatch, Watch};
use super::window::{HistogramWindow, Track};
use crate::error::{EvalError, LimitName};
use crate::expr::{Edges, Kind, Node, Selector, Shift};
use crate::function::Function;

/// What a selected series takes beside its samples, in bytes, about.
const SELECTED_BYTES: u64 = 128;

/// The series of a range vector.
struct Tracks<'a> {
    source: Source,
    shape: Shape,
    watch: Option<Watch<'a>>,
    /// How long finding the series took.
    finding: Duration,
    /// How long reading took, over all threads, and how long that and what was made of it.
    reading_nanos: AtomicU64,
    visiting_nanos: AtomicU64,
    shared: bool,
    _charge: Charge,
}

enum Source {
    Stored(Arc<dyn Selection>),
    Evaluated(Rows, Steps),
}

/// What all series of a range vector have in common.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) references: References,
    pub(crate) range_ms: i64,
    /// How windows among samples that were thinned out are longer.
    pub(crate) stretch: Option<Stretch>,
    pub(crate) edges: Edges,
    /// How far windows reach beyond their range, before and behind it.
    pub(crate) reach_ms: (i64, i64),
    pub(crate) steps: Steps,
}

type Visit<'v> = &'v mut dyn FnMut(&Track<'_>) -> Result<(), EvalError>;

/// Numbers and histograms of one series, each with their times.
#[derive(Debug, Default)]
struct Apart {
    times: Vec<i64>,
    values: Vec<f64>,
    histogram_times: Vec<i64>,
    histograms: Vec<Arc<Histogram>>,
}

impl Apart {
    fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.histogram_times.clear();
        self.histograms.clear();
    }

    /// Takes apart what is not stale.
    fn fill(&mut self, samples: &Samples) {
        self.clear();
        let mut histograms = samples.histograms().iter().peekable();
        for (i, sample) in samples.iter().enumerate() {
            if let Some((_, histogram)) = histograms.next_if(|(at, _)| *at == i) {
                self.histogram_times.push(sample.timestamp_ms);
                self.histograms.push(Arc::clone(histogram));
            } else if !is_stale(sample.value) {
                self.times.push(sample.timestamp_ms);
                self.values.push(sample.value);
            }
        }
    }

    fn histograms(&self) -> HistogramWindow<'_> {
        HistogramWindow { times: &self.histogram_times, values: &self.histograms }
    }
}

/// A histogram that says nothing of resets: the one before it may not be the one before it in
/// the series.
fn without_hint(histogram: &Arc<Histogram>) -> Arc<Histogram> {
    match histogram.reset_hint {
        ResetHint::Unknown | ResetHint::Gauge => Arc::clone(histogram),
        ResetHint::Reset | ResetHint::NotReset => {
            let reset_hint = ResetHint::Unknown;
            Arc::new(Histogram { reset_hint, ..Histogram::clone(histogram) })
        }
    }
}

impl Shape {
    /// How many samples the windows of a series look at.
    fn work(&self, samples: usize) -> u64 {
        let overlap = self.range_ms / self.steps.step_ms.max(1) + 1;
        let steps = self.steps.count as u64;
        let times_seen = overlap.unsigned_abs().min(steps);
        steps.saturating_add(times_seen.saturating_mul(samples as u64))
    }
}

impl Scope<'_> {
    /// Calls `visit` for every series of a range vector, in order, for the sake of a function.
    pub(crate) fn each_track(
        &self,
        node: &Node,
        function: Function,
        visit: Visit<'_>,
    ) -> Result<(), EvalError> {
        let Some(tracks) = self.tracks(node, function)? else {
            return Ok(());
        };
        let mut loop_time = Stopwatch::new(tracks.watch.is_some());
        loop_time.time(|| self.visit(&tracks, 0..tracks.len(), visit))?;
        tracks.finish(loop_time.total());
        Ok(())
    }

    /// The rows that `visit` makes of the series of a range vector, in order; threads may divide
    /// the series between them.
    pub(crate) fn rows_of_tracks(
        &self,
        node: &Node,
        function: Function,
        visit: &(dyn Fn(&Track<'_>, &mut Rows) -> Result<(), EvalError> + Sync),
    ) -> Result<Rows, EvalError> {
        let Some(tracks) = self.tracks(node, function)? else {
            return Ok(Rows::new(&self.run.budget, self.steps.count));
        };
        let mut loop_time = Stopwatch::new(tracks.watch.is_some());
        let rows = loop_time.time(|| {
            self.in_blocks(tracks.len(), &|part, rows| {
                self.visit(&tracks, part, &mut |track| visit(track, rows))
            })
        })?;
        tracks.finish(loop_time.total());
        Ok(rows)
    }

    fn tracks(&self, node: &Node, function: Function) -> Result<Option<Tracks<'_>>, EvalError> {
        if self.steps.count == 0 {
            return Ok(None);
        }
        let node = node.unparen();
        match &node.kind {
            Kind::Range { selector, range_ms } => {
                let asked = self.ask(function, *range_ms);
                self.stored(node, selector, (*range_ms, asked)).map(Some)
            }
            Kind::Subquery { inner, range_ms, step_ms, shift } => {
                let step_ms = step_ms.unwrap_or(self.run.options.subquery_step_ms).max(1);
                self.evaluated(node, inner, (*range_ms, step_ms), *shift)
            }
            _ => Err(EvalError::invalid("expected a range vector")),
        }
    }

    fn stored(
        &self,
        node: &Node,
        selector: &Selector,
        (range_ms, asked): (i64, Asked),
    ) -> Result<Tracks<'_>, EvalError> {
        let run = self.run;
        let watch = run.watch(node);
        let references = self.references(selector.shift);
        let (first_ms, last_ms) = references.bounds();
        let lookback_ms = run.options.lookback_ms.max(0);
        let reach_ms = match selector.edges {
            Edges::Open => (0, 0),
            Edges::Anchored => (lookback_ms, 0),
            Edges::Smoothed => (lookback_ms, lookback_ms),
        };
        let from_ms = first_ms.saturating_sub(range_ms).saturating_sub(reach_ms.0);
        let to_ms = last_ms.saturating_add(reach_ms.1);
        let stretch = self.stretch((from_ms.saturating_add(1), to_ms), asked, node.span);
        let from_ms = thin::first_ms(references, range_ms, stretch).saturating_sub(reach_ms.0);
        let mut stopwatch = Stopwatch::new(run.trace.is_some());
        let known = self.recall_selection(node);
        let shared = known.is_some();
        let selection = match known {
            Some(selection) => selection,
            None => {
                let range = (from_ms.saturating_add(1), to_ms);
                stopwatch.time(|| run.find(selector, range, false, asked))?
            }
        };
        if shared {
            run.count_series(selection.len());
        }
        let held = Amount::bytes(selection.len() as u64 * SELECTED_BYTES);
        let mut charge = run.budget.charge();
        charge.grow(held)?;
        // One that was thinned out serves the function alone that asked for it.
        if stretch.is_none() {
            self.keep_selection(node, &selection, held);
        }
        let edges = selector.edges;
        Ok(Tracks {
            source: Source::Stored(selection),
            shape: Shape { references, range_ms, stretch, edges, reach_ms, steps: self.steps },
            watch,
            finding: stopwatch.total(),
            reading_nanos: AtomicU64::new(0),
            visiting_nanos: AtomicU64::new(0),
            shared,
            _charge: charge,
        })
    }

    fn evaluated(
        &self,
        node: &Node,
        inner: &Node,
        (range_ms, step_ms): (i64, i64),
        shift: Shift,
    ) -> Result<Option<Tracks<'_>>, EvalError> {
        let run = self.run;
        let references = self.references(shift);
        let (first_ms, last_ms) = references.bounds();
        let open_ms = first_ms.saturating_sub(range_ms);
        // Steps are multiples of the step width, so that they do not move with the query.
        let mut start_ms = (open_ms / step_ms).saturating_mul(step_ms);
        if start_ms <= open_ms {
            start_ms = start_ms.saturating_add(step_ms);
        }
        let max = usize::try_from(run.options.limits.samples_max).unwrap_or(usize::MAX);
        let steps = Steps::between(start_ms, last_ms, step_ms, max, LimitName::Samples)?;
        if steps.count == 0 {
            return Ok(None);
        }
        let watch = run.watch(node);
        let rows = self.at(steps).using(HistogramUse::Buckets).rows(inner)?;
        if let Some(watch) = watch {
            watch.finish(&rows, false);
        }
        let shape = Shape {
            references,
            range_ms,
            stretch: None,
            edges: Edges::Open,
            reach_ms: (0, 0),
            steps: self.steps,
        };
        Ok(Some(Tracks {
            source: Source::Evaluated(rows, steps),
            shape,
            watch: None,
            finding: Duration::ZERO,
            reading_nanos: AtomicU64::new(0),
            visiting_nanos: AtomicU64::new(0),
            shared: false,
            _charge: run.budget.charge(),
        }))
    }

    /// Visits some of the series; answers how many samples there were to look at.
    fn visit(
        &self,
        tracks: &Tracks<'_>,
        part: Range<usize>,
        visit: Visit<'_>,
    ) -> Result<u64, EvalError> {
        match &tracks.source {
            Source::Stored(selection) => {
                let mut visiting = Stopwatch::new(tracks.watch.is_some());
                let work =
                    visiting.time(|| self.visit_stored(tracks, &**selection, part, visit))?;
                add(&tracks.visiting_nanos, visiting.total());
                Ok(work)
            }
            Source::Evaluated(rows, steps) => {
                self.visit_evaluated(tracks, (rows, *steps), part, visit)
            }
        }
    }

    fn visit_stored(
        &self,
        tracks: &Tracks<'_>,
        selection: &dyn Selection,
        part: Range<usize>,
        visit: Visit<'_>,
    ) -> Result<u64, EvalError> {
        let run = self.run;
        let mut samples = Samples::new();
        let mut apart = Apart::default();
        let mut charge = run.budget.charge();
        let mut work = 0;
        let mut stopwatch = Stopwatch::new(tracks.watch.is_some());
        for i in part {
            run.check()?;
            stopwatch.time(|| selection.read(i, &mut samples))?;
            run.count_samples(samples.len());
            work += tracks.shape.work(samples.len());
            charge.resize(amount_of(&samples))?;
            if self.histograms == HistogramUse::Counts {
                keep_counts(&mut samples);
            }
            let mut plain = (samples.timestamps(), samples.values());
            apart.clear();
            if !samples.histograms().is_empty() || plain.1.iter().any(|value| is_stale(*value)) {
                apart.fill(&samples);
                plain = (&apart.times, &apart.values);
            }
            // Windows share samples: one look at them all saves a look by each.
            let ascending = self.steps.count > 1 && plain.1.is_sorted();
            visit(&Track {
                labels: selection.labels(i),
                drop_name: false,
                times: plain.0,
                values: plain.1,
                histograms: apart.histograms(),
                ascending,
                shape: tracks.shape,
            })?;
        }
        add(&tracks.reading_nanos, stopwatch.total());
        Ok(work)
    }

    fn visit_evaluated(
        &self,
        tracks: &Tracks<'_>,
        (rows, steps): (&Rows, Steps),
        part: Range<usize>,
        visit: Visit<'_>,
    ) -> Result<u64, EvalError> {
        let mut apart = Apart::default();
        let mut work = 0;
        for row in &rows.list[part] {
            self.run.check()?;
            apart.clear();
            for (step, value) in row.column.floats() {
                apart.times.push(steps.at(step));
                apart.values.push(value);
            }
            for (step, histogram) in row.column.histograms() {
                apart.histogram_times.push(steps.at(step));
                apart.histograms.push(without_hint(histogram));
            }
            work += tracks.shape.work(apart.times.len() + apart.histograms.len());
            // Windows share samples: one look at them all saves a look by each.
            let ascending = self.steps.count > 1 && apart.values.is_sorted();
            visit(&Track {
                labels: &row.labels,
                drop_name: row.drop_name,
                times: &apart.times,
                values: &apart.values,
                histograms: apart.histograms(),
                ascending,
                shape: tracks.shape,
            })?;
        }
        Ok(work)
    }
}

impl Tracks<'_> {
    fn len(&self) -> usize {
        match &self.source {
            Source::Stored(selection) => selection.len(),
            Source::Evaluated(rows, _) => rows.list.len(),
        }
    }

    /// Ends the watch over the range. Of the time of the loop it is given the part that was spent
    /// on reading: the rest is that of the function around it.
    fn finish(self, loop_time: Duration) {
        if let Some(watch) = self.watch {
            let reading = self.reading_nanos.into_inner() as f64;
            let visiting = self.visiting_nanos.into_inner().max(1) as f64;
            let part = loop_time.mul_f64((reading / visiting).min(1.0));
            watch.finish_range(self.finding + part, self.shared);
        }
    }
}

fn add(nanos: &AtomicU64, duration: Duration) {
    let more = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    nanos.fetch_add(more, Ordering::Relaxed);
}
