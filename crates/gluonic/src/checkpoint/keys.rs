//! The keys of a file as a model may call them: without `arg:` and `aux:`, with or without a
//! prefix; and the one rule about prefixes by which all of them fit.

use std::borrow::Cow;
use std::collections::HashMap;

use gluonic_formats::mxnet_params::strip_arg_aux;

use super::file::Checkpoint;
use super::policy::PrefixRule;
use super::tie::{Candidates, Targets};

/// What a file calls its tensors, by a rule about prefixes.
pub(super) struct Keys<'a> {
    /// The key of each tensor, by its position.
    pub(super) own: Vec<Cow<'a, str>>,
    /// Every key, own or alias, with the position of its tensor; the first one of equal keys.
    positions: HashMap<Cow<'a, str>, usize, foldhash::fast::RandomState>,
    /// Pairs of tensors that have one key: `arg:w` and `aux:w` are both `w`.
    twins: HashMap<usize, Vec<usize>, foldhash::fast::RandomState>,
    /// The aliases with the positions of their owners.
    aliases: Vec<(Cow<'a, str>, usize)>,
}

impl<'a> Keys<'a> {
    fn new(checkpoint: &'a Checkpoint, rule: &PrefixRule) -> Keys<'a> {
        let key = |name: &'a str| rule.apply(strip_arg_aux(name));
        let tensors = checkpoint.tensors();
        let own: Vec<_> = tensors.iter().map(|tensor| key(&tensor.name)).collect();
        let mut positions: HashMap<_, _, foldhash::fast::RandomState> = HashMap::default();
        positions.reserve(own.len());
        let mut twins: HashMap<_, Vec<_>, foldhash::fast::RandomState> = HashMap::default();
        for (position, key) in own.iter().enumerate() {
            let first = *positions.entry(key.clone()).or_insert(position);
            if first != position {
                twins.entry(first).or_default().push(position);
            }
        }
        let mut aliases = Vec::new();
        for (position, tensor) in tensors.iter().enumerate() {
            for alias in &tensor.aliases {
                positions.entry(key(alias)).or_insert(position);
                aliases.push((key(alias), position));
            }
        }
        Keys { own, positions, twins, aliases }
    }

    /// The tensor that a key stands for.
    pub(super) fn tensor(&self, key: &str) -> Option<usize> {
        self.positions.get(key).copied()
    }

    /// The other tensors of the same key.
    pub(super) fn twins(&self, position: usize) -> &[usize] {
        self.twins.get(&position).map(Vec::as_slice).unwrap_or_default()
    }

    fn all(&self) -> impl Iterator<Item = &str> + Clone {
        self.positions.keys().map(|key| &**key)
    }

    /// The positions of the tensors that a model does not know by any name.
    pub(super) fn extra(&self, targets: &Targets) -> Vec<usize> {
        let known_as_alias =
            self.aliases.iter().filter(|(key, _)| targets.keys.contains_key(&**key));
        let owners: std::collections::HashSet<usize> = known_as_alias.map(|(_, i)| *i).collect();
        let is_extra = |(position, key): &(usize, &Cow<'_, str>)| {
            !targets.keys.contains_key(&***key) && !owners.contains(position)
        };
        self.own.iter().enumerate().filter(is_extra).map(|(position, _)| position).collect()
    }

    /// The first key of a parameter that no key of the file stands for.
    fn first_missing<'t>(&self, targets: &'t Targets) -> Option<&'t str> {
        let missing = |keys: &[Box<str>]| keys.iter().all(|key| self.tensor(key).is_none());
        let target = targets.wanted().find(|target| missing(&target.keys))?;
        target.keys.first().map(|key| &**key)
    }

    fn fit(&self, targets: &Targets) -> bool {
        self.first_missing(targets).is_none() && self.extra(targets).is_empty()
    }
}

/// How a file's keys become a model's.
pub(super) struct Match<'a> {
    pub(super) targets: Targets,
    pub(super) keys: Keys<'a>,
    pub(super) rule: PrefixRule,
    /// The one rule by which all keys would fit, if they do not.
    pub(super) proposed: Option<PrefixRule>,
}

/// Chooses how the model's parameters are called, and applies a rule to the file's keys.
pub(super) fn find<'a>(
    candidates: Candidates<'_>,
    checkpoint: &'a Checkpoint,
    rule: &PrefixRule,
) -> Match<'a> {
    let plain = if *rule == PrefixRule::Auto { &PrefixRule::Exact } else { rule };
    let keys = Keys::new(checkpoint, plain);
    let knows_all = |targets: &Targets| keys.all().all(|key| targets.keys.contains_key(key));
    if knows_all(&candidates.first) && keys.first_missing(&candidates.first).is_none() {
        let targets = candidates.first;
        return Match { targets, keys, rule: plain.clone(), proposed: None };
    }
    let mut candidates = candidates.all();
    let best = best(&candidates, &keys);
    if keys.first_missing(&candidates[best]).is_none() {
        let targets = candidates.swap_remove(best);
        return Match { targets, keys, rule: plain.clone(), proposed: None };
    }
    let proposal = candidates.iter().enumerate().find_map(|(i, targets)| {
        Some((i, propose(targets, checkpoint)?)).filter(|(_, proposed)| proposed != plain)
    });
    match (proposal, rule) {
        (Some((i, proposed)), PrefixRule::Auto) => {
            let keys = Keys::new(checkpoint, &proposed);
            Match { targets: candidates.swap_remove(i), keys, rule: proposed, proposed: None }
        }
        (proposal, _) => Match {
            targets: candidates.swap_remove(best),
            keys,
            rule: plain.clone(),
            proposed: proposal.map(|(_, proposed)| proposed),
        },
    }
}

/// The way that knows the most keys of the file; the first of equals.
fn best(candidates: &[Targets], keys: &Keys<'_>) -> usize {
    let known =
        |targets: &Targets| keys.all().filter(|key| targets.keys.contains_key(*key)).count();
    let counts = candidates.iter().map(known).enumerate();
    let better =
        |best: (usize, usize), next: (usize, usize)| if next.1 > best.1 { next } else { best };
    counts.reduce(better).map_or(0, |(best, _)| best)
}

/// The one rule by which all keys of the file are keys of the model, and the other way round.
fn propose(targets: &Targets, checkpoint: &Checkpoint) -> Option<PrefixRule> {
    /// A key that several others end in has no one prefix; no more than these are tried.
    const TRIED: usize = 8;
    let keys = Keys::new(checkpoint, &PrefixRule::Exact);
    let mut rules: Vec<PrefixRule> = Vec::new();
    let mut add = |rule: PrefixRule| {
        if rules.len() < TRIED && !rules.contains(&rule) {
            rules.push(rule);
        }
    };
    if let Some(missing) = keys.first_missing(targets) {
        let own = keys.own.iter().filter_map(|key| prefix_of(key, missing));
        own.for_each(|prefix| add(PrefixRule::strip(prefix)));
    }
    if let Some(&extra) = keys.extra(targets).first() {
        let known = targets.keys.keys().filter_map(|key| prefix_of(key, &keys.own[extra]));
        known.for_each(|prefix| add(PrefixRule::add(prefix)));
    }
    let mut fitting = rules.into_iter().filter(|rule| Keys::new(checkpoint, rule).fit(targets));
    fitting.next().filter(|_| fitting.next().is_none())
}

/// What stands before `end`, if it ends as prefixes do.
fn prefix_of<'k>(key: &'k str, end: &str) -> Option<&'k str> {
    key.strip_suffix(end).filter(|prefix| prefix.ends_with(['.', '_', '/', ':']))
}
