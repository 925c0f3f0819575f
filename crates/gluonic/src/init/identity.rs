//! Weights that pass their input on.

use super::fan::Axes;
use super::registry::FromArgs;
use super::text::text;
use super::{Args, InitDesc, Initializer};
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::random::Address;

/// 1 on the main diagonal of a matrix, 0 elsewhere: a dense layer passes on as many inputs as it
/// has outputs. For any element type.
///
/// # Shapes
/// `(out, in)`.
///
/// # Errors
/// [`Error::InitShape`] if the rank is not 2.
///
/// # Examples
/// ```
/// use gluonic::{init::Identity, Parameter, Reinit};
/// let weight = Parameter::new("weight", (2, 3));
/// weight.initialize_with(&Identity, Reinit::Keep)?;
/// assert_eq!(weight.data()?.to_vec::<f32>()?, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// PyTorch 2, `torch.nn.init.eye_`.
#[doc(alias = "eye_")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity;

impl Initializer for Identity {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        let &[rows, columns] = &**data.dims() else {
            let needed = "two axes; for convolutions, there is `Dirac`";
            return Err(Error::InitShape { init: "identity", shape: data.dims().into(), needed });
        };
        ones_at(data, (0..rows.min(columns)).map(|i| i * columns + i))
    }

    fn dumps(&self) -> String {
        text("identity", &[])
    }
}

impl FromArgs for Identity {
    fn from_args(_args: &mut Args) -> Result<Self> {
        Ok(Identity)
    }
}

/// 1 at the center of the kernel from input `i` to output `i`, 0 elsewhere: a convolution passes on
/// as many channels as it can, in each group. For any element type.
///
/// # Shapes
/// Rank 3 or more, with axes as the layer's [`Layout`](super::Layout) says. The center of an even
/// size is the upper of the two middle ones.
///
/// # Errors
/// [`Error::InitRank`] if the rank is below 3; [`Error::Groups`] if the groups do not divide the
/// first axis.
///
/// # Examples
/// ```
/// use gluonic::{init::Dirac, Parameter, Reinit};
/// let weight = Parameter::new("weight", (2, 1, 3));
/// weight.initialize_with(&Dirac::default(), Reinit::Keep)?;
/// assert_eq!(weight.data()?.to_vec::<f32>()?, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
/// weight.initialize_with(&Dirac { groups: Some(2) }, Reinit::Force)?;
/// assert_eq!(weight.data()?.to_vec::<f32>()?, [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// PyTorch 2, `torch.nn.init.dirac_`.
#[doc(alias = "dirac_")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dirac {
    /// Parts of the channels, each of which passes on its own; by default those that the layer
    /// declares.
    pub groups: Option<usize>,
}

impl Initializer for Dirac {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        const INIT: &str = "dirac";
        if data.dims().len() < 3 {
            return Err(Error::InitRank { init: INIT, shape: data.dims().into(), needed: 3 });
        }
        let mut axes = Axes::of(INIT, data.dims(), desc.layout)?;
        if let Some(groups) = self.groups {
            axes = axes.in_groups(groups, data.dims())?;
        }
        let center: Vec<usize> = axes.kernel.iter().map(|size| size / 2).collect();
        let n = axes.first / axes.groups;
        let channels = |group| (0..n.min(axes.second)).map(move |i| (group * n + i, i));
        let channels = (0..axes.groups).flat_map(channels);
        ones_at(data, channels.map(|(a, b)| axes.position(a, b, &center)))
    }

    fn dumps(&self) -> String {
        let groups = self.groups.map_or_else(|| "null".to_owned(), |groups| groups.to_string());
        text("dirac", &[("groups", groups)])
    }
}

impl FromArgs for Dirac {
    fn from_args(args: &mut Args) -> Result<Self> {
        Ok(Dirac { groups: args.count("groups")? })
    }
}

/// Ones at some positions in row-major order, zeros at all others.
fn ones_at(data: &NdArray, positions: impl Iterator<Item = usize>) -> Result<()> {
    data.fill(0.0)?;
    // A kernel of size 0 has no center.
    if data.elem_count() == 0 {
        return Ok(());
    }
    let mut mask = vec![false; data.elem_count()];
    positions.for_each(|position| mask[position] = true);
    data.fill_where(&NdArray::from_vec(mask, data.dims())?, 1.0)
}
