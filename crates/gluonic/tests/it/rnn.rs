//! Recurrent layers and cells: values against `PyTorch`, gradients against differences, layers
//! against cells, lengths, threads, and what is refused.
#![allow(clippy::unreadable_literal, reason = "values as PyTorch printed them")]

use gluonic::autograd::Backward;
use gluonic::nn::rnn::{
    BidirectionalCell, CellConfig, DropoutCell, Gru, GruCell, Lstm, LstmCell, RecurrentCell,
    RecurrentConfig, ResidualCell, Rnn, RnnActivation, RnnCell, SequenceLayout, SequentialRnnCell,
    Unroll, ZoneoutCell,
};
use gluonic::nn::{Block, Member};
use gluonic::prelude::*;

use crate::support::gradcheck::TOLERANCE;
use crate::support::{Rng, bits, error, photograph};

/// One of the three layers, so that a test can go through all.
#[derive(Clone)]
enum Layer {
    Rnn(Rnn),
    Lstm(Lstm),
    Gru(Gru),
}

const KINDS: [&str; 4] = ["tanh", "relu", "lstm", "gru"];

impl Layer {
    fn new(kind: &str, config: &RecurrentConfig) -> Result<Layer> {
        Ok(match kind {
            "lstm" => Layer::Lstm(Lstm::with(config)?),
            "gru" => Layer::Gru(Gru::with(config)?),
            activation => Layer::Rnn(Rnn::with(activation.parse()?, config)?),
        })
    }

    fn block(&self) -> &dyn Block {
        match self {
            Layer::Rnn(layer) => layer,
            Layer::Lstm(layer) => layer,
            Layer::Gru(layer) => layer,
        }
    }

    fn state_info(&self, batch: usize) -> Vec<Dims> {
        match self {
            Layer::Rnn(layer) => layer.state_info(batch),
            Layer::Lstm(layer) => layer.state_info(batch),
            Layer::Gru(layer) => layer.state_info(batch),
        }
    }

    fn call_with(
        &self,
        x: &NdArray,
        states: &[NdArray],
        lengths: Option<&NdArray>,
    ) -> Result<(NdArray, Vec<NdArray>)> {
        match self {
            Layer::Rnn(layer) => layer.call_with(x, states, lengths),
            Layer::Lstm(layer) => layer.call_with(x, states, lengths),
            Layer::Gru(layer) => layer.call_with(x, states, lengths),
        }
    }
}

fn cell(kind: &str, config: &CellConfig) -> Result<Box<dyn RecurrentCell>> {
    Ok(match kind {
        "lstm" => Box::new(LstmCell::with(config)?),
        "gru" => Box::new(GruCell::with(config)?),
        activation => Box::new(RnnCell::with(activation.parse()?, config)?),
    })
}

/// Element i is `0.4 · sin(1.3 i + k + 1)`.
pub(crate) fn wave(dims: impl Into<Dims>, k: usize) -> Result<NdArray> {
    let dims = dims.into();
    let value = |i: usize| 0.4 * (1.3 * i as f64 + k as f64 + 1.0).sin();
    NdArray::from_vec((0..dims.elem_count()).map(value).collect(), dims)
}

/// Gives the parameters their values, number k in the order of the walk [`wave`] k.
pub(crate) fn fill(block: &dyn Block) -> Result<()> {
    block.initialize()?;
    for (k, (_, parameter)) in block.named_parameters().into_iter().enumerate() {
        let dims = parameter.data()?.dims().clone();
        parameter.set_data(&wave(dims, k)?.cast(parameter.dtype())?)?;
    }
    Ok(())
}

fn config(inputs: usize, hidden: usize, num_layers: usize, bidirectional: bool) -> RecurrentConfig {
    RecurrentConfig {
        hidden_size: hidden,
        num_layers,
        bidirectional,
        input_size: Some(inputs),
        dtype: DType::F64,
        ..RecurrentConfig::default()
    }
}

fn lengths(values: &[i64]) -> NdArray {
    NdArray::from_slice(values, values.len()).unwrap()
}

