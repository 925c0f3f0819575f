//! What rules do to the tensors of a file, found out from names, shapes and types alone.

use std::collections::{HashMap, HashSet};
use std::fmt;

use gluonic_formats::{DType, RawTensor, byte_len};

use super::error::{RenameProblem, RenameProblemKind, RenameReport};
use super::recipe::{Recipe, is_whole_bytes, permuted};
use super::rule::RenameRules;
use super::step;
use crate::checkpoint::TensorInfo;
use crate::error::{Error, Names, Result, did_you_mean};
use crate::shape::Dims;

/// The sets of rules that a sequence may have.
const MAX_STEPS: usize = 64;

/// A tensor that rules make, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTensor {
    pub(super) info: TensorInfo,
    pub(super) recipe: Recipe,
    /// What must have the same values as what is used.
    pub(in crate::checkpoint) same: Vec<Same>,
}

/// Two tensors that a rule ties, and that both are in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::checkpoint) struct Same {
    pub(super) step: usize,
    pub(super) rule: usize,
    pub(in crate::checkpoint) dtype: DType,
    pub(super) keys: [Box<str>; 2],
    pub(in crate::checkpoint) recipes: [Recipe; 2],
}

impl Same {
    /// What to say if they have not.
    pub(in crate::checkpoint) fn differ(&self) -> Error {
        let Same { step, rule, keys: [key, other], .. } = self;
        one_problem(RenameProblem {
            step: *step,
            rule: *rule,
            key: other.clone(),
            kind: RenameProblemKind::Tie,
            expected: format!("the values of `{key}`, which it is tied to").into(),
            found: "different values".into(),
            nearest: Names::default(),
        })
    }
}

impl TargetTensor {
    /// Its key, shape and element type.
    pub fn info(&self) -> &TensorInfo {
        &self.info
    }

    /// How it is made.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }
}

/// How many keys one rule takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleMatches {
    /// Which of the sets of a sequence the rule is in, from 0.
    pub step: usize,
    /// The rule's number in its set, from 1.
    pub rule: usize,
    /// Its patterns.
    pub text: Box<str>,
    /// The number of keys that it takes; of a tie, the number of tensors it makes.
    pub matched: usize,
    /// If it takes none, the keys most like what it wants.
    pub nearest: Names,
}

impl RuleMatches {
    /// What to say of a rule that takes no key.
    pub(in crate::checkpoint) fn if_idle(&self) -> Option<String> {
        let RuleMatches { rule, text, nearest, .. } = self;
        let idle = || match did_you_mean(nearest) {
            Some(nearest) => format!("rule {rule} takes no key: {text}; {nearest}"),
            None => format!("rule {rule} takes no key: {text}"),
        };
        (self.matched == 0).then(idle)
    }
}

/// What rules do to the tensors of a file. Prints as a table of the rules.
///
/// # Examples
/// ```
/// use gluonic::checkpoint::rename::{RenameRules, TensorInfo};
/// use gluonic_formats::DType;
/// let rules: RenameRules = r#"
///     [[rule]]
///     from = "fc{i}.{p}"
///     to = "{i}.{p}"
///     [[rule]]
///     drop = "bn.**"
/// "#.parse()?;
/// let plan = rules.plan(&[
///     TensorInfo::new("fc0.weight", [2, 3], DType::F32),
///     TensorInfo::new("fc0.bias", [2], DType::F32),
/// ])?;
/// assert_eq!(
///     plan.to_string(),
///     "2 tensors become 2\n\
///      1  fc{i}.{p} -> {i}.{p}  2\n\
///      2  drop bn.**            0"
/// );
/// assert_eq!(plan.targets()[0].to_string(), "0.weight (2, 3) float32");
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenamePlan {
    sources: Vec<TensorInfo>,
    targets: Vec<TargetTensor>,
    rules: Vec<RuleMatches>,
}

