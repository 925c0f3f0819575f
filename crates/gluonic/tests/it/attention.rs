//! Attention and the encoder of a transformer: values against their definition, gradients of layers
//! against differences, masks and lengths, dropout, threads, and what is refused.

use std::sync::{Arc, Mutex};

use gluonic::autograd::{predict_mode, record, train_mode};
use gluonic::nn::{FeedForwardActivation, MultiHeadAttentionConfig, TransformerEncoderConfig};
use gluonic::ops::{AttentionMask, einsum, scaled_dot_product_attention};
use gluonic::prelude::*;
use gluonic::random::{Address, with_address};

use crate::rnn::{assert_near, check_gradients, fill, parameters_of, wave};
use crate::support::{alone, bits, error, photograph, variant};

pub(crate) const ALL: AttentionMask<'static> =
    AttentionMask { mask: None, valid_length: None, causal: false };
pub(crate) const CAUSAL: AttentionMask<'static> = AttentionMask { causal: true, ..ALL };

pub(crate) fn masked(mask: &NdArray) -> AttentionMask<'_> {
    AttentionMask { mask: Some(mask), ..ALL }
}

pub(crate) fn booleans(values: &[u8], dims: impl Into<Dims>) -> Result<NdArray> {
    NdArray::from_slice(values, dims)?.cast(DType::Bool)
}

/// `softmax(q · kᵀ / √d) · v` over the pairs that a mask lets through, put together from other
/// operations.
fn by_parts(q: &NdArray, k: &NdArray, v: &NdArray, pairs: &NdArray) -> Result<NdArray> {
    let d = q.dims()[q.rank() - 1] as f64;
    let scores = (&einsum("...td,...sd->...ts", &[q, k])? / d.sqrt())?;
    scores.masked_softmax(pairs, -1)?.matmul(v)
}

#[test]
fn attention_is_what_its_parts_compute() -> Result<()> {
    let (batch, heads, queries, keys) = (2, 3, 4, 5);
    let q = wave((batch, heads, queries, 2), 1)?;
    let (k, v) = (wave((batch, heads, keys, 2), 2)?, wave((batch, heads, keys, 3), 3)?);
    let all = booleans(&[1], 1)?;
    let check = |what: &str, mask: &AttentionMask<'_>, pairs: &NdArray| {
        let found = scaled_dot_product_attention(&q, &k, &v, mask, 0.5)?;
        let expected = by_parts(&q, &k, &v, pairs)?;
        assert_eq!(found.dims(), expected.dims());
        assert_near(what, &found.to_f64_vec()?, &expected.to_f64_vec()?, 1e-14);
        Ok::<_, Error>(())
    };
    check("all", &ALL, &all)?;
    let pairs = wave((heads, queries, keys), 4)?.gt(&NdArray::scalar(0.0_f64))?;
    check("pairs of each head", &masked(&pairs), &pairs)?;
    let turned = pairs.permute(&[0, 2, 1])?.deep_clone()?.permute(&[0, 2, 1])?;
    check("pairs in another layout", &masked(&turned), &pairs)?;
    let column = booleans(&[1, 0, 1, 1], (queries, 1))?;
    check("whole queries", &masked(&column), &column)?;
    let lengths = NdArray::from_slice(&[2_u8, 5], batch)?;
    let inside = NdArray::arange::<u8>(keys).lt(&lengths.reshape((batch, 1, 1, 1))?)?;
    check("lengths", &AttentionMask { valid_length: Some(&lengths), ..ALL }, &inside)?;
    let added = wave((queries, keys), 5)?;
    let hidden = added.lt(&NdArray::scalar(0.1_f64))?;
    let minus = hidden.select(&NdArray::scalar(0.0_f64), &NdArray::scalar(f64::NEG_INFINITY))?;
    check("minus infinity", &masked(&minus), &hidden)?;
    let (q, v) = (wave((batch, keys, 2), 6)?, wave((batch, keys, 2), 7)?);
    let before = NdArray::arange::<u8>(keys).le(&NdArray::arange::<u8>(keys).reshape((keys, 1))?)?;
    let found = scaled_dot_product_attention(&q, &q, &v, &CAUSAL, 0.0)?;
    assert_near(
        "causal",
        &found.to_f64_vec()?,
        &by_parts(&q, &q, &v, &before)?.to_f64_vec()?,
        1e-14,
    );
    Ok(())
}

