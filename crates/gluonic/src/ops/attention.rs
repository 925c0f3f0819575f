//! Scaled dot-product attention as one operation.

use std::sync::Arc;

use super::binary::sum_to;
use super::conv::scratch;
use super::matmul::matrices;
use super::rnn::valid_lengths;
use super::{Input, compute_type, edges, output};
use crate::array::{Buf, Compute, DType, Element, NdArray, broadcast_dims, for_float};
use crate::autograd::{Inputs, Op, Sinks, is_training};
use crate::cpu::attention::{self as kernel, Gradients, Sizes, Stack};
use crate::error::{Error, Result};
use crate::random::{Stream, current_stream, fill_bernoulli};
use crate::shape::Dims;

const OP: &str = "scaled_dot_product_attention";

/// What each query of an attention may look at. Default: every key.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, ops::AttentionMask};
/// let valid_length = NdArray::from_slice(&[5_i64, 3], 2)?;
/// let decoder = AttentionMask { valid_length: Some(&valid_length), causal: true, mask: None };
/// assert!(decoder.causal && !AttentionMask::default().causal);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionMask<'a> {
    /// Booleans: the pairs of query and key that are looked at where they are true. Numbers of the
    /// queries' element type: what is added to the scores; minus infinity hides a key.
    pub mask: Option<&'a NdArray>,
    /// For each sample, the first axis, how many of its keys there are: those behind are hidden.
    pub valid_length: Option<&'a NdArray>,
    /// Whether a query looks at its own position and those before it alone.
    pub causal: bool,
}

/// The sizes of an attention.
struct Plan {
    /// The axes before positions and features.
    stack: Dims,
    /// Of one head each.
    sizes: Sizes,
    /// The sizes of the weights.
    scores: Dims,
    out: Dims,
}

/// The shape rule. With `heads` the features are those of so many heads, side by side, and the
/// weights have an axis of heads.
fn plan(
    [query, key, value]: [&Dims; 3],
    dtype: DType,
    heads: Option<usize>,
    mask: &AttentionMask<'_>,
) -> Result<Plan> {
    let misfit = |input: &Dims, needs: String| {
        Err(Error::Misfit { op: OP, input: input.into(), needs: needs.into() })
    };
    for dims in [query, key, value] {
        if dims.len() < 2 {
            return misfit(dims, "expected axes (…, positions, features)".into());
        }
    }
    let parts = |dims: &Dims| -> (Dims, usize, usize) {
        let (stack, last) = dims.split_at(dims.len() - 2);
        (stack.into(), last[0], last[1])
    };
    let (stack, queries, width) = parts(query);
    let (key_stack, keys, key_width) = parts(key);
    let (value_stack, values, value_width) = parts(value);
    if key_width != width {
        return misfit(key, format!("expected keys of {width} features, as the queries have"));
    }
    if values != keys {
        return misfit(value, format!("expected {keys} positions, one for each key"));
    }
    if mask.causal && queries != keys {
        let needs = format!("a causal attention of {queries} queries has as many keys");
        return misfit(key, needs);
    }
    let both = |one: &Dims, other: &Dims| {
        let fail = || Error::Broadcast { op: OP, left: one.into(), right: other.into() };
        broadcast_dims(one, other).ok_or_else(fail)
    };
    let stack = both(&both(&stack, &key_stack)?, &value_stack)?;
    let n_heads = heads.unwrap_or(1);
    debug_assert!(width % n_heads == 0 && value_width % n_heads == 0, "the layer sees to it");
    let with = |last: &[usize]| Dims::from([&*stack, last].concat());
    let scores = match heads {
        Some(heads) => with(&[heads, queries, keys]),
        None => with(&[queries, keys]),
    };
    let out = with(&[queries, value_width]);
    for dims in [&scores, &out, &with(&[keys, width]), &with(&[keys, value_width])] {
        if dims.checked_count().is_none() {
            return Err(Error::TooLarge { shape: dims.into() });
        }
    }
    if let Some(mask) = mask.mask {
        if mask.dtype() != DType::Bool {
            mask.expect_dtype(dtype)?;
        }
        if both(&scores, mask.dims())? != scores {
            let (left, right) = ((&scores).into(), mask.dims().into());
            return Err(Error::Broadcast { op: OP, left, right });
        }
    }
    let sizes = Sizes {
        samples: stack.elem_count(),
        heads: n_heads,
        queries,
        keys,
        width: width / n_heads,
        value_width: value_width / n_heads,
        causal: mask.causal,
    };
    Ok(Plan { stack, sizes, scores, out })
}

/// That an attention of these sizes is one, before anything has been computed for it.
pub(crate) fn check(
    dims: [&Dims; 3],
    dtype: DType,
    heads: usize,
    mask: &AttentionMask<'_>,
) -> Result<()> {
    lengths(&plan(dims, dtype, Some(heads), mask)?, mask.valid_length).map(drop)
}

