//! Sums over the replicas of parameters.

use rayon::prelude::*;

use crate::array::{NdArray, Rows, for_float};
use crate::cpu::elementwise::add_into;
use crate::error::Result;
use crate::name::ParamName;

/// One gradient, everywhere that its parameter is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reduction {
    /// The parameter.
    pub name: ParamName,
    /// The gradient on each context, in their order: one or more, of equal sizes and element types.
    pub replicas: Vec<NdArray>,
}

/// Sums gradients over the replicas of parameters: those of this process, or of several that train
/// together.
///
/// An implementation puts the same bytes into all replicas, the same ones in every run.
///
/// # Examples
/// One that tells what it sums:
/// ```
/// use std::sync::{Arc, Mutex};
/// use gluonic::prelude::*;
/// use gluonic::{Collective, LocalCollective, Reduction};
///
/// #[derive(Default)]
/// struct Told(Arc<Mutex<Vec<String>>>);
///
/// impl Collective for Told {
///     fn all_reduce(&self, gradients: &[Reduction]) -> Result<()> {
///         let names = gradients.iter().map(|gradient| gradient.name.to_string());
///         self.0.lock().unwrap().extend(names);
///         LocalCollective.all_reduce(gradients)
///     }
/// }
///
/// let weight = Parameter::new("weight", 2);
/// let contexts = [Context::cpu(0), Context::cpu(1)];
/// weight.initialize_on(&contexts)?;
/// let told = Arc::default();
/// let mut trainer = Trainer::of([&weight], Sgd::new(0.1)?)?.with_collective(Told(Arc::clone(&told)));
/// for context in contexts {
///     context::with(context, || autograd::record(|| weight.data()?.square())?.backward())?;
/// }
/// trainer.step(1)?;
/// assert_eq!(*told.lock().unwrap(), ["weight"]);
/// # Ok::<(), gluonic::Error>(())
/// ```
pub trait Collective: Send + Sync {
    /// Puts the sum of each gradient over its replicas into all of them.
    ///
    /// # Errors
    /// Whatever goes wrong. Then gradients may hold anything, and no parameter is changed by them.
    fn all_reduce(&self, gradients: &[Reduction]) -> Result<()>;
}

/// Sums over the contexts of this process, in their order and in the compute type: the same bits on
/// any number of threads, and those of a sum by hand. What is kept by rows stays so if all replicas
/// are.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalCollective;

impl Collective for LocalCollective {
    fn all_reduce(&self, gradients: &[Reduction]) -> Result<()> {
        gradients.par_iter().try_for_each(|gradient| {
            sum(&gradient.replicas).map_err(|error| error.at(&gradient.name))
        })
    }
}

fn sum(replicas: &[NdArray]) -> Result<()> {
    let Some((first, others)) = replicas.split_first() else { return Ok(()) };
    if others.is_empty() {
        return Ok(());
    }
    let rows =
        replicas.iter().map(|replica| replica.cell.rows()).collect::<Result<Option<Vec<_>>>>();
    let dtype = first.dtype();
    let compute = dtype.compute().unwrap_or(dtype);
    if let Some(rows) = rows? {
        let wide = Rows::none(compute, rows[0].width());
        let sum = for_float!(compute, T => rows.iter().fold(wide, |sum, rows| {
            sum.plus::<T>(rows.numbers(), rows.values().convert(compute).slice())
        }));
        return replicas.iter().try_for_each(|replica| {
            replica.cell.edit()?.replace_by_rows(sum.convert(dtype));
            Ok(())
        });
    }
    let mut sum = first.cell.snapshot()?.convert(compute);
    for other in others {
        let other = other.cell.snapshot()?;
        for_float!(compute, T => if other.dtype() == compute {
            add_into(sum.slice_mut::<T>(), other.slice());
        } else {
            add_into(sum.slice_mut::<T>(), other.convert(compute).slice());
        });
    }
    let sum = if dtype == compute { sum } else { sum.convert(dtype) };
    // Into memory of their own, which the next backward writes to again.
    replicas.iter().try_for_each(|replica| {
        replica.cell.edit()?.copy_from(&sum);
        Ok(())
    })
}
