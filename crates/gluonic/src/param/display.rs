//! How a parameter prints: Gluon's line, and all there is to say with `{:#}`.

use std::fmt;

use super::parameter::Parameter;
use super::state::{Kind, Provenance};
use crate::array::{Buf, NdArray};
use crate::autograd::GradReq;
use crate::context::{Context, in_brackets};
use crate::cpu::statistics::{Summary, histogram};

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

/// A histogram of the finite values, from the smallest to the largest.
fn spark(buf: &Buf, summary: &Summary) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const BINS: usize = 16;
    let range = (summary.min, summary.max);
    let counts = histogram(buf.len(), &|start, out| buf.read_f64(start, out), range, BINS);
    let highest = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |&count: &usize| match count {
        0 => ' ',
        count => BARS[(count * (BARS.len() - 1)).div_ceil(highest)],
    };
    counts.iter().map(bar).collect()
}

fn fmt_array(f: &mut fmt::Formatter<'_>, label: &str, array: &NdArray) -> fmt::Result {
    let Ok(buf) = array.cell.snapshot() else {
        return write!(f, "\n  {label:<12} being edited");
    };
    write!(f, "\n  {label:<12} {}", preview(&buf))?;
    if buf.len() == 0 {
        return Ok(());
    }
    let summary = buf.summary();
    let Summary { count, min, max, mean, zeros, .. } = summary;
    let std = summary.std();
    write!(f, "\n               min {min:.4}, mean {mean:.4}, max {max:.4}, std {std:.4}")?;
    write!(f, "\n               [{}] zeros {zeros} of {count}", spark(&buf, &summary))?;
    if summary.finite() < count {
        write!(f, ", NaN or infinite {}", count - summary.finite())?;
    }
    Ok(())
}

/// The first few values on one line.
fn preview(buf: &Buf) -> String {
    let mut values = [0.0; 6];
    let values = &mut values[..buf.len().min(6)];
    buf.read_f64(0, values);
    let shown: Vec<String> = values.iter().map(|value| format!("{value:.4}")).collect();
    let more = if buf.len() > 6 { ", …" } else { "" };
    format!("[{}{more}]", shown.join(", "))
}
