//! The trait [`Block`] that networks and their parts implement, and [`BlockExt`], what can be done
//! with any of them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::core::{BlockCore, HookHandle};
use super::dyn_block::fmt_tree;
use super::summary::{self, Summary};
use super::walk::{Paths, source, walk};
use crate::array::{DType, NdArray};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::init::{Initializer, Reinit};
use crate::name::ParamPath;
use crate::param::select::IntoSelector;
use crate::param::{InitOptions, Parameter, ParameterDict, Selection, Snapshot, infer};
use crate::random::Draws;
use crate::shape::Dims;
use crate::suggest::nearest;

/// What a block consists of.
#[derive(Clone, Copy)]
pub enum Member<'a> {
    /// A parameter of its own.
    Parameter(&'a Parameter),
    /// A child.
    Block(&'a dyn Block),
    /// Where it draws from in its forward: the masks of a dropout.
    Draws(&'a Draws),
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Member::Parameter(parameter) => write!(f, "Parameter({})", parameter.name()),
            Member::Block(block) => write!(f, "Block({})", block.core().name()),
            Member::Draws(draws) => write!(f, "Draws({})", draws.name()),
        }
    }
}

/// Anything with children, parameters and a forward. Usually derived: see
/// [`derive(Block)`](macro@crate::Block).
///
/// What can be done with a block is in [`BlockExt`].
#[doc(alias = "HybridBlock", alias = "Module")]
pub trait Block: Any + Send + Sync {
    /// Its prefix, own parameters, scope and hooks.
    fn core(&self) -> &BlockCore;

    /// Shows its parameters and children to `visit`, in the order of their declaration, each with
    /// its key: the name of the field, the number in a list.
    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>));

    /// Computes the output, without the block's hooks; [`BlockExt::call`] runs those too. Blocks
    /// with several inputs or outputs have methods of their own and return
    /// [`Error::NoForward`] here.
    ///
    /// # Errors
    /// Whatever goes wrong.
    fn forward(&self, x: &NdArray) -> Result<NdArray>;

    /// The block itself as a trait object: `self`.
    fn as_dyn(&self) -> &dyn Block;

    /// Adds its parameters and those of its children to `params`. Override it to hide some or add
    /// others: [`BlockExt::collect_params`] of every parent honours that.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] if two different parameters have one name.
    fn collect_into(&self, params: &mut ParameterDict) -> Result<()> {
        let mut result = Ok(());
        self.core().with_params(|own| {
            result = params.extend(own);
            self.visit(&mut |_, member| {
                if result.is_ok()
                    && let Member::Parameter(parameter) = member
                    && !own.holds(parameter)
                {
                    result = params.insert(parameter);
                }
            });
        });
        self.visit(&mut |_, member| {
            if result.is_ok()
                && let Member::Block(block) = member
            {
                result = block.collect_into(params);
            }
        });
        result
    }

    /// The element type that its own parameters get when the tree that it is part of is cast to
    /// `dtype`: that, but for layers that need a wider one.
    fn own_dtype(&self, dtype: DType) -> DType {
        dtype
    }

    /// Whether all that it does is to call its children one after another, so that a
    /// [`Summary`] has no row for it.
    fn is_chain(&self) -> bool {
        false
    }

    /// Writes the block as Gluon prints it: its class, and its children indented.
    ///
    /// # Errors
    /// What the formatter returns.
    fn fmt_block(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_tree(self.as_dyn(), f)
    }
}

/// What can be done with any block: reach, initialize, change, call.
pub trait BlockExt: Block {
    /// The prefix of its name.
    fn prefix(&self) -> &str {
        self.core().prefix()
    }

    /// Its name: the prefix without the last underscore.
    fn name(&self) -> String {
        self.core().name().to_owned()
    }

    /// Its own parameters, those of its children not included.
    fn params(&self) -> ParameterDict {
        self.core().params()
    }

