//! Patterns to and from text.

use std::fmt::{self, Write as _};

use super::error::Fault;
use super::pattern::{Beside, Glob, GlobToken, Pattern, Token};

/// The characters that a pattern may have.
const MAX_LEN: usize = 1024;

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Pattern, Fault> {
        let chars: Vec<char> = text.chars().collect();
        if chars.len() > MAX_LEN {
            return Err(Fault::new(0, format!("a pattern of at most {MAX_LEN} characters")));
        }
        Reader { chars: &chars, at: 0 }.pattern()
    }
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

const NAME: &str = "a capture `{name}`, `{name:a,b}` or `{name**}`, or alternatives `{a,b}`";

impl Reader<'_> {
    fn pattern(&mut self) -> Result<Pattern, Fault> {
        let (mut tokens, mut text) = (Vec::new(), String::new());
        if self.chars.is_empty() {
            return Err(Fault::new(0, "a key or pattern"));
        }
        let mut start = true;
        while let Some(c) = self.peek(0) {
            let at = self.at;
            let token = match c {
                '\\' => {
                    text.push(self.escaped()?);
                    start = false;
                    continue;
                }
                '.' => {
                    text.push('.');
                    self.at += 1;
                    start = true;
                    continue;
                }
                '*' if self.peek(1) == Some('*') => {
                    self.at += 2;
                    self.deep(None, start, at)?
                }
                '*' => {
                    self.at += 1;
                    Token::Any
                }
                '?' => {
                    self.at += 1;
                    Token::One
                }
                '{' => self.braces(start)?,
                '}' => return Err(Fault::new(at, "a `{` before this, or a `\\`")),
                c => {
                    text.push(c);
                    self.at += 1;
                    start = false;
                    continue;
                }
            };
            let adjacent = text.is_empty() && matches!(tokens.last(), Some(Token::Capture(..)));
            if adjacent && matches!(token, Token::Capture(..) | Token::Any) {
                return Err(Fault::new(at, "text between two captures"));
            }
            if let Token::Deep(_, beside) = &token {
                match beside {
                    // The dot is one of the token.
                    Beside::After => drop(text.pop()),
                    Beside::Before => self.at += 1,
                    Beside::Alone => {}
                }
                let after_deep = text.is_empty()
                    && matches!(tokens.last(), Some(Token::Deep(_, Beside::Before)));
                if after_deep {
                    return Err(Fault::new(at, "a segment between two `**`"));
                }
            }
            if !text.is_empty() {
                tokens.push(Token::Text(std::mem::take(&mut text).into()));
            }
            start = matches!(token, Token::Deep(..));
            tokens.push(token);
        }
        if !text.is_empty() {
            tokens.push(Token::Text(text.into()));
        }
        let pattern = Pattern { tokens };
        for (name, deep) in pattern.captures() {
            if pattern.captures().any(|(other, other_deep)| other == name && other_deep != deep) {
                return Err(Fault::new(0, format!("`{{{name}}}` or `{{{name}**}}`, not both")));
            }
        }
        Ok(pattern)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    /// The character after a `\`.
    fn escaped(&mut self) -> Result<char, Fault> {
        let c =
            self.peek(1).ok_or_else(|| Fault::new(self.at + 1, "a character after the `\\`"))?;
        self.at += 2;
        Ok(c)
    }

    /// `start` tells whether a segment starts before it; the reader stands after it.
    fn deep(&mut self, name: Option<Box<str>>, start: bool, at: usize) -> Result<Token, Fault> {
        let beside = match self.peek(0) {
            Some('.') if start => Beside::Before,
            None if start && at == 0 => Beside::Alone,
            None if start => Beside::After,
            _ => return Err(Fault::new(at, "`**` to be a whole segment, outside of other braces")),
        };
        Ok(Token::Deep(name, beside))
    }

    fn braces(&mut self, start: bool) -> Result<Token, Fault> {
        let open = self.at;
        self.at += 1;
        let mut name = String::new();
        while let Some(c) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
            name.push(c);
            self.at += 1;
        }
        let is_name = name.chars().next().is_some_and(|c| !c.is_numeric());
        match self.peek(0) {
            Some('}') if is_name => {
                self.at += 1;
                Ok(Token::Capture(name.into(), Vec::new()))
            }
            Some(':') if is_name => {
                let globs = self.alternatives()?;
                Ok(Token::Capture(name.into(), globs))
            }
            Some('*') if is_name && self.peek(1) == Some('*') && self.peek(2) == Some('}') => {
                self.at += 3;
                self.deep(Some(name.into()), start, open)
            }
            Some('}') => Err(Fault::new(open + 1, NAME)),
            _ => {
                self.at = open;
                let globs = self.alternatives()?;
                if globs.len() < 2 {
                    return Err(Fault::new(open + 1, NAME));
                }
                Ok(Token::Either(globs))
            }
        }
    }

    /// Reads alternatives after a `{` or `:` up to and with the brace that closes them.
    fn alternatives(&mut self) -> Result<Vec<Glob>, Fault> {
        let mut globs = vec![Glob::new()];
        self.at += 1;
        let mut text = String::new();
        loop {
            let last = globs.len() - 1;
            let glob = &mut globs[last];
            match self.peek(0) {
                None => return Err(Fault::new(self.at, "`,` or `}`")),
                Some('.') => return Err(Fault::new(self.at, "braces within one segment")),
                Some('{') => return Err(Fault::new(self.at, "no braces in braces")),
                Some('*') if self.peek(1) == Some('*') => {
                    let expected = "`**` to be a whole segment, outside of other braces";
                    return Err(Fault::new(self.at, expected));
                }
                Some('\\') => {
                    if self.peek(1) == Some('.') {
                        return Err(Fault::new(self.at, "braces within one segment"));
                    }
                    text.push(self.escaped()?);
                }
                Some(c @ (',' | '}' | '*' | '?')) => {
                    if !text.is_empty() {
                        glob.push(GlobToken::Text(std::mem::take(&mut text).into()));
                    }
                    self.at += 1;
                    match c {
                        ',' => globs.push(Glob::new()),
                        '*' => glob.push(GlobToken::Any),
                        '?' => glob.push(GlobToken::One),
                        _ => return Ok(globs),
                    }
                }
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.tokens {
            match token {
                Token::Text(text) => write_text(f, text, r"\*?{}")?,
                Token::One => f.write_char('?')?,
                Token::Any => f.write_char('*')?,
                Token::Either(globs) => {
                    f.write_char('{')?;
                    write_globs(f, globs)?;
                }
                Token::Capture(name, globs) if globs.is_empty() => write!(f, "{{{name}}}")?,
                Token::Capture(name, globs) => {
                    write!(f, "{{{name}:")?;
                    write_globs(f, globs)?;
                }
                Token::Deep(name, beside) => {
                    if *beside == Beside::After {
                        f.write_char('.')?;
                    }
                    match name {
                        Some(name) => write!(f, "{{{name}**}}")?,
                        None => f.write_str("**")?,
                    }
                    if *beside == Beside::Before {
                        f.write_char('.')?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str, special: &str) -> fmt::Result {
    for c in text.chars() {
        if special.contains(c) {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}

fn write_globs(f: &mut fmt::Formatter<'_>, globs: &[Glob]) -> fmt::Result {
    for (i, glob) in globs.iter().enumerate() {
        if i > 0 {
            f.write_char(',')?;
        }
        for (j, token) in glob.iter().enumerate() {
            match token {
                // What looks like the name of a capture at the start is no text.
                GlobToken::Text(text) if i == 0 && j == 0 => write_text(f, text, r"\*?{},:")?,
                GlobToken::Text(text) => write_text(f, text, r"\*?{},")?,
                GlobToken::One => f.write_char('?')?,
                GlobToken::Any => f.write_char('*')?,
            }
        }
    }
    f.write_char('}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_pattern_is_told_where() {
        let fault = |text: &str| {
            let fault = Pattern::parse(text).unwrap_err();
            (fault.at, fault.expected)
        };
        assert_eq!(fault(""), (0, "a key or pattern".into()));
        assert_eq!(fault("a.}"), (2, r"a `{` before this, or a `\`".into()));
        assert_eq!(fault("a.{i"), (4, "`,` or `}`".into()));
        assert_eq!(fault("a.{}"), (3, NAME.into()));
        assert_eq!(fault("a.{1}"), (3, NAME.into()));
        assert_eq!(fault("{a}{b}"), (3, "text between two captures".into()));
        assert_eq!(
            fault("a.x**"),
            (3, "`**` to be a whole segment, outside of other braces".into())
        );
        assert_eq!(fault("**.**"), (3, "a segment between two `**`".into()));
        assert_eq!(fault("{a**}.{a}"), (0, "`{a}` or `{a**}`, not both".into()));
        assert_eq!(fault("a\\"), (2, "a character after the `\\`".into()));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_prints_as_it_reads(
            text in r"[ab{}*?,:.\\é]{0,12}", key in "[ab.é*]{0,10}"
        ) {
            let Ok(read) = Pattern::parse(&text) else { return Ok(()) };
            prop_assert_eq!(&Pattern::parse(&read.to_string()).unwrap(), &read, "{}", read);
            let _ = read.matches(&key);
        }
    }
}
