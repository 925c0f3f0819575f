//! One rule, and sets and sequences of them.

use super::error::{Fault, RenameProblem, RenameProblemKind, RenameReport, RenameTextError};
use super::pattern::Pattern;
use crate::error::{Error, Names, Result};

/// What one rule does with the tensors whose keys it takes. See the [module](super) for the kinds.
///
/// # Examples
/// ```
/// use gluonic::checkpoint::rename::{RenameRules, Rule};
/// let split = Rule::split("h.{i}.qkv.weight", ["h.{i}.q.weight", "h.{i}.kv.weight"])?
///     .axis(1)
///     .sizes([64, 128])
///     .transpose();
/// let rules = RenameRules::new([split, Rule::drop("**.num_batches_tracked")?]);
/// assert_eq!(rules.to_string().parse::<RenameRules>()?, rules);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) kind: Kind,
    /// The axis along which parts lie, of the tensor that has the parts.
    pub(super) axis: Option<isize>,
    /// The parts' sizes; equal ones if `None`.
    pub(super) sizes: Option<Vec<usize>>,
    pub(super) order: Option<Order>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rename { from: Pattern, to: Pattern },
    Split { from: Pattern, to: Vec<Pattern> },
    Concat { from: Vec<Pattern>, to: Pattern },
    Drop(Pattern),
    Tie(Vec<Pattern>),
}

/// The order of the axes of what a rule makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Transpose,
    Permute(Vec<usize>),
}

impl Order {
    /// The order that undoes this one, if this one is one.
    fn inverse(&self) -> Order {
        match self {
            Order::Transpose => Order::Transpose,
            Order::Permute(axes) => Order::Permute(inverse_of(axes)),
        }
    }
}

pub(super) fn inverse_of(axes: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; axes.len()];
    for (i, axis) in axes.iter().enumerate() {
        if let Some(place) = inverse.get_mut(*axis) {
            *place = i;
        }
    }
    inverse
}

/// Whether each axis is there once.
pub(super) fn is_permutation(axes: &[usize]) -> bool {
    let mut seen = vec![false; axes.len()];
    axes.iter().all(|axis| seen.get_mut(*axis).is_some_and(|seen| !std::mem::replace(seen, true)))
}

fn pattern(text: &str) -> Result<Pattern> {
    Pattern::parse(text).map_err(|Fault { at, expected }| {
        Error::RenameText(Box::new(RenameTextError {
            line: 0,
            column: at + 1,
            text: text.into(),
            problem: format!("expected {expected}").into(),
            nearest: Names::default(),
        }))
    })
}

fn patterns<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Pattern>> {
    texts.into_iter().map(pattern).collect()
}

impl Rule {
    pub(super) fn of(kind: Kind) -> Rule {
        Rule { kind, axis: None, sizes: None, order: None }
    }

    /// Gives a tensor another key.
    ///
    /// # Errors
    /// [`Error::RenameText`] if a text is not a pattern.
    pub fn rename(from: &str, to: &str) -> Result<Rule> {
        Ok(Rule::of(Kind::Rename { from: pattern(from)?, to: pattern(to)? }))
    }

