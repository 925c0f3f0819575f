//! Shapes found by a forward without values.

use gluonic::prelude::*;
use gluonic::{loss, s};

use crate::support::{array, bits, error, photograph, variant};

fn net() -> Sequential {
    name::manager(|| sequential![Dense::new(5).activation(Activation::Tanh), Dense::new(2)])
}

#[test]
fn a_net_learns_every_shape_before_it_is_initialized() -> Result<()> {
    let net = net();
    assert_eq!(net.infer_shapes(&[(7, 3)])?.to_string(), "(7, 2)");
    assert_eq!(net[0].to_string(), "Dense(3 -> 5, Activation(tanh))");
    assert!(net.named_parameters().iter().all(|(_, p)| !p.is_initialized() && !p.is_deferred()));
    net.initialize()?;
    assert!(net.pending().is_empty());
    assert_eq!(net[1].weight()?.data()?.dims().to_string(), "(2, 5)");
    Ok(())
}

#[test]
fn the_values_of_a_deferred_net_are_those_of_its_first_forward() -> Result<()> {
    let values = |infer: bool| -> Result<Vec<Vec<u64>>> {
        let net = net();
        let params = net.collect_params()?;
        for (i, parameter) in params.iter().enumerate() {
            // An address of its own for each net would differ; a constant per parameter does not.
            parameter.initialize_with(&init::Constant::new(i as f64), Reinit::Keep)?;
        }
        if infer {
            net.infer_shapes(&[(1, 3)])?;
            assert!(params.iter().all(Parameter::is_initialized));
        } else {
            net.call(&NdArray::ones((4, 3), DType::F32)?)?;
        }
        params.iter().map(|parameter| Ok(bits(&parameter.data()?))).collect()
    };
    assert_eq!(values(true)?, values(false)?);
    Ok(())
}

#[test]
fn nothing_is_allocated_for_a_net_larger_than_any_memory() -> Result<()> {
    let net = sequential![Dense::new(1 << 24), Dense::new(1 << 24).activation(Activation::Relu)];
    assert_eq!(net.infer_shapes(&[(1 << 20, 1 << 10, 1 << 8)])?.to_string(), "(1048576, 16777216)");
    assert_eq!(net[1].weight()?.shape().unwrap().to_string(), "(16777216, 16777216)");
    Ok(())
}

