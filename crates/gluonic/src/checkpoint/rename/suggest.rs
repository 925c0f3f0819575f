//! Rules proposed from two layouts, where only one answer is the best.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use super::assign::{assign, leaves};
use super::fused::fused;
use super::layout::{Layout, Module, Role, template};
use super::propose::{propose, strip_prefix};
use super::recipe::Recipe;
use super::rule::RenameRules;
use crate::checkpoint::TensorInfo;
use crate::error::Names;

/// Why a tensor of one layout is taken for one of another, the best evidence first.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Evidence {
    /// The keys are equal.
    Key,
    /// The keys differ in what they start with, in the same way for all of one side.
    Prefix,
    /// A matrix of three, with the names of query, key and value.
    Parts,
    /// Names are much more alike than any others of these shapes.
    Name {
        /// How alike, from 0 to 1: twice the number of common words over that of all.
        score: f64,
        /// How alike the next best are.
        second: f64,
    },
    /// No other module has these shapes, or all others have found theirs.
    Shape,
    /// As many modules of these shapes, and numbers that tell their order.
    Order,
}

impl Evidence {
    /// How far to trust it, from 0 to 1: 1 for keys, 0.9 for parts and shapes, 0.7 for order, and
    /// for names between 0.7 and 0.9, the more the further the next best are.
    pub fn confidence(&self) -> f64 {
        match self {
            Evidence::Key | Evidence::Prefix => 1.0,
            Evidence::Parts | Evidence::Shape => 0.9,
            Evidence::Name { score, second } => (0.7 + 0.4 * (score - second)).min(0.9),
            Evidence::Order => 0.7,
        }
    }
}

/// Tensors of one layout that are tensors of another.
#[derive(Clone, Debug, PartialEq)]
pub struct SuggestedMatch {
    /// Their keys in the first layout: one, or the parts of a concatenation.
    pub from: Names,
    /// Their keys in the second: one, or the parts of a split.
    pub to: Names,
    /// Whether matrices are transposed.
    pub transposed: bool,
    /// Why.
    pub evidence: Evidence,
    /// The axis along which parts lie.
    pub(super) axis: Option<usize>,
}

impl SuggestedMatch {
    /// Whether it takes a rule, which tensors that stay as they are do not.
    pub(super) fn is_change(&self) -> bool {
        self.from != self.to || self.transposed
    }
}

/// A key that fits several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmbiguousKey {
    /// The key in the first layout.
    pub key: Box<str>,
    /// The keys of the second that it fits equally well; its own shape twice, if it is not clear
    /// whether it is to be transposed.
    pub candidates: Names,
}

/// Rules that lead from one layout to another, as far as that is clear, and what is not clear.
/// Prints as a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The rules. Their plan on the first layout makes exactly what the matches say.
    pub rules: RenameRules,
    /// What the rules map and what has the same key already, in the order of the first layout.
    pub matches: Vec<SuggestedMatch>,
    /// The keys that fit several, for which there is no rule.
    pub ambiguous: Vec<AmbiguousKey>,
    /// The keys of the first layout for which nothing of the second fits.
    pub unmatched_from: Names,
    /// The keys of the second layout that the rules do not make.
    pub unmatched_to: Names,
}

/// Proposes rules that lead from the tensors of one layout to those of another, by names and shapes.
///
/// A proposal never joins tensors of different shapes, except that matrices may be transposed and
/// query, key and value may be parts of one; and where two answers are equally good, there is
/// none: the key is listed as ambiguous. Tried in this order:
///
/// 1. equal keys, then one prefix added, removed or replaced that maps one whole side;
/// 2. query, key and value next to each other on one side, and a matrix of three on the other;
/// 3. modules whose tensors have equal shapes, the same layer of all numbered blocks at once: by
///    words of their names if these are most alike on both sides by a clear margin, by shape if
///    no other has it, by order if there are as many on both sides and numbers tell it; a file
///    sorted by key has no order of its own;
/// 4. the same for single modules.
///
/// Whether a square matrix is transposed is told by the other matrices of its block, else by all
/// others.
///
/// # Examples
/// ```
/// use gluonic::checkpoint::rename::{TensorInfo, suggest};
/// use gluonic_formats::DType;
/// let tensor = |name: &str, shape: &[usize]| TensorInfo::new(name, shape, DType::F32);
/// let gluon = [
///     tensor("dense0_weight", &[256, 20]),
///     tensor("dense0_bias", &[256]),
///     tensor("dense1_weight", &[10, 256]),
///     tensor("dense1_bias", &[10]),
/// ];
/// let torch = [
///     tensor("0.weight", &[256, 20]),
///     tensor("0.bias", &[256]),
///     tensor("2.weight", &[10, 256]),
///     tensor("2.bias", &[10]),
/// ];
/// let suggestion = suggest(&gluon, &torch);
/// assert!(suggestion.ambiguous.is_empty() && suggestion.unmatched_to.is_empty());
/// assert_eq!(
///     suggestion.rules.to_string(),
///     "[[rule]]\n\
///      from = \"dense0_{p:weight,bias}\"\n\
///      to = \"0.{p}\"\n\n\
///      [[rule]]\n\
///      from = \"dense1_{p:weight,bias}\"\n\
///      to = \"2.{p}\"\n"
/// );
/// ```
pub fn suggest(from: &[TensorInfo], to: &[TensorInfo]) -> Suggestion {
    let mut state = State {
        from,
        to,
        used_from: vec![false; from.len()],
        used_to: vec![false; to.len()],
        matches: Vec::new(),
        ambiguous: BTreeMap::new(),
    };
    let prefix = strip_prefix(from, to);
    let rules = if let Some((rules, pairs)) = prefix {
        for (one, two) in pairs {
            let evidence =
                if from[one].name == to[two].name { Evidence::Key } else { Evidence::Prefix };
            state.matched(&[one], &[two], false, None, evidence);
        }
        Some(rules)
    } else {
        state.by_key();
        state.by_module();
        None
    };
    state.finish(rules)
}

