//! The parallel part of a survey: listings come in from the walk, slots and what is gone go out, compared with the table.

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use rustix::fs::readlinkat;

use super::{Ask, Difference, Found, Gather, Level, Slot, Survey, Top, TopAt, Vouch, top};
use crate::fingerprint::{Certified, Fingerprint};
use crate::index::table::{Key, Table, join, lies_in};
use crate::index::{Index, OwnFile};
use crate::stat::{Present, Shape, Stat, stat_at};
use crate::stream::strong_of;
use crate::tick::is_settled;
use crate::trust::{Standing, vouches};
use crate::walk::{Listing, Visit, walk};

/// What stands at these paths, and below those that are folders.
pub fn survey(index: &Index, paths: &[Vec<u8>], ask: &Ask<'_>) -> io::Result<Survey> {
    let tops: Vec<Top> = paths.iter().map(|path| top(index, path, ask.links)).collect::<io::Result<_>>()?;
    let table = index.table();
    let gathered = Mutex::default();
    let surveyor = Surveyor { table: &table, ask, own_file: index.own_file(), tops: &tops, gathered };
    let mut folders = Vec::new();
    for (number, top) in tops.iter().enumerate() {
        match &top.at {
            TopAt::Single => surveyor.single(index, number, top),
            TopAt::Folder(folder) => folders.push((number, folder.as_fd())),
            TopAt::Missing | TopAt::Other | TopAt::Failed(_) => {}
        }
    }
    walk(&folders, &surveyor, ask.cancel);
    ask.cancel.check()?;
    let Gathered { slots, clean, bytes, gone, .. } = surveyor.finish();
    Ok(Survey { tops, slots, clean, bytes, gone })
}

#[derive(Default)]
pub(super) struct Gathered {
    pub slots: Vec<Slot>,
    pub clean: u64,
    /// Read on the way.
    pub bytes: u64,
    pub gone: Vec<(usize, Key, Shape)>,
    pub visited: HashSet<(usize, Key)>,
    /// Folders that could not be listed: nothing below them is known to be gone.
    pub blind: Vec<(usize, Key)>,
}

impl Gathered {
    pub fn fail(&mut self, top: usize, below: Vec<u8>, error: &io::Error) {
        let error = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        self.slots.push(Slot { top, below, stat: Present::NOTHING, found: Found::Failed(error) });
    }
}

pub(super) struct Surveyor<'a> {
    pub table: &'a Table,
    pub ask: &'a Ask<'a>,
    pub own_file: OwnFile,
    pub tops: &'a [Top],
    pub gathered: Mutex<Gathered>,
}

/// Something met on the way: how to reach it, and what is known of it.
pub(super) struct Met<'a> {
    pub top: usize,
    pub folder: BorrowedFd<'a>,
    pub path: &'a [u8],
    pub stat: Present,
    pub standing: Standing,
    pub known: Option<&'a Fingerprint>,
}

