//! Verbs that take long: they run on a thread of their own, while this one waits for them, looks
//! whether the user wants to stop (Ctrl-C), and tells Python how far they are.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use gluonic::progress::{Observer, observe};
use pyo3::prelude::*;

use crate::errors::OrRaise;
use crate::warnings;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(set_progress, module)?)
}

/// How often Python is asked and told.
const TICK: Duration = Duration::from_millis(50);

/// Who wants to be told: a callable `(verb, bytes, done)`.
static PROGRESS: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// Sets who is told of long verbs, and returns who was.
#[pyfunction]
fn set_progress(progress: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
    std::mem::replace(&mut *PROGRESS.lock().unwrap_or_else(PoisonError::into_inner), progress)
}

fn listener(py: Python<'_>) -> Option<Py<PyAny>> {
    let progress = PROGRESS.lock().unwrap_or_else(PoisonError::into_inner);
    progress.as_ref().map(|progress| progress.clone_ref(py))
}

#[derive(Default)]
struct State {
    bytes: AtomicU64,
    stop: AtomicBool,
}

impl Observer for State {
    fn advance(&self, bytes: u64) -> ControlFlow<()> {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.stop.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// Runs a verb that reads or writes files. Ctrl-C stops it, and leaves everything as it was.
///
/// # Errors
/// `KeyboardInterrupt`, or what else a handler of signals or the listener raises; the verb's error;
/// what a warning is turned into.
pub(crate) fn run<R: Send>(
    py: Python<'_>,
    verb: &str,
    f: impl FnOnce() -> gluonic::Result<R> + Send,
) -> PyResult<R> {
    let result = run_raw(py, verb, f)?.or_raise(py);
    warnings::issue(py)?;
    result
}

/// As [`run`], with the verb's error as gluonic's.
pub(crate) fn run_raw<R: Send>(
    py: Python<'_>,
    verb: &str,
    f: impl FnOnce() -> gluonic::Result<R> + Send,
) -> PyResult<gluonic::Result<R>> {
    let state = Arc::new(State::default());
    let listener = listener(py);
    let context = gluonic::context::current();
    let (ended, end) = mpsc::channel::<()>();
    let end = Mutex::new(end); // shared with nobody, which `detach` cannot know
    let outcome = std::thread::scope(|scope| {
        let watched = state.clone();
        let work = scope.spawn(move || {
            let _ended = ended; // gone when the work is, whether it returns or panics
            let work = || observe(watched, f);
            let result = gluonic::context::with(context, work);
            (result, warnings::take())
        });
        let mut raised = None;
        while let Err(mpsc::RecvTimeoutError::Timeout) = py.detach(|| wait(&end)) {
            if raised.is_none()
                && let Err(error) = look(py, verb, &state, listener.as_ref())
            {
                state.stop.store(true, Ordering::Relaxed);
                raised = Some(error);
            }
        }
        let joined = py.detach(|| work.join());
        (joined, raised)
    });
    let told = tell(py, verb, &state, listener.as_ref(), true);
    match outcome {
        (Ok((result, texts)), raised) => {
            // What was raised first says why the verb was stopped.
            raised.map_or(told, Err)?;
            warnings::put(texts);
            Ok(result)
        }
        (Err(panic), _) => std::panic::resume_unwind(panic),
    }
}

/// Asks for signals, and tells the listener.
fn look(py: Python<'_>, verb: &str, state: &State, listener: Option<&Py<PyAny>>) -> PyResult<()> {
    py.check_signals()?;
    tell(py, verb, state, listener, false)
}

fn tell(
    py: Python<'_>,
    verb: &str,
    state: &State,
    listener: Option<&Py<PyAny>>,
    done: bool,
) -> PyResult<()> {
    if let Some(listener) = listener {
        listener.call1(py, (verb, state.bytes.load(Ordering::Relaxed), done))?;
    }
    Ok(())
}

fn wait(end: &Mutex<mpsc::Receiver<()>>) -> Result<(), mpsc::RecvTimeoutError> {
    end.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(TICK)
}
