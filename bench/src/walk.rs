//! Reaching the parameters of large models.

use std::hint::black_box;

use gluonic::prelude::*;

use crate::{Args, race};

pub fn run(args: &Args) {
    for layers in [10, 100, 1_000, 10_000] {
        let net = Sequential::new();
        (0..layers).for_each(|_| net.add(Dense::new(2)));
        let all = format!("collect_params_{layers}");
        if all.contains(&args.filter) {
            race(&all, args, &mut [("gluonic", &mut || {
                black_box(net.collect_params().expect("names differ"));
            })]);
        }
        let selected = format!("select_params_{layers}");
        if selected.contains(&args.filter) {
            race(&selected, args, &mut [("gluonic", &mut || {
                black_box(net.select_params(".*weight").expect("a pattern"));
            })]);
        }
    }
}
