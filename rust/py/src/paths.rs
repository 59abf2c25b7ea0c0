//! Paths from Python: str, bytes or an object with `__fspath__` comes in, the kernel's bytes go out.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// The path in an argument (surrogate escapes give back the bytes they stand for). A NUL byte in it is a ValueError.
pub fn path_of(value: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    let name = if let Ok(text) = value.cast::<PyString>() {
        text.extract::<OsString>()?
    } else if let Ok(bytes) = value.cast::<PyBytes>() {
        OsString::from_vec(bytes.as_bytes().to_vec())
    } else {
        let encoded = value.py().import("os")?.call_method1("fsencode", (value,))?;
        OsString::from_vec(encoded.extract()?)
    };
    if name.as_bytes().contains(&0) {
        return Err(PyValueError::new_err("embedded null byte"));
    }
    Ok(PathBuf::from(name))
}
