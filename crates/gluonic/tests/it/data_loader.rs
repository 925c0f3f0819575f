//! Data loaders: order, threads, errors, positions.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gluonic::data::transforms::{Channels, Compose, RandomCrop, RandomFlipLeftRight};
use gluonic::data::{
    Batch, FnDataset, LastBatch, Position, RandomSampler, Sample, SequentialSampler,
};
use gluonic::prelude::*;

use crate::support::{alone, bits, error, variant};

fn numbers(n: usize) -> ArrayDataset {
    ArrayDataset::new([&NdArray::arange::<f32>(n)]).unwrap()
}

/// Samples that draw: by transforms, and by a function of the user's.
fn drawn(n: usize) -> impl Dataset + 'static {
    let images = NdArray::arange::<f32>(n * 48).reshape((n, 1, 6, 8)).unwrap();
    let crop = RandomCrop::new(4, 4).unwrap().padding(2).channels(Channels::First);
    let flip = RandomFlipLeftRight::default().channels(Channels::First);
    let noise = |x: &NdArray| x + &ops::normal(0.0, 1.0, (1, 4, 4))?;
    let labels = NdArray::arange::<i64>(n);
    ArrayDataset::new([&images, &labels])
        .unwrap()
        .transform_first(Compose::new().then(flip).then(crop).then(noise))
}

/// The bits of everything in a batch.
fn photo(batch: Result<Batch>) -> Vec<Vec<u64>> {
    let batch = batch.unwrap();
    assert!(batch.iter().all(|array| array.dims()[0] == batch.n_samples()));
    batch.iter().map(bits).collect()
}

fn epoch(loader: &DataLoader) -> Vec<Vec<Vec<u64>>> {
    loader.iter().map(photo).collect()
}

fn values(loader: &DataLoader) -> Vec<Vec<f32>> {
    loader.iter().map(|batch| batch.unwrap()[0].to_vec().unwrap()).collect()
}

#[test]
fn any_number_of_workers_gives_the_same_bits() {
    for last_batch in [LastBatch::Keep, LastBatch::Discard, LastBatch::Rollover] {
        let loader = |workers| {
            DataLoader::new(drawn(23), 4)
                .unwrap()
                .shuffle(true)
                .last_batch(last_batch)
                .seed(7)
                .workers(workers)
        };
        let here = loader(0);
        let expected = [epoch(&here), epoch(&here), epoch(&here)];
        assert_ne!(expected[0], expected[1], "each epoch has its own order and its own draws");
        for (workers, prefetch) in [(1, 0), (1, 5), (3, 1), (3, 2), (3, 100), (usize::MAX, 7)] {
            let loader = loader(workers).prefetch(prefetch);
            for expected in &expected {
                assert_eq!(&epoch(&loader), expected, "{workers} workers, {prefetch} ahead");
            }
        }
    }
}

#[test]
fn what_is_drawn_for_a_sample_depends_on_key_epoch_and_number_alone() {
    let draws = |batch_size, seed| {
        let loader = DataLoader::new(drawn(12), batch_size).unwrap().seed(seed);
        let epochs = [(); 2].map(|()| {
            let batches: Vec<Batch> = loader.iter().collect::<Result<_>>().unwrap();
            let first: Vec<NdArray> = batches.iter().map(|batch| batch[0].clone()).collect();
            bits(&ops::concat(&first.iter().collect::<Vec<_>>(), 0).unwrap())
        });
        assert_ne!(epochs[0], epochs[1]);
        epochs
    };
    assert_eq!(draws(3, 7), draws(5, 7));
    assert_ne!(draws(3, 7), draws(3, 8));
}

