//! The options of recurrent cells and layers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::array::{DType, NdArray};
use crate::error::{Error, Result};
use crate::init::{Initializer, Zero};
use crate::ops::rnn::Mode;
use crate::param::ParameterDict;
use crate::suggest::nearest;

/// Defines an enum whose variants have words.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $kind:literal: $($(#[$doc:meta])* $variant:ident $word:literal;)*) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: [$name; 2] = [$($name::$variant),*];

            /// Gluon's word for it.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(word: &str) -> Result<Self> {
                let found = Self::ALL.into_iter().find(|known| known.name() == word);
                found.ok_or_else(|| Error::UnknownWord {
                    kind: $kind,
                    word: word.into(),
                    nearest: nearest(word, Self::ALL.map(Self::name)),
                })
            }
        }
    };
}

words! {
    /// What the axes of a sequence are: T its steps, N the samples, C the features.
    SequenceLayout, "sequence layout":
    /// `(steps, batch, features)`.
    #[default]
    Tnc "TNC";
    /// `(batch, steps, features)`.
    #[doc(alias = "batch_first")]
    Ntc "NTC";
}

words! {
    /// The function of a plain recurrent layer. Default: `tanh`.
    RnnActivation, "activation of a recurrent layer":
    /// The hyperbolic tangent.
    #[default]
    Tanh "tanh";
    /// `max(x, 0)`.
    Relu "relu";
}

impl SequenceLayout {
    /// An array of this layout with its steps first, or the other way round.
    pub(super) fn swap(self, x: &NdArray) -> Result<NdArray> {
        match self {
            SequenceLayout::Tnc => Ok(x.clone()),
            SequenceLayout::Ntc => x.swap_axes(0, 1),
        }
    }
}

impl RnnActivation {
    pub(super) fn mode(self) -> Mode {
        match self {
            RnnActivation::Tanh => Mode::RnnTanh,
            RnnActivation::Relu => Mode::RnnRelu,
        }
    }
}

/// The options of a cell.
#[derive(Clone, Debug)]
pub struct CellConfig {
    /// The number of hidden units; 1 or more.
    pub hidden_size: usize,
    /// The number of inputs, if it is known.
    pub input_size: Option<usize>,
    /// The initializer of the weight on the inputs. Default: that of the whole block.
    pub i2h_weight_initializer: Option<Arc<dyn Initializer>>,
    /// The initializer of the weight on the state. Default: that of the whole block.
    pub h2h_weight_initializer: Option<Arc<dyn Initializer>>,
    /// The initializer of the bias of the inputs. Default: zeros; see
    /// [`LstmBias`](crate::init::LstmBias).
    pub i2h_bias_initializer: Option<Arc<dyn Initializer>>,
    /// The initializer of the bias of the state. Default: zeros.
    pub h2h_bias_initializer: Option<Arc<dyn Initializer>>,
    /// The parameters' element type. Default: `f32`.
    pub dtype: DType,
    /// An explicit prefix, used as it is.
    pub prefix: Option<String>,
    /// Parameters to share.
    pub params: Option<ParameterDict>,
}

impl Default for CellConfig {
    fn default() -> Self {
        CellConfig {
            hidden_size: 1,
            input_size: None,
            i2h_weight_initializer: None,
            h2h_weight_initializer: None,
            i2h_bias_initializer: Some(Arc::new(Zero)),
            h2h_bias_initializer: Some(Arc::new(Zero)),
            dtype: DType::F32,
            prefix: None,
            params: None,
        }
    }
}

impl CellConfig {
    pub(super) fn check(&self) -> Result<()> {
        let fail = |setting, expected, found: String| {
            Err(Error::Setting { setting, expected, found: found.into() })
        };
        if self.hidden_size == 0 {
            return fail("hidden_size", "1 or more", "0".into());
        }
        if self.hidden_size.checked_mul(4).is_none_or(|n| isize::try_from(n).is_err()) {
            return fail(
                "hidden_size",
                "a size that memory can hold",
                self.hidden_size.to_string(),
            );
        }
        if self.input_size == Some(0) {
            return fail("input_size", "1 or more", "0".into());
        }
        if !self.dtype.is_float() {
            return fail("dtype", "a floating-point type", self.dtype.to_string());
        }
        Ok(())
    }
}

/// The options of a layer.
#[derive(Clone, Debug)]
pub struct RecurrentConfig {
    /// The number of hidden units of each layer and direction; 1 or more.
    pub hidden_size: usize,
    /// The number of layers, each on the outputs of the one before; 1 or more. Default: 1.
    pub num_layers: usize,
    /// What the axes of inputs and outputs are. Default: `TNC`.
    pub layout: SequenceLayout,
    /// The rate of the dropout between layers, in training. Default: 0.
    pub dropout: f64,
    /// Whether each layer also walks the sequence from its end, and both outputs stand side by
    /// side. Default: no.
    pub bidirectional: bool,
    /// The number of inputs, if it is known.
    pub input_size: Option<usize>,
    /// The initializer of the weights on the inputs. Default: that of the whole block.
    pub i2h_weight_initializer: Option<Arc<dyn Initializer>>,
    /// The initializer of the weights on the state. Default: that of the whole block.
    pub h2h_weight_initializer: Option<Arc<dyn Initializer>>,
    /// The initializer of the biases of the inputs. Default: zeros; see
    /// [`LstmBias`](crate::init::LstmBias).
    pub i2h_bias_initializer: Option<Arc<dyn Initializer>>,
    /// The initializer of the biases of the state. Default: zeros.
    pub h2h_bias_initializer: Option<Arc<dyn Initializer>>,
    /// The parameters' element type. Default: `f32`.
    pub dtype: DType,
    /// An explicit prefix, used as it is.
    pub prefix: Option<String>,
    /// Parameters to share.
    pub params: Option<ParameterDict>,
}

impl Default for RecurrentConfig {
    fn default() -> Self {
        let cell = CellConfig::default();
        RecurrentConfig {
            hidden_size: cell.hidden_size,
            num_layers: 1,
            layout: SequenceLayout::default(),
            dropout: 0.0,
            bidirectional: false,
            input_size: cell.input_size,
            i2h_weight_initializer: cell.i2h_weight_initializer,
            h2h_weight_initializer: cell.h2h_weight_initializer,
            i2h_bias_initializer: cell.i2h_bias_initializer,
            h2h_bias_initializer: cell.h2h_bias_initializer,
            dtype: cell.dtype,
            prefix: cell.prefix,
            params: cell.params,
        }
    }
}

impl RecurrentConfig {
    /// The options of one of its layers in one direction.
    pub(super) fn cell(&self) -> CellConfig {
        CellConfig {
            hidden_size: self.hidden_size,
            input_size: self.input_size,
            i2h_weight_initializer: self.i2h_weight_initializer.clone(),
            h2h_weight_initializer: self.h2h_weight_initializer.clone(),
            i2h_bias_initializer: self.i2h_bias_initializer.clone(),
            h2h_bias_initializer: self.h2h_bias_initializer.clone(),
            dtype: self.dtype,
            prefix: self.prefix.clone(),
            params: self.params.clone(),
        }
    }
}
