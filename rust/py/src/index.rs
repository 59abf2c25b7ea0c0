//! `Index` and `Scan`: Python's paths and wishes come in, the core's scans, looks, takings and restorings go out.

use std::io;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStringExt;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyRange, PyString};
use riverrun_core::cancel::Cancel;
use riverrun_core::held;
use riverrun_core::index::Index;
use riverrun_core::index::table::Change;
use riverrun_core::look::{begin, finish, same_stat};
use riverrun_core::restore::{Piece, restore};
use riverrun_core::scan::{Scan, scan};
use riverrun_core::seal::Wanted;
use riverrun_core::stat::Links;
use riverrun_core::survey::Level;
use riverrun_core::take::{Copies, Limits, take};

use crate::digest::{PyDigest, strong_of};
use crate::errors::{os_error, raise};
use crate::fact::{PyFact, PyTaken, facts_to_python, text_of};
use crate::paths::path_of;
use crate::seal;
use crate::watch::{watch, watch_telling};

/// Bytes. Reading less takes no time worth a word.
const LONG_READING: u64 = 256 << 20;

type BytesPaths = Vec<Vec<u8>>;
type PieceOfPython<'py> = (Vec<u8>, u64, u64, Vec<u8>, Bound<'py, PyDigest>, u32);

/// For all paths, or for each.
#[derive(FromPyObject)]
enum Moments {
    One(i64),
    Each(Vec<i64>),
}

fn level_of(check: &str) -> PyResult<Level> {
    match check {
        "stat" => Ok(Level::Stat),
        "content" => Ok(Level::Content),
        "strong" => Ok(Level::Strong),
        _ => {
            let text = format!("unknown check {check:?}: it is \"stat\", \"content\" or \"strong\"");
            Err(PyValueError::new_err(text))
        }
    }
}

fn name_of(level: Level) -> &'static str {
    match level {
        Level::Stat => "stat",
        Level::Content => "content",
        Level::Strong => "strong",
    }
}

/// An error that concerns the whole call; what is wrong with single files stands in their facts.
fn failed(py: Python<'_>, error: &io::Error) -> PyErr {
    raise(py, error, py.None().bind(py))
}

fn bytes_of(path: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    Ok(path_of(path)?.into_os_string().into_vec())
}

#[pyclass(name = "Scan", module = "riverrun", frozen)]
pub struct PyScan {
    changed: Py<PyList>,
    missing: Py<PyList>,
    errors: Py<PyList>,
    unchanged: u64,
    bytes_read: u64,
    level: Level,
    /// What the index learns when the scan is saved; nothing once it is.
    changes: Mutex<Vec<Change>>,
}

#[pymethods]
impl PyScan {
    #[getter]
    fn changed(&self, py: Python<'_>) -> Py<PyList> {
        self.changed.clone_ref(py)
    }

    #[getter]
    fn missing(&self, py: Python<'_>) -> Py<PyList> {
        self.missing.clone_ref(py)
    }

    #[getter]
    fn errors(&self, py: Python<'_>) -> Py<PyList> {
        self.errors.clone_ref(py)
    }

    #[getter]
    fn unchanged(&self) -> u64 {
        self.unchanged
    }

    #[getter]
    fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    #[getter]
    fn check(&self) -> &'static str {
        name_of(self.level)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let count = |list: &Py<PyList>| list.bind(py).len();
        format!(
            "<Scan changed={} missing={} errors={} unchanged={} bytes_read={} check={}>",
            count(&self.changed),
            count(&self.missing),
            count(&self.errors),
            self.unchanged,
            self.bytes_read,
            self.check(),
        )
    }
}

impl PyScan {
    fn new(py: Python<'_>, scan: Scan, level: Level) -> PyResult<PyScan> {
        let texts = |paths: Vec<Vec<u8>>| -> PyResult<Py<PyList>> {
            let list = PyList::empty(py);
            for path in paths {
                list.append(text_of(py, &path)?)?;
            }
            Ok(list.unbind())
        };
        let errors = PyList::empty(py);
        for (path, error) in &scan.errors {
            errors.append(os_error(py, error, &text_of(py, path)?)?)?;
        }
        Ok(PyScan {
            changed: texts(scan.changed)?,
            missing: texts(scan.missing)?,
            errors: errors.unbind(),
            unchanged: scan.unchanged,
            bytes_read: scan.bytes_read,
            level,
            changes: Mutex::new(scan.changes),
        })
    }

