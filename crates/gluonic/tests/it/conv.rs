//! Convolutions: against their definition, their gradients, their layers.

use gluonic::autograd::record;
use gluonic::ops::{ConvOptions, conv, conv_transpose};
use gluonic::prelude::*;
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::support::gradcheck::{Layout, check};
use crate::support::{Rng, array, bits, check_golden, error, photograph, value};

/// The sizes and settings of a convolution with two spatial axes.
#[derive(Clone, Debug)]
struct Case {
    n: usize,
    groups: usize,
    c_in: usize,
    c_out: usize,
    input: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
}

impl Case {
    fn options(&self) -> ConvOptions {
        ConvOptions {
            strides: self.stride.into(),
            padding: self.padding.into(),
            dilation: self.dilation.into(),
            groups: self.groups,
            channels_last: false,
        }
    }

    fn x(&self) -> Vec<usize> {
        vec![self.n, self.groups * self.c_in, self.input[0], self.input[1]]
    }

    fn weight(&self) -> Vec<usize> {
        vec![self.groups * self.c_out, self.c_in, self.kernel[0], self.kernel[1]]
    }

    fn places(&self, axis: usize) -> Option<usize> {
        let window = (self.kernel[axis] - 1) * self.dilation[axis] + 1;
        let left = (self.input[axis] + 2 * self.padding[axis]).checked_sub(window)?;
        Some(left / self.stride[axis] + 1)
    }

    /// Calls `f` with the positions of `x`, `weight` and `y` of every product in the definition.
    fn products(&self, mut f: impl FnMut(usize, usize, usize)) {
        let (height, width) = (self.places(0).unwrap(), self.places(1).unwrap());
        let (outs, ins) = (self.groups * self.c_out, self.groups * self.c_in);
        for (n, o, y, x) in (0..self.n * outs * height * width).map(|i| {
            (i / width / height / outs, i / width / height % outs, i / width % height, i % width)
        }) {
            for (c, ky, kx) in (0..self.c_in * self.kernel[0] * self.kernel[1]).map(|i| {
                let [kh, kw] = self.kernel;
                (i / kw / kh, i / kw % kh, i % kw)
            }) {
                let iy = y * self.stride[0] + ky * self.dilation[0];
                let ix = x * self.stride[1] + kx * self.dilation[1];
                let (Some(iy), Some(ix)) =
                    (iy.checked_sub(self.padding[0]), ix.checked_sub(self.padding[1]))
                else {
                    continue;
                };
                if iy >= self.input[0] || ix >= self.input[1] {
                    continue;
                }
                let channel = o / self.c_out * self.c_in + c;
                f(
                    ((n * ins + channel) * self.input[0] + iy) * self.input[1] + ix,
                    ((o * self.c_in + c) * self.kernel[0] + ky) * self.kernel[1] + kx,
                    ((n * outs + o) * height + y) * width + x,
                );
            }
        }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let pair = |low: usize, high: usize| [low..high, low..high];
    let channels = (0..3_usize, 1..4_usize, 1..4_usize, 1..6_usize);
    let sizes = (pair(1, 8), pair(1, 4), pair(1, 4), pair(0, 3), pair(1, 3));
    let case = (channels, sizes).prop_map(|((n, groups, c_in, c_out), sizes)| {
        let (input, kernel, stride, padding, dilation) = sizes;
        Case { n, groups, c_in, c_out, input, kernel, stride, padding, dilation }
    });
    case.prop_filter("the window fits", |case| (0..2).all(|axis| case.places(axis).is_some()))
}

fn random(rng: &mut Rng, dims: &[usize]) -> NdArray {
    let values = rng.vec(dims.iter().product(), -1.0, 1.0);
    NdArray::from_vec(values, dims).unwrap()
}

fn assert_close(found: &NdArray, expected: &[f64]) {
    let found = found.to_f64_vec().unwrap();
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 1e-12, "element {i}: {found}, expected {expected}");
    }
}

