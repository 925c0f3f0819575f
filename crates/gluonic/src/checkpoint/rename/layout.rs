//! What the keys of a file tell about its model: modules, the tensors of each, and modules that
//! differ only in a number.

use std::collections::HashMap;

use crate::checkpoint::TensorInfo;

/// What a tensor is for in its module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Role {
    Weight,
    Bias,
    Mean,
    Variance,
    Count,
    Other,
}

/// The last words of keys, by which libraries call the same thing; longer ones first.
const LEAVES: [(&str, Role); 16] = [
    ("num_batches_tracked", Role::Count),
    ("moving_variance", Role::Variance),
    ("running_mean", Role::Mean),
    ("moving_mean", Role::Mean),
    ("running_var", Role::Variance),
    ("moving_var", Role::Variance),
    ("embedding", Role::Weight),
    ("weight", Role::Weight),
    ("kernel", Role::Weight),
    ("gamma", Role::Weight),
    ("scale", Role::Weight),
    ("bias", Role::Bias),
    ("beta", Role::Bias),
    ("mean", Role::Mean),
    ("var", Role::Variance),
    ("w", Role::Weight),
];

/// One tensor of a module.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// The place among the tensors of the layout.
    pub(super) tensor: usize,
    pub(super) role: Role,
    /// What follows the module's name: `.weight`, `_bias`.
    pub(super) text: Box<str>,
    pub(super) shape: Box<[usize]>,
}

/// The tensors whose keys differ only in the last word.
#[derive(Clone, Debug)]
pub(super) struct Module {
    pub(super) name: Box<str>,
    /// The name with `#` for every number in it, and these numbers.
    pub(super) stripped: Box<str>,
    pub(super) numbers: Vec<u64>,
    /// By role.
    pub(super) leaves: Vec<Leaf>,
}

/// Modules whose names differ only in segments that are numbers: the same layer of each block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// The name with `#` for segments that are numbers.
    pub(super) template: Box<str>,
    /// Places in the layout's modules, in the order of their numbers.
    pub(super) modules: Vec<usize>,
}

pub(super) struct Layout {
    /// In the order of the first tensor of each.
    pub(super) modules: Vec<Module>,
    /// Whether the order of the tensors tells nothing but that of their keys.
    pub(super) alphabetical: bool,
}

impl Layout {
    /// The layout of some of the tensors.
    pub(super) fn of(tensors: &[TensorInfo], wanted: impl Fn(usize) -> bool) -> Layout {
        let mut modules: Vec<Module> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (tensor, info) in tensors.iter().enumerate().filter(|(i, _)| wanted(*i)) {
            let (name, role) = module_of(&info.name);
            let place = *places.entry(name).or_insert_with(|| {
                let (stripped, numbers) = strip(name);
                let (name, leaves) = (name.into(), Vec::new());
                modules.push(Module { name, stripped, numbers, leaves });
                modules.len() - 1
            });
            let (text, shape) = (info.name[name.len()..].into(), info.shape.to_vec().into());
            modules[place].leaves.push(Leaf { tensor, role, text, shape });
        }
        for module in &mut modules {
            module.leaves.sort_by(|a, b| (a.role, &a.text).cmp(&(b.role, &b.text)));
        }
        let alphabetical = tensors.windows(2).all(|two| two[0].name < two[1].name);
        Layout { modules, alphabetical }
    }

    /// The modules for which `free`, block by block.
    pub(super) fn units(&self, free: impl Fn(usize) -> bool) -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::new();
        let mut places: HashMap<Box<str>, usize> = HashMap::new();
        for (i, module) in self.modules.iter().enumerate().filter(|(i, _)| free(*i)) {
            let template: Box<str> = template(&module.name).0.into();
            let place = *places.entry(template.clone()).or_insert_with(|| {
                units.push(Unit { template, modules: Vec::new() });
                units.len() - 1
            });
            units[place].modules.push(i);
        }
        for unit in &mut units {
            unit.modules.sort_by(|a, b| self.modules[*a].numbers.cmp(&self.modules[*b].numbers));
        }
        units
    }
}

