//! Other sizes, which may be said by MXNet's codes.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::args::{Data, DimsArg, Numbers};
use super::compute;
use super::shape::{apart, wrong};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(reshape, module)?)?;
    module.add_function(wrap_pyfunction!(reshape_by, module)?)
}

/// With exactly these sizes.
#[pyfunction]
fn reshape(py: Python<'_>, x: Data, dims: DimsArg) -> PyResult<Bound<'_, PyAny>> {
    apart(py, &x, |x| x.reshape(dims.0))
}

/// Sizes that are said relative to those of an array.
struct Codes<'a> {
    dims: &'a [usize],
    /// How many of the array's axes are used up.
    used: usize,
    found: Vec<usize>,
    /// Which of the sizes found is to be computed.
    open: Option<usize>,
}

impl<'a> Codes<'a> {
    fn new(dims: &'a [usize]) -> Self {
        Codes { dims, used: 0, found: Vec::new(), open: None }
    }

    fn next(&mut self) -> PyResult<usize> {
        let Some(&size) = self.dims.get(self.used) else {
            return wrong("the shape refers to more axes than the array has");
        };
        self.used += 1;
        Ok(size)
    }

    fn rest(&mut self) {
        let rest = self.dims.get(self.used..).unwrap_or_default();
        self.found.extend_from_slice(rest);
        self.used = self.dims.len();
    }

    fn infer(&mut self) -> PyResult<()> {
        if let Some(first) = self.open.replace(self.found.len()) {
            return wrong(format!(
                "inf_idx < 0 ({first} vs. 0) : One and only one dim can be inferred"
            ));
        }
        self.used += 1;
        self.found.push(1);
        Ok(())
    }

    fn merge(&mut self) -> PyResult<()> {
        // The sizes of an array without elements may have a product that no number holds.
        let size = self.next()?.saturating_mul(self.next()?);
        self.found.push(size);
        Ok(())
    }

    /// One size as two, of which one may be -1.
    fn cut(&mut self, parts: [Option<i64>; 2]) -> PyResult<()> {
        let size = self.next()?;
        let part = |part: Option<i64>| match part {
            Some(-1) => Ok(None),
            Some(n @ 1..) => Ok(Some(n as usize)),
            _ => wrong("a size is split in two, of which one may be -1"),
        };
        let (one, two) = match (part(parts[0])?, part(parts[1])?) {
            (Some(one), Some(two)) => (one, two),
            (Some(one), None) => (one, size / one),
            (None, Some(two)) => (size / two, two),
            (None, None) => return wrong("Split dims cannot both be -1"),
        };
        if one.checked_mul(two) != Some(size) {
            return wrong(format!("Split dims {one}, {two} do not divide original dim {size}"));
        }
        self.found.extend([one, two]);
        Ok(())
    }

    fn finish(mut self) -> PyResult<Vec<usize>> {
        if let Some(open) = self.open {
            let product = |sizes: &[usize]| sizes.iter().copied().fold(1, usize::saturating_mul);
            let (total, known) = (product(self.dims), product(&self.found));
            if known == 0 || !total.is_multiple_of(known) {
                let left = total.checked_rem(known).unwrap_or(0);
                let mut shape: Vec<String> = self.found.iter().map(ToString::to_string).collect();
                "-1".clone_into(&mut shape[open]);
                return wrong(format!(
                    "src.Size() % known_dim_size_prod == 0 ({left} vs. 0) : Cannot reshape array \
                     of size {total} into shape [{}]",
                    shape.join(",")
                ));
            }
            self.found[open] = total / known;
        }
        Ok(self.found)
    }
}

/// `mx.nd`: 0 keeps a size, -1 is inferred, -2 keeps all that are left, -3 makes one of two, -4
/// makes two of one.
fn codes_of_nd(dims: &[usize], codes: &[i64]) -> PyResult<Vec<usize>> {
    let mut to = Codes::new(dims);
    let mut codes = codes.iter().copied();
    while let Some(code) = codes.next() {
        match code {
            0 => {
                let size = to.next()?;
                to.found.push(size);
            }
            -1 => to.infer()?,
            -2 => to.rest(),
            -3 => to.merge()?,
            -4 => to.cut([codes.next(), codes.next()])?,
            1.. => {
                to.used += 1;
                to.found.push(code as usize);
            }
            _ => return wrong(format!("Invalid shape code {code}: known are 0 to -4")),
        }
    }
    to.finish()
}