impl RenameRules {
    /// Finds out what these rules make of the tensors of a file, without their data. Aliases are
    /// keys as any others.
    ///
    /// # Errors
    /// [`Error::Rename`] with everything that does not fit: see the [module](super). Of a
    /// sequence, with all that is wrong with the first set of which something is.
    pub fn plan(&self, tensors: &[TensorInfo]) -> Result<RenamePlan> {
        let mut report = RenameReport::default();
        let mut problem = |key: &str, kind, expected: &str, found: String| {
            report.problems.push(RenameProblem {
                step: 0,
                rule: 0,
                key: key.into(),
                kind,
                expected: expected.into(),
                found: found.into(),
                nearest: Names::default(),
            });
        };
        if self.steps.len() > MAX_STEPS {
            let found = self.steps.len().to_string();
            problem("", RenameProblemKind::Rule, "at most 64 sets of rules", found);
        }
        let mut names = HashSet::new();
        for tensor in tensors {
            for name in tensor.names().filter(|name| !names.insert(*name)) {
                let found = "two".to_owned();
                problem(name, RenameProblemKind::Collision, "one tensor", found);
            }
            if byte_len(tensor.dtype, &tensor.shape).is_none() {
                let found = format!("{} of {}", tensor.shape, tensor.dtype);
                let expected = "a shape that a tensor can have";
                problem(&tensor.name, RenameProblemKind::Size, expected, found);
            }
        }
        // An alias is a key of its own, by which rules may take the tensor.
        let keyed = tensors.iter().enumerate().flat_map(|(i, info)| {
            info.names().map(move |name| TargetTensor {
                info: TensorInfo::new(name, &info.shape, info.dtype),
                recipe: Recipe::Source(i),
                same: Vec::new(),
            })
        });
        let mut targets: Vec<TargetTensor> = keyed.collect();
        let mut rules = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            if !report.problems.is_empty() {
                return Err(Error::Rename(Box::new(report)));
            }
            targets = step::run(number, step, &targets, tensors, &mut rules, &mut report);
        }
        if report.problems.is_empty() {
            Ok(RenamePlan { sources: tensors.to_vec(), targets, rules })
        } else {
            Err(Error::Rename(Box::new(report)))
        }
    }

    /// As [`RenameRules::inverse`], proven: what the inverse makes of what these rules make of
    /// `tensors` is `tensors`, byte for byte.
    ///
    /// # Errors
    /// As [`RenameRules::inverse`] and [`RenameRules::plan`]; [`Error::Rename`] with every tensor
    /// that does not come back.
    ///
    /// # Examples
    /// ```
    /// use gluonic::checkpoint::rename::{RenameRules, Rule, TensorInfo};
    /// use gluonic_formats::DType;
    /// let rules = RenameRules::new([Rule::rename("a.{p}", "b.{p}")?]);
    /// let tensor = |name: &str| TensorInfo::new(name, [2], DType::F32);
    /// assert!(rules.inverse_on(&[tensor("a.w"), tensor("c.w")]).is_ok());
    /// // `b.v` would come back as `a.v`.
    /// assert!(rules.inverse_on(&[tensor("a.w"), tensor("b.v")]).is_err());
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn inverse_on(&self, tensors: &[TensorInfo]) -> Result<RenameRules> {
        let inverse = self.inverse()?;
        self.plan(tensors)?;
        let back = self.then(&inverse).plan(tensors)?;
        let mut report = RenameReport::default();
        let by_name: HashMap<&str, &TargetTensor> =
            back.targets.iter().map(|target| (&*target.info.name, target)).collect();
        for (i, tensor) in tensors.iter().enumerate() {
            let found = match by_name.get(&*tensor.name) {
                Some(target) if target.recipe == Recipe::Source(i) => continue,
                // Nothing is the same as nothing, wherever it comes from.
                Some(target)
                    if (&target.info.shape, target.info.dtype) == (&tensor.shape, tensor.dtype)
                        && tensor.shape.contains(&0) =>
                {
                    continue;
                }
                Some(_) => "another tensor".to_owned(),
                None => {
                    let other = back.targets.iter().find(|t| t.recipe == Recipe::Source(i));
                    other.map_or("nothing".to_owned(), |other| format!("`{}`", other.info.name))
                }
            };
            report.problems.push(RenameProblem {
                step: 0,
                rule: 0,
                key: tensor.name.clone(),
                kind: RenameProblemKind::NotInvertible,
                expected: "to get it back from what the rules make".into(),
                found: found.into(),
                nearest: Names::default(),
            });
        }
        if report.problems.is_empty() { Ok(inverse) } else { Err(Error::Rename(Box::new(report))) }
    }
}

