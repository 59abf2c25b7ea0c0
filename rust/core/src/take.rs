//! Outputs taken from a work folder: paths come in, facts go out, with the files held until they are placed, and copied in the same
//! pass as hashed where that is asked for.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::ioctl_ficlone;

use crate::cancel::Cancel;
use crate::digest::{Strong, hex};
use crate::fingerprint::{Certified, Fingerprint, Grip, Hold, Reading, read};
use crate::held::{Held, MOST_LEASES, Taken};
use crate::index::Index;
use crate::index::base::path_of;
use crate::index::table::join;
use crate::look::{Kind, facts};
use crate::reading::{each_unread, way_to};
use crate::stat::{Links, open_file, stat_of};
use crate::stream::strong_of;
use crate::survey::{Ask, Found, Gather, Level, TopAt, Vouch, survey};
use crate::tick::wait_settled;
use crate::trust::Standing;

/// Where the bytes of an output go while they are hashed.
#[derive(Clone, Debug)]
pub enum Copies {
    None,
    /// Of a file: this file, which must not exist. Of a folder: this folder, with each content as a file named by its digest.
    At(Vec<u8>),
}

/// How large a file may be to be copied, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Up to here its bytes are kept in memory, not in a copy: a file that is made and removed costs more than its few bytes.
    pub kept: u64,
    /// Above, it is only copied where that costs nothing (reflink).
    pub copied: u64,
}

/// For each of the paths its copies.
pub fn take(index: &Index, paths: &[Vec<u8>], copies: &[Copies], limits: Limits, cancel: &Cancel) -> io::Result<Taken> {
    let trust = index.trust();
    let (level, gather, links) = (Level::Strong, Gather::Everything, Links::Keep);
    let mut survey = survey(index, paths, &Ask { level, gather, links, vouch: Vouch::ByRule, trust: &trust, cancel })?;
    // Files in folders keep their stamps when the folder moves: a stamp that is a tick old before the reading begins needs no lease.
    let inner = survey.slots.iter().filter(|slot| {
        matches!(survey.tops[slot.top].at, TopAt::Folder(_)) && matches!(slot.found, Found::Unread { .. })
    });
    if let Some(last) = inner.map(|slot| slot.stat.ctime_ns).max() {
        let _: crate::tick::Waited = wait_settled(last, cancel)?;
    }
    let (leases, numbers) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let held = Mutex::new(Vec::new());
    let copied = Mutex::new(Vec::new());
    let kept = Mutex::new(Vec::new());
    each_unread(&mut survey, cancel, |tops, slot, _, standing| {
        let top = &tops[slot.top];
        let (folder, path, links) = way_to(index, top, slot, links);
        let (file, stat) = open_file(folder, path, links)?;
        let single = matches!(top.at, TopAt::Single);
        let leased = single && leases.fetch_add(1, Ordering::Relaxed) < MOST_LEASES;
        let grip = if leased { Grip::Hold } else { Grip::Ask };
        let keeps = stat.size <= limits.kept.min(limits.copied);
        let place = match copies.get(slot.top) {
            Some(Copies::At(_)) if keeps => None,
            None | Some(Copies::None) => None,
            Some(Copies::At(place)) if single => Some(path_of(&index.base().absolute(place)?).to_owned()),
            Some(Copies::At(place)) => {
                let place = index.base().absolute(place)?;
                fs::create_dir_all(path_of(&place))?;
                Some(path_of(&place).join(format!("new-{}", numbers.fetch_add(1, Ordering::Relaxed))))
            }
        };
        let source = Source { file: &file, size: stat.size, grip, standing };
        let (reading, copy) = source.read_and_copy(place, limits.copied, cancel)?;
        if let Some(copy) = copy {
            let place = if single { copy } else { named_by(&copy, reading.print.content.strong)? };
            let entry = (slot.top, reading.print.content.strong, reading.print.content.size, place);
            copied.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        }
        let print = reading.print;
        if keeps
            && matches!(copies.get(slot.top), Some(Copies::At(_)))
            && let Some(bytes) = bytes_of(&file, &print)?
        {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push((slot.top, print.content.strong, bytes));
        }
        let leased = (reading.hold == Hold::Kept).then_some(file);
        let key = join(&top.key, &slot.below);
        let one = Held { print: print.clone(), leased };
        held.lock().unwrap_or_else(PoisonError::into_inner).push((key, one));
        Ok(print)
    })?;
    let mut facts = facts(survey);
    let mut copied = copied.into_inner().unwrap_or_else(PoisonError::into_inner);
    copied.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    copied.dedup_by(|later, first| (later.0, later.1) == (first.0, first.1));
    for (top, strong, size, place) in copied {
        let Some(Copies::At(given)) = copies.get(top) else { continue };
        let place = match facts[top].kind {
            Kind::Folder => join(given, place.file_name().unwrap_or_default().as_encoded_bytes()),
            _ => given.clone(),
        };
        facts[top].copied.push((strong, size, place));
    }
    let mut kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    kept.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    kept.dedup_by(|later, first| (later.0, later.1) == (first.0, first.1));
    for (top, strong, bytes) in kept {
        facts[top].kept.push((strong, bytes));
    }
    let held = held.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect();
    Ok(Taken { facts, held })
}

/// The bytes of a small file that was just read; `None` where they are other ones by now.
fn bytes_of(file: &File, print: &Fingerprint) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; usize::try_from(print.content.size).map_err(|_| io::ErrorKind::InvalidData)?];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok((print.certified == Certified::Yes && strong_of(&bytes) == print.content.strong).then_some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Equal contents meet here; the last one stays.
fn named_by(copy: &Path, strong: Strong) -> io::Result<PathBuf> {
    let place = copy.with_file_name(hex(&strong.0));
    fs::rename(copy, &place)?;
    Ok(place)
}

struct Source<'a> {
    file: &'a File,
    size: u64,
    grip: Grip,
    standing: Standing,
}

impl Source<'_> {
    /// The reading, and where the copy is, if there is one.
    fn read_and_copy(
        &self,
        place: Option<PathBuf>,
        limit: u64,
        cancel: &Cancel,
    ) -> io::Result<(Reading, Option<PathBuf>)> {
        let read_to = |copy: Option<&File>| read(self.file, None, copy, self.grip, self.standing, cancel);
        let Some(place) = place else { return Ok((read_to(None)?, None)) };
        let copy = create(&place)?;
        let before = stat_of(self.file)?;
        let cloned = ioctl_ficlone(&copy, self.file).is_ok();
        if !cloned && self.size > limit {
            fs::remove_file(&place)?;
            return Ok((read_to(None)?, None));
        }
        let reading = match read_to((!cloned).then_some(&copy)) {
            // A copy is a convenience: that there is no room for it is not the output's fault.
            Err(error) if is_about_room(&error) => {
                fs::remove_file(&place)?;
                return Ok((read_to(None)?, None));
            }
            Err(error) => {
                fs::remove_file(&place)?;
                return Err(error);
            }
            Ok(reading) => reading,
        };
        let print = &reading.print;
        // A reflink was made before the bytes were read: they are the same ones only if nothing happened since.
        if print.certified == Certified::No || (cloned && print.stat != before) {
            fs::remove_file(&place)?;
            return Ok((reading, None));
        }
        Ok((reading, Some(place)))
    }
}

fn create(place: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create_new(true).mode(0o600);
    match (options.open(place), place.parent()) {
        (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(parent)?;
            options.open(place)
        }
        (done, _) => done,
    }
}

fn is_about_room(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG))
}
