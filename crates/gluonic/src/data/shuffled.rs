//! The numbers of shuffled samples, without a loader.

use crate::error::{Result, one_or_more};
use crate::random::{Draws, permutation};

thread_local! {
    static ORDER: Draws = Draws::new("batches");
}

/// The draws of this thread's orders.
pub(crate) fn order_draws() -> Draws {
    ORDER.with(Clone::clone)
}

/// The numbers of the samples of one epoch, shuffled and cut into batches; the last batch is
/// shorter if they do not come out even. For data in memory; a [`DataLoader`](super::DataLoader)
/// does more.
///
/// # Randomness
/// The order is draw 1, 2, … of this thread at the path `batches`: epochs differ, nothing else that
/// draws disturbs it, and [`random::seed`](crate::random::seed) starts it over.
///
/// # Errors
/// [`Error::Setting`](crate::Error::Setting) if the batch size is 0.
///
/// # Examples
/// ```
/// use gluonic::{data, random};
/// random::seed(7);
/// let batches: Vec<Vec<usize>> = data::shuffled_batches(10, 4)?.collect();
/// assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
/// let mut all = batches.concat();
/// all.sort();
/// assert_eq!(all, (0..10).collect::<Vec<_>>());
/// # Ok::<(), gluonic::Error>(())
/// ```
pub fn shuffled_batches(
    n_samples: usize,
    batch_size: usize,
) -> Result<impl Iterator<Item = Vec<usize>>> {
    one_or_more("batch_size", batch_size)?;
    let order = ORDER.with(|draws| permutation(draws.next_stream(), n_samples));
    let n_batches = n_samples.div_ceil(batch_size);
    Ok((0..n_batches)
        .map(move |i| order[i * batch_size..((i + 1) * batch_size).min(n_samples)].to_vec()))
}
