//! Random arrays: what is drawn where, in which element types, and what is refused.

use gluonic::prelude::*;
use gluonic::random::{Address, Draws, Law, with_address};

use crate::support::{alone, array, bits, error, value, variant};

fn laws() -> Vec<Law> {
    vec![
        Law::uniform(-0.3, 1.1).unwrap(),
        Law::normal(0.1, 0.7).unwrap(),
        Law::truncated_normal(0.1, 0.7, -1.0, f64::INFINITY).unwrap(),
        Law::integers(1, 7).unwrap(),
        Law::bernoulli(0.3).unwrap(),
        Law::categorical(&[0.5, 0.0, 2.0]).unwrap(),
        Law::permutation(100),
    ]
}

fn is_continuous(law: &Law) -> bool {
    let text = law.to_string();
    text.starts_with("uniform") || text.contains("normal")
}

#[test]
fn every_law_has_arrays_of_every_sensible_type_and_their_slices_equal_the_whole() -> Result<()> {
    let address = Address::new(7, "fc.weight");
    for law in laws() {
        for &dtype in DType::ALL {
            let sensible = match dtype {
                DType::Bool => law == Law::bernoulli(0.3)?,
                dtype => dtype.is_float() || !is_continuous(&law),
            };
            let whole = ops::draw_at(&law, &address, 0, (4, 25), dtype);
            assert_eq!(whole.is_ok(), sensible, "{law} as {dtype}");
            let Ok(whole) = whole else { continue };
            assert_eq!((whole.dtype(), whole.dims()), (dtype, &Dims::from((4, 25))));
            let whole = bits(&whole);
            for (start, n) in [(0, 100), (1, 1), (17, 41), (99, 1), (100, 0)] {
                let slice = ops::draw_at(&law, &address, start, n, dtype)?;
                assert_eq!(bits(&slice), whole[start as usize..][..n], "{law} as {dtype}");
            }
        }
    }
    Ok(())
}

#[test]
fn whole_numbers_are_the_same_in_every_type() -> Result<()> {
    let address = Address::new(7, "fc.weight");
    for law in laws().into_iter().filter(|law| !is_continuous(law)) {
        let expected = ops::draw_at(&law, &address, 0, 100, DType::I64)?.to_f64_vec()?;
        for &dtype in DType::ALL.iter().filter(|dtype| **dtype != DType::Bool) {
            let found = ops::draw_at(&law, &address, 0, 100, dtype)?.to_f64_vec()?;
            assert_eq!(found, expected, "{law} as {dtype}");
        }
    }
    Ok(())
}

#[test]
fn shapes_of_any_rank_hold_the_same_elements_in_order() -> Result<()> {
    let (law, address) = (Law::normal(0.0, 1.0)?, Address::new(3, ""));
    let draw = |dims: Dims| ops::draw_at(&law, &address, 0, dims, DType::F64).map(|x| bits(&x));
    let flat = draw(64.into())?;
    assert_eq!(draw(vec![2; 6].into())?, flat);
    assert_eq!(draw((4, 16).into())?, flat);
    assert_eq!(draw(().into())?, flat[..1]);
    assert!(draw((3, 0).into())?.is_empty());
    Ok(())
}

#[test]
fn a_law_at_the_address_of_a_parameter_is_what_its_initializer_drew() {
    alone(
        "random_arrays::a_law_at_the_address_of_a_parameter_is_what_its_initializer_drew",
        || {
            random::seed(3);
            let key = random::next_key();
            random::seed(3);
            let weight = Parameter::new("weight", (20, 30));
            weight.initialize_with(&init::Normal::new(0.01), Reinit::Keep).unwrap();
            let law = Law::normal(0.0, 0.01).unwrap();
            let row = ops::draw_at(&law, &Address::new(key, "weight"), 60, 30, DType::F32).unwrap();
            assert_eq!(row.to_f64_vec().unwrap(), value(&weight)[60..90]);
        },
    );
}

#[test]
fn the_shorthands_are_the_laws_in_single_precision() -> Result<()> {
    let address = Address::new(7, "w");
    let law = |law: Result<Law>, dtype| {
        with_address(&address, || ops::draw(&law?, (3, 5), dtype)).map(|x| bits(&x))
    };
    let short = |f: fn() -> Result<NdArray>| with_address(&address, f).map(|x| bits(&x));
    assert_eq!(
        short(|| ops::uniform(-1.0, 2.0, (3, 5)))?,
        law(Law::uniform(-1.0, 2.0), DType::F32)?
    );
    assert_eq!(short(|| ops::normal(1.0, 2.0, (3, 5)))?, law(Law::normal(1.0, 2.0), DType::F32)?);
    assert_eq!(short(|| ops::integers(-5, 9, (3, 5)))?, law(Law::integers(-5, 9), DType::I64)?);
    let order: Vec<u64> = with_address(&address, || ops::permutation(15))
        .into_iter()
        .map(|i| (i as f64).to_bits())
        .collect();
    assert_eq!(order, law(Ok(Law::permutation(15)), DType::U64)?);
    Ok(())
}

