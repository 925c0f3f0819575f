//! Tensors made piece by piece, within a budget of memory.
//!
//! An [`Output`] is a tensor to be made of those of a checkpoint: as it is, converted, or by a recipe
//! of rename rules. Its bytes come in order, each piece found back in the sources, of which just
//! these parts are read; so even a transpose takes no more than a piece.

use gluonic_formats::digest::TensorHasher;
use gluonic_formats::{DType as RawDType, Digest, TensorSpec, byte_len, elem_count};

use super::convert::{cast_bytes, dtype_of};
use super::rename::{Made, Recipe, Region, Same, TargetTensor};
use super::runs::Runs;
use super::source::Values;
use super::tensor_info::TensorInfo;
use crate::error::{Error, Result};

/// A piece that is only passed on. It stays in the processor's caches on its way.
const PASSED: usize = 1 << 20;
/// A piece whose bytes are gathered from all over its sources, which are read in longer runs the
/// larger it is.
const GATHERED: usize = 64 << 20;
/// Runs that are no further apart are read in one go: reading what lies between costs less than
/// another call of the system.
const GAP: usize = 4 << 10;

/// A tensor that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) name: Box<str>,
    pub(super) dtype: RawDType,
    pub(super) shape: Vec<usize>,
    /// How it is made, of sources that are numbered as in [`Maker::sources`].
    pub(super) recipe: Recipe,
    /// What must have equal values.
    pub(super) same: Vec<Same>,
}

impl From<&TargetTensor> for Output {
    fn from(target: &TargetTensor) -> Output {
        let TensorInfo { name, dtype, shape, .. } = target.info().clone();
        let (recipe, same) = (target.recipe().clone(), target.same.clone());
        Output { name, dtype, shape: shape.to_vec(), recipe, same }
    }
}

impl Output {
    /// A tensor as it is.
    pub(super) fn of(position: usize, tensor: &TensorInfo) -> Output {
        Output {
            name: tensor.name.clone(),
            dtype: tensor.dtype,
            shape: tensor.shape.to_vec(),
            recipe: Recipe::Source(position),
            same: Vec::new(),
        }
    }

    pub(super) fn spec(&self) -> TensorSpec<'_> {
        TensorSpec { name: &self.name, dtype: self.dtype, shape: &self.shape }
    }
}

/// Takes the bytes of a tensor, in order.
pub(super) type Sink<'s> = dyn FnMut(&[u8]) -> Result<()> + 's;

/// Makes outputs of the tensors of a checkpoint.
pub(super) struct Maker<'v> {
    pub(super) values: &'v dyn Values,
    pub(super) tensors: &'v [TensorInfo],
    /// The position of each source, and the element type that it is converted to.
    pub(super) sources: Vec<(usize, RawDType)>,
    /// The bytes of tensors that may be in memory at once.
    pub(super) memory: u64,
}

impl<'v> Maker<'v> {
    /// A maker of the tensors as they are.
    pub(super) fn of(values: &'v dyn Values, tensors: &'v [TensorInfo], memory: u64) -> Self {
        let sources = tensors.iter().map(|tensor| tensor.dtype).enumerate().collect();
        Maker { values, tensors, sources, memory }
    }
}

