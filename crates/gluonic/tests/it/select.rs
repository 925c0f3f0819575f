//! Selections: what they find, say, refuse and change.

use gluonic::name::ParamPath;
use gluonic::nn::{BlockCore, Member};
use gluonic::param::select::IntoSelector;
use gluonic::prelude::*;
use insta::assert_snapshot;

use crate::support::{alone, array, bits, error, photograph, value, variant};

/// Three equal layers and a head, of known shapes.
fn net() -> Sequential {
    name::manager(|| {
        let layer = |units, in_units| {
            Dense::with(DenseConfig { units, in_units: Some(in_units), ..Default::default() })
        };
        let body = sequential![layer(4, 4).unwrap(), layer(4, 4).unwrap(), layer(4, 4).unwrap()];
        sequential![body, layer(2, 4).unwrap()]
    })
}

fn paths(selection: &Selection) -> Vec<String> {
    selection.paths().map(|paths| paths.join("=")).collect()
}

#[track_caller]
fn check(block: &dyn Block, selector: &str, expected: &[&str]) {
    assert_eq!(paths(&block.select(selector).unwrap()), expected, "{selector}");
}

#[test]
fn a_selection_lists_each_parameter_once_in_the_order_of_the_walk() -> Result<()> {
    let net = net();
    let all = net.select("1.weight | **.bias | **")?;
    assert_eq!((all.len(), all.is_empty()), (8, false));
    let walked: Vec<ParamPath> = net.named_parameters().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths(&all), walked.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert!(all.iter().zip(net.named_parameters()).all(|(a, (_, b))| a.ptr_eq(&b)));
    assert_eq!(all.params()?.len(), 8);
    check(&net, "0.1.*", &["0.1.weight", "0.1.bias"]);
    check(&net, "name:dense1_*", &["0.1.weight", "0.1.bias"]);
    check(&net, "re:dense1_bias|nothing", &["0.1.bias"]);
    check(&net, "dense1_bias", &[]);
    check(&net, "size:8", &["1.weight"]);
    check(&net, "rank:1 & size:<=2", &["1.bias"]);
    Ok(())
}

#[test]
fn a_selector_is_given_as_text_or_as_a_value() -> Result<()> {
    fn len(selector: impl IntoSelector) -> Result<usize> {
        Ok(net().select(selector)?.len())
    }
    let text = "1.*".to_owned();
    let value: Selector = text.parse()?;
    assert_eq!([len("1.*")?, len(&text)?, len(text)?, len(&value)?, len(value)?], [2; 5]);
    Ok(())
}

#[test]
fn a_tied_parameter_is_found_by_any_of_its_paths_and_shows_all() -> Result<()> {
    let shared = Dense::new(4);
    let tied = Dense::sharing(4, &shared.params())?;
    let net = sequential![shared, Dense::new(4), tied];
    check(&net, "2.weight", &["0.weight=2.weight"]);
    check(&net, "0.weight | 2.weight", &["0.weight=2.weight"]);
    check(&net, "tied", &["0.weight=2.weight", "0.bias=2.bias"]);
    check(&net, "!tied & *.bias", &["1.bias"]);
    check(&net, "!2.*", &["1.weight", "1.bias"]);
    Ok(())
}

#[test]
fn what_is_not_known_of_a_deferred_shape_does_not_match() -> Result<()> {
    let net = sequential![Dense::new(4)];
    check(&net, "rank:2", &["0.weight"]);
    check(&net, "size:>0", &["0.bias"]);
    check(&net, "!size:>0", &["0.weight"]);
    net.initialize()?;
    net.call(&array(&[1.0; 3], (1, 3)))?;
    check(&net, "size:12", &["0.weight"]);
    let any = ParamSpec::of_any_shape();
    let mut params = ParameterDict::new("");
    params.get_or_create("w", &any)?;
    assert!(params.selection("rank:>=0")?.is_empty());
    params.get_or_create("huge", &ParamSpec::new((usize::MAX, usize::MAX)))?;
    params.get_or_create("none", &ParamSpec::new((usize::MAX, usize::MAX, 0)))?;
    params.get_or_create("scalar", &ParamSpec::new(()))?;
    assert_eq!(params.selection("size:>1e19")?.len(), 1);
    assert_eq!(paths(&params.selection("size:0")?), ["none"]);
    assert_eq!(paths(&params.selection("rank:0 & size:1")?), ["scalar"]);
    Ok(())
}

