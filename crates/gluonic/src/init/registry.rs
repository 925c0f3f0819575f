//! Initializers by name.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};

use super::text::{parse, shown, string};
use super::{
    Args, Bilinear, Constant, DeltaOrthogonal, Dirac, Identity, Initializer, Kaiming, Lecun,
    LstmBias, Mixed, MsraPrelu, Normal, One, Orthogonal, Sparse, TruncNormal, Uniform, Xavier,
    Zero,
};
use crate::error::{Error, Result};
use crate::suggest::nearest;

/// An initializer that can be made from its arguments.
pub(super) trait FromArgs: Initializer + Sized + 'static {
    fn from_args(args: &mut Args) -> Result<Self>;
}

type Make = Arc<dyn Fn(&mut Args) -> Result<Arc<dyn Initializer>> + Send + Sync>;
type MakeBuiltIn = fn(&mut Args) -> Result<Arc<dyn Initializer>>;

/// The built-in ones: names, the first of which is that of the text form, and what makes them.
const BUILT_IN: &[(&[&str], MakeBuiltIn)] = &[
    (&["zero", "zeros"], of::<Zero>),
    (&["one", "ones"], of::<One>),
    (&["constant"], of::<Constant>),
    (&["uniform"], of::<Uniform>),
    (&["normal", "gaussian"], of::<Normal>),
    (&["truncnormal", "trunc_normal", "truncated_normal"], of::<TruncNormal>),
    (&["xavier", "glorot"], of::<Xavier>),
    (&["msraprelu"], of::<MsraPrelu>),
    (&["kaiming", "he"], of::<Kaiming>),
    (&["lecun"], of::<Lecun>),
    (&["orthogonal"], of::<Orthogonal>),
    (&["deltaorthogonal", "delta_orthogonal"], of::<DeltaOrthogonal>),
    (&["sparse"], of::<Sparse>),
    (&["identity", "eye"], of::<Identity>),
    (&["dirac"], of::<Dirac>),
    (&["bilinear"], of::<Bilinear>),
    (&["lstmbias"], of::<LstmBias>),
    (&["mixed"], of::<Mixed>),
];

fn of<T: FromArgs>(args: &mut Args) -> Result<Arc<dyn Initializer>> {
    Ok(Arc::new(T::from_args(args)?))
}

/// What users have registered, by lower-case name.
static REGISTERED: RwLock<BTreeMap<String, Make>> = RwLock::new(BTreeMap::new());

/// Lets [`loads`] make an initializer of one's own by name, on all threads. Names do not know case.
/// A name that is taken, also by a built-in initializer, gets the new meaning, with a warning.
///
/// # Examples
/// ```
/// use gluonic::{NdArray, Parameter, Reinit, Result, init};
/// use gluonic::{init::{InitDesc, Initializer}, random::Address};
///
/// /// Every element is the number of elements.
/// #[derive(Clone, Debug)]
/// struct Count {
///     factor: f64,
/// }
///
/// impl Initializer for Count {
///     fn init_weight(&self, desc: &InitDesc, data: &NdArray, _address: &Address) -> Result<()> {
///         data.fill(self.factor * desc.dims.elem_count() as f64)
///     }
///
///     fn dumps(&self) -> String {
///         format!(r#"["count", {{"factor": {}}}]"#, self.factor)
///     }
/// }
///
/// init::register("count", |args| {
///     let factor = args.number("factor")?.map_or(1.0, |factor| factor.to_f64());
///     Ok(Count { factor })
/// });
/// let weight = Parameter::new("weight", (2, 2));
/// weight.initialize_with(&init::loads(r#"["count", {"factor": 0.5}]"#)?, Reinit::Keep)?;
/// assert_eq!(weight.data()?.to_vec::<f32>()?, [2.0; 4]);
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// `MXNet` 1.9.1, `initializer.py`, function `register`.
pub fn register<I: Initializer + 'static>(
    name: &str,
    make: impl Fn(&mut Args) -> Result<I> + Send + Sync + 'static,
) {
    let name = name.to_lowercase();
    let make: Make = Arc::new(move |args| Ok(Arc::new(make(args)?)));
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    let taken = built_in(&name).is_some() | registered.insert(name.clone(), make).is_some();
    drop(registered);
    if taken {
        log::warn!("the name of initializer `{name}` was taken; it now means the new one");
    }
}