impl Maker<'_> {
    /// Hands the bytes of an output to `sink`.
    pub(super) fn make(&self, output: &Output, sink: &mut Sink<'_>) -> Result<()> {
        let Output { name, dtype, shape, recipe, .. } = output;
        let held = self.hold(name, &[recipe])?;
        self.pieces(name, *dtype, shape, &[recipe], held, &mut |made| sink(&made[0]))
    }

    /// Refuses what needs too much memory, and tensors of different values that rules have tied.
    pub(super) fn check(&self, output: &Output) -> Result<()> {
        let Output { name, dtype, shape, recipe, .. } = output;
        let (held, _) = self.held(&[recipe]);
        self.afford(name, held.saturating_add(self.whole_bytes(*dtype, shape, &[recipe])))?;
        for tie in &output.same {
            let recipes = [&tie.recipes[0], &tie.recipes[1]];
            let held = self.hold(&output.name, &recipes)?;
            let shape = recipes[0].shape(&|source| self.shape(source).to_vec());
            self.pieces(&output.name, tie.dtype, &shape, &recipes, held, &mut |made| {
                if made[0] == made[1] { Ok(()) } else { Err(tie.differ()) }
            })?;
        }
        Ok(())
    }

    fn info(&self, source: usize) -> &TensorInfo {
        &self.tensors[self.sources[source].0]
    }

    fn shape(&self, source: usize) -> &[usize] {
        &self.info(source).shape
    }

    fn is_cast(&self, source: usize) -> bool {
        self.info(source).dtype != self.sources[source].1
    }

    /// Takes the sources into memory that cannot be read in parts; tells how much that takes.
    fn hold(&self, name: &str, recipes: &[&Recipe]) -> Result<u64> {
        let (held, positions) = self.held(recipes);
        self.afford(name, held)?;
        self.values.hold(&positions)?;
        Ok(held)
    }

    /// The sources that cannot be read in parts, and how much memory they take.
    fn held(&self, recipes: &[&Recipe]) -> (u64, Vec<usize>) {
        let mut positions = Vec::new();
        for recipe in recipes {
            recipe.sources(&mut |source| positions.push(self.sources[source].0));
        }
        positions.sort_unstable();
        positions.dedup();
        positions.retain(|position| self.values.held_bytes(*position) > 0);
        let held = positions.iter().map(|position| self.values.held_bytes(*position) as u64);
        (held.fold(0, u64::saturating_add), positions)
    }

    /// What it takes to make these from their sources, if it cannot be done in pieces; else 0.
    fn whole_bytes(&self, dtype: RawDType, shape: &[usize], recipes: &[&Recipe]) -> u64 {
        if dtype.size_in_bytes().is_some() || is_plain(recipes) {
            return 0;
        }
        let mut needed = byte_len(dtype, shape).unwrap_or(0) as u64 * 2;
        for recipe in recipes {
            recipe.sources(&mut |source| needed += self.info(source).bytes() as u64);
        }
        needed
    }

    fn afford(&self, name: &str, needed: u64) -> Result<()> {
        let allowed = self.memory;
        if needed <= allowed {
            return Ok(());
        }
        Err(Error::Memory { key: name.into(), needed, allowed })
    }

    /// The digest of an output.
    pub(super) fn digest(&self, output: &Output) -> Result<Digest> {
        self.digest_on_the_way(output, &mut |_| Ok(()))
    }

    /// As [`Maker::make`], and tells the digest.
    pub(super) fn digest_on_the_way(&self, output: &Output, sink: &mut Sink<'_>) -> Result<Digest> {
        let fail = |error| Error::user(format!("tensor `{}`", output.name), error);
        let mut hasher =
            TensorHasher::new(&output.name, output.dtype, &output.shape).map_err(fail)?;
        self.make(output, &mut |bytes| {
            hasher.update(bytes);
            sink(bytes)
        })?;
        hasher.finish().map_err(fail)
    }

    /// Makes the same piece of each recipe, one piece after the other.
    fn pieces(
        &self,
        name: &str,
        dtype: RawDType,
        shape: &[usize],
        recipes: &[&Recipe],
        held: u64,
        each: &mut dyn FnMut(&[Vec<u8>]) -> Result<()>,
    ) -> Result<()> {
        // What is not taken apart is a row of elements, or of blocks of them.
        let plain = is_plain(recipes);
        let (size, row);
        let shape = match dtype.size_in_bytes() {
            Some(bytes) if plain => {
                size = bytes;
                row = [elem_count(shape).unwrap_or(0)];
                &row[..]
            }
            Some(bytes) => {
                size = bytes;
                shape
            }
            None if plain => {
                size = dtype.block().1;
                row = [byte_len(dtype, shape).unwrap_or(0) / size];
                &row[..]
            }
            None => return self.whole(name, dtype, shape, recipes, held, each),
        };
        // Half of what is free for the pieces, the rest for what they are made from.
        let free = self.memory - held;
        let most = if plain { PASSED } else { GATHERED };
        let budget = usize::try_from(free / 2).unwrap_or(usize::MAX) / recipes.len();
        let most = (budget.min(most) / size).max(1);
        let run = usize::try_from(free / 32).unwrap_or(usize::MAX).min(PASSED) / size;
        let mut made = vec![Vec::new(); recipes.len()];
        parts(shape, most, &mut |start, len| {
            let n: usize = len.iter().product();
            for (recipe, out) in recipes.iter().zip(&mut made) {
                out.resize(n * size, 0);
                let region = Region::of(start.to_vec(), len.to_vec());
                if let (true, Recipe::Source(source)) = (plain, recipe) {
                    self.read(*source, &[row_len(shape)], &region, size, run.max(1), out)?;
                } else {
                    let shape = |source: usize| self.shape(source).to_vec();
                    recipe.regions(&shape, region, &mut |source, region| {
                        self.read(source, self.shape(source), &region, size, run.max(1), out)
                    })?;
                }
            }
            each(&made)
        })
    }

    /// Makes tensors whose elements share bytes, which only their recipes know to take apart.
    fn whole(
        &self,
        name: &str,
        dtype: RawDType,
        shape: &[usize],
        recipes: &[&Recipe],
        held: u64,
        each: &mut dyn FnMut(&[Vec<u8>]) -> Result<()>,
    ) -> Result<()> {
        self.afford(name, held.saturating_add(self.whole_bytes(dtype, shape, recipes)))?;
        let read = &mut |source: usize| -> Result<Made<'_>> {
            let info = self.info(source);
            let mut bytes = vec![0; info.bytes()];
            self.values.read(self.sources[source].0, 0, &mut bytes)?;
            Ok((info.shape.to_vec(), bytes.into()))
        };
        let made = recipes.iter().map(|recipe| Ok(recipe.make(dtype, read)?.1.into_owned()));
        each(&made.collect::<Result<Vec<_>>>()?)
    }

    /// Reads a box of a source and puts its elements, of `size` bytes when they are converted, into
    /// their places in `out`. No more than `most` elements are read at once.
    fn read(
        &self,
        source: usize,
        shape: &[usize],
        region: &Region,
        size: usize,
        most: usize,
        out: &mut [u8],
    ) -> Result<()> {
        let (position, to) = self.sources[source];
        let runs = Runs::of(shape, region);
        if !self.is_cast(source) && runs.stay_together(GAP / size) {
            return runs.each(&mut |from, to, len| {
                let out = &mut out[to * size..(to + len) * size];
                self.values.read(position, from * size, out)
            });
        }
        let from = self.info(source).dtype;
        let stored = if self.is_cast(source) { from.size_in_bytes().unwrap_or(1) } else { size };
        let mut buffer = Vec::new();
        runs.each_span(most, GAP / stored, &mut |span| {
            buffer.resize(span.len * stored, 0);
            self.values.read(position, span.from * stored, &mut buffer)?;
            match (dtype_of(from), dtype_of(to)) {
                (Some(from), Some(to)) if from != to => {
                    let cast = cast_bytes(from, to, &buffer);
                    runs.scatter(&span, cast.bytes(), size, out);
                }
                _ => runs.scatter(&span, &buffer, size, out),
            }
            Ok(())
        })
    }
}

