//! Every update rule against its formula, written again in `f64` as plainly as can be.

use gluonic::optim::{self, Setting};
use gluonic::prelude::*;

use crate::support::{Rng, bits, error, value, variant};

/// Sums are added in another order, and factors multiplied in.
const TOLERANCE: f64 = 1e-11;
/// `f32` keeps 24 bits, of which a division by a small root loses some.
const F32_TOLERANCE: f64 = 2e-4;

const LR: f64 = 0.1;
const WD: f64 = 0.05;
const CLIP: f64 = 0.4;

/// What a formula is told: the gradient is rescaled, but not clipped.
struct Given {
    t: f64,
    lr: f64,
    wd: f64,
    clip: f64,
}

impl Given {
    fn clipped(&self, g: f64) -> f64 {
        g.clamp(-self.clip, self.clip)
    }
}

/// The formula of a rule for one element with its memory, at the settings of [`RULES`].
fn element(name: &str, w: f64, g: f64, s: &mut [f64; 3], m_schedule: f64, given: &Given) -> f64 {
    let Given { t, lr, wd, .. } = *given;
    let plain = given.clipped(g);
    let decayed = given.clipped(g + wd * w);
    let moments = |s: &mut [f64; 3], g: f64, b1: f64, b2: f64| {
        s[0] = b1 * s[0] + (1.0 - b1) * g;
        s[1] = b2 * s[1] + (1.0 - b2) * g * g;
    };
    let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
    match name {
        "sgd" => {
            s[0] = 0.9 * s[0] - lr * (plain + wd * w);
            w + s[0]
        }
        "nag" => {
            let ahead = 0.9 * s[0];
            let new = w - ahead + 1.9 * (ahead - lr * (plain + wd * w));
            s[0] = ahead - lr * (plain + wd * new);
            new
        }
        "adam" => {
            moments(s, decayed, 0.8, 0.9);
            let lr = lr * (1.0 - 0.9_f64.powf(t)).sqrt() / (1.0 - 0.8_f64.powf(t));
            w - lr * s[0] / (s[1].sqrt() + 1e-8)
        }
        "adamw" => {
            moments(s, plain, 0.9, 0.999);
            let (m, v) = (s[0] / (1.0 - 0.9_f64.powf(t)), s[1] / (1.0 - 0.999_f64.powf(t)));
            w * (1.0 - lr * wd) - lr * m / (v.sqrt() + 1e-8)
        }
        "adamax" => {
            s[0] = 0.9 * s[0] + 0.1 * decayed;
            s[1] = (0.999 * s[1]).max(decayed.abs());
            if s[1] == 0.0 { w } else { w - lr / (1.0 - 0.9_f64.powf(t)) * s[0] / s[1] }
        }
        "nadam" => {
            moments(s, decayed, 0.9, 0.999);
            let mu = |t: f64| 0.9 * (1.0 - 0.5 * 0.96_f64.powf(t * 0.004));
            let ahead = (1.0 - mu(t)) * decayed / (1.0 - m_schedule)
                + mu(t + 1.0) * s[0] / (1.0 - m_schedule * mu(t + 1.0));
            w - lr * ahead / ((s[1] / (1.0 - 0.999_f64.powf(t))).sqrt() + 1e-8)
        }
        "rmsprop" => {
            s[0] = 0.9 * s[0] + 0.1 * decayed * decayed;
            s[1] = 0.9 * s[1] + 0.1 * decayed;
            s[2] = 0.9 * s[2] - lr * decayed / (s[0] - s[1] * s[1] + 1e-8).sqrt();
            (w + s[2]).clamp(-1.5, 1.5)
        }
        "adagrad" => {
            s[0] += plain * plain;
            w - lr * (plain / (s[0] + 1e-7).sqrt() + wd * w)
        }
        "adadelta" => {
            s[0] = 0.9 * s[0] + 0.1 * plain * plain;
            let delta = ((s[1] + 1e-5) / (s[0] + 1e-5)).sqrt() * plain;
            s[1] = 0.9 * s[1] + 0.1 * delta * delta;
            w - delta - wd * w
        }
        "ftrl" => {
            s[0] += plain - ((s[1] + plain * plain).sqrt() - s[1].sqrt()) * w / lr;
            s[1] += plain * plain;
            if s[0].abs() <= 0.01 {
                return 0.0;
            }
            (sign(s[0]) * 0.01 - s[0]) / ((1.0 + s[1].sqrt()) / lr + wd)
        }
        "ftml" => {
            let g = decayed;
            s[1] = 0.999 * s[1] + 0.001 * g * g;
            let root = (s[1] / (1.0 - 0.999_f64.powf(t))).sqrt();
            let d = (1.0 - 0.6_f64.powf(t)) / lr * (root + 1e-8);
            s[2] = 0.6 * s[2] + 0.4 * g - (d - 0.6 * s[0]) * w;
            s[0] = d;
            -s[2] / d
        }
        "signum" => {
            s[0] = 0.9 * s[0] - 0.1 * (wd * w + plain);
            (1.0 - lr * 0.02) * w + lr * sign(s[0])
        }
        "lion" => {
            let direction = sign(0.9 * s[0] + 0.1 * plain);
            s[0] = 0.99 * s[0] + 0.01 * plain;
            w - lr * (direction + wd * w)
        }
        other => panic!("no formula of {other}"),
    }
}

