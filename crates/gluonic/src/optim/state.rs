//! What a trainer remembers of one parameter for its optimizer.

use super::Optimizer;
use crate::array::{DType, NdArray};
use crate::context;
use crate::error::{Error, Result};
use crate::shape::Dims;
use crate::suggest::nearest;

/// What a trainer remembers of one parameter: how often it was updated, and the arrays that its
/// optimizer keeps.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let weight = Parameter::new("weight", 2);
/// weight.initialize()?;
/// let mut trainer = Trainer::of([&weight], Sgd::new(0.5)?.momentum(0.9)?)?;
/// autograd::record(|| &weight.data()? * 2.0)?.backward()?;
/// trainer.step(1)?;
/// let state = trainer.state("weight")?;
/// assert_eq!(state.updates(), 1);
/// assert_eq!(state.array("momentum")?.to_vec::<f32>()?, [-1.0; 2]);
/// # Ok::<(), gluonic::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct State {
    updates: u64,
    /// None before the first update.
    kept: Option<Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    dtype: DType,
    arrays: Box<[(Box<str>, NdArray)]>,
    master: Option<NdArray>,
}

impl State {
    /// How often the parameter was updated.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The arrays of the optimizer with their names; none before the first update.
    pub fn arrays(&self) -> impl Iterator<Item = (&str, &NdArray)> {
        let arrays = self.kept.iter().flat_map(|kept| kept.arrays.iter());
        arrays.map(|(name, array)| (&**name, array))
    }

    /// One of the arrays, by its name.
    ///
    /// # Errors
    /// [`Error::UnknownWord`], with the nearest names, if there is none.
    pub fn array(&self, name: &str) -> Result<&NdArray> {
        let found = self.arrays().find(|(known, _)| *known == name).map(|(_, array)| array);
        found.ok_or_else(|| Error::UnknownWord {
            kind: "array of the optimizer",
            word: name.into(),
            nearest: nearest(name, self.arrays().map(|(known, _)| known)),
        })
    }

    /// The `f32` copy of a half-precision parameter, if the optimizer is set to keep one: see
    /// [`Common::multi_precision`](super::Common::multi_precision).
    pub fn master(&self) -> Option<&NdArray> {
        self.kept.as_ref()?.master.as_ref()
    }

    /// A state that was saved.
    pub(crate) fn saved(
        updates: u64,
        dtype: DType,
        arrays: Vec<(Box<str>, NdArray)>,
        master: Option<NdArray>,
    ) -> State {
        let kept = Kept { dtype, arrays: arrays.into(), master };
        State { updates, kept: Some(kept) }
    }

    /// Whether it holds anything of an update.
    pub(crate) fn has_begun(&self) -> bool {
        self.kept.is_some()
    }

    pub(crate) fn set_updates(&mut self, updates: u64) {
        self.updates = updates;
    }

    pub(super) fn kept(&self, i: usize) -> Option<&NdArray> {
        self.kept.as_ref()?.arrays.get(i).map(|(_, array)| array)
    }

    pub(super) fn len(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.arrays.len())
    }

    /// Makes the arrays at the first update of a parameter of the type `stored`, on the current
    /// context; converts them if it was cast to a type that is computed otherwise, and brings them
    /// here if they are elsewhere.
    pub(super) fn fit(
        &mut self,
        dims: &Dims,
        stored: DType,
        computed: DType,
        optimizer: &dyn Optimizer,
    ) -> Result<()> {
        if self.kept.as_ref().is_none_or(|kept| kept.dtype != computed) {
            self.kept = Some(match self.kept.take() {
                None => Kept::new(dims, computed, optimizer)?,
                Some(kept) => kept.cast(computed)?,
            });
        }
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let wanted = stored != computed && optimizer.common().is_multi_precision();
        if wanted != kept.master.is_some() {
            // Zeros are no roundings of the parameter's elements, but for zeros, and so take them.
            kept.master = if wanted { Some(NdArray::zeros(dims, computed)?) } else { None };
        }
        let here = context::current();
        let arrays = kept.arrays.iter_mut().map(|(_, array)| array).chain(&mut kept.master);
        for array in arrays.filter(|array| array.context() != here) {
            *array = array.to_context(here)?;
        }
        Ok(())
    }
}

impl Kept {
    fn new(dims: &Dims, dtype: DType, optimizer: &dyn Optimizer) -> Result<Kept> {
        let arrays = optimizer.arrays(dims).into_iter();
        let arrays = arrays.map(|(name, dims)| Ok((name.into(), NdArray::zeros(dims, dtype)?)));
        Ok(Kept { dtype, arrays: arrays.collect::<Result<_>>()?, master: None })
    }

    fn cast(self, dtype: DType) -> Result<Kept> {
        let arrays = self.arrays.into_iter();
        let arrays = arrays.map(|(name, array)| Ok((name, array.cast(dtype)?)));
        // A wider parameter needs no copy of its own.
        Ok(Kept { dtype, arrays: arrays.collect::<Result<_>>()?, master: None })
    }
}
