//! Values and gradients against `PyTorch`'s; the same bits in every layout, on any number of threads.
#![allow(clippy::unreadable_literal, reason = "values as PyTorch printed them")]

use gluonic::autograd::Backward;
use gluonic::nn::rnn::{RecurrentConfig, SequenceLayout};
use gluonic::prelude::*;

use super::{KINDS, Layer, assert_near, config, fill, lengths, wave};
use crate::support::bits;

/// `Σ xᵢ cos(i)`, which sees every element and its place.
fn checksum(x: &NdArray) -> Result<f64> {
    let values = x.to_f64_vec()?;
    Ok(values.iter().enumerate().map(|(i, x)| x * (i as f64).cos()).sum())
}

/// The checksums of everything a layer computes in a fixed case of 4 steps, 3 samples, 3 inputs and
/// 2 units: loss, outputs, states, then the gradients of input, states and parameters.
fn checksums(kind: &str, n_layers: usize, bi: bool, of: Option<&[i64]>) -> Result<Vec<f64>> {
    let layer = Layer::new(kind, &config(3, 2, n_layers, bi))?;
    fill(layer.block())?;
    let x = wave((4, 3, 3), 100)?.attach_grad(GradReq::Write)?;
    let info = layer.state_info(3).into_iter().enumerate();
    let states = info.map(|(i, dims)| wave(dims, 200 + i)?.attach_grad(GradReq::Write));
    let states = states.collect::<Result<Vec<_>>>()?;
    let of = of.map(lengths);
    let (y, last) = autograd::record(|| layer.call_with(&x, &states, of.as_ref()))?;
    let outputs: Vec<NdArray> = std::iter::once(y).chain(last).collect();
    let mut backward = Backward::new();
    let mut loss = 0.0;
    for (i, output) in outputs.iter().enumerate() {
        let head = wave(output.dims(), 300 + i)?;
        loss += output.mul(&head)?.sum()?.to_scalar::<f64>()?;
        backward = backward.head(&head);
    }
    backward.run(&outputs.iter().collect::<Vec<_>>())?;
    let mut found = vec![loss];
    for output in &outputs {
        found.push(checksum(output)?);
    }
    for leaf in std::iter::once(&x).chain(&states) {
        found.push(checksum(&leaf.grad()?)?);
    }
    for (_, parameter) in layer.block().named_parameters() {
        found.push(checksum(&parameter.grad()?)?);
    }
    Ok(found)
}