/// Equal up to `tolerance` times the largest value, or times 1.
#[track_caller]
pub(crate) fn assert_near(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let tolerance = tolerance * expected.iter().fold(1.0, |max: f64, x| max.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= tolerance, "{what}, element {i}: expected {expected}, found {found}");
    }
}

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

/// Compares the gradients of everything that `leaves` names, a value and its gradient each, with
/// central differences of `loss`.
#[track_caller]
pub(crate) fn check_gradients(
    what: &str,
    loss: &dyn Fn() -> Result<NdArray>,
    leaves: &dyn Fn() -> Result<Vec<(NdArray, NdArray)>>,
) -> Result<()> {
    const STEP: f64 = 1e-5;
    autograd::record(loss)?.backward()?;
    let value = || loss()?.to_scalar::<f64>();
    for (i, (leaf, grad)) in leaves()?.into_iter().enumerate() {
        let grad = grad.to_f64_vec()?;
        let flat = leaf.detach().reshape(leaf.elem_count())?;
        for (at, found) in grad.into_iter().enumerate() {
            let moved = |by: f64| {
                let old = flat.slice(s![at as isize])?.to_scalar::<f64>()?;
                flat.set(s![at as isize], old + by)?;
                let moved = value();
                flat.set(s![at as isize], old)?;
                moved
            };
            let expected = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
            let error = (found - expected).abs() / found.abs().max(expected.abs()).max(1e-3);
            assert!(error <= TOLERANCE, "{what}: leaf {i}, element {at}: {expected}, {found}");
        }
    }
    Ok(())
}

/// The values of the parameters of a block, each with its gradient.
pub(crate) fn parameters_of(block: &dyn Block) -> Result<Vec<(NdArray, NdArray)>> {
    let params = block.collect_params()?;
    params.iter().map(|p| Ok((p.data()?, p.grad()?))).collect()
}

#[test]
fn gradients_of_layers_are_their_differences() -> Result<()> {
    for kind in KINDS {
        for (n_layers, bi, of) in
            [(1, false, None), (2, true, None), (2, true, Some([3_i64, 0, 1]))]
        {
            let layer = Layer::new(kind, &config(2, 2, n_layers, bi))?;
            fill(layer.block())?;
            let x = wave((3, 3, 2), 7)?.attach_grad(GradReq::Write)?;
            let info = layer.state_info(3).into_iter().enumerate();
            let states = info.map(|(i, dims)| wave(dims, 9 + i)?.attach_grad(GradReq::Write));
            let states = states.collect::<Result<Vec<_>>>()?;
            let of = of.map(|of| lengths(&of));
            let loss = || {
                let (y, last) = layer.call_with(&x, &states, of.as_ref())?;
                let mut loss = y.mul(&wave(y.dims(), 20)?)?.sum()?;
                for (i, last) in last.iter().enumerate() {
                    loss = loss.add(&last.mul(&wave(last.dims(), 30 + i)?)?.sum()?)?;
                }
                Ok(loss)
            };
            let leaves = || {
                let mut leaves = parameters_of(layer.block())?;
                for leaf in std::iter::once(&x).chain(&states) {
                    leaves.push((leaf.clone(), leaf.grad()?));
                }
                Ok(leaves)
            };
            check_gradients(&format!("{kind} {n_layers} {bi} {of:?}"), &loss, &leaves)?;
        }
    }
    Ok(())
}

#[test]
fn gradients_add_up_where_an_input_or_a_weight_is_used_twice() -> Result<()> {
    for kind in KINDS {
        let first = cell(
            kind,
            &CellConfig {
                hidden_size: 2,
                input_size: Some(2),
                dtype: DType::F64,
                ..CellConfig::default()
            },
        )?;
        let tied = cell(
            kind,
            &CellConfig {
                hidden_size: 2,
                input_size: Some(2),
                dtype: DType::F64,
                params: Some(first.params()),
                ..CellConfig::default()
            },
        )?;
        fill(first.as_dyn())?;
        let x = wave((3, 2), 5)?.attach_grad(GradReq::Write)?;
        let loss = || {
            // The input is also the first state.
            let states = vec![x.clone(); first.state_info(3).len()];
            let (y, states) = first.step(&x, &states)?;
            let (z, _) = tied.step(&y, &states)?;
            z.mul(&wave(z.dims(), 11)?)?.sum()
        };
        let leaves = || {
            let mut leaves = parameters_of(first.as_dyn())?;
            leaves.push((x.clone(), x.grad()?));
            Ok(leaves)
        };
        check_gradients(kind, &loss, &leaves)?;
    }
    Ok(())
}

