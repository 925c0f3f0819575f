//! The network that the keys and shapes of a parameter file stand for.

use gluonic_formats::RawTensor;
use gluonic_formats::mxnet_params::strip_arg_aux;
use serde_json::{Value, json};

use super::{Check, Problem};

/// What layers call their parameters.
const LEAVES: [&str; 6] = ["weight", "bias", "gamma", "beta", "running_mean", "running_var"];

/// A key as the layer's part, with its `.` or `_` at the end, and the parameter's.
pub(super) fn split(key: &str) -> Option<(&str, &str)> {
    let key = strip_arg_aux(key);
    LEAVES.into_iter().find_map(|leaf| {
        let layer = key.strip_suffix(leaf)?;
        (layer.is_empty() || layer.ends_with(['.', '_'])).then_some((layer, leaf))
    })
}

/// A layer of a file.
struct Layer<'a> {
    key: &'a str,
    class: &'static str,
    args: Value,
    /// The names and values of its parameters.
    values: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Layer<'a> {
    /// The layer that starts with a parameter of this name and shape.
    fn starting(key: &'a str, leaf: &str, shape: &[usize], dtype: &str) -> Option<Layer<'a>> {
        let (class, args) = match (leaf, shape) {
            ("weight", [units, in_units]) => (
                "dense",
                json!({"units": units, "in_units": in_units, "use_bias": false, "dtype": dtype}),
            ),
            ("weight", [channels, in_channels, height, width]) => (
                "conv2d",
                json!({"channels": channels, "in_channels": in_channels,
                    "kernel_size": [height, width], "use_bias": false}),
            ),
            ("gamma", [channels]) => ("batchnorm", json!({"in_channels": channels})),
            _ => return None,
        };
        Some(Layer { key, class, args, values: Vec::new() })
    }

    /// Whether the layer has a parameter of this name and shape, and none by that name yet.
    fn takes(&self, leaf: &str, shape: &[usize]) -> bool {
        let known = match self.class {
            "batchnorm" => ["beta", "running_mean", "running_var"].contains(&leaf),
            _ => leaf == "bias",
        };
        known && shape.len() == 1 && self.values.iter().all(|(name, _)| *name != leaf)
    }
}

/// The network that a file's keys and shapes stand for.
pub(super) struct Net<'a> {
    layers: Vec<Layer<'a>>,
    /// Whether the keys are paths, not names.
    pub(super) by_path: bool,
    /// Whether a tied layer was written once, under its last path: then its others are missing.
    pub(super) deduplicated: bool,
}

