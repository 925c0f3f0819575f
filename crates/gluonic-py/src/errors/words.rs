//! MXNet's types and words for errors of gluonic.

use gluonic::Error;
use gluonic::checkpoint::{Format, FormatError};
use pyo3::exceptions::{
    PyAssertionError, PyIndexError, PyMemoryError, PyNotImplementedError, PyRuntimeError,
    PyTypeError, PyUserWarning, PyValueError, PyZeroDivisionError,
};
use pyo3::prelude::*;

use super::shapes::{count, known_text, listed, type_number, unknown_size};
use super::{DeferredInitializationError, MXNetError, bracketed, shape_text};

const NOT_INITIALIZED: &str = "Note that you should initialize parameters and create Trainer with \
     Block.collect_params() instead of Block.params because the later does not include Parameters \
     of nested child Blocks";

pub(super) const DEFERRED: &str = "has not been initialized yet because initialization was deferred. Actual \
     initialization happens during the first forward pass. Please pass one batch of data through \
     the network before accessing Parameters. You can also avoid deferred initialization by \
     specifying in_units, num_features, etc., for network layers.";

const NOT_RECORDED: &str = "MXNetError: Check failed: !AGInfo: :IsNone(*i): Cannot differentiate \
     node because it is not in a computational graph. You need to set is_recording to true or use \
     autograd.record() to save computational graphs for backward. If you want to differentiate \
     the same graph twice, you need to pass retain_graph=True to backward.";

/// A function that makes an exception from its text.
type Make = fn(String) -> PyErr;

