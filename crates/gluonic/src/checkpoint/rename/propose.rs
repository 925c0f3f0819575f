//! Rules for tensors that belong together, as few as there can be.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::layout::template;
use super::pattern::{Beside, GlobToken, Pattern, Token};
use super::rule::{Kind, Order, RenameRules, Rule};
use super::suggest::{Evidence, SuggestedMatch, is_made};
use crate::checkpoint::TensorInfo;

/// One rule for a prefix that leads from all tensors of one side to tensors of the other, and the
/// tensors that belong together then.
pub(super) fn strip_prefix(
    from: &[TensorInfo],
    to: &[TensorInfo],
) -> Option<(RenameRules, Vec<(usize, usize)>)> {
    /// How many keys are asked for prefixes; those of all are alike, or there is no rule.
    const ASKED: usize = 8;
    let places: HashMap<&str, usize> =
        to.iter().enumerate().map(|(i, tensor)| (&*tensor.name, i)).collect();
    let mut tried: Vec<(&str, &str)> = Vec::new();
    for one in from.iter().take(ASKED) {
        for two in to {
            if one.shape == two.shape
                && let Some(pair) = prefixes(&one.name, &two.name)
                && !tried.contains(&pair)
            {
                tried.push(pair);
            }
        }
    }
    tried.retain(|(one, two)| one != two);
    tried.into_iter().find_map(|(one, two)| {
        let pairs = from.iter().enumerate().filter_map(|(i, tensor)| {
            let rest = after(&tensor.name, one)?;
            let key = if two.is_empty() { rest.to_owned() } else { format!("{two}.{rest}") };
            let place = *places.get(&*key)?;
            (to[place].shape == tensor.shape).then_some((i, place))
        });
        let pairs: Vec<(usize, usize)> = pairs.collect();
        if pairs.len() < from.len() && pairs.len() < to.len() {
            return None;
        }
        let side = |prefix: &str| {
            let mut tokens = Vec::new();
            let mut beside = Beside::Alone;
            if !prefix.is_empty() {
                tokens.push(Token::Text(prefix.into()));
                beside = Beside::After;
            }
            tokens.push(Token::Deep(Some("rest".into()), beside));
            Pattern::of(tokens)
        };
        let rule = Rule::of(Kind::Rename { from: side(one), to: side(two) });
        let rules = RenameRules::new([rule]);
        let made = pairs.iter().map(|(i, j)| as_match(&from[*i], &to[*j]));
        is_made(&rules, from, to, &made.collect::<Vec<_>>()).then_some((rules, pairs))
    })
}

fn as_match(from: &TensorInfo, to: &TensorInfo) -> SuggestedMatch {
    SuggestedMatch {
        from: [from.name.clone()].into(),
        to: [to.name.clone()].into(),
        transposed: false,
        evidence: Evidence::Prefix,
        axis: None,
    }
}

/// What two keys start with before the segments at their ends that are equal, if there are some.
fn prefixes<'a>(one: &'a str, two: &'a str) -> Option<(&'a str, &'a str)> {
    let (mut a, mut b) = (one.rsplit('.'), two.rsplit('.'));
    let mut common = 0;
    while let (Some(x), Some(y)) = (a.next(), b.next()) {
        if x != y {
            break;
        }
        common += x.len() + 1;
    }
    if common == 0 {
        return None;
    }
    let before = |key: &'a str| &key[..key.len().saturating_sub(common)];
    Some((before(one), before(two)))
}

/// What follows a prefix and a dot.
fn after<'a>(key: &'a str, prefix: &str) -> Option<&'a str> {
    if prefix.is_empty() { Some(key) } else { key.strip_prefix(prefix)?.strip_prefix('.') }
}

