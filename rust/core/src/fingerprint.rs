//! Certified reading (rule 2): an open file comes in, its fingerprint goes out.

use std::fs::File;
use std::io;
use std::iter::once;
use std::ops::Range;

use crate::cancel::Cancel;
use crate::chunks::{CHUNK_BYTES, Content, chunk_len};
use crate::digest::Fast;
use crate::fault::Fault;
use crate::hash::read_both;
use crate::lease::{self, Lease};
use crate::stat::{Present, Shape, stat_of};
use crate::stream::strong_of;
use crate::trust::Standing;

/// A file that changes while it is read is read again, this often in all.
const MOST_READINGS: usize = 3;

/// Whether no one was writing while the bytes were read. What is not certified is compared, never trusted, never recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certified {
    Yes,
    No,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub stat: Present,
    pub content: Content,
    /// When the reading began, by the clock that stamps the file.
    pub began_ns: i64,
    pub certified: Certified,
}

impl Fingerprint {
    /// Of a symbolic link, whose content is its text, or of an empty folder, which has none.
    pub fn of_text(stat: Present, text: &[u8], began_ns: i64) -> Self {
        let content = Content {
            size: text.len() as u64,
            fast: Fast([0; 16]), // nothing reads it
            strong: strong_of(text),
            chunks: Vec::new(),
        };
        Fingerprint { stat, content, began_ns, certified: Certified::Yes }
    }
}

/// Whether the reading may hold a lease for its whole length. Only files that no one else has a reason to write to: a writer waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grip {
    /// Asked for before and after, dropped at once.
    Ask,
    /// Held on return, if it could be had.
    Hold,
}

/// Whether the file is under a lease when its reading is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Kept,
    Free,
}

/// What a reading gives besides the fingerprint.
pub struct Reading {
    pub print: Fingerprint,
    pub hold: Hold,
    pub bytes: u64,
}

/// Read the file, naming anew only the chunks that differ from `known`.
pub fn read(
    file: &File,
    known: Option<&Content>,
    copy_to: Option<&File>,
    grip: Grip,
    standing: Standing,
    cancel: &Cancel,
) -> io::Result<Reading> {
    let mut bytes = 0;
    for attempt in 1.. {
        if let Some(copy) = copy_to {
            copy.set_len(0)?; // what an earlier attempt wrote may be a hole now
        }
        let before = stat_of(file)?;
        if before.shape() != Shape::File {
            return Err(Fault::NotAFile.into());
        }
        let first = match grip {
            Grip::Ask => lease::ask(file),
            Grip::Hold => lease::hold(file),
        };
        let began_ns = standing.now();
        let content = match read_both(file, before.size, known, copy_to, cancel) {
            Err(error) if Fault::of(&error) == Some(Fault::Changed) && attempt < MOST_READINGS => continue,
            done => done?,
        };
        bytes += before.size;
        let last = match (grip, first) {
            (Grip::Hold, Lease::Held) if lease::is_unbroken(file) => Lease::Held,
            (Grip::Hold, Lease::Held) => {
                lease::drop(file); // the writer who broke it waits for this
                Lease::Busy
            }
            (Grip::Hold | Grip::Ask, _) => lease::ask(file),
        };
        let after = stat_of(file)?;
        let busy = first == Lease::Busy || last == Lease::Busy;
        if before != after && !busy && attempt < MOST_READINGS {
            if last == Lease::Held {
                lease::drop(file);
            }
            continue;
        }
        let certified = if busy || before != after { Certified::No } else { Certified::Yes };
        let print = Fingerprint { stat: after, content, began_ns, certified };
        let kept = grip == Grip::Hold && first == Lease::Held && last == Lease::Held;
        let hold = if kept { Hold::Kept } else { Hold::Free };
        return Ok(Reading { print, hold, bytes });
    }
    Err(Fault::Changed.into())
}

/// Which bytes of `new` are not those of `old`: by the chunk tables, or all of them where one is not known.
pub fn changed_ranges(old: &Content, new: &Content) -> Vec<Range<u64>> {
    if new.size == 0 || old.strong == new.strong {
        return Vec::new();
    }
    if old.chunks.is_empty() || new.chunks.is_empty() {
        return once(0..new.size).collect();
    }
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for (number, chunk) in (0..).zip(&new.chunks) {
        let place = usize::try_from(number).ok();
        let seen = place.and_then(|place| old.chunks.get(place)).map(|seen| seen.fast);
        if seen == Some(chunk.fast) && chunk_len(old.size, number) == chunk_len(new.size, number) {
            continue;
        }
        let start = number * CHUNK_BYTES;
        let end = start + chunk_len(new.size, number);
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    ranges
}
