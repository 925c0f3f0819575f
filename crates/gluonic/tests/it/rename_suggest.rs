//! Rules proposed for two layouts: the known mapping where it is clear, nothing where it is not.

use gluonic::checkpoint::rename::{Suggestion, TensorInfo, suggest};
use gluonic_formats::DType;
use proptest::prelude::*;

const D: usize = 4;

fn layout(tensors: impl IntoIterator<Item = (String, Vec<usize>)>) -> Vec<TensorInfo> {
    tensors.into_iter().map(|(name, shape)| TensorInfo::new(name, shape, DType::F32)).collect()
}

/// A weight and a bias.
fn affine(name: &str, shape: &[usize], bias: usize) -> [(String, Vec<usize>); 2] {
    [(format!("{name}.weight"), shape.to_vec()), (format!("{name}.bias"), vec![bias])]
}

fn linear(name: &str, rows: usize, columns: usize) -> [(String, Vec<usize>); 2] {
    affine(name, &[rows, columns], rows)
}

fn norm(name: &str) -> [(String, Vec<usize>); 2] {
    affine(name, &[D], D)
}

/// As `torch.nn.TransformerEncoder` declares its parameters.
fn torch_encoder() -> Vec<TensorInfo> {
    layout((0..2).flat_map(|i| {
        let p = format!("layers.{i}");
        let mut all = vec![
            (format!("{p}.self_attn.in_proj_weight"), vec![3 * D, D]),
            (format!("{p}.self_attn.in_proj_bias"), vec![3 * D]),
        ];
        all.extend(linear(&format!("{p}.self_attn.out_proj"), D, D));
        all.extend(linear(&format!("{p}.linear1"), 16, D));
        all.extend(linear(&format!("{p}.linear2"), D, 16));
        all.extend(norm(&format!("{p}.norm1")));
        all.extend(norm(&format!("{p}.norm2")));
        all
    }))
}

fn bert_encoder() -> Vec<TensorInfo> {
    layout((0..2).flat_map(|i| {
        let p = format!("encoder.layer.{i}");
        let mut all = Vec::new();
        for word in ["query", "key", "value"] {
            all.extend(linear(&format!("{p}.attention.self.{word}"), D, D));
        }
        all.extend(linear(&format!("{p}.attention.output.dense"), D, D));
        all.extend(norm(&format!("{p}.attention.output.LayerNorm")));
        all.extend(linear(&format!("{p}.intermediate.dense"), 16, D));
        all.extend(linear(&format!("{p}.output.dense"), D, 16));
        all.extend(norm(&format!("{p}.output.LayerNorm")));
        all
    }))
}

/// One pair of modules for each pair of names, with a number for `#`.
fn pairs(of: &[(&str, &str)], blocks: usize) -> Vec<String> {
    let mut all: Vec<String> = (0..blocks)
        .flat_map(|i| {
            of.iter().flat_map(move |(from, to)| {
                let number = |text: &str| text.replace('#', &i.to_string());
                ["weight", "bias"].map(|leaf| {
                    let keys = |side: &str| {
                        let keys = side.split(' ').map(|key| {
                            let separator = if key.ends_with('_') { "" } else { "." };
                            format!("{}{separator}{leaf}", number(key))
                        });
                        keys.collect::<Vec<_>>().join(" ")
                    };
                    format!("{} -> {}", keys(from), keys(to))
                })
            })
        })
        .collect();
    all.sort();
    all
}

fn found(suggestion: &Suggestion) -> Vec<String> {
    let mut all: Vec<String> = suggestion
        .matches
        .iter()
        .map(|found| format!("{} -> {}", found.from.join(" "), found.to.join(" ")))
        .collect();
    all.sort();
    all
}

