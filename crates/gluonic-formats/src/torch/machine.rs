//! A machine that reads pickles and can run nothing.
//!
//! A pickle is a program for a stack. [`run`] follows it but has no way to look up, import or call
//! anything: the few functions that make tensors are known by name and done here; whatever else a
//! pickle wants to call leaves a [`Value::Opaque`] that remembers its name. Everything that grows
//! is paid from the budget, so that a program's length bounds its time and its memory.
//!
//! # Source
//! The opcodes as CPython 3.11, `Lib/pickle.py` and `Lib/pickletools.py`, protocols 1 to 5.

use std::collections::HashMap;

use super::value::{Global, Id, Known, Rebuild, Storage, Tensor, Value, Values};
use crate::{Error, Format, Limits, cursor::Cursor, limits::Budget};

/// The object that a pickle makes.
#[derive(Debug)]
pub(super) struct Pickle<'p> {
    pub(super) values: Values<'p>,
    pub(super) root: Id,
}

/// Follows one pickle to its end.
pub(super) fn run<'p>(
    format: Format,
    cursor: &mut Cursor<'p>,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<Pickle<'p>, Error> {
    let mut machine = Machine {
        format,
        cursor,
        limits,
        budget,
        start: 0,
        values: Values::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        paid: 0,
        memo: Vec::new(),
        sparse_memo: HashMap::new(),
        common: HashMap::new(),
    };
    loop {
        machine.start = machine.cursor.offset();
        let opcode = machine.cursor.u8("an opcode of the pickle")?;
        if opcode == b'.' {
            let root = machine.pop()?;
            return Ok(Pickle { values: machine.values, root });
        }
        machine.step(opcode)?;
    }
}

struct Machine<'m, 'p> {
    format: Format,
    cursor: &'m mut Cursor<'p>,
    limits: &'m Limits,
    budget: &'m mut Budget,
    /// Where the opcode stands.
    start: u64,
    values: Values<'p>,
    stack: Vec<Id>,
    /// How high the stack was at each mark.
    marks: Vec<u32>,
    /// How high stack and marks together have been, which is paid for.
    paid: usize,
    /// What was stored, by number; honest writers count from 0.
    memo: Vec<Id>,
    /// What was stored under other numbers.
    sparse_memo: HashMap<u32, Id>,
    /// Values that occur with every tensor, by opcode and argument, so that each is there once.
    common: HashMap<[u8; 2], Id>,
}

const ARGUMENT: &str = "an argument of the pickle";