    fn hand_over(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pyclass(name = "Index", module = "riverrun", frozen)]
pub struct PyIndex(Arc<Index>);

#[pymethods]
impl PyIndex {
    #[new]
    #[pyo3(signature = (path, *, root = None))]
    fn new(path: &Bound<'_, PyAny>, root: Option<&Bound<'_, PyAny>>) -> PyResult<PyIndex> {
        let file = path_of(path)?;
        let folder = root.map(path_of).transpose()?;
        let opened = path.py().detach(|| Index::open(&file, folder.as_deref()));
        opened
            .map(|index| PyIndex(Arc::new(index)))
            .map_err(|error| raise(path.py(), &error, root.unwrap_or(path)))
    }

    #[getter]
    fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }

    #[pyo3(signature = (paths, *, check = "stat", threads = None, save = true, on_progress = None))]
    fn scan(
        &self,
        py: Python<'_>,
        paths: &Bound<'_, PyAny>,
        check: &str,
        threads: Option<NonZeroUsize>,
        save: bool,
        on_progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyScan> {
        let level = level_of(check)?;
        if paths.is_instance_of::<PyString>() || paths.is_instance_of::<PyBytes>() {
            return Err(PyTypeError::new_err("paths must be several, not one"));
        }
        let paths: BytesPaths = paths.try_iter()?.map(|path| bytes_of(&path?)).collect::<PyResult<_>>()?;
        let found = watch_telling(py, threads, on_progress, |cancel| scan(&self.0, &paths, level, cancel))?;
        let found = PyScan::new(py, found.map_err(|error| failed(py, &error))?, level)?;
        if save {
            self.save(py, Some(&found))?;
        }
        Ok(found)
    }

    #[pyo3(signature = (scan = None))]
    fn save(&self, py: Python<'_>, scan: Option<&PyScan>) -> PyResult<()> {
        let changes = scan.map(PyScan::hand_over).unwrap_or_default();
        let saved = py.detach(|| {
            self.0.apply(changes);
            self.0.save()
        });
        saved.map_err(|error| match text_of(py, self.0.path().as_os_str().as_encoded_bytes()) {
            Ok(name) => raise(py, &error, &name),
            Err(error) => error,
        })
    }

    fn changed_ranges<'py>(&self, path: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyRange>>> {
        let py = path.py();
        let given = bytes_of(path)?;
        let ranges = py.detach(|| self.0.changed_ranges(&given)).map_err(|error| raise(py, &error, path))?;
        let ends = |range: std::ops::Range<u64>| -> PyResult<(isize, isize)> {
            Ok((range.start.try_into()?, range.end.try_into()?))
        };
        ranges
            .into_iter()
            .map(|range| ends(range).and_then(|(start, end)| PyRange::new(py, start, end)))
            .collect()
    }

