//! JSON as Python writes it: with numbers that JSON does not have.

use serde_json::Value;

/// Words that Python writes outside of strings, and the string each becomes.
const WORDS: [(&str, &str); 3] =
    [("NaN", "\"nan\""), ("-Infinity", "\"-inf\""), ("Infinity", "\"inf\"")];

/// Parses a text in which `NaN`, `Infinity` and `-Infinity` may stand; they become strings that
/// [`number`] knows.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (text, false);
    while let Some(c) = rest.chars().next() {
        if !in_string && let Some((word, value)) = WORDS.iter().find(|(w, _)| rest.starts_with(w)) {
            out.push_str(value);
            rest = &rest[word.len()..];
            continue;
        }
        // An escaped character cannot end a string.
        let n = if in_string && c == '\\' {
            1 + rest[1..].chars().next().map_or(0, char::len_utf8)
        } else {
            c.len_utf8()
        };
        in_string ^= c == '"';
        out.push_str(&rest[..n]);
        rest = &rest[n..];
    }
    serde_json::from_str(&out).map_err(|error| error.to_string())
}

/// A number, or one of the words.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_outside_of_strings_only() {
        let value = parse(r#"{"a\"NaN": [NaN, -Infinity, Infinity, 1.5], "é": "Infinity"}"#);
        let value = value.unwrap();
        let numbers: Vec<_> = value["a\"NaN"].as_array().unwrap().iter().map(number).collect();
        assert!(numbers[0].unwrap().is_nan());
        assert_eq!(numbers[1..], [Some(f64::NEG_INFINITY), Some(f64::INFINITY), Some(1.5)]);
        assert_eq!(value["é"], "Infinity");
    }
}
