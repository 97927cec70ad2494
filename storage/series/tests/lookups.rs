//! Series, label names and values by matchers; metadata; what the engine says about itself.

use metric::{Labels, MatchOp, Matcher, Metadata, MetricType};

use super::{Bed, HOUR, START, append, set, store, up};
use crate::{Found, Series};

fn fill(series: &Series, at: i64) -> Vec<Labels> {
    let mut sets = Vec::new();
    for job in ["node", "web", "db"] {
        for instance in ["a:1", "b:1", "b:2"] {
            let mut pairs = vec![("__name__", "up"), ("job", job), ("instance", instance)];
            sets.push(set(&pairs));
            pairs[0].1 = "load1";
            if job == "node" {
                pairs.push(("host", "rack"));
            }
            sets.push(set(&pairs));
        }
    }
    for labels in &sets {
        store(series, labels, at, 1.0);
    }
    sets
}

fn found(items: &[&str], truncated: bool) -> Found {
    Found { items: items.iter().map(|&item| item.to_owned()).collect(), truncated }
}

#[test]
fn every_kind_of_matcher_finds_what_a_look_at_each_series_finds() {
    use MatchOp::{Equal, Matches, NotEqual, NotMatches};
    let bed = Bed::new();
    let series = bed.open();
    let sets = fill(&series, START);
    let conditions = [
        vec![(Equal, "job", "node")],
        vec![(Equal, "job", "")],
        vec![(Equal, "host", "")],
        vec![(NotEqual, "host", "")],
        vec![(NotEqual, "host", "rack")],
        vec![(NotEqual, "job", "node"), (Equal, "__name__", "up")],
        vec![(Matches, "job", "node|db")],
        vec![(Matches, "job", "n.*"), (Matches, "instance", "b:.+")],
        vec![(Matches, "host", ".*")],
        vec![(Matches, "host", ".+")],
        vec![(NotMatches, "host", ".*")],
        vec![(NotMatches, "host", ".+")],
        vec![(Matches, "host", "rack|")],
        vec![(NotMatches, "host", "rack|")],
        vec![(Matches, "instance", "[ab]:1")],
        vec![(NotMatches, "instance", "b:.*"), (NotMatches, "job", "web|db")],
        vec![(Equal, "nothing", "x")],
        vec![(Matches, "job", "n"), (Equal, "__name__", "up")],
        vec![],
    ];
    for flushed in [false, true] {
        for condition in &conditions {
            let matchers: Vec<Matcher> = condition
                .iter()
                .map(|(op, name, value)| Matcher::new(*op, name, value).unwrap())
                .collect();
            let matches = |labels: &&Labels| matchers.iter().all(|m| m.matches_labels(labels));
            let mut wanted: Vec<Labels> = sets.iter().filter(matches).cloned().collect();
            wanted.sort();
            let answer = series.series(&matchers, START, START, usize::MAX).unwrap();
            assert_eq!(answer, wanted, "{condition:?}, flushed: {flushed}");
        }
        series.flush().unwrap();
        series.engine().evict(0);
    }
}

#[test]
fn label_names_and_values_are_found_in_memory_and_in_partitions() {
    let bed = Bed::new();
    let series = bed.open();
    fill(&series, START - HOUR);
    for flushed in [false, true] {
        let names = |matchers: &[Matcher], limit| {
            series.label_names(matchers, START - HOUR, START, limit).unwrap()
        };
        let values = |name: &str, matchers: &[Matcher], limit| {
            series.label_values(name, matchers, START - HOUR, START, limit).unwrap()
        };
        assert_eq!(names(&[], 100), found(&["__name__", "host", "instance", "job"], false));
        let web = [Matcher::equal("job", "web")];
        assert_eq!(names(&web, 100), found(&["__name__", "instance", "job"], false));
        assert_eq!(names(&[], 2), found(&["__name__", "host"], true), "flushed: {flushed}");
        assert_eq!(names(&[Matcher::equal("job", "no")], 2), found(&[], false));
        assert_eq!(values("job", &[], 100), found(&["db", "node", "web"], false));
        assert_eq!(values("host", &web, 100), found(&[], false));
        assert_eq!(values("__name__", &web, 1), found(&["load1"], true));
        assert_eq!(values("nothing", &[], 10), found(&[], false));
        let b = [Matcher::new(MatchOp::Matches, "instance", "b.*").unwrap()];
        assert_eq!(values("instance", &b, 10), found(&["b:1", "b:2"], false));
        series.flush().unwrap();
        let before = series.label_names(&[], 0, START - 2 * HOUR, 10).unwrap();
        assert_eq!(before, found(&[], false));
    }
    store(&series, &set(&[("__name__", "new"), ("zone", "z")]), START, 1.0);
    let both = series.label_values("__name__", &[], START - HOUR, START, 10).unwrap();
    assert_eq!(both, found(&["load1", "new", "up"], false));
}

