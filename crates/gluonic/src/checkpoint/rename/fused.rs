//! Query, key and value as modules of their own on one side, and as one on the other.

use std::collections::BTreeMap;

use super::layout::{Layout, Module, Role, Unit, similarity};

/// The words for query, key and value, as segments or parts of segments.
const PARTS: [[&str; 3]; 7] = [
    ["query", "key", "value"],
    ["q_proj", "k_proj", "v_proj"],
    ["q_lin", "k_lin", "v_lin"],
    ["to_q", "to_k", "to_v"],
    ["wq", "wk", "wv"],
    ["Wq", "Wk", "Wv"],
    ["q", "k", "v"],
];

/// The last segments of modules that are all three.
const WHOLES: [&str; 8] =
    ["c_attn", "in_proj", "qkv", "qkv_proj", "query_key_value", "Wqkv", "to_qkv", "in_proj_qkv"];

/// Three modules of one layout that are one of another.
pub(super) struct Fused {
    pub(super) parts: [usize; 3],
    pub(super) whole: usize,
}

/// Every such three, if it is clear which whole they are.
pub(super) fn fused(parts: &Layout, wholes: &Layout) -> Vec<Fused> {
    let all = |_: usize| true;
    let mut triples: BTreeMap<String, [Option<Unit>; 3]> = BTreeMap::new();
    for unit in parts.units(all) {
        for words in PARTS {
            for (i, word) in words.iter().enumerate() {
                if let Some(parent) = without(&unit.template, word) {
                    let triple = triples.entry(format!("{parent}\0{}", words[0])).or_default();
                    triple[i] = Some(unit.clone());
                }
            }
        }
    }
    let triples: Vec<[Unit; 3]> = triples
        .into_values()
        .filter_map(|[q, k, v]| Some([q?, k?, v?]))
        .filter(|[q, k, v]| {
            q.modules.len() == k.modules.len() && q.modules.len() == v.modules.len()
        })
        .collect();
    let last = |unit: &Unit| unit.template.rsplit('.').next().unwrap_or_default().to_owned();
    let whole: Vec<Unit> =
        wholes.units(all).into_iter().filter(|unit| WHOLES.contains(&&*last(unit))).collect();
    let fits = |triple: &[Unit; 3], unit: &Unit| {
        let same = triple[0].modules.len() == unit.modules.len();
        same && unit.modules.iter().enumerate().all(|(i, module)| {
            let own = [0, 1, 2].map(|part| &parts.modules[triple[part].modules[i]]);
            is_whole(&wholes.modules[*module], own)
        })
    };
    let mut found = Vec::new();
    for triple in &triples {
        let mut fitting: Vec<&Unit> = whole.iter().filter(|unit| fits(triple, unit)).collect();
        // Among several only a name that is clearly more alike, on both sides, will do.
        let like =
            |triple: &[Unit; 3], unit: &Unit| similarity(&triple[0].template, &unit.template);
        fitting.sort_by(|a, b| like(triple, b).total_cmp(&like(triple, a)));
        let Some(best) = fitting.first() else { continue };
        let score = like(triple, best);
        let second = fitting.get(1).map_or(-1.0, |unit| like(triple, unit));
        let rivals = triples.iter().filter(|other| other[0] != triple[0] && fits(other, best));
        let rival = rivals.map(|other| like(other, best)).fold(-1.0, f64::max);
        if score < second.max(rival) + 0.1 {
            continue;
        }
        for (i, module) in best.modules.iter().enumerate() {
            let own = [0, 1, 2].map(|part| triple[part].modules[i]);
            found.push(Fused { parts: own, whole: *module });
        }
    }
    found
}

/// The template without a word that is a segment of it, if it is one; with a mark in its place.
fn without(template: &str, word: &str) -> Option<String> {
    let mut segments: Vec<&str> = template.split('.').collect();
    let place = segments.iter().rposition(|segment| *segment == word)?;
    segments[place] = "{}";
    Some(segments.join("."))
}

/// Whether each tensor of the one is as large as those of the three together.
fn is_whole(whole: &Module, parts: [&Module; 3]) -> bool {
    !whole.leaves.is_empty()
        && parts.iter().all(|part| part.leaves.len() == whole.leaves.len())
        && whole.leaves.iter().all(|leaf| {
            let sizes = parts.iter().map(|part| {
                let same = |other: &&super::layout::Leaf| {
                    (other.role, other.shape.len()) == (leaf.role, leaf.shape.len())
                };
                Some(part.leaves.iter().find(same)?.shape.iter().product::<usize>())
            });
            let known = matches!(leaf.role, Role::Weight | Role::Bias);
            let sum = sizes.sum::<Option<usize>>();
            known && leaf.shape.len() <= 2 && sum == Some(leaf.shape.iter().product())
        })
}