    /// Makes several tensors of one, in equal parts along axis 0 unless [`Rule::sizes`] and
    /// [`Rule::axis`] say otherwise.
    ///
    /// # Errors
    /// [`Error::RenameText`] if a text is not a pattern.
    pub fn split<'a>(from: &str, to: impl IntoIterator<Item = &'a str>) -> Result<Rule> {
        Ok(Rule::of(Kind::Split { from: pattern(from)?, to: patterns(to)? }))
    }

    /// Makes one tensor of several, equally long along axis 0 unless [`Rule::sizes`] and
    /// [`Rule::axis`] say otherwise.
    ///
    /// # Errors
    /// [`Error::RenameText`] if a text is not a pattern.
    pub fn concat<'a>(from: impl IntoIterator<Item = &'a str>, to: &str) -> Result<Rule> {
        Ok(Rule::of(Kind::Concat { from: patterns(from)?, to: pattern(to)? }))
    }

    /// Leaves tensors out.
    ///
    /// # Errors
    /// [`Error::RenameText`] if the text is not a pattern.
    pub fn drop(keys: &str) -> Result<Rule> {
        Ok(Rule::of(Kind::Drop(pattern(keys)?)))
    }

    /// Makes the tensor of the first key that of the other keys too, after all other rules.
    ///
    /// # Errors
    /// [`Error::RenameText`] if a text is not a pattern.
    pub fn tie<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Rule> {
        Ok(Rule::of(Kind::Tie(patterns(keys)?)))
    }

    /// The axis along which the parts lie in the tensor that is split or made of parts; negative
    /// ones count from the last.
    #[must_use]
    pub fn axis(mut self, axis: isize) -> Rule {
        self.axis = Some(axis);
        self
    }

    /// How long each part is along the axis.
    #[must_use]
    pub fn sizes(mut self, sizes: impl IntoIterator<Item = usize>) -> Rule {
        self.sizes = Some(sizes.into_iter().collect());
        self
    }

    /// Exchanges the two axes of the tensor that is renamed, or of each part.
    #[must_use]
    pub fn transpose(mut self) -> Rule {
        self.order = Some(Order::Transpose);
        self
    }

    /// Puts the axes of the tensor that is renamed, or of each part, in another order: axis `i` of
    /// the result is axis `axes[i]` of what it was.
    #[must_use]
    pub fn permute(mut self, axes: impl IntoIterator<Item = usize>) -> Rule {
        self.order = Some(Order::Permute(axes.into_iter().collect()));
        self
    }

    /// The patterns that take keys of the source.
    pub(super) fn takes(&self) -> &[Pattern] {
        match &self.kind {
            Kind::Rename { from, .. } | Kind::Split { from, .. } | Kind::Drop(from) => {
                std::slice::from_ref(from)
            }
            Kind::Concat { from, .. } => from,
            Kind::Tie(_) => &[],
        }
    }

    /// What contradicts itself in the rule: what was expected, and what was found.
    pub(super) fn contradiction(&self) -> Option<(String, String)> {
        let parts = match &self.kind {
            Kind::Rename { from, to } => keys_of(from, std::slice::from_ref(to)).map_or(Ok(1), Err),
            Kind::Split { from, to } => keys_of(from, to).map_or(Ok(to.len()), Err),
            Kind::Concat { from, to } => keys_of(to, from).map_or(Ok(from.len()), Err),
            Kind::Drop(_) => Ok(1),
            Kind::Tie(keys) => match keys.split_first() {
                Some((first, others)) => keys_of(first, others).map_or(Ok(keys.len()), Err),
                None => Ok(0),
            },
        };
        let parts = match parts {
            Ok(parts) => parts,
            Err(problem) => return Some(problem),
        };
        let several = matches!(self.kind, Kind::Split { .. } | Kind::Concat { .. } | Kind::Tie(_));
        if several && parts < 2 {
            return Some(("two keys or more".into(), parts.to_string()));
        }
        let parted = matches!(self.kind, Kind::Split { .. } | Kind::Concat { .. });
        if !parted && (self.axis.is_some() || self.sizes.is_some()) {
            let word = if self.axis.is_some() { "axis" } else { "sizes" };
            return Some((format!("no `{word}`, which are of `split` and `concat`"), word.into()));
        }
        if let Some(sizes) = self.sizes.as_ref().filter(|sizes| sizes.len() != parts) {
            return Some((format!("{parts} sizes, one for each part"), sizes.len().to_string()));
        }
        match &self.order {
            Some(_) if matches!(self.kind, Kind::Drop(_) | Kind::Tie(_)) => {
                let expected = "no order of axes where nothing is made";
                Some((expected.into(), "`transpose` or `permute`".into()))
            }
            Some(Order::Permute(axes)) if !is_permutation(axes) => {
                let expected = format!("each axis from 0 to {} once", axes.len().saturating_sub(1));
                Some((expected, format!("{axes:?}")))
            }
            _ => None,
        }
    }

    /// The rule that undoes this one.
    fn inverse(&self) -> Option<Rule> {
        let kind = match &self.kind {
            Kind::Rename { from, to } => {
                Kind::Rename { from: to.with_limits_of(from), to: from.without_limits() }
            }
            Kind::Split { from, to } => Kind::Concat {
                from: to.iter().map(|to| to.with_limits_of(from)).collect(),
                to: from.without_limits(),
            },
            Kind::Concat { from, to } => Kind::Split {
                // Every member has the same captures; the first that limits one does so for all.
                from: from.iter().fold(to.clone(), |to, member| {
                    if to.limited().is_some() { to } else { to.with_limits_of(member) }
                }),
                to: from.iter().map(Pattern::without_limits).collect(),
            },
            Kind::Drop(_) | Kind::Tie(_) => return None,
        };
        let order = self.order.as_ref().map(Order::inverse);
        Some(Rule { kind, axis: self.axis, sizes: self.sizes.clone(), order })
    }
}

