//! One set of rules on the tensors that the one before has made.

use std::collections::HashMap;

use gluonic_formats::byte_len;

use super::error::{RenameProblem, RenameProblemKind, RenameReport};
use super::matcher::TooCostly;
use super::pattern::{Captures, Pattern};
use super::plan::{RuleMatches, Same, TargetTensor, ordered, whole_bytes};
use super::recipe::Recipe;
use super::rule::{Kind, Order, Rest, Rule, Step, Unused};
use crate::checkpoint::TensorInfo;
use crate::error::Names;
use crate::suggest::nearest;

/// How many tensors a set of rules may make, and how many a recipe may pass through.
const MAX_TENSORS: usize = 1 << 20;
const MAX_NODES: usize = 1 << 14;

/// What was expected and found, of a kind.
type Misfit = (RenameProblemKind, String, String);

pub(super) fn run(
    number: usize,
    step: &Step,
    inputs: &[TargetTensor],
    sources: &[TensorInfo],
    counts: &mut Vec<RuleMatches>,
    report: &mut RenameReport,
) -> Vec<TargetTensor> {
    let mut runner =
        Runner { number, step, inputs, sources, problems: Vec::new(), made: Vec::new() };
    let mut matched = runner.take();
    runner.join();
    let mut made = runner.finish();
    runner.tie(&mut made, &mut matched);
    runner.count(&matched, counts);
    runner.bounds(&made);
    runner.problems.sort_by(|a, b| (a.rule, &a.key).cmp(&(b.rule, &b.key)));
    report.problems.append(&mut runner.problems);
    made
}

struct Runner<'a> {
    number: usize,
    step: &'a Step,
    inputs: &'a [TargetTensor],
    sources: &'a [TensorInfo],
    problems: Vec<RenameProblem>,
    made: Vec<Made<'a>>,
}

/// A tensor, or one of which not every part has been met.
enum Made<'a> {
    Whole { rule: usize, from: &'a str, tensor: TargetTensor },
    Parts { rule: usize, captures: Captures<'a>, parts: Vec<Option<&'a TargetTensor>> },
}

impl<'a> Runner<'a> {
    /// `rule` is counted from 1.
    fn problem(&mut self, rule: usize, key: &str, (kind, expected, found): Misfit) {
        let (expected, found) = (expected.into(), found.into());
        let nearest = Names::default();
        let (step, key) = (self.number, key.into());
        self.problems.push(RenameProblem { step, rule, key, kind, expected, found, nearest });
    }