/// Whether the rules make exactly the layout, and lead back.
#[track_caller]
fn check_makes(suggestion: &Suggestion, from: &[TensorInfo], to: &[TensorInfo]) {
    let plan = suggestion.rules.plan(from).unwrap_or_else(|error| panic!("{error}"));
    let mut made: Vec<_> = plan.targets().iter().map(|target| target.info().to_string()).collect();
    let mut wanted: Vec<_> = to.iter().map(ToString::to_string).collect();
    made.sort();
    wanted.sort();
    assert_eq!(made, wanted, "{suggestion}");
    suggestion.rules.inverse_on(from).unwrap_or_else(|error| panic!("{error}"));
}

const BERT: [(&str, &str); 6] = [
    (
        "encoder.layer.#.attention.self.query encoder.layer.#.attention.self.key \
         encoder.layer.#.attention.self.value",
        "layers.#.self_attn.in_proj_",
    ),
    ("encoder.layer.#.attention.output.dense", "layers.#.self_attn.out_proj"),
    ("encoder.layer.#.attention.output.LayerNorm", "layers.#.norm1"),
    ("encoder.layer.#.intermediate.dense", "layers.#.linear1"),
    ("encoder.layer.#.output.dense", "layers.#.linear2"),
    ("encoder.layer.#.output.LayerNorm", "layers.#.norm2"),
];

