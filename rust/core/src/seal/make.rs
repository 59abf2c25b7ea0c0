//! Sealing: what must stay as it is comes in, as paths, and a seal goes out, if all of it is just as the index knows it.

use std::fs;
use std::io;
use std::iter::successors;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::file::{Row, load, write};
use super::folders::folders;
use super::known::{Known, file, refused};
use super::names::names_in;
use super::ways::{Spot, Ways};
use super::{Entry, Kind, Settled};
use crate::cancel::Cancel;
use crate::fault::Fault;
use crate::index::Index;
use crate::index::table::{join, split};
use crate::stat::{Links, Present, Shape, Stat, stat_at, stat_of};

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
    finish(path, header, networks, gather(index, wanted, cancel))
}

/// Seal anew what was brought about since the seal at `path` was made; for all else what it says still stands, looked at or not: where
/// that is no longer so, the next check finds it.
pub fn reseal(
    index: &Index,
    path: &Path,
    header: &[u8],
    wanted: &Wanted<'_>,
    networks: &[String],
    cancel: &Cancel,
) -> io::Result<Sealing> {
    let renewed = gather(index, wanted, cancel).and_then(|new| renew(index, path, new));
    finish(path, header, networks, renewed)
}

/// Entries, and where the workspace is, if it matters.
type Gathered = (Vec<Entry>, Option<Vec<u8>>);