impl<'a> Net<'a> {
    pub(super) fn derive(tensors: &'a [RawTensor<'_>]) -> Check<Net<'a>> {
        let mut layers: Vec<Layer<'a>> = Vec::new();
        for tensor in tensors {
            let (key, leaf) = split(tensor.name()).unwrap_or_default();
            match layers.last_mut().filter(|layer| layer.key == key) {
                Some(layer) if layer.takes(leaf, tensor.shape()) => {
                    if leaf == "bias" {
                        layer.args["use_bias"] = true.into();
                    }
                    layer.values.push((leaf, tensor.data()));
                }
                _ => {
                    let (shape, dtype) = (tensor.shape(), tensor.dtype().name());
                    let rank = shape.len();
                    let later = || Problem::Later(format!("a layer with a {leaf} of rank {rank}"));
                    let mut layer = Layer::starting(key, leaf, shape, dtype).ok_or_else(later)?;
                    layer.values.push((leaf, tensor.data()));
                    layers.push(layer);
                }
            }
        }
        let by_path = !layers.iter().any(|layer| layer.key.ends_with('_'));
        Ok(Net { layers, by_path, deduplicated: false })
    }

    /// The network in the language of the golden cases; names get `outer` as a prefix.
    pub(super) fn case(&mut self, outer: &str) -> Check<Value> {
        let owners: Vec<usize> = (0..self.layers.len()).filter(|&i| self.owner(i) == i).collect();
        let pre = owners.iter().map(|&i| {
            let mut node = json!({"t": self.layers[i].class, "args": self.layers[i].args,
                "id": i.to_string()});
            if !self.by_path {
                node["prefix"] = format!("{outer}{}", self.layers[i].key).into();
            }
            node
        });
        let pre = pre.collect::<Value>();
        let all: Vec<usize> = (0..self.layers.len()).collect();
        let net = if self.by_path {
            self.tree(&all, 0)?
        } else {
            json!({"t": "sequential", "children": all.iter().map(|&i| self.node(i)).collect::<Value>()})
        };
        Ok(json!({"pre": pre, "net": net}))
    }

    /// The first layer with the same values: paths with equal values are taken for tied.
    fn owner(&self, i: usize) -> usize {
        let same = |a: &Layer<'_>, b: &Layer<'_>| {
            (a.class, &a.args, &a.values) == (b.class, &b.args, &b.values)
        };
        let found = (0..i).find(|&j| self.by_path && same(&self.layers[i], &self.layers[j]));
        found.unwrap_or(i)
    }

    fn node(&self, i: usize) -> Value {
        if self.owner(i) == i { json!({"t": "ref", "ref": i.to_string()}) } else { self.tied(i) }
    }

    /// Another layer with the parameters of this one.
    fn tied(&self, i: usize) -> Value {
        let owner = self.owner(i).to_string();
        json!({"t": self.layers[i].class, "args": self.layers[i].args, "params_of": owner})
    }

    /// The block that holds these layers, whose paths have their first `depth` parts in common.
    fn tree(&mut self, members: &[usize], depth: usize) -> Check<Value> {
        let part = |net: &Self, i: usize| net.layers[i].key.split_terminator('.').nth(depth);
        if let [i] = members
            && part(self, *i).is_none()
        {
            return Ok(self.node(*i));
        }
        let mut children: Vec<(&str, Vec<usize>)> = Vec::new();
        for &i in members {
            let fail = || Problem::differs("one path of the file leads through another's layer");
            let key = part(self, i).ok_or_else(fail)?;
            match children.last_mut() {
                Some((known, members)) if *known == key => members.push(i),
                _ => children.push((key, vec![i])),
            }
        }
        let numbered = children.iter().all(|(key, _)| key.parse::<usize>().is_ok());
        let mut nodes: Vec<Value> = Vec::new();
        for (key, members) in &children {
            let node = self.tree(members, depth + 1)?;
            if !numbered {
                nodes.push(json!([key, node]));
                continue;
            }
            // What is missing before it is tied to it.
            while nodes.len() < key.parse().unwrap_or(0) {
                self.deduplicated = true;
                nodes.push(self.tied(members[0]));
            }
            nodes.push(node);
        }
        Ok(if numbered {
            json!({"t": "sequential", "children": nodes})
        } else {
            json!({"t": "custom", "attrs": nodes})
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &'static str, shape: &[usize], value: u8) -> RawTensor<'static> {
        let n = 4 * shape.iter().product::<usize>();
        let raw = gluonic_formats::DType::F32;
        RawTensor::new(name, raw, shape.to_vec(), vec![value; n]).unwrap()
    }

    #[test]
    fn equal_and_missing_layers_are_tied() {
        let equal = [tensor("0.0.weight", &[2, 2], 1), tensor("0.1.weight", &[2, 2], 1)];
        let case = Net::derive(&equal).unwrap().case("").unwrap();
        assert_eq!(case["pre"].as_array().unwrap().len(), 1);
        assert_eq!(case["net"]["children"][0]["children"][1]["params_of"], "0");

        let missing = [tensor("0.weight", &[2, 2], 1), tensor("2.weight", &[2, 2], 2)];
        let mut net = Net::derive(&missing).unwrap();
        let case = net.case("").unwrap();
        assert!(net.deduplicated);
        assert_eq!(case["net"]["children"][1]["params_of"], "1");
        assert_eq!(case["net"]["children"][2], json!({"t": "ref", "ref": "1"}));
    }

    #[test]
    fn keys_say_which_network_it_is() {
        assert_eq!(split("arg:bn_running_mean"), Some(("bn_", "running_mean")));
        assert_eq!(split("weight"), Some(("", "weight")));
        assert_eq!(split("float64"), None);
        let named = [tensor("body.weight", &[2, 3], 1), tensor("body.bias", &[2], 1)];
        let case = Net::derive(&named).unwrap().case("").unwrap();
        assert_eq!(
            case["net"],
            json!({"t": "custom", "attrs": [["body", {"t": "ref", "ref": "0"}]]})
        );
        let lone = Net::derive(&named[..1]).unwrap().case("").unwrap();
        assert_eq!(lone["pre"][0]["args"]["use_bias"], false);
        let global = [tensor("a_weight", &[2, 3], 1)];
        let case = Net::derive(&global).unwrap().case("outer_").unwrap();
        assert_eq!(case["pre"][0]["prefix"], "outer_a_");
        let conv = [
            tensor("0.weight", &[2, 3, 1, 1], 1),
            tensor("1.gamma", &[2], 1),
            tensor("1.running_mean", &[2], 1),
        ];
        let case = Net::derive(&conv).unwrap().case("").unwrap();
        assert_eq!(
            (&case["pre"][0]["t"], &case["pre"][1]["t"]),
            (&"conv2d".into(), &"batchnorm".into())
        );
        let later = Net::derive(&[tensor("0.weight", &[2, 3, 1], 1)]).map(|_| ());
        assert_eq!(later, Err(Problem::Later("a layer with a weight of rank 3".into())));
    }
}
