//! What the tests share: a small generator of random numbers, values as plain numbers, files.
#![allow(clippy::disallowed_methods, reason = "tests write, damage and read files on purpose")]

pub(crate) mod gradcheck;

use std::path::{Path, PathBuf};

use gluonic::prelude::*;

/// The random numbers of the tests themselves: `SplitMix64`, independent of the code under test.
pub(crate) struct Rng(u64);

impl Rng {
    /// Prints the seed, so that a failure can be repeated.
    pub(crate) fn new(seed: u64) -> Rng {
        eprintln!("seed {seed}");
        Rng(seed)
    }

    /// The numbers that belong to a name.
    pub(crate) fn of(name: &str) -> Rng {
        Rng(name.bytes().fold(7, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte)))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One of 0, 1, …, `n - 1`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// A number in `[low, high)`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.next() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    pub(crate) fn vec(&mut self, n: usize, low: f64, high: f64) -> Vec<f64> {
        (0..n).map(|_| self.between(low, high)).collect()
    }

    /// An `f32` array of numbers in `[-1, 1)`.
    pub(crate) fn array(&mut self, dims: impl Into<Dims>) -> NdArray {
        let dims = dims.into();
        let values = self.vec(dims.elem_count(), -1.0, 1.0);
        NdArray::from_vec(values.into_iter().map(|x| x as f32).collect(), dims).unwrap()
    }
}

/// An `f32` array.
pub(crate) fn array(values: &[f32], dims: impl Into<Dims>) -> NdArray {
    NdArray::from_slice(values, dims).unwrap()
}

/// The value of a parameter.
#[track_caller]
pub(crate) fn value(parameter: &Parameter) -> Vec<f64> {
    parameter.data().unwrap().to_f64_vec().unwrap()
}

/// The gradient of a parameter.
#[track_caller]
pub(crate) fn gradient(parameter: &Parameter) -> Vec<f64> {
    parameter.grad().unwrap().to_f64_vec().unwrap()
}

/// The elements of an array bit for bit.
#[track_caller]
pub(crate) fn bits(array: &NdArray) -> Vec<u64> {
    array.to_f64_vec().unwrap().into_iter().map(f64::to_bits).collect()
}

/// Everything there is to know about the parameters of a block, to compare before and after.
pub(crate) fn photograph(block: &dyn Block) -> Vec<String> {
    let named = block.named_parameters();
    let of = |(path, p): &(gluonic::name::ParamPath, Parameter)| {
        let bits_of = |array: Result<NdArray>| array.ok().map(|array| bits(&array));
        let shape = p.shape().map(|shape| shape.to_string());
        let (data, grad) = (bits_of(p.data()), bits_of(p.grad()));
        let (req, state) = (p.grad_req(), (p.is_initialized(), p.is_deferred()));
        format!("{path} {p} {shape:?} {} {req} {state:?} {data:?} {grad:?}", p.dtype())
    };
    named.iter().map(of).collect()
}

/// The error of a call that must fail.
#[track_caller]
pub(crate) fn error<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error,
    }
}

/// The variant of an error: the first word of its `Debug` form.
pub(crate) fn variant(error: &Error) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// A file of the fixtures made by `MXNet`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/params")).join(name)
}

/// The steps that `MXNet` took with a layer in training: checks the outputs and gradients of each,
/// and the parameters that are not trained, but for `except`.
#[track_caller]
pub(crate) fn check_golden(layer: &dyn Block, name: &str, steps: usize, except: &[&str]) {
    let golden = Checkpoint::open(fixture(&format!("../ops/{name}.npz"))).unwrap();
    let expected = |key: &str| golden.get(key).unwrap_or_else(|error| panic!("{key}: {error}"));
    layer.initialize().unwrap();
    for (path, parameter) in layer.named_parameters() {
        parameter.set_data(&expected(&format!("p:{path}"))).unwrap();
    }
    let mut x = expected("x");
    if golden.get("gx").is_ok() {
        x = x.attach_grad(GradReq::Write).unwrap();
    }
    for step in 0..steps {
        let suffix = if step == 0 { String::new() } else { format!("@{step}") };
        let check = |key: String, found: NdArray| {
            let (found, golden) =
                (found.to_f64_vec().unwrap(), expected(&key).to_f64_vec().unwrap());
            assert_eq!(found.len(), golden.len(), "{name}, {key}");
            let near = found.iter().zip(&golden).all(|(a, b)| (a - b).abs() < 1e-4);
            assert!(near, "{name}, {key}: {found:?}, expected {golden:?}");
        };
        let y = autograd::record(|| layer.call(&x)).unwrap();
        autograd::Backward::new().head(&expected(&format!("dy{suffix}"))).run(&[&y]).unwrap();
        check(format!("y{suffix}"), y);
        if let Ok(gradient) = x.grad() {
            check(format!("gx{suffix}"), gradient);
        }
        for (path, parameter) in layer.named_parameters() {
            if except.contains(&&*path) {
                continue;
            }
            match parameter.grad_req() {
                GradReq::Null => check(format!("after:{path}{suffix}"), parameter.data().unwrap()),
                _ => check(format!("g:{path}{suffix}"), parameter.grad().unwrap()),
            }
        }
    }
}

pub(crate) fn write(file: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    std::fs::write(file, bytes).unwrap();
}

pub(crate) fn read(file: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(file).unwrap()
}

/// Runs a test in a process of its own, for what the process has only one of: the stream of keys.
/// `name` is the test's own full name.
#[track_caller]
pub(crate) fn alone(name: &str, test: impl FnOnce()) {
    const CHILD: &str = "GLUONIC_TEST_ALONE";
    if std::env::var_os(CHILD).is_some_and(|child| child == name) {
        return test();
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, name)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout).into_owned();
    let text = format!("{out}{}", String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && out.contains("1 passed"), "{text}");
}
