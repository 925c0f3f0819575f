//! Faults in the calls of a real process, injected by `strace`: each kind of fault at each call.
//!
//! A short write cannot be injected, only the lie that bytes were written; the simulated disk has
//! them. A killed process leaves the system's cache behind, so this says nothing about power
//! failures; the simulated disk does.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use gluonic::storage::{read, write_atomically};

use crate::steps::works;
use crate::{Answer, Verdict};

/// The argument that makes this program the one that saves.
pub(super) const CHILD: &str = "--child";

/// The calls that a save consists of.
const CALLS: &str = "write,pwrite64,ftruncate,fallocate,fsync,fdatasync,rename,renameat,\
                     renameat2,openat,close,flock,fchmod,fchown,unlink,getdents64";

/// What is done to a call: by its name where only one kind can suffer it.
const FAULTS: &[(&str, Option<&str>)] = &[
    ("signal=KILL", None),
    ("error=EIO", None),
    ("error=ENOSPC", None),
    ("error=EINTR", Some("write")),
    ("retval=0", Some("write")),
];

/// The lengths of the file: within one buffer of the writer, more than it, many of them.
const LENGTHS: [usize; 3] = [100, 300_000, 2_000_000];

/// How the child says how its save ended.
mod status {
    pub(super) const SAVED: i32 = 0;
    pub(super) const UNCERTAIN: i32 = 10;
    pub(super) const FAILED: i32 = 11;
}

fn old() -> Vec<u8> {
    vec![b'o'; 200_000]
}

fn new(len: usize) -> Vec<u8> {
    vec![b'n'; len]
}

/// Saves over a file, and says by the exit status how it ended.
pub(super) fn child(file: &str, len: &str) -> Answer {
    let len = len.parse().map_err(|_| format!("`{len}` is no length"))?;
    let status = match write_atomically(Path::new(file), |out| out.write_all(&new(len))) {
        Ok(()) => return Ok(Verdict::Clean),
        Err(gluonic::Error::DurabilityUncertain { .. }) => status::UNCERTAIN,
        Err(_) => status::FAILED,
    };
    std::process::exit(status)
}

/// Does `runs` faulty saves, and returns what went wrong.
pub(super) fn run(runs: usize) -> Result<Vec<String>, String> {
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-o", "/dev/null", "true"]);
    if !works(strace) {
        println!("injected: SKIPPED, since `strace` is not installed or may not trace");
        return Ok(Vec::new());
    }
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
    let bench = Bench { folder: folder.path(), file: &folder.path().join("net") };
    let mut violations = Vec::new();
    let (mut done, mut complete) = (0, 0);
    'runs: loop {
        for len in LENGTHS {
            bench.put_old()?;
            for (call, count) in bench.count(len)? {
                for (fault, only) in FAULTS {
                    if only.is_some_and(|only| only != call) {
                        continue;
                    }
                    for when in 1..=count {
                        if done == runs {
                            break 'runs;
                        }
                        let inject = format!("inject={call}:{fault}:when={when}");
                        if let Err(problem) = bench.save(len, &inject) {
                            violations.push(format!("{len} bytes, {inject}: {problem}"));
                        }
                        done += 1;
                    }
                }
            }
        }
        complete += 1;
    }
    println!(
        "injected: {done} runs (every fault at every call {complete} times), {} violations",
        violations.len()
    );
    Ok(violations)
}

struct Bench<'a> {
    folder: &'a Path,
    file: &'a Path,
}

impl Bench<'_> {
    fn put_old(&self) -> Result<(), String> {
        write_atomically(self.file, |out| out.write_all(&old())).map_err(|error| error.to_string())
    }

    fn strace(&self, len: usize, args: &[&str]) -> Result<Option<i32>, String> {
        let program = env::current_exe().map_err(|error| format!("who am I? {error}"))?;
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", &format!("trace={CALLS}")]).args(args).arg(program);
        command.args(["crash", CHILD]).arg(self.file).arg(len.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().map_err(|error| format!("cannot run strace: {error}"))?;
        Ok(status.code())
    }

    /// How often a save does each call, from the start of its process on.
    fn count(&self, len: usize) -> Result<BTreeMap<String, usize>, String> {
        // Not beside the file, where it would count as left over.
        let log = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        let path = log.path().to_str().ok_or("the folder for temporary files has an odd name")?;
        let code = self.strace(len, &["-o", path])?;
        if code != Some(status::SAVED) {
            return Err(format!("a save without a fault ended with {code:?}"));
        }
        let text = read(log.path()).map_err(|error| error.to_string())?;
        Ok(count(&String::from_utf8_lossy(&text)))
    }

    /// Saves with a fault over the old file, then without one; says what is wrong with that.
    fn save(&self, len: usize, inject: &str) -> Result<(), String> {
        self.put_old()?;
        let code = self.strace(len, &["-o", "/dev/null", "-e", inject])?;
        let found = read(self.file).map_err(|error| error.to_string())?;
        let (is_old, is_new) = (found == old(), found == new(len));
        let fits = match code {
            Some(status::SAVED | status::UNCERTAIN) => is_new,
            Some(status::FAILED) => is_old,
            _ => is_old || is_new,
        };
        if !fits {
            return Err(format!("it ended with {code:?}, the file has {} bytes", found.len()));
        }
        let ended = matches!(code, Some(status::SAVED | status::UNCERTAIN | status::FAILED));
        // A fault while leftovers are removed, of which there are none here, would not count.
        if ended && !inject.contains("unlink") && self.names()? != ["net"] {
            return Err(format!("it ended with {code:?} and left {:?}", self.names()?));
        }
        self.put_old()?;
        if self.names()? != ["net"] {
            return Err(format!("the next save left {:?}", self.names()?));
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(self.folder).map_err(|error| error.to_string())?;
        let names = entries
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names.collect::<Result<_, _>>().map_err(|error| error.to_string())
    }
}

/// Counts the calls in a log of `strace -f -o`, whose lines begin with a number.
fn count(log: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let Some((name, _)) = rest.split_once('(') else { continue };
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()) {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_and_nothing_else() {
        let log = "17 openat(AT_FDCWD, \"a\") = 3\n17 write(3, \"x(\", 2) = 2\n\
                   18 openat(AT_FDCWD, \"b\" <unfinished ...>\n18 <... openat resumed>) = 4\n\
                   17 +++ exited with 0 +++\n17 --- SIGKILL {si_signo=SIGKILL} ---\n";
        let counts = count(log);
        assert_eq!(counts, [("openat".to_owned(), 2), ("write".to_owned(), 1)].into());
    }
}
