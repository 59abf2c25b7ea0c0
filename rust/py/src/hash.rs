//! `hash_file` and `hash_files`: paths come in, digests go out, and the errors of single files.

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyList, PyString};
use rayon::prelude::*;
use riverrun_core::cancel::Cancel;
use riverrun_core::chunks::CHUNK_BYTES;
use riverrun_core::fault::Fault;
use riverrun_core::file::{Algorithm, Digest, digest_file, digest_once, digest_path, open_regular, regular_size};
use riverrun_core::hash::Holes;
use riverrun_core::plain::plain_of;

use crate::digest::{PyDigest, algorithm_of};
use crate::errors::{os_error, raise};
use crate::paths::path_of;
use crate::watch::watch_telling;

/// The digest of one file: a path, or an open descriptor, whose file is read from its start and whose position stays
/// as it is.
#[pyfunction]
#[pyo3(signature = (path, *, algorithm = "blake3", threads = None, on_progress = None))]
pub fn hash_file(
    py: Python<'_>,
    path: &Bound<'_, PyAny>,
    algorithm: &str,
    threads: Option<NonZeroUsize>,
    on_progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyDigest> {
    let algorithm = algorithm_of(algorithm)?;
    let target = Target::of(path)?;
    let small = match on_progress {
        None => py.detach(|| target.digest_if_small(algorithm)),
        Some(_) => Ok(None),
    };
    let digest = match small {
        Ok(Some(digest)) => Ok(digest),
        Ok(None) => watch_telling(py, threads, on_progress, |cancel| target.digest(algorithm, cancel))?,
        Err(error) => Err(error),
    };
    digest.map(PyDigest).map_err(|error| raise(py, &error, path))
}

/// The digests of many files, in order. What cannot be read has its `OSError` in its place.
#[pyfunction]
#[pyo3(signature = (paths, *, algorithm = "blake3", threads = None, on_progress = None))]
pub fn hash_files<'py>(
    py: Python<'py>,
    paths: &Bound<'py, PyAny>,
    algorithm: &str,
    threads: Option<NonZeroUsize>,
    on_progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    let algorithm = algorithm_of(algorithm)?;
    if paths.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("paths must be several, not one str"));
    }
    let given = paths.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let names = given.iter().map(path_of).collect::<PyResult<Vec<_>>>()?;
    let digests: Vec<io::Result<Digest>> = watch_telling(py, threads, on_progress, |cancel| {
        names
            .par_iter()
            .map(|name| {
                cancel.check()?;
                digest_path(name, algorithm, cancel)
            })
            .collect()
    })?;
    let results = PyList::empty(py);
    for (digest, name) in digests.into_iter().zip(&given) {
        match digest {
            Ok(digest) => results.append(PyDigest(digest))?,
            Err(error) => results.append(os_error(py, &error, name)?)?,
        }
    }
    Ok(results)
}

/// XXH3-128 of a whole file as xxhsum prints it, for lists that xxhsum wrote.
#[pyfunction]
#[pyo3(signature = (path, *, on_progress = None))]
pub fn hash_as_xxhsum(
    py: Python<'_>,
    path: &Bound<'_, PyAny>,
    on_progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyDigest> {
    let name = path_of(path)?;
    let plain = watch_telling(py, None, on_progress, |cancel| plain_of(&name, cancel))?;
    plain.map(|plain| PyDigest(Digest::Fast(plain))).map_err(|error| raise(py, &error, path))
}

/// What `hash_file` is asked to read.
enum Target {
    Path(PathBuf),
    Descriptor(i32),
}

impl Target {
    fn of(value: &Bound<'_, PyAny>) -> PyResult<Target> {
        if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
            let number = value.extract().map_err(|_| PyOverflowError::new_err("no such file descriptor"))?;
            return Ok(Target::Descriptor(number));
        }
        path_of(value).map(Target::Path)
    }

    fn open(&self) -> io::Result<(File, Holes)> {
        match self {
            Target::Path(path) => Ok((open_regular(path)?, Holes::Skip)),
            // Asking for holes would move the position, which is the caller's.
            Target::Descriptor(number) => Ok((duplicate(*number)?, Holes::Read)),
        }
    }

    /// Small files are not worth waking a thread. One that changes meanwhile is left to `digest`.
    fn digest_if_small(&self, algorithm: Algorithm) -> io::Result<Option<Digest>> {
        let (file, holes) = self.open()?;
        if regular_size(&file)? > CHUNK_BYTES {
            return Ok(None);
        }
        match digest_once(&file, algorithm, holes, &Cancel::new()) {
            Err(error) if Fault::of(&error) == Some(Fault::Changed) => Ok(None),
            done => done.map(Some),
        }
    }

    fn digest(&self, algorithm: Algorithm, cancel: &Cancel) -> io::Result<Digest> {
        let (file, holes) = self.open()?;
        digest_file(&file, algorithm, holes, cancel)
    }
}

/// A descriptor of our own for the file that a number of the caller's stands for.
#[allow(unsafe_code)] // a bare number is all that Python has
fn duplicate(number: i32) -> io::Result<File> {
    use std::os::fd::BorrowedFd;
    const BAD_DESCRIPTOR: i32 = 9; // EBADF
    if number < 0 {
        return Err(io::Error::from_raw_os_error(BAD_DESCRIPTOR));
    }
    // SAFETY: the number is only given to dup, which refuses one that is not open; it is not negative.
    let theirs = unsafe { BorrowedFd::borrow_raw(number) };
    debug_assert_eq!(theirs.as_raw_fd(), number);
    Ok(File::from(theirs.try_clone_to_owned()?))
}