/// Rules for the matches. Those that no rule can make, as a key is in the way, are taken out.
pub(super) fn propose(
    from: &[TensorInfo],
    to: &[TensorInfo],
    matches: &mut Vec<SuggestedMatch>,
) -> RenameRules {
    let general = RenameRules::new(general(matches));
    if is_made(&general, from, to, matches) {
        return general;
    }
    loop {
        let taken: HashSet<&str> =
            matches.iter().flat_map(|found| &found.from).map(|key| &**key).collect();
        // A key that stays where another should go.
        let staying: HashSet<Box<str>> = from
            .iter()
            .filter(|tensor| !taken.contains(&*tensor.name))
            .map(|tensor| tensor.name.clone())
            .collect();
        let before = matches.len();
        matches.retain(|found| !found.to.iter().any(|key| staying.contains(key)));
        if matches.len() == before {
            break;
        }
    }
    let literal = matches.iter().filter(|found| found.is_change());
    let rules = RenameRules::new(literal.map(|found| {
        let patterns = |keys: &[Box<str>]| keys.iter().map(|key| Pattern::literal(key)).collect();
        rule(found, patterns(&found.from), patterns(&found.to))
    }));
    if !is_made(&rules, from, to, matches) {
        // Keys that occur twice, or are too long for a pattern: nothing can be said.
        matches.clear();
        return RenameRules::default();
    }
    rules
}

fn rule(found: &SuggestedMatch, mut from: Vec<Pattern>, mut to: Vec<Pattern>) -> Rule {
    let kind = match (from.len(), to.len()) {
        (1, 1) => Kind::Rename { from: from.remove(0), to: to.remove(0) },
        (1, _) => Kind::Split { from: from.remove(0), to },
        _ => Kind::Concat { from, to: to.remove(0) },
    };
    Rule {
        kind,
        axis: found.axis.filter(|axis| *axis > 0).map(usize::cast_signed),
        sizes: None,
        order: found.transposed.then_some(Order::Transpose),
    }
}

/// What the rules of a family have in common: keys with `#` for numbers, and what is done.
#[derive(PartialEq, Eq, Hash)]
struct Family {
    from: Vec<String>,
    to: Vec<String>,
    transposed: bool,
    axis: Option<usize>,
}

/// A rule before its last word is one of several: the text before that word on both sides.
#[derive(PartialEq, Eq, Hash)]
enum Group {
    Leaves(Vec<Token>, Vec<Token>),
    Rule(usize),
}

/// The number of a rule, and the last word of its keys.
type Member = (usize, Option<Box<str>>);

/// The patterns of one side of a rule.
type Side = Vec<Vec<Token>>;

/// Rules with captures for numbers, and for the last words of keys that differ in nothing else.
fn general(matches: &[SuggestedMatch]) -> Vec<Rule> {
    let mut families: IndexMap<Family, Vec<&SuggestedMatch>> = IndexMap::new();
    for found in matches.iter().filter(|found| found.is_change()) {
        let templates =
            |keys: &[Box<str>]| keys.iter().map(|key| template(key).0).collect::<Vec<_>>();
        let (from, to) = (templates(&found.from), templates(&found.to));
        let family = Family { from, to, transposed: found.transposed, axis: found.axis };
        families.entry(family).or_default().push(found);
    }
    let mut rules = Vec::new();
    for (family, members) in &families {
        if let Some(captured) = captured(family, members) {
            rules.push((members[0], captured.0, captured.1));
            continue;
        }
        for found in members {
            let tokens = |keys: &[Box<str>]| {
                keys.iter().map(|key| vec![Token::Text(key.clone())]).collect::<Vec<_>>()
            };
            rules.push((found, tokens(&found.from), tokens(&found.to)));
        }
    }
    // Tensors of one module with the same last word on both sides.
    let mut groups: IndexMap<Group, Vec<Member>> = IndexMap::new();
    for (i, (found, from, to)) in rules.iter().enumerate() {
        let parted = found.transposed || found.axis.is_some();
        let group = match (from.as_slice(), to.as_slice()) {
            ([from], [to]) if !parted => without_word(from, to),
            _ => None,
        };
        match group {
            Some((from, to, word)) => {
                groups.entry(Group::Leaves(from, to)).or_default().push((i, Some(word)));
            }
            None => groups.entry(Group::Rule(i)).or_default().push((i, None)),
        }
    }
    let mut made = Vec::new();
    for (group, members) in groups {
        match group {
            Group::Leaves(mut from, mut to) if members.len() > 1 => {
                let globs = members
                    .iter()
                    .filter_map(|(_, word)| Some(vec![GlobToken::Text(word.clone()?)]));
                from.push(Token::Capture("p".into(), globs.collect()));
                to.push(Token::Capture("p".into(), Vec::new()));
                let (from, to) = (Pattern::of(from), Pattern::of(to));
                made.push(Rule::of(Kind::Rename { from, to }));
            }
            _ => {
                for (i, _) in members {
                    let (found, from, to) = &rules[i];
                    let patterns = |side: &[Vec<Token>]| {
                        side.iter().map(|tokens| Pattern::of(tokens.clone())).collect()
                    };
                    made.push(rule(found, patterns(from), patterns(to)));
                }
            }
        }
    }
    made
}

