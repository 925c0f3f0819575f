//! The library's side of the benchmarks: prints the JSON lines that `bench/peers` prints, with
//! `impl` `gluonic` or `limit`, both measured alternately in one run.
//!
//! `cargo run --release -- {train|init|optim|walk} [--threads N] [--filter CASE] [--ms MS]`; for saving and
//! loading, which run the peers themselves, `cargo run --release -- files`: see [`files`].

mod count;
mod files;
mod init;
mod limit;
mod optim;
mod train;
mod walk;

use std::process::ExitCode;

/// What the command line says.
struct Args {
    threads: usize,
    filter: String,
    ms: f64,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let what = words.next().unwrap_or_default();
    if what == "files" {
        return match files::run(words) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("error: {why}");
                ExitCode::from(2)
            }
        };
    }
    let mut args = Args { threads: 1, filter: String::new(), ms: 1500.0 };
    while let Some(word) = words.next() {
        let value = words.next().unwrap_or_default();
        match word.as_str() {
            "--threads" => args.threads = value.parse().unwrap_or(1),
            "--filter" => args.filter = value,
            "--ms" => args.ms = value.parse().unwrap_or(1500.0),
            _ => return usage(),
        }
    }
    // Before the first use of the pool.
    if rayon::ThreadPoolBuilder::new().num_threads(args.threads).build_global().is_err() {
        return usage();
    }
    match what.as_str() {
        "train" => train::run(&args),
        "init" => init::run(&args),
        "optim" => optim::run(&args),
        "walk" => walk::run(&args),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: gluonic-bench {{train|init|optim|walk}} [--threads N] [--filter CASE] [--ms MS]\n       \
         gluonic-bench files …"
    );
    ExitCode::from(2)
}

/// Times some variants alternately, in blocks of at least 5 ms, for `ms` each; prints a line each.
fn race(case: &str, args: &Args, variants: &mut [(&str, &mut dyn FnMut())]) {
    let mut plans = Vec::new();
    for (_, run) in variants.iter_mut() {
        for _ in 0..3 {
            run();
        }
        let (_, counts) = count::during(|| (0..10).for_each(|_| run()));
        let start = std::time::Instant::now();
        run();
        let once = start.elapsed().as_secs_f64() * 1e3;
        plans.push((
            ((5.0 / once).ceil() as usize).clamp(1, 100_000),
            counts.map(|count| count / 10),
            Vec::new(),
        ));
    }
    let start = std::time::Instant::now();
    while start.elapsed().as_secs_f64() * 1e3 < args.ms * variants.len() as f64
        || plans[0].2.len() < 5
    {
        for ((_, run), (repeat, _, times)) in variants.iter_mut().zip(&mut plans) {
            let start = std::time::Instant::now();
            (0..*repeat).for_each(|_| run());
            times.push(start.elapsed().as_secs_f64() * 1e3 / *repeat as f64);
        }
    }
    for ((name, _), (repeat, counts, times)) in variants.iter().zip(plans) {
        report(case, name, args, times, repeat, Some(counts));
    }
}

/// Prints a line of what was timed, each time over so many repetitions; with the numbers of
/// allocations, at all and of more than 1 KiB, if they were counted.
fn report(
    case: &str,
    name: &str,
    args: &Args,
    mut times: Vec<f64>,
    repeat: usize,
    counts: Option<[u64; 2]>,
) {
    times.sort_by(f64::total_cmp);
    let (median, least, n) = (times[times.len() / 2], times[0], times.len() * repeat);
    let counts = counts.map_or(String::new(), |[all, large]| {
        format!(",\"allocations\":{all},\"above_1_kib\":{large}")
    });
    println!(
        "{{\"case\":\"{case}\",\"impl\":\"{name}\",\"threads\":{},\"ms\":{median:.6},\"min_ms\":{least:.6},\"n\":{n}{counts}}}",
        args.threads,
    );
}
