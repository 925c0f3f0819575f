//! What is done to images while they are loaded.

use gluonic::data::transforms::{
    Cast, CenterCrop, Channels, Compose, Normalize, RandomCrop, RandomFlipLeftRight,
    RandomFlipTopBottom, ToTensor, Transform,
};
use gluonic::prelude::*;
use gluonic::random::{Address, with_address};

use crate::support::{Rng, array, bits, error, variant};

fn image(dims: impl Into<Dims>) -> NdArray {
    let dims = dims.into();
    NdArray::arange::<u8>(dims.elem_count()).reshape(dims).unwrap()
}

/// What a transform makes of `x`, drawing from one address.
fn at(key: u64, transform: &dyn Transform, x: &NdArray) -> NdArray {
    with_address(&Address::new(key, "image"), || transform.apply(x)).unwrap()
}

#[test]
fn to_tensor_divides_by_255_and_brings_channels_to_the_front() {
    let bytes = image((4, 8, 8));
    let x = ToTensor.apply(&bytes).unwrap();
    assert_eq!((x.dims().to_string(), x.dtype()), ("(8, 4, 8)".to_owned(), DType::F32));
    let expected = bytes.permute(&[2, 0, 1]).unwrap().to_vec::<u8>().unwrap();
    let expected: Vec<f32> = expected.into_iter().map(|x| f32::from(x) / 255.0).collect();
    assert_eq!(x.to_vec::<f32>().unwrap(), expected);
    let several = ToTensor.apply(&image((2, 3, 4, 5))).unwrap();
    assert_eq!(several.dims().to_string(), "(2, 5, 3, 4)");
    assert_eq!(ToTensor.apply(&image((0, 3, 1))).unwrap().dims().to_string(), "(1, 0, 3)");
    assert_eq!(variant(&error(ToTensor.apply(&image((2, 2))))), "OperandShape");
    let refused = error(ToTensor.apply(&array(&[1.0], (1, 1, 1))));
    assert_eq!(refused.hint().unwrap(), "use `cast(DType::U8)`");
}

#[test]
fn normalize_takes_a_number_for_each_channel_or_one_for_all() {
    let x = Rng::of("normalize").array((2, 3, 4));
    for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
        let x = x.cast(dtype).unwrap();
        let y = Normalize::new(&[0.5, -1.0], &[2.0, 0.25]).unwrap().apply(&x).unwrap();
        assert_eq!(y.dtype(), dtype);
        let channel = |i: isize, mean: f64, std: f64| &(&x.row(i)? - mean)? / std;
        for (i, mean, std) in [(0, 0.5, 2.0), (1, -1.0, 0.25)] {
            assert_eq!(bits(&y.row(i).unwrap()), bits(&channel(i, mean, std).unwrap()), "{dtype}");
        }
    }
    let one = Normalize::new(&[1.0], &[2.0]).unwrap();
    assert_eq!(
        one.apply(&array(&[3.0; 4], (1, 2, 1, 2))).unwrap().to_vec::<f32>().unwrap(),
        [1.0; 4]
    );
    let refused = error(Normalize::new(&[0.0; 3], &[1.0; 3]).unwrap().apply(&x));
    assert!(refused.to_string().contains("it has 2 channels, mean and std are of 3"), "{refused}");
    assert_eq!(variant(&error(one.apply(&image((1, 1, 1))))), "NoArithmetic");
    assert_eq!(variant(&error(one.apply(&array(&[1.0], 1)))), "OperandShape");
    let nan = f64::NAN;
    for (mean, std) in [
        (&[][..], &[][..]),
        (&[0.0], &[1.0, 1.0]),
        (&[nan], &[1.0]),
        (&[0.0], &[0.0]),
        (&[0.0], &[-1.0]),
        (&[0.0], &[nan]),
    ] {
        assert_eq!(variant(&error(Normalize::new(mean, std))), "Setting", "{mean:?} {std:?}");
    }
}

#[test]
fn flips_mirror_width_or_height_wherever_the_channels_are() {
    let always = |channels| RandomFlipLeftRight::new(1.0).unwrap().channels(channels);
    for &dtype in DType::ALL {
        let x = image((2, 3, 4)).cast(dtype).unwrap();
        assert_eq!(bits(&always(Channels::Last).apply(&x).unwrap()), bits(&x.flip(&[1]).unwrap()));
        assert_eq!(bits(&always(Channels::First).apply(&x).unwrap()), bits(&x.flip(&[2]).unwrap()));
    }
    let several = image((2, 2, 3, 4));
    let flip = RandomFlipTopBottom::new(1.0).unwrap();
    assert_eq!(bits(&flip.apply(&several).unwrap()), bits(&several.flip(&[1]).unwrap()));
    let flip = flip.channels(Channels::First);
    assert_eq!(bits(&flip.apply(&several).unwrap()), bits(&several.flip(&[2]).unwrap()));
    let never = RandomFlipLeftRight::new(0.0).unwrap();
    assert_eq!(bits(&never.apply(&several).unwrap()), bits(&several));
    for p in [-0.1, 1.1, f64::NAN] {
        assert_eq!(variant(&error(RandomFlipTopBottom::new(p))), "Setting");
    }
    assert_eq!(variant(&error(flip.apply(&image((2, 2))))), "OperandShape");
}

