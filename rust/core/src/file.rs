//! A file named by one digest: a path or an open file comes in, its digest goes out, or what is wrong with it.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;

use crate::cancel::Cancel;
use crate::digest::{Fast, Strong};
use crate::fault::Fault;
use crate::hash::{Holes, PIECE_BYTES, read_fast, read_strong};
use crate::stream::{FastStream, StrongStream};

/// How often a file is read again that was written to while it was read.
const TRIES: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    Blake3,
    Xxh3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    Strong(Strong),
    Fast(Fast),
}

impl Digest {
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Digest::Strong(strong) => &strong.0,
            Digest::Fast(fast) => &fast.0,
        }
    }

    pub fn algorithm(&self) -> Algorithm {
        match self {
            Digest::Strong(_) => Algorithm::Blake3,
            Digest::Fast(_) => Algorithm::Xxh3,
        }
    }
}

/// Open for reading without surprises: waiting for no one, becoming no one's terminal, and only a regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NXIO) => return Err(Fault::NotAFile.into()), // a socket
        Err(error) => return Err(error.into()),
    };
    regular_size(&file)?;
    Ok(file)
}

/// The size of an open regular file; an error for anything else.
pub fn regular_size(file: impl AsFd) -> io::Result<u64> {
    let stat = fstat(file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat.st_size.cast_unsigned()),
        FileType::Directory => Err(Fault::IsAFolder.into()),
        _ => Err(Fault::NotAFile.into()),
    }
}

/// The digest of the file at `path`, read again a few times if it changes meanwhile.
pub fn digest_path(path: &Path, algorithm: Algorithm, cancel: &Cancel) -> io::Result<Digest> {
    digest_file(&open_regular(path)?, algorithm, Holes::Skip, cancel)
}

/// The digest of an open regular file from its start, whatever its position, read again a few times if it changes
/// meanwhile.
pub fn digest_file(file: &File, algorithm: Algorithm, holes: Holes, cancel: &Cancel) -> io::Result<Digest> {
    let mut last = Fault::Changed.into();
    for _ in 0..TRIES {
        match digest_once(file, algorithm, holes, cancel) {
            Err(error) if Fault::of(&error) == Some(Fault::Changed) => last = error,
            done => return done,
        }
    }
    Err(last)
}

/// One reading; `Fault::Changed` if the file was written to meanwhile.
pub fn digest_once(file: &File, algorithm: Algorithm, holes: Holes, cancel: &Cancel) -> io::Result<Digest> {
    let before = Version::of(file)?;
    let digest = match (before.size, algorithm) {
        (0, _) => return digest_to_end(file, algorithm, cancel),
        (size, Algorithm::Blake3) => Digest::Strong(read_strong(file, size, holes, cancel)?),
        (size, Algorithm::Xxh3) => Digest::Fast(read_fast(file, size, holes, cancel)?.0),
    };
    if Version::of(file)? == before { Ok(digest) } else { Err(Fault::Changed.into()) }
}

/// Some kernel files (below /proc) say that they are empty, and are not.
fn digest_to_end(file: &File, algorithm: Algorithm, cancel: &Cancel) -> io::Result<Digest> {
    use std::os::unix::fs::FileExt;
    let mut piece = Vec::new();
    let (mut strong, mut fast, mut at) = (StrongStream::new(), FastStream::new(), 0);
    loop {
        cancel.check()?;
        piece.resize(if at == 0 { 4096 } else { PIECE_BYTES }, 0);
        let got = match file.read_at(&mut piece, at) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        match algorithm {
            Algorithm::Blake3 => strong.update(&piece[..got]),
            Algorithm::Xxh3 => fast.update(&piece[..got]),
        }
        at += got as u64;
    }
    Ok(match algorithm {
        Algorithm::Blake3 => Digest::Strong(strong.finish()),
        Algorithm::Xxh3 => Digest::Fast(fast.finish()),
    })
}

/// What differs between two stats when the bytes were written to in between (or might have been).
#[derive(PartialEq, Eq)]
struct Version {
    size: u64,
    mtime: (i64, i64),
}

impl Version {
    fn of(file: &File) -> io::Result<Version> {
        let stat = file.metadata()?;
        Ok(Version { size: stat.size(), mtime: (stat.mtime(), stat.mtime_nsec()) })
    }
}