/// The rules and their settings. Those without an element's formula look at whole tensors.
const RULES: &[(&str, &[(&str, Setting)])] = &[
    ("sgd", &[("momentum", Setting::Number(0.9))]),
    ("nag", &[("momentum", Setting::Number(0.9))]),
    ("adam", &[("beta1", Setting::Number(0.8)), ("beta2", Setting::Number(0.9))]),
    ("adamw", &[]),
    ("adamax", &[]),
    ("nadam", &[]),
    ("rmsprop", &[("centered", Setting::Flag(true)), ("clip_weights", Setting::Number(1.5))]),
    ("adagrad", &[]),
    ("adadelta", &[]),
    ("ftrl", &[]),
    ("ftml", &[]),
    ("signum", &[("wd_lh", Setting::Number(0.02))]),
    ("lion", &[]),
    ("lamb", &[]),
    ("lars", &[("momentum", Setting::Number(0.9)), ("eta", Setting::Number(0.5))]),
    ("adafactor", &[]),
];

fn norm(x: impl IntoIterator<Item = f64>) -> f64 {
    x.into_iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// A rule in `f64` for a tensor, with its memory.
struct Naive {
    name: &'static str,
    dims: Vec<usize>,
    state: Vec<[f64; 3]>,
    m_schedule: f64,
    /// Adafactor's means over rows and columns.
    means: (Vec<f64>, Vec<f64>),
}

impl Naive {
    fn new(name: &'static str, dims: &[usize]) -> Self {
        let n = dims.iter().product();
        let means = (vec![0.0; n], vec![0.0; n]);
        Naive { name, dims: dims.to_vec(), state: vec![[0.0; 3]; n], m_schedule: 1.0, means }
    }

    fn step(&mut self, w: &mut [f64], g: &[f64], given: &Given) {
        let Given { t, lr, wd, .. } = *given;
        let clipped: Vec<f64> = g.iter().map(|g| given.clipped(*g)).collect();
        match self.name {
            "lamb" => {
                let mut u = Vec::new();
                for ((w, g), s) in w.iter().zip(&clipped).zip(&mut self.state) {
                    s[0] = 0.9 * s[0] + 0.1 * g;
                    s[1] = 0.999 * s[1] + 0.001 * g * g;
                    let (m, v) = (s[0] / (1.0 - 0.9_f64.powf(t)), s[1] / (1.0 - 0.999_f64.powf(t)));
                    u.push(m / (v.sqrt() + 1e-6) + wd * w);
                }
                let (of_w, of_u) = (norm(w.iter().copied()), norm(u.iter().copied()));
                let ratio = if of_w == 0.0 || of_u == 0.0 { 1.0 } else { of_w / of_u };
                w.iter_mut().zip(u).for_each(|(w, u)| *w -= lr * ratio * u);
            }
            "lars" => {
                let (of_w, of_g) = (norm(w.iter().copied()), norm(g.iter().copied()));
                let lr = if of_w > 0.0 && of_g > 0.0 {
                    lr * 0.5 * of_w / (of_g + wd * of_w)
                } else {
                    lr
                };
                for ((w, g), s) in w.iter_mut().zip(&clipped).zip(&mut self.state) {
                    s[0] = 0.9 * s[0] - lr * (g + wd * *w);
                    *w += s[0];
                }
            }
            "adafactor" => self.adafactor(w, &clipped, given),
            name => {
                if name == "nadam" {
                    self.m_schedule *= 0.9 * (1.0 - 0.5 * 0.96_f64.powf(t * 0.004));
                }
                for ((w, g), s) in w.iter_mut().zip(g).zip(&mut self.state) {
                    *w = element(name, *w, *g, s, self.m_schedule, given);
                }
            }
        }
    }

    fn adafactor(&mut self, w: &mut [f64], g: &[f64], given: &Given) {
        let n = w.len();
        if n == 0 {
            return;
        }
        let b = given.t.powf(-0.8);
        let mut var = vec![0.0; n];
        if let [.., rows, cols] = self.dims[..] {
            let (row, col) = &mut self.means;
            for matrix in 0..n / (rows * cols) {
                let at = |r: usize, c: usize| (matrix * rows + r) * cols + c;
                for r in 0..rows {
                    let mean = (0..cols).map(|c| g[at(r, c)].powi(2)).sum::<f64>() / cols as f64;
                    let row = &mut row[matrix * rows + r];
                    *row = (1.0 - b) * *row + b * mean;
                }
                for c in 0..cols {
                    let mean = (0..rows).map(|r| g[at(r, c)].powi(2)).sum::<f64>() / rows as f64;
                    let col = &mut col[matrix * cols + c];
                    *col = (1.0 - b) * *col + b * mean;
                }
                let of_row = &row[matrix * rows..][..rows];
                let mean = (of_row.iter().sum::<f64>() / rows as f64).max(f64::EPSILON);
                for r in 0..rows {
                    for c in 0..cols {
                        var[at(r, c)] = of_row[r] * col[matrix * cols + c] / mean;
                    }
                }
            }
        } else {
            for ((s, g), var) in self.state.iter_mut().zip(g).zip(&mut var) {
                s[0] = (1.0 - b) * s[0] + b * g * g;
                *var = s[0];
            }
        }
        let u: Vec<f64> =
            g.iter().zip(var).map(|(g, v)| g / v.max(f64::EPSILON.powi(2)).sqrt()).collect();
        let rms = |x: f64| x / (n as f64).sqrt();
        let alpha = rms(norm(w.iter().copied())).max(1e-3) * given.lr.min(1.0 / given.t.sqrt());
        let alpha = alpha / rms(norm(u.iter().copied())).max(1.0);
        w.iter_mut().zip(u).for_each(|(w, u)| *w = *w * (1.0 - given.lr * given.wd) - alpha * u);
    }
}

fn make(name: &str, settings: &[(&str, Setting)], multi_precision: bool) -> Box<dyn Optimizer> {
    let mut all = vec![
        ("learning_rate", LR.into()),
        ("wd", WD.into()),
        ("clip_gradient", CLIP.into()),
        ("multi_precision", multi_precision.into()),
    ];
    all.extend_from_slice(settings);
    optim::create(name, &all).unwrap()
}

fn backward(weight: &Parameter, g: &[f64]) {
    let data = weight.data().unwrap();
    let head = NdArray::from_slice(g, data.dims()).unwrap().cast(data.dtype()).unwrap();
    autograd::record(|| &weight.data().unwrap() * &head).unwrap().backward().unwrap();
}

#[track_caller]
fn check(
    (name, settings): (&'static str, &[(&str, Setting)]),
    dims: &[usize],
    dtype: DType,
    tolerance: f64,
) {
    let mut rng = Rng::of(name);
    let spec = ParamSpec::new(Dims::from(dims)).dtype(dtype).lr_mult(0.5).wd_mult(2.0);
    let weight = Parameter::with_spec("fc_weight", &spec);
    weight.initialize().unwrap();
    let n = dims.iter().product();
    let first = NdArray::from_vec(rng.vec(n, -2.0, 2.0), dims).unwrap();
    weight.set_data(&first).unwrap();
    let half = !matches!(dtype, DType::F32 | DType::F64);
    let mut trainer = Trainer::of([&weight], make(name, settings, half)).unwrap();
    let mut naive = Naive::new(name, dims);
    let mut w = value(&weight);
    trainer.set_rescale_grad(3.0).unwrap();
    for t in 1..=4 {
        // Of few bits, so that every type holds them.
        let g: Vec<f64> = rng.vec(n, -2.0, 2.0).iter().map(|g| (g * 64.0).round() / 64.0).collect();
        backward(&weight, &g);
        trainer.step(4).unwrap();
        let rescaled: Vec<f64> = g.iter().map(|g| g * 0.75).collect();
        let given = Given { t: f64::from(t), lr: LR * 0.5, wd: WD * 2.0, clip: CLIP };
        naive.step(&mut w, &rescaled, &given);
    }
    let state = trainer.state("fc_weight").unwrap();
    assert_eq!(state.updates(), 4);
    let found = match state.master() {
        Some(master) => {
            assert_eq!(bits(&master.cast(dtype).unwrap()), bits(&weight.data().unwrap()));
            master.to_f64_vec().unwrap()
        }
        None => value(&weight),
    };
    for (i, (found, expected)) in found.iter().zip(&w).enumerate() {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error <= tolerance, "{name} {dims:?} {dtype}: {found}, expected {expected} at {i}");
    }
}

#[test]
fn every_rule_follows_its_formula_on_every_shape() {
    for rule in RULES {
        for dims in [&[][..], &[0], &[7], &[2, 0, 3], &[3, 5], &[2, 3, 4], &[1, 2, 1, 3, 2]] {
            check(*rule, dims, DType::F64, TOLERANCE);
        }
    }
}

#[test]
fn every_rule_follows_its_formula_where_a_tensor_is_cut() {
    for rule in RULES {
        check(*rule, &[271, 1009], DType::F64, 1e-9);
    }
}

#[test]
fn rules_in_f32_stay_near_their_formula() {
    for rule in RULES {
        // Of a sign nothing is near.
        if !matches!(rule.0, "signum" | "lion" | "adafactor") {
            check(*rule, &[13, 4], DType::F32, F32_TOLERANCE);
        }
    }
}

#[test]
fn half_precision_parameters_are_the_roundings_of_what_is_trained() {
    for dtype in [DType::F16, DType::BF16] {
        for rule in RULES {
            if !matches!(rule.0, "signum" | "lion" | "adafactor") {
                check(*rule, &[700], dtype, F32_TOLERANCE);
            }
        }
    }
}

/// A weight that was edited between two steps.
#[test]
fn a_full_precision_copy_follows_edits_of_its_parameter() -> Result<()> {
    let weight = Parameter::with_spec("w", &ParamSpec::new(2).dtype(DType::F16));
    weight.initialize_with(&init::One, Reinit::Keep)?;
    let sgd = Sgd::new(0.0001)?.multi_precision(true);
    let mut trainer = Trainer::of([&weight], sgd)?;
    for _ in 0..10 {
        backward(&weight, &[1.0, 1.0]);
        trainer.step(1)?;
    }
    // Steps that are too short for `f16` have added up.
    assert!((trainer.state("w")?.master().unwrap().to_f64_vec()?[0] - 0.999).abs() < 1e-6);
    weight.data()?.set(s![1], 3.0)?;
    backward(&weight, &[0.0, 0.0]);
    trainer.step(1)?;
    let master = trainer.state("w")?.master().unwrap().to_f64_vec()?;
    assert!((master[0] - 0.999).abs() < 1e-6 && master[1] == 3.0, "{master:?}");
    Ok(())
}

#[test]
fn adamax_and_ftrl_and_ftml_make_no_nan_of_zeros() -> Result<()> {
    for name in ["adamax", "ftrl", "ftml"] {
        let weight = Parameter::with_spec("w", &ParamSpec::new(2).lr_mult(0.0));
        weight.initialize_with(&init::One, Reinit::Keep)?;
        let mut trainer = Trainer::of([&weight], optim::create(name, &[])?)?;
        for lr_mult in [0.0, 1.0] {
            weight.set_lr_mult(lr_mult)?;
            backward(&weight, &[0.0, 1.0]);
            trainer.step(1)?;
            assert!(value(&weight).iter().all(|w| w.is_finite()), "{name}");
        }
    }
    Ok(())
}

/// Many small parameters and a few large ones after two steps.
fn many(name: &str) -> Vec<u64> {
    let mut rng = Rng::of("many");
    let sizes = (0..200).map(|i| vec![i % 7, 31]).chain([vec![300_001], vec![501, 700]]);
    let parameters: Vec<Parameter> = sizes
        .enumerate()
        .map(|(i, dims)| {
            let weight = Parameter::new(format!("w{i}"), dims.as_slice());
            weight.initialize().unwrap();
            weight.set_data(&rng.array(dims)).unwrap();
            weight
        })
        .collect();
    let key = if name == "sgld" { vec![("key", Setting::Key(5))] } else { Vec::new() };
    let mut trainer = Trainer::of(&parameters, optim::create(name, &key).unwrap()).unwrap();
    for _ in 0..2 {
        for weight in &parameters {
            let loss = autograd::record(|| weight.data()?.square()).unwrap();
            loss.backward().unwrap();
        }
        trainer.step(1).unwrap();
    }
    parameters.iter().flat_map(|weight| bits(&weight.data().unwrap())).collect()
}

#[test]
fn updates_of_many_parameters_are_bit_equal_at_any_number_of_threads() {
    for name in ["sgd", "adam", "nadam", "lamb", "lars", "adafactor", "sgld"] {
        let with = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| many(name))
        };
        let one = with(1);
        assert!(with(2) == one && with(7) == one, "{name}");
    }
}

