//! TOML with positions: text comes in, Python's values go out, and where in the text each of them stands.

use std::ops::Range;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pyo3::create_exception!(riverrun, TomlError, PyValueError, "args: (message, start, end) in UTF-8 bytes.");

/// Values, and for each path of keys and list places (key start, key end, value start, value end) in UTF-8 bytes.
#[pyfunction]
pub fn parse_toml<'py>(py: Python<'py>, text: &str) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>)> {
    let document = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        wrong(error.message().trim_end(), &span)
    })?;
    let places = PyDict::new(py);
    let mut reader = Reader { py, places: &places, path: Vec::new() };
    let values = reader.table(document.get_ref())?;
    Ok((values, places))
}

fn wrong(message: &str, span: &Range<usize>) -> PyErr {
    TomlError::new_err((message.to_owned(), span.start, span.end))
}

struct Reader<'py, 'a> {
    py: Python<'py>,
    places: &'a Bound<'py, PyDict>,
    path: Vec<Bound<'py, PyAny>>,
}

impl<'py> Reader<'py, '_> {
    fn table(&mut self, table: &DeTable<'_>) -> PyResult<Bound<'py, PyDict>> {
        let values = PyDict::new(self.py);
        for (key, value) in table {
            let name = PyString::new(self.py, key.get_ref());
            self.path.push(name.clone().into_any());
            values.set_item(name, self.value(&key.span(), value)?)?;
            self.path.pop();
        }
        Ok(values)
    }

    /// A value, whose place is noted. An entry of a list has no key: its own place stands for it.
    fn value(&mut self, key: &Range<usize>, value: &Spanned<DeValue<'_>>) -> PyResult<Bound<'py, PyAny>> {
        let span = value.span();
        let path = PyTuple::new(self.py, &self.path)?;
        self.places.set_item(path, (key.start, key.end, span.start, span.end))?;
        Ok(match value.get_ref() {
            DeValue::String(text) => PyString::new(self.py, text).into_any(),
            DeValue::Integer(integer) => {
                let number = i64::from_str_radix(integer.as_str(), integer.radix())
                    .map_err(|_| wrong("this integer does not fit in 64 bits", &span))?;
                PyInt::new(self.py, number).into_any()
            }
            DeValue::Float(float) => {
                let number = float.as_str().parse().map_err(|_| wrong("this is no floating point number", &span))?;
                PyFloat::new(self.py, number).into_any()
            }
            DeValue::Boolean(truth) => truth.into_pyobject(self.py)?.to_owned().into_any(),
            DeValue::Datetime(moment) => PyString::new(self.py, &moment.to_string()).into_any(),
            DeValue::Array(entries) => {
                let values = PyList::empty(self.py);
                for (number, entry) in entries.iter().enumerate() {
                    self.path.push(PyInt::new(self.py, number).into_any());
                    values.append(self.value(&entry.span(), entry)?)?;
                    self.path.pop();
                }
                values.into_any()
            }
            DeValue::Table(table) => self.table(table)?.into_any(),
        })
    }
}
