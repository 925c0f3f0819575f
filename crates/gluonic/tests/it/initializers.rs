//! Initializers: their laws and shapes, for every element type and layout; by name and from text;
//! chosen by patterns, taken from values.

use std::sync::{Arc, Mutex};

use gluonic::init::{
    Args, Bilinear, Constant, DeltaOrthogonal, Dirac, Draw, Factor, Identity, InitDesc, Kaiming,
    Layout, Lecun, Load, LstmBias, Mixed, MsraPrelu, Nonlinearity, Normal, One, Orthogonal, Sparse,
    TruncNormal, Uniform, Xavier, Zero,
};
use gluonic::prelude::*;
use gluonic::random::Address;
use proptest::prelude::*;

use crate::support::{alone, array, bits, error, value, variant};

const FLOATS: [DType; 4] = [DType::F16, DType::BF16, DType::F32, DType::F64];

fn desc(dims: &[usize], dtype: DType, layout: Layout) -> InitDesc {
    InitDesc { name: "fc_weight".into(), path: "0.weight".into(), dims: dims.into(), dtype, layout }
}

/// The values of an initializer at the address `(key, "0.weight")`.
fn draw_at(
    init: &dyn Initializer,
    dims: &[usize],
    dtype: DType,
    layout: Layout,
    key: u64,
) -> Result<NdArray> {
    // What was there before must not matter.
    let data = NdArray::full(dims, 77.0, dtype)?;
    init.init_weight(&desc(dims, dtype, layout), &data, &Address::new(key, "0.weight"))?;
    Ok(data)
}

fn draw(init: &dyn Initializer, dims: &[usize], dtype: DType) -> Result<NdArray> {
    draw_at(init, dims, dtype, Layout::Dense, 7)
}

fn values(init: &dyn Initializer, dims: &[usize]) -> Vec<f64> {
    draw(init, dims, DType::F64).unwrap().to_f64_vec().unwrap()
}

/// One of each, with a shape that it can be applied to.
fn all() -> Vec<(Arc<dyn Initializer>, Vec<usize>)> {
    let conv = || vec![6, 4, 3, 3];
    let mixed = Mixed::new().when("nothing", &Zero).unwrap().when(".*", &Xavier::default());
    vec![
        (Arc::new(Zero), vec![2, 3]),
        (Arc::new(One), vec![2, 3]),
        (Arc::new(Constant::new(2.5)), vec![2, 3]),
        (Arc::new(Constant::new(&array(&[1.0, 2.0, 3.0], 3))), vec![2, 3]),
        (Arc::new(Uniform::default()), conv()),
        (Arc::new(Normal::default()), conv()),
        (Arc::new(TruncNormal::default()), conv()),
        (Arc::new(Xavier::default()), conv()),
        (Arc::new(MsraPrelu::default()), conv()),
        (Arc::new(Kaiming::default()), conv()),
        (Arc::new(Lecun::default()), conv()),
        (Arc::new(Orthogonal::default()), conv()),
        (Arc::new(DeltaOrthogonal::default()), conv()),
        (Arc::new(Sparse::new(0.5)), vec![20, 30]),
        (Arc::new(Identity), vec![3, 4]),
        (Arc::new(Dirac::default()), conv()),
        (Arc::new(Bilinear), conv()),
        (Arc::new(LstmBias::default()), vec![8]),
        (Arc::new(mixed.unwrap()), conv()),
        (Arc::new(Load::new([("0.weight", NdArray::arange::<f32>(6))]).unwrap()), vec![6]),
    ]
}

/// Checks mean and variance of a law around 0 within five standard errors, and that no value is
/// beyond a bound, for every floating-point type. `kurtosis` is 1.8 for uniform and 3 for normal.
#[track_caller]
fn check_law(init: &dyn Initializer, dims: &[usize], layout: Layout, std: f64, draw: Draw) {
    let kurtosis = if draw == Draw::Uniform { 1.8 } else { 3.0 };
    for dtype in FLOATS {
        let found = draw_at(init, dims, dtype, layout, 7).unwrap().to_f64_vec().unwrap();
        let n = found.len() as f64;
        let mean = found.iter().sum::<f64>() / n;
        let variance = found.iter().map(|x| x * x).sum::<f64>() / n;
        let what = format!("{} as {dtype}", init.dumps());
        assert!(mean.abs() < 5.0 * std / n.sqrt(), "{what}: mean {mean}");
        let allowed = 5.0 * std * std * ((kurtosis - 1.0) / n).sqrt();
        assert!((variance - std * std).abs() < allowed, "{what}: variance {variance}");
        if draw == Draw::Uniform {
            // Rounding to half precision may reach the next number above the bound.
            let bound = 3.0_f64.sqrt() * std * (1.0 + 0.5_f64.powi(8));
            assert!(found.iter().all(|x| x.abs() <= bound), "{what}");
        }
    }
}

