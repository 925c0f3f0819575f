//! The process that runs inputs until its time is over or an input ends it.
//!
//! It tells what it does in two ways. The number of the input that is being tried stands in a
//! file, where it outlives the process; findings and, at the end, the tally are lines of stdout.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Seek, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

use gluonic_fuzz::{Rng, Target, memory, mutate};

use crate::{corpus, find, number, one};

pub(crate) const COMMAND: &str = "worker";

/// After so many different findings a worker stops: more would say nothing new.
const MAX_FINDINGS: usize = 10;

/// What a worker is asked to do.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) target: &'static Target,
    pub(crate) seed: u64,
    /// The number of its first input, and how far apart they are.
    pub(crate) first: u64,
    pub(crate) step: u64,
    /// The number at which it stops, if its time is not over before.
    pub(crate) end: u64,
    pub(crate) time: Duration,
    /// The file of the number.
    pub(crate) progress: PathBuf,
}

impl Orders {
    pub(crate) fn to_args(&self) -> Vec<String> {
        let Self { target, seed, first, step, end, time, progress } = self;
        let numbers = [*seed, *first, *step, *end, time.as_millis() as u64];
        let mut args = vec![COMMAND.to_owned(), target.name.to_owned()];
        args.extend(numbers.map(|number| number.to_string()));
        args.push(progress.display().to_string());
        args
    }

    fn from_args(args: &[String]) -> Result<Self, String> {
        let [target, seed, first, step, end, time, progress] = args else {
            return Err("`worker` is for the loop itself".to_owned());
        };
        Ok(Self {
            target: find(target)?,
            seed: number("seed", Some(seed))?,
            first: number("first", Some(first))?,
            step: number("step", Some(step))?,
            end: number("end", Some(end))?,
            time: Duration::from_millis(number("time", Some(time))?),
            progress: progress.into(),
        })
    }
}

/// The input of that number.
pub(crate) fn input(target: &Target, seeds: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    // The seeds themselves come first.
    match seeds.get(number as usize) {
        Some(bytes) => bytes.clone(),
        None => mutate::input(&mut Rng::new(seed, number), seeds, target.structure),
    }
}

/// What two findings of one cause have in common.
pub(crate) fn cause(finding: &str) -> String {
    let text: String = finding.chars().filter(|c| !c.is_ascii_digit()).collect();
    // A panic is known by its place, of which the digits count.
    match finding.strip_prefix("a panic at ").and_then(|rest| rest.split_once(": ")) {
        Some((place, message)) => {
            let words = message.split(['`', '"', '(']).next().unwrap_or_default();
            format!("{place} {}", words.replace(|c: char| c.is_ascii_digit(), ""))
        }
        None => text,
    }
}

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let orders = Orders::from_args(args)?;
    let seeds = corpus::read(orders.target)?;
    let mut progress = File::options()
        .write(true)
        .open(&orders.progress)
        .map_err(|error| format!("cannot open `{}`: {error}", orders.progress.display()))?;
    one::quietly(|| work(&orders, &seeds, &mut progress))?
        .map_err(|error| format!("cannot tell the progress: {error}"))
}

fn work(orders: &Orders, seeds: &[Vec<u8>], progress: &mut File) -> io::Result<()> {
    let (start, mut executions) = (Instant::now(), 0_u64);
    let mut causes = HashSet::new();
    let mut place = orders.first;
    while place < orders.end && start.elapsed() < orders.time && causes.len() < MAX_FINDINGS {
        progress.rewind()?;
        progress.write_all(&place.to_le_bytes())?;
        let bytes = input(orders.target, seeds, orders.seed, place);
        executions += 1;
        if let Err(finding) = one::attempt(orders.target, &bytes) {
            if causes.insert(cause(&finding)) {
                println!("finding {place} {finding}");
            }
        }
        place += orders.step;
    }
    println!("done {executions} {}", memory::largest());
    Ok(())
}
