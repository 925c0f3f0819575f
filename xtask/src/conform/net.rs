//! Builds networks from the small language of the golden cases: `t` is the type of a layer, `args`
//! its arguments; see the README of the fixtures.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gluonic::nn::rnn::{CellConfig, LstmCell, RecurrentCell, Unroll};
use gluonic::nn::{
    Activation, ActivationLayer, BatchNorm, BatchNormConfig, Block, BlockCore, Conv2D, ConvConfig,
    Dense, DenseConfig, Dropout, Embedding, EmbeddingConfig, Flatten, Identity, LayerNorm,
    MaxPool2D, Member, NormConfig, PReLU, PoolConfig, Sequential,
};
use gluonic::{BlockExt, DType, NdArray, ParamSpec, Parameter, ParameterDict};
use serde_json::Value;

use super::args::Args;
use super::init::initializer;
use super::{Check, Problem};

/// A block of which the members are known at run time only, as a user would write it by hand. Its
/// forward calls one child after another.
struct Custom {
    core: BlockCore,
    own: Vec<(String, Parameter)>,
    attrs: Vec<(String, Arc<dyn Block>)>,
}

impl Block for Custom {
    fn core(&self) -> &BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        for (key, parameter) in &self.own {
            visit(key, Member::Parameter(parameter));
        }
        for (key, block) in &self.attrs {
            visit(key, Member::Block(block.as_dyn()));
        }
    }

    fn forward(&self, x: &NdArray) -> gluonic::Result<NdArray> {
        self.attrs.iter().try_fold(x.clone(), |x, (_, block)| block.call(&x))
    }

    fn as_dyn(&self) -> &dyn Block {
        self
    }
}

/// A cell that is called as a layer: with the first states of its case, keeping the last.
pub(super) struct Unrolled {
    cell: LstmCell,
    states: Mutex<Vec<NdArray>>,
}

impl Unrolled {
    /// The states, if the block is such a cell.
    pub(super) fn states(block: &dyn Block) -> Option<&Mutex<Vec<NdArray>>> {
        let any: &dyn Any = block;
        any.downcast_ref::<Unrolled>().map(|cell| &cell.states)
    }
}

impl Block for Unrolled {
    fn core(&self) -> &BlockCore {
        self.cell.core()
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        self.cell.visit(visit);
    }

    fn forward(&self, x: &NdArray) -> gluonic::Result<NdArray> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let begin_state = (!states.is_empty()).then_some(&states[..]);
        let (y, last) = self.cell.unroll(x, &Unroll { begin_state, ..Unroll::default() })?;
        *states = last;
        Ok(y)
    }

    fn as_dyn(&self) -> &dyn Block {
        self
    }
}

/// Builds blocks, and knows those that have an `id`.
#[derive(Default)]
pub(super) struct Builder {
    known: HashMap<String, Arc<dyn Block>>,
}

impl Builder {
    /// The network of a case: `pre` in order, then `net`.
    pub(super) fn case(case: &Value) -> Check<Arc<dyn Block>> {
        let mut builder = Builder::default();
        for node in list(&case["pre"]) {
            builder.build(node)?;
        }
        builder.build(&case["net"])
    }

    pub(super) fn build(&mut self, node: &Value) -> Check<Arc<dyn Block>> {
        let block = match text(&node["t"])? {
            "ref" => return self.known(&node["ref"]).cloned(),
            "dense" => self.dense(node)?,
            "conv2d" => self.conv(node)?,
            "batchnorm" => self.batch_norm(node)?,
            "layernorm" => self.layer_norm(node)?,
            "embedding" => self.embedding(node)?,
            "maxpool2d" => {
                let mut args = args_of(node)?;
                let mut config = PoolConfig { prefix: prefix(node), ..PoolConfig::default() };
                set(&mut config.pool_size, args.dims("pool_size")?);
                config.strides = args.dims("strides")?;
                set(&mut config.padding, args.dims("padding")?);
                set(&mut config.ceil_mode, args.flag("ceil_mode")?);
                args.finish()?;
                Arc::new(MaxPool2D::with(config)?)
            }
            "prelu" => {
                plain(node)?.finish()?;
                Arc::new(PReLU::new())
            }
            "sequential" => self.sequential(node)?,
            "custom" => self.custom(node)?,
            "activation" => activation(node)?,
            "dropout" => {
                let mut args = plain(node)?;
                let rate = args.number("rate")?.unwrap_or_default();
                args.finish()?;
                Arc::new(Dropout::new(rate)?)
            }
            "flatten" => {
                plain(node)?.finish()?;
                Arc::new(Flatten::new())
            }
            "identity" => {
                plain(node)?.finish()?;
                Arc::new(Identity::new())
            }
            "lstmcell" => {
                let mut args = plain(node)?;
                let mut config = CellConfig::default();
                config.hidden_size = args.count("hidden_size")?.unwrap_or(config.hidden_size);
                args.finish()?;
                Arc::new(Unrolled { cell: LstmCell::with(&config)?, states: Mutex::default() })
            }
            other => return Err(Problem::Later(format!("layer `{other}`"))),
        };
        if let Some(id) = node["id"].as_str() {
            self.known.insert(id.to_owned(), block.clone());
        }
        Ok(block)
    }