#[test]
fn random_values_have_the_moments_and_bounds_of_their_formulas() {
    let (dims, plain) = ([40, 30, 3, 5], Layout::Dense);
    let (fan_in, fan_out) = (30.0 * 15.0, 40.0 * 15.0);
    let mean = f64::midpoint(fan_in, fan_out);
    check_law(&Uniform::new(0.3), &dims, plain, 0.1 * 3.0_f64.sqrt(), Draw::Uniform);
    check_law(&Normal::new(2), &dims, plain, 2.0, Draw::Normal);
    for (factor, f) in [(Factor::Avg, mean), (Factor::In, fan_in), (Factor::Out, fan_out)] {
        for (draw, share) in [(Draw::Uniform, 1.0 / 3.0), (Draw::Normal, 1.0)] {
            let xavier = Xavier { draw, factor, magnitude: 2.34.into() };
            check_law(&xavier, &dims, plain, (2.34 * share / f).sqrt(), draw);
            for nonlinearity in [Nonlinearity::Tanh, Nonlinearity::LeakyRelu { slope: 0.2.into() }]
            {
                let kaiming = Kaiming { draw, factor, nonlinearity };
                let std = nonlinearity.gain().unwrap() / f.sqrt();
                check_law(&kaiming, &dims, plain, std, draw);
            }
        }
        let prelu = MsraPrelu { factor, slope: 0.5.into() };
        check_law(&prelu, &dims, plain, (1.6 / f).sqrt(), Draw::Normal);
    }
    for draw in [Draw::Uniform, Draw::Normal] {
        check_law(&Lecun { draw }, &dims, plain, 1.0 / fan_in.sqrt(), draw);
    }
}

#[test]
fn a_truncated_normal_law_stays_between_its_bounds() {
    // At two standard deviations to either side, this share of the variance is left.
    let left = 0.773_741_303_549_923_f64;
    let (sigma, bound) = (0.5, 1.0);
    let init = TruncNormal {
        sigma: sigma.into(),
        low: (-bound).into(),
        high: bound.into(),
        ..TruncNormal::default()
    };
    check_law(&init, &[40, 30, 3, 5], Layout::Dense, sigma * left.sqrt(), Draw::Normal);
    for dtype in FLOATS {
        let found = draw(&init, &[100, 100], dtype).unwrap().to_f64_vec().unwrap();
        assert!(found.iter().all(|x| x.abs() <= bound), "{dtype}");
    }
}

#[test]
fn fans_follow_the_layout_that_a_layer_declares() {
    let xavier = |factor| Xavier { factor, ..Xavier::default() };
    // 40 outputs and 60 inputs in 2 groups, a kernel of 3 by 5.
    for (dims, layout) in [
        ([40, 30, 3, 5], Layout::Conv { groups: 2, channels_last: false }),
        ([40, 3, 5, 30], Layout::Conv { groups: 2, channels_last: true }),
        ([60, 20, 3, 5], Layout::ConvTranspose { groups: 2, channels_last: false }),
        ([60, 3, 5, 20], Layout::ConvTranspose { groups: 2, channels_last: true }),
    ] {
        let std = |fan: f64| (1.0 / fan).sqrt();
        check_law(&xavier(Factor::In), &dims, layout, std(30.0 * 15.0), Draw::Uniform);
        check_law(&xavier(Factor::Out), &dims, layout, std(20.0 * 15.0), Draw::Uniform);
    }
}

/// What an initializer was told.
#[derive(Clone, Debug, Default)]
struct Listens(Arc<Mutex<Vec<InitDesc>>>);

impl Initializer for Listens {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        self.0.lock().unwrap().push(desc.clone());
        data.fill(0.0)
    }

    fn dumps(&self) -> String {
        r#"["listens", {}]"#.into()
    }
}

