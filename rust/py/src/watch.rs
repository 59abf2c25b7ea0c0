//! Long work, detached: a pool of threads works while the caller waits and lets Python see its signals, so that
//! Ctrl-C works, and how far the work is.

use std::num::NonZeroUsize;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use riverrun_core::cancel::Cancel;
use riverrun_core::crew::crew;

/// How often signals are looked for, and progress is told: too short to be felt, long enough to cost nothing.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The result of `work`, which runs inside a pool of `threads`. When a signal raises (Ctrl-C), `work` is cancelled,
/// waited for, and that exception is the result.
pub fn watch<T: Send>(
    py: Python<'_>,
    threads: Option<NonZeroUsize>,
    work: impl FnOnce(&Cancel) -> T + Send,
) -> PyResult<T> {
    watch_telling(py, threads, None, work)
}

/// As `watch`; `tell` is called by this thread with the number of bytes done, now and then and at the end. What it
/// raises cancels the work as a signal does.
pub fn watch_telling<T: Send>(
    py: Python<'_>,
    threads: Option<NonZeroUsize>,
    tell: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Cancel) -> T + Send,
) -> PyResult<T> {
    let crew = crew(threads)?;
    let cancel = Cancel::new();
    let tell = tell.map(|tell| tell.clone().unbind());
    let look = || {
        Python::attach(|py| {
            py.check_signals()?;
            tell.as_ref().map_or(Ok(()), |tell| tell.call1(py, (cancel.bytes(),)).map(drop))
        })
    };
    py.detach(|| {
        let (sender, receiver) = channel();
        crew.in_place_scope(|scope| {
            let stop = cancel.clone();
            scope.spawn(move |_| {
                // The receiver waits until something comes; it cannot be gone.
                let _ = sender.send(work(&stop));
            });
            let mut seen = Ok(());
            loop {
                match receiver.recv_timeout(LOOK_EVERY) {
                    Ok(result) => {
                        if seen.is_ok() && tell.is_some() {
                            seen = look();
                        }
                        return seen.map(|()| result);
                    }
                    Err(RecvTimeoutError::Timeout) if seen.is_err() => {}
                    Err(RecvTimeoutError::Timeout) => {
                        seen = look();
                        if seen.is_err() {
                            cancel.cancel();
                        }
                    }
                    // A panic in the work: the scope hands it on as soon as it is left.
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(PyRuntimeError::new_err("a thread of the pool ended early"));
                    }
                }
            }
        })
    })
}