fn finish(path: &Path, header: &[u8], networks: &[String], gathered: io::Result<Gathered>) -> io::Result<Sealing> {
    match gathered {
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

/// The entries of a seal, with new ones in their place.
fn renew(index: &Index, path: &Path, (mut entries, home): Gathered) -> io::Result<Gathered> {
    let Some(old) = load(path) else { return refused() };
    entries.par_sort_by(|one, other| one.place().cmp(&other.place()));
    let tops: Vec<Arc<[u8]>> = entries
        .iter()
        .filter(|entry| entry.kind == Kind::Folder)
        .map(|entry| Arc::clone(&entry.folder))
        .collect();
    let known = entries.len();
    for place in &old.blocks {
        let (folder, rows) = old.block(place)?;
        let folder: Arc<[u8]> = folder.into();
        let is_renewed = |key: &[u8]| tops.binary_search_by(|top| top[..].cmp(key)).is_ok();
        if successors(Some(&folder[..]), |key| Some(split(key)?.0)).any(is_renewed) {
            continue; // it lies in a folder all of which was gathered again
        }
        let is_new = |name: &[u8], kind| {
            entries[..known].binary_search_by(|new| new.place().cmp(&(&folder[..], name, kind))).is_ok()
        };
        let mut kept = Vec::new();
        for row in rows {
            let Row { name, kind, settled, stat, sum } = row?;
            let name = name.to_bytes();
            if !is_new(name, kind) {
                kept.push(Entry { folder: Arc::clone(&folder), name: name.to_vec(), kind, settled, stat, sum });
            }
        }
        entries.append(&mut kept);
    }
    entries.par_sort_by(|one, other| one.place().cmp(&other.place()));
    relist(index, &mut entries)?;
    Ok((entries, home.or(old.home)))
}

/// A folder in which an output was replaced has the names that it had, and another stat: by that it would be read at each check.
fn relist(index: &Index, entries: &mut [Entry]) -> io::Result<()> {
    let base = index.base();
    let (root, table, trust) = (base.absolute(b"")?, index.table(), index.trust());
    let ways = Ways::new(&root, base.folder(), &trust)?;
    let cancel = Cancel::new();
    let known = Known { index, table: &table, ways: &ways, own_file: index.own_file(), cancel: &cancel };
    for entry in entries.iter_mut().filter(|entry| entry.kind == Kind::Listing) {
        let is_as_sealed = ways.open(&entry.folder).and_then(stat_of).is_ok_and(|stat| stat == entry.stat);
        if !is_as_sealed
            && let Ok(now) = listing(&known, &entry.folder)
            && now.sum == entry.sum
        {
            *entry = now;
        }
    }
    Ok(())
}

fn gather(index: &Index, wanted: &Wanted<'_>, cancel: &Cancel) -> io::Result<Gathered> {
    let base = index.base();
    let (root, table, trust) = (base.absolute(b"")?, index.table(), index.trust());
    let ways = Ways::new(&root, base.folder(), &trust)?;
    let known = Known { index, table: &table, ways: &ways, own_file: index.own_file(), cancel };
    let mut entries = files(&known, wanted.files)?;
    entries.append(&mut folders(&known, wanted.folders)?);
    entries.append(&mut each(wanted.listings, |path| listing(&known, path))?);
    entries.append(&mut each(wanted.absent, |path| absent(&known, path))?);
    let (mut links, crossed) = ways.finish();
    entries.append(&mut links);
    Ok((each_once(entries)?, crossed.then_some(root)))
}

fn each<P: Sync>(paths: &[P], entry: impl Fn(&P) -> io::Result<Entry> + Sync + Send) -> io::Result<Vec<Entry>> {
    paths.par_iter().map(entry).collect()
}

/// In order. What was met on several ways must have been the same each time; the index may have read it at different moments.
fn each_once(mut entries: Vec<Entry>) -> io::Result<Vec<Entry>> {
    let mut all_same = true;
    entries.par_sort_by(|one, other| one.place().cmp(&other.place()));
    entries.dedup_by(|later, first| {
        let is_again = later.place() == first.place();
        if is_again {
            all_same &= later.stat == first.stat && later.sum == first.sum;
            if later.settled == Settled::No {
                first.settled = Settled::No;
            }
        }
        is_again
    });
    if all_same { Ok(entries) } else { refused() }
}

fn files(known: &Known<'_>, given: &[Vec<u8>]) -> io::Result<Vec<Entry>> {
    let keys = given.par_iter().map(|path| known.key(path)).collect::<io::Result<Vec<_>>>()?;
    let mut places: Vec<(&[u8], &[u8])> = keys.iter().filter_map(|key| split(key)).collect();
    if places.len() < keys.len() {
        return refused(); // the root is no file
    }
    places.par_sort_unstable();
    places.dedup();
    let by_folder = places.chunk_by(|one, other| one.0 == other.0);
    let groups: Vec<_> = by_folder.flat_map(|folder| folder.chunks(GROUP_FILES)).collect();
    let found = groups.par_iter().map(|group| group_of(known, group)).collect::<io::Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// Files of one folder.
fn group_of(known: &Known<'_>, group: &[(&[u8], &[u8])]) -> io::Result<Vec<Entry>> {
    known.cancel.check()?;
    let Spot::Folder(real) = known.ways.folder(group[0].0)? else { return refused() };
    let key: Arc<[u8]> = known.ways.key(&real).into();
    let folder = known.ways.open(&key)?;
    let rows = known.table.folder(group[0].0); // it knows things by the way that they were looked at
    let mut standing = None;
    let mut entries = Vec::with_capacity(group.len());
    for (_, name) in group {
        let Stat::Present(stat) = stat_at(folder.as_fd(), name, Links::Keep)? else {
            return refused();
        };
        if stat.shape() == Shape::Link {
            entries.push(linked_file(known, real.clone(), name)?);
            continue;
        }
        let Some(print) = rows.and_then(|rows| rows.get(name)) else { return refused() };
        let standing = match standing {
            Some((device, standing)) if device == stat.device => standing,
            _ => standing.insert((stat.device, known.ways.trust.standing(folder.as_fd(), name, stat.device))).1,
        };
        entries.push(file(&key, name, stat, print, standing)?);
    }
    Ok(entries)
}

/// The file that a link leads to.
fn linked_file(known: &Known<'_>, folder: Vec<u8>, link: &[u8]) -> io::Result<Entry> {
    let Spot::Leaf { folder: real, name, stat } = known.ways.follow(folder, link)? else {
        return refused();
    };
    let key = known.ways.key(&real);
    let Some(print) = known.table.get(&join(key, &name)) else { return refused() };
    let folder = known.ways.open(key)?;
    let standing = known.ways.trust.standing(folder.as_fd(), &name, stat.device);
    file(&key.into(), &name, stat, print, standing)
}

fn listing(known: &Known<'_>, given: &[u8]) -> io::Result<Entry> {
    known.cancel.check()?;
    let Spot::Folder(real) = known.ways.spot(&known.key(given)?)? else { return refused() };
    let key = known.ways.key(&real);
    let folder = known.ways.open(key)?;
    let stat = stat_of(&folder)?;
    let standing = known.ways.trust.standing(folder.as_fd(), b"", stat.device);
    let sum = names_in(folder.as_fd())?.sum();
    if stat_of(&folder)? != stat {
        return refused();
    }
    let settled = known.ways.settled(&stat, standing);
    Ok(Entry { folder: key.into(), name: Vec::new(), kind: Kind::Listing, settled, stat, sum })
}

fn absent(known: &Known<'_>, given: &[u8]) -> io::Result<Entry> {
    known.cancel.check()?;
    let Spot::Missing { folder, rest } = known.ways.spot(&known.key(given)?)? else {
        return refused();
    };
    let (folder, stat) = (known.ways.key(&folder).into(), Present::NOTHING);
    Ok(Entry { folder, name: rest, kind: Kind::Absent, settled: Settled::Yes, stat, sum: [0; 16] })
}