#[test]
fn values_and_gradients_are_those_of_pytorch() -> Result<()> {
    // Made with PyTorch 2.15 in float64 by `torch.nn.{RNN, LSTM, GRU}`, parameters, input, states
    // and heads filled as `wave` says, sequences of different lengths by `pack_padded_sequence`.
    type Case = (&'static str, usize, bool, Option<&'static [i64]>, &'static [f64]);
    #[rustfmt::skip]
    let cases: [Case; 6] = [
        ("tanh", 1, false, None, &[
            -0.247403502894, 0.201371223272, 0.091794569514, -0.253330664881, -0.047275602220,
            -0.724660366588, 0.143967260174, 0.207373905559, 0.207373905559,
        ]),
        ("relu", 1, true, None, &[0.502842933174, 0.990759566701, 0.036363850475, -0.777090187428, 0.092628681179, 0.000000000000, 0.000000000000, 0.000000000000, 0.000000000000, 0.373504543247, 0.137849213348, 0.662092960706, 0.662092960706]),
        ("lstm", 1, false, None, &[
            0.150901588598, 0.519777729932, -0.003917759514, 0.017872699611, 0.204538715714,
            0.013279401207, 0.320825796160, -0.244275153933, 0.021767723859, -0.077295221656,
            -0.077295221656,
        ]),
        ("lstm", 2, true, Some(&[2, 4, 1]), &[
            0.909204484653, 0.513090255678, 0.003549782616, 0.075883240927, 0.705346704673,
            -0.047954822439, 0.366679024845, -0.029957350710, 0.022960959160, -0.189960046386,
            -0.189960046386, 0.598338603264, -0.027984031805, 0.006253416867, 0.006253416867,
            0.084721324737, 0.092567328216, 0.007911594313, 0.007911594313, -0.032019623436,
            -0.025512719998, 0.014442035348, 0.014442035348,
        ]),
        ("gru", 1, false, Some(&[4, 1, 3]), &[
            0.557928590762, 0.893947507782, 0.392241480868, 0.357570179370, 0.450164700477,
            -0.350851781080, 0.064680704447, -0.105627634927, -0.101366858625,
        ]),
        ("gru", 2, true, Some(&[2, 4, 1]), &[
            0.519871445712, 2.560974859191, -0.066447328368, 0.579249241527, 0.081535093911,
            -0.212983574653, 0.105772030867, -0.172665334859, -0.163085056754, 0.360581461017,
            -0.014612562000, -0.073873977747, -0.035721338218, 0.180430754513, 0.058092017814,
            -0.067957368285, -0.022735602560, -0.066922533024, -0.079932567915, 0.033003982379,
            -0.053315355074,
        ]),
    ];
    for (kind, n_layers, bi, of, expected) in cases {
        let what = format!("{kind}, {n_layers} layers, bidirectional {bi}, {of:?}");
        assert_near(&what, &checksums(kind, n_layers, bi, of)?, expected, 1e-11);
    }
    Ok(())
}

#[test]
fn layouts_and_strides_change_no_bit() -> Result<()> {
    for kind in KINDS {
        let tnc = Layer::new(kind, &config(3, 2, 2, true))?;
        let layout = SequenceLayout::Ntc;
        let ntc = Layer::new(kind, &RecurrentConfig { layout, ..config(3, 2, 2, true) })?;
        fill(tnc.block())?;
        fill(ntc.block())?;
        let x = wave((5, 4, 3), 2)?;
        let y = tnc.block().call(&x)?;
        let z = ntc.block().call(&x.swap_axes(0, 1)?.deep_clone()?)?;
        assert_eq!(z.dims().to_string(), "(4, 5, 4)");
        assert_eq!(bits(&y), bits(&z.swap_axes(0, 1)?.deep_clone()?));
        let twice = NdArray::zeros((10, 4, 6), DType::F64)?;
        let part = twice.slice(s![..;2, .., 1..;2])?;
        part.assign(&x)?;
        assert_eq!(bits(&y), bits(&tnc.block().call(&part)?));
    }
    Ok(())
}

/// From the same rounded values the outputs differ by their own rounding only: half a unit in the
/// last of 11 or 8 places.
#[test]
fn half_precision_is_computed_in_single() -> Result<()> {
    for (dtype, tolerance) in [(DType::F16, 5e-4), (DType::BF16, 2e-3)] {
        for kind in KINDS {
            let of = |dtype| RecurrentConfig { dtype, ..config(3, 4, 1, true) };
            let (half, single) =
                (Layer::new(kind, &of(dtype))?, Layer::new(kind, &of(DType::F32))?);
            fill(half.block())?;
            single.block().initialize()?;
            for (path, parameter) in half.block().named_parameters() {
                single.block().find_param(&path)?.set_data(&parameter.data()?.cast(DType::F32)?)?;
            }
            let x = wave((5, 2, 3), 2)?.cast(dtype)?;
            let y = autograd::record(|| half.block().call(&x))?;
            let z = single.block().call(&x.cast(DType::F32)?)?;
            assert_eq!(y.dtype(), dtype);
            assert_near(kind, &y.to_f64_vec()?, &z.to_f64_vec()?, tolerance);
            autograd::record(|| half.block().call(&x)?.sum())?.backward()?;
            let grad = half.block().param("r0_h2h_bias")?.grad()?;
            assert!(grad.to_f64_vec()?.iter().all(|g| g.is_finite()));
        }
    }
    Ok(())
}

#[test]
fn a_layer_is_bit_equal_with_one_two_and_sixteen_threads() -> Result<()> {
    fn run(kind: &str) -> Result<Vec<u64>> {
        let layer =
            Layer::new(kind, &RecurrentConfig { dtype: DType::F32, ..config(40, 96, 1, true) })?;
        fill(layer.block())?;
        let x = wave((6, 96, 40), 1)?.cast(DType::F32)?.attach_grad(GradReq::Write)?;
        let states = layer.state_info(96).into_iter();
        let states = states.map(|dims| NdArray::ones(dims, DType::F32));
        let states = states.collect::<Result<Vec<_>>>()?;
        let of: Vec<i64> = (0..96).map(|n| n % 7).collect();
        let y = autograd::record(|| layer.call_with(&x, &states, Some(&lengths(&of))))?.0;
        let loss = autograd::record(|| {
            layer.call_with(&x, &states, Some(&lengths(&of)))?.0.square()?.sum()
        })?;
        loss.backward()?;
        let mut all = bits(&y);
        all.extend(bits(&x.grad()?));
        for (_, parameter) in layer.block().named_parameters() {
            all.extend(bits(&parameter.grad()?));
        }
        Ok(all)
    }
    for kind in KINDS {
        let with = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| run(kind))
        };
        let one = with(1)?;
        for n_threads in [2, 16] {
            let many = with(n_threads)?;
            let first = one.iter().zip(&many).position(|(a, b)| a != b);
            assert_eq!((first, many.len()), (None, one.len()), "{kind}, {n_threads} threads");
        }
    }
    Ok(())
}
