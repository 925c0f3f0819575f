//! The walk through a tree of blocks, which gives parameters their paths; and [`Walk`], how a field
//! of a derived block takes part in it.

use std::collections::HashMap;
use std::sync::Arc;

use super::block::{Block, Member};
use crate::name::ParamPath;
use crate::param::Parameter;
use crate::param::select::{Part, Source};
use crate::random::Draws;

/// Every path with its parameter: a block's own parameters first, then its children's.
pub(crate) fn walk<B: Block + ?Sized>(root: &B) -> Vec<(ParamPath, Parameter)> {
    let mut walker = Walker::default();
    walker.step(root.as_dyn(), 0);
    walker.walked
}

/// Every path at which something draws in the forward. What is shared stands at several.
pub(crate) fn draws(root: &dyn Block) -> Vec<(Box<str>, Draws)> {
    let mut walker = Walker { draws: Some(Vec::new()), ..Walker::default() };
    walker.step(root, 0);
    walker.draws.unwrap_or_default()
}

/// What a selector chooses from.
pub(crate) fn source<B: Block + ?Sized>(root: &B) -> Source {
    let mut walker = Walker { parts: Some(Vec::new()), ..Walker::default() };
    walker.step(root.as_dyn(), 0);
    let Walker { walked, parts, .. } = walker;
    Source::new(root.core().name(), root.core().prefix(), walked, parts.unwrap_or_default())
}

#[derive(Default)]
struct Walker {
    /// Of the member that is being shown.
    path: String,
    walked: Vec<(ParamPath, Parameter)>,
    /// The blocks, if they are wanted.
    parts: Option<Vec<Part>>,
    /// What draws in the forward, if that is wanted.
    draws: Option<Vec<(Box<str>, Draws)>>,
}

impl Walker {
    fn step(&mut self, block: &dyn Block, parent: usize) {
        let start = self.walked.len();
        let own = self.parts.as_mut().map_or(0, |parts| {
            let (path, class) = (self.path.as_str().into(), block.core().shared_class());
            parts.push(Part { parent, path, class, entries: start..start });
            parts.len() - 1
        });
        let mut has_children = false;
        block.visit(&mut |key, member| match member {
            Member::Parameter(parameter) => self.at(key, |walker| {
                walker.walked.push((walker.path.as_str().into(), parameter.clone()));
            }),
            Member::Block(_) => has_children = true,
            Member::Draws(draws) => {
                self.at(key, |walker| {
                    if let Some(found) = &mut walker.draws {
                        found.push((walker.path.as_str().into(), draws.clone()));
                    }
                });
            }
        });
        if has_children {
            block.visit(&mut |key, member| {
                if let Member::Block(child) = member {
                    self.at(key, |walker| walker.step(child, own));
                }
            });
        }
        if let Some(parts) = &mut self.parts {
            parts[own].entries.end = self.walked.len();
        }
    }

    /// Goes to a member and back.
    fn at(&mut self, key: &str, f: impl FnOnce(&mut Walker)) {
        let n = self.path.len();
        if n > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        f(self);
        self.path.truncate(n);
    }
}

/// The first path of each parameter of a tree.
pub(crate) struct Paths(HashMap<usize, Arc<str>, foldhash::fast::RandomState>);

impl Paths {
    pub(crate) fn of<B: Block + ?Sized>(root: &B) -> Paths {
        let mut first: HashMap<_, _, foldhash::fast::RandomState> = HashMap::default();
        for (path, parameter) in walk(root) {
            first.entry(parameter.id()).or_insert_with(|| (&*path).into());
        }
        Paths(first)
    }

    pub(crate) fn first(&self, parameter: &Parameter) -> Option<Arc<str>> {
        self.0.get(&parameter.id()).cloned()
    }
}

/// How the field of a block takes part in the walk: blocks and parameters show themselves, lists
/// and options what they hold, plain data nothing. `derive(Block)` asks it of every field, so a
/// type that holds parameters and is forgotten does not compile.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no block, parameter or plain data, so `derive(Block)` cannot walk it",
    note = "derive `Block` for it, or put `#[block(skip)]` on the field if it holds no parameters"
)]
pub trait Walk {
    /// Shows the field's members to `visit`, `key` being the field's name.
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>));
}

impl Walk for Parameter {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        visit(key, Member::Parameter(self));
    }
}

impl Walk for Draws {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        visit(key, Member::Draws(self));
    }
}

impl<B: Block + ?Sized> Walk for Arc<B> {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        visit(key, Member::Block(self.as_dyn()));
    }
}

impl<B: Block + ?Sized> Walk for Box<B> {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        visit(key, Member::Block((**self).as_dyn()));
    }
}

impl<T: Walk> Walk for Option<T> {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        if let Some(inner) = self {
            inner.walk(key, visit);
        }
    }
}

fn walk_list<'a, T: Walk>(list: &'a [T], key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
    for (i, item) in list.iter().enumerate() {
        item.walk(&format!("{key}.{i}"), visit);
    }
}

impl<T: Walk> Walk for Vec<T> {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        walk_list(self, key, visit);
    }
}

impl<T: Walk, const N: usize> Walk for [T; N] {
    fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
        walk_list(self, key, visit);
    }
}

macro_rules! walk_tuple {
    ($(($($name:ident $i:tt),+))*) => {$(
        impl<$($name: Walk),+> Walk for ($($name,)+) {
            fn walk<'a>(&'a self, key: &str, visit: &mut dyn FnMut(&str, Member<'a>)) {
                $(self.$i.walk(&format!("{key}.{}", $i), visit);)+
            }
        }
    )*};
}
walk_tuple! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

macro_rules! walk_nothing {
    ($($t:ty),* $(,)?) => {$(
        impl Walk for $t {
            fn walk<'a>(&'a self, _key: &str, _visit: &mut dyn FnMut(&str, Member<'a>)) {}
        }
    )*};
}
walk_nothing! {
    bool, char, u8, i8, u16, i16, u32, i32, u64, i64, usize, isize, f32, f64, (), String, &'static str,
    crate::DType, crate::Dims, crate::Shape, crate::nn::Activation, super::core::BlockCore,
    crate::random::Address, crate::random::Law,
}