#[test]
fn a_query_that_sees_nothing_gives_zeros_and_has_no_gradient() -> Result<()> {
    let leaf = |k| wave((2, 3), k)?.attach_grad(GradReq::Write);
    let leaves = [leaf(1)?, leaf(2)?, leaf(3)?];
    let [q, k, v] = &leaves;
    let minus = NdArray::full((2, 2), f64::NEG_INFINITY, DType::F64)?;
    let none = NdArray::zeros((2, 2), DType::Bool)?;
    for mask in [masked(&minus), masked(&none)] {
        let y = record(|| scaled_dot_product_attention(q, k, v, &mask, 0.0))?;
        assert_eq!(y.to_vec::<f64>()?, [0.0; 6]);
        y.backward()?;
        for leaf in &leaves {
            assert_eq!(leaf.grad()?.to_vec::<f64>()?, [0.0; 6]);
        }
    }
    // What is not a number is not taken for minus infinity.
    let nan = NdArray::full((2, 2), f64::NAN, DType::F64)?;
    let y = scaled_dot_product_attention(q, k, v, &masked(&nan), 0.0)?;
    assert!(y.to_vec::<f64>()?.iter().all(|y| y.is_nan()));
    Ok(())
}

#[test]
fn keys_behind_the_end_reach_nothing() -> Result<()> {
    let (q, x) = (wave((2, 3, 4), 1)?, wave((2, 5, 4), 2)?.attach_grad(GradReq::Write)?);
    let lengths = NdArray::from_slice(&[5.0_f32, 2.0], 2)?;
    let mask = AttentionMask { valid_length: Some(&lengths), ..ALL };
    let run = || record(|| scaled_dot_product_attention(&q, &x, &x, &mask, 0.0));
    let expected = bits(&run()?);
    x.slice(s![1, 2..])?.fill(f64::NAN)?;
    let y = run()?;
    assert_eq!(bits(&y), expected);
    y.backward()?;
    let behind = x.grad()?.slice(s![1, 2..])?.to_vec::<f64>()?;
    assert_eq!(behind, [0.0; 12]);
    assert!(x.grad()?.to_vec::<f64>()?.iter().all(|g| g.is_finite()));
    Ok(())
}

#[test]
fn later_positions_change_nothing_in_a_causal_attention() -> Result<()> {
    let layer = TransformerEncoder::with(2, &TransformerEncoderConfig { causal: true, ..small() })?;
    fill(&layer)?;
    let x = wave((1, 6, 4), 1)?;
    let before = layer.call(&x)?.slice(s![.., ..4])?.to_vec::<f64>()?;
    x.slice(s![.., 4..])?.fill(100.0)?;
    assert_eq!(layer.call(&x)?.slice(s![.., ..4])?.to_vec::<f64>()?, before);
    assert_eq!(layer.call(&x.slice(s![.., ..4])?)?.dims().to_string(), "(1, 4, 4)");
    Ok(())
}

/// From the same rounded values the outputs differ by their own rounding only.
#[test]
fn half_precision_is_computed_in_single() -> Result<()> {
    for (dtype, tolerance) in [(DType::F16, 1e-3), (DType::BF16, 8e-3)] {
        let x = wave((2, 5, 4), 1)?.cast(dtype)?.attach_grad(GradReq::Write)?;
        let wide = x.cast(DType::F32)?;
        let y = record(|| scaled_dot_product_attention(&x, &x, &x, &CAUSAL, 0.0))?;
        let z = scaled_dot_product_attention(&wide, &wide, &wide, &CAUSAL, 0.0)?;
        assert_eq!(y.dtype(), dtype);
        assert_near("half", &y.to_f64_vec()?, &z.to_f64_vec()?, tolerance);
        y.backward()?;
        assert_eq!(x.grad()?.dtype(), dtype);
        let layer = MultiHeadAttention::new(4, 2);
        layer.initialize()?;
        layer.cast(dtype)?;
        assert_eq!(layer.call(&x)?.dtype(), dtype);
    }
    Ok(())
}