#[test]
fn a_data_set_that_makes_its_batches_itself_draws_the_same_again() {
    struct Noise;
    impl Dataset for Noise {
        fn len(&self) -> usize {
            20
        }
        fn get(&self, _: usize) -> Result<Sample> {
            unreachable!("batches are made whole")
        }
        fn batch(&self, indices: &[usize]) -> Result<Batch> {
            Ok(Batch::new(ops::normal(0.0, 1.0, (indices.len(), 2))?, indices.len()))
        }
    }
    let loader = |workers| DataLoader::new(Noise, 4).unwrap().seed(3).workers(workers);
    let expected = epoch(&loader(0));
    assert_eq!(epoch(&loader(3)), expected);
    assert!((1..5).all(|i| expected[i] != expected[0]));
}

#[test]
fn nothing_is_recorded_while_samples_are_loaded() {
    for workers in [0, 2] {
        let weight = NdArray::scalar(2.0_f32).attach_grad(GradReq::Write).unwrap();
        let samples = numbers(4).transform_first(move |x: &NdArray| {
            assert!(!autograd::is_recording() && !autograd::is_training());
            x * &weight
        });
        let loader = DataLoader::new(samples, 2).unwrap().workers(workers);
        let batch = autograd::record(|| loader.iter().next().unwrap().unwrap());
        assert_eq!(variant(&error(autograd::backward(&batch[0]))), "NotRecorded");
    }
}

#[test]
fn a_loader_without_a_seed_takes_the_next_key() {
    alone("data_loader::a_loader_without_a_seed_takes_the_next_key", || {
        let loader = || DataLoader::new(numbers(50), 50).unwrap().shuffle(true);
        random::seed(5);
        let (first, second) = (values(&loader()), values(&loader()));
        assert_ne!(first, second);
        random::seed(5);
        assert_eq!([values(&loader()), values(&loader())], [first, second]);
    });
}

#[test]
fn shuffle_and_sampler_replace_each_other() {
    let loader = DataLoader::new(numbers(6), 6).unwrap();
    assert_eq!(values(&loader), [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]);
    let loader = loader.shuffle(true).sampler(SequentialSampler::new(2).start(3));
    assert_eq!((values(&loader), loader.n_samples()), (vec![vec![3.0, 4.0]], 2));
    assert_eq!(values(&loader.shuffle(false))[0].len(), 6);
}

#[test]
fn an_epoch_knows_how_many_batches_are_left() {
    let loader = DataLoader::new(numbers(7), 3).unwrap().workers(1);
    let mut batches = loader.iter();
    assert_eq!((batches.len(), loader.n_batches()), (3, 3));
    batches.next().unwrap().unwrap();
    assert_eq!(batches.len(), 2);
    assert_eq!(batches.map(|batch| batch.unwrap().n_samples()).collect::<Vec<_>>(), [3, 1]);
    let loader = loader.last_batch(LastBatch::Rollover);
    loader.iter().for_each(drop);
    assert_eq!((loader.position().epoch(), loader.n_batches()), (2, 3));
}

#[test]
fn an_empty_data_set_has_epochs_without_batches() {
    for last_batch in [LastBatch::Keep, LastBatch::Discard, LastBatch::Rollover] {
        let empty = FnDataset::new(0, |_| unreachable!());
        let loader = DataLoader::new(empty, 4).unwrap().shuffle(true).workers(2);
        let loader = loader.last_batch(last_batch);
        for n in 0..3 {
            assert_eq!(loader.position().epoch(), n);
            assert!(loader.iter().next().is_none());
        }
    }
    assert_eq!(variant(&error(DataLoader::new(numbers(3), 0))), "Setting");
}