#[test]
fn state_is_read_when_the_selection_is_made() -> Result<()> {
    let net = net();
    net.select("1.*")?.tag("head")?;
    check(&net, "tag:head", &["1.weight", "1.bias"]);
    check(&net, "frozen", &[]);
    assert_eq!(net.freeze("tag:head")?, 2);
    assert_eq!(net.freeze("tag:head")?, 0);
    check(&net, "frozen", &["1.weight", "1.bias"]);
    net.select("0.0.*")?.set_grad_req(GradReq::Null)?;
    check(&net, "trained & *.2.*", &["0.2.weight", "0.2.bias"]);
    check(&net, "!trained & !frozen", &["0.0.weight", "0.0.bias"]);
    assert_eq!(net.unfreeze("frozen")?, 2);
    Ok(())
}

#[test]
fn names_of_a_set_are_its_paths() -> Result<()> {
    let params = net().collect_params()?;
    let weights = params.selection("dense{0,1}_* & kind:weight")?;
    assert_eq!(paths(&weights), ["dense0_weight", "dense1_weight"]);
    let nothing = error(params.selection("dense7_*")?.freeze());
    let told = "`dense7_*` selects none of the 8 parameters of `sequential1`";
    assert_eq!(nothing.to_string(), told);
    Ok(())
}

#[test]
fn every_verb_refuses_a_selection_of_nothing() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let net = net();
    net.initialize()?;
    net.save_parameters(&file)?;
    let before = photograph(&net);
    let none = net.select("0.*.wieght & kind:weight")?;
    let options = InitOptions { select: Some(none.selector().clone()), ..Default::default() };
    let refusals = [
        none.initialize(),
        none.initialize_with(&init::One, Reinit::Force),
        net.initialize_opts(&options),
        none.freeze().map(|_| ()),
        none.unfreeze().map(|_| ()),
        net.freeze(none.selector()).map(|_| ()),
        net.unfreeze(none.selector()).map(|_| ()),
        none.set_lr_mult(2.0),
        none.set_wd_mult(2.0),
        none.set_grad_req(GradReq::Add),
        none.zero_grad(),
        none.cast(DType::F64),
        none.tag("word"),
        none.save(folder.path().join("none.safetensors")),
        none.load(&file, &LoadOptions::default()).map(|_| ()),
        none.statistics().map(|_| ()),
    ];
    for refused in refusals {
        let refused = error(refused);
        assert_eq!(
            refused.to_string(),
            "`0.*.wieght & kind:weight` selects none of the 8 parameters of `sequential1`: \
             `0.*.wieght` matches nothing"
        );
        let hint = "did you mean `0.0.weight` or `0.1.weight` or `0.2.weight`?";
        assert_eq!(refused.hint().unwrap(), hint);
    }
    assert!(!folder.path().join("none.safetensors").exists());
    assert_eq!(photograph(&net), before);
    let apart = error(net.select("0.** & 1.**")?.freeze());
    assert!(apart.to_string().ends_with(": each term matches some, but none fits them all"));
    Ok(())
}

#[test]
fn a_verb_that_fails_for_one_parameter_changes_none() -> Result<()> {
    let net = net();
    net.initialize_with(&init::One, Reinit::Keep)?;
    let all = net.select("**")?;
    let before = photograph(&net);
    assert_eq!(variant(&error(all.set_lr_mult(-1.0))), "At");
    assert_eq!(variant(&error(all.set_wd_mult(f64::NAN))), "At");
    let last = net[1].bias()?;
    let refused = last.data()?.edit::<f32, _>(|_| {
        let init = init::Constant::new(7.0);
        [all.cast(DType::F64), all.initialize_with(&init, Reinit::Force)]
    })?;
    assert!(refused.into_iter().all(|result| variant(error(result).root()) == "BeingEdited"));
    let refused = last.grad()?.edit::<f32, _>(|_| all.zero_grad())?;
    assert_eq!(variant(error(refused).root()), "BeingEdited");
    assert_eq!(photograph(&net), before);
    Ok(())
}

