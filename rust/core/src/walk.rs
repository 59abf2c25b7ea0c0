//! Folders, walked by all threads of the pool in which the caller runs: opened folders come in, one listing after the other goes
//! out, each with the stats of what lies in it. Links are not followed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rayon::Scope;
use rustix::fs::{FileType, Mode, OFlags, RawDir, openat};

use crate::cancel::Cancel;
use crate::index::table::join;
use crate::stat::{Links, Present, Shape, Stat, spelled, stat_at, stat_of};

/// Bytes. Room for a few hundred names by one call to the kernel.
const LISTING_BYTES: usize = 32 << 10;

/// What lies in a folder, by name in byte order.
pub struct Listing<'a> {
    /// Which of the folders that were given.
    pub start: usize,
    /// Path below it; "" is itself.
    pub below: &'a [u8],
    pub folder: BorrowedFd<'a>,
    pub stat: Present,
    pub children: &'a [Child],
    names: &'a [u8],
}

pub struct Child {
    name: (usize, usize),
    pub what: What,
}

pub enum What {
    Folder,
    /// Anything else.
    Present(Present),
    Failed(io::Error),
}

impl Listing<'_> {
    pub fn name(&self, child: &Child) -> &[u8] {
        &self.names[child.name.0..child.name.1]
    }
}

/// What is done with each folder.
pub trait Visit: Sync {
    fn visit(&self, listing: &Listing<'_>);
    /// A folder that could not be listed.
    fn fail(&self, start: usize, below: &[u8], error: io::Error);
}

pub fn open_folder(at: BorrowedFd<'_>, path: &[u8], links: Links) -> io::Result<OwnedFd> {
    let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if links == Links::Keep {
        flags |= OFlags::NOFOLLOW;
    }
    Ok(openat(at, spelled(path), flags, Mode::empty())?)
}

/// Visit each of the folders given and all below them. Returns when all is done, or soon after `cancel`.
pub fn walk(starts: &[(usize, BorrowedFd<'_>)], visitor: &impl Visit, cancel: &Cancel) {
    rayon::scope(|scope| {
        for (start, folder) in starts {
            let walker = Walker { start: *start, folder: *folder, visitor, cancel };
            scope.spawn(move |scope| walker.enter(Vec::new(), scope));
        }
    });
}

struct Walker<'a, V> {
    start: usize,
    folder: BorrowedFd<'a>,
    visitor: &'a V,
    cancel: &'a Cancel,
}

impl<V> Clone for Walker<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Walker<'_, V> {}

impl<'a, V: Visit> Walker<'a, V> {
    fn enter(self, below: Vec<u8>, scope: &Scope<'a>) {
        if self.cancel.is_cancelled() {
            return;
        }
        match self.list(&below) {
            Ok(folders) => {
                for folder in folders {
                    scope.spawn(move |scope| self.enter(folder, scope));
                }
            }
            Err(error) => self.visitor.fail(self.start, &below, error),
        }
    }

    /// Visit one folder; the paths of those in it are returned.
    fn list(self, below: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let folder = open_folder(self.folder, below, Links::Keep)?;
        let (names, mut found) = names_in(&folder)?;
        found.sort_unstable_by(|one, other| names[one.0..one.1].cmp(&names[other.0..other.1]));
        let mut folders = Vec::new();
        let mut children = Vec::with_capacity(found.len());
        for (start, end, kind) in found {
            let name = &names[start..end];
            let what = if kind == FileType::Directory {
                What::Folder
            } else {
                match stat_at(folder.as_fd(), name, Links::Keep) {
                    Ok(Stat::Present(stat)) if stat.shape() == Shape::Folder => What::Folder,
                    Ok(Stat::Present(stat)) => What::Present(stat),
                    Ok(Stat::Missing) => continue, // gone since it was listed
                    Err(error) => What::Failed(error),
                }
            };
            if matches!(what, What::Folder) {
                folders.push(join(below, name));
            }
            children.push(Child { name: (start, end), what });
        }
        self.visitor.visit(&Listing {
            start: self.start,
            below,
            folder: folder.as_fd(),
            stat: stat_of(&folder)?,
            children: &children,
            names: &names,
        });
        Ok(folders)
    }
}

type Found = (usize, usize, FileType);

fn names_in(folder: &OwnedFd) -> io::Result<(Vec<u8>, Vec<Found>)> {
    let mut buffer = Vec::with_capacity(LISTING_BYTES);
    let mut listing = RawDir::new(folder, buffer.spare_capacity_mut());
    let (mut names, mut found) = (Vec::new(), Vec::new());
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            let start = names.len();
            names.extend_from_slice(name);
            found.push((start, names.len(), entry.file_type()));
        }
    }
    Ok((names, found))
}
