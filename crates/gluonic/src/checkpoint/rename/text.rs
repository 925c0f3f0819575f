//! Rules from TOML and to TOML, and from and to any format that serde knows.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use toml::de::{DeTable, DeValue};

use super::error::{Fault, RenameTextError};
use super::pattern::Pattern;
use super::rule::{Kind, Order, RenameRules, Rest, Rule, Step, Unused};
use crate::error::{Error, Names};
use crate::suggest::nearest;

/// A value of a configuration file, and where it stands in the text.
#[derive(Debug)]
struct Node {
    value: Value,
    /// In bytes; empty where there is no text.
    span: Range<usize>,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Integer(i64),
    Bool(bool),
    List(Vec<Node>),
    Table(Vec<(Node, Node)>),
    Other(&'static str),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a text",
            Value::Integer(_) => "an integer",
            Value::Bool(_) => "a boolean",
            Value::List(_) => "an array",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }
}

/// What is wrong, and where.
#[derive(Debug)]
struct Misfit {
    /// In bytes.
    at: usize,
    /// The pattern in which it is, and where, in characters.
    pattern: Option<Box<(String, usize)>>,
    problem: String,
    nearest: Names,
}

type Parsed<T> = Result<T, Misfit>;

impl Node {
    fn misfit(&self, problem: impl Into<String>) -> Misfit {
        let nearest = Names::default();
        Misfit { at: self.span.start, pattern: None, problem: problem.into(), nearest }
    }

    fn wrong(&self, expected: &str) -> Misfit {
        self.misfit(format!("expected {expected}, found {}", self.value.kind()))
    }

