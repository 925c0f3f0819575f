//! Faults in the calls of a real process, injected by `strace`: each kind of fault at each call.
//!
//! A short write cannot be injected, only the lie that bytes were written; the simulated disk has
//! them. A killed process leaves the system's cache behind, so this says nothing about power
//! failures; the simulated disk does.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use gluonic::storage::read;
use gluonic::storage::simulated::Outcome;

use super::saves::{SAVES, Save};
use crate::steps::works;
use crate::{Answer, Verdict};

/// The argument that makes this program the one that saves.
pub(super) const CHILD: &str = "--child";

/// The calls that a save consists of.
const CALLS: &str = "write,pwrite64,ftruncate,fallocate,fsync,fdatasync,rename,renameat,\
                     renameat2,openat,close,flock,fchmod,fchown,unlink,unlinkat,mkdir,rmdir,\
                     getdents64";

/// What is done to a call: by its name where only one kind can suffer it.
const FAULTS: &[(&str, Option<&str>)] = &[
    ("signal=KILL", None),
    ("error=EIO", None),
    ("error=ENOSPC", None),
    ("error=EINTR", Some("write")),
    ("retval=0", Some("write")),
];

/// How the child says how its save ended.
mod status {
    pub(super) const SAVED: i32 = 0;
    pub(super) const UNCERTAIN: i32 = 10;
    pub(super) const FAILED: i32 = 11;
}

/// Saves into a folder, and says by the exit status how it ended.
pub(super) fn child(save: &str, folder: &str) -> Answer {
    let save = Save::find(save).ok_or_else(|| format!("there is no save `{save}`"))?;
    let status = match save.act(Path::new(folder)) {
        Ok(()) => return Ok(Verdict::Clean),
        Err(gluonic::Error::DurabilityUncertain { .. }) => status::UNCERTAIN,
        Err(_) => status::FAILED,
    };
    std::process::exit(status)
}

/// Does at least `runs` faulty saves, and returns what went wrong.
pub(super) fn run(runs: usize) -> Result<Vec<String>, String> {
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-o", "/dev/null", "true"]);
    if !works(strace) {
        println!("injected: SKIPPED, since `strace` is not installed or may not trace");
        return Ok(Vec::new());
    }
    let mut violations = Vec::new();
    let (mut done, mut complete) = (0, 0);
    while done < runs {
        for save in SAVES {
            let before = (done, violations.len());
            let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
            let bench = Bench { folder: folder.path(), save };
            for (call, count) in bench.count()? {
                for (fault, only) in FAULTS {
                    if only.is_some_and(|only| only != call) {
                        continue;
                    }
                    for when in 1..=count {
                        let inject = format!("inject={call}:{fault}:when={when}");
                        if let Err(problem) = bench.run(&inject) {
                            violations.push(format!("{}, {inject}: {problem}", save.name()));
                        }
                        done += 1;
                    }
                }
            }
            let (runs, found) = (done - before.0, violations.len() - before.1);
            println!("injected, {}: {runs} runs, {found} violations", save.name());
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
    save: Save,
}

impl Bench<'_> {
    fn strace(&self, args: &[&str]) -> Result<Option<i32>, String> {
        let program = env::current_exe().map_err(|error| format!("who am I? {error}"))?;
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", &format!("trace={CALLS}")]).args(args).arg(program);
        command.args(["crash", CHILD]).arg(self.save.name()).arg(self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().map_err(|error| format!("cannot run strace: {error}"))?;
        Ok(status.code())
    }

    /// How often a save does each call, from the start of its process on.
    fn count(&self) -> Result<BTreeMap<String, usize>, String> {
        self.save.prepare(self.folder)?;
        // Not beside the file, where it would count as left over.
        let log = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        let path = log.path().to_str().ok_or("the folder for temporary files has an odd name")?;
        let code = self.strace(&["-o", path])?;
        if code != Some(status::SAVED) {
            return Err(format!("a save without a fault ended with {code:?}"));
        }
        let text = read(log.path()).map_err(|error| error.to_string())?;
        Ok(count(&String::from_utf8_lossy(&text)))
    }

    /// Saves with a fault over what was there, then without one; says what is wrong with that.
    fn run(&self, inject: &str) -> Result<(), String> {
        self.save.prepare(self.folder)?;
        let code = self.strace(&["-o", "/dev/null", "-e", inject])?;
        let outcome = match code {
            Some(status::SAVED) => Outcome::Done,
            Some(status::UNCERTAIN) => self.save.uncertain(),
            Some(status::FAILED) => Outcome::Failed,
            _ => Outcome::Unknown,
        };
        // A fault while leftovers are removed, of which there are none here, would not count.
        let swept = !inject.contains("unlink");
        self.save
            .check(self.folder, outcome, swept)
            .and_then(|()| self.save.again(self.folder))
            .map_err(|problem| format!("it ended with {code:?}: {problem}"))
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
