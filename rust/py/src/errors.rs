//! The core's errors as Python's: an `io::Error` and the name of its file come in, an `OSError` of the right subclass
//! goes out.

use std::io;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use riverrun_core::fault::Fault;

/// An `OSError` object with `errno`, `strerror` and `filename`, as Python itself would raise it.
pub fn os_error<'py>(py: Python<'py>, error: &io::Error, filename: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let (errno, text) = match (Fault::of(error), error.raw_os_error()) {
        (Some(fault), _) => (fault.errno().into_pyobject(py)?.into_any(), fault.to_string()),
        (None, Some(errno)) => (errno.into_pyobject(py)?.into_any(), text_of(py, errno)?),
        (None, None) => (py.None().into_bound(py), error.to_string()),
    };
    // Calling OSError, not raising it with a tuple, is what chooses the subclass by errno.
    py.get_type::<PyOSError>().call1((errno, text, filename))
}

/// The same, to be raised. A name with a NUL byte is a ValueError, as in Python's own `open`.
pub fn raise(py: Python<'_>, error: &io::Error, filename: &Bound<'_, PyAny>) -> PyErr {
    if error.kind() == io::ErrorKind::InvalidInput && error.raw_os_error().is_none() && Fault::of(error).is_none() {
        return PyValueError::new_err("embedded null byte");
    }
    match os_error(py, error, filename) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

fn text_of(py: Python<'_>, errno: i32) -> PyResult<String> {
    py.import("os")?.call_method1("strerror", (errno,))?.extract()
}