#[test]
fn an_encoder_as_bert_becomes_one_as_torch() {
    let (from, to) = (bert_encoder(), torch_encoder());
    let suggestion = suggest(&from, &to);
    assert_eq!(found(&suggestion), pairs(&BERT, 2), "{suggestion}");
    check_makes(&suggestion, &from, &to);
    insta::assert_snapshot!(suggestion.rules, @r##"
    [[rule]]
    concat = ["encoder.layer.{i}.attention.self.query.weight", "encoder.layer.{i}.attention.self.key.weight", "encoder.layer.{i}.attention.self.value.weight"]
    to = "layers.{i}.self_attn.in_proj_weight"

    [[rule]]
    concat = ["encoder.layer.{i}.attention.self.query.bias", "encoder.layer.{i}.attention.self.key.bias", "encoder.layer.{i}.attention.self.value.bias"]
    to = "layers.{i}.self_attn.in_proj_bias"

    [[rule]]
    from = "encoder.layer.{i}.attention.output.dense.{p:weight,bias}"
    to = "layers.{i}.self_attn.out_proj.{p}"

    [[rule]]
    from = "encoder.layer.{i}.attention.output.LayerNorm.{p:weight,bias}"
    to = "layers.{i}.norm1.{p}"

    [[rule]]
    from = "encoder.layer.{i}.intermediate.dense.{p:weight,bias}"
    to = "layers.{i}.linear1.{p}"

    [[rule]]
    from = "encoder.layer.{i}.output.dense.{p:weight,bias}"
    to = "layers.{i}.linear2.{p}"

    [[rule]]
    from = "encoder.layer.{i}.output.LayerNorm.{p:weight,bias}"
    to = "layers.{i}.norm2.{p}"
    "##);
}

#[test]
fn an_encoder_as_torch_becomes_one_as_bert() {
    let (from, to) = (torch_encoder(), bert_encoder());
    let suggestion = suggest(&from, &to);
    assert_eq!(found(&suggestion), pairs(&BERT.map(|(a, b)| (b, a)), 2), "{suggestion}");
    check_makes(&suggestion, &from, &to);
}

#[test]
fn a_file_sorted_by_key_does_not_tell_which_norm_is_the_first() {
    let mut from = bert_encoder();
    from.sort_by(|a, b| a.name.cmp(&b.name));
    let suggestion = suggest(&from, &torch_encoder());
    let norms = suggestion.ambiguous.iter().map(|key| key.key.to_string());
    assert!(norms.clone().all(|key| key.contains("LayerNorm")), "{suggestion}");
    assert_eq!(norms.count(), 8);
    assert_eq!(suggestion.matches.len(), 16);
}

fn gpt2() -> Vec<TensorInfo> {
    let mut all =
        vec![("wte.weight".to_owned(), vec![50, D]), ("wpe.weight".to_owned(), vec![20, D])];
    for i in 0..2 {
        let p = format!("h.{i}");
        all.extend(norm(&format!("{p}.ln_1")));
        all.extend(affine(&format!("{p}.attn.c_attn"), &[D, 3 * D], 3 * D));
        all.extend(affine(&format!("{p}.attn.c_proj"), &[D, D], D));
        all.extend(norm(&format!("{p}.ln_2")));
        all.extend(affine(&format!("{p}.mlp.c_fc"), &[D, 16], 16));
        all.extend(affine(&format!("{p}.mlp.c_proj"), &[16, D], D));
    }
    all.extend(norm("ln_f"));
    layout(all)
}

#[test]
fn gpt2_is_split_and_transposed() {
    let mut to =
        vec![("tok.weight".to_owned(), vec![50, D]), ("pos.weight".to_owned(), vec![20, D])];
    for i in 0..2 {
        let p = format!("blocks.{i}");
        to.extend(norm(&format!("{p}.norm1")));
        for word in ["q_proj", "k_proj", "v_proj"] {
            to.extend(linear(&format!("{p}.attn.{word}"), D, D));
        }
        to.extend(linear(&format!("{p}.attn.out_proj"), D, D));
        to.extend(norm(&format!("{p}.norm2")));
        to.extend(linear(&format!("{p}.fc1"), 16, D));
        to.extend(linear(&format!("{p}.fc2"), D, 16));
    }
    to.extend(norm("norm"));
    let (from, to) = (gpt2(), layout(to));
    let suggestion = suggest(&from, &to);
    check_makes(&suggestion, &from, &to);
    insta::assert_snapshot!(suggestion.rules, @r##"
    [[rule]]
    from = "wte.weight"
    to = "tok.weight"

    [[rule]]
    from = "wpe.weight"
    to = "pos.weight"

    [[rule]]
    from = "h.{i}.ln_1.{p:weight,bias}"
    to = "blocks.{i}.norm1.{p}"

    [[rule]]
    split = "h.{i}.attn.c_attn.weight"
    to = ["blocks.{i}.attn.q_proj.weight", "blocks.{i}.attn.k_proj.weight", "blocks.{i}.attn.v_proj.weight"]
    axis = 1
    transpose = true

    [[rule]]
    split = "h.{i}.attn.c_attn.bias"
    to = ["blocks.{i}.attn.q_proj.bias", "blocks.{i}.attn.k_proj.bias", "blocks.{i}.attn.v_proj.bias"]

    [[rule]]
    from = "h.{i}.attn.c_proj.weight"
    to = "blocks.{i}.attn.out_proj.weight"
    transpose = true

    [[rule]]
    from = "h.{i}.attn.c_proj.bias"
    to = "blocks.{i}.attn.out_proj.bias"

    [[rule]]
    from = "h.{i}.ln_2.{p:weight,bias}"
    to = "blocks.{i}.norm2.{p}"

    [[rule]]
    from = "h.{i}.mlp.c_fc.weight"
    to = "blocks.{i}.fc1.weight"
    transpose = true

    [[rule]]
    from = "h.{i}.mlp.c_fc.bias"
    to = "blocks.{i}.fc1.bias"

    [[rule]]
    from = "h.{i}.mlp.c_proj.weight"
    to = "blocks.{i}.fc2.weight"
    transpose = true

    [[rule]]
    from = "h.{i}.mlp.c_proj.bias"
    to = "blocks.{i}.fc2.bias"

    [[rule]]
    from = "ln_f.{p:weight,bias}"
    to = "norm.{p}"
    "##);
}

fn batch_norm(name: &str, size: usize) -> Vec<(String, Vec<usize>)> {
    let all = ["weight", "bias", "running_mean", "running_var"];
    let mut all: Vec<_> = all.map(|leaf| (format!("{name}.{leaf}"), vec![size])).to_vec();
    all.push((format!("{name}.num_batches_tracked"), vec![]));
    all
}

/// The convolutions and normalizations of a small residual network, with these names.
fn resnet(names: &[&str]) -> Vec<TensorInfo> {
    let mut names = names.iter();
    let mut all = Vec::new();
    let layers = [
        (8, 3, 7),
        (8, 8, 3),
        (8, 8, 3),
        (8, 8, 3),
        (8, 8, 3),
        (16, 8, 3),
        (16, 16, 3),
        (16, 8, 1),
    ];
    for (out, inputs, kernel) in layers {
        let name = names.next().unwrap();
        all.push((format!("{name}.weight"), vec![out, inputs, kernel, kernel]));
        all.extend(batch_norm(names.next().unwrap(), out));
    }
    all.extend(linear(names.next().unwrap(), 10, 16));
    layout(all)
}

const TORCHVISION: [&str; 17] = [
    "conv1",
    "bn1",
    "layer1.0.conv1",
    "layer1.0.bn1",
    "layer1.0.conv2",
    "layer1.0.bn2",
    "layer1.1.conv1",
    "layer1.1.bn1",
    "layer1.1.conv2",
    "layer1.1.bn2",
    "layer2.0.conv1",
    "layer2.0.bn1",
    "layer2.0.conv2",
    "layer2.0.bn2",
    "layer2.0.downsample.0",
    "layer2.0.downsample.1",
    "fc",
];

const NUMBERED: [&str; 17] = [
    "0", "1", "4.0.0", "4.0.1", "4.0.3", "4.0.4", "4.1.0", "4.1.1", "4.1.3", "4.1.4", "5.0.0",
    "5.0.1", "5.0.3", "5.0.4", "5.0.6.0", "5.0.6.1", "7",
];

#[test]
fn a_residual_network_becomes_a_numbered_one() {
    let (from, to) = (resnet(&TORCHVISION), resnet(&NUMBERED));
    let suggestion = suggest(&from, &to);
    check_makes(&suggestion, &from, &to);
    for found in &suggestion.matches {
        let key = |key: &str| key.rsplit_once('.').map(|(module, _)| module.to_owned()).unwrap();
        let place = TORCHVISION.iter().position(|name| *name == key(&found.from[0]));
        assert_eq!(place, NUMBERED.iter().position(|name| *name == key(&found.to[0])));
    }
}

#[test]
fn what_could_as_well_be_the_other_is_left_alone() {
    let two = |a: &str, b: &str| layout([(a.to_owned(), vec![3, 3]), (b.to_owned(), vec![3, 3])]);
    let suggestion = suggest(&two("a.weight", "b.weight"), &two("x.weight", "y.weight"));
    insta::assert_snapshot!(suggestion, @r##"
    0 of 2 tensors find their place
    ambiguous: `a.weight` fits `x.weight`, `y.weight` equally well
    ambiguous: `b.weight` fits `x.weight`, `y.weight` equally well
    not made: `x.weight`, `y.weight`
    "##);
    assert_eq!(suggestion.rules.to_string(), "");
    // Three on one side and two on the other: numbers do not tell which one is missing.
    let three = layout((0..3).map(|i| (format!("fc{i}.weight"), vec![3, 3])));
    assert_eq!(suggest(&three, &two("0.weight", "1.weight")).ambiguous.len(), 3);
    // Square, while the only other matrix of no block is transposed and one is not.
    let from = layout([
        ("a.weight".to_owned(), vec![2, 3]),
        ("b.weight".to_owned(), vec![5, 6]),
        ("c.weight".to_owned(), vec![4, 4]),
    ]);
    let to = layout([
        ("x.weight".to_owned(), vec![3, 2]),
        ("y.weight".to_owned(), vec![5, 6]),
        ("z.weight".to_owned(), vec![4, 4]),
    ]);
    let suggestion = suggest(&from, &to);
    assert_eq!(&*suggestion.ambiguous[0].key, "c.weight", "{suggestion}");
}

#[test]
fn a_matrix_that_keeps_its_key_is_transposed_by_a_rule() {
    let from = layout([("q.weight".to_owned(), vec![6, 2]), ("q.bias".to_owned(), vec![2])]);
    let to = layout([("q.weight".to_owned(), vec![2, 6]), ("q.bias".to_owned(), vec![2])]);
    let suggestion = suggest(&from, &to);
    check_makes(&suggestion, &from, &to);
    assert_eq!(
        suggestion.rules.to_string(),
        "[[rule]]\nfrom = \"q.weight\"\nto = \"q.weight\"\ntranspose = true\n"
    );
}

#[test]
fn one_prefix_is_one_rule() {
    let inner = torch_encoder();
    let outer: Vec<_> = inner
        .iter()
        .map(|tensor| {
            TensorInfo::new(format!("module.{}", tensor.name), &tensor.shape, tensor.dtype)
        })
        .collect();
    let strip = suggest(&outer, &inner);
    assert_eq!(
        strip.rules.to_string(),
        "[[rule]]\nfrom = \"module.{rest**}\"\nto = \"{rest**}\"\n"
    );
    let add = suggest(&inner, &outer);
    assert_eq!(add.rules, strip.rules.inverse().unwrap());
    check_makes(&add, &inner, &outer);
}

#[test]
fn names_of_gluon_become_those_of_torch() {
    let mut from = layout([
        ("conv0_weight".to_owned(), vec![6, 1, 5, 5]),
        ("conv0_bias".to_owned(), vec![6]),
        ("batchnorm0_gamma".to_owned(), vec![6]),
        ("batchnorm0_beta".to_owned(), vec![6]),
        ("batchnorm0_running_mean".to_owned(), vec![6]),
        ("batchnorm0_running_var".to_owned(), vec![6]),
        ("dense0_weight".to_owned(), vec![8, 8]),
        ("dense0_bias".to_owned(), vec![8]),
        ("dense1_weight".to_owned(), vec![8, 8]),
        ("dense1_bias".to_owned(), vec![8]),
    ]);
    let mut to = vec![("0.weight".to_owned(), vec![6, 1, 5, 5]), ("0.bias".to_owned(), vec![6])];
    to.extend(batch_norm("1", 6).into_iter().take(4));
    to.extend(linear("4", 8, 8));
    to.extend(linear("10", 8, 8));
    let to = layout(to);
    check_makes(&suggest(&from, &to), &from, &to);
    // Their numbers still tell their order.
    from.sort_by(|a, b| a.name.cmp(&b.name));
    let suggestion = suggest(&from, &to);
    check_makes(&suggestion, &from, &to);
    assert!(found(&suggestion).contains(&"dense1_weight -> 10.weight".to_owned()));
}

proptest! {
    #[test]
    fn whatever_the_layouts_the_rules_make_what_they_say(
        from in any_layout(), to in any_layout()
    ) {
        let suggestion = suggest(&from, &to);
        let plan = suggestion.rules.plan(&from).unwrap();
        for found in suggestion.matches.iter().filter(|found| found.to.len() == 1) {
            let made = plan.targets().iter().find(|t| t.info().name == found.to[0]).unwrap();
            let wanted = to.iter().find(|tensor| tensor.name == found.to[0]).unwrap();
            prop_assert_eq!(made.info(), wanted);
        }
    }
}

fn any_layout() -> impl Strategy<Value = Vec<TensorInfo>> {
    let name = r"(h\.|l\.)?([0-2]\.)?(a|q|k|v|qkv|fc1|[0-3])(\.weight|\.bias|_w|_weight|)";
    let shape = prop::collection::vec(prop::sample::select(vec![0_usize, 2, 6]), 0..3);
    prop::collection::btree_map(name, shape, 0..12).prop_map(layout).prop_shuffle()
}
