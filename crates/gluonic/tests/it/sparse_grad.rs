//! Gradients that are kept by rows: the numbers of whole ones, at the cost of the rows.

use gluonic::autograd::{self, Backward, GradReq, record};
use gluonic::prelude::*;

use crate::support::{Rng, bits, error, gradient, photograph, value, variant};

const ROWS: usize = 6;
const WIDTH: usize = 3;
const FLOATS: [DType; 4] = [DType::F16, DType::BF16, DType::F32, DType::F64];

/// A table with the same values whether its gradient is kept by rows or not.
fn table(sparse_grad: bool, dtype: DType) -> Embedding {
    let layer = name::manager(|| {
        let (input_dim, output_dim) = (ROWS, WIDTH);
        let config = EmbeddingConfig { input_dim, output_dim, dtype, ..Default::default() };
        Embedding::with(EmbeddingConfig { sparse_grad, ..config }).unwrap()
    });
    layer.initialize_with(&init::One, Reinit::Keep).unwrap();
    let values = Rng::of("table").array((ROWS, WIDTH));
    layer.weight().unwrap().set_data(&values).unwrap();
    layer
}

fn ids(ids: &[i64]) -> NdArray {
    NdArray::from_slice(ids, ids.len()).unwrap()
}

/// One backward through lookups of the given ids, with gradients that are not all alike.
fn backward(layer: &Embedding, lookups: &[&[i64]]) -> Result<()> {
    let mut rng = Rng::of("heads");
    let mut loss = NdArray::scalar(0.0_f32).cast(layer.weight()?.dtype())?;
    record(|| {
        for lookup in lookups {
            let y = layer.call(&ids(lookup))?;
            let factors = rng.array(y.dims()).cast(y.dtype())?;
            loss = (&loss + &(&y * &factors)?.sum()?)?;
        }
        Ok::<_, Error>(())
    })?;
    loss.backward()
}

fn rows(layer: &Embedding) -> Vec<usize> {
    let rows = layer.weight().unwrap().grad_rows().unwrap();
    rows.expect("the gradient is kept by rows").indices
}

