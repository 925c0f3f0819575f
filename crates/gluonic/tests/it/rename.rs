//! Rename rules: what they make of tensors, what leads back, what they refuse.

use gluonic::checkpoint::rename::{RenamePlan, RenameRules, Rest, Rule, TensorInfo, Unused};
use gluonic::prelude::*;
use gluonic_formats::{DType as Raw, RawTensor, byte_len};
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::support::error;

fn tensor(name: &str, dtype: Raw, shape: &[usize]) -> RawTensor<'static> {
    let seed = name.bytes().map(usize::from).sum::<usize>();
    let len = byte_len(dtype, shape).unwrap();
    let data: Vec<u8> = (0..len).map(|i| ((seed + i) * 31 % 251) as u8).collect();
    RawTensor::new(name.to_owned(), dtype, shape.to_vec(), data).unwrap()
}

fn infos(tensors: &[RawTensor<'_>]) -> Vec<TensorInfo> {
    tensors.iter().map(Into::into).collect()
}

fn plan(rules: &RenameRules, tensors: &[RawTensor<'_>]) -> Result<RenamePlan> {
    rules.plan(&infos(tensors))
}

fn apply(rules: &RenameRules, tensors: &[RawTensor<'_>]) -> Result<Vec<RawTensor<'static>>> {
    let plan = plan(rules, tensors)?;
    plan.apply(tensors).map(|made| Ok(made?.into_owned())).collect()
}

fn sorted(mut tensors: Vec<RawTensor<'static>>) -> Vec<RawTensor<'static>> {
    tensors.sort_by(|a, b| a.name().cmp(b.name()));
    tensors
}

#[track_caller]
fn rules(text: &str) -> RenameRules {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn told(text: &str, tensors: &[(&str, Raw, &[usize])]) -> String {
    let tensors: Vec<_> =
        tensors.iter().map(|(name, dtype, shape)| TensorInfo::new(*name, *shape, *dtype)).collect();
    let error = error(rules(text).plan(&tensors));
    format!("{error}\nhint: {}", error.hint().unwrap_or_default())
}

const GPT: &str = r#"
[[rule]]
split = "h.{i}.attn.c_attn.weight"
to = ["l.{i}.q.weight", "l.{i}.k.weight", "l.{i}.v.weight"]
axis = 1
transpose = true

[[rule]]
concat = ["h.{i}.a.bias", "h.{i}.b.bias"]
to = "l.{i}.ab.bias"
axis = 0
sizes = [2, 3]

[[rule]]
from = "conv.weight"
to = "conv.kernel"
permute = [2, 3, 1, 0]

[[rule]]
from = 'module.{rest**}'
to = "{rest**}"
"#;

fn gpt() -> Vec<RawTensor<'static>> {
    vec![
        tensor("h.0.attn.c_attn.weight", Raw::F32, &[2, 6]),
        tensor("h.1.attn.c_attn.weight", Raw::BF16, &[2, 6]),
        tensor("h.0.b.bias", Raw::F64, &[3]),
        tensor("h.0.a.bias", Raw::F64, &[2]),
        tensor("conv.weight", Raw::F16, &[4, 3, 2, 5]),
        tensor("module.fc.weight", Raw::U8, &[0, 3]),
        tensor("step", Raw::I64, &[]),
    ]
}

#[test]
fn rules_split_join_turn_and_rename() {
    let made = apply(&rules(GPT), &gpt()).unwrap();
    let shown: Vec<_> = made.iter().map(|t| format!("{} {:?}", t.name(), t.shape())).collect();
    assert_eq!(
        shown,
        [
            "l.0.q.weight [2, 2]",
            "l.0.k.weight [2, 2]",
            "l.0.v.weight [2, 2]",
            "l.1.q.weight [2, 2]",
            "l.1.k.weight [2, 2]",
            "l.1.v.weight [2, 2]",
            "l.0.ab.bias [5]",
            "conv.kernel [2, 5, 3, 4]",
            "fc.weight [0, 3]",
            "step []",
        ]
    );
    // Element (i, j) of `k` is element (j, 2 + i) of the whole.
    let (whole, k) = (gpt()[1].data().to_vec(), made[4].data().to_vec());
    assert_eq!(k, [&whole[4..6], &whole[16..18], &whole[6..8], &whole[18..20]].concat());
    let (a, b) = (gpt()[3].data().to_vec(), gpt()[2].data().to_vec());
    assert_eq!(made[6].data(), [a, b].concat());
}

#[test]
fn the_inverse_leads_back_byte_for_byte() {
    let rules = rules(GPT);
    let inverse = rules.inverse_on(&infos(&gpt())).unwrap_err();
    // The inverse of the last rule would give `step` a prefix that it never had.
    assert_eq!(inverse.to_string().lines().count(), 2, "{inverse}");
    let some: Vec<_> = gpt().into_iter().filter(|t| t.name() != "step").collect();
    let inverse = rules.inverse_on(&infos(&some)).unwrap();
    assert_eq!(inverse, rules.inverse().unwrap());
    let back = apply(&inverse, &apply(&rules, &some).unwrap()).unwrap();
    assert_eq!(sorted(back), sorted(some));
}

#[test]
fn rules_print_as_they_read_in_toml_and_in_json() {
    let rules = rules(GPT).rest(Rest::Error).then(&rules("[[rule]]\ndrop = '''a\\*\"'''"));
    assert_eq!(rules.to_string().parse::<RenameRules>().unwrap(), rules, "{rules}");
    let json = serde_json::to_string(&rules).unwrap();
    assert_eq!(serde_json::from_str::<RenameRules>(&json).unwrap(), rules, "{json}");
    assert_eq!(RenameRules::default().to_string(), "");
    assert_snapshot!(rules.inverse().unwrap_err(), @r##"
    the rename rules do not fit, nothing was renamed
      rule 1 of step 2: expected a rule that can be undone, found `drop`, which loses tensors
    "##);
}

#[test]
fn a_tie_adds_keys_and_compares_those_that_are_there() {
    let tie = rules(
        "[[rule]]\nfrom = 'e.w'\nto = 'embed.w'\n[[rule]]\ntie = ['embed.{p}', 'head.{p}', 'out.{p}']",
    );
    let embed = tensor("e.w", Raw::F32, &[3, 2]);
    let head = embed.clone().with_name("head.w");
    let plan = plan(&tie, &[embed.clone(), head.clone()]).unwrap();
    assert_eq!(plan.ties(), [[0, 1, 2]]);
    assert_eq!(plan.dropped().count(), 1);
    let made = apply(&tie, &[embed.clone(), head]).unwrap();
    assert!(made.iter().all(|made| made.data() == embed.data()));
    let other = tensor("head.w", Raw::F32, &[3, 2]);
    assert_snapshot!(error(apply(&tie, &[embed.clone(), other])), @r##"
    the rename rules do not fit, nothing was renamed
      rule 2, `head.w`: expected the values of `embed.w`, which it is tied to, found different values
    "##);
    let other = tensor("head.w", Raw::F32, &[2, 3]);
    assert_snapshot!(error(apply(&tie, &[embed, other])), @r##"
    the rename rules do not fit, nothing was renamed
      rule 2, `head.w`: expected what `embed.w (3, 2) float32` is, found `head.w (2, 3) float32`
    "##);
}

#[test]
fn everything_that_does_not_fit_is_told_at_once() {
    let text = r#"
        [[rule]]
        split = "{i}.qkv"
        to = ["{i}.q", "{i}.k", "{i}.v"]
        axis = 1
        [[rule]]
        concat = ["{i}.a", "{i}.b"]
        to = "{i}.ab"
        [[rule]]
        from = "o.w1"
        to = "o"
        permute = [1, 0]
    "#;
    assert_snapshot!(told(text, &[
        ("0.qkv", Raw::F32, &[6]),
        ("1.qkv", Raw::F32, &[3, 4]),
        ("2.qkv", Raw::F4, &[2, 3]),
        ("0.a", Raw::F32, &[2]),
        ("0.bb", Raw::F32, &[2]),
        ("1.a", Raw::F32, &[2]),
        ("1.b", Raw::F16, &[2]),
        ("2.a", Raw::F32, &[2, 3]),
        ("2.b", Raw::F32, &[2, 4]),
        ("1.q", Raw::F32, &[2]),
        ("o.w1", Raw::F6E2M3, &[4, 4]),
    ]), @r##"
    the rename rules do not fit, nothing was renamed
      rule 1, `0.qkv`: expected a tensor with an axis 1, found shape (6,)
      rule 1, `1.qkv`: expected axis 1 to have 3 equal parts, found 4 in shape (3, 4)
      rule 1, `2.qkv`: expected parts of whole bytes, of shape (2, 3), found one that ends at 3 of axis 1, inside a byte of float4_e2m1fn
      rule 2, `0.ab`: expected `0.b`, a part of it, found no such key
      rule 2, `1.ab`: expected float32 as `1.a` has, found float16 in `1.b`
      rule 2, `2.ab`: expected shape (2, 3), found (2, 4) in `2.b`
      rule 3, `o.w1`: expected elements of whole bytes to put axes in another order, found float6_e2m3fn
    hint: give `sizes` if the parts are not equally long
    "##);
    let strict = "rest = 'error'\nunused = 'error'\n[[rule]]\nfrom = 'fc.wieght'\nto = 'a'";
    assert_snapshot!(told(strict, &[("fc.weight", Raw::F32, &[2])]), @r##"
    the rename rules do not fit, nothing was renamed
      `fc.weight`: expected a rule that takes it, found none
      rule 1: expected a key that `fc.wieght -> a` matches, found none
    hint: add a rule for it, or set `rest = "keep"` to let such keys stay as they are
    "##);
    let two = "[[rule]]\nfrom = '{a}.x'\nto = '{a}'\n[[rule]]\nfrom = '{a}.y'\nto = '{a}'";
    assert_snapshot!(
        told(two, &[("0.x", Raw::F32, &[2]), ("0.y", Raw::F32, &[2]), ("0", Raw::F32, &[2])]), @r##"
    the rename rules do not fit, nothing was renamed
      `0`: expected one tensor of that key, found two, of `0.y` and of `0`
      rule 2, `0`: expected one tensor of that key, found two, of `0.x` and of `0.y`
    hint: drop one of the two first, or give it another key
    "##);
}

#[test]
fn mistakes_in_the_text_are_shown_where_they_are() {
    let told = |text: &str| {
        let error = error(text.parse::<RenameRules>());
        format!("{error}\nhint: {}", error.hint().unwrap_or_default())
    };
    assert_snapshot!(told("[[rule]]\nfrom = \"a.{i\"\nto = \"b\""), @r##"
    cannot read the rename rules, line 2, column 13: expected `,` or `}`
      from = "a.{i"
                  ^
    hint:
    "##);
    assert_snapshot!(told("[[rule]]\nform = \"a\"\nto = \"b\""), @r##"
    cannot read the rename rules, line 2, column 1: expected `split`, `concat`, `drop`, `tie`, `from`, `to`, `axis`, `sizes`, `permute`, `transpose`, found `form`
      form = "a"
      ^
    hint: did you mean `from`?
    "##);
    assert_snapshot!(told("[[rule]]\nfrom = \"a\nto = \"b\""), @r##"
    cannot read the rename rules, line 2, column 10: invalid basic string, expected `"`
      from = "a
               ^
    hint:
    "##);
    assert_snapshot!(told("[[rule]]\nfrom = \"a.{i}.{j}\"\nto = \"b.{i}.{k}\""), @r##"
    cannot read the rename rules, line 1, column 1: expected the captures of `a.{i}.{j}`, `{i}`, `{j}`, in `b.{i}.{k}`, found `{i}`, `{k}`
      [[rule]]
      ^
    hint:
    "##);
    assert_snapshot!(told("[[rule]]\nfrom = \"a.*\"\nto = \"b\""), @r##"
    cannot read the rename rules, line 1, column 1: expected a capture such as `{name}` instead of `*`, found `a.*`
      [[rule]]
      ^
    hint:
    "##);
    assert_snapshot!(told("[[rule]]\nsplit = \"a\"\nto = [\"b\", \"c\"]\nsizes = [1, -2]"), @r##"
    cannot read the rename rules, line 4, column 13: expected a number from 0 on, found -2
      sizes = [1, -2]
                  ^
    hint:
    "##);
    assert_snapshot!(told("[[rule]]\nsplit = \"a\"\nto = [\"b\", \"c\"]\nsizes = [1, 2, 3]"), @r##"
    cannot read the rename rules, line 1, column 1: expected 2 sizes, one for each part, found 3
      [[rule]]
      ^
    hint:
    "##);
    assert_snapshot!(told("[[rule]]\nfrom = \"a\"\nto = \"b\"\npermute = [0, 2]"), @r##"
    cannot read the rename rules, line 1, column 1: expected each axis from 0 to 1 once, found [0, 2]
      [[rule]]
      ^
    hint:
    "##);
    assert_snapshot!(told("rest = \"kep\""), @r##"
    cannot read the rename rules, line 1, column 8: expected `keep`, `error`, found `kep`
      rest = "kep"
             ^
    hint: did you mean `keep`?
    "##);
    assert_snapshot!(told("[[rule]]\nfrom = \"a\"\ndrop = \"b\""), @r##"
    cannot read the rename rules, line 2, column 1: expected one of `drop` and `from` in a rule, found both
      from = "a"
      ^
    hint:
    "##);
    assert_snapshot!(told("rule = 3"), @r##"
    cannot read the rename rules, line 1, column 8: expected an array of tables, found an integer
      rule = 3
             ^
    hint:
    "##);
    let json = serde_json::from_str::<RenameRules>(r#"{"rule": [{"drop": "a.}"}]}"#);
    assert_snapshot!(json.unwrap_err(), @r##"
    `a.}`, character 3: expected a `{` before this, or a `\`
    "##);
}

#[test]
fn a_plan_is_held_to_what_it_was_made_with() {
    let rename = RenameRules::new([Rule::rename("a", "b").unwrap()]).unused(Unused::Error);
    let plan = plan(&rename, &[tensor("a", Raw::F32, &[2])]).unwrap();
    let other = [tensor("a", Raw::F32, &[3])];
    assert_snapshot!(error(plan.apply(&other).collect::<Result<Vec<_>>>()), @r##"
    the rename rules do not fit, nothing was renamed
      `a`: expected (2,) float32, found (3,) float32
    "##);
    assert_snapshot!(error(plan.apply(&[]).collect::<Result<Vec<_>>>()), @r##"
    the rename rules do not fit, nothing was renamed
      `a`: expected a tensor that was planned with, found none of that key
    "##);
}

#[test]
fn sequences_that_double_what_there_is_are_refused() {
    let tensor = TensorInfo::new("a", [0], Raw::F32);
    let double = rules(
        "[[rule]]\nfrom='a'\nto='b'\n[[rule]]\ntie=['b','c']\n[[then]]\n[[then.rule]]\nconcat=['b','c']\nto='a'",
    );
    let all = (0..30).fold(RenameRules::default(), |all, _| all.then(&double));
    assert!(all.plan(&[tensor]).is_err());
}

/// Tensors of a few layers, in element types of every size.
fn models() -> impl Strategy<Value = Vec<RawTensor<'static>>> {
    let dtype = prop::sample::select(vec![Raw::U8, Raw::F16, Raw::F32, Raw::F64, Raw::C128]);
    let keys = prop::sample::subsequence(
        vec![
            "l.0.q", "l.0.k", "l.0.v", "l.1.q", "l.1.k", "l.1.v", "h.0.qkv", "h.1.qkv", "a.b.c",
            "b.c", "c", "m.x_y", "conv",
        ],
        1..=13,
    );
    (keys, dtype, 0_usize..4, 0_usize..4).prop_map(|(keys, dtype, rows, columns)| {
        keys.into_iter()
            .map(|key| match key {
                "conv" => tensor(key, dtype, &[rows, 2, columns, 3]),
                key if key.ends_with("qkv") => tensor(key, dtype, &[rows, 3 * columns]),
                key => tensor(key, dtype, &[rows, columns]),
            })
            .collect()
    })
}

fn any_rules() -> impl Strategy<Value = RenameRules> {
    let all = vec![
        "from = 'a.{r**}'; to = '{r**}'",
        "from = '{r**}'; to = 'b.{r**}'",
        "concat = ['l.{i}.q', 'l.{i}.k', 'l.{i}.v']; to = 'h.{i}.qkv'; axis = 1",
        "concat = ['l.{i}.q', 'l.{i}.k']; to = 'l.{i}.qk'; transpose = true",
        "split = 'h.{i}.qkv'; to = ['l.{i}.q', 'l.{i}.k', 'l.{i}.v']; axis = -1",
        "split = 'h.{i}.qkv'; to = ['g.{i}.q', 'g.{i}.k', 'g.{i}.v']; axis = 1; permute = [1, 0]",
        "from = 'l.{i}.{p:q,v}'; to = '{p}.{i}'; transpose = true",
        "from = '{x}_{y}'; to = '{y}.{x}'",
        "from = '{m}.{x}_{y}'; to = '{y}.{x}.{m}'",
        "from = 'conv'; to = 'c2'; permute = [2, 3, 1, 0]",
        "drop = 'l.*.k'",
        "tie = ['c', 'd']",
    ];
    let step = prop::sample::subsequence(all, 1..4).prop_shuffle().prop_map(|step| {
        let text = step
            .iter()
            .fold(String::new(), |all, rule| all + "[[rule]]\n" + &rule.replace("; ", "\n") + "\n");
        rules(&text)
    });
    prop::collection::vec(step, 1..4)
        .prop_map(|steps| steps.iter().skip(1).fold(steps[0].clone(), |all, step| all.then(step)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_proven_to_lead_back_does(model in models(), rules in any_rules()) {
        let Ok(inverse) = rules.inverse_on(&infos(&model)) else { return Ok(()) };
        let there = apply(&rules, &model).unwrap();
        let back = apply(&inverse, &there).unwrap();
        prop_assert_eq!(sorted(back), sorted(model));
        prop_assert_eq!(inverse.inverse_on(&infos(&there)).unwrap().inverse().unwrap(), inverse);
    }

    #[test]
    fn a_sequence_is_one_after_the_other(
        model in models(), first in any_rules(), second in any_rules()
    ) {
        let both = apply(&first.then(&second), &model);
        let made = apply(&first, &model).and_then(|made| apply(&second, &made));
        match (both, made) {
            (Ok(both), Ok(made)) => prop_assert_eq!(both, made),
            (both, made) => prop_assert_eq!(both.is_err(), made.is_err(), "{:?} {:?}", both, made),
        }
    }

    #[test]
    fn any_rules_print_as_they_read(rules in any_rules()) {
        prop_assert_eq!(rules.to_string().parse::<RenameRules>().unwrap(), rules);
    }

    #[test]
    fn any_text_is_read_or_refused(text in r#"(\[\[rule\]\]|\[\[then\]\]|\n|from|to|split|drop|=|'a\.\{i\}'|"[^"]{0,3}"|\[|\]|,|[0-9]|.){0,20}"#) {
        let _ = text.parse::<RenameRules>();
    }
}