#[test]
fn the_rest_of_an_epoch_is_the_same_from_any_position() {
    for (last_batch, workers) in
        [(LastBatch::Keep, 2), (LastBatch::Discard, 0), (LastBatch::Rollover, 3)]
    {
        let loader = |seed| {
            DataLoader::new(drawn(11), 4)
                .unwrap()
                .shuffle(true)
                .last_batch(last_batch)
                .seed(seed)
                .workers(workers)
        };
        let whole = loader(7);
        let mut seen: Vec<(Position, Vec<Vec<u64>>)> = Vec::new();
        for _ in 0..4 {
            let mut batches = whole.iter();
            loop {
                let position = whole.position();
                let Some(batch) = batches.next() else { break };
                seen.push((position, photo(batch)));
            }
        }
        for (i, (position, _)) in seen.iter().enumerate() {
            // Another key and another past: the position brings its own.
            let again = loader(8);
            again.iter().take(1).for_each(drop);
            again.seek(&position.to_string().parse().unwrap()).unwrap();
            assert_eq!(again.position(), *position);
            let mut rest = Vec::new();
            while rest.len() < seen.len() - i {
                rest.extend(epoch(&again));
            }
            let expected: Vec<_> = seen[i..].iter().map(|(_, photo)| photo.clone()).collect();
            assert_eq!(rest, expected, "{last_batch} from {position}");
        }
    }
}

#[test]
fn nothing_before_a_position_is_loaded() {
    let loaded = Arc::new(Mutex::new(Vec::new()));
    let log = loaded.clone();
    let samples = FnDataset::new(10, move |i| {
        log.lock().unwrap().push(i);
        Ok(NdArray::scalar(i as f32).into())
    });
    let loader = DataLoader::new(samples, 3).unwrap();
    let mut batches = loader.iter();
    batches.next().unwrap().unwrap();
    batches.next().unwrap().unwrap();
    let position = loader.position();
    loaded.lock().unwrap().clear();
    loader.seek(&position).unwrap();
    assert_eq!(values(&loader), [vec![6.0, 7.0, 8.0], vec![9.0]]);
    assert_eq!(*loaded.lock().unwrap(), [6, 7, 8, 9]);
}

#[test]
fn an_iteration_is_an_epoch_whether_it_was_used_up_or_not() {
    let loader = DataLoader::new(numbers(6), 2).unwrap();
    let at = |loader: &DataLoader| (loader.position().epoch(), loader.position().batches());
    assert_eq!(at(&loader), (0, 0));
    let mut first = loader.iter();
    first.next().unwrap().unwrap();
    assert_eq!(at(&loader), (0, 1));
    let mut second = loader.iter();
    assert_eq!(at(&loader), (1, 0));
    first.next().unwrap().unwrap();
    assert_eq!(at(&loader), (1, 0), "an older iteration has no say");
    second.by_ref().take(3).for_each(drop);
    assert_eq!(at(&loader), (1, 3), "the end has not been seen");
    assert!(second.next().is_none() && second.next().is_none());
    assert_eq!(at(&loader), (2, 0));
    assert_eq!(values(&loader).len(), 3);
    assert_eq!(at(&loader), (3, 0));
}

#[test]
fn a_position_of_another_loader_is_refused_and_changes_nothing() {
    let loader = DataLoader::new(numbers(10), 4).unwrap().seed(1);
    let position = loader.position();
    let others = [
        ("samples", DataLoader::new(numbers(11), 4).unwrap()),
        ("batch_size", DataLoader::new(numbers(10), 5).unwrap()),
        ("last_batch", DataLoader::new(numbers(10), 4).unwrap().last_batch(LastBatch::Discard)),
        ("epoch_samples", DataLoader::new(numbers(10), 4).unwrap().sampler(RandomSampler::new(9))),
    ];
    for (what, other) in others {
        let Error::Position { what: found, .. } = error(loader.seek(&other.position())) else {
            panic!("{what}")
        };
        assert_eq!(found, what);
    }
    let beyond = position.to_string().replace("\"batches\":0", "\"batches\":4");
    let refused = error(loader.seek(&beyond.parse().unwrap())).to_string();
    assert_eq!(refused, "cannot seek: the loader has `batches` 3 or fewer, the position 4");
    assert_eq!(loader.position(), position);
}

