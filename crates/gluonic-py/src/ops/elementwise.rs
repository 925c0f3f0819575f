//! Functions of one array that treat each element alike.

use gluonic::{DType, NdArray, Result};
use pyo3::prelude::*;

use super::args::Data;
use crate::array::{Dialect, converted};

/// A function of floating-point numbers for every element type, as MXNet has it: of integers it is
/// cut off to one, booleans become `float32`.
fn on_any(x: &NdArray, f: impl FnOnce(&NdArray) -> Result<NdArray>) -> Result<NdArray> {
    match x.dtype() {
        dtype if dtype.is_float() => f(x),
        DType::Bool => f(&x.cast(DType::F32)?),
        dtype => f(&x.cast(DType::F64)?)?.cast(dtype),
    }
}

fn elementwise(
    py: Python<'_>,
    x: Data,
    f: impl FnOnce(&NdArray) -> Result<NdArray> + Send,
) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| on_any(x, f))
}

macro_rules! functions {
    ($($name:ident => $method:ident;)*) => {
        $(
            #[pyfunction]
            fn $name(py: Python<'_>, x: Data) -> PyResult<Bound<'_, PyAny>> {
                elementwise(py, x, NdArray::$method)
            }
        )*

        fn register_functions(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!(self::$name, module)?)?;)*
            Ok(())
        }
    };
}

functions! {
    abs => abs;
    arccos => arccos;
    arccosh => arccosh;
    arcsin => arcsin;
    arcsinh => arcsinh;
    arctan => arctan;
    arctanh => arctanh;
    cbrt => cbrt;
    ceil => ceil;
    cos => cos;
    cosh => cosh;
    degrees => degrees;
    erf => erf;
    erfinv => erfinv;
    exp => exp;
    expm1 => expm1;
    floor => floor;
    gamma => gamma;
    gammaln => gammaln;
    gelu => gelu;
    log => log;
    log10 => log10;
    log1p => log1p;
    log2 => log2;
    log_sigmoid => log_sigmoid;
    neg => neg;
    radians => radians;
    rcbrt => rcbrt;
    reciprocal => reciprocal;
    relu => relu;
    round => round;
    round_half_down => round_half_down;
    round_half_even => round_half_even;
    rsqrt => rsqrt;
    selu => selu;
    sigmoid => sigmoid;
    sign => sign;
    silu => silu;
    sin => sin;
    sinh => sinh;
    softplus => softplus;
    softsign => softsign;
    sqrt => sqrt;
    square => square;
    tan => tan;
    tanh => tanh;
    trunc => trunc;
}

macro_rules! with_numbers {
    ($($name:ident ($($arg:ident),*);)*) => {
        $(
            #[pyfunction]
            fn $name(py: Python<'_>, x: Data, $($arg: f64),*) -> PyResult<Bound<'_, PyAny>> {
                elementwise(py, x, |x| x.$name($($arg),*))
            }
        )*

        fn register_with_numbers(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_function(wrap_pyfunction!(self::$name, module)?)?;)*
            Ok(())
        }
    };
}