#[test]
fn the_input_has_the_element_type_of_the_net() -> Result<()> {
    for dtype in [DType::F16, DType::F64] {
        let net = net();
        net.cast(dtype)?;
        net.infer_shapes_with(&[(2, 3)], |inputs| {
            assert_eq!(inputs[0].dtype(), dtype);
            assert_eq!(net.call(&inputs[0])?.dtype(), dtype);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_shape_that_does_not_fit_changes_nothing() -> Result<()> {
    let with = |in_units| Dense::with(DenseConfig { units: 4, in_units, ..DenseConfig::default() });
    let net = sequential![with(None)?, with(Some(5))?];
    for initialize in [false, true] {
        if initialize {
            net.initialize()?;
        }
        let before = photograph(&net);
        assert_eq!(variant(error(net.infer_shapes(&[(2, 3)])).root()), "Dense");
        assert_eq!(photograph(&net), before);
    }
    Ok(())
}

#[test]
fn one_layer_used_at_two_widths_is_refused() -> Result<()> {
    let shared = std::sync::Arc::new(Dense::new(4));
    let net = Sequential::new();
    net.add_shared(shared.clone());
    net.add_shared(shared.clone());
    let before = photograph(&net);
    let refused = error(net.infer_shapes(&[(2, 3)]));
    assert_eq!(variant(refused.root()), "Dense");
    assert_eq!(photograph(&net), before);
    assert_eq!(net.infer_shapes(&[(2, 4)])?.to_string(), "(2, 4)");
    Ok(())
}

#[test]
fn several_inputs_are_refused_where_the_forward_has_one() {
    let refused = error(net().infer_shapes(&[(2, 3), (2, 3)]));
    assert_eq!(
        refused.to_string(),
        "`inputs` must be one shape, as this forward has one input, found 2"
    );
}

#[test]
fn a_block_of_several_inputs_and_outputs_is_inferred_by_its_own_forward() -> Result<()> {
    let net = net();
    let dims = net.infer_shapes_with(&[(2, 3), (2, 1)], |inputs| {
        let [x, y] = inputs else { unreachable!() };
        let h = net[0].call(&(x + y)?)?;
        Ok([net[1].call(&h)?.dims().clone(), h.dims().clone()])
    })?;
    assert_eq!(dims, [Dims::from((2, 2)), Dims::from((2, 5))]);
    Ok(())
}

/// Asks for a value in the middle of its forward.
#[derive(gluonic::Block)]
struct Curious {
    core: BlockCore,
    first: Dense,
    second: Dense,
}

impl Forward for Curious {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let h = self.first.call(x)?;
        h.sum()?.to_scalar::<f32>()?;
        self.second.call(&h)
    }
}

#[test]
fn a_forward_that_looks_at_values_is_told_so_and_nothing_is_learned() -> Result<()> {
    let net =
        Curious { core: BlockCore::new("Curious"), first: Dense::new(3), second: Dense::new(1) };
    net.initialize()?;
    let before = photograph(&net);
    let refused = error(net.infer_shapes(&[(2, 2)]));
    assert_eq!(variant(&refused), "ShapeOnly");
    assert!(refused.hint().unwrap().starts_with("run one batch through the model"));
    assert_eq!(photograph(&net), before);
    // The mode is over: the same forward works with values.
    net.call(&NdArray::ones((2, 2), DType::F32)?)?;
    Ok(())
}

#[test]
fn a_parameter_is_never_changed_while_shapes_are_inferred() -> Result<()> {
    let net = net();
    net.initialize()?;
    net.call(&NdArray::ones((1, 3), DType::F32)?)?;
    let before = photograph(&net);
    net.infer_shapes_with(&[(2, 3)], |inputs| {
        let weight = net[0].weight()?;
        weight.data()?.fill(9.0)?;
        weight.set_data(&NdArray::zeros((5, 3), DType::F32)?)?;
        let y = autograd::record(|| net.call(&inputs[0])?.sum())?;
        assert_eq!(variant(&error(y.backward())), "ShapeOnly");
        Ok(())
    })?;
    assert_eq!(photograph(&net), before);
    Ok(())
}

#[test]
fn blocks_that_no_forward_reaches_are_named() -> Result<()> {
    let net = name::manager(|| sequential![Dense::new(4), Dense::new(2), Dense::new(3)]);
    net.initialize()?;
    net.infer_shapes_with(&[(2, 5)], |inputs| net[1].call(&inputs[0]))?;
    let early = error(net[0].weight()?.data());
    assert_eq!(
        early.to_string(),
        "parameter `dense0_weight` has shape (4, ?): its initialization waits for a forward that \
         reaches it"
    );
    let hint =
        "no forward has reached `0.weight`, `2.weight`: call their blocks, or leave them out";
    assert_eq!(early.hint().unwrap(), hint);
    let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.1)?)?;
    assert_eq!(error(trainer.step(1)).hint().unwrap(), hint);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(error(net.save_parameters(folder.path().join("net.params"))).hint().unwrap(), hint);
    let pending: Vec<_> = net.pending().iter().map(ToString::to_string).collect();
    assert_eq!(pending, ["0.weight", "2.weight"]);
    Ok(())
}

type Operation = fn(&NdArray) -> Result<NdArray>;

/// Operations on a `(2, 3)` array, and on a transposed part of a larger one of those sizes.
const OPERATIONS: &[(&str, Operation)] = &[
    ("unary", |x| x.exp()),
    ("activation", |x| x.softplus()),
    ("scalar", |x| x / 2.0),
    ("binary", |x| x * x),
    ("broadcast binary", |x| x.maximum(&x.slice(s![0..1])?)),
    ("comparison", |x| x.lt(x)),
    ("cast", |x| x.cast(DType::I32)),
    ("to_context", |x| x.to_context(Context::cpu(1))),
    ("half", |x| x.cast(DType::BF16)?.square()),
    ("softmax", |x| x.softmax(0)),
    ("log_softmax", |x| x.log_softmax(-1)),
    ("sum", |x| x.sum()),
    ("mean_axes", |x| x.mean_axes(&[0], true)),
    ("max_axes", |x| x.max_axes(&[1], false)),
    ("matmul", |x| x.matmul(&x.transpose()?)),
    ("matrix vector", |x| x.matmul(&x.row(0)?)),
    ("stacked matmul", |x| x.expand_dims(0)?.broadcast_to((4, 2, 3))?.matmul(&x.transpose()?)),
    ("dense", |x| ops::dense(x, x, None)),
    ("reshape", |x| x.reshape(6)),
    ("reshape of a view", |x| x.transpose()?.reshape((6, 1))),
    ("permute", |x| x.permute(&[1, 0])),
    ("broadcast_to", |x| x.broadcast_to((5, 2, 3))),
    ("slice", |x| x.slice(s![.., ..;-2])),
    ("empty slice", |x| x.slice(s![2..])?.square()),
    ("take", |x| x.take(&[1, 1, 0])),
    ("row", |x| x.row(-1)),
    ("argmax", |x| x.argmax(1, false)),
    ("argsort", |x| x.argsort(0, ops::Order::Ascending)),
    ("one_hot", |x| x.one_hot(4, DType::BF16)),
    ("select", |x| x.gt(x)?.select(x, x)),
    ("pad", |x| x.pad(&[(1, 0), (0, 2)], ops::Pad::Edge)),
    ("ctc", |x| x.expand_dims(0)?.ctc_loss(&NdArray::zeros((1, 1), DType::I64)?, None, None)),
    ("deep_clone", |x| x.deep_clone()),
    ("zeros", |x| x + &NdArray::zeros(x.dims(), DType::F32)?),
    ("full", |x| x + &NdArray::full(3, 2.0, DType::F32)?),
    ("dropout", |x| ops::dropout(x, 0.5)),
    ("pick", |x| x.pick(&NdArray::zeros(2, DType::I64)?, -1)),
    ("cross entropy", |x| x.softmax_cross_entropy(&NdArray::zeros(2, DType::I64)?)),
    ("l2 loss", |x| loss::L2Loss::default().call(x, x, None)),
    ("assign", |x| {
        let y = x.deep_clone()?;
        y.set(s![0, ..], 1.0)?;
        y.fill_where(&y.gt(x)?, 0.0)?;
        y.map_inplace(f64::sqrt)?;
        Ok(y)
    }),
];

#[test]
fn every_operation_gives_the_sizes_and_the_type_it_gives_with_values() -> Result<()> {
    let larger = array(&[0.5; 12], (3, 4));
    for (name, op) in OPERATIONS {
        for strided in [false, true] {
            let with_values = |x: &NdArray| -> Result<_> {
                let x = if strided { x.slice(s![.., ..;2])?.transpose()? } else { x.clone() };
                let y = op(&x)?;
                Ok((y.dims().clone(), y.dtype()))
            };
            let x = if strided { larger.clone() } else { array(&[0.5; 6], (2, 3)) };
            let expected = with_values(&x)?;
            let found = Dense::new(1).infer_shapes_with(&[x.dims()], |xs| with_values(&xs[0]));
            assert_eq!(found?, expected, "{name}, strided {strided}");
        }
    }
    Ok(())
}