#[test]
fn an_initializer_is_told_name_path_sizes_type_and_layout() -> Result<()> {
    let listens = Listens::default();
    let layout = Layout::Conv { groups: 2, channels_last: true };
    let spec = ParamSpec::new([Some(4), None]).dtype(DType::F64).layout(layout).deferred();
    let weight = Parameter::with_spec("conv0_weight", &spec);
    weight.initialize_with(&listens, Reinit::Keep)?;
    weight.finish_deferred((4, 3))?;
    weight.initialize_with(&listens, Reinit::Force)?;
    let told = InitDesc {
        name: "conv0_weight".into(),
        path: "conv0_weight".into(),
        dims: (4, 3).into(),
        dtype: DType::F64,
        layout,
    };
    assert_eq!(*listens.0.lock().unwrap(), [told.clone(), told]);
    let net = name::manager(|| sequential![Dense::new(1)]);
    net.initialize_with(&listens, Reinit::Keep)?;
    net.call(&NdArray::ones((1, 2), DType::F32)?)?;
    let told = listens.0.lock().unwrap().pop().unwrap();
    assert_eq!((&*told.name, &*told.path), ("dense0_weight", "0.weight"));
    assert_eq!(told.layout, Layout::Dense);
    Ok(())
}

/// The largest difference of the products of rows, or of columns of a tall matrix, from
/// `scale² · I`.
fn error_of_orthogonality(values: &[f64], rows: usize, scale: f64) -> f64 {
    let columns = values.len() / rows;
    let (n, length) = (rows.min(columns), rows.max(columns));
    let at = |i: usize, k: usize| {
        values[if rows <= columns { i * columns + k } else { k * columns + i }]
    };
    let pairs = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
    let errors = pairs.map(|(i, j)| {
        let product: f64 = (0..length).map(|k| at(i, k) * at(j, k)).sum();
        (product - if i == j { scale * scale } else { 0.0 }).abs()
    });
    errors.fold(0.0, f64::max)
}

#[test]
fn rows_or_columns_are_orthogonal_in_every_shape() {
    let shapes: [&[usize]; 8] =
        [&[30, 30], &[20, 50], &[50, 20], &[8, 4, 3, 3], &[40, 2, 3, 3], &[1, 9], &[9, 1], &[1, 1]];
    for draw in [Draw::Uniform, Draw::Normal] {
        let init = Orthogonal { scale: 1.0.into(), draw };
        for dims in shapes {
            for (dtype, allowed) in [
                (DType::F64, 1e-12),
                (DType::F32, 1e-6),
                (DType::F16, 0.5_f64.powi(9)),
                (DType::BF16, 0.5_f64.powi(6)),
            ] {
                let found = super::initializers::draw(&init, dims, dtype).unwrap();
                let found = error_of_orthogonality(&found.to_f64_vec().unwrap(), dims[0], 1.0);
                assert!(found < allowed, "{dims:?} {dtype} {draw:?}: {found}");
            }
        }
    }
    let found = values(&Orthogonal::default(), &[20, 50]);
    assert!(error_of_orthogonality(&found, 20, 1.414) < 1e-12);
}

#[test]
fn orthogonal_matrices_have_haars_measure() {
    /// Of the trace t: mean 0, mean of t² 1, of t⁴ 3, for 4 by 4 matrices.
    const N: u64 = 4000;
    let init = Orthogonal { scale: 1.into(), draw: Draw::Normal };
    let traces: Vec<f64> = (0..N)
        .map(|key| {
            let q = draw_at(&init, &[4, 4], DType::F64, Layout::Dense, key).unwrap();
            q.to_f64_vec().unwrap().iter().step_by(5).sum()
        })
        .collect();
    let mean = |power: i32| traces.iter().map(|t| t.powi(power)).sum::<f64>() / N as f64;
    let allowed = 5.0 / (N as f64).sqrt();
    assert!(mean(1).abs() < allowed, "{}", mean(1));
    assert!((mean(2) - 1.0).abs() < allowed * 2.0_f64.sqrt(), "{}", mean(2));
}

