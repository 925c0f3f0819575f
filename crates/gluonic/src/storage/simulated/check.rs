//! Runs something on a simulated disk with every fault at every operation, crashes it at every
//! moment, and looks at every state that may be left.

use std::fmt;
use std::io::{Error as IoError, Write};
use std::path::{Path, PathBuf};

use super::super::temporary::is_temporary;
use super::super::vfs::Vfs;
use super::super::{publish_folder, retire_folder, sweep, write_atomically_on};
use super::{Content, Fault, Simulated};
use crate::error::{Error, Result};

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, and a crash came after that or not at all.
    Done,
    /// It failed, and there was no crash.
    Failed,
    /// A crash came, or it could not tell whether it was done.
    Unknown,
}

type Act = Box<dyn Fn(&dyn Vfs) -> Result<()>>;
type Check = Box<dyn Fn(&Simulated, Outcome) -> Result<(), String>>;

/// What is done, and what a reader must find then.
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// The disk before.
    pub before: Simulated,
    /// What is done. Doing it again after a crash must succeed and leave no temporaries.
    pub act: Act,
    /// Whether a failure may leave temporaries, for the next time to remove: where the removal is
    /// what fails.
    pub may_leave: bool,
    /// Says what is wrong with what is found.
    pub check: Check,
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How often it was done: once for every fault at every operation.
    pub runs: u64,
    /// How many states after a crash were looked at.
    pub states: u64,
    /// Whether these are all that there are.
    pub is_exhaustive: bool,
    /// What is wrong, each with when.
    pub violations: Vec<String>,
}

/// The states that are looked at for each moment of the run without a fault.
const WITHOUT_FAULT: u64 = 1_000_000;

/// Looks at every state of a run without a fault, and of each run with one at `limit` states for
/// each moment.
pub fn every_crash(scenario: &Scenario, limit: u64) -> Tally {
    let mut tally = Tally { runs: 0, states: 0, is_exhaustive: true, violations: Vec::new() };
    let first = scenario.before.synced(None);
    run(scenario, &first, "no fault", WITHOUT_FAULT, &mut tally);
    // A fault may lead to operations that there are not without it.
    for number in 0..first.operations() + 8 {
        for fault in Fault::ALL {
            let disk = scenario.before.synced(Some((number, fault)));
            let when = format!("{fault:?} at operation {number}");
            run(scenario, &disk, &when, limit, &mut tally);
        }
    }
    tally
}

fn run(scenario: &Scenario, disk: &Simulated, when: &str, limit: u64, tally: &mut Tally) {
    tally.runs += 1;
    let outcome = match (scenario.act)(disk) {
        Ok(()) => Outcome::Done,
        Err(Error::DurabilityUncertain { .. }) => Outcome::Unknown,
        Err(_) => Outcome::Failed,
    };
    let mut report = |what: &str, problem: String| {
        tally.violations.push(format!("{}, {when}, {what}: {problem}", scenario.name));
    };
    if let Err(problem) = (scenario.check)(disk, outcome) {
        report("without a crash", problem);
    }
    let known = temporaries(&scenario.before);
    if outcome == Outcome::Failed
        && !scenario.may_leave
        && let Some(left) = temporaries(disk).iter().find(|path| !known.contains(path))
    {
        report("without a crash", format!("`{}` is left", left.display()));
    }
    let (states, all) = disk.crashes(limit, |crashed, is_last| {
        let outcome = match outcome {
            Outcome::Done if is_last => Outcome::Done,
            _ => Outcome::Unknown,
        };
        if let Err(problem) = (scenario.check)(&crashed, outcome) {
            report("after a crash", problem);
        }
        let again = (scenario.act)(&crashed).map_err(|error| error.to_string());
        let again = again.and_then(|()| (scenario.check)(&crashed, Outcome::Done));
        if let Err(problem) = again {
            report("done again after a crash", problem);
        }
        if let Some(left) = temporaries(&crashed).first() {
            report("done again after a crash", format!("`{}` is left", left.display()));
        }
    });
    tally.states += states;
    tally.is_exhaustive &= all;
}

fn temporaries(disk: &Simulated) -> Vec<PathBuf> {
    let paths = disk.everything().into_iter().map(|(path, _)| path);
    paths.filter(|path| path.iter().any(|part| is_temporary(&part.to_string_lossy()))).collect()
}

const OLD_MODE: u32 = 0o640;

fn old() -> Vec<u8> {
    b"old".repeat(234)
}

/// More than two sectors, in more than one write.
fn new() -> Vec<u8> {
    b"NEW!".repeat(320)
}

fn save(vfs: &dyn Vfs, path: &str, bytes: &[u8]) -> Result<()> {
    write_atomically_on(vfs, Path::new(path), |out| out.write_all(bytes))
}

/// Puts a file on a disk as some other program would.
fn put(disk: &Simulated, path: &str, mode: u32, bytes: &[u8]) {
    let create = || -> Result<(), IoError> {
        let mut file = disk.create(Path::new(path), false)?;
        let like = super::Metadata { mode: Some(mode), ..disk.metadata(Path::new(path))? };
        file.keep(&like)?;
        file.write_all(bytes)
    };
    create().expect("a new file on an empty disk");
}

