//! `Hasher`: hashlib's protocol over any buffer; the digest is that of a file with the same bytes.

use std::sync::Mutex;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyString};
use riverrun_core::digest::hex;
use riverrun_core::file::{Algorithm, Digest};
use riverrun_core::stream::{FastStream, StrongStream};

use crate::digest::{algorithm_of, name_of};

/// Bytes from which on other Python threads may run meanwhile; below, changing over costs more than hashing. As in
/// hashlib.
const DETACH_BYTES: usize = 2048;

#[pyclass(name = "Hasher", module = "riverrun", frozen)]
pub struct PyHasher {
    algorithm: Algorithm,
    stream: Mutex<Stream>,
}

#[derive(Clone)]
enum Stream {
    Strong(Box<StrongStream>),
    Fast(Box<FastStream>),
}

impl Stream {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Stream::Strong(stream) => stream.update(bytes),
            Stream::Fast(stream) => stream.update(bytes),
        }
    }

    fn finish(&self) -> Digest {
        match self {
            Stream::Strong(stream) => Digest::Strong(stream.finish()),
            Stream::Fast(stream) => Digest::Fast(stream.finish()),
        }
    }
}

impl PyHasher {
    fn finish(&self, py: Python<'_>) -> Digest {
        // A panic leaves the stream as whole as before: it is only ever fed.
        self.stream.lock_py_attached(py).unwrap_or_else(|broken| broken.into_inner()).finish()
    }
}

#[pymethods]
impl PyHasher {
    #[new]
    #[pyo3(signature = (algorithm = "blake3"))]
    fn new(algorithm: &str) -> PyResult<Self> {
        let algorithm = algorithm_of(algorithm)?;
        let stream = match algorithm {
            Algorithm::Blake3 => Stream::Strong(Box::default()),
            Algorithm::Xxh3 => Stream::Fast(Box::default()),
        };
        Ok(PyHasher { algorithm, stream: Mutex::new(stream) })
    }

    #[getter]
    fn name(&self) -> &'static str {
        name_of(self.algorithm)
    }

    #[getter]
    fn digest_size(&self) -> usize {
        match self.algorithm {
            Algorithm::Blake3 => 32,
            Algorithm::Xxh3 => 16,
        }
    }

    #[getter]
    fn block_size(&self) -> usize {
        64 // both algorithms take in 64 bytes at a time
    }

    #[pyo3(signature = (buffer, /))]
    fn update(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<()> {
        if buffer.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("strings must be encoded before hashing"));
        }
        let view = PyUntypedBuffer::get(buffer)?;
        if !view.is_c_contiguous() {
            return Err(PyBufferError::new_err("the buffer must be contiguous, in C order"));
        }
        let bytes = bytes_of(&view);
        if bytes.len() < DETACH_BYTES {
            self.stream.lock_py_attached(py).unwrap_or_else(|broken| broken.into_inner()).update(bytes);
        } else {
            py.detach(|| self.stream.lock().unwrap_or_else(|broken| broken.into_inner()).update(bytes));
        }
        Ok(())
    }

    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.finish(py).as_bytes())
    }

    fn hexdigest(&self, py: Python<'_>) -> String {
        hex(self.finish(py).as_bytes())
    }

    fn copy(&self, py: Python<'_>) -> PyHasher {
        let stream = self.stream.lock_py_attached(py).unwrap_or_else(|broken| broken.into_inner()).clone();
        PyHasher { algorithm: self.algorithm, stream: Mutex::new(stream) }
    }

    fn __repr__(&self) -> String {
        format!("<Hasher {}>", self.name())
    }
}

#[allow(unsafe_code)] // the interpreter hands out a pointer and a length
fn bytes_of(view: &PyUntypedBuffer) -> &[u8] {
    let length = view.len_bytes();
    if length == 0 {
        return &[]; // the pointer of an empty buffer may be null
    }
    // SAFETY: the view is contiguous and keeps its memory from being freed or moved as long as it lives, which the
    // lifetime says. That another thread of Python writes to it meanwhile is the caller's mistake, as with hashlib:
    // the digest is then of no one's bytes.
    unsafe { std::slice::from_raw_parts(view.buf_ptr().cast::<u8>(), length) }
}
