//! The ways to things: keys come in, the real folders and names go out, and each link on the way becomes an entry.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2, readlinkat};
use rustix::io::Errno;
use twox_hash::XxHash3_128;

use super::{Entry, Kind, Settled, Sum};
use crate::index::table::{Key, below, join, lies_in, split};
use crate::stat::{Links, Present, Shape, Stat, spelled, stat_at};
use crate::tick::{coarse_now, is_settled};
use crate::trust::{Standing, Trust};

/// As the kernel has it.
const MOST_LINKS: usize = 40;

/// Where a path ends when all links are followed. All paths are absolute and lead through no link.
#[derive(Clone, Debug)]
pub enum Spot {
    Folder(Vec<u8>),
    /// A file, or something else that is neither folder nor link.
    Leaf {
        folder: Vec<u8>,
        name: Vec<u8>,
        stat: Present,
    },
    /// Nothing; `folder` is the last one on the way.
    Missing {
        folder: Vec<u8>,
        rest: Vec<u8>,
    },
}

pub struct Ways<'a> {
    /// The workspace, absolute and without links.
    root: &'a [u8],
    at_root: BorrowedFd<'a>,
    pub trust: &'a Trust,
    device: u64,
    /// All that is read for the seal is read after this moment, by the clock of local filesystems.
    began_ns: i64,
    seen: Mutex<HashMap<Key, Spot>>,
    links: Mutex<Vec<Entry>>,
    crossed: AtomicBool,
}

impl<'a> Ways<'a> {
    pub fn new(root: &'a [u8], at_root: BorrowedFd<'a>, trust: &'a Trust) -> io::Result<Self> {
        let Stat::Present(stat) = stat_at(at_root, b"", Links::Follow)? else {
            return Err(Errno::NOENT.into());
        };
        trust.standing(at_root, b"", stat.device); // a server's clock is asked before anything is read
        Ok(Ways {
            root,
            at_root,
            trust,
            device: stat.device,
            began_ns: coarse_now(),
            seen: Mutex::default(),
            links: Mutex::default(),
            crossed: AtomicBool::new(false),
        })
    }

    /// Where a key leads.
    pub fn spot(&self, key: &[u8]) -> io::Result<Spot> {
        match split(key) {
            Some((folder, name)) => self.step(self.folder(folder)?, name),
            None => self.folder(key),
        }
    }