/// The name of the module and the role in it of a tensor with that key.
fn module_of(key: &str) -> (&str, Role) {
    let start = key.rfind('.').map_or(0, |dot| dot + 1);
    let last = &key[start..];
    for (word, role) in LEAVES {
        if last == word {
            return (&key[..start.saturating_sub(1)], role);
        }
        if word.len() > 1
            && let Some(rest) = last.strip_suffix(word)
            && let Some(rest) = rest.strip_suffix('_')
            && !rest.is_empty()
        {
            return (&key[..start + rest.len()], role);
        }
    }
    let role = if last == "b" { Role::Bias } else { Role::Other };
    (&key[..start.saturating_sub(1)], role)
}

/// A text with `#` for every number in it, and these numbers.
fn strip(text: &str) -> (Box<str>, Vec<u64>) {
    let (mut stripped, mut numbers) = (String::new(), Vec::new());
    let mut digits = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            numbers.push(std::mem::take(&mut digits).parse().unwrap_or(u64::MAX));
            stripped.push('#');
        }
        stripped.push(c);
    }
    stripped.pop();
    (stripped.into(), numbers)
}

/// A key with `#` for segments that are numbers, and these.
pub(super) fn template(key: &str) -> (String, Vec<&str>) {
    let mut numbers = Vec::new();
    let segments = key.split('.').map(|segment| {
        if !segment.is_empty() && segment.bytes().all(|c| c.is_ascii_digit()) {
            numbers.push(segment);
            "#"
        } else {
            segment
        }
    });
    let text = segments.collect::<Vec<_>>().join(".");
    (text, numbers)
}

/// How much two names of modules have in common: twice the number of common words over the number
/// of all (Dice's coefficient). Numbers do not count, as some count from 0 and some from 1.
pub(super) fn similarity(one: &str, two: &str) -> f64 {
    let (one, mut two) = (words(one), words(two));
    let all = one.len() + two.len();
    let mut common = 0;
    for word in &one {
        if let Some(place) = two.iter().position(|other| other == word) {
            two.swap_remove(place);
            common += 1;
        }
    }
    if all == 0 { 0.0 } else { 2.0 * f64::from(common) / all as f64 }
}

/// The words of a name, each as the first of those that mean the same.
fn words(name: &str) -> Vec<String> {
    const SAME: [&[&str]; 12] = [
        &["attn", "attention", "selfattn", "mha"],
        &["norm", "layernorm", "ln", "bn", "batchnorm", "normalization"],
        &["linear", "dense", "fc", "lin"],
        &["conv", "convolution"],
        &["emb", "embedding", "embeddings", "embed", "wte", "tok"],
        &["pos", "position", "positions", "wpe"],
        &["out", "output", "o"],
        &["q", "query"],
        &["k", "key"],
        &["v", "value"],
        &["layer", "layers", "block", "blocks", "h"],
        &["shortcut", "downsample"],
    ];
    let mut words = Vec::new();
    let mut word = String::new();
    let mut lower = false;
    for c in name.chars().chain(['.']) {
        if !c.is_alphabetic() || (lower && c.is_uppercase()) {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word).to_lowercase());
            }
            lower = false;
        }
        if c.is_alphabetic() {
            word.push(c);
            lower = c.is_lowercase();
        }
    }
    for word in &mut words {
        if let Some(same) = SAME.iter().find(|same| same.contains(&word.as_str())) {
            same[0].clone_into(word);
        }
    }
    // `LayerNorm` and `layer_norm` are one word, `batch_norm` too.
    let mut joined: Vec<String> = Vec::new();
    for word in words {
        if word == "norm" && joined.last().is_some_and(|last| last == "layer" || last == "batch") {
            joined.pop();
        }
        joined.push(word);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_in_a_word_for_what_they_hold() {
        assert_eq!(module_of("dense0_weight"), ("dense0", Role::Weight));
        assert_eq!(module_of("a.in_proj_bias"), ("a.in_proj", Role::Bias));
        assert_eq!(module_of("bn0_running_mean"), ("bn0", Role::Mean));
        assert_eq!(module_of("a.weight"), ("a", Role::Weight));
        assert_eq!(module_of("weight"), ("", Role::Weight));
        assert_eq!(module_of("_weight"), ("", Role::Other));
        assert_eq!(module_of("a.cls_token"), ("a", Role::Other));
    }

    #[test]
    fn names_are_alike_by_their_words() {
        assert_eq!(similarity("encoder.layer_norm", "encoder.LayerNorm"), 1.0);
        assert_eq!(similarity("h.0.attn", "layers.1.attention"), 1.0);
        assert_eq!(similarity("dense0", "conv1"), 0.0);
        assert_eq!(similarity("", ""), 0.0);
    }
}
