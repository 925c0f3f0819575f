//! Moments, bounds and fans, and what an initializer is told.

use std::sync::{Arc, Mutex};

use gluonic::init::{
    Draw, Factor, InitDesc, Kaiming, Layout, Lecun, MsraPrelu, Nonlinearity, Normal, TruncNormal,
    Uniform, Xavier,
};
use gluonic::prelude::*;
use gluonic::random::Address;

use super::{FLOATS, draw, draw_at};

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
