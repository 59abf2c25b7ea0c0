//! `Digest`: 32 or 16 bytes and their algorithm, as an immutable Python value.

use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyType};
use riverrun_core::digest::{Fast, Strong, hex};
use riverrun_core::file::{Algorithm, Digest};

#[pyclass(name = "Digest", module = "riverrun", frozen)]
#[derive(Clone, Copy)]
pub struct PyDigest(pub Digest);

/// The algorithm that Python names.
pub fn algorithm_of(name: &str) -> PyResult<Algorithm> {
    match name {
        "blake3" => Ok(Algorithm::Blake3),
        "xxh3" => Ok(Algorithm::Xxh3),
        _ => Err(PyValueError::new_err(format!("unknown algorithm {name:?}: it is \"blake3\" or \"xxh3\""))),
    }
}

pub fn name_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Blake3 => "blake3",
        Algorithm::Xxh3 => "xxh3",
    }
}

#[pymethods]
impl PyDigest {
    #[new]
    #[pyo3(signature = (value, algorithm = "blake3"))]
    fn new(value: &Bound<'_, PyBytes>, algorithm: &str) -> PyResult<Self> {
        let bytes = value.as_bytes();
        let wrong = |wanted: usize| {
            let got = bytes.len();
            PyValueError::new_err(format!("a digest of {algorithm} has {wanted} bytes, not {got}"))
        };
        Ok(PyDigest(match algorithm_of(algorithm)? {
            Algorithm::Blake3 => Digest::Strong(Strong(bytes.try_into().map_err(|_| wrong(32))?)),
            Algorithm::Xxh3 => Digest::Fast(Fast(bytes.try_into().map_err(|_| wrong(16))?)),
        }))
    }

    #[getter]
    fn algorithm<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        match self.0.algorithm() {
            Algorithm::Blake3 => pyo3::intern!(py, "blake3"),
            Algorithm::Xxh3 => pyo3::intern!(py, "xxh3"),
        }
    }

    fn hex(&self) -> String {
        hex(self.0.as_bytes())
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_bytes())
    }

    fn __hash__(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0.as_bytes()[..8]);
        u64::from_le_bytes(first)
    }

    fn __richcmp__(&self, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
        let py = other.py();
        let Ok(other) = other.cast::<PyDigest>() else {
            return Ok(py.NotImplemented());
        };
        let answer = op.matches(self.0.cmp(&other.get().0));
        Ok(answer.into_pyobject(py)?.to_owned().into_any().unbind())
    }

    fn __repr__(&self) -> String {
        format!("<Digest {}:{}>", name_of(self.0.algorithm()), self.hex())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyType>, (Bound<'py, PyBytes>, &'static str)) {
        (py.get_type::<PyDigest>(), (self.__bytes__(py), name_of(self.0.algorithm())))
    }
}

/// A strong digest from Python, where only such a one will do.
pub fn strong_of(digest: &PyDigest) -> PyResult<Strong> {
    match digest.0 {
        Digest::Strong(strong) => Ok(strong),
        Digest::Fast(_) => Err(PyTypeError::new_err("a blake3 digest is needed here")),
    }
}
