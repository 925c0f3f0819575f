//! Initializers, for every element type and layout.

mod chosen;
mod everywhere;
mod laws;
mod matrices;
mod texts;

use std::sync::Arc;

use gluonic::init::{
    Bilinear, Constant, DeltaOrthogonal, Dirac, Identity, InitDesc, Kaiming, Layout, Lecun, Load,
    LstmBias, Mixed, MsraPrelu, Normal, One, Orthogonal, Sparse, TruncNormal, Uniform, Xavier,
    Zero,
};
use gluonic::prelude::*;
use gluonic::random::Address;

use crate::support::array;

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
