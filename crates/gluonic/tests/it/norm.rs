//! Normalizations: their gradients, their statistics, their layers.

use gluonic::autograd::{predict_mode, record, train_mode};
use gluonic::ops::{batch_norm, batch_norm_by, group_norm, instance_norm, layer_norm, rms_norm};
use gluonic::prelude::*;
use insta::assert_snapshot;

use crate::support::gradcheck::{Layout, check};
use crate::support::{Rng, array, bits, check_golden, error, photograph, value};

const EPSILON: f64 = 1e-3;

type Operation = fn(&[NdArray]) -> Result<NdArray>;

#[test]
fn gradients_agree_with_differences_for_inputs_in_every_layout() -> Result<()> {
    let rows: [(&str, Operation, &[&[usize]]); 12] = [
        (
            "batch_norm",
            |x| Ok(batch_norm(&x[0], Some(&x[1]), Some(&x[2]), 1, EPSILON)?.y),
            &[&[3, 2, 4], &[2], &[2]],
        ),
        (
            "batch_norm of columns",
            |x| Ok(batch_norm(&x[0], Some(&x[1]), Some(&x[2]), -1, EPSILON)?.y),
            &[&[4, 3], &[3], &[3]],
        ),
        (
            "batch_norm without parameters",
            |x| Ok(batch_norm(&x[0], None, None, 0, EPSILON)?.y),
            &[&[2, 3, 2]],
        ),
        (
            "batch_norm by given statistics",
            |x| {
                let given = NdArray::from_slice(&[0.3, 0.7], 2)?;
                batch_norm_by(&x[0], Some(&x[1]), Some(&x[2]), (&given, &given), 1, EPSILON)
            },
            &[&[3, 2, 4], &[2], &[2]],
        ),
        (
            "batch_norm of nothing",
            |x| {
                let given = NdArray::from_slice(&[0.3, 0.7], 2)?;
                batch_norm_by(&x[0], Some(&x[1]), Some(&x[2]), (&given, &given), 1, EPSILON)
            },
            &[&[0, 2, 4], &[2], &[2]],
        ),
        (
            "layer_norm",
            |x| layer_norm(&x[0], Some(&x[1]), Some(&x[2]), -1, EPSILON),
            &[&[2, 3, 5], &[5], &[5]],
        ),
        (
            "layer_norm in the middle",
            |x| layer_norm(&x[0], Some(&x[1]), Some(&x[2]), 1, EPSILON),
            &[&[2, 3, 2], &[3], &[3]],
        ),
        (
            "layer_norm of nothing",
            |x| layer_norm(&x[0], Some(&x[1]), Some(&x[2]), 1, EPSILON),
            &[&[0, 3], &[3], &[3]],
        ),
        ("rms_norm", |x| rms_norm(&x[0], Some(&x[1]), -1, EPSILON), &[&[3, 4], &[4]]),
        (
            "group_norm by channel",
            |x| group_norm(&x[0], Some(&x[1]), Some(&x[2]), 2, EPSILON),
            &[&[2, 4, 3], &[4], &[4]],
        ),
        (
            "group_norm by group",
            |x| group_norm(&x[0], Some(&x[1]), Some(&x[2]), 2, EPSILON),
            &[&[2, 4, 3], &[2], &[2]],
        ),
        (
            "instance_norm",
            |x| instance_norm(&x[0], Some(&x[1]), Some(&x[2]), EPSILON),
            &[&[2, 3, 2, 3], &[3], &[3]],
        ),
    ];
    for (name, f, dims) in rows {
        for layout in Layout::ALL {
            // A batch of equal samples has no deviation, and differences of its root are none.
            let x = if layout == Layout::Broadcast { Layout::Contiguous } else { layout };
            let layouts: Vec<_> =
                (0..dims.len()).map(|i| if i == 0 { x } else { layout }).collect();
            check(name, &f, dims, &layouts, (-1.5, 1.5))?;
        }
    }
    Ok(())
}

