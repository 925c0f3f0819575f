//! Which elements of which sources a part of a tensor is made of, so that a tensor can be made part by
//! part.

use super::recipe::Recipe;

/// A box of a tensor, and where its elements go in a row-major part of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::checkpoint) struct Region {
    /// Where the box starts along each axis.
    pub(in crate::checkpoint) start: Vec<usize>,
    /// How long it is along each axis.
    pub(in crate::checkpoint) len: Vec<usize>,
    /// Where its first element goes, counted in elements.
    pub(in crate::checkpoint) to: usize,
    /// How far apart neighbours along each axis go.
    pub(in crate::checkpoint) steps: Vec<usize>,
}

impl Region {
    /// A box whose elements stay in their order.
    pub(in crate::checkpoint) fn of(start: Vec<usize>, len: Vec<usize>) -> Region {
        let mut steps = vec![1; len.len()];
        for axis in (1..len.len()).rev() {
            steps[axis - 1] = steps[axis] * len[axis];
        }
        Region { start, len, to: 0, steps }
    }
}

impl Recipe {
    /// Tells `visit` which boxes of sources a box of what this makes consists of. `shape` gives the
    /// shapes of the sources.
    pub(in crate::checkpoint) fn regions<E>(
        &self,
        shape: &impl Fn(usize) -> Vec<usize>,
        mut region: Region,
        visit: &mut dyn FnMut(usize, Region) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Recipe::Source(source) => visit(*source, region),
            Recipe::Slice { of, axis, start, .. } => {
                region.start[*axis] += start;
                of.regions(shape, region, visit)
            }
            Recipe::Permute { of, axes } => {
                let mut inner = region.clone();
                for (axis, of) in axes.iter().enumerate() {
                    inner.start[*of] = region.start[axis];
                    inner.len[*of] = region.len[axis];
                    inner.steps[*of] = region.steps[axis];
                }
                of.regions(shape, inner, visit)
            }
            Recipe::Concat { parts, axis } => {
                let axis = *axis;
                let (start, end) = (region.start[axis], region.start[axis] + region.len[axis]);
                let mut at = 0;
                for part in parts {
                    let long = part.shape(shape)[axis];
                    let (from, to) = (start.max(at), end.min(at + long));
                    if from < to {
                        let mut inner = region.clone();
                        inner.start[axis] = from - at;
                        inner.len[axis] = to - from;
                        inner.to += (from - start) * region.steps[axis];
                        part.regions(shape, inner, visit)?;
                    }
                    at += long;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_joined_and_turned_tensor_is_found_in_its_sources() {
        // Two (2, 3) sources, one above the other, turned to (3, 4): its middle row.
        let parts = vec![Recipe::Source(0), Recipe::Source(1)];
        let joined = Recipe::Concat { parts, axis: 0 };
        let turned = Recipe::Permute { of: Box::new(joined), axes: vec![1, 0] };
        let mut found = Vec::new();
        let part = Region::of(vec![1, 1], vec![1, 3]);
        let shape = |_| vec![2, 3];
        turned
            .regions(&shape, part, &mut |source, region| {
                found.push((source, region));
                Ok::<(), ()>(())
            })
            .unwrap();
        let region = |start: [usize; 2], len: [usize; 2], to| Region {
            start: start.into(),
            len: len.into(),
            to,
            steps: vec![1, 3],
        };
        assert_eq!(found, [(0, region([1, 1], [1, 1], 0)), (1, region([0, 1], [2, 1], 1))]);
    }
}
