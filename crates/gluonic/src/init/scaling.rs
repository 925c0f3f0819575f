//! What initializers that scale by the fans have in common.

use super::normal::normal_into;
use super::text::word;
use super::uniform::uniform_into;
use super::{Args, Fan, InitDesc};
use crate::array::NdArray;
use crate::error::Result;
use crate::random::Address;

/// The law that values are drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Draw {
    /// `U[-s, s)`.
    #[default]
    Uniform,
    /// `N(0, s²)`: MXNet's `gaussian`.
    Normal,
}

impl Draw {
    /// MXNet's word.
    pub(super) fn word(self) -> String {
        word(match self {
            Draw::Uniform => "uniform",
            Draw::Normal => "gaussian",
        })
    }

    pub(super) fn take(args: &mut Args, argument: &'static str) -> Result<Option<Self>> {
        let words =
            [("uniform", Draw::Uniform), ("gaussian", Draw::Normal), ("normal", Draw::Normal)];
        args.choice(argument, &words)
    }
}

/// The number that a scale is divided by.
#[doc(alias = "mode")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Factor {
    /// The mean of `fan_in` and `fan_out`.
    #[default]
    #[doc(alias = "fan_avg")]
    Avg,
    /// `fan_in`.
    #[doc(alias = "fan_in")]
    In,
    /// `fan_out`.
    #[doc(alias = "fan_out")]
    Out,
}

impl Factor {
    /// The word of the text form.
    pub(super) fn word(self) -> String {
        word(match self {
            Factor::Avg => "avg",
            Factor::In => "in",
            Factor::Out => "out",
        })
    }

    pub(super) fn take(args: &mut Args) -> Result<Option<Self>> {
        args.choice(
            "factor_type",
            &[("avg", Factor::Avg), ("in", Factor::In), ("out", Factor::Out)],
        )
    }

    fn of(self, fan: Fan) -> f64 {
        match self {
            Factor::Avg => f64::midpoint(fan.fan_in, fan.fan_out),
            Factor::In => fan.fan_in,
            Factor::Out => fan.fan_out,
        }
    }
}

/// `U[-s, s)` or `N(0, s²)`, where `s = sqrt(magnitude / factor)`.
pub(super) struct Scaling {
    pub(super) init: &'static str,
    pub(super) draw: Draw,
    pub(super) factor: Factor,
    pub(super) magnitude: f64,
}

impl Scaling {
    /// The scaling by which values have the standard deviation `sqrt(variance / factor)`.
    pub(super) fn of_variance(
        init: &'static str,
        draw: Draw,
        factor: Factor,
        variance: f64,
    ) -> Self {
        let magnitude = match draw {
            Draw::Uniform => 3.0 * variance,
            Draw::Normal => variance,
        };
        Scaling { init, draw, factor, magnitude }
    }

    pub(super) fn fill(&self, desc: &InitDesc, data: &NdArray, address: &Address) -> Result<()> {
        let factor = self.factor.of(Fan::of(self.init, data.dims(), desc.layout)?);
        // No element, no fan either: what fills the array checks its type alone.
        let scale = if data.elem_count() == 0 { 0.0 } else { (self.magnitude / factor).sqrt() };
        match self.draw {
            Draw::Uniform => uniform_into(data, scale, address),
            Draw::Normal => normal_into(data, scale, address),
        }
    }
}