/// Gives a cell the values of one direction of a layer.
fn copy_into(cell: &dyn Block, layer: &dyn Block, prefix: &str) -> Result<()> {
    cell.initialize()?;
    for key in ["i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias"] {
        cell.param(key)?.set_data(&layer.param(&format!("{prefix}{key}"))?.data()?)?;
    }
    Ok(())
}

/// The products of a layer are larger than those of its cells, and may sum in another order: they
/// agree to 1e-6 in `f32`, 1e-13 in `f64`.
#[test]
fn a_layer_computes_what_its_cells_compute_step_by_step() -> Result<()> {
    for (kind, dtype, tolerance) in
        KINDS.iter().flat_map(|kind| [(kind, DType::F32, 1e-6), (kind, DType::F64, 1e-13)])
    {
        let (n_steps, batch, inputs, hidden) = (7, 5, 33, 17);
        let layer_config = RecurrentConfig {
            num_layers: 2,
            bidirectional: true,
            dtype,
            ..config(inputs, hidden, 2, true)
        };
        let layer = Layer::new(kind, &layer_config)?;
        fill(layer.block())?;
        let stack = SequentialRnnCell::new();
        for i in 0..2 {
            let inputs = if i == 0 { inputs } else { 2 * hidden };
            let one = |direction: &str| -> Result<_> {
                let config = CellConfig {
                    hidden_size: hidden,
                    input_size: Some(inputs),
                    dtype,
                    ..CellConfig::default()
                };
                let cell: std::sync::Arc<dyn RecurrentCell> = cell(kind, &config)?.into();
                copy_into(cell.as_dyn(), layer.block(), &format!("{direction}{i}_"))?;
                Ok(cell)
            };
            stack.add(BidirectionalCell::new(one("l")?, one("r")?));
        }
        let x = wave((n_steps, batch, inputs), 3)?.cast(dtype)?;
        let info = layer.state_info(batch).into_iter().enumerate();
        let states = info.map(|(i, dims)| wave(dims, 50 + i)?.cast(dtype));
        let states = states.collect::<Result<Vec<_>>>()?;
        // The cells list all states of one cell before those of the next.
        let of_cells = |states: &[NdArray]| -> Result<Vec<NdArray>> {
            (0..4).flat_map(|i| states.iter().map(move |state| state.row(i))).collect()
        };
        for of in [None, Some(lengths(&[7, 1, 0, 4, 6]))] {
            let (y, last) = layer.call_with(&x, &states, of.as_ref())?;
            let begin = of_cells(&states)?;
            let options = Unroll {
                begin_state: Some(&begin),
                valid_length: of.as_ref(),
                ..Unroll::default()
            };
            let (z, ends) = stack.unroll(&x, &options)?;
            assert_near(kind, &y.to_f64_vec()?, &z.to_f64_vec()?, tolerance);
            for (last, end) in of_cells(&last)?.iter().zip(&ends) {
                assert_near(kind, &last.to_f64_vec()?, &end.to_f64_vec()?, tolerance);
            }
        }
    }
    Ok(())
}

