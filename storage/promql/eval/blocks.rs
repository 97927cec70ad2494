//! Splits loops over series between threads.
//!
//! A first few series are worked on alone and tell what the others will cost; only where that is
//! worth it are threads started. They take blocks of series in order, and what the blocks make is
//! put together in order: the answer is the same, bit by bit, however many threads there were.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::row::Rows;
use super::run::Scope;
use crate::error::EvalError;

/// Series that are worked on before the decision.
const FIRST: usize = 16;
/// Samples looked at in some 5 milliseconds: less is not worth a thread.
const WORK_MIN: u64 = 1 << 19;
/// Samples looked at in a block, about.
const BLOCK_WORK: u64 = 1 << 16;

/// Works on some of the series and adds rows for them; answers how many samples it looked at.
pub(crate) type Work<'w> = &'w (dyn Fn(Range<usize>, &mut Rows) -> Result<u64, EvalError> + Sync);

/// The blocks of a loop, and what became of them.
struct Blocks {
    size: usize,
    end: usize,
    next: AtomicUsize,
    failed: AtomicBool,
    made: Mutex<Vec<(usize, Result<Rows, EvalError>)>>,
}

impl Scope<'_> {
    /// The rows for all of `count` series, in order.
    pub(crate) fn in_blocks(&self, count: usize, work: Work<'_>) -> Result<Rows, EvalError> {
        let mut rows = Rows::new(&self.run.budget, self.steps.count);
        let (mut first, mut looked_at) = (0, 0);
        while first < count.min(FIRST) && looked_at < BLOCK_WORK {
            looked_at += work(first..first + 1, &mut rows)?;
            first += 1;
        }
        let each = looked_at / first.max(1) as u64 + 1;
        let rest = (count - first) as u64;
        let threads = self.run.options.threads_max.min(count.saturating_sub(first));
        if threads < 2 || rest.saturating_mul(each) < WORK_MIN {
            work(first..count, &mut rows)?;
            return Ok(rows);
        }
        let size = (BLOCK_WORK / each).clamp(1, (rest / (4 * threads as u64)).max(1));
        let blocks = Blocks {
            size: usize::try_from(size).unwrap_or(1),
            end: count,
            next: AtomicUsize::new(first),
            failed: AtomicBool::new(false),
            made: Mutex::default(),
        };
        self.share_blocks(&blocks, threads, work);
        let mut made = blocks.made.into_inner().unwrap_or_else(PoisonError::into_inner);
        made.sort_by_key(|(start, _)| *start);
        // Blocks begin in order, so that the first mistake is the one that a single thread meets.
        for (_, more) in made {
            rows.append(more?);
        }
        Ok(rows)
    }

    /// Works on all blocks; a panic in a thread goes on in this one.
    fn share_blocks(&self, blocks: &Blocks, threads: usize, work: Work<'_>) {
        let panic = thread::scope(|scope| {
            let worker = || self.work_on_blocks(blocks, work);
            let start = |_| thread::Builder::new().spawn_scoped(scope, worker).ok();
            let others: Vec<_> = (1..threads).map_while(start).collect();
            worker();
            others.into_iter().filter_map(|other| other.join().err()).last()
        });
        if let Some(panic) = panic {
            std::panic::resume_unwind(panic);
        }
    }

    fn work_on_blocks(&self, blocks: &Blocks, work: Work<'_>) {
        while !blocks.failed.load(Ordering::Relaxed) {
            let start = blocks.next.fetch_add(blocks.size, Ordering::Relaxed);
            if start >= blocks.end {
                return;
            }
            let end = (start + blocks.size).min(blocks.end);
            let mut rows = Rows::new(&self.run.budget, self.steps.count);
            let outcome = work(start..end, &mut rows).map(|_| rows);
            if outcome.is_err() {
                blocks.failed.store(true, Ordering::Relaxed);
            }
            let mut made = blocks.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.push((start, outcome));
        }
    }
}
