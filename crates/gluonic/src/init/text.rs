//! The text form of initializers: JSON as Python writes and reads it.

use serde_json::Value;

use crate::array::Scalar;

/// `["normal", {"sigma": 0.01}]`, with arguments in the given order.
pub(super) fn text(init: &str, args: &[(&str, String)]) -> String {
    let args: Vec<_> =
        args.iter().map(|(name, value)| format!("{}: {value}", word(name))).collect();
    format!("[{}, {{{}}}]", word(init), args.join(", "))
}

/// A string.
pub(super) fn word(text: &str) -> String {
    Value::from(text).to_string()
}

pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// A number as `json.dumps` writes it: integers without a point, floats with one, with as many
/// digits as it takes to read the same float again.
pub(super) fn number(value: Scalar) -> String {
    let value = match value {
        Scalar::Int(value) => return value.to_string(),
        Scalar::Bool(value) => return value.to_string(),
        Scalar::Float(value) => value,
    };
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    // Rust chooses digits and notation as Python does, only exponents look otherwise.
    let text = format!("{value:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        },
    }
}

/// Words that Python writes for numbers, and the strings that stand for them in a [`Value`]: such
/// as no text holds by accident.
const WORDS: [(&str, &str, f64); 3] = [
    ("-Infinity", "\0-inf", f64::NEG_INFINITY),
    ("Infinity", "\0inf", f64::INFINITY),
    ("NaN", "\0nan", f64::NAN),
];

/// Parses JSON in which `NaN`, `Infinity` and `-Infinity` may stand.
pub(super) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while let Some(c) = rest.chars().next() {
        let word = WORDS.iter().find(|(word, ..)| !in_string && rest.starts_with(word));
        if let Some((word, marker, _)) = word {
            out.push_str(&self::word(marker));
            rest = &rest[word.len()..];
            continue;
        }
        // An escaped character cannot end a string.
        let escaped = if in_string && c == '\\' { rest[1..].chars().next() } else { None };
        let n = c.len_utf8() + escaped.map_or(0, char::len_utf8);
        in_string ^= c == '"';
        out.push_str(&rest[..n]);
        rest = &rest[n..];
    }
    serde_json::from_str(&out)
}

/// The number that a value is, if it is one.
pub(super) fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .map(Scalar::from)
            .or_else(|| number.as_u64().map(Scalar::from))
            .or_else(|| number.as_f64().map(Scalar::from)),
        Value::String(text) => {
            WORDS.iter().find(|(_, marker, _)| marker == text).map(|(.., value)| (*value).into())
        }
        _ => None,
    }
}

/// The string that a value is, if it is one and does not stand for a number.
pub(super) fn string(value: &Value) -> Option<&str> {
    value.as_str().filter(|_| scalar(value).is_none())
}

/// A value as Python would write it.
pub(super) fn shown(value: &Value) -> String {
    match (scalar(value), value) {
        (Some(value), _) => number(value),
        (None, Value::Array(items)) => list(items.iter().map(shown)),
        (None, Value::Object(items)) => {
            let items = items.iter().map(|(key, item)| format!("{}: {}", word(key), shown(item)));
            format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
        }
        (None, other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_print_as_in_python() {
        for (value, expected) in [
            (3.into(), "3"),
            (3.0.into(), "3.0"),
            (0.07.into(), "0.07"),
            (1e-4.into(), "0.0001"),
            (1e-5.into(), "1e-05"),
            (1.5e-7.into(), "1.5e-07"),
            (1e15.into(), "1000000000000000.0"),
            (1e16.into(), "1e+16"),
            (1e100.into(), "1e+100"),
            ((-0.0).into(), "-0.0"),
            (f64::NAN.into(), "NaN"),
            (f64::NEG_INFINITY.into(), "-Infinity"),
            (u64::MAX.into(), "18446744073709551615"),
            (true.into(), "true"),
        ] {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn words_are_numbers_outside_of_strings_only() {
        let value = parse(r#"{"a\"NaN": [NaN, -Infinity, 1.5], "é": "Infinity"}"#).unwrap();
        let numbers: Vec<_> = value["a\"NaN"].as_array().unwrap().iter().map(scalar).collect();
        assert!(numbers[0].unwrap().to_f64().is_nan());
        assert_eq!(numbers[1..], [Some(f64::NEG_INFINITY.into()), Some(1.5.into())]);
        assert_eq!(value["é"], "Infinity");
        assert_eq!(scalar(&value["é"]), None);
    }

    proptest! {
        #[test]
        fn no_float_loses_a_digit(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            let found = scalar(&parse(&number(value.into())).unwrap()).unwrap();
            prop_assert_eq!(found, Scalar::from(value));
        }

        #[test]
        fn no_integer_becomes_a_float(value: i64) {
            let found = scalar(&parse(&number(value.into())).unwrap()).unwrap();
            prop_assert_eq!(found, Scalar::from(value));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".*") {
            parse(&text).ok();
        }
    }
}
