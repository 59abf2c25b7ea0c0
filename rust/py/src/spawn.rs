//! Starting a command: Python's words and variables come in, the numbers of its process and descriptors go out.

use std::ffi::{CString, OsString};
use std::os::fd::{BorrowedFd, IntoRawFd};
use std::os::unix::ffi::OsStringExt;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySequence};
use riverrun_core::spawn::{Command, spawn as start};

use crate::errors::raise;
use crate::paths::path_of;

fn text_of(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    Ok(value.extract::<OsString>()?.into_vec())
}

fn without_nul(bytes: Vec<u8>) -> PyResult<CString> {
    CString::new(bytes).map_err(|_| PyValueError::new_err("embedded null byte"))
}

/// (process id, descriptor that tells of its end or -1, descriptor of what it says)
#[pyfunction]
#[allow(unsafe_code)] // a borrowed descriptor from a number
pub fn spawn_command(
    words: &Bound<'_, PySequence>,
    folder: &Bound<'_, PyAny>,
    variables: &Bound<'_, PyDict>,
    input: i32,
) -> PyResult<(i32, i32, i32)> {
    let py = folder.py();
    let words = words.try_iter()?.map(|word| without_nul(text_of(&word?)?)).collect::<PyResult<Vec<_>>>()?;
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
    if words.is_empty() || input < 0 {
        return Err(PyValueError::new_err("a command needs a word, and an open input"));
    }
    let command = Command {
        words,
        variables: pairs,
        folder: without_nul(path_of(folder)?.into_os_string().into_vec())?,
    };
    let started = py.detach(|| {
        // SAFETY: the caller keeps it open during the call.
        start(&command, unsafe { BorrowedFd::borrow_raw(input) })
    });
    let started = started.map_err(|error| raise(py, &error, py.None().bind(py)))?;
    let exit = started.exit.map_or(-1, IntoRawFd::into_raw_fd);
    Ok((started.pid, exit, started.output.into_raw_fd()))
}