    fn text(&self) -> Parsed<&str> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong("a text")),
        }
    }

    fn list(&self, of: &str) -> Parsed<&[Node]> {
        match &self.value {
            Value::List(list) => Ok(list),
            _ => Err(self.wrong(&format!("an array of {of}"))),
        }
    }

    fn table(&self) -> Parsed<&[(Node, Node)]> {
        match &self.value {
            Value::Table(table) => Ok(table),
            _ => Err(self.wrong("a table")),
        }
    }

    fn pattern(&self) -> Parsed<Pattern> {
        let text = self.text()?;
        Pattern::parse(text).map_err(|Fault { at, expected }| {
            let mut misfit = self.misfit(format!("expected {expected}"));
            misfit.pattern = Some(Box::new((text.to_owned(), at)));
            misfit
        })
    }

    fn patterns(&self) -> Parsed<Vec<Pattern>> {
        self.list("patterns")?.iter().map(Node::pattern).collect()
    }

    fn natural(&self) -> Parsed<usize> {
        match self.value {
            Value::Integer(value) => usize::try_from(value)
                .map_err(|_| self.misfit(format!("expected a number from 0 on, found {value}"))),
            _ => Err(self.wrong("an integer")),
        }
    }

    fn naturals(&self) -> Parsed<Vec<usize>> {
        self.list("integers")?.iter().map(Node::natural).collect()
    }

    /// One of these words.
    fn word<T: Copy>(&self, words: &[(&str, T)]) -> Parsed<T> {
        let text = self.text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        Err(self.unknown(text, &words.iter().map(|(word, _)| *word).collect::<Vec<_>>()))
    }

    fn unknown(&self, text: &str, known: &[&str]) -> Misfit {
        let words: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
        let mut misfit = self.misfit(format!("expected {}, found `{text}`", words.join(", ")));
        misfit.nearest = nearest(text, known.iter().copied());
        misfit
    }

    fn rules(&self) -> Parsed<RenameRules> {
        let mut steps = vec![Step::default()];
        for (key, value) in self.table()? {
            if key.text()? == "then" {
                for then in value.list("tables")? {
                    let mut step = Step::default();
                    for (key, value) in then.table()? {
                        step.set(key, value, &["rest", "rule", "unused"])?;
                    }
                    steps.push(step);
                }
            } else {
                steps[0].set(key, value, &["rest", "rule", "then", "unused"])?;
            }
        }
        Ok(RenameRules { steps })
    }

    fn rule(&self) -> Parsed<Rule> {
        let table = self.table()?;
        let find = |word: &str| {
            table.iter().find(|(key, _)| matches!(&key.value, Value::Text(own) if own == word))
        };
        let value = |word: &str| find(word).map(|(_, value)| value);
        let need = |word: &str| {
            value(word).ok_or_else(|| self.misfit(format!("expected the key `{word}` in the rule")))
        };
        for (key, _) in table {
            let text = key.text()?;
            if !WORDS.contains(&text) {
                return Err(key.unknown(text, &WORDS));
            }
        }
        let kinds = ["split", "concat", "drop", "tie", "from"];
        let mut given = kinds.iter().filter_map(|word| Some((*word, find(word)?)));
        let Some((kind, _)) = given.next() else {
            return Err(
                self.misfit("expected `from`, `split`, `concat`, `drop` or `tie` in a rule")
            );
        };
        if let Some((other, (key, _))) = given.next() {
            let problem = format!("expected one of `{kind}` and `{other}` in a rule, found both");
            return Err(key.misfit(problem));
        }
        let kind = match kind {
            "split" => Kind::Split { from: need("split")?.pattern()?, to: need("to")?.patterns()? },
            "concat" => {
                Kind::Concat { from: need("concat")?.patterns()?, to: need("to")?.pattern()? }
            }
            "from" => Kind::Rename { from: need("from")?.pattern()?, to: need("to")?.pattern()? },
            "drop" => Kind::Drop(need("drop")?.pattern()?),
            _ => Kind::Tie(need("tie")?.patterns()?),
        };
        if let (Kind::Drop(_) | Kind::Tie(_), Some((key, _))) = (&kind, find("to")) {
            return Err(key.misfit("expected no `to` where nothing gets another key"));
        }
        let mut rule = Rule::of(kind);
        if let Some(axis) = value("axis") {
            rule.axis = Some(match axis.value {
                Value::Integer(value) => isize::try_from(value)
                    .map_err(|_| axis.misfit(format!("expected an axis, found {value}")))?,
                _ => return Err(axis.wrong("an integer")),
            });
        }
        rule.sizes = value("sizes").map(Node::naturals).transpose()?;
        let transpose = match value("transpose") {
            None => false,
            Some(Node { value: Value::Bool(value), .. }) => *value,
            Some(node) => return Err(node.wrong("`true` or `false`")),
        };
        rule.order = match value("permute") {
            Some(node) if transpose => {
                return Err(node.misfit("expected one of `transpose` and `permute`, found both"));
            }
            Some(node) => Some(Order::Permute(node.naturals()?)),
            None => transpose.then_some(Order::Transpose),
        };
        match rule.contradiction() {
            Some((expected, found)) => {
                Err(self.misfit(format!("expected {expected}, found {found}")))
            }
            None => Ok(rule),
        }
    }
}

/// The keys of a rule, in the order in which they are printed.
const WORDS: [&str; 10] =
    ["split", "concat", "drop", "tie", "from", "to", "axis", "sizes", "permute", "transpose"];

const REST: [(&str, Rest); 2] = [("keep", Rest::Keep), ("error", Rest::Error)];
const UNUSED: [(&str, Unused); 2] = [("warn", Unused::Warn), ("error", Unused::Error)];

impl Step {
    fn set(&mut self, key: &Node, value: &Node, known: &[&str]) -> Parsed<()> {
        match key.text()? {
            "rest" => self.rest = value.word(&REST)?,
            "unused" => self.unused = value.word(&UNUSED)?,
            "rule" => {
                self.rules =
                    value.list("tables")?.iter().map(Node::rule).collect::<Parsed<Vec<_>>>()?;
            }
            other => return Err(key.unknown(other, known)),
        }
        Ok(())
    }
}