/// Whether all are sources as they are.
fn is_plain(recipes: &[&Recipe]) -> bool {
    recipes.iter().all(|recipe| matches!(recipe, Recipe::Source(_)))
}

fn row_len(shape: &[usize]) -> usize {
    shape.first().copied().unwrap_or(0)
}

/// Takes where a box starts along each axis, and how long it is.
type Part<'p> = dyn FnMut(&[usize], &[usize]) -> Result<()> + 'p;

/// Takes a shape apart into boxes of at most `most` elements, each of which is one run of its
/// row-major elements, and hands them to `each`.
fn parts(shape: &[usize], most: usize, each: &mut Part<'_>) -> Result<()> {
    if shape.contains(&0) {
        return Ok(());
    }
    // The first axis of which several steps may fit.
    let mut inner = 1;
    let mut axis = shape.len();
    while axis > 0 && inner * shape[axis - 1] <= most {
        axis -= 1;
        inner *= shape[axis];
    }
    let (mut start, mut len) = (vec![0; shape.len()], shape.to_vec());
    let Some(cut) = axis.checked_sub(1) else { return each(&start, &len) };
    let step = (most / inner).max(1);
    len[..cut].fill(1);
    loop {
        for from in (0..shape[cut]).step_by(step) {
            (start[cut], len[cut]) = (from, step.min(shape[cut] - from));
            each(&start, &len)?;
        }
        let Some(next) = (0..cut).rev().find(|axis| start[*axis] + 1 < shape[*axis]) else {
            return Ok(());
        };
        start[next] += 1;
        start[next + 1..cut].fill(0);
    }
}