#[test]
fn outputs_gradients_and_statistics_are_those_of_mxnet() -> Result<()> {
    let batch = BatchNormConfig::default;
    let configs = [
        batch(),
        BatchNormConfig { momentum: 0.5, epsilon: 0.01, ..batch() },
        BatchNormConfig { scale: false, ..batch() },
        BatchNormConfig { center: false, ..batch() },
        BatchNormConfig { use_global_stats: true, ..batch() },
        BatchNormConfig { axis: 3, ..batch() },
    ];
    for (i, config) in configs.into_iter().enumerate() {
        // MXNet overwrites a gamma that it does not use.
        let except: &[&str] = if config.scale { &[] } else { &["gamma"] };
        let name = format!("batchnorm_{i}_train");
        check_golden(&BatchNorm::with(config)?, &name, 2, except);
    }
    check_golden(&BatchNorm::new(), "batchnorm_2d", 2, &[]);
    let layer = NormConfig::default;
    let configs = [
        layer(),
        NormConfig { axis: Some(1), ..layer() },
        NormConfig { scale: Some(false), ..layer() },
        NormConfig { epsilon: 0.01, center: false, ..layer() },
    ];
    for (i, config) in configs.into_iter().enumerate() {
        check_golden(&LayerNorm::with(config)?, &format!("layernorm_{i}"), 1, &[]);
    }
    Ok(())
}

#[test]
fn a_mean_far_from_zero_costs_no_digits() -> Result<()> {
    let mut rng = Rng::of("far");
    let values: Vec<f32> = rng.vec(6000, -1.0, 1.0).iter().map(|x| (x + 1000.0) as f32).collect();
    let exact: Vec<f64> = values.iter().map(|x| f64::from(*x)).collect();
    let mean = exact.iter().sum::<f64>() / 6000.0;
    let variance = exact.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 6000.0;
    for dims in [[6000, 1], [1, 1]] {
        let dims = Dims::from([dims[0], 1, 6000 / dims[0]]);
        let normed = batch_norm(&NdArray::from_slice(&values, dims)?, None, None, 1, 0.0)?;
        let found = f64::from(normed.variance.to_vec::<f32>()?[0]);
        assert!((found - variance).abs() < 1e-4 * variance, "{found} against {variance}");
    }
    let y = layer_norm(&NdArray::from_slice(&values, (1, 6000))?, None, None, -1, 0.0)?;
    let expected = (exact[17] - mean) / variance.sqrt();
    let found = f64::from(y.to_vec::<f32>()?[17]);
    assert!((found - expected).abs() < 1e-3, "{found} against {expected}");
    Ok(())
}

#[test]
fn half_precision_goes_in_and_out_and_single_precision_is_inside() -> Result<()> {
    let mut rng = Rng::of("half");
    let x = rng.array((4, 3, 5)).cast(DType::F16)?;
    let (gamma, beta) = (rng.array(3), rng.array(3));
    let found = batch_norm(&x, Some(&gamma), Some(&beta), 1, 1e-5)?;
    let wide = batch_norm(&x.cast(DType::F32)?, Some(&gamma), Some(&beta), 1, 1e-5)?;
    assert_eq!((found.y.dtype(), found.mean.dtype()), (DType::F16, DType::F32));
    assert_eq!(bits(&found.y), bits(&wide.y.cast(DType::F16)?));
    let told = error(batch_norm(&x, Some(&gamma.cast(DType::F64)?), None, 1, 1e-5));
    assert_eq!(told.to_string(), "expected element type float16, found float64");
    Ok(())
}

#[test]
fn results_are_bit_equal_on_one_and_on_several_threads() -> Result<()> {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut rng = Rng::of("threads");
            let x = rng.array((16, 32, 24, 24)).attach_grad(GradReq::Write)?;
            let gamma = rng.array(32).attach_grad(GradReq::Write)?;
            let head = rng.array((16, 32, 24, 24));
            let mut all = Vec::new();
            for op in 0..3 {
                let y = record(|| match op {
                    0 => Ok(batch_norm(&x, Some(&gamma), None, 1, 1e-5)?.y),
                    1 => group_norm(&x, Some(&gamma), None, 4, 1e-5),
                    _ => layer_norm(&x, Some(&gamma), None, 1, 1e-5),
                })?;
                autograd::Backward::new().head(&head).run(&[&y])?;
                all.extend([bits(&y), bits(&x.grad()?), bits(&gamma.grad()?)]);
            }
            Ok::<_, Error>(all)
        })
    };
    assert!(run(1)? == run(3)?);
    Ok(())
}

fn batch() -> NdArray {
    array(&[1.0, 10.0, 3.0, 30.0], (2, 2))
}

