//! What a pickle makes: values that name each other by number, so that nothing recurses.

use crate::{DType, Error, limits::Budget};

/// The place of a value in its [`Values`].
pub(super) type Id = u32;

/// One Python object, as far as it matters here.
#[derive(Debug)]
pub(super) enum Value<'p> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'p str),
    Bytes(&'p [u8]),
    /// An integer of more than 64 bits: nothing here needs to know it.
    Other,
    Tuple(Box<[Id]>),
    /// A list, or a set, whose order is that of the file.
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Box<Global<'p>>),
    /// What a call of an unknown [`Global`] would have made. Nothing was called.
    Opaque(Id),
    Storage(Box<Storage<'p>>),
    Tensor(Box<Tensor>),
}

/// A Python object that the pickle names.
#[derive(Debug)]
pub(super) struct Global<'p> {
    pub(super) module: &'p str,
    pub(super) name: &'p str,
    pub(super) known: Known,
}

/// What we know of a global. All else is never called, looked up or imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Rebuild(Rebuild),
    /// A class of storages, whose elements are of this type.
    Storage(DType),
    DType(DType),
    /// `OrderedDict` and the like.
    Dict,
    Set,
    /// `torch.Size`, which is a tuple.
    Size,
    /// `bytearray`, of bytes.
    Bytes,
    Nothing,
}

/// PyTorch's functions that make a tensor, by their arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rebuild {
    /// Storage, offset, size, strides, and more that does not matter.
    Tensor,
    /// The same, and the element type as the seventh.
    TypedTensor,
    /// A tensor, and more that does not matter.
    Parameter,
    /// A function, a class, the function's arguments.
    FromType,
}

/// Elements of the file that tensors look at.
#[derive(Debug)]
pub(super) struct Storage<'p> {
    pub(super) key: &'p str,
    pub(super) dtype: DType,
    /// How many elements the whole storage has.
    pub(super) n_elems: u64,
    /// Where this view of it starts, in elements; only PyTorch before 0.4 has other than 0.
    pub(super) start: usize,
}

/// A view of a storage, in elements.
#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) storage: Id,
    pub(super) dtype: DType,
    pub(super) offset: usize,
    pub(super) shape: Box<[usize]>,
    pub(super) strides: Box<[usize]>,
}

impl Global<'_> {
    pub(super) fn of<'p>(module: &'p str, name: &'p str) -> Global<'p> {
        Global { module, name, known: known(module, name) }
    }

    pub(super) fn full_name(&self) -> Box<str> {
        // One copy: a name may be long.
        [self.module, ".", self.name].concat().into()
    }
}

fn known(module: &str, name: &str) -> Known {
    let torch = matches!(module, "torch" | "torch.cuda" | "torch.storage");
    match (module, name) {
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
            Known::Rebuild(Rebuild::Tensor)
        }
        ("torch._utils", "_rebuild_tensor_v3") => Known::Rebuild(Rebuild::TypedTensor),
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            Known::Rebuild(Rebuild::Parameter)
        }
        ("torch._tensor", "_rebuild_from_type_v2") => Known::Rebuild(Rebuild::FromType),
        ("torch", "Size") => Known::Size,
        ("collections", "OrderedDict" | "defaultdict") | ("builtins" | "__builtin__", "dict") => {
            Known::Dict
        }
        ("builtins" | "__builtin__", "set" | "frozenset") => Known::Set,
        ("builtins" | "__builtin__", "bytearray") => Known::Bytes,
        (_, "UntypedStorage" | "_UntypedStorage") if torch => Known::Storage(DType::U8),
        _ if torch => match name.strip_suffix("Storage") {
            Some(class) => storage_dtype(class).map_or(Known::Nothing, Known::Storage),
            None => DType::from_name(name).map_or(Known::Nothing, Known::DType),
        },
        _ => Known::Nothing,
    }
}

fn storage_dtype(class: &str) -> Option<DType> {
    Some(match class {
        "Float" => DType::F32,
        "Double" => DType::F64,
        "Half" => DType::F16,
        "BFloat16" => DType::BF16,
        "Long" => DType::I64,
        "Int" => DType::I32,
        "Short" => DType::I16,
        "Char" => DType::I8,
        "Byte" => DType::U8,
        "Bool" => DType::Bool,
        "ComplexFloat" => DType::C64,
        "ComplexDouble" => DType::C128,
        _ => return None,
    })
}