#[test]
fn verbs_change_what_is_selected_and_nothing_else() -> Result<()> {
    let net = net();
    net.initialize()?;
    let (head, body) = (net.select("1.**")?, photograph(&net[0]));
    head.initialize_with(&init::One, Reinit::Force)?;
    head.set_lr_mult(0.1)?;
    head.set_wd_mult(0.0)?;
    head.set_grad_req(GradReq::Add)?;
    head.cast(DType::F64)?;
    let weight = net[1].weight()?;
    assert_eq!(value(&weight), [1.0; 8]);
    assert_eq!((weight.lr_mult(), weight.wd_mult(), weight.grad_req()), (0.1, 0.0, GradReq::Add));
    weight.grad()?.fill(3.0)?;
    head.zero_grad()?;
    assert_eq!(weight.grad()?.to_vec::<f64>()?, [0.0; 8]);
    assert_eq!(photograph(&net[0]), body);
    Ok(())
}

#[test]
fn a_seed_gives_a_parameter_the_same_values_whoever_else_is_initialized() -> Result<()> {
    let (one, two) = (net(), net());
    let seed = Some(7);
    one.initialize_opts(&InitOptions { seed, ..Default::default() })?;
    let select = Some("0.**".parse()?);
    two.initialize_opts(&InitOptions { seed, select, ..Default::default() })?;
    for (path, parameter) in two.named_parameters() {
        assert_eq!(parameter.is_initialized(), path.starts_with("0."), "{path}");
        if parameter.is_initialized() {
            let address = parameter.provenance().unwrap().address;
            assert_eq!((address.key(), address.path()), (7, &*path));
            let other = one.find_param(&path)?;
            assert_eq!(bits(&parameter.data()?), bits(&other.data()?));
        }
    }
    two.select("1.**")?.initialize()?;
    let address = two[1].weight()?.provenance().unwrap().address;
    assert_eq!(address.path(), "1.weight");
    assert_ne!(address.key(), 7);
    let before = photograph(&two);
    let force = InitOptions { seed: Some(8), reinit: Reinit::Force, ..Default::default() };
    two.initialize_opts(&force)?;
    assert_ne!(photograph(&two), before);
    Ok(())
}

#[test]
fn a_selection_is_saved_by_path_and_loaded_without_touching_the_rest() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    for suffix in ["safetensors", "params"] {
        let file = |name: &str| folder.path().join(format!("{name}.{suffix}"));
        let (from, to) = (net(), net());
        from.initialize()?;
        to.initialize()?;
        from.select("0.**")?.save(file("body"))?;
        from.save_parameters(file("whole"))?;

        let (head, weights) = (photograph(&to[1]), to.select("0.*.weight")?);
        // The file's biases belong to parameters that are not selected: neither loaded nor extra.
        let report = weights.load(file("body"), &LoadOptions::default())?;
        assert_eq!(report.loaded, ["0.0.weight", "0.1.weight", "0.2.weight"].map(Box::from));
        assert_eq!((report.extra.len(), report.missing.len()), (0, 0));
        let of =
            |net: &Sequential, path: &str| bits(&net.find_param(path).unwrap().data().unwrap());
        assert_eq!(of(&to, "0.1.weight"), of(&from, "0.1.weight"));
        assert_eq!(photograph(&to[1]), head);

        let missing = error(to.select("**")?.load(file("body"), &LoadOptions::default()));
        assert!(missing.to_string().contains("`1.weight` is missing in the file"), "{missing}");
        assert_eq!(photograph(&to[1]), head);
        to.select("1.**")?.load(file("whole"), &LoadOptions::default())?;
        assert_eq!(of(&to, "1.weight"), of(&from, "1.weight"));

        // What no parameter of the model has is extra as ever.
        let extra = error(to[0].select("0.*")?.load(file("whole"), &LoadOptions::default()));
        assert!(extra.to_string().contains("`0.0.bias` is not in the model"), "{extra}");
    }
    Ok(())
}