proptest! {
    #[test]
    fn convolutions_and_their_gradients_are_those_of_the_definition(case in cases()) {
        let mut rng = Rng::of(&format!("{case:?}"));
        let (x, weight) = (random(&mut rng, &case.x()), random(&mut rng, &case.weight()));
        let (xs, ws) = (x.to_f64_vec().unwrap(), weight.to_f64_vec().unwrap());
        let (x, weight) = (
            x.attach_grad(GradReq::Write).unwrap(),
            weight.attach_grad(GradReq::Write).unwrap(),
        );
        let y = record(|| conv(&x, &weight, None, &case.options())).unwrap();
        let head = random(&mut rng, y.dims());
        let hs = head.to_f64_vec().unwrap();
        let mut expected = [vec![0.0; y.elem_count()], vec![0.0; xs.len()], vec![0.0; ws.len()]];
        case.products(|i, j, k| {
            expected[0][k] += xs[i] * ws[j];
            expected[1][i] += hs[k] * ws[j];
            expected[2][j] += hs[k] * xs[i];
        });
        assert_close(&y, &expected[0]);
        autograd::Backward::new().head(&head).run(&[&y]).unwrap();
        assert_close(&x.grad().unwrap(), &expected[1]);
        assert_close(&weight.grad().unwrap(), &expected[2]);
        // The transposed convolution leads from the output's sizes back to the input's.
        let extra: Vec<usize> = (0..2)
            .map(|axis| {
                let window = (case.kernel[axis] - 1) * case.dilation[axis] + 1;
                (case.input[axis] + 2 * case.padding[axis] - window) % case.stride[axis]
            })
            .collect();
        let back = conv_transpose(&head, &weight.detach(), None, &case.options(), extra).unwrap();
        prop_assert_eq!(&back.dims()[..], case.x());
        assert_close(&back, &expected[1]);
    }

    #[test]
    fn channels_last_is_channels_first_with_other_axes(case in cases()) {
        let mut rng = Rng::of(&format!("{case:?}"));
        let (x, weight) = (random(&mut rng, &case.x()), random(&mut rng, &case.weight()));
        let last = [0, 2, 3, 1];
        let options = ConvOptions { channels_last: true, ..case.options() };
        let expected = conv(&x, &weight, None, &case.options()).unwrap();
        let (x, weight) = (x.permute(&last).unwrap(), weight.permute(&last).unwrap());
        let found = conv(&x, &weight, None, &options).unwrap();
        prop_assert_eq!(bits(&found), bits(&expected.permute(&last).unwrap()));
    }
}

#[test]
fn outputs_and_gradients_are_those_of_mxnet() -> Result<()> {
    let config = |channels: usize, kernel: [usize; 2]| ConvConfig {
        channels,
        kernel_size: kernel.into(),
        ..ConvConfig::default()
    };
    let strided =
        ConvConfig { strides: (2, 1).into(), padding: (1, 0).into(), ..config(2, [3, 2]) };
    let grouped =
        ConvConfig { dilation: 2.into(), groups: 2, use_bias: false, ..config(4, [3, 3]) };
    let relu = ConvConfig { activation: Some(Activation::Relu), ..config(2, [1, 1]) };
    for (i, config) in [config(3, [3, 3]), strided, grouped, relu].into_iter().enumerate() {
        check_golden(&Conv2D::with(config)?, &format!("conv2d_{i}"), 1, &[]);
    }
    Ok(())
}

