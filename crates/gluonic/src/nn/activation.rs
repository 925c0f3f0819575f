//! Activations: as an option of other layers, and as a layer of their own.

use std::fmt;
use std::str::FromStr;

use super::Forward;
use super::core::BlockCore;
use crate::array::NdArray;
use crate::cpu::dense::Act;
use crate::error::{Error, Result};
use crate::ops::activation;
use crate::suggest::nearest;

/// A function that is applied to each element.
///
/// # Source
/// The five that MXNet 1.9.1's `Activation` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `log(1 + eˣ)`.
    #[doc(alias = "Softplus")]
    SoftRelu,
    /// `x / (1 + |x|)`.
    SoftSign,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Activation; 5] = [
        Activation::Relu,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::SoftRelu,
        Activation::SoftSign,
    ];

    /// Gluon's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::SoftRelu => "softrelu",
            Activation::SoftSign => "softsign",
        }
    }

    pub(crate) fn act(self) -> Act {
        match self {
            Activation::Relu => Act::Relu,
            Activation::Sigmoid => Act::Sigmoid,
            Activation::Tanh => Act::Tanh,
            Activation::SoftRelu => Act::SoftRelu,
            Activation::SoftSign => Act::SoftSign,
        }
    }

    /// Applies it.
    ///
    /// # Errors
    /// [`Error::NoArithmetic`] if the element type is not a floating-point one.
    pub fn apply(self, x: &NdArray) -> Result<NdArray> {
        activation(x, self.act(), self.name())
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let found = Activation::ALL.into_iter().find(|known| known.name() == word);
        found.ok_or_else(|| Error::UnknownWord {
            kind: "activation",
            word: word.into(),
            nearest: nearest(word, Activation::ALL.map(Activation::name)),
        })
    }
}

/// An activation as a layer.
///
/// # Examples
/// ```
/// use gluonic::prelude::*;
/// let layer = name::manager(|| ActivationLayer::new(Activation::Tanh));
/// assert_eq!((layer.name().as_str(), layer.to_string().as_str()), ("tanh0", "Activation(tanh)"));
/// ```
///
/// # Source
/// MXNet 1.9.1, `gluon/nn/activations.py`, class `Activation`.
#[derive(Clone, Debug, gluonic_derive::Block)]
#[block(display = "fmt_activation")]
pub struct ActivationLayer {
    core: BlockCore,
    activation: Activation,
}

impl ActivationLayer {
    /// The layer of an activation, named after it.
    pub fn new(activation: Activation) -> Self {
        Self { core: BlockCore::with("Activation", activation.name(), None, None), activation }
    }

    /// The layer with an explicit prefix, used as it is.
    pub fn with_prefix(prefix: &str, activation: Activation) -> Self {
        Self {
            core: BlockCore::with("Activation", activation.name(), Some(prefix), None),
            activation,
        }
    }

    /// Which activation it is.
    pub fn activation(&self) -> Activation {
        self.activation
    }
}

impl Forward for ActivationLayer {
    fn forward(&self, x: &NdArray) -> Result<NdArray> {
        self.activation.apply(x)
    }
}

fn fmt_activation(layer: &ActivationLayer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}({})", layer.core.class(), layer.activation)
}