/// `mx.npx`: -1 is inferred, -2 keeps a size, -3 leaves out one of 1, -4 keeps all that are left, -5
/// makes one of two, -6 makes two of one.
fn codes_of_npx(dims: &[usize], codes: &[i64]) -> PyResult<Vec<usize>> {
    let mut to = Codes::new(dims);
    let mut codes = codes.iter().copied();
    while let Some(code) = codes.next() {
        match code {
            -1 => to.infer()?,
            -2 => {
                let size = to.next()?;
                to.found.push(size);
            }
            -3 => {
                if to.next()? != 1 {
                    return wrong("-3 leaves out a size of 1 only");
                }
            }
            -4 => to.rest(),
            -5 => to.merge()?,
            -6 => to.cut([codes.next(), codes.next()])?,
            0.. => {
                to.used += 1;
                to.found.push(code as usize);
            }
            _ => return wrong(format!("Invalid shape code {code}: known are -1 to -6")),
        }
    }
    to.finish()
}

/// As NumPy: -1 is inferred.
fn codes_of_np(dims: &[usize], codes: &[i64]) -> PyResult<Vec<usize>> {
    if codes.iter().filter(|&&code| code == -1).count() > 1 {
        return wrong("!has_unknown_dim_size: Can only specify one unknown dimension");
    }
    let mut to = Codes::new(dims);
    for &code in codes {
        match code {
            -1 => to.infer()?,
            0.. => to.found.push(code as usize),
            _ => return wrong(format!("a size cannot be {code}")),
        }
    }
    to.finish()
}

/// What the method says where plain sizes leave no whole number for the -1.
fn undivided(dims: &[usize], codes: &[i64]) -> Option<PyErr> {
    if codes.iter().any(|&code| code == 0 || code < -1) {
        return None;
    }
    let shape: Vec<String> = codes.iter().map(ToString::to_string).collect();
    let total: usize = dims.iter().product();
    let shape = if let [one] = &*shape { format!("{one},") } else { shape.join(", ") };
    Some(PyValueError::new_err(format!(
        "Cannot reshape array of size {total} into shape ({shape})"
    )))
}

/// In sizes that may be said by MXNet's codes, of one of its three functions. The memory may be
/// shared if `share`.
#[pyfunction]
#[pyo3(signature = (x, codes, rule, reverse, share = false))]
fn reshape_by<'py>(
    py: Python<'py>,
    x: Data,
    codes: Numbers,
    rule: &str,
    reverse: bool,
    share: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let mut dims = x.array.dims().to_vec();
    let mut codes: Vec<i64> = codes.0.into_iter().map(|code| code as i64).collect();
    if reverse {
        dims.reverse();
        codes.reverse();
    }
    let mut to = match rule {
        "nd" if share && codes.iter().filter(|&&code| code == -1).count() == 1 => {
            codes_of_nd(&dims, &codes).map_err(|error| undivided(&dims, &codes).unwrap_or(error))?
        }
        "nd" => codes_of_nd(&dims, &codes)?,
        "npx" => codes_of_npx(&dims, &codes)?,
        _ => codes_of_np(&dims, &codes)?,
    };
    if reverse {
        to.reverse();
    }
    let found = x.array.elem_count();
    let wanted = to.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
    if let Some(wanted) = wanted
        && found != wanted
        && (share || rule == "np")
    {
        let shape = gluonic::Shape::from(to);
        return Err(crate::errors::unreshaped(x.dialect, found, wanted, &shape));
    }
    if share {
        return compute(py, 0, x.dialect, || x.array.reshape(to));
    }
    apart(py, &x, |x| x.reshape(to))
}
