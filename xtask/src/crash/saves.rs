//! What is saved while the system fails, and what a reader must find then.

use std::fs;
use std::path::Path;

use gluonic::checkpoint::{Checkpoint, Checkpointer, ExportOptions};
use gluonic::storage::simulated::Outcome;
use gluonic::storage::{read, write_atomically};
use gluonic::{NdArray, Snapshot};

/// Something that is saved into a folder of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Save {
    /// A file of that length, over an old one.
    File(usize),
    /// A step of a run, by a checkpointer that then removes the step before.
    Step,
    /// A model in several files and their index, over an old one.
    Shards,
}

/// All of them; the lengths of files: within one buffer of the writer, more than it, many of them.
pub(super) const SAVES: [Save; 5] =
    [Save::File(100), Save::File(300_000), Save::File(2_000_000), Save::Step, Save::Shards];

fn old() -> Vec<u8> {
    vec![b'o'; 200_000]
}

fn new(len: usize) -> Vec<u8> {
    vec![b'n'; len]
}

/// What a step holds beside its parameters.
const NOTE: &str = "note";

const MODEL: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

impl Save {
    pub(super) fn name(self) -> String {
        match self {
            Save::File(len) => format!("file-{len}"),
            Save::Step => "step".to_owned(),
            Save::Shards => "shards".to_owned(),
        }
    }

    /// What is known where a file is in place and its folder could not be synced: of several files,
    /// not whether it was the last.
    pub(super) fn uncertain(self) -> Outcome {
        if matches!(self, Save::File(_)) { Outcome::Done } else { Outcome::Unknown }
    }

    pub(super) fn find(name: &str) -> Option<Save> {
        SAVES.into_iter().find(|save| save.name() == name)
    }

    /// Makes the folder what it is before: an old file, two steps, or an old model.
    pub(super) fn prepare(self, folder: &Path) -> Result<(), String> {
        let prepare = || -> gluonic::Result<()> {
            match self {
                Save::File(_) => write_atomically(&folder.join("net"), |out| out.write_all(&old())),
                Save::Step => (1..=2).try_for_each(|step| save_step(folder, step)),
                Save::Shards => save_shards(folder, OLD_VALUE),
            }
        };
        for name in names(folder)? {
            // A file is saved over what is there, leftovers included.
            if !matches!(self, Save::File(_)) {
                remove(&folder.join(name))?;
            }
        }
        prepare().map_err(|error| error.to_string())
    }

    pub(super) fn act(self, folder: &Path) -> gluonic::Result<()> {
        match self {
            Save::File(len) => {
                write_atomically(&folder.join("net"), |out| out.write_all(&new(len)))
            }
            Save::Step => save_step(folder, 3),
            Save::Shards => save_shards(folder, NEW_VALUE),
        }
    }

    /// Says what is wrong with what is found. `swept` is false if a removal was what failed.
    pub(super) fn check(self, folder: &Path, outcome: Outcome, swept: bool) -> Result<(), String> {
        match self {
            Save::File(len) => {
                let found = read(&folder.join("net")).map_err(|error| error.to_string())?;
                let (is_old, is_new) = (found == old(), found == new(len));
                let fits = match outcome {
                    Outcome::Done => is_new,
                    Outcome::Failed => is_old,
                    Outcome::Unknown => is_old || is_new,
                };
                if !fits {
                    return Err(format!("the file has {} bytes", found.len()));
                }
                if outcome != Outcome::Unknown && swept && names(folder)? != ["net"] {
                    return Err(format!("{:?} are left", names(folder)?));
                }
                Ok(())
            }
            Save::Step => check_steps(folder, outcome),
            Save::Shards => check_shards(folder, outcome),
        }
    }

