//! What the `Trainer` of MXNet saves: a pickle of what an optimizer remembers, read by the machine
//! that can run nothing.
//!
//! The pickle is a dict of the parameters' numbers, in the order of the trainer, to an array, a tuple
//! of arrays or none; or a pair of this and of the optimizer, of which the attributes are read.

use std::collections::HashMap;

use super::machine;
use super::value::{Id, Value, Values};
use crate::{Error, Format, Limits, RawTensor, cursor::Cursor, limits::Budget, mxnet_params};

/// What stands in a file of states.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct States {
    /// Of each parameter, by its number, the arrays.
    pub arrays: Vec<(usize, Vec<RawTensor<'static>>)>,
    /// The optimizer, if it was saved too.
    pub optimizer: Option<Optimizer>,
}

/// An optimizer, as data.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Optimizer {
    /// The class, `SGD` say.
    pub class: String,
    /// Attributes that are numbers, yes or no, or `None`.
    pub settings: Vec<(String, Setting)>,
    /// How often each parameter was updated, by its number.
    pub updates: Vec<(usize, u64)>,
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Setting {
    /// Nothing.
    None,
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(f64),
}

/// The bytes with which a file of states begins.
pub fn is_states(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, next, ..] if matches!(next, b'}' | b'(' | 0x95 | b'q'))
}

/// Reads a file of states. Nothing of what the pickle names is looked up, imported or called.
///
/// # Errors
/// * [`Error::Pickle`] if it is no such pickle.
/// * [`Error::Limit`] and [`Error::Truncated`] if it claims too much.
/// * Those of [`mxnet_params::read`] if an array is malformed.
///
/// # Panics
/// Never, whatever the bytes.
///
/// # Examples
/// ```
/// use gluonic_formats::{Limits, mxnet_states};
/// // `{0: None}`, as a trainer of plain SGD saves it.
/// let states = mxnet_states::read(b"\x80\x04}K\x00Ns.", &Limits::default())?;
/// assert_eq!(states.arrays, [(0, vec![])]);
/// # Ok::<(), gluonic_formats::Error>(())
/// ```
///
/// # Source
/// MXNet 1.9.1, `optimizer/optimizer.py`, `Updater.get_states`.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<States, Error> {
    let format = Format::MxnetParams;
    let mut budget = Budget::new(format, limits, bytes.len());
    let mut cursor = Cursor::new(format, bytes);
    let pickle = machine::run(format, &mut cursor, limits, &mut budget)?;
    let attributes = pickle.values.attributes.iter().copied().collect();
    let reader = Reader { values: &pickle.values, attributes, limits };
    let (states, optimizer) = match reader.values.items(pickle.root) {
        Some(&[states, optimizer]) => (states, Some(optimizer)),
        _ => (pickle.root, None),
    };
    let pairs = reader.values.pairs(states).ok_or_else(|| bad("it is no dict of states"))?;
    let mut arrays = Vec::new();
    for &(index, state) in pairs {
        budget.spend(Budget::TENSOR)?;
        arrays.push((reader.index(index)?, reader.arrays(state, &mut budget)?));
    }
    let optimizer = optimizer.map(|id| reader.optimizer(id, &mut budget)).transpose()?;
    Ok(States { arrays, optimizer })
}

fn bad(reason: &str) -> Error {
    Error::Pickle { offset: 0, reason: reason.into() }
}

struct Reader<'v, 'p> {
    values: &'v Values<'p>,
    attributes: HashMap<Id, Id>,
    limits: &'v Limits,
}

impl Reader<'_, '_> {
    fn index(&self, id: Id) -> Result<usize, Error> {
        let index = self.values.int(id).and_then(|index| usize::try_from(index).ok());
        index.ok_or_else(|| bad("the number of a parameter is none"))
    }

    /// An attribute of an object that was not made.
    fn attribute(&self, object: Id, name: &str) -> Option<Id> {
        let pairs = self.values.pairs(*self.attributes.get(&object)?)?;
        pairs.iter().rev().find(|(key, _)| self.values.text(*key) == Some(name)).map(|pair| pair.1)
    }

    /// The arrays of one parameter. Tuples do not nest deeper than those of a copy in full precision.
    fn arrays(&self, state: Id, budget: &mut Budget) -> Result<Vec<RawTensor<'static>>, Error> {
        let mut arrays = Vec::new();
        let outer = self.values.items(state).map_or_else(|| vec![state], <[Id]>::to_vec);
        for part in outer {
            let inner = self.values.items(part).map_or_else(|| vec![part], <[Id]>::to_vec);
            for id in inner {
                match self.values.get(id) {
                    Value::None => {}
                    Value::Opaque(_) => arrays.push(self.array(id, budget)?),
                    _ => return Err(bad("a state is no array")),
                }
            }
        }
        Ok(arrays)
    }

    fn array(&self, id: Id, budget: &mut Budget) -> Result<RawTensor<'static>, Error> {
        let class = self.values.global(id).map(|global| (global.module, global.name));
        if !matches!(class, Some((module, "NDArray" | "ndarray")) if module.starts_with("mxnet.")) {
            let global = self.values.global_name(id).unwrap_or_default();
            return Err(Error::Foreign { global });
        }
        let record = self.attribute(id, "handle").and_then(|handle| self.values.bytes(handle));
        let record = record.ok_or_else(|| bad("an array has no bytes"))?;
        budget.spend(record.len().saturating_mul(2))?;
        // A file of this one array, without names.
        let mut file = 0x112_u64.to_le_bytes().to_vec();
        file.extend(0_u64.to_le_bytes());
        file.extend(1_u64.to_le_bytes());
        file.extend(record);
        file.extend(0_u64.to_le_bytes());
        let archive = mxnet_params::read_dense(&file, self.limits)?;
        let tensor = archive.tensors.into_iter().next().ok_or_else(|| bad("an array is none"))?;
        let shape = tensor.shape().to_vec();
        RawTensor::new("", tensor.dtype(), shape, tensor.data().to_vec())
    }

    fn optimizer(&self, id: Id, budget: &mut Budget) -> Result<Optimizer, Error> {
        let class = self.values.global(id).map(|global| global.name.to_owned());
        let class = class.ok_or_else(|| bad("the optimizer is no object"))?;
        let pairs = self.attributes.get(&id).and_then(|&dict| self.values.pairs(dict));
        let mut optimizer = Optimizer { class, ..Optimizer::default() };
        for &(key, value) in pairs.unwrap_or_default() {
            let Some(name) = self.values.text(key) else { continue };
            budget.spend(Budget::PAIR + name.len())?;
            let setting = match self.values.get(value) {
                Value::None => Setting::None,
                Value::Bool(flag) => Setting::Flag(*flag),
                Value::Int(int) => Setting::Number(*int as f64),
                Value::Float(number) => Setting::Number(*number),
                Value::Dict(counts) if name == "_index_update_count" => {
                    for &(index, count) in counts {
                        budget.spend(Budget::PAIR)?;
                        let updates = self.values.int(count).and_then(|n| u64::try_from(n).ok());
                        let updates = updates.ok_or_else(|| bad("a count of updates is none"))?;
                        optimizer.updates.push((self.index(index)?, updates));
                    }
                    continue;
                }
                _ => continue,
            };
            optimizer.settings.push((name.to_owned(), setting));
        }
        Ok(optimizer)
    }
}
