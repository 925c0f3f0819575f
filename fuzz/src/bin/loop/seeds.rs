//! Seeds that no fixture and no writer gives: texts, and files of a format that is only read.

/// Expressions of the language of selectors.
pub(crate) const SELECTORS: &[&str] = &[
    "0.weight",
    "encoder.*.attn.{q,k}.weight",
    "**.bias & !tag:head",
    "name:dense?_*",
    r"re:.*\.(q|k)\.weight",
    "re:\"a b|é(?=x)\" | tag:\"say \"\"hi\"\"\"",
    "kind:weight & dtype:float32 & rank:>=2 & size:>1e6",
    "frozen | trained | tied",
    "!(((a | b) & c) | !d)",
    r"a\*b | \frozen | a\ b",
    "rank:2 & size:<=256 | kind:statistic",
    "tag:é | {a,{b,c}}.**.[x]",
];

/// Indexes as `huggingface_hub` and PyTorch's users write them, and as few can.
pub(crate) const INDEXES: &[&str] = &[
    r#"{
  "metadata": {
    "total_size": 28
  },
  "weight_map": {
    "a.weight": "model-00001-of-00002.safetensors",
    "b.weight": "model-00002-of-00002.safetensors"
  }
}
"#,
    r#"{"metadata": {"total_size": 13.5, "format": "pt", "tied": true, "x": [1, {"y": 2}], "n": null},
 "unknown": {"a": [1]}, "weight_map": {"a\"": "pytorch_model-00001-of-00001.bin"}}"#,
    r#"{"weight_map":{"b":"2.bin","a":"1.bin","\u00e9\ud83d\ude00":"1.bin","":"é.bin"}}"#,
    r#"{"weight_map":{}}"#,
];

/// Rename rules of every kind.
pub(crate) const RENAME_RULES: &[&str] = &[
    r#"rest = "error"

[[rule]]
split = "h.{i}.attn.weight"
to = ["l.{i}.q.weight", "l.{i}.k.weight"]
axis = 1
transpose = true

[[rule]]
from = 'module.{rest**}'
to = "{rest**}"
"#,
    r#"[[rule]]
concat = ["h.{i}.a.bias", "h.{i}.b.bias"]
to = "l.{i}.ab.bias"
axis = 0
sizes = [2, 4]

[[rule]]
from = "conv.weight"
to = "conv.kernel"
permute = [2, 3, 1, 0]
"#,
    r#"unused = "error"

[[rule]]
from = "e.{p:w*,b}"
to = "embed.{p}"

[[rule]]
tie = ["embed.{p}", "head.{p}", "out.{p}"]

[[then]]
rest = "keep"

[[then.rule]]
drop = '**.{a,b}?\*'
"#,
    "[[rule]]\nfrom = \"{a}.{b}.x\"\nto = \"{b}.{a}.\\u00E9\"\n",
    "",
];

/// A GGUF file: two pairs with a list and the alignment, and a tensor of each type given, of one
/// block each.
pub(crate) fn gguf(version: u32, types: &[(u32, u64, usize)]) -> Vec<u8> {
    const ALIGNMENT: usize = 32;
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let mut head = [b"GGUF".as_slice(), &version.to_le_bytes()].concat();
    head.extend([types.len() as u64, 3].map(u64::to_le_bytes).concat());
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let pairs: [(&str, Vec<Vec<u8>>); 3] = [
        ("general.architecture", vec![words(&[8]), text("test")]),
        ("general.alignment", vec![words(&[4, ALIGNMENT as u32])]),
        ("list", vec![words(&[9, 8, 2, 0]), text("x"), text("ü")]),
    ];
    for (key, value) in pairs {
        head.extend([text(key), value.concat()].concat());
    }
    let mut data = Vec::new();
    for (number, elements, len) in types {
        head.extend([text(&format!("{number}.weight")), words(&[1])].concat());
        head.extend(elements.to_le_bytes());
        head.extend([&words(&[*number])[..], &(data.len() as u64).to_le_bytes()].concat());
        data.extend((0..*len).map(|i| (i * 37) as u8));
        data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
    }
    head.resize(head.len().next_multiple_of(ALIGNMENT), 0);
    head.extend(data);
    head
}
