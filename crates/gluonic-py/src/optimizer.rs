//! Settings of optimizers, and schedules of learning rates.

use gluonic::optim::schedule::{Cosine, Factor, MultiFactor, Poly, Schedule, Warmup};
use gluonic::optim::{self, Setting};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt};

use crate::errors::OrRaise;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    for function in [
        wrap_pyfunction!(optimizer_settings, module)?,
        wrap_pyfunction!(schedule_factor, module)?,
        wrap_pyfunction!(schedule_multi_factor, module)?,
        wrap_pyfunction!(schedule_poly, module)?,
        wrap_pyfunction!(schedule_cosine, module)?,
        wrap_pyfunction!(schedule_warmup, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}

/// A setting as an argument: a number, yes or no, or nothing. A whole number is a number, but for
/// the key of random numbers, which Python never gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettingArg(pub(crate) Setting);

impl<'py> FromPyObject<'_, 'py> for SettingArg {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            return Ok(SettingArg(Setting::Off));
        }
        if object.is_instance_of::<PyBool>() {
            return Ok(SettingArg(Setting::Flag(object.extract()?)));
        }
        if object.is_instance_of::<PyInt>() {
            let number: f64 = object.extract()?;
            return Ok(SettingArg(Setting::Number(number)));
        }
        let wrong = || {
            let found = object.get_type();
            PyTypeError::new_err(format!("a setting must be a number, found {found}"))
        };
        object
            .extract::<f64>()
            .map(|number| SettingArg(Setting::Number(number)))
            .map_err(|_| wrong())
    }
}

pub(crate) fn setting_to_py(py: Python<'_>, setting: Setting) -> PyResult<Bound<'_, PyAny>> {
    Ok(match setting {
        Setting::Number(value) => value.into_pyobject(py)?.into_any(),
        Setting::Flag(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Setting::Key(value) => value.into_pyobject(py)?.into_any(),
        _ => py.None().into_bound(py),
    })
}

/// The settings of a rule as they are by default, by name.
#[pyfunction]
fn optimizer_settings<'py>(
    py: Python<'py>,
    rule: &str,
) -> PyResult<Vec<(&'static str, Bound<'py, PyAny>)>> {
    let optimizer = optim::create(rule, &[]).or_raise(py)?;
    let settings = optim::settings(&*optimizer).into_iter();
    settings.map(|(name, value)| Ok((name, setting_to_py(py, value)?))).collect()
}

#[pyfunction]
fn schedule_factor(
    py: Python<'_>,
    step: u64,
    factor: f64,
    stop_factor_lr: f64,
    base: f64,
    num_update: u64,
) -> PyResult<f64> {
    let schedule = Factor::new(step, factor).and_then(|s| s.stop_factor_lr(stop_factor_lr));
    Ok(schedule.or_raise(py)?.learning_rate(base, num_update))
}

#[pyfunction]
fn schedule_multi_factor(
    py: Python<'_>,
    steps: Vec<u64>,
    factor: f64,
    base: f64,
    num_update: u64,
) -> PyResult<f64> {
    Ok(MultiFactor::new(steps, factor).or_raise(py)?.learning_rate(base, num_update))
}

#[pyfunction]
fn schedule_poly(
    py: Python<'_>,
    max_update: u64,
    warmup_steps: u64,
    power: f64,
    final_lr: f64,
    base: f64,
    num_update: u64,
) -> PyResult<f64> {
    let schedule = Poly::new(max_update).and_then(|s| {
        s.power(power)?.final_lr(final_lr)?.warmup(Warmup::linear(warmup_steps, 0.0)?)
    });
    Ok(schedule.or_raise(py)?.learning_rate(base, num_update))
}

#[pyfunction]
fn schedule_cosine(
    py: Python<'_>,
    max_update: u64,
    warmup_steps: u64,
    final_lr: f64,
    base: f64,
    num_update: u64,
) -> PyResult<f64> {
    let schedule = Cosine::new(max_update)
        .and_then(|s| s.final_lr(final_lr)?.warmup(Warmup::linear(warmup_steps, 0.0)?));
    Ok(schedule.or_raise(py)?.learning_rate(base, num_update))
}

#[pyfunction]
fn schedule_warmup(
    py: Python<'_>,
    steps: u64,
    begin_lr: f64,
    constant: bool,
    base: f64,
    num_update: u64,
) -> PyResult<f64> {
    let make = if constant { Warmup::constant } else { Warmup::linear };
    Ok(make(steps, begin_lr).or_raise(py)?.learning_rate(base, num_update))
}
