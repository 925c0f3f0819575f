//! Initial values, from `init.json`: exact ones, moments of draws, and how initializers print.

use std::path::Path;

use gluonic::init::{Constant, Draw, Factor, Initializer, Normal, One, Uniform, Xavier, Zero};
use gluonic::{NdArray, Parameter, Reinit};
use serde_json::{Value, json};

use super::args::Args;
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
    ("suffix", |_| Err(Problem::Later("dispatch by the suffix of a name".into()))),
];

/// The initializer of that registered name.
pub(super) fn initializer(name: &str, args: &Value) -> Check<Box<dyn Initializer>> {
    let mut args = Args::new(format!("initializer `{name}`"), args);
    let init: Box<dyn Initializer> = match name.to_lowercase().as_str() {
        "zero" | "zeros" => Box::new(Zero),
        "one" | "ones" => Box::new(One),
        "constant" => Box::new(constant(args.take("value").unwrap_or(&Value::Null))?),
        "uniform" => Box::new(args.number("scale")?.map_or_else(Uniform::default, Uniform::new)),
        "normal" => Box::new(args.number("sigma")?.map_or_else(Normal::default, Normal::new)),
        "xavier" => {
            let mut xavier = Xavier::default();
            xavier.draw = match args.word("rnd_type")? {
                None => xavier.draw,
                Some("uniform") => Draw::Uniform,
                Some("gaussian") => Draw::Normal,
                Some(other) => return Err(Problem::Later(format!("rnd_type `{other}`"))),
            };
            xavier.factor = match args.word("factor_type")? {
                None => xavier.factor,
                Some("avg") => Factor::Avg,
                Some("in") => Factor::In,
                Some("out") => Factor::Out,
                Some(other) => return Err(Problem::Later(format!("factor_type `{other}`"))),
            };
            xavier.magnitude = args.number("magnitude")?.unwrap_or(xavier.magnitude);
            Box::new(xavier)
        }
        _ => return Err(Problem::Later(format!("initializer `{name}`"))),
    };
    args.finish()?;
    Ok(init)
}

fn constant(value: &Value) -> Check<Constant> {
    if let Some(integer) = value.as_i64() {
        return Ok(Constant::new(integer));
    }
    if let Some(value) = number(value) {
        return Ok(Constant::new(value));
    }
    let (mut sizes, mut values) = (Vec::new(), Vec::new());
    let mut level = value;
    while let Some(items) = level.as_array() {
        sizes.push(items.len());
        level = items.first().unwrap_or(&Value::Null);
    }
    flatten(value, &mut values);
    Ok(Constant::new(&NdArray::from_vec(values, sizes)?))
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
