//! Which targets there should be: jobs, files and records, put together and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::id::Ulid;
use metric::Labels;

use super::file_sd::Files;
use super::job::Job;
use super::target::{Candidate, Outcome, ScrapeTarget, TargetKey, TargetOrigin, resolve};

/// Dropped targets that are kept to be shown.
const DROPPED_SHOWN_MAX: usize = 1_000;

/// A job and where it was made.
#[derive(Clone, Debug)]
pub(crate) struct PlannedJob {
    pub job: Arc<Job>,
    pub origin: TargetOrigin,
    pub target_id: Option<Ulid>,
}

/// A target that cannot be scraped.
#[derive(Clone, Debug)]
pub(crate) struct WrongTarget {
    pub job: String,
    pub url: String,
    pub discovered: Labels,
    pub origin: TargetOrigin,
    pub target_id: Option<Ulid>,
    pub reason: String,
}

/// What there should be.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub targets: BTreeMap<TargetKey, ScrapeTarget>,
    /// Labels of targets that rules dropped: the first thousand.
    pub dropped: Vec<Labels>,
    pub dropped_total: usize,
    pub wrong: Vec<WrongTarget>,
    /// What is wrong with files, and with the number of targets.
    pub problems: Vec<String>,
}

/// Patterns of all jobs.
pub(crate) fn patterns(jobs: &[PlannedJob]) -> BTreeSet<String> {
    jobs.iter().flat_map(|planned| planned.job.file_sd.iter().cloned()).collect()
}

/// Puts the targets together; at most `targets_max` are scraped.
pub(crate) fn plan(jobs: &[PlannedJob], files: &Files, targets_max: usize) -> Plan {
    let mut plan = Plan { problems: files.problems.clone(), ..Plan::default() };
    let mut over = 0;
    for planned in jobs {
        for candidate in candidates(planned, files) {
            if plan.targets.len() >= targets_max {
                over += 1;
                continue;
            }
            plan.add(planned, &candidate);
        }
    }
    if over > 0 {
        plan.problems
            .push(format!("{over} targets are beyond the limit of {targets_max} and not scraped"));
    }
    plan
}

fn candidates(planned: &PlannedJob, files: &Files) -> Vec<Candidate> {
    let PlannedJob { job, origin, target_id } = planned;
    let mut found = Vec::new();
    for address in &job.targets {
        let labels = BTreeMap::new();
        let address = address.clone();
        found.push(Candidate { address, labels, origin: *origin, target_id: *target_id });
    }
    for pattern in &job.file_sd {
        for (path, group) in files.of(pattern) {
            let mut labels = group.labels.clone();
            labels.insert("__meta_filepath".to_owned(), path.display().to_string());
            found.extend(group.targets.iter().map(|address| Candidate {
                address: address.clone(),
                labels: labels.clone(),
                origin: TargetOrigin::File,
                target_id: *target_id,
            }));
        }
    }
    found
}

impl Plan {
    fn add(&mut self, planned: &PlannedJob, candidate: &Candidate) {
        match resolve(&planned.job, candidate) {
            Outcome::Active(target) => {
                // Two candidates that come out the same are one target.
                self.targets.entry(target.key()).or_insert(*target);
            }
            Outcome::Dropped(labels) => {
                self.dropped_total += 1;
                if self.dropped.len() < DROPPED_SHOWN_MAX {
                    self.dropped.push(labels);
                }
            }
            Outcome::Wrong(discovered, reason) => {
                if self.wrong.len() < DROPPED_SHOWN_MAX {
                    self.wrong.push(WrongTarget {
                        job: planned.job.name.clone(),
                        url: candidate.address.clone(),
                        discovered,
                        origin: candidate.origin,
                        target_id: candidate.target_id,
                        reason,
                    });
                }
            }
        }
    }
}
