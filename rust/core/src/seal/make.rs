//! Sealing: what must stay as it is comes in, as paths, and a seal goes out, if all of it is just as the index knows it.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::Scope;
use rayon::prelude::*;
use rustix::fs::readlinkat;

use super::file::write;
use super::names::names_in;
use super::ways::{Spot, Ways, sum_of};
use super::{Entry, Kind, Settled, Sum};
use crate::cancel::Cancel;
use crate::fault::Fault;
use crate::fingerprint::{Certified, Fingerprint};
use crate::index::table::{Key, Table, join, lies_in, split};
use crate::index::{Index, OwnFile};
use crate::stat::{Links, Present, Shape, Stat, stat_at, stat_of};
use crate::stream::strong_of;
use crate::trust::{Standing, vouches};

/// Files of one folder that one thread looks at in one go.
const GROUP_FILES: usize = 1024;

/// What a seal is to vouch for.
pub struct Wanted<'a> {
    pub files: &'a [Vec<u8>],
    /// With all in them.
    pub folders: &'a [Vec<u8>],
    /// Folders whose names count, not what is in them.
    pub listings: &'a [Vec<u8>],
    /// Where nothing must be.
    pub absent: &'a [Vec<u8>],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    Sealed,
    /// Something is not as the index knows it, or no one can vouch for it. There is no seal now.
    Refused,
}

/// The caller runs in a pool, whose threads all work. The index must have a root.
pub fn seal(
    index: &Index,
    path: &Path,
    header: &[u8],
    wanted: &Wanted<'_>,
    networks: &[String],
    cancel: &Cancel,
) -> io::Result<Sealing> {
    match gather(index, wanted, cancel) {
        Ok((entries, home)) => {
            write(path, header, home.as_deref(), networks, &entries)?;
            return Ok(Sealing::Sealed);
        }
        Err(error) if Fault::of(&error) == Some(Fault::Cancelled) => return Err(error),
        Err(_) => {}
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(Sealing::Refused),
    }
}

fn gather(index: &Index, wanted: &Wanted<'_>, cancel: &Cancel) -> io::Result<(Vec<Entry>, Option<Vec<u8>>)> {
    let base = index.base();
    let (root, table, trust) = (base.absolute(b"")?, index.table(), index.trust());
    let ways = Ways::new(&root, base.folder(), &trust)?;
    let maker = Maker { index, table: &table, ways: &ways, own_file: index.own_file(), cancel };
    let mut entries = maker.files(wanted.files)?;
    entries.append(&mut maker.folders(wanted.folders)?);
    for (kind, paths) in [(Kind::Listing, wanted.listings), (Kind::Absent, wanted.absent)] {
        let found = paths.par_iter().map(|path| maker.single(kind, path)).collect::<io::Result<Vec<_>>>()?;
        entries.extend(found);
    }
    let (mut links, crossed) = ways.finish();
    entries.append(&mut links);
    entries.par_sort_by(|one, other| one.place().cmp(&other.place()));
    entries.dedup_by(|one, other| one.place() == other.place());
    Ok((entries, crossed.then_some(root)))
}

struct Maker<'a> {
    index: &'a Index,
    table: &'a Table,
    ways: &'a Ways<'a>,
    own_file: OwnFile,
    cancel: &'a Cancel,
}

/// Whatever is not as it should be: there is no seal then, and no one asks why.
fn refused<T>() -> io::Result<T> {
    Err(Fault::Changed.into())
}