#[test]
fn a_tied_parameter_is_saved_under_every_path_though_one_was_selected() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tied.safetensors");
    let shared = Dense::new(2);
    let net = sequential![shared.clone(), Dense::sharing(2, &shared.params())?];
    net.initialize()?;
    net.call(&array(&[1.0; 2], (1, 2)))?;
    net.select("0.weight")?.save(&file)?;
    net.select("1.weight")?.load(&file, &LoadOptions::default())?;
    let alone = sequential![Dense::new(2), Dense::new(2)];
    alone.select("1.weight")?.load(&file, &LoadOptions::default())?;
    assert_eq!(value(&alone[1].weight()?), value(&net[0].weight()?));
    Ok(())
}

#[test]
fn an_explanation_counts_each_term_and_names_the_nearest() -> Result<()> {
    let net = net();
    net[0][0].weight()?.tag("first");
    let selection = net.select(
        "(**.weight | 0.1.bais) & !tag:frist | name:dense3_wight | re:0\\.3\\.bias | froze | dtype:float16",
    )?;
    assert_snapshot!(selection.explain(), @r"
    selects 4 of the 8 parameters of `sequential1`
    **.weight          4
    0.1.bais           0  did you mean `0.1.bias` or `0.0.bias` or `0.2.bias`?
    tag:frist          0  did you mean `first`?
    name:dense3_wight  0  did you mean `dense3_weight` or `dense0_weight` or `dense1_weight`?
    re:0\.3\.bias      0  did you mean `0.0.bias` or `0.1.bias` or `0.2.bias`?
    froze              0  did you mean `frozen`?
    dtype:float16      0
    ");
    let all = net.select("**")?.explain();
    assert_eq!((all.total, all.selected, all.terms.len()), (8, 8, 1));
    Ok(())
}

#[test]
fn patterns_that_miss_some_of_equal_layers_leave_a_gap() -> Result<()> {
    let net = net();
    let gaps = |selector: &str| -> Result<Vec<String>> {
        Ok(net.select(selector)?.gaps().iter().map(ToString::to_string).collect())
    };
    let warned = net.select("0.{0,2}.weight")?;
    assert_snapshot!(warned.explain(), @r"
    selects 2 of the 8 parameters of `sequential1`
    0.{0,2}.weight  2
    warning: `0.{0,2}.weight` matches 2 of 3 equal `Dense` layers; not selected: `0.1.weight`
    ");
    assert_eq!(gaps(r"re:0\.[01]\..*")?.len(), 1);
    assert_eq!(gaps("** & !0.{1,2}.*")?.len(), 1);
    assert_eq!(gaps("0.{0,1}.weight | 0.*.bias")?.len(), 1);
    Ok(())
}

/// Keeps what is logged.
struct Kept(std::sync::Mutex<Vec<String>>);

impl log::Log for Kept {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

#[test]
fn a_verb_warns_of_a_gap() {
    static KEPT: Kept = Kept(std::sync::Mutex::new(Vec::new()));
    alone("select::a_verb_warns_of_a_gap", || {
        log::set_logger(&KEPT).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
        net().freeze("0.0.weight | kind:bias").unwrap();
        assert_eq!(*KEPT.0.lock().unwrap(), [] as [&str; 0]);
        net().freeze("0.{0,1}.weight").unwrap();
        let told =
            "`0.{0,1}.weight` matches 2 of 3 equal `Dense` layers; not selected: `0.2.weight`";
        assert_eq!(*KEPT.0.lock().unwrap(), [told]);
    });
}

#[test]
fn patterns_that_take_all_or_one_of_equal_layers_leave_no_gap() -> Result<()> {
    let net = net();
    for selector in [
        "**",
        "0.*.weight",
        "0.0.weight",
        "0.1.**",
        "**.2.bias",
        "0.0.weight | 0.1.weight",
        "0.{0,1}.weight | 0.2.weight",
        "** & !0.1.**",
        "1.weight",
        "**.weight & name:dense0*",
        "{0,1}.**.weight",
    ] {
        assert_eq!(net.select(selector)?.gaps(), [], "{selector}");
    }
    // Not equal: another shape, another class.
    let net = sequential![Dense::new(4), Dense::new(5), Dropout::new(0.5)?, Dense::new(6)];
    assert_eq!(net.select("{0,1}.weight")?.gaps(), []);
    Ok(())
}

/// A block with named children of one class: roles, not layers.
struct Attention {
    core: BlockCore,
    q: Dense,
    k: Dense,
    layers: Vec<Dense>,
}

impl Block for Attention {
    fn core(&self) -> &BlockCore {
        &self.core
    }

    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&str, Member<'a>)) {
        visit("q", Member::Block(&self.q));
        visit("k", Member::Block(&self.k));
        for (i, layer) in self.layers.iter().enumerate() {
            visit(&format!("layers.{i}"), Member::Block(layer));
        }
    }

    fn forward(&self, _x: &NdArray) -> Result<NdArray> {
        Err(Error::NoForward { block: self.core.class().into() })
    }

    fn as_dyn(&self) -> &dyn Block {
        self
    }
}

#[test]
fn roles_are_no_layers_but_fields_that_are_lists_hold_some() -> Result<()> {
    let attention = || Attention {
        core: BlockCore::new("Attention"),
        q: Dense::new(4),
        k: Dense::new(4),
        layers: (0..4).map(|_| Dense::new(4)).collect(),
    };
    let net = sequential![attention(), attention()];
    assert_eq!(net.select("*.q.weight")?.gaps(), []);
    let gaps = net.select("*.layers.{0,1,3}.weight")?.gaps();
    assert_eq!(gaps.len(), 2);
    assert_eq!(
        gaps[1].to_string(),
        "`*.layers.{0,1,3}.weight` matches 3 of 4 equal `Dense` layers; \
         not selected: `1.layers.2.weight`"
    );
    let outer = net.select("{0}.q.weight")?.gaps();
    assert_eq!(
        (outer.len(), &*outer[0].class, &*outer[0].unselected),
        (1, "Attention", &["1.q.weight".into()][..])
    );
    Ok(())
}

#[test]
fn statistics_are_a_table_with_a_row_for_each_and_a_total() -> Result<()> {
    let net = net();
    net.initialize_with(&init::Constant::new(0.5), Reinit::Keep)?;
    net[1]
        .weight()?
        .set_data(&array(&[f32::NAN, f32::INFINITY, 0.0, 1e-5, -3e8, 2.0, 0.0, 1.0], (2, 4)))?;
    net[0][1].weight()?.set_data(&array(&[f32::NAN; 16], (4, 4)))?;
    net.select("0.{0,1}.*")?.cast(DType::F16)?;
    assert_snapshot!(net.select("0.1.* | 0.0.weight | 1.weight")?.statistics()?, @r"
    path        count       min      mean     max      std  zeros  not finite
    0.0.weight     16    0.5000    0.5000  0.5000   0.0000      0           0
    0.1.weight     16         -         -       -        -      0          16
    0.1.bias        4    0.0000    0.0000  0.0000   0.0000      4           0
    1.weight        8  -3.000e8  -5.000e7  2.0000  1.118e8      2           2
    total          44  -3.000e8  -1.154e7  2.0000  5.769e7      6          18
    ");
    let mut params = ParameterDict::new("");
    params.get_or_create("empty", &ParamSpec::new((0, 3)))?.initialize()?;
    assert_eq!(params.selection("empty")?.statistics()?.total.count, 0);
    params.get_or_create("waits", &ParamSpec::new(3))?;
    assert_eq!(variant(&error(params.selection("*")?.statistics())), "Uninitialized");
    Ok(())
}

#[test]
fn a_hundred_thousand_parameters_are_selected_in_linear_time() -> Result<()> {
    let mut params = ParameterDict::new("");
    for i in 0..100_000 {
        let path = format!("encoder.{}.attn.{}.weight", i / 4, ["q", "k", "v", "o"][i % 4]);
        params.insert(&Parameter::new(path, 1))?;
    }
    let start = std::time::Instant::now();
    let selection = params.selection("encoder.*.attn.{q,k}.weight & kind:weight & !frozen")?;
    eprintln!("selected {} in {:?}", selection.len(), start.elapsed());
    assert_eq!(selection.len(), 50_000);
    // Generous, for a busy machine: anything quadratic takes minutes.
    assert!(start.elapsed().as_secs() < 10);
    Ok(())
}