fn heads(units: usize, num_heads: usize) -> MultiHeadAttentionConfig {
    let dtype = DType::F64;
    MultiHeadAttentionConfig { units, num_heads, dtype, ..MultiHeadAttentionConfig::default() }
}

fn small() -> TransformerEncoderConfig {
    TransformerEncoderConfig {
        units: 4,
        num_heads: 2,
        hidden_size: Some(3),
        dropout: 0.0,
        dtype: DType::F64,
        ..TransformerEncoderConfig::default()
    }
}

#[test]
fn heads_side_by_side_compute_what_heads_apart_compute() -> Result<()> {
    let layer =
        MultiHeadAttention::with(&MultiHeadAttentionConfig { use_bias: false, ..heads(6, 3) })?;
    let (x, memory) = (wave((2, 4, 5), 1)?, wave((2, 3, 7), 2)?);
    layer.initialize()?;
    layer.call_with(&x, &memory, &memory, &ALL)?;
    fill(&layer)?;
    let weight = |key: &str| layer.find_param(&format!("{key}_proj.weight"))?.data();
    let apart = |x: &NdArray, key: &str| {
        let projected = einsum("ntc,uc->ntu", &[x, &weight(key)?])?;
        let dims = projected.dims().clone();
        projected.reshape((dims[0], dims[1], 3, 2))?.permute(&[0, 2, 1, 3])
    };
    let all = booleans(&[1], 1)?;
    for rank in 2..=4 {
        let pairs = wave((2, 3, 4, 3), 3)?.gt(&NdArray::scalar(-0.2_f64))?;
        // The same for all heads, or for all samples too.
        let pairs = match rank {
            2 => pairs.slice(s![0, 0])?,
            3 => pairs.slice(s![.., 0])?,
            _ => pairs,
        };
        let of_heads = if rank == 3 { pairs.expand_dims(1)? } else { pairs.clone() };
        for (mask, pairs) in [(masked(&pairs), &of_heads), (ALL, &all)] {
            let y =
                by_parts(&apart(&x, "q")?, &apart(&memory, "k")?, &apart(&memory, "v")?, pairs)?;
            let y = y.permute(&[0, 2, 1, 3])?.reshape((2, 4, 6))?;
            let expected = einsum("ntc,uc->ntu", &[&y, &weight("out")?])?;
            let found = layer.call_with(&x, &memory, &memory, &mask)?;
            assert_near("heads", &found.to_f64_vec()?, &expected.to_f64_vec()?, 1e-14);
        }
    }
    // Without an axis of samples.
    let alone = layer.call_with(&x.row(1)?, &memory.row(1)?, &memory.row(1)?, &ALL)?;
    let whole = layer.call_with(&x, &memory, &memory, &ALL)?.row(1)?;
    assert_near("one sample", &alone.to_f64_vec()?, &whole.to_f64_vec()?, 1e-15);
    Ok(())
}

/// A forward of a layer.
type Run<'a> = Box<dyn Fn() -> Result<NdArray> + 'a>;

