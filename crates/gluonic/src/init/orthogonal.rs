//! Orthogonal matrices, by QR decomposition.

use nalgebra::DMatrix;

use super::fan::Axes;
use super::registry::FromArgs;
use super::text::{number, text, word};
use super::{Args, Draw, InitDesc, Initializer, check_random, check_scale};
use crate::array::{NdArray, Scalar};
use crate::error::{Error, Result};
use crate::random::{Address, fill_normal, fill_uniform};

/// A matrix whose rows, or columns if there are more rows, are orthogonal to each other and of the
/// length `scale`.
///
/// A matrix with entries of `U[-1, 1)` or `N(0, 1)` is decomposed into `Q R` with positive numbers
/// on the diagonal of `R`; the values are `scale · Q`, computed in `f64` and rounded once. With
/// [`Draw::Normal`], every orthogonal matrix is as probable as any other (Haar's measure).
/// Defaults: `scale = 1.414`, uniform.
///
/// # Shapes
/// Rank 2 or more, taken as the matrix `(d₀, d₁ · d₂ · …)`.
///
/// # Memory
/// Three copies of the matrix in `f64`. The decomposition runs on one thread, in time that grows as
/// `rows · columns · min(rows, columns)`: about a second for 1024 by 1024, ten for 2048 by 2048.
///
/// # Randomness
/// The matrix depends only on the address (key, path) and the shape: draw 0 there fills the matrix
/// that is decomposed along its longer side, row by row if it is square.
///
/// # Errors
/// [`Error::InitRank`] if the rank is 0 or 1; [`Error::Setting`] if `scale` is negative or not
/// finite; [`Error::RandomDType`] for integers and booleans.
///
/// # Examples
/// ```
/// use gluonic::{init::Orthogonal, Parameter, Reinit};
/// let weight = Parameter::new("weight", (2, 3, 4));
/// let init = Orthogonal { scale: 2.into(), ..Orthogonal::default() };
/// weight.initialize_with(&init, Reinit::Keep)?;
/// let rows = weight.data()?.reshape((2, 12))?;
/// let products = rows.matmul(&rows.transpose()?)?.to_vec::<f32>()?;
/// assert!((products[0] - 4.0).abs() < 1e-5 && products[1].abs() < 1e-5);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Saxe, `McClelland` and Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in
/// deep linear neural networks", section 3; Mezzadri (2007), "How to generate random matrices from
/// the classical compact groups", section 5, for the sign; arguments as MXNet 1.9.1,
/// `initializer.py`, class `Orthogonal`, which decomposes by singular values.
#[doc(alias = "orthogonal_")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Orthogonal {
    /// The length of rows or columns.
    #[doc(alias = "gain")]
    pub scale: Scalar,
    /// The law of the matrix that is decomposed.
    pub draw: Draw,
}

impl Default for Orthogonal {
    fn default() -> Self {
        Orthogonal { scale: 1.414.into(), draw: Draw::Uniform }
    }
}

impl Initializer for Orthogonal {
    fn init_weight(&self, _desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        let scale = check_scale("scale", self.scale)?;
        check_random(data)?;
        let &[rows, ref rest @ ..] = &**data.dims() else {
            return Err(Error::InitRank {
                init: "orthogonal",
                shape: data.dims().into(),
                needed: 2,
            });
        };
        if rest.is_empty() {
            return Err(Error::InitRank {
                init: "orthogonal",
                shape: data.dims().into(),
                needed: 2,
            });
        }
        if data.elem_count() == 0 {
            return Ok(());
        }
        let columns = rest.iter().product();
        let q = orthonormal(rows.max(columns), rows.min(columns), self.draw, address, 0);
        // The columns of `q` lie one after the other: they are the rows of a wide matrix.
        let q = if rows > columns { q.transpose() } else { q };
        let values: Vec<f64> = q.iter().map(|value| scale * value).collect();
        data.assign(&NdArray::from_vec(values, data.dims())?)
    }

    fn dumps(&self) -> String {
        let draw = match self.draw {
            Draw::Uniform => "uniform",
            Draw::Normal => "normal",
        };
        text("orthogonal", &[("scale", number(self.scale)), ("rand_type", word(draw))])
    }
}

impl FromArgs for Orthogonal {
    fn from_args(args: &mut Args) -> Result<Self> {
        Ok(Orthogonal {
            scale: args.number("scale")?.unwrap_or(Orthogonal::default().scale),
            draw: Draw::take(args, "rand_type")?.unwrap_or_default(),
        })
    }
}

