//! Steps 12 and 13: files, read by another process and by another net.

use std::env;
use std::path::Path;
use std::process::Command;

use gluonic::prelude::{BlockExt, Dense, LoadOptions, NdArray, SaveLoad, sequential};

use super::check::{Tour, fails, run, show};
use super::digit_net::{digit_net, features};
use super::digits::Digits;
use super::numbers::{n_same_bits, same_bits};
use super::train::Trained;
use crate::error::{Error, Result};

pub(super) fn other_process(
    tour: &mut Tour,
    trained: &Trained,
    seed: u64,
    folder: &Path,
) -> Result<()> {
    tour.step(
        "Saving, and loading in another process",
        "A second process builds the same net, loads the file, reads the held-out digits and \
         sends its outputs back. They have the same bits.",
    );
    let Trained { net, held_out, .. } = trained;
    run!(tour, let digits = folder.join("digits.safetensors"));
    run!(tour, net.save_parameters(&digits)?);
    check_outputs(tour, trained, seed, &digits, ".safetensors")?;
    run!(tour, let digits_params = folder.join("digits.params"));
    run!(tour, net.save_parameters(&digits_params)?);
    check_outputs(tour, trained, seed, &digits_params, ".params")?;

    let size = |file: &Path| {
        let metadata = file.metadata();
        metadata.map_err(|source| Error::Io { action: "look at a saved file", source })
    };
    let (once, twice) = (size(&digits)?.len(), size(&digits_params)?.len());
    tour.value(&format!("digits.safetensors: {once} bytes, digits.params: {twice} bytes"));
    let tied = 4.0 * (64.0 * 64.0 + 64.0);
    tour.at_least(
        "bytes saved by .safetensors, which holds tied layers once",
        0.9 * tied,
        twice as f64 - once as f64,
    );
    run!(tour, let again = digit_net()?);
    show!(tour, let loaded = again.load_parameters(&digits, &LoadOptions::default())?.loaded.join(" "));
    tour.equal("paths loaded", 6, loaded.split(' ').count());
    tour.holds("a loaded net keeps its ties", again[1].weight()?.ptr_eq(&again[2].weight()?));
    let outputs = (net.call(&held_out.images)?, again.call(&held_out.images)?);
    tour.holds("and computes the same in this process too", same_bits(&outputs.0, &outputs.1)?);
    Ok(())
}

/// Lets another process read the held-out digits with the parameters of a file.
fn check_outputs(
    tour: &mut Tour,
    trained: &Trained,
    seed: u64,
    file: &Path,
    kind: &str,
) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    tour.code(&format!("$ gluonic tour-predict {name} --seed {seed}"));
    let failed = |source| Error::Io { action: "start a second process", source };
    let program = env::current_exe().map_err(failed)?;
    let child = Command::new(program)
        .arg("tour-predict")
        .arg(file)
        .args(["--seed", &seed.to_string()])
        .output()
        .map_err(failed)?;
    if !child.status.success() {
        let stderr = String::from_utf8_lossy(&child.stderr).into_owned();
        return Err(Error::Child { status: child.status, stderr });
    }
    let outputs = trained.net.call(&trained.held_out.images)?;
    let values = child
        .stdout
        .chunks_exact(4)
        .map(|bytes| bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u32::from(*byte)));
    let theirs: Vec<f32> = values.map(f32::from_bits).collect();
    let theirs = NdArray::from_vec(theirs, child.stdout.len() / 4)?;
    let what = format!("outputs from {kind} with the same bits");
    tour.equal(&what, outputs.elem_count(), n_same_bits(&outputs, &theirs)?);
    Ok(())
}

/// What the second process writes: the outputs for the held-out digits, as little-endian `f32`.
pub(super) fn outputs(file: &Path, seed: u64) -> Result<Vec<u8>> {
    let (_, held_out) = Digits::load()?.split(seed)?;
    let net = digit_net()?;
    let _report = net.load_parameters(file, &LoadOptions::default())?;
    let outputs = net.call(&held_out.images)?.to_vec::<f32>()?;
    Ok(outputs.iter().flat_map(|value| value.to_le_bytes()).collect())
}

pub(super) fn other_net(tour: &mut Tour, trained: &Trained, folder: &Path) -> Result<()> {
    tour.step(
        "A part of one net into a part of another",
        "Paths in a file start at the block that was saved, so what was a whole can become a part.",
    );
    let (net, x) = (&trained.net, &trained.held_out.images);
    run!(tour, let learned = net.slice(..3));
    run!(tour, let file = folder.join("features.safetensors"));
    run!(tour, learned.save_parameters(&file)?);
    run!(tour, let other = sequential![features()?, Dense::new(2)]);
    run!(tour, other.initialize()?);
    show!(tour, other);
    show!(tour, let loaded = other[0].load_parameters(&file, &LoadOptions::default())?.loaded.join(" "));
    show!(tour, other);
    tour.equal("loaded", "0.weight 0.bias 1.weight 1.bias", loaded.as_str());
    tour.holds(
        "the part computes what it did there",
        same_bits(&learned.call(x)?, &other[0].call(x)?)?,
    );
    tour.holds(
        "with new parameters, not those of the old net",
        !other[0][0].weight()?.ptr_eq(&net[0].weight()?),
    );
    tour.holds("tied as before", other[0][1].weight()?.ptr_eq(&other[0][2].weight()?));
    tour.holds("the rest still waits for its first forward", other[1].weight()?.is_deferred());
    show!(tour, other.call(x)?.dims());

    tour.text("A file that does not fit changes nothing; all that is wrong is told at once.");
    let before = net[3].weight()?.data()?.deep_clone()?;
    let error = fails!(tour, net.load_parameters(&file, &LoadOptions::default()));
    tour.holds("refused", matches!(error, Some(gluonic::Error::Load(_))));
    tour.holds("and nothing changed", same_bits(&before, &net[3].weight()?.data()?)?);
    Ok(())
}
