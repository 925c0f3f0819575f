//! What every block has: a prefix, its own parameters, a scope for its children's names, hooks.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::block::Block;
use super::scope::{self, Counters};
use super::summary;
use crate::array::NdArray;
use crate::error::Result;
use crate::param::{ParamSpec, Parameter, ParameterDict};

type PreHook = Arc<dyn Fn(&dyn Block, &NdArray) -> Result<()> + Send + Sync>;
type Hook = Arc<dyn Fn(&dyn Block, &NdArray, &NdArray) -> Result<()> + Send + Sync>;

/// What is said about the name of the next core.
struct BuiltAs {
    class: Box<str>,
    hint: Box<str>,
    prefix: Option<Box<str>>,
    params: Option<ParameterDict>,
}

thread_local! {
    static BUILT_AS: Cell<Option<BuiltAs>> = const { Cell::new(None) };
}

#[derive(Default)]
struct Hooks {
    before: Vec<(u64, PreHook)>,
    after: Vec<(u64, Hook)>,
}

struct Inner {
    class: Arc<str>,
    prefix: Box<str>,
    empty_prefix: bool,
    params: RwLock<ParameterDict>,
    counters: Counters,
    hooks: RwLock<Hooks>,
}

/// The part that all blocks have in common. A handle: `clone` is the same core.
///
/// # Examples
/// ```
/// use gluonic::{ParamSpec, name, nn::BlockCore};
/// let core = name::manager(|| BlockCore::new("Scale"));
/// let factor = core.get("factor", &ParamSpec::new((2, 2)))?;
/// assert_eq!(factor.name(), "scale0_factor");
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone)]
pub struct BlockCore(Arc<Inner>);

impl BlockCore {
    /// The core of a block of the class `class`: `Dense`, named `dense0`, `dense1`, …
    pub fn new(class: &str) -> Self {
        Self::with(class, &class.to_lowercase(), None, None)
    }

    /// With an explicit prefix, used as it is: give it its underscore.
    pub fn with_prefix(class: &str, prefix: &str) -> Self {
        Self::with(class, &class.to_lowercase(), Some(prefix), None)
    }

    /// Runs `f`, in which the first core that is made gets another class and is counted by another
    /// word: for a layer that is built on another one and is to carry its own name.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{name, nn::{BlockCore, BlockExt, Dense}};
    /// let build = || BlockCore::built_as("Head", "head", || Dense::new(10));
    /// assert_eq!(name::manager(build).name(), "head0");
    /// ```
    pub fn built_as<R>(class: &str, hint: &str, f: impl FnOnce() -> R) -> R {
        Self::built_with(class, hint, None, None, f)
    }

    /// As [`BlockCore::built_as`], with an explicit prefix and parameters to share too: for a layer
    /// whose own constructor takes none.
    ///
    /// # Examples
    /// ```
    /// use gluonic::nn::{BlockCore, BlockExt, Flatten};
    /// let flat = BlockCore::built_with("Flatten", "flatten", Some("flat_"), None, Flatten::new);
    /// assert_eq!(flat.name(), "flat");
    /// ```
    pub fn built_with<R>(
        class: &str,
        hint: &str,
        prefix: Option<&str>,
        params: Option<&ParameterDict>,
        f: impl FnOnce() -> R,
    ) -> R {
        struct Forget;
        impl Drop for Forget {
            fn drop(&mut self) {
                BUILT_AS.take();
            }
        }
        BUILT_AS.set(Some(BuiltAs {
            class: class.into(),
            hint: hint.into(),
            prefix: prefix.map(Into::into),
            params: params.cloned(),
        }));
        let _forget = Forget;
        f()
    }

    /// With everything: the word that names are counted by, a prefix, and parameters to share.
    pub fn with(
        class: &str,
        hint: &str,
        prefix: Option<&str>,
        params: Option<&ParameterDict>,
    ) -> Self {
        let built_as = BUILT_AS.take();
        let (class, hint, prefix, params) = match &built_as {
            Some(told) => (
                &*told.class,
                &*told.hint,
                told.prefix.as_deref().or(prefix),
                told.params.as_ref().or(params),
            ),
            None => (class, hint, prefix, params),
        };
        let (full, params) = scope::create(hint, prefix, params);
        BlockCore(Arc::new(Inner {
            class: class.into(),
            empty_prefix: prefix == Some(""),
            prefix: full,
            params: RwLock::new(params),
            counters: Counters::default(),
            hooks: RwLock::default(),
        }))
    }

    /// A core of the same class, prefix and parameters' prefix that takes no number: of a part of
    /// the block, such as a slice of a [`Sequential`](super::Sequential).
    ///
    /// # Examples
    /// ```
    /// use gluonic::nn::BlockCore;
    /// let whole = BlockCore::new("Stack");
    /// assert_eq!(BlockCore::with_prefix_of(&whole).prefix(), whole.prefix());
    /// ```
    pub fn with_prefix_of(other: &BlockCore) -> Self {
        BlockCore(Arc::new(Inner {
            class: other.0.class.clone(),
            prefix: other.0.prefix.clone(),
            empty_prefix: other.0.empty_prefix,
            params: RwLock::new(other.with_params(|params| ParameterDict::new(params.prefix()))),
            counters: Counters::default(),
            hooks: RwLock::default(),
        }))
    }