#[test]
fn gradients_of_layers_are_their_differences() -> Result<()> {
    let lengths = NdArray::from_slice(&[3_i64, 1], 2)?;
    let pairs = wave((2, 3, 3), 3)?.gt(&NdArray::scalar(-0.2_f64))?;
    let mask = AttentionMask { mask: Some(&pairs), valid_length: Some(&lengths), causal: true };
    let x = wave((2, 3, 4), 7)?.attach_grad(GradReq::Write)?;
    let memory = wave((2, 5, 3), 8)?.attach_grad(GradReq::Write)?;

    let cross = MultiHeadAttention::with(&heads(4, 2))?;
    cross.infer_shapes_with(&[x.dims(), memory.dims()], |xs| {
        cross.call_with(&xs[0], &xs[1], &xs[1], &ALL)
    })?;
    let to_itself = MultiHeadAttention::with(&MultiHeadAttentionConfig {
        in_units: Some(4),
        use_bias: false,
        ..heads(4, 4)
    })?;
    let layers = [
        TransformerEncoderLayer::with(&small())?,
        TransformerEncoderLayer::with(&TransformerEncoderConfig {
            pre_norm: true,
            activation: FeedForwardActivation::Gelu,
            ..small()
        })?,
    ];
    let encoder =
        TransformerEncoder::with(2, &TransformerEncoderConfig { pre_norm: true, ..small() })?;
    let cases: Vec<(&str, &dyn Block, Run<'_>)> = vec![
        ("cross", &cross, Box::new(|| cross.call_with(&x, &memory, &memory, &ALL))),
        ("to itself", &to_itself, Box::new(|| to_itself.call_with(&x, &x, &x, &mask))),
        ("post-norm", &layers[0], Box::new(|| layers[0].call_with(&x, &mask))),
        ("pre-norm", &layers[1], Box::new(|| layers[1].call_with(&x, &ALL))),
        ("encoder", &encoder, Box::new(|| encoder.call_with(&x, &CAUSAL))),
    ];
    for (what, block, run) in &cases {
        fill(*block)?;
        let loss = || {
            let y = run()?;
            y.mul(&wave(y.dims(), 20)?)?.sum()
        };
        let leaves = || {
            let mut leaves = parameters_of(*block)?;
            leaves.push((x.clone(), x.grad()?));
            if *what == "cross" {
                leaves.push((memory.clone(), memory.grad()?));
            }
            Ok(leaves)
        };
        check_gradients(what, &loss, &leaves)?;
    }
    Ok(())
}

#[test]
fn norms_stand_where_the_options_say() -> Result<()> {
    let x = wave((2, 3, 4), 1)?;
    for pre_norm in [false, true] {
        let layer =
            TransformerEncoderLayer::with(&TransformerEncoderConfig { pre_norm, ..small() })?;
        fill(&layer)?;
        let part = |key: &str, x: &NdArray| layer.child_named(key)?.call(x);
        let ffn = |x: &NdArray| part("linear2", &part("linear1", x)?);
        let expected = if pre_norm {
            let x = (&x + &part("self_attn", &part("norm1", &x)?)?)?;
            (&x + &ffn(&part("norm2", &x)?)?)?
        } else {
            let x = part("norm1", &(&x + &part("self_attn", &x)?)?)?;
            part("norm2", &(&x + &ffn(&x)?)?)?
        };
        assert_eq!(bits(&layer.call(&x)?), bits(&expected));
    }
    Ok(())
}

#[test]
fn dropout_draws_anew_at_each_call_and_repeats_after_a_seed() {
    alone("attention::dropout_draws_anew_at_each_call_and_repeats_after_a_seed", || {
        let run = || {
            random::seed(4);
            let config = TransformerEncoderConfig { dropout: 0.3, ..small() };
            let net = TransformerEncoder::with(2, &config).unwrap();
            net.initialize().unwrap();
            let x = wave((2, 6, 4), 1).unwrap();
            let call = || bits(&train_mode(|| net.call(&x)).unwrap());
            let recorded = bits(&record(|| net.call(&x)).unwrap());
            (call(), recorded, call(), bits(&predict_mode(|| net.call(&x)).unwrap()))
        };
        let (first, second, third, without) = run();
        assert!(first != second && second != third && first != without);
        assert_eq!(run(), (first, second, third, without));
    });
}

#[test]
fn dropped_weights_are_those_of_a_dropout_of_ones_recorded_or_not() -> Result<()> {
    let (q, k, v) = (wave((2, 3, 4), 1)?, wave((2, 5, 4), 2)?, wave((2, 5, 2), 3)?);
    let at = |f: &dyn Fn() -> Result<NdArray>| {
        with_address(&Address::new(8, "weights"), || train_mode(f))
    };
    let found = at(&|| scaled_dot_product_attention(&q, &k, &v, &ALL, 0.4))?;
    let ones = NdArray::ones((2, 3, 5), DType::F64)?;
    let kept = at(&|| ops::dropout(&ones, 0.4))?;
    let scores = (&einsum("ntd,nsd->nts", &[&q, &k])? / 2.0)?;
    let expected = scores.softmax(-1)?.mul(&kept)?.matmul(&v)?;
    assert_near("dropout", &found.to_f64_vec()?, &expected.to_f64_vec()?, 1e-14);
    let v = v.attach_grad(GradReq::Write)?;
    let recorded = at(&|| record(|| scaled_dot_product_attention(&q, &k, &v, &ALL, 0.4)))?;
    assert_eq!(bits(&recorded), bits(&found));
    let all = at(&|| scaled_dot_product_attention(&q, &k, &v, &ALL, 1.0))?;
    assert_eq!(all.to_vec::<f64>()?, [0.0; 12]);
    Ok(())
}

