//! The way out of an error.

use super::{
    ArgumentProblem, Error, GroupingError, RaggedError, StatesProblem, did_you_mean, list,
};

impl Error {
    /// The way out, if there is one to tell.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Error::Uninitialized { .. } => "call `initialize` on the block that holds it",
            Error::Deferred { pending, ran, .. } if !pending.is_empty() => {
                let paths: Vec<Box<str>> = pending.iter().map(|path| (**path).into()).collect();
                let paths = list(&paths);
                return Some(if *ran {
                    format!("no forward has reached {paths}: call their blocks, or leave them out")
                } else {
                    format!("run one batch through the model, or `infer_shapes`; waiting: {paths}")
                });
            }
            Error::Deferred { .. } | Error::UnknownShape { .. } => {
                "run one batch through the model, use `infer_shapes`, or give `in_units` or \
                 `in_channels` when the layer is built"
            }
            Error::NoGrad { .. } => "set its grad_req to write or add",
            Error::UnknownParameter { nearest, .. }
            | Error::UnknownTensor { nearest, .. }
            | Error::UnknownWord { nearest, .. }
            | Error::UnknownChild { nearest, .. } => return did_you_mean(nearest),
            Error::ShapeMismatch { .. } => "build the layer with these sizes, or reshape the value",
            Error::Pattern { .. } => {
                "patterns are regular expressions as Python's; put a `\\` before special characters"
            }
            Error::DuplicateName { .. } => {
                "give one of the blocks another prefix, or share one block"
            }
            Error::TiedValues { .. } => "give it one value under one of its paths",
            Error::Prefix { .. } => "build the children inside `name_scope`, or save by path",
            Error::Frozen { .. } => "call `unfreeze` on it first",
            Error::NotOnContext { .. } => {
                "bring the input to where the parameter is with `to_context`, or the parameter to \
                 more contexts with `reset_ctx` or `initialize_on`"
            }
            Error::Selector(error) => return did_you_mean(&error.nearest),
            Error::NothingSelected(error) if error.nearest.is_empty() => {
                "`Selection::explain` shows what each term matches, `named_parameters` every path"
            }
            Error::NothingSelected(error) => return did_you_mean(&error.nearest),
            Error::At { source, .. }
            | Error::InBlock { source, .. }
            | Error::Sample { source, .. }
            | Error::InBatch { source, .. } => return source.hint(),
            Error::Ragged(error) => return error.hint(),
            Error::Position { .. } => {
                "make the loader as the one that the position is of, with the same data"
            }
            Error::PositionText { .. } => "use the text that a `Position` displays as",
            Error::DataFile { .. } => "fetch the file again, or compare its size with the original",
            Error::Window(error) if error.op == "conv_transpose" => {
                "use a larger input or less padding"
            }
            Error::Window(_) => "use a larger input, more padding or a smaller kernel",
            Error::InitRank { needed: 2, .. } => {
                "use `Uniform` or `Normal` for vectors, or give the parameter its own initializer"
            }
            Error::InitRank { .. } | Error::InitShape { .. } => {
                "give the parameter its own initializer, or use `Mixed` with a pattern for it"
            }
            Error::Groups { .. } => "choose groups that divide both inputs and outputs",
            Error::InitArgument { init, problem } => return problem.hint(init),
            Error::InitText { .. } => {
                "write a name, `xavier`, or a name and arguments, `[\"normal\", {\"sigma\": 0.5}]`"
            }
            Error::InitSuffix { .. } => {
                "call `init_weight`, or give the parameter its own initializer"
            }
            Error::NoPattern { .. } => {
                "add the pattern `.*` at the end, with an initializer for all others"
            }
            Error::NotLoaded { nearest, .. } => {
                let hint = "give an initializer for what is missing by `default_init`".to_owned();
                return Some(
                    did_you_mean(nearest).map_or(hint.clone(), |near| near + " If not, " + &hint),
                );
            }
            Error::TwoValues { .. } => "take one of them out",
            Error::RandomDType { .. } => {
                "use `Zero`, `One` or `Constant`, or cast the parameter to a floating-point type"
            }
            Error::LawDType { fitting, .. } if !fitting.is_empty() => {
                let names: Vec<_> = fitting.iter().map(|dtype| format!("`{dtype}`")).collect();
                return Some(format!("it can be drawn as {}", names.join(", ")));
            }
            Error::DTypeMismatch { expected, .. } => {
                return Some(format!("use `cast(DType::{expected:?})`"));
            }
            Error::NoArithmetic { .. } => "use `cast(DType::F32)`",
            Error::BeingEdited => "leave the closure that edits it first",
            Error::Contexts { .. } => {
                "bring one to the other with `to_context`, or the parameters of a block to its \
                 input with `reset_ctx`"
            }
            Error::Split { parts, .. } => {
                return Some(format!(
                    "use a batch size that is a multiple of {parts}, or `split_data` with \
                     `even_split` false"
                ));
            }
            Error::BroadcastEdit { .. } => "edit the array it was made from, or a `deep_clone`",
            Error::ShapeOnly => {
                "run one batch through the model, or look at values outside of its forward: shapes do not tell them"
            }
            Error::NotWhole { .. } => "use `deep_clone` first",
            Error::StaleArray => "edit a `deep_clone`, or compute the array again after the edit",
            Error::NotRecorded => {
                "compute the loss inside `autograd::record`, from parameters that are not frozen and whose grad_req is not null"
            }
            Error::GraphFreed => "use `Backward::new().retain_graph(true)` in the earlier backward",
            Error::StaleGradients { .. } => {
                "use all parameters in the forward, or call `step_ignoring_stale`"
            }
            Error::Resume { .. } => {
                "build model, data and averages as in the run that was saved by `Run::save`"
            }
            Error::Grouping(error) => return error.hint(),
            Error::SeveralGroups { .. } => "say which: `trainer.group_mut(name)?`",
            Error::NotSummed { .. } => {
                "call `Trainer::allreduce_grads` first, or `step`, which does both"
            }
            Error::Scheduled => "change the schedule, or build the optimizer without one",
            Error::NotFinite { .. } => {
                "leave this step out, or lower the learning rate or the scale of the loss"
            }
            Error::States { problem, .. } => return problem.hint(),
            Error::Averages { problem, .. } => return problem.hint_of_averages(),
            Error::NoAverages => "call `update` after a step of training",
            Error::HardLinks { .. } => {
                "a save makes a new file of this one name, and the others would keep the old \
                 values: remove this name first, or save under another one"
            }
            Error::ReadOnly { .. } => "allow writing to it, or save under another name",
            Error::Locked { .. } => {
                "give each run a folder of its own; of several processes of one run, let one save"
            }
            Error::StepExists { .. } => "number steps upwards, or remove its folder first",
            Error::Record { .. } => "save the file with digests again, or remove the record",
            Error::Suffix { .. } => "use `.safetensors`, `.params` or `.npz`",
            Error::Load(report) => return report.hint(),
            Error::TensorDType { .. } => "convert the file to a type that arrays can hold",
            Error::Memory { needed, .. } => {
                return Some(format!(
                    "allow {needed} bytes; it is compressed, or its elements share bytes, so that \
                     it is made whole"
                ));
            }
            Error::Outdated { .. } => "open the file again if it is the file, and plan again",
            Error::RenameText(error) => return did_you_mean(&error.nearest),
            Error::Rename(report) => return report.hint(),
            Error::Format { source, .. } => return source.hint().map(std::borrow::Cow::into_owned),
            _ => return None,
        };
        Some(text.to_owned())
    }
}

