//! Loading another library's layout: rules in the policy, seen through a checkpoint, planned from
//! headers, all or nothing. Plans for sets and selections.

use gluonic::checkpoint::rename::RenameRules;
use gluonic::checkpoint::{Action, ExportOptions, OnMisfit, Problem};
use gluonic::prelude::*;
use insta::assert_snapshot;

use crate::support::{array, error, photograph, value};

#[track_caller]
fn rules(text: &str) -> RenameRules {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn by(text: &str) -> LoadPolicy {
    LoadPolicy { rename: Some(rules(text)), ..LoadPolicy::default() }
}

/// A net of two layers, 3 to 2 to 2, of ones.
fn net() -> Sequential {
    let net = sequential![Dense::new(2), Dense::new(2)];
    net.initialize_with(&init::One, Reinit::Keep).unwrap();
    net.infer_shapes(&[(1, 3)]).unwrap();
    net
}

/// What another library has of it: both biases in one, the first weight in two parts and turned.
fn foreign() -> Checkpoint {
    let mut state = Snapshot::new();
    let mut put = |name: &str, values: &[f32], dims: &[usize]| {
        state.insert(name, &array(values, dims)).unwrap();
    };
    put("in.left", &[1.0, 2.0, 3.0], &[3, 1]);
    put("in.right", &[4.0, 5.0, 6.0], &[3, 1]);
    put("out.kernel", &[7.0, 8.0, 9.0, 10.0], &[2, 2]);
    put("biases", &[11.0, 12.0, 13.0, 14.0], &[4]);
    put("step", &[99.0], &[1]);
    Checkpoint::from(&state)
}

const RULES: &str = r#"
[[rule]]
concat = ["in.left", "in.right"]
to = "0.weight"
transpose = true
axis = 0
[[rule]]
from = "out.kernel"
to = "1.weight"
[[rule]]
split = "biases"
to = ["0.bias", "1.bias"]
[[rule]]
drop = "step"
[[rule]]
from = "never.{i}"
to = "{i}.never"
"#;

#[test]
fn a_plan_through_rules_says_which_tensors_make_which_parameter() -> Result<()> {
    let net = net();
    let before = photograph(&net);
    let plan = net.plan_load(&foreign(), &by(RULES))?;
    assert_snapshot!(plan, @r"
    `<state>` for 4 of 4 parameters, 14 of 14 elements, 56 B to read
    by rules: 5 tensors become 4, 1 dropped
      rule 5 takes no key: never.{i} -> {i}.never
    key        shape  bytes
    0.weight  (2, 3)   24 B  copy, concat of transposed `in.left`, transposed `in.right` (axis 0)
    0.bias      (2,)    8 B  copy, slice of `biases` (axis 0, 0..2)
    1.weight  (2, 2)   16 B  copy, rename of `out.kernel`
    1.bias      (2,)    8 B  copy, slice of `biases` (axis 0, 2..4)
    ");
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["steps"][1]["making"]["sources"][0], "biases");
    assert_eq!(json["dropped"][0], "step");
    assert_eq!(photograph(&net), before);
    assert_eq!(plan.apply(&net)?.loaded.len(), 4);
    assert_eq!(value(&net[0].weight()?), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(value(&net[0].bias()?), [11.0, 12.0]);
    assert_eq!(value(&net[1].weight()?), [7.0, 8.0, 9.0, 10.0]);
    assert_eq!(value(&net[1].bias()?), [13.0, 14.0]);
    Ok(())
}

#[test]
fn problems_name_the_parameter_and_the_tensors_of_the_file() -> Result<()> {
    let text = RULES
        .replace("\"1.bias\"]", "\"1.bis\"]")
        .replace("transpose = true\naxis = 0", "axis = 1");
    let plan = net().plan_load(&foreign(), &by(&text))?;
    let problems: Vec<_> = plan.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "`0.weight` has shape (2, 3), found (3, 2) in `in.left`, `in.right`",
            "`1.bias` is missing in the file",
            "`1.bis`, from `biases`, is not in the model",
        ]
    );
    assert!(plan.problems()[1].hint().contains("did you mean `1.bis`?"));
    Ok(())
}

