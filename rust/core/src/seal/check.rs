//! The check: the file of a seal comes in, and what is not as it was goes out. One call to the kernel and no memory for what is.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{ffi, fs};

use rayon::prelude::*;
use rustix::fs::{AtFlags, CWD, Statx, StatxFlags, StatxTimestamp, makedev, readlinkat, statx};
use rustix::io::Errno;

use super::file::{Row, Seal, load};
use super::names::names_in;
use super::ways::{open_real, sum_of};
use super::{Kind, Settled};
use crate::cancel::Cancel;
use crate::clock::probe;
use crate::fault::Fault;
use crate::index::table::{Key, join};
use crate::stat::{Links, Present, Shape, Stat, stat_at};
use crate::tick::coarse_now;
use crate::trust::{Filesystem, Standing, Trust};
use crate::walk::open_folder;

/// What a seal says, held against what is.
pub struct Checked {
    pub header: Vec<u8>,
    pub entries: u64,
    /// Folders and links that no stat vouched for, read anew and found as they were.
    pub reread: u64,
    /// In byte order.
    pub changed: Vec<(Key, Kind)>,
    /// Files whose stat is as it was, and not enough; in byte order.
    pub doubtful: Vec<Key>,
}

#[derive(Default)]
struct Findings {
    reread: u64,
    changed: Vec<(Key, Kind)>,
    doubtful: Vec<Key>,
}

impl Findings {
    fn and(mut self, mut other: Findings) -> Findings {
        self.reread += other.reread;
        self.changed.append(&mut other.changed);
        self.doubtful.append(&mut other.doubtful);
        self
    }
}

/// `None` where there is no seal, or none that can be used. The caller runs in a pool, whose threads all work.
pub fn check(path: &Path, root: &Path, assumed: Option<Filesystem>, cancel: &Cancel) -> io::Result<Option<Checked>> {
    let Some(seal) = load(path) else { return Ok(None) };
    let at_root = open_folder(CWD, root.as_os_str().as_bytes(), Links::Follow)?;
    // A link leads out of the workspace or into it: where the workspace was moved, it leads elsewhere.
    if let Some(home) = &seal.home
        && fs::canonicalize(root)?.as_os_str().as_bytes() != home
    {
        return Ok(None);
    }
    let folder = path.parent().map(Path::to_path_buf).filter(|folder| !folder.as_os_str().is_empty());
    let probe = move || probe(folder.as_deref().unwrap_or(Path::new(".")));
    let trust = Trust::new(seal.networks.clone(), assumed, Box::new(probe));
    let look = Look { seal: &seal, at_root, trust, now_ns: coarse_now(), cancel };
    let blocks = seal.blocks.par_iter().map(|place| look.block(place));
    let found = match blocks.try_reduce(Findings::default, |one, other| Ok(one.and(other))) {
        Ok(found) => found,
        Err(error) if Fault::of(&error) == Some(Fault::Broken) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Findings { reread, mut changed, mut doubtful } = found;
    changed.sort_unstable();
    doubtful.sort_unstable();
    Ok(Some(Checked { header: seal.header().to_vec(), entries: seal.entries, reread, changed, doubtful }))
}

struct Look<'a> {
    seal: &'a Seal,
    at_root: OwnedFd,
    trust: Trust,
    now_ns: i64,
    cancel: &'a Cancel,
}

/// The folder of a block, and what its device is worth.
struct Place<'a> {
    folder: BorrowedFd<'a>,
    standing: Option<(u64, Standing)>,
}

