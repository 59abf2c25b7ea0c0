//! Cheap facts from the filesystem: a folder descriptor and a name come in, `Missing` or `Present` goes out.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::fault::Fault;

/// The permission bit that makes a file an executable one in manifests.
const OWNER_MAY_EXECUTE: u32 = 0o100;

/// Whether a symbolic link at the end of a path stands for itself or for what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    Follow,
    Keep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stat {
    Missing,
    Present(Present),
}

#[derive(Clone, Copy, Debug)]
pub struct Present {
    pub size: u64,
    pub mtime_ns: i64,
    pub ctime_ns: i64,
    pub inode: u64,
    pub mode: u32,
    /// Where the file lies now. Not part of what is compared or kept: numbers of devices change when a machine starts anew.
    pub device: u64,
}

impl PartialEq for Present {
    fn eq(&self, other: &Self) -> bool {
        self.size == other.size
            && self.mtime_ns == other.mtime_ns
            && self.ctime_ns == other.ctime_ns
            && self.inode == other.inode
            && self.mode == other.mode
    }
}

impl Eq for Present {}

/// What stands at a path, as far as its mode tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    File,
    Folder,
    Link,
    Other,
}

impl Present {
    /// In the place of a stat that could not be had.
    pub const NOTHING: Present = Present { size: 0, mtime_ns: 0, ctime_ns: 0, inode: 0, mode: 0, device: 0 };

    pub fn shape(&self) -> Shape {
        match FileType::from_raw_mode(self.mode) {
            FileType::RegularFile => Shape::File,
            FileType::Directory => Shape::Folder,
            FileType::Symlink => Shape::Link,
            _ => Shape::Other,
        }
    }

    pub fn is_executable(&self) -> bool {
        self.mode & OWNER_MAY_EXECUTE != 0
    }

    /// Equal but for the ctime, which a renaming changes.
    pub fn same_but_moved(&self, other: &Self) -> bool {
        Present { ctime_ns: other.ctime_ns, ..*self } == *other
    }
}

impl From<rustix::fs::Stat> for Present {
    fn from(stat: rustix::fs::Stat) -> Self {
        Present {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            ctime_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            inode: stat.st_ino,
            mode: stat.st_mode,
            device: stat.st_dev,
        }
    }
}

fn nanoseconds(seconds: i64, rest: impl TryInto<i64>) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest.try_into().unwrap_or(0))
}

/// The path as the kernel wants it: the empty one is the folder itself.
pub fn spelled(path: &[u8]) -> &[u8] {
    if path.is_empty() { b"." } else { path }
}

pub fn stat_at(folder: BorrowedFd<'_>, path: &[u8], links: Links) -> io::Result<Stat> {
    stat_by(folder, spelled(path), links)
}

/// As `stat_at`; a `CStr` need not be copied for the kernel.
pub fn stat_by(folder: BorrowedFd<'_>, path: impl Arg, links: Links) -> io::Result<Stat> {
    let flags = match links {
        Links::Follow => AtFlags::empty(),
        Links::Keep => AtFlags::SYMLINK_NOFOLLOW,
    };
    match statat(folder, path, flags) {
        Ok(stat) => Ok(Stat::Present(stat.into())),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(Stat::Missing),
        Err(error) => Err(error.into()),
    }
}

pub fn stat_of(file: impl AsFd) -> io::Result<Present> {
    Ok(fstat(file)?.into())
}

/// Open a regular file for reading, without surprises: a fifo does not block, a terminal is not adopted, a device is refused.
pub fn open_file(folder: BorrowedFd<'_>, path: impl Arg, links: Links) -> io::Result<(File, Present)> {
    let mut flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    if links == Links::Keep {
        flags |= OFlags::NOFOLLOW;
    }
    let file = match openat(folder, path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        // A socket, or a device that nothing drives; with NOFOLLOW, a link.
        Err(Errno::NXIO | Errno::LOOP) => return Err(Fault::NotAFile.into()),
        Err(error) => return Err(error.into()),
    };
    let stat = stat_of(&file)?;
    match stat.shape() {
        Shape::File => Ok((file, stat)),
        Shape::Folder => Err(Fault::IsAFolder.into()),
        Shape::Link | Shape::Other => Err(Fault::NotAFile.into()),
    }
}
