//! The index: fingerprints of a workspace, kept in one file. What is asked and what is placed goes through here.

pub mod base;
mod block;
mod file;
pub mod table;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::iter::once;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::clock::probe;
use crate::index::base::Base;
use crate::index::file::Loaded;
use crate::index::table::{Change, Key, Table};
use crate::stat::{Links, Present, Shape, Stat, stat_at};
use crate::trust::{Filesystem, Trust};

pub struct Index {
    path: PathBuf,
    base: Base,
    /// Why an existing file could not be used, if so.
    pub note: Option<String>,
    /// No one works under this lock, they take a clone: a thread of a pool that waits for others may be given work that needs it.
    table: RwLock<Arc<Table>>,
    /// Whether the table has what the file has not.
    unsaved: AtomicBool,
    ranges: Mutex<HashMap<Key, Vec<Range<u64>>>>,
    /// The network filesystems that the last look was told to trust; takings and placings go by it as well.
    networks: Mutex<Vec<String>>,
    assumed: Mutex<Option<Filesystem>>,
}

/// The index's own file, which a scan of its folder passes over.
pub struct OwnFile {
    folder: Option<(u64, u64)>,
    name: Vec<u8>,
}

impl OwnFile {
    /// Its name in its folder, or that of one being written.
    pub fn is(&self, folder: &Present, name: &[u8]) -> bool {
        name.strip_prefix(&self.name[..])
            .is_some_and(|rest| rest.is_empty() || (rest.starts_with(b".") && rest.ends_with(b".new")))
            && self.folder == Some((folder.device, folder.inode))
    }
}

impl Index {
    /// `root` must exist; the file of the index need not.
    pub fn open(path: &Path, root: Option<&Path>) -> io::Result<Index> {
        let path = std::path::absolute(path)?;
        let base = Base::new(root)?;
        let (table, note) = match file::load(&path) {
            Loaded::Nothing => (Table::default(), None),
            Loaded::Table(table) => (table, None),
            Loaded::Refused(why) => (Table::default(), Some(why)),
        };
        Ok(Index {
            path,
            base,
            note,
            table: RwLock::new(Arc::new(table)),
            unsaved: AtomicBool::new(false),
            ranges: Mutex::default(),
            networks: Mutex::default(),
            assumed: Mutex::default(),
        })
    }

    /// Write the file, unless it has all already.
    pub fn save(&self) -> io::Result<()> {
        static SAVES: AtomicU64 = AtomicU64::new(0);
        if !self.unsaved.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        // After the flag: what is learned from now on raises it again.
        let table = self.table();
        let number = SAVES.fetch_add(1, Ordering::SeqCst);
        let mut beside = self.path.clone().into_os_string();
        beside.push(format!(".{}-{number}.new", process::id()));
        let saved = file::save(&table, &self.path, Path::new(&beside));
        if saved.is_err() {
            self.unsaved.store(true, Ordering::SeqCst);
        }
        saved
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn base(&self) -> &Base {
        &self.base
    }

    /// As it is now.
    pub fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn apply(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut table).apply(changes);
        self.unsaved.store(true, Ordering::SeqCst);
    }

    /// Forget these paths and all below them.
    pub fn forget(&self, paths: &[Vec<u8>]) -> io::Result<()> {
        let mut changes = Vec::new();
        for path in paths {
            changes.extend(self.known_in(&self.base.key(path)?).into_iter().map(|key| (key, None)));
        }
        self.apply(changes);
        Ok(())
    }

    /// What is known at and below a path.
    pub fn known_in(&self, key: &[u8]) -> Vec<Key> {
        let table = self.table();
        let own = table.get(key).map(|_| key.to_vec());
        let below = table
            .below(key)
            .flat_map(|(folder, rows)| rows.iter().map(move |(name, _)| table::join(folder, name)));
        own.into_iter().chain(below).collect()
    }

    /// Which bytes were new when a scan last found the file changed; the whole file where that is not known.
    pub fn changed_ranges(&self, given: &[u8]) -> io::Result<Vec<Range<u64>>> {
        let key = self.base.key(given)?;
        let known = self.ranges().get(&key).cloned();
        if let Some(ranges) = known {
            return Ok(ranges);
        }
        match stat_at(self.base.folder(), given, Links::Follow)? {
            Stat::Missing => Err(rustix::io::Errno::NOENT.into()),
            Stat::Present(stat) if stat.shape() != Shape::File => Err(crate::fault::Fault::NotAFile.into()),
            Stat::Present(stat) if stat.size == 0 => Ok(Vec::new()),
            Stat::Present(stat) => Ok(once(0..stat.size).collect()),
        }
    }

    pub fn ranges(&self) -> MutexGuard<'_, HashMap<Key, Vec<Range<u64>>>> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn own_file(&self) -> OwnFile {
        let folder = self.path.parent().and_then(|folder| fs::metadata(folder).ok());
        use std::os::unix::fs::MetadataExt;
        OwnFile {
            folder: folder.map(|folder| (folder.dev(), folder.ino())),
            name: self.path.file_name().map_or_else(Vec::new, |name| name.as_bytes().to_vec()),
        }
    }

    pub fn trust_networks(&self, names: Vec<String>) {
        *self.networks.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// For tests: take every filesystem for one of this kind.
    pub fn assume(&self, kind: Filesystem) {
        *self.assumed.lock().unwrap_or_else(PoisonError::into_inner) = Some(kind);
    }

    /// For one look.
    pub fn trust(&self) -> Trust {
        let networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let assumed = *self.assumed.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.path.parent().map(Path::to_path_buf);
        let probe = move || probe(folder.as_deref().unwrap_or(Path::new("/")));
        Trust::new(networks, assumed, Box::new(probe))
    }
}
