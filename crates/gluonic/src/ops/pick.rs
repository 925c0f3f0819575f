//! Index expressions that hold arrays, by NumPy's rules: reading, writing, and a write that is
//! recorded.

use std::sync::Arc;

use ndarray::SliceInfoElem;

use super::gather::{positions, taken};
use super::{Flat, edges};
use crate::array::{
    Buf, DType, NdArray, Operand, View, broadcast_dims, copy_strided, for_dtype, gather,
    shapes_only,
};
use crate::error::{Error, Result};
use crate::shape::Dims;

/// One part of an index expression.
#[derive(Clone, Debug)]
pub enum Pick {
    /// A number, a range or a new axis.
    Part(SliceInfoElem),
    /// An array of places on one axis; one of booleans is for as many axes as it has, and picks
    /// where it is true.
    Places(NdArray),
}

/// What an index expression means for an array.
struct Plan {
    /// The part that is a view; an axis with places is taken whole.
    elems: Vec<SliceInfoElem>,
    /// The axes of that view with places, in order, and the places of each.
    axes: Vec<usize>,
    places: Vec<Vec<usize>>,
    /// The axes that all places make together, and where in the result they go.
    found: Dims,
    at: usize,
}

/// The places of the elements that are true, one list for each axis.
fn true_places(mask: &NdArray) -> Result<Vec<Vec<usize>>> {
    let flat = Flat::stored(mask)?;
    let hits = flat.slice::<bool>().iter().enumerate().filter(|(_, hit)| **hit);
    let mut rest: Vec<usize> = hits.map(|(i, _)| i).collect();
    let mut places = vec![Vec::new(); mask.rank()];
    for (places, &n) in places.iter_mut().zip(mask.dims().iter()).rev() {
        *places = rest.iter().map(|i| i % n).collect();
        for i in &mut rest {
            *i /= n;
        }
    }
    Ok(places)
}

impl Plan {
    fn new(array: &NdArray, picks: &[Pick]) -> Result<Plan> {
        let dims = array.dims();
        let whole = || SliceInfoElem::Slice { start: 0, end: None, step: 1 };
        let with_places = picks.iter().any(|pick| matches!(pick, Pick::Places(_)));
        let (mut elems, mut axes, mut lists) = (Vec::new(), Vec::new(), Vec::new());
        // The next axis of the array, the next one of the view, the parts that have places.
        let (mut axis, mut out, mut parts) = (0, 0, Vec::new());
        let size = |axis: usize| {
            dims.get(axis).copied().ok_or_else(|| Error::Index {
                index: format!("{} axes", axis + 1).into(),
                shape: dims.into(),
            })
        };
        for (i, pick) in picks.iter().enumerate() {
            let mut place = |elems: &mut Vec<_>, list: Vec<usize>, of: Dims| {
                elems.push(whole());
                axes.push(out);
                lists.push((list, of));
                out += 1;
            };
            match pick {
                Pick::Part(SliceInfoElem::Index(at)) if with_places => {
                    let number = NdArray::scalar(*at as i64);
                    place(&mut elems, positions(&number, size(axis)?, dims)?, Dims::from(()));
                    axis += 1;
                    parts.push(i);
                }
                Pick::Part(elem) => {
                    elems.push(*elem);
                    axis += usize::from(!matches!(elem, SliceInfoElem::NewAxis));
                    out += usize::from(!matches!(elem, SliceInfoElem::Index(_)));
                }
                Pick::Places(mask) if mask.dtype() == DType::Bool => {
                    let end = (axis + mask.rank()).min(dims.len());
                    if **mask.dims() != dims[axis.min(end)..end] {
                        return Err(Error::OperandShape {
                            op: "pick",
                            expected: Dims::from(&dims[axis.min(end)..end]).into(),
                            found: mask.dims().into(),
                        });
                    }
                    for list in true_places(mask)? {
                        let n = list.len();
                        place(&mut elems, list, Dims::from(n));
                    }
                    if mask.rank() == 0 {
                        let n = usize::from(mask.to_scalar::<bool>()?);
                        place(&mut elems, vec![0; n], Dims::from(n));
                        elems.pop();
                        elems.push(SliceInfoElem::NewAxis);
                    }
                    axis += mask.rank();
                    parts.push(i);
                }
                Pick::Places(indices) => {
                    let list = positions(indices, size(axis)?, dims)?;
                    place(&mut elems, list, indices.dims().clone());
                    axis += 1;
                    parts.push(i);
                }
            }
        }
        let mut found = Dims::from(());
        for (_, of) in &lists {
            found = broadcast_dims(&found, of).ok_or_else(|| Error::Broadcast {
                op: "pick",
                left: (&found).into(),
                right: of.into(),
            })?;
        }
        let wide = |(list, of): (Vec<usize>, Dims)| {
            if of == found {
                return list;
            }
            gather(&list, &View::new(of).broadcast(&found).expect("`found` is what all fit"))
        };
        let places = lists.into_iter().map(wide).collect();
        let together = parts.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let at = if together { axes.first().copied().unwrap_or(0) } else { 0 };
        Ok(Plan { elems, axes, places, found, at })
    }