#[test]
fn gradients_agree_with_differences_for_inputs_in_every_layout() -> Result<()> {
    let options = |stride: usize, padding: usize, groups: usize| ConvOptions {
        strides: stride.into(),
        padding: padding.into(),
        groups,
        ..ConvOptions::default()
    };
    let two = |f: &dyn Fn(&[NdArray]) -> Result<NdArray>, name: &str, dims: &[&[usize]]| {
        for layout in Layout::ALL {
            check(name, f, dims, &[layout, Layout::Contiguous, Layout::Sliced], (-1.0, 1.0))?;
            check(name, f, dims, &[Layout::Contiguous, layout, layout], (-1.0, 1.0))?;
        }
        Ok::<_, Error>(())
    };
    let o = options(1, 1, 1);
    let f = |x: &[NdArray]| conv(&x[0], &x[1], Some(&x[2]), &o);
    two(&f, "conv 1d", &[&[2, 2, 4], &[3, 2, 3], &[3]])?;
    two(&f, "conv without samples", &[&[0, 2, 4], &[3, 2, 3], &[3]])?;
    let o = options(2, 1, 2);
    let f = |x: &[NdArray]| conv(&x[0], &x[1], Some(&x[2]), &o);
    two(&f, "conv 2d in groups", &[&[2, 4, 4, 3], &[2, 2, 3, 2], &[2]])?;
    let f = |x: &[NdArray]| conv_transpose(&x[0], &x[1], Some(&x[2]), &o, 1);
    two(&f, "conv_transpose 2d in groups", &[&[2, 4, 2, 3], &[4, 1, 3, 2], &[2]])?;
    let o = options(1, 0, 1);
    let f = |x: &[NdArray]| conv(&x[0], &x[1], Some(&x[2]), &o);
    two(&f, "conv 3d", &[&[1, 2, 3, 2, 3], &[2, 2, 2, 2, 2], &[2]])?;
    let f = |x: &[NdArray]| conv_transpose(&x[0], &x[1], Some(&x[2]), &o, 0);
    two(&f, "conv_transpose 1d", &[&[2, 2, 3], &[2, 3, 2], &[3]])?;
    let o = ConvOptions { channels_last: true, ..options(1, 1, 1) };
    let f = |x: &[NdArray]| conv(&x[0], &x[1], Some(&x[2]), &o);
    two(&f, "conv with channels last", &[&[2, 3, 3, 2], &[3, 2, 2, 2], &[3]])
}

#[test]
fn a_fused_activation_equals_one_apart_also_in_its_gradients() -> Result<()> {
    let mut rng = Rng::of("fused");
    let x = rng.array((2, 3, 6, 6));
    for transposed in [false, true] {
        let (mut outputs, mut gradients) = (Vec::new(), Vec::new());
        for fused in [true, false] {
            let config = ConvConfig { channels: 4, kernel_size: 3.into(), ..Default::default() };
            random::seed(3);
            let layer: std::sync::Arc<dyn Block> = match (transposed, fused) {
                (false, true) => std::sync::Arc::new(Conv2D::with(ConvConfig {
                    activation: Some(Activation::Tanh),
                    ..config
                })?),
                (false, false) => std::sync::Arc::new(sequential![
                    Conv2D::with(config)?,
                    ActivationLayer::new(Activation::Tanh)
                ]),
                (true, true) => {
                    std::sync::Arc::new(Conv2DTranspose::with(config)?.activation(Activation::Tanh))
                }
                (true, false) => std::sync::Arc::new(sequential![
                    Conv2DTranspose::with(config)?,
                    ActivationLayer::new(Activation::Tanh)
                ]),
            };
            layer.initialize_with(&init::Constant::new(0.1), Reinit::Keep)?;
            let y = record(|| layer.call(&x))?;
            y.backward()?;
            outputs.push(bits(&y));
            let params = layer.collect_params()?;
            gradients.push(params.iter().map(|p| bits(&p.grad().unwrap())).collect::<Vec<_>>());
        }
        assert_eq!(outputs[0], outputs[1]);
        assert_eq!(gradients[0], gradients[1]);
    }
    Ok(())
}

#[test]
fn half_precision_is_computed_in_single_precision() -> Result<()> {
    let mut rng = Rng::of("half");
    let (x, weight) = (rng.array((1, 2, 5, 5)), rng.array((3, 2, 3, 3)));
    for dtype in [DType::F16, DType::BF16] {
        let (x, weight) = (x.cast(dtype)?, weight.cast(dtype)?);
        let y = conv(&x, &weight, None, &ConvOptions::default())?;
        let wide =
            conv(&x.cast(DType::F32)?, &weight.cast(DType::F32)?, None, &ConvOptions::default())?;
        assert_eq!(y.dtype(), dtype);
        assert_eq!(bits(&y), bits(&wide.cast(dtype)?));
    }
    Ok(())
}

