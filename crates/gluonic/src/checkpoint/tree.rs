//! A checkpoint's tensors as a tree of their dotted names, to be printed: [`Tree`].

use std::collections::HashMap;
use std::fmt;

use super::file::Checkpoint;
use super::tensor_info::TensorInfo;

/// The tensors of a [`Checkpoint`] as a tree of their names: element types, shapes, and the
/// elements and bytes of each tensor and branch. What the metadata calls an alias stands in its
/// place and counts nothing. Then comes the metadata.
///
/// Numbered neighbors of equal content are folded (`{0..31}`): they stand once, the numbers of the
/// first line being those of all. `{:#}` unfolds them. No line is longer than 120 characters.
#[derive(Debug)]
pub struct Tree<'a> {
    checkpoint: &'a Checkpoint,
    /// The root first, parents before their children.
    nodes: Vec<Node<'a>>,
}

#[derive(Debug, Default)]
struct Node<'a> {
    name: &'a str,
    tensor: Option<&'a TensorInfo>,
    /// Whether it stands here by another name than its own.
    is_alias: bool,
    /// In the order of printing.
    children: Vec<usize>,
    elements: usize,
    bytes: usize,
    /// Equal for nodes of equal content.
    content: usize,
}

/// Deeper names are not taken apart, so that no file can exhaust the stack.
const MAX_DEPTH: usize = 32;
const MAX_LINE: usize = 120;
const MAX_NAME: usize = 48;
const MAX_SHAPE: usize = 28;

impl<'a> Tree<'a> {
    pub(super) fn of(checkpoint: &'a Checkpoint) -> Self {
        let mut nodes = vec![Node::default()];
        let mut places: HashMap<(usize, &str), usize> = HashMap::new();
        for tensor in checkpoint.tensors() {
            for (i, name) in tensor.names().enumerate() {
                let mut at = 0;
                for segment in name.splitn(MAX_DEPTH, '.') {
                    at = *places.entry((at, segment)).or_insert_with(|| {
                        nodes.push(Node { name: segment, ..Node::default() });
                        let new = nodes.len() - 1;
                        nodes[at].children.push(new);
                        new
                    });
                }
                nodes[at].tensor = Some(tensor);
                nodes[at].is_alias = i > 0;
            }
        }
        let mut tree = Tree { checkpoint, nodes };
        tree.add_up();
        tree
    }

    /// Sorts children, sums up branches and compares their contents, from the leaves on.
    fn add_up(&mut self) {
        type Content<'a> = (Option<(&'a str, &'a [usize], Option<&'a str>)>, Vec<(&'a str, usize)>);
        let mut contents: HashMap<Content<'a>, usize> = HashMap::new();
        for i in (0..self.nodes.len()).rev() {
            let mut children = std::mem::take(&mut self.nodes[i].children);
            children.sort_by_key(|&child| order(self.nodes[child].name));
            let below = children.iter().map(|&child| &self.nodes[child]);
            let (elements, bytes) = below.clone().fold((0_usize, 0_usize), |(n, bytes), child| {
                (n.saturating_add(child.elements), bytes.saturating_add(child.bytes))
            });
            let node = &self.nodes[i];
            let leaf = node.tensor.map(|tensor| {
                let owner = node.is_alias.then_some(&*tensor.name);
                (tensor.dtype.name(), &*tensor.shape, owner)
            });
            let own = node.tensor.filter(|_| !node.is_alias);
            let content = (leaf, below.map(|child| (child.name, child.content)).collect());
            let next = contents.len();
            let content = *contents.entry(content).or_insert(next);
            let node = &mut self.nodes[i];
            node.elements = elements.saturating_add(own.map_or(0, TensorInfo::elem_count));
            node.bytes = bytes.saturating_add(own.map_or(0, TensorInfo::bytes));
            (node.content, node.children) = (content, children);
        }
    }