    /// Computes the output between the block's hooks, with the current context where the input is:
    /// of a parameter on several contexts, layers take the replica there.
    ///
    /// # Errors
    /// What the forward or a hook returns.
    fn call(&self, x: &NdArray) -> Result<NdArray> {
        x.there(|| {
            if self.core().is_watched() {
                return self.core().run_watched(self.as_dyn(), x, || self.forward(x));
            }
            self.forward(x)
        })
    }

    /// The child number `i`, from the end when negative.
    ///
    /// # Errors
    /// [`Error::UnknownChild`] if there is none.
    fn child(&self, i: isize) -> Result<&dyn Block> {
        let children = self.children();
        let index = if i < 0 { i + children.len() as isize } else { i };
        let found = usize::try_from(index).ok().and_then(|index| children.get(index));
        found.map(|(_, block)| *block).ok_or_else(|| Error::UnknownChild {
            block: self.core().name().into(),
            child: i.to_string().into(),
            nearest: Box::default(),
        })
    }

    /// The child with the key `key`.
    ///
    /// # Errors
    /// [`Error::UnknownChild`], with the nearest keys, if there is none.
    fn child_named(&self, key: &str) -> Result<&dyn Block> {
        let children = self.children();
        let found = children.iter().find(|(known, _)| &**known == key).map(|(_, block)| *block);
        found.ok_or_else(|| Error::UnknownChild {
            block: self.core().name().into(),
            child: key.into(),
            nearest: nearest(key, children.iter().map(|(known, _)| &**known)),
        })
    }

    /// The children with their keys, in order.
    fn children(&self) -> Vec<(Box<str>, &dyn Block)> {
        let mut children = Vec::new();
        self.visit(&mut |key, member| {
            if let Member::Block(block) = member {
                children.push((key.into(), block));
            }
        });
        children
    }

    /// Its own parameter with the key `key`, such as `weight`.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], with the nearest keys, if there is none.
    fn param(&self, key: &str) -> Result<Parameter> {
        let (mut found, mut keys) = (None, Vec::<Box<str>>::new());
        self.visit(&mut |known, member| {
            if let Member::Parameter(parameter) = member {
                keys.push(known.into());
                if known == key {
                    found = Some(parameter.clone());
                }
            }
        });
        found.ok_or_else(|| Error::UnknownParameter {
            name: format!("{}.{key}", self.core().name()).into(),
            nearest: nearest(key, keys.iter().map(|key| &**key)),
        })
    }

    /// Its own parameter `weight`.
    ///
    /// # Errors
    /// As [`BlockExt::param`].
    fn weight(&self) -> Result<Parameter> {
        self.param("weight")
    }

    /// Its own parameter `bias`.
    ///
    /// # Errors
    /// As [`BlockExt::param`].
    fn bias(&self) -> Result<Parameter> {
        self.param("bias")
    }

    /// Every parameter of the tree by name: its own, then those of its children, each once.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] if two different parameters have one name.
    fn collect_params(&self) -> Result<ParameterDict> {
        self.select_params("")
    }

    /// Those of [`collect_params`](BlockExt::collect_params) whose names a pattern matches from the
    /// first letter on (Python's `re.match`). May be none.
    ///
    /// # Errors
    /// [`Error::Pattern`] if it is not a regular expression, [`Error::DuplicateName`] if two
    /// different parameters have one name.
    fn select_params(&self, pattern: &str) -> Result<ParameterDict> {
        let prefix = self.core().with_params(|own| own.prefix().to_owned());
        let mut params = ParameterDict::filtered(&prefix, pattern)?;
        self.collect_into(&mut params)?;
        Ok(params.collected())
    }

    /// Every path in the tree with its parameter: own ones first, then those of the children,
    /// depth first. A tied parameter comes once for each of its paths.
    fn named_parameters(&self) -> Vec<(ParamPath, Parameter)> {
        walk(self)
    }