impl RenamePlan {
    /// The tensors that were planned with, in their order.
    pub fn sources(&self) -> &[TensorInfo] {
        &self.sources
    }

    /// The tensors that the rules make, in the order of the first source of each; those that a tie
    /// adds come last.
    pub fn targets(&self) -> &[TargetTensor] {
        &self.targets
    }

    /// How many keys each rule takes, in the order of the rules.
    pub fn rules(&self) -> &[RuleMatches] {
        &self.rules
    }

    /// How many tensors become how many.
    pub(in crate::checkpoint) fn summary(&self) -> String {
        let verb = if self.sources.len() == 1 { "tensor becomes" } else { "tensors become" };
        let text = format!("{} {verb} {}", self.sources.len(), self.targets.len());
        match self.dropped().count() {
            0 => text,
            dropped => format!("{text}, {dropped} dropped"),
        }
    }

    /// The sources of which nothing is used.
    pub fn dropped(&self) -> impl Iterator<Item = &TensorInfo> {
        let mut used = vec![false; self.sources.len()];
        for target in &self.targets {
            target.recipe.sources(&mut |source| used[source] = true);
        }
        self.sources.iter().zip(used).filter(|(_, used)| !used).map(|(source, _)| source)
    }

    /// The targets that are one tensor under several keys, as places in [`RenamePlan::targets`],
    /// ascending.
    pub fn ties(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut first: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        for (i, target) in self.targets.iter().enumerate() {
            // Equal recipes use equal sources: only these need a closer look.
            let (mut count, mut least) = (0, usize::MAX);
            target.recipe.sources(&mut |source| {
                count += 1;
                least = least.min(source);
            });
            let alike = first.entry((count, least)).or_default();
            let tied = alike
                .iter()
                .copied()
                .find(|group| self.targets[groups[*group][0]].recipe == target.recipe);
            if let Some(group) = tied {
                groups[group].push(i);
            } else {
                alike.push(groups.len());
                groups.push(vec![i]);
            }
        }
        groups.retain(|group| group.len() > 1);
        groups
    }

    /// Makes the target of that number. `read` gives the sources it needs, by their number in
    /// [`RenamePlan::sources`].
    ///
    /// # Memory
    /// A tensor that only gets another key, and a part along the first axis, borrow the bytes that
    /// `read` lends. Others are copied, once for each operation of their recipe.
    ///
    /// # Errors
    /// [`Error::Rename`] if `read` gives a tensor of another shape or type than was planned with,
    /// or if two that a rule ties have different values; what `read` fails with.
    ///
    /// # Panics
    /// If there is no target of that number.
    pub fn make<'a>(
        &self,
        target: usize,
        read: &mut dyn FnMut(usize) -> Result<RawTensor<'a>>,
    ) -> Result<RawTensor<'a>> {
        let TargetTensor { info, recipe, same } = &self.targets[target];
        let mut read = |source: usize| {
            let tensor = read(source)?;
            let planned = &self.sources[source];
            if (tensor.dtype(), tensor.shape()) != (planned.dtype, &*planned.shape) {
                return Err(one_problem(RenameProblem {
                    step: 0,
                    rule: 0,
                    key: planned.name.clone(),
                    kind: RenameProblemKind::Changed,
                    expected: format!("{} {}", planned.shape, planned.dtype).into(),
                    found: format!("{} {}", Dims::from(tensor.shape()), tensor.dtype()).into(),
                    nearest: Names::default(),
                }));
            }
            let (_, _, shape, data) = tensor.into_parts();
            Ok((shape, data))
        };
        for tie in same {
            let [one, two] = &tie.recipes;
            if one.make(tie.dtype, &mut read)?.1 != two.make(tie.dtype, &mut read)?.1 {
                return Err(tie.differ());
            }
        }
        let (shape, data) = recipe.make(info.dtype, &mut read)?;
        RawTensor::new(info.name.to_string(), info.dtype, shape, data)
            .map_err(|error| Error::user("making a tensor by rename rules", error))
    }

    /// Makes every target of these tensors, one after the other as the iterator is asked for it.
    /// They may stand in another order than was planned with.
    ///
    /// # Errors
    /// Each item as [`RenamePlan::make`]; [`Error::Rename`] if a source is not among the tensors.
    ///
    /// # Examples
    /// ```
    /// use gluonic::checkpoint::rename::RenameRules;
    /// use gluonic_formats::{DType, RawTensor};
    /// let rules: RenameRules = r#"
    ///     [[rule]]
    ///     split = "qkv"
    ///     to = ["q", "k", "v"]
    /// "#.parse()?;
    /// let qkv = [RawTensor::new("qkv", DType::U8, vec![3, 2], vec![0, 1, 2, 3, 4, 5])
    ///     .expect("3 rows of 2 bytes")];
    /// let plan = rules.plan(&[(&qkv[0]).into()])?;
    /// let made: Vec<_> = plan.apply(&qkv).collect::<gluonic::Result<_>>()?;
    /// assert_eq!((made[2].name(), made[2].data()), ("v", &[4, 5][..]));
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn apply<'a>(
        &'a self,
        tensors: &'a [RawTensor<'a>],
    ) -> impl Iterator<Item = Result<RawTensor<'a>>> {
        let by_name: HashMap<&str, &RawTensor<'a>> =
            tensors.iter().map(|tensor| (tensor.name(), tensor)).collect();
        let read = move |source: usize| {
            let planned = &self.sources[source];
            let found = by_name.get(&*planned.name).map(|tensor| tensor.to_borrowed());
            found.ok_or_else(|| {
                one_problem(RenameProblem {
                    step: 0,
                    rule: 0,
                    key: planned.name.clone(),
                    kind: RenameProblemKind::Changed,
                    expected: "a tensor that was planned with".into(),
                    found: "none of that key".into(),
                    nearest: Names::default(),
                })
            })
        };
        let mut read = read;
        (0..self.targets.len()).map(move |target| self.make(target, &mut read))
    }
}