/// All values of a pickle, in pieces, so that growing copies none of them.
#[derive(Debug, Default)]
pub(super) struct Values<'p> {
    pieces: Vec<Vec<Value<'p>>>,
    /// The attributes that objects were given which nobody has made: object and dict.
    pub(super) attributes: Vec<(Id, Id)>,
}

impl<'p> Values<'p> {
    /// Few, as each of a file's pickles has a piece of its own.
    const PIECE: usize = 128;
    /// What a piece costs: its values, and its place in the list of pieces while that grows.
    const COST: usize = Self::PIECE * size_of::<Value<'static>>() + 3 * size_of::<Vec<Value<'_>>>();
    /// What a list or dict costs at its first element, beside that.
    pub(super) const FIRST: usize = 8;

    pub(super) fn push(&mut self, value: Value<'p>, budget: &mut Budget) -> Result<Id, Error> {
        let more = match &value {
            Value::Tuple(items) => size_of_val(&**items),
            Value::List(items) => size_of_val(&**items),
            Value::Global(global) => size_of_val(&**global),
            Value::Storage(storage) => size_of_val(&**storage),
            Value::Tensor(tensor) => {
                size_of_val(&**tensor) + 2 * size_of_val(&*tensor.shape) // Strides too.
            }
            _ => 0,
        };
        budget.spend(more)?;
        if self.pieces.last().is_none_or(|piece| piece.len() == Self::PIECE) {
            budget.spend(Self::COST)?;
            self.pieces.push(Vec::with_capacity(Self::PIECE));
        }
        let full = self.pieces.len().saturating_sub(1) * Self::PIECE;
        let Some(piece) = self.pieces.last_mut() else { return Ok(0) }; // Pushed above.
        let id = full + piece.len();
        piece.push(value);
        // A pickle of 2³² values would need a budget of 160 GiB.
        Ok(Id::try_from(id).unwrap_or(Id::MAX))
    }

    pub(super) fn get(&self, id: Id) -> &Value<'p> {
        const NONE: &Value<'static> = &Value::None;
        let (piece, place) = (id as usize / Self::PIECE, id as usize % Self::PIECE);
        self.pieces.get(piece).and_then(|piece| piece.get(place)).unwrap_or(NONE)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Value<'p>> {
        let (piece, place) = (id as usize / Self::PIECE, id as usize % Self::PIECE);
        self.pieces.get_mut(piece)?.get_mut(place)
    }

    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage<'p>> {
        self.pieces.iter().flatten().filter_map(|value| match value {
            Value::Storage(storage) => Some(&**storage),
            _ => None,
        })
    }

    /// The elements of a tuple or list.
    pub(super) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) => Some(items),
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn text(&self, id: Id) -> Option<&'p str> {
        if let Value::Text(text) = self.get(id) { Some(text) } else { None }
    }

    pub(super) fn bytes(&self, id: Id) -> Option<&'p [u8]> {
        if let Value::Bytes(bytes) = self.get(id) { Some(bytes) } else { None }
    }

    /// The pairs of a dict.
    pub(super) fn pairs(&self, id: Id) -> Option<&[(Id, Id)]> {
        if let Value::Dict(pairs) = self.get(id) { Some(pairs) } else { None }
    }

    pub(super) fn int(&self, id: Id) -> Option<i64> {
        if let Value::Int(int) = self.get(id) { Some(*int) } else { None }
    }

    /// The global that a value is or would have been made by.
    pub(super) fn global(&self, id: Id) -> Option<&Global<'p>> {
        match self.get(id) {
            Value::Global(global) => Some(global),
            Value::Opaque(global) => match self.get(*global) {
                Value::Global(global) => Some(global),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn global_name(&self, id: Id) -> Option<Box<str>> {
        self.global(id).map(Global::full_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_small() {
        assert!(size_of::<Value<'static>>() <= 32, "{}", size_of::<Value<'static>>());
    }

    #[test]
    fn only_listed_globals_are_known() {
        assert_eq!(known("torch", "HalfStorage"), Known::Storage(DType::F16));
        assert_eq!(known("torch.cuda", "FloatStorage"), Known::Storage(DType::F32));
        assert_eq!(known("torch", "float8_e5m2"), Known::DType(DType::F8E5M2));
        assert_eq!(known("torch", "QInt8Storage"), Known::Nothing);
        assert_eq!(known("os", "system"), Known::Nothing);
        assert_eq!(known("torch", "load"), Known::Nothing);
        assert_eq!(known("builtins", "eval"), Known::Nothing);
        assert_eq!(known("mine", "FloatStorage"), Known::Nothing);
    }
}
