//! The one rule in this crate for the number of inputs and outputs of a weight, and what a layer
//! must say for it.

use crate::error::{Error, Result};

/// What the axes of a weight mean: what a layer declares by
/// [`ParamSpec::layout`](crate::ParamSpec::layout).
///
/// A weight of rank 2 or more has an axis of outputs, an axis of inputs, and kernel axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// `(out, in, *kernel)`: dense layers, and what nobody declares.
    #[default]
    Dense,
    /// `(out, in / groups, *kernel)`, with `channels_last` `(out, *kernel, in / groups)`.
    /// Depthwise is `groups` equal to `in`.
    Conv {
        /// Parts that inputs and outputs are split into, not connected with each other.
        groups: usize,
        /// Whether the inputs are on the last axis.
        channels_last: bool,
    },
    /// `(in, out / groups, *kernel)`, with `channels_last` `(in, *kernel, out / groups)`.
    ConvTranspose {
        /// Parts that inputs and outputs are split into, not connected with each other.
        groups: usize,
        /// Whether the outputs are on the last axis.
        channels_last: bool,
    },
    /// `(vocabulary, features)`. `fan_in` is `features` and `fan_out` `vocabulary`, which is what
    /// MXNet, PyTorch and Flax compute, though a row is what *comes out* for a word.
    Embedding,
}

/// How many numbers go into, and come out of, one unit of a layer.
///
/// # Examples
/// ```
/// use gluonic::init::{Fan, Layout};
/// let fan = Fan::of("xavier", &[64, 32, 3, 3], Layout::Dense)?;
/// assert_eq!((fan.fan_in, fan.fan_out), (32.0 * 9.0, 64.0 * 9.0));
/// let depthwise = Layout::Conv { groups: 64, channels_last: false };
/// let fan = Fan::of("xavier", &[64, 1, 3, 3], depthwise)?;
/// assert_eq!((fan.fan_in, fan.fan_out), (9.0, 9.0));
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fan {
    /// Inputs of one output: the inputs of its group times the kernel's size.
    pub fan_in: f64,
    /// Outputs of one input, not counting strides: the outputs of its group times the kernel's
    /// size.
    pub fan_out: f64,
}

impl Fan {
    /// The fans of a weight that `init` is to fill.
    ///
    /// # Errors
    /// [`Error::InitRank`] if the rank is 0 or 1: a vector has no fan. [`Error::Groups`] if the
    /// groups do not divide the first axis.
    ///
    /// # Source
    /// `MXNet` 1.9.1, `initializer.py`, class `Xavier`, for [`Layout::Dense`]. DIFFERENCE: it takes
    /// every weight for one of that kind, so that with groups its `fan_out` counts connections that
    /// do not exist, and with channels last or in transposed convolutions its fans are others.
    pub fn of(init: &'static str, dims: &[usize], layout: Layout) -> Result<Fan> {
        let axes = Axes::of(init, dims, layout)?;
        let area = axes.area();
        let first = (axes.first / axes.groups) as f64 * area;
        let second = axes.second as f64 * area;
        let (fan_in, fan_out) = if axes.transposed { (first, second) } else { (second, first) };
        Ok(Fan { fan_in, fan_out })
    }
}

/// A shape, read as its layout says.
pub(super) struct Axes {
    /// The size of the first axis, with all groups in it.
    pub(super) first: usize,
    /// The size of the second axis, of one group.
    pub(super) second: usize,
    pub(super) kernel: Vec<usize>,
    pub(super) groups: usize,
    /// Whether the first axis is that of the inputs.
    pub(super) transposed: bool,
    channels_last: bool,
}

impl Axes {
    pub(super) fn of(init: &'static str, dims: &[usize], layout: Layout) -> Result<Axes> {
        let &[first, ref rest @ ..] = dims else {
            return Err(Error::InitRank { init, shape: dims.into(), needed: 2 });
        };
        let (groups, transposed, channels_last) = match layout {
            Layout::Dense | Layout::Embedding => (1, false, false),
            Layout::Conv { groups, channels_last } => (groups, false, channels_last),
            Layout::ConvTranspose { groups, channels_last } => (groups, true, channels_last),
        };
        let split = if channels_last { rest.split_last() } else { rest.split_first() };
        let Some((&second, kernel)) = split else {
            return Err(Error::InitRank { init, shape: dims.into(), needed: 2 });
        };
        let axes =
            Axes { first, second, kernel: kernel.to_vec(), groups: 1, transposed, channels_last };
        axes.in_groups(groups, dims)
    }