    fn known(&self, id: &Value) -> Check<&Arc<dyn Block>> {
        let found = id.as_str().and_then(|id| self.known.get(id));
        found.ok_or_else(|| Problem::Differs(format!("the case has no block {id}")))
    }

    /// The parameters that a block shares, if it does.
    fn shared(&self, node: &Value) -> Check<Option<ParameterDict>> {
        let (own, all) = (&node["params_of"], &node["collect_params_of"]);
        if !own.is_null() {
            return Ok(Some(self.known(own)?.params()));
        }
        if all.is_null() { Ok(None) } else { Ok(Some(self.known(all)?.collect_params()?)) }
    }

    fn dense(&self, node: &Value) -> Check<Arc<dyn Block>> {
        let mut args = args_of(node)?;
        let mut config = DenseConfig {
            prefix: node["prefix"].as_str().map(str::to_owned),
            params: self.shared(node)?,
            ..DenseConfig::default()
        };
        config.units = args.count("units")?.unwrap_or(config.units);
        config.in_units = args.count("in_units")?.filter(|&units| units > 0);
        config.use_bias = args.flag("use_bias")?.unwrap_or(config.use_bias);
        config.flatten = args.flag("flatten")?.unwrap_or(config.flatten);
        config.activation = args.word("activation")?.map(str::parse).transpose()?;
        if let Some(name) = args.word("dtype")? {
            config.dtype = dtype(name)?;
        }
        if let Some(init) = args.take("weight_initializer") {
            config.weight_initializer = Some(initializer(text(init)?, &Value::Null)?);
        }
        if let Some(init) = args.take("bias_initializer") {
            config.bias_initializer = Some(initializer(text(init)?, &Value::Null)?);
        }
        args.finish()?;
        Ok(Arc::new(Dense::with(config)?))
    }

    fn conv(&self, node: &Value) -> Check<Arc<dyn Block>> {
        let mut args = args_of(node)?;
        let mut config =
            ConvConfig { prefix: prefix(node), params: self.shared(node)?, ..Default::default() };
        set(&mut config.channels, args.count("channels")?);
        set(&mut config.kernel_size, args.dims("kernel_size")?);
        set(&mut config.strides, args.dims("strides")?);
        set(&mut config.padding, args.dims("padding")?);
        set(&mut config.dilation, args.dims("dilation")?);
        set(&mut config.groups, args.count("groups")?);
        set(&mut config.use_bias, args.flag("use_bias")?);
        config.in_channels = args.count("in_channels")?.filter(|&channels| channels > 0);
        config.activation = args.word("activation")?.map(str::parse).transpose()?;
        args.finish()?;
        Ok(Arc::new(Conv2D::with(config)?))
    }

    fn batch_norm(&self, node: &Value) -> Check<Arc<dyn Block>> {
        let mut args = args_of(node)?;
        let mut config = BatchNormConfig {
            prefix: prefix(node),
            params: self.shared(node)?,
            ..Default::default()
        };
        set(&mut config.axis, args.integer("axis")?.map(|axis| axis as isize));
        set(&mut config.momentum, args.number("momentum")?);
        set(&mut config.epsilon, args.number("epsilon")?);
        set(&mut config.center, args.flag("center")?);
        set(&mut config.scale, args.flag("scale")?);
        set(&mut config.use_global_stats, args.flag("use_global_stats")?);
        config.in_channels = args.count("in_channels")?.filter(|&channels| channels > 0);
        args.finish()?;
        Ok(Arc::new(BatchNorm::with(config)?))
    }

    fn layer_norm(&self, node: &Value) -> Check<Arc<dyn Block>> {
        let mut args = args_of(node)?;
        let mut config =
            NormConfig { prefix: prefix(node), params: self.shared(node)?, ..Default::default() };
        config.axis = args.integer("axis")?.map(|axis| axis as isize);
        config.scale = args.flag("scale")?;
        set(&mut config.epsilon, args.number("epsilon")?);
        set(&mut config.center, args.flag("center")?);
        args.finish()?;
        Ok(Arc::new(LayerNorm::with(config)?))
    }

    fn embedding(&self, node: &Value) -> Check<Arc<dyn Block>> {
        let mut args = args_of(node)?;
        let mut config = EmbeddingConfig {
            prefix: prefix(node),
            params: self.shared(node)?,
            ..Default::default()
        };
        set(&mut config.input_dim, args.count("input_dim")?);
        set(&mut config.output_dim, args.count("output_dim")?);
        args.finish()?;
        Ok(Arc::new(Embedding::with(config)?))
    }

