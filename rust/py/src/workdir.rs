//! Work folders: Python's paths come in, the core makes and sweeps, what was left goes out.

use std::collections::HashSet;
use std::os::fd::BorrowedFd;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use riverrun_core::workdir::{self, Rights, Worth};

use crate::errors::raise;

type Paths = Vec<Vec<u8>>;

/// Make a work folder in the open folder `nest`, or rename an idle one to it, and put links in it.
#[pyfunction]
#[pyo3(signature = (nest, name, idle, folders, links))]
#[allow(unsafe_code)] // a borrowed descriptor from a number
pub fn lay_work(
    py: Python<'_>,
    nest: i32,
    name: &Bound<'_, PyBytes>,
    idle: Option<Vec<u8>>,
    folders: Paths,
    links: Vec<(Vec<u8>, Vec<u8>)>,
) -> PyResult<()> {
    let own = name.as_bytes();
    let laid = py.detach(|| {
        // SAFETY: the caller keeps it open during the call.
        let nest = unsafe { BorrowedFd::borrow_raw(nest) };
        workdir::lay(nest, own, idle.as_deref(), &folders, &links)
    });
    laid.map_err(|error| raise(py, &error, name))
}

/// What a command left in its work folder, and whether that may be used again; its links are gone then.
#[pyfunction]
#[allow(unsafe_code)] // as above
#[allow(clippy::too_many_arguments)] // one is the interpreter
pub fn sweep_work<'py>(
    py: Python<'py>,
    nest: i32,
    grave: i32,
    name: &Bound<'py, PyBytes>,
    folders: Paths,
    links: HashSet<Vec<u8>>,
    declared: HashSet<Vec<u8>>,
    rights: Rights,
) -> PyResult<(Bound<'py, PyList>, bool)> {
    let own = name.as_bytes();
    let swept = py.detach(|| {
        // SAFETY: as above.
        let (nest, grave) = unsafe { (BorrowedFd::borrow_raw(nest), BorrowedFd::borrow_raw(grave)) };
        workdir::sweep(nest, grave, own, &folders, &links, &declared, rights)
    });
    let swept = swept.map_err(|error| raise(py, &error, name))?;
    let left = PyList::new(py, swept.left.iter().map(|path| PyBytes::new(py, path)))?;
    Ok((left, swept.worth == Worth::Idle))
}