struct State<'a> {
    from: &'a [TensorInfo],
    to: &'a [TensorInfo],
    used_from: Vec<bool>,
    used_to: Vec<bool>,
    /// By the first tensor of each.
    matches: Vec<(usize, SuggestedMatch)>,
    ambiguous: BTreeMap<usize, Names>,
}

fn names(tensors: &[TensorInfo], places: &[usize]) -> Names {
    places.iter().map(|place| tensors[*place].name.clone()).collect()
}

impl State<'_> {
    fn matched(
        &mut self,
        from: &[usize],
        to: &[usize],
        transposed: bool,
        axis: Option<usize>,
        evidence: Evidence,
    ) {
        if from.iter().any(|i| self.used_from[*i]) || to.iter().any(|i| self.used_to[*i]) {
            return;
        }
        for i in from {
            self.used_from[*i] = true;
        }
        for i in to {
            self.used_to[*i] = true;
        }
        let (first, from, to) = (from[0], names(self.from, from), names(self.to, to));
        self.matches.push((first, SuggestedMatch { from, to, transposed, evidence, axis }));
    }

    fn by_key(&mut self) {
        let places: HashMap<&str, usize> =
            self.to.iter().enumerate().map(|(i, tensor)| (&*tensor.name, i)).collect();
        for (i, tensor) in self.from.iter().enumerate() {
            if let Some(j) = places.get(&*tensor.name)
                && self.to[*j].shape == tensor.shape
            {
                self.matched(&[i], &[*j], false, None, Evidence::Key);
            }
        }
    }

    fn by_module(&mut self) {
        let from = Layout::of(self.from, |i| !self.used_from[i]);
        let to = Layout::of(self.to, |i| !self.used_to[i]);
        let split = fused(&to, &from);
        let joined = fused(&from, &to);
        let mut free_from = vec![true; from.modules.len()];
        let mut free_to = vec![true; to.modules.len()];
        for parts in &joined {
            parts.parts.iter().for_each(|part| free_from[*part] = false);
            free_to[parts.whole] = false;
        }
        for parts in &split {
            parts.parts.iter().for_each(|part| free_to[*part] = false);
            free_from[parts.whole] = false;
        }
        let assignment = assign(&from, &to, &free_from, &free_to);
        let orientation = Orientation::of(&from, &to, &assignment.pairs);
        for (a, b, evidence) in &assignment.pairs {
            let (one, two) = (&from.modules[*a], &to.modules[*b]);
            for (x, y) in leaves(one, two) {
                let transposed = if x.role == Role::Weight && x.shape.len() == 2 {
                    let way = orientation.transposed(&one.name, &x.shape, &y.shape);
                    let Some(transposed) = way else {
                        let name = &self.to[y.tensor].name;
                        let turned = format!("{name} (transposed)").into();
                        self.ambiguous.insert(x.tensor, [name.clone(), turned].into());
                        self.used_to[y.tensor] = true;
                        self.used_from[x.tensor] = true;
                        continue;
                    };
                    transposed
                } else {
                    false
                };
                if transposed || x.shape == y.shape {
                    self.matched(&[x.tensor], &[y.tensor], transposed, None, evidence.clone());
                }
            }
        }
        for (module, candidates) in &assignment.unclear {
            for leaf in &from.modules[*module].leaves {
                let fitting = candidates.iter().flat_map(|other| {
                    let all = &to.modules[*other].leaves;
                    all.iter().filter(|other| other.role == leaf.role).map(|other| other.tensor)
                });
                let fitting: Vec<usize> = fitting.collect();
                self.ambiguous.insert(leaf.tensor, names(self.to, &fitting));
            }
        }
        for (found, whole_side, part_side, is_split) in
            [(&joined, &to, &from, false), (&split, &from, &to, true)]
        {
            for parts in found {
                let whole = &whole_side.modules[parts.whole];
                let first: Vec<&Module> =
                    parts.parts.iter().map(|part| &part_side.modules[*part]).collect();
                self.by_parts(whole, &first, is_split, &orientation);
            }
        }
    }

    fn by_parts(&mut self, whole: &Module, parts: &[&Module], split: bool, sides: &Orientation) {
        for leaf in &whole.leaves {
            let same: Vec<_> = parts
                .iter()
                .filter_map(|part| part.leaves.iter().find(|other| other.role == leaf.role))
                .collect();
            if same.len() < parts.len() {
                continue;
            }
            let tensors: Vec<usize> = same.iter().map(|leaf| leaf.tensor).collect();
            let (from, to) =
                if split { (vec![leaf.tensor], tensors) } else { (tensors, vec![leaf.tensor]) };
            let sum = |axis: usize| same.iter().map(|leaf| leaf.shape[axis]).sum::<usize>();
            let (axis, transposed) = match &*leaf.shape {
                [_] => (0, false),
                // Parts are joined along their outputs, which come first unless transposed.
                [rows, columns] => {
                    let turned = &[*columns, *rows][..];
                    let part = &same[0].shape;
                    let along = |axis: usize| {
                        leaf.shape[axis] == sum(axis) && leaf.shape[1 - axis] == part[1 - axis]
                    };
                    let across = |axis: usize| {
                        turned[axis] == sum(axis) && turned[1 - axis] == part[1 - axis]
                    };
                    let ways = [
                        (along(0), (0, false)),
                        (along(1), (1, false)),
                        (across(0), (1, true)),
                        (across(1), (0, true)),
                    ];
                    let fitting: Vec<_> =
                        ways.into_iter().filter(|way| way.0).map(|way| way.1).collect();
                    let block = if split { &whole.name } else { &parts[0].name };
                    let chosen = match fitting.as_slice() {
                        [] => continue,
                        [one] => Some(*one),
                        many => sides.of_block(block).and_then(|transposed| {
                            many.iter().find(|way| way.1 == transposed).copied()
                        }),
                    };
                    let Some(chosen) = chosen else {
                        for place in &from {
                            self.ambiguous.insert(*place, names(self.to, &to));
                            self.used_from[*place] = true;
                        }
                        for place in &to {
                            self.used_to[*place] = true;
                        }
                        continue;
                    };
                    chosen
                }
                _ => continue,
            };
            self.matched(&from, &to, transposed, Some(axis), Evidence::Parts);
        }
    }

    fn finish(mut self, rules: Option<RenameRules>) -> Suggestion {
        self.matches.sort_by_key(|(first, _)| *first);
        let mut matches: Vec<SuggestedMatch> =
            self.matches.into_iter().map(|(_, found)| found).collect();
        let rules = rules.unwrap_or_else(|| propose(self.from, self.to, &mut matches));
        let made: HashSet<&str> =
            matches.iter().flat_map(|found| &found.to).map(|key| &**key).collect();
        let taken: HashSet<&str> =
            matches.iter().flat_map(|found| &found.from).map(|key| &**key).collect();
        let ambiguous: Vec<AmbiguousKey> = self
            .ambiguous
            .iter()
            .filter(|(place, _)| !taken.contains(&*self.from[**place].name))
            .map(|(place, candidates)| AmbiguousKey {
                key: self.from[*place].name.clone(),
                candidates: candidates
                    .iter()
                    .filter(|key| !made.contains(&***key))
                    .cloned()
                    .collect(),
            })
            .collect();
        let unmatched_from = self.from.iter().enumerate().filter(|(i, tensor)| {
            !taken.contains(&*tensor.name) && !self.ambiguous.contains_key(i)
        });
        let unmatched_from = unmatched_from.map(|(_, tensor)| tensor.name.clone()).collect();
        let unmatched_to = self.to.iter().filter(|tensor| !made.contains(&*tensor.name));
        let unmatched_to = unmatched_to.map(|tensor| tensor.name.clone()).collect();
        Suggestion { rules, matches, ambiguous, unmatched_from, unmatched_to }
    }
}

