//! From text to a selector, without recursion: neither parentheses nor `!` can exhaust the stack.

use super::error::SelectorError;
use super::glob::Glob;
use super::regex::Regex;
use super::selector::{Op, Selector};
use super::term::{Compare, KINDS, PREDICATES, Term, WORDS};
use crate::array::DType;
use crate::error::{Error, Names, Result};
use crate::suggest::nearest;

const OPERAND: &str = "a glob, a predicate such as `kind:weight`, `!` or `(`";
const OPERATOR: &str = "`&`, `|` or the end";

/// What stands where something else should.
#[derive(Debug)]
pub(super) struct Fault {
    /// In characters from the start of the text.
    at: usize,
    expected: Box<str>,
    nearest: Names,
}

impl Fault {
    pub(super) fn new(at: usize, expected: &str) -> Fault {
        Fault { at, expected: expected.into(), nearest: Names::default() }
    }

    fn into_error(self, text: &str) -> Error {
        let Fault { at, expected, nearest } = self;
        Error::Selector(Box::new(SelectorError { text: text.into(), at, expected, nearest }))
    }
}

/// A character of a glob, and whether a `\` before it makes it an ordinary one.
pub(super) struct Letter {
    pub(super) c: char,
    pub(super) escaped: bool,
    pub(super) at: usize,
}

pub(super) fn selector(text: &str) -> Result<Selector> {
    let chars: Vec<char> = text.chars().collect();
    let parsed = if text.len() > Selector::MAX_LEN {
        Err(Fault::new(0, "a text of at most 1 MiB"))
    } else {
        Parser { chars: &chars, at: 0 }.expression()
    };
    parsed.map_err(|fault| fault.into_error(text))
}

/// A glob that is a text of its own: only what is special in globs is special here.
pub(super) fn glob(text: &str) -> Result<Glob> {
    let chars: Vec<char> = text.chars().collect();
    let letters = Parser { chars: &chars, at: 0 }.letters(Around::Nothing);
    let glob = letters.and_then(|letters| Glob::parse(&letters, chars.len()));
    glob.map_err(|fault| fault.into_error(text))
}

/// A regular expression that is a text of its own.
pub(super) fn regex(text: &str) -> Result<Regex> {
    Regex::new(text).map_err(|error| {
        let (at, problem) = regex_problem(&error, text);
        Fault::new(at, &problem).into_error(text)
    })
}

/// Where a regular expression is wrong, in characters, and what was expected there.
fn regex_problem(error: &fancy_regex::Error, text: &str) -> (usize, String) {
    let (at, problem) = match error {
        fancy_regex::Error::ParseError(at, problem) => (*at, problem.to_string()),
        error => (0, error.to_string()),
    };
    let at = text.char_indices().take_while(|(i, _)| *i < at).count();
    (at, format!("a regular expression: {problem}"))
}

/// What ends a word.
fn is_stop(c: char) -> bool {
    c.is_whitespace() || "&|!()".contains(c)
}

/// How many characters a regular expression without quotation marks has; `None` if its own
/// brackets do not end.
fn bare_regex_len(chars: &[char]) -> Option<usize> {
    let (mut groups, mut classes, mut i) = (0_usize, 0_usize, 0);
    while let Some(c) = chars.get(i) {
        match c {
            c if c.is_whitespace() => break,
            '\\' if i + 1 == chars.len() => return None,
            '\\' => i += 1,
            '[' => {
                classes += 1;
                if chars.get(i + 1) == Some(&'^') {
                    i += 1;
                }
                // A `]` that comes first is one of the class.
                if chars.get(i + 1) == Some(&']') {
                    i += 1;
                }
            }
            ']' => classes = classes.saturating_sub(1),
            _ if classes > 0 => {}
            '(' => groups += 1,
            ')' | '&' | '|' if groups == 0 => break,
            ')' => groups -= 1,
            _ => {}
        }
        i += 1;
    }
    (groups == 0 && classes == 0).then_some(i)
}

/// Whether a regular expression needs no quotation marks.
pub(super) fn is_bare_regex(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    !matches!(chars.first(), None | Some('"')) && bare_regex_len(&chars) == Some(chars.len())
}

/// What stands around a glob, of which it must keep apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    Expression,
}

