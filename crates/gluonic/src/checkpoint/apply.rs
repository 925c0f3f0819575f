//! Carrying out a plan: everything that can fail first, then the change.

use std::collections::HashSet;

use super::convert::distance;
use super::file::Checkpoint;
use super::plan::{Load, LoadPlan};
use super::problem::Problem;
use super::report::LoadReport;
use super::source::Values;
use super::verbs::HasParameters;
use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::param::{Origin, Parameter};
use crate::shape::Shape;

impl LoadPlan {
    /// Reads the values and gives them to the parameters of the block, set or selection that the
    /// plan was made for: all of it, or nothing, also when a value cannot be read.
    ///
    /// # Memory
    /// What will change, beside the parameters and the checkpoint.
    ///
    /// # Errors
    /// [`Error::Load`] if the plan has problems, or if tied parameters have several values that
    /// differ; [`Error::Outdated`] if model or file are not what they were when the plan was made;
    /// [`Error::Format`] if a value breaks the format's rules. Then nothing has changed.
    pub fn apply<T: HasParameters + ?Sized>(&self, to: &T) -> Result<LoadReport> {
        let walked = to.parameters();
        let planned: HashSet<usize> = self.model.iter().map(Parameter::id).collect();
        if let Some((path, _)) = walked.iter().find(|(_, own)| !planned.contains(&own.id())) {
            return Err(outdated(path, "is new in the model"));
        }
        let now: HashSet<usize> = walked.iter().map(|(_, parameter)| parameter.id()).collect();
        if let Some(gone) = self.model.iter().find(|parameter| !now.contains(&parameter.id())) {
            return Err(outdated(gone.name(), "is no longer in the model"));
        }
        self.carry_out()
    }

    pub(super) fn carry_out(&self) -> Result<LoadReport> {
        if !self.report.problems.is_empty() {
            return Err(Error::Load(Box::new(self.report.clone())));
        }
        let values = self.checkpoint.open_values()?;
        // Everything that can fail, before the first parameter changes.
        let mut staged = Vec::with_capacity(self.loads.len());
        let mut conflicts = Vec::new();
        self.loads.iter().try_for_each(Load::check)?;
        for loads in self.batches() {
            for (load, value) in loads.iter().zip(read(&*values, loads)?) {
                let compared = value.and_then(|value| {
                    load.compare(&value, &self.checkpoint, &*values, &mut conflicts)?;
                    Ok(value)
                });
                let value = match compared {
                    // Tensors that a rule ties have different values.
                    Err(Error::Rename(report)) => {
                        conflicts.extend(report.problems.into_iter().map(Problem::Rule));
                        continue;
                    }
                    value => load.convert(value?)?,
                };
                let origin = load.provenance.clone();
                let origin = origin.map(|provenance| Origin { provenance, initial: true });
                staged.push((load, load.parameter.stage_value(value, origin)));
            }
        }
        if !conflicts.is_empty() {
            conflicts.sort_by(|a, b| a.key().cmp(b.key()));
            let report = LoadReport {
                file: self.report.file.clone(),
                problems: conflicts,
                ..LoadReport::default()
            };
            return Err(Error::Load(Box::new(report)));
        }
        for (load, staged) in staged {
            if load.to != load.expected {
                load.parameter.cast(load.to)?;
            }
            staged.commit()?;
        }
        for warning in &self.warnings {
            log::warn!("{warning}");
        }
        Ok(self.report.clone())
    }

    /// Values that are read together: enough for all threads, few enough that what they are
    /// converted from does not add up.
    fn batches(&self) -> impl Iterator<Item = &[Load]> {
        const BATCH: usize = 64 << 20;
        let mut bytes = 0;
        self.loads.chunk_by(move |load, _| {
            bytes += self.checkpoint.tensors()[load.tensor].bytes();
            let goes_on = bytes < BATCH;
            if !goes_on {
                bytes = 0;
            }
            goes_on
        })
    }
}

/// The values of some loads, together if that succeeds. If rules that do not hold stop that, each by
/// itself, so that all that do not hold are found.
fn read(values: &dyn Values, loads: &[Load]) -> Result<Vec<Result<NdArray>>> {
    let positions: Vec<usize> = loads.iter().map(|load| load.tensor).collect();
    match values.arrays(&positions) {
        Ok(arrays) => Ok(arrays.into_iter().map(Ok).collect()),
        Err(Error::Rename(_)) => {
            Ok(positions.iter().map(|position| values.array(*position)).collect())
        }
        Err(error) => Err(error),
    }
}

fn outdated(what: &str, change: impl Into<Box<str>>) -> Error {
    Error::Outdated { what: what.into(), change: change.into() }
}

impl Load {
    /// Whether the parameter is still as the plan found it, and can be written to.
    fn check(&self) -> Result<()> {
        let (dtype, parameter) = (self.parameter.dtype(), &self.parameter);
        if dtype != self.expected {
            return Err(outdated(&self.key, format!("was {}, is {dtype} now", self.expected)));
        }
        if let Some(shape) = parameter.shape()
            && !Shape::from(&self.dims).refines(&shape)
        {
            return Err(outdated(&self.key, format!("has shape {shape} now")));
        }
        // A cast converts the gradient too.
        if self.to == dtype {
            parameter.refuse_own_edit_of_value()
        } else {
            parameter.refuse_own_edit()
        }
    }