    /// Saves again without a fault, which must work and leave nothing else.
    pub(super) fn again(self, folder: &Path) -> Result<(), String> {
        let (done, expected): (_, &[&[&str]]) = match self {
            Save::File(_) => (self.act(folder), &[&["net"]]),
            Save::Step => (save_step(folder, 4), &[&[".lock", "latest", "step-00000004"]]),
            Save::Shards => (self.act(folder), &[&SHARDS, &OTHER_SHARDS]),
        };
        done.map_err(|error| format!("saved again: {error}"))?;
        let names = names(folder)?;
        if !expected.iter().any(|expected| names == *expected) {
            return Err(format!("saved again, there are {names:?}"));
        }
        if let Save::Step = self { Ok(()) } else { self.check(folder, Outcome::Done, true) }
    }
}

/// A model's files never take the names of those that they replace.
const SHARDS: [&str; 4] = [
    "model-00001-of-00003.safetensors",
    "model-00002-of-00003.safetensors",
    "model-00003-of-00003.safetensors",
    INDEX,
];
const OTHER_SHARDS: [&str; 4] = [
    "model.1-00001-of-00003.safetensors",
    "model.1-00002-of-00003.safetensors",
    "model.1-00003-of-00003.safetensors",
    INDEX,
];

/// What all elements of the old model are, and of the new one.
const OLD_VALUE: f32 = 6.0;
const NEW_VALUE: f32 = 7.0;

/// Three tensors that hold one value.
fn values(value: f32) -> gluonic::Result<Snapshot> {
    let mut state = Snapshot::new();
    for name in ["a", "b", "c"] {
        state.insert(name, &NdArray::from_vec(vec![value; 100], 100)?)?;
    }
    Ok(state)
}

fn save_shards(folder: &Path, value: f32) -> gluonic::Result<()> {
    // Three tensors of 400 bytes, one for each file.
    let options = ExportOptions { max_shard_bytes: Some(500), ..ExportOptions::default() };
    Checkpoint::from(&values(value)?).export(folder.join(MODEL), &options).map(|_| ())
}

fn save_step(folder: &Path, step: u64) -> gluonic::Result<()> {
    let mut checkpointer = Checkpointer::new(folder).keep_last(1)?;
    let note = |folder: &Path| write_atomically(&folder.join(NOTE), |out| write!(out, "{step}"));
    checkpointer.save_with(step, &values(step as f32)?, note).map(|_| ())
}

/// The latest step is the old or the new one, and every step that is there is whole.
fn check_steps(folder: &Path, outcome: Outcome) -> Result<(), String> {
    let checkpointer = Checkpointer::new(folder);
    let fail = |error: gluonic::Error| error.to_string();
    let latest = checkpointer.latest().map_err(fail)?;
    let fits = match outcome {
        Outcome::Done => latest == Some(3),
        Outcome::Failed => latest == Some(2),
        Outcome::Unknown => matches!(latest, Some(2 | 3)),
    };
    if !fits {
        return Err(format!("the latest step is {latest:?}"));
    }
    for step in checkpointer.steps().map_err(fail)? {
        let folder = checkpointer.path(step);
        let note = read(&folder.join(NOTE)).map_err(fail)?;
        if note != step.to_string().into_bytes() || !holds(&folder.join(MODEL), step as f32)? {
            return Err(format!("step {step} is not whole"));
        }
    }
    Ok(())
}

/// The model is the old one or the new one.
fn check_shards(folder: &Path, outcome: Outcome) -> Result<(), String> {
    let index = folder.join(INDEX);
    let (is_old, is_new) = (holds(&index, OLD_VALUE)?, holds(&index, NEW_VALUE)?);
    let fits = match outcome {
        Outcome::Done => is_new,
        Outcome::Failed => is_old,
        Outcome::Unknown => is_old || is_new,
    };
    if fits { Ok(()) } else { Err("the model is not the one that it should be".to_owned()) }
}

/// Whether a file holds the three tensors, all of that value.
fn holds(file: &Path, value: f32) -> Result<bool, String> {
    let same = || -> gluonic::Result<bool> {
        let expected = Checkpoint::from(&values(value)?).root()?;
        Ok(Checkpoint::open(file)?.root()? == expected)
    };
    same().map_err(|error| error.to_string())
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let names =
        entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<_> = names.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    names.sort();
    Ok(names)
}

fn remove(path: &Path) -> Result<(), String> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|error| format!("cannot remove `{}`: {error}", path.display()))
}