    #[pyo3(signature = (paths, *, check = "stat", threads = None, trust = None, on_reading = None, on_progress = None))]
    #[expect(clippy::too_many_arguments, reason = "by keyword in Python")]
    fn look(
        &self,
        py: Python<'_>,
        paths: BytesPaths,
        check: &str,
        threads: Option<NonZeroUsize>,
        trust: Option<Vec<String>>,
        on_reading: Option<&Bound<'_, PyAny>>,
        on_progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Py<PyFact>>> {
        let level = level_of(check)?;
        self.0.trust_networks(trust.unwrap_or_default());
        let survey = watch(py, threads, |cancel| begin(&self.0, &paths, level, &self.0.trust(), cancel))?;
        let survey = survey.map_err(|error| failed(py, &error))?;
        let (files, bytes) = survey.unread();
        if let Some(tell) = on_reading.filter(|_| bytes >= LONG_READING) {
            tell.call1((files, bytes))?;
        }
        let read = |cancel: &Cancel| finish(&self.0, survey, level, Links::Follow, cancel);
        // With nothing to read it is not worth waking a thread.
        let facts = match files {
            0 => py.detach(|| read(&Cancel::new())),
            _ => watch_telling(py, threads, on_progress, read)?,
        };
        facts_to_python(py, facts.map_err(|error| failed(py, &error))?)
    }

    fn same_stat(&self, py: Python<'_>, paths: BytesPaths, since_ns: Moments) -> PyResult<Vec<bool>> {
        let since_ns = match since_ns {
            Moments::One(moment) => vec![moment; paths.len()],
            Moments::Each(moments) => moments,
        };
        if since_ns.len() != paths.len() {
            return Err(PyValueError::new_err("there must be as many moments as paths"));
        }
        let same = watch(py, None, |cancel| same_stat(&self.0, &paths, &since_ns, cancel))?;
        same.map_err(|error| failed(py, &error))
    }

    #[pyo3(signature = (paths, *, copies = None, copy_limit = None, keep_limit = 0, threads = None))]
    fn take(
        &self,
        py: Python<'_>,
        paths: BytesPaths,
        copies: Option<Vec<Option<Vec<u8>>>>,
        copy_limit: Option<u64>,
        keep_limit: u64,
        threads: Option<NonZeroUsize>,
    ) -> PyResult<PyTaken> {
        let copies = copies.unwrap_or_else(|| vec![None; paths.len()]);
        if copies.len() != paths.len() {
            return Err(PyValueError::new_err("there must be as many copies as paths"));
        }
        let copies: Vec<Copies> = copies.into_iter().map(|place| place.map_or(Copies::None, Copies::At)).collect();
        let limits = Limits { kept: keep_limit, copied: copy_limit.unwrap_or(u64::MAX) };
        let taken = watch(py, threads, |cancel| take(&self.0, &paths, &copies, limits, cancel))?;
        self.taken(py, taken)
    }

    fn restore(&self, py: Python<'_>, pieces: Vec<PieceOfPython<'_>>) -> PyResult<PyTaken> {
        let pieces = pieces
            .into_iter()
            .map(|(source, offset, length, target, digest, mode)| {
                Ok(Piece { source, offset, length, target, digest: strong_of(digest.get())?, mode })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let taken = watch(py, None, |cancel| restore(&self.0, &pieces, cancel))?;
        self.taken(py, taken)
    }

    fn forget(&self, py: Python<'_>, paths: BytesPaths) -> PyResult<()> {
        py.detach(|| self.0.forget(&paths)).map_err(|error| failed(py, &error))
    }

    #[pyo3(signature = (path, header, *, files, folders, listings, absent, trust = None))]
    #[expect(clippy::too_many_arguments, reason = "by keyword in Python")]
    fn seal(
        &self,
        path: &Bound<'_, PyAny>,
        header: &[u8],
        files: BytesPaths,
        folders: BytesPaths,
        listings: BytesPaths,
        absent: BytesPaths,
        trust: Option<Vec<String>>,
    ) -> PyResult<bool> {
        let wanted = Wanted { files: &files, folders: &folders, listings: &listings, absent: &absent };
        seal::make(&self.0, path, header, &wanted, trust.unwrap_or_default(), seal::How::Anew)
    }

    #[pyo3(signature = (path, header, *, files, folders, trust = None))]
    fn reseal(
        &self,
        path: &Bound<'_, PyAny>,
        header: &[u8],
        files: BytesPaths,
        folders: BytesPaths,
        trust: Option<Vec<String>>,
    ) -> PyResult<bool> {
        let wanted = Wanted { files: &files, folders: &folders, listings: &[], absent: &[] };
        seal::make(&self.0, path, header, &wanted, trust.unwrap_or_default(), seal::How::Renewed)
    }

    /// For tests: take every filesystem for a local one, or for one whose stamps are worth nothing.
    fn _assume(&self, kind: &str) -> PyResult<()> {
        self.0.assume(seal::filesystem_of(kind)?);
        Ok(())
    }
}

impl PyIndex {
    fn taken(&self, py: Python<'_>, taken: io::Result<held::Taken>) -> PyResult<PyTaken> {
        PyTaken::new(py, Arc::clone(&self.0), taken.map_err(|error| failed(py, &error))?)
    }
}
