//! Patterns on keys, which match a key as a whole and capture parts of it, and which make keys of
//! what was captured.

use std::fmt::{self, Write as _};

use super::error::Fault;

/// The characters that a pattern may have.
const MAX_LEN: usize = 1024;

/// The number of steps that one key may need.
const STEPS: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Token {
    /// Text, dots included.
    Text(Box<str>),
    /// `?`: one character.
    One,
    /// `*`: any characters, also none.
    Any,
    /// `{a,b}`: one of these.
    Either(Vec<Glob>),
    /// `{name}`, `{name:a,b}`: one or more characters of a segment; one of these, if there are any.
    Capture(Box<str>, Vec<Glob>),
    /// `**`, `{name**}`: any number of segments, also none, and a dot that sets them apart.
    Deep(Option<Box<str>>, Beside),
}

/// Which dot belongs to a `**`, and goes with it when it stands for no segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Beside {
    /// None: the `**` is the whole pattern.
    Alone,
    /// The one after it.
    Before,
    /// The one before it, at the end of a pattern.
    After,
}

/// A glob inside braces.
pub(super) type Glob = Vec<GlobToken>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum GlobToken {
    Text(Box<str>),
    One,
    Any,
}

/// A pattern that matches whole keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
}

/// What the captures of a pattern stand for, sorted by name; `None` for no segment at all.
pub(super) type Captures<'a> = Vec<(&'a str, Option<&'a str>)>;