impl Maker<'_> {
    fn key<'p>(&self, given: &'p [u8]) -> io::Result<Cow<'p, [u8]>> {
        let is_tidy = given.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."));
        if is_tidy {
            Ok(Cow::Borrowed(given))
        } else {
            Ok(Cow::Owned(self.index.base().key(given)?))
        }
    }

    fn files(&self, given: &[Vec<u8>]) -> io::Result<Vec<Entry>> {
        let keys = given.par_iter().map(|path| self.key(path)).collect::<io::Result<Vec<_>>>()?;
        let mut places: Vec<(&[u8], &[u8])> = keys.iter().filter_map(|key| split(key)).collect();
        if places.len() < keys.len() {
            return refused(); // the root is no file
        }
        places.par_sort_unstable();
        places.dedup();
        let by_folder = places.chunk_by(|one, other| one.0 == other.0);
        let groups: Vec<_> = by_folder.flat_map(|folder| folder.chunks(GROUP_FILES)).collect();
        let found = groups.par_iter().map(|group| self.group(group)).collect::<io::Result<Vec<_>>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Files of one folder.
    fn group(&self, group: &[(&[u8], &[u8])]) -> io::Result<Vec<Entry>> {
        self.cancel.check()?;
        let Spot::Folder(real) = self.ways.folder(group[0].0)? else { return refused() };
        let key: Arc<[u8]> = self.ways.key(&real).into();
        let folder = self.ways.open(&key)?;
        let rows = self.table.folder(group[0].0); // it knows things by the way that they were looked at
        let mut standing = None;
        let mut entries = Vec::with_capacity(group.len());
        for (_, name) in group {
            let Stat::Present(stat) = stat_at(folder.as_fd(), name, Links::Keep)? else {
                return refused();
            };
            if stat.shape() == Shape::Link {
                entries.push(self.linked_file(real.clone(), name)?);
                continue;
            }
            let Some(known) = rows.and_then(|rows| rows.get(name)) else { return refused() };
            let standing = match standing {
                Some((device, standing)) if device == stat.device => standing,
                _ => standing.insert((stat.device, self.ways.trust.standing(folder.as_fd(), name, stat.device))).1,
            };
            entries.push(file(&key, name, stat, known, standing)?);
        }
        Ok(entries)
    }

    /// The file that a link leads to.
    fn linked_file(&self, folder: Vec<u8>, link: &[u8]) -> io::Result<Entry> {
        let Spot::Leaf { folder: real, name, stat } = self.ways.follow(folder, link)? else {
            return refused();
        };
        let key = self.ways.key(&real);
        let Some(known) = self.table.get(&join(key, &name)) else { return refused() };
        let folder = self.ways.open(key)?;
        let standing = self.ways.trust.standing(folder.as_fd(), &name, stat.device);
        file(&key.into(), &name, stat, known, standing)
    }

    fn single(&self, kind: Kind, given: &[u8]) -> io::Result<Entry> {
        self.cancel.check()?;
        match (kind, self.ways.spot(&self.key(given)?)?) {
            (Kind::Absent, Spot::Missing { folder, rest }) => Ok(Entry {
                folder: self.ways.key(&folder).into(),
                name: rest,
                kind,
                settled: Settled::Yes,
                stat: Present::NOTHING,
                sum: [0; 16],
            }),
            (Kind::Listing, Spot::Folder(real)) => {
                let key = self.ways.key(&real);
                let folder = self.ways.open(key)?;
                let stat = stat_of(&folder)?;
                let standing = self.ways.trust.standing(folder.as_fd(), b"", stat.device);
                let sum = names_in(folder.as_fd())?.sum();
                if stat_of(&folder)? != stat {
                    return refused();
                }
                let settled = self.ways.settled(&stat, standing);
                Ok(Entry { folder: key.into(), name: Vec::new(), kind, settled, stat, sum })
            }
            _ => refused(),
        }
    }

    /// Folders that are artifacts, and all in them.
    fn folders(&self, given: &[Vec<u8>]) -> io::Result<Vec<Entry>> {
        let walk = Walk { maker: self, found: Mutex::default() };
        let mut tops = given.par_iter().map(|path| self.top(path)).collect::<io::Result<Vec<_>>>()?;
        tops.sort_unstable();
        tops.dedup_by(|later, first| lies_in(&later.known, &first.known) && lies_in(&later.real, &first.real));
        rayon::scope(|scope| {
            for top in &tops {
                let (walk, top) = (&walk, top.clone());
                scope.spawn(move |scope| walk.enter(top, scope));
            }
        });
        let Found { entries, mut folders, failure } = walk.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), Err)?;
        // A folder that the index knows something in, and that was not met.
        folders.sort_unstable();
        let mut known = tops.iter().flat_map(|top| self.table.below(&top.known).map(|(key, _)| key));
        if known.any(|key| folders.binary_search_by(|folder| folder[..].cmp(key)).is_err()) {
            return refused();
        }
        Ok(entries)
    }

    fn top(&self, given: &[u8]) -> io::Result<Place> {
        let key = self.key(given)?;
        let Spot::Folder(spot) = self.ways.spot(&key)? else { return refused() };
        let real = self.ways.key(&spot).to_vec();
        // The index knows what a link leads to by its real path.
        let is_link = match split(&key) {
            Some((folder, name)) => match self.ways.folder(folder)? {
                Spot::Folder(folder) => join(&folder, name) != spot,
                Spot::Leaf { .. } | Spot::Missing { .. } => return refused(),
            },
            None => false,
        };
        Ok(Place { known: if is_link { real.clone() } else { key.into_owned() }, real })
    }
}

