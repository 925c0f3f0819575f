//! Results that no machine has memory for are refused before anything is computed.

use gluonic::prelude::*;
use gluonic::{init, ops};

/// Its square takes more bytes than a process has addresses.
const BIG: usize = 10_000_000;

#[test]
fn an_operation_whose_result_takes_too_much_memory_is_refused() -> Result<()> {
    let column = NdArray::zeros((BIG, 1), DType::F32)?;
    let row = NdArray::zeros((1, BIG), DType::F32)?;
    let one = NdArray::ones((1, 1), DType::F32)?;
    let few = NdArray::ones((2, 3), DType::F32)?;
    let ids = NdArray::zeros(BIG, DType::I64)?;
    let results = [
        ("zeros", NdArray::zeros((BIG, BIG), DType::F32)),
        ("full", NdArray::full((BIG, BIG), 2.0, DType::F64)),
        ("add", column.add(&row)),
        ("gt", column.gt(&one.broadcast_to((1, 2 * BIG))?)),
        ("matmul", column.matmul(&row)),
        ("tile", few.tile(&[BIG, BIG])),
        ("repeat", few.repeat(1 << 48, 1)),
        ("deep_clone", one.broadcast_to((BIG, BIG))?.deep_clone()),
        ("cast", one.broadcast_to((BIG, BIG))?.cast(DType::F64)),
        ("exp", one.broadcast_to((BIG, BIG))?.exp()),
        ("take", row.take_axis(&ids, 0)),
        ("one_hot", ids.one_hot(BIG, DType::F32)),
        ("embedding", ops::embedding(&ids, &row)),
        ("concat", ops::concat(&[&row.broadcast_to((BIG, BIG))?, &row], 0)),
        ("random", ops::uniform(0.0, 1.0, (BIG, BIG))),
    ];
    for (op, result) in results {
        let error = result.err().unwrap_or_else(|| panic!("{op} found memory"));
        assert!(matches!(error.root(), Error::NoMemory { .. }), "{op}: {error}");
    }
    Ok(())
}

#[test]
fn a_parameter_that_takes_too_much_memory_stays_without_a_value() {
    let weight = Parameter::new("weight", (BIG, BIG));
    let error = weight.initialize_with(&init::Zero, Reinit::Keep).unwrap_err();
    assert!(matches!(error.root(), Error::NoMemory { .. }), "{error}");
    assert!(!weight.is_initialized());
}
