//! Starting commands: Python's words and variables come in, the numbers of processes and descriptors go out.

use std::ffi::{CString, OsString};
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd};
use std::os::unix::ffi::OsStringExt;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySequence};
use riverrun_core::launch::{Launcher, Turn};
use riverrun_core::spawn::Command;

use crate::errors::{os_error, raise};
use crate::paths::path_of;

#[pyclass(name = "Launcher", module = "riverrun._native", frozen)]
pub struct PyLauncher(Launcher);

#[pymethods]
impl PyLauncher {
    #[new]
    #[allow(unsafe_code)] // a borrowed descriptor from a number
    fn new(py: Python<'_>, input: i32) -> PyResult<Self> {
        if input < 0 {
            return Err(PyValueError::new_err("commands need an open input"));
        }
        // SAFETY: the caller keeps it open during the call.
        let input = unsafe { BorrowedFd::borrow_raw(input) };
        let launcher = input.try_clone_to_owned().and_then(Launcher::new);
        launcher.map(PyLauncher).map_err(|error| raise(py, &error, py.None().bind(py)))
    }

    /// Hand a command in.
    #[pyo3(signature = (number, words, folder, variables, *, inherited = None, when_fewer = None))]
    fn submit(
        &self,
        number: u64,
        words: &Bound<'_, PySequence>,
        folder: &Bound<'_, PyAny>,
        variables: &Bound<'_, PyDict>,
        inherited: Option<Vec<i32>>,
        when_fewer: Option<usize>,
    ) -> PyResult<()> {
        let command = Command { inherited: inherited.unwrap_or_default(), ..command_of(words, folder, variables)? };
        self.0.submit(number, command, when_fewer.map_or(Turn::Now, Turn::WhenFewer));
        Ok(())
    }

    fn hold(&self) {
        self.0.hold();
    }

    fn failed(&self) -> Vec<u64> {
        self.0.failed()
    }

    fn forgive(&self, number: u64) {
        self.0.forgive(number);
    }

    fn withdraw(&self) -> Vec<u64> {
        self.0.withdraw()
    }

    fn fileno(&self) -> i32 {
        self.0.bell().as_raw_fd()
    }

    /// (number, process id, descriptor that tells of its end or -1, descriptor of what it says), or (number, OSError).
    fn news<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let told = PyList::empty(py);
        for news in self.0.news() {
            match news.outcome {
                Ok(started) => {
                    let exit = started.exit.map_or(-1, IntoRawFd::into_raw_fd);
                    told.append((news.number, started.pid, exit, started.output.into_raw_fd()))?;
                }
                Err(error) => told.append((news.number, os_error(py, &error, py.None().bind(py))?))?,
            }
        }
        Ok(told)
    }
}

fn command_of(
    words: &Bound<'_, PySequence>,
    folder: &Bound<'_, PyAny>,
    variables: &Bound<'_, PyDict>,
) -> PyResult<Command> {
    let words = words.try_iter()?.map(|word| without_nul(text_of(&word?)?)).collect::<PyResult<Vec<_>>>()?;
    if words.is_empty() {
        return Err(PyValueError::new_err("a command needs a word"));
    }
    let mut pairs = Vec::with_capacity(variables.len());
    for (name, value) in variables {
        let mut pair = text_of(&name)?;
        if pair.is_empty() || pair.contains(&b'=') {
            return Err(PyValueError::new_err("illegal environment variable name"));
        }
        pair.push(b'=');
        pair.append(&mut text_of(&value)?);
        pairs.push(without_nul(pair)?);
    }
    let folder = without_nul(path_of(folder)?.into_os_string().into_vec())?;
    Ok(Command { words, variables: pairs, folder, inherited: Vec::new() })
}

fn text_of(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    Ok(value.extract::<OsString>()?.into_vec())
}

fn without_nul(bytes: Vec<u8>) -> PyResult<CString> {
    CString::new(bytes).map_err(|_| PyValueError::new_err("embedded null byte"))
}
