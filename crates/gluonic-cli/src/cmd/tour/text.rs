//! Numbers and lines as they are printed.

/// A number with four digits that count.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 || value.fract() == 0.0 && value.abs() < 1e6 {
        return format!("{value}");
    }
    if value.abs() < 1e-3 {
        return format!("{value:.2e}");
    }
    let decimals = (3 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    format!("{value:.decimals$}")
}

/// Cuts a line at spaces; what follows a cut is indented as the line is, and by `more`.
pub(super) fn wrap(line: &str, width: usize, more: usize) -> Vec<String> {
    let indent = " ".repeat(line.len() - line.trim_start().len() + more);
    let (mut lines, mut rest) = (Vec::new(), line.to_owned());
    while rest.chars().count() > width {
        let (end, _) = rest.char_indices().nth(width).unwrap_or((rest.len(), ' '));
        let start = rest.len() - rest.trim_start().len();
        let Some(cut) = rest.get(start..=end).and_then(|part| part.rfind(' ')) else { break };
        let tail = format!("{indent}{}", rest[start + cut..].trim_start());
        rest.truncate(start + cut);
        lines.push(std::mem::replace(&mut rest, tail).trim_end().to_owned());
    }
    lines.push(rest);
    lines
}

/// One statement as `stringify!` gives it, with breaks where it likes them, laid out anew: on one
/// line, or a block that does not fit with a line for each of its statements.
pub(super) fn layout(code: &str, width: usize) -> String {
    let code = code.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    if code.len() <= width || !(code.contains("{ ") && code.contains("; ")) {
        return code;
    }
    code.replace("{ ", "{\n    ").replace("; ", ";\n    ").replace(" }", "\n}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_the_digits_that_count() {
        let shown = [0.0, 42.0, 0.04, 0.040_417, 7.501_23, 1.234_56e-5, -0.25].map(short);
        assert_eq!(shown, ["0", "42", "0.04000", "0.04042", "7.501", "1.23e-5", "-0.2500"]);
    }

    #[test]
    fn long_lines_are_cut_at_spaces_and_keep_their_indentation() {
        assert_eq!(wrap("  one two three", 9, 0), ["  one two", "  three"]);
        assert_eq!(wrap("a   b cd", 7, 4), ["a   b", "    cd"]);
        assert_eq!(wrap("█ ██ unbreakable", 4, 0), ["█ ██", "unbreakable"]);
        assert_eq!(wrap("", 9, 0), [""]);
    }

    #[test]
    fn a_block_that_is_too_long_for_a_line_gets_its_lines_back() {
        let code = "let y = f(|| { one()?; two()?; three() });";
        assert_eq!(layout("let y = f(||\n    { one()?; two()?;\n    three() });", 80), code);
        let lines = "let y = f(|| {\n    one()?;\n    two()?;\n    three()\n});";
        assert_eq!(layout(code, 20), lines);
    }
}