#[test]
fn a_result_is_bit_equal_on_one_and_on_several_threads() -> Result<()> {
    let run = |threads: usize, dims: [usize; 4], weight: [usize; 4], groups: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut rng = Rng::of("threads");
            let x = rng.array(dims).attach_grad(GradReq::Write)?;
            let weight = rng.array(weight).attach_grad(GradReq::Write)?;
            let options = ConvOptions { padding: 1.into(), groups, ..ConvOptions::default() };
            let y = record(|| conv(&x, &weight, None, &options))?;
            record(|| y.square())?.backward().err();
            let y = record(|| conv(&x, &weight, None, &options)?.square())?;
            y.backward()?;
            Ok::<_, Error>([bits(&y), bits(&x.grad()?), bits(&weight.grad()?)])
        })
    };
    for (dims, weight, groups) in [
        ([9, 8, 20, 20], [16, 8, 3, 3], 1),
        ([1, 32, 24, 24], [64, 32, 3, 3], 1),
        ([4, 64, 17, 17], [64, 1, 3, 3], 64),
        ([5, 32, 16, 16], [64, 32, 1, 1], 1),
    ] {
        assert_eq!(run(1, dims, weight, groups)?, run(3, dims, weight, groups)?, "{dims:?}");
    }
    Ok(())
}