/// What stands against keys with the same captures: `one` and each of the `others`. The side that
/// makes keys may not limit captures, and none may match without capturing.
fn keys_of(one: &Pattern, others: &[Pattern]) -> Option<(String, String)> {
    for pattern in others.iter().chain([one]) {
        if let Some(wildcard) = pattern.anonymous() {
            let expected = format!("a capture such as `{{name}}` instead of `{wildcard}`");
            return Some((expected, format!("`{pattern}`")));
        }
    }
    let names = one.names();
    let list = |names: &[&str]| match names {
        [] => "no captures".to_owned(),
        names => names.iter().map(|name| format!("`{{{name}}}`")).collect::<Vec<_>>().join(", "),
    };
    others.iter().find_map(|other| {
        let found = other.names();
        if found != names {
            let expected = format!("the captures of `{one}`, {}, in `{other}`", list(&names));
            return Some((expected, list(&found)));
        }
        let name = names.iter().find(|name| one.is_deep(name) != other.is_deep(name))?;
        let expected = format!("`{{{name}}}` or `{{{name}**}}` in both `{one}` and `{other}`");
        Some((expected, "one of each".into()))
    })
}

/// What happens to the keys that no rule takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rest {
    /// They stay as they are.
    #[default]
    Keep,
    /// They are problems.
    Error,
}

/// What happens when a rule matches no key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unused {
    /// The plan says so when it is printed.
    #[default]
    Warn,
    /// It is a problem.
    Error,
}

/// Rules that are tried together, on the same keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) rest: Rest,
    pub(super) unused: Unused,
    pub(super) rules: Vec<Rule>,
}

/// A mapping from the tensors of one file to those of another layout, as data.
///
/// Parses from TOML and prints as TOML; serialises as the same tables in any format. The
/// [module](super) tells the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenameRules {
    /// One or more, each of which works on what the one before has made.
    pub(super) steps: Vec<Step>,
}

impl Default for RenameRules {
    /// No rules: everything stays as it is.
    fn default() -> Self {
        RenameRules { steps: vec![Step::default()] }
    }
}

impl RenameRules {
    /// The longest text that is read, in bytes.
    pub const MAX_LEN: usize = 1 << 20;

    /// A set of rules, of which the first that matches a key takes it.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> RenameRules {
        let step = Step { rules: rules.into_iter().collect(), ..Step::default() };
        RenameRules { steps: vec![step] }
    }

    /// The same rules, with what happens to the keys that no rule takes.
    #[must_use]
    pub fn rest(mut self, rest: Rest) -> RenameRules {
        self.steps.iter_mut().for_each(|step| step.rest = rest);
        self
    }

    /// The same rules, with what happens when one matches no key.
    #[must_use]
    pub fn unused(mut self, unused: Unused) -> RenameRules {
        self.steps.iter_mut().for_each(|step| step.unused = unused);
        self
    }

    /// These rules, and then those of `other` on what they have made.
    ///
    /// # Examples
    /// ```
    /// use gluonic::checkpoint::rename::{RenameRules, Rule};
    /// let strip = RenameRules::new([Rule::rename("module.{rest**}", "{rest**}")?]);
    /// let both = strip.then(&RenameRules::new([Rule::rename("fc.{p}", "0.{p}")?]));
    /// let fc = gluonic::checkpoint::rename::TensorInfo::new(
    ///     "module.fc.bias", [3], gluonic_formats::DType::F32,
    /// );
    /// assert_eq!(&*both.plan(&[fc])?.targets()[0].info().name, "0.bias");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    #[must_use]
    pub fn then(&self, other: &RenameRules) -> RenameRules {
        RenameRules { steps: self.steps.iter().chain(&other.steps).cloned().collect() }
    }

    /// The rules that lead back, in one step for each step of these, last first.
    ///
    /// Exact for the keys that rules take one by one. What rules cannot know is whether a key that
    /// no rule takes, or another rule makes, has the same form as one that is made; and
    /// [`RenameRules::inverse_on`] proves for a file that this is not so.
    ///
    /// # Errors
    /// [`Error::Rename`] with every rule that drops or ties tensors.
    pub fn inverse(&self) -> Result<RenameRules> {
        let mut report = RenameReport::default();
        let mut steps = Vec::new();
        for (step, Step { rest, unused, rules }) in self.steps.iter().enumerate() {
            let mut inverse = Vec::new();
            for (i, rule) in rules.iter().enumerate() {
                if let Some(rule) = rule.inverse() {
                    inverse.push(rule);
                    continue;
                }
                report.problems.push(RenameProblem {
                    step,
                    rule: i + 1,
                    key: Box::default(),
                    kind: RenameProblemKind::NotInvertible,
                    expected: "a rule that can be undone".into(),
                    found: match &rule.kind {
                        Kind::Drop(_) => "`drop`, which loses tensors".into(),
                        _ => "`tie`, which does not know which keys were there".into(),
                    },
                    nearest: Names::default(),
                });
            }
            steps.push(Step { rest: *rest, unused: *unused, rules: inverse });
        }
        steps.reverse();
        if report.problems.is_empty() {
            Ok(RenameRules { steps })
        } else {
            Err(Error::Rename(Box::new(report)))
        }
    }
}
