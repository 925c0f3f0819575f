//! Deferred initialization: what is fixed at the call of `initialize`, and what waits.

use gluonic::prelude::*;

use crate::support::{alone, array, bits, error, photograph, value, variant};

fn net(in_units: Option<[usize; 2]>) -> Result<Sequential> {
    let layer = |units, i: usize, activation| {
        Dense::with(DenseConfig {
            units,
            in_units: in_units.map(|widths| widths[i]),
            activation,
            bias_initializer: None,
            ..DenseConfig::default()
        })
    };
    Ok(sequential![layer(5, 0, Some(Activation::Tanh))?, layer(2, 1, None)?])
}

fn input() -> NdArray {
    array(&[0.5, -1.0, 2.0, 0.25, 1.0, -0.5], (2, 3))
}

#[test]
fn lazy_equals_eager_bit_for_bit_whatever_the_order_of_the_forwards() {
    alone("deferred::lazy_equals_eager_bit_for_bit_whatever_the_order_of_the_forwards", || {
        let run = |lazy: bool, first: usize| -> Result<Vec<Vec<u64>>> {
            random::seed(3);
            let nets = [net((!lazy).then_some([3, 5]))?, net((!lazy).then_some([3, 5]))?];
            nets.iter().try_for_each(BlockExt::initialize)?;
            // The second layer alone first, then a draw that has nothing to do with either.
            nets[first][1].call(&NdArray::ones((1, 5), DType::F32)?)?;
            ops::uniform(0.0, 1.0, 100)?;
            nets[1 - first].call(&input())?;
            nets[first].call(&input())?;
            let params = nets.iter().flat_map(BlockExt::named_parameters);
            params.map(|(_, parameter)| Ok(bits(&parameter.data()?))).collect()
        };
        let eager = run(false, 0).unwrap();
        assert_eq!(run(true, 0).unwrap(), eager);
        assert_eq!(run(true, 1).unwrap(), eager);
        assert_ne!(eager[0], eager[4], "two nets must not start alike");
    });
}