#[test]
fn a_delta_orthogonal_kernel_keeps_lengths_at_its_center_in_each_group() {
    // 6 inputs and 8 outputs in 2 groups; the center of a kernel of 3 by 4 is (1, 1).
    for (dims, layout) in [
        ([8, 3, 3, 4], Layout::Conv { groups: 2, channels_last: false }),
        ([8, 3, 4, 3], Layout::Conv { groups: 2, channels_last: true }),
        ([6, 4, 3, 4], Layout::ConvTranspose { groups: 2, channels_last: false }),
        ([6, 3, 4, 4], Layout::ConvTranspose { groups: 2, channels_last: true }),
    ] {
        let init = DeltaOrthogonal { scale: 3.into() };
        let found = draw_at(&init, &dims, DType::F64, layout, 7).unwrap();
        let last = matches!(
            layout,
            Layout::Conv { channels_last: true, .. }
                | Layout::ConvTranspose { channels_last: true, .. }
        );
        let center = if last { s![.., 1, 1, ..].to_vec() } else { s![.., .., 1, 1].to_vec() };
        let center = found.slice(center).unwrap().to_f64_vec().unwrap();
        let n_other = found.to_f64_vec().unwrap().iter().filter(|x| **x != 0.0).count();
        assert_eq!(n_other, center.iter().filter(|x| **x != 0.0).count(), "{layout:?}");
        assert_eq!(n_other, 24, "{layout:?}");
        let groups: Vec<_> = center.chunks(12).collect();
        for group in &groups {
            let rows = dims[0] / 2;
            assert!(error_of_orthogonality(group, rows, 3.0) < 1e-12, "{layout:?}");
        }
        assert_ne!(groups[0], groups[1]);
    }
}