#[test]
fn texts_that_are_no_position_are_refused() {
    let text = DataLoader::new(numbers(10), 4).unwrap().seed(u64::MAX).position().to_string();
    assert_eq!(text.parse::<Position>().unwrap().key(), u64::MAX);
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        text.replace(from, to)
    };
    for text in [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        changed("\"0xffffffffffffffff\"", "7"),
        changed("0xffffffffffffffff", "0x1ffffffffffffffff"),
        changed("\"epoch\":0", "\"epoch\":-1"),
        changed("\"batches\":0", "\"batches\":1.5"),
        changed("\"batches\":0", "\"batches\":1e30"),
        changed("\"samples\":10", "\"samples\":\"10\""),
        changed("\"last_batch\":\"keep\"", "\"last_batch\":null"),
    ] {
        assert_eq!(variant(&error(text.parse::<Position>())), "PositionText", "{text}");
    }
    let unknown = error(changed("\"keep\"", "\"kepe\"").parse::<Position>());
    assert_eq!(unknown.hint().unwrap(), "did you mean `keep`?");
}

#[test]
fn the_last_epoch_there_is_does_not_overflow() {
    let loader = DataLoader::new(numbers(3), 2).unwrap().last_batch(LastBatch::Rollover);
    let text = loader.position().to_string();
    let text = text.replace("\"epoch\":0", &format!("\"epoch\":{}", u64::MAX));
    loader.seek(&text.parse().unwrap()).unwrap();
    assert_eq!(values(&loader).len(), loader.n_batches());
    assert_eq!(loader.position().epoch(), u64::MAX);
}

#[test]
fn more_samples_than_memory_has_addresses_are_refused() {
    let endless = FnDataset::new(usize::MAX, |i| Ok(NdArray::scalar(i as f32).into()));
    let loader = DataLoader::new(endless, 2).unwrap().shuffle(true).workers(2);
    assert_eq!(variant(&error(loader.iter().next().unwrap())), "TooLarge");
}

/// Samples of which some panic, some fail.
fn dangerous() -> impl Dataset + 'static {
    FnDataset::new(20, |i| match i {
        9 => panic!("no sample of number {i}"),
        14 => Err(Error::user("reading", "the disk is gone")),
        i => Ok(NdArray::scalar(i as f32).into()),
    })
}

