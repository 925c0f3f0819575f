//! Data sets, samplers and how samples are put together.

use gluonic::data::{
    Batch, BatchSampler, FilterSampler, FnDataset, LastBatch, RandomSampler, Sample, Sampler,
    SequentialSampler, SimpleDataset,
};
use gluonic::prelude::*;
use gluonic::random::{Address, with_address};

use crate::support::{array, error, variant};

fn numbers(n: usize) -> ArrayDataset {
    ArrayDataset::new([&NdArray::arange::<f32>(n)]).unwrap()
}

fn values(batch: &Batch) -> Vec<f32> {
    batch[0].to_vec().unwrap()
}

#[track_caller]
fn all(dataset: &dyn Dataset) -> Vec<f32> {
    let indices: Vec<usize> = (0..dataset.len()).collect();
    let alone: Vec<f32> =
        indices.iter().map(|i| dataset.get(*i).unwrap()[0].to_scalar().unwrap()).collect();
    if !indices.is_empty() {
        assert_eq!(values(&dataset.batch(&indices).unwrap()), alone, "a batch is its samples");
    }
    alone
}

#[test]
fn rows_of_arrays_of_every_dtype_are_samples() {
    for &dtype in DType::ALL {
        let x = NdArray::arange::<f32>(12).reshape((4, 3)).unwrap().cast(dtype).unwrap();
        let y = NdArray::arange::<i64>(4);
        let samples = ArrayDataset::new([&x, &y]).unwrap();
        let batch = samples.batch(&[3, 0, 3]).unwrap();
        let [rows, labels] = batch.arrays().unwrap();
        assert_eq!((rows.dtype(), batch.n_samples()), (dtype, 3));
        let expected = x.take(&[3, 0, 3]).unwrap().to_f64_vec().unwrap();
        assert_eq!(rows.to_f64_vec().unwrap(), expected, "{dtype}");
        assert_eq!(labels.to_vec::<i64>().unwrap(), [3, 0, 3]);
        assert_eq!(samples.get(2).unwrap()[0].dtype(), dtype);
    }
}

#[test]
fn arrays_may_be_sliced_transposed_reversed_or_broadcast() {
    let x = NdArray::arange::<f32>(24).reshape((4, 6)).unwrap();
    let of = [
        x.slice(s![1.., ..]).unwrap(),
        x.slice(s![..;2, 1..;3]).unwrap(),
        x.transpose().unwrap(),
        x.flip(&[0, 1]).unwrap(),
        x.slice(s![0, ..]).unwrap().broadcast_to((3, 6)).unwrap(),
        x.reshape((1, 2, 1, 3, 2, 2)).unwrap().permute(&[5, 4, 3, 2, 1, 0]).unwrap(),
    ];
    for x in of {
        let samples = ArrayDataset::new([&x]).unwrap();
        let rows: Vec<usize> = (0..samples.len()).rev().collect();
        let batch = samples.batch(&rows).unwrap();
        assert_eq!(batch[0].dims(), x.dims());
        assert_eq!(values(&batch), x.take(&rows).unwrap().to_vec::<f32>().unwrap());
        let row = samples.get(1).unwrap();
        assert_eq!(row[0].to_vec::<f32>().unwrap(), x.row(1).unwrap().to_vec::<f32>().unwrap());
    }
}

#[test]
fn arrays_without_elements_have_samples_without_elements() {
    let (none, narrow) = (array(&[], (0, 3)), array(&[], (2, 0)));
    assert!(ArrayDataset::new([&none]).unwrap().is_empty());
    let samples = ArrayDataset::new([&narrow]).unwrap();
    assert_eq!(samples.get(1).unwrap()[0].dims().to_string(), "(0,)");
    assert_eq!(samples.batch(&[1, 1, 0]).unwrap()[0].dims().to_string(), "(3, 0)");
}

#[test]
fn an_edit_of_an_array_changes_no_sample_and_one_of_a_sample_no_other() {
    let x = NdArray::arange::<f32>(3);
    let samples = ArrayDataset::new([&x]).unwrap();
    x.fill(9.0).unwrap();
    samples.get(1).unwrap()[0].fill(7.0).unwrap();
    samples.batch(&[0, 1]).unwrap()[0].fill(7.0).unwrap();
    assert_eq!(all(&samples), [0.0, 1.0, 2.0]);
    assert_eq!(x.to_vec::<f32>().unwrap(), [9.0; 3]);
}

#[test]
fn arrays_of_different_lengths_are_refused_with_both() {
    let (x, y) = (NdArray::arange::<f32>(3), NdArray::arange::<f32>(4));
    let refused = error(ArrayDataset::new([&x, &y])).to_string();
    assert!(refused.contains("array 1 has 4 samples, array 0 has 3"), "{refused}");
    let scalar = NdArray::scalar(1.0_f32);
    assert!(error(ArrayDataset::new([&scalar])).to_string().contains("array 0 is a scalar"));
    assert!(error(ArrayDataset::new([&x, &scalar])).to_string().contains("array 1 is a scalar"));
    assert_eq!(variant(&error(ArrayDataset::new([]))), "Setting");
}

