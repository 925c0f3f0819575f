//! Which module of one layout is which of another, where only one answer is the best.

use std::collections::HashMap;

use super::layout::{Layout, Leaf, Module, Role, Unit, similarity};
use super::suggest::Evidence;

/// How much better than any other a name must be.
const MARGIN: f64 = 0.1;

/// How alike two names must be to be chosen among several.
const LEAST: f64 = 0.3;

/// The modules of two layouts that belong together, and those of which that is not clear.
pub(super) struct Assignment {
    /// Places in the modules of both layouts.
    pub(super) pairs: Vec<(usize, usize, Evidence)>,
    /// Modules of the first layout that fit several of the second as well, or share one.
    pub(super) unclear: Vec<(usize, Vec<usize>)>,
}

/// Assigns the modules that are free on both sides: first the same layer of every block at once,
/// then one by one.
pub(super) fn assign(
    from: &Layout,
    to: &Layout,
    free_from: &[bool],
    free_to: &[bool],
) -> Assignment {
    let mut assigner = Assigner {
        from,
        to,
        free_from: free_from.to_vec(),
        free_to: free_to.to_vec(),
        pairs: Vec::new(),
        unclear: Vec::new(),
    };
    let (a, b) = (assigner.units_from(), assigner.units_to());
    assigner.run(&a, &b, false);
    let one_by_one = |units: Vec<Unit>| -> Vec<Unit> {
        let each = units.into_iter().flat_map(|unit| {
            let template = unit.template;
            unit.modules
                .into_iter()
                .map(move |module| Unit { template: template.clone(), modules: vec![module] })
        });
        let mut each: Vec<Unit> = each.collect();
        each.sort_by_key(|unit| unit.modules[0]);
        each
    };
    let (a, b) = (one_by_one(assigner.units_from()), one_by_one(assigner.units_to()));
    assigner.run(&a, &b, true);
    Assignment { pairs: assigner.pairs, unclear: assigner.unclear }
}

struct Assigner<'a> {
    from: &'a Layout,
    to: &'a Layout,
    free_from: Vec<bool>,
    free_to: Vec<bool>,
    pairs: Vec<(usize, usize, Evidence)>,
    unclear: Vec<(usize, Vec<usize>)>,
}