#[test]
fn results_are_bit_equal_with_one_two_and_sixteen_threads() -> Result<()> {
    fn run(batch: usize, positions: usize) -> Result<Vec<u64>> {
        let config = TransformerEncoderConfig {
            units: 64,
            num_heads: 4,
            dropout: 0.2,
            causal: true,
            dtype: DType::F32,
            ..TransformerEncoderConfig::default()
        };
        let layer = TransformerEncoderLayer::with(&config)?;
        fill(&layer)?;
        let x = wave((batch, positions, 64), 1)?.cast(DType::F32)?.attach_grad(GradReq::Write)?;
        let run = || layer.call(&x);
        let y = with_address(&Address::new(1, "threads"), || record(run))?;
        let quiet = layer.call(&x)?;
        y.backward()?;
        let mut all = [bits(&y), bits(&quiet), bits(&x.grad()?)].concat();
        for (_, parameter) in layer.named_parameters() {
            all.extend(bits(&parameter.grad()?));
        }
        Ok(all)
    }
    for (batch, positions) in [(1, 300), (3, 80), (9, 33)] {
        let with = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| run(batch, positions))
        };
        let one = with(1)?;
        for n_threads in [2, 16] {
            let many = with(n_threads)?;
            let first = one.iter().zip(&many).position(|(a, b)| a != b);
            assert_eq!((first, many.len()), (None, one.len()), "{batch}, {n_threads} threads");
        }
    }
    Ok(())
}

#[test]
fn names_paths_and_prints_tell_the_parts() -> Result<()> {
    name::manager(|| {
        let config = TransformerEncoderConfig { pre_norm: true, dropout: 0.1, ..small() };
        let net = TransformerEncoder::with(2, &config)?;
        let names: Vec<String> = net
            .named_parameters()
            .iter()
            .map(|(path, parameter)| format!("{path} {}", parameter.name()))
            .collect();
        assert_eq!(names.len(), 2 * 16 + 2);
        assert_eq!(
            names[0],
            "layers.0.self_attn.q_proj.weight transformerencoder0_layers0_self_attn_q_proj_weight"
        );
        assert_eq!(
            names[16 + 7],
            "layers.1.self_attn.out_proj.bias transformerencoder0_layers1_self_attn_out_proj_bias"
        );
        assert_eq!(names[33], "norm.beta transformerencoder0_norm_beta");
        assert_eq!(
            net.child(0)?.to_string(),
            "TransformerEncoderLayer(\n  \
               (self_attn): MultiHeadAttention(\n    \
                 (q_proj): Dense(4 -> 4, linear)\n    \
                 (k_proj): Dense(4 -> 4, linear)\n    \
                 (v_proj): Dense(4 -> 4, linear)\n    \
                 (out_proj): Dense(4 -> 4, linear)\n  \
               )\n  \
               (linear1): Dense(4 -> 3, Activation(relu))\n  \
               (dropout): Dropout(p = 0.1, axes=())\n  \
               (linear2): Dense(3 -> 4, linear)\n  \
               (norm1): LayerNorm(eps=1e-05, axis=-1, center=True, scale=True, in_channels=4)\n  \
               (norm2): LayerNorm(eps=1e-05, axis=-1, center=True, scale=True, in_channels=4)\n  \
               (dropout1): Dropout(p = 0.1, axes=())\n  \
               (dropout2): Dropout(p = 0.1, axes=())\n)"
        );
        let first = MultiHeadAttention::with(&heads(4, 2))?;
        let params = Some(first.collect_params()?);
        let tied = MultiHeadAttention::with(&MultiHeadAttentionConfig { params, ..heads(4, 2) })?;
        for (path, parameter) in first.named_parameters() {
            assert!(tied.find_param(&path)?.ptr_eq(&parameter), "{path}");
        }
        Ok(())
    })
}

