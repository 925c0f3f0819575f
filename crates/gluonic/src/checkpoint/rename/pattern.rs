//! Patterns on keys, which match a key as a whole and capture parts of it, and which make keys of
//! what was captured.

use super::matcher::{TooCostly, captures};

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
    pub(super) tokens: Vec<Token>,
}

/// What the captures of a pattern stand for, sorted by name; `None` for no segment at all.
pub(super) type Captures<'a> = Vec<(&'a str, Option<&'a str>)>;

impl Pattern {
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

    pub(super) fn captures(&self) -> impl Iterator<Item = (&str, bool)> {
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
        let Some(mut captures) = captures(&self.tokens, key)? else { return Ok(None) };
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

    proptest! {
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