with_numbers! {
    clip (low, high);
    elu (alpha);
    hard_sigmoid (slope, offset);
    leaky_relu (slope);
    smooth_l1 (sigma);
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    register_functions(module)?;
    register_with_numbers(module)?;
    for function in [
        wrap_pyfunction!(logical_not, module)?,
        wrap_pyfunction!(isnan, module)?,
        wrap_pyfunction!(isinf, module)?,
        wrap_pyfunction!(isfinite, module)?,
        wrap_pyfunction!(nan_to_num, module)?,
        wrap_pyfunction!(cast, module)?,
        wrap_pyfunction!(stop_gradient, module)?,
        wrap_pyfunction!(identity, module)?,
        wrap_pyfunction!(scale_gradient, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// Truths in a dialect: of `mx.nd` they are numbers of the operands' type.
pub(super) fn truths(truths: NdArray, like: &NdArray, dialect: Dialect) -> Result<NdArray> {
    match dialect {
        Dialect::Nd => truths.cast(like.dtype()),
        Dialect::Np => Ok(truths),
    }
}

fn number(like: &NdArray, value: f64) -> Result<NdArray> {
    NdArray::full((), value, like.dtype())
}

#[pyfunction]
fn logical_not(py: Python<'_>, x: Data) -> PyResult<Bound<'_, PyAny>> {
    let dialect = x.dialect;
    x.compute(py, |x| truths(x.eq_elem(&number(x, 0.0)?)?, x, dialect))
}

#[pyfunction]
fn isnan(py: Python<'_>, x: Data) -> PyResult<Bound<'_, PyAny>> {
    let dialect = x.dialect;
    x.compute(py, |x| truths(x.ne_elem(x)?, x, dialect))
}

/// Where the absolute value is infinite; of integers nowhere.
fn infinite(x: &NdArray) -> Result<NdArray> {
    if !x.dtype().is_float() {
        return NdArray::full(x.dims().clone(), false, DType::Bool);
    }
    x.detach().abs()?.eq_elem(&number(x, f64::INFINITY)?)
}

#[pyfunction]
fn isinf(py: Python<'_>, x: Data) -> PyResult<Bound<'_, PyAny>> {
    let dialect = x.dialect;
    x.compute(py, |x| truths(infinite(x)?, x, dialect))
}

#[pyfunction]
fn isfinite(py: Python<'_>, x: Data) -> PyResult<Bound<'_, PyAny>> {
    let dialect = x.dialect;
    x.compute(py, |x| {
        // What differs from itself by 0 is a number and finite.
        let finite = if x.dtype().is_float() {
            let zero = x.detach().sub(&x.detach())?;
            zero.eq_elem(&number(x, 0.0)?)?
        } else {
            NdArray::full(x.dims().clone(), true, DType::Bool)?
        };
        truths(finite, x, dialect)
    })
}

/// NaN and the infinities replaced.
#[pyfunction]
fn nan_to_num(
    py: Python<'_>,
    x: Data,
    nan: f64,
    infinity: f64,
    minus_infinity: f64,
) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| {
        if !x.dtype().is_float() {
            return Ok(x.clone());
        }
        let is = |value: f64| x.eq_elem(&number(x, value)?);
        let plus = is(f64::INFINITY)?.select(&number(x, infinity)?, x)?;
        let both = is(f64::NEG_INFINITY)?.select(&number(x, minus_infinity)?, &plus)?;
        x.ne_elem(x)?.select(&number(x, nan)?, &both)
    })
}

#[pyfunction]
fn cast(py: Python<'_>, x: Data, dtype: crate::dtype::DTypeArg) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| converted(x, dtype.0))
}

/// The same values, without a gradient.
#[pyfunction]
fn stop_gradient(py: Python<'_>, x: Data) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| x.detach().deep_clone())
}

/// A copy, with its gradient.
#[pyfunction]
fn identity(py: Python<'_>, x: Data) -> PyResult<Bound<'_, PyAny>> {
    x.compute(py, |x| x.cast(x.dtype()))
}

/// A copy whose gradient is this number everywhere, whatever comes from above: a loss.
#[pyfunction]
fn scale_gradient(py: Python<'_>, x: Data, scale: f64) -> PyResult<Bound<'_, PyAny>> {
    use std::sync::Arc;

    use gluonic::autograd::{Function, apply};

    struct Loss(f64);

    impl Function for Loss {
        fn forward(&self, _: &mut Vec<NdArray>, inputs: &[NdArray]) -> Result<NdArray> {
            inputs[0].deep_clone()
        }

        fn backward(
            &self,
            _: &[NdArray],
            grad: &NdArray,
            _: &[bool],
        ) -> Result<Vec<Option<NdArray>>> {
            Ok(vec![Some(NdArray::full(grad.dims().clone(), self.0, grad.dtype())?)])
        }
    }

    x.compute(py, |x| apply(&Arc::new(Loss(scale)), std::slice::from_ref(x)))
}