    /// The same with another number of groups.
    pub(super) fn in_groups(self, groups: usize, dims: &[usize]) -> Result<Axes> {
        // `checked_rem` is none for 0 groups.
        if self.first.checked_rem(groups) != Some(0) {
            return Err(Error::Groups { groups, size: self.first, shape: dims.into() });
        }
        Ok(Axes { groups, ..self })
    }

    /// The number of positions in the kernel.
    fn area(&self) -> f64 {
        self.kernel.iter().map(|&size| size as f64).product()
    }

    /// The row-major position of an element: `a` on the first axis, `b` on the second, at the place
    /// `at` of the kernel.
    pub(super) fn position(&self, a: usize, b: usize, at: &[usize]) -> usize {
        let place = at.iter().zip(&self.kernel).fold(0, |place, (at, size)| place * size + at);
        let area: usize = self.kernel.iter().product();
        if self.channels_last {
            (a * area + place) * self.second + b
        } else {
            (a * self.second + b) * area + place
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_vector_has_no_fan() {
        for dims in [&[][..], &[5]] {
            let refused = Fan::of("xavier", dims, Layout::Dense);
            assert!(matches!(refused, Err(Error::InitRank { needed: 2, .. })));
        }
    }

    #[test]
    fn groups_must_divide_the_first_axis() {
        for groups in [0, 4] {
            let layout = Layout::Conv { groups, channels_last: false };
            let refused = Fan::of("xavier", &[6, 2, 3], layout);
            assert!(matches!(refused, Err(Error::Groups { size: 6, .. })), "{groups}");
        }
    }

    #[test]
    fn an_embedding_has_the_fans_of_other_libraries() {
        let fan = Fan::of("xavier", &[1000, 16], Layout::Embedding).unwrap();
        assert_eq!(fan, Fan { fan_in: 16.0, fan_out: 1000.0 });
    }

    proptest! {
        #[test]
        fn fans_are_the_connections_of_one_unit(
            groups in 1..4_usize,
            (ins, outs) in (1..4_usize, 1..4_usize),
            kernel in proptest::collection::vec(1..4_usize, 0..3),
            channels_last: bool,
            transposed: bool,
        ) {
            let (ins, outs) = (ins * groups, outs * groups);
            let (first, second) = if transposed { (ins, outs) } else { (outs, ins) };
            let mut dims = vec![first];
            if channels_last {
                dims.extend(&kernel);
                dims.push(second / groups);
            } else {
                dims.push(second / groups);
                dims.extend(&kernel);
            }
            // A convolution connects an input and an output of one group by every kernel position.
            let area: usize = kernel.iter().product();
            let connections = |input: usize, output: usize| {
                let same = input / (ins / groups) == output / (outs / groups);
                (0..area).filter(|_| same).count()
            };
            let layout = if transposed {
                Layout::ConvTranspose { groups, channels_last }
            } else {
                Layout::Conv { groups, channels_last }
            };
            let fan = Fan::of("xavier", &dims, layout).unwrap();
            let into: usize = (0..ins).map(|input| connections(input, outs - 1)).sum();
            let out_of: usize = (0..outs).map(|output| connections(ins - 1, output)).sum();
            prop_assert_eq!(fan, Fan { fan_in: into as f64, fan_out: out_of as f64 });
        }

        #[test]
        fn fans_of_the_default_layout_are_those_of_mxnet(
            dims in proptest::collection::vec(0..50_usize, 2..6)
        ) {
            let area: f64 = dims[2..].iter().map(|&size| size as f64).product();
            let expected = Fan { fan_in: dims[1] as f64 * area, fan_out: dims[0] as f64 * area };
            prop_assert_eq!(Fan::of("xavier", &dims, Layout::Dense).unwrap(), expected);
        }

        #[test]
        fn positions_are_a_bijection(
            kernel in proptest::collection::vec(1..4_usize, 0..3),
            channels_last: bool,
        ) {
            let mut dims = kernel.clone();
            dims.insert(if channels_last { dims.len() } else { 0 }, 3);
            dims.insert(0, 4);
            let layout = Layout::Conv { groups: 2, channels_last };
            let axes = Axes::of("dirac", &dims, layout).unwrap();
            let mut found = Vec::new();
            for (a, b) in (0..4).flat_map(|a| (0..3).map(move |b| (a, b))) {
                for place in ndarray::indices(kernel.as_slice()) {
                    found.push(axes.position(a, b, ndarray::Dimension::slice(&place)));
                }
            }
            found.sort_unstable();
            prop_assert!(found.into_iter().eq(0..dims.iter().product()));
        }
    }
}
