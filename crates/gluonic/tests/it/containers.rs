//! Blocks side by side, and around a sum.

use gluonic::autograd::record;
use gluonic::prelude::*;

use crate::rnn::{check_gradients, fill, parameters_of, wave};
use crate::support::{array, bits, error};

#[test]
fn outputs_side_by_side_are_those_of_each_child_joined() -> Result<()> {
    let both = Concurrent::default();
    let (one, two) = (Dense::new(2), Dense::new(3).activation(Activation::Tanh));
    both.add(one.clone());
    both.add(two.clone());
    both.add(Identity::new());
    let x = wave((4, 5), 9)?.cast(DType::F32)?;
    assert_eq!(both.infer_shapes(&[x.dims()])?.to_string(), "(4, 10)");
    fill(&both)?;
    let y = both.call(&x)?;
    assert_eq!(y.dims().to_string(), "(4, 10)");
    let parts = y.split_at(&[2, 5], 1)?;
    for (part, own) in parts.iter().zip([one.call(&x)?, two.call(&x)?, x.clone()]) {
        assert_eq!(bits(part), bits(&own));
    }
    let rows = Concurrent::new(0);
    rows.add(Identity::new());
    rows.add(Lambda::new("twice", |x| x * 2.0));
    assert_eq!(rows.call(&x)?.dims().to_string(), "(8, 5)");
    assert_eq!(rows.infer_shapes(&[(0, 5)])?.to_string(), "(0, 5)");
    Ok(())
}

#[test]
fn gradients_of_containers_are_their_differences() -> Result<()> {
    let dense = |units| {
        Dense::with(DenseConfig {
            units,
            in_units: Some(3),
            dtype: DType::F64,
            activation: Some(Activation::Tanh),
            ..DenseConfig::default()
        })
    };
    let both = Concurrent::new(1);
    both.add(dense(2)?);
    both.add(Residual::new(dense(3)?));
    fill(&both)?;
    let x = wave((2, 3), 4)?.attach_grad(GradReq::Write)?;
    let loss = || both.call(&x)?.square()?.sum();
    let leaves = || {
        let mut leaves = parameters_of(&both)?;
        leaves.push((x.clone(), x.grad()?));
        Ok(leaves)
    };
    check_gradients("containers", &loss, &leaves)
}

#[test]
fn containers_have_the_names_paths_and_forms_of_gluon() -> Result<()> {
    name::manager(|| {
        let net = Concurrent::hybrid(1);
        net.name_scope(|| net.add(Dense::new(2)));
        let inner = Concurrent::with_prefix("inner_", -1);
        net.add(inner.clone());
        // As MXNet 1.9.1 prints them.
        assert_eq!(
            net.to_string(),
            "HybridConcurrent(\n  (0): Dense(None -> 2, linear)\n  (1): Concurrent(\n  \n  )\n)"
        );
        assert_eq!(net[0].weight()?.name(), "hybridconcurrent0_dense0_weight");
        assert_eq!((net.len(), inner.is_empty(), inner.name().as_str()), (2, true, "inner"));
        assert_eq!(Residual::new(Dense::new(1)).to_string(), {
            "Residual(\n  (body): Dense(None -> 1, linear)\n)"
        });
        Ok(())
    })
}

#[test]
fn outputs_that_do_not_fit_are_refused_with_the_name_of_the_container() -> Result<()> {
    name::manager(|| {
        let x = array(&[1.0; 6], (2, 3));
        let none = error(Concurrent::new(1).call(&x));
        assert_eq!(none.to_string(), "block `concurrent0`");
        assert_eq!(none.root().to_string(), "`arrays` must be one or more, found none");
        let wide = Residual::new(Lambda::new("sum", |x| x.sum_axes(&[1], true)));
        let told = error(record(|| wide.call(&x)));
        let root = told.root().to_string();
        assert_eq!(root, "`residual`: expected an array of shape (2, 3), found (2, 1)");
        Ok(())
    })
}
