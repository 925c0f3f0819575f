//! The numbers of one parameter at one step.

use serde_json::{Value, json};

use crate::name::ParamPath;
use crate::param::select::ParameterStatistics;
use crate::param::{Kind, table};

/// Numbers about the elements of a value or of a gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// Smallest, largest, mean and so on.
    pub statistics: ParameterStatistics,
    /// How many of the finite elements lie in each of equal parts of the range from the smallest to
    /// the largest, if [`Watch::histogram`](super::Watch::histogram) asks for it. Where the range is
    /// a single number, they are in the middle.
    pub histogram: Option<Box<[usize]>>,
}

/// What a [`Watch`](super::Watch) has measured of one parameter at one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The number of the step, 1 for the first that was made through the watch.
    pub step: u64,
    /// The parameter, by its first path.
    pub path: ParamPath,
    /// What the parameter is for.
    pub kind: Kind,
    /// The value before the step.
    pub value: Values,
    /// The gradient, not divided by the batch size, if there was one.
    pub gradient: Option<Values>,
    /// The Euclidean norm of what the step has added to the value; `None` if it was not updated.
    pub update_norm: Option<f64>,
}

impl Record {
    /// The norm of the update in proportion to that of the value before it, about a thousandth where
    /// training goes well; `None` if the parameter was not updated or was 0.
    ///
    /// # Source
    /// Karpathy, lecture notes of Stanford's course `CS231n`, "Neural networks part 3", ratio of
    /// weights and updates.
    pub fn update_ratio(&self) -> Option<f64> {
        let norm = self.value.statistics.norm();
        self.update_norm.filter(|_| norm > 0.0).map(|update| update / norm)
    }

    /// The record as an object on one line of JSON: see [`Watch::to_json`](super::Watch::to_json).
    pub fn to_json(&self) -> String {
        json!({
            "step": self.step,
            "path": &*self.path,
            "kind": self.kind.to_string(),
            "value": self.value.json(),
            "gradient": self.gradient.as_ref().map(Values::json),
            "update_norm": self.update_norm,
            "update_ratio": self.update_ratio(),
        })
        .to_string()
    }

    pub(super) fn head() -> Vec<String> {
        let head = ["path", "norm", "mean", "std", "gradient", "zeros", "not finite", "update"];
        head.map(str::to_owned).to_vec()
    }

    /// Zeros are those of the gradient.
    pub(super) fn row(&self) -> Vec<String> {
        let (value, gradient) = (&self.value.statistics, self.gradient.as_ref());
        let gradient = gradient.map(|values| &values.statistics);
        let none = || "-".to_owned();
        let not_finite = value.not_finite + gradient.map_or(0, |gradient| gradient.not_finite);
        vec![
            self.path.to_string(),
            table::number(value.norm()),
            table::number(value.mean),
            table::number(value.std),
            gradient.map_or_else(none, |gradient| table::number(gradient.norm())),
            gradient.map_or_else(none, |gradient| gradient.zeros.to_string()),
            not_finite.to_string(),
            self.update_ratio().map_or_else(none, table::number),
        ]
    }
}

impl Values {
    fn json(&self) -> Value {
        let ParameterStatistics { count, min, mean, max, std, zeros, not_finite } = self.statistics;
        let mut object = json!({
            "count": count,
            "min": min,
            "mean": mean,
            "max": max,
            "std": std,
            "norm": self.statistics.norm(),
            "zeros": zeros,
            "not_finite": not_finite,
        });
        if let Some(histogram) = &self.histogram {
            object["histogram"] = json!(histogram);
        }
        object
    }
}
