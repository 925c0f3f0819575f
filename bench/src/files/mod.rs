//! Saving and loading parameters, beside the libraries whose formats these are.
//!
//! `cargo run --release -- files [--mib 2048] [--rounds 5] [--folder PATH]… [--case NAME]
//! [--torch-python PYTHON] [--mxnet-python PYTHON]`, the interpreters also as
//! `GLUONIC_TORCH_PYTHON` and `GLUONIC_MXNET_PYTHON`. A peer that is not there is named as not run.
//!
//! | case | what |
//! | --- | --- |
//! | `20` | `--mib` MiB of `f32` in 20 tensors |
//! | `20kx1k` | 20,000 tensors of 1,000 `f32` |
//!
//! Each is run in `/dev/shm`, where there is one, and in a folder beside this program, which is on a
//! disk; or in the folders given. What is compared:
//!
//! - `save`: all values to a new file, while nothing else waits to be written. Ours syncs the file
//!   and its folder, always; so every peer is followed by an `fsync` of both, within its time.
//! - `load`: every tensor in memory of its own, from a file that the system has in its cache.
//!   `gluonic` is `load_parameters` into a network, which is more than the peers do, as these give
//!   arrays by name; `gluonic to_arrays` gives the same.
//! - `one`: the file opened and one tensor read, where a library can do that without the others.
//!
//! All libraries read the same file of a format, a peer's where one writes it. They take turns,
//! round by round, each twice, of which the second is timed; freeing what was loaded is not. A
//! line of JSON for each, then the ratio of the fastest peer's median to ours, and what is promised.
//!
//! `… files --convert [--mib 512]` instead looks at how much memory `gluonic convert --memory` takes:
//! see [`convert`].

mod convert;
mod ours;
mod peers;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The values of a case: so many tensors, each of so many `f32`.
#[derive(Clone, Copy, Debug)]
struct Values {
    tensors: usize,
    elements: usize,
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Save,
    Load,
    One,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Task::Save => "save",
            Task::Load => "load",
            Task::One => "one",
        }
    }
}

/// Does a task with a file, and gives the milliseconds.
type Run = Box<dyn FnMut(Task, &Path) -> Result<f64, String>>;

/// One way to do some of the tasks.
struct Entry {
    name: String,
    /// The ending of its files.
    ending: String,
    tasks: Vec<Task>,
    run: Run,
}

impl Entry {
    fn is_ours(&self) -> bool {
        self.name.starts_with("gluonic")
    }
}

#[derive(Debug)]
struct Options {
    mib: Option<usize>,
    rounds: usize,
    folders: Vec<PathBuf>,
    case: String,
    torch: Option<PathBuf>,
    mxnet: Option<PathBuf>,
    gluonic: Option<PathBuf>,
    convert: bool,
}

const USAGE: &str = "usage: gluonic-bench files [--mib N] [--rounds N] [--folder PATH]… [--case NAME]\n\
                     [--torch-python PYTHON] [--mxnet-python PYTHON]\n       \
                     gluonic-bench files --convert [--mib N] [--folder PATH] [--gluonic PROGRAM]";

