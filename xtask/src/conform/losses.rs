//! Losses, their gradients and printed forms, from `losses/`.

use std::path::Path;

use gluonic::NdArray;
use gluonic::autograd::{GradReq, record};
use gluonic::loss::{
    HingeLoss, HuberLoss, KlDivLoss, L1Loss, L2Loss, LogisticLoss, PoissonNllLoss,
    SigmoidBinaryCrossEntropyLoss, SoftmaxCrossEntropyLoss, SquaredHingeLoss,
};
use serde_json::{Value, json};

use super::args::Args;
use super::compare::{VALUE, near, same};
use super::net::text;
use super::npz::Npz;
use super::{Check, Problem, Tally, json_of};

pub(super) fn run(folder: &Path, tally: &mut Tally) -> Result<(), String> {
    let folder = folder.join("losses");
    let index = json_of(&folder.join("index.json"))?;
    tally.index(&index, |name, entry| check(entry, &folder.join(format!("{name}.npz"))));
    Ok(())
}

/// A loss of which the class is known at run time only.
pub(super) enum Loss {
    SoftmaxCrossEntropy(SoftmaxCrossEntropyLoss),
    SigmoidBinaryCrossEntropy(SigmoidBinaryCrossEntropyLoss),
    L1(L1Loss),
    L2(L2Loss),
    Huber(HuberLoss),
    KlDiv(KlDivLoss),
    Hinge(HingeLoss),
    SquaredHinge(SquaredHingeLoss),
    Logistic(LogisticLoss),
    PoissonNll(PoissonNllLoss),
}

impl Loss {
    pub(super) fn new(class: &str, args: &Value) -> Check<Loss> {
        let mut args = Args::new(format!("loss `{class}`"), args);
        let batch_axis = args.count("batch_axis")?.unwrap_or(0);
        let weight = args.number("weight")?;
        let loss = match class {
            "SoftmaxCrossEntropyLoss" | "SoftmaxCELoss" => {
                Loss::SoftmaxCrossEntropy(SoftmaxCrossEntropyLoss {
                    axis: args.integer("axis")?.unwrap_or(-1) as isize,
                    sparse_label: args.flag("sparse_label")?.unwrap_or(true),
                    from_logits: args.flag("from_logits")?.unwrap_or(false),
                    ignore_label: None,
                    weight,
                    batch_axis,
                })
            }
            "SigmoidBinaryCrossEntropyLoss" | "SigmoidBCELoss" => {
                let from_sigmoid = args.flag("from_sigmoid")?.unwrap_or(false);
                let loss = SigmoidBinaryCrossEntropyLoss { from_sigmoid, weight, batch_axis };
                Loss::SigmoidBinaryCrossEntropy(loss)
            }
            "L1Loss" => Loss::L1(L1Loss { weight, batch_axis }),
            "L2Loss" => Loss::L2(L2Loss { weight: weight.unwrap_or(1.0), batch_axis }),
            "HuberLoss" => {
                let rho = args.number("rho")?.unwrap_or(1.0);
                Loss::Huber(HuberLoss { rho, weight, batch_axis })
            }
            "KLDivLoss" => Loss::KlDiv(KlDivLoss {
                from_logits: args.flag("from_logits")?.unwrap_or(true),
                axis: args.integer("axis")?.unwrap_or(-1) as isize,
                weight,
                batch_axis,
            }),
            "HingeLoss" => {
                let margin = args.number("margin")?.unwrap_or(1.0);
                Loss::Hinge(HingeLoss { margin, weight, batch_axis })
            }
            "SquaredHingeLoss" => {
                let margin = args.number("margin")?.unwrap_or(1.0);
                Loss::SquaredHinge(SquaredHingeLoss { margin, weight, batch_axis })
            }
            "LogisticLoss" => {
                let label_format = args.word("label_format")?.unwrap_or("signed").parse()?;
                Loss::Logistic(LogisticLoss { label_format, weight, batch_axis })
            }
            "PoissonNLLLoss" => Loss::PoissonNll(PoissonNllLoss {
                from_logits: args.flag("from_logits")?.unwrap_or(true),
                compute_full: args.flag("compute_full")?.unwrap_or(false),
                weight,
                batch_axis,
                ..PoissonNllLoss::default()
            }),
            _ => return Err(Problem::Later(format!("loss `{class}`"))),
        };
        args.finish()?;
        Ok(loss)
    }

    pub(super) fn call(
        &self,
        pred: &NdArray,
        label: &NdArray,
        sample_weight: Option<&NdArray>,
    ) -> gluonic::Result<NdArray> {
        match self {
            Loss::SoftmaxCrossEntropy(loss) => loss.call(pred, label, sample_weight),
            Loss::SigmoidBinaryCrossEntropy(loss) => loss.call(pred, label, sample_weight),
            Loss::L1(loss) => loss.call(pred, label, sample_weight),
            Loss::L2(loss) => loss.call(pred, label, sample_weight),
            Loss::Huber(loss) => loss.call(pred, label, sample_weight),
            Loss::KlDiv(loss) => loss.call(pred, label, sample_weight),
            Loss::Hinge(loss) => loss.call(pred, label, sample_weight),
            Loss::SquaredHinge(loss) => loss.call(pred, label, sample_weight),
            Loss::Logistic(loss) => loss.call(pred, label, sample_weight),
            // MXNet's is the mean over the batch too.
            Loss::PoissonNll(loss) => loss.call(pred, label, sample_weight)?.mean(),
        }
    }

    fn printed(&self) -> &dyn std::fmt::Display {
        match self {
            Loss::SoftmaxCrossEntropy(loss) => loss,
            Loss::SigmoidBinaryCrossEntropy(loss) => loss,
            Loss::L1(loss) => loss,
            Loss::L2(loss) => loss,
            Loss::Huber(loss) => loss,
            Loss::KlDiv(loss) => loss,
            Loss::Hinge(loss) => loss,
            Loss::SquaredHinge(loss) => loss,
            Loss::Logistic(loss) => loss,
            Loss::PoissonNll(loss) => loss,
        }
    }
}

fn check(entry: &Value, file: &Path) -> Check {
    let loss = Loss::new(text(&entry["cls"])?, &entry["args"])?;
    let npz = Npz::open(file)?;
    if let Some((key, _)) = npz
        .iter()
        .find(|(key, _)| !["pred", "label", "sample_weight", "loss", "gpred"].contains(key))
    {
        return Err(Problem::Later(format!("input `{key}` of loss {}", entry["cls"])));
    }
    let pred = npz.get("pred")?.attach_grad(GradReq::Write)?;
    let (label, sample_weight) = (npz.get("label")?, npz.find("sample_weight"));
    let found = record(|| loss.call(&pred, label, sample_weight))?;
    near("loss", npz.get("loss")?, &found, VALUE)?;
    // From an array, backward starts with ones: the gradient of the sum.
    found.backward()?;
    near("gpred", npz.get("gpred")?, &pred.grad()?, VALUE)?;
    same("repr", &entry["repr"], &json!(loss.printed().to_string()))
}
