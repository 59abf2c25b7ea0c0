//! Folders, walked by all threads of the pool in which the caller runs: opened folders come in, one listing after the other goes
//! out. Links are not followed, and of what lies in a folder only the kind is asked, where the listing does not tell.

use std::ffi::CStr;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rayon::Scope;
use rustix::fs::{FileType, Mode, OFlags, RawDir, openat};

use crate::cancel::Cancel;
use crate::index::table::join;
use crate::stat::{Links, Present, Shape, Stat, spelled, stat_at, stat_of};

/// Bytes. Room for a few hundred names by one call to the kernel.
const LISTING_BYTES: usize = 32 << 10;

/// How many children are visited at once: a large folder is work for all threads.
const PART: usize = 256;

/// What lies in a folder, by name in byte order.
pub struct Listing {
    /// Which of the folders that were given.
    pub start: usize,
    /// Path below it; "" is itself.
    pub below: Vec<u8>,
    pub folder: OwnedFd,
    pub stat: Present,
    pub children: Vec<Child>,
    /// Each with a NUL behind it, as the kernel wants them.
    names: Vec<u8>,
}

pub struct Child {
    /// Its first bytes, as a number: most names are put in order by these alone.
    order: u64,
    start: u32,
    /// Of the NUL.
    end: u32,
    pub kind: ChildKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildKind {
    Folder,
    File,
    /// A link, or something odd.
    Else,
}

impl Child {
    pub fn is_folder(&self) -> bool {
        self.kind == ChildKind::Folder
    }

    fn name<'a>(&self, names: &'a [u8]) -> &'a [u8] {
        &names[self.start as usize..self.end as usize]
    }
}

impl Listing {
    pub fn name(&self, child: &Child) -> &[u8] {
        child.name(&self.names)
    }

    /// The same for the kernel.
    pub fn c_name(&self, child: &Child) -> &CStr {
        let with_nul = &self.names[child.start as usize..=child.end as usize];
        CStr::from_bytes_with_nul(with_nul).unwrap_or(c"") // no name has a NUL in it; "" would be missing
    }
}

/// What is done with each folder.
pub trait Visit: Sync {
    /// Called for each part of the children; an empty folder has one, empty, part.
    fn visit(&self, listing: &Listing, part: Range<usize>);
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
        if let Err(error) = self.list(&below, scope) {
            self.visitor.fail(self.start, &below, error);
        }
    }

    /// Visit one folder, and let those in it be entered.
    fn list(self, below: &[u8], scope: &Scope<'a>) -> io::Result<()> {
        let folder = open_folder(self.folder, below, Links::Keep)?;
        let stat = stat_of(&folder)?;
        let (names, mut children) = names_in(&folder)?;
        children.sort_unstable_by(|one, other| {
            one.order.cmp(&other.order).then_with(|| one.name(&names).cmp(other.name(&names)))
        });
        for child in children.iter().filter(|child| child.is_folder()) {
            let inner = join(below, child.name(&names));
            scope.spawn(move |scope| self.enter(inner, scope));
        }
        let listing = Listing { start: self.start, below: below.to_vec(), folder, stat, children, names };
        let count = listing.children.len();
        if count <= PART {
            self.visitor.visit(&listing, 0..count);
            return Ok(());
        }
        // Spawned, not waited for: a thread that waits may be given another folder, and in that one wait again, ever deeper.
        let listing = Arc::new(listing);
        for start in (0..count).step_by(PART) {
            let listing = Arc::clone(&listing);
            scope.spawn(move |_| {
                if !self.cancel.is_cancelled() {
                    self.visitor.visit(&listing, start..count.min(start + PART));
                }
            });
        }
        Ok(())
    }
}

fn names_in(folder: &OwnedFd) -> io::Result<(Vec<u8>, Vec<Child>)> {
    let mut buffer = Vec::with_capacity(LISTING_BYTES);
    let mut listing = RawDir::new(folder, buffer.spare_capacity_mut());
    let (mut names, mut children) = (Vec::new(), Vec::new());
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Directory => ChildKind::Folder,
            FileType::RegularFile => ChildKind::File,
            FileType::Unknown => match stat_at(folder.as_fd(), name, Links::Keep) {
                Ok(Stat::Present(stat)) if stat.shape() == Shape::Folder => ChildKind::Folder,
                _ => ChildKind::Else,
            },
            _ => ChildKind::Else,
        };
        let start = position(&names)?;
        names.extend_from_slice(entry.file_name().to_bytes_with_nul());
        children.push(Child { order: first_bytes(name), start, end: position(&names)? - 1, kind });
    }
    Ok((names, children))
}

/// Of the next name. No folder that a disk holds has 4 GiB of names.
fn position(names: &[u8]) -> io::Result<u32> {
    u32::try_from(names.len()).map_err(io::Error::other)
}

fn first_bytes(name: &[u8]) -> u64 {
    let mut first = [0; 8];
    let length = name.len().min(8);
    first[..length].copy_from_slice(&name[..length]);
    u64::from_be_bytes(first)
}