impl Surveyor<'_> {
    fn single(&self, index: &Index, number: usize, top: &Top) {
        let folder = index.base().folder();
        let mut mine = Gathered::default();
        match stat_at(folder, &top.given, self.ask.links) {
            Ok(Stat::Present(stat)) => {
                let standing = self.ask.trust.standing(folder, &top.given, stat.device);
                let known = self.table.get(&top.key);
                let met = Met { top: number, folder, path: &top.given, stat, standing, known };
                self.meet(met, (number, b"", b""), &mut mine);
            }
            Ok(Stat::Missing) => {
                let slot = Slot { top: number, below: Vec::new(), stat: Present::NOTHING, found: Found::Vanished };
                mine.slots.push(slot);
            }
            Err(error) => mine.fail(number, Vec::new(), &error),
        }
        self.add(mine);
    }

    /// `place`: the top, and the path below it in two parts, which are joined only for what is kept.
    pub fn meet(&self, met: Met<'_>, place: (usize, &[u8], &[u8]), mine: &mut Gathered) {
        let (top, above, name) = place;
        let met = Met { known: met.known.filter(|known| known.stat.shape() == met.stat.shape()), ..met };
        let found = match met.stat.shape() {
            Shape::File => self.meet_file(&met, || join(&self.tops[top].key, &join(above, name))),
            Shape::Link => self.meet_link(&met).unwrap_or_else(Found::Failed),
            Shape::Folder => Found::Vanished, // it was none a moment ago
            Shape::Other => Found::Other,
        };
        let clean = matches!(found, Found::Vouched(_) | Found::Link { difference: Difference::Same, .. });
        if clean && self.ask.gather == Gather::Differences {
            mine.clean += 1;
        } else {
            mine.slots.push(Slot { top, below: join(above, name), stat: met.stat, found });
        }
    }

    fn meet_file(&self, met: &Met<'_>, key: impl FnOnce() -> Key) -> Found {
        if self.ask.level == Level::Stat
            && let Some(known) = met.known
        {
            if self.vouches(met, known) {
                return Found::Vouched(known.content.strong);
            }
            if let Vouch::Held(held) = self.ask.vouch
                && known.stat == met.stat
                && held.contains(&key())
            {
                return Found::Held(known.content.strong);
            }
        }
        Found::Unread { known: met.known.map(|known| known.content.clone()), standing: met.standing }
    }

    fn meet_link(&self, met: &Met<'_>) -> io::Result<Found> {
        if let Some(known) = met.known
            && self.ask.gather == Gather::Differences
            && self.ask.level == Level::Stat
            && self.vouches(met, known)
        {
            return Ok(Found::Vouched(known.content.strong));
        }
        let text = readlinkat(met.folder, met.path, Vec::new())?.into_bytes();
        let difference = match met.known {
            None => Difference::New,
            Some(known) if known.content.strong != strong_of(&text) => Difference::Changed(Vec::new()),
            // The fingerprint has to be taken anew; rule 7 asks about just this.
            Some(known) if known.stat != met.stat || !self.vouches(met, known) => Difference::Touched,
            Some(_) => Difference::Same,
        };
        Ok(Found::Link { text, difference })
    }

    fn vouches(&self, met: &Met<'_>, known: &Fingerprint) -> bool {
        match self.ask.vouch {
            Vouch::ByRule | Vouch::Held(_) => vouches(known, &met.stat, met.standing),
            Vouch::Since(moments) => {
                let Some(&moment_ns) = moments.get(met.top) else { return false };
                known.stat == met.stat
                    && known.certified == Certified::Yes
                    && is_settled(met.stat.ctime_ns, known.began_ns.min(moment_ns))
            }
        }
    }

    fn add(&self, mut mine: Gathered) {
        let mut all = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        all.slots.append(&mut mine.slots);
        all.clean += mine.clean;
        all.bytes += mine.bytes;
        all.gone.append(&mut mine.gone);
        all.visited.extend(mine.visited);
        all.blind.append(&mut mine.blind);
    }

    /// What is known at and below the paths given, and was not met.
    fn finish(self) -> Gathered {
        let mut all = self.gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (number, top) in self.tops.iter().enumerate() {
            if matches!(top.at, TopAt::Failed(_)) {
                continue;
            }
            if let Some(known) = self.table.get(&top.key) {
                let shape = known.stat.shape();
                let here = match top.at {
                    TopAt::Single => shape != Shape::Folder,
                    TopAt::Folder(_) => shape == Shape::Folder,
                    _ => false,
                };
                if !here {
                    all.gone.push((number, top.key.clone(), shape));
                }
            }
            for (folder, rows) in self.table.below(&top.key) {
                let blind = all.blind.iter().any(|(other, blind)| *other == number && lies_in(folder, blind));
                if !blind && !all.visited.contains(&(number, folder.to_vec())) {
                    let gone = rows.iter().map(|(name, known)| (number, join(folder, name), known.stat.shape()));
                    all.gone.extend(gone);
                }
            }
        }
        all
    }
}

impl Visit for Surveyor<'_> {
    fn visit(&self, listing: &Listing, part: Range<usize>) {
        let top = listing.start;
        let key = join(&self.tops[top].key, &listing.below);
        let mut mine = Gathered::default();
        let is_last = part.end == listing.children.len();
        self.compare(listing, part, &key, &mut mine);
        if is_last {
            let was_empty = self.table.get(&key).is_some_and(|known| known.stat.shape() == Shape::Folder);
            if !listing.children.is_empty() {
                if was_empty {
                    mine.gone.push((top, key.clone(), Shape::Folder));
                }
            } else if !was_empty || self.ask.gather == Gather::Everything {
                let below = listing.below.clone();
                mine.slots.push(Slot { top, below, stat: listing.stat, found: Found::EmptyFolder });
            }
            mine.visited.insert((top, key));
        }
        self.add(mine);
    }

    fn fail(&self, start: usize, below: &[u8], error: io::Error) {
        let mut mine = Gathered::default();
        match error.kind() {
            // Gone since its parent was listed: what is known below it is gone too.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => return,
            _ => mine.blind.push((start, join(&self.tops[start].key, below))),
        }
        mine.fail(start, below.to_vec(), &error);
        self.add(mine);
    }
}
