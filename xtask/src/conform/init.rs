//! Initial values, from `init.json`: exact ones, moments of draws, and how initializers print.

use std::path::Path;
use std::sync::Arc;

use gluonic::error::ArgumentProblem;
use gluonic::init::{self, InitDesc, Initializer, Layout};
use gluonic::random::Address;
use gluonic::{DType, Error, NdArray, Parameter, Reinit};
use serde_json::{Value, json};

use super::compare::{close, same};
use super::json::number;
use super::net::{dims, list, text};
use super::{Check, Problem, Tally, json_of};

pub(super) fn run(folder: &Path, tally: &mut Tally) -> Result<(), String> {
    let cases = json_of(&folder.join("init.json"))?;
    for (section, check) in SECTIONS {
        for (i, entry) in list(&cases[section]).enumerate() {
            tally.case(&format!("{section}[{i}]"), || check(entry));
        }
    }
    Ok(())
}

/// A part of the file and what checks one of its entries.
type Section = (&'static str, fn(&Value) -> Check);

const SECTIONS: [Section; 4] = [
    ("deterministic", check_values),
    ("random", check_moments),
    ("dumps", check_dumps),
    ("suffix", check_suffix),
];

/// The initializer of that registered name.
pub(super) fn initializer(name: &str, args: &Value) -> Check<Arc<dyn Initializer>> {
    let args = if args.is_null() { json!({}) } else { args.clone() };
    init::loads(&json!([name, args]).to_string()).map_err(|error| match &error {
        Error::UnknownWord { .. } => Problem::Later(error.to_string()),
        Error::InitArgument { problem, .. } => match **problem {
            ArgumentProblem::Unknown { .. } => Problem::Later(error.to_string()),
            _ => error.into(),
        },
        _ => error.into(),
    })
}

/// The numbers of nested lists, in order.
fn flatten(value: &Value, out: &mut Vec<f64>) {
    out.extend(number(value));
    list(value).for_each(|item| flatten(item, out));
}

/// What a parameter starts with.
fn values(entry: &Value) -> Check<Vec<f64>> {
    let init = initializer(text(&entry["init"])?, &entry["args"])?;
    let parameter = Parameter::new("weight", dims(&entry["shape"])?);
    parameter.initialize_with(&*init, Reinit::Keep)?;
    Ok(parameter.data()?.to_f64_vec()?)
}

fn check_values(entry: &Value) -> Check {
    let found = values(entry)?;
    let mut expected = Vec::new();
    flatten(&entry["values"], &mut expected);
    same(&format!("values of `{}`", text(&entry["init"])?), &json!(expected), &json!(found))
}

fn check_dumps(entry: &Value) -> Check {
    let init = initializer(text(&entry[0])?, &entry[1])?;
    same("dumps", &entry[2], &json!(init.dumps()))
}

/// What a direct call gives a parameter of that name: values, or a refusal of the name.
fn check_suffix(entry: &Value) -> Check {
    let name = text(&entry[0])?;
    let desc = InitDesc {
        name: name.into(),
        path: name.into(),
        dims: 2.into(),
        dtype: DType::F32,
        layout: Layout::Dense,
    };
    let data = NdArray::zeros(2, DType::F32)?;
    // Whatever MXNet gave for a weight, 3 in every case, came from the initializer.
    let called = initializer("constant", &json!({"value": 3}))?.init_by_name(
        &desc,
        &data,
        &Address::new(0, name),
    );
    if entry[1][0] != "ValueError" {
        called?;
        return same(&format!("values of `{name}`"), &entry[1], &json!(data.to_f64_vec()?));
    }
    match called {
        Err(Error::InitSuffix { .. }) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => Err(Problem::Differs(format!("expected `{name}` to be refused"))),
    }
}

/// Compares draws with what was measured on as many of MXNet's. Both vary, so a difference has
/// √2 standard errors; five of those are allowed.
fn check_moments(entry: &Value) -> Check {
    let found = values(entry)?;
    if !entry["orthogonal"].is_null() {
        return check_orthogonal(entry, &found);
    }
    let n = found.len() as f64;
    let mean = found.iter().sum::<f64>() / n;
    let std = (found.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    let min = found.iter().copied().fold(f64::INFINITY, f64::min);
    let max = found.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bound = bound(entry)?;
    // Standard errors of the mean and of the standard deviation, and the scale of the extremes:
    // a uniform draw misses its bound by 2s/n on average, a normal one has Gumbel's law.
    let (of_std, of_extreme) = match bound {
        Some(bound) => (std * 0.2_f64.sqrt(), 3.0 * 2.0 * bound / n),
        None => (std * 0.5_f64.sqrt(), 1.28 * std / (2.0 * n.ln()).sqrt()),
    };
    let allowed = 5.0 * 2.0_f64.sqrt();
    let moments = [
        ("mean", mean, allowed * std / n.sqrt()),
        ("std", std, allowed * of_std / n.sqrt()),
        ("min", min, allowed * of_extreme),
        ("max", max, allowed * of_extreme),
    ];
    for (what, found, tolerance) in moments {
        let expected = number(&entry["measured"][what]).unwrap_or(f64::NAN);
        if expected.is_nan() || !close(expected, found, tolerance) {
            let text = format!("{what}: expected {expected} within {tolerance}, found {found}");
            return Err(Problem::Differs(text));
        }
    }
    match bound {
        // The bound itself may round up to the next `f32`.
        Some(bound) if min < -bound * (1.0 + 1e-7) || max > bound * (1.0 + 1e-7) => {
            Err(Problem::Differs(format!("expected at most {bound}, found {min} and {max}")))
        }
        _ => Ok(()),
    }
}

/// The exact bound of a uniform draw, from the formulas; `None` for other laws.
fn bound(entry: &Value) -> Check<Option<f64>> {
    let args = &entry["args"];
    let arg = |key: &str, default: f64| number(&args[key]).unwrap_or(default);
    if entry["init"] == "uniform" {
        return Ok(Some(arg("scale", 0.07)));
    }
    if entry["init"] != "xavier" || args["rnd_type"] == "gaussian" {
        return Ok(None);
    }
    let dims = dims(&entry["shape"])?;
    let [out, input, kernel @ ..] = dims.as_slice() else { return Ok(None) };
    let area = kernel.iter().product::<usize>();
    let (fan_in, fan_out) = ((input * area) as f64, (out * area) as f64);
    let factor = match args["factor_type"].as_str() {
        Some("in") => fan_in,
        Some("out") => fan_out,
        _ => f64::midpoint(fan_in, fan_out),
    };
    Ok(Some((arg("magnitude", 3.0) / factor).sqrt()))
}

/// Rows, or columns, that are orthogonal to each other and of one length.
fn check_orthogonal(entry: &Value, values: &[f64]) -> Check {
    /// What a product of `f32` matrices may lose.
    const TOLERANCE: f64 = 1e-5;
    let rows = dims(&entry["shape"])?.first().copied().unwrap_or(1);
    let columns = values.len() / rows.max(1);
    let square = number(&entry["scale_sq"]).unwrap_or(1.0);
    let by_rows = entry["orthogonal"] == "rows";
    let (n, length) = if by_rows { (rows, columns) } else { (columns, rows) };
    let at = |i: usize, k: usize| values[if by_rows { i * columns + k } else { k * columns + i }];
    for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
        let found: f64 = (0..length).map(|k| at(i, k) * at(j, k)).sum();
        let expected = if i == j { square } else { 0.0 };
        if !close(expected, found, TOLERANCE) {
            let text = format!("product of {i} and {j}: expected {expected}, found {found}");
            return Err(Problem::Differs(text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_or_columns_must_be_orthogonal() {
        let rows = json!({"shape": [2, 3], "orthogonal": "rows", "scale_sq": 4.0});
        assert_eq!(check_orthogonal(&rows, &[2.0, 0.0, 0.0, 0.0, 0.0, -2.0]), Ok(()));
        assert!(check_orthogonal(&rows, &[2.0, 0.0, 0.0, 0.1, 0.0, -2.0]).is_err());
        let columns = json!({"shape": [3, 2], "orthogonal": "columns", "scale_sq": 4.0});
        assert_eq!(check_orthogonal(&columns, &[2.0, 0.0, 0.0, 0.0, 0.0, -2.0]), Ok(()));
        assert!(check_orthogonal(&columns, &[2.0, 0.0, 0.0, 0.0, 0.0, 1.0]).is_err());
    }

    #[test]
    fn wrong_moments_are_found() {
        let entry = |scale: f64, measured: f64| {
            json!({"init": "uniform", "args": {"scale": scale}, "shape": [100, 100], "measured":
                {"min": -measured, "max": measured, "mean": 0.0, "std": measured / 3f64.sqrt()}})
        };
        gluonic::random::seed(1);
        assert_eq!(check_moments(&entry(0.3, 0.3)), Ok(()));
        assert!(check_moments(&entry(0.3, 0.31)).is_err());
    }
}