    /// The axes of the view, those with places first.
    fn order(&self, rank: usize) -> Vec<usize> {
        let rest = (0..rank).filter(|axis| !self.axes.contains(axis));
        self.axes.iter().copied().chain(rest).collect()
    }

    /// Where the axes of the result are when those of the places come first.
    fn moved(&self, rank: usize) -> Vec<usize> {
        let n = self.found.len();
        (n..n + self.at).chain(0..n).chain(n + self.at..rank).collect()
    }
}

impl NdArray {
    /// What an index expression with arrays selects, as in NumPy: places on an axis in any order,
    /// those of several axes broadcast to each other, masks.
    ///
    /// Negative places count from the end. Where numbers and arrays stand side by side their axes
    /// go there, else in front; axes that are not named are taken whole.
    ///
    /// # Memory
    /// A copy if there are arrays, else a view as of [`NdArray::slice`]. The gradient of a place
    /// named often is the sum of all.
    ///
    /// # Errors
    /// [`Error::Index`] if a place is out of range or there are too many parts,
    /// [`Error::OperandShape`] if a mask does not fit, [`Error::Broadcast`] if arrays do not fit
    /// each other.
    ///
    /// # Examples
    /// ```
    /// use gluonic::{NdArray, ops::Pick, s};
    /// let x = NdArray::arange::<f32>(6).reshape((2, 3))?;
    /// let columns = Pick::Places(NdArray::from_slice(&[2_i64, 0], 2)?);
    /// let rows = Pick::Part(s![..][0]);
    /// assert_eq!(x.picked(&[rows, columns])?.to_vec::<f32>()?, [2.0, 0.0, 5.0, 3.0]);
    /// let large = x.gt(&NdArray::scalar(3.0_f32))?;
    /// assert_eq!(x.picked(&[Pick::Places(large)])?.to_vec::<f32>()?, [4.0, 5.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// NumPy, "Indexing on ndarrays", advanced indexing.
    #[doc(alias = "fancy indexing", alias = "index")]
    pub fn picked(&self, picks: &[Pick]) -> Result<NdArray> {
        let plan = Plan::new(self, picks)?;
        let part = self.slice(&plan.elems)?;
        let [first, ..] = plan.axes[..] else { return Ok(part) };
        if shapes_only() {
            let rest = plan.order(part.rank()).split_off(plan.axes.len());
            let rest: Vec<usize> = rest.into_iter().map(|axis| part.dims()[axis]).collect();
            let dims = [&rest[..plan.at], &plan.found, &rest[plan.at..]].concat();
            return NdArray::shape_only(dims, self.dtype());
        }
        if plan.axes.len() == 1 {
            let [places] = <[_; 1]>::try_from(plan.places).unwrap_or_default();
            return taken(&part, edges(&[&part])?, places, &plan.found, first);
        }
        let order: Vec<isize> = plan.order(part.rank()).iter().map(|axis| *axis as isize).collect();
        let front = part.permute(&order)?;
        let (named, rest) = front.dims().split_at(plan.axes.len());
        let rest = rest.to_vec();
        let rows: usize = named.iter().product();
        let mut places = vec![0; plan.found.elem_count()];
        for (list, n) in plan.places.iter().zip(named) {
            places.iter_mut().zip(list).for_each(|(place, i)| *place = *place * n + i);
        }
        let rows = front.reshape([&[rows][..], &rest].concat())?;
        let found = taken(&rows, edges(&[&rows])?, places, &plan.found, 0)?;
        if plan.at == 0 {
            return Ok(found);
        }
        let moved = plan.moved(found.rank());
        found.permute(&moved.iter().map(|axis| *axis as isize).collect::<Vec<_>>())
    }