/// The number of keys of each sample of the stack, or nothing if all have all.
fn lengths(plan: &Plan, valid_length: Option<&NdArray>) -> Result<Vec<usize>> {
    let Some(valid_length) = valid_length else { return Ok(Vec::new()) };
    let Some(&batch) = plan.stack.first() else {
        let (input, needs) =
            ((&plan.out).into(), "an axis of samples before positions and features");
        return Err(Error::Misfit { op: OP, input, needs: needs.into() });
    };
    let lengths = valid_lengths(Some(valid_length), plan.sizes.keys, batch)?;
    let repeat = plan.sizes.samples / batch.max(1);
    let lengths = lengths.iter().flat_map(|lengths| lengths.iter());
    Ok(lengths.flat_map(|length| std::iter::repeat_n(*length, repeat)).collect())
}

/// An input as the kernel takes it, its matrices being where [`matrices`] says.
fn stack_of<'a, T: Element>(
    input: &'a Input,
    (starts, row, col): &'a (Vec<usize>, isize, isize),
) -> Stack<'a, T> {
    Stack { data: input.buf.slice(), starts, row: *row, col: *col }
}

struct AttentionNode {
    plan: Plan,
    query: Input,
    key: Input,
    value: Input,
    /// The sizes of a mask that is added: it has a gradient.
    mask: Option<Dims>,
    lengths: Vec<usize>,
    weights: Buf,
    dropout: Option<(Stream, f64)>,
}

