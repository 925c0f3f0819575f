//! Starts workers for each target, takes note of what they find, and starts them again after one
//! that an input has ended.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use gluonic_fuzz::Target;

use crate::{
    corpus, shrink,
    worker::{self, Orders},
};

/// An input that takes longer is one that hangs.
const HANGS: Duration = Duration::from_secs(20);

/// How often a worker is looked at.
const POLL: Duration = Duration::from_millis(20);

/// After so many, a worker is not started again.
const MAX_DEATHS: usize = 5;

/// What the workers of a target did.
#[derive(Debug, Default)]
struct Tally {
    executions: u64,
    peak: usize,
    /// The first input of each cause, by its number, with what was said.
    findings: BTreeMap<String, (u64, String)>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.executions += other.executions;
        self.peak = self.peak.max(other.peak);
        for (cause, finding) in other.findings {
            self.findings.entry(cause).or_insert(finding);
        }
    }

    fn find(&mut self, number: u64, text: &str) {
        self.findings.entry(worker::cause(text)).or_insert((number, text.to_owned()));
    }
}

/// Tries the targets one after another; `false` if there are findings, or fewer inputs were tried
/// than were asked for.
pub(crate) fn run(
    targets: &'static [Target],
    time: Duration,
    wanted: Option<u64>,
    seed: u64,
) -> Result<bool, String> {
    let n_workers = thread::available_parallelism().map_or(1, usize::from);
    let wanted_shown = wanted.map_or(String::new(), |wanted| format!("{wanted} inputs within "));
    println!(
        "seed {seed}, {n_workers} processes, {wanted_shown}{} s for each target",
        time.as_secs()
    );
    let mut clean = true;
    for target in targets {
        let seeds = corpus::read(target)?;
        let folder = Path::new("target/fuzz").join(target.name);
        fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
        let start = Instant::now();
        let end = wanted.unwrap_or(u64::MAX);
        let tally = try_target(target, time, end, seed, n_workers, &folder)?;
        let rate = tally.executions as f64 / start.elapsed().as_secs_f64();
        println!(
            "{:12}  {:>9} executions  {rate:>7.0}/s  peak {:>6} KiB  {} findings",
            target.name,
            tally.executions,
            tally.peak / 1024,
            tally.findings.len(),
        );
        if let Some(wanted) = wanted.filter(|wanted| tally.executions < *wanted) {
            clean = false;
            println!("  the time was too short for {wanted} executions");
        }
        for (number, text) in tally.findings.values() {
            clean = false;
            let bytes = worker::input(target, &seeds, seed, *number);
            let file = shrink::save(target, &bytes, text, &folder)?;
            println!("  input {number}: {text}");
            let name = target.name;
            println!("    cargo xtask fuzz --target {name} --file {}", file.display());
        }
    }
    Ok(clean)
}

fn try_target(
    target: &'static Target,
    time: Duration,
    end: u64,
    seed: u64,
    n_workers: usize,
    folder: &Path,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let workers = (0..n_workers as u64).map(|first| {
        let step = n_workers as u64;
        let progress = folder.join(format!("worker{first}"));
        Orders { target, seed, first, step, end, time, progress }
    });
    let tallies = thread::scope(|scope| {
        let threads: Vec<_> =
            workers.map(|orders| scope.spawn(move || supervise(orders))).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    for one in tallies {
        tally.add(one.map_err(|_| "a thread of the loop panicked".to_owned())??);
    }
    Ok(tally)
}

/// Runs one worker after another until the time is over.
fn supervise(mut orders: Orders) -> Result<Tally, String> {
    let start = Instant::now();
    let time = orders.time;
    let mut tally = Tally::default();
    for _ in 0..MAX_DEATHS {
        orders.time = time.saturating_sub(start.elapsed());
        let begun = orders.first;
        let Some((number, text)) = watch(&orders, &mut tally)? else { break };
        tally.find(number, &text);
        tally.executions += (number - begun) / orders.step + 1;
        orders.first = number + orders.step;
    }
    let _ = fs::remove_file(&orders.progress);
    Ok(tally)
}

/// Runs one worker to its end; tells which input ended it, if one did.
fn watch(orders: &Orders, tally: &mut Tally) -> Result<Option<(u64, String)>, String> {
    fs::write(&orders.progress, orders.first.to_le_bytes())
        .map_err(|error| format!("cannot write `{}`: {error}", orders.progress.display()))?;
    let mut child = start(&orders.to_args(), Stdio::piped())?;
    let lines = child.stdout.take().map(|pipe| {
        thread::spawn(move || BufReader::new(pipe).lines().map_while(Result::ok).collect())
    });
    let died = wait(&mut child, HANGS, || progress(&orders.progress))?;
    let lines: Vec<String> = lines.and_then(|thread| thread.join().ok()).unwrap_or_default();
    for line in &lines {
        if let Some((number, text)) =
            line.strip_prefix("finding ").and_then(|rest| rest.split_once(' '))
        {
            tally.find(number.parse().unwrap_or(0), text);
        } else if let Some((executions, peak)) =
            line.strip_prefix("done ").and_then(|rest| rest.split_once(' '))
        {
            tally.executions += executions.parse::<u64>().unwrap_or(0);
            tally.peak = tally.peak.max(peak.parse().unwrap_or(0));
        }
    }
    Ok(died.map(|text| (progress(&orders.progress).unwrap_or(orders.first), text)))
}

fn progress(file: &PathBuf) -> Option<u64> {
    fs::read(file).ok()?.first_chunk().map(|number| u64::from_le_bytes(*number))
}

/// This program again, with other arguments.
pub(crate) fn start(args: &[String], stdout: Stdio) -> Result<Child, String> {
    let program = env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null());
    command.spawn().map_err(|error| format!("cannot start a process: {error}"))
}

/// Waits for a process to end, and tells how it died, if it did not end by itself. It is killed
/// when what it does has not changed for too long.
pub(crate) fn wait(
    child: &mut Child,
    patience: Duration,
    progress: impl Fn() -> Option<u64>,
) -> Result<Option<String>, String> {
    let fail = |error| format!("cannot wait for a process: {error}");
    let (mut since, mut last) = (Instant::now(), None);
    loop {
        if let Some(status) = child.try_wait().map_err(fail)? {
            // 2 is what it answers if it cannot work, 1 if an input is a finding.
            return match status.code() {
                Some(0) => Ok(None),
                Some(2) => Err("a process of the loop could not do its work".to_owned()),
                _ => Ok(Some(format!("the process died: {status}"))),
            };
        }
        let now = progress();
        if now != last {
            (since, last) = (Instant::now(), now);
        } else if since.elapsed() > patience {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(Some(format!("it hangs: no end after {} s", patience.as_secs())));
        }
        thread::sleep(POLL);
    }
}
