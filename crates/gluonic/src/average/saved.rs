//! Averages in a file, so that a training that goes on has the same ones.
//!
//! The file is one as a trainer's: tensors `0.weight.average`, and in the metadata, under
//! `gluonic.average`, everything else as JSON.

use std::path::Path;

use indexmap::IndexMap;

use super::{Average, Kept, Rule};
use crate::array::NdArray;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Mismatch, Result, StatesProblem};
use crate::optim::{Any, Decay, read};
use crate::shape::Dims;
use crate::trainer::saved::{Saved, SavedArrays, SavedGroup, SavedState};

/// The key of the metadata.
const METADATA: &str = "gluonic.average";
/// What a tensor is called, after the key of its parameter.
const AVERAGE: &str = "average";

impl Average {
    /// Writes the averages, the number of updates and the settings to a file: a `.safetensors`
    /// file, whatever its suffix. The averages are written as they are kept, not rounded to the
    /// element types of the parameters.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written. Then the old file is as before.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{Average, prelude::*};
    /// # let folder = tempfile::tempdir()?; let file = folder.path().join("net.average");
    /// let net = Dense::with(DenseConfig { units: 1, in_units: Some(2), ..Default::default() })?;
    /// net.initialize()?;
    /// let mut average = Average::ema(&net, 0.999)?;
    /// average.update()?;
    /// average.save(&file)?;
    ///
    /// let mut again = Average::ema(&net, 0.999)?;
    /// again.load(&file)?;
    /// assert_eq!(again.updates(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, file: impl AsRef<Path>) -> Result<()> {
        self.states().save(file.as_ref())
    }

    /// Everything, as it is now.
    pub(crate) fn states(&self) -> SavedArrays {
        let mut tensors: Vec<(Box<str>, NdArray)> = Vec::new();
        let mut parameters = IndexMap::new();
        for item in &self.items {
            let key = &item.paths[0];
            if let Some(Kept { buf, dims }) = &item.kept {
                let array = NdArray::from_buf(buf.clone(), dims.clone());
                tensors.push((format!("{key}.{AVERAGE}").into(), array));
            }
            let saved = SavedState {
                updates: self.updates,
                shape: item.kept.as_ref().map(|kept| kept.dims.to_vec()),
                arrays: item.kept.is_some().then(|| vec![AVERAGE.to_owned()]),
                master: false,
            };
            parameters.insert(key.to_string(), saved);
        }
        let mut settings = IndexMap::from([("statistics".to_owned(), self.statistics.into())]);
        if let Rule::Ema { decay, warm_up } = self.rule {
            settings.insert("decay".to_owned(), decay.into());
            settings.insert("warm_up".to_owned(), warm_up.into());
        }
        let rule = self.rule.name().to_owned();
        let group = SavedGroup { rule, settings, last_lr: None };
        let groups = IndexMap::from([(AVERAGE.to_owned(), group)]);
        let saved = Saved { groups, rescale_grad: 1.0, num_update: self.updates, parameters };
        SavedArrays { tensors, metadata: (METADATA, saved.text()) }
    }

    /// Takes everything over that [`Average::save`] has written, the settings included: all of it,
    /// or nothing. So the averages go on as if training had not stopped. The shapes of the
    /// parameters must be known, if the averages had been updated.
    ///
    /// # Errors
    /// [`Error::Averages`] if the file holds no averages, or those of another kind, of other
    /// parameters or of other shapes; [`Error::Setting`] if its decay is not in `[0, 1)`;
    /// [`Error::Io`] if it cannot be read; [`Error::Format`] if it breaks its format's rules. Then
    /// nothing has changed.
    pub fn load(&mut self, file: impl AsRef<Path>) -> Result<()> {
        let read = self.read(file.as_ref())?;
        self.take(read);
        Ok(())
    }

    /// Everything of loading averages that can fail.
    pub(crate) fn read(&self, file: &Path) -> Result<ReadAverages> {
        let checkpoint = Checkpoint::open(file)?;
        let fail = |problem| Error::Averages {
            path: checkpoint.file().to_owned(),
            problem: Box::new(problem),
        };
        let saved = Saved::of(&checkpoint, METADATA).map_err(fail)?;
        let missing = || fail(StatesProblem::Text(format!("`{AVERAGE}` is missing").into()));
        let group = saved.groups.get(AVERAGE).ok_or_else(missing)?;
        if group.rule != self.rule.name() {
            let (expected, found) = (self.rule.name().into(), group.rule.as_str().into());
            return Err(fail(StatesProblem::Average(Mismatch { expected, found })));
        }
        let own = self.items.iter().map(|item| (&*item.paths[0], &item.parameter));
        saved.compare(own).map_err(fail)?;
        let setting = |name: &str| {
            let missing = || fail(StatesProblem::Text(format!("`{name}` is missing").into()));
            group.settings.get(name).copied().ok_or_else(missing)
        };
        let flag = |name| read::<Any, bool>(name, setting(name)?);
        let statistics = flag("statistics")?;
        let rule = match self.rule {
            Rule::Swa => Rule::Swa,
            Rule::Ema { .. } => {
                let decay = read::<Decay, f64>("decay", setting("decay")?)?;
                Rule::Ema { decay, warm_up: flag("warm_up")? }
            }
        };
        let tensors = checkpoint.to_arrays()?;
        let staged = self.items.iter().map(|item| {
            let key = &*item.paths[0];
            let dims = match &saved.parameters[key].shape {
                _ if saved.num_update == 0 => return Ok(None),
                None => return Err(fail(lacks(key, "none"))),
                Some(dims) => Dims::from(dims.clone()),
            };
            let array = tensors.get(&*format!("{key}.{AVERAGE}"));
            let Some(array) = array.filter(|array| array.dims() == &dims) else {
                let found = array.map_or("none".to_owned(), |array| array.dims().to_string());
                return Err(fail(lacks(key, &found)));
            };
            Ok(Some(Kept { buf: array.cell.snapshot()?, dims }))
        });
        let kept = staged.collect::<Result<Vec<_>>>()?;
        Ok(ReadAverages { rule, statistics, updates: saved.num_update, kept })
    }

    /// Takes averages over that [`Average::read`] has found right.
    pub(crate) fn take(&mut self, read: ReadAverages) {
        for (item, kept) in self.items.iter_mut().zip(read.kept) {
            item.kept = kept;
        }
        (self.rule, self.statistics, self.updates) = (read.rule, read.statistics, read.updates);
    }
}

/// Averages that fit.
pub(crate) struct ReadAverages {
    rule: Rule,
    statistics: bool,
    updates: u64,
    kept: Vec<Option<Kept>>,
}

/// The average of a parameter is not there, or is of other sizes than the file says.
fn lacks(key: &str, found: &str) -> StatesProblem {
    let mismatch = Mismatch { expected: format!("`{AVERAGE}`").into(), found: found.into() };
    StatesProblem::Arrays { name: key.into(), mismatch }
}