impl AttentionNode {
    /// Runs `f` on the operands as the kernel takes them.
    fn with<T: Compute>(&self, mask: Option<&Input>, f: impl FnOnce(kernel::Attention<'_, T>)) {
        let Plan { stack, sizes, scores, .. } = &self.plan;
        let [query, key, value] = [&self.query, &self.key, &self.value];
        let [of_query, of_key, of_value] = [query, key, value].map(|x| matrices(&x.view, stack));
        let mask_matrices = mask.map(|mask| {
            let view = mask.view.broadcast(scores).expect("the plan has checked it");
            matrices(&view, &scores[..scores.len() - 2].into())
        });
        let mask = match mask.zip(mask_matrices.as_ref()) {
            None => kernel::Mask::All,
            Some((mask, at)) if mask.buf.dtype() == DType::Bool => {
                kernel::Mask::Where(stack_of(mask, at))
            }
            Some((mask, at)) => kernel::Mask::Plus(stack_of(mask, at)),
        };
        let dropout = self.dropout.map(|(stream, rate)| {
            let keep = 1.0 - rate;
            let scale = T::of(if keep > 0.0 { 1.0 / keep } else { 0.0 });
            move |start: usize, out: &mut [T]| {
                fill_bernoulli(stream, start as u64, out, keep, scale);
            }
        });
        f(kernel::Attention {
            sizes: *sizes,
            query: stack_of(query, &of_query),
            key: stack_of(key, &of_key),
            value: stack_of(value, &of_value),
            mask,
            lengths: &self.lengths,
            scale: T::of(1.0 / (sizes.width.max(1) as f64).sqrt()),
            dropout: dropout.as_ref().map(|dropout| dropout as &kernel::Dropout<'_, T>),
            scratch: &scratch::<T>,
        });
    }

    fn backward<T: Compute>(&self, grad: &[T], sinks: &mut Sinks<'_>) -> Result<()> {
        let Plan { stack, scores, .. } = &self.plan;
        let wide = |input: &Input| -> Dims {
            let last = &input.view.dims[input.view.dims.len() - 2..];
            [&**stack, last].concat().into()
        };
        let dims = [wide(&self.query), wide(&self.key), wide(&self.value), scores.clone()];
        let n_inputs = if self.mask.is_some() { 4 } else { 3 };
        let mut grads = Vec::with_capacity(4);
        for (i, dims) in dims.iter().enumerate() {
            let n = if i < n_inputs && sinks.wanted(i) { dims.elem_count() } else { 0 };
            // The kernel writes every element.
            grads.push(Buf::new::<T>(n, |_| ()));
        }
        let [query, key, value, mask] = &mut grads[..] else { unreachable!("four were made") };
        // What a mask hides has the weight 0, and so no gradient: the mask need not be kept.
        self.with::<T>(None, |attention| {
            let to = Gradients {
                query: query.slice_mut(),
                key: key.slice_mut(),
                value: value.slice_mut(),
                mask: mask.slice_mut(),
            };
            attention.backward(self.weights.slice(), grad, to);
        });
        let own = [&self.query.view.dims, &self.key.view.dims, &self.value.view.dims];
        let own = own.into_iter().chain(&self.mask);
        for (i, ((grad, wide), own)) in grads.into_iter().zip(&dims).zip(own).enumerate() {
            if sinks.wanted(i) {
                sum_to::<T>(sinks, i, &Arc::new(grad), wide, own)?;
            }
        }
        Ok(())
    }
}

impl Op for AttentionNode {
    fn backward(&self, grad: Arc<Buf>, sinks: &mut Sinks<'_>) -> Result<()> {
        for_float!(grad.dtype(), T => self.backward::<T>(grad.slice(), sinks))
    }
}

/// Attention: for each query the mean of the values, weighted by how well their keys fit it.
///
/// `softmax(query · keyᵀ / √d) · value`, where `d` is the number of features of a query. In
/// training each weight is zeroed with probability `dropout`, and the others divided by
/// `1 - dropout`.
///
/// A query that sees no key, by mask or length, gives zeros and has no gradient.
///
/// # Shapes
/// `query` is `(…, t, d)`, `key` `(…, s, d)`, `value` `(…, s, e)`, whose leading axes broadcast; the
/// result is `(…, t, e)`. A mask broadcasts to `(…, t, s)`: `(batch, 1, 1, s)` or `(t, s)` if the
/// queries are `(batch, heads, t, d)`. `valid_length` is `(batch,)`. A causal attention has as many
/// keys as queries.
///
/// # Randomness
/// Dropout draws as [`draw`](super::draw) does.
///
/// # Memory
/// No copy of the operands, whatever their layout. The weights of all queries, `(…, t, s)`, are
/// kept for the gradient while recording, but no mask and no dropped weights; else there is a tile
/// of them at a time. Half types are computed in `f32`.
///
/// # Errors
/// [`Error::Misfit`] or [`Error::Broadcast`] if the sizes do not fit; [`Error::DTypeMismatch`] if
/// the element types differ, or a mask has neither booleans nor the same type;
/// [`Error::NoArithmetic`] if they are not floating-point; [`Error::Setting`] if `dropout` is not
/// in `[0, 1]`, or a length is not that of some keys; [`Error::OperandShape`] if there are not as
/// many lengths as samples.
///
/// # Examples
/// ```
/// use gluonic::NdArray;
/// use gluonic::ops::{AttentionMask, scaled_dot_product_attention};
/// let x = NdArray::from_slice(&[1.0_f32, 0.0, 0.0, 1.0], (2, 2))?;
/// let causal = AttentionMask { causal: true, ..AttentionMask::default() };
/// let y = scaled_dot_product_attention(&x, &x, &x, &causal, 0.0)?;
/// // The first position sees itself alone.
/// assert_eq!(y.row(0)?.to_vec::<f32>()?, [1.0, 0.0]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// Vaswani et al. (2017), "Attention is all you need", eq. 1; arguments as PyTorch,
/// `scaled_dot_product_attention`. MXNet 1.9.1 has none.
#[doc(alias = "sdpa", alias = "softmax_attention")]
pub fn scaled_dot_product_attention(
    query: &NdArray,
    key: &NdArray,
    value: &NdArray,
    mask: &AttentionMask<'_>,
    dropout: f64,
) -> Result<NdArray> {
    attention([query, key, value], None, mask, dropout, current_stream)
}

/// [`scaled_dot_product_attention`] of several heads, side by side in the features, or of one
/// without an axis for it. Takes the stream only when it draws.
pub(crate) fn attention(
    [query, key, value]: [&NdArray; 3],
    heads: Option<usize>,
    mask: &AttentionMask<'_>,
    dropout: f64,
    stream: impl FnOnce() -> Stream,
) -> Result<NdArray> {
    let compute = compute_type(OP, &[query, key, value])?;
    if !(0.0..=1.0).contains(&dropout) {
        let found = dropout.to_string().into();
        return Err(Error::Setting { setting: "dropout", expected: "between 0 and 1", found });
    }
    let plan = plan([query.dims(), key.dims(), value.dims()], query.dtype(), heads, mask)?;
    let lengths = lengths(&plan, mask.valid_length)?;
    if let Some(shape) = NdArray::planned(&plan.out, query.dtype())? {
        return Ok(shape);
    }
    let added = mask.mask.filter(|mask| mask.dtype() != DType::Bool);
    let inputs: Vec<&NdArray> = [query, key, value].into_iter().chain(added).collect();
    let others = mask.mask.into_iter().chain(mask.valid_length);
    let edges = { others }.try_fold(edges(&inputs)?, Inputs::beside)?;
    let out_dims = plan.out.clone();
    let n_weights = if edges.is_recorded() { plan.scores.elem_count() } else { 0 };
    let mut node = AttentionNode {
        query: Input::new(query)?,
        key: Input::new(key)?,
        value: Input::new(value)?,
        mask: added.map(|mask| mask.dims().clone()),
        lengths,
        weights: Buf::zeros(compute, 0),
        dropout: (is_training() && dropout > 0.0).then(|| (stream(), dropout)),
        plan,
    };
    let mask = mask.mask.map(Input::new).transpose()?;
    let (out, weights) = for_float!(compute, T => {
        let mut weights = Buf::new::<T>(n_weights, |_| ());
        let out = Buf::new::<T>(out_dims.elem_count(), |out| {
            node.with::<T>(mask.as_ref(), |attention| {
                attention.forward(out, weights.slice_mut());
            });
        });
        (out, weights)
    });
    node.weights = weights;
    Ok(output(Arc::new(out), query.dtype(), out_dims, edges, || Box::new(node)))
}