#[test]
fn a_dirac_kernel_passes_channels_on_in_each_group() {
    let ones = |dims: &[usize], layout| -> Vec<usize> {
        let found = draw_at(&Dirac::default(), dims, DType::I32, layout, 7).unwrap();
        let found = found.to_f64_vec().unwrap();
        assert!(found.iter().all(|x| *x == 0.0 || *x == 1.0));
        (0..found.len()).filter(|i| found[*i] == 1.0).collect()
    };
    // The center of 3 by 2 is (1, 1), position 3 of 6.
    assert_eq!(ones(&[3, 2, 3, 2], Layout::Dense), [3, 12 + 6 + 3]);
    let groups = |channels_last| Layout::Conv { groups: 2, channels_last };
    assert_eq!(ones(&[4, 2, 3], groups(false)), [1, 6 + 4, 12 + 1, 18 + 4]);
    assert_eq!(ones(&[4, 3, 2], groups(true)), [2, 6 + 3, 12 + 2, 18 + 3]);
    let transposed = Layout::ConvTranspose { groups: 1, channels_last: false };
    assert_eq!(ones(&[2, 3, 1], transposed), [0, 4]);
    // What is said here wins over the layer.
    let one = Dirac { groups: Some(1) };
    let found = draw_at(&one, &[4, 2, 1], DType::F32, groups(false), 7).unwrap();
    assert_eq!(found.to_f64_vec().unwrap(), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_sparse_matrix_has_its_share_of_zeros_in_every_column_at_places_of_its_own() {
    let (rows, columns) = (40, 50);
    for (sparsity, n_zeros) in [(0.0, 0), (0.51, 21), (0.5, 20), (1.0, 40)] {
        let init = Sparse { sparsity: sparsity.into(), sigma: 2.into() };
        let found = values(&init, &[rows, columns]);
        let zeros = |column: usize| {
            (0..rows).filter(|row| found[row * columns + column] == 0.0).collect::<Vec<_>>()
        };
        assert!((0..columns).all(|column| zeros(column).len() == n_zeros), "{sparsity}");
        if sparsity == 0.5 {
            assert!((1..columns).all(|column| zeros(column) != zeros(0)));
            // Each row is hit in half of the columns, within five standard errors.
            for row in 0..rows {
                let hits = (0..columns).filter(|column| zeros(*column).contains(&row)).count();
                assert!((hits as f64 - 25.0).abs() < 5.0 * 12.5_f64.sqrt(), "{row}: {hits}");
            }
            let others: Vec<f64> = found.iter().copied().filter(|x| *x != 0.0).collect();
            let n = others.len() as f64;
            let variance = others.iter().map(|x| x * x).sum::<f64>() / n;
            assert!((variance - 4.0).abs() < 5.0 * 4.0 * (2.0 / n).sqrt(), "{variance}");
        }
    }
}

#[test]
fn the_bias_of_an_lstm_is_set_along_the_first_axis() {
    assert_eq!(values(&LstmBias { forget_bias: 2.into() }, &[5]), [0.0, 2.0, 0.0, 0.0, 0.0]);
    let found = values(&LstmBias::default(), &[4, 2]);
    assert_eq!(found, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(values(&LstmBias::default(), &[3]), [0.0; 3]);
}

#[test]
fn values_are_the_same_on_any_number_of_threads() {
    let all = all();
    let on = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let found = |(init, dims): &(Arc<dyn Initializer>, Vec<usize>)| {
            // Large enough to be shared out.
            let mut dims = dims.clone();
            if matches!(&*init.dumps(), text if text.contains("uniform") || text.contains("normal"))
                && !init.dumps().contains("orthogonal")
            {
                dims[0] *= 1000;
            }
            FLOATS.map(|dtype| bits(&draw(init, &dims, dtype).unwrap()))
        };
        pool.install(|| all.iter().map(found).collect::<Vec<_>>())
    };
    let one = on(1);
    assert!(on(2) == one && on(16) == one);
}

#[test]
fn lazy_equals_eager() {
    alone("initializers::lazy_equals_eager", || {
        for (init, dims) in all() {
            if init.dumps().contains("load") {
                continue; // by name, see below
            }
            let parameter = |shape: Shape| {
                random::seed(11);
                let spec = ParamSpec::new(shape).deferred();
                let weight = Parameter::with_spec("weight", &spec);
                weight.initialize_with(&init, Reinit::Keep).unwrap();
                weight.finish_deferred(&dims).unwrap();
                bits(&weight.data().unwrap())
            };
            let mut unknown: Vec<Option<usize>> = dims.iter().copied().map(Some).collect();
            unknown[dims.len() - 1] = None;
            let eager = parameter(Dims::from(&dims).into());
            assert_eq!(parameter(unknown.into()), eager, "{}", init.dumps());
        }
    });
}

#[test]
fn a_view_gets_what_a_whole_array_gets() {
    for (init, dims) in all() {
        let whole = draw(&init, &dims, DType::F32).unwrap();
        let wide: Vec<usize> = dims.iter().map(|size| 2 * size + 1).collect();
        let memory = NdArray::full(&wide, 77.0, DType::F32).unwrap();
        let part = |_: &usize| ndarray::SliceInfoElem::Slice { start: 1, end: None, step: 2 };
        let view = memory.slice(dims.iter().map(part).collect::<Vec<_>>()).unwrap();
        let desc = desc(&dims, DType::F32, Layout::Dense);
        init.init_weight(&desc, &view, &Address::new(7, "0.weight")).unwrap();
        assert_eq!(bits(&view), bits(&whole), "{}", init.dumps());
        let n_kept = memory.to_f64_vec().unwrap().iter().filter(|x| **x == 77.0).count();
        assert_eq!(n_kept, memory.elem_count() - whole.elem_count(), "{}", init.dumps());
    }
}

#[test]
fn arrays_without_elements_are_filled_with_nothing() {
    for (init, dims) in all() {
        if init.dumps().contains("load") || init.dumps().contains("constant") {
            continue; // whose values have sizes of their own
        }
        for axis in 0..dims.len() {
            let mut dims = dims.clone();
            dims[axis] = 0;
            let result = draw(&init, &dims, DType::F32);
            if axis == 0 && init.dumps().contains("deltaorthogonal") {
                assert_eq!(variant(&error(result)), "InitShape"); // more inputs than outputs
            } else {
                result.unwrap();
            }
        }
    }
}

#[test]
fn integers_are_refused_by_random_laws_and_by_fractions_alone() {
    for (init, dims) in all() {
        let text = init.dumps();
        let is =
            |names: &[&str]| names.iter().any(|name| text.starts_with(&format!("[\"{name}\"")));
        let result = draw(&init, &dims, DType::I64);
        if is(&["zero", "one", "constant", "identity", "dirac", "lstmbias", "load"]) {
            assert_eq!(result.unwrap().dtype(), DType::I64);
        } else {
            let expected = if is(&["bilinear"]) { "NoArithmetic" } else { "RandomDType" };
            assert_eq!(variant(&error(result)), expected, "{text}");
        }
    }
}

#[test]
fn addresses_that_differ_give_values_that_differ() {
    for (init, dims) in all() {
        let at = |key| bits(&draw_at(&init, &dims, DType::F32, Layout::Dense, key).unwrap());
        let random =
            draw(&init, &dims, DType::I64).is_err() && init.dumps() != r#"["bilinear", {}]"#;
        assert_eq!(at(7), at(7));
        assert_eq!(at(7) != at(8), random, "{}", init.dumps());
    }
}

#[test]
fn a_text_gives_the_initializer_it_was_made_from() {
    for (init, dims) in all() {
        let text = init.dumps();
        if text.contains("load") {
            assert_eq!(variant(&error(init::loads(&text))), "UnknownWord");
            continue;
        }
        let loaded = init::loads(&text).unwrap();
        assert_eq!(loaded.dumps(), text);
        assert!(*loaded == *init);
        assert_eq!(bits(&draw(&loaded, &dims, DType::F32).unwrap()), {
            bits(&draw(&init, &dims, DType::F32).unwrap())
        });
    }
}

#[test]
fn texts_are_those_of_python() {
    let dumps = |init: &dyn Initializer| init.dumps();
    assert_eq!(dumps(&Xavier { magnitude: 3.0.into(), ..Xavier::default() }), {
        r#"["xavier", {"rnd_type": "uniform", "factor_type": "avg", "magnitude": 3.0}]"#
    });
    assert_eq!(dumps(&Normal::new(1)), r#"["normal", {"sigma": 1}]"#);
    assert_eq!(dumps(&Normal::new(1e-5)), r#"["normal", {"sigma": 1e-05}]"#);
    assert_eq!(dumps(&Constant::new(f64::NAN)), r#"["constant", {"value": NaN}]"#);
    assert_eq!(dumps(&Constant::new(&NdArray::arange::<i64>(2))), {
        r#"["constant", {"value": [0, 1]}]"#
    });
    assert_eq!(dumps(&Constant::new(&array(&[1.0, 2.0], (2, 1)))), {
        r#"["constant", {"value": [[1.0], [2.0]]}]"#
    });
    assert_eq!(dumps(&Kaiming::default()), {
        r#"["kaiming", {"rnd_type": "gaussian", "factor_type": "in", "nonlinearity": "relu"}]"#
    });
    let mixed = Mixed::new().when(".*\"bias", &Zero).unwrap().when(".*", &One).unwrap();
    assert_eq!(dumps(&mixed), {
        r#"["mixed", {"patterns": [".*\"bias", ".*"], "initializers": [["zero", {}], ["one", {}]]}]"#
    });
}

#[test]
fn every_form_of_a_text_is_accepted() {
    for (text, expected) in [
        ("zeros", r#"["zero", {}]"#),
        ("ones", r#"["one", {}]"#),
        (" Normal\n", r#"["normal", {"sigma": 0.01}]"#),
        ("gaussian", r#"["normal", {"sigma": 0.01}]"#),
        (r#"["normal", {"sigma": 0.5}]"#, r#"["normal", {"sigma": 0.5}]"#),
        (r#"["normal"]"#, r#"["normal", {"sigma": 0.01}]"#),
        (r#"{"initializer": "NORMAL", "sigma": 1}"#, r#"["normal", {"sigma": 1}]"#),
        (r#"["normal", {"sigma": null}]"#, r#"["normal", {"sigma": 0.01}]"#),
        ("MSRAPrelu", r#"["msraprelu", {"factor_type": "avg", "slope": 0.25}]"#),
        ("delta_orthogonal", r#"["deltaorthogonal", {"scale": 1.0}]"#),
        (r#"["constant", {"value": [[1, 2], [3, 4.5]]}]"#, {
            r#"["constant", {"value": [[1.0, 2.0], [3.0, 4.5]]}]"#
        }),
        (r#"["constant", {"value": [0, 18446744073709551615]}]"#, {
            r#"["constant", {"value": [0, 18446744073709551615]}]"#
        }),
        (r#"["constant", {"value": []}]"#, r#"["constant", {"value": []}]"#),
        (r#"["constant", {"value": -Infinity}]"#, r#"["constant", {"value": -Infinity}]"#),
        (r#"["constant", {"value": [true, false]}]"#, {
            r#"["constant", {"value": [true, false]}]"#
        }),
        (r#"["mixed", {"patterns": [".*"], "initializers": ["one"]}]"#, {
            r#"["mixed", {"patterns": [".*"], "initializers": [["one", {}]]}]"#
        }),
    ] {
        assert_eq!(init::loads(text).unwrap().dumps(), expected);
    }
}

#[test]
fn a_text_that_is_nested_too_deeply_or_too_large_for_a_float_is_refused() {
    let deep = format!("[\"constant\", {{\"value\": {}1{}}}]", "[".repeat(9999), "]".repeat(9999));
    for text in [&deep, r#"["normal", {"sigma": 1e999}]"#] {
        assert_eq!(variant(&error(init::loads(text))), "InitText");
    }
}

proptest! {
    #[test]
    fn no_argument_loses_a_digit(sigma: f64, slope in -1e300..1e300_f64, integer: i64) {
        prop_assume!(sigma.is_finite());
        let nonlinearity = Nonlinearity::LeakyRelu { slope: slope.into() };
        let kaiming = Kaiming { nonlinearity, ..Kaiming::default() };
        for init in [&Normal::new(sigma) as &dyn Initializer, &Normal::new(integer), &kaiming] {
            prop_assert_eq!(init::loads(&init.dumps()).unwrap().dumps(), init.dumps());
        }
        let loaded = init::loads(&Constant::new(sigma).dumps()).unwrap();
        prop_assert_eq!(values(&loaded, &[1]), [sigma]);
    }

    #[test]
    fn no_text_panics(text in r#"[\[{]?"?[a-z]{0,8}"?[,: ]{0,2}[\[{]?"?[a-z]{0,8}"?: ?-?[0-9a-zN.e]{0,5}[}\]]{0,3}"#) {
        init::loads(&text).ok();
    }
}

#[test]
fn equal_are_initializers_with_equal_texts() {
    let loads = |text: &str| init::loads(text).unwrap();
    assert!(*loads("one") != *loads(r#"["constant", {"value": 1}]"#));
    assert!(*loads("xavier") == *(&Xavier::default() as &dyn Initializer));
    assert!(*loads("xavier") != *loads(r#"["xavier", {"magnitude": 2}]"#));
}

/// An initializer of a user, with an argument.
#[derive(Clone, Debug)]
struct Ramp {
    step: f64,
}

impl Ramp {
    fn from_args(args: &mut Args) -> Result<Self> {
        Ok(Ramp { step: args.number("step")?.map_or(1.0, gluonic::array::Scalar::to_f64) })
    }
}

impl Initializer for Ramp {
    fn init_weight(&self, desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
        let ramp = NdArray::arange::<f64>(desc.dims.elem_count()).reshape(&desc.dims)?;
        data.assign(&(&ramp * self.step)?)
    }

    fn dumps(&self) -> String {
        format!(r#"["ramp", {{"step": {:?}}}]"#, self.step)
    }
}

#[test]
fn an_initializer_of_ones_own_is_known_by_its_name() -> Result<()> {
    assert_eq!(variant(&error(init::loads("ramp"))), "UnknownWord");
    init::register("Ramp", Ramp::from_args);
    let loaded = init::loads(r#"["RAMP", {"step": 0.5}]"#)?;
    assert_eq!(loaded.dumps(), r#"["ramp", {"step": 0.5}]"#);
    let layer = Dense::new(1);
    layer.initialize_with(&loaded, Reinit::Keep)?;
    layer.call(&NdArray::ones((1, 3), DType::F32)?)?;
    assert_eq!(value(&layer.weight()?), [0.0, 0.5, 1.0]);
    let made_by = layer.weight()?.provenance().unwrap().initializer;
    assert_eq!(made_by, loaded.dumps());
    let unknown = error(init::loads(r#"["ramp", {"stepp": 0.5}]"#));
    assert_eq!(unknown.hint().as_deref(), Some("did you mean `step`?"));
    // As a part of another one, and found by those who mistype it.
    let mixed = init::loads(r#"["mixed", {"patterns": [".*"], "initializers": ["ramp"]}]"#)?;
    assert_eq!(values(&mixed, &[3]), [0.0, 1.0, 2.0]);
    assert_eq!(error(init::loads("rampp")).hint().as_deref(), Some("did you mean `ramp`?"));
    init::register("ramp", |_| Ok(Ramp { step: 2.0 }));
    assert_eq!(init::loads("Ramp")?.dumps(), r#"["ramp", {"step": 2.0}]"#);
    Ok(())
}

#[test]
fn names_are_registered_and_read_by_many_threads_at_once() {
    std::thread::scope(|scope| {
        for i in 0..4 {
            scope.spawn(move || {
                for round in 0..50 {
                    let step = f64::from(round);
                    init::register(&format!("ramp{i}"), move |_| Ok(Ramp { step }));
                    let found = init::loads(&format!("ramp{i}")).unwrap();
                    assert_eq!(found.dumps(), Ramp { step }.dumps());
                    init::loads("xavier").unwrap();
                }
            });
        }
    });
}

/// Fails if a name is not what MXNet expects.
fn by_name(name: &str) -> Result<Vec<f64>> {
    let data = NdArray::full(2, 77.0, DType::F32)?;
    let desc = InitDesc { name: name.into(), ..desc(&[2], DType::F32, Layout::Dense) };
    Constant::new(3).init_by_name(&desc, &data, &Address::new(7, name))?;
    data.to_f64_vec()
}

#[test]
fn a_direct_call_goes_by_the_end_of_the_name() {
    for (name, expected) in [
        ("fc_weight", 3.0),
        ("weight", 3.0),
        ("fc_bias", 0.0),
        ("bn_gamma", 1.0),
        ("bn_beta", 0.0),
        ("q_min", 0.0),
        ("q_max", 1.0),
    ] {
        assert_eq!(by_name(name).unwrap(), [expected; 2], "{name}");
    }
    for name in ["bn_running_mean", "w", "weight_x", ""] {
        assert_eq!(variant(&error(by_name(name))), "InitSuffix", "{name}");
    }
}

/// Two layers whose weights wait for their sizes; the second one's bias has no initializer.
fn two_layers() -> Result<Sequential> {
    let second = DenseConfig { units: 2, bias_initializer: None, ..DenseConfig::default() };
    name::manager(|| Ok(sequential![Dense::new(3), Dense::with(second)?]))
}

fn input() -> NdArray {
    NdArray::ones((1, 2), DType::F32).unwrap()
}

#[test]
fn the_first_pattern_that_matches_decides() -> Result<()> {
    let net = two_layers()?;
    let mixed = Mixed::new()
        .when("dense1.*bias", &Constant::new(5))?
        .when(".*weight$", &Constant::new(6))?
        .when("dense1", &Constant::new(7))?;
    net.initialize_with(&mixed, Reinit::Keep)?;
    net.call(&input())?;
    assert_eq!(value(&net[0].weight()?), [6.0; 6]);
    assert_eq!(value(&net[1].weight()?), [6.0; 6]);
    assert_eq!(value(&net[1].bias()?), [5.0; 2]);
    // The layer gives this one zeros: as in Gluon, patterns are not asked.
    assert_eq!(value(&net[0].bias()?), [0.0; 3]);
    Ok(())
}

#[test]
fn a_name_without_a_pattern_changes_nothing() -> Result<()> {
    let net = two_layers()?;
    let mixed = Mixed::new().when("dense0", &One)?;
    // Of all weights, only the sizes of this bias are known before the first forward.
    let refused = error(net.initialize_with(&mixed, Reinit::Keep));
    assert_eq!(refused.name().unwrap(), "dense1_bias");
    assert!(!net[0].bias()?.is_initialized());
    Ok(())
}

#[test]
fn values_are_found_by_name_then_by_path_and_the_rest_is_drawn() -> Result<()> {
    let net = two_layers()?;
    let values = [
        ("arg:dense0_weight", NdArray::full((3, 2), 1.0, DType::F64)?),
        ("0.weight", NdArray::full((3, 2), 2.0, DType::F32)?),
        ("1.weight", NdArray::full((2, 3), 3, DType::I32)?),
    ];
    let load = Load::new(values)?;
    assert_eq!(variant(&error(net.initialize_with(&load, Reinit::Keep))), "NotLoaded");
    assert!(!net[0].bias()?.is_initialized());
    net.initialize_with(&load.default_init(&Constant::new(4)), Reinit::Keep)?;
    net.call(&input())?;
    assert_eq!(value(&net[0].weight()?), [1.0; 6]);
    assert_eq!(value(&net[1].weight()?), [3.0; 6]);
    assert_eq!(net[1].weight()?.dtype(), DType::F32);
    assert_eq!(value(&net[1].bias()?), [4.0; 2]);
    Ok(())
}

#[test]
fn a_value_is_copied_not_shared() -> Result<()> {
    let found = array(&[1.0, 2.0], 2);
    let weight = Parameter::new("weight", 2);
    weight.initialize_with(&Load::new([("aux:weight", found.clone())])?, Reinit::Keep)?;
    weight.data()?.fill(9.0)?;
    assert_eq!(found.to_vec::<f32>()?, [1.0, 2.0]);
    Ok(())
}