#[test]
fn a_panic_and_an_error_are_told_in_the_place_of_their_batch() {
    for workers in [0, 1, 3] {
        let loader = DataLoader::new(dangerous(), 2).unwrap().workers(workers);
        let mut batches = loader.iter();
        for i in 0..4 {
            let batch = batches.next().unwrap().unwrap();
            assert_eq!(batch[0].to_vec::<f32>().unwrap(), [2.0 * i as f32, 2.0 * i as f32 + 1.0]);
        }
        let told = error(batches.next().unwrap());
        let text = chain(&told);
        assert_eq!(text, "batch 4 of epoch 0: sample 9: it panicked: no sample of number 9");
        assert!(batches.next().is_none() && batches.next().is_none());
        let position = loader.position();
        assert_eq!((position.epoch(), position.batches()), (0, 4));

        // Tried again, and beyond.
        loader.seek(&position).unwrap();
        assert_eq!(variant(error(loader.iter().next().unwrap()).root()), "Panicked");
        let beyond = position.to_string().replace("\"batches\":4", "\"batches\":5");
        loader.seek(&beyond.parse().unwrap()).unwrap();
        let results: Vec<_> = loader.iter().collect();
        let text = chain(&error(results.into_iter().collect::<Result<Vec<_>>>()));
        let expected = "batch 7 of epoch 0: sample 14: reading failed: the disk is gone";
        assert_eq!(text, expected);
        assert_eq!(loader.iter().next().unwrap().unwrap().n_samples(), 2);
        assert_eq!(loader.position().epoch(), 1);
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[test]
fn a_panic_that_panics_again_is_not_waited_for() {
    struct Bomb(u8);
    impl Drop for Bomb {
        fn drop(&mut self) {
            match self.0 {
                _ if thread::panicking() => {}
                0 => panic!("at last"),
                n => std::panic::panic_any(Bomb(n - 1)),
            }
        }
    }
    let samples = FnDataset::new(4, |_| std::panic::panic_any(Bomb(1)));
    let loader = DataLoader::new(samples, 2).unwrap().workers(1);
    let told = error(loader.iter().next().unwrap());
    assert_eq!(chain(&told), "batch 0 of epoch 0: it panicked: the thread ended");
}

#[test]
fn a_number_that_a_sampler_should_not_give_is_named() {
    for workers in [0, 2] {
        let loader = DataLoader::new(numbers(3), 2).unwrap().workers(workers);
        let loader = loader.sampler(SequentialSampler::new(4));
        let text = chain(&error(loader.iter().collect::<Result<Vec<_>>>()));
        assert_eq!(text, "batch 1 of epoch 0: there is no sample 3: the data set has 3");
    }
}

/// Lets samples be made only while it is open, and counts them.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    begun: AtomicUsize,
}

impl Gate {
    fn pass(&self) {
        self.begun.fetch_add(1, SeqCst);
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    /// Waits until that many samples have been begun.
    fn wait(&self, n: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.begun.load(SeqCst) < n {
            assert!(Instant::now() < deadline, "{} of {n} samples begun", self.begun.load(SeqCst));
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn no_more_batches_than_said_are_loaded_ahead() {
    let gate = Arc::new(Gate::default());
    gate.open();
    let own = gate.clone();
    let samples = FnDataset::new(100, move |i| {
        own.pass();
        Ok(NdArray::scalar(i as f32).into())
    });
    let loader = DataLoader::new(samples, 2).unwrap().workers(3).prefetch(4);
    let mut batches = loader.iter();
    gate.wait(8);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(gate.begun.load(SeqCst), 8);
    batches.next().unwrap().unwrap();
    gate.wait(10);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(gate.begun.load(SeqCst), 10);
}

#[test]
fn a_dropped_iteration_ends_its_threads_after_the_samples_they_are_at() {
    let gate = Arc::new(Gate::default());
    let own = gate.clone();
    let samples = FnDataset::new(1000, move |i| {
        own.pass();
        Ok(NdArray::scalar(i as f32).into())
    });
    let samples: Arc<dyn Dataset> = Arc::new(samples);
    let loader = DataLoader::new(samples.clone(), 100).unwrap().workers(3);
    let batches = loader.iter();
    gate.wait(3);
    let opener = gate.clone();
    let opener = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        opener.open();
    });
    drop(batches);
    opener.join().unwrap();
    assert!(gate.begun.load(SeqCst) < 100, "no batch was finished for nobody");
    assert_eq!(Arc::strong_count(&samples), 2, "no thread holds the data set any more");
    let rest = loader.iter().next().unwrap().unwrap();
    assert_eq!(rest.n_samples(), 100);
}

#[test]
fn an_iteration_outlives_its_loader_and_may_move_to_another_thread() {
    let batches = DataLoader::new(numbers(6), 2).unwrap().workers(2).iter();
    let n = thread::spawn(move || batches.map(|batch| batch.unwrap().n_samples()).sum::<usize>());
    assert_eq!(n.join().unwrap(), 6);
}

#[test]
fn a_loader_of_samples_that_do_not_stack_names_them() {
    let ragged = FnDataset::new(6, |i| Ok(NdArray::zeros(1 + i / 4, DType::F32)?.into()));
    let loader = DataLoader::new(ragged, 3).unwrap().workers(2);
    let told = error(loader.iter().collect::<Result<Vec<_>>>());
    assert_eq!(
        chain(&told),
        "batch 1 of epoch 0: sample 4 does not fit sample 3: array 0, expected shape (1,), \
         float32, found shape (2,), float32"
    );
    assert!(told.hint().unwrap().contains("batchify"));
}
