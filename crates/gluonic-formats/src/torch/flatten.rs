//! From nested dicts and lists to tensors with names.

use indexmap::{IndexMap, map::Entry};

use super::{
    machine::Pickle,
    value::{Id, Value},
};
use crate::{Error, Format, Limits, limits::Budget};

/// The tensors of a pickle, by name, and the texts and numbers beside them.
pub(super) struct Flat {
    pub(super) tensors: Vec<(String, Id)>,
    pub(super) metadata: IndexMap<String, String>,
    pub(super) named: bool,
}

/// A dict or list longer than this is data rather than description, such as a vocabulary; its
/// texts and numbers are left out.
const MOST_TEXTS: usize = 1000;

/// Finds all tensors, in the order in which they stand.
pub(super) fn flatten(
    format: Format,
    pickle: &Pickle<'_>,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Flat, Error> {
    let Pickle { values, root } = pickle;
    if let Some(global) = values.global_name(*root) {
        return Err(tensor_kind("0", &global).unwrap_or(Error::Foreign { global }));
    }
    let is_tensor = |&id: &Id| matches!(values.get(id), Value::Tensor(_));
    let named = !is_tensor(root)
        && values.items(*root).is_none_or(|items| items.is_empty() || !items.iter().all(is_tensor));
    let flat = Flat { tensors: Vec::new(), metadata: IndexMap::new(), named };
    let (path, frames) = (String::new(), Vec::new());
    let mut walk = Walk { format, pickle, limits, budget, flat, path, paid: 0, frames };
    match values.get(*root) {
        Value::Tensor(_) => walk.path.push('0'),
        Value::Tuple(_) | Value::List(_) | Value::Dict(_) => {}
        _ => {
            let reason = "it holds neither tensors nor a dict or list of them".into();
            return Err(Error::Pickle { offset: 0, reason });
        }
    }
    walk.visit(*root, true)?;
    while walk.step()? {}
    Ok(walk.flat)
}

/// A dict or list on the way from the root to the value that is looked at.
struct Frame {
    id: Id,
    next: usize,
    /// How long the path of the dict or list is.
    path_len: usize,
}

struct Walk<'w, 'p> {
    format: Format,
    pickle: &'w Pickle<'p>,
    limits: &'w Limits,
    budget: &'w mut Budget,
    flat: Flat,
    path: String,
    /// How long the path has been, which is paid for.
    paid: usize,
    frames: Vec<Frame>,
}

impl Walk<'_, '_> {
    /// Goes to the next value; false if there is none. What holds itself ends when its path is
    /// longer than a name may be, or the budget is spent.
    fn step(&mut self) -> Result<bool, Error> {
        let values = &self.pickle.values;
        let root = self.frames.len() == 1;
        let Some(frame) = self.frames.last_mut() else { return Ok(false) };
        self.budget.spend(16)?;
        let place = frame.next;
        frame.next += 1;
        self.path.truncate(frame.path_len);
        let (child, key, len) = if let Value::Dict(pairs) = values.get(frame.id) {
            let pair = pairs.get(place);
            (pair.map(|pair| pair.1), pair.map(|pair| values.get(pair.0)), pairs.len())
        } else {
            let items = values.items(frame.id).unwrap_or_default();
            (items.get(place).copied(), None, items.len())
        };
        let Some(child) = child else {
            self.frames.pop();
            return Ok(true);
        };
        let number;
        let key = match key {
            Some(Value::Text(text)) => *text,
            Some(Value::Int(int)) => {
                number = int.to_string();
                &number
            }
            // Another key, such as a tuple, has no text; its place in the dict is its name.
            _ => {
                number = place.to_string();
                &number
            }
        };
        let path_len = (self.path.len() + usize::from(!root)).saturating_add(key.len());
        let (what, limit) = ("the length of a name", self.limits.max_name_bytes);
        Limits::check(self.format, what, limit, path_len as u64)?;
        if path_len > self.paid {
            self.budget.spend(3 * (path_len - self.paid))?;
            self.paid = path_len;
        }
        if !root {
            self.path.push('.');
        }
        self.path.push_str(key);
        self.visit(child, len <= MOST_TEXTS)?;
        Ok(true)
    }

    fn visit(&mut self, id: Id, texts: bool) -> Result<(), Error> {
        let values = &self.pickle.values;
        let text = match values.get(id) {
            Value::Tensor(tensor) => {
                let found = self.flat.tensors.len() as u64 + 1;
                let (what, limit) = ("the number of tensors", self.limits.max_tensors);
                Limits::check(self.format, what, limit, found)?;
                let dims = 2 * size_of_val(&*tensor.shape);
                self.budget.spend(Budget::TENSOR + dims + self.path.len())?;
                self.flat.tensors.push((self.path.clone(), id));
                return Ok(());
            }
            Value::Tuple(_) | Value::List(_) | Value::Dict(_) => {
                self.budget.spend(3 * size_of::<Frame>())?;
                self.frames.push(Frame { id, next: 0, path_len: self.path.len() });
                return Ok(());
            }
            Value::Opaque(_) => {
                let global = self.global_name(id)?;
                if let Some(error) = tensor_kind(&self.path, &global) {
                    return Err(error);
                }
                ["<", &global, ">"].concat()
            }
            _ if !texts => return Ok(()),
            Value::None | Value::Bytes(_) | Value::Other | Value::Storage(_) => return Ok(()),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => format!("{value:?}"),
            Value::Text(text) => {
                // Before the copy, as it may be of any length.
                self.budget.spend(text.len())?;
                (*text).to_owned()
            }
            Value::Global(_) => self.global_name(id)?.into(),
        };
        self.budget.spend(Budget::PAIR + self.path.len() + text.len())?;
        match self.flat.metadata.entry(self.path.clone()) {
            Entry::Occupied(pair) => {
                let (key, place) = (pair.key().as_str().into(), "the keys of the pickle");
                Err(Error::Duplicate { key, place })
            }
            Entry::Vacant(place) => {
                place.insert(text);
                Ok(())
            }
        }
    }

    /// The name of the global that a value is or would have been made by.
    fn global_name(&mut self, id: Id) -> Result<Box<str>, Error> {
        let Some(global) = self.pickle.values.global(id) else { return Ok(Box::default()) };
        // Before the copies, of which there are two for a moment, as it may be of any length.
        self.budget.spend(2 * (global.module.len() + global.name.len()))?;
        Ok(global.full_name())
    }
}

/// The error for what a function of PyTorch that we do not follow would have made, if that is a
/// tensor: one that is missing must not go unnoticed.
fn tensor_kind(path: &str, global: &str) -> Option<Error> {
    let function = global.strip_prefix("torch._utils._rebuild_");
    let function = function.or_else(|| global.strip_prefix("torch._tensor._rebuild_"))?;
    let kind = if function.starts_with("sparse") {
        "sparse"
    } else if function.starts_with('q') {
        "quantized"
    } else if function.starts_with("meta") {
        "on the meta device, without elements"
    } else if function.starts_with("nested") {
        "nested, with rows of unlike lengths"
    } else {
        "made by a function of PyTorch that is not known"
    };
    Some(Error::TensorKind { name: path.into(), kind })
}