    fn add_rows(&self, at: usize, depth: usize, fold: bool, rows: &mut Vec<Row>) {
        let mut children = self.nodes[at].children.as_slice();
        while let [first, ..] = children {
            let n = if fold { self.run(children) } else { 1 };
            let (run, rest) = children.split_at(n);
            children = rest;
            let node = &self.nodes[*first];
            let last = run.last().map_or("", |last| self.nodes[*last].name);
            let name =
                if n > 1 { format!("{{{}..{last}}}", node.name) } else { node.name.to_owned() };
            let mut row = Row {
                name: format!("{:1$}{name}", "", depth * 2),
                elements: (node.elements.saturating_mul(n)).to_string(),
                bytes: size(node.bytes.saturating_mul(n)),
                ..Row::default()
            };
            if let Some(tensor) = node.tensor {
                row.dtype = tensor.dtype.name();
                row.shape = tensor.shape.to_string();
                if node.is_alias {
                    row.note = format!("= {}", tensor.name);
                    if node.children.is_empty() {
                        // It takes no room of its own, which 0 would not tell from an empty one.
                        (row.elements, row.bytes) = (String::new(), String::new());
                    }
                }
            }
            if n > 1 {
                row.note = format!("{n} times {}", row.note);
            }
            rows.push(row);
            self.add_rows(*first, depth + 1, fold, rows);
        }
    }

    /// How many of these begin with consecutive numbers and have the content of the first.
    fn run(&self, children: &[usize]) -> usize {
        let node = |i: usize| &self.nodes[children[i]];
        let Some(first) = number(node(0).name) else { return 1 };
        let follows = |i: &usize| {
            let next = first.checked_add(*i as u64);
            next.is_some() && number(node(*i).name) == next && node(*i).content == node(0).content
        };
        1 + (1..children.len()).take_while(follows).count()
    }
}

#[derive(Default)]
struct Row {
    name: String,
    dtype: &'static str,
    shape: String,
    elements: String,
    bytes: String,
    note: String,
}

/// The number that a segment is, if it is written as numbers are.
fn number(segment: &str) -> Option<u64> {
    let plain = segment == "0" || segment.starts_with(|c: char| ('1'..='9').contains(&c));
    if plain { segment.parse().ok() } else { None }
}

/// Numbers first and by size, then texts.
fn order(segment: &str) -> (bool, u64, &str) {
    match number(segment) {
        Some(number) => (false, number, segment),
        None => (true, 0, segment),
    }
}

/// A text whose control characters, which could write over other lines of a terminal, are escaped.
fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { safe.extend(c.escape_debug()) } else { safe.push(c) }
    }
    safe
}

/// A text of at most `n` characters; what is longer loses its middle.
fn clip(text: &str, n: usize) -> String {
    let safe = safe(text);
    let length = safe.chars().count();
    if length <= n {
        return safe;
    }
    let tail = n / 3;
    let head: String = safe.chars().take(n - tail - 1).collect();
    let end: String = safe.chars().skip(length - tail).collect();
    format!("{head}…{end}")
}

/// A number of bytes as people read it.
pub(super) fn size(bytes: usize) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.checkpoint)?;
        let mut rows = vec![Row {
            name: "name".into(),
            dtype: "dtype",
            shape: "shape".into(),
            elements: "elements".into(),
            bytes: "bytes".into(),
            note: String::new(),
        }];
        self.add_rows(0, 0, !f.alternate(), &mut rows);
        if rows.len() == 1 {
            rows.clear();
        }
        for row in &mut rows {
            row.name = clip(&row.name, MAX_NAME);
            row.shape = clip(&row.shape, MAX_SHAPE);
        }
        let width = |cell: fn(&Row) -> &str| {
            rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or(0)
        };
        let name = width(|row| &row.name);
        let dtype = width(|row| row.dtype);
        let shape = width(|row| &row.shape);
        let elements = width(|row| &row.elements);
        let bytes = width(|row| &row.bytes);
        for row in &rows {
            let Row { name: n, dtype: d, shape: s, elements: e, bytes: b, note } = row;
            let line = format!(
                "{n:<name$}  {d:<dtype$}  {s:<shape$}  {e:>elements$}  {b:>bytes$}  {note}"
            );
            write!(f, "\n{}", clip(line.trim_end(), MAX_LINE))?;
        }
        for (key, value) in self.checkpoint.metadata() {
            let start: String = value.chars().take(MAX_LINE).collect();
            let line = safe(&format!("{key}: {start}"));
            match line.char_indices().nth(MAX_LINE) {
                None => write!(f, "\n{line}")?,
                Some(_) => write!(f, "\n{line:.0$}…", MAX_LINE - 1)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_four_digits_at_most() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1 << 20, "1.0 MiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (usize::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_long_text_loses_its_middle_and_no_control_character_gets_through() {
        assert_eq!(clip("encoder.weight", 9), "encod…ght");
        assert_eq!(clip("a\u{1b}[2Jb", 99), "a\\u{1b}[2Jb");
        assert_eq!(number("01"), None);
        assert!(order("2") < order("10") && order("10") < order("a"));
    }
}
