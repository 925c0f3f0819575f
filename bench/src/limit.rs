//! The limit of a training step: its matrix products alone, with preallocated memory.

/// The products of a multilayer perceptron's forward and backward.
pub struct Gemms {
    batch: usize,
    layers: Vec<Layer>,
    x: Vec<f32>,
}

struct Layer {
    inputs: usize,
    outputs: usize,
    weight: Vec<f32>,
    weight_grad: Vec<f32>,
    y: Vec<f32>,
    y_grad: Vec<f32>,
}

impl Gemms {
    pub fn new(sizes: &[usize], batch: usize) -> Gemms {
        let layers = sizes.windows(2).map(|pair| {
            let (inputs, outputs) = (pair[0], pair[1]);
            Layer {
                inputs,
                outputs,
                weight: vec![0.01; inputs * outputs],
                weight_grad: vec![0.0; inputs * outputs],
                y: vec![0.0; batch * outputs],
                y_grad: vec![0.01; batch * outputs],
            }
        });
        Gemms { batch, layers: layers.collect(), x: vec![0.5; batch * sizes[0]] }
    }

    pub fn run(&mut self) {
        for k in 0..self.layers.len() {
            let (before, rest) = self.layers.split_at_mut(k);
            let layer = &mut rest[0];
            let (m, n, inner) = (self.batch, layer.outputs, layer.inputs);
            let x = before.last().map_or(&self.x, |layer| &layer.y);
            // y = x · Wᵀ, dW = dyᵀ · x, dx = dy · W.
            product(m, n, inner, &mut layer.y, (x, inner, 1), (&layer.weight, 1, inner));
            product(n, inner, m, &mut layer.weight_grad, (&layer.y_grad, 1, n), (x, inner, 1));
            if let Some(previous) = before.last_mut() {
                let weight = (layer.weight.as_slice(), inner, 1);
                product(m, inner, n, &mut previous.y_grad, (&layer.y_grad, n, 1), weight);
            }
        }
    }
}

fn product(
    m: usize,
    n: usize,
    k: usize,
    out: &mut [f32],
    (a, a_row, a_col): (&[f32], usize, usize),
    (b, b_row, b_col): (&[f32], usize, usize),
) {
    assert!(out.len() >= m * n && a.len() >= m * k && b.len() >= k * n);
    let threads = rayon::current_num_threads();
    let parallel = if threads > 1 && 2 * m * n * k >= 2_000_000 {
        gemm::Parallelism::Rayon(threads)
    } else {
        gemm::Parallelism::None
    };
    // SAFETY: the assertion above, and strides that enumerate exactly those elements.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.as_ptr(),
            a_col as isize,
            a_row as isize,
            b.as_ptr(),
            b_col as isize,
            b_row as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            parallel,
        );
    }
}
