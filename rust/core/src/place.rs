//! What was taken or restored is moved to its place: held files and moves come in, facts about the places go out, and the index
//! knows them without a second reading.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{RenameFlags, renameat, renameat_with};
use rustix::io::Errno;

use crate::cancel::Cancel;
use crate::fault::Fault;
use crate::fingerprint::{Grip, Hold, read};
use crate::hash::read_both;
use crate::held::{Held, MOST_LEASES, Taken, settle};
use crate::index::Index;
use crate::index::base::path_of;
use crate::index::table::{Key, below, join, lies_in};
use crate::look::{Fact, finish};
use crate::stat::{Links, Present, Shape, Stat, stat_at};
use crate::survey::{Ask, Gather, Level, Vouch, survey};
use crate::trust::Standing;

/// From where to where.
pub type Move = (Vec<u8>, Vec<u8>);

/// Move each source to its place. What stood there is replaced; where a folder is concerned it is at the source afterwards, for the
/// caller to remove. A move that fails has its error in its fact, the others go on.
pub fn place(index: &Index, taken: &mut Taken, moves: &[Move], cancel: &Cancel) -> io::Result<Vec<Fact>> {
    let mut held: HashMap<Key, Held> = HashMap::new();
    let mut outcomes = Vec::with_capacity(moves.len());
    for (from, to) in moves {
        cancel.check()?;
        outcomes.push(put(index, from, to, taken, &mut held, cancel));
    }
    settle(index, &mut held, cancel)?;
    let known: HashSet<Key> = held.keys().cloned().collect();
    index.apply(held.iter().map(|(key, one)| (key.clone(), Some(one.print.clone()))).collect());
    let placed: Vec<Vec<u8>> = moves
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|((_, to), _)| to.clone())
        .collect();
    let trust = index.trust();
    let (level, gather, links) = (Level::Stat, Gather::Everything, Links::Keep);
    let vouch = Vouch::Held(&known);
    let survey = survey(index, &placed, &Ask { level, gather, links, vouch, trust: &trust, cancel })?;
    let mut facts = finish(index, survey, level, links, cancel)?.into_iter();
    drop(held); // only now: until here no one could write unseen
    Ok(moves
        .iter()
        .zip(outcomes)
        .map(|((_, to), outcome)| match outcome {
            Ok(()) => facts.next().unwrap_or_else(|| Fact::failed(to.clone(), Fault::Changed.into())),
            Err(error) => Fact::failed(to.clone(), error),
        })
        .collect())
}

/// One move, with what is held of it.
fn put(
    index: &Index,
    from: &[u8],
    to: &[u8],
    taken: &mut Taken,
    held: &mut HashMap<Key, Held>,
    cancel: &Cancel,
) -> io::Result<()> {
    let base = index.base();
    let (from_key, to_key) = (base.key(from)?, base.key(to)?);
    let absolute = base.absolute(to)?;
    if let Some(parent) = path_of(&absolute).parent() {
        fs::create_dir_all(parent)?;
    }
    match rename(base.folder(), from, to) {
        Err(Errno::XDEV) => return carry(index, from, to, taken, held, cancel),
        done => done?,
    }
    if let Some(one) = taken.held.remove(&from_key) {
        held.insert(to_key, one); // a file: nothing lies in it
        return Ok(());
    }
    let moved: Vec<Key> = taken.held.keys().filter(|key| lies_in(key, &from_key)).cloned().collect();
    for key in moved {
        if let Some(one) = taken.held.remove(&key) {
            held.insert(join(&to_key, below(&key, &from_key)), one);
        }
    }
    Ok(())
}

/// A rename replaces a file by a file; whatever concerns a folder is swapped.
fn rename(base: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> Result<(), Errno> {
    let shape = |path| match stat_at(base, path, Links::Keep) {
        Ok(Stat::Present(stat)) => Ok(Some(stat.shape())),
        Ok(Stat::Missing) => Ok(None),
        Err(error) => Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
    };
    let (ours, theirs) = (shape(from)?, shape(to)?);
    let concerns_folder = ours == Some(Shape::Folder) || theirs == Some(Shape::Folder);
    if ours.is_none() || theirs.is_none() || !concerns_folder {
        return renameat(base, from, base, to);
    }
    match renameat_with(base, from, base, to, RenameFlags::EXCHANGE) {
        // A filesystem that cannot swap: a moment without either is the best it has.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let aside = beside(from);
            renameat(base, to, base, &aside[..])?;
            renameat(base, from, base, to)?;
            renameat(base, &aside[..], base, from)
        }
        done => done,
    }
}