/// The keys of a family as patterns, if its numbers on one side are those on the other.
fn captured(family: &Family, members: &[&SuggestedMatch]) -> Option<(Side, Side)> {
    const NAMES: [&str; 6] = ["i", "j", "k", "l", "m", "n"];
    let first = &family.from[0];
    let numbers =
        |key: &str| -> Vec<String> { template(key).1.into_iter().map(str::to_owned).collect() };
    let held: Vec<Vec<String>> = members.iter().map(|found| numbers(&found.from[0])).collect();
    let holes = held[0].len();
    if holes == 0 || holes > NAMES.len() || first.is_empty() {
        return None;
    }
    let mut sides = [Vec::new(), Vec::new()];
    for (side, templates) in sides.iter_mut().zip([&family.from, &family.to]) {
        let is_from = std::ptr::eq(templates, &raw const family.from);
        for (place, text) in templates.iter().enumerate() {
            let own: Vec<Vec<String>> = members
                .iter()
                .map(|found| numbers(if is_from { &found.from[place] } else { &found.to[place] }))
                .collect();
            // Each hole is the next one of the first key that has the same numbers throughout.
            let mut free: Vec<usize> = (0..holes).collect();
            let mut names = Vec::new();
            for hole in 0..own[0].len() {
                let same = |other: &usize| {
                    own.iter().zip(&held).all(|(own, held)| own[hole] == held[*other])
                };
                let at = free.iter().position(same)?;
                names.push(NAMES[free.remove(at)]);
            }
            if !free.is_empty() {
                return None;
            }
            side.push(tokens_of(text, &names));
        }
    }
    let [from, to] = sides;
    Some((from, to))
}

/// A template as tokens, with captures of these names for its `#`.
fn tokens_of(text: &str, names: &[&str]) -> Vec<Token> {
    let (mut tokens, mut before) = (Vec::new(), String::new());
    let mut names = names.iter();
    for (i, segment) in text.split('.').enumerate() {
        if i > 0 {
            before.push('.');
        }
        match names.as_slice().first() {
            Some(name) if segment == "#" => {
                names.next();
                if !before.is_empty() {
                    tokens.push(Token::Text(std::mem::take(&mut before).into()));
                }
                tokens.push(Token::Capture((*name).into(), Vec::new()));
            }
            _ => before.push_str(segment),
        }
    }
    if !before.is_empty() {
        tokens.push(Token::Text(before.into()));
    }
    tokens
}

/// Both sides without the word at their ends, if it is the same one.
fn without_word(from: &[Token], to: &[Token]) -> Option<(Vec<Token>, Vec<Token>, Box<str>)> {
    let (Token::Text(one), from) = from.split_last()? else { return None };
    let (Token::Text(two), to) = to.split_last()? else { return None };
    let words = ["running_mean", "running_var", "num_batches_tracked"];
    let word = |text: &str| {
        let known = words.iter().find(|word| text.ends_with(**word)).map(|word| word.len());
        let after = text.rfind(['.', '_']).map_or(0, |at| at + 1);
        known.map_or(after, |len| text.len() - len)
    };
    let (a, b) = (word(one), word(two));
    if one[a..] != two[b..] || one[a..].is_empty() {
        return None;
    }
    let side = |tokens: &[Token], text: &str| {
        let mut tokens = tokens.to_vec();
        if !text.is_empty() {
            tokens.push(Token::Text(text.into()));
        }
        tokens
    };
    Some((side(from, &one[..a]), side(to, &two[..b]), one[a..].into()))
}