fn one_problem(problem: RenameProblem) -> Error {
    Error::Rename(Box::new(RenameReport { problems: vec![problem] }))
}

impl fmt::Display for RenamePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        let several = self.rules.last().is_some_and(|last| last.step > 0);
        let rows: Vec<Vec<String>> = self
            .rules
            .iter()
            .map(|RuleMatches { step, rule, text, matched, nearest }| {
                let number =
                    if several { format!("{}.{rule}", step + 1) } else { rule.to_string() };
                let mut row = vec![number, text.to_string(), matched.to_string()];
                row.extend(did_you_mean(nearest));
                row
            })
            .collect();
        let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let (number, text, count) = (width(0), width(1), width(2));
        rows.iter().try_for_each(|row| {
            write!(f, "\n{:<number$}  {:<text$}  {:>count$}", row[0], row[1], row[2])?;
            row.get(3).map_or(Ok(()), |nearest| write!(f, "  {nearest}"))
        })
    }
}

impl fmt::Display for TargetTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info.fmt(f)
    }
}

/// The tensor with the axes in another order, or what was expected and found.
pub(super) fn ordered(
    tensor: TargetTensor,
    axes: &[usize],
) -> std::result::Result<TargetTensor, (RenameProblemKind, String, String)> {
    let TargetTensor { mut info, recipe, same } = tensor;
    if axes.len() != info.shape.len() {
        let found = format!("shape {}", info.shape);
        return Err((RenameProblemKind::Rank, format!("rank {}", axes.len()), found));
    }
    let recipe = Recipe::permute(recipe, axes);
    if info.dtype.size_in_bytes().is_none() && !axes.is_sorted() {
        let expected = "elements of whole bytes to put axes in another order";
        return Err((RenameProblemKind::Bits, expected.to_owned(), info.dtype.to_string()));
    }
    info.shape = permuted(&info.shape, axes).into();
    Ok(TargetTensor { info, recipe, same })
}

/// Whether the places along an axis are at whole bytes, or what was expected and found.
pub(super) fn whole_bytes(
    info: &TensorInfo,
    axis: usize,
    places: &[usize],
) -> std::result::Result<(), (RenameProblemKind, String, String)> {
    match places.iter().find(|place| !is_whole_bytes(info.dtype, &info.shape, axis, **place)) {
        Some(place) => Err((
            RenameProblemKind::Bits,
            format!("parts of whole bytes, of shape {}", info.shape),
            format!("one that ends at {place} of axis {axis}, inside a byte of {}", info.dtype),
        )),
        None => Ok(()),
    }
}