    /// The parameter at a path such as `0.weight`, or of a global name such as `dense0_weight`.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], with the nearest paths and names.
    fn find_param(&self, path_or_name: &str) -> Result<Parameter> {
        let named = self.named_parameters();
        let by_path = named.iter().find(|(path, _)| path == path_or_name);
        let by_name = || named.iter().find(|(_, parameter)| parameter.name() == path_or_name);
        if let Some((_, parameter)) = by_path.or_else(by_name) {
            return Ok(parameter.clone());
        }
        if let Ok(params) = self.collect_params()
            && let Ok(parameter) = params.get(path_or_name)
        {
            return Ok(parameter.clone());
        }
        let known = named.iter().flat_map(|(path, parameter)| [&**path, &**parameter.name()]);
        Err(Error::UnknownParameter {
            name: path_or_name.into(),
            nearest: nearest(path_or_name, known),
        })
    }

    /// The parameters of the tree that a selector takes by their paths from this block: see
    /// [`param::select`](crate::param::select) for the language. May be none; the verbs of the
    /// [`Selection`] refuse that.
    ///
    /// # Errors
    /// [`Error::Selector`] if a text does not parse; [`Error::Pattern`] if a regular expression
    /// backtracks beyond its limit.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let net = sequential![Dense::new(8), Dense::new(8), Dense::new(2)];
    /// net.select("2.** | kind:bias")?.set_wd_mult(0.0)?;
    /// assert_eq!(net[0].bias()?.wd_mult(), 0.0);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    fn select(&self, selector: impl IntoSelector) -> Result<Selection> {
        Selection::new(selector.into_selector()?, source(self))
    }

    /// Freezes the parameters that a selector takes: see [`Parameter::freeze`]. Returns how many
    /// were not frozen.
    ///
    /// # Errors
    /// As [`BlockExt::select`]; [`Error::NothingSelected`].
    fn freeze(&self, selector: impl IntoSelector) -> Result<usize> {
        self.select(selector)?.freeze()
    }

    /// Lets training change the parameters again that a selector takes: see
    /// [`Parameter::unfreeze`]. Returns how many were frozen.
    ///
    /// # Errors
    /// As [`BlockExt::select`]; [`Error::NothingSelected`].
    fn unfreeze(&self, selector: impl IntoSelector) -> Result<usize> {
        self.select(selector)?.unfreeze()
    }

    /// Initializes every parameter of the tree: each by its own initializer, else uniformly in
    /// `[-0.07, 0.07)`. Those that have a value keep it, with a warning.
    ///
    /// # Errors
    /// As [`BlockExt::initialize_with`].
    fn initialize(&self) -> Result<()> {
        self.initialize_opts(&InitOptions::default())
    }

    /// Initializes every parameter of the tree: each by its own initializer, else by `init`.
    /// Parameters of unknown shape wait for the first forward; all else about them is fixed now.
    ///
    /// # Randomness
    /// The address is the next key of the process and the parameter's first path from this block.
    ///
    /// # Errors
    /// As [`BlockExt::initialize_opts`].
    fn initialize_with(&self, init: &dyn Initializer, reinit: Reinit) -> Result<()> {
        let init = Some(init.clone_initializer());
        self.initialize_opts(&InitOptions { init, reinit, ..InitOptions::default() })
    }

    /// Initializes the parameters of the tree, or some of them, with everything said.
    ///
    /// # Randomness
    /// The address is the seed, else the next key of the process, and the parameter's first path
    /// from this block: with the same seed a parameter gets the same values, whichever others are
    /// initialized with it.
    ///
    /// # Errors
    /// What an initializer returns; [`Error::UnknownShape`] for a parameter that cannot wait;
    /// [`Error::DuplicateName`]; [`Error::NothingSelected`]. Then no parameter has changed.
    fn initialize_opts(&self, options: &InitOptions) -> Result<()> {
        if let Some(selector) = &options.select {
            return self.select(selector)?.initialize_all(options);
        }
        let paths = Paths::of(self);
        self.collect_params()?.initialize_at(options, |parameter| paths.first(parameter))
    }

    /// Initializes every parameter of the tree on some contexts, with the same values on each; as
    /// [`BlockExt::initialize`] else. [`BlockExt::call`] then takes the replicas where its input is.
    ///
    /// # Memory
    /// One copy of each value until one of its replicas is edited; a gradient for each.
    ///
    /// # Errors
    /// As [`BlockExt::initialize_opts`]; [`Error::Setting`] if there is no context, or one is named
    /// twice.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let net = Dense::new(2);
    /// net.initialize_on(&[Context::cpu(0), Context::cpu(1)])?;
    /// let x = NdArray::ones((1, 3), DType::F32)?;
    /// let y = net.call(&x.to_context(Context::cpu(1))?)?;
    /// assert_eq!(y.context(), Context::cpu(1));
    /// assert_eq!(y.to_vec::<f32>()?, net.call(&x)?.to_vec::<f32>()?);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    fn initialize_on(&self, contexts: &[Context]) -> Result<()> {
        self.initialize_opts(&InitOptions::on(contexts))
    }

    /// Moves every parameter of the tree to other contexts: see [`Parameter::reset_ctx`].
    ///
    /// # Errors
    /// As [`Parameter::reset_ctx`], for the first that fails; [`Error::DuplicateName`]. Then none
    /// has changed.
    fn reset_ctx(&self, contexts: &[Context]) -> Result<()> {
        self.collect_params()?.reset_ctx(contexts)
    }

    /// Tells every parameter its shape by a forward without values, and gives the output's sizes.
    ///
    /// Parameters that wait for their shape get their values, as the first forward would give them;
    /// the others learn their shapes, so that a later `initialize` does not wait. Blocks that the
    /// forward does not reach are left as they are: see [`BlockExt::pending`].
    ///
    /// # Shapes
    /// `inputs` holds the sizes of the forward's one input; blocks with several inputs are run by
    /// [`BlockExt::infer_shapes_with`].
    ///
    /// # Memory
    /// Nothing is computed and no element allocated, but the values of parameters that wait for
    /// them.
    ///
    /// # Errors
    /// [`Error::ShapeOnly`] if the forward looks at values; what a layer says about a shape that
    /// does not fit; what an initializer returns. Then no parameter has changed.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let net = sequential![Dense::new(256).activation(Activation::Relu), Dense::new(10)];
    /// assert_eq!(net.infer_shapes(&[(2, 20)])?.to_string(), "(2, 10)");
    /// assert_eq!(net[0].weight()?.shape().unwrap().to_string(), "(256, 20)");
    /// assert!(!net[0].weight()?.is_initialized());
    /// net.initialize()?; // nothing waits any more
    /// assert_eq!(net[1].weight()?.data()?.dims().to_string(), "(10, 256)");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    #[doc(alias = "eval_shape", alias = "meta")]
    fn infer_shapes<D: Into<Dims> + Clone>(&self, inputs: &[D]) -> Result<Dims> {
        self.infer_shapes_with(inputs, |inputs| Ok(self.call(one_input(inputs)?)?.dims().clone()))
    }

    /// As [`BlockExt::infer_shapes`], by a forward of the caller's: for blocks with several inputs
    /// or outputs. The arrays that it is given have sizes and an element type (that of the block's
    /// first floating-point parameter, else `f32`) but no values.
    ///
    /// # Errors
    /// As [`BlockExt::infer_shapes`].
    fn infer_shapes_with<D: Into<Dims> + Clone, R>(
        &self,
        inputs: &[D],
        forward: impl FnOnce(&[NdArray]) -> Result<R>,
    ) -> Result<R> {
        let inputs = shapes_as_inputs(self.as_dyn(), inputs)?;
        infer(|| forward(&inputs))
    }

    /// What a forward consists of: every block that runs, in the order in which they end, with the
    /// shape of its output and the number of its parameters, and their totals. Runs the forward
    /// without values, as [`BlockExt::infer_shapes`] does, and changes nothing: what waits for its
    /// shape goes on waiting. See [`Summary`].
    ///
    /// # Shapes
    /// `inputs` holds the sizes of the forward's one input; blocks with several inputs are run by
    /// [`BlockExt::summary_with`].
    ///
    /// # Memory
    /// No element is allocated, of parameters neither.
    ///
    /// # Errors
    /// [`Error::ShapeOnly`] if the forward looks at values; what a layer says about a shape that
    /// does not fit; as [`Parameter::data`] if a block that runs has a parameter whose shape the
    /// forward does not tell.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let net = sequential![Dense::new(256).activation(Activation::Relu), Dense::new(10)];
    /// let summary = net.summary(&[(2, 20)])?;
    /// assert_eq!(summary.unique(), 256 * 20 + 256 + 10 * 256 + 10);
    /// assert_eq!(summary.rows()[1].outputs[0].to_string(), "(2, 256)");
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    fn summary<D: Into<Dims> + Clone>(&self, inputs: &[D]) -> Result<Summary> {
        self.summary_with(inputs, |inputs| Ok(vec![self.call(one_input(inputs)?)?]))
    }

    /// As [`BlockExt::summary`], by a forward of the caller's, which returns the outputs: for
    /// blocks with several inputs or outputs. It is given arrays without values, as in
    /// [`BlockExt::infer_shapes_with`].
    ///
    /// # Errors
    /// As [`BlockExt::summary`].
    fn summary_with<D: Into<Dims> + Clone>(
        &self,
        inputs: &[D],
        forward: impl FnOnce(&[NdArray]) -> Result<Vec<NdArray>>,
    ) -> Result<Summary> {
        let inputs = shapes_as_inputs(self.as_dyn(), inputs)?;
        summary::of(self.as_dyn(), &inputs, forward)
    }

    /// As [`BlockExt::summary_with`], by a forward that computes: on inputs with values, as it is
    /// for a forward that looks at them. Parameters that wait for their shapes get their values.
    ///
    /// # Errors
    /// What the forward returns.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let net = sequential![Dense::new(3), Dense::new(1)];
    /// net.initialize()?;
    /// let x = NdArray::ones((2, 4), DType::F32)?;
    /// let summary = net.summary_of_run(&[x], |inputs| Ok(vec![net.call(&inputs[0])?]))?;
    /// assert_eq!(summary.total(), 4 * 3 + 3 + 3 + 1);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    fn summary_of_run(
        &self,
        inputs: &[NdArray],
        forward: impl FnOnce(&[NdArray]) -> Result<Vec<NdArray>>,
    ) -> Result<Summary> {
        summary::of_run(self.as_dyn(), inputs, forward)
    }

    /// The values of the tree by path, as they are now. Copies nothing: an edit afterwards writes to
    /// a copy.
    ///
    /// # Errors
    /// [`Error::BeingEdited`] inside an edit of one by the same thread.
    fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::of(self.named_parameters())
    }

    /// Gives the parameters the values of a snapshot, in place, converted to their element types:
    /// those at its paths; others keep what they have. Gradients stay.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`] if a path is not in this tree, [`Error::ShapeMismatch`] if a
    /// shape does not fit, [`Error::TiedValues`] if one parameter would get two values. Then
    /// nothing has changed.
    fn restore(&self, snapshot: &Snapshot) -> Result<()> {
        snapshot.restore(&self.named_parameters())
    }

    /// Runs `f` while the parameters have the values of a snapshot, and puts their own back
    /// afterwards: also after an error and after a panic, and whatever `f` did to them.
    ///
    /// # Errors
    /// As [`BlockExt::restore`]; as [`Parameter::data`] if a parameter has no value; what `f`
    /// returns.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// let net = Dense::with(DenseConfig { units: 1, in_units: Some(2), ..Default::default() })?;
    /// net.initialize()?;
    /// let mut average = Snapshot::new();
    /// average.insert("weight", &NdArray::ones((1, 2), DType::F32)?)?;
    /// let x = NdArray::ones((1, 2), DType::F32)?;
    /// let own = net.call(&x)?.to_vec::<f32>()?;
    /// assert_eq!(net.swap(&average, || net.call(&x)?.to_vec::<f32>())?, [2.0]);
    /// assert_eq!(net.call(&x)?.to_vec::<f32>()?, own);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    fn swap<R>(&self, values: &Snapshot, f: impl FnOnce() -> Result<R>) -> Result<R> {
        values.swap(&self.named_parameters(), f)
    }

    /// The paths of parameters whose initialization waits for the first forward.
    fn pending(&self) -> Vec<ParamPath> {
        let waiting = self.named_parameters().into_iter().filter(|(_, p)| p.is_deferred());
        waiting.map(|(path, _)| path).collect()
    }

    /// Changes the element type of every parameter of the tree. Layers that need a wider type take
    /// that: [`BatchNorm`](super::BatchNorm) stays in single precision when the rest goes to half.
    ///
    /// # Errors
    /// As [`Parameter::cast`].
    fn cast(&self, dtype: DType) -> Result<()> {
        let mut wider = Vec::new();
        self.apply(&mut |block| {
            let own = block.own_dtype(dtype);
            block.visit(&mut |_, member| {
                if let Member::Parameter(parameter) = member
                    && own != dtype
                {
                    wider.push((parameter.id(), own));
                }
            });
        });
        self.collect_params()?.iter().try_for_each(|parameter| {
            let own = wider.iter().find(|(id, _)| *id == parameter.id());
            parameter.cast(own.map_or(dtype, |(_, own)| *own))
        })
    }

    /// Sets every gradient of the tree to zeros.
    ///
    /// # Errors
    /// As [`Parameter::zero_grad`].
    fn zero_grad(&self) -> Result<()> {
        self.collect_params()?.zero_grad()
    }

    /// Does nothing: there is one way to run a block, and no graph is compiled from it. It is here
    /// so that a program written for Gluon reads the same.
    fn hybridize(&self) {}

    /// Runs `f` inside the block's scope: blocks built in it count within this one and carry its
    /// prefix.
    fn name_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        self.core().name_scope(f)
    }

    /// Shows every block of the tree to `f`, children before parents.
    fn apply(&self, f: &mut dyn FnMut(&dyn Block)) {
        fn visit(block: &dyn Block, f: &mut dyn FnMut(&dyn Block)) {
            for (_, child) in block.children() {
                visit(child, f);
            }
            f(block);
        }
        visit(self.as_dyn(), f);
    }

    /// Adds a hook that runs before each [`call`](BlockExt::call), with the block and its input. An
    /// error ends the call.
    fn register_forward_pre_hook(
        &self,
        hook: impl Fn(&dyn Block, &NdArray) -> Result<()> + Send + Sync + 'static,
    ) -> HookHandle {
        self.core().add_pre_hook(Arc::new(hook))
    }

    /// Adds a hook that runs after each [`call`](BlockExt::call), with the block, its input and its
    /// output. An error ends the call.
    fn register_forward_hook(
        &self,
        hook: impl Fn(&dyn Block, &NdArray, &NdArray) -> Result<()> + Send + Sync + 'static,
    ) -> HookHandle {
        self.core().add_hook(Arc::new(hook))
    }
}

impl<B: Block + ?Sized> BlockExt for B {}

/// Arrays without values, of the element type that the block computes in.
fn shapes_as_inputs<D: Into<Dims> + Clone>(
    block: &dyn Block,
    inputs: &[D],
) -> Result<Vec<NdArray>> {
    let dtypes = block.named_parameters().into_iter().map(|(_, parameter)| parameter.dtype());
    let dtype = { dtypes }.find(|dtype| dtype.is_float()).unwrap_or(DType::F32);
    inputs.iter().map(|dims| NdArray::shape_only(dims.clone(), dtype)).collect()
}

fn one_input(inputs: &[NdArray]) -> Result<&NdArray> {
    match inputs {
        [x] => Ok(x),
        _ => Err(Error::Setting {
            setting: "inputs",
            expected: "one shape, as this forward has one input",
            found: inputs.len().to_string().into(),
        }),
    }
}
