//! Tables of what a forward consists of.

use std::sync::{Arc, Mutex};

use gluonic::nn::rnn::{Gru, Lstm, LstmCell, RecurrentCell, Unroll};
use gluonic::nn::{Summary, SummaryRow};
use gluonic::prelude::*;
use insta::assert_snapshot;

use crate::support::{error, photograph, variant};

/// A line for each row: path, class, outputs, parameters, of these trained, of these shared.
fn lines(summary: &Summary) -> String {
    let line = |row: &SummaryRow| {
        let outputs: Vec<_> = row.outputs.iter().map(ToString::to_string).collect();
        let numbers = (row.params, row.trainable, row.shared);
        format!("{:?} {} [{}] {numbers:?}", &*row.path, row.class, outputs.join(", "))
    };
    summary.rows().iter().map(line).collect::<Vec<_>>().join("\n")
}

fn mlp() -> Sequential {
    let hidden = || Dense::new(256).activation(Activation::Relu);
    sequential![hidden(), sequential![hidden()], Dense::new(10)]
}

#[test]
fn the_table_of_a_deferred_net_is_that_of_an_initialized_one_and_nothing_changes() -> Result<()> {
    let net = mlp();
    let new = net.summary(&[(2, 20)])?;
    net.initialize()?;
    let before = photograph(&net);
    let deferred = net.summary(&[(2, 20)])?;
    assert_eq!(photograph(&net), before);
    net.call(&ops::uniform(0.0, 1.0, (2, 20))?)?;
    let before = photograph(&net);
    let ready = net.summary(&[(2, 20)])?;
    assert_eq!(photograph(&net), before);
    assert_eq!(new, deferred);
    assert_eq!(new, ready);
    assert_snapshot!(lines(&new), @r#"
    "0.act" Activation [(2, 256)] (0, 0, 0)
    "0" Dense [(2, 256)] (5376, 5376, 0)
    "1.0.act" Activation [(2, 256)] (0, 0, 0)
    "1.0" Dense [(2, 256)] (65792, 65792, 0)
    "2" Dense [(2, 10)] (2570, 2570, 0)
    "#);
    Ok(())
}

#[test]
fn what_is_shared_counts_as_often_as_it_is_used_and_once_in_the_model() -> Result<()> {
    let shared = Arc::new(Dense::new(4));
    let net = Sequential::new();
    net.add_shared(shared.clone());
    net.add(Dense::sharing(4, &shared.params())?);
    net.add_shared(shared);
    assert_eq!(
        net.summary(&[(7, 4)])?.to_string(),
        "\
--------------------------------------------------------------------------------
        Layer (type)                                Output Shape         Param #
================================================================================
               Input                                      (7, 4)               0
             Dense-1                                      (7, 4)              20
             Dense-2                                      (7, 4)              20
             Dense-3                                      (7, 4)              20
================================================================================
Parameters in forward computation graph, duplicate included
   Total params: 60
   Trainable params: 60
   Non-trainable params: 0
Shared params in forward computation graph: 40
Unique parameters in model: 20
--------------------------------------------------------------------------------"
    );
    Ok(())
}

#[test]
fn statistics_and_what_is_frozen_are_not_trainable() -> Result<()> {
    let net = sequential![Dense::new(3), BatchNorm::new()];
    net.freeze("0.weight")?;
    let summary = net.summary(&[(5, 2)])?;
    assert_snapshot!(lines(&summary), @r#"
    "0" Dense [(5, 3)] (9, 3, 0)
    "1" BatchNorm [(5, 3)] (12, 6, 0)
    "#);
    assert_eq!((summary.total(), summary.trainable(), summary.unique()), (21, 9, 21));
    Ok(())
}

/// A block with a parameter of its own, two inputs and two outputs.
#[derive(gluonic::Block)]
#[block(no_forward)]
struct Mix {
    core: BlockCore,
    scale: Parameter,
    left: Dense,
    right: Dense,
}

impl Mix {
    fn new() -> Mix {
        let core = BlockCore::new("Mix");
        let scale = core.get("scale", &ParamSpec::new(1)).unwrap();
        let (left, right) = core.name_scope(|| (Dense::new(4), Dense::new(2)));
        Mix { core, scale, left, right }
    }

    fn mix(&self, x: &NdArray, y: &NdArray) -> Result<(NdArray, NdArray)> {
        let x = self.left.call(&(x * &self.scale.data()?)?)?;
        Ok((self.right.call(&x)?, self.left.call(y)?))
    }
}

#[test]
fn several_inputs_and_outputs_stand_beside_each_other() -> Result<()> {
    let net = Mix::new();
    let mix = |xs: &[NdArray]| {
        let (x, y) = net.mix(&xs[0], &xs[1])?;
        Ok(vec![x, y])
    };
    let summary = net.summary_with(&[(5, 3), (1, 3)], mix)?;
    assert_snapshot!(lines(&summary), @r#"
    "left" Dense [(5, 4)] (16, 16, 0)
    "right" Dense [(5, 2)] (10, 10, 0)
    "left" Dense [(1, 4)] (16, 16, 16)
    "" Mix [(5, 2), (1, 4)] (1, 1, 0)
    "#);
    let text = summary.to_string();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("), (")).collect();
    assert_eq!(
        lines,
        [
            "               Input                              (5, 3), (1, 3)               0",
            "               Mix-4                              (5, 2), (1, 4)               1",
        ]
    );
    assert_eq!(
        error(net.summary(&[(5, 3), (1, 3)])).to_string(),
        "`inputs` must be one shape, as this forward has one input, found 2"
    );
    Ok(())
}

#[test]
fn parts_that_run_by_methods_of_their_own_are_counted() -> Result<()> {
    let net = sequential![Mix::new(), Mix::new()];
    let parts = |part: &'static str| -> Result<Summary> {
        net.summary_with(&[(5, 3)], |xs| {
            let mix: &dyn std::any::Any = net[0].as_dyn();
            let mix = mix.downcast_ref::<Mix>().unwrap();
            Ok(vec![if part == "all" {
                mix.mix(&xs[0], &xs[0])?.0
            } else {
                mix.left.call(&xs[0])?
            }])
        })
    };
    assert_snapshot!(lines(&parts("all")?), @r#"
    "0.left" Dense [(5, 4)] (16, 16, 0)
    "0.right" Dense [(5, 2)] (10, 10, 0)
    "0.left" Dense [(5, 4)] (16, 16, 16)
    "0" Mix [] (1, 1, 0)
    "#);
    assert_snapshot!(lines(&parts("left")?), @r#""0.left" Dense [(5, 4)] (16, 16, 0)"#);
    Ok(())
}

#[test]
fn recurrent_layers_and_cells_are_counted() -> Result<()> {
    let lstm = Lstm::new(4);
    let states = |x: &NdArray| lstm.begin_state(2, x.dtype());
    let summary = lstm.summary_with(&[(7, 2, 3)], |xs| {
        let (y, at_end) = lstm.call_with(&xs[0], &states(&xs[0])?, None)?;
        Ok([vec![y], at_end].concat())
    })?;
    assert_snapshot!(lines(&summary), @r#""" LSTM [(7, 2, 4), (1, 2, 4), (1, 2, 4)] (144, 144, 0)"#);
    let (gru, head) = (sequential![Gru::new(4), Dense::new(1)], Dense::new(1));
    assert_snapshot!(lines(&gru.summary(&[(7, 2, 3)])?), @r#"
    "0" GRU [(7, 2, 4)] (108, 108, 0)
    "1" Dense [(7, 1)] (9, 9, 0)
    "#);
    let cell = Arc::new(LstmCell::new(4));
    let net = Sequential::new();
    net.add_shared(cell.clone());
    net.add(head);
    let summary = net.summary_with(&[(7, 2, 3)], |xs| {
        let (y, _) = cell.unroll(&xs[0], &Unroll::default())?;
        Ok(vec![net[1].call(&y)?])
    })?;
    assert_snapshot!(lines(&summary), @r#"
    "1" Dense [(7, 1)] (9, 9, 0)
    "0" LSTMCell [] (144, 144, 0)
    "#);
    Ok(())
}

#[test]
fn a_net_larger_than_any_memory_has_a_table() -> Result<()> {
    let net = sequential![Embedding::new(1 << 20, 1 << 18), Dense::new(1 << 24).flatten(false)];
    let summary = net.summary(&[(1 << 20, 1 << 10)])?;
    assert_eq!(summary.unique(), (1 << 38) + (1 << 42) + (1 << 24));
    assert!(net.named_parameters().iter().all(|(_, p)| !p.is_initialized()));
    Ok(())
}

/// Asks for a value in the middle of its forward.
#[derive(gluonic::Block)]
struct Curious {
    core: BlockCore,
    inner: Dense,
}

impl Forward for Curious {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        let h = self.inner.call(x)?;
        h.sum()?.to_scalar::<f32>()?;
        Ok(h)
    }
}

#[test]
fn a_forward_that_looks_at_values_is_told_so_and_the_next_summary_starts_over() -> Result<()> {
    let net = sequential![Curious { core: BlockCore::new("Curious"), inner: Dense::new(3) }];
    net.initialize()?;
    let before = photograph(&net);
    let refused = error(net.summary(&[(2, 2)]));
    assert_eq!(variant(&refused), "ShapeOnly");
    assert!(refused.hint().unwrap().ends_with("shapes do not tell them"));
    assert_eq!(photograph(&net), before);
    assert_eq!(Dense::new(1).summary(&[(2, 2)])?.rows().len(), 1);
    assert_eq!(variant(error(mlp().summary(&[()])).root()), "Deferred");
    Ok(())
}

#[test]
fn hooks_run_and_the_calls_of_other_threads_are_not_counted() -> Result<()> {
    let net = Arc::new(sequential![Dense::new(3)]);
    net.initialize()?;
    let x = NdArray::ones((1, 2), DType::F32)?;
    net.call(&x)?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (other, log) = (net.clone(), seen.clone());
    net.register_forward_hook(move |_, _, y| {
        log.lock().unwrap().push(y.dims().to_string());
        if log.lock().unwrap().len() == 1 {
            let (net, x) = (other.clone(), x.clone());
            std::thread::spawn(move || net.call(&x).map(|_| ())).join().unwrap()?;
        }
        Ok(())
    });
    assert_eq!(net.summary(&[(5, 2)])?.rows().len(), 1);
    assert_eq!(*seen.lock().unwrap(), ["(5, 3)", "(1, 3)"]);
    Ok(())
}

#[test]
fn a_summary_inside_a_forward_leaves_the_outer_one_alone() -> Result<()> {
    let (net, other) = (sequential![Dense::new(3)], Dense::new(2));
    let summary = net.summary_with(&[(5, 4)], |xs| {
        assert_eq!(other.summary(&[(1, 7)])?.total(), 16);
        Ok(vec![net.call(&xs[0])?])
    })?;
    assert_eq!((summary.total(), summary.rows().len()), (15, 1));
    let dims = net.infer_shapes_with(&[(5, 4)], |xs| {
        let y = net.call(&xs[0])?;
        assert_eq!(other.summary(&[(1, 7)])?.total(), 16);
        Ok(y.dims().clone())
    })?;
    assert_eq!(dims.to_string(), "(5, 3)");
    assert!(other.weight()?.shape().unwrap().dims().is_none());
    assert_eq!(net[0].weight()?.shape().unwrap().to_string(), "(3, 4)");
    Ok(())
}