#[test]
fn an_access_too_early_tells_what_waits_and_what_to_do() -> Result<()> {
    let net = name::manager(|| sequential![Dense::new(4), sequential![Dense::new(2)]]);
    let weight = net[0].weight()?;
    let early = error(weight.data());
    assert_eq!(early.to_string(), "parameter `dense0_weight` has not been initialized");
    assert_eq!(early.hint().unwrap(), "call `initialize` on the block that holds it");
    net.initialize()?;
    let early = error(weight.grad());
    assert_eq!(
        early.to_string(),
        "parameter `dense0_weight` has shape (4, ?): its initialization waits for the first forward"
    );
    // The parameter knows what waits besides it.
    assert_eq!(
        early.hint().unwrap(),
        "run one batch through the model, or `infer_shapes`; waiting: `0.weight`, `1.0.weight`"
    );
    let waiting: Vec<_> = net.pending().iter().map(ToString::to_string).collect();
    assert_eq!(waiting, ["0.weight", "1.0.weight"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.params");
    let early = error(net.save_parameters(&file));
    assert_eq!(
        early.hint().unwrap(),
        "run one batch through the model, or `infer_shapes`; waiting: `0.weight`, `1.0.weight`"
    );
    assert!(!file.exists());
    let mut trainer = Trainer::new(&net.collect_params()?, Sgd::new(0.1)?)?;
    let early = error(trainer.step(1));
    assert_eq!(
        early.hint().unwrap(),
        "run one batch through the model, or `infer_shapes`; waiting: `0.weight`, `1.0.weight`"
    );
    Ok(())
}

#[test]
fn a_value_set_before_the_first_forward_wins_over_the_initializer() -> Result<()> {
    let net = net(None)?;
    net.initialize()?;
    let weight = net[0].weight()?;
    weight.set_data(&NdArray::full((5, 3), 0.5, DType::F64)?)?;
    assert!(weight.is_deferred() && variant(&error(weight.data())) == "Deferred");
    assert_eq!(weight.shape().unwrap().to_string(), "(5, 3)");
    net.call(&input())?;
    assert_eq!((value(&weight), weight.dtype()), (vec![0.5; 15], DType::F32));
    assert!(weight.provenance().is_none());
    let wrong = error(weight.set_data(&NdArray::ones((5, 4), DType::F32)?));
    assert_eq!(variant(&wrong), "ShapeMismatch");
    Ok(())
}

#[test]
fn a_pending_value_of_the_wrong_width_is_found_at_the_first_forward() -> Result<()> {
    let net = net(None)?;
    net.initialize()?;
    let weight = net[0].weight()?;
    assert_eq!(
        variant(&error(weight.set_data(&NdArray::ones((4, 3), DType::F32)?))),
        "ShapeMismatch"
    );
    assert_eq!(weight.shape().unwrap().to_string(), "(5, ?)");
    weight.set_data(&NdArray::ones((5, 7), DType::F32)?)?;
    assert_eq!(variant(error(net.call(&input())).root()), "ShapeMismatch");
    assert!(weight.is_deferred());
    Ok(())
}

#[test]
fn settings_made_before_the_first_forward_count_when_it_comes() -> Result<()> {
    let net = net(None)?;
    net.initialize()?;
    let [first, second] = [net[0].weight()?, net[1].weight()?];
    first.set_grad_req(GradReq::Null);
    second.set_grad_req(GradReq::Add);
    net.cast(DType::F64)?;
    net.call(&input().cast(DType::F64)?)?;
    assert_eq!((first.dtype(), second.grad()?.dtype()), (DType::F64, DType::F64));
    assert_eq!(variant(&error(first.grad())), "NoGrad");
    for _ in 0..2 {
        autograd::record(|| net.call(&input().cast(DType::F64)?)?.sum())?.backward()?;
    }
    let twice = second.grad()?.to_f64_vec()?;
    second.zero_grad()?;
    autograd::record(|| net.call(&input().cast(DType::F64)?)?.sum())?.backward()?;
    let once = second.grad()?.to_f64_vec()?;
    // Added up in another order than doubled.
    assert!(twice.iter().zip(&once).all(|(twice, once)| (twice - 2.0 * once).abs() < 1e-12));
    Ok(())
}

#[test]
fn initializing_again_before_the_first_forward_replaces_the_plan() -> Result<()> {
    for reinit in [Reinit::Keep, Reinit::Force] {
        let net = net(None)?;
        net.initialize()?;
        net.initialize_with(&init::Constant::new(3.0), reinit)?;
        net.call(&input())?;
        assert_eq!(value(&net[0].weight()?), [3.0; 15], "{reinit:?}");
        assert_eq!(value(&net[1].weight()?), [3.0; 10], "{reinit:?}");
    }
    Ok(())
}

#[test]
fn a_layer_tied_before_the_first_forward_gets_the_one_value() -> Result<()> {
    let first = Dense::new(3);
    first.initialize()?;
    let tied = Dense::sharing(3, &first.params())?;
    assert!(tied.weight()?.is_deferred());
    tied.call(&input())?;
    assert!(first.weight()?.is_initialized());
    assert!(first.weight()?.data()?.same_memory(&tied.weight()?.data()?));
    assert_eq!(bits(&first.call(&input())?), bits(&tied.call(&input())?));
    Ok(())
}

#[test]
fn a_deferred_net_takes_its_unknown_sizes_from_a_file() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    for file in ["net.params", "net.safetensors"].map(|name| folder.path().join(name)) {
        let saved = net(Some([3, 5]))?;
        saved.initialize()?;
        saved.save_parameters(&file)?;
        for initialized in [false, true] {
            let loaded = net(None)?;
            if initialized {
                loaded.initialize()?;
            }
            let _report = loaded.load_parameters(&file, &LoadOptions::default())?;
            assert_eq!(loaded[0].to_string(), "Dense(3 -> 5, Activation(tanh))");
            assert_eq!(bits(&loaded.call(&input())?), bits(&saved.call(&input())?));
            assert!(loaded.pending().is_empty());
        }
    }
    Ok(())
}

/// Fails on the parameter of one name.
#[derive(Clone, Debug)]
struct FailsOn(&'static str);

impl Initializer for FailsOn {
    fn init_weight(
        &self,
        desc: &init::InitDesc,
        data: &NdArray,
        _address: &random::Address,
    ) -> Result<()> {
        if &*desc.name == self.0 {
            return Err(Error::user("the initializer", "no idea"));
        }
        data.fill(9.0)
    }
}

#[test]
fn an_initializer_that_fails_on_the_last_parameter_leaves_all_as_they_were() -> Result<()> {
    let net = name::manager(|| net(Some([3, 5])))?;
    let fails = FailsOn("dense1_bias");
    let before = photograph(&net);
    let failed = error(net.initialize_with(&fails, Reinit::Keep));
    assert_eq!(failed.to_string(), "parameter `dense1_bias`");
    assert_eq!(failed.root().to_string(), "the initializer failed");
    assert_eq!(photograph(&net), before);
    net.initialize()?;
    let before = photograph(&net);
    error(net.initialize_with(&fails, Reinit::Force));
    assert_eq!(photograph(&net), before);
    Ok(())
}

#[test]
fn an_initializer_that_fails_in_the_first_forward_leaves_the_layer_waiting_as_before() -> Result<()>
{
    let net = name::manager(|| sequential![Dense::new(5)]);
    net.initialize_with(&FailsOn("dense0_weight"), Reinit::Keep)?;
    let before = photograph(&net);
    assert_eq!(variant(error(net.call(&input())).root()), "User");
    assert_eq!(photograph(&net), before);
    net.initialize()?;
    // Another width than that of the forward that failed.
    net.call(&NdArray::ones((1, 7), DType::F32)?)?;
    assert_eq!(net[0].weight()?.data()?.dims().to_string(), "(5, 7)");
    Ok(())
}

#[test]
fn the_first_forward_may_happen_inside_record_and_is_differentiated() -> Result<()> {
    let net = net(None)?;
    net.initialize()?;
    autograd::record(|| net.call(&input())?.sum())?.backward()?;
    let bias = net[1].bias()?.grad()?.to_vec::<f32>()?;
    assert_eq!(bias, [2.0, 2.0]);
    assert!(net[0].weight()?.grad()?.to_f64_vec()?.iter().any(|g| *g != 0.0));
    Ok(())
}

#[test]
fn siblings_initialized_one_by_one_differ_and_repeat_with_the_seed() {
    alone("deferred::siblings_initialized_one_by_one_differ_and_repeat_with_the_seed", || {
        let run = || -> Result<Vec<Vec<u64>>> {
            random::seed(9);
            let wide = |_| {
                Dense::with(DenseConfig { units: 4, in_units: Some(4), ..DenseConfig::default() })
            };
            let layers = (0..2).map(wide).collect::<Result<Vec<_>>>()?;
            layers.iter().try_for_each(BlockExt::initialize)?;
            layers.iter().map(|layer| Ok(bits(&layer.weight()?.data()?))).collect()
        };
        let values = run().unwrap();
        assert_ne!(values[0], values[1]);
        assert_eq!(run().unwrap(), values);
    });
}

#[test]
fn one_of_three_ties_initialized_through_its_sub_block_is_the_value_of_all() -> Result<()> {
    let first = Dense::new(3);
    let inner = Sequential::new();
    inner.add(Dense::sharing(3, &first.params())?);
    let net = Sequential::new();
    net.add(first.clone());
    net.add(inner.clone());
    net.add(Dense::sharing(3, &first.params())?);
    inner.initialize()?;
    net[2].call(&array(&[1.0; 3], (1, 3)))?;
    let weight = first.weight()?;
    let origin = weight.provenance().unwrap();
    assert_eq!(origin.address.path(), "0.weight", "the path from the block that was initialized");
    let value = bits(&weight.data()?);
    for layer in [&net[0], &net[1][0], &net[2]] {
        assert!(layer.weight()?.data()?.same_memory(&weight.data()?));
    }
    net.initialize()?;
    assert_eq!((bits(&weight.data()?), weight.provenance()), (value, Some(origin)));
    Ok(())
}
