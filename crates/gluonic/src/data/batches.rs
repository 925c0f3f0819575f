//! One epoch, batch by batch.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;
use std::sync::Arc;

use super::loader::Report;
use super::loading::Job;
use super::sample::Batch;
use super::workers::Workers;
use crate::error::{Error, Result};

/// The batches of an epoch, in order: made by [`DataLoader::iter`](super::DataLoader::iter).
///
/// Dropping it ends its threads, after the samples that they are at.
pub struct Batches {
    source: Source,
    /// The batches that are still to come.
    rest: Range<usize>,
    report: Report,
}

enum Source {
    Here(Arc<Job>),
    Threads(Workers),
    /// The order of the epoch could not be made.
    Failed(Error),
    /// Everything has been said.
    Ended,
}

impl Batches {
    pub(super) fn new(
        job: Result<(Job, Range<usize>)>,
        workers: usize,
        prefetch: usize,
        report: Report,
    ) -> Self {
        let (job, rest) = match job {
            Ok((job, rest)) => (Arc::new(job), rest),
            // One item: the error.
            Err(error) => return Self { source: Source::Failed(error), rest: 0..1, report },
        };
        let source = match Workers::start(&job, rest.clone(), workers, prefetch) {
            Some(workers) => Source::Threads(workers),
            None => Source::Here(job),
        };
        Self { source, rest, report }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        let Some(number) = self.rest.next() else {
            if !matches!(std::mem::replace(&mut self.source, Source::Ended), Source::Ended) {
                self.report.over();
            }
            return None;
        };
        let loaded = match &mut self.source {
            Source::Here(job) => job.load(number),
            Source::Threads(workers) => workers.next(),
            Source::Failed(_) | Source::Ended => match self.end() {
                Source::Failed(error) => return Some(Err(error)),
                _ => return None,
            },
        };
        match &loaded {
            Ok(_) => self.report.handed_out(number + 1),
            // Not the end of the epoch: the loader stays before this batch.
            Err(_) => drop(self.end()),
        }
        Some(loaded)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl Batches {
    /// Nothing comes any more.
    fn end(&mut self) -> Source {
        self.rest = 0..0;
        std::mem::replace(&mut self.source, Source::Ended)
    }
}

impl ExactSizeIterator for Batches {}

impl FusedIterator for Batches {}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("rest", &self.rest).finish_non_exhaustive()
    }
}