#[test]
fn sgld_adds_noise_of_the_variance_of_its_learning_rate() -> Result<()> {
    const N: usize = 40_000;
    let weight = Parameter::new("w", N);
    weight.initialize_with(&init::Zero, Reinit::Keep)?;
    let mut trainer = Trainer::of([&weight], optim::Sgld::new(0.04)?.key(1_u64)?)?;
    backward(&weight, &vec![1.0; N]);
    trainer.step(1)?;
    let w = value(&weight);
    let mean = w.iter().sum::<f64>() / N as f64;
    let var = w.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / N as f64;
    // Five standard errors.
    assert!((mean + 0.02).abs() < 5.0 * 0.2 / (N as f64).sqrt(), "{mean}");
    assert!((var - 0.04).abs() < 5.0 * 0.04 * (2.0 / N as f64).sqrt(), "{var}");
    Ok(())
}

#[test]
fn settings_that_make_no_sense_are_refused_at_construction() -> Result<()> {
    let number = Setting::Number;
    for (name, setting, value) in [
        ("sgd", "learning_rate", number(f64::NAN)),
        ("sgd", "momentum", number(1.0)),
        ("sgd", "momentum", Setting::Flag(true)),
        ("sgd", "clip_gradient", number(0.0)),
        ("adam", "beta1", number(-0.1)),
        ("adam", "beta2", number(1.0)),
        ("adam", "epsilon", number(-1e-8)),
        ("rmsprop", "centered", number(1.0)),
        ("rmsprop", "gamma1", number(1.5)),
        ("adadelta", "rho", number(f64::INFINITY)),
        ("ftml", "epsilon", number(0.0)),
        ("lamb", "upper_bound", number(-1.0)),
        ("adafactor", "beta2_decay", number(0.5)),
        ("adafactor", "d", number(0.5)),
        ("sgld", "key", number(0.5)),
    ] {
        let refused = error(optim::create(name, &[(setting, value)]));
        assert_eq!(variant(&refused), "Setting", "{name} {setting}");
    }
    let refused = error(optim::create("adam", &[("beta", number(0.9))]));
    assert_eq!(refused.to_string(), "no setting of the optimizer is called `beta`");
    assert_eq!(refused.hint().unwrap(), "did you mean `beta1` or `beta2`?");
    assert_eq!(variant(&error(optim::Adam::new(0.1)?.beta2(1.0))), "Setting");
    Ok(())
}