/// The file at `path` is one of these.
fn is_one_of(disk: &Simulated, path: &str, allowed: &[Content]) -> Result<(), String> {
    let everything = disk.everything();
    let found = everything.into_iter().find(|(at, _)| at == Path::new(path));
    let found = found.and_then(|(_, content)| content);
    if allowed.contains(&found) {
        return Ok(());
    }
    let shown = found.map(|(mode, bytes)| format!("{} bytes, mode {mode:o}", bytes.len()));
    Err(format!("`{path}` is {}", shown.as_deref().unwrap_or("missing")))
}

/// The names and bytes of files.
type Files<'a> = Vec<(&'a str, Vec<u8>)>;

/// The folder at `path` holds exactly one of these lists of files, or is missing for `None`.
fn folder_is_one_of(
    disk: &Simulated,
    path: &str,
    allowed: &[Option<Files<'_>>],
) -> Result<(), String> {
    let found = disk.metadata(Path::new(path)).ok().map(|_| {
        let inside = disk.everything().into_iter().filter_map(|(at, content)| {
            let name = at.strip_prefix(path).ok()?.to_str()?.to_owned();
            content.map(|(_, bytes)| (name, bytes))
        });
        inside.collect::<Vec<_>>()
    });
    let is = |list: &Option<Files<'_>>| match (list, &found) {
        (None, None) => true,
        (Some(list), Some(found)) => list
            .iter()
            .map(|(name, bytes)| (*name, bytes))
            .eq(found.iter().map(|(name, bytes)| (name.as_str(), bytes))),
        _ => false,
    };
    if allowed.iter().any(is) { Ok(()) } else { Err(format!("`{path}` is there in part")) }
}

/// The protocols of this crate: a file replaced and a new one, beside leftovers or not; a folder
/// published, replaced and retired.
pub fn scenarios() -> Vec<Scenario> {
    let empty = Simulated::new;
    let with_old = || {
        let disk = Simulated::new();
        put(&disk, "/net", OLD_MODE, &old());
        disk
    };
    let with_leftover = || {
        let disk = with_old();
        put(&disk, "/.net.1-0.gluonic-tmp", 0o600, b"half");
        disk
    };
    let replaced = |name, before| Scenario {
        name,
        before,
        may_leave: false,
        act: Box::new(|vfs| save(vfs, "/net", &new())),
        check: Box::new(|disk, outcome| {
            let (old, new) = (Some((OLD_MODE, old())), Some((OLD_MODE, new())));
            match outcome {
                Outcome::Done => is_one_of(disk, "/net", &[new]),
                Outcome::Failed => is_one_of(disk, "/net", &[old]),
                Outcome::Unknown => is_one_of(disk, "/net", &[old, new]),
            }
        }),
    };
    vec![
        replaced("a file is replaced", with_old()),
        replaced("a file is replaced beside a leftover", with_leftover()),
        Scenario {
            name: "a file is new",
            before: empty(),
            may_leave: false,
            act: Box::new(|vfs| save(vfs, "/net", &new())),
            check: Box::new(|disk, outcome| {
                let new = Some((0o644, new()));
                match outcome {
                    Outcome::Done => is_one_of(disk, "/net", &[new]),
                    Outcome::Failed => is_one_of(disk, "/net", &[None]),
                    Outcome::Unknown => is_one_of(disk, "/net", &[None, new]),
                }
            }),
        },
        folder("a folder is published", empty(), false),
        folder("a folder is replaced", published(), true),
        Scenario {
            name: "a folder is retired",
            before: published(),
            may_leave: true,
            act: Box::new(|vfs| {
                sweep(vfs, Path::new("/"));
                retire_folder(vfs, Path::new("/step"))
            }),
            check: Box::new(|disk, outcome| {
                let old = Some(vec![("a", old()), ("b", b"b".to_vec())]);
                match outcome {
                    Outcome::Done => folder_is_one_of(disk, "/step", &[None]),
                    Outcome::Failed | Outcome::Unknown => {
                        folder_is_one_of(disk, "/step", &[None, old])
                    }
                }
            }),
        },
    ]
}

fn published() -> Simulated {
    let disk = Simulated::new();
    disk.create_folder(Path::new("/step")).expect("a new folder on an empty disk");
    put(&disk, "/step/a", 0o644, &old());
    put(&disk, "/step/b", 0o644, b"b");
    disk
}

fn folder(name: &'static str, before: Simulated, is_there: bool) -> Scenario {
    Scenario {
        name,
        before,
        may_leave: false,
        act: Box::new(|vfs| {
            sweep(vfs, Path::new("/"));
            publish_folder(vfs, Path::new("/step"), |folder| {
                let write = || -> Result<(), IoError> {
                    // One file as users write theirs, and one by this crate.
                    vfs.create(&folder.join("a"), false)?.write_all(&old()[..600])
                };
                write().map_err(|error| Error::io("write", folder, error))?;
                write_atomically_on(vfs, &folder.join("b"), |out| out.write_all(b"B"))
            })
        }),
        check: Box::new(move |disk, outcome| {
            let new = Some(vec![("a", old()[..600].to_vec()), ("b", b"B".to_vec())]);
            let old = is_there.then(|| vec![("a", old()), ("b", b"b".to_vec())]);
            match outcome {
                Outcome::Done => folder_is_one_of(disk, "/step", &[new]),
                Outcome::Failed => folder_is_one_of(disk, "/step", &[old]),
                Outcome::Unknown => folder_is_one_of(disk, "/step", &[None, old, new]),
            }
        }),
    }
}
