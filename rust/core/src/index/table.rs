//! Fingerprints by path, in memory: changes come in by folder, fingerprints go out by path, by folder, or all in order.
//!
//! A folder keeps its names in one piece of memory and its fingerprints in one sorted row: a million files cost little more than
//! their fingerprints, and a walk that meets a folder finds all that is known of it in one step.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::Arc;

use crate::fingerprint::Fingerprint;

/// A path's bytes: relative to the root where it lies below it, otherwise absolute; "" is the root.
pub type Key = Vec<u8>;

/// What is to be known of a path from now on: a fingerprint, or nothing.
pub type Change = (Key, Option<Fingerprint>);

/// A clone shares its folders: whoever looks around keeps what it saw while others change theirs.
#[derive(Clone, Default)]
pub struct Table {
    folders: BTreeMap<Arc<[u8]>, Arc<Folder>>,
}

#[derive(Clone, Default)]
pub struct Folder {
    names: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Clone)]
struct Row {
    /// Where the name begins in the folder's `names`, and how long it is.
    start: u32,
    length: u32,
    print: Fingerprint,
}

impl Folder {
    pub fn get(&self, name: &[u8]) -> Option<&Fingerprint> {
        self.find(name).ok().map(|at| &self.rows[at].print)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &Fingerprint)> {
        self.rows.iter().map(|row| (self.name(row), &row.print))
    }

    /// The rows with these numbers.
    pub fn part(&self, numbers: Range<usize>) -> impl Iterator<Item = (&[u8], &Fingerprint)> {
        self.rows[numbers].iter().map(|row| (self.name(row), &row.print))
    }

    /// The number of the first row whose name is not before this one.
    pub fn first_from(&self, name: &[u8]) -> usize {
        self.find(name).unwrap_or_else(|at| at)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// `name` must follow all that are there in byte order, and the names must not have 4 GiB in all (the file of an index is
    /// refused before; on disk no folder has that many).
    pub fn push(&mut self, name: &[u8], print: Fingerprint) {
        let start = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(name.len()).unwrap_or(0);
        self.names.extend_from_slice(name);
        self.rows.push(Row { start, length, print });
    }

    pub fn with_room(rows: usize) -> Self {
        Folder { names: Vec::new(), rows: Vec::with_capacity(rows) }
    }

    /// All names of `other` must follow those that are there.
    pub fn append(&mut self, other: Folder) {
        let before = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.extend_from_slice(&other.names);
        self.rows
            .extend(other.rows.into_iter().map(|row| Row { start: row.start.saturating_add(before), ..row }));
    }

    pub fn first_name(&self) -> Option<&[u8]> {
        self.rows.first().map(|row| self.name(row))
    }

    pub fn last_name(&self) -> Option<&[u8]> {
        self.rows.last().map(|row| self.name(row))
    }

    pub fn name_bytes(&self) -> usize {
        self.names.len()
    }

    fn name(&self, row: &Row) -> &[u8] {
        let start = row.start as usize;
        &self.names[start..start + row.length as usize]
    }

    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| self.name(row).cmp(name))
    }

    /// `changes` sorted by name, each name once.
    fn apply(&mut self, changes: Vec<(&[u8], Option<Fingerprint>)>) {
        if let [(name, Some(_))] = changes.as_slice()
            && let Ok(at) = self.find(name)
        {
            for (_, print) in changes {
                self.rows[at].print = print.unwrap_or_else(|| self.rows[at].print.clone());
            }
            return;
        }
        let old = std::mem::take(self);
        let mut changes = changes.into_iter().peekable();
        for row in old.rows {
            let start = row.start as usize;
            let name = &old.names[start..start + row.length as usize];
            while let Some((new, print)) = changes.next_if(|(new, _)| *new < name) {
                if let Some(print) = print {
                    self.push(new, print);
                }
            }
            match changes.next_if(|(new, _)| *new == name) {
                Some((_, Some(print))) => self.push(name, print),
                Some((_, None)) => {}
                None => self.push(name, row.print),
            }
        }
        for (new, print) in changes {
            if let Some(print) = print {
                self.push(new, print);
            }
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        self.rows.shrink_to_fit();
        self.names.shrink_to_fit();
    }
}