    /// The class, as it is printed.
    pub fn class(&self) -> &str {
        &self.0.class
    }

    pub(crate) fn shared_class(&self) -> Arc<str> {
        self.0.class.clone()
    }

    /// What the names of its parameters and children start with.
    pub fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// The prefix without its last underscore.
    pub fn name(&self) -> &str {
        self.prefix().strip_suffix('_').unwrap_or(self.prefix())
    }

    pub(crate) fn has_empty_prefix(&self) -> bool {
        self.0.empty_prefix
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// A number that tells this core from all others alive.
    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Whether both are the core of one block.
    pub fn ptr_eq(&self, other: &BlockCore) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A copy of the list of its own parameters, those of its children not included.
    pub fn params(&self) -> ParameterDict {
        self.with_params(Clone::clone)
    }

    pub(crate) fn with_params<R>(&self, read: impl FnOnce(&ParameterDict) -> R) -> R {
        read(&self.0.params.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The parameter `prefix + short`, made or shared: see [`ParameterDict::get_or_create`].
    ///
    /// # Errors
    /// As [`ParameterDict::get_or_create`].
    pub fn get(&self, short: &str, spec: &ParamSpec) -> Result<Parameter> {
        let mut params = self.0.params.write().unwrap_or_else(PoisonError::into_inner);
        params.get_or_create(short, spec)
    }

    /// The constant `prefix + short`: see [`ParameterDict::get_constant`].
    ///
    /// # Errors
    /// As [`ParameterDict::get_constant`].
    pub fn get_constant(&self, short: &str, value: Option<&NdArray>) -> Result<Parameter> {
        let mut params = self.0.params.write().unwrap_or_else(PoisonError::into_inner);
        params.get_constant(short, value)
    }

    /// Runs `f` inside the block's scope: blocks built in it count within this one and carry its
    /// prefix.
    pub fn name_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        scope::with_scope(self, f)
    }

    /// Whether somebody wants to see its calls: a hook, or a summary under way.
    pub(crate) fn is_watched(&self) -> bool {
        summary::is_under_way() || self.has_hooks()
    }

    fn has_hooks(&self) -> bool {
        let hooks = self.0.hooks.read().unwrap_or_else(PoisonError::into_inner);
        !(hooks.before.is_empty() && hooks.after.is_empty())
    }

    pub(crate) fn add_pre_hook(&self, hook: PreHook) -> HookHandle {
        let id = next_hook_id();
        let mut hooks = self.0.hooks.write().unwrap_or_else(PoisonError::into_inner);
        hooks.before.push((id, hook));
        HookHandle { core: self.clone(), id }
    }

    pub(crate) fn add_hook(&self, hook: Hook) -> HookHandle {
        let id = next_hook_id();
        let mut hooks = self.0.hooks.write().unwrap_or_else(PoisonError::into_inner);
        hooks.after.push((id, hook));
        HookHandle { core: self.clone(), id }
    }

    /// Runs a forward between the hooks, in the order in which they were added, and tells a summary
    /// under way. A hook may add or remove hooks: that counts from the next call on.
    pub(crate) fn run_watched(
        &self,
        block: &dyn Block,
        x: &NdArray,
        forward: impl FnOnce() -> Result<NdArray>,
    ) -> Result<NdArray> {
        let (before, after) = {
            let hooks = self.0.hooks.read().unwrap_or_else(PoisonError::into_inner);
            (hooks.before.clone(), hooks.after.clone())
        };
        before.iter().try_for_each(|(_, hook)| hook(block, x))?;
        let y = forward()?;
        after.iter().try_for_each(|(_, hook)| hook(block, x, &y))?;
        self.tell_summary(&[&y]);
        Ok(y)
    }

    /// Tells a summary under way on this thread that a call of the block has ended, with these
    /// outputs: for blocks with several inputs or outputs, whose calls do not go through
    /// [`BlockExt::call`](super::BlockExt::call). Does nothing if there is none.
    ///
    /// # Examples
    /// ```
    /// use gluonic::prelude::*;
    /// # #[derive(Block)]
    /// # #[block(no_forward)]
    /// # struct Pair { core: BlockCore }
    /// # let pair = Pair { core: BlockCore::new("Pair") };
    /// let summary = pair.summary_with(&[(2, 3)], |inputs| {
    ///     let outputs = [inputs[0].clone(), inputs[0].flatten()?];
    ///     pair.core().tell_summary(&[&outputs[0], &outputs[1]]);
    ///     Ok(outputs.to_vec())
    /// })?;
    /// assert_eq!(summary.rows()[0].outputs.len(), 2);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn tell_summary(&self, outputs: &[&NdArray]) {
        summary::note(self, outputs);
    }
}

fn next_hook_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl fmt::Debug for BlockCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockCore")
            .field("class", &self.class())
            .field("prefix", &self.prefix())
            .finish_non_exhaustive()
    }
}

/// A hook that was added to a block. Dropping the handle leaves the hook in place.
#[derive(Debug)]
pub struct HookHandle {
    core: BlockCore,
    id: u64,
}

impl HookHandle {
    /// Takes the hook away.
    pub fn detach(self) {
        let mut hooks = self.core.0.hooks.write().unwrap_or_else(PoisonError::into_inner);
        hooks.before.retain(|(id, _)| *id != self.id);
        hooks.after.retain(|(id, _)| *id != self.id);
    }
}
