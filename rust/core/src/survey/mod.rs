//! The first half of a look: paths come in, what stands there goes out, and which files the stats cannot vouch for. No file is read.

mod children;
mod surveyor;

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;

use crate::cancel::Cancel;
use crate::chunks::Content;
use crate::digest::Strong;
use crate::fingerprint::Fingerprint;
use crate::index::Index;
use crate::index::table::{Change, Key, join};
use crate::stat::{Links, Present, Shape, Stat, stat_at};
use crate::tick::coarse_now;
use crate::trust::{Standing, Trust};
use crate::walk::open_folder;
pub use surveyor::survey;

/// How far a check reads (rule 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What rule 1 cannot vouch for.
    Stat,
    /// Every byte; what has the fast digest it had keeps its name.
    Content,
    /// Every byte, all named anew.
    Strong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gather {
    Everything,
    /// Only what is not as it is known: a million clean files leave a number.
    Differences,
}

/// When a stat is enough.
#[derive(Clone, Copy)]
pub enum Vouch<'a> {
    ByRule,
    /// The stat is as it was, and its change lies before the moment given for its path (rule 7): no matter on what filesystem.
    Since(&'a [i64]),
    /// As `ByRule`, and these files, held by us since their bytes were read.
    Held(&'a HashSet<Key>),
}

pub struct Ask<'a> {
    pub level: Level,
    pub gather: Gather,
    /// For the paths given; links below them are never followed.
    pub links: Links,
    pub vouch: Vouch<'a>,
    pub trust: &'a Trust,
    pub cancel: &'a Cancel,
}

pub struct Top {
    pub given: Vec<u8>,
    pub key: Key,
    pub at: TopAt,
}

pub enum TopAt {
    Missing,
    /// A file or a link: its slot has the rest.
    Single,
    Folder(OwnedFd),
    Other,
    Failed(io::Error),
}

/// One thing at or below a path that was asked for.
pub struct Slot {
    pub top: usize,
    /// Path below the top; "" is the top itself.
    pub below: Vec<u8>,
    pub stat: Present,
    pub found: Found,
}

pub enum Found {
    /// The stat vouches for this digest.
    Vouched(Strong),
    /// We hold the file, where the stat does not vouch for it.
    Held(Strong),
    Unread {
        known: Option<Content>,
        standing: Standing,
    },
    Read {
        print: Fingerprint,
        standing: Standing,
        difference: Difference,
    },
    Link {
        text: Vec<u8>,
        difference: Difference,
    },
    EmptyFolder,
    /// No file, folder or link.
    Other,
    Vanished,
    Failed(io::Error),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    Same,
    /// The same content under another stat, or one too young to be vouched for.
    Touched,
    New,
    /// With the ranges of bytes that are not as they were.
    Changed(Vec<Range<u64>>),
}

pub struct Survey {
    pub tops: Vec<Top>,
    pub slots: Vec<Slot>,
    /// Files and links that are as known; counted only, with `Gather::Differences`.
    pub clean: u64,
    /// Bytes read on the way, of files found to be as known.
    pub bytes: u64,
    /// Known paths that are not there any more, and whether they were more than an empty folder.
    pub gone: Vec<(usize, Key, Shape)>,
}

impl Survey {
    /// How many files must be read, and their bytes.
    pub fn unread(&self) -> (u64, u64) {
        let unread = self.slots.iter().filter(|slot| matches!(slot.found, Found::Unread { .. }));
        unread.fold((0, 0), |(files, bytes), slot| (files + 1, bytes + slot.stat.size))
    }

    pub fn key(&self, slot: &Slot) -> Key {
        join(&self.tops[slot.top].key, &slot.below)
    }

    /// What the index must learn.
    pub fn changes(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = self.gone.iter().map(|(_, key, _)| (key.clone(), None)).collect();
        for slot in &self.slots {
            let print = match &slot.found {
                Found::Read { print, .. } => print.clone(),
                Found::Link { text, difference } if *difference != Difference::Same => {
                    Fingerprint::of_text(slot.stat, text, coarse_now())
                }
                Found::EmptyFolder => Fingerprint::of_text(slot.stat, b"", 0),
                Found::Vanished | Found::Other => {
                    changes.push((self.key(slot), None));
                    continue;
                }
                _ => continue,
            };
            changes.push((self.key(slot), Some(print)));
        }
        changes
    }
}

/// What stands at a path that was asked for.
fn top(index: &Index, given: &[u8], links: Links) -> io::Result<Top> {
    let base = index.base();
    let mut key = base.key(given)?;
    let found = match stat_at(base.folder(), given, Links::Keep) {
        Ok(Stat::Present(stat)) if stat.shape() == Shape::Link && links == Links::Follow => {
            // A link's fingerprint is that of what it leads to, and is kept there.
            let target = stat_at(base.folder(), given, Links::Follow);
            if matches!(target, Ok(Stat::Present(_))) {
                key = base.real_key(given)?;
            }
            target
        }
        found => found,
    };
    let at = match found {
        Ok(Stat::Missing) => TopAt::Missing,
        Ok(Stat::Present(stat)) => match stat.shape() {
            Shape::File | Shape::Link => TopAt::Single,
            Shape::Folder => open_folder(base.folder(), given, links).map_or_else(TopAt::Failed, TopAt::Folder),
            Shape::Other => TopAt::Other,
        },
        Err(error) => TopAt::Failed(error),
    };
    Ok(Top { given: given.to_vec(), key, at })
}