pub fn run(args: impl Iterator<Item = String>) -> Result<(), String> {
    let options = options(args)?;
    if options.convert {
        return convert::run(&options);
    }
    let mib = options.mib.unwrap_or(2048);
    println!("saves include the fsync of the file and of its folder, on both sides");
    let cases = [
        ("20", Values { tensors: 20, elements: (mib << 20) / 4 / 20 }),
        ("20kx1k", Values { tensors: 20_000, elements: 1_000 }),
    ];
    for (case, values) in cases {
        if options.case.is_empty() || options.case == case {
            for folder in folders(&options)? {
                compare(case, values, &folder, &options)
                    .map_err(|why| format!("{case} in `{}`: {why}", folder.display()))?;
            }
        }
    }
    Ok(())
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let named = |name: &str| env::var_os(name).map(PathBuf::from);
    let mut options = Options {
        mib: None,
        rounds: 5,
        folders: Vec::new(),
        case: String::new(),
        torch: named("GLUONIC_TORCH_PYTHON"),
        mxnet: named("GLUONIC_MXNET_PYTHON"),
        gluonic: None,
        convert: false,
    };
    while let Some(word) = args.next() {
        if word == "--convert" {
            options.convert = true;
            continue;
        }
        let value = args.next().ok_or(USAGE)?;
        let number = || value.parse().ok().filter(|number| *number > 0).ok_or(USAGE);
        match word.as_str() {
            "--mib" => options.mib = Some(number()?),
            "--rounds" => options.rounds = number()?,
            "--folder" => options.folders.push(value.into()),
            "--case" => options.case = value,
            "--torch-python" => options.torch = Some(value.into()),
            "--mxnet-python" => options.mxnet = Some(value.into()),
            "--gluonic" => options.gluonic = Some(value.into()),
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(options)
}

/// Where files are written: folders of our own inside of those given.
fn folders(options: &Options) -> Result<Vec<PathBuf>, String> {
    let mut folders = options.folders.clone();
    if folders.is_empty() {
        folders.extend(Path::new("/dev/shm").is_dir().then(|| "/dev/shm".into()));
        folders.extend(beside_program());
    }
    let inside = |folder: PathBuf| {
        let folder = folder.join(format!("gluonic-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|err| format!("`{}`: {err}", folder.display()))?;
        Ok(folder)
    };
    folders.into_iter().map(inside).collect()
}

/// The folder of this program, which cargo has made.
fn beside_program() -> Option<PathBuf> {
    Some(env::current_exe().ok()?.parent()?.to_owned())
}

fn compare(case: &str, values: Values, folder: &Path, options: &Options) -> Result<(), String> {
    let mut entries = ours::entries(values)?;
    entries.extend(peers::safetensors_crate(values));
    for (what, variable, python) in [
        ("torch", "GLUONIC_TORCH_PYTHON", &options.torch),
        ("mxnet", "GLUONIC_MXNET_PYTHON", &options.mxnet),
    ] {
        match python {
            None => println!("not run: {what}, since {variable} names no interpreter"),
            Some(python) => match peers::python(what, python, values) {
                Ok(more) => entries.extend(more),
                Err(why) => println!("not run: {what}, {why}"),
            },
        }
    }
    let done = race(case, folder, options.rounds, &mut entries);
    let removed = fs::remove_dir_all(folder).map_err(|err| err.to_string());
    done.and(removed)
}

/// Runs every task, its entries in turn.
fn race(case: &str, folder: &Path, rounds: usize, entries: &mut [Entry]) -> Result<(), String> {
    let file = |entry: &Entry| folder.join(format!("model.{}", entry.ending));
    for task in [Task::Save, Task::Load, Task::One] {
        let mut times = vec![Vec::new(); entries.len()];
        for _ in 0..rounds {
            for (entry, times) in entries.iter_mut().zip(&mut times) {
                if entry.tasks.contains(&task) {
                    times.push(turn(entry, task, &file(entry))?);
                }
            }
        }
        report(case, task, folder, entries, times);
        if task == Task::Save {
            // The files to load: of each format that of the last entry, which is a peer if there is one.
            for i in 0..entries.len() {
                let (before, after) = entries.split_at_mut(i + 1);
                let saves = |entry: &Entry| entry.tasks.contains(&Task::Save);
                let entry = &mut before[i];
                let later = |other: &Entry| saves(other) && other.ending == entry.ending;
                if saves(entry) && !after.iter().any(later) {
                    let file = file(entry);
                    (entry.run)(Task::Save, &file)?;
                }
            }
        }
    }
    Ok(())
}

/// One turn of an entry: the task once untimed, then timed. While the others had their turns, the
/// system may have taken the file out of its cache, and memory of this entry back.
fn turn(entry: &mut Entry, task: Task, file: &Path) -> Result<f64, String> {
    let mut once = || {
        if task == Task::Save {
            remove(file)?;
            // Nothing of what came before is left to be written. Without such a program there may be.
            let _ = Command::new("sync").status();
        }
        (entry.run)(task, file)
            .map_err(|why| format!("{} of {}: {why}", task.name(), entry.name))
    };
    once()?;
    let time = once()?;
    // One file at a time, so that a folder in memory need not hold them all.
    if task == Task::Save {
        remove(file)?;
    }
    Ok(time)
}

fn remove(file: &Path) -> Result<(), String> {
    match fs::remove_file(file) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => {
            Err(format!("cannot remove `{}`: {err}", file.display()))
        }
        _ => Ok(()),
    }
}

/// What is promised: so many times as fast as the fastest peer.
fn promise(case: &str, task: Task) -> Option<f64> {
    match (task, case) {
        (Task::Save, _) => Some(1.0),
        (Task::Load, "20kx1k") => Some(2.0),
        (Task::Load, _) => Some(1.5),
        (Task::One, _) => None,
    }
}

fn report(case: &str, task: Task, folder: &Path, entries: &[Entry], times: Vec<Vec<f64>>) {
    let (task_name, shown) = (task.name(), folder.parent().unwrap_or(folder).display());
    let mut medians = Vec::new();
    for (entry, mut times) in entries.iter().zip(times).filter(|(_, times)| !times.is_empty()) {
        times.sort_by(f64::total_cmp);
        let (name, median) = (&entry.name, times[times.len() / 2]);
        println!(
            "{{\"case\":\"{task_name}_{case}\",\"impl\":\"{name}\",\"folder\":\"{shown}\",\
             \"ms\":{median:.3},\"min_ms\":{:.3},\"n\":{}}}",
            times[0],
            times.len()
        );
        medians.push((entry, median));
    }
    let peers = medians.iter().filter(|(entry, _)| !entry.is_ours());
    let Some((peer, fastest)) = peers.min_by(|one, other| one.1.total_cmp(&other.1)) else {
        return;
    };
    for (entry, median) in medians.iter().filter(|(entry, _)| entry.is_ours()) {
        let promised =
            promise(case, task).map_or(String::new(), |times| format!(", promised {times}x"));
        println!(
            "{task_name} {case} in {shown}: {} {median:.1} ms, {} {fastest:.1} ms: {:.2}x{promised}",
            entry.name,
            peer.name,
            fastest / median
        );
    }
}