impl Look<'_> {
    fn block(&self, place: &std::ops::Range<usize>) -> io::Result<Findings> {
        self.cancel.check()?;
        let (key, rows) = self.seal.block(place)?;
        let mut found = Findings::default();
        match open_real(self.at_root.as_fd(), key) {
            Ok(folder) => {
                let mut place = Place { folder: folder.as_fd(), standing: None };
                for row in rows {
                    self.row(&row?, key, &mut place, &mut found);
                }
            }
            Err(_) => {
                for row in rows {
                    self.row_without_folder(&row?, key, &mut found);
                }
            }
        }
        Ok(found)
    }

    fn row(&self, row: &Row<'_>, key: &[u8], place: &mut Place<'_>, found: &mut Findings) {
        let path = || join(key, row.name.to_bytes());
        match (row.kind, look_at(place.folder, row.name)) {
            (Kind::Absent, Err(Errno::NOENT | Errno::NOTDIR)) => {}
            (Kind::Absent, _) | (_, Err(_)) => found.changed.push((path(), row.kind)),
            (_, Ok(stat)) if stat == row.stat && self.vouches(row, &stat, place) => {}
            (Kind::File, Ok(stat)) if stat == row.stat => found.doubtful.push(path()),
            (_, Ok(stat)) if reads_the_same(row, &stat, place.folder) => found.reread += 1,
            (_, Ok(_)) => found.changed.push((path(), row.kind)),
        }
    }

    /// What is absent may lie in a folder that is not there any more.
    fn row_without_folder(&self, row: &Row<'_>, key: &[u8], found: &mut Findings) {
        let path = join(key, row.name.to_bytes());
        let missing = || matches!(stat_at(self.at_root.as_fd(), &path, Links::Keep), Ok(Stat::Missing));
        if row.kind != Kind::Absent || !missing() {
            found.changed.push((path, row.kind));
        }
    }

    /// Rule 1, as far as it depends on this moment.
    fn vouches(&self, row: &Row<'_>, stat: &Present, place: &mut Place<'_>) -> bool {
        if row.settled == Settled::No {
            return false;
        }
        let standing = match place.standing {
            Some((device, standing)) if device == stat.device => standing,
            _ => {
                // A link lies where its folder does; followed, it would be asked what it leads to.
                let name = if row.kind == Kind::File { row.name.to_bytes() } else { b"" };
                let standing = self.trust.standing(place.folder, name, stat.device);
                place.standing = Some((stat.device, standing));
                standing
            }
        };
        has_passed(stat.ctime_ns, standing, self.now_ns)
    }
}

/// Whether a stamp lies in the past of the clock that gave it, as far as that can be known.
fn has_passed(stamp_ns: i64, standing: Standing, now_ns: i64) -> bool {
    match standing {
        Standing::Local => stamp_ns <= now_ns,
        Standing::Probed(now_ns) => stamp_ns <= now_ns,
        Standing::Never => false,
    }
}

/// Whether a folder has the names, or a link the text, that it had.
fn reads_the_same(row: &Row<'_>, stat: &Present, folder: BorrowedFd<'_>) -> bool {
    match row.kind {
        Kind::File | Kind::Absent => false,
        Kind::Folder | Kind::Listing => names_in(folder).is_ok_and(|names| names.sum() == row.sum),
        Kind::Link => {
            let text = || readlinkat(folder, row.name, Vec::new());
            stat.shape() == Shape::Link && text().is_ok_and(|text| sum_of(text.as_bytes()) == row.sum)
        }
    }
}

/// The stat of a name in a folder, or ("") of the folder itself, with no more asked of the kernel than is compared.
fn look_at(folder: BorrowedFd<'_>, name: &ffi::CStr) -> rustix::io::Result<Present> {
    let asked = StatxFlags::TYPE
        | StatxFlags::MODE
        | StatxFlags::SIZE
        | StatxFlags::MTIME
        | StatxFlags::CTIME
        | StatxFlags::INO;
    let empty = if name.is_empty() { AtFlags::EMPTY_PATH } else { AtFlags::SYMLINK_NOFOLLOW };
    let found: Statx = statx(folder, name, empty | AtFlags::STATX_SYNC_AS_STAT, asked)?;
    Ok(Present {
        size: found.stx_size,
        mtime_ns: nanoseconds(&found.stx_mtime),
        ctime_ns: nanoseconds(&found.stx_ctime),
        inode: found.stx_ino,
        mode: u32::from(found.stx_mode),
        device: makedev(found.stx_dev_major, found.stx_dev_minor),
    })
}

fn nanoseconds(stamp: &StatxTimestamp) -> i64 {
    stamp.tv_sec.saturating_mul(1_000_000_000).saturating_add(i64::from(stamp.tv_nsec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_in_the_future_vouches_for_nothing() {
        for (stamp_ns, standing, expected) in [
            (5, Standing::Local, true),
            (6, Standing::Local, false),
            (6, Standing::Probed(6), true),
            (5, Standing::Probed(4), false),
            (1, Standing::Never, false),
        ] {
            assert_eq!(has_passed(stamp_ns, standing, 5), expected, "{stamp_ns} {standing:?}");
        }
    }
}
