//! What was expected and what was found: the first difference.

use gluonic::NdArray;
use serde_json::Value;

use super::{Check, Problem};

/// Outputs, gradients and losses, absolute: how far MXNet itself is from the formulas in `f64`.
pub(super) const VALUE: f64 = 2e-5;
/// Outputs of batch normalization, absolute.
pub(super) const NORMALIZED: f64 = 1e-4;
/// Parameters after steps of an optimizer, absolute.
pub(super) const UPDATED: f64 = 5e-5;

/// Compares texts, numbers and lists of them.
pub(super) fn same(what: &str, expected: &Value, found: &Value) -> Check {
    match (expected, found) {
        _ if expected == found => Ok(()),
        (Value::String(expected), Value::String(found)) => same_text(what, expected, found),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let mut pairs = expected.iter().zip(found).enumerate();
            pairs.try_for_each(|(i, (expected, found))| {
                same(&format!("{what}[{i}]"), expected, found)
            })
        }
        _ => Err(Problem::Differs(format!("{what}: expected {expected}, found {found}"))),
    }
}

/// Compares texts, line by line.
fn same_text(what: &str, expected: &str, found: &str) -> Check {
    let lines = expected.split('\n').zip(found.split('\n'));
    let different = (1..).zip(lines).find(|(_, (expected, found))| expected != found);
    Err(Problem::Differs(match different {
        Some((1, (expected, found))) => format!("{what}: expected `{expected}`, found `{found}`"),
        Some((n, (expected, found))) => {
            format!("{what}, line {n}: expected `{expected}`, found `{found}`")
        }
        None => {
            let (expected, found) = (expected.split('\n').count(), found.split('\n').count());
            format!("{what}: expected {expected} lines, found {found}")
        }
    }))
}

/// Compares arrays element by element.
pub(super) fn near(what: &str, expected: &NdArray, found: &NdArray, tolerance: f64) -> Check {
    let kind = |array: &NdArray| format!("{} of shape {}", array.dtype(), array.dims());
    if (expected.dims(), expected.dtype()) != (found.dims(), found.dtype()) {
        let (expected, found) = (kind(expected), kind(found));
        return Err(Problem::Differs(format!("{what}: expected {expected}, found {found}")));
    }
    let (values, found) = (expected.to_f64_vec()?, found.to_f64_vec()?);
    for (i, (&expected_one, &found_one)) in values.iter().zip(&found).enumerate() {
        if !close(expected_one, found_one, tolerance) {
            return Err(Problem::Differs(format!(
                "{what}, element {i} of shape {}: expected {expected_one}, found {found_one}",
                expected.dims()
            )));
        }
    }
    Ok(())
}

/// Equal, both not a number, or at most `tolerance` apart.
pub(super) fn close(expected: f64, found: f64, tolerance: f64) -> bool {
    expected == found
        || (expected.is_nan() && found.is_nan())
        || (expected - found).abs() <= tolerance
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_told() {
        let text = |check: Check| match check {
            Err(Problem::Differs(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(same("a", &json!([1, ["x"]]), &json!([1, ["x"]])), Ok(()));
        let lists = same("a", &json!([1, ["x", "y"]]), &json!([1, ["x", "z"]]));
        assert_eq!(text(lists), "a[1][1]: expected `y`, found `z`");
        let lengths = same("a", &json!([1]), &json!([1, 2]));
        assert_eq!(text(lengths), "a: expected [1], found [1,2]");
        let lines = same("repr", &json!("M(\n  (a)\n)"), &json!("M(\n  (b)\n)"));
        assert_eq!(text(lines), "repr, line 2: expected `  (a)`, found `  (b)`");
        let cut = same("repr", &json!("M(\n)"), &json!("M("));
        assert_eq!(text(cut), "repr: expected 2 lines, found 1");
    }

    #[test]
    fn arrays_must_agree_in_shape_type_and_values() {
        let a = NdArray::from_slice(&[1.0_f32, f32::NAN], 2).unwrap();
        let b = NdArray::from_slice(&[1.0_f32 + 1e-6, f32::NAN], 2).unwrap();
        assert_eq!(near("y", &a, &b, 1e-5), Ok(()));
        let error = near("y", &a, &b, 1e-7).unwrap_err();
        assert!(
            matches!(error, Problem::Differs(text) if text.starts_with("y, element 0 of shape (2,)"))
        );
        let wide = NdArray::from_slice(&[1.0_f64, f64::NAN], 2).unwrap();
        let error = near("y", &a, &wide, 1.0).unwrap_err();
        let text = "y: expected float32 of shape (2,), found float64 of shape (2,)";
        assert_eq!(error, Problem::differs(text));
    }
}