impl Table {
    pub fn get(&self, key: &[u8]) -> Option<&Fingerprint> {
        let (folder, name) = split(key)?;
        self.folders.get(folder)?.get(name)
    }

    pub fn folder(&self, key: &[u8]) -> Option<&Folder> {
        self.folders.get(key).map(|folder| &**folder)
    }

    /// Every folder that is known, in byte order.
    pub fn folders(&self) -> impl ExactSizeIterator<Item = (&[u8], &Folder)> {
        self.folders.iter().map(|(key, folder)| (&key[..], &**folder))
    }

    /// The known folders at or below a path.
    pub fn below(&self, key: &[u8]) -> impl Iterator<Item = (&[u8], &Folder)> {
        // Keys with this one as a prefix, but not its neighbours such as "a.b" of "a": "/" tells.
        let from: Bound<&[u8]> = Bound::Included(key);
        let wanted = key.to_vec();
        let prefix = wanted.clone();
        self.folders
            .range::<[u8], _>((from, Bound::Unbounded))
            .take_while(move |(found, _)| found.starts_with(&prefix))
            .filter(move |(found, _)| lies_in(found, &wanted))
            .map(|(found, folder)| (&found[..], &**folder))
    }

    /// The last change of a path counts.
    pub fn apply(&mut self, mut changes: Vec<Change>) {
        changes.reverse();
        changes.sort_by(|one, other| split(&one.0).cmp(&split(&other.0)));
        changes.dedup_by(|later, first| later.0 == first.0);
        let mut changes = changes.into_iter().peekable();
        while let Some((key, print)) = changes.next() {
            let Some((folder, _)) = split(&key) else { continue };
            let mut keys = vec![(key.clone(), print)];
            while let Some(next) = changes.next_if(|(next, _)| split(next).is_some_and(|(other, _)| other == folder)) {
                keys.push(next);
            }
            let place = Arc::make_mut(self.folders.entry(folder.into()).or_default());
            let (keys, prints): (Vec<Key>, Vec<_>) = keys.into_iter().unzip();
            let names = keys.iter().filter_map(|key| split(key).map(|(_, name)| name));
            place.apply(names.zip(prints).collect());
            if place.rows.is_empty() {
                self.folders.remove(folder);
            }
        }
    }

    /// As read from a file: `key` follows all that are there, `folder` is not empty.
    pub fn push(&mut self, key: &[u8], mut folder: Folder) {
        folder.shrink();
        self.folders.insert(key.into(), Arc::new(folder));
    }
}

/// Folder and name; the root has none.
pub fn split(key: &[u8]) -> Option<(&[u8], &[u8])> {
    match key.iter().rposition(|byte| *byte == b'/') {
        Some(0) if key.len() == 1 => None,
        Some(0) => Some((b"/", &key[1..])),
        Some(at) => Some((&key[..at], &key[at + 1..])),
        None if key.is_empty() => None,
        None => Some((b"", key)),
    }
}

pub fn join(folder: &[u8], name: &[u8]) -> Key {
    let mut key = Vec::with_capacity(folder.len() + 1 + name.len());
    key.extend_from_slice(folder);
    if !folder.is_empty() && !name.is_empty() && !folder.ends_with(b"/") {
        key.push(b'/');
    }
    key.extend_from_slice(name);
    key
}

/// Whether `key` is `folder` or lies somewhere in it.
pub fn lies_in(key: &[u8], folder: &[u8]) -> bool {
    match key.strip_prefix(folder) {
        Some(rest) if folder.is_empty() => !rest.starts_with(b"/"), // an absolute path is not in the root
        Some(rest) => rest.is_empty() || folder.ends_with(b"/") || rest.starts_with(b"/"),
        None => false,
    }
}

/// The part of `key` below a folder that it lies in.
pub fn below<'a>(key: &'a [u8], folder: &[u8]) -> &'a [u8] {
    let rest = key.strip_prefix(folder).unwrap_or(key);
    rest.strip_prefix(b"/").unwrap_or(rest)
}