#[test]
fn layers_print_as_gluon_prints_them_before_and_after_their_first_forward() -> Result<()> {
    let x = NdArray::ones((1, 4, 8, 8), DType::F32)?;
    let told = |layer: &dyn Block| {
        let before = layer.to_string();
        layer.initialize().unwrap();
        layer.call(&x).unwrap();
        format!("{before}\n{layer}")
    };
    assert_snapshot!(told(&Conv2D::new(6, (3, 1)).strides((2, 1)).dilation(2)), @r"
    Conv2D(None -> 6, kernel_size=(3, 1), stride=(2, 1), dilation=(2, 2))
    Conv2D(4 -> 6, kernel_size=(3, 1), stride=(2, 1), dilation=(2, 2))
    ");
    let config = ConvConfig {
        channels: 6,
        kernel_size: 3.into(),
        padding: 1.into(),
        groups: 2,
        use_bias: false,
        activation: Some(Activation::Relu),
        ..ConvConfig::default()
    };
    assert_snapshot!(told(&Conv2D::with(config)?), @r"
    Conv2D(None -> 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=2, bias=False, Activation(relu))
    Conv2D(2 -> 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=2, bias=False, Activation(relu))
    ");
    assert_snapshot!(told(&Conv2DTranspose::new(6, 3)), @r"
    Conv2DTranspose(6 -> 0, kernel_size=(3, 3), stride=(1, 1))
    Conv2DTranspose(6 -> 4, kernel_size=(3, 3), stride=(1, 1))
    ");
    assert_eq!(Conv1D::new(2, 3).to_string(), "Conv1D(None -> 2, kernel_size=(3,), stride=(1,))");
    Ok(())
}

#[test]
fn a_layer_learns_its_input_channels_by_shapes_alone_in_every_layout() -> Result<()> {
    let infer = |layer: &dyn Block, dims: &[usize]| {
        let out = layer.infer_shapes(&[dims]).unwrap();
        format!("{} from {out}", layer.weight().unwrap().shape().unwrap())
    };
    assert_eq!(infer(&Conv1D::new(5, 3), &[2, 3, 9]), "(5, 3, 3) from (2, 5, 7)");
    assert_eq!(infer(&Conv3D::new(5, 3), &[2, 3, 9, 8, 7]), "(5, 3, 3, 3, 3) from (2, 5, 7, 6, 5)");
    let last = ConvConfig {
        channels: 5,
        kernel_size: 3.into(),
        layout: "NHWC".parse()?,
        ..ConvConfig::default()
    };
    assert_eq!(
        infer(&Conv2D::with(last.clone())?, &[2, 9, 8, 3]),
        "(5, 3, 3, 3) from (2, 7, 6, 5)"
    );
    let layer =
        Conv2DTranspose::with(ConvConfig { strides: 2.into(), output_padding: 1.into(), ..last })?;
    assert_eq!(infer(&layer, &[2, 4, 4, 3]), "(3, 3, 3, 5) from (2, 10, 10, 5)");
    Ok(())
}

#[test]
fn initializers_know_what_the_axes_of_a_weight_mean() -> Result<()> {
    let largest = |layer: &dyn Block, dims: &[usize]| {
        layer.initialize_with(&init::Xavier::default(), Reinit::Keep).unwrap();
        layer.infer_shapes(&[dims]).unwrap();
        value(&layer.weight().unwrap()).into_iter().map(f64::abs).fold(0.0, f64::max)
    };
    // Uniform within √(3 / mean of the fans): 9 inputs and 9 outputs if depthwise.
    let depthwise =
        ConvConfig { channels: 64, kernel_size: 3.into(), groups: 64, ..ConvConfig::default() };
    let bound = (3.0_f64 / 9.0).sqrt();
    let found = largest(&Conv2D::with(depthwise)?, &[1, 64, 5, 5]);
    assert!(found <= bound && found > 0.95 * bound, "{found} against {bound}");
    let bound = (3.0_f64 / (9.0 * 20.0)).sqrt();
    let found = largest(&Conv2DTranspose::new(8, 3), &[1, 32, 5, 5]);
    assert!(found <= bound && found > 0.95 * bound, "{found} against {bound}");
    Ok(())
}

#[test]
fn inputs_that_do_not_fit_name_the_weight_and_change_nothing() {
    let layer = name::manager(|| Conv2D::new(4, 5));
    layer.initialize().unwrap();
    let before = photograph(&layer);
    let told = |dims: &[usize]| {
        let error = error(layer.call(&NdArray::ones(dims, DType::F32).unwrap()));
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("{error}: {}{hint}", error.root())
    };
    assert_snapshot!(told(&[1, 3, 4, 8]), @r"
    parameter `conv0_weight`: `conv`: a window of 5 does not fit input (1, 3, 4, 8): axis 2 has 4
    hint: use a larger input, more padding or a smaller kernel
    ");
    assert_snapshot!(told(&[3, 8, 8]), @"parameter `conv0_weight`: `conv`: input (3, 8, 8) does not fit: it needs 4 axes, NCHW");
    assert_eq!(photograph(&layer), before);
    layer.call(&NdArray::ones((1, 3, 8, 8), DType::F32).unwrap()).unwrap();
    assert_snapshot!(told(&[1, 2, 8, 8]), @"parameter `conv0_weight`: `conv`: input (1, 2, 8, 8) does not fit: it has 2 channels, weight (4, 3, 5, 5) needs 3");
    let config = ConvConfig {
        kernel_size: 5.into(),
        layout: DataLayout::ChannelsLast,
        ..ConvConfig::default()
    };
    let last = name::manager(|| Conv2D::with(config).unwrap());
    last.initialize().unwrap();
    let told = error(last.call(&NdArray::ones((1, 4, 8, 3), DType::F32).unwrap()));
    assert_snapshot!(told.root(), @"`conv`: a window of 5 does not fit input (1, 4, 8, 3): axis 1 has 4");
    let grouped = name::manager(|| {
        Conv2D::with(ConvConfig { channels: 4, groups: 2, ..ConvConfig::default() }).unwrap()
    });
    grouped.initialize().unwrap();
    let error = error(grouped.call(&NdArray::ones((1, 3, 8, 8), DType::F32).unwrap()));
    assert_snapshot!(error.root(), @"`conv`: input (1, 3, 8, 8) does not fit: 2 groups do not divide its 3 channels");
}

#[test]
fn settings_that_make_no_sense_are_refused_at_construction() {
    let told = |change: &dyn Fn(&mut ConvConfig)| {
        let mut config = ConvConfig { channels: 4, kernel_size: 3.into(), ..Default::default() };
        change(&mut config);
        error(Conv2D::with(config)).to_string()
    };
    let lines = [
        told(&|config| config.channels = 0),
        told(&|config| config.kernel_size = (3, 0).into()),
        told(&|config| config.kernel_size = (3, 3, 3).into()),
        told(&|config| config.strides = 0.into()),
        told(&|config| config.dilation = 0.into()),
        told(&|config| config.groups = 0),
        told(&|config| config.groups = 3),
        told(&|config| (config.groups, config.in_channels) = (2, Some(5))),
        told(&|config| config.in_channels = Some(0)),
        told(&|config| config.output_padding = 1.into()),
        told(&|config| config.dtype = DType::I32),
        error("NCWH".parse::<DataLayout>()).to_string(),
        error("reul".parse::<Activation>()).to_string(),
    ];
    assert_snapshot!(lines.join("\n"), @r"
    `channels` must be 1 or more, found 0
    `kernel_size` must be 1 or more, found (3, 0)
    `kernel_size` must be one number, or one for each spatial axis, found (3, 3, 3) for 2 axes
    `strides` must be 1 or more, found (0,)
    `dilation` must be 1 or more, found (0,)
    `groups` must be a divisor of channels, found 0 for 4
    `groups` must be a divisor of channels, found 3 for 4
    `groups` must be a divisor of in_channels, found 2 for 5
    `in_channels` must be 1 or more, found 0
    `output_padding` must be 0, as the layer is not a transposed one, found (1, 1)
    `dtype` must be a floating-point type, found int32
    no layout is called `NCWH`
    no activation is called `reul`
    ");
    let config = ConvConfig { output_padding: 1.into(), ..ConvConfig::default() };
    let error = error(Conv1DTranspose::with(config));
    assert_snapshot!(error, @"`output_padding` must be smaller than the strides or the dilation, found (1,)");
}

#[test]
fn an_operation_refuses_what_does_not_fit() {
    let (x, w) = (array(&[0.0; 32], (1, 2, 4, 4)), array(&[0.0; 36], (2, 2, 3, 3)));
    let told = |x: &NdArray, w: &NdArray, b: Option<&NdArray>, o: &ConvOptions| {
        error(conv(x, w, b, o)).to_string()
    };
    let options = ConvOptions::default();
    let lines = [
        told(&x, &w.reshape((2, 2, 9)).unwrap(), None, &options),
        told(&x.reshape(32).unwrap(), &w, None, &options),
        told(&x, &w, Some(&array(&[0.0; 3], 3)), &options),
        told(&x, &w, None, &ConvOptions { groups: 3, ..options.clone() }),
        told(&x, &w.cast(DType::F64).unwrap(), None, &options),
        told(&x, &w, None, &ConvOptions { padding: (1, 1, 1).into(), ..options.clone() }),
        told(&x, &w, None, &ConvOptions { padding: usize::MAX.into(), ..options }),
    ];
    assert_snapshot!(lines.join("\n"), @r"
    `conv`: input (1, 2, 4, 4) does not fit: weight (2, 2, 9) is for 3 axes
    `conv`: input (32,) does not fit: it needs a batch axis, a channel axis and one to three spatial axes
    `conv`: input (1, 2, 4, 4) does not fit: weight (2, 2, 3, 3) needs a bias of shape (2,), found (3,)
    3 groups do not divide the 2 units on axis 0 of shape (2, 2, 3, 3)
    expected element type float32, found float64
    `padding` must be one number, or one for each spatial axis, found (1, 1, 1) for 2 axes
    shape (1, 2, 4, 4) is too large
    ");
}
