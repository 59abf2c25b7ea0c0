//! Seals: Python's paths come in, the core seals and checks, and what is not as it was goes out.

use std::num::NonZeroUsize;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use riverrun_core::index::Index;
use riverrun_core::seal::{self, Checked, Kind, Sealing, Wanted};
use riverrun_core::trust::Filesystem;

use crate::errors::raise;
use crate::paths::path_of;
use crate::watch::watch;

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Folder => "folder",
        Kind::Listing => "listing",
        Kind::Link => "link",
        Kind::Absent => "absent",
    }
}

/// What a seal says, held against what is.
#[pyclass(name = "Seal", module = "riverrun", frozen)]
pub struct PySeal {
    header: Py<PyBytes>,
    changed: Py<PyList>,
    changed_kinds: Py<PyList>,
    doubtful: Py<PyList>,
    entries: u64,
    reread: u64,
    intact: bool,
}

#[pymethods]
impl PySeal {
    #[getter]
    fn header(&self, py: Python<'_>) -> Py<PyBytes> {
        self.header.clone_ref(py)
    }

    #[getter]
    fn entries(&self) -> u64 {
        self.entries
    }

    #[getter]
    fn reread(&self) -> u64 {
        self.reread
    }

    #[getter]
    fn intact(&self) -> bool {
        self.intact
    }

    #[getter]
    fn changed(&self, py: Python<'_>) -> Py<PyList> {
        self.changed.clone_ref(py)
    }

    #[getter]
    fn changed_kinds(&self, py: Python<'_>) -> Py<PyList> {
        self.changed_kinds.clone_ref(py)
    }

    #[getter]
    fn doubtful(&self, py: Python<'_>) -> Py<PyList> {
        self.doubtful.clone_ref(py)
    }

    /// For tests: check, taking every filesystem for a local one, or for one whose stamps are worth nothing.
    #[staticmethod]
    #[pyo3(signature = (path, *, root, kind))]
    fn _check_as(path: &Bound<'_, PyAny>, root: &Bound<'_, PyAny>, kind: &str) -> PyResult<Option<PySeal>> {
        check(path, root, None, Some(filesystem_of(kind)?))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!(
            "<Seal entries={} changed={} doubtful={}>",
            self.entries,
            self.changed.bind(py).len(),
            self.doubtful.bind(py).len(),
        )
    }
}

impl PySeal {
    fn new(py: Python<'_>, checked: Checked) -> PyResult<PySeal> {
        let Checked { header, entries, reread, changed, doubtful } = checked;
        Ok(PySeal {
            header: PyBytes::new(py, &header).unbind(),
            changed: PyList::new(py, changed.iter().map(|(path, _)| PyBytes::new(py, path)))?.unbind(),
            changed_kinds: PyList::new(py, changed.iter().map(|(_, kind)| name_of(*kind)))?.unbind(),
            doubtful: PyList::new(py, doubtful.iter().map(|path| PyBytes::new(py, path)))?.unbind(),
            entries,
            reread,
            intact: changed.is_empty() && doubtful.is_empty(),
        })
    }
}

/// Whether a seal is made, or renewed.
pub enum How {
    Anew,
    Renewed,
}

/// Write a seal over what the index knows; false, and no seal, where that is not what is there.
pub fn make(
    index: &Arc<Index>,
    path: &Bound<'_, PyAny>,
    header: &[u8],
    wanted: &Wanted<'_>,
    trust: Vec<String>,
    how: How,
) -> PyResult<bool> {
    let (py, file) = (path.py(), path_of(path)?);
    index.trust_networks(trust.clone());
    let sealed = watch(py, None, |cancel| match how {
        How::Anew => seal::seal(index, &file, header, wanted, &trust, cancel),
        How::Renewed => seal::reseal(index, &file, header, wanted, &trust, cancel),
    })?;
    sealed.map(|sealing| sealing == Sealing::Sealed).map_err(|error| raise(py, &error, path))
}

/// What is not as it was sealed; None where there is no seal that can be used.
#[pyfunction]
#[pyo3(signature = (path, *, root, threads = None))]
pub fn check_seal(
    path: &Bound<'_, PyAny>,
    root: &Bound<'_, PyAny>,
    threads: Option<NonZeroUsize>,
) -> PyResult<Option<PySeal>> {
    check(path, root, threads, None)
}

/// For tests.
pub fn filesystem_of(kind: &str) -> PyResult<Filesystem> {
    match kind {
        "local" => Ok(Filesystem::Local),
        "nfs" => Ok(Filesystem::Network("nfs")),
        "unreliable" => Ok(Filesystem::Unreliable),
        _ => Err(PyValueError::new_err("no such kind")),
    }
}

fn check(
    path: &Bound<'_, PyAny>,
    root: &Bound<'_, PyAny>,
    threads: Option<NonZeroUsize>,
    assumed: Option<Filesystem>,
) -> PyResult<Option<PySeal>> {
    let (py, file, folder) = (path.py(), path_of(path)?, path_of(root)?);
    let checked = watch(py, threads, |cancel| seal::check(&file, &folder, assumed, cancel))?;
    checked
        .map_err(|error| raise(py, &error, root))?
        .map(|checked| PySeal::new(py, checked))
        .transpose()
}

/// What was given to be kept with a seal; None where there is no seal, or its beginning is damaged.
#[pyfunction]
pub fn read_seal_header<'py>(path: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let (py, file) = (path.py(), path_of(path)?);
    let header = py.detach(|| seal::read_header(&file));
    Ok(header.map(|header| PyBytes::new(py, &header)))
}
