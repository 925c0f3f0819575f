//! The list of parameters behind a [`ParameterDict`](super::ParameterDict), found by name.
//!
//! A parameter carries the hash of its name, so that collecting a large tree reads no name.

use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::sync::LazyLock;

use indexmap::{Equivalent, IndexSet};

use super::parameter::Parameter;

/// The hash of a name, with a seed of the process.
pub(super) fn hash_of(name: &str) -> u64 {
    static SEED: LazyLock<foldhash::fast::RandomState> = LazyLock::new(Default::default);
    SEED.hash_one(name)
}

/// A parameter that counts as its name.
#[derive(Clone, Debug)]
struct Named(Parameter);

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.name_hash());
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Named) -> bool {
        self.0.ptr_eq(&other.0) || self.0.name() == other.0.name()
    }
}

impl Eq for Named {}

/// A name to look for.
struct Name<'a>(&'a str);

impl Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(hash_of(self.0));
    }
}

impl Equivalent<Named> for Name<'_> {
    fn equivalent(&self, key: &Named) -> bool {
        key.0.name() == self.0
    }
}

/// Passes on a hash that is one already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only hashes are written");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Parameters in the order in which they were added, each name once.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries(IndexSet<Named, BuildHasherDefault<Hashed>>);

/// The parameters of a [`ParameterDict`](super::ParameterDict), in order.
#[derive(Clone, Debug)]
pub struct Iter<'a>(indexmap::set::Iter<'a, Named>);

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Parameter;

    fn next(&mut self) -> Option<&'a Parameter> {
        self.0.next().map(|named| &named.0)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.get(&Name(name)).map(|named| &named.0)
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// Adds a parameter at the end; false if another one has its name.
    pub(super) fn insert(&mut self, parameter: &Parameter) -> bool {
        let (i, new) = self.0.insert_full(Named(parameter.clone()));
        new || self.0[i].0.ptr_eq(parameter)
    }
}
