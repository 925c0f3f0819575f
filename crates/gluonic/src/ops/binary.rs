//! Functions of two arrays that broadcast.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Input, edges, integer, output};
use crate::array::{Buf, Compute, NdArray, View, broadcast_dims, for_each_row, for_float, gather};
use crate::autograd::{Op, Sinks};
use crate::cpu::number::Arith;
use crate::cpu::{elementwise as kernel, floor_divide, reduce, remainder};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// A differentiable function of two numbers.
trait Binary: Copy + Send + Sync + 'static {
    const NAME: &'static str;
    /// Whether the derivatives need the operands.
    const KEEP: bool = true;
    /// What it is on integers.
    const ARITH: Arith;

    fn f<T: Compute>(self, x: T, y: T) -> T;
    /// The part of the gradient `g` that goes to each operand.
    fn dx<T: Compute>(self, g: T, x: T, y: T) -> T;
    fn dy<T: Compute>(self, g: T, x: T, y: T) -> T;
}

/// The runs of two operands that are broadcast to the same sizes: their starts, and the length
/// and strides that all runs have in common.
struct Runs {
    starts: Vec<(isize, isize)>,
    n: usize,
    strides: (isize, isize),
}

fn runs(x: &View, y: &View) -> Runs {
    let mut starts = Vec::new();
    let (mut n, mut strides) = (1, (1, 1));
    for_each_row(x, |start, stride, count| {
        (n, strides.0) = (count, stride);
        starts.push((start, 0));
    });
    let mut row = starts.iter_mut();
    for_each_row(y, |start, stride, _| {
        strides.1 = stride;
        if let Some(row) = row.next() {
            row.1 = start;
        }
    });
    Runs { starts, n, strides }
}

/// `f(x, y)` of two operands in any layout, in row-major order.
fn zip_views<T: Compute>(
    x: &Input,
    y: &Input,
    dims: &Dims,
    f: impl Fn(T, T) -> T + Copy + Send + Sync,
) -> Buf {
    let n = dims.elem_count();
    if x.view.dims == y.view.dims && x.view.is_contiguous() && y.view.is_contiguous() {
        let (xs, ys) = (&x.buf.slice::<T>()[x.view.offset..], &y.buf.slice::<T>()[y.view.offset..]);
        return Buf::new::<T>(n, |out| kernel::zip(out, false, &xs[..n], &ys[..n], f));
    }
    let wide = |view: &View| view.broadcast(dims).expect("`dims` is what both broadcast to");
    let Runs { starts, n: run, strides } = runs(&wide(&x.view), &wide(&y.view));
    Buf::new::<T>(n, |out| {
        let (x, y) = ((x.buf.slice::<T>(), strides.0), (y.buf.slice::<T>(), strides.1));
        kernel::zip_strided(out, run, x, y, &starts, f);
    })
}

/// Sums a gradient of sizes `dims` over the axes along which an operand of sizes `to` was
/// broadcast, into that operand's destination.
pub(crate) fn sum_to<T: Compute>(
    sinks: &mut Sinks<'_>,
    i: usize,
    grad: &Arc<Buf>,
    dims: &Dims,
    to: &Dims,
) -> Result<()> {
    if dims == to || grad.len() == to.elem_count() {
        return sinks.pass(i, grad);
    }
    let padded = dims.len() - to.len();
    let kept = |axis: usize| axis >= padded && to[axis - padded] == dims[axis];
    let order: Vec<usize> = (0..dims.len())
        .filter(|&axis| kept(axis))
        .chain((0..dims.len()).filter(|&axis| !kept(axis)))
        .collect();
    let n: usize = (0..dims.len()).filter(|&axis| !kept(axis)).map(|axis| dims[axis]).product();
    // Broadcast axes in front, the usual case: rows are summed where they lie.
    if (0..dims.len()).skip_while(|&axis| !kept(axis)).all(kept) {
        let inner = to.elem_count();
        return sinks.write::<T>(i, inner, |out, add| {
            reduce::sum_axis(out, add, grad.slice(), n, inner);
        });
    }
    let moved = gather(grad.slice::<T>(), &View::new(dims.clone()).permute(&order));
    sinks.write::<T>(i, to.elem_count(), |out, add| reduce::sum_axis(out, add, &moved, n, 1))
}