    /// Adds a conflict for each other value of the parameter that differs.
    fn compare(
        &self,
        value: &NdArray,
        checkpoint: &Checkpoint,
        values: &dyn Values,
        conflicts: &mut Vec<Problem>,
    ) -> Result<()> {
        for (tensor, other) in &self.equal {
            if let Some(distance) = distance(value, &values.array(*tensor)?)? {
                conflicts.push(Problem::Conflict {
                    key: self.key.clone(),
                    other: other.clone(),
                    sources: checkpoint.sources_of_both((self.tensor, &self.key), (*tensor, other)),
                    distance: Some(distance),
                });
            }
        }
        Ok(())
    }

    fn convert(&self, value: NdArray) -> Result<NdArray> {
        let value = if self.is_transposed { value.transpose()?.deep_clone()? } else { value };
        if value.dtype() == self.to { Ok(value) } else { Ok(value.cast(self.to)?.detach()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use gluonic_formats::RawTensor;

    use super::super::source::{Source, Values};
    use super::super::{Checkpoint, LoadOptions, SaveLoad, TensorInfo};
    use super::*;
    use crate::prelude::*;

    /// A source of which the reading fails at one tensor.
    struct Faulty {
        arrays: Vec<NdArray>,
        at: usize,
    }

    impl Source for Faulty {
        fn open<'a>(&'a self, _: &[TensorInfo]) -> Result<Box<dyn Values + 'a>> {
            Ok(Box::new(self))
        }
    }

    impl Values for &Faulty {
        fn array(&self, position: usize) -> Result<NdArray> {
            if position == self.at {
                let error = std::io::Error::other("the disk is gone");
                return Err(Error::io("read", std::path::Path::new("a"), error));
            }
            self.arrays[position].deep_clone()
        }

        fn raw(&self, _: usize) -> Result<RawTensor<'_>> {
            unreachable!("a load reads arrays")
        }
    }

    fn net(value: f64) -> Sequential {
        let net = sequential![Dense::new(4), Dense::new(3), Dense::new(2)];
        net.initialize_with(&init::Constant::new(value), Reinit::Keep).unwrap();
        net.call(&NdArray::ones((1, 2), DType::F32).unwrap()).unwrap();
        net
    }

    fn faulty(at: usize) -> Checkpoint {
        let state = net(2.0).state().unwrap();
        let honest = Checkpoint::from(&state);
        let arrays = state.iter().map(|(_, array)| array).collect();
        let (tensors, metadata) = (honest.tensors().to_vec(), honest.metadata().clone());
        let source = Box::new(Faulty { arrays, at });
        Checkpoint::new("a".into(), None, metadata, tensors, OnceLock::new(), source)
    }

    #[test]
    fn a_fault_at_any_tensor_leaves_every_parameter_as_it_was() {
        let net = net(1.0);
        let before = net.snapshot().unwrap();
        for at in 0..6 {
            let plan = net.plan_load(&faulty(at), &LoadOptions::default()).unwrap();
            assert!(plan.problems().is_empty());
            assert!(matches!(plan.apply(&net), Err(Error::Io { .. })), "{at}");
            assert!(before.diff(&net.snapshot().unwrap()).is_empty(), "{at}");
        }
        let plan = net.plan_load(&faulty(6), &LoadOptions::default()).unwrap();
        assert_eq!(plan.apply(&net).unwrap().loaded.len(), 6);
        assert_eq!(net[2].weight().unwrap().data().unwrap().to_vec::<f32>().unwrap(), [2.0; 6]);
    }

    #[test]
    fn planning_reads_no_value() {
        struct Shut;
        impl Source for Shut {
            fn open<'a>(&'a self, _: &[TensorInfo]) -> Result<Box<dyn Values + 'a>> {
                panic!("a plan is made from headers");
            }
        }
        let honest = faulty(9);
        let (tensors, metadata) = (honest.tensors().to_vec(), honest.metadata().clone());
        let shut =
            Checkpoint::new("a".into(), None, metadata, tensors, OnceLock::new(), Box::new(Shut));
        let plan = net(1.0).plan_load(&shut, &LoadOptions::default()).unwrap();
        assert_eq!(plan.bytes(), 4 * (8 + 4 + 12 + 3 + 6 + 2));
    }

    #[test]
    fn bytes_that_changed_since_they_were_opened_are_refused() {
        use std::sync::Mutex;
        /// Hands out other bytes from the second time on, as a file that is mapped may.
        struct Changing(Mutex<Vec<Vec<u8>>>, Vec<u8>);
        impl AsRef<[u8]> for Changing {
            fn as_ref(&self) -> &[u8] {
                let mut first = self.0.lock().unwrap();
                match first.pop() {
                    Some(bytes) => Box::leak(bytes.into_boxed_slice()),
                    None => &self.1,
                }
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let bytes = |units: usize| {
            let file = folder.path().join("a.safetensors");
            let net = sequential![Dense::new(units)];
            net.initialize().unwrap();
            net.call(&NdArray::ones((1, 2), DType::F32).unwrap()).unwrap();
            net.save_parameters(&file).unwrap();
            crate::storage::read(&file).unwrap()
        };
        let checkpoint =
            Checkpoint::from_bytes(Changing(Mutex::new(vec![bytes(3)]), bytes(4))).unwrap();
        let net = sequential![Dense::new(3)];
        let plan = net.plan_load(&checkpoint, &LoadOptions::default()).unwrap();
        assert!(matches!(plan.apply(&net), Err(Error::Outdated { .. })));
        assert!(net[0].weight().unwrap().data().is_err());
    }
}