enum Pending {
    Open(usize),
    Op(Op),
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Dijkstra's shunting yard: terms go out as they come, operators when one that binds less
    /// follows.
    fn expression(&mut self) -> Result<Selector, Fault> {
        let (mut out, mut pending) = (Vec::new(), Vec::new());
        let mut wants_operand = true;
        loop {
            self.skip_spaces();
            let next = self.peek();
            if wants_operand {
                match next {
                    Some('!') => pending.push(Pending::Op(Op::Not)),
                    Some('(') => pending.push(Pending::Open(self.at)),
                    None | Some('&' | '|' | ')') => return Err(Fault::new(self.at, OPERAND)),
                    Some(_) => {
                        out.push(Op::Term(self.term()?));
                        wants_operand = false;
                        continue;
                    }
                }
                self.at += 1;
                continue;
            }
            let op = match next {
                Some('&') => Some(Op::And),
                Some('|') => Some(Op::Or),
                Some(')') | None => None,
                Some(_) => {
                    let at = self.at;
                    let meant = match self.word().as_str() {
                        "and" => &["&"][..],
                        "or" => &["|"],
                        _ => &[],
                    };
                    let nearest = meant.iter().map(|op| Box::from(*op)).collect();
                    return Err(Fault { nearest, ..Fault::new(at, OPERATOR) });
                }
            };
            let binds = op.as_ref().map_or(0, Op::binds);
            while let Some(Pending::Op(top)) = pending.last()
                && top.binds() >= binds
            {
                if let Some(Pending::Op(top)) = pending.pop() {
                    out.push(top);
                }
            }
            match (op, next) {
                (Some(op), _) => {
                    pending.push(Pending::Op(op));
                    wants_operand = true;
                }
                (None, Some(_)) => {
                    if pending.pop().is_none() {
                        return Err(Fault::new(self.at, "a `(` before this"));
                    }
                }
                (None, None) => {
                    return match pending.pop() {
                        Some(Pending::Open(at)) => {
                            let expected = format!("`)` for the `(` at character {}", at + 1);
                            Err(Fault::new(self.at, &expected))
                        }
                        _ => Ok(Selector::from_ops(out)),
                    };
                }
            }
            self.at += 1;
        }
    }

    fn term(&mut self) -> Result<Term, Fault> {
        let start = self.at;
        let word = |c: &char| c.is_alphanumeric() || *c == '_' || *c == '-';
        let n = self.chars[start..].iter().take_while(|c| word(c)).count();
        if self.chars.get(start + n) == Some(&':') {
            let name: String = self.chars[start..start + n].iter().collect();
            self.at += n + 1;
            self.skip_spaces();
            return self.predicate(start, &name);
        }
        let letters = self.letters(Around::Expression)?;
        let plain = letters.iter().all(|letter| !letter.escaped);
        let text: String = letters.iter().map(|letter| letter.c).collect();
        if let Some((_, term)) = WORDS.into_iter().find(|(word, _)| plain && *word == text) {
            return Ok(term);
        }
        Ok(Term::Path(Glob::parse(&letters, self.at)?))
    }

    fn predicate(&mut self, start: usize, name: &str) -> Result<Term, Fault> {
        let at = self.at;
        let among = |expected: &str, word: &str, known: &[&str]| {
            let known: Vec<&str> = known.to_vec();
            let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            Fault {
                nearest: nearest(word, known),
                ..Fault::new(at, &format!("{expected}: {}", list.join(", ")))
            }
        };
        match name {
            "re" => self.regex(),
            "tag" => self.tag(),
            "name" => Ok(Term::Name(Glob::parse(&self.letters(Around::Expression)?, self.at)?)),
            "kind" => {
                let word = self.word();
                let kind = KINDS.into_iter().find(|kind| kind.to_string() == word);
                let known = KINDS.map(|kind| kind.to_string());
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                kind.map(Term::Kind).ok_or_else(|| among("a kind", &word, &known))
            }
            "dtype" => {
                let word = self.word();
                let known: Vec<&str> = DType::ALL.iter().map(|dtype| dtype.name()).collect();
                let dtype = DType::from_name(&word).map(Term::DType);
                dtype.ok_or_else(|| among("an element type", &word, &known))
            }
            "rank" => self.bound().map(|(compare, value)| Term::Rank(compare, value)),
            "size" => self.bound().map(|(compare, value)| Term::Size(compare, value)),
            _ => Err(Fault { at: start, ..among("a predicate", name, &PREDICATES) }),
        }
    }

    /// The characters up to the next operator, parenthesis or space.
    fn word(&mut self) -> String {
        let n = self.chars[self.at..].iter().take_while(|c| !is_stop(**c)).count();
        self.at += n;
        self.chars[self.at - n..self.at].iter().collect()
    }

    /// The characters of a glob up to one that ends it.
    fn letters(&mut self, around: Around) -> Result<Vec<Letter>, Fault> {
        let inside = around == Around::Expression;
        let mut letters = Vec::new();
        while let Some(c) = self.peek()
            && !(inside && is_stop(c))
        {
            let escaped = c == '\\';
            if inside && ":<>=\"".contains(c) {
                let expected = match c {
                    ':' | '"' => format!("a `\\` before `{c}`"),
                    _ => "`:` before a comparison, as in `size:>1e6`".to_owned(),
                };
                return Err(Fault::new(self.at, &expected));
            }
            self.at += usize::from(escaped);
            let Some(c) = self.peek() else {
                return Err(Fault::new(self.at, "the character that `\\` makes an ordinary one"));
            };
            letters.push(Letter { c, escaped, at: self.at });
            self.at += 1;
        }
        Ok(letters)
    }