fn ready() -> BatchNorm {
    let layer = name::manager(BatchNorm::new);
    layer.initialize().unwrap();
    layer
}

fn statistics(layer: &BatchNorm) -> [Vec<f64>; 2] {
    ["running_mean", "running_var"].map(|key| value(&layer.param(key).unwrap()))
}

#[test]
fn training_follows_the_batches_and_prediction_uses_what_it_found() -> Result<()> {
    let layer = ready();
    train_mode(|| layer.call(&batch()))?;
    let [mean, variance] = statistics(&layer);
    let near = |found: &[f64], expected: [f64; 2]| {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
    };
    near(&mean, [0.2, 2.0]);
    near(&variance, [1.0, 10.9]);
    let before = statistics(&layer);
    let y = predict_mode(|| layer.call(&batch()))?.to_f64_vec()?;
    near(&y[..2], [0.8 / 1.000_01_f64.sqrt(), 8.0 / 10.900_01_f64.sqrt()]);
    layer.call(&batch())?;
    layer.infer_shapes(&[(4, 2)])?;
    train_mode(|| layer.infer_shapes(&[(4, 2)]))?;
    assert_eq!(statistics(&layer), before);
    Ok(())
}

#[test]
fn frozen_or_global_statistics_stay_as_they_are() -> Result<()> {
    let layer = ready();
    layer.infer_shapes(&[(1, 2)])?;
    layer.freeze("running_mean")?;
    train_mode(|| layer.call(&batch()))?;
    assert_eq!(statistics(&layer)[0], [0.0, 0.0]);
    assert_ne!(statistics(&layer)[1], [1.0, 1.0]);
    let global = BatchNorm::with(BatchNormConfig { use_global_stats: true, ..Default::default() })?;
    global.initialize()?;
    let y = train_mode(|| global.call(&batch()))?;
    assert!((y.to_vec::<f32>()?[3] - 30.0).abs() < 1e-3);
    assert_eq!(statistics(&global), [[0.0; 2], [1.0; 2]]);
    Ok(())
}

#[test]
fn statistics_are_selected_and_never_trained() -> Result<()> {
    let net = name::manager(|| sequential![Dense::new(3), BatchNorm::new(), Dense::new(1)]);
    net.initialize()?;
    let x = array(&[1.0, 2.0, 3.0, 4.0], (2, 2));
    let chosen = net.select("kind:statistic")?;
    let paths: Vec<_> = chosen.paths().map(|paths| paths[0].to_string()).collect();
    assert_eq!(paths, ["1.running_mean", "1.running_var"]);
    assert_eq!(net[1].param("running_mean")?.grad_req(), GradReq::Null);
    let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.1)?)?;
    let y = record(|| net.call(&x))?;
    let after_forward = value(&net[1].param("running_var")?);
    y.backward()?;
    trainer.step(2)?;
    assert_eq!(value(&net[1].param("running_var")?), after_forward);
    assert_ne!(value(&net[1].param("beta")?), [0.0; 3]);
    Ok(())
}

#[test]
fn statistics_are_saved_and_loaded_with_the_rest() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let layer = ready();
    for _ in 0..3 {
        train_mode(|| layer.call(&batch()))?;
    }
    for file in ["bn.params", "bn.safetensors"] {
        let file = folder.path().join(file);
        layer.save_parameters(&file)?;
        let other = BatchNorm::new();
        other.load_parameters(&file, &LoadOptions::default())?;
        assert_eq!(statistics(&other), statistics(&layer));
        assert_eq!(bits(&other.call(&batch())?), bits(&layer.call(&batch())?));
    }
    Ok(())
}

#[test]
fn a_net_in_half_precision_keeps_the_parameters_of_batch_normalization_single() -> Result<()> {
    let net = sequential![Dense::new(3), BatchNorm::new(), LayerNorm::new()];
    net.initialize()?;
    net.cast(DType::F16)?;
    let x = batch().cast(DType::F16)?;
    let y = train_mode(|| net.call(&x))?;
    assert_eq!(y.dtype(), DType::F16);
    let dtypes: Vec<_> = net.named_parameters().iter().map(|(_, p)| p.dtype()).collect();
    let (half, single) = (DType::F16, DType::F32);
    assert_eq!(dtypes, [half, half, single, single, single, single, half, half]);
    net.cast(DType::F64)?;
    assert!(net.named_parameters().iter().all(|(_, p)| p.dtype() == DType::F64));
    Ok(())
}

