//! Matrix products, of two matrices or of stacks of them.

use std::sync::Arc;

use super::binary::sum_to;
use super::{Input, compute_type, edges, output};
use crate::array::{Buf, Compute, NdArray, View, broadcast_dims, for_each_row, for_float};
use crate::autograd::{Op, Sinks};
use crate::cpu::gemm::{Matrix, product};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// The sizes of a product: the stack's, and rows, columns, inner size.
struct Plan {
    stack: Dims,
    m: usize,
    n: usize,
    k: usize,
}

impl Plan {
    /// The sizes of the result.
    fn dims(&self) -> Dims {
        self.stack.iter().copied().chain([self.m, self.n]).collect::<Vec<_>>().into()
    }
}

/// The shape rule, for operands of rank 2 or more.
fn plan(x: &Dims, y: &Dims) -> Result<Plan> {
    let fail = || Error::Matmul { left: x.into(), right: y.into() };
    let ([x_stack @ .., m, k], [y_stack @ .., k2, n]) = (&**x, &**y) else { return Err(fail()) };
    let stack = broadcast_dims(&x_stack.into(), &y_stack.into()).ok_or_else(fail)?;
    if k != k2 {
        return Err(fail());
    }
    Ok(Plan { stack, m: *m, n: *n, k: *k })
}

/// A view's matrices: where each starts, and their strides.
pub(super) fn matrices(view: &View, stack: &Dims) -> (Vec<usize>, isize, isize) {
    let rank = view.dims.len();
    let (row, col) = (view.strides[rank - 2], view.strides[rank - 1]);
    let lead = View {
        offset: view.offset,
        dims: view.dims[..rank - 2].into(),
        strides: crate::shape::Short::from_slice(&view.strides[..rank - 2]),
    };
    let lead = lead.broadcast(stack).expect("the plan has checked it");
    let mut starts = Vec::with_capacity(stack.elem_count());
    for_each_row(&lead, |start, stride, n| {
        starts.extend((0..n as isize).map(|i| (start + i * stride) as usize));
    });
    (starts, row, col)
}

struct MatmulNode {
    x: Input,
    y: Input,
    plan: Plan,
}

impl Op for MatmulNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => {
            self.side::<T>(0, &grad, sinks)?;
            self.side::<T>(1, &grad, sinks)
        })
    }
}

impl MatmulNode {
    /// `dX = dY · Yᵀ` for operand 0, `dY = Xᵀ · dY` for operand 1.
    fn side<T: Compute>(&self, i: usize, grad: &Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        if !sinks.wanted(i) {
            return Ok(());
        }
        let &Plan { ref stack, m, n, k } = &self.plan;
        let (own, other) = if i == 0 { (&self.x, &self.y) } else { (&self.y, &self.x) };
        let (starts, row, col) = matrices(&other.view, stack);
        let size = if i == 0 { m * k } else { k * n };
        let other = other.buf.slice::<T>();
        let fill = |out: &mut [T], add: bool| {
            for (s, start) in starts.iter().enumerate() {
                let grad = Matrix::rows(&grad.slice::<T>()[s * m * n..], n);
                let other = Matrix { data: other, start: *start, row, col }.transposed();
                let out = &mut out[s * size..(s + 1) * size];
                if i == 0 {
                    product((m, k, n), out, add, grad, other);
                } else {
                    product((k, n, m), out, add, other, grad);
                }
            }
        };
        let total = stack.elem_count() * size;
        if own.view.dims.elem_count() == total {
            return sinks.write::<T>(i, total, fill);
        }
        let whole = Arc::new(Buf::new::<T>(total, |out| fill(out, false)));
        let rank = own.view.dims.len();
        let wide: Vec<usize> = stack.iter().chain(&own.view.dims[rank - 2..]).copied().collect();
        sum_to::<T>(sinks, i, &whole, &wide.into(), &own.view.dims)
    }
}

impl NdArray {
    /// The matrix product, as NumPy's `@`: of two matrices; of stacks of matrices, whose leading
    /// axes broadcast; a vector counts as a row on the left and as a column on the right.
    ///
    /// # Shapes
    /// `(…, m, k) · (…, k, n) = (…, m, n)`.
    ///
    /// # Memory
    /// No copy of the operands, whatever their layout.
    ///
    /// # Errors
    /// [`Error::Matmul`] if the sizes do not fit; [`Error::DTypeMismatch`] if the element types
    /// differ, [`Error::NoArithmetic`] if they are not floating-point.
    ///
    /// # Examples
    /// ```
    /// use gluonic::NdArray;
    /// let x = NdArray::from_slice(&[1.0_f32, 2.0, 3.0, 4.0], (2, 2))?;
    /// assert_eq!(x.matmul(&x.transpose()?)?.to_vec::<f32>()?, [5.0, 11.0, 11.0, 25.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    #[doc(alias = "dot", alias = "mm", alias = "bmm")]
    pub fn matmul(&self, other: &NdArray) -> Result<NdArray> {
        let fail = || Error::Matmul { left: self.dims().into(), right: other.dims().into() };
        match (self.rank(), other.rank()) {
            (0, _) | (_, 0) => return Err(fail()),
            (1, _) => {
                let row =
                    self.reshape((1, self.elem_count()))?.matmul(other).map_err(|_| fail())?;
                let axis = row.rank().saturating_sub(if other.rank() == 1 { 1 } else { 2 });
                return row.squeeze(axis as isize);
            }
            (_, 1) => {
                let column = other.reshape((other.elem_count(), 1))?;
                return self.matmul(&column).map_err(|_| fail())?.squeeze(-1);
            }
            _ => {}
        }
        let compute = compute_type("matmul", &[self, other])?;
        let plan = plan(self.dims(), other.dims())?;
        if let Some(shape) = NdArray::planned(&plan.dims(), self.dtype())? {
            return Ok(shape);
        }
        let edges = edges(&[self, other])?;
        let (x, y) = (Input::new(self)?, Input::new(other)?);
        let Plan { stack, m, n, k } = &plan;
        let (m, n, k) = (*m, *n, *k);
        let buf = for_float!(compute, T => Buf::new::<T>(stack.elem_count() * m * n, |out| {
            let (x_starts, x_row, x_col) = matrices(&x.view, stack);
            let (y_starts, y_row, y_col) = matrices(&y.view, stack);
            let (xs, ys) = (x.buf.slice::<T>(), y.buf.slice::<T>());
            for (i, (x0, y0)) in x_starts.into_iter().zip(y_starts).enumerate() {
                let x = Matrix { data: xs, start: x0, row: x_row, col: x_col };
                let y = Matrix { data: ys, start: y0, row: y_row, col: y_col };
                product((m, n, k), &mut out[i * m * n..(i + 1) * m * n], false, x, y);
            }
        }));
        let dims = plan.dims();
        let node = MatmulNode { x, y, plan };
        Ok(output(Arc::new(buf), self.dtype(), dims, edges, || Box::new(node)))
    }
}
