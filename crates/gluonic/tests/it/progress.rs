//! Whoever observes files sees every byte, and may stop a verb, which then has done nothing.
#![allow(clippy::disallowed_methods, reason = "tests look at files from outside")]

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gluonic::prelude::*;
use gluonic::progress::{Observer, observe};

/// Counts bytes, and breaks once there are more than `most`.
#[derive(Debug)]
struct Count {
    bytes: AtomicU64,
    most: u64,
}

impl Count {
    fn up_to(most: u64) -> Arc<Count> {
        Arc::new(Count { bytes: AtomicU64::new(0), most })
    }
}

impl Observer for Count {
    fn advance(&self, bytes: u64) -> ControlFlow<()> {
        let seen = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if seen > self.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn net(value: f64) -> Sequential {
    let dense = |units, in_units| {
        Dense::with(DenseConfig { units, in_units: Some(in_units), ..Default::default() }).unwrap()
    };
    // One tensor of several pieces, and small ones.
    let net = sequential![dense(2_000, 1_500), dense(10, 2_000), dense(3, 10)];
    net.initialize_with(&init::Constant::new(value), Reinit::Keep).unwrap();
    net
}

fn first(net: &Sequential) -> f32 {
    net[0].weight().unwrap().data().unwrap().slice(s![0, 0]).unwrap().to_scalar().unwrap()
}

#[test]
fn every_byte_of_a_save_and_of_a_load_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["net.params", "net.safetensors", "net.npz"] {
        let file = folder.path().join(name);
        let saved = Count::up_to(u64::MAX);
        observe(saved.clone(), || net(1.0).save_parameters(&file)).unwrap();
        let len = std::fs::metadata(&file).unwrap().len();
        assert_eq!(saved.bytes.load(Ordering::Relaxed), len, "{name}");

        let (loaded, other) = (Count::up_to(u64::MAX), net(2.0));
        observe(loaded.clone(), || other.load_parameters(&file, &LoadOptions::default())).unwrap();
        let seen = loaded.bytes.load(Ordering::Relaxed);
        let values = other.collect_params().unwrap();
        let values: usize = values.iter().map(|p| p.data().unwrap().elem_count() * 4).sum();
        // The checksums of a zip file are compared in a pass of their own.
        assert!(seen >= values as u64 && seen < 2 * len + (1 << 17), "{name}: {seen} of {len}");
        assert_eq!(first(&other), 1.0);
    }
}

#[test]
fn a_save_that_is_stopped_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.params");
    net(1.0).save_parameters(&file).unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = observe(Count::up_to(1 << 20), || net(2.0).save_parameters(&file)).unwrap_err();
    assert!(matches!(error, Error::Io { action: "write", .. }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_load_that_is_stopped_changes_no_parameter() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    net(1.0).save_parameters(&file).unwrap();
    let other = net(2.0);
    let load = || other.load_parameters(&file, &LoadOptions::default());
    let error = observe(Count::up_to(5 << 20), load).unwrap_err();
    assert!(matches!(error.root(), Error::Io { action: "read", .. }), "{error}");
    assert_eq!(first(&other), 2.0);
    load().unwrap();
    assert_eq!(first(&other), 1.0);
}