#[test]
fn half_of_the_images_are_flipped() {
    let (x, flip) = (image((1, 2, 1)), RandomFlipLeftRight::default());
    let flipped = (0..2000).filter(|key| at(*key, &flip, &x).to_vec::<u8>().unwrap() == [1, 0]);
    let n = flipped.count() as f64;
    assert!((n - 1000.0).abs() < 5.0 * 500.0_f64.sqrt(), "{n} of 2000");
}

#[test]
fn every_place_of_a_crop_is_equally_likely_and_padding_is_zero() {
    let x = (&image((3, 3, 1)).cast(DType::F32).unwrap() + 1.0).unwrap();
    let crop = RandomCrop::new(2, 3).unwrap().padding(1);
    let padded = x.pad(&[(1, 1), (1, 1), (0, 0)], ops::Pad::Constant(0.0)).unwrap();
    let mut counts = [0; 12];
    let n = 6000;
    for key in 0..n {
        let part = at(key, &crop, &x);
        let place = (0..12).find(|i| {
            let (top, left) = ((i / 3) as isize, (i % 3) as isize);
            let part_there = padded.slice(s![top..top + 2, left..left + 3]).unwrap();
            bits(&part_there) == bits(&part)
        });
        counts[place.expect("a part of the padded image")] += 1;
    }
    let expected = n as f64 / 12.0;
    let chi_square: f64 =
        counts.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
    // 11 degrees of freedom: exceeded once in a million.
    assert!(chi_square < 50.0, "{counts:?}");
}

#[test]
fn crops_keep_channels_and_element_types() {
    for &dtype in DType::ALL {
        let x = image((5, 4, 3)).cast(dtype).unwrap();
        let whole = at(7, &RandomCrop::new(5, 4).unwrap(), &x);
        assert_eq!((whole.dtype(), bits(&whole)), (dtype, bits(&x)));
        let part = at(7, &RandomCrop::new(2, 3).unwrap().channels(Channels::First), &x);
        assert_eq!(part.dims().to_string(), "(5, 2, 3)");
        let padded = at(7, &RandomCrop::new(2, 3).unwrap().padding(2), &x);
        assert_eq!((padded.dtype(), padded.dims().to_string()), (dtype, "(2, 3, 3)".to_owned()));
    }
}

#[test]
fn a_center_crop_is_nearer_to_the_top_and_left_where_it_must() {
    let x = image((5, 4, 1));
    let part = CenterCrop::new(2, 3).unwrap().apply(&x).unwrap();
    assert_eq!(part.to_vec::<u8>().unwrap(), [4, 5, 6, 8, 9, 10]);
    let several = image((2, 1, 4, 4));
    let part = CenterCrop::new(2, 2).unwrap().channels(Channels::First).apply(&several).unwrap();
    assert_eq!(part.to_vec::<u8>().unwrap(), [5, 6, 9, 10, 21, 22, 25, 26]);
}

#[test]
fn crops_that_do_not_fit_are_refused() {
    let x = image((5, 4, 1));
    let refused = error(CenterCrop::new(5, 5).unwrap().apply(&x));
    assert_eq!(
        refused.to_string(),
        "`CenterCrop`: input (5, 4, 1) does not fit: at least 5 × 5 are needed"
    );
    let refused = error(RandomCrop::new(8, 4).unwrap().padding(1).apply(&x));
    assert!(refused.to_string().contains("input (7, 6, 1) does not fit: at least 8 × 4"));
    assert_eq!(variant(&error(RandomCrop::new(usize::MAX, 1).unwrap().apply(&x))), "Misfit");
    let huge = RandomCrop::new(1, 1).unwrap().padding(usize::MAX);
    assert_eq!(variant(&error(huge.apply(&x))), "TooLarge");
    assert_eq!(variant(&error(RandomCrop::new(0, 1))), "Setting");
    assert_eq!(variant(&error(CenterCrop::new(1, 0))), "Setting");
    assert_eq!(variant(&error(CenterCrop::new(1, 1).unwrap().apply(&image(3)))), "OperandShape");
}

#[test]
fn composed_transforms_run_in_order_and_repeat_from_an_address() {
    let both = Compose::new()
        .then(RandomCrop::new(2, 2).unwrap())
        .then(RandomFlipLeftRight::default())
        .then(Cast::new(DType::F64))
        .then(|x: &NdArray| x + &ops::draw(&random::Law::normal(0.0, 1.0)?, x.dims(), x.dtype())?);
    let x = image((6, 6, 2));
    assert_eq!(bits(&at(7, &both, &x)), bits(&at(7, &both, &x)));
    assert_ne!(bits(&at(7, &both, &x)), bits(&at(8, &both, &x)));
    assert_eq!(bits(&Compose::new().apply(&x).unwrap()), bits(&x));
}
