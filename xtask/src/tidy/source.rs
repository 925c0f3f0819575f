//! Rust source as text: the code without comments and strings, and the paths named in it.
//!
//! A small lexer, not a parser: it knows comments, strings, characters, brackets and `use`.

/// A Rust file, split into what the rules look at. All texts have the same lines.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
    /// The text with comments and the insides of strings blanked.
    pub(super) code: String,
    /// [`Source::code`] with items under `#[cfg(test)]` blanked too.
    pub(super) shipped: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = blank(text, Blank::CommentsAndStrings);
        let shipped = without_test_items(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, shipped }
    }
}

/// What [`blank`] replaces by spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blank {
    Comments,
    CommentsAndStrings,
}

/// Replaces comments, and strings if asked, by spaces; lines stay where they are.
pub(super) fn blank(text: &str, what: Blank) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut i = 0;
    while i < bytes.len() {
        let rest = &bytes[i..];
        let (len, is_comment) = if rest.starts_with(b"//") {
            (rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len()), true)
        } else if rest.starts_with(b"/*") {
            (block_comment(rest), true)
        } else if rest[0] == b'"' {
            (string(rest), false)
        } else if rest[0] == b'\'' {
            (character(rest), false)
        } else if rest[0] == b'r' && starts_word(bytes, i) {
            (raw_string(rest), false)
        } else {
            (0, false)
        };
        if is_comment || what == Blank::CommentsAndStrings {
            for byte in &mut out[i..i + len] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
        i += len.max(1);
    }
    // Whole characters were replaced by ASCII, so this is still UTF-8.
    String::from_utf8_lossy(&out).into_owned()
}

fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut i) = (0_usize, 0);
    while i < bytes.len() {
        if bytes[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if bytes[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    bytes.len()
}

fn string(bytes: &[u8]) -> usize {
    let mut i = 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// The length of a character such as `'a'` or `'\n'`, 0 for a lifetime.
fn character(bytes: &[u8]) -> usize {
    if bytes.get(1) == Some(&b'\\') {
        let close = bytes.iter().skip(3).position(|&b| b == b'\'');
        return close.map_or(0, |n| n + 4);
    }
    let width = match bytes.get(1) {
        Some(0xF0..) => 4,
        Some(0xE0..) => 3,
        Some(0xC0..) => 2,
        _ => 1,
    };
    if bytes.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
}

/// The length of `r"…"`, `r#"…"#` and so on, 0 for a raw identifier.
fn raw_string(bytes: &[u8]) -> usize {
    let hashes = bytes.iter().skip(1).take_while(|&&b| b == b'#').count();
    if bytes.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let close = [&b"\""[..], &b"#".repeat(hashes)].concat();
    let body = 2 + hashes;
    let end = bytes[body..].windows(close.len()).position(|window| window == close);
    end.map_or(bytes.len(), |n| body + n + close.len())
}

/// True if a raw string may start at `i`: at the start of a word, or after the `b` or `c` of one.
fn starts_word(bytes: &[u8], i: usize) -> bool {
    let word = |n: usize| i.checked_sub(n).is_some_and(|at| is_word(bytes[at]));
    !word(1) || (matches!(bytes[i - 1], b'b' | b'c') && !word(2))
}

/// True for the bytes of identifiers; bytes outside ASCII belong to letters.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Blanks the item after every `#[cfg(test)]`: to its `;`, or to the end of its braces.
fn without_test_items(code: &str) -> String {
    let bytes = code.as_bytes();
    let mut out = bytes.to_vec();
    let mut from = 0;
    while let Some(at) = code[from..].find("#[cfg(").map(|at| from + at) {
        from = at + 1;
        let condition = code[at + "#[cfg(".len()..].trim_start();
        if !(condition.starts_with("test)") || condition.starts_with("all(test")) {
            continue;
        }
        let end = item_end(bytes, at);
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        from = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The end of the item whose attributes start at `at`. A `;` in brackets, as in `[u8; 4]`, and
/// the brackets of attributes do not end it.
fn item_end(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    for (i, byte) in bytes.iter().enumerate().skip(at) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i + 1;
                }
            }
            b';' if depth == 0 => return i + 1,
            _ => {}
        }
    }
    bytes.len()
}

/// The lines, from 1, on which `word` stands with no letter, digit or `_` next to it.
pub(super) fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let has = |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let bytes = line.as_bytes();
            let before = at.checked_sub(1).is_some_and(|i| is_word(bytes[i]));
            let after = bytes.get(at + word.len()).is_some_and(|&b| is_word(b));
            !(before && word.starts_with(char::is_alphanumeric)
                || after && word.ends_with(char::is_alphanumeric))
        })
    };
    (1..).zip(code.lines()).filter(|(_, line)| has(line)).map(|(n, _)| n).collect()
}

/// A path of two or more names, or any path of a `use`: `use a::{b as c}` gives `a::b`, named `c`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PathUse {
    pub(super) segments: Vec<String>,
    /// The name by which a `use` makes it known.
    pub(super) name: String,
    pub(super) line: usize,
}