#[test]
fn samples_beyond_the_end_are_refused_by_every_data_set() {
    let simple = SimpleDataset::from_iter([NdArray::scalar(1.0_f32)]);
    let made = FnDataset::new(1, |_| Ok(NdArray::scalar(1.0_f32).into()));
    let part = numbers(5).take(1);
    for dataset in [&numbers(1) as &dyn Dataset, &simple, &made, &part] {
        for result in [dataset.get(1).map(drop), dataset.batch(&[0, 1]).map(drop)] {
            assert_eq!(
                error(result).root().to_string(),
                "there is no sample 1: the data set has 1"
            );
        }
    }
}

#[test]
fn parts_of_parts_are_parts() {
    let samples = numbers(10);
    assert_eq!(all(&samples.clone().take(3)), [0.0, 1.0, 2.0]);
    assert_eq!(samples.clone().take(99).len(), 10);
    assert_eq!(all(&samples.clone().subset([7, 7, 2]).unwrap().take(2)), [7.0, 7.0]);
    let odd = samples.clone().filter(|x| Ok(x[0].to_scalar::<f32>()? % 2.0 == 1.0)).unwrap();
    assert_eq!(all(&odd.shard(2, 1).unwrap()), [7.0, 9.0]);
    assert_eq!(variant(&error(samples.subset([3, 10]))), "NoSample");
}

#[test]
fn shards_are_neighbors_and_differ_by_one_sample_at_most() {
    for n in [0, 1, 7, 10] {
        let shards: Vec<_> = (0..3).map(|i| all(&numbers(n).shard(3, i).unwrap())).collect();
        assert_eq!(shards.concat(), all(&numbers(n)));
        assert!(shards.iter().all(|shard| (n / 3..=n / 3 + 1).contains(&shard.len())));
    }
    for (num, index) in [(3, 3), (0, 0)] {
        let refused = error(numbers(9).shard(num, index)).to_string();
        assert!(refused.contains(&format!("{index} of {num}")), "{refused}");
    }
}

#[test]
fn transforms_are_lazy_and_tell_the_sample_at_which_they_fail() {
    let failing = numbers(5)
        .transform_first(|x: &NdArray| x + 1.0)
        .transform(|sample| match sample[0].to_scalar::<f32>()? {
            4.0 => Err(Error::user("reading", "the disk is gone")),
            x => Ok(Sample::from([sample[0].clone(), NdArray::scalar(x * x)])),
        })
        .transform_first(|x: &NdArray| x * 2.0);
    assert_eq!(failing.batch(&[0, 4]).unwrap()[1].to_vec::<f32>().unwrap(), [1.0, 25.0]);
    assert_eq!(values(&failing.batch(&[0, 4]).unwrap()), [2.0, 10.0]);
    for result in [failing.get(3).map(drop), failing.batch(&[1, 3]).map(drop)] {
        let Error::Sample { index: 3, source } = error(result) else { panic!("no sample") };
        assert_eq!(source.to_string(), "reading failed");
    }
    let refused = error(failing.filter(|_| Ok(true)));
    assert!(matches!(refused, Error::Sample { index: 3, .. }), "{refused:?}");
}

#[test]
fn a_data_set_can_be_lent_shared_and_boxed() {
    let samples = numbers(4);
    assert_eq!(all(&(&samples).take(2)), [0.0, 1.0]);
    let shared = std::sync::Arc::new(samples);
    assert_eq!(all(&shared.clone().take(1)), [0.0]);
    let boxed: Box<dyn Dataset> = Box::new(shared);
    assert_eq!(all(&boxed.transform_first(|x: &NdArray| x * 3.0)), [0.0, 3.0, 6.0, 9.0]);
}

#[test]
fn samples_that_differ_are_named_with_what_differs() {
    let ragged = FnDataset::new(9, |i| {
        Ok(Sample::from([NdArray::zeros(3, DType::F32)?, NdArray::zeros(i / 4, DType::F32)?]))
    });
    let refused = error(ragged.batch(&[5, 6, 8, 1]));
    assert_eq!(
        refused.to_string(),
        "sample 8 does not fit sample 5: array 1, expected shape (1,), float32, found shape (2,), \
         float32"
    );
    assert!(refused.hint().unwrap().contains("Batch::pad"));
    let samples = [NdArray::scalar(1.0_f32), NdArray::scalar(1_u8)].map(Sample::from);
    assert!(error(Batch::stack(&samples)).to_string().contains("found shape (), uint8"));
    let samples =
        [NdArray::scalar(1.0_f32).into(), Sample::from([(); 2].map(|()| NdArray::scalar(1.0_f32)))];
    let refused = error(Batch::stack(&samples));
    assert!(
        refused.to_string().ends_with("sample 0: expected 1 array, found 2 arrays"),
        "{refused}"
    );
    assert_eq!(refused.hint(), None);
}