impl<'p> Machine<'_, 'p> {
    fn step(&mut self, opcode: u8) -> Result<(), Error> {
        match opcode {
            0x80 => self.protocol(),
            0x95 => self.frame(),
            b'(' => {
                self.marks.push(self.stack.len() as u32);
                self.pay()
            }
            b'0' => self.pop().map(drop),
            b'1' => self.pop_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.push_id(top)
            }
            b'N' => self.push_common([opcode, 0], || Value::None),
            0x88 => self.push_common([opcode, 0], || Value::Bool(true)),
            0x89 => self.push_common([opcode, 0], || Value::Bool(false)),
            b'J' => {
                let int = self.cursor.i32(ARGUMENT)?;
                self.push(Value::Int(int.into()))
            }
            b'K' => {
                let int = self.cursor.u8(ARGUMENT)?;
                self.push_common([opcode, int], || Value::Int(int.into()))
            }
            b'M' => {
                let int = self.cursor.u16(ARGUMENT)?;
                self.push(Value::Int(int.into()))
            }
            0x8a => {
                let len = self.cursor.u8(ARGUMENT)?.into();
                self.long(len)
            }
            0x8b => {
                let len = self.cursor.u32(ARGUMENT)?.into();
                self.long(len)
            }
            b'I' | b'L' | b'F' => self.decimal(opcode),
            b'G' => {
                let bits = self.cursor.u64(ARGUMENT)?.swap_bytes(); // Big-endian, alone of all.
                self.push(Value::Float(f64::from_bits(bits)))
            }
            b'X' | b'T' => {
                let len = self.cursor.u32(ARGUMENT)?.into();
                self.text(len)
            }
            0x8c | b'U' => {
                let len = self.cursor.u8(ARGUMENT)?.into();
                self.text(len)
            }
            0x8d => {
                let len = self.cursor.u64(ARGUMENT)?;
                self.text(len)
            }
            b'C' => {
                let len = self.cursor.u8(ARGUMENT)?.into();
                self.bytes(len)
            }
            b'B' => {
                let len = self.cursor.u32(ARGUMENT)?.into();
                self.bytes(len)
            }
            0x8e | 0x96 => {
                let len = self.cursor.u64(ARGUMENT)?;
                self.bytes(len)
            }
            b')' => self.push_common([opcode, 0], || Value::Tuple(Box::default())),
            0x85..=0x87 => self.short_tuple(usize::from(opcode - 0x84)),
            b't' => {
                let items = self.pop_mark()?;
                self.push(Value::Tuple(items.into()))
            }
            b']' | 0x8f => self.push(Value::List(Vec::new())),
            b'l' | 0x91 => {
                let items = self.pop_mark()?;
                self.push(Value::List(items))
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.append(&items)
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Value::Dict(Vec::new()))?;
                self.set_items(&items)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[key, value])
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set_items(&items)
            }
            b'q' | b'r' | b'p' | 0x94 => self.put(opcode),
            b'h' | b'j' | b'g' => self.get(opcode),
            b'c' | 0x93 => self.global(opcode),
            b'R' | 0x81 => {
                let (args, callable) = (self.pop()?, self.pop()?);
                self.call(callable, args)
            }
            0x92 => {
                let (_, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(class, args)
            }
            b'b' => self.build(),
            b'Q' => self.persistent(),
            0x82..=0x84 => Err(self.fail("it asks for an extension of Python (EXT)")),
            b'i' | b'o' => Err(self.fail("it makes an object in a way that no tensor needs")),
            0x97 | 0x98 => Err(self.fail("it asks for a buffer outside of it")),
            b'S' | b'V' | b'P' => {
                Err(self.fail("it is of protocol 0, in which PyTorch saves nothing"))
            }
            other => Err(self.fail(&format!("there is no opcode {other:#04x}"))),
        }
    }

    fn protocol(&mut self) -> Result<(), Error> {
        match self.cursor.u8(ARGUMENT)? {
            0..=5 => Ok(()),
            other => Err(self.fail(&format!("there is no protocol {other}"))),
        }
    }

    /// A frame only says how much a reader may read at once.
    fn frame(&mut self) -> Result<(), Error> {
        let len = self.cursor.u64(ARGUMENT)?;
        self.cursor.clone().range(len, "a frame of the pickle").map(drop)
    }

    fn long(&mut self, len: u64) -> Result<(), Error> {
        let bytes = self.cursor.take(len, ARGUMENT)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let fill = if negative { 0xff } else { 0 };
        let mut long = [fill; 8];
        let (low, high) = bytes.split_at_checked(8).unwrap_or((bytes, &[]));
        long.iter_mut().zip(low).for_each(|(to, from)| *to = *from);
        let int = i64::from_le_bytes(long);
        let fits = high.iter().all(|&byte| byte == fill) && (int < 0) == negative;
        self.push(if fits { Value::Int(int) } else { Value::Other })
    }

    fn decimal(&mut self, opcode: u8) -> Result<(), Error> {
        let text = self.line()?;
        let value = match (opcode, text) {
            (b'I', "00") => Some(Value::Bool(false)),
            (b'I', "01") => Some(Value::Bool(true)),
            (b'F', _) => text.parse().ok().map(Value::Float),
            _ => {
                let digits = text.strip_suffix('L').unwrap_or(text);
                let all = digits.strip_prefix('-').unwrap_or(digits);
                let is_number = !all.is_empty() && all.bytes().all(|b| b.is_ascii_digit());
                is_number.then(|| digits.parse().map_or(Value::Other, Value::Int))
            }
        };
        self.push(value.ok_or_else(|| self.fail("a number is malformed"))?)
    }

    fn text(&mut self, len: u64) -> Result<(), Error> {
        let bytes = self.cursor.take(len, ARGUMENT)?;
        let text = self.utf8(bytes)?;
        self.push(Value::Text(text))
    }

    fn bytes(&mut self, len: u64) -> Result<(), Error> {
        let bytes = self.cursor.take(len, ARGUMENT)?;
        self.push(Value::Bytes(bytes))
    }

    fn line(&mut self) -> Result<&'p str, Error> {
        let bytes = self.cursor.line(ARGUMENT)?;
        self.utf8(bytes)
    }

    fn utf8(&self, bytes: &'p [u8]) -> Result<&'p str, Error> {
        std::str::from_utf8(bytes).map_err(|error| {
            let start = self.cursor.offset().saturating_sub(bytes.len() as u64);
            let offset = start + error.valid_up_to() as u64;
            Error::NotUtf8 { format: self.format, what: "text", offset }
        })
    }

    fn short_tuple(&mut self, len: usize) -> Result<(), Error> {
        let start = self.stack.len().checked_sub(len).filter(|&start| start >= self.floor());
        let start = start.ok_or_else(|| self.fail("the stack is empty"))?;
        let items = self.stack.drain(start..).collect();
        self.push(Value::Tuple(items))
    }

    fn append(&mut self, items: &[Id]) -> Result<(), Error> {
        let list = self.top()?;
        // A vector that grows is there twice for a moment, the new one twice as long.
        self.budget.spend(Values::FIRST + items.len().saturating_mul(3 * size_of::<Id>()))?;
        match self.values.get_mut(list) {
            Some(Value::List(list)) => list.extend(items),
            Some(Value::Opaque(_)) => {}
            _ => return Err(self.fail("it appends to what is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), Error> {
        let dict = self.top()?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.fail("a key has no value"));
        }
        self.budget.spend(Values::FIRST + pairs.len().saturating_mul(3 * size_of::<(Id, Id)>()))?;
        match self.values.get_mut(dict) {
            Some(Value::Dict(dict)) => dict.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            Some(Value::Opaque(_)) => {}
            _ => return Err(self.fail("it sets an item of what is no dict")),
        }
        Ok(())
    }

    fn put(&mut self, opcode: u8) -> Result<(), Error> {
        let key = match opcode {
            0x94 => (self.memo.len() + self.sparse_memo.len()) as u32,
            _ => self.memo_key(opcode)?,
        };
        let top = self.top()?;
        if let Some(place) = self.memo.get_mut(key as usize) {
            *place = top;
        } else if key as usize == self.memo.len() {
            self.budget.spend(3 * size_of::<Id>())?;
            self.memo.push(top);
        } else if self.sparse_memo.insert(key, top).is_none() {
            // A place of 9 bytes, of which an eighth stays free, while the table grows.
            self.budget.spend(40)?;
        }
        Ok(())
    }

    fn get(&mut self, opcode: u8) -> Result<(), Error> {
        let key = self.memo_key(opcode)?;
        let id = self.memo.get(key as usize).or_else(|| self.sparse_memo.get(&key)).copied();
        let id = id.ok_or_else(|| self.fail("it asks for what it has not stored"))?;
        self.push_id(id)
    }

    fn memo_key(&mut self, opcode: u8) -> Result<u32, Error> {
        match opcode {
            b'q' | b'h' => self.cursor.u8(ARGUMENT).map(u32::from),
            b'r' | b'j' => self.cursor.u32(ARGUMENT),
            _ => {
                let text = self.line()?;
                text.parse().map_err(|_| self.fail("a number is malformed"))
            }
        }
    }

    fn global(&mut self, opcode: u8) -> Result<(), Error> {
        let (module, name) = if opcode == b'c' {
            (self.line()?, self.line()?)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            match (self.values.text(module), self.values.text(name)) {
                (Some(module), Some(name)) => (module, name),
                _ => return Err(self.fail("the name of a Python object is no text")),
            }
        };
        self.push(Value::Global(Box::new(Global::of(module, name))))
    }

    /// What a call gives, of which nothing is run.
    fn call(&mut self, callable: Id, args: Id) -> Result<(), Error> {
        let known = match self.values.get(callable) {
            Value::Global(global) => global.known,
            &Value::Opaque(global) => return self.push(Value::Opaque(global)),
            _ => return Err(self.fail("it calls what is no function")),
        };
        let items = self.values.items(args);
        let items = items.ok_or_else(|| self.fail("the arguments of a call are no tuple"))?;
        match known {
            Known::Rebuild(how) => self.rebuild(how, callable, args),
            Known::Dict => {
                let pairs = items.first().copied();
                self.dict_of(pairs)
            }
            Known::Set => {
                let content = items.first().and_then(|&id| self.values.items(id));
                let content = content.unwrap_or_default().to_vec();
                self.push(Value::List(content))
            }
            Known::Size => {
                let size = items.first().copied().filter(|&id| self.values.items(id).is_some());
                let size = size.ok_or_else(|| self.bad_arguments(callable))?;
                self.push_id(size)
            }
            Known::Bytes if items.first().is_some_and(|&id| self.values.bytes(id).is_some()) => {
                let bytes = items.first().copied().unwrap_or_default();
                self.push_id(bytes)
            }
            Known::Storage(_) | Known::DType(_) | Known::Bytes | Known::Nothing => {
                self.push(Value::Opaque(callable))
            }
        }
    }

    /// A dict of the pairs in a list, as Python 2 pickles its `OrderedDict`.
    fn dict_of(&mut self, pairs: Option<Id>) -> Result<(), Error> {
        let pairs = pairs.and_then(|id| self.values.items(id)).unwrap_or_default();
        let pairs = pairs.iter().filter_map(|&pair| self.values.items(pair)?.first_chunk::<2>());
        let items: Vec<Id> = pairs.flatten().copied().collect();
        self.budget.spend(items.len().saturating_mul(3 * size_of::<Id>()))?;
        self.push(Value::Dict(Vec::new()))?;
        self.set_items(&items)
    }

    fn rebuild(&mut self, how: Rebuild, callable: Id, args: Id) -> Result<(), Error> {
        let arg = |place: usize| self.values.items(args)?.get(place).copied();
        let bad = || self.bad_arguments(callable);
        match how {
            Rebuild::Parameter => {
                let tensor = arg(0).ok_or_else(bad)?;
                self.push_id(tensor)
            }
            Rebuild::FromType => {
                let (function, args) = arg(0).zip(arg(2)).ok_or_else(bad)?;
                // One level only: no honest file has a function that calls itself.
                match self.values.get(function) {
                    Value::Global(global) if global.known == Known::Rebuild(Rebuild::FromType) => {
                        Err(bad())
                    }
                    _ => self.call(function, args),
                }
            }
            Rebuild::Tensor | Rebuild::TypedTensor => {
                let storage = arg(0).ok_or_else(bad)?;
                let Value::Storage(of) = self.values.get(storage) else {
                    let global = self.values.global_name(storage);
                    return Err(global.map_or_else(bad, |global| Error::Foreign { global }));
                };
                let dtype = if how == Rebuild::TypedTensor {
                    let dtype = arg(6).ok_or_else(bad)?;
                    match self.values.get(dtype) {
                        Value::Global(global) => match global.known {
                            Known::DType(dtype) => dtype,
                            _ => return Err(Error::Foreign { global: global.full_name() }),
                        },
                        _ => return Err(bad()),
                    }
                } else {
                    of.dtype
                };
                let offset = arg(1).and_then(|id| self.values.int(id));
                let offset = offset.and_then(|n| usize::try_from(n).ok()).ok_or_else(bad)?;
                let dims = |place| self.dims(arg(place)?);
                let (shape, strides) = dims(2).zip(dims(3)).ok_or_else(bad)?;
                let rank = shape.len() as u64;
                Limits::check(self.format, "the number of dims", self.limits.max_rank, rank)?;
                if strides.len() != shape.len() {
                    return Err(bad());
                }
                self.push(Value::Tensor(Box::new(Tensor {
                    storage,
                    dtype,
                    offset,
                    shape,
                    strides,
                })))
            }
        }
    }

    fn dims(&self, id: Id) -> Option<Box<[usize]>> {
        let items = self.values.items(id)?;
        if items.len() > self.limits.max_rank.saturating_add(1) {
            // Long enough to be refused, and short enough to be copied.
            return Some(vec![0; self.limits.max_rank.saturating_add(1)].into());
        }
        items.iter().map(|&id| usize::try_from(self.values.int(id)?).ok()).collect()
    }

    /// Attributes, which no dict that we know needs; those of an unknown object are noted, and what
    /// it does with them stays unknown.
    fn build(&mut self) -> Result<(), Error> {
        let attributes = self.pop()?;
        let object = self.top()?;
        match self.values.get(object) {
            Value::Opaque(_) => {
                self.budget.spend(3 * size_of::<(Id, Id)>())?;
                self.values.attributes.push((object, attributes));
                Ok(())
            }
            Value::Dict(_) => Ok(()),
            _ => Err(self.fail("it sets attributes of what can have none")),
        }
    }

    /// What the pickle does not hold itself: a storage, or in old files the source of a class.
    fn persistent(&mut self) -> Result<(), Error> {
        let id = self.pop()?;
        let malformed = || self.fail("what it refers to outside of it is no storage");
        let items = self.values.items(id).ok_or_else(malformed)?;
        let text = |place: usize| items.get(place).and_then(|&id| self.values.text(id));
        let int = |place: usize| items.get(place).and_then(|&id| self.values.int(id));
        let class = items.get(1).copied().ok_or_else(malformed)?;
        if text(0) == Some("module") {
            return self.push_id(class);
        }
        let Value::Global(global) = self.values.get(class) else { return Err(malformed()) };
        if text(0) != Some("storage") {
            return Err(malformed());
        }
        let key = text(2).ok_or_else(malformed)?;
        let n_elems = int(4).and_then(|n| u64::try_from(n).ok()).ok_or_else(malformed)?;
        let Known::Storage(dtype) = global.known else {
            return self.push(Value::Opaque(class));
        };
        // Before 0.4 a storage could be a view of another: its key, start, and length.
        let start = match items.get(5).and_then(|&view| self.values.items(view)) {
            None => 0,
            Some(view) => {
                let start = view.get(1).and_then(|&id| self.values.int(id));
                start.and_then(|n| usize::try_from(n).ok()).ok_or_else(malformed)?
            }
        };
        self.push(Value::Storage(Box::new(Storage { key, dtype, n_elems, start })))
    }

    fn push(&mut self, value: Value<'p>) -> Result<(), Error> {
        let id = self.values.push(value, self.budget)?;
        self.push_id(id)
    }

    /// Pushes a value that is never changed, of which one is enough.
    fn push_common(
        &mut self,
        key: [u8; 2],
        value: impl FnOnce() -> Value<'p>,
    ) -> Result<(), Error> {
        if let Some(&id) = self.common.get(&key) {
            return self.push_id(id);
        }
        let id = self.values.push(value(), self.budget)?;
        self.common.insert(key, id); // At most 260 of them.
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Result<(), Error> {
        self.stack.push(id);
        self.pay()
    }

    /// Pays for the height of the stack, where it is higher than ever.
    fn pay(&mut self) -> Result<(), Error> {
        let height = self.stack.len() + self.marks.len();
        if height > self.paid {
            self.paid = height;
            self.budget.spend(4 * size_of::<Id>())?;
        }
        Ok(())
    }

    /// How far the stack may be taken down: to the last mark.
    fn floor(&self) -> usize {
        self.marks.last().map_or(0, |&mark| mark as usize)
    }

    fn top(&self) -> Result<Id, Error> {
        let top = self.stack.last().filter(|_| self.stack.len() > self.floor());
        top.copied().ok_or_else(|| self.fail("the stack is empty"))
    }

    fn pop(&mut self) -> Result<Id, Error> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, Error> {
        let Some(mark) = self.marks.pop() else { return Err(self.fail("there is no mark")) };
        // Never below the mark: `pop` stops there.
        Ok(self.stack.drain((mark as usize).min(self.stack.len())..).collect())
    }

    fn bad_arguments(&self, callable: Id) -> Error {
        let name = self.values.global_name(callable).unwrap_or_default();
        self.fail(&format!("the arguments of `{name}` are not those of PyTorch"))
    }

    fn fail(&self, reason: &str) -> Error {
        Error::Pickle { offset: self.start, reason: reason.into() }
    }
}