    /// The same for a folder's key, which others will ask for as well.
    pub fn folder(&self, key: &[u8]) -> io::Result<Spot> {
        let mut names = Vec::new();
        let mut at = key;
        let mut spot = loop {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(at).cloned();
            match (seen, split(at)) {
                (Some(spot), _) => break spot,
                (None, Some((folder, name))) => {
                    names.push((at, name));
                    at = folder;
                }
                (None, None) if at.is_empty() => break Spot::Folder(self.root.to_vec()),
                (None, None) => break Spot::Folder(b"/".to_vec()),
            }
        };
        for (key, name) in names.into_iter().rev() {
            spot = self.step(spot, name)?;
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_vec(), spot.clone());
        }
        Ok(spot)
    }

    fn step(&self, from: Spot, name: &[u8]) -> io::Result<Spot> {
        Ok(match from {
            Spot::Folder(folder) => self.follow(folder, name)?,
            Spot::Missing { folder, rest } => Spot::Missing { folder, rest: join(&rest, name) },
            Spot::Leaf { folder, name: file, .. } => Spot::Missing { folder, rest: join(&file, name) },
        })
    }

    /// Where `path` leads from a real folder.
    pub fn follow(&self, from: Vec<u8>, path: &[u8]) -> io::Result<Spot> {
        let mut at = from;
        let mut links = 0;
        let mut pending = parts(path);
        while let Some(name) = pending.pop() {
            if name == b".." {
                self.cross(at == self.root);
                at = split(&at).map_or_else(|| b"/".to_vec(), |(parent, _)| parent.to_vec());
                continue;
            }
            let full = join(&at, &name);
            let Stat::Present(stat) = stat_at(CWD, &full, Links::Keep)? else {
                return Ok(missing(at, name, pending));
            };
            match stat.shape() {
                Shape::Folder => {
                    self.cross(full == self.root);
                    at = full;
                }
                Shape::Link => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    let text = self.link(&at, &name, &full, stat)?;
                    if text.starts_with(b"/") {
                        self.cross(lies_in(&at, self.root));
                        at = b"/".to_vec();
                    }
                    pending.extend(parts(&text));
                }
                Shape::File | Shape::Other if pending.is_empty() => {
                    return Ok(Spot::Leaf { folder: at, name, stat });
                }
                Shape::File | Shape::Other => return Ok(missing(at, name, pending)),
            }
        }
        Ok(Spot::Folder(at))
    }

    fn link(&self, folder: &[u8], name: &[u8], full: &[u8], stat: Present) -> io::Result<Vec<u8>> {
        let text = readlinkat(CWD, full, Vec::new())?.into_bytes();
        let standing = self.trust.standing(CWD, folder, stat.device);
        let entry = Entry {
            folder: self.key(folder).into(),
            name: name.to_vec(),
            kind: Kind::Link,
            settled: self.settled(&stat, standing),
            stat,
            sum: sum_of(&text),
        };
        self.links.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        Ok(text)
    }

    fn cross(&self, crosses: bool) {
        if crosses {
            self.crossed.store(true, Ordering::Relaxed);
        }
    }

    /// Of something read since this began, and after the stat.
    pub fn settled(&self, stat: &Present, standing: Standing) -> Settled {
        let began_ns = match standing {
            Standing::Local => self.began_ns,
            Standing::Probed(now) if stat.device == self.device => now,
            // Its clock was asked we do not know when.
            Standing::Probed(_) | Standing::Never => return Settled::No,
        };
        if is_settled(stat.ctime_ns, began_ns) { Settled::Yes } else { Settled::No }
    }

    /// The key of a real path.
    pub fn key<'k>(&self, real: &'k [u8]) -> &'k [u8] {
        if lies_in(real, self.root) { below(real, self.root) } else { real }
    }

    pub fn open(&self, key: &[u8]) -> io::Result<OwnedFd> {
        Ok(open_real(self.at_root, key)?)
    }

    /// The links that were met; and whether one led out of the workspace or into it: then the seal holds for this place only.
    pub fn finish(self) -> (Vec<Entry>, bool) {
        (self.links.into_inner().unwrap_or_else(PoisonError::into_inner), self.crossed.into_inner())
    }
}

/// The last one first.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.rev().map(<[u8]>::to_vec).collect()
}

fn missing(folder: Vec<u8>, name: Vec<u8>, pending: Vec<Vec<u8>>) -> Spot {
    let rest = pending.iter().rev().fold(name, |rest, part| join(&rest, part));
    Spot::Missing { folder, rest }
}

pub fn sum_of(text: &[u8]) -> Sum {
    XxHash3_128::oneshot(text).to_le_bytes()
}

/// Open a folder as a place to look from. A link anywhere on the way is an error.
pub fn open_real(at_root: BorrowedFd<'_>, key: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat2(at_root, spelled(key), flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // An older kernel, or a sandbox that does not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open_stepwise(at_root, key),
        opened => opened,
    }
}

fn open_stepwise(at_root: BorrowedFd<'_>, key: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let start = if key.starts_with(b"/") { &b"/"[..] } else { b"." };
    let mut at = openat(at_root, start, flags, Mode::empty())?;
    for part in key.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        at = openat(at.as_fd(), part, flags, Mode::empty())?;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_open_where_no_link_is_on_the_way() {
        let root = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(root.path()).unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::write(root.path().join("file"), b"").unwrap();
        symlink("a", root.path().join("link")).unwrap();
        let at_root = fs::File::open(root.path()).unwrap();
        let absolute = real.join("a/b").as_os_str().as_bytes().to_vec();
        let behind = real.join("link/b").as_os_str().as_bytes().to_vec();
        let cases: &[(&[u8], bool)] = &[
            (b"", true),
            (b"/", true),
            (b"a/b", true),
            (&absolute, true),
            (b"link", false),
            (b"link/b", false),
            (&behind, false),
            (b"file", false),
            (b"none", false),
        ];
        for (key, opens) in cases {
            assert_eq!(open_real(at_root.as_fd(), key).is_ok(), *opens, "{key:?}");
            assert_eq!(open_stepwise(at_root.as_fd(), key).is_ok(), *opens, "{key:?}, step by step");
        }
    }
}
