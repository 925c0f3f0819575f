//! Rows to text, in columns.

use std::fmt;

/// Writes rows, each on a line of its own: the first column to the left, numbers to the right, and
/// what stands beyond the columns of the first row as it is.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).min().unwrap_or(0);
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            writeln!(f)?;
        }
        for (i, cell) in row.iter().enumerate() {
            match (i, widths.get(i)) {
                (0, Some(width)) => write!(f, "{cell:<width$}")?,
                (_, Some(width)) => write!(f, "  {cell:>width$}")?,
                (_, None) => write!(f, "  {cell}")?,
            }
        }
    }
    Ok(())
}

/// Four decimals, or as many digits with an exponent where those would say nothing.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "-".to_owned()
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}
