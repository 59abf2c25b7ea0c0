//! Long work, detached: a pool of threads works while the caller waits and lets Python see its signals, so that
//! Ctrl-C works.

use std::num::NonZeroUsize;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use riverrun_core::cancel::Cancel;
use riverrun_core::crew::crew;

/// How often signals are looked for: too short to be felt, long enough to cost nothing.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The result of `work`, which runs inside a pool of `threads`. When a signal raises (Ctrl-C), `work` is cancelled,
/// waited for, and that exception is the result.
pub fn watch<T: Send>(
    py: Python<'_>,
    threads: Option<NonZeroUsize>,
    work: impl FnOnce(&Cancel) -> T + Send,
) -> PyResult<T> {
    let crew = crew(threads)?;
    let cancel = Cancel::new();
    py.detach(|| {
        let (sender, receiver) = channel();
        crew.in_place_scope(|scope| {
            let stop = cancel.clone();
            scope.spawn(move |_| {
                // The receiver waits until something comes; it cannot be gone.
                let _ = sender.send(work(&stop));
            });
            let mut raised = None;
            loop {
                match receiver.recv_timeout(LOOK_EVERY) {
                    Ok(result) => return raised.map_or(Ok(result), Err),
                    Err(RecvTimeoutError::Timeout) => {
                        if let Err(error) = Python::attach(|py| py.check_signals()) {
                            cancel.cancel();
                            raised.get_or_insert(error);
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