#[test]
fn draws_in_force_follow_one_another_and_a_seed_of_one_call_disturbs_nothing() {
    alone(
        "random_arrays::draws_in_force_follow_one_another_and_a_seed_of_one_call_disturbs_nothing",
        || {
            let law = Law::uniform(0.0, 1.0).unwrap();
            let next = || bits(&ops::draw(&law, 8, DType::F32).unwrap());
            random::seed(5);
            let plain = [next(), next()];
            assert_ne!(plain[0], plain[1]);
            random::seed(5);
            let first = next();
            let one = || ops::draw_at(&law, &Address::new(42, ""), 0, 8, DType::F32).unwrap();
            assert_eq!(bits(&one()), bits(&one()));
            ops::draw_from(&law, &Draws::new("noise"), 8, DType::F32).unwrap();
            assert_eq!([first, next()], plain);
        },
    );
}

#[test]
fn what_is_refused_takes_no_key() {
    alone("random_arrays::what_is_refused_takes_no_key", || {
        random::seed(5);
        let key = random::next_key();
        random::seed(5);
        let draws = Draws::new("noise");
        let law = Law::uniform(0.0, 1.0).unwrap();
        assert_eq!(variant(&error(ops::draw(&law, 8, DType::I32))), "LawDType");
        assert_eq!(variant(&error(ops::draw_from(&law, &draws, 8, DType::I32))), "LawDType");
        let large = (usize::MAX, 2);
        assert_eq!(variant(&error(ops::draw(&law, large, DType::F32))), "TooLarge");
        assert_eq!(variant(&error(ops::dropout(&array(&[1.0], 1), 2.0))), "Setting");
        let whole = NdArray::ones(3, DType::I64).unwrap();
        let dropped = autograd::record(|| ops::dropout(&whole, 0.5));
        assert_eq!(variant(&error(dropped)), "NoArithmetic");
        assert_eq!(draws.state().count, 0);
        assert_eq!(random::next_key(), key);
    });
}

#[test]
fn laws_that_make_no_sense_are_refused() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for law in [
        Law::uniform(1.0, 0.0),
        Law::uniform(nan, 1.0),
        Law::uniform(0.0, inf),
        Law::normal(nan, 1.0),
        Law::normal(0.0, -1.0),
        Law::normal(0.0, inf),
        Law::truncated_normal(inf, 1.0, -2.0, 2.0),
        Law::truncated_normal(0.0, 0.0, -2.0, 2.0),
        Law::truncated_normal(0.0, nan, -2.0, 2.0),
        Law::truncated_normal(0.0, 1.0, 2.0, 2.0),
        Law::truncated_normal(0.0, 1.0, 2.0, -2.0),
        Law::truncated_normal(0.0, 1.0, nan, 2.0),
        Law::truncated_normal(0.0, 1.0, -2.0, nan),
        Law::truncated_normal(0.0, 1.0, 40.0, inf),
        Law::truncated_normal(0.0, 1.0, -inf, -40.0),
        Law::truncated_normal(0.0, 1.0, inf, inf),
        Law::integers(3, 3),
        Law::integers(4, 3),
        Law::bernoulli(-0.1),
        Law::bernoulli(1.1),
        Law::bernoulli(nan),
        Law::categorical(&[]),
        Law::categorical(&[0.0, 0.0]),
        Law::categorical(&[1.0, -1e-9]),
        Law::categorical(&[1.0, nan]),
        Law::categorical(&[1.0, inf]),
        Law::categorical(&[f64::MAX, f64::MAX]),
    ] {
        assert_eq!(variant(&error(law)), "Setting");
    }
}

