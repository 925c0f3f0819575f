//! The same values on any thread, late or early, in views; arrays without elements, integers.

use std::sync::Arc;

use gluonic::init::Layout;
use gluonic::prelude::*;
use gluonic::random::Address;

use super::{FLOATS, all, desc, draw, draw_at};
use crate::support::{alone, bits, error, variant};

#[test]
fn values_are_the_same_on_any_number_of_threads() {
    let all = all();
    let on = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let found = |(init, dims): &(Arc<dyn Initializer>, Vec<usize>)| {
            // Large enough to be shared out.
            let mut dims = dims.clone();
            if matches!(&*init.dumps(), text if text.contains("uniform") || text.contains("normal"))
                && !init.dumps().contains("orthogonal")
            {
                dims[0] *= 1000;
            }
            FLOATS.map(|dtype| bits(&draw(init, &dims, dtype).unwrap()))
        };
        pool.install(|| all.iter().map(found).collect::<Vec<_>>())
    };
    let one = on(1);
    assert!(on(2) == one && on(16) == one);
}

#[test]
fn lazy_equals_eager() {
    alone("initializers::everywhere::lazy_equals_eager", || {
        for (init, dims) in all() {
            if init.dumps().contains("load") {
                continue; // by name, see below
            }
            let parameter = |shape: Shape| {
                random::seed(11);
                let spec = ParamSpec::new(shape).deferred();
                let weight = Parameter::with_spec("weight", &spec);
                weight.initialize_with(&init, Reinit::Keep).unwrap();
                weight.finish_deferred(&dims).unwrap();
                bits(&weight.data().unwrap())
            };
            let mut unknown: Vec<Option<usize>> = dims.iter().copied().map(Some).collect();
            unknown[dims.len() - 1] = None;
            let eager = parameter(Dims::from(&dims).into());
            assert_eq!(parameter(unknown.into()), eager, "{}", init.dumps());
        }
    });
}

#[test]
fn a_view_gets_what_a_whole_array_gets() {
    for (init, dims) in all() {
        let whole = draw(&init, &dims, DType::F32).unwrap();
        let wide: Vec<usize> = dims.iter().map(|size| 2 * size + 1).collect();
        let memory = NdArray::full(&wide, 77.0, DType::F32).unwrap();
        let part = |_: &usize| ndarray::SliceInfoElem::Slice { start: 1, end: None, step: 2 };
        let view = memory.slice(dims.iter().map(part).collect::<Vec<_>>()).unwrap();
        let desc = desc(&dims, DType::F32, Layout::Dense);
        init.init_weight(&desc, &view, &Address::new(7, "0.weight")).unwrap();
        assert_eq!(bits(&view), bits(&whole), "{}", init.dumps());
        let n_kept = memory.to_f64_vec().unwrap().iter().filter(|x| **x == 77.0).count();
        assert_eq!(n_kept, memory.elem_count() - whole.elem_count(), "{}", init.dumps());
    }
}

#[test]
fn arrays_without_elements_are_filled_with_nothing() {
    for (init, dims) in all() {
        if init.dumps().contains("load") || init.dumps().contains("constant") {
            continue; // whose values have sizes of their own
        }
        for axis in 0..dims.len() {
            let mut dims = dims.clone();
            dims[axis] = 0;
            let result = draw(&init, &dims, DType::F32);
            if axis == 0 && init.dumps().contains("deltaorthogonal") {
                assert_eq!(variant(&error(result)), "InitShape"); // more inputs than outputs
            } else {
                result.unwrap();
            }
        }
    }
}

#[test]
fn integers_are_refused_by_random_laws_and_by_fractions_alone() {
    for (init, dims) in all() {
        let text = init.dumps();
        let is =
            |names: &[&str]| names.iter().any(|name| text.starts_with(&format!("[\"{name}\"")));
        let result = draw(&init, &dims, DType::I64);
        if is(&["zero", "one", "constant", "identity", "dirac", "lstmbias", "load"]) {
            assert_eq!(result.unwrap().dtype(), DType::I64);
        } else {
            let expected = if is(&["bilinear"]) { "NoArithmetic" } else { "RandomDType" };
            assert_eq!(variant(&error(result)), expected, "{text}");
        }
    }
}

#[test]
fn addresses_that_differ_give_values_that_differ() {
    for (init, dims) in all() {
        let at = |key| bits(&draw_at(&init, &dims, DType::F32, Layout::Dense, key).unwrap());
        let random =
            draw(&init, &dims, DType::I64).is_err() && init.dumps() != r#"["bilinear", {}]"#;
        assert_eq!(at(7), at(7));
        assert_eq!(at(7) != at(8), random, "{}", init.dumps());
    }
}
