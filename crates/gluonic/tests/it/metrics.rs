//! Metrics against values of `mx.metric`, MXNet 1.9.1, with the same inputs.

use gluonic::metric::{
    Accuracy, Average, Composite, CrossEntropy, F1, Loss, Mae, Mcc, Metric, Mse,
    PearsonCorrelation, Perplexity, Rmse, TopKAccuracy,
};
use gluonic::prelude::*;

use crate::support::{array, error, variant};

/// MXNet's sums are in `float32`.
const TOLERANCE: f64 = 1e-6;

#[track_caller]
fn check(metric: &impl Metric, name: &str, value: f64) {
    assert_eq!(metric.name(), name);
    let found = metric.value();
    assert!((found - value).abs() <= TOLERANCE, "{name}: expected {value}, found {found}");
}

fn probabilities() -> NdArray {
    array(&[0.3, 0.7, 0.6, 0.4, 0.2, 0.8, 0.9, 0.1], (4, 2))
}

fn labels() -> NdArray {
    array(&[1.0, 1.0, 0.0, 0.0], 4)
}

/// A batch of four, then one of its first two.
fn two_batches<M: Metric>(mut metric: M) -> M {
    metric.update(&labels(), &probabilities()).unwrap();
    let half = |x: NdArray| x.slice(s![..2]).unwrap();
    metric.update(&half(labels()), &half(probabilities())).unwrap();
    metric
}

#[test]
fn metrics_of_classes_equal_those_of_mxnet() -> Result<()> {
    check(&two_batches(Accuracy::default()), "accuracy", 0.5);
    check(&two_batches(F1::default()), "f1", 0.583_333_333);
    check(&two_batches(F1::new(Average::Micro)), "f1", 0.571_428_571);
    check(&two_batches(CrossEntropy::default()), "cross-entropy", 0.710_121_632);
    check(&two_batches(Perplexity::new(None)), "perplexity", 2.034_238_671);
    check(&two_batches(Perplexity::new(Some(0))), "perplexity", 1.889_822_359);
    let mut top = TopKAccuracy::new(2)?;
    let scores = array(&[0.1, 0.2, 0.3, 0.4, 0.4, 0.3, 0.2, 0.1, 0.25, 0.2, 0.3, 0.05], (3, 4));
    top.update(&NdArray::from_slice(&[2, 3, 0], 3)?, &scores)?;
    check(&top, "top_k_accuracy_2", 2.0 / 3.0);
    Ok(())
}

#[test]
fn metrics_of_numbers_are_means_of_batches_as_in_mxnet() -> Result<()> {
    fn run<M: Metric>(mut metric: M) -> M {
        let (x, y) = (array(&[1.0, 2.0, 3.0], 3), array(&[1.5, 2.0, 1.0], (3, 1)));
        metric.update(&x, &y).unwrap();
        metric.update(&array(&[0.0], 1), &array(&[2.0], 1)).unwrap();
        let none = NdArray::zeros(0, DType::F32).unwrap();
        metric.update(&none, &none).unwrap();
        metric
    }
    check(&run(Mae::default()), "mae", 1.416_666_667);
    check(&run(Mse::default()), "mse", 2.708_333_333);
    check(&run(Rmse::default()), "rmse", 1.595_118_999);
    let mut loss = Loss::default();
    loss.add(&array(&[1.0, 2.0, 6.0], 3))?;
    check(&loss, "loss", 3.0);
    Ok(())
}

#[test]
fn class_numbers_and_scores_along_another_axis_are_told_by_their_shapes() -> Result<()> {
    let values: Vec<f64> = (0..8).map(|i| f64::from(i).sin()).collect();
    let mut accuracy = Accuracy::with_axis(-1);
    let labels = NdArray::from_slice(&[1_u8, 0, 0, 1], (2, 2))?;
    accuracy.update(&labels, &NdArray::from_vec(values, (2, 2, 2))?)?;
    check(&accuracy, "accuracy", 1.0);
    accuracy.update(&labels, &NdArray::from_slice(&[0.9, 0.0, 0.0, f32::NAN], (2, 2))?)?;
    check(&accuracy, "accuracy", 6.0 / 8.0);
    Ok(())
}