#[test]
fn shapes_are_inferred_without_values() -> Result<()> {
    let layer = MultiHeadAttention::new(1 << 12, 16);
    let dims = [Dims::from((64, 1 << 16, 7)), Dims::from((64, 1 << 15, 9)), Dims::from(64)];
    let y = layer.infer_shapes_with(&dims, |x| {
        let mask = AttentionMask { valid_length: Some(&x[2]), ..ALL };
        Ok(layer.call_with(&x[0], &x[1], &x[1], &mask)?.dims().clone())
    })?;
    assert_eq!(y.to_string(), "(64, 65536, 4096)");
    assert_eq!(layer.find_param("v_proj.weight")?.shape().unwrap().to_string(), "(4096, 9)");
    assert!(layer.pending().is_empty());
    let net = sequential![
        Dense::new(4).flatten(false),
        TransformerEncoder::with(3, &{
            TransformerEncoderConfig { dtype: DType::F32, ..small() }
        })?
    ];
    assert_eq!(net.infer_shapes(&[(2, 5, 3)])?.to_string(), "(2, 5, 4)");
    Ok(())
}

#[test]
fn nothing_to_look_at_gives_nothing() -> Result<()> {
    let net = TransformerEncoder::with(2, &small())?;
    fill(&net)?;
    for dims in [[0, 3, 4], [2, 0, 4], [1, 1, 4]] {
        let x = NdArray::zeros(dims, DType::F64)?.attach_grad(GradReq::Write)?;
        let y = record(|| net.call(&x))?;
        assert_eq!(y.dims(), x.dims());
        y.backward()?;
    }
    let layer =
        MultiHeadAttention::with(&MultiHeadAttentionConfig { use_bias: false, ..heads(4, 2) })?;
    layer.initialize()?;
    let (x, none) = (wave((2, 3, 4), 1)?, NdArray::zeros((2, 0, 4), DType::F64)?);
    let y = layer.call_with(&x, &none, &none, &ALL)?;
    assert_eq!(y.to_vec::<f64>()?, [0.0; 24]);
    Ok(())
}

#[test]
fn hooks_see_queries_and_outputs() -> Result<()> {
    let net = TransformerEncoder::with(1, &small())?;
    fill(&net)?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let layer = net.child(0)?;
    for block in [net.as_dyn(), layer, layer.child(0)?] {
        let seen = seen.clone();
        block.register_forward_hook(move |block, x, y| {
            seen.lock().unwrap().push(format!(
                "{} {} {}",
                block.core().class(),
                x.dims(),
                y.dims()
            ));
            Ok(())
        });
    }
    net.call_with(&wave((2, 3, 4), 1)?, &CAUSAL)?;
    net.call(&wave((1, 3, 4), 1)?)?;
    let seen = seen.lock().unwrap().join(", ");
    let classes = ["MultiHeadAttention", "TransformerEncoderLayer", "TransformerEncoder"];
    let expected = ["(2, 3, 4)", "(1, 3, 4)"]
        .map(|dims| classes.map(|class| format!("{class} {dims} {dims}")).join(", "));
    assert_eq!(seen, expected.join(", "));
    Ok(())
}