#[test]
fn a_batch_of_one_element_gives_beta() -> Result<()> {
    let layer = ready();
    let y = train_mode(|| layer.call(&array(&[5.0, 7.0], (1, 2))))?;
    assert_eq!(y.to_vec::<f32>()?, [0.0, 0.0]);
    Ok(())
}

#[test]
fn layers_print_as_gluon_prints_them() -> Result<()> {
    let x = NdArray::ones((2, 4, 3), DType::F32)?;
    let told = |layer: &dyn Block| {
        let before = layer.to_string();
        layer.initialize().unwrap();
        layer.call(&x).unwrap();
        format!("{before}\n{layer}")
    };
    let config = BatchNormConfig { axis: 2, scale: false, epsilon: 0.001, ..Default::default() };
    assert_snapshot!(told(&BatchNorm::with(config)?), @r"
    BatchNorm(axis=2, eps=0.001, momentum=0.9, fix_gamma=True, use_global_stats=False, in_channels=None)
    BatchNorm(axis=2, eps=0.001, momentum=0.9, fix_gamma=True, use_global_stats=False, in_channels=3)
    ");
    assert_snapshot!(told(&InstanceNorm::new()), @r"
    InstanceNorm(eps=1e-05, axis=1, center=True, scale=False, in_channels=0)
    InstanceNorm(eps=1e-05, axis=1, center=True, scale=False, in_channels=4)
    ");
    assert_snapshot!(told(&RMSNorm::new()), @r"
    RMSNorm(eps=1e-05, axis=-1, scale=True, in_channels=0)
    RMSNorm(eps=1e-05, axis=-1, scale=True, in_channels=3)
    ");
    let per_channel = NormConfig { num_groups: 2, per_channel: true, ..NormConfig::default() };
    let layer = GroupNorm::with(per_channel)?;
    layer.infer_shapes(&[(1, 4, 2)])?;
    assert_eq!(layer.param("gamma")?.shape().unwrap().to_string(), "(4,)");
    Ok(())
}

#[test]
fn what_does_not_fit_names_the_layer_and_changes_nothing() -> Result<()> {
    let layer = ready();
    let before = photograph(&layer);
    let told = |error: Error| format!("{error}: {}", error.root());
    let lines = [
        told(error(layer.call(&NdArray::ones(3, DType::F32)?))),
        told(error(layer.call(&NdArray::ones((2, 3), DType::I32)?))),
    ];
    assert_eq!(photograph(&layer), before);
    layer.infer_shapes(&[(1, 2)])?;
    let more = [
        told(error(layer.call(&NdArray::ones((2, 3), DType::F32)?))),
        told(error(train_mode(|| layer.call(&NdArray::ones((0, 2), DType::F32)?)))),
    ];
    assert_eq!(layer.call(&NdArray::ones((0, 2), DType::F32)?)?.dims().to_string(), "(0, 2)");
    let settings = [
        error(BatchNorm::with(BatchNormConfig { momentum: 1.5, ..Default::default() })),
        error(BatchNorm::with(BatchNormConfig { epsilon: -1.0, ..Default::default() })),
        error(GroupNorm::new(0)),
        error(GroupNorm::with(NormConfig {
            num_groups: 3,
            in_channels: Some(4),
            ..Default::default()
        })),
        error(group_norm(&NdArray::ones((2, 4), DType::F32)?, None, None, 3, 1e-5)),
    ];
    let settings = settings.map(|error| error.to_string());
    assert_snapshot!([&lines[..], &more[..], &settings[..]].concat().join("\n"), @r"
    parameter `batchnorm0_gamma`: `batch_norm`: axis 1 does not fit an array of rank 1
    parameter `batchnorm0_gamma`: `batch_norm` needs a floating-point element type, found int32
    parameter `batchnorm0_gamma`: `batch_norm`: input (2, 3) does not fit: it needs a gamma of shape (3,), found (2,)
    parameter `batchnorm0_gamma`: `batch_norm` of no elements: shape (0, 2)
    `momentum` must be between 0 and 1, found 1.5
    `epsilon` must be finite and not negative, found -1
    `num_groups` must be 1 or more, found 0
    `num_groups` must be a divisor of the channels, found 3 for 4
    `num_groups` must be a divisor of the channels, found 3 for 4
    ");
    Ok(())
}