/// Makes an initializer from a text: a name such as `xavier`; a name and arguments as
/// [`dumps`](Initializer::dumps) writes them, `["normal", {"sigma": 0.5}]`; or
/// `{"initializer": "normal", "sigma": 0.5}`. Names do not know case.
///
/// # Errors
/// [`Error::UnknownWord`] if there is no such name; [`Error::InitArgument`] for an argument that is
/// unknown, missing or of another type; [`Error::InitText`] for any other text.
///
/// # Examples
/// ```
/// use gluonic::{BlockExt, Reinit, init, nn::Dense};
/// let layer = Dense::new(10);
/// layer.initialize_with(&init::loads("xavier")?, Reinit::Keep)?;
/// let normal = init::loads(r#"{"initializer": "Normal", "sigma": 0.5}"#)?;
/// assert_eq!(normal.dumps(), r#"["normal", {"sigma": 0.5}]"#);
/// let error = init::loads("xaver").unwrap_err();
/// assert_eq!(error.hint().as_deref(), Some("did you mean `xavier`?"));
/// # Ok::<(), gluonic::Error>(())
/// ```
///
/// # Source
/// `MXNet` 1.9.1, `registry.py`, function `get_create_func`.
pub fn loads(text: &str) -> Result<Arc<dyn Initializer>> {
    let text = text.trim();
    if !text.starts_with(['[', '{']) {
        return make_named(text, Map::new());
    }
    make(parse(text).map_err(|error| not_a_text(text, error))?)
}

/// The initializer that a value describes.
pub(super) fn make(value: Value) -> Result<Arc<dyn Initializer>> {
    if let Some(name) = string(&value) {
        return make_named(name, Map::new());
    }
    let message = match &value {
        Value::Object(args) => match args.get("initializer").and_then(string) {
            Some(name) => {
                let mut args = args.clone();
                args.shift_remove("initializer");
                return make_named(name, args);
            }
            None => "it has no name under `initializer`",
        },
        Value::Array(items) => match (items.first().and_then(string), items.get(1..)) {
            (Some(name), Some([])) => return make_named(name, Map::new()),
            (Some(name), Some([Value::Object(args)])) => return make_named(name, args.clone()),
            _ => "a list must have a name and an object of arguments",
        },
        _ => "it is neither a name nor a list",
    };
    Err(not_a_text(&shown(&value), message))
}

fn make_named(name: &str, args: Map<String, Value>) -> Result<Arc<dyn Initializer>> {
    let key = name.to_lowercase();
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    // The lock is let go before a user's code runs.
    let own = registered.get(&key).cloned();
    let names: Vec<String> =
        if own.is_some() { Vec::new() } else { registered.keys().cloned().collect() };
    drop(registered);
    let mut args = Args::new(&key, args);
    let made = match (own, built_in(&key)) {
        (Some(make), _) => make(&mut args)?,
        (None, Some(make)) => make(&mut args)?,
        (None, None) => {
            let built_in = BUILT_IN.iter().flat_map(|(names, _)| *names).copied();
            return Err(Error::UnknownWord {
                kind: "initializer",
                word: name.into(),
                nearest: nearest(&key, built_in.chain(names.iter().map(String::as_str))),
            });
        }
    };
    args.finish()?;
    Ok(made)
}

fn built_in(name: &str) -> Option<MakeBuiltIn> {
    BUILT_IN.iter().find(|(names, _)| names.contains(&name)).map(|(_, make)| *make)
}

fn not_a_text(text: &str, message: impl Display) -> Error {
    /// Enough to recognize it.
    const SHOWN: usize = 80;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Error::InitText { text: shown.into(), message: message.to_string().into() }
}
