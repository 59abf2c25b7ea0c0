//! The binding: Python's values come in, the core works detached from the interpreter, Python's values and errors go
//! out.

mod digest;
mod disk;
mod errors;
mod fact;
mod hash;
mod hasher;
mod index;
mod launch;
mod paths;
mod seal;
mod toml;
mod watch;
mod workdir;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {
    use super::*;

    #[pymodule_export]
    use crate::{
        digest::PyDigest,
        disk::{exchange, now_ns, sync_files},
        fact::{PyFact, PyTaken},
        hash::{hash_as_xxhsum, hash_file, hash_files},
        hasher::PyHasher,
        index::{PyIndex, PyScan},
        launch::PyLauncher,
        seal::{PySeal, check_seal, read_seal_header},
        toml::{TomlError, parse_toml},
        workdir::{lay_work, sweep_work},
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