fn meaning(metric_type: MetricType, help: &str) -> Metadata {
    Metadata { metric_type, help: help.to_owned(), unit: "seconds".to_owned() }
}

#[test]
fn metadata_survives_and_the_latest_statement_counts() {
    let bed = Bed::new();
    let (old, new) = (meaning(MetricType::Gauge, "old"), meaning(MetricType::Counter, "new"));
    let long = meaning(MetricType::Unknown, &"ä".repeat(5000));
    {
        let series = bed.open();
        series.set_metadata(&[("a", old.clone()), ("b", old.clone()), ("c", long)]).unwrap();
        series.flush().unwrap();
        series.set_metadata(&[("a", new.clone())]).unwrap();
        series.set_metadata(&[("a", new.clone())]).unwrap();
    }
    let series = bed.open();
    assert_eq!(series.metadata(Some("a"), 1), [("a".to_owned(), new.clone())]);
    assert_eq!(series.metadata(Some("d"), 1), []);
    let listed = series.metadata(None, 2);
    assert_eq!(listed, [("a".to_owned(), new.clone()), ("b".to_owned(), old)]);
    assert_eq!(series.metadata(Some("c"), 1)[0].1.help, "ä".repeat(2048));
    series.close().unwrap();
    drop(series);
    assert_eq!(bed.open().metadata(Some("a"), 1)[0].1, new);
    assert_eq!(bed.open().metadata(None, 10).len(), 3);
}

#[test]
fn status_counts_and_cardinality_names_the_largest() {
    let bed = Bed::new();
    let series = bed.open();
    fill(&series, START);
    append(&series, &[(&up(1), START, 1.0), (&up(1), START, 1.0), (&up(1), START, 2.0)]);
    let status = series.status();
    assert_eq!((status.active_series, status.created_series), (19, 19));
    let samples = (status.accepted_samples, status.duplicate_samples, status.rejected_samples);
    assert_eq!(samples, (19, 1, 1));
    assert_eq!((status.pending_samples, status.newest_ms), (19, Some(START)));
    assert_eq!((status.flushes, status.trouble.clone()), (0, None));
    assert!(status.sizes.journal_bytes > 0 && status.journal_syncs >= 19);
    series.flush().unwrap();
    let status = series.status();
    assert_eq!((status.pending_samples, status.flushes), (0, 1));
    let partition = status.sizes.partitions[0];
    assert_eq!((partition.from_ms, partition.to_ms), (START, START + HOUR));
    assert!(partition.bytes > 0 && status.sizes.total_bytes() > partition.bytes);
    let cardinality = series.cardinality(2);
    assert_eq!((cardinality.series, cardinality.label_names), (19, 4));
    assert_eq!(cardinality.label_pairs, 2 + 3 + 4 + 1);
    let named = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
        list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    };
    assert_eq!(cardinality.series_by_metric, named(&[("up", 10), ("load1", 9)]));
    assert_eq!(cardinality.values_by_label, named(&[("instance", 4), ("job", 3)]));
    assert_eq!(cardinality.series_by_pair[0], ("__name__=up".to_owned(), 10));
    assert_eq!(cardinality.value_bytes_by_label, named(&[("__name__", 65), ("instance", 55)]));
    assert_eq!(series.cardinality(0).series_by_metric, []);
}