impl RenameRules {
    /// Reads the rules in a file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read or is no text; [`Error::Rename`] and others as for a text.
    pub fn open(file: impl AsRef<Path>) -> crate::error::Result<Self> {
        let file = file.as_ref();
        let text = String::from_utf8(crate::storage::read(file)?);
        text.map_err(|_| Error::io("read", file, std::io::Error::other("it is no text")))?.parse()
    }
}

impl FromStr for RenameRules {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fail = |misfit: Misfit| {
            let Misfit { mut at, pattern, problem, nearest } = misfit;
            // A pattern without escapes stands in the text as it is, after a quotation mark.
            if let Some((pattern, within)) = pattern.map(|pattern| *pattern)
                && let Some(start) = text.get(at..).and_then(|rest| rest.find(&pattern))
                && start <= 3
            {
                at += start + pattern.chars().take(within).map(char::len_utf8).sum::<usize>();
            }
            let before = text.get(..at).unwrap_or(text);
            let start = before.rfind('\n').map_or(0, |newline| newline + 1);
            Error::RenameText(Box::new(RenameTextError {
                line: before.matches('\n').count() + 1,
                column: before[start..].chars().count() + 1,
                text: text[start..].lines().next().unwrap_or_default().into(),
                problem: problem.into(),
                nearest,
            }))
        };
        let whole = Node { value: Value::Other("a text"), span: 0..0 };
        if text.len() > RenameRules::MAX_LEN {
            return Err(fail(whole.misfit("expected a text of at most 1 MiB")));
        }
        let table = DeTable::parse(text).map_err(|error| {
            let problem = error.message().trim().replace('\n', ", ");
            let at = error.span().map_or(0, |span| span.start);
            fail(Node { value: Value::Other("a text"), span: at..at }.misfit(problem))
        })?;
        let span = table.span();
        let node = Node { value: of_table(table.get_ref()), span };
        node.rules().map_err(fail)
    }
}

fn of_table(table: &DeTable<'_>) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let name = Node { value: Value::Text(key.get_ref().to_string()), span: key.span() };
        (name, Node { value: of_value(value.get_ref()), span: value.span() })
    });
    let mut entries: Vec<_> = entries.collect();
    // The first mistake of the text is told first.
    entries.sort_by_key(|(key, _)| key.span.start);
    Value::Table(entries)
}

fn of_value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("an integer beyond 64 bits"), Value::Integer),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Array(list) => Value::List(
            list.iter().map(|v| Node { value: of_value(v.get_ref()), span: v.span() }).collect(),
        ),
        DeValue::Table(table) => of_table(table),
        DeValue::Float(_) => Value::Other("a float"),
        DeValue::Datetime(_) => Value::Other("a date or time"),
    }
}

impl fmt::Display for RenameRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 {
                f.write_str("\n[[then]]\n")?;
            }
            if step.rest != Rest::default() {
                writeln!(f, "rest = \"{}\"", word_of(&REST, step.rest))?;
            }
            if step.unused != Unused::default() {
                writeln!(f, "unused = \"{}\"", word_of(&UNUSED, step.unused))?;
            }
            for (j, rule) in step.rules.iter().enumerate() {
                let blank = i > 0 || j > 0 || step.rest != Rest::default();
                let blank = blank || step.unused != Unused::default();
                let table = if i == 0 { "rule" } else { "then.rule" };
                write!(f, "{}[[{table}]]\n{rule}", if blank { "\n" } else { "" })?;
            }
        }
        Ok(())
    }
}

/// The lines of its table.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields().into_iter().try_for_each(|(key, field)| {
            write!(f, "{key} = ")?;
            match field {
                Field::Text(text) => write_string(f, &text)?,
                Field::Texts(texts) => {
                    f.write_char('[')?;
                    for (i, text) in texts.iter().enumerate() {
                        f.write_str(if i > 0 { ", " } else { "" })?;
                        write_string(f, text)?;
                    }
                    f.write_char(']')?;
                }
                Field::Integer(value) => write!(f, "{value}")?,
                Field::Integers(values) => write!(f, "{values:?}")?,
                Field::True => f.write_str("true")?,
            }
            f.write_char('\n')
        })
    }
}

