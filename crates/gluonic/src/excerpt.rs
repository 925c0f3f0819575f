//! The part of a text that an error is about, with a mark below the character.

use std::fmt;

/// How many characters of a long line are shown before and after the position.
const AROUND: usize = 40;

/// Writes, on lines of its own, the part of a line of text around the character `at`, and a mark
/// below that character if there is one to point at. Writes nothing of a blank text.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, text: &str, at: Option<usize>) -> fmt::Result {
    if text.trim().is_empty() {
        return Ok(());
    }
    let place = at.unwrap_or(0);
    let start = place.saturating_sub(AROUND);
    let cut = if start > 0 { "…" } else { "" };
    // A line break or a tab would move the mark away from its character.
    let visible = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
    let mut rest = text.chars().skip(start).map(visible);
    let shown: String = rest.by_ref().take(place - start + AROUND).collect();
    let more = if rest.next().is_some() { "…" } else { "" };
    write!(f, "\n  {cut}{}{more}", shown.trim_end())?;
    if at.is_some() {
        write!(f, "\n  {:>width$}", "^", width = cut.chars().count() + place - start + 1)?;
    }
    Ok(())
}
