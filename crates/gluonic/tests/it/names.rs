//! Names, paths and index chains: however a parameter is reached, it is the same one.

use std::collections::HashSet;
use std::sync::Arc;

use gluonic::name::ParamPath;
use gluonic::nn::Member;
use gluonic::prelude::*;

use crate::support::{Rng, error, variant};

/// A random tree of blocks; how many it has is counted in `n_blocks`.
fn tree(rng: &mut Rng, depth: usize, n_blocks: &mut usize) -> Arc<dyn Block> {
    *n_blocks += 1;
    if depth == 0 || rng.below(3) == 0 {
        return match rng.below(4) {
            0 => Arc::new(Dense::new(1 + rng.below(4)).activation(Activation::Tanh)),
            1 => Arc::new(Dense::with_prefix(&format!("layer{n_blocks}_"), 2)),
            2 => Arc::new(ActivationLayer::new(Activation::Relu)),
            _ => Arc::new(Dense::new(3)),
        };
    }
    let block = Sequential::new();
    let mut children = || (0..rng.below(5)).map(|_| tree(rng, depth - 1, n_blocks)).collect();
    let scoped: Vec<Arc<dyn Block>> = block.name_scope(&mut children);
    let loose = if scoped.len().is_multiple_of(2) { children() } else { Vec::new() };
    scoped.into_iter().chain(loose).for_each(|child| block.add_shared(child));
    Arc::new(block)
}

/// Follows a path such as `2.0.weight` by indexing.
#[track_caller]
fn by_index(root: &dyn Block, path: &ParamPath) -> Parameter {
    let (chain, key) = path.rsplit_once('.').unwrap_or(("", path));
    let mut block = root;
    for step in chain.split('.').filter(|step| !step.is_empty()) {
        let i: usize = step.parse().unwrap();
        assert!(std::ptr::eq(block.child_named(step).unwrap().core(), block[i].core()));
        block = &block[i];
    }
    block.param(key).unwrap()
}

#[test]
fn in_a_thousand_random_nested_blocks_names_are_distinct_and_every_way_leads_to_the_same() {
    let mut rng = Rng::new(20_240_601);
    let (mut n_blocks, mut n_trees) = (0, 0);
    while n_blocks < 1000 {
        let root = tree(&mut rng, 4, &mut n_blocks);
        n_trees += 1;
        let named = root.named_parameters();
        let params = root.collect_params().unwrap();
        let names: HashSet<_> = named.iter().map(|(_, p)| p.name().clone()).collect();
        let paths: HashSet<_> = named.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(
            (names.len(), paths.len(), params.len()),
            (named.len(), named.len(), named.len())
        );
        let in_order: Vec<_> = params.names().cloned().collect();
        assert_eq!(in_order, named.iter().map(|(_, p)| p.name().clone()).collect::<Vec<_>>());
        for (path, parameter) in &named {
            let ways = [
                params.get(parameter.name()).unwrap().clone(),
                root.find_param(path).unwrap(),
                root.find_param(parameter.name()).unwrap(),
                by_index(&*root, path),
                root.clone().find_param(path).unwrap(),
            ];
            assert!(ways.iter().all(|way| way.ptr_eq(parameter)), "{path}");
        }
    }
    assert!(n_trees > 10, "too few trees to mean anything: {n_trees}");
}

#[test]
fn a_name_manager_starts_counting_afresh_and_the_old_count_goes_on_after_it() {
    name::manager(|| {
        assert_eq!(Dense::new(1).name(), "dense0");
        name::manager(|| assert_eq!(Dense::new(1).name(), "dense0"));
        let thread = std::thread::spawn(|| Dense::new(1).name()).join().unwrap();
        assert_eq!((Dense::new(1).name().as_str(), thread.as_str()), ("dense1", "dense0"));
        let _ = std::panic::catch_unwind(|| name::manager(|| panic!("inside a manager")));
        assert_eq!(Dense::new(1).name(), "dense2");
    });
}

#[test]
fn a_scope_counts_within_its_block_and_puts_its_prefix_in_front() {
    name::manager(|| {
        let net = Sequential::new();
        let inner = net.name_scope(|| {
            net.add(Dense::new(1));
            let inner = Sequential::new();
            inner.name_scope(|| inner.add(Dense::new(1)));
            inner
        });
        net.name_scope(|| net.add(Dense::with_prefix("out_", 1)));
        net.name_scope(|| net.add(Dense::new(1)));
        net.add(inner);
        let params = net.collect_params().unwrap();
        let names: Vec<_> = params.names().map(ToString::to_string).collect();
        let weights: Vec<_> = names.iter().filter(|name| name.ends_with("weight")).collect();
        assert_eq!(
            weights,
            [
                "sequential0_dense0_weight",
                "sequential0_out_weight",
                "sequential0_dense1_weight",
                "sequential0_sequential0_dense0_weight",
            ]
        );
    });
}

#[test]
fn without_a_scope_the_children_of_a_sequential_have_flat_names() {
    name::manager(|| {
        let net = sequential![Dense::new(1), sequential![Dense::new(1)]];
        let weights = net.select_params(".*weight").unwrap();
        let names: Vec<_> = weights.names().map(ToString::to_string).collect();
        assert_eq!(names, ["dense0_weight", "dense1_weight"]);
        assert_eq!(weights.prefix(), "sequential0_");
    });
}

