//! Globs on paths and names, compiled once to a regular expression.

use std::fmt::{self, Write as _};

use super::parse::{Fault, Letter};
use super::regex::Regex;

/// How deep braces may stand in braces.
const MAX_DEPTH: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `**`: any number of segments, also none.
    Deep,
    Pieces(Vec<Piece>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// `?`: one character.
    One,
    /// `*`: any characters, also none.
    Any,
    /// `{a,b}`: one of these.
    Braces(Vec<Vec<Piece>>),
}

/// A pattern that matches a whole path or name, segment by segment.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    segments: Vec<Segment>,
    regex: Regex,
}

impl PartialEq for Glob {
    fn eq(&self, other: &Glob) -> bool {
        self.segments == other.segments
    }
}

impl Eq for Glob {}

impl Glob {
    /// `end` is the position after the last letter, where something may be missing.
    pub(super) fn parse(letters: &[Letter], end: usize) -> Result<Glob, Fault> {
        let segments = Reader { letters, at: 0, end }.segments()?;
        let start = letters.first().map_or(end, |letter| letter.at);
        let regex =
            Regex::new(&to_regex(&segments)).map_err(|_| Fault::new(start, "a shorter glob"))?;
        Ok(Glob { segments, regex })
    }

    pub(super) fn matches(&self, text: &str) -> crate::Result<bool> {
        self.regex.matches(text)
    }

    /// Whether one of its segments is this very text.
    pub(super) fn spells(&self, segment: &str) -> bool {
        self.segments.iter().any(|own| match own {
            Segment::Pieces(pieces) => {
                matches!(pieces.as_slice(), [Piece::Text(text)] if &**text == segment)
            }
            Segment::Deep => false,
        })
    }
}

struct Reader<'a> {
    letters: &'a [Letter],
    at: usize,
    end: usize,
}

impl Reader<'_> {
    /// The special character that stands `ahead` letters from here; none if it is an ordinary one.
    fn special(&self, ahead: usize) -> Option<char> {
        self.letters.get(self.at + ahead).filter(|letter| !letter.escaped).map(|letter| letter.c)
    }

    fn fault(&self, expected: &str) -> Fault {
        Fault::new(self.letters.get(self.at).map_or(self.end, |letter| letter.at), expected)
    }

    fn segments(&mut self) -> Result<Vec<Segment>, Fault> {
        let mut segments = Vec::new();
        loop {
            let deep = self.special(0) == Some('*') && self.special(1) == Some('*');
            let whole = self.at + 2 == self.letters.len() || self.special(2) == Some('.');
            if deep && whole {
                self.at += 2;
                segments.push(Segment::Deep);
            } else {
                let pieces = self.pieces(0)?;
                if pieces.is_empty() {
                    return Err(self.fault("a segment of a path"));
                }
                segments.push(Segment::Pieces(pieces));
            }
            if self.at == self.letters.len() {
                return Ok(segments);
            }
            self.at += 1; // The dot at which the segment ended.
        }
    }

    /// Reads up to a dot, or inside braces up to a comma or the end of the braces.
    fn pieces(&mut self, depth: usize) -> Result<Vec<Piece>, Fault> {
        let (mut pieces, mut text) = (Vec::new(), String::new());
        while let Some(letter) = self.letters.get(self.at) {
            let piece = match self.special(0) {
                Some('.') if depth == 0 => break,
                Some(',' | '}') if depth > 0 => break,
                Some('}') => return Err(self.fault("a `{` before this, or a `\\`")),
                Some('*') if self.special(1) == Some('*') => {
                    return Err(self.fault("`**` to be a whole segment, outside of braces"));
                }
                Some('*') => Piece::Any,
                Some('?') => Piece::One,
                Some('{') => self.braces(depth + 1)?,
                _ => {
                    text.push(letter.c);
                    self.at += 1;
                    continue;
                }
            };
            flush(&mut text, &mut pieces);
            pieces.push(piece);
            self.at += 1;
        }
        flush(&mut text, &mut pieces);
        Ok(pieces)
    }

    /// Reads alternatives and stops at the brace that closes them.
    fn braces(&mut self, depth: usize) -> Result<Piece, Fault> {
        if depth > MAX_DEPTH {
            return Err(self.fault("braces in fewer braces"));
        }
        let mut alternatives = Vec::new();
        loop {
            self.at += 1; // The brace that opens them, or a comma.
            alternatives.push(self.pieces(depth)?);
            match self.special(0) {
                Some('}') => return Ok(Piece::Braces(alternatives)),
                Some(',') => {}
                _ => return Err(self.fault("`,` or `}`")),
            }
        }
    }
}

fn flush(text: &mut String, pieces: &mut Vec<Piece>) {
    if !text.is_empty() {
        pieces.push(Piece::Text(std::mem::take(text).into()));
    }
}

