//! What a record of digests finds: damage in the file, damage in the record, a record of another
//! state of the file.
#![allow(clippy::disallowed_methods, reason = "tests damage files on purpose")]

use std::path::Path;

use gluonic::checkpoint::{ExportOptions, Record};
use gluonic::prelude::*;
use gluonic_formats::{Limits, read_header};
use insta::assert_snapshot;

use crate::support::{Rng, error};

const RECORDED: SaveOptions = SaveOptions { deduplicate: false, digests: true, format: None };

fn net(seed: u64) -> Sequential {
    let net = sequential![Dense::new(16), Dense::new(8), Dense::new(3)];
    let options = InitOptions { seed: Some(seed), ..InitOptions::default() };
    net.initialize_opts(&options).unwrap();
    net.infer_shapes(&[(1, 5)]).unwrap();
    net.named_parameters().iter().for_each(|(_, p)| p.data().unwrap().add_assign(0.5).unwrap());
    net
}

fn bytes(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap()
}

/// The tensor in whose data a byte stands.
fn owner(file: &[u8], byte: usize) -> Option<String> {
    let header = read_header(file, &Limits::default()).unwrap();
    let owner = header.entries.iter().find(|entry| entry.range.contains(&byte));
    owner.map(|entry| entry.name.to_string())
}

/// Flips bits one at a time, 10,000 of them, and asks what is found.
fn flip_bits(whole: &[u8], open: impl Fn(&[u8]) -> Result<Checkpoint>) {
    let mut rng = Rng::new(20_261_124);
    let mut flipped = whole.to_vec();
    let (mut refused, mut in_data) = (0, 0);
    for _ in 0..10_000 {
        let bit = rng.below(whole.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        let found = open(&flipped).and_then(|checkpoint| checkpoint.verify());
        match (found, owner(whole, bit / 8)) {
            (Ok(Some(damage)), Some(owner)) => {
                let names: Vec<_> = damage.iter().map(|damage| &*damage.name).collect();
                assert_eq!(names, [owner], "bit {bit}");
                in_data += 1;
            }
            (found, Some(owner)) => panic!("bit {bit} in `{owner}`: {found:?}"),
            (Ok(Some(damage)), None) => assert!(!damage.is_empty(), "bit {bit}"),
            (Ok(None), None) => panic!("bit {bit} hides the record"),
            (Err(_), None) => refused += 1,
        }
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(in_data > 1000 && refused > 1000, "{in_data} in data, {refused} refused");
}

#[test]
fn ten_thousand_bit_flips_of_a_safetensors_file_are_all_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.safetensors");
    let net = net(1);
    // Initial values, so that the metadata tells where they are from.
    net.initialize_with(&init::Normal::new(1.0), Reinit::Force).unwrap();
    net.save_parameters_with(&file, &RECORDED).unwrap();
    let whole = bytes(&file);
    assert_eq!(Checkpoint::open(&file).unwrap().verify().unwrap().unwrap(), []);
    flip_bits(&whole, |bytes| Checkpoint::from_bytes(bytes.to_vec()));
}

#[test]
fn ten_thousand_bit_flips_of_a_params_file_are_all_found_by_the_record_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.params");
    net(1).save_parameters_with(&file, &RECORDED).unwrap();
    let whole = bytes(&file);
    flip_bits(&whole, |bytes| {
        std::fs::write(&file, bytes).unwrap();
        Checkpoint::open(&file)
    });
}

#[test]
fn every_bit_flip_of_a_record_beside_a_file_is_told_from_damage_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fc.params");
    let net = sequential![Dense::new(2)];
    net.initialize().unwrap();
    net.infer_shapes(&[(1, 2)]).unwrap();
    net.save_parameters_with(&file, &RECORDED).unwrap();
    let record = folder.path().join("fc.params.digests.json");
    let mut bytes = bytes(&record);
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&record, &bytes).unwrap();
        let found = Checkpoint::open(&file).unwrap().verify();
        match found {
            Err(Error::Record { stale: false, .. }) => {}
            // White space.
            Ok(Some(damage)) => assert_eq!(damage, [], "bit {bit}"),
            found => panic!("bit {bit}: {found:?}"),
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_save_without_digests_takes_the_old_record_away_and_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["net.params", "net.npz"] {
        let file = folder.path().join(name);
        let record = folder.path().join(format!("{name}.digests.json"));
        net(1).save_parameters_with(&file, &RECORDED).unwrap();
        assert_eq!(Checkpoint::open(&file).unwrap().check().unwrap().record, {
            Record::Sidecar(record.clone())
        });
        net(2).save_parameters(&file).unwrap();
        assert!(!record.exists());
        let report = Checkpoint::open(&file).unwrap().check().unwrap();
        assert_eq!((report.record.clone(), report.is_clean()), (Record::None, true));
        // Somebody's own file of that name stays.
        std::fs::write(&record, "{\"mine\": 1}").unwrap();
        net(3).save_parameters(&file).unwrap();
        assert_eq!(bytes(&record), b"{\"mine\": 1}");
        let exported = ExportOptions { digests: true, ..ExportOptions::default() };
        Checkpoint::open(&file).unwrap().export(&file, &exported).unwrap();
        assert_eq!(Checkpoint::open(&file).unwrap().verify().unwrap().unwrap(), []);
    }
}

