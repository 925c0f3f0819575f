//! Values that are chosen together: orthogonal, Dirac and sparse ones, the bias of an LSTM.

use gluonic::init::{DeltaOrthogonal, Dirac, Draw, Layout, LstmBias, Orthogonal, Sparse};
use gluonic::prelude::*;

use super::{draw_at, values};

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
                let found = super::draw(&init, dims, dtype).unwrap();
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