/// The value of one key of a rule.
enum Field<'a> {
    Text(String),
    Texts(Vec<String>),
    Integer(isize),
    Integers(&'a [usize]),
    True,
}

impl Rule {
    fn fields(&self) -> Vec<(&'static str, Field<'_>)> {
        let text = |pattern: &Pattern| Field::Text(pattern.to_string());
        let texts =
            |patterns: &[Pattern]| Field::Texts(patterns.iter().map(Pattern::to_string).collect());
        let mut fields = match &self.kind {
            Kind::Rename { from, to } => vec![("from", text(from)), ("to", text(to))],
            Kind::Split { from, to } => vec![("split", text(from)), ("to", texts(to))],
            Kind::Concat { from, to } => vec![("concat", texts(from)), ("to", text(to))],
            Kind::Drop(keys) => vec![("drop", text(keys))],
            Kind::Tie(keys) => vec![("tie", texts(keys))],
        };
        fields.extend(self.axis.map(|axis| ("axis", Field::Integer(axis))));
        fields.extend(self.sizes.as_ref().map(|sizes| ("sizes", Field::Integers(sizes))));
        fields.extend(self.order.as_ref().map(|order| match order {
            Order::Transpose => ("transpose", Field::True),
            Order::Permute(axes) => ("permute", Field::Integers(axes)),
        }));
        fields
    }
}

fn word_of<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, own)| *own == value).map_or("", |(word, _)| word)
}

/// A string of TOML: as it is where it can be, else with escapes.
fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if text.contains('\\') && !text.contains(|c: char| c == '\'' || c.is_control()) {
        return write!(f, "'{text}'");
    }
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "\\u{:04X}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

impl Serialize for RenameRules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (first, then) = self.steps.split_first().map_or((None, &[][..]), |(f, t)| (Some(f), t));
        let mut map = serializer.serialize_map(None)?;
        if let Some(step) = first {
            serialize_step(&mut map, step)?;
        }
        if !then.is_empty() {
            map.serialize_entry("then", then)?;
        }
        map.end()
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_step(&mut map, self)?;
        map.end()
    }
}

fn serialize_step<M: SerializeMap>(map: &mut M, step: &Step) -> Result<(), M::Error> {
    if step.rest != Rest::default() {
        map.serialize_entry("rest", word_of(&REST, step.rest))?;
    }
    if step.unused != Unused::default() {
        map.serialize_entry("unused", word_of(&UNUSED, step.unused))?;
    }
    map.serialize_entry("rule", &step.rules)
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, field) in self.fields() {
            match field {
                Field::Text(text) => map.serialize_entry(key, &text)?,
                Field::Texts(texts) => map.serialize_entry(key, &texts)?,
                Field::Integer(value) => map.serialize_entry(key, &value)?,
                Field::Integers(values) => map.serialize_entry(key, values)?,
                Field::True => map.serialize_entry(key, &true)?,
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for RenameRules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let node = Node::deserialize(deserializer)?;
        node.rules().map_err(|misfit| match misfit.pattern.as_deref() {
            Some((pattern, at)) => {
                let (problem, at) = (&misfit.problem, at + 1);
                de::Error::custom(format_args!("`{pattern}`, character {at}: {problem}"))
            }
            None => de::Error::custom(&misfit.problem),
        })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(NodeVisitor)?;
        Ok(Node { value, span: 0..0 })
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rename rules")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Other("an integer beyond 63 bits"), Value::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other("a float"))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other("nothing"))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Other("nothing"))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = seq.next_element()? {
            list.push(node);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(entry) = map.next_entry()? {
            table.push(entry);
        }
        Ok(Value::Table(table))
    }
}