#[test]
fn a_rule_that_does_not_fit_is_a_problem_of_the_plan() -> Result<()> {
    let net = net();
    let before = photograph(&net);
    let text = RULES.replace("axis = 0", "axis = 7");
    let plan = net.plan_load(&foreign(), &by(&text))?;
    assert!(matches!(plan.problems(), [Problem::Rule(_)]), "{plan}");
    assert_snapshot!(plan, @r"
    `<state>`: the rename rules do not fit it
    problems: 1
      rule 1, `0.weight`: expected a tensor with an axis 7, found shape (1, 3)
    ");
    assert!(matches!(plan.apply(&net), Err(Error::Load(_))));
    assert_eq!(photograph(&net), before);
    Ok(())
}

#[test]
fn a_tie_by_a_rule_whose_values_differ_changes_nothing() -> Result<()> {
    let mut state = net().state()?;
    state.insert("copy", &array(&[5.0; 4], (2, 2)))?;
    let policy =
        LoadPolicy { extra: OnMisfit::Ignore, ..by("[[rule]]\ntie = [\"1.weight\", \"copy\"]") };
    let net = net();
    let before = photograph(&net);
    let plan = net.plan_load(&Checkpoint::from(&state), &policy)?;
    // The tied tensor is not the model's, so nobody reads it.
    plan.apply(&net)?;
    let policy =
        LoadPolicy { extra: OnMisfit::Ignore, ..by("[[rule]]\ntie = [\"copy\", \"1.weight\"]") };
    let plan = net.plan_load(&Checkpoint::from(&state), &policy)?;
    assert!(plan.problems().is_empty(), "{plan}");
    let refused = error(plan.apply(&net));
    assert!(
        matches!(&refused, Error::Load(report) if matches!(*report.problems, [Problem::Rule(_)]))
    );
    assert!(refused.to_string().contains("`1.weight`"), "{refused}");
    assert_eq!(photograph(&net), before);
    Ok(())
}

#[test]
fn a_renamed_checkpoint_is_a_checkpoint_as_any_other() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.safetensors");
    let renamed = foreign().renamed(&rules(RULES))?;
    assert_eq!(renamed.tensors().len(), 4);
    assert_eq!(renamed.get("1.bias")?.to_vec::<f32>()?, [13.0, 14.0]);
    assert!(renamed.get("biases").is_err());
    let report = renamed.export(&file, &ExportOptions::default())?;
    assert_eq!(report.root, renamed.root()?);
    assert_eq!(Checkpoint::open(&file)?.root()?, report.root);
    assert!(renamed.check()?.is_clean());
    // And can be renamed again.
    let back = renamed.renamed(&rules("[[rule]]\nfrom = \"{i}.{p}\"\nto = \"fc{i}.{p}\""))?;
    assert_eq!(back.get("fc1.bias")?.to_vec::<f32>()?, [13.0, 14.0]);
    Ok(())
}

#[test]
fn aliases_are_keys_for_rules_and_stay_aliases() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tied.safetensors");
    let first = Dense::new(2);
    let net = Sequential::new();
    net.add(first.clone());
    net.add(Dense::sharing(2, &first.params())?);
    net.initialize()?;
    net.infer_shapes(&[(1, 2)])?;
    net.save_parameters(&file)?;
    let renamed = Checkpoint::open(&file)?
        .renamed(&rules("[[rule]]\nfrom = \"{i}.{p}\"\nto = \"fc{i}.{p}\""))?;
    let names: Vec<Vec<&str>> = renamed.tensors().iter().map(|t| t.names().collect()).collect();
    assert_eq!(names, [["fc0.bias", "fc1.bias"], ["fc0.weight", "fc1.weight"]]);
    // What is untouched still tells where it is from.
    let policy = by("[[rule]]\nfrom = \"{i}.{p}\"\nto = \"{i}.{p}\"");
    let other = Sequential::new();
    let first = Dense::new(2);
    other.add(first.clone());
    other.add(Dense::sharing(2, &first.params())?);
    other.load_parameters(&file, &policy)?;
    assert_eq!(other[0].weight()?.provenance(), net[0].weight()?.provenance());
    assert!(other[0].weight()?.provenance().is_some());
    Ok(())
}

/// The file with one wrong byte in the data of its Nth tensor, which only reading it finds.
#[allow(clippy::disallowed_methods, reason = "damages a file on purpose")]
fn damaged(file: &std::path::Path, n: usize) -> Checkpoint {
    let mut bytes = std::fs::read(file).unwrap();
    let header = gluonic_formats::read_header(&bytes, &gluonic_formats::Limits::default());
    let end = header.unwrap().entries[n].range.end;
    bytes[end - 1] ^= 1;
    Checkpoint::from_bytes(bytes).unwrap()
}

#[test]
fn a_fault_at_any_tensor_of_a_file_leaves_the_root_of_the_model_as_it_was() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.npz");
    net().save_parameters(&file)?;
    let other = net();
    other.named_parameters().iter().for_each(|(_, p)| p.data().unwrap().fill(3.0).unwrap());
    let root = || Checkpoint::from(&other.state().unwrap()).root().unwrap();
    let before = root();
    let swap = by(
        "[[rule]]\nconcat = [\"0.bias\", \"1.bias\"]\nto = \"b\"\n[[then]]\n[[then.rule]]\nsplit = \"b\"\nto = [\"1.bias\", \"0.bias\"]",
    );
    for n in 0..4 {
        for policy in [LoadPolicy::default(), swap.clone()] {
            let plan = other.plan_load(&damaged(&file, n), &policy)?;
            assert!(plan.problems().is_empty(), "{plan}");
            assert!(matches!(plan.apply(&other), Err(Error::Format { .. })), "{n}");
            assert_eq!(root(), before, "{n}");
        }
    }
    other.load_parameters(&file, &swap)?;
    assert_ne!(root(), before);
    Ok(())
}