fn to_regex(segments: &[Segment]) -> String {
    let mut regex = String::new();
    let last = segments.len() - 1;
    let mut after_dot = true;
    for (i, segment) in segments.iter().enumerate() {
        match segment {
            Segment::Deep if i > 0 && segments[i - 1] == Segment::Deep => {}
            Segment::Deep if segments[i..].iter().all(|rest| *rest == Segment::Deep) => {
                regex.push_str(if i == 0 { ".*" } else { r"(?:\.[^.]*)*" });
            }
            Segment::Deep => {
                if !after_dot {
                    regex.push_str(r"\.");
                }
                regex.push_str(r"(?:[^.]*\.)*");
                after_dot = true;
            }
            Segment::Pieces(pieces) => {
                if !after_dot {
                    regex.push_str(r"\.");
                }
                write_regex(&mut regex, pieces);
                after_dot = i == last;
            }
        }
    }
    regex
}

fn write_regex(regex: &mut String, pieces: &[Piece]) {
    for piece in pieces {
        match piece {
            Piece::Text(text) => regex.push_str(&fancy_regex::escape(text)),
            Piece::One => regex.push_str("[^.]"),
            Piece::Any => regex.push_str("[^.]*"),
            Piece::Braces(alternatives) => {
                for (i, alternative) in alternatives.iter().enumerate() {
                    regex.push_str(if i == 0 { "(?:" } else { "|" });
                    write_regex(regex, alternative);
                }
                regex.push(')');
            }
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.segments.iter().enumerate() {
            if i > 0 {
                f.write_char('.')?;
            }
            match segment {
                Segment::Deep => f.write_str("**")?,
                Segment::Pieces(pieces) => write_pieces(f, pieces, '.')?,
            }
        }
        Ok(())
    }
}

/// `separator` is what ends the pieces, and so is special in them.
fn write_pieces(f: &mut fmt::Formatter<'_>, pieces: &[Piece], separator: char) -> fmt::Result {
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                for c in text.chars() {
                    if c == separator || c.is_whitespace() || r#"\*?{}!&|():<>=""#.contains(c) {
                        f.write_char('\\')?;
                    }
                    f.write_char(c)?;
                }
            }
            Piece::One => f.write_char('?')?,
            Piece::Any => f.write_char('*')?,
            Piece::Braces(alternatives) => {
                for (i, alternative) in alternatives.iter().enumerate() {
                    f.write_char(if i == 0 { '{' } else { ',' })?;
                    write_pieces(f, alternative, ',')?;
                }
                f.write_char('}')?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Glob {
        super::super::parse::glob(text).unwrap()
    }

    #[track_caller]
    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let glob = glob(pattern);
        for path in matching {
            assert!(glob.matches(path).unwrap(), "`{pattern}` should match `{path}`");
        }
        for path in other {
            assert!(!glob.matches(path).unwrap(), "`{pattern}` should not match `{path}`");
        }
    }

    #[test]
    fn stars_and_question_marks_stay_inside_a_segment() {
        check("*.weight", &["0.weight", "fc.weight"], &["weight", "0.1.weight", "0.weightx"]);
        check("layer?.b*", &["layer1.bias", "layeré.b"], &["layer.bias", "layer12.bias"]);
    }

    #[test]
    fn two_stars_are_any_number_of_segments_also_none() {
        check("**", &["a", "a.b", ""], &[]);
        check("**.w", &["w", "a.w", "a.b.w"], &["aw", "a.wb"]);
        check("a.**", &["a", "a.b", "a.b.c"], &["ab", "b.a"]);
        check("a.**.w", &["a.w", "a.b.w", "a.b.c.w"], &["aw", "a.b", "b.a.w"]);
        check("**.a.**", &["a", "x.a", "a.x", "x.y.a.z"], &["xa", "ax"]);
        check("a.**.**", &["a", "a.b"], &["ab"]);
        check("**.**.a", &["a", "b.a"], &["ba"]);
        check("a.**.**.b", &["a.b", "a.x.y.b"], &["ab", "axb"]);
    }

    #[test]
    fn braces_hold_alternatives_that_may_nest_and_hold_dots() {
        check("{q,k}.w", &["q.w", "k.w"], &["v.w", "q,k.w"]);
        check("l{0,1{2,3}}.w", &["l0.w", "l12.w", "l13.w"], &["l1.w", "l02.w"]);
        check("{a.b,c*}.w", &["a.b.w", "c.w", "cd.w"], &["a.w", "c.d.w"]);
        check("a{,x}", &["a", "ax"], &["ay"]);
    }

    #[test]
    fn characters_that_are_special_elsewhere_are_themselves() {
        check(r"a\*.\{b\}", &["a*.{b}"], &["ab.b"]);
        check("a+b.(c)|d", &["a+b.(c)|d"], &["aab.c"]);
        check(r"{a\,b,c}", &["a,b", "c"], &["a"]);
        check("a\nb", &["a\nb"], &["a b"]);
    }
}