#[test]
fn the_numbers_are_those_of_a_whole_gradient_bit_for_bit() -> Result<()> {
    let cases: [&[&[i64]]; 7] = [
        &[&[]],
        &[&[4]],
        &[&[2, 0, 2, 2, 5, 0]],
        &[&[0, 1, 2, 3, 4, 5]],
        &[&[5, 4], &[4, 0, 4]],
        &[&[], &[3, 3]],
        &[&[1, 1, 1], &[1], &[0]],
    ];
    for dtype in FLOATS {
        for req in [GradReq::Write, GradReq::Add] {
            for n_threads in [1, 2] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
                let (whole, sparse) = (table(false, dtype), table(true, dtype));
                for layer in [&whole, &sparse] {
                    layer.weight()?.set_grad_req(req);
                }
                for lookups in cases {
                    pool.install(|| -> Result<()> {
                        backward(&whole, lookups)?;
                        backward(&sparse, lookups)
                    })?;
                    let (whole, grad) = (whole.weight()?.grad()?, sparse.weight()?.grad()?);
                    assert_eq!(bits(&grad), bits(&whole), "{dtype}, {req}, {lookups:?}");
                    // Reading has not changed how it is kept.
                    rows(&sparse);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn the_rows_are_those_that_were_used() -> Result<()> {
    let layer = table(true, DType::F32);
    assert!(rows(&layer).is_empty());
    assert_eq!(gradient(&layer.weight()?), [0.0; ROWS * WIDTH]);
    record(|| layer.call(&ids(&[4, 1, 4])))?.backward()?;
    let found = layer.weight()?.grad_rows()?.unwrap();
    assert_eq!(found.indices, [1, 4]);
    assert_eq!(found.values.to_vec::<f32>()?, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    // The next backward overwrites, or adds.
    record(|| layer.call(&ids(&[0])))?.backward()?;
    assert_eq!(rows(&layer), [0]);
    layer.weight()?.set_grad_req(GradReq::Add);
    assert!(rows(&layer).is_empty());
    for id in [3, 0, 3] {
        record(|| layer.call(&ids(&[id])))?.backward()?;
    }
    assert_eq!(rows(&layer), [0, 3]);
    assert_eq!(value_of_row(&layer, 3)?, [2.0; WIDTH]);
    layer.zero_grad()?;
    assert!(rows(&layer).is_empty());
    assert_eq!(gradient(&layer.weight()?), [0.0; ROWS * WIDTH]);
    // What was read stays as it was.
    assert_eq!(found.values.to_vec::<f32>()?, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    found.values.fill(9.0)?;
    assert_eq!(gradient(&layer.weight()?), [0.0; ROWS * WIDTH]);
    Ok(())
}

fn value_of_row(layer: &Embedding, row: isize) -> Result<Vec<f64>> {
    layer.weight()?.grad()?.row(row)?.to_f64_vec()
}

#[test]
fn a_gradient_is_whole_after_an_edit_until_the_next_backward() -> Result<()> {
    let layer = table(true, DType::F32);
    let grad = layer.weight()?.grad()?;
    record(|| layer.call(&ids(&[2])))?.backward()?;
    grad.add_assign(1.0)?;
    assert!(layer.weight()?.grad_rows()?.is_none());
    assert_eq!(value_of_row(&layer, 2)?, [2.0; WIDTH]);
    record(|| layer.call(&ids(&[1])))?.backward()?;
    assert_eq!(rows(&layer), [1]);
    // A handle sees the gradient wherever it is kept.
    assert_eq!(grad.sum()?.to_scalar::<f32>()?, WIDTH as f32);
    // Under a pin the memory of all rows is somebody else's too.
    let pin = grad.pin()?;
    record(|| layer.call(&ids(&[5, 5])))?.backward()?;
    assert!(layer.weight()?.grad_rows()?.is_none());
    assert_eq!(grad.row(5)?.to_vec::<f32>()?, [2.0; WIDTH]);
    assert_eq!(grad.sum()?.to_scalar::<f32>()?, 2.0 * WIDTH as f32);
    drop(pin);
    record(|| layer.call(&ids(&[0])))?.backward()?;
    assert_eq!(rows(&layer), [0]);
    let refused = grad.edit::<f32, _>(|_| error(layer.weight().unwrap().grad_rows()))?;
    assert_eq!(variant(refused.root()), "BeingEdited");
    Ok(())
}

#[test]
fn a_decoder_with_the_same_weight_makes_the_gradient_whole() -> Result<()> {
    for dtype in FLOATS {
        for req in [GradReq::Write, GradReq::Add] {
            let mut found = Vec::new();
            for sparse in [false, true] {
                let embedding = table(sparse, dtype);
                let config =
                    DenseConfig { units: ROWS, flatten: false, dtype, ..Default::default() };
                let params = Some(embedding.params());
                let decoder = Dense::with(DenseConfig { params, use_bias: false, ..config })?;
                embedding.weight()?.set_grad_req(req);
                for _ in 0..2 {
                    let forward = || decoder.call(&embedding.call(&ids(&[1, 4, 1]))?)?.square();
                    record(forward)?.backward()?;
                    assert!(embedding.weight()?.grad_rows()?.is_none());
                }
                // The lookup comes first in the backward here: rows become whole.
                let forward = || {
                    let y = decoder.call(&NdArray::ones((1, WIDTH), dtype)?)?.sum()?;
                    &y + &embedding.call(&ids(&[2, 2]))?.sum()?
                };
                record(forward)?.backward()?;
                assert!(embedding.weight()?.grad_rows()?.is_none());
                found.push(bits(&embedding.weight()?.grad()?));
                // And rows again, once nothing else uses the weight.
                embedding.zero_grad()?;
                record(|| embedding.call(&ids(&[3])))?.backward()?;
                assert_eq!(embedding.weight()?.grad_rows()?.is_some(), sparse);
            }
            assert_eq!(found[0], found[1], "{dtype}, {req}");
        }
    }
    Ok(())
}

#[test]
fn gradients_that_are_returned_are_whole_and_slots_stay_as_they_are() -> Result<()> {
    let layer = table(true, DType::F16);
    let y = record(|| layer.call(&ids(&[2, 5, 2])))?;
    let found = Backward::new().grad(&y, &[&layer.weight()?.data()?])?;
    assert_eq!(found[0].dims().to_string(), "(6, 3)");
    let expected = [[0.0; 3], [0.0; 3], [2.0; 3], [0.0; 3], [0.0; 3], [1.0; 3]].concat();
    assert_eq!(found[0].to_f64_vec()?, expected);
    assert!(rows(&layer).is_empty());
    Ok(())
}

#[test]
fn an_id_out_of_range_changes_nothing() -> Result<()> {
    let layer = table(true, DType::F32);
    record(|| layer.call(&ids(&[2])))?.backward()?;
    let before = photograph(&layer);
    for wrong in [[0, 6], [-1, 0]] {
        assert_eq!(variant(error(record(|| layer.call(&ids(&wrong)))).root()), "Id");
    }
    assert_eq!(photograph(&layer), before);
    assert_eq!(rows(&layer), [2]);
    Ok(())
}

#[test]
fn rows_follow_the_parameter_through_its_life() -> Result<()> {
    let layer = table(true, DType::F32);
    let weight = layer.weight()?;
    record(|| layer.call(&ids(&[5, 2, 5])))?.backward()?;
    let copy = weight.deep_clone()?;
    weight.cast(DType::BF16)?;
    for parameter in [&weight, &copy] {
        let found = parameter.grad_rows()?.unwrap();
        assert_eq!((&*found.indices, found.values.dtype()), (&[2, 5][..], parameter.dtype()));
        assert_eq!(found.values.to_f64_vec()?, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    }
    weight.freeze();
    assert_eq!(variant(&error(weight.grad_rows())), "Frozen");
    weight.unfreeze();
    assert!(rows(&layer).is_empty());
    record(|| layer.call(&ids(&[0])))?.backward()?;
    weight.reinitialize()?;
    assert!(rows(&layer).is_empty());
    weight.set_grad_req(GradReq::Null);
    assert_eq!(variant(&error(weight.grad_rows())), "NoGrad");
    assert_eq!(variant(&error(Parameter::new("none", 1).grad_rows())), "Uninitialized");
    let plain = table(false, DType::F32);
    assert!(plain.weight()?.grad_rows()?.is_none());
    Ok(())
}

#[test]
fn a_shared_table_is_kept_by_rows_or_not_for_all() -> Result<()> {
    let (whole, sparse) = (table(false, DType::F32), table(true, DType::F32));
    let sharing = |other: &Embedding, sparse_grad| {
        let params = Some(other.params());
        let config = EmbeddingConfig { input_dim: ROWS, output_dim: WIDTH, ..Default::default() };
        Embedding::with(EmbeddingConfig { sparse_grad, params, ..config })
    };
    let refused = error(sharing(&whole, true));
    assert_eq!(
        refused.to_string(),
        "parameter `embedding0_weight` has sparse_grad false, expected true"
    );
    assert!(sharing(&sparse, true)?.weight()?.ptr_eq(&sparse.weight()?));
    assert!(sharing(&sparse, false)?.weight()?.ptr_eq(&sparse.weight()?));
    Ok(())
}

#[test]
fn backwards_of_several_threads_add_up() -> Result<()> {
    let layer = table(true, DType::F64);
    layer.weight()?.set_grad_req(GradReq::Add);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let layer = &layer;
            scope.spawn(move || {
                for _ in 0..50 {
                    let y = record(|| layer.call(&ids(&[thread % 2, 3, 3]))).unwrap();
                    y.backward().unwrap();
                }
            });
        }
    });
    assert_eq!(rows(&layer), [0, 1, 3]);
    let sums: Vec<f64> = gradient(&layer.weight()?).chunks(WIDTH).map(|row| row[0]).collect();
    assert_eq!(sums, [100.0, 100.0, 0.0, 400.0, 0.0, 0.0]);
    Ok(())
}

/// Steps of plain or lazy SGD from the same start.
fn trained(layer: &Embedding, sgd: Sgd, steps: &[&[i64]]) -> Result<Vec<f64>> {
    let mut trainer = Trainer::new(&layer.collect_params()?, sgd)?;
    for ids in steps {
        backward(layer, &[ids])?;
        trainer.step(2)?;
    }
    Ok(value(&layer.weight()?))
}

#[test]
fn sgd_changes_the_rows_of_the_gradient_and_no_other() -> Result<()> {
    let steps: [&[i64]; 4] = [&[1, 4, 1], &[4], &[], &[1, 0]];
    let (lr, wd, momentum) = (0.5, 0.1, 0.9);
    for use_momentum in [false, true] {
        for dtype in FLOATS {
            let sgd = || -> Result<Sgd> {
                Sgd::new(lr)?.wd(wd)?.momentum(if use_momentum { momentum } else { 0.0 })
            };
            let layer = table(true, dtype);
            let start = value(&layer.weight()?);
            let found = trained(&layer, sgd()?, &steps)?;
            // MXNet's rule, on the rows that each step has.
            let (mut w, mut v) = (start.clone(), vec![0.0; ROWS * WIDTH]);
            let reference = table(false, dtype);
            for ids in steps {
                backward(&reference, &[ids])?;
                let grad = gradient(&reference.weight()?);
                for row in 0..ROWS {
                    if !ids.contains(&(row as i64)) {
                        continue;
                    }
                    for i in row * WIDTH..(row + 1) * WIDTH {
                        let kept = if use_momentum { momentum * v[i] } else { 0.0 };
                        v[i] = kept - lr * (grad[i] / 2.0 + wd * w[i]);
                        w[i] += v[i];
                    }
                }
            }
            let tolerance = match dtype {
                DType::BF16 => 2e-2,
                DType::F16 => 3e-3,
                DType::F32 => 1e-6,
                _ => 1e-14,
            };
            for (i, (found, expected)) in found.iter().zip(&w).enumerate() {
                assert!((found - expected).abs() < tolerance, "{dtype}, {i}: {found}, {expected}");
            }
            for row in [2, 3, 5] {
                let row = row * WIDTH..(row + 1) * WIDTH;
                assert_eq!(found[row.clone()], start[row], "{dtype}");
            }
            // Switched off, it is the rule for every row.
            let eager = trained(&table(true, dtype), sgd()?.lazy_update(false)?, &steps)?;
            assert_eq!(eager, trained(&table(false, dtype), sgd()?, &steps)?);
            assert_ne!(eager[2 * WIDTH..], found[2 * WIDTH..]);
        }
    }
    Ok(())
}

#[test]
fn a_step_needs_a_backward_even_if_it_had_no_rows() -> Result<()> {
    let layer = table(true, DType::F32);
    let before = value(&layer.weight()?);
    let mut trainer = Trainer::new(&layer.collect_params()?, Sgd::new(1.0)?)?;
    assert_eq!(variant(&error(trainer.step(1))), "StaleGradients");
    record(|| layer.call(&ids(&[]))?.sum())?.backward()?;
    trainer.step(1)?;
    assert_eq!(value(&layer.weight()?), before);
    Ok(())
}

#[test]
fn grad_of_an_array_is_what_it_was() -> Result<()> {
    let weight = NdArray::ones((4, 2), DType::F32)?.attach_grad(GradReq::Write)?;
    let y = record(|| ops::embedding(&ids(&[3, 3]), &weight))?;
    autograd::backward(&y)?;
    assert_eq!(weight.grad()?.to_vec::<f32>()?, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0]);
    Ok(())
}