#[test]
fn sets_and_selections_have_plans_that_print_serialize_and_apply() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let (whole, named) = (folder.path().join("a.params"), folder.path().join("b.params"));
    let net = net();
    net.save_parameters(&whole)?;
    let params = net.collect_params()?;
    params.save(&named, "")?;
    net.named_parameters().iter().for_each(|(_, p)| p.data().unwrap().fill(3.0).unwrap());

    let head = net.select("1.**")?;
    let plan = head.plan_load(&Checkpoint::open(&whole)?, &LoadOptions::default())?;
    assert_eq!(plan.steps().iter().filter(|step| step.action == Action::Copy).count(), 2);
    assert!(plan.to_string().contains("1.weight"), "{plan}");
    assert!(serde_json::to_value(&plan).is_ok());
    assert!(matches!(plan.apply(&params), Ok(report) if report.loaded.len() == 2));
    assert_eq!(value(&net[0].weight()?), [3.0; 6]);
    assert_eq!(value(&net[1].weight()?), [1.0; 4]);

    let plan = params.plan_load(&Checkpoint::open(&named)?, "", &LoadOptions::default())?;
    plan.apply(&params)?;
    assert_eq!(value(&net[0].weight()?), [1.0; 6]);
    let strangers = Dense::new(1).collect_params()?;
    assert!(matches!(plan.apply(&strangers), Err(Error::Outdated { .. })));
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "reads a file of another crate's tests")]
fn torch(name: &str) -> Checkpoint {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../gluonic-formats/tests/fixtures/");
    Checkpoint::open(format!("{folder}{name}")).unwrap()
}

#[test]
fn what_pytorch_ties_is_one_tensor_with_aliases_and_views_that_overlap_are_not() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    for name in ["state_zip.pt", "state_legacy.pt"] {
        let checkpoint = torch(name);
        let tied: Vec<Vec<&str>> = checkpoint
            .tensors()
            .iter()
            .filter(|tensor| !tensor.aliases.is_empty())
            .map(|tensor| tensor.names().collect())
            .collect();
        assert_eq!(tied, [["emb.weight", "head.weight"]], "{name}");
        assert!(checkpoint.tensor("head.tail")?.aliases.is_empty());
        assert!(checkpoint.tree().to_string().contains("= emb.weight"), "{}", checkpoint.tree());
        assert_eq!(
            checkpoint.get("head.weight")?.to_vec::<f32>()?,
            checkpoint.get("emb.weight")?.to_vec::<f32>()?
        );
        // The ones after the alias are still their own values.
        assert_eq!(checkpoint.get("head.column")?.to_vec::<f32>()?, [1.0, 5.0, 9.0]);
        let file = folder.path().join("a.safetensors");
        // Which safetensors cannot hold.
        let complex = checkpoint.tensors().iter().filter(|t| t.dtype.name() == "complex128");
        let drop = complex.map(|t| format!("[[rule]]\ndrop = {:?}\n", t.name));
        let checkpoint = checkpoint.renamed(&rules(&drop.collect::<String>()))?;
        let report = checkpoint.export(&file, &ExportOptions::default())?;
        let copy = Checkpoint::open(&file)?;
        assert_eq!(report.tensors, checkpoint.tensors().len());
        assert_eq!(&*copy.tensor("head.weight")?.name, "emb.weight");
        assert_eq!(copy.root()?, checkpoint.root()?);

        let strange = OnMisfit::Ignore;
        let policy = LoadPolicy {
            extra: strange,
            rename: Some(rules(
                "[[rule]]\nfrom = \"emb.weight\"\nto = \"0.weight\"\n\
                 [[rule]]\nfrom = \"head.weight\"\nto = \"1.weight\"",
            )),
            ..LoadPolicy::default()
        };
        let config =
            DenseConfig { units: 3, in_units: Some(4), use_bias: false, ..Default::default() };
        let untied = sequential![Dense::with(config.clone())?, Dense::with(config.clone())?];
        assert_eq!(untied.plan_load(&checkpoint, &policy)?.apply(&untied)?.loaded.len(), 2);
        let tied = Sequential::new();
        let first = Dense::with(config)?;
        tied.add(first.clone());
        tied.add(Dense::sharing(3, &first.params())?);
        assert_eq!(value(&untied[0].weight()?), value(&untied[1].weight()?));
    }
    Ok(())
}
