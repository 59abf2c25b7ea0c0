//! The second half of a look: a survey comes in, and its files that no stat vouched for are read. Small files are read by all
//! threads of the pool at once, a large one by all threads together.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::cancel::Cancel;
use crate::chunks::{CHUNK_BYTES, Content};
use crate::fault::Fault;
use crate::fingerprint::{Fingerprint, Grip, changed_ranges, read};
use crate::index::Index;
use crate::stat::{Links, open_file};
use crate::survey::{Difference, Found, Level, Slot, Survey, Top, TopAt};
use crate::trust::Standing;

/// Read what is unread; the number of bytes goes out.
pub fn read_all(index: &Index, survey: &mut Survey, level: Level, links: Links, cancel: &Cancel) -> io::Result<u64> {
    let bytes = AtomicU64::new(0);
    each_unread(survey, cancel, |tops, slot, known, standing| {
        let (folder, path, links) = way_to(index, &tops[slot.top], slot, links);
        let (file, _) = open_file(folder, path, links)?;
        let seen = if level == Level::Strong { None } else { known };
        let reading = read(&file, seen, None, Grip::Ask, standing, cancel)?;
        bytes.fetch_add(reading.bytes, Ordering::Relaxed);
        Ok(reading.print)
    })?;
    Ok(bytes.into_inner())
}

/// How to open what a slot stands for.
pub fn way_to<'a>(index: &'a Index, top: &'a Top, slot: &'a Slot, links: Links) -> (BorrowedFd<'a>, &'a [u8], Links) {
    match &top.at {
        TopAt::Folder(folder) => (folder.as_fd(), &slot.below, Links::Keep),
        _ => (index.base().folder(), &top.given, links),
    }
}

/// `work` for each unread slot; what it gives is put in the slot. Only a cancellation ends it early.
pub fn each_unread(
    survey: &mut Survey,
    cancel: &Cancel,
    work: impl Fn(&[Top], &Slot, Option<&Content>, Standing) -> io::Result<Fingerprint> + Sync,
) -> io::Result<()> {
    let Survey { tops, slots, .. } = survey;
    let tops = &tops[..];
    let fill = |slot: &mut Slot| -> io::Result<()> {
        cancel.check()?;
        let Found::Unread { known, standing } = std::mem::replace(&mut slot.found, Found::Vanished) else {
            return Ok(());
        };
        slot.found = match work(tops, slot, known.as_ref(), standing) {
            Ok(print) => {
                slot.stat = print.stat;
                Found::Read { difference: difference(known.as_ref(), &print), print, standing }
            }
            Err(error) => match Fault::of(&error) {
                Some(Fault::Cancelled) => return Err(error),
                Some(Fault::NotAFile | Fault::IsAFolder) => Found::Other,
                _ if error.kind() == io::ErrorKind::NotFound => Found::Vanished,
                _ => Found::Failed(error),
            },
        };
        Ok(())
    };
    let is_unread = |slot: &Slot| matches!(slot.found, Found::Unread { .. });
    if !slots.iter().any(is_unread) {
        return Ok(()); // the caller may be in no pool
    }
    let (mut small, large): (Vec<&mut Slot>, Vec<&mut Slot>) =
        slots.iter_mut().filter(|slot| is_unread(slot)).partition(|slot| slot.stat.size <= CHUNK_BYTES);
    // About as they lie on the disk, which is seldom the order of their names. Nothing is known of whether they are in memory: then
    // it costs a hundredth of reading them.
    small.par_sort_by_key(|slot| (slot.stat.device, slot.stat.inode));
    small.into_par_iter().try_for_each(fill)?;
    large.into_iter().try_for_each(fill)
}

fn difference(known: Option<&Content>, print: &Fingerprint) -> Difference {
    match known {
        None => Difference::New,
        Some(known) if known.strong == print.content.strong => Difference::Touched,
        Some(known) => Difference::Changed(changed_ranges(known, &print.content)),
    }
}