/// Whether the rules make of these tensors what the matches say, in the shapes of the other layout.
pub(super) fn is_made(
    rules: &RenameRules,
    from: &[TensorInfo],
    to: &[TensorInfo],
    matches: &[SuggestedMatch],
) -> bool {
    let Ok(plan) = rules.plan(from) else { return false };
    let places: HashMap<&str, usize> =
        plan.sources().iter().enumerate().map(|(i, tensor)| (&*tensor.name, i)).collect();
    let made: HashMap<&str, (&[usize], &Recipe)> = plan
        .targets()
        .iter()
        .map(|target| (&*target.info().name, (&*target.info().shape, target.recipe())))
        .collect();
    let shapes: HashMap<&str, &[usize]> =
        to.iter().map(|tensor| (&*tensor.name, &*tensor.shape)).collect();
    matches.iter().all(|found| {
        let mut wanted: Vec<_> = found.from.iter().map(|key| places.get(&**key).copied()).collect();
        wanted.sort_unstable();
        found.to.iter().all(|key| {
            let Some((shape, recipe)) = made.get(&**key) else { return false };
            let mut sources = Vec::new();
            recipe.sources(&mut |source| sources.push(Some(source)));
            sources.sort_unstable();
            sources == wanted && shapes.get(&**key) == Some(shape)
        })
    })
}