    fn sequential(&mut self, node: &Value) -> Check<Arc<dyn Block>> {
        args_of(node)?.finish()?;
        if self.shared(node)?.is_some() {
            return Err(Problem::Later("parameters that layer `sequential` shares".into()));
        }
        let net = node["prefix"].as_str().map_or_else(Sequential::new, Sequential::with_prefix);
        let fill = || {
            for child in list(&node["children"]) {
                net.add_shared(self.build(child)?);
            }
            Check::Ok(())
        };
        within(node["scope"] == true, net.core(), fill)?;
        Ok(Arc::new(net))
    }

    fn custom(&mut self, node: &Value) -> Check<Arc<dyn Block>> {
        args_of(node)?.finish()?;
        let class = node["cls"].as_str().unwrap_or("M");
        let (prefix, shared) = (node["prefix"].as_str(), self.shared(node)?);
        let core = BlockCore::with(class, &class.to_lowercase(), prefix, shared.as_ref());
        let own = list(&node["own"]).map(|pair| {
            let key = text(&pair[0])?;
            Ok((key.to_owned(), core.get(key, &ParamSpec::new(dims(&pair[1])?))?))
        });
        let own = own.collect::<Check<Vec<_>>>()?;
        let fill = || {
            let attrs = list(&node["attrs"]);
            attrs.map(|pair| Ok((text(&pair[0])?.to_owned(), self.build(&pair[1])?))).collect()
        };
        let attrs: Check<Vec<_>> = within(node["scope"] != false, &core, fill);
        Ok(Arc::new(Custom { own, attrs: attrs?, core }))
    }
}

/// Builds the children of a block, inside its name scope or not.
fn within<R>(scope: bool, core: &BlockCore, fill: impl FnOnce() -> R) -> R {
    if scope { core.name_scope(fill) } else { fill() }
}

fn activation(node: &Value) -> Check<Arc<dyn Block>> {
    let mut args = args_of(node)?;
    let activation: Activation = args.word("activation")?.unwrap_or_default().parse()?;
    args.finish()?;
    if !(node["params_of"].is_null() && node["collect_params_of"].is_null()) {
        return Err(Problem::Later("parameters that layer `activation` shares".into()));
    }
    let prefix = node["prefix"].as_str();
    Ok(Arc::new(match prefix {
        Some(prefix) => ActivationLayer::with_prefix(prefix, activation),
        None => ActivationLayer::new(activation),
    }))
}

/// Takes over an argument that is there.
fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

fn prefix(node: &Value) -> Option<String> {
    node["prefix"].as_str().map(str::to_owned)
}

fn args_of(node: &Value) -> Check<Args<'_>> {
    Ok(Args::new(format!("layer `{}`", text(&node["t"])?), &node["args"]))
}

/// The arguments of a layer that has neither prefix nor shared parameters.
fn plain(node: &Value) -> Check<Args<'_>> {
    let used = ["prefix", "params_of", "collect_params_of"];
    match used.iter().find(|key| !node[**key].is_null()) {
        Some(key) => Err(Problem::Later(format!("`{key}` of layer `{}`", text(&node["t"])?))),
        None => args_of(node),
    }
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> Check<&str> {
    value.as_str().ok_or_else(|| Problem::Differs(format!("the case has {value} for a word")))
}

pub(super) fn dims(value: &Value) -> Check<Vec<usize>> {
    let dims = value.as_array().map(|dims| dims.iter().map(|dim| Some(dim.as_u64()? as usize)));
    let dims = dims.and_then(Iterator::collect);
    dims.ok_or_else(|| Problem::Differs(format!("the case has {value} for a shape")))
}

fn dtype(name: &str) -> Check<DType> {
    DType::from_name(name).ok_or_else(|| Problem::Later(format!("element type `{name}`")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_library_lacks_comes_later() {
        let later = |node: Value| match Builder::default().build(&node) {
            Err(Problem::Later(what)) => what,
            Err(Problem::Differs(text)) => panic!("{text}"),
            Ok(block) => panic!("{block}"),
        };
        assert_eq!(later(json!({"t": "no_such"})), "layer `no_such`");
        let node = json!({"t": "dense", "args": {"units": 1, "no_such": 2}});
        assert_eq!(later(node), "argument `no_such` of layer `dense`");
        assert_eq!(later(json!({"t": "flatten", "prefix": "f_"})), "`prefix` of layer `flatten`");
    }

    #[test]
    fn a_hand_written_block_is_named_walked_and_called() {
        let node = json!({"t": "custom", "cls": "Other", "own": [["scale", [2]]],
            "attrs": [["fc", {"t": "dense", "args": {"units": 3}}]]});
        let block = gluonic::name::manager(|| Builder::default().build(&node)).unwrap();
        block.initialize().unwrap();
        let y = block.call(&NdArray::ones((1, 2), DType::F32).unwrap()).unwrap();
        assert_eq!(&y.dims()[..], [1, 3]);
        let named: Vec<_> = block.named_parameters();
        let named: Vec<_> = named.iter().map(|(path, p)| format!("{path} {}", p.name())).collect();
        let expected =
            ["scale other0_scale", "fc.weight other0_dense0_weight", "fc.bias other0_dense0_bias"];
        assert_eq!(named, expected);
    }
}