#[test]
fn what_does_not_fit_is_told_and_changes_nothing() -> Result<()> {
    let zeros = |dims: &[usize]| NdArray::zeros(dims, DType::F64).unwrap();
    let x = zeros(&[2, 3, 4]);
    let lengths = |values: &[i64]| NdArray::from_slice(values, values.len()).unwrap();
    let attend = |k: &NdArray, v: &NdArray, mask: &AttentionMask<'_>| {
        error(scaled_dot_product_attention(&x, k, v, mask, 0.0))
    };
    let told = |k: &NdArray, v: &NdArray, mask: &AttentionMask<'_>| {
        let text = attend(k, v, mask).to_string();
        text.trim_start_matches("`scaled_dot_product_attention`: ").to_owned()
    };
    let (wide, long) = (zeros(&[2, 3, 5]), zeros(&[2, 7, 4]));
    assert_eq!(
        told(&wide, &x, &ALL),
        "input (2, 3, 5) does not fit: expected keys of 4 features, as the queries have"
    );
    assert_eq!(
        told(&x, &long, &ALL),
        "input (2, 7, 4) does not fit: expected 3 positions, one for each key"
    );
    assert_eq!(
        told(&long, &long, &CAUSAL),
        "input (2, 7, 4) does not fit: a causal attention of 3 queries has as many keys"
    );
    assert_eq!(told(&zeros(&[3, 3, 4]), &x, &ALL), "shapes (2,) and (3,) do not broadcast");
    let too_many = zeros(&[5, 2, 3, 3]);
    assert_eq!(
        told(&x, &x, &masked(&too_many)),
        "shapes (2, 3, 3) and (5, 2, 3, 3) do not broadcast"
    );
    let single = NdArray::zeros((3, 3), DType::F32)?;
    assert_eq!(told(&x, &x, &masked(&single)), "expected element type float64, found float32");
    for (values, expected) in [
        (
            lengths(&[1, 4]),
            "`valid_length` must be whole numbers from 0 to the number of steps, found 4 for sample \
             1, of 3 steps",
        ),
        (lengths(&[1]), "`valid_length`: expected an array of shape (2,), found (1,)"),
    ] {
        let mask = AttentionMask { valid_length: Some(&values), ..ALL };
        assert_eq!(told(&x, &x, &mask), expected);
    }
    let flat = zeros(&[3, 4]);
    let mask = AttentionMask { valid_length: Some(&lengths(&[1])), ..ALL };
    let refused = scaled_dot_product_attention(&flat, &flat, &flat, &mask, 0.0);
    assert_eq!(variant(&error(refused)), "Misfit");
    let int = NdArray::zeros((3, 4), DType::I64)?;
    let refused = scaled_dot_product_attention(&int, &int, &int, &ALL, 0.0);
    assert_eq!(variant(&error(refused)), "NoArithmetic");
    let refused = scaled_dot_product_attention(&x, &x, &x, &ALL, f64::NAN);
    assert_eq!(error(refused).to_string(), "`dropout` must be between 0 and 1, found NaN");

    let layer = name::manager(|| MultiHeadAttention::with(&heads(4, 2)))?;
    layer.initialize()?;
    let before = photograph(&layer);
    let told = error(layer.call_with(&x, &x, &long, &ALL));
    assert_eq!(told.to_string(), "block `multiheadattention0`");
    assert_eq!(variant(told.root()), "Misfit");
    assert_eq!(variant(error(layer.call(&zeros(&[4]))).root()), "Misfit");
    assert_eq!(photograph(&layer), before);

    for (config, expected) in [
        (heads(4, 3), "`units` must be a multiple of `num_heads`, 1 or more, found 4 for 3 heads"),
        (heads(0, 1), "`units` must be a multiple of `num_heads`, 1 or more, found 0 for 1 heads"),
        (heads(4, 0), "`num_heads` must be 1 or more, found 0"),
        (
            MultiHeadAttentionConfig { dropout: 1.5, ..heads(4, 2) },
            "`dropout` must be between 0 and 1, found 1.5",
        ),
        (
            MultiHeadAttentionConfig { dtype: DType::I32, ..heads(4, 2) },
            "`dtype` must be a floating-point type, found int32",
        ),
    ] {
        assert_eq!(error(MultiHeadAttention::with(&config)).to_string(), expected);
    }
    let layer = |config| error(TransformerEncoderLayer::with(&config)).to_string();
    let told = layer(TransformerEncoderConfig { hidden_size: Some(0), ..small() });
    assert_eq!(told, "`hidden_size` must be 1 or more, in the range of sizes, found 0");
    let told = layer(TransformerEncoderConfig { epsilon: -1.0, ..small() });
    assert_eq!(told, "`epsilon` must be finite and not negative, found -1");
    let told = error(TransformerEncoder::with(0, &small())).to_string();
    assert_eq!(told, "`num_layers` must be 1 or more, found 0");
    Ok(())
}
