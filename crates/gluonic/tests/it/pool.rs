//! Poolings: against their definition, their gradients, their layers.

use gluonic::autograd::record;
use gluonic::ops::{PoolOptions, avg_pool, max_pool};
use gluonic::prelude::*;
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::support::gradcheck::{Layout, check};
use crate::support::{Rng, array, bits, error};

/// The window's part of a line: its start and end in the input, and its end in the padded input.
fn span(place: usize, size: usize, [kernel, stride, padding]: [usize; 3]) -> (usize, usize, usize) {
    let start = (place * stride) as isize - padding as isize;
    let end = start + kernel as isize;
    let inside = |i: isize| i.clamp(0, size as isize) as usize;
    let padded = (end.min((size + padding) as isize) - start) as usize;
    (inside(start), inside(end), padded)
}

proptest! {
    #[test]
    fn poolings_are_those_of_the_definition(
        size in 1..9_usize,
        kernel in 1..5_usize,
        stride in 1..4_usize,
        padding in 0..4_usize,
        ceil_mode: bool,
        count_include_pad: bool,
    ) {
        let padding = padding % kernel;
        let size = size.max(kernel - padding.min(kernel / 2) * 2);
        let setting = [kernel, stride, padding];
        let mut rng = Rng::of(&format!("{size} {setting:?}"));
        let line = rng.vec(2 * size, -1.0, 1.0);
        let x = NdArray::from_slice(&line, (1, 2, size)).unwrap();
        let options = PoolOptions {
            strides: Some(stride.into()),
            padding: padding.into(),
            ceil_mode,
            count_include_pad,
            channels_last: false,
        };
        let left = size + 2 * padding - kernel;
        let mut places = left / stride + 1;
        if ceil_mode && left % stride > 0 && places * stride < size + padding {
            places += 1;
        }
        let max = max_pool(&x, kernel, &options).unwrap();
        let mean = avg_pool(&x, kernel, &options).unwrap();
        prop_assert_eq!(&max.dims()[..], [1, 2, places]);
        let (max, mean) = (max.to_f64_vec().unwrap(), mean.to_f64_vec().unwrap());
        for i in 0..2 * places {
            let (start, end, padded) = span(i % places, size, setting);
            let window = &line[i / places * size..][start..end];
            prop_assert_eq!(max[i], window.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            let n = if count_include_pad { padded } else { window.len() };
            prop_assert!((mean[i] - window.iter().sum::<f64>() / n as f64).abs() < 1e-12);
        }
    }

    #[test]
    fn channels_last_is_channels_first_with_other_axes(
        (height, width, channels) in (2..7_usize, 2..7_usize, 0..4_usize),
        stride in 1..3_usize,
        padding in 0..2_usize,
    ) {
        let mut rng = Rng::of("channels last");
        let x = rng.array((2, channels, height, width)).attach_grad(GradReq::Write).unwrap();
        let first = PoolOptions {
            strides: Some(stride.into()),
            padding: padding.into(),
            ceil_mode: true,
            ..PoolOptions::default()
        };
        let last = PoolOptions { channels_last: true, ..first.clone() };
        let poolings: [fn(&NdArray, &PoolOptions) -> Result<NdArray>; 2] =
            [|x, options| max_pool(x, 2, options), |x, options| avg_pool(x, 2, options)];
        for pool in poolings {
            let y = record(|| pool(&x, &first)).unwrap();
            y.backward().unwrap();
            let expected = x.grad().unwrap().deep_clone().unwrap();
            let z = record(|| {
                pool(&x.permute(&[0, 2, 3, 1])?, &last)?.permute(&[0, 3, 1, 2])
            });
            let z = z.unwrap();
            z.backward().unwrap();
            prop_assert_eq!(bits(&z), bits(&y));
            prop_assert_eq!(bits(&x.grad().unwrap()), bits(&expected));
        }
    }
}

#[test]
fn gradients_agree_with_differences_for_inputs_in_every_layout() -> Result<()> {
    let options = PoolOptions {
        strides: Some(2.into()),
        padding: 1.into(),
        ceil_mode: true,
        count_include_pad: false,
        ..PoolOptions::default()
    };
    let last = PoolOptions { channels_last: true, ..options.clone() };
    for dims in [&[2, 2, 5][..], &[2, 2, 4, 5], &[1, 2, 3, 4, 2], &[0, 2, 4, 4], &[2, 0, 4, 4]] {
        for layout in Layout::ALL {
            if dims.contains(&0) && layout == Layout::Broadcast {
                continue;
            }
            for options in [&options, &PoolOptions::default(), &last] {
                if dims[1] == 0 && options.channels_last {
                    continue;
                }
                let max = |x: &[NdArray]| max_pool(&x[0], 2, options);
                check("max_pool", &max, &[dims], &[layout], (-1.0, 1.0))?;
                let mean = |x: &[NdArray]| avg_pool(&x[0], 2, options);
                check("avg_pool", &mean, &[dims], &[layout], (-1.0, 1.0))?;
            }
        }
    }
    Ok(())
}

#[test]
fn the_gradient_goes_to_the_first_of_equal_elements_and_to_a_nan() -> Result<()> {
    let x = array(&[3.0, 1.0, 3.0, 3.0, f32::NAN, 9.0], (1, 1, 6)).attach_grad(GradReq::Write)?;
    let options = PoolOptions { strides: Some(3.into()), ..PoolOptions::default() };
    let y = record(|| max_pool(&x, 3, &options))?;
    y.backward()?;
    assert_eq!(x.grad()?.to_vec::<f32>()?, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    assert!(y.to_vec::<f32>()?[1].is_nan());
    Ok(())
}

#[test]
fn the_padding_is_never_the_largest() -> Result<()> {
    let x = array(&[-1.0, -2.0, -3.0], (1, 1, 3));
    let options = PoolOptions { padding: 1.into(), ..PoolOptions::default() };
    assert_eq!(max_pool(&x, 2, &options)?.to_vec::<f32>()?, [-1.0, -2.0]);
    Ok(())
}

#[test]
fn global_poolings_see_the_whole_of_each_channel() -> Result<()> {
    let x = NdArray::arange::<f32>(24).reshape((2, 3, 2, 2))?;
    let (mean, max) = (GlobalAvgPool2D::new(), GlobalMaxPool2D::new());
    assert_eq!(mean.call(&x)?.dims().to_string(), "(2, 3, 1, 1)");
    assert_eq!(mean.call(&x)?.to_vec::<f32>()?, [1.5, 5.5, 9.5, 13.5, 17.5, 21.5]);
    assert_eq!(max.call(&x)?.to_vec::<f32>()?, [3.0, 7.0, 11.0, 15.0, 19.0, 23.0]);
    let last = x.permute(&[0, 2, 3, 1])?;
    let mean = GlobalAvgPool2D::with_layout(DataLayout::ChannelsLast);
    assert_eq!(mean.call(&last)?.to_vec::<f32>()?, [1.5, 5.5, 9.5, 13.5, 17.5, 21.5]);
    let max = GlobalMaxPool2D::with_layout(DataLayout::ChannelsLast);
    assert_eq!(max.call(&last)?.to_vec::<f32>()?, [3.0, 7.0, 11.0, 15.0, 19.0, 23.0]);
    let f = |x: &[NdArray]| mean.call(&x[0]);
    check("global mean", &f, &[&[2, 2, 3, 2]], &[Layout::Transposed], (-1.0, 1.0))?;
    let none = GlobalMaxPool1D::new();
    let told = error(none.call(&NdArray::ones((1, 2, 0), DType::F32)?));
    assert_eq!(told.root().to_string(), "`global pooling` of no elements: shape (1, 2, 0)");
    Ok(())
}

#[test]
fn layers_print_as_gluon_prints_them() -> Result<()> {
    let config = PoolConfig {
        pool_size: (3, 2).into(),
        strides: Some(1.into()),
        padding: (1, 0).into(),
        ceil_mode: true,
        layout: DataLayout::ChannelsLast,
        ..PoolConfig::default()
    };
    let lines = [
        MaxPool2D::default().to_string(),
        AvgPool2D::with(config)?.to_string(),
        MaxPool1D::new(3).strides(2).to_string(),
        AvgPool3D::default().to_string(),
        GlobalAvgPool2D::new().to_string(),
        GlobalMaxPool1D::new().to_string(),
    ];
    assert_snapshot!(lines.join("\n"), @r"
    MaxPool2D(size=(2, 2), stride=(2, 2), padding=(0, 0), ceil_mode=False, global_pool=False, pool_type=max, layout=NCHW)
    AvgPool2D(size=(3, 2), stride=(1, 1), padding=(1, 0), ceil_mode=True, global_pool=False, pool_type=avg, layout=NHWC)
    MaxPool1D(size=(3,), stride=(2,), padding=(0,), ceil_mode=False, global_pool=False, pool_type=max, layout=NCW)
    AvgPool3D(size=(2, 2, 2), stride=(2, 2, 2), padding=(0, 0, 0), ceil_mode=False, global_pool=False, pool_type=avg, layout=NCDHW)
    GlobalAvgPool2D(size=(1, 1), stride=(1, 1), padding=(0, 0), ceil_mode=True, global_pool=True, pool_type=avg, layout=NCHW)
    GlobalMaxPool1D(size=(1,), stride=(1,), padding=(0,), ceil_mode=True, global_pool=True, pool_type=max, layout=NCW)
    ");
    Ok(())
}

#[test]
fn what_does_not_fit_names_the_layer_and_what_it_wanted() {
    let layer = name::manager(|| MaxPool2D::new(5));
    let told = |dims: &[usize]| {
        let error = error(layer.call(&NdArray::ones(dims, DType::F32).unwrap()));
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("{error}: {}{hint}", error.root())
    };
    assert_snapshot!(told(&[1, 3, 8, 4]), @r"
    block `pool0`: `max_pool`: a window of 5 does not fit input (1, 3, 8, 4): axis 3 has 4
    hint: use a larger input, more padding or a smaller kernel
    ");
    assert_snapshot!(told(&[3, 8, 4]), @"block `pool0`: `max_pool`: input (3, 8, 4) does not fit: it needs 4 axes, NCHW");
    let config = |pool_size: Dims, padding: usize| PoolConfig {
        pool_size,
        padding: padding.into(),
        ..PoolConfig::default()
    };
    let lines = [
        error(MaxPool2D::with(config(0.into(), 0))).to_string(),
        error(AvgPool1D::with(config((2, 2).into(), 0))).to_string(),
        error(AvgPool1D::with(config(2.into(), 2))).to_string(),
    ];
    assert_snapshot!(lines.join("\n"), @r"
    `pool_size` must be 1 or more, found (0,)
    `pool_size` must be one number, or one for each spatial axis, found (2, 2) for 1 axes
    `padding` must be smaller than the window, found (2,) for a pool_size of (2,)
    ");
}
