//! Hooks around calls, walks over blocks, and calls that fail.

use std::sync::{Arc, Mutex};

use gluonic::nn::{BlockCore, Forward};
use gluonic::prelude::*;

use crate::support::{array, bits, error, photograph, variant};

type Log = Arc<Mutex<Vec<String>>>;

fn note(log: &Log, text: impl Into<String>) -> Result<()> {
    let mut log = log.lock().map_err(|_| Error::user("the log", "another hook has panicked"))?;
    log.push(text.into());
    Ok(())
}

fn take(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

fn input() -> NdArray {
    array(&[1.0, -2.0, 3.0], (1, 3))
}

#[test]
fn hooks_run_in_the_order_in_which_they_were_added_until_they_are_detached() -> Result<()> {
    let (net, log) = (sequential![Dense::new(2)], Log::default());
    net.initialize()?;
    let add = |text: &'static str| {
        let log = log.clone();
        net.register_forward_hook(move |_, _, _| note(&log, text))
    };
    let (first, _) = (add("after 1"), add("after 2"));
    let inner = log.clone();
    let before = net.register_forward_pre_hook(move |_, _| note(&inner, "before"));
    let inner = log.clone();
    net[0].register_forward_hook(move |_, _, _| note(&inner, "inside"));
    net.call(&input())?;
    assert_eq!(take(&log), ["before", "inside", "after 1", "after 2"]);
    first.detach();
    net.call(&input())?;
    assert_eq!(take(&log), ["before", "inside", "after 2"]);
    before.detach();
    // Without `call` there are no hooks of the block itself.
    net.forward(&input())?;
    assert_eq!(take(&log), ["inside"]);
    Ok(())
}

#[test]
fn a_hook_sees_the_block_its_input_and_its_output() -> Result<()> {
    let layer = Dense::with_prefix("seen_", 2);
    layer.initialize_with(&init::One, Reinit::Keep)?;
    let log = Log::default();
    let inner = log.clone();
    layer.register_forward_hook(move |block, x, y| {
        note(&inner, format!("{} {} {} {:?}", block.name(), x.dims(), y.dims(), y.to_vec::<f32>()?))
    });
    layer.call(&input())?;
    assert_eq!(take(&log), ["seen (1, 3) (1, 2) [2.0, 2.0]"]);
    Ok(())
}

#[test]
fn a_hook_may_add_and_detach_hooks_which_counts_from_the_next_call_on() -> Result<()> {
    let (net, log) = (sequential![], Log::default());
    let outer = (net.clone(), log.clone());
    net.register_forward_hook(move |_, _, _| {
        let (net, log) = (outer.0.clone(), outer.1.clone());
        net.register_forward_hook(move |_, _, _| note(&log, "new"));
        Ok(())
    });
    net.call(&input())?;
    assert!(take(&log).is_empty());
    net.call(&input())?;
    assert_eq!(take(&log), ["new"]);
    Ok(())
}

/// Passes its input on, or fails.
#[derive(gluonic::Block)]
struct Fragile {
    core: BlockCore,
    weight: Parameter,
    #[block(skip)]
    fails: Arc<Mutex<bool>>,
}

impl Forward for Fragile {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        if *self.fails.lock().unwrap() {
            return Err(Error::user("the layer", "it is out of order"));
        }
        x * &self.weight.data()?
    }
}

#[test]
fn an_error_in_a_layer_or_a_hook_ends_the_call_and_nothing_is_half_done() -> Result<()> {
    let fails = Arc::new(Mutex::new(false));
    let core = BlockCore::new("Fragile");
    let fragile =
        Fragile { weight: core.get("weight", &ParamSpec::new(1))?, core, fails: fails.clone() };
    let net = sequential![Dense::new(2), fragile, Dense::new(2)];
    net.initialize()?;
    let log = Log::default();
    let inner = log.clone();
    net.register_forward_hook(move |_, _, _| note(&inner, "after"));
    net.call(&input())?;
    autograd::record(|| net.call(&input()))?.backward()?;
    assert_eq!(take(&log), ["after"; 2]);
    let before = photograph(&net);
    *fails.lock().unwrap() = true;
    let failed = error(autograd::record(|| net.call(&input())));
    assert_eq!(
        (variant(failed.root()).as_str(), failed.root().to_string().as_str()),
        ("User", "the layer failed")
    );
    assert_eq!(std::error::Error::source(failed.root()).unwrap().to_string(), "it is out of order");
    assert_eq!((photograph(&net), take(&log).len()), (before.clone(), 0));
    assert!(!autograd::is_recording());
    *fails.lock().unwrap() = false;
    for hook in [
        net[1].register_forward_pre_hook(|_, _| Err(Error::user("the hook", "no"))),
        net[1].register_forward_hook(|_, _, _| Err(Error::user("the hook", "no"))),
    ] {
        let failed = error(autograd::record(|| net.call(&input())));
        assert_eq!(failed.root().to_string(), "the hook failed");
        assert_eq!((photograph(&net), take(&log).len()), (before.clone(), 0));
        hook.detach();
    }
    net.call(&input())?;
    assert_eq!(take(&log), ["after"]);
    Ok(())
}

#[test]
fn a_panic_in_a_hook_leaves_the_net_usable() -> Result<()> {
    let net = sequential![Dense::new(2)];
    net.initialize()?;
    let hook = net[0].register_forward_hook(|_, _, _| panic!("a hook of a user"));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        autograd::record(|| net.call(&input()))
    }));
    assert!(caught.is_err() && !autograd::is_recording());
    hook.detach();
    net.call(&input())?;
    Ok(())
}

#[test]
fn apply_shows_children_before_their_parents() {
    let net = name::manager(|| {
        sequential![Dense::new(1).activation(Activation::Relu), sequential![Dense::new(1)]]
    });
    let mut names = Vec::new();
    net.apply(&mut |block| names.push(block.name()));
    assert_eq!(names, ["dense0_relu", "dense0", "dense1", "sequential1", "sequential0"]);
}

#[test]
fn a_hook_on_an_activation_that_would_be_fused_runs_and_changes_no_number() -> Result<()> {
    for act in Activation::ALL {
        let layer = Dense::new(4).activation(act);
        layer.initialize_with(&init::Normal::new(1.0), Reinit::Keep)?;
        let weight = layer.weight()?;
        let run = || -> Result<_> {
            let y = autograd::record(|| layer.call(&input()))?;
            y.square()?;
            y.backward()?;
            Ok((bits(&y), bits(&weight.grad()?)))
        };
        layer.call(&input())?;
        let fused = run()?;
        let log = Log::default();
        let inner = log.clone();
        let hook = layer
            .child(0)?
            .register_forward_hook(move |block, _, _| note(&inner, block.to_string()));
        assert_eq!(run()?, fused, "{act}");
        assert_eq!(take(&log), [format!("Activation({act})")]);
        hook.detach();
        assert_eq!(run()?, fused, "{act}");
        assert!(take(&log).is_empty());
    }
    Ok(())
}
