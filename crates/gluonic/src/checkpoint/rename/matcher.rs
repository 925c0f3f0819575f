//! Whether a pattern is a whole key, and what its captures stand for then.

use super::pattern::{Beside, Captures, Glob, GlobToken, Token};

/// The number of steps that one key may need.
const STEPS: usize = 100_000;

/// A key needs more steps than a pattern may take.
#[derive(Debug)]
pub(super) struct TooCostly;

/// What the captures of these tokens stand for, in the order in which they were bound; `None` if
/// the key is another one.
pub(super) fn captures<'a>(
    tokens: &'a [Token],
    key: &'a str,
) -> Result<Option<Captures<'a>>, TooCostly> {
    let mut matcher = Matcher { key, bound: Vec::new(), steps: STEPS };
    Ok(matcher.run(tokens, 0)?.then_some(matcher.bound))
}

struct Matcher<'a> {
    key: &'a str,
    bound: Captures<'a>,
    steps: usize,
}

impl<'a> Matcher<'a> {
    fn run(&mut self, tokens: &'a [Token], at: usize) -> Result<bool, TooCostly> {
        self.steps = self.steps.checked_sub(1).ok_or(TooCostly)?;
        let key = self.key;
        let Some((token, rest)) = tokens.split_first() else { return Ok(at == key.len()) };
        let left = &key[at..];
        let segment = &left[..left.find('.').unwrap_or(left.len())];
        match token {
            Token::Text(text) => {
                if !left.starts_with(&**text) {
                    return Ok(false);
                }
                self.run(rest, at + text.len())
            }
            Token::One => match segment.chars().next() {
                Some(c) => self.run(rest, at + c.len_utf8()),
                None => Ok(false),
            },
            Token::Any => self.any_of(rest, at, ends(segment, 0), None, &[]),
            Token::Either(globs) => self.any_of(rest, at, ends(segment, 0), None, globs),
            Token::Capture(name, globs) => {
                self.any_of(rest, at, ends(segment, 1), Some(&**name), globs)
            }
            Token::Deep(name, Beside::Alone) => {
                Ok(self.bind(name.as_deref(), Some(left)) && self.run(rest, key.len())?)
            }
            Token::Deep(name, Beside::After) => {
                let value = if left.is_empty() { None } else { left.strip_prefix('.') };
                if value.is_none() && !left.is_empty() {
                    return Ok(false);
                }
                Ok(self.bind(name.as_deref(), value) && self.run(rest, key.len())?)
            }
            Token::Deep(name, Beside::Before) => {
                let dots = left.match_indices('.').map(|(dot, _)| Some(dot));
                for dot in std::iter::once(None).chain(dots) {
                    let kept = self.bound.len();
                    let value = dot.map(|dot| &left[..dot]);
                    let next = at + dot.map_or(0, |dot| dot + 1);
                    if self.bind(name.as_deref(), value) && self.run(rest, next)? {
                        return Ok(true);
                    }
                    self.bound.truncate(kept);
                }
                Ok(false)
            }
        }
    }

    /// Tries every end for a token that starts here and may take several texts.
    fn any_of(
        &mut self,
        rest: &'a [Token],
        at: usize,
        ends: impl Iterator<Item = usize>,
        name: Option<&'a str>,
        globs: &[Glob],
    ) -> Result<bool, TooCostly> {
        let key = self.key;
        for end in ends {
            let text = &key[at..at + end];
            if !globs.is_empty() {
                self.steps = self.steps.checked_sub(globs.len()).ok_or(TooCostly)?;
            }
            if !globs.is_empty() && !globs.iter().any(|glob| fits(glob, text)) {
                continue;
            }
            let kept = self.bound.len();
            if self.bind(name, Some(text)) && self.run(rest, at + end)? {
                return Ok(true);
            }
            self.bound.truncate(kept);
        }
        Ok(false)
    }

    /// Whether the capture may stand for that: if it has not been bound, or to the same text.
    fn bind(&mut self, name: Option<&'a str>, value: Option<&'a str>) -> bool {
        let Some(name) = name else { return true };
        if let Some((_, bound)) = self.bound.iter().find(|(own, _)| *own == name) {
            return *bound == value;
        }
        self.bound.push((name, value));
        true
    }
}

/// Where a text of so many characters or more may end.
fn ends(text: &str, least: usize) -> impl Iterator<Item = usize> {
    let inner = text.char_indices().map(|(i, _)| i);
    inner.chain(std::iter::once(text.len())).skip(least)
}

/// Whether a glob is a whole text. A `*` that has failed is never taken up again, so that the time
/// is at most the product of the lengths.
fn fits(glob: &[GlobToken], text: &str) -> bool {
    let (mut i, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let left = &text[at..];
        let step = match glob.get(i) {
            None if left.is_empty() => return true,
            Some(GlobToken::Any) => {
                star = Some((i + 1, at));
                i += 1;
                continue;
            }
            Some(GlobToken::Text(own)) if left.starts_with(&**own) => Some(own.len()),
            Some(GlobToken::One) => left.chars().next().map(char::len_utf8),
            _ => None,
        };
        if let Some(len) = step {
            (i, at) = (i + 1, at + len);
            continue;
        }
        let Some((after, from)) = star else { return false };
        let Some(c) = text[from..].chars().next() else { return false };
        star = Some((after, from + c.len_utf8()));
        (i, at) = (after, from + c.len_utf8());
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Pattern;

    #[test]
    fn a_pattern_that_needs_too_many_steps_gives_up() {
        let costly = Pattern::parse(&["*"; 12].join("a")).unwrap();
        assert!(costly.matches(&"a".repeat(200)).unwrap().is_some());
        assert!(costly.matches(&("a".repeat(200) + "b.c")).is_err());
    }
}
