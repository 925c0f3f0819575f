//! How a parameter prints: Gluon's line, and all there is to say with `{:#}`.

use std::fmt;

use super::parameter::Parameter;
use super::state::{Kind, Provenance};
use crate::array::NdArray;
use crate::autograd::GradReq;
use crate::context::{Context, in_brackets};
use crate::error::Result;

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = if self.kind() == Kind::Constant { "Constant" } else { "Parameter" };
        write!(f, "{class} {} (shape=", self.name())?;
        match self.shape() {
            Some(shape) => write!(f, "{}", shape.gluon())?,
            None => f.write_str("None")?,
        }
        write!(f, ", dtype={})", self.dtype())?;
        if f.alternate() {
            self.fmt_long(f)?;
        }
        Ok(())
    }
}

impl Parameter {
    fn fmt_long(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_initialized() {
            "ready"
        } else if self.is_deferred() {
            "deferred: waits for the first forward"
        } else {
            "not initialized"
        };
        let (kind, req) = (self.kind(), self.grad_req());
        let frozen = if self.is_frozen() { "frozen, " } else { "" };
        write!(f, "\n  state        {state}; {kind}, {frozen}grad_req {req}")?;
        if (self.lr_mult(), self.wd_mult()) != (1.0, 1.0) {
            write!(f, ", lr_mult {}, wd_mult {}", self.lr_mult(), self.wd_mult())?;
        }
        if !self.tags().is_empty() {
            write!(f, "\n  tags         {}", self.tags().join(", "))?;
        }
        match (self.provenance(), self.initializer()) {
            (Some(Provenance { address, initializer }), _) => {
                write!(f, "\n  initializer  {initializer}")?;
                let (key, path) = (address.key(), address.path());
                write!(f, "\n               at key {key:#x}, path {path}")?;
            }
            (None, Some(init)) => write!(f, "\n  initializer  {} (its own)", init.dumps())?,
            (None, None) => f.write_str("\n  initializer  that of the block")?,
        }
        if let Ok(contexts) = self.list_ctx()
            && contexts != [Context::cpu(0)]
        {
            write!(f, "\n  contexts     {}", in_brackets(&contexts))?;
        }
        if let Ok(data) = self.value() {
            fmt_array(f, "data", &data)?;
        }
        if req != GradReq::Null
            && let Ok(grads) = self.list_grad()
        {
            grads.iter().try_for_each(|grad| fmt_array(f, "grad", grad))?;
        }
        Ok(())
    }
}

/// The numbers that one line has room for.
pub(crate) struct Summary {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
    pub(crate) std: f64,
    pub(crate) zeros: usize,
    pub(crate) not_finite: usize,
    /// A histogram of the finite values, from `min` to `max`.
    pub(crate) spark: String,
}

pub(crate) fn summarize(values: &[f64]) -> Summary {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const BINS: usize = 16;
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let n = finite.len() as f64;
    let mean = finite.iter().sum::<f64>() / n;
    let variance = finite.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    let min = finite.iter().copied().fold(f64::NAN, f64::min);
    let max = finite.iter().copied().fold(f64::NAN, f64::max);
    let mut counts = [0usize; BINS];
    for value in &finite {
        let place = if max > min { (value - min) / (max - min) } else { 0.5 };
        counts[((place * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    let highest = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |&count: &usize| match count {
        0 => ' ',
        count => BARS[(count * (BARS.len() - 1)).div_ceil(highest)],
    };
    Summary {
        min,
        max,
        mean,
        std: variance.sqrt(),
        zeros: values.iter().filter(|value| **value == 0.0).count(),
        not_finite: values.len() - finite.len(),
        spark: counts.iter().map(bar).collect(),
    }
}

fn fmt_array(f: &mut fmt::Formatter<'_>, label: &str, array: &NdArray) -> fmt::Result {
    let shown = array.to_f64_vec().and_then(|values| Ok((values, preview(array)?)));
    let Ok((values, preview)) = shown else {
        return write!(f, "\n  {label:<12} being edited");
    };
    write!(f, "\n  {label:<12} {preview}")?;
    if values.is_empty() {
        return Ok(());
    }
    let Summary { min, max, mean, std, zeros, not_finite, spark } = summarize(&values);
    write!(f, "\n               min {min:.4}, mean {mean:.4}, max {max:.4}, std {std:.4}")?;
    write!(f, "\n               [{spark}] zeros {zeros} of {}", values.len())?;
    if not_finite > 0 {
        write!(f, ", NaN or infinite {not_finite}")?;
    }
    Ok(())
}

/// The first few values on one line.
fn preview(array: &NdArray) -> Result<String> {
    let values = array.to_f64_vec()?;
    let shown: Vec<String> = values.iter().take(6).map(|value| format!("{value:.4}")).collect();
    let more = if values.len() > 6 { ", …" } else { "" };
    Ok(format!("[{}{more}]", shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_survives_nan_infinity_and_constants() {
        let summary = summarize(&[1.0, f64::NAN, f64::INFINITY, 1.0]);
        assert_eq!((summary.min, summary.max, summary.not_finite), (1.0, 1.0, 2));
        assert_eq!(summarize(&[]).spark.trim(), "");
    }
}