#[test]
fn a_metric_of_nothing_is_nan_and_reset_forgets() -> Result<()> {
    let mut accuracy = two_batches(Accuracy::default());
    accuracy.reset();
    assert!(accuracy.value().is_nan());
    assert_eq!(accuracy.to_string(), "accuracy NaN");
    assert!(F1::new(Average::Micro).value().is_nan() && Perplexity::new(None).value().is_nan());
    let mut all = Composite::default().with(Accuracy::default()).with(F1::default());
    all.update(&labels(), &probabilities())?;
    assert_eq!(all.to_string(), "accuracy 0.5, f1 0.5");
    all.reset();
    assert!(all.get().iter().all(|(_, value)| value.is_nan()));
    Ok(())
}

#[test]
fn a_batch_that_is_refused_is_not_counted() {
    let mut metrics: [(&str, Box<dyn Metric>); 4] = [
        ("Label", Box::new(CrossEntropy::default())),
        ("Label", Box::new(Perplexity::new(Some(-1)))),
        ("Label", Box::new(F1::new(Average::Micro))),
        ("LabelShape", Box::new(Accuracy::default())),
    ];
    for (expected, metric) in &mut metrics {
        let labels = if *expected == "Label" {
            array(&[1.0, 1.0, 0.0, 2.0], 4)
        } else {
            array(&[1.0, 1.0, 0.0], 3)
        };
        let refused = error(metric.update(&labels, &probabilities()));
        assert_eq!(variant(&refused), *expected, "{}", metric.name());
        assert!(metric.value().is_nan(), "{}", metric.name());
    }
    assert_eq!(variant(&error(TopKAccuracy::new(0))), "Setting");
    assert_eq!(variant(&error(F1::default().update(&labels(), &labels()))), "OperandShape");
}

#[test]
fn metrics_record_nothing_and_take_recorded_predictions() -> Result<()> {
    let x = probabilities().attach_grad(GradReq::Write)?;
    let mut metric = CrossEntropy::default();
    let y = autograd::record(|| {
        let y = &x * 1.0;
        metric.update(&labels(), y.as_ref().unwrap())?;
        y
    })?;
    y.backward()?;
    assert_eq!(x.grad()?.to_vec::<f32>()?, [1.0; 8]);
    Ok(())
}

#[test]
fn correlations_equal_those_of_mxnet() -> Result<()> {
    let first = (array(&[0.0, 1.0, 1.0, 0.0], 4), [0.3, 0.7, 0.0, 1.0, 0.4, 0.6, 0.9, 0.1]);
    let second = (array(&[1.0, 0.0], 2), [0.2, 0.8, 0.6, 0.4]);
    for (average, expected) in [
        (Average::Macro, 0.788_675_134_594_812_9),
        (Average::Micro, std::f64::consts::FRAC_1_SQRT_2),
    ] {
        let mut mcc = Mcc::new(average);
        assert!(mcc.value().is_nan());
        mcc.update(&first.0, &array(&first.1, (4, 2)))?;
        mcc.update(&second.0, &array(&second.1, (2, 2)))?;
        check(&mcc, "mcc", expected);
    }
    let (a, b) = (array(&[1.0, 2.0, 3.0, 5.0], (2, 2)), array(&[2.0, 2.0, 1.0, 0.0], (2, 2)));
    for (average, expected) in
        [(Average::Macro, -0.906_133_496_527_984_9), (Average::Micro, -0.738_271_660_735_426_7)]
    {
        let mut pearson = PearsonCorrelation::new(average);
        pearson.update(&a, &b)?;
        pearson.update(&b, &array(&[1.0, 4.0, 3.0, 9.0], (2, 2)))?;
        check(&pearson, "pearsonr", expected);
        pearson.reset();
        assert!(pearson.value().is_nan());
    }
    Ok(())
}