struct BinaryNode<B> {
    binary: B,
    /// Empty unless [`Binary::KEEP`].
    operands: Option<(Input, Input)>,
    x_dims: Dims,
    y_dims: Dims,
    dims: Dims,
}

impl<B: Binary> Op for BinaryNode<B> {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => {
            self.side::<T>(0, &grad, sinks)?;
            self.side::<T>(1, &grad, sinks)
        })
    }
}

impl<B: Binary> BinaryNode<B> {
    fn side<T: Compute>(&self, i: usize, grad: &Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        if !sinks.wanted(i) {
            return Ok(());
        }
        let to = if i == 0 { &self.x_dims } else { &self.y_dims };
        let of = |g: T, x: T, y: T| {
            if i == 0 { self.binary.dx(g, x, y) } else { self.binary.dy(g, x, y) }
        };
        // The derivative of a sum is one: the gradient goes on as it is.
        if self.operands.is_none() && of(T::ONE, T::ZERO, T::ZERO) == T::ONE {
            return sum_to::<T>(sinks, i, grad, &self.dims, to);
        }
        let fill = |out: &mut [T], add: bool| match &self.operands {
            None => {
                kernel::zip(out, add, grad.slice(), grad.slice(), |g, _| of(g, T::ZERO, T::ZERO));
            }
            Some((x, y)) => {
                let (x, y) = (wide(x, &self.dims), wide(y, &self.dims));
                kernel::zip3(out, add, grad.slice(), &x, &y, of);
            }
        };
        if self.dims == *to {
            return sinks.write(i, grad.len(), fill);
        }
        let whole = Arc::new(Buf::new::<T>(grad.len(), |out| fill(out, false)));
        sum_to::<T>(sinks, i, &whole, &self.dims, to)
    }
}

/// The elements of an operand broadcast to `dims`, one after another: where they lie, if they do.
fn wide<'a, T: Compute>(input: &'a Input, dims: &Dims) -> Cow<'a, [T]> {
    let all = input.buf.slice::<T>();
    if input.view.dims == *dims && input.view.is_contiguous() {
        return Cow::Borrowed(&all[input.view.offset..][..dims.elem_count()]);
    }
    let view = input.view.broadcast(dims).expect("forward has broadcast it");
    Cow::Owned(gather(all, &view))
}

fn binary<B: Binary>(x: &NdArray, y: &NdArray, binary: B) -> Result<NdArray> {
    y.expect_dtype(x.dtype())?;
    let dims = broadcast_dims(x.dims(), y.dims()).ok_or_else(|| Error::Broadcast {
        op: B::NAME,
        left: x.dims().into(),
        right: y.dims().into(),
    })?;
    let Some(compute) = x.dtype().compute() else {
        return integer::binary(B::NAME, B::ARITH, x, y, dims);
    };
    if let Some(shape) = NdArray::planned(&dims, x.dtype())? {
        return Ok(shape);
    }
    let edges = edges(&[x, y])?;
    let (xs, ys) = (Input::new(x)?, Input::new(y)?);
    let buf = for_float!(compute, T => zip_views::<T>(&xs, &ys, &dims, |x, y| binary.f(x, y)));
    Ok(output(Arc::new(buf), x.dtype(), dims.clone(), edges, || {
        Box::new(BinaryNode {
            binary,
            operands: B::KEEP.then_some((xs, ys)),
            x_dims: x.dims().clone(),
            y_dims: y.dims().clone(),
            dims,
        })
    }))
}