/// A key needs more steps than a pattern may take.
#[derive(Debug)]
pub(super) struct TooCostly;

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Pattern, Fault> {
        let chars: Vec<char> = text.chars().collect();
        if chars.len() > MAX_LEN {
            return Err(Fault::new(0, format!("a pattern of at most {MAX_LEN} characters")));
        }
        Reader { chars: &chars, at: 0 }.pattern()
    }

    /// The pattern that matches this key only.
    pub(super) fn literal(key: &str) -> Pattern {
        Pattern { tokens: vec![Token::Text(key.into())] }
    }

    pub(super) fn of(tokens: Vec<Token>) -> Pattern {
        Pattern { tokens }
    }

    /// The names of the captures, sorted, each once.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.captures().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn captures(&self) -> impl Iterator<Item = (&str, bool)> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Capture(name, _) => Some((&**name, false)),
            Token::Deep(Some(name), _) => Some((&**name, true)),
            _ => None,
        })
    }

    /// Whether a capture of that name takes whole segments; `None` if there is none.
    pub(super) fn is_deep(&self, name: &str) -> Option<bool> {
        self.captures().find(|(own, _)| *own == name).map(|(_, deep)| deep)
    }

    /// What stands for parts of a key without a name.
    pub(super) fn anonymous(&self) -> Option<&'static str> {
        self.tokens.iter().find_map(|token| match token {
            Token::One => Some("?"),
            Token::Any => Some("*"),
            Token::Either(_) => Some("{a,b}"),
            Token::Deep(None, _) => Some("**"),
            _ => None,
        })
    }

    /// A capture that takes some texts only.
    pub(super) fn limited(&self) -> Option<&str> {
        self.tokens.iter().find_map(|token| match token {
            Token::Capture(name, globs) if !globs.is_empty() => Some(&**name),
            _ => None,
        })
    }

    /// The same pattern with the limits that `other` sets for captures of the same names.
    pub(super) fn with_limits_of(&self, other: &Pattern) -> Pattern {
        let limit = |name: &str| {
            other.tokens.iter().find_map(|token| match token {
                Token::Capture(own, globs) if &**own == name => Some(globs.clone()),
                _ => None,
            })
        };
        let tokens = self.tokens.iter().map(|token| match token {
            Token::Capture(name, _) => {
                Token::Capture(name.clone(), limit(name).unwrap_or_default())
            }
            token => token.clone(),
        });
        Pattern { tokens: tokens.collect() }
    }

    /// The same pattern with captures that take any text.
    pub(super) fn without_limits(&self) -> Pattern {
        self.with_limits_of(&Pattern { tokens: Vec::new() })
    }

    /// What the captures stand for if the pattern matches the key: the first captures take as
    /// little as they can.
    pub(super) fn matches<'a>(&'a self, key: &'a str) -> Result<Option<Captures<'a>>, TooCostly> {
        let mut matcher = Matcher { key, bound: Vec::new(), steps: STEPS };
        if !matcher.run(&self.tokens, 0)? {
            return Ok(None);
        }
        let mut captures = matcher.bound;
        captures.sort_unstable();
        captures.dedup();
        Ok(Some(captures))
    }

    /// The key that these captures make.
    pub(super) fn expand(&self, captures: &Captures<'_>) -> String {
        let value = |name: &str| {
            captures.iter().find(|(own, _)| *own == name).and_then(|(_, value)| *value)
        };
        let mut key = String::new();
        for token in &self.tokens {
            match token {
                Token::Text(text) => key.push_str(text),
                Token::Capture(name, _) => key.push_str(value(name).unwrap_or_default()),
                Token::Deep(Some(name), beside) => {
                    let Some(value) = value(name) else { continue };
                    if *beside == Beside::After {
                        key.push('.');
                    }
                    key.push_str(value);
                    if *beside == Beside::Before {
                        key.push('.');
                    }
                }
                // Rules refuse them where keys are made.
                Token::One | Token::Any | Token::Either(_) | Token::Deep(None, _) => {}
            }
        }
        key
    }
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

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[track_caller]
    fn check(from: &str, to: &str, key: &str, expected: Option<&str>) {
        let (from, to) = (pattern(from), pattern(to));
        let captures = from.matches(key).unwrap();
        assert_eq!(captures.map(|captures| to.expand(&captures)).as_deref(), expected);
    }

    #[test]
    fn a_capture_takes_characters_of_one_segment() {
        check("h.{i}.w", "g.{i}.v", "h.10.w", Some("g.10.v"));
        check("h.{i}.w", "g.{i}.v", "h.1.0.w", None);
        check("h.{i}.w", "g.{i}.v", "h..w", None);
        check("dense{i}_{p}", "{i}.{p}", "dense12_running_mean", Some("12.running_mean"));
    }

    #[test]
    fn a_deep_capture_takes_any_number_of_segments_and_their_dot() {
        check("module.{rest**}", "{rest**}", "module.a.b", Some("a.b"));
        check("{rest**}", "module.{rest**}", "a.b", Some("module.a.b"));
        check("a.{rest**}.w", "b.{rest**}.w", "a.w", Some("b.w"));
        check("a.{rest**}.w", "b.{rest**}.w", "a.x.y.w", Some("b.x.y.w"));
        check("{rest**}.w", "{rest**}.v", "w", Some("v"));
        check("a.{rest**}", "b.{rest**}", "a", Some("b"));
        check("a.{rest**}", "b.{rest**}", "ab", None);
        check("a.{rest**}", "b.{rest**}", "a.", Some("b."));
        check("a.{x**}.b.{y**}", "{y**}.m.{x**}.z", "a.1.b.2.b.3", Some("2.b.3.m.1.z"));
    }

    #[test]
    fn the_same_capture_twice_is_the_same_text() {
        check("{a}_{b}.{b}", "{a}", "x_y_z.z", Some("x_y"));
        check("{a}.{a}", "{a}", "x.y", None);
    }

    #[test]
    fn a_capture_may_be_limited_to_globs() {
        check("{p:q,k,v}.w", "{p}", "k.w", Some("k"));
        check("{p:q,k,v}.w", "{p}", "kk.w", None);
        check("{p:layer*,h?}.w", "{p}", "layer12.w", Some("layer12"));
        check(r"a\{b\*", r"x\?", "a{b*", Some("x?"));
    }

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

    #[test]
    fn a_pattern_that_needs_too_many_steps_gives_up() {
        let costly = pattern(&["*"; 12].join("a"));
        assert!(costly.matches(&"a".repeat(200)).unwrap().is_some());
        assert!(costly.matches(&("a".repeat(200) + "b.c")).is_err());
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

        #[test]
        fn a_pattern_without_wildcards_makes_the_key_again(
            text in r"(a|b|\{x\}|_|\.|\{y\*\*\}){1,6}", key in "[ab_.]{0,10}"
        ) {
            let Ok(read) = Pattern::parse(&text) else { return Ok(()) };
            if let Ok(Some(captures)) = read.matches(&key) {
                prop_assert_eq!(read.expand(&captures), key, "{}", read);
            }
        }
    }
}