/// Every path in the code, those in the braces of a `use` written out in full.
pub(super) fn paths(code: &str) -> Vec<PathUse> {
    let mut reader = Reader { bytes: code.as_bytes(), at: 0, line: 1, found: Vec::new() };
    while reader.at < reader.bytes.len() {
        if !is_word(reader.bytes[reader.at]) {
            reader.step();
            continue;
        }
        let word = reader.word();
        if word == "use" && reader.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            reader.tree(&[]);
        } else {
            reader.inline(word);
        }
    }
    reader.found
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    found: Vec<PathUse>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        self.line += usize::from(self.peek() == Some(b'\n'));
        self.at += 1;
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.step();
        }
    }

    fn word(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(is_word) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned()
    }

    /// Skips `::`, with spaces around it, if it is there.
    fn colons(&mut self) -> bool {
        let (at, line) = (self.at, self.line);
        self.space();
        if self.bytes[self.at..].starts_with(b"::") {
            self.at += 2;
            self.space();
            return true;
        }
        (self.at, self.line) = (at, line);
        false
    }

    /// A path outside of `use`, whose first name has been read.
    fn inline(&mut self, first: String) {
        let line = self.line;
        let mut segments = vec![first];
        while self.colons() && self.peek().is_some_and(is_word) {
            let word = self.word();
            segments.push(word);
        }
        if segments.len() > 1 {
            self.push(segments, line);
        }
    }

    /// One tree of a `use`: names, then nothing, `as name`, `*` or a list in braces.
    fn tree(&mut self, prefix: &[String]) {
        let mut segments = prefix.to_vec();
        self.colons(); // `use ::std::fs`
        loop {
            self.space();
            let line = self.line;
            match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    loop {
                        self.space();
                        match self.peek() {
                            Some(b',') => self.at += 1,
                            Some(b'}') => {
                                self.at += 1;
                                return;
                            }
                            Some(b) if is_word(b) || matches!(b, b'{' | b'*' | b':') => {
                                self.tree(&segments);
                            }
                            _ => return, // not a `use` after all
                        }
                    }
                }
                Some(b'*') => {
                    self.at += 1;
                    segments.push("*".to_owned());
                    return self.push(segments, line);
                }
                Some(b) if is_word(b) => {
                    let word = self.word();
                    segments.push(word);
                    if !self.colons() {
                        self.push(segments, line);
                        return self.alias();
                    }
                }
                _ => return,
            }
        }
    }

    fn alias(&mut self) {
        let (at, line) = (self.at, self.line);
        self.space();
        if self.peek().is_some_and(is_word) && self.word() == "as" {
            self.space();
            let name = self.word();
            if let Some(last) = self.found.last_mut() {
                last.name = name;
            }
        } else {
            (self.at, self.line) = (at, line);
        }
    }

    fn push(&mut self, segments: Vec<String>, line: usize) {
        let name = segments.last().cloned().unwrap_or_default();
        self.found.push(PathUse { segments, name, line });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn blanked(text: &str, expected: &str) {
        assert_eq!(blank(text, Blank::CommentsAndStrings), expected);
    }

    #[test]
    fn comments_and_strings_become_spaces() {
        blanked("a // b\nc", "a     \nc");
        blanked("a /* b /* c */\n d */ e", "a             \n      e");
        blanked(r#"f("x\"y", z)"#, "f(      , z)");
        blanked("r\"a\\\" b br#\"c\"d\"# e", "      b b         e");
        blanked("r#type = 1", "r#type = 1");
        assert_eq!(blank("\"a\" // b", Blank::Comments), "\"a\"     ");
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        blanked("f('\"', 'a', '\\'', 'é')", "f(   ,    ,     ,     )");
        blanked("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
        blanked("'\\u{1F600}' x", "            x");
    }

    #[test]
    fn test_items_are_not_shipped() {
        let text = "use a;\n#[cfg(test)]\nuse std::{fs};\nfn f() {}\n\
                    #[cfg(test)]\n#[path = \"x\"]\nconst X: [u8; 2] = [1, 2];\nfn g() {}\n\
                    #[cfg(all(test, unix))]\nmod tests {\n    fn h() { if x { y(); } }\n}\nfn i() {}\n";
        let source = Source::new("a.rs", text);
        let words: Vec<_> = source.shipped.split_whitespace().collect();
        assert_eq!(words.join(" "), "use a; ; fn f() {} fn g() {} fn i() {}");
        assert_eq!(source.shipped.lines().count(), text.lines().count());
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(lines_with_word("#![forbid(unsafe_code)]\nunsafe { }", "unsafe"), [2]);
        assert_eq!(lines_with_word("eprintln!()\nprintln!()", "println!"), [2]);
        assert_eq!(lines_with_word("x\n#[ignore = \"slow\"]", "#[ignore"), [2]);
    }

    #[test]
    fn use_trees_are_written_out() {
        let code = "use std::{\n    fs,\n    io::{self, Read as R},\n};\npub use crate::a::*;\n";
        let found: Vec<_> = paths(code)
            .into_iter()
            .map(|path| (path.segments.join("::"), path.name, path.line))
            .collect();
        let expected = [
            ("std::fs", "fs", 2),
            ("std::io::self", "self", 3),
            ("std::io::Read", "R", 3),
            ("crate::a::*", "*", 5),
        ];
        let expected = expected.map(|(path, name, line)| (path.to_owned(), name.to_owned(), line));
        assert_eq!(found, expected);
    }

    #[test]
    fn paths_outside_of_use_are_found() {
        let code = "fn f(x: crate::a::B) -> impl C + use<'_> { std :: fs::read(x) }";
        let found: Vec<_> = paths(code).into_iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(found, ["crate::a::B", "std::fs::read"]);
    }
}