/// A convolution that is an orthogonal matrix at the center of its kernel and 0 elsewhere: it maps
/// channels as a linear layer would, and keeps the length of what it gets. Default: `scale = 1`.
///
/// The matrix is drawn as by [`Orthogonal`] with [`Draw::Normal`]; the columns, one for each input,
/// are orthogonal to each other. With groups, each has its own.
///
/// # Shapes
/// Rank 3 or more, with axes as the layer's [`Layout`](super::Layout) says, and in each group at
/// least as many outputs as inputs. The center of an even size is the lower of the two middle ones.
///
/// # Randomness
/// The matrix depends only on the address (key, path) and the shape.
///
/// # Errors
/// [`Error::InitRank`] if the rank is below 3; [`Error::InitShape`] if there are more inputs than
/// outputs; [`Error::Groups`] if groups do not divide the first axis; [`Error::Setting`] if `scale`
/// is negative or not finite; [`Error::RandomDType`] for integers and booleans.
///
/// # Examples
/// ```
/// use gluonic::{init::DeltaOrthogonal, s, Parameter, Reinit};
/// let weight = Parameter::new("weight", (4, 2, 3));
/// weight.initialize_with(&DeltaOrthogonal::default(), Reinit::Keep)?;
/// let center = weight.data()?.slice(s![.., .., 1])?;
/// let square = center.square()?.sum()?.to_scalar::<f32>()?;
/// assert!((square - 2.0).abs() < 1e-6); // two columns of length 1
/// assert_eq!(weight.data()?.slice(s![.., .., 0])?.to_vec::<f32>()?, [0.0; 8]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Xiao, Bahri, Sohl-Dickstein, Schoenholz and Pennington (2018), "Dynamical isometry and a mean
/// field theory of CNNs", algorithm 2; as JAX, `jax.nn.initializers.delta_orthogonal`.
#[doc(alias = "delta_orthogonal", alias = "ConvolutionDeltaOrthogonal")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeltaOrthogonal {
    /// The length of the columns.
    pub scale: Scalar,
}

impl Default for DeltaOrthogonal {
    fn default() -> Self {
        DeltaOrthogonal { scale: 1.0.into() }
    }
}

impl Initializer for DeltaOrthogonal {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        const INIT: &str = "deltaorthogonal";
        let scale = check_scale("scale", self.scale)?;
        check_random(data)?;
        let shape = || data.dims().into();
        if data.dims().len() < 3 {
            return Err(Error::InitRank { init: INIT, shape: shape(), needed: 3 });
        }
        let axes = Axes::of(INIT, data.dims(), desc.layout)?;
        let (first, second) = (axes.first / axes.groups, axes.second);
        let (n_in, n_out) = if axes.transposed { (first, second) } else { (second, first) };
        if n_in > n_out {
            let needed = "at least as many outputs as inputs";
            return Err(Error::InitShape { init: INIT, shape: shape(), needed });
        }
        let mut values = vec![0.0; data.elem_count()];
        if values.is_empty() {
            return Ok(());
        }
        let center: Vec<usize> = axes.kernel.iter().map(|size| (size - 1) / 2).collect();
        for group in 0..axes.groups {
            let start = (group * n_in * n_out) as u64;
            let q = orthonormal(n_out, n_in, Draw::Normal, address, start);
            for (output, input) in (0..n_out).flat_map(|i| (0..n_in).map(move |j| (i, j))) {
                let (a, b) = if axes.transposed { (input, output) } else { (output, input) };
                values[axes.position(group * first + a, b, &center)] = scale * q[(output, input)];
            }
        }
        data.assign(&NdArray::from_vec(values, data.dims())?)
    }

    fn dumps(&self) -> String {
        text("deltaorthogonal", &[("scale", number(self.scale))])
    }
}

impl FromArgs for DeltaOrthogonal {
    fn from_args(args: &mut Args) -> Result<Self> {
        Ok(args.number("scale")?.map_or_else(Self::default, |scale| DeltaOrthogonal { scale }))
    }
}

/// A matrix of `short` orthonormal columns, made from elements `start`, `start + 1`, … of a draw.
///
/// The decomposition is by Householder's reflections in plain loops of one thread: the same bits on
/// every machine. It gives `Q` with the sign that makes the diagonal of `R` positive.
fn orthonormal(
    long: usize,
    short: usize,
    draw: Draw,
    address: &Address,
    start: u64,
) -> DMatrix<f64> {
    let mut values = vec![0.0_f64; long * short];
    match draw {
        Draw::Uniform => fill_uniform(address.stream(0), start, &mut values, -1.0, 1.0),
        Draw::Normal => fill_normal(address.stream(0), start, &mut values, 0.0, 1.0),
    }
    DMatrix::from_vec(long, short, values).qr().q()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagonal_of_r_is_positive() {
        for (draw, (long, short)) in
            [(Draw::Normal, (7, 7)), (Draw::Uniform, (9, 4)), (Draw::Normal, (5, 1))]
        {
            let address = Address::new(3, "w");
            let q = orthonormal(long, short, draw, &address, 0);
            let mut drawn = vec![0.0_f64; long * short];
            match draw {
                Draw::Uniform => fill_uniform(address.stream(0), 0, &mut drawn, -1.0, 1.0),
                Draw::Normal => fill_normal(address.stream(0), 0, &mut drawn, 0.0, 1.0),
            }
            let r = q.transpose() * DMatrix::from_vec(long, short, drawn);
            for (i, j) in (0..short).flat_map(|i| (0..short).map(move |j| (i, j))) {
                let r = r[(i, j)];
                assert!(if i == j { r > 0.0 } else { i < j || r.abs() < 1e-13 }, "{i} {j}: {r}");
            }
        }
    }

    #[test]
    fn values_are_the_same_on_every_machine() {
        let q = orthonormal(3, 2, Draw::Normal, &Address::new(7, "fc.weight"), 0);
        let expected = [
            0.792_947_110_556_801_3,
            0.120_285_128_056_045_06,
            -0.597_299_228_049_192_3,
            -0.588_669_926_245_608_8,
            0.404_124_380_653_176_13,
            -0.700_107_993_737_878_4,
        ];
        assert_eq!(q.as_slice(), expected);
    }
}