macro_rules! binary {
    ($($(#[$doc:meta])* $method:ident $type:ident $name:literal keep $keep:literal,
        |$x:ident, $y:ident| $f:expr,
        |$g:ident, $x1:ident, $y1:ident| $dx:expr, |$g2:ident, $x2:ident, $y2:ident| $dy:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $type;
            impl Binary for $type {
                const NAME: &'static str = $name;
                const KEEP: bool = $keep;
                const ARITH: Arith = Arith::$type;
                #[inline(always)]
                fn f<T: Compute>(self, $x: T, $y: T) -> T { $f }
                #[inline(always)]
                fn dx<T: Compute>(self, $g: T, $x1: T, $y1: T) -> T { $dx }
                #[inline(always)]
                fn dy<T: Compute>(self, $g2: T, $x2: T, $y2: T) -> T { $dy }
            }
        )*
        impl NdArray {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::Broadcast`] if the sizes do not fit, [`Error::DTypeMismatch`] if the
                /// element types differ, [`Error::NoArithmetic`] if they are boolean, except
                /// for `add` (or), `mul` (and), `maximum` and `minimum`.
                pub fn $method(&self, other: &NdArray) -> Result<NdArray> {
                    binary(self, other, $type)
                }
            )*
        }
    };
}

binary! {
    /// `x + y`, with NumPy's broadcasting.
    add Add "add" keep false, |x, y| x + y, |g, _x, _y| g, |g, _x, _y| g;
    /// `x - y`, with NumPy's broadcasting.
    sub Sub "sub" keep false, |x, y| x - y, |g, _x, _y| g, |g, _x, _y| -g;
    /// `x · y`, elementwise, with NumPy's broadcasting.
    mul Mul "mul" keep true, |x, y| x * y, |g, _x, y| g * y, |g, x, _y| g * x;
    /// `x / y`, with NumPy's broadcasting.
    div Div "div" keep true, |x, y| x / y, |g, _x, y| g / y, |g, x, y| -g * x / (y * y);
    /// `x / y` rounded towards minus infinity, with NumPy's broadcasting. The derivative is 0.
    floor_divide FloorDivide "floor_divide" keep false, |x, y| floor_divide(x, y),
        |_g, _x, _y| T::ZERO, |_g, _x, _y| T::ZERO;
    /// What is left of `x` after a division by `y`, with the sign of `y`, and 0 where `y` is 0;
    /// with NumPy's broadcasting. The derivatives are those of `x - y · floor(x / y)`.
    #[doc(alias = "mod", alias = "fmod")]
    remainder Remainder "remainder" keep true, |x, y| remainder(x, y),
        |g, _x, _y| g, |g, x, y| -g * (x / y).floor();
    /// `x` to the power `y`, with NumPy's broadcasting. The derivative by `y` at `x = 0` is 0.
    pow Pow "pow" keep true, |x, y| x.powf(y),
        |g, x, y| if y == T::ZERO { T::ZERO } else { g * y * x.powf(y - T::ONE) },
        |g, x, y| if x == T::ZERO { T::ZERO } else { g * x.powf(y) * x.ln() };
    /// The larger of `x` and `y`; where they are equal each gets half of the gradient. A NaN wins.
    maximum Maximum "maximum" keep true,
        |x, y| if x > y || x.is_nan() { x } else { y },
        |g, x, y| if x > y { g } else if x == y { g * T::of(0.5) } else { T::ZERO },
        |g, x, y| if y > x { g } else if x == y { g * T::of(0.5) } else { T::ZERO };
    /// The smaller of `x` and `y`; where they are equal each gets half of the gradient. A NaN wins.
    minimum Minimum "minimum" keep true,
        |x, y| if x < y || x.is_nan() { x } else { y },
        |g, x, y| if x < y { g } else if x == y { g * T::of(0.5) } else { T::ZERO },
        |g, x, y| if y < x { g } else if x == y { g * T::of(0.5) } else { T::ZERO };
}