    fn dims(&self) -> impl Fn(&Recipe) -> Vec<usize> + use<'a> {
        let sources = self.sources;
        move |recipe| recipe.shape(&|source| sources[source].shape.to_vec())
    }

    /// Gives each tensor to the first rule that matches its key. Returns how many each has taken.
    fn take(&mut self) -> Vec<usize> {
        let step = self.step;
        let mut matched = vec![0; step.rules.len()];
        for (i, rule) in step.rules.iter().enumerate() {
            if let Some((expected, found)) = rule.contradiction() {
                self.problem(i + 1, "", (RenameProblemKind::Rule, expected, found));
            }
        }
        let mut unfinished: HashMap<(usize, Captures<'a>), usize> = HashMap::new();
        for input in self.inputs {
            let key = &*input.info.name;
            let Some((i, member, captures)) = self.first_match(key) else {
                if step.rest == Rest::Error {
                    let kind = RenameProblemKind::Untaken;
                    self.problem(0, key, (kind, "a rule that takes it".into(), "none".into()));
                } else {
                    self.made.push(Made::Whole { rule: 0, from: key, tensor: input.clone() });
                }
                continue;
            };
            matched[i] += 1;
            let rule = &step.rules[i];
            match &rule.kind {
                Kind::Rename { to, .. } => {
                    let tensor = in_order(input.clone(), rule.order.as_ref());
                    self.push(i + 1, key, to.expand(&captures), tensor);
                }
                Kind::Split { to, .. } => self.split(i + 1, rule, input, to, &captures),
                Kind::Concat { from, .. } => {
                    let place = *unfinished.entry((i, captures.clone())).or_insert_with(|| {
                        let parts = vec![None; from.len()];
                        self.made.push(Made::Parts { rule: i + 1, captures, parts });
                        self.made.len() - 1
                    });
                    if let Some(Made::Parts { parts, .. }) = self.made.get_mut(place) {
                        parts[member] = Some(input);
                    }
                }
                Kind::Drop(_) | Kind::Tie(_) => {}
            }
        }
        matched
    }

    /// The number of the rule, that of its pattern, and what it captures.
    fn first_match(&mut self, key: &'a str) -> Option<(usize, usize, Captures<'a>)> {
        for (i, rule) in self.step.rules.iter().enumerate() {
            for (member, pattern) in rule.takes().iter().enumerate() {
                match pattern.matches(key) {
                    Ok(Some(captures)) => return Some((i, member, captures)),
                    Ok(None) => {}
                    Err(TooCostly) => {
                        let expected = "a pattern that needs few steps".to_owned();
                        let found = format!("`{pattern}`, which needs too many");
                        self.problem(i + 1, key, (RenameProblemKind::Costly, expected, found));
                    }
                }
            }
        }
        None
    }

    fn push(
        &mut self,
        rule: usize,
        from: &'a str,
        name: String,
        tensor: Result<TargetTensor, Misfit>,
    ) {
        match tensor {
            Ok(mut tensor) => {
                tensor.info.name = name.into();
                self.made.push(Made::Whole { rule, from, tensor });
            }
            Err(misfit) => self.problem(rule, from, misfit),
        }
    }

    fn split(
        &mut self,
        number: usize,
        rule: &Rule,
        input: &'a TargetTensor,
        to: &[Pattern],
        captures: &Captures<'_>,
    ) {
        let key = &*input.info.name;
        let (axis, sizes) = match parts_of(rule, &input.info, to.len()) {
            Ok(parts) => parts,
            Err(misfit) => return self.problem(number, key, misfit),
        };
        let mut start = 0;
        for (to, len) in to.iter().zip(sizes) {
            let mut part = input.clone();
            let shape = &input.info.shape;
            part.recipe = Recipe::slice(part.recipe, shape, axis, start, len, self.dims());
            part.info.shape.as_mut()[axis] = len;
            start += len;
            self.push(number, key, to.expand(captures), in_order(part, rule.order.as_ref()));
        }
    }

    /// Puts together what has all its parts.
    fn join(&mut self) {
        for place in 0..self.made.len() {
            let Made::Parts { rule: number, captures, parts } = &self.made[place] else { continue };
            let (number, captures, parts) = (*number, captures.clone(), parts.clone());
            let rule = &self.step.rules[number - 1];
            let Kind::Concat { from, to } = &rule.kind else { continue };
            let name = to.expand(&captures);
            let mut members = Vec::new();
            for (pattern, part) in from.iter().zip(&parts) {
                if let Some(part) = part {
                    members.push(*part);
                    continue;
                }
                let missing = pattern.expand(&captures);
                let expected = format!("`{missing}`, a part of it");
                let kind = RenameProblemKind::Missing;
                let taken = self.inputs.iter().any(|input| *input.info.name == *missing);
                let found = if taken { "it taken by another pattern" } else { "no such key" };
                self.problem(number, &name, (kind, expected, found.into()));
                let keys = self.inputs.iter().map(|input| &*input.info.name);
                let others = keys.filter(|key| !members.iter().any(|m| *m.info.name == **key));
                let nearest = if taken { Names::default() } else { nearest(&missing, others) };
                if let Some(problem) = self.problems.last_mut() {
                    problem.nearest = nearest;
                }
            }
            if members.len() < parts.len() {
                continue;
            }
            let first = &*members[0].info.name;
            match self.concat(rule, &members) {
                Ok(mut tensor) => {
                    tensor.info.name = name.into();
                    self.made[place] = Made::Whole { rule: number, from: first, tensor };
                }
                Err(misfit) => self.problem(number, &name, misfit),
            }
        }
    }

    fn concat(&self, rule: &Rule, members: &[&TargetTensor]) -> Result<TargetTensor, Misfit> {
        let parts = members.iter().map(|part| in_order((*part).clone(), rule.order.as_ref()));
        let parts: Vec<TargetTensor> = parts.collect::<Result<_, _>>()?;
        let first = &parts[0].info;
        let axis = axis_of(rule, first)?;
        for (i, part) in parts.iter().enumerate() {
            let info = &part.info;
            if info.dtype != first.dtype {
                let expected = format!("{} as `{}` has", first.dtype, members[0].info.name);
                let found = format!("{} in `{}`", info.dtype, members[i].info.name);
                return Err((RenameProblemKind::DType, expected, found));
            }
            let mut fitting = first.shape.clone();
            if let Some(sizes) = &rule.sizes {
                fitting.as_mut()[axis] = sizes[i];
            }
            if fitting != info.shape {
                let expected = format!("shape {fitting}");
                let found = format!("{} in `{}`", info.shape, info.name);
                return Err((RenameProblemKind::Size, expected, found));
            }
            whole_bytes(info, axis, &[info.shape[axis]])?;
        }
        let mut info = first.clone();
        let lens = parts.iter().map(|part| part.info.shape[axis]);
        let sum = lens.clone().try_fold(0_usize, usize::checked_add);
        info.shape.as_mut()[axis] = sum.unwrap_or(usize::MAX);
        if byte_len(info.dtype, &info.shape).is_none() {
            let expected = "a shape that a tensor can have".to_owned();
            return Err((RenameProblemKind::Size, expected, info.shape.to_string()));
        }
        let same = parts.iter().flat_map(|part| part.same.iter().cloned()).collect();
        let recipes = parts.into_iter().map(|part| part.recipe).collect();
        let recipe = Recipe::concat(recipes, axis, self.dims());
        Ok(TargetTensor { info, recipe, same })
    }

    /// Checks that the keys are distinct.
    fn finish(&mut self) -> Vec<TargetTensor> {
        let mut first: HashMap<Box<str>, &'a str> = HashMap::new();
        let mut tensors = Vec::new();
        for made in std::mem::take(&mut self.made) {
            let Made::Whole { rule, from, tensor } = made else { continue };
            let name = tensor.info.name.clone();
            if name.is_empty() && rule > 0 {
                let misfit = ("a key for it".to_owned(), "an empty one".to_owned());
                self.problem(rule, from, (RenameProblemKind::EmptyKey, misfit.0, misfit.1));
            }
            if let Some(other) = first.insert(name.clone(), from) {
                let expected = "one tensor of that key".to_owned();
                let found = format!("two, of `{other}` and of `{from}`");
                self.problem(rule, &name, (RenameProblemKind::Collision, expected, found));
            }
            tensors.push(tensor);
        }
        tensors
    }

    fn tie(&mut self, tensors: &mut Vec<TargetTensor>, matched: &mut [usize]) {
        let step = self.step;
        for (i, rule) in step.rules.iter().enumerate() {
            let Kind::Tie(keys) = &rule.kind else { continue };
            let (Some((first, others)), None) = (keys.split_first(), rule.contradiction()) else {
                continue;
            };
            let places: HashMap<Box<str>, usize> =
                tensors.iter().enumerate().map(|(at, t)| (t.info.name.clone(), at)).collect();
            for at in 0..tensors.len() {
                let owner = tensors[at].clone();
                let captures = match first.matches(&owner.info.name) {
                    Ok(Some(captures)) => captures,
                    Ok(None) => continue,
                    Err(TooCostly) => {
                        let expected = "a pattern that needs few steps".to_owned();
                        let found = format!("`{first}`, which needs too many");
                        let misfit = (RenameProblemKind::Costly, expected, found);
                        self.problem(i + 1, &owner.info.name, misfit);
                        continue;
                    }
                };
                for other in others {
                    let name: Box<str> = other.expand(&captures).into();
                    matched[i] += 1;
                    let Some(place) = places.get(&name).copied() else {
                        let info = TensorInfo { name, ..owner.info.clone() };
                        tensors.push(TargetTensor { info, ..owner.clone() });
                        continue;
                    };
                    let there = &tensors[place];
                    if (&there.info.shape, there.info.dtype)
                        != (&owner.info.shape, owner.info.dtype)
                    {
                        let expected = format!("what `{}` is", owner.info);
                        let found = format!("`{}`", there.info);
                        self.problem(i + 1, &name, (RenameProblemKind::Tie, expected, found));
                        continue;
                    }
                    if there.recipe == owner.recipe {
                        continue;
                    }
                    let mut tied = TargetTensor {
                        info: there.info.clone(),
                        recipe: owner.recipe.clone(),
                        same: owner.same.clone(),
                    };
                    tied.same.extend(there.same.iter().cloned());
                    tied.same.push(Same {
                        step: self.number,
                        rule: i + 1,
                        dtype: owner.info.dtype,
                        keys: [owner.info.name.clone(), name],
                        recipes: [owner.recipe.clone(), there.recipe.clone()],
                    });
                    tensors[place] = tied;
                }
                if tensors.len() > MAX_TENSORS {
                    break;
                }
            }
            let names: std::collections::HashSet<&str> =
                tensors.iter().map(|tensor| &*tensor.info.name).collect();
            if names.len() < tensors.len() && places.len() < tensors.len() {
                let misfit = ("distinct keys".to_owned(), "one key twice".to_owned());
                self.problem(i + 1, "", (RenameProblemKind::Collision, misfit.0, misfit.1));
            }
        }
    }

    fn count(&mut self, matched: &[usize], counts: &mut Vec<RuleMatches>) {
        let step = self.step;
        let keys: Vec<&str> = self.inputs.iter().map(|input| &*input.info.name).collect();
        for (i, (rule, matched)) in step.rules.iter().zip(matched).enumerate() {
            let wanted = match &rule.kind {
                Kind::Tie(keys) => keys.first(),
                _ => rule.takes().first(),
            };
            let near = match wanted {
                Some(pattern) if *matched == 0 => {
                    nearest(&pattern.to_string(), keys.iter().copied())
                }
                _ => Names::default(),
            };
            if *matched == 0 && step.unused == Unused::Error {
                let expected = format!("a key that `{}` matches", summary(rule));
                self.problem(i + 1, "", (RenameProblemKind::Unused, expected, "none".into()));
                if let Some(problem) = self.problems.last_mut() {
                    problem.nearest.clone_from(&near);
                }
            }
            counts.push(RuleMatches {
                step: self.number,
                rule: i + 1,
                text: summary(rule).into(),
                matched: *matched,
                nearest: near,
            });
        }
    }

    /// Sequences of ties and concatenations double what there is in each step.
    fn bounds(&mut self, tensors: &[TargetTensor]) {
        if tensors.len() > MAX_TENSORS {
            let expected = format!("at most {MAX_TENSORS} tensors");
            self.problem(0, "", (RenameProblemKind::Rule, expected, tensors.len().to_string()));
        }
        for tensor in tensors {
            let same = tensor.same.iter().flat_map(|same| &same.recipes).map(Recipe::nodes);
            let nodes = tensor.recipe.nodes() + same.sum::<usize>();
            if nodes > MAX_NODES {
                let expected = format!("a tensor of at most {MAX_NODES} parts");
                let misfit = (RenameProblemKind::Rule, expected, nodes.to_string());
                self.problem(0, &tensor.info.name, misfit);
            }
        }
    }
}