#[test]
fn a_sample_among_longer_ones_computes_what_it_computes_alone() -> Result<()> {
    let mut rng = Rng::new(11);
    for kind in KINDS {
        let layer = Layer::new(kind, &config(3, 4, 2, true))?;
        fill(layer.block())?;
        let (n_steps, batch) = (6, 5);
        let x = wave((n_steps, batch, 3), 1)?;
        let info = layer.state_info(batch).into_iter().enumerate();
        let states = info.map(|(i, dims)| wave(dims, 70 + i)).collect::<Result<Vec<_>>>()?;
        let of: Vec<i64> = (0..batch).map(|_| rng.below(n_steps + 1) as i64).collect();
        let (y, last) = layer.call_with(&x, &states, Some(&lengths(&of)))?;
        for (n, &length) in of.iter().enumerate() {
            let n = n as isize;
            let own: Vec<_> =
                states.iter().map(|state| state.slice(s![.., n..=n])).collect::<Result<_>>()?;
            let (alone, ends) =
                layer.call_with(&x.slice(s![..length as isize, n..=n])?, &own, None)?;
            let seen = y.slice(s![..length as isize, n..=n])?;
            assert_near(kind, &seen.to_f64_vec()?, &alone.to_f64_vec()?, 1e-13);
            let behind = y.slice(s![length as isize.., n])?.to_f64_vec()?;
            assert!(behind.iter().all(|value| *value == 0.0), "{behind:?}");
            for (last, end) in last.iter().zip(&ends) {
                let last = last.slice(s![.., n..=n])?.to_f64_vec()?;
                assert_near(kind, &last, &end.to_f64_vec()?, 1e-13);
            }
        }
    }
    Ok(())
}

