//! Tries one input, and tells how it went.

use std::{
    fs, panic,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use gluonic_fuzz::Target;

/// Longer than this for a few KiB is a finding.
const SLOW: Duration = Duration::from_secs(1);

/// How much stack an input has. Inputs are small, so what recurses along one must be seen early.
const STACK: usize = 256 << 10;

static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// What went wrong with an input, in a line.
pub(crate) type Finding = String;

/// Runs in a thread with little stack, where panics are kept and not printed.
pub(crate) fn quietly<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T, String> {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
        let message = info.payload_as_str().unwrap_or("no message");
        let line: String = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = format!("a panic at {}: {}", place.unwrap_or_default(), cut(&line));
        PANIC.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
    }));
    let result = thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK);
        thread.spawn_scoped(scope, run).map(|thread| thread.join())
    });
    let _ = panic::take_hook();
    match result {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err("the thread of the inputs panicked".to_owned()),
        Err(error) => Err(format!("cannot start a thread: {error}")),
    }
}

fn cut(line: &str) -> &str {
    line.char_indices().nth(300).map_or(line, |(end, _)| &line[..end])
}

/// Tries an input; only inside of [`quietly`].
pub(crate) fn attempt(target: &Target, bytes: &[u8]) -> Result<(), Finding> {
    for trial in 0.. {
        let start = Instant::now();
        if panic::catch_unwind(|| target.check(bytes)).is_err() {
            let text = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
            return Err(text.unwrap_or_else(|| "a panic".to_owned()));
        }
        let time = start.elapsed();
        // A busy machine is slow too, but not three times.
        if time < SLOW {
            break;
        }
        if trial == 2 {
            return Err(format!("slow: {:.1} s for {} bytes", time.as_secs_f64(), bytes.len()));
        }
    }
    Ok(())
}

/// Tries a file; `false` if it is a finding.
pub(crate) fn run(target: &'static Target, file: &Path) -> Result<bool, String> {
    let bytes =
        fs::read(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    match quietly(|| attempt(target, &bytes))? {
        Ok(()) => println!("{}: {} bytes, nothing found", target.name, bytes.len()),
        Err(finding) => {
            println!("{}: {finding}", target.name);
            return Ok(false);
        }
    }
    Ok(true)
}
