//! `Fact` and `Taken`: what the core found at paths, as immutable Python values, and the files that it holds.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use riverrun_core::digest::Strong;
use riverrun_core::file::Digest;
use riverrun_core::held;
use riverrun_core::index::Index;
use riverrun_core::look::{Fact, Kind};
use riverrun_core::manifest::EntryKind;
use riverrun_core::place::place;

use crate::digest::PyDigest;
use crate::errors::{os_error, raise};
use crate::watch::watch;

/// A path as Python's `os.fsdecode` gives it.
pub fn text_of<'py>(py: Python<'py>, path: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    Ok(OsStr::from_bytes(path).into_pyobject(py)?.into_any())
}

fn digest_of(strong: Strong) -> PyDigest {
    PyDigest(Digest::Strong(strong))
}

#[pyclass(name = "Fact", module = "riverrun", frozen)]
pub struct PyFact(pub Fact);

#[pymethods]
impl PyFact {
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.path)
    }

    #[getter]
    fn kind(&self) -> &'static str {
        match self.0.kind {
            Kind::Missing => "missing",
            Kind::File => "file",
            Kind::Executable => "exec",
            Kind::Folder => "folder",
            Kind::Link => "link",
            Kind::Other => "other",
            Kind::Error => "error",
        }
    }

    #[getter]
    fn digest(&self) -> Option<PyDigest> {
        self.0.digest.map(digest_of)
    }

    #[getter]
    fn size(&self) -> u64 {
        self.0.size
    }

    #[getter]
    fn certified(&self) -> bool {
        self.0.certified
    }

    #[getter]
    fn trusted(&self) -> bool {
        self.0.trusted
    }

    #[getter]
    fn read(&self) -> bool {
        self.0.read
    }

    #[getter]
    fn entries<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let entries = PyList::empty(py);
        for entry in &self.0.entries {
            let (kind, digest, text) = match &entry.kind {
                EntryKind::File(strong) => ("file", Some(digest_of(*strong)), None),
                EntryKind::Executable(strong) => ("exec", Some(digest_of(*strong)), None),
                EntryKind::Link(text) => ("link", None, Some(PyBytes::new(py, text))),
                EntryKind::Folder => ("folder", None, None),
            };
            entries.append((PyBytes::new(py, &entry.path), kind, digest, text, entry.size))?;
        }
        Ok(entries)
    }

    #[getter]
    fn error<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.error.as_ref().map(|(path, error)| os_error(py, error, &text_of(py, path)?)).transpose()
    }

    #[getter]
    fn links<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let pairs = self.0.links.iter();
        pairs
            .map(|(path, text)| PyTuple::new(py, [PyBytes::new(py, path), PyBytes::new(py, text)]))
            .collect()
    }

    #[getter]
    fn copied<'py>(&self, py: Python<'py>) -> Vec<(PyDigest, u64, Bound<'py, PyBytes>)> {
        let copied = self.0.copied.iter();
        copied.map(|(strong, size, path)| (digest_of(*strong), *size, PyBytes::new(py, path))).collect()
    }

    #[getter]
    fn kept<'py>(&self, py: Python<'py>) -> Vec<(PyDigest, Bound<'py, PyBytes>)> {
        self.0.kept.iter().map(|(strong, bytes)| (digest_of(*strong), PyBytes::new(py, bytes))).collect()
    }

    fn __repr__(&self) -> String {
        let digest = self.0.digest.map(|digest| format!(" {digest:?}")).unwrap_or_default();
        format!("<Fact {} {}{digest}>", self.kind(), String::from_utf8_lossy(&self.0.path))
    }
}

pub fn facts_to_python(py: Python<'_>, facts: Vec<Fact>) -> PyResult<Vec<Py<PyFact>>> {
    facts.into_iter().map(|fact| Py::new(py, PyFact(fact))).collect()
}

#[pyclass(name = "Taken", module = "riverrun", frozen)]
pub struct PyTaken {
    index: Arc<Index>,
    facts: Vec<Py<PyFact>>,
    /// Nothing after `release`, or while it is placed.
    held: Mutex<Option<held::Taken>>,
}

impl PyTaken {
    pub fn new(py: Python<'_>, index: Arc<Index>, mut taken: held::Taken) -> PyResult<Self> {
        let facts = facts_to_python(py, std::mem::take(&mut taken.facts))?;
        Ok(PyTaken { index, facts, held: Mutex::new(Some(taken)) })
    }

    fn lock(&self) -> MutexGuard<'_, Option<held::Taken>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl PyTaken {
    #[getter]
    fn facts(&self, py: Python<'_>) -> Vec<Py<PyFact>> {
        self.facts.iter().map(|fact| fact.clone_ref(py)).collect()
    }

    /// Move each source to its place; one fact for each.
    fn place(&self, py: Python<'_>, moves: Vec<(Vec<u8>, Vec<u8>)>) -> PyResult<Vec<Py<PyFact>>> {
        // Taken out, not locked, while others work: a thread of the pool may be given work that asks for it too.
        let Some(mut held) = self.lock().take() else {
            return Err(PyValueError::new_err("what was taken is released, or is being placed"));
        };
        let placed = watch(py, None, |cancel| place(&self.index, &mut held, &moves, cancel));
        *self.lock() = Some(held);
        facts_to_python(py, placed?.map_err(|error| raise(py, &error, py.None().bind(py)))?)
    }

    /// Hold the files no longer.
    fn release(&self, py: Python<'_>) {
        py.detach(|| drop(self.lock().take()));
    }
}