impl GroupingError {
    fn hint(&self) -> Option<String> {
        let text = match (self.overlaps.first(), self.left.first(), self.twice.first()) {
            (Some(overlap), ..) => {
                let [one, other] = &overlap.groups;
                return Some(format!("take them out of one of the two: `({one}) & !({other})`"));
            }
            (_, Some(_), _) => "add `Group::rest(…)`, or train a selection without them",
            (_, _, Some(_)) => "give them names by `Group::named`",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

impl RaggedError {
    fn hint(&self) -> Option<String> {
        let sizes = self.array.is_some();
        sizes.then(|| {
            "bring the samples to one size by a transform, or fill them up by \
             `batchify(|samples| Batch::pad(samples, 0.0))`"
                .to_owned()
        })
    }
}

impl StatesProblem {
    fn hint(&self) -> Option<String> {
        let text = match self {
            StatesProblem::None => "write the file by `Trainer::save_states`",
            StatesProblem::Optimizer(_) => "build the trainer with the optimizer of the file",
            StatesProblem::Groups { .. } => "build the trainer with the groups of the file",
            StatesProblem::Parameters { .. } => {
                "build the trainer as the one that was saved: `Trainer::new(&net, …)` calls \
                 parameters by path, one of a set by name"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

impl StatesProblem {
    fn hint_of_averages(&self) -> Option<String> {
        let text = match self {
            StatesProblem::None => "write the file by `Average::save`",
            StatesProblem::Average(kind) => {
                return Some(format!("make it by `Average::{}`", kind.found));
            }
            StatesProblem::Parameters { .. } => {
                "make it of what the saved one was made of: a block and a selection call \
                 parameters by path, a set by name"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

impl ArgumentProblem {
    fn hint(&self, init: &str) -> Option<String> {
        match self {
            ArgumentProblem::Unknown { argument, known } => {
                let near = crate::suggest::nearest(argument, known.iter().map(|name| &**name));
                let all = || match known.len() {
                    0 => "it takes no arguments".to_owned(),
                    _ => format!("it takes {}", list(known)),
                };
                Some(did_you_mean(&near).unwrap_or_else(all))
            }
            ArgumentProblem::Missing { argument } => {
                Some(format!("write `[\"{init}\", {{\"{argument}\": …}}]`"))
            }
            ArgumentProblem::Type { .. } => None,
        }
    }
}