/// A folder by the path that the index knows it by, and by the one that leads through no link.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    known: Key,
    real: Key,
}

impl Place {
    fn below(&self, name: &[u8]) -> Place {
        Place { known: join(&self.known, name), real: join(&self.real, name) }
    }
}

/// A file just as the index knows it.
fn file(folder: &Arc<[u8]>, name: &[u8], stat: Present, known: &Fingerprint, standing: Standing) -> io::Result<Entry> {
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

#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    folders: Vec<Key>,
    failure: Option<io::Error>,
}

struct Walk<'a> {
    maker: &'a Maker<'a>,
    found: Mutex<Found>,
}

impl<'a> Walk<'a> {
    fn enter(&'a self, place: Place, scope: &Scope<'a>) {
        let listed = self.list(&place);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match listed {
            Ok((mut entries, folders)) => {
                found.entries.append(&mut entries);
                found.folders.push(place.known);
                for folder in folders {
                    scope.spawn(move |scope| self.enter(folder, scope));
                }
            }
            Err(error) => found.failure = Some(error),
        }
    }

    /// One folder: entries for itself and for what lies in it, and the folders among that.
    fn list(&self, place: &Place) -> io::Result<(Vec<Entry>, Vec<Place>)> {
        let Maker { table, ways, own_file, cancel, .. } = self.maker;
        cancel.check()?;
        if self.found.lock().unwrap_or_else(PoisonError::into_inner).failure.is_some() {
            return refused();
        }
        let opened = ways.open(&place.real)?;
        let at = opened.as_fd();
        let stat = stat_of(at)?;
        let standing = ways.trust.standing(at, b"", stat.device);
        let room = Room { ways, at, key: place.real[..].into(), stat, standing };
        let names = names_in(at)?;
        let rows = table.folder(&place.known);
        let mut entries = Vec::with_capacity(names.iter().len() + 1);
        entries.push(room.entry(b"", Kind::Folder, stat, names.sum()));
        let (mut folders, mut matched) = (Vec::new(), 0);
        for (name, shape) in names.iter() {
            let known = rows.and_then(|rows| rows.get(name));
            matched += usize::from(known.is_some());
            match (shape, known) {
                // Known as a folder without anything in it: its own listing tells.
                (Shape::Folder, None) => folders.push(place.below(name)),
                (Shape::Folder, Some(known)) if known.stat.shape() == Shape::Folder => folders.push(place.below(name)),
                (Shape::File | Shape::Link, Some(known)) => entries.push(room.child(name, known)?),
                (Shape::File, None) if own_file.is(&stat, name) => {}
                _ => return refused(),
            }
        }
        let all_met = matched == rows.map_or(0, |rows| rows.iter().len());
        let known_as_empty = table.get(&place.known).is_some_and(|known| known.stat.shape() == Shape::Folder);
        let is_empty = names.iter().len() == 0;
        if !all_met || is_empty != known_as_empty || stat_of(at)? != stat {
            return refused();
        }
        Ok((entries, folders))
    }
}

/// A folder that is an artifact, or lies in one.
struct Room<'a> {
    ways: &'a Ways<'a>,
    at: BorrowedFd<'a>,
    key: Arc<[u8]>,
    stat: Present,
    standing: Standing,
}

impl Room<'_> {
    /// Of what was read after its stat.
    fn entry(&self, name: &[u8], kind: Kind, stat: Present, sum: Sum) -> Entry {
        let settled = self.ways.settled(&stat, self.standing);
        Entry { folder: Arc::clone(&self.key), name: name.to_vec(), kind, settled, stat, sum }
    }

    /// A file or a link.
    fn child(&self, name: &[u8], known: &Fingerprint) -> io::Result<Entry> {
        let Stat::Present(stat) = stat_at(self.at, name, Links::Keep)? else { return refused() };
        if stat.shape() != Shape::Link {
            let standing = match stat.device == self.stat.device {
                true => self.standing,
                false => self.ways.trust.standing(self.at, name, stat.device),
            };
            return file(&self.key, name, stat, known, standing);
        }
        let text = readlinkat(self.at, name, Vec::new())?.into_bytes();
        if known.stat.shape() != Shape::Link || known.content.strong != strong_of(&text) {
            return refused();
        }
        Ok(self.entry(name, Kind::Link, stat, sum_of(&text)))
    }
}