#[test]
fn a_prefix_is_used_as_it_is_and_takes_no_number() {
    name::manager(|| {
        let layer = Dense::with_prefix("foo", 1);
        assert_eq!((layer.prefix(), layer.name().as_str()), ("foo", "foo"));
        assert_eq!(layer.weight().unwrap().name(), "fooweight");
        let unnamed = Dense::with_prefix("", 1);
        assert_eq!((unnamed.name().as_str(), &**unnamed.weight().unwrap().name()), ("", "weight"));
        let through = unnamed.name_scope(|| Dense::new(1));
        assert_eq!((through.name().as_str(), Dense::new(1).name().as_str()), ("dense0", "dense1"));
    });
}

#[test]
fn a_layer_that_shares_parameters_has_its_own_name_and_the_others_parameters() -> Result<()> {
    name::manager(|| {
        let first = Dense::new(8);
        let tied = Dense::sharing(8, &first.params())?;
        assert_eq!((tied.name().as_str(), tied.params().prefix()), ("dense1", "dense0_"));
        assert!(tied.weight()?.ptr_eq(&first.weight()?) && tied.bias()?.ptr_eq(&first.bias()?));
        assert_eq!(Dense::new(1).name(), "dense2");
        let net = sequential![tied, first];
        let paths: Vec<_> =
            net.named_parameters().iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(paths, ["0.weight", "0.bias", "1.weight", "1.bias"]);
        assert_eq!(net.collect_params()?.len(), 2);
        let refused = error(Dense::sharing(9, &net[1].params()));
        assert_eq!(variant(&refused), "Attribute");
        Ok(())
    })
}

#[test]
fn a_block_registered_twice_has_two_paths_and_one_set_of_parameters() -> Result<()> {
    let layer: Arc<dyn Block> = Arc::new(Dense::new(2));
    let net = Sequential::new();
    net.add_shared(layer.clone());
    net.add_shared(layer);
    assert_eq!(net.collect_params()?.len(), 2);
    let found = ["0.weight", "1.weight"].map(|path| net.find_param(path));
    assert!(found[0].as_ref().unwrap().ptr_eq(found[1].as_ref().unwrap()));
    Ok(())
}

#[test]
fn two_parameters_of_one_name_are_refused_by_name_and_reached_by_path() -> Result<()> {
    let net = sequential![Dense::with_prefix("a_", 1), Dense::with_prefix("a_", 1)];
    for result in [net.collect_params().map(|_| ()), net.initialize(), net.cast(DType::F64)] {
        let error = error(result);
        assert_eq!(
            (variant(&error).as_str(), error.name().unwrap()),
            ("DuplicateName", &"a_weight".into())
        );
    }
    assert!(!net.find_param("0.weight")?.ptr_eq(&net.find_param("1.weight")?));
    assert!(!net[0].weight()?.is_initialized());
    Ok(())
}

/// Shows a weight and a child, but collects only the weight, and a parameter that is nowhere in
/// the tree.
struct Secretive {
    core: nn::BlockCore,
    weight: Parameter,
    child: Dense,
    extra: Parameter,
}

use gluonic::nn;

impl Block for Secretive {
    fn core(&self) -> &nn::BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        visit("weight", Member::Parameter(&self.weight));
        visit("child", Member::Block(&self.child));
    }

    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        self.child.call(x)
    }

    fn as_dyn(&self) -> &dyn Block {
        self
    }

    fn collect_into(&self, params: &mut ParameterDict) -> Result<()> {
        params.insert(&self.weight)?;
        params.insert(&self.extra)
    }
}

#[test]
fn a_block_that_collects_in_its_own_way_is_honoured_by_all_its_parents() -> Result<()> {
    let secretive = Secretive {
        core: nn::BlockCore::with_prefix("Secretive", "s_"),
        weight: Parameter::new("s_weight", 2),
        child: Dense::with_prefix("s_child_", 1),
        extra: Parameter::new("s_extra", 1),
    };
    let net = sequential![sequential![secretive], Dense::with_prefix("out_", 1)];
    let params = net.collect_params()?;
    let names: Vec<_> = params.names().map(ToString::to_string).collect();
    assert_eq!(names, ["s_weight", "s_extra", "out_weight", "out_bias"]);
    net.initialize()?;
    assert!(net.find_param("s_extra")?.is_initialized());
    let hidden = net.find_param("0.0.child.weight")?;
    assert!(!hidden.is_initialized() && !hidden.is_deferred());
    Ok(())
}

#[test]
fn a_miss_tells_the_nearest_names_paths_and_children() {
    let net = name::manager(|| sequential![Dense::new(1)]);
    let hint = |error: Error| error.hint().unwrap_or_default();
    assert_eq!(hint(error(net.find_param("0.wieght"))), "did you mean `0.weight`?");
    assert_eq!(hint(error(net[0].param("wight"))), "did you mean `weight`?");
    assert_eq!(variant(&error(net.child(1).map(|_| ()))), "UnknownChild");
    assert_eq!(variant(&error(net.child(-2).map(|_| ()))), "UnknownChild");
    assert_eq!(hint(error(net.child_named("00").map(|_| ()))), "did you mean `0`?");
}
