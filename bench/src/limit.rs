//! The limit of a training step: its matrix products alone, with preallocated memory.

/// The products of a net's forward and backward.
pub struct Gemms(Vec<Layer>);

/// The products `y = x · Wᵀ`, `dW = dyᵀ · x` and `dx = dy · W` of a layer, each `repeat` times: of a
/// convolution once for each sample, where the rows are the places of the window, of an attention
/// once for each head.
struct Layer {
    repeat: usize,
    rows: usize,
    inputs: usize,
    outputs: usize,
    x: Vec<f32>,
    /// None for the first layer, whose input needs no gradient.
    x_grad: Option<Vec<f32>>,
    weight: Vec<f32>,
    weight_grad: Vec<f32>,
    y: Vec<f32>,
    y_grad: Vec<f32>,
}

impl Layer {
    fn new(repeat: usize, rows: usize, inputs: usize, outputs: usize, first: bool) -> Layer {
        Layer {
            repeat,
            rows,
            inputs,
            outputs,
            x: vec![0.5; rows * inputs],
            x_grad: (!first).then(|| vec![0.0; rows * inputs]),
            weight: vec![0.01; inputs * outputs],
            weight_grad: vec![0.0; inputs * outputs],
            y: vec![0.0; rows * outputs],
            y_grad: vec![0.01; rows * outputs],
        }
    }
}

impl Gemms {
    pub fn mlp(sizes: &[usize], batch: usize) -> Gemms {
        let layers = sizes.windows(2).enumerate();
        Gemms(layers.map(|(i, pair)| Layer::new(1, batch, pair[0], pair[1], i == 0)).collect())
    }

    pub fn lenet(batch: usize) -> Gemms {
        Gemms(vec![
            Layer::new(batch, 24 * 24, 25, 20, true),
            Layer::new(batch, 8 * 8, 500, 50, false),
            Layer::new(1, batch, 800, 500, false),
            Layer::new(1, batch, 500, 10, false),
        ])
    }

    /// An encoder of 2 layers of 128 units and 4 heads on 64 positions, and 10 classes. The products
    /// of an attention are those of a layer for each head, whose weight is the keys or the values.
    pub fn transformer(batch: usize) -> Gemms {
        let (positions, units, heads) = (64, 128, 4);
        let (rows, matrices, width) = (batch * positions, batch * heads, units / heads);
        let mut layers = Vec::new();
        for _ in 0..2 {
            layers.extend([
                Layer::new(1, rows, units, 3 * units, false),
                Layer::new(matrices, positions, width, positions, false),
                Layer::new(matrices, positions, positions, width, false),
                Layer::new(1, rows, units, units, false),
                Layer::new(1, rows, units, 4 * units, false),
                Layer::new(1, rows, 4 * units, units, false),
            ]);
        }
        layers.push(Layer::new(1, batch, units, 10, false));
        Gemms(layers)
    }

    pub fn run(&mut self) {
        for layer in &mut self.0 {
            let (m, n, inner) = (layer.rows, layer.outputs, layer.inputs);
            for _ in 0..layer.repeat {
                let x = layer.x.as_slice();
                product(m, n, inner, &mut layer.y, (x, inner, 1), (&layer.weight, 1, inner));
                product(n, inner, m, &mut layer.weight_grad, (&layer.y_grad, 1, n), (x, inner, 1));
                if let Some(x_grad) = &mut layer.x_grad {
                    let weight = (layer.weight.as_slice(), inner, 1);
                    product(m, inner, n, x_grad, (&layer.y_grad, n, 1), weight);
                }
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
