//! Numbers about the values of selected parameters.

use std::fmt;

use super::source::Item;
use crate::cpu::statistics::Summary;
use crate::error::Result;
use crate::name::ParamPath;
use crate::param::table;

/// Numbers about the values of one parameter, or of several together.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterStatistics {
    /// The number of elements.
    pub count: usize,
    /// The smallest finite value; NaN if there is none, as are all that follow.
    pub min: f64,
    /// The mean of the finite values.
    pub mean: f64,
    /// The largest finite value.
    pub max: f64,
    /// The standard deviation of the finite values: the root of their mean squared distance from
    /// the mean.
    pub std: f64,
    /// The number of zeros.
    pub zeros: usize,
    /// The number of values that are NaN or infinite.
    pub not_finite: usize,
}

/// Numbers about the values of selected parameters. Prints as a table.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let net = sequential![Dense::with(DenseConfig { units: 2, in_units: Some(3), ..Default::default() })?];
/// net.initialize_with(&init::One, Reinit::Keep)?;
/// assert_eq!(
///     net.select("**")?.statistics()?.to_string(),
///     "path      count     min    mean     max     std  zeros  not finite\n\
///      0.weight      6  1.0000  1.0000  1.0000  0.0000      0           0\n\
///      0.bias        2  0.0000  0.0000  0.0000  0.0000      2           0\n\
///      total         8  0.0000  0.7500  1.0000  0.4330      2           0"
/// );
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// For each parameter its first path and its numbers.
    pub rows: Vec<(ParamPath, ParameterStatistics)>,
    /// The numbers of all together.
    pub total: ParameterStatistics,
}

impl ParameterStatistics {
    /// The Euclidean norm of the finite values: the root of the sum of their squares.
    pub fn norm(&self) -> f64 {
        let finite = (self.count - self.not_finite) as f64;
        if finite == 0.0 { 0.0 } else { (finite * (self.mean.powi(2) + self.std.powi(2))).sqrt() }
    }
}

impl From<&Summary> for ParameterStatistics {
    fn from(summary: &Summary) -> Self {
        ParameterStatistics {
            count: summary.count,
            min: summary.min,
            mean: summary.mean,
            max: summary.max,
            std: summary.std(),
            zeros: summary.zeros,
            not_finite: summary.nans + summary.infinities,
        }
    }
}

impl Statistics {
    pub(super) fn of<'a>(items: impl Iterator<Item = &'a Item>) -> Result<Statistics> {
        let (mut rows, mut total) = (Vec::new(), Summary::of_zeros(0));
        for Item { parameter, paths } in items {
            let value = parameter.value()?;
            let summary = value.cell.snapshot().map_err(|e| e.at(parameter.name()))?.summary();
            let path = paths.first().cloned().unwrap_or_else(|| (&**parameter.name()).into());
            rows.push((path, (&summary).into()));
            total = total.and(&summary);
        }
        Ok(Statistics { rows, total: (&total).into() })
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["path", "count", "min", "mean", "max", "std", "zeros", "not finite"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        let named = self.rows.iter().map(|(path, row)| (&**path, row));
        for (name, row) in named.chain([("total", &self.total)]) {
            let mut cells = vec![name.to_owned(), row.count.to_string()];
            cells.extend([row.min, row.mean, row.max, row.std].map(table::number));
            cells.extend([row.zeros, row.not_finite].map(|n| n.to_string()));
            rows.push(cells);
        }
        table::write(f, &rows)
    }
}