/// The exception's type, and MXNet's words if there are some.
pub(super) fn first_line(error: &Error) -> (Make, Option<String>) {
    let runtime: Make = PyRuntimeError::new_err;
    let assertion: Make = PyAssertionError::new_err;
    let value: Make = PyValueError::new_err;
    let mxnet: Make = MXNetError::new_err;
    match error.root() {
        Error::Uninitialized { name } => (
            runtime,
            Some(format!("Parameter '{name}' has not been initialized. {NOT_INITIALIZED}")),
        ),
        Error::Deferred { name, .. } => {
            (DeferredInitializationError::new_err, Some(format!("Parameter '{name}' {DEFERRED}")))
        }
        Error::UnknownShape { name, shape } => (
            value,
            Some(format!(
                "Cannot initialize Parameter '{name}' because it has invalid shape: {}.",
                shape.0.as_ref().map_or_else(|| "None".to_owned(), known_text)
            )),
        ),
        Error::NoGrad { name: Some(name) } => (
            runtime,
            Some(format!(
                "Cannot get gradient array for Parameter '{name}' because grad_req='null'"
            )),
        ),
        Error::ShapeMismatch { expected, found, .. } => (
            assertion,
            Some(format!(
                "Expected shape {} is incompatible with given shape {}.",
                known_text(found),
                known_text(expected)
            )),
        ),
        Error::NotOnContext { name, context, contexts } => {
            let contexts: Vec<String> = contexts.iter().map(ToString::to_string).collect();
            let contexts = contexts.join(", ");
            (
                runtime,
                Some(format!(
                    "Parameter '{name}' was not initialized on context {context}. It was only \
                     initialized on [{contexts}]."
                )),
            )
        }
        Error::DuplicateName { name } => (
            assertion,
            Some(format!(
                "Cannot update self with other because they have different Parameters with the \
                 same name '{name}'"
            )),
        ),
        Error::Attribute { name, attribute, mismatch } => {
            let shown = |text: &str| match *attribute {
                "init" => word_of(text),
                // As Python prints a float.
                "lr_mult" | "wd_mult" if !text.contains('.') => format!("{text}.0"),
                _ => text.replace('?', unknown_size()),
            };
            let (desired, stored) = (shown(&mismatch.expected), shown(&mismatch.found));
            (
                assertion,
                Some(format!(
                    "Cannot retrieve Parameter '{name}' because desired attribute does not match \
                     with stored for attribute '{attribute}': desired '{desired}' vs stored \
                     '{stored}'."
                )),
            )
        }
        Error::Constant { name, problem } => (
            assertion,
            Some(if problem.ends_with("another value") {
                format!("Constant '{name}' already exists but it's value doesn't match new value")
            } else {
                format!("Parameter '{name}' already exists but it is not a constant.")
            }),
        ),
        Error::InitRank { init: "Xavier" | "MsraPrelu" | "xavier" | "msraprelu", .. } => {
            let name = error.name().map_or("", |name| name);
            (
                value,
                Some(format!(
                    "Xavier initializer cannot be applied to vector {name}. It requires at least \
                     2D."
                )),
            )
        }
        Error::RandomDType { dtype } => {
            let number = type_number(*dtype).map_or_else(|| dtype.to_string(), |n| n.to_string());
            (
                mxnet,
                Some(format!(
                    "MXNetError: Check failed: dtype_ok: Output type must be float16, float32, \
                     float64: dtype is {number} vs 2 or 0 or 1"
                )),
            )
        }
        Error::UnknownWord { kind: "rnd_type", .. } => (value, Some("Unknown random type".into())),
        Error::UnknownWord { kind: "factor_type", .. } => {
            (value, Some("Incorrect factor type".into()))
        }
        Error::InitShape { init: "bilinear", shape, .. } if shape.len() < 4 => {
            (PyIndexError::new_err, Some("tuple index out of range".into()))
        }
        Error::UnknownWord { kind: "initializer", word, .. } => (
            assertion,
            Some(format!(
                "{word} is not registered. Please register with initializer.register first"
            )),
        ),
        Error::UnknownWord { kind: "optimizer", word, .. } => {
            (value, Some(format!("Cannot find optimizer {word}")))
        }
        Error::Split { shape, axis, parts } => (
            value,
            Some(format!(
                "data with shape {} cannot be evenly split into {parts} slices along axis {axis}. \
                 Use a batch size that's multiple of {parts} or set even_split=False to allow \
                 uneven partitioning of data.",
                shape_text(shape)
            )),
        ),
        Error::NotRecorded | Error::GraphFreed => (mxnet, Some(NOT_RECORDED.to_owned())),
        Error::StaleGradients { names } => {
            let name = names.first().map_or("", |name| name);
            // Of a parameter on several contexts, gluonic says on which.
            let (name, context) = name.rsplit_once(" on ").unwrap_or((name, "cpu(0)"));
            (
                PyUserWarning::new_err,
                Some(format!(
                    "Gradient of Parameter `{name}` on context {context} has not been updated by \
                     backward since last `step`. This could mean a bug in your model that made it \
                     only use a subset of the Parameters (Blocks) for this iteration. If you are \
                     intentionally only using a subset, call step with ignore_stale_grad=True to \
                     suppress this warning and skip updating of Parameters with stale gradient"
                )),
            )
        }
        Error::Io { path, source, .. } if source.kind() == std::io::ErrorKind::NotFound => (
            mxnet,
            Some(format!(
                "LocalFileSystem: Check failed: allow_null: :Open \"{}\": No such file or \
                 directory",
                path.display()
            )),
        ),
        Error::Dense { input, weight, .. } => (
            mxnet,
            Some(format!(
                "MXNetError: Shape inconsistent, Provided = {}, inferred shape=({},{})",
                bracketed(weight),
                weight.first().copied().flatten().unwrap_or(0),
                input.last().copied().flatten().unwrap_or(0),
            )),
        ),
        Error::UnknownChild { .. } => {
            (PyIndexError::new_err, Some("list index out of range".into()))
        }
        Error::NoForward { .. } => (PyNotImplementedError::new_err, None),
        Error::Format { source, .. } => (mxnet, of_format(source)),
        Error::Index { .. } | Error::NoSample { .. } => (PyIndexError::new_err, None),
        Error::TooLarge { .. } | Error::NoMemory { .. } | Error::Memory { .. } => {
            (PyMemoryError::new_err, None)
        }
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::OutOfMemory => {
            (PyMemoryError::new_err, None)
        }
        Error::DTypeMismatch { expected, found } => (
            mxnet,
            Some(format!(
                "MXNetError: Check failed: assign(&dattr, vec.at(i)): Incompatible attr in node  \
                 at 1-th input: expected {expected}, got {found}"
            )),
        ),
        // Of a constant as an initial value: edits by index have their own words.
        Error::Broadcast { op: "assign", left, right } => (
            value,
            Some(format!(
                "operands could not be broadcast together with remapped shapes\
                 [original->remapped]: {} and requested shape {}",
                shape_text(right),
                shape_text(left)
            )),
        ),
        Error::Broadcast { left, right, .. } => (
            mxnet,
            Some(format!(
                "MXNetError: Check failed: l == 1 || r == 1: operands could not be broadcast \
                 together with shapes {} {}",
                bracketed(left),
                bracketed(right)
            )),
        ),
        Error::Contexts { expected, found } if error.name().is_some() => {
            let name = error.name().map_or("", |name| name);
            (
                runtime,
                Some(format!(
                    "Parameter '{name}' was not initialized on context {expected}. It was only \
                     initialized on [{found}]."
                )),
            )
        }
        Error::Misfit { op: "conv", needs, .. } => (mxnet, of_channels(needs)),
        Error::OperandShape { op: "concat", expected, found } => (
            mxnet,
            Some(format!(
                "MXNetError: Check failed: shape_assign(&(*in_shape)[i], dshape): Incompatible \
                 input shape: expected {}, got {}",
                listed(expected.iter().map(|size| size.map_or(-1, |size| size as i64))),
                bracketed(found)
            )),
        ),
        Error::OperandShape { op: "stack", expected, found } if count(expected) != count(found) => {
            (
                mxnet,
                Some(format!(
                    "TBlob.get_with_shape: Check failed: this->shape_.Size() == \
                 static_cast<size_t>(shape.Size()) ({} vs. {}) : new and old shape do not match \
                 total elements",
                    count(found),
                    count(expected)
                )),
            )
        }
        Error::Axis { op: "argmax" | "argmin" | "softmax" | "log_softmax", axis, rank } => (
            mxnet,
            Some(format!(
                "MXNetError: Check failed: axis < ndim && axis >= -ndim: axis {axis} exceeds the \
                 input dimension of {rank}"
            )),
        ),
        Error::Axis { op: "split", axis, rank } => (
            mxnet,
            Some(format!(
                "MXNetError: Check failed: param_.axis < dshape.ndim() ({axis} vs. {rank}) :"
            )),
        ),
        Error::NoArithmetic { op, dtype: gluonic::DType::Bool } => (
            mxnet,
            Some(format!("MXNetError: Operator broadcast_{op} does not support boolean type")),
        ),
        Error::NoArithmetic { .. } => (PyTypeError::new_err, None),
        Error::Setting { setting: "batch_size", found, .. } if &**found == "0" => {
            (PyZeroDivisionError::new_err, Some("float division by zero".into()))
        }
        Error::UnknownWord { .. }
        | Error::Setting { .. }
        | Error::InitRank { .. }
        | Error::InitShape { .. }
        | Error::InitArgument { .. }
        | Error::InitText { .. }
        | Error::InitSuffix { .. }
        | Error::NoPattern { .. }
        | Error::Groups { .. }
        | Error::Pattern { .. }
        | Error::Selector(_)
        | Error::NothingSelected(_)
        | Error::Label { .. }
        | Error::Prefix { .. }
        | Error::Load(_) => (value, None),
        _ => (mxnet, None),
    }
}