/// A name that no one else uses, in the same folder.
fn beside(path: &[u8]) -> Vec<u8> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut beside = path.to_vec();
    beside.extend(format!(".riverrun-{}-{number}", std::process::id()).bytes());
    beside
}

/// Onto another filesystem: copied beside the place, verified, then moved in. The source stays.
fn carry(
    index: &Index,
    from: &[u8],
    to: &[u8],
    taken: &mut Taken,
    held: &mut HashMap<Key, Held>,
    cancel: &Cancel,
) -> io::Result<()> {
    let base = index.base();
    let near = beside(to);
    let near_path = base.absolute(&near)?;
    let mut carried = Carried { index, taken, from: from.to_vec(), near: near.clone(), files: Vec::new(), cancel };
    let done = carried.copy(b"").and_then(|()| rename(base.folder(), &near, to).map_err(io::Error::from));
    let files = carried.files;
    // What stood there before, after a swap; or a copy that did not become whole.
    remove(path_of(&near_path));
    done?;
    let to_key = base.key(to)?;
    held.extend(files.into_iter().map(|(path, one)| (join(&to_key, &path), one)));
    Ok(())
}

fn remove(path: &Path) {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|stat| stat.is_dir());
    let _ = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

struct Carried<'a> {
    index: &'a Index,
    taken: &'a Taken,
    from: Vec<u8>,
    near: Vec<u8>,
    files: Vec<(Vec<u8>, Held)>,
    cancel: &'a Cancel,
}

impl Carried<'_> {
    fn copy(&mut self, path: &[u8]) -> io::Result<()> {
        self.cancel.check()?;
        let base = self.index.base();
        let (from, near) = (join(&self.from, path), join(&self.near, path));
        let (from_path, near_path) = (base.absolute(&from)?, base.absolute(&near)?);
        match stat_at(base.folder(), &from, Links::Keep)? {
            Stat::Missing => Err(Errno::NOENT.into()),
            Stat::Present(stat) => match stat.shape() {
                Shape::File => self.copy_file(path, &from, &near, &stat),
                Shape::Link => symlink(fs::read_link(path_of(&from_path))?, path_of(&near_path)),
                Shape::Other => Err(Fault::NotAFile.into()),
                Shape::Folder => {
                    fs::create_dir(path_of(&near_path))?;
                    for entry in fs::read_dir(path_of(&from_path))? {
                        self.copy(&join(path, entry?.file_name().as_encoded_bytes()))?;
                    }
                    Ok(())
                }
            },
        }
    }

    fn copy_file(&mut self, path: &[u8], from: &[u8], near: &[u8], stat: &Present) -> io::Result<()> {
        let base = self.index.base();
        let (source, _) = crate::stat::open_file(base.folder(), from, Links::Keep)?;
        let near_path = base.absolute(near)?;
        let copy = create(path_of(&near_path))?;
        let written = read_both(&source, stat.size, None, Some(&copy), self.cancel)?;
        copy.set_permissions(fs::Permissions::from_mode(stat.mode & 0o777))?;
        drop(copy);
        let (file, _) = crate::stat::open_file(base.folder(), near, Links::Keep)?;
        let grip = if self.files.len() < MOST_LEASES { Grip::Hold } else { Grip::Ask };
        let reading = read(&file, Some(&written), None, grip, Standing::Local, self.cancel)?;
        let key = base.key(from)?;
        let wanted = self.taken.held.get(&key).map_or(written.strong, |one| one.print.content.strong);
        if reading.print.content.strong != wanted {
            return Err(Fault::Broken.into());
        }
        let leased = (reading.hold == Hold::Kept).then_some(file);
        self.files.push((path.to_vec(), Held { print: reading.print, leased }));
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}
