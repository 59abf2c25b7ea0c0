//! What an index knows, as a seal needs it: a file's stat comes in, its entry goes out, if it is just as the index knows it.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use super::ways::Ways;
use super::{Entry, Kind, Settled};
use crate::cancel::Cancel;
use crate::fault::Fault;
use crate::fingerprint::{Certified, Fingerprint};
use crate::index::table::Table;
use crate::index::{Index, OwnFile};
use crate::stat::{Present, Shape};
use crate::trust::{Standing, vouches};

pub struct Known<'a> {
    pub index: &'a Index,
    pub table: &'a Table,
    pub ways: &'a Ways<'a>,
    pub own_file: OwnFile,
    pub cancel: &'a Cancel,
}

/// Whatever is not as it should be: there is no seal then, and no one asks why.
pub fn refused<T>() -> io::Result<T> {
    Err(Fault::Changed.into())
}

impl Known<'_> {
    /// As `Base::key`, sooner for the usual path.
    pub fn key<'p>(&self, given: &'p [u8]) -> io::Result<Cow<'p, [u8]>> {
        let is_tidy = given.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."));
        if is_tidy {
            Ok(Cow::Borrowed(given))
        } else {
            Ok(Cow::Owned(self.index.base().key(given)?))
        }
    }
}

/// A file just as the index knows it.
pub fn file(
    folder: &Arc<[u8]>,
    name: &[u8],
    stat: Present,
    known: &Fingerprint,
    standing: Standing,
) -> io::Result<Entry> {
    if stat.shape() != Shape::File || known.stat != stat || known.certified == Certified::No {
        return refused();
    }
    Ok(Entry {
        folder: Arc::clone(folder),
        name: name.to_vec(),
        kind: Kind::File,
        settled: if vouches(known, &stat, standing) { Settled::Yes } else { Settled::No },
        stat,
        sum: [0; 16],
    })
}