/// What MXNet says of an input whose channels a convolution's weight is not for.
fn of_channels(needs: &str) -> Option<String> {
    let (channels, rest) = needs.strip_prefix("it has ")?.split_once(" channels, weight (")?;
    let (weight, wanted) = rest.split_once(") needs ")?;
    let weight: Vec<usize> = weight.split(", ").map(|n| n.parse().ok()).collect::<Option<_>>()?;
    let (channels, wanted): (usize, usize) = (channels.parse().ok()?, wanted.parse().ok()?);
    let groups = wanted.checked_div(*weight.get(1)?)?;
    let mut inferred = weight.clone();
    *inferred.get_mut(1)? = channels.checked_div(groups)?;
    let inferred = listed(inferred.into_iter());
    let inferred = inferred.trim_matches(['[', ']']);
    let weight = listed(weight.into_iter());
    Some(format!(
        "MXNetError: Shape inconsistent, Provided = {weight}, inferred shape=({inferred})"
    ))
}

/// The word that Gluon's users write for an initializer without arguments; else its text.
fn word_of(text: &str) -> String {
    match text {
        "[\"zero\", {}]" => "zeros".to_owned(),
        "[\"one\", {}]" => "ones".to_owned(),
        _ => match text.strip_prefix("[\"").and_then(|text| text.strip_suffix("\", {}]")) {
            Some(word) => word.to_owned(),
            None => text.to_owned(),
        },
    }
}

/// What MXNet says of a file that is not its own, or is cut off.
fn of_format(error: &FormatError) -> Option<String> {
    let check = match error {
        FormatError::UnknownDType { found, .. } => {
            return Some(format!("MXNetError: Unknown type enum {found}"));
        }
        FormatError::Empty => "fi->Read(&header)",
        FormatError::Truncated { format: Format::MxnetParams, what, .. } => match *what {
            "the reserved field" => "fi->Read(&reserved)",
            what if what.contains("name") => "fi->Read(keys)",
            _ => "fi->Read(data)",
        },
        FormatError::Negative { .. } | FormatError::NamesMismatch { .. } => "fi->Read(data)",
        // To MXNet every other file is of no format.
        _ => "header == kMXAPINDArrayListMagic",
    };
    Some(format!("MXNetError: Check failed: {check}: Invalid NDArray file format"))
}
