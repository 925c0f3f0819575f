//! Embeddings: rows by ids, gradients of repeated ids, a decoder with the same weight.

use gluonic::autograd::{Backward, record};
use gluonic::ops::embedding;
use gluonic::prelude::*;
use insta::assert_snapshot;

use crate::support::gradcheck::{Layout, check};
use crate::support::{array, bits, check_golden, error, gradient};

#[test]
fn ids_of_every_type_and_shape_name_rows() -> Result<()> {
    let weight = NdArray::arange::<f32>(8).reshape((4, 2))?;
    for dtype in DType::ALL.iter().copied().filter(|dtype| *dtype != DType::Bool) {
        let ids = NdArray::from_slice(&[3, 0, 1, 0], (2, 2))?.cast(dtype)?;
        let y = embedding(&ids.transpose()?, &weight)?;
        assert_eq!(y.dims().to_string(), "(2, 2, 2)");
        assert_eq!(y.to_vec::<f32>()?, [6.0, 7.0, 2.0, 3.0, 0.0, 1.0, 0.0, 1.0], "{dtype}");
    }
    assert_eq!(embedding(&NdArray::scalar(2_u8), &weight)?.to_vec::<f32>()?, [4.0, 5.0]);
    let none = NdArray::zeros((0, 3), DType::I64)?;
    assert_eq!(embedding(&none, &weight)?.dims().to_string(), "(0, 3, 2)");
    Ok(())
}

#[test]
fn outputs_and_gradients_are_those_of_mxnet() {
    check_golden(&Embedding::new(6, 3), "embedding", 1, &[]);
}

#[test]
fn the_gradients_of_a_repeated_id_add_up() -> Result<()> {
    for layout in Layout::ALL {
        let f = |x: &[NdArray]| embedding(&NdArray::from_slice(&[2, 0, 2, 2], (2, 2))?, &x[0]);
        check("embedding", &f, &[&[3, 2]], &[layout], (-1.0, 1.0))?;
    }
    let layer = Embedding::new(3, 1);
    layer.initialize()?;
    record(|| layer.call(&array(&[1.0, 1.0, 0.0], 3)))?.backward()?;
    assert_eq!(gradient(&layer.weight()?), [1.0, 2.0, 0.0]);
    Ok(())
}

#[test]
fn half_precision_keeps_its_rows_as_they_are() -> Result<()> {
    let layer = Embedding::with(EmbeddingConfig {
        input_dim: 5,
        output_dim: 4,
        dtype: DType::F16,
        ..EmbeddingConfig::default()
    })?;
    layer.initialize()?;
    let y = layer.call(&NdArray::from_slice(&[4], 1)?)?;
    assert_eq!(y.dtype(), DType::F16);
    assert_eq!(bits(&y.row(0)?), bits(&layer.weight()?.data()?.row(4)?));
    Ok(())
}

/// An embedding and a decoder with its weight and a bias of its own.
fn tied(dtype: DType) -> Result<(Embedding, Dense)> {
    let embedding = Embedding::with(EmbeddingConfig {
        input_dim: 4,
        output_dim: 3,
        dtype,
        ..EmbeddingConfig::default()
    })?;
    let params = Some(embedding.params());
    let decoder = Dense::with(DenseConfig {
        units: 4,
        in_units: Some(3),
        flatten: false,
        dtype,
        params,
        ..DenseConfig::default()
    })?;
    assert!(decoder.weight()?.ptr_eq(&embedding.weight()?));
    Ok((embedding, decoder))
}

#[test]
fn a_decoder_may_share_the_weight_and_the_gradient_is_that_of_both_uses() -> Result<()> {
    let (embedding, decoder) = tied(DType::F64)?;
    let net = sequential![embedding, decoder];
    net.initialize_with(&init::Normal::new(0.5), Reinit::Keep)?;
    let ids = NdArray::from_slice(&[1, 3, 3], (1, 3))?;
    let weight = net[0].weight()?;
    assert_eq!(net.collect_params()?.len(), 2);
    let y = record(|| net.call(&ids)?.square())?;
    let head: Vec<f64> = (0..y.elem_count()).map(|i| 0.5 + 0.1 * i as f64).collect();
    Backward::new().head(&NdArray::from_slice(&head, y.dims())?).run(&[&y])?;
    let found = gradient(&weight);
    let loss = || -> Result<f64> {
        let y = net.call(&ids)?.square()?.to_vec::<f64>()?;
        Ok(y.iter().zip(&head).map(|(y, head)| y * head).sum())
    };
    for (i, found) in found.into_iter().enumerate() {
        let moved = |by: f64| -> Result<f64> {
            let flat = weight.data()?.detach().reshape(12)?;
            let old = flat.slice(s![i as isize])?.to_scalar::<f64>()?;
            flat.set(s![i as isize], old + by)?;
            let moved = loss();
            flat.set(s![i as isize], old)?;
            moved
        };
        let expected = (moved(1e-5)? - moved(-1e-5)?) / 2e-5;
        assert!(
            (found - expected).abs() < 1e-6 * expected.abs().max(1.0),
            "{i}: {found}, {expected}"
        );
    }
    Ok(())
}

#[test]
fn ids_that_name_no_row_are_told_by_their_position() {
    let layer = name::manager(|| Embedding::new(4, 2));
    layer.initialize().unwrap();
    let told = |ids: NdArray| {
        let error = error(layer.call(&ids));
        format!("{error}: {}", error.root())
    };
    let lines = [
        told(NdArray::from_slice(&[0, 3, 4], 3).unwrap()),
        told(NdArray::from_slice(&[-1_i64], 1).unwrap()),
        told(array(&[f32::NAN], 1)),
        error(Embedding::with(EmbeddingConfig { input_dim: 0, ..Default::default() })).to_string(),
    ];
    assert_snapshot!(lines.join("\n"), @r"
    parameter `embedding0_weight`: id 4 at position 2 is not a row number below 4
    parameter `embedding0_weight`: id -1 at position 0 is not a row number below 4
    parameter `embedding0_weight`: id NaN at position 0 is not a row number below 4
    `input_dim` must be 1 or more, found 0
    ");
}
