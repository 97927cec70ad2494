//! The appliance watches itself: what the engines say becomes self-metrics and the System page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use data::Data;
use gateway::{
    DiskSpace, EventFacts, SeriesFacts, StoreSize, SubscriberLag, SystemFacts, SystemSource,
};
use kernel::clock::Clock;
use kernel::error::Error;
use kernel::metrics::Metrics;
use kernel::stop::Stop;

use crate::app::Services;

/// How often the engines are asked.
const INTERVAL: Duration = Duration::from_secs(5);

type Counter = prometheus::IntCounter;
type Gauge = prometheus::IntGauge;

/// Asks the engines and keeps their answers as self-metrics; clones share it.
#[derive(Clone)]
pub(crate) struct Watch {
    data: Arc<Data>,
    gauges: Arc<Gauges>,
    /// Samples a second over the last interval, as bits of an `f64`.
    ingest_rate: Arc<AtomicU64>,
}

struct Gauges {
    store_bytes: prometheus::IntGaugeVec,
    disk_free: Gauge,
    active_series: Gauge,
    pending_samples: Gauge,
    samples: Counter,
    rejected: Counter,
    journal_syncs: Counter,
    transactions: Counter,
    queue: Gauge,
    process_cpu: prometheus::Counter,
    process_memory: Gauge,
    process_files: Gauge,
}

impl Watch {
    /// A watch over `data`.
    #[must_use]
    pub(crate) fn new(data: Arc<Data>, metrics: &Metrics) -> Self {
        let gauge = |name: &str, help: &str| metrics.gauge(name, help);
        let counter = |name: &str, help: &str| metrics.counter(name, help);
        let gauges = Gauges {
            store_bytes: metrics.gauges(
                "onemonitor_store_bytes",
                "Bytes on disk, by store.",
                &["store"],
            ),
            disk_free: gauge("onemonitor_disk_free_bytes", "Bytes left for the data directory."),
            active_series: gauge("onemonitor_series_active", "Series in memory."),
            pending_samples: gauge(
                "onemonitor_series_pending_samples",
                "Samples in memory and journal that no partition holds yet.",
            ),
            samples: counter("onemonitor_series_samples_total", "Samples stored since the start."),
            rejected: counter(
                "onemonitor_series_rejected_samples_total",
                "Samples refused since the start.",
            ),
            journal_syncs: counter(
                "onemonitor_series_journal_syncs_total",
                "Syncs of the sample journal since the start.",
            ),
            transactions: counter(
                "onemonitor_records_transactions_total",
                "Record transactions since the start.",
            ),
            queue: gauge("onemonitor_records_queue_length", "Record transactions that wait."),
            process_cpu: metrics.float_counter(
                "process_cpu_seconds_total",
                "Processor time of this program in seconds.",
            ),
            process_memory: gauge(
                "process_resident_memory_bytes",
                "Resident memory of this program.",
            ),
            process_files: gauge("process_open_fds", "Files that this program has open."),
        };
        let watch = Self { data, gauges: Arc::new(gauges), ingest_rate: Arc::default() };
        watch.look();
        watch
    }

    /// Asks the engines until `stop`.
    pub(crate) async fn run(self, clock: Clock, stop: Stop) {
        let mut before = (clock.now(), self.data.series().status().accepted_samples);
        while stop.sleep(INTERVAL).await {
            let watch = self.clone();
            let looked = tokio::task::spawn_blocking(move || watch.look()).await;
            let Ok(accepted) = looked else { continue };
            let now = clock.now();
            let seconds = now.since(before.0).as_secs_f64();
            if seconds > 0.0 {
                let rate = accepted.saturating_sub(before.1) as f64 / seconds;
                self.ingest_rate.store(rate.to_bits(), Ordering::Relaxed);
            }
            before = (now, accepted);
        }
    }

    /// Sets the gauges; gives the number of samples stored so far.
    fn look(&self) -> u64 {
        for store in self.data.sizes() {
            self.gauges.store_bytes.with_label_values(&[store.name]).set(whole(store.bytes));
        }
        if let Ok(disk) = self.data.disk() {
            self.gauges.disk_free.set(whole(disk.free_bytes));
        }
        let own = own_use();
        let more = own.cpu_seconds - self.gauges.process_cpu.get();
        self.gauges.process_cpu.inc_by(more.max(0.0));
        self.gauges.process_memory.set(whole(own.memory_bytes));
        self.gauges.process_files.set(whole(own.files));
        let series = self.data.series().status();
        self.gauges.active_series.set(whole(series.active_series as u64));
        self.gauges.pending_samples.set(whole(series.pending_samples));
        count_to(&self.gauges.samples, series.accepted_samples);
        count_to(&self.gauges.rejected, series.rejected_samples);
        count_to(&self.gauges.journal_syncs, series.journal_syncs);
        let records = self.data.records().status();
        count_to(&self.gauges.transactions, records.transactions);
        self.gauges.queue.set(whole(records.queue_len));
        series.accepted_samples
    }

    pub(crate) fn series_facts(&self) -> SeriesFacts {
        let series = self.data.series().status();
        SeriesFacts {
            active: series.active_series as u64,
            samples_total: series.accepted_samples,
            ingested_per_s: f64::from_bits(self.ingest_rate.load(Ordering::Relaxed)),
        }
    }

    pub(crate) fn record_facts(&self) -> BTreeMap<String, f64> {
        let status = self.data.records().status();
        let number = |name: &str, value: u64| (name.to_owned(), value as f64);
        BTreeMap::from([
            number("file_bytes", status.file_bytes),
            number("journal_bytes", status.journal_bytes),
            number("transactions", status.transactions),
            number("groups", status.groups),
            number("checkpoints", status.checkpoints),
            number("queue_length", status.queue_len),
        ])
    }
}

/// Brings a counter up to a total that the engine counts itself.
fn count_to(counter: &Counter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Services {
    /// Collects what the System page shows.
    pub(crate) fn system_source(&self) -> SystemSource {
        let services = self.clone();
        let runtime = tokio::runtime::Handle::current();
        SystemSource::new(move || {
            let lag = runtime.block_on(services.events.lag())?;
            let data = &services.data;
            let disk = data.disk().map_err(|error| Error::internal("system.disk", error))?;
            let stores = data.sizes();
            let own = own_use();
            Ok(SystemFacts {
                started_at: services.started_at,
                data_dir: data.dir().display().to_string(),
                stores: stores
                    .iter()
                    .map(|store| StoreSize { name: store.name.to_owned(), bytes: store.bytes })
                    .collect(),
                disk: DiskSpace { total: disk.total_bytes, free: disk.free_bytes },
                memory_bytes: own.memory_bytes,
                cpu_seconds: own.cpu_seconds,
                series: services.watch.series_facts(),
                records: services.watch.record_facts(),
                events: EventFacts {
                    subscribers: lag
                        .into_iter()
                        .map(|it| SubscriberLag { name: it.name.to_owned(), lag: it.events })
                        .collect(),
                },
            })
        })
    }
}

/// What this process uses; zeros where `/proc` is closed.
#[derive(Default)]
struct OwnUse {
    memory_bytes: u64,
    cpu_seconds: f64,
    files: u64,
}

fn own_use() -> OwnUse {
    let Ok(process) = procfs::process::Process::myself() else { return OwnUse::default() };
    let Ok(stat) = process.stat() else { return OwnUse::default() };
    OwnUse {
        memory_bytes: stat.rss * procfs::page_size(),
        cpu_seconds: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
        files: process.fd_count().map_or(0, |count| count as u64),
    }
}