    /// Writes where [`NdArray::picked`] reads: a number, or an array that broadcasts. Of values for
    /// one place the last one stays.
    ///
    /// # Errors
    /// As [`NdArray::picked`]; [`Error::Broadcast`] if the values do not fit; else as
    /// [`NdArray::edit`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::{NdArray, ops::Pick};
    /// let x = NdArray::arange::<f32>(3);
    /// let last_and_first = Pick::Places(NdArray::from_slice(&[-1_i64, 0], 2)?);
    /// x.set_picked(&[last_and_first], &NdArray::from_slice(&[7.0_f32, 8.0], 2)?)?;
    /// assert_eq!(x.to_vec::<f32>()?, [8.0, 1.0, 7.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    pub fn set_picked(&self, picks: &[Pick], value: impl Into<Operand>) -> Result<()> {
        let plan = Plan::new(self, picks)?;
        let part = self.with_view(self.view.slice(&plan.elems)?);
        let value = match value.into() {
            Operand::Scalar(value) if plan.axes.is_empty() => return part.fill(value),
            Operand::Scalar(value) => self.there(|| NdArray::full((), value, self.dtype()))?,
            Operand::Array(value) if plan.axes.is_empty() => return part.assign(&value),
            Operand::Array(value) => value,
        };
        let order = plan.order(part.rank());
        let to = part.view.permute(&order);
        let rest = &to.dims[plan.axes.len()..];
        let whole = [&rest[..plan.at], &plan.found, &rest[plan.at..]].concat();
        let view =
            value.view.broadcast(&Dims::from(&whole[..])).ok_or_else(|| Error::Broadcast {
                op: "set_picked",
                left: Dims::from(&whole[..]).into(),
                right: value.dims().into(),
            })?;
        if self.view.repeats() {
            return Err(Error::BroadcastEdit { shape: self.dims().into() });
        }
        if shapes_only() {
            return Ok(());
        }
        let mut source = value.cell.snapshot()?;
        let mut from = view;
        if source.dtype() != self.dtype() {
            let dense = for_dtype!(source.dtype(), S => {
                Buf::from_vec(gather(source.slice::<S>(), &from))
            });
            source = Arc::new(dense.convert(self.dtype()));
            from = View::new(from.dims);
        }
        // The places first, as in `to`.
        let n = plan.found.len();
        let back: Vec<usize> =
            (plan.at..plan.at + n).chain(0..plan.at).chain(plan.at + n..from.dims.len()).collect();
        let from = from.permute(&back);
        let starts = gather_starts(&from, n);
        let block = |view: &View, offset: usize, skip: usize| View {
            offset,
            dims: Dims::from(&view.dims[skip..]),
            strides: crate::shape::Short::from_slice(&view.strides[skip..]),
        };
        let mut lock = self.cell.edit()?;
        for_dtype!(self.dtype(), T => {
            let (source, out) = (source.slice::<T>(), lock.buf().slice_mut::<T>());
            for (k, start) in starts.into_iter().enumerate() {
                let steps = plan.places.iter().zip(to.strides.iter());
                let at = steps.map(|(list, stride)| list[k] as isize * stride).sum::<isize>();
                let at = to.offset.wrapping_add_signed(at);
                let (from, to) = (block(&from, start, n), block(&to, at, plan.axes.len()));
                copy_strided(source, &from, out, &to);
            }
        });
        Ok(())
    }

    /// A copy of this array with `value` where [`NdArray::picked`] reads: the write that a graph
    /// records. The gradient goes to this array where it was left and to `value` elsewhere.
    ///
    /// # Errors
    /// As [`NdArray::set_picked`].
    ///
    /// # Examples
    /// ```
    /// use gluonic::{NdArray, ops::Pick};
    /// let x = NdArray::arange::<f32>(3);
    /// let first = Pick::Places(NdArray::from_slice(&[0_i64], 1)?);
    /// let y = x.with_picked(&[first], &NdArray::scalar(9.0_f32))?;
    /// assert_eq!(y.to_vec::<f32>()?, [9.0, 1.0, 2.0]);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    #[doc(alias = "index_copy", alias = "slice_assign")]
    pub fn with_picked(&self, picks: &[Pick], value: &NdArray) -> Result<NdArray> {
        if shapes_only() {
            value.broadcast_to(self.picked(picks)?.dims())?;
            return NdArray::shape_only(self.dims(), self.dtype());
        }
        let n = self.elem_count();
        let places =
            self.there(|| NdArray::arange::<i64>(n).reshape(self.dims()))?.picked(picks)?;
        let value = value.cast(self.dtype())?.broadcast_to(places.dims())?;
        let value = value.reshape(value.elem_count())?;
        let (mut source, mut written) = (vec![0_i64; n], vec![false; n]);
        for (k, place) in places.to_vec::<i64>()?.into_iter().enumerate() {
            source[place as usize] = k as i64;
            written[place as usize] = true;
        }
        if places.elem_count() == 0 {
            return self.cast(self.dtype());
        }
        let (source, written) = self.there(|| {
            let source = NdArray::from_vec(source, self.dims())?;
            Ok::<_, Error>((source, NdArray::from_vec(written, self.dims())?))
        })?;
        written.select(&value.take_axis(&source, 0)?, self)
    }
}

