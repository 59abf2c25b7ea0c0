//! Folders that are artifacts, for a seal: paths come in, entries for all in them go out, if it is just as the index knows it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::Scope;
use rayon::prelude::*;
use rustix::fs::readlinkat;

use super::known::{Known, file, refused};
use super::names::names_in;
use super::ways::{Spot, Ways, sum_of};
use super::{Entry, Kind, Sum};
use crate::fingerprint::Fingerprint;
use crate::index::table::{Key, join, lies_in, split};
use crate::stat::{Links, Present, Shape, Stat, stat_at, stat_of};
use crate::stream::strong_of;
use crate::trust::Standing;

/// Folders that are artifacts, and all in them.
pub fn folders(known: &Known<'_>, given: &[Vec<u8>]) -> io::Result<Vec<Entry>> {
    let walk = Walk { known, found: Mutex::default() };
    let mut tops = given.par_iter().map(|path| top_of(known, path)).collect::<io::Result<Vec<_>>>()?;
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
    let mut keys = tops.iter().flat_map(|top| known.table.below(&top.known).map(|(key, _)| key));
    if keys.any(|key| folders.binary_search_by(|folder| folder[..].cmp(key)).is_err()) {
        return refused();
    }
    Ok(entries)
}

fn top_of(known: &Known<'_>, given: &[u8]) -> io::Result<Place> {
    let key = known.key(given)?;
    let Spot::Folder(spot) = known.ways.spot(&key)? else { return refused() };
    let real = known.ways.key(&spot).to_vec();
    // The index knows what a link leads to by its real path.
    let is_link = match split(&key) {
        Some((folder, name)) => match known.ways.folder(folder)? {
            Spot::Folder(folder) => join(&folder, name) != spot,
            Spot::Leaf { .. } | Spot::Missing { .. } => return refused(),
        },
        None => false,
    };
    Ok(Place { known: if is_link { real.clone() } else { key.into_owned() }, real })
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

#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    folders: Vec<Key>,
    failure: Option<io::Error>,
}

struct Walk<'a> {
    known: &'a Known<'a>,
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
        let Known { table, ways, own_file, cancel, .. } = self.known;
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