/// What `verify` says, with its hint.
fn told(file: &Path) -> String {
    let error = error(Checkpoint::open(file).unwrap().verify().map(|_| ()));
    let text = format!("{error}\nhint: {}", error.hint().unwrap_or_default());
    text.replace(&*file.parent().unwrap().to_string_lossy(), "")
}

#[test]
fn a_record_of_another_state_of_the_file_is_told_from_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("net.params"), folder.path().join("other.params"));
    net(1).save_parameters_with(&file, &RECORDED).unwrap();
    // Another program writes the file again: trained, or of other sizes.
    let trained = net(2);
    trained.named_parameters().iter().for_each(|(_, p)| p.data().unwrap().add_assign(1.0).unwrap());
    trained.save_parameters(&other).unwrap();
    std::fs::copy(&other, &file).unwrap();
    assert_snapshot!(told(&file), @r"
    the record of digests `/net.params.digests.json` is of another state of its file: every tensor has other values than it tells of
    hint: save the file with digests again, or remove the record
    ");
    let wider = sequential![Dense::new(9)];
    wider.initialize().unwrap();
    wider.infer_shapes(&[(1, 5)]).unwrap();
    wider.save_parameters(&other).unwrap();
    std::fs::copy(&other, &file).unwrap();
    assert_snapshot!(told(&file), @r"
    the record of digests `/net.params.digests.json` is of another state of its file: it is of a file of 1374 bytes, this one has 350
    hint: save the file with digests again, or remove the record
    ");
    let report = Checkpoint::open(&file).unwrap().check().unwrap();
    assert!(matches!(report.record, Record::Unusable { stale: true, .. }));
    assert!(report.damage.is_none() && !report.is_clean());
}

#[test]
fn a_record_that_is_none_or_huge_or_a_link_or_a_pipe_is_never_followed_and_never_needed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("net.params");
    let record = folder.path().join("net.params.digests.json");
    net(1).save_parameters_with(&file, &RECORDED).unwrap();
    let good = bytes(&record);
    let mut huge = good.clone();
    huge.resize(8 << 20, b' ');
    let deep = "[".repeat(100_000);
    for (what, text) in [
        ("huge", huge.as_slice()),
        ("empty", b""),
        ("no text", &[0xFF, 0xFE]),
        ("deep", deep.as_bytes()),
        ("a list", b"[]"),
        ("without length", b"{\"gluonic.digest\": \"\", \"gluonic.digests\": {}}"),
        ("without digests", b"{\"gluonic.bytes\": \"1\"}"),
    ] {
        std::fs::write(&record, text).unwrap();
        let checkpoint = Checkpoint::open(&file).unwrap();
        assert!(checkpoint.get("0.weight").is_ok(), "{what}");
        assert!(
            matches!(checkpoint.verify(), Err(Error::Record { stale: false, .. })),
            "{what}: {:?}",
            checkpoint.verify()
        );
    }
    std::fs::remove_file(&record).unwrap();
    #[cfg(unix)]
    {
        let secret = folder.path().join("secret");
        std::fs::write(&secret, &good).unwrap();
        std::os::unix::fs::symlink(&secret, &record).unwrap();
        assert!(told(&file).contains("cannot be used: it is a symbolic link"), "{}", told(&file));
        // Nor is a link written through, and the file before stays.
        let before = bytes(&file);
        let refused = net(5).save_parameters_with(&file, &RECORDED);
        assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
        assert_eq!((bytes(&secret), bytes(&file)), (good, before));
        std::fs::remove_file(&record).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&record).status();
        if made.is_ok_and(|status| status.success()) {
            assert!(told(&file).contains("it is a pipe"), "{}", told(&file));
        }
    }
}

#[test]
fn every_format_that_is_written_can_carry_a_record_also_in_several_files() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("net.safetensors");
    net(1).save_parameters(&source).unwrap();
    let checkpoint = Checkpoint::open(&source).unwrap();
    for max_shard_bytes in [None, Some(400), Some(1 << 20)] {
        for name in ["a.safetensors", "a.params", "a.npz"] {
            let options = ExportOptions { digests: true, max_shard_bytes, ..Default::default() };
            let folder = tempfile::tempdir().unwrap();
            let report = checkpoint.export(folder.path().join(name), &options);
            let Ok(report) = report else {
                // Only some formats can stand in an index.
                assert!(max_shard_bytes == Some(400), "{name}: {report:?}");
                continue;
            };
            let written = Checkpoint::open(report.files.last().unwrap()).unwrap();
            assert_eq!(written.verify().unwrap().unwrap(), [], "{name} {max_shard_bytes:?}");
            assert_eq!(written.root().unwrap(), report.root);
        }
    }
}