    /// A value in quotation marks, if there is one.
    fn quoted(&mut self) -> Result<Option<String>, Fault> {
        if self.peek() != Some('"') {
            return Ok(None);
        }
        let mut value = String::new();
        loop {
            self.at += 1;
            match self.peek() {
                Some('"') if self.chars.get(self.at + 1) == Some(&'"') => {
                    value.push('"');
                    self.at += 1;
                }
                Some('"') => {
                    self.at += 1;
                    return Ok(Some(value));
                }
                Some(c) => value.push(c),
                None => return Err(Fault::new(self.at, "`\"` at the end of the value")),
            }
        }
    }

    fn regex(&mut self) -> Result<Term, Fault> {
        let start = self.at;
        let quoted = self.quoted()?;
        let is_quoted = quoted.is_some();
        let text = if let Some(text) = quoted {
            text
        } else {
            let rest = &self.chars[start..];
            // What does not end cannot be compiled either, which gives the better message.
            let n = bare_regex_len(rest).unwrap_or_else(|| {
                rest.iter().position(|c| c.is_whitespace()).unwrap_or(rest.len())
            });
            if n == 0 {
                return Err(Fault::new(start, "a regular expression"));
            }
            self.at += n;
            rest[..n].iter().collect()
        };
        Regex::new(&text).map(Term::Regex).map_err(|error| {
            let (at, problem) = regex_problem(&error, &text);
            // Inside quotation marks each `"` was written as two.
            let doubled = text.chars().take(at).filter(|c| *c == '"').count();
            let offset = if is_quoted { 1 + doubled } else { 0 };
            Fault::new(start + offset + at, &problem)
        })
    }

    fn tag(&mut self) -> Result<Term, Fault> {
        let start = self.at;
        if let Some(tag) = self.quoted()? {
            return Ok(Term::Tag(tag.into()));
        }
        let tag = self.word();
        if tag.is_empty() || tag.contains('"') {
            return Err(Fault::new(start, "a tag, in quotation marks if it is not one word"));
        }
        Ok(Term::Tag(tag.into()))
    }

    fn bound(&mut self) -> Result<(Compare, u64), Fault> {
        let compare = match self.peek() {
            Some('<') if self.chars.get(self.at + 1) == Some(&'=') => Compare::LessOrEqual,
            Some('>') if self.chars.get(self.at + 1) == Some(&'=') => Compare::GreaterOrEqual,
            Some('<') => Compare::Less,
            Some('>') => Compare::Greater,
            _ => Compare::Equal,
        };
        self.at += compare.to_string().len();
        self.skip_spaces();
        let at = self.at;
        let value = number(&self.word());
        let expected =
            "a whole number such as `256` or `1e6`, after `<`, `<=`, `>`, `>=` or nothing";
        Ok((compare, value.ok_or_else(|| Fault::new(at, expected))?))
    }
}

/// A whole number, also as `1e6` or `1.5e6`.
fn number(word: &str) -> Option<u64> {
    let (mantissa, exponent) = word.split_once(['e', 'E']).unwrap_or((word, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || exponent.is_empty()
        || ![whole, fraction, exponent].map(digits).iter().all(|all| *all)
    {
        return None;
    }
    if mantissa.ends_with('.') {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let zeros = exponent.parse::<u32>().ok()?.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let digits: u64 = format!("{whole}{fraction}").parse().ok()?;
    if digits == 0 {
        return Some(0);
    }
    digits.checked_mul(10_u64.checked_pow(zeros)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_however_they_are_written() {
        let good = [("0", 0), ("256", 256), ("1e6", 1_000_000), ("1.5e6", 1_500_000), ("0e99", 0)];
        for (text, value) in good.into_iter().chain([("1.50e1", 15), ("2.0", 2)]) {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in
            ["", "-1", "1.5", "1e", "e6", "1.", ".5e1", "1e20", "1e999999999999", "0x10", "１"]
        {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn a_regular_expression_ends_outside_of_its_own_brackets() {
        let len = |text: &str| bare_regex_len(&text.chars().collect::<Vec<_>>());
        assert_eq!(len("a(b|c)|d"), Some(6));
        assert_eq!(len("(?!x)[&|)]&d"), Some(10));
        assert_eq!(len(r"a\|b c"), Some(4));
        assert_eq!(len("[]|]x"), Some(5));
        assert_eq!(len("(a"), None);
        assert_eq!(len(r"a\"), None);
    }
}
