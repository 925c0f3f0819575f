//! Stochastic gradient Langevin dynamics.

use super::Step;
use super::common::optimizer;
use crate::array::for_float;
use crate::cpu::update as kernel;
use crate::error::Result;
use crate::random::{fill_normal, next_key, stream_at};

optimizer! {
    /// Stochastic gradient Langevin dynamics: draws from a posterior by noise on each step.
    ///
    /// With `g = clip(rescale · gradient)`: `w = w - lr/2·(g + wd·w) + N(0, lr)`. Default:
    /// `lr = 0.01`.
    ///
    /// # Randomness
    /// The noise of a parameter at its update number `t` is draw `t` (modulo 2³²) at the address of
    /// its name under the key: so it does not depend on other parameters, threads or steps, and a
    /// run that goes on from saved states goes on with the same noise. A new optimizer takes the
    /// next key of the process.
    ///
    /// # Memory
    /// None; nothing is allocated.
    ///
    /// # Examples
    /// ```
    /// use gluonic::optim;
    /// use gluonic::prelude::*;
    /// let weight = Parameter::new("weight", 1);
    /// weight.initialize_with(&init::One, Reinit::Keep)?;
    /// let mut trainer = Trainer::of([&weight], optim::Sgld::new(0.1)?.key(7_u64)?)?;
    /// autograd::record(|| weight.data()?.square())?.backward()?;
    /// trainer.step(1)?;
    /// assert!(weight.data()?.to_scalar::<f32>()? != 1.0);
    /// # Ok::<(), gluonic::Error>(())
    /// ```
    ///
    /// # Source
    /// MXNet 1.9.1, `optimizer.py`, class `SGLD`; Welling and Teh (2011), "Bayesian learning via
    /// stochastic gradient Langevin dynamics", eq. 4.
    #[doc(alias = "Langevin")]
    pub struct Sgld, "sgld", lr: 0.01 {
        /// With the key of the noise.
        key: u64 = next_key(), Any;
    }

    fn update(&self, step: &mut Step<'_>) -> Result<()> {
        /// Elements of noise that are drawn at once, on the stack.
        const BLOCK: usize = 256;
        let stream = stream_at(self.key, step.parameter().name(), step.updates() as u32);
        let std = step.lr().sqrt();
        for_float!(step.dtype(), T => {
            let (read, lr, wd) = (step.reading::<T>(), step.lr() as T, step.wd() as T);
            step.weights::<T>(&|start, w, g, []| {
                let mut noise = [0.0; BLOCK];
                for (i, (w, g)) in w.chunks_mut(BLOCK).zip(g.chunks(BLOCK)).enumerate() {
                    let noise = &mut noise[..w.len()];
                    fill_normal(stream, (start + i * BLOCK) as u64, noise, 0.0, std);
                    kernel::sgld(read, lr, wd, w, g, noise);
                }
                [0.0; 2]
            })?;
        });
        Ok(())
    }
}
