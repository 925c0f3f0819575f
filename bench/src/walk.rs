//! Reaching the parameters of small and large models.

use std::hint::black_box;

use gluonic::prelude::*;

use crate::{Args, race};

pub fn run(args: &Args) {
    for parameters in [10, 100, 1_000, 10_000, 20_000, 100_000] {
        let net = Sequential::new();
        for _ in 0..parameters / 2 {
            let layer = DenseConfig { units: 2, in_units: Some(2), ..DenseConfig::default() };
            net.add(Dense::with(layer).expect("sizes of a layer"));
        }
        net.initialize().expect("known shapes");
        let cases: [(&str, &dyn Fn()); 6] = [
            ("collect_params", &|| {
                black_box(net.collect_params().expect("names differ"));
            }),
            ("select_params", &|| {
                black_box(net.select_params(".*weight").expect("a pattern"));
            }),
            ("select", &|| {
                black_box(net.select("*.weight & kind:weight").expect("a selector"));
            }),
            ("snapshot", &|| {
                black_box(net.snapshot().expect("nobody edits"));
            }),
            ("freeze", &|| {
                black_box(net.freeze("*.weight").expect("weights"));
                black_box(net.unfreeze("*.weight").expect("weights"));
            }),
            ("pending", &|| {
                black_box(net.pending());
            }),
        ];
        for (name, run) in cases {
            let case = format!("{name}_{parameters}");
            if case.contains(&args.filter) {
                race(&case, args, &mut [("gluonic", &mut || run())]);
            }
        }
    }
}
