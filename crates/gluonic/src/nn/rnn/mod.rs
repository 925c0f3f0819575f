//! Recurrent layers and cells: [`Rnn`], [`Lstm`] and [`Gru`] over whole sequences, [`RnnCell`],
//! [`LstmCell`] and [`GruCell`] one step at a time, and cells made of cells.
//!
//! A layer is one fused operation per direction and is what to use for whole sequences; cells
//! compute the same and can be put together freely: see [`RecurrentCell`].
//!
//! ```
//! use gluonic::nn::rnn::{Lstm, LstmCell, RecurrentCell, Unroll};
//! use gluonic::prelude::*;
//!
//! let (n_steps, batch, inputs) = (5, 3, 10);
//! let x = ops::uniform(-1.0, 1.0, (n_steps, batch, inputs))?;
//! let layer = Lstm::new(4);
//! layer.initialize()?;
//! assert_eq!(layer.call(&x)?.dims().to_string(), "(5, 3, 4)");
//!
//! let states = layer.begin_state(batch, DType::F32)?;
//! let (outputs, states) = layer.call_with(&x, &states, None)?;
//! assert_eq!(states[0].row(0)?.to_vec::<f32>()?, outputs.row(-1)?.to_vec::<f32>()?);
//! # Ok::<(), gluonic::Error>(())
//! ```

mod cell;
mod cells;
mod config;
mod layer;
mod modify;
mod sequence;
mod stack;
mod weights;

pub use cell::{RecurrentCell, Unroll};
pub use cells::{GruCell, LstmCell, RnnCell};
pub use config::{CellConfig, RecurrentConfig, RnnActivation, SequenceLayout};
pub use layer::{Gru, Lstm, Rnn};
pub use modify::{DropoutCell, ResidualCell, ZoneoutCell};
pub use stack::{BidirectionalCell, SequentialRnnCell};
