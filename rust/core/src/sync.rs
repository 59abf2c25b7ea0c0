//! Names and bytes made durable, or swapped, by single calls of the kernel.

use std::io;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, RenameFlags, fdatasync, fstat, fsync, open, renameat_with};

/// The bytes of a file (with the size that they need), or the names in a folder, durable when this returns.
pub fn sync(path: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = open(path, flags, Mode::empty())?;
    match FileType::from_raw_mode(fstat(&opened)?.st_mode) {
        FileType::Directory => fsync(&opened)?,
        _ => fdatasync(&opened)?,
    }
    Ok(())
}

/// Swap two existing paths of one filesystem at once: no one ever sees either of them missing.
pub fn exchange(first: &Path, second: &Path) -> io::Result<()> {
    Ok(renameat_with(CWD, first, CWD, second, RenameFlags::EXCHANGE)?)
}
