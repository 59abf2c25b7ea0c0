//! Single calls to the kernel that Python's standard library does not offer as they are needed.

use pyo3::prelude::*;
use riverrun_core::{clock, sync};

use crate::errors::raise;
use crate::paths::path_of;

/// The kernel's coarse clock as the filesystem of `folder` would stamp a change now.
#[pyfunction]
pub fn now_ns(py: Python<'_>, folder: &Bound<'_, PyAny>) -> PyResult<i64> {
    let path = path_of(folder)?;
    py.detach(|| clock::now_ns(&path)).map_err(|error| raise(py, &error, folder))
}

/// Make the bytes of files, and the names in folders, durable.
#[pyfunction]
pub fn sync_files(py: Python<'_>, paths: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
    for given in &paths {
        let path = path_of(given)?;
        py.detach(|| sync::sync(&path)).map_err(|error| raise(py, &error, given))?;
    }
    Ok(())
}

/// Swap two paths at once.
#[pyfunction]
pub fn exchange(py: Python<'_>, first: &Bound<'_, PyAny>, second: &Bound<'_, PyAny>) -> PyResult<()> {
    let (one, other) = (path_of(first)?, path_of(second)?);
    py.detach(|| sync::exchange(&one, &other)).map_err(|error| raise(py, &error, first))
}