/// A rule in one line.
fn summary(rule: &Rule) -> String {
    let list = |patterns: &[Pattern]| {
        patterns.iter().map(Pattern::to_string).collect::<Vec<_>>().join(", ")
    };
    match &rule.kind {
        Kind::Rename { from, to } => format!("{from} -> {to}"),
        Kind::Split { from, to } => format!("split {from} -> {}", list(to)),
        Kind::Concat { from, to } => format!("concat {} -> {to}", list(from)),
        Kind::Drop(keys) => format!("drop {keys}"),
        Kind::Tie(keys) => format!("tie {}", list(keys)),
    }
}

fn in_order(tensor: TargetTensor, order: Option<&Order>) -> Result<TargetTensor, Misfit> {
    match order {
        None => Ok(tensor),
        Some(Order::Permute(axes)) => ordered(tensor, axes),
        Some(Order::Transpose) => ordered(tensor, &[1, 0]),
    }
}

fn axis_of(rule: &Rule, info: &TensorInfo) -> Result<usize, Misfit> {
    let axis = rule.axis.unwrap_or(0);
    let rank = info.shape.len();
    let from_start = if axis < 0 { axis.checked_add_unsigned(rank) } else { Some(axis) };
    match from_start.and_then(|axis| usize::try_from(axis).ok()) {
        Some(axis) if axis < rank => Ok(axis),
        _ => {
            let found = format!("shape {}", info.shape);
            Err((RenameProblemKind::Rank, format!("a tensor with an axis {axis}"), found))
        }
    }
}