#[test]
fn what_stands_behind_the_end_of_a_sample_reaches_nothing() -> Result<()> {
    let layer = Lstm::with(&config(2, 3, 2, true))?;
    fill(&layer)?;
    let (of, states) = (lengths(&[2, 4]), layer.begin_state(2, DType::F64)?);
    let x = wave((4, 2, 2), 1)?;
    let expected = layer.call_with(&x, &states, Some(&of))?;
    x.slice(s![2.., 0])?.fill(f64::NAN)?;
    let found = layer.call_with(&x, &states, Some(&of))?;
    assert_eq!(bits(&found.0), bits(&expected.0));
    assert_eq!(bits(&found.1[1]), bits(&expected.1[1]));
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

#[test]
fn names_paths_and_prints_are_those_of_gluon() -> Result<()> {
    // As MXNet 1.9.1 prints them.
    name::manager(|| {
        let lstm = Lstm::with(&RecurrentConfig {
            hidden_size: 100,
            num_layers: 2,
            dropout: 0.5,
            bidirectional: true,
            input_size: Some(10),
            ..RecurrentConfig::default()
        })?;
        assert_eq!(
            lstm.to_string(),
            "LSTM(10 -> 100, TNC, num_layers=2, dropout=0.5, bidirectional)"
        );
        let params = lstm.params();
        let names: Vec<_> = params.iter().map(ToString::to_string).collect();
        assert_eq!(names[0], "Parameter lstm0_l0_i2h_weight (shape=(400, 10), dtype=float32)");
        assert_eq!(names[4], "Parameter lstm0_r0_i2h_weight (shape=(400, 10), dtype=float32)");
        assert_eq!(names[8], "Parameter lstm0_l1_i2h_weight (shape=(400, 200), dtype=float32)");
        assert_eq!(names[15], "Parameter lstm0_r1_h2h_bias (shape=(400,), dtype=float32)");
        assert_eq!(names.len(), 16);
        assert!(lstm.find_param("r1_h2h_bias")?.ptr_eq(&params["lstm0_r1_h2h_bias"]));
        assert_eq!(Rnn::new(3).name(), "rnn0");
        assert_eq!(Gru::new(3).name(), "gru0");
        assert_eq!(RnnCell::new(8).to_string(), "RNNCell(None -> 8, tanh)");

        let net = SequentialRnnCell::new();
        let residual = net.name_scope(|| {
            net.add(LstmCell::new(2));
            net.add(DropoutCell::new(0.5)?);
            let residual = ResidualCell::new(GruCell::new(2));
            net.add(residual.clone());
            Ok::<_, Error>(residual)
        })?;
        assert_eq!(
            net.to_string(),
            "SequentialRNNCell(\n(0): LSTMCell(None -> 8)\n(1): DropoutCell(rate=0.5, axes=())\n\
             (2): ResidualCell(GRUCell(None -> 6))\n)"
        );
        let paths: Vec<_> =
            net.named_parameters().iter().map(|(path, p)| format!("{path} {}", p.name())).collect();
        assert_eq!(paths[0], "0.i2h_weight sequentialrnncell0_lstm0_i2h_weight");
        assert_eq!(paths[7], "2.base_cell.h2h_bias sequentialrnncell0_gru0_h2h_bias");
        assert_eq!(paths.len(), 8);
        assert_eq!(net.collect_params()?.iter().count(), 8);
        assert_eq!(residual.params().prefix(), "sequentialrnncell0_gru0_");

        let zoneout = ZoneoutCell::new(LstmCell::new(2), 0.5, 0.25)?;
        let inner = zoneout.child(0)?.name();
        assert_eq!(zoneout.prefix(), format!("{inner}_zoneout"));
        let both = BidirectionalCell::new(LstmCell::new(2), LstmCell::new(2));
        assert_eq!(
            both.to_string(),
            "BidirectionalCell(forward=LSTMCell(None -> 8), backward=LSTMCell(None -> 8))"
        );
        let mut keys = Vec::new();
        both.visit(&mut |key, member| {
            assert!(matches!(member, Member::Block(_)));
            keys.push(key.to_owned());
        });
        assert_eq!((keys.join(" "), both.name().as_str()), ("l_cell r_cell".to_owned(), ""));
        Ok(())
    })
}

#[test]
fn shapes_are_inferred_without_values() -> Result<()> {
    let layer = Lstm::with(&RecurrentConfig {
        hidden_size: 1 << 20,
        num_layers: 2,
        bidirectional: true,
        ..RecurrentConfig::default()
    })?;
    let y = layer.infer_shapes(&[(1 << 10, 1 << 10, 1 << 20)])?;
    assert_eq!(y.to_string(), "(1024, 1024, 2097152)");
    let shape = layer.param("r1_i2h_weight")?.shape();
    assert_eq!(shape.unwrap().to_string(), "(4194304, 2097152)");

    let net = SequentialRnnCell::new();
    net.add(BidirectionalCell::new(GruCell::new(2), RnnCell::new(3)));
    net.add(ZoneoutCell::new(LstmCell::new(4), 0.5, 0.5)?);
    let dims = net.infer_shapes_with(&[Dims::from((7, 2, 6)), Dims::from(2)], |inputs| {
        let options = Unroll { valid_length: Some(&inputs[1]), ..Unroll::default() };
        Ok(net.unroll(&inputs[0], &options)?.0.dims().clone())
    })?;
    assert_eq!(dims.to_string(), "(7, 2, 4)");
    assert_eq!(net.pending().len(), 0);
    Ok(())
}

#[test]
fn nothing_to_compute_gives_nothing_or_the_states_as_they_were() -> Result<()> {
    for kind in KINDS {
        let layer = Layer::new(kind, &config(3, 2, 2, true))?;
        fill(layer.block())?;
        let info = layer.state_info(4).into_iter().enumerate();
        let states = info.map(|(i, dims)| wave(dims, i)?.attach_grad(GradReq::Write));
        let states = states.collect::<Result<Vec<_>>>()?;
        let empty = NdArray::zeros((0, 4, 3), DType::F64)?;
        let (y, last) = autograd::record(|| layer.call_with(&empty, &states, None))?;
        assert_eq!(y.dims().to_string(), "(0, 4, 4)");
        assert_eq!(bits(&last[0]), bits(&states[0]));
        let loss = autograd::record(|| layer.call_with(&empty, &states, None)?.1[0].sum())?;
        loss.backward()?;
        assert_eq!(states[0].grad()?.to_vec::<f64>()?, vec![1.0; 32]);
        let y = layer.block().call(&NdArray::zeros((5, 0, 3), DType::F64)?)?;
        assert_eq!(y.dims().to_string(), "(5, 0, 4)");
    }
    Ok(())
}

#[test]
fn states_that_are_given_come_back_and_hooks_see_the_outputs() -> Result<()> {
    let layer = Gru::with(&config(3, 2, 1, false))?;
    fill(&layer)?;
    let x = wave((4, 2, 3), 0)?;
    let whole = layer.call(&x)?;
    // Half of the sequence, and from its states the rest.
    let (first, states) =
        layer.call_with(&x.slice(s![..2])?, &layer.begin_state(2, DType::F64)?, None)?;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let hook = {
        let seen = seen.clone();
        layer.register_forward_hook(move |_, x, y| {
            seen.lock().unwrap().push(format!("{} {}", x.dims(), y.dims()));
            Ok(())
        })
    };
    let (second, _) = layer.call_with(&x.slice(s![2..])?, &states, None)?;
    drop(hook);
    assert_eq!(*seen.lock().unwrap(), ["(2, 2, 3) (2, 2, 2)"]);
    let parts = ops::concat(&[&first, &second], 0)?;
    assert_near("parts", &parts.to_f64_vec()?, &whole.to_f64_vec()?, 1e-14);
    Ok(())
}

#[test]
fn dropout_acts_between_layers_in_training_only() -> Result<()> {
    let (plain, dropped) =
        (config(3, 64, 2, false), RecurrentConfig { dropout: 0.5, ..config(3, 64, 2, false) });
    let (plain, dropped) = (Lstm::with(&plain)?, Lstm::with(&dropped)?);
    fill(&plain)?;
    fill(&dropped)?;
    let x = wave((4, 2, 3), 0)?;
    assert_eq!(bits(&plain.call(&x)?), bits(&dropped.call(&x)?));
    let train = |layer: &Lstm| Ok::<_, Error>(bits(&autograd::train_mode(|| layer.call(&x))?));
    assert_eq!(train(&plain)?, bits(&plain.call(&x)?));
    assert_ne!(train(&dropped)?, train(&dropped)?);
    // The last layer is not dropped: with everything zeroed below, it still sees its biases.
    let all = Lstm::with(&RecurrentConfig { dropout: 1.0, ..config(3, 64, 2, false) })?;
    fill(&all)?;
    let y = autograd::train_mode(|| all.call(&x))?;
    assert!(y.to_f64_vec()?.iter().all(|y| y.is_finite() && *y != 0.0));
    Ok(())
}

#[test]
fn zoneout_keeps_old_values_in_training_only() -> Result<()> {
    let base = GruCell::with(&CellConfig {
        hidden_size: 2,
        input_size: Some(2),
        dtype: DType::F64,
        ..CellConfig::default()
    })?;
    let cell = ZoneoutCell::new(base.clone(), 1.0, 1.0)?;
    fill(&cell)?;
    let x = wave((3, 2), 0)?;
    let states = vec![wave((3, 2), 1)?, wave((3, 2), 2)?];
    let (y, next) = autograd::train_mode(|| cell.step(&x, &states))?;
    assert_eq!(bits(&next[0]), bits(&states[0]));
    assert_eq!((bits(&y), bits(&next[1])), (bits(&states[1]), bits(&states[1])));
    let (y, next) = cell.step(&x, &states)?;
    assert_eq!(bits(&y), bits(&base.step(&x, &states[..1])?.0));
    assert_eq!(bits(&next[1]), bits(&y));
    Ok(())
}

#[test]
fn a_residual_cell_adds_the_inputs_that_count() -> Result<()> {
    let config = CellConfig {
        hidden_size: 2,
        input_size: Some(4),
        dtype: DType::F64,
        ..CellConfig::default()
    };
    let base = BidirectionalCell::new(LstmCell::with(&config)?, GruCell::with(&config)?);
    let cell = ResidualCell::new(base.clone());
    fill(&cell)?;
    let x = wave((2, 3, 4), 0)?;
    let of = lengths(&[3, 1]);
    let layout = SequenceLayout::Ntc;
    let options = Unroll { layout, valid_length: Some(&of), ..Unroll::default() };
    let (y, _) = cell.unroll(&x, &options)?;
    let inputs = x.deep_clone()?;
    inputs.slice(s![1, 1..])?.fill(0.0)?;
    let expected = base.unroll(&x, &options)?.0.add(&inputs)?;
    assert_near("residual", &y.to_f64_vec()?, &expected.to_f64_vec()?, 0.0);
    assert_eq!(y.slice(s![1, 1..])?.to_f64_vec()?, [0.0; 8]);
    Ok(())
}

/// The parameter that an error names, and what it says.
fn told(result: Result<impl Sized>) -> String {
    let error = error(result);
    let name = error.name().map(ToString::to_string).unwrap_or_default();
    format!("{name}: {}", error.root())
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_changes_nothing() -> Result<()> {
    name::manager(|| {
        let layer = Lstm::new(4);
        layer.initialize()?;
        let before = photograph(&layer);
        let x = NdArray::ones((3, 2, 5), DType::F32)?;
        let states = layer.begin_state(2, DType::F32)?;
        let call = |x: &NdArray, states: &[NdArray], of: Option<&NdArray>| {
            told(layer.call_with(x, states, of))
        };
        let at = "lstm0_l0_i2h_weight";
        assert_eq!(
            call(&x.row(0)?, &states, None),
            format!("{at}: `lstm`: expected an array of shape (?, ?, ?), found (2, 5)")
        );
        assert_eq!(
            call(&x, &states[..1], None),
            format!(
                "{at}: `states` must be two arrays, such as the hidden and the cell state, found 1"
            )
        );
        assert_eq!(
            call(&x, &layer.begin_state(3, DType::F32)?, None),
            format!("{at}: `lstm`: expected an array of shape (1, 2, 4), found (1, 3, 4)")
        );
        assert_eq!(
            call(&x, &states, Some(&lengths(&[1, 2, 3]))),
            format!("{at}: `valid_length`: expected an array of shape (2,), found (3,)")
        );
        assert_eq!(
            call(&x, &states, Some(&lengths(&[1, 4]))),
            format!(
                "{at}: `valid_length` must be whole numbers from 0 to the number of steps, found 4 \
                 for sample 1, of 3 steps"
            )
        );
        assert_eq!(photograph(&layer), before);
        assert_eq!(
            call(&x, &layer.begin_state(2, DType::F64)?, None),
            format!("{at}: expected element type float32, found float64")
        );
        layer.call(&x)?;
        let wide = NdArray::ones((3, 2, 6), DType::F32)?;
        assert_eq!(
            told(layer.call(&wide)),
            format!("{at}: `lstm`: expected an array of shape (?, ?, 5), found (3, 2, 6)")
        );

        let cell = GruCell::new(4);
        let begin = cell.begin_state(2, DType::F32)?;
        assert_eq!(
            told(cell.step(&x, &begin)),
            "gru0_i2h_weight: `gru`: expected an array of shape (?, ?), found (3, 2, 5)"
        );
        assert_eq!(
            told(cell.step(&x.row(0)?, &[])),
            "gru0_i2h_weight: `states` must be one array, the hidden state, found 0"
        );
        assert_eq!(
            told(cell.unroll(&x.slice(s![..0])?, &Unroll::default())),
            "gru0_i2h_weight: `steps` must be 1 or more, found 0, in an input of shape (0, 2, 5)"
        );
        assert!(matches!(error(cell.call(&x)), Error::NoForward { .. }));
        let both = BidirectionalCell::new(cell.clone(), cell);
        assert!(matches!(error(both.step(&x.row(0)?, &[])), Error::NoForward { .. }));
        Ok(())
    })
}

#[test]
fn settings_that_make_no_sense_are_refused_when_the_layer_is_built() {
    let default = RecurrentConfig::default;
    let refused = [
        Gru::with(&RecurrentConfig { hidden_size: 0, ..default() }),
        Gru::with(&RecurrentConfig { hidden_size: usize::MAX, ..default() }),
        Gru::with(&RecurrentConfig { num_layers: 0, ..default() }),
        Gru::with(&RecurrentConfig { dropout: 1.5, ..default() }),
        Gru::with(&RecurrentConfig { input_size: Some(0), ..default() }),
        Gru::with(&RecurrentConfig { dtype: DType::I32, ..default() }),
    ];
    let found: Vec<String> = refused.map(|result| error(result).to_string()).into();
    assert_eq!(found[0], "`hidden_size` must be 1 or more, found 0");
    assert_eq!(found[3], "`dropout` must be between 0 and 1, found 1.5");
    assert_eq!(found[5], "`dtype` must be a floating-point type, found int32");
    let word = error("TCN".parse::<SequenceLayout>());
    assert_eq!(word.to_string(), "no sequence layout is called `TCN`");
    let word = error("tahn".parse::<RnnActivation>());
    assert_eq!(word.hint().as_deref(), Some("did you mean `tanh`?"));
}
