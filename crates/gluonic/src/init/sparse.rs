//! Sparse initialization.

use super::normal::normal_into;
use super::registry::FromArgs;
use super::text::{number, text};
use super::{Args, InitDesc, Initializer, check_random, check_scale};
use crate::array::{NdArray, Scalar};
use crate::error::{Error, Result};
use crate::random::{Address, permutation};

/// Draws from `N(0, sigma²)`, and makes a share `sparsity` of each column 0, rounded up to whole
/// elements. Which ones is drawn for each column. Default of `sigma`: 0.01.
///
/// # Shapes
/// `(out, in)`: a column holds the weights of one input.
///
/// # Randomness
/// Element `(i, j)` depends only on the address (key, path), `i`, `j` and the sizes: draw 0 at the
/// address gives the normal values, draw `j + 1` the order in which rows of column `j` become 0.
///
/// # Errors
/// [`Error::InitShape`] if the rank is not 2; [`Error::Setting`] if `sparsity` is not between 0
/// and 1, or `sigma` negative or not finite; [`Error::RandomDType`] for integers and booleans.
///
/// # Examples
/// ```
/// use gluonic::{init::Sparse, Parameter, Reinit};
/// let weight = Parameter::new("weight", (10, 5));
/// weight.initialize_with(&Sparse::new(0.75), Reinit::Keep)?;
/// let zeros = weight.data()?.to_vec::<f32>()?.into_iter().filter(|w| *w == 0.0).count();
/// assert_eq!(zeros, 8 * 5);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Martens (2010), "Deep learning via Hessian-free optimization", section 5; as PyTorch 2,
/// `torch.nn.init.sparse_`.
#[doc(alias = "sparse_")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sparse {
    /// The share of zeros in each column.
    pub sparsity: Scalar,
    /// The standard deviation of the others.
    #[doc(alias = "std")]
    pub sigma: Scalar,
}

impl Sparse {
    /// With a share of zeros, and `sigma = 0.01`.
    pub fn new(sparsity: impl Into<Scalar>) -> Self {
        Sparse { sparsity: sparsity.into(), sigma: 0.01.into() }
    }
}

impl Initializer for Sparse {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        let sigma = check_scale("sigma", self.sigma)?;
        let sparsity = self.sparsity.to_f64();
        if !(0.0..=1.0).contains(&sparsity) {
            let (expected, found) = ("between 0 and 1", number(self.sparsity).into());
            return Err(Error::Setting { setting: "sparsity", expected, found });
        }
        check_random(data)?;
        let &[rows, columns] = &**data.dims() else {
            let needed = "two axes";
            return Err(Error::InitShape { init: "sparse", shape: data.dims().into(), needed });
        };
        normal_into(data, sigma, address)?;
        let n_zeros = (sparsity * rows as f64).ceil() as usize;
        let mut mask = vec![false; data.elem_count()];
        for column in 0..columns {
            let order = permutation(address.stream((column as u32).wrapping_add(1)), rows);
            for row in order.into_iter().take(n_zeros) {
                mask[row * columns + column] = true;
            }
        }
        data.fill_where(&NdArray::from_vec(mask, data.dims())?, 0.0)
    }

    fn dumps(&self) -> String {
        text("sparse", &[("sparsity", number(self.sparsity)), ("sigma", number(self.sigma))])
    }
}

impl FromArgs for Sparse {
    fn from_args(args: &mut Args) -> Result<Self> {
        let sparsity = args.number("sparsity")?;
        let sigma = args.number("sigma")?;
        let mut sparse = Sparse::new(sparsity.ok_or_else(|| args.missing("sparsity"))?);
        sparse.sigma = sigma.unwrap_or(sparse.sigma);
        Ok(sparse)
    }
}
