//! What can go wrong, as data: facts in the fields, words in `Display`, the remedy in
//! [`Error::hint`].

mod details;
mod hint;
mod words;

use std::any::Any;
use std::path::{Path, PathBuf};

pub use details::{
    ArgumentProblem, DataFileError, GroupingError, Mismatch, Overlap, RaggedError, StatesProblem,
    UnknownShape, WindowError,
};
use words::named;
pub(crate) use words::{did_you_mean, list};

use crate::array::DType;
use crate::checkpoint::LoadReport;
use crate::checkpoint::rename::{RenameReport, RenameTextError};
use crate::context::{Context, in_brackets};
use crate::name::{ParamName, ParamPath};
use crate::ops::EinsumError;
use crate::param::select::{NothingSelected, SelectorError};
use crate::shape::Shape;

/// Refuses a setting of 0.
pub(crate) fn one_or_more<T: Default + PartialEq>(setting: &'static str, n: T) -> Result<T> {
    if n == T::default() {
        return Err(Error::Setting { setting, expected: "1 or more", found: "0".into() });
    }
    Ok(n)
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Names, boxed so that errors stay small.
pub type Names = Box<[Box<str>]>;

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // Parameters.
    /// A parameter was used before [`initialize`](crate::nn::BlockExt::initialize).
    #[error("parameter `{name}` has not been initialized")]
    Uninitialized {
        /// The parameter.
        name: ParamName,
    },
    /// A parameter was used before its shape was known.
    #[error(
        "parameter `{name}` has shape {shape}: its initialization waits for {}",
        if *ran { "a forward that reaches it" } else { "the first forward" }
    )]
    Deferred {
        /// The parameter.
        name: ParamName,
        /// What is known of its shape.
        shape: Shape,
        /// Every path of the same model that waits, if the model was asked.
        pending: Box<[ParamPath]>,
        /// Whether a forward has run since, and reached others but none of these.
        ran: bool,
    },
    /// A parameter of which the shape is not known was to be initialised at once.
    #[error("cannot initialize parameter `{name}`: its shape {shape} is not known")]
    UnknownShape {
        /// The parameter.
        name: ParamName,
        /// What is known, `None` if not even the rank.
        shape: UnknownShape,
    },
    /// A gradient was asked of something that has none.
    #[error("{} has no gradient: its grad_req is null", named(name.as_ref()))]
    NoGrad {
        /// The parameter, if it was one.
        name: Option<ParamName>,
    },
    /// A shape does not fit the one that is known.
    #[error("parameter `{name}` has shape {expected}, found {found}")]
    ShapeMismatch {
        /// The parameter.
        name: ParamName,
        /// The shape it has.
        expected: Shape,
        /// The shape that was given.
        found: Shape,
    },
    /// No parameter has the name or path.
    #[error("no parameter is named `{name}`")]
    UnknownParameter {
        /// What was asked for.
        name: Box<str>,
        /// The names most like it.
        nearest: Names,
    },
    /// Two different parameters have one name.
    #[error("two different parameters are named `{name}`")]
    DuplicateName {
        /// The name.
        name: ParamName,
    },
    /// A parameter that exists differs from what was asked for under its name.
    #[error("parameter `{name}` has {attribute} {}, expected {}", mismatch.found, mismatch.expected)]
    Attribute {
        /// The parameter.
        name: ParamName,
        /// What differs: `shape`, `dtype`, `init`, `grad_req`, …
        attribute: &'static str,
        /// How.
        mismatch: Box<Mismatch>,
    },
    /// A tied parameter was to get different values.
    #[error("parameter `{name}` is at `{first}` and at `{second}`, which have different values")]
    TiedValues {
        /// The parameter.
        name: ParamName,
        /// One of its paths.
        first: ParamPath,
        /// Another one.
        second: ParamPath,
    },
    /// A constant was asked for and is not there, or is something else.
    #[error("constant `{name}` {problem}")]
    Constant {
        /// The constant.
        name: ParamName,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A parameter prefix was to be stripped from a name that does not have it.
    #[error("parameter `{name}` does not start with the prefix `{prefix}`")]
    Prefix {
        /// The parameter.
        name: ParamName,
        /// The prefix.
        prefix: Box<str>,
    },
    /// A pattern is not a regular expression.
    #[error("invalid pattern `{pattern}`: {message}")]
    Pattern {
        /// The pattern.
        pattern: Box<str>,
        /// What is wrong and where.
        message: Box<str>,
    },
    /// The gradient was asked of a parameter that is frozen.
    #[error("parameter `{name}` has no gradient: it is frozen")]
    Frozen {
        /// The parameter.
        name: ParamName,
    },
    /// A text is not a selector.
    #[error("{0}")]
    Selector(Box<SelectorError>),
    /// A selector takes no parameter where some are needed.
    #[error("{0}")]
    NothingSelected(Box<NothingSelected>),
    /// A parameter was asked for on a context that it is not on.
    #[error("parameter `{name}` is not on {context} but on {}", in_brackets(contexts))]
    NotOnContext {
        /// The parameter.
        name: ParamName,
        /// What was asked for.
        context: Context,
        /// Where it is.
        contexts: Box<[Context]>,
    },
    /// Something happened at a parameter.
    #[error("parameter `{name}`")]
    At {
        /// The parameter.
        name: ParamName,
        /// What happened.
        source: Box<Error>,
    },

    // Initialization.
    /// An initializer cannot work on so few axes.
    #[error(
        "initializer `{init}` cannot be applied to shape {shape}: it needs rank {needed} or more"
    )]
    InitRank {
        /// The initializer.
        init: &'static str,
        /// The shape.
        shape: Shape,
        /// The smallest rank.
        needed: usize,
    },
    /// An initializer cannot work on a shape.
    #[error("initializer `{init}` cannot be applied to shape {shape}: it needs {needed}")]
    InitShape {
        /// The initializer.
        init: &'static str,
        /// The shape.
        shape: Shape,
        /// What the shape must be.
        needed: &'static str,
    },
    /// A number of groups does not divide the outputs or inputs of a convolution.
    #[error("{groups} groups do not divide the {size} units on axis 0 of shape {shape}")]
    Groups {
        /// The number of groups.
        groups: usize,
        /// The units that they share.
        size: usize,
        /// The weight's shape.
        shape: Shape,
    },
    /// An argument of an initializer is unknown, missing, or of another type.
    #[error("initializer `{init}` {problem}")]
    InitArgument {
        /// The initializer.
        init: Box<str>,
        /// What is wrong with which argument.
        problem: Box<ArgumentProblem>,
    },
    /// A text is not that of an initializer.
    #[error("`{text}` is not the text of an initializer: {message}")]
    InitText {
        /// The text, or its beginning.
        text: Box<str>,
        /// What is wrong with it.
        message: Box<str>,
    },
    /// The name of a parameter does not tell how to initialize it.
    #[error(
        "cannot tell from its name how to initialize parameter `{name}`: it ends in none of \
         `weight`, `bias`, `gamma`, `beta`, `min`, `max`"
    )]
    InitSuffix {
        /// The parameter.
        name: ParamName,
    },
    /// The name of a parameter matches no pattern of [`Mixed`](crate::init::Mixed).
    #[error("parameter `{name}` matches none of the patterns {}", list(patterns))]
    NoPattern {
        /// The parameter.
        name: ParamName,
        /// The patterns, in order.
        patterns: Names,
    },
    /// A parameter is not among the values of [`Load`](crate::init::Load).
    #[error("parameter `{name}` has no value to load, and there is no default initializer")]
    NotLoaded {
        /// The parameter.
        name: ParamName,
        /// The names of values that are most like its name and its path.
        nearest: Names,
    },
    /// Two values have one name.
    #[error("two values are named `{name}`: `{first}` and `{second}`")]
    TwoValues {
        /// The name that both have.
        name: Box<str>,
        /// The key of the one.
        first: Box<str>,
        /// The key of the other.
        second: Box<str>,
    },
    /// Random values for an element type that has none.
    #[error("cannot draw random values of type {dtype}")]
    RandomDType {
        /// The element type.
        dtype: DType,
    },
    /// A law that has no values of an element type, or such that the type cannot hold.
    #[error("cannot draw {law} as {dtype}: it needs {needs}")]
    LawDType {
        /// The law.
        law: Box<str>,
        /// The element type.
        dtype: DType,
        /// The kind of type that the law needs.
        needs: Box<str>,
        /// The element types that can hold the law's values.
        fitting: Box<[DType]>,
    },

    // Arrays and operations.
    /// A number of elements is not that of the sizes.
    #[error("shape {shape} has not {found} elements")]
    ElemCount {
        /// The sizes.
        shape: Shape,
        /// The number of elements.
        found: usize,
    },
    /// More elements than memory has addresses.
    #[error("shape {shape} is too large")]
    TooLarge {
        /// The sizes.
        shape: Shape,
    },
    /// An array takes more memory than there is.
    #[error("an array of shape {shape} takes {bytes} bytes of memory, which are not to be had")]
    NoMemory {
        /// Its sizes.
        shape: Shape,
        /// What its elements take.
        bytes: u64,
    },
    /// An element type is not the one that is needed.
    #[error("expected element type {expected}, found {found}")]
    DTypeMismatch {
        /// The type needed.
        expected: DType,
        /// The type there is.
        found: DType,
    },
    /// An operation that needs floating-point numbers got something else.
    #[error("`{op}` needs a floating-point element type, found {dtype}")]
    NoArithmetic {
        /// The operation.
        op: &'static str,
        /// The element type.
        dtype: DType,
    },
    /// An index expression does not fit.
    #[error("index [{index}] does not fit shape {shape}")]
    Index {
        /// The expression.
        index: Box<str>,
        /// The sizes.
        shape: Shape,
    },
    /// Memory of code outside cannot be an array's.
    #[error("memory from outside cannot be shared: {reason}")]
    Foreign {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An axis does not exist, or is named twice.
    #[error("`{op}`: axis {axis} does not fit an array of rank {rank}")]
    Axis {
        /// The operation.
        op: &'static str,
        /// The axis.
        axis: isize,
        /// The number of axes.
        rank: usize,
    },
    /// Two shapes do not broadcast.
    #[error("`{op}`: shapes {left} and {right} do not broadcast")]
    Broadcast {
        /// The operation.
        op: &'static str,
        /// The sizes of the first operand.
        left: Shape,
        /// The sizes of the second.
        right: Shape,
    },
    /// An operand does not have the sizes that the other operands ask for.
    #[error("`{op}`: expected an array of shape {expected}, found {found}")]
    OperandShape {
        /// The operation.
        op: &'static str,
        /// The sizes needed; those that may be any are unknown.
        expected: Shape,
        /// The sizes there are.
        found: Shape,
    },
    /// Two shapes have no matrix product.
    #[error("matmul: shapes {left} and {right} have no product")]
    Matmul {
        /// The sizes of the first operand.
        left: Shape,
        /// The sizes of the second.
        right: Shape,
    },
    /// The sizes of a dense layer do not fit.
    #[error("dense: input {input} does not fit weight {weight}{}", bias.as_ref().map(|b| format!(" and bias {b}")).unwrap_or_default())]
    Dense {
        /// The input's sizes.
        input: Shape,
        /// The weight's sizes.
        weight: Shape,
        /// The bias's sizes.
        bias: Option<Shape>,
    },
    /// An expression of [`einsum`](crate::ops::einsum) that says nothing, or does not fit.
    #[error("{0}")]
    Einsum(Box<EinsumError>),
    /// An input does not fit the other inputs of an operation, or its settings.
    #[error("`{op}`: input {input} does not fit: {needs}")]
    Misfit {
        /// The operation.
        op: &'static str,
        /// The input's sizes.
        input: Shape,
        /// What is needed, and what there is.
        needs: Box<str>,
    },
    /// A window is larger than the input that it is to move over.
    #[error("{0}")]
    Window(Box<WindowError>),
    /// Nothing to reduce.
    #[error("`{op}` of no elements: shape {shape}")]
    Empty {
        /// The operation.
        op: &'static str,
        /// The sizes.
        shape: Shape,
    },
    /// A label is not a class number.
    #[error("label {label} at position {index} is not a class number below {classes}")]
    Label {
        /// The position in row-major order.
        index: usize,
        /// The label.
        label: Box<str>,
        /// The number of classes.
        classes: usize,
    },
    /// An id is not the number of a row.
    #[error("id {id} at position {index} is not a row number below {rows}")]
    Id {
        /// The position in row-major order.
        index: usize,
        /// The id.
        id: Box<str>,
        /// The number of rows.
        rows: usize,
    },
    /// Labels are not as many as predictions.
    #[error("labels of shape {expected} expected, found {found}")]
    LabelShape {
        /// The sizes needed.
        expected: Shape,
        /// The sizes there are.
        found: Shape,
    },
    /// An array was accessed from inside its own edit.
    #[error("this array is being edited by this thread")]
    BeingEdited,
    /// Arrays that are not together were to be computed with.
    #[error("arrays on {expected} and on {found} cannot be computed with together")]
    Contexts {
        /// Where the first one is.
        expected: Context,
        /// Where another one is.
        found: Context,
    },
    /// A batch does not split into equal parts.
    #[error("shape {shape} does not split into {parts} equal parts along axis {axis}")]
    Split {
        /// The batch's sizes.
        shape: Shape,
        /// The axis.
        axis: usize,
        /// The number of parts.
        parts: usize,
    },
    /// An array in which one element stands for several was to be edited.
    #[error("an array broadcast to shape {shape} cannot be edited")]
    BroadcastEdit {
        /// The sizes.
        shape: Shape,
    },
    /// An array was asked for values while shapes are inferred.
    #[error("this array has a shape but no values: shapes are being inferred")]
    ShapeOnly,
    /// An operation that needs a whole array got a part of one.
    #[error("`{op}` needs a whole array, found a view on a part")]
    NotWhole {
        /// The operation.
        op: &'static str,
    },

    // Differentiation.
    /// An intermediate result was edited after it was computed, and used under `record` again.
    #[error("an array was edited after it was recorded, and is used under record again")]
    StaleArray,
    /// Backward from something that was not recorded.
    #[error("cannot differentiate: nothing was recorded")]
    NotRecorded,
    /// Backward through a graph that an earlier backward has freed.
    #[error("cannot differentiate: the graph was freed by an earlier backward")]
    GraphFreed,
    /// A gradient does not have the sizes of its array.
    #[error("gradient of shape {expected} expected, found {found}")]
    HeadShape {
        /// The array's sizes.
        expected: Shape,
        /// The gradient's.
        found: Shape,
    },
    /// A user's operation returned too few or too many gradients.
    #[error("function `{function}` returned {found} gradients, expected {expected}")]
    FunctionGrads {
        /// The operation.
        function: &'static str,
        /// Its number of inputs.
        expected: usize,
        /// The number of gradients.
        found: usize,
    },

    // Blocks and training.
    /// A setting makes no sense.
    #[error("`{setting}` must be {expected}, found {found}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: Box<str>,
    },
    /// A word is none of those that are known.
    #[error("no {kind} is called `{word}`")]
    UnknownWord {
        /// What was asked for: `activation`, `optimizer`, …
        kind: &'static str,
        /// The word.
        word: Box<str>,
        /// The words most like it.
        nearest: Names,
    },
    /// A block has no child of that name or number.
    #[error("block `{block}` has no child `{child}`")]
    UnknownChild {
        /// The block's name.
        block: Box<str>,
        /// What was asked for.
        child: Box<str>,
        /// The children most like it.
        nearest: Names,
    },
    /// Something happened in a block that has no parameter to name.
    #[error("block `{block}`")]
    InBlock {
        /// The block's name.
        block: Box<str>,
        /// What happened.
        source: Box<Error>,
    },
    /// A block that has no forward of one input and one output was called.
    #[error("block `{block}` has no forward")]
    NoForward {
        /// The block's class.
        block: Box<str>,
    },
    /// Gradients that no backward has written since the last step.
    #[error("the gradient of {} has not been updated by backward since the last step", list(names))]
    StaleGradients {
        /// The parameters, each with the context if it is on several.
        names: Names,
    },
    /// Gradients that are to be applied have not been summed over the contexts yet.
    #[error("the gradient of {} has not been summed over its contexts", list(names))]
    NotSummed {
        /// The parameters.
        names: Names,
    },
    /// Groups of parameters overlap, or leave some out.
    #[error(transparent)]
    Grouping(Box<GroupingError>),
    /// What one group has was asked of a trainer with several.
    #[error("the trainer has several groups: {}", list(groups))]
    SeveralGroups {
        /// Their names.
        groups: Names,
    },
    /// The learning rate of an optimizer with a schedule was to be set.
    #[error("the learning rate is given by a schedule")]
    Scheduled,
    /// Gradients hold an infinity or a NaN.
    #[error("the gradient of {} is not finite", list(names))]
    NotFinite {
        /// The parameters.
        names: Names,
    },
    /// A saved run is not the one that is to go on from it.
    #[error("cannot resume from `{}`: {problem}", path.display())]
    Resume {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Box<str>,
    },
    /// The states in a file are not those of a trainer.
    #[error("cannot load the states of the optimizer from `{}`: {problem}", path.display())]
    States {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        problem: Box<StatesProblem>,
    },
    /// The averages in a file are not those of these parameters.
    #[error("cannot load the averages from `{}`: {problem}", path.display())]
    Averages {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        problem: Box<StatesProblem>,
    },
    /// Averages were asked for before the first update.
    #[error("there are no averages yet: nothing has updated them")]
    NoAverages,

    // Data.
    /// A data set has no sample of that number.
    #[error("there is no sample {index}: the data set has {len}")]
    NoSample {
        /// What was asked for.
        index: usize,
        /// The number of samples.
        len: usize,
    },
    /// Something happened at a sample of a data set.
    #[error("sample {index}")]
    Sample {
        /// The number of the sample.
        index: usize,
        /// What happened.
        source: Box<Error>,
    },
    /// Something happened while a batch was loaded.
    #[error("batch {batch} of epoch {epoch}")]
    InBatch {
        /// The epoch, from 0.
        epoch: u64,
        /// The batch of the epoch, from 0.
        batch: usize,
        /// What happened.
        source: Box<Error>,
    },
    /// The code of a data set panicked.
    #[error("it panicked: {message}")]
    Panicked {
        /// What it said.
        message: Box<str>,
    },
    /// Samples cannot be put together.
    #[error("{0}")]
    Ragged(Box<RaggedError>),
    /// A sample or a batch has not as many arrays as were asked for.
    #[error("expected {expected} arrays, found {found}")]
    ArrayCount {
        /// What was asked for.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// A position is not one of this data loader.
    #[error("cannot seek: the loader has `{what}` {expected}, the position {found}")]
    Position {
        /// What differs.
        what: &'static str,
        /// That of the loader.
        expected: Box<str>,
        /// That of the position.
        found: Box<str>,
    },
    /// A text is not the position of a data loader.
    #[error("not the position of a data loader: {message}")]
    PositionText {
        /// What is wrong with it.
        message: Box<str>,
    },
    /// A file of a data set is damaged, or something else.
    #[error("cannot read `{}`: {problem}", path.display())]
    DataFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: Box<DataFileError>,
    },

    // Files.
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file has several names, of which a save would change one only.
    #[error("cannot write `{}`: the same file has {} hard links", path.display(), links)]
    HardLinks {
        /// The file.
        path: PathBuf,
        /// The number of its names.
        links: u64,
    },
    /// A file is protected against writing.
    #[error("cannot write `{}`: it is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Another process, or another [`Checkpointer`](crate::checkpoint::Checkpointer), saves into
    /// the folder.
    #[error("cannot save into `{}`: another process or checkpointer does", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The step is what the latest checkpoint is of.
    #[error("step {step} is in `{}` already, as the latest", path.display())]
    StepExists {
        /// The step.
        step: u64,
        /// The folder of all steps.
        path: PathBuf,
    },
    /// The new file is in place, but the folder could not be made durable.
    #[error("`{}` is written, but may be lost in a power failure", path.display())]
    DurabilityUncertain {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file breaks its format's rules, or is of another kind.
    #[error("cannot read `{}`", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<gluonic_formats::Error>,
    },
    /// The record of digests beside a file says nothing about it.
    #[error(
        "the record of digests `{}` {}: {reason}",
        path.display(),
        if *stale { "is of another state of its file" } else { "cannot be used" }
    )]
    Record {
        /// The record.
        path: PathBuf,
        /// Whether it is whole, but was made of another state of the file.
        stale: bool,
        /// How that is known.
        reason: Box<str>,
    },
    /// A file's suffix names no format that can be written.
    #[error("cannot tell the format of `{}` from its suffix", path.display())]
    Suffix {
        /// The file.
        path: PathBuf,
    },
    /// A file does not fit the model.
    #[error("{0}")]
    Load(Box<LoadReport>),
    /// A file has no tensor of that name.
    #[error("no tensor of `{}` is named `{key}`", file.display())]
    UnknownTensor {
        /// What was asked for.
        key: Box<str>,
        /// The file.
        file: Box<Path>,
        /// The names most like it.
        nearest: Names,
    },
    /// A tensor of a file has an element type that arrays cannot hold.
    #[error("tensor `{key}` has element type {dtype}, which arrays cannot hold")]
    TensorDType {
        /// The tensor.
        key: Box<str>,
        /// Its element type.
        dtype: Box<str>,
    },
    /// A tensor cannot be written in pieces, and takes more memory than is allowed.
    #[error("tensor `{key}` takes {needed} bytes of memory at once, allowed are {allowed}")]
    Memory {
        /// The tensor.
        key: Box<str>,
        /// What it takes.
        needed: u64,
        /// What [`ExportOptions::memory`](crate::checkpoint::ExportOptions::memory) allows.
        allowed: u64,
    },
    /// A model or a file is no longer what a plan was made for, or what it was when it was opened.
    #[error("out of date: `{what}` {change}")]
    Outdated {
        /// The parameter or the file.
        what: Box<str>,
        /// What has happened to it.
        change: Box<str>,
    },
    /// A text is not a set of rename rules.
    #[error("{0}")]
    RenameText(Box<RenameTextError>),
    /// Rename rules do not fit the tensors of a file.
    #[error("{0}")]
    Rename(Box<RenameReport>),

    // Users' code.
    /// A user's initializer, hook, layer or operation failed.
    #[error("{what} failed")]
    User {
        /// What failed.
        what: Box<str>,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// An error of a user's own code: of an initializer, a hook, a layer.
    pub fn user(
        what: impl Into<Box<str>>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::User { what: what.into(), source: source.into() }
    }

    /// The same error, with the parameter at which it happened.
    #[must_use]
    pub fn at(self, name: &ParamName) -> Error {
        match self {
            // These name their parameter already.
            Error::Uninitialized { .. }
            | Error::Deferred { .. }
            | Error::UnknownShape { .. }
            | Error::ShapeMismatch { .. }
            | Error::InitSuffix { .. }
            | Error::NoPattern { .. }
            | Error::NotLoaded { .. }
            | Error::Frozen { .. }
            | Error::NotOnContext { .. }
            | Error::At { .. } => self,
            Error::NoGrad { name: None } => Error::NoGrad { name: Some(name.clone()) },
            source => Error::At { name: name.clone(), source: Box::new(source) },
        }
    }

    /// The same error, with the block in which it happened.
    pub(crate) fn in_block(self, block: &str) -> Error {
        Error::InBlock { block: block.into(), source: Box::new(self) }
    }

    /// The same error, with the sample at which it happened, if that is not known.
    pub(crate) fn in_sample(self, index: usize) -> Error {
        match self {
            Error::Sample { .. } | Error::NoSample { .. } => self,
            source => Error::Sample { index, source: Box::new(source) },
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
        Error::Io { action, path: path.to_owned(), source }
    }

    /// The parameter that the error is about, if it is about one.
    pub fn name(&self) -> Option<&ParamName> {
        match self {
            Error::Uninitialized { name }
            | Error::Deferred { name, .. }
            | Error::UnknownShape { name, .. }
            | Error::ShapeMismatch { name, .. }
            | Error::DuplicateName { name }
            | Error::Attribute { name, .. }
            | Error::TiedValues { name, .. }
            | Error::Constant { name, .. }
            | Error::Prefix { name, .. }
            | Error::InitSuffix { name }
            | Error::NoPattern { name, .. }
            | Error::NotLoaded { name, .. }
            | Error::NotOnContext { name, .. }
            | Error::Frozen { name }
            | Error::At { name, .. } => Some(name),
            Error::NoGrad { name } => name.as_ref(),
            _ => None,
        }
    }

    /// The error without the places it has passed on its way up.
    pub fn root(&self) -> &Error {
        match self {
            Error::At { source, .. }
            | Error::InBlock { source, .. }
            | Error::Sample { source, .. }
            | Error::InBatch { source, .. } => source.root(),
            error => error,
        }
    }
}

/// What `Index` does with an error: panics with its words and its hint, as for slices.
pub(crate) fn or_panic<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => match error.hint() {
            Some(hint) => panic!("{error}: {hint}"),
            None => panic!("{error}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_fits_in_a_cache_line() {
        assert!(size_of::<Error>() <= 56, "{}", size_of::<Error>());
    }
}
