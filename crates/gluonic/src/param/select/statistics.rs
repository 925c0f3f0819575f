//! Numbers about the values of selected parameters.

use std::fmt;

use super::source::Item;
use crate::error::Result;
use crate::name::ParamPath;
use crate::param::display::summarize;
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

impl Statistics {
    pub(super) fn of<'a>(items: impl Iterator<Item = &'a Item>) -> Result<Statistics> {
        let mut rows = Vec::new();
        for Item { parameter, paths } in items {
            let values = parameter.value()?.to_f64_vec().map_err(|e| e.at(parameter.name()))?;
            let summary = summarize(&values);
            let row = ParameterStatistics {
                count: values.len(),
                min: summary.min,
                mean: summary.mean,
                max: summary.max,
                std: summary.std,
                zeros: summary.zeros,
                not_finite: summary.not_finite,
            };
            let path = paths.first().cloned().unwrap_or_else(|| (&**parameter.name()).into());
            rows.push((path, row));
        }
        let total = together(rows.iter().map(|(_, row)| row));
        Ok(Statistics { rows, total })
    }
}

/// The numbers of several sets of values as one.
///
/// # Source
/// Chan, Golub and `LeVeque` (1983), "Algorithms for computing the sample variance", eq. 2.1.
fn together<'a>(rows: impl Iterator<Item = &'a ParameterStatistics>) -> ParameterStatistics {
    let nothing = ParameterStatistics {
        count: 0,
        min: f64::NAN,
        mean: f64::NAN,
        max: f64::NAN,
        std: f64::NAN,
        zeros: 0,
        not_finite: 0,
    };
    rows.fold(nothing, |sum, row| {
        let finite = |row: &ParameterStatistics| (row.count - row.not_finite) as f64;
        let (n, m) = (finite(&sum), finite(row));
        // Where one of them has no finite value, its numbers are NaN, and those of the other hold.
        let (mean, std) = if n == 0.0 {
            (row.mean, row.std)
        } else if m == 0.0 {
            (sum.mean, sum.std)
        } else {
            let distance = row.mean - sum.mean;
            let squares = n * sum.std.powi(2) + m * row.std.powi(2);
            let between = distance.powi(2) * n * m / (n + m);
            (sum.mean + distance * m / (n + m), ((squares + between) / (n + m)).sqrt())
        };
        ParameterStatistics {
            count: sum.count + row.count,
            min: sum.min.min(row.min),
            mean,
            max: sum.max.max(row.max),
            std,
            zeros: sum.zeros + row.zeros,
            not_finite: sum.not_finite + row.not_finite,
        }
    })
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["path", "count", "min", "mean", "max", "std", "zeros", "not finite"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        let named = self.rows.iter().map(|(path, row)| (&**path, row));
        for (name, row) in named.chain([("total", &self.total)]) {
            let mut cells = vec![name.to_owned(), row.count.to_string()];
            cells.extend([row.min, row.mean, row.max, row.std].map(number));
            cells.extend([row.zeros, row.not_finite].map(|n| n.to_string()));
            rows.push(cells);
        }
        table::write(f, &rows)
    }
}

/// Four decimals, or as many digits with an exponent where those would say nothing.
fn number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "-".to_owned()
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_that_of_all_values_at_once() {
        let parts: [&[f64]; 4] = [&[1.0, 2.0, 7.0], &[], &[f64::NAN], &[-3.0, 0.0]];
        let of = |values: &[f64]| {
            let summary = summarize(values);
            ParameterStatistics {
                count: values.len(),
                min: summary.min,
                mean: summary.mean,
                max: summary.max,
                std: summary.std,
                zeros: summary.zeros,
                not_finite: summary.not_finite,
            }
        };
        let (whole, sum) = (of(&parts.concat()), together(parts.map(of).iter()));
        assert_eq!((sum.count, sum.min, sum.max), (whole.count, whole.min, whole.max));
        assert_eq!((sum.zeros, sum.not_finite), (whole.zeros, whole.not_finite));
        assert!((sum.mean - whole.mean).abs() < 1e-12 && (sum.std - whole.std).abs() < 1e-12);
    }
}
