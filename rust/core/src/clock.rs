//! Now, as a filesystem would stamp a change: the kernel's coarse clock on local ones, else the ctime of a probe file.

use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, openat, statfs, unlinkat};
use rustix::io::Errno;

use crate::stat::{Present, stat_of};
use crate::tick::coarse_now;
use crate::trust::Filesystem;

pub fn now_ns(folder: &Path) -> io::Result<i64> {
    match Filesystem::of_magic(u64::from(statfs(folder)?.f_type as u32)) {
        Filesystem::Network(_) => Ok(probe(folder)?.ctime_ns),
        Filesystem::Local | Filesystem::Unreliable => Ok(coarse_now()),
    }
}

/// The stat of a file made in this folder now, and removed again.
pub fn probe(folder: &Path) -> io::Result<Present> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty())?;
    for attempt in 0..100 {
        let name = format!(".riverrun-probe-{}-{attempt}", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        match openat(&folder, &name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(file) => {
                let stat = stat_of(&file);
                unlinkat(&folder, &name, AtFlags::empty())?;
                return stat;
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::EXIST.into())
}