/// The axis along which a tensor is split, and how long each part is.
fn parts_of(rule: &Rule, info: &TensorInfo, parts: usize) -> Result<(usize, Vec<usize>), Misfit> {
    let axis = axis_of(rule, info)?;
    let dim = info.shape[axis];
    let found = || format!("{dim} in shape {}", info.shape);
    let sizes = match &rule.sizes {
        Some(sizes) => {
            let sum = sizes.iter().try_fold(0_usize, |sum, size| sum.checked_add(*size));
            if sum != Some(dim) {
                let sum = sum.map_or("too much".to_owned(), |sum| sum.to_string());
                let expected = format!("axis {axis} to be {sum}, the sum of `sizes`");
                return Err((RenameProblemKind::Size, expected, found()));
            }
            sizes.clone()
        }
        None if !dim.is_multiple_of(parts) => {
            let expected = format!("axis {axis} to have {parts} equal parts");
            return Err((RenameProblemKind::Size, expected, found()));
        }
        None => vec![dim / parts; parts],
    };
    let mut places = vec![dim];
    places.extend(sizes.iter().scan(0, |end, size| {
        *end += size;
        Some(*end)
    }));
    // A part that is the whole of something smaller than a byte is no tensor either.
    whole_bytes(info, axis, &places)?;
    Ok((axis, sizes))
}