impl Assigner<'_> {
    fn units_from(&self) -> Vec<Unit> {
        self.from.units(|module| self.free_from[module])
    }

    fn units_to(&self) -> Vec<Unit> {
        self.to.units(|module| self.free_to[module])
    }

    fn pair(&mut self, a: &Unit, b: &Unit, evidence: &Evidence) {
        for (a, b) in a.modules.iter().zip(&b.modules) {
            (self.free_from[*a], self.free_to[*b]) = (false, false);
            self.pairs.push((*a, *b, evidence.clone()));
        }
    }

    /// Assigns units that could be one another by their shapes. `last` says that what is not
    /// clear now will not be.
    fn run(&mut self, from: &[Unit], to: &[Unit], last: bool) {
        let mut classes: HashMap<Vec<Signature>, (Vec<&Unit>, Vec<&Unit>)> = HashMap::new();
        let mut order = Vec::new();
        for unit in from {
            let signature = signature(self.from, unit);
            let class = classes.entry(signature.clone()).or_insert_with(|| {
                order.push(signature);
                (Vec::new(), Vec::new())
            });
            class.0.push(unit);
        }
        for unit in to {
            if let Some(class) = classes.get_mut(&signature(self.to, unit)) {
                class.1.push(unit);
            }
        }
        for signature in order {
            let Some((mut a, mut b)) = classes.remove(&signature) else { continue };
            if signature.iter().any(Vec::is_empty) {
                continue;
            }
            self.by_name(&mut a, &mut b);
            match (a.as_slice(), b.as_slice()) {
                (_, []) => {}
                // What else had this shape has found its own by name.
                ([one], [two]) => self.pair(one, two, &Evidence::Shape),
                _ if self.in_order(&a, &b) => {
                    let key = |layout: &Layout, units: &[&Unit]| is_numbered(layout, units);
                    let (na, nb) = (key(self.from, &a), key(self.to, &b));
                    sort(self.from, &mut a, na);
                    sort(self.to, &mut b, nb);
                    for (a, b) in a.iter().zip(&b) {
                        self.pair(a, b, &Evidence::Order);
                    }
                }
                _ if last => {
                    let candidates: Vec<usize> = b.iter().flat_map(|u| u.modules.clone()).collect();
                    let modules = a.iter().flat_map(|unit| &unit.modules);
                    self.unclear.extend(modules.map(|module| (*module, candidates.clone())));
                }
                _ => {}
            }
        }
    }

    /// Takes out pairs of which each is by far the most alike to the other, until there is none.
    fn by_name(&mut self, a: &mut Vec<&Unit>, b: &mut Vec<&Unit>) {
        /// Beyond this, names are not compared, for it would take long.
        const MOST: usize = 1 << 20;
        if (a.len() == 1 && b.len() == 1) || a.len().saturating_mul(b.len()) > MOST {
            return;
        }
        let mut scores: Vec<Vec<f64>> = a
            .iter()
            .map(|one| b.iter().map(|two| similarity(&one.template, &two.template)).collect())
            .collect();
        loop {
            let found = (0..a.len()).find_map(|i| {
                let (j, score) =
                    scores[i].iter().copied().enumerate().max_by(|x, y| x.1.total_cmp(&y.1))?;
                let row = scores[i].iter().enumerate().filter(|(other, _)| *other != j);
                let column = (0..a.len()).filter(|other| *other != i);
                let second = row
                    .map(|(_, score)| *score)
                    .chain(column.map(|other| scores[other][j]))
                    .fold(0.0, f64::max);
                (score >= LEAST && score >= second + MARGIN).then_some((i, j, score, second))
            });
            let Some((i, j, score, second)) = found else { return };
            let (one, two) = (a.remove(i), b.remove(j));
            scores.remove(i);
            for row in &mut scores {
                row.remove(j);
            }
            self.pair(one, two, &Evidence::Name { score, second });
        }
    }

    /// Whether the order of both sides is that of the model.
    fn in_order(&self, a: &[&Unit], b: &[&Unit]) -> bool {
        if a.len() != b.len() {
            return false;
        }
        let (na, nb) = (is_numbered(self.from, a), is_numbered(self.to, b));
        // An alphabetical file is in no order of its own.
        let ordered = |layout: &Layout, units: &[&Unit], numbered| {
            if layout.alphabetical {
                return numbered;
            }
            let mut sorted = units.to_vec();
            sort(layout, &mut sorted, numbered);
            // Numbers that contradict the order of the file say nothing.
            sorted.iter().zip(units).all(|(x, y)| x.modules == y.modules)
        };
        (na || nb) && ordered(self.from, a, na) && ordered(self.to, b, nb)
    }
}

/// Whether the names of the units differ only in numbers, or are numbers only.
fn is_numbered(layout: &Layout, units: &[&Unit]) -> bool {
    let stripped = |unit: &&Unit| &layout.modules[unit.modules[0]].stripped;
    let Some(first) = units.first().map(stripped) else { return false };
    let numbers = |text: &str| !text.is_empty() && text.chars().all(|c| c == '#' || c == '.');
    units.iter().all(|unit| stripped(unit) == first)
        || units.iter().all(|unit| numbers(stripped(unit)))
}

fn sort(layout: &Layout, units: &mut [&Unit], numbered: bool) {
    if numbered {
        units.sort_by_key(|unit| layout.modules[unit.modules[0]].numbers.clone());
    } else {
        units.sort_by_key(|unit| unit.modules[0]);
    }
}

/// What the tensors of a module are, whichever way matrices lie.
type Signature = Vec<(Role, Box<str>, Vec<usize>)>;

fn signature(layout: &Layout, unit: &Unit) -> Vec<Signature> {
    unit.modules.iter().map(|module| of_module(&layout.modules[*module])).collect()
}

fn of_module(module: &Module) -> Signature {
    let counted = module.leaves.iter().filter(|leaf| leaf.role != Role::Count);
    let signature = counted.map(|leaf| {
        let mut shape = leaf.shape.to_vec();
        if leaf.role == Role::Weight && shape.len() == 2 {
            shape.sort_unstable();
        }
        let text = if leaf.role == Role::Other { leaf.text.clone() } else { Box::default() };
        (leaf.role, text, shape)
    });
    signature.collect()
}

/// The tensors of two modules that belong together.
pub(super) fn leaves<'a>(
    from: &'a Module,
    to: &'a Module,
) -> impl Iterator<Item = (&'a Leaf, &'a Leaf)> {
    from.leaves.iter().filter_map(|one| {
        let same = |two: &&Leaf| {
            (one.role, one.shape.len()) == (two.role, two.shape.len())
                && (one.role != Role::Other || one.text == two.text)
        };
        Some((one, to.leaves.iter().find(same)?))
    })
}