/// The position of each element of the first `n` axes, at the start of all others.
fn gather_starts(view: &View, n: usize) -> Vec<usize> {
    let first = View {
        offset: view.offset,
        dims: Dims::from(&view.dims[..n]),
        strides: crate::shape::Short::from_slice(&view.strides[..n]),
    };
    let mut starts = Vec::with_capacity(first.dims.elem_count());
    crate::array::for_each_row(&first, |start, stride, n| {
        starts.extend((0..n as isize).map(|i| (start + i * stride) as usize));
    });
    starts
}

#[cfg(test)]
mod tests {
    use ndarray::NewAxis;

    use super::*;
    use crate::s;

    fn counted() -> NdArray {
        NdArray::arange::<f32>(24).reshape((2, 3, 4)).unwrap()
    }

    fn places(values: &[i64]) -> Pick {
        Pick::Places(NdArray::from_slice(values, values.len()).unwrap())
    }

    fn picked(picks: &[Pick]) -> (Vec<usize>, Vec<f32>) {
        let found = counted().picked(picks).unwrap();
        (found.dims().to_vec(), found.to_vec().unwrap())
    }

    #[test]
    fn axes_of_arrays_stay_where_these_are_side_by_side() {
        let all = || Pick::Part(s![..][0]);
        let (dims, values) = picked(&[all(), places(&[2, 0]), places(&[1, -1])]);
        assert_eq!((dims, values), (vec![2, 2], vec![9.0, 3.0, 21.0, 15.0]));
        let (dims, values) = picked(&[places(&[1, 0]), all(), places(&[2, 1])]);
        assert_eq!((dims, &values[..4]), (vec![2, 3], &[14.0, 18.0, 22.0, 1.0][..]));
        // A number beside an array is an array.
        let (dims, _) = picked(&[Pick::Part(s![0][0]), all(), places(&[0, 1, 2])]);
        assert_eq!(dims, [3, 3]);
        let (dims, values) = picked(&[all(), Pick::Part(s![1][0]), places(&[0, 1])]);
        assert_eq!((dims, values), (vec![2, 2], vec![4.0, 5.0, 16.0, 17.0]));
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let all = || Pick::Part(s![..][0]);
        let cases: [Vec<Pick>; 5] = [
            vec![places(&[1])],
            vec![all(), places(&[2, 0])],
            vec![all(), places(&[2, 0]), places(&[1, 3])],
            vec![places(&[1, 0]), all(), places(&[2, 1])],
            vec![Pick::Part(s![..;-1][0]), Pick::Part(s![NewAxis][0]), places(&[1])],
        ];
        for picks in cases {
            let x = counted().permute(&[0, 1, 2]).unwrap().deep_clone().unwrap();
            let found = x.picked(&picks).unwrap();
            let values = NdArray::arange::<i32>(found.elem_count()).reshape(found.dims()).unwrap();
            let recorded = x.with_picked(&picks, &values).unwrap();
            x.set_picked(&picks, &values).unwrap();
            assert_eq!(
                x.picked(&picks).unwrap().to_f64_vec().unwrap(),
                values.to_f64_vec().unwrap()
            );
            assert_eq!(x.to_vec::<f32>().unwrap(), recorded.to_vec::<f32>().unwrap());
            x.set_picked(&picks, 5.0).unwrap();
            assert!(x.picked(&picks).unwrap().to_vec::<f32>().unwrap().iter().all(|x| *x == 5.0));
        }
    }

    #[test]
    fn masks_take_their_axes_and_must_fit() {
        let x = counted();
        let mask = x.gt(&NdArray::scalar(20.0_f32)).unwrap();
        assert_eq!(picked(&[Pick::Places(mask)]), (vec![3], vec![21.0, 22.0, 23.0]));
        let rows = NdArray::from_slice(&[false, true], 2).unwrap();
        assert_eq!(picked(&[Pick::Places(rows.clone())]).0, [1, 3, 4]);
        assert_eq!(picked(&[Pick::Places(NdArray::scalar(true))]).0, [1, 2, 3, 4]);
        assert_eq!(picked(&[Pick::Places(NdArray::scalar(false))]).0, [0, 2, 3, 4]);
        let wrong = [Pick::Part(s![..][0]), Pick::Places(rows)];
        assert!(matches!(x.picked(&wrong), Err(Error::OperandShape { .. })));
        assert!(matches!(x.picked(&[places(&[2])]), Err(Error::Index { .. })));
        assert!(matches!(
            x.picked(&[places(&[0, 1]), places(&[0, 1, 2])]),
            Err(Error::Broadcast { .. })
        ));
    }
}