#[test]
fn a_type_that_cannot_hold_the_values_is_refused_and_the_next_wider_is_not() -> Result<()> {
    #[track_caller]
    fn check(law: Result<Law>, narrow: DType, wide: DType) {
        let (law, address) = (law.unwrap(), Address::new(1, ""));
        let refused = error(ops::draw_at(&law, &address, 0, 3, narrow));
        assert_eq!(variant(&refused), "LawDType", "{law} as {narrow}");
        let drawn = ops::draw_at(&law, &address, 0, 3, wide).unwrap();
        assert!(drawn.to_f64_vec().unwrap().iter().all(|x| x.is_finite()));
    }
    check(Law::integers(0, 257), DType::U8, DType::I16);
    check(Law::integers(-1, 10), DType::U64, DType::I8);
    check(Law::integers(-128, 129), DType::I8, DType::I16);
    check(Law::integers(0, 258), DType::BF16, DType::F16);
    check(Law::integers(0, 2050), DType::F16, DType::F32);
    check(Law::integers(0, (1 << 24) + 2), DType::F32, DType::I32);
    check(Law::integers(i64::MIN, i64::MAX), DType::F64, DType::I64);
    check(Law::categorical(&[1.0; 300]), DType::U8, DType::F16);
    check(Ok(Law::permutation(300)), DType::U8, DType::U16);
    check(Law::uniform(0.0, 1e5), DType::F16, DType::BF16);
    check(Law::uniform(-1e39, 1e39), DType::F32, DType::F64);
    check(Law::uniform(-3e38, 3e38), DType::F32, DType::F64);
    check(Law::normal(0.0, 1e4), DType::F16, DType::BF16);
    check(Law::truncated_normal(0.0, 1e4, -f64::INFINITY, 1.0), DType::F16, DType::F32);
    check(Law::truncated_normal(0.0, 1.0, 1.0001, 1.0002), DType::F16, DType::F32);
    let overflows = Law::truncated_normal(1e308, 1e308, -1.5e308, 1.5e308)?;
    assert_eq!(variant(&error(ops::draw(&overflows, 3, DType::F64))), "LawDType");
    // The ends themselves are held.
    let address = Address::new(1, "");
    ops::draw_at(&Law::integers(0, 256)?, &address, 0, 3, DType::U8)?;
    ops::draw_at(&Law::integers(-128, 128)?, &address, 0, 3, DType::I8)?;
    ops::draw_at(&Law::integers(0, 257)?, &address, 0, 3, DType::BF16)?;
    ops::draw_at(&Law::uniform(0.0, 65504.0)?, &address, 0, 3, DType::F16)?;
    // Far bounds are no obstacle where the law does not reach them.
    ops::draw_at(&Law::truncated_normal(0.0, 1.0, -1e300, 1e300)?, &address, 0, 3, DType::F16)?;
    Ok(())
}

#[test]
fn elements_have_numbers_up_to_the_last_of_64_bits() -> Result<()> {
    let (law, address) = (Law::uniform(0.0, 1.0)?, Address::new(1, ""));
    let last = ops::draw_at(&law, &address, u64::MAX - 3, 3, DType::F64)?;
    assert_eq!(last.elem_count(), 3);
    assert_eq!(
        variant(&error(ops::draw_at(&law, &address, u64::MAX - 3, 4, DType::F64))),
        "Setting"
    );
    Ok(())
}

#[test]
fn a_permutation_has_as_many_elements_as_it_has() -> Result<()> {
    let (law, address) = (Law::permutation(5), Address::new(1, ""));
    let mut all = ops::draw_at(&law, &address, 0, 5, DType::I32)?.to_vec::<i32>()?;
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4]);
    for (start, n) in [(0, 6), (5, 1), (6, 0), (u64::MAX, 2)] {
        let refused = error(ops::draw_at(&law, &address, start, n, DType::I32));
        assert_eq!(variant(&refused), "Setting");
    }
    let huge = Law::permutation(usize::MAX);
    assert_eq!(variant(&error(ops::draw_at(&huge, &address, 0, 1, DType::U64))), "TooLarge");
    assert_eq!(ops::draw_at(&Law::permutation(0), &address, 0, 0, DType::U8)?.elem_count(), 0);
    Ok(())
}

#[test]
fn laws_are_printed_as_they_are_made() -> Result<()> {
    let texts: Vec<String> = laws().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    uniform(low=-0.3, high=1.1)
    normal(mean=0.1, std=0.7)
    truncated_normal(mean=0.1, std=0.7, low=-1, high=inf)
    integers(low=1, high=7)
    bernoulli(p=0.3)
    categorical(weights=[0.5, 0.0, 2.0])
    permutation(n=100)
    ");
    assert_eq!(Law::categorical(&[1.0; 10])?.to_string(), "categorical(10 weights)");
    assert_eq!(Law::bernoulli(0.5)?, Law::bernoulli(0.5)?.clone());
    assert_ne!(Law::categorical(&[1.0, 1.0])?, Law::categorical(&[1.0, 2.0])?);
    Ok(())
}