#[test]
fn what_is_remembered_survives_freezing_and_a_cast() -> Result<()> {
    let weight = Parameter::new("w", 1);
    weight.initialize_with(&init::One, Reinit::Keep)?;
    let mut trainer = Trainer::of([&weight], Sgd::new(0.5)?.momentum(0.5)?)?;
    backward(&weight, &[2.0]);
    trainer.step(1)?;
    weight.freeze();
    trainer.step(1)?;
    weight.unfreeze();
    weight.cast(DType::F64)?;
    backward(&weight, &[2.0]);
    trainer.step(1)?;
    // v = -1, then -1.5.
    assert_eq!((value(&weight), trainer.state("w")?.updates()), (vec![-1.5], 2));
    assert_eq!(trainer.state("w")?.array("momentum")?.dtype(), DType::F64);
    Ok(())
}

#[test]
fn a_global_norm_is_clipped_over_all_gradients_or_none() -> Result<()> {
    let (a, b) = (Parameter::new("a", 2), Parameter::new("b", 1));
    let mut params = ParameterDict::new("");
    for parameter in [&a, &b] {
        parameter.initialize()?;
        params.insert(parameter)?;
    }
    b.cast(DType::F16)?;
    backward(&a, &[2.0, 4.0]);
    backward(&b, &[4.0]);
    assert_eq!(clip_global_norm(&params, 12.0)?, 6.0);
    assert_eq!(a.grad()?.to_f64_vec()?, [2.0, 4.0]);
    assert_eq!(clip_global_norm(&params, 3.0)?, 6.0);
    let close = |found: &[f64], expected: &[f64]| {
        found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3)
    };
    assert!(close(&a.grad()?.to_f64_vec()?, &[1.0, 2.0]));
    assert!(close(&b.grad()?.to_f64_vec()?, &[2.0]));
    b.grad()?.fill(f64::INFINITY)?;
    let refused = error(clip_global_norm(&params, 1.0));
    assert_eq!(refused.to_string(), "the gradient of `b` is not finite");
    assert!(close(&a.grad()?.to_f64_vec()?, &[1.0, 2.0]));
    assert_eq!(variant(&error(clip_global_norm(&params, 0.0))), "Setting");
    b.freeze();
    // Frozen gradients do not count; squares of finite ones do not overflow.
    a.grad()?.fill(1e30)?;
    assert!((clip_global_norm(&params, 1.0)? / (2.0_f64.sqrt() * 1e30) - 1.0).abs() < 1e-6);
    Ok(())
}
