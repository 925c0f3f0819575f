//! Errors as Python's exceptions: the type and the first line are MXNet's where MXNet has the
//! error, what gluonic says about it comes on the next lines.

use std::error::Error as _;

use gluonic::Error;
use gluonic::checkpoint::{Format, FormatError};
use pyo3::create_exception;
use pyo3::exceptions::{
    PyAssertionError, PyIndexError, PyMemoryError, PyNotImplementedError, PyRuntimeError,
    PyTypeError, PyUserWarning, PyValueError, PyZeroDivisionError,
};
use pyo3::prelude::*;

create_exception!(gluonic.base, MXNetError, PyRuntimeError, "An operation failed.");
create_exception!(
    gluonic.gluon.parameter,
    DeferredInitializationError,
    MXNetError,
    "A parameter was used before its shape was known."
);

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("MXNetError", py.get_type::<MXNetError>())?;
    module.add("DeferredInitializationError", py.get_type::<DeferredInitializationError>())
}

/// A result of gluonic as one of Python.
pub(crate) trait OrRaise<T> {
    /// The value, or the exception that the error is in Python.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for gluonic::Result<T> {
    #[inline]
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_py(py, error))
    }
}

/// A function that makes an exception from its text.
type Make = fn(String) -> PyErr;

/// The exception that an error is in Python. One that was raised by a user's own code comes back
/// as it was, with its traceback.
pub(crate) fn to_py(py: Python<'_>, error: Error) -> PyErr {
    if let Error::User { source, .. } = error.root()
        && let Some(raised) = source.downcast_ref::<PyErr>()
    {
        return raised.clone_ref(py);
    }
    let told = told(&error);
    if let Error::UnknownParameter { name, .. } | Error::UnknownTensor { key: name, .. } =
        error.root()
    {
        return key_error(py, name, &told);
    }
    if let Error::Constant { name, problem } = error.root()
        && problem.starts_with("does not exist")
    {
        let first = format!(
            "No constant named '{name}'. Please specify value if you want to create a new constant."
        );
        return key_error(py, &first, "");
    }
    let (make, first) = first_line(&error);
    match first {
        Some(first) => make(format!("{first}\n{told}")),
        None => make(told),
    }
}

/// An error of Python's as one of gluonic, to be raised again by whoever called gluonic.
pub(crate) fn from_py(what: &str, error: PyErr) -> Error {
    Error::user(what, error)
}

/// A `KeyError` whose text is the key as MXNet prints it, and the hint below.
pub(crate) fn key_error(py: Python<'_>, key: &str, told: &str) -> PyErr {
    let make = || py.import("gluonic._errors")?.getattr("KeyError")?.call1((key, told));
    match make() {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// What gluonic says: the error with all its causes, and the way out.
pub(crate) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    match error.hint() {
        Some(hint) => format!("{text}\n{hint}"),
        None => text,
    }
}

const NOT_INITIALIZED: &str = "Note that you should initialize parameters and create Trainer with \
     Block.collect_params() instead of Block.params because the later does not include Parameters \
     of nested child Blocks";

const DEFERRED: &str = "has not been initialized yet because initialization was deferred. Actual \
     initialization happens during the first forward pass. Please pass one batch of data through \
     the network before accessing Parameters. You can also avoid deferred initialization by \
     specifying in_units, num_features, etc., for network layers.";

const NOT_RECORDED: &str = "MXNetError: Check failed: !AGInfo: :IsNone(*i): Cannot differentiate \
     node because it is not in a computational graph. You need to set is_recording to true or use \
     autograd.record() to save computational graphs for backward. If you want to differentiate \
     the same graph twice, you need to pass retain_graph=True to backward.";

/// The exception of a parameter that waits for its shape.
pub(crate) fn deferred(name: &str, error: &Error) -> PyErr {
    DeferredInitializationError::new_err(format!("Parameter '{name}' {DEFERRED}\n{}", told(error)))
}

/// The exception's type, and MXNet's words if there are some.
fn first_line(error: &Error) -> (Make, Option<String>) {
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

/// An array that cannot take other sizes: each dialect of MXNet says it in its own way.
pub(crate) fn unreshaped(
    dialect: crate::array::Dialect,
    found: usize,
    wanted: usize,
    shape: &gluonic::Shape,
) -> PyErr {
    use crate::array::Dialect;
    match dialect {
        Dialect::Np => MXNetError::new_err(format!(
            "MXNetError: Check failed: src.Size() == dst->Size() ({found} vs. {wanted}) : Cannot \
             reshape array of size {found} into shape {}",
            bracketed(shape)
        )),
        Dialect::Nd if found < wanted => MXNetError::new_err(format!(
            "NDArray.Reshape: Check failed: shape_.Size() >= shape.Size() ({found} vs. {wanted}) : \
             target shape size is larger than the current shape"
        )),
        Dialect::Nd => PyValueError::new_err(format!(
            "Cannot reshape array of size {found} into shape {}",
            shape_text(shape)
        )),
    }
}

/// The number that MXNet knows an element type by.
fn type_number(dtype: gluonic::DType) -> Option<u8> {
    use gluonic::DType;
    Some(match dtype {
        DType::F32 => 0,
        DType::F64 => 1,
        DType::F16 => 2,
        DType::U8 => 3,
        DType::I32 => 4,
        DType::I8 => 5,
        DType::I64 => 6,
        DType::Bool => 7,
        _ => return None,
    })
}

/// A shape of a parameter as MXNet prints it: sizes that are not known are 0, where 0 is a size -1.
pub(crate) fn known_text(shape: &gluonic::Shape) -> String {
    shape.to_string().replace('?', unknown_size())
}

fn unknown_size() -> &'static str {
    if crate::ops::is_np_shape() { "-1" } else { "0" }
}

/// A shape as MXNet prints it: sizes that are not known are 0.
pub(crate) fn shape_text(shape: &gluonic::Shape) -> String {
    shape.to_string().replace('?', "0")
}

/// The number of elements of a shape.
pub(crate) fn count(shape: &gluonic::Shape) -> usize {
    shape.iter().map(|size| size.unwrap_or(0)).product()
}

/// A shape as MXNet's C++ prints it.
pub(crate) fn bracketed(shape: &gluonic::Shape) -> String {
    listed(shape.iter().map(|size| size.unwrap_or(0)))
}

fn listed<T: ToString>(sizes: impl Iterator<Item = T>) -> String {
    format!("[{}]", sizes.map(|size| size.to_string()).collect::<Vec<_>>().join(","))
}
