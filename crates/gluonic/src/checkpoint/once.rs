//! Tensors that a file holds under several names, seen as one tensor with aliases.

use gluonic_formats::RawTensor;

use super::source::{Source, Values};
use super::tensor_info::TensorInfo;
use crate::array::NdArray;
use crate::error::Result;

/// A source whose tied tensors are left out but for the first of each.
struct Once {
    source: Box<dyn Source>,
    /// The tensors that `source` has.
    all: Vec<TensorInfo>,
    /// For each tensor that is left its position among all.
    places: Vec<usize>,
}

/// Makes one tensor with aliases of each group of tied ones, given by their ascending positions.
pub(super) fn once(
    tensors: Vec<TensorInfo>,
    ties: &[Vec<usize>],
    source: Box<dyn Source>,
) -> (Vec<TensorInfo>, Box<dyn Source>) {
    if ties.is_empty() {
        return (tensors, source);
    }
    let mut left = tensors.clone();
    let mut stays = vec![true; tensors.len()];
    for group in ties {
        let [owner, others @ ..] = group.as_slice() else { continue };
        let names = others.iter().map(|other| tensors[*other].name.clone());
        left[*owner].aliases = names.collect();
        for other in others {
            stays[*other] = false;
        }
    }
    let places: Vec<usize> = (0..tensors.len()).filter(|place| stays[*place]).collect();
    let mut stays = stays.iter();
    left.retain(|_| stays.next() == Some(&true));
    (left, Box::new(Once { source, all: tensors, places }))
}

impl Source for Once {
    fn open<'a>(&'a self, _: &'a [TensorInfo]) -> Result<Box<dyn Values + 'a>> {
        Ok(Box::new(Open { values: self.source.open(&self.all)?, places: &self.places }))
    }
}

struct Open<'a> {
    values: Box<dyn Values + 'a>,
    places: &'a [usize],
}

impl Open<'_> {
    fn places_of(&self, positions: &[usize]) -> Vec<usize> {
        positions.iter().map(|position| self.places[*position]).collect()
    }
}

impl Values for Open<'_> {
    fn array(&self, position: usize) -> Result<NdArray> {
        self.values.array(self.places[position])
    }

    fn arrays(&self, positions: &[usize]) -> Result<Vec<NdArray>> {
        self.values.arrays(&self.places_of(positions))
    }

    fn raw(&self, position: usize) -> Result<RawTensor<'_>> {
        self.values.raw(self.places[position])
    }

    fn read(&self, position: usize, offset: usize, out: &mut [u8]) -> Result<()> {
        self.values.read(self.places[position], offset, out)
    }

    fn held_bytes(&self, position: usize) -> usize {
        self.values.held_bytes(self.places[position])
    }

    fn hold(&self, positions: &[usize]) -> Result<()> {
        self.values.hold(&self.places_of(positions))
    }
}