/// Which way matrices lie, told by those that are not square.
struct Orientation {
    /// Of each block: whether some are as they were, and whether some are transposed.
    blocks: HashMap<Box<str>, [bool; 2]>,
    all: [bool; 2],
}

impl Orientation {
    fn of(from: &Layout, to: &Layout, pairs: &[(usize, usize, Evidence)]) -> Orientation {
        let mut orientation = Orientation { blocks: HashMap::new(), all: [false; 2] };
        for (a, b, _) in pairs {
            let (one, two) = (&from.modules[*a], &to.modules[*b]);
            for (x, y) in leaves(one, two) {
                let matrix = x.role == Role::Weight && x.shape.len() == 2;
                if !matrix || x.shape[0] == x.shape[1] {
                    continue;
                }
                let turned = usize::from(x.shape != y.shape);
                orientation.all[turned] = true;
                if let Some(block) = block_of(&one.name) {
                    orientation.blocks.entry(block).or_default()[turned] = true;
                }
            }
        }
        orientation
    }

    /// Whether the matrices of a block are transposed, if that is clear.
    fn of_block(&self, module: &str) -> Option<bool> {
        let seen = block_of(module).and_then(|block| self.blocks.get(&block)).unwrap_or(&self.all);
        match seen {
            [true, true] => None,
            [_, turned] => Some(*turned),
        }
    }

    fn transposed(&self, module: &str, from: &[usize], to: &[usize]) -> Option<bool> {
        let square = from == to && from.first() == from.last();
        if square { self.of_block(module) } else { Some(from != to) }
    }
}

/// The name up to the first segment that is a number.
fn block_of(name: &str) -> Option<Box<str>> {
    let (_, numbers) = template(name);
    let first = numbers.first()?;
    let start = first.as_ptr() as usize - name.as_ptr() as usize;
    Some(name[..start + first.len()].into())
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evidence::Key => f.write_str("equal keys"),
            Evidence::Prefix => f.write_str("one prefix for all"),
            Evidence::Parts => f.write_str("query, key and value of one matrix"),
            Evidence::Name { score, second } => {
                write!(f, "words in common {score:.2}, next best {second:.2}")
            }
            Evidence::Shape => f.write_str("the only ones of their shapes"),
            Evidence::Order => f.write_str("the order of their numbers"),
        }
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        let mapped: usize = self.matches.iter().map(|found| found.from.len()).sum();
        let total = mapped + self.ambiguous.len() + self.unmatched_from.len();
        write!(f, "{mapped} of {total} tensors find their place")?;
        for found in &self.matches {
            if found.evidence == Evidence::Key {
                continue;
            }
            let turned = if found.transposed { ", transposed" } else { "" };
            let (from, to) = (found.from.join(", "), found.to.join(", "));
            let (sure, evidence) = (found.evidence.confidence(), &found.evidence);
            write!(f, "\n{sure:.2}  {from} -> {to}{turned}: {evidence}")?;
        }
        for AmbiguousKey { key, candidates } in &self.ambiguous {
            let candidates = crate::error::list(candidates);
            write!(f, "\nambiguous: `{key}` fits {candidates} equally well")?;
        }
        for (what, keys) in
            [("nothing fits", &self.unmatched_from), ("not made", &self.unmatched_to)]
        {
            if !keys.is_empty() {
                write!(f, "\n{what}: {}", crate::error::list(&keys[..keys.len().min(SHOWN + 1)]))?;
            }
        }
        Ok(())
    }
}
