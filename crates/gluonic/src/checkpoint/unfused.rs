//! What `MXNet` calls the parameters of recurrent layers in its files: as if the layer were a stack
//! of cells, `1._unfused.0.i2h_weight` for `1.l0_i2h_weight`.

use std::collections::HashSet;

use crate::name::ParamPath;
use crate::param::Parameter;

/// The paths of a model as `MXNet` writes them. Of a model without recurrent layers, the same.
///
/// # Source
/// `MXNet` 1.9.1, `gluon/rnn/rnn_layer.py`, `_RNNLayer._collect_params_with_prefix`.
pub(super) fn unfused(named: Vec<(ParamPath, Parameter)>) -> Vec<(ParamPath, Parameter)> {
    let parts = named.iter().filter_map(|(path, _)| Fused::of(path));
    let bidirectional: HashSet<&str> =
        parts.filter(|fused| fused.direction == 'r').map(|fused| fused.layer).collect();
    let renamed = named.iter().map(|(path, parameter)| {
        let path = match Fused::of(path) {
            Some(fused) => fused.unfused(bidirectional.contains(fused.layer)),
            None => path.clone(),
        };
        (path, parameter.clone())
    });
    renamed.collect()
}

/// The path of a recurrent layer's parameter.
struct Fused<'p> {
    /// The layer's own, up to its last dot.
    layer: &'p str,
    direction: char,
    number: &'p str,
    /// `i2h_weight` and its like.
    key: &'p str,
}

impl Fused<'_> {
    fn of(path: &str) -> Option<Fused<'_>> {
        let (layer, own) = path.split_at(path.rfind('.').map_or(0, |dot| dot + 1));
        let direction = own.chars().next().filter(|direction| matches!(direction, 'l' | 'r'))?;
        let (number, key) = own[1..].split_once('_')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let (gate, kind) = key.split_once('_')?;
        let is_key = matches!(gate, "i2h" | "h2h" | "h2r") && matches!(kind, "weight" | "bias");
        (is_number && is_key).then_some(Fused { layer, direction, number, key })
    }

    fn unfused(&self, bidirectional: bool) -> ParamPath {
        let Fused { layer, direction, number, key } = self;
        let cell = if bidirectional { format!("{direction}_cell.") } else { String::new() };
        format!("{layer}_unfused.{number}.{cell}{key}").as_str().into()
    }
}