#[test]
fn smaller_samples_are_filled_up_on_every_axis() {
    let samples = [array(&[1.0, 2.0], (1, 2)), array(&[], (0, 0)), array(&[3.0, 4.0], (2, 1))];
    let batch = Batch::pad(&samples.map(Sample::from), -1.0).unwrap();
    assert_eq!(batch[0].dims().to_string(), "(3, 2, 2)");
    let (l, none) = (-1.0, [-1.0; 4]);
    assert_eq!(values(&batch)[..4], [1.0, 2.0, l, l]);
    assert_eq!(values(&batch)[4..8], none);
    assert_eq!(values(&batch)[8..], [3.0, l, 4.0, l]);
    let ranks = [array(&[1.0], 1), array(&[1.0], (1, 1))].map(Sample::from);
    assert_eq!(variant(&error(Batch::pad(&ranks, 0.0))), "Ragged");
    assert!(Batch::pad(&[], 0.0).unwrap().is_empty());
}

#[test]
fn a_sampler_gives_the_numbers_of_an_epoch() {
    assert_eq!(SequentialSampler::new(3).start(4).indices(9).unwrap(), [4, 5, 6]);
    let keep = |sample: &Sample| Ok(sample[0].to_scalar::<f32>()? < 2.0);
    let filter = FilterSampler::new(keep, &numbers(4)).unwrap();
    assert_eq!((filter.len(), filter.indices(0).unwrap()), (2, vec![0, 1]));
    let random = RandomSampler::new(50);
    let at = |epoch| {
        with_address(&Address::new(7, format!("data/{epoch}/order")), || random.indices(epoch))
    };
    let batches = BatchSampler::new(random.clone(), 50, LastBatch::Keep).unwrap();
    for epoch in 0..3 {
        assert_eq!(batches.batches(7, epoch).unwrap(), [at(epoch).unwrap()]);
    }
    assert_ne!(at(0).unwrap(), at(1).unwrap());
}

#[test]
fn the_last_batch_is_kept_left_out_or_rolled_over() {
    let batches = |n, size, last| BatchSampler::new(SequentialSampler::new(n), size, last).unwrap();
    for (n, size) in [(0, 3), (1, 1), (5, 2), (6, 2), (2, 5), (5, 5), (1, usize::MAX)] {
        let kept = batches(n, size, LastBatch::Keep);
        let sizes: Vec<_> = kept.batches(0, 0).unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes.iter().sum::<usize>(), n);
        assert_eq!(sizes.len(), kept.n_batches(0));
        let discarded = batches(n, size, LastBatch::Discard).batches(0, 0).unwrap();
        assert_eq!(discarded.len(), n / size);
        assert!(discarded.iter().all(|batch| batch.len() == size));

        let rolled = batches(n, size, LastBatch::Rollover);
        let mut row = Vec::new();
        for epoch in 0..7 {
            let epoch_batches = rolled.batches(0, epoch).unwrap();
            assert_eq!(epoch_batches.len(), rolled.n_batches(epoch));
            assert!(epoch_batches.iter().all(|batch| batch.len() == size));
            row.extend(epoch_batches.concat());
        }
        let expected: Vec<usize> = (0..7).flat_map(|_| 0..n).collect();
        assert_eq!(row, expected[..expected.len() - expected.len() % size]);
    }
    let refused = error(BatchSampler::new(SequentialSampler::new(3), 0, LastBatch::Keep));
    assert_eq!(refused.to_string(), "`batch_size` must be 1 or more, found 0");
}

#[test]
fn a_sampler_that_is_not_as_long_as_it_says_is_refused() {
    struct Liar;
    impl Sampler for Liar {
        fn len(&self) -> usize {
            3
        }
        fn indices(&self, _: u64) -> Result<Vec<usize>> {
            Ok(vec![0])
        }
    }
    let refused = error(BatchSampler::new(Liar, 2, LastBatch::Keep).unwrap().batches(0, 0));
    assert!(refused.to_string().ends_with("found 1 numbers for a `len` of 3"), "{refused}");
    let loader = DataLoader::new(numbers(3), 2).unwrap().sampler(Liar);
    let mut batches = loader.iter();
    assert_eq!(variant(&error(batches.next().unwrap())), "Setting");
    assert!(batches.next().is_none());
}

#[test]
fn words_of_the_last_batch_are_those_of_gluon() {
    for last in [LastBatch::Keep, LastBatch::Discard, LastBatch::Rollover] {
        assert_eq!(last.to_string().parse::<LastBatch>().unwrap(), last);
    }
    let refused = error("discrad".parse::<LastBatch>());
    assert_eq!(refused.hint().unwrap(), "did you mean `discard`?");
}

#[test]
fn the_digits_are_as_many_of_each_as_the_data_set_says() {
    let digits = data::digits().unwrap();
    let [images, labels] = digits.arrays().unwrap();
    let labels = labels.to_vec::<i64>().unwrap();
    let counts = (0..10).map(|digit| labels.iter().filter(|label| **label == digit).count());
    let known = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
    assert_eq!(counts.collect::<Vec<_>>(), known);
    let pixels = images.to_vec::<f32>().unwrap();
    assert!(pixels.iter().all(|x| (0.0..=1.0).contains(x)) && pixels.contains(&1.0));
}
