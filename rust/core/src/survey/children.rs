//! One part of a folder: its children and what is known of them come in, side by side in the order of their names; slots and what
//! is gone go out.

use std::ops::Range;
use std::os::fd::AsFd;

use super::surveyor::{Gathered, Met, Surveyor};
use super::{Gather, Level};
use crate::fingerprint::Fingerprint;
use crate::hash::{Holes, PIECE_BYTES, read_fast};
use crate::index::table::{Folder, join};
use crate::stat::{Links, Shape, Stat, open_file, stat_by};
use crate::trust::{Standing, vouches_at};
use crate::walk::{Child, ChildKind, Listing};

impl Surveyor<'_> {
    pub(super) fn compare(&self, listing: &Listing, part: Range<usize>, key: &[u8], mine: &mut Gathered) {
        let top = listing.start;
        let standing = self.ask.trust.standing(listing.folder.as_fd(), b"", listing.stat.device);
        let moment = standing.moment();
        let rows = self.table.folder(key);
        let mut rows = rows.map(|rows| rows.part(rows_of(rows, listing, &part))).into_iter().flatten().peekable();
        for child in &listing.children[part] {
            let name = listing.name(child);
            while let Some((gone, known)) = rows.next_if(|(known, _)| *known < name) {
                mine.gone.push((top, join(key, gone), known.stat.shape()));
            }
            let known = rows.next_if(|(known, _)| *known == name).map(|(_, known)| known);
            // A folder known as empty: its own visit tells whether it still is.
            let stays = known.is_none_or(|known| child.is_folder() == (known.stat.shape() == Shape::Folder));
            let here = child.is_folder() || self.child(listing, child, (known, standing, moment), mine);
            if let Some(known) = known
                && !(stays && here)
            {
                mine.gone.push((top, join(key, name), known.stat.shape()));
            }
        }
        mine.gone.extend(rows.map(|(name, known)| (top, join(key, name), known.stat.shape())));
    }

    /// Whether something was there to be met, and no folder.
    fn child(
        &self,
        listing: &Listing,
        child: &Child,
        (known, standing, moment): (Option<&Fingerprint>, Standing, Option<i64>),
        mine: &mut Gathered,
    ) -> bool {
        let (folder, name, top) = (listing.folder.as_fd(), listing.name(child), listing.start);
        if self.own_file.is(&listing.stat, name) {
            return true;
        }
        if child.kind == ChildKind::File
            && self.ask.level == Level::Content
            && self.ask.gather == Gather::Differences
            && let Some(known) = known
            && self.reads_as_known(listing, child, known, moment)
        {
            mine.clean += 1;
            mine.bytes += known.stat.size;
            return true;
        }
        match stat_by(folder, listing.c_name(child), Links::Keep) {
            Ok(Stat::Present(stat)) => {
                let standing = match stat.device == listing.stat.device {
                    true => standing,
                    false => self.ask.trust.standing(folder, name, stat.device),
                };
                self.meet(Met { top, folder, path: name, stat, standing, known }, (top, &listing.below, name), mine);
            }
            Ok(Stat::Missing) => return false, // gone since it was listed
            Err(error) => mine.fail(top, join(&listing.below, name), &error),
        }
        true
    }

    /// Whether a small file has the stat and the bytes it had: looked at by opening it, which spares one way through the folder.
    /// Then nothing new is to be learned of it. Whatever else it may be is met in the usual way.
    fn reads_as_known(&self, listing: &Listing, child: &Child, known: &Fingerprint, moment: Option<i64>) -> bool {
        if known.stat.shape() != Shape::File || known.stat.size > PIECE_BYTES as u64 {
            return false;
        }
        let Ok((file, stat)) = open_file(listing.folder.as_fd(), listing.c_name(child), Links::Keep) else {
            return false;
        };
        // Where no stamp is worth anything a new fingerprint would be worth no more than the old one.
        let settled = moment.is_none_or(|moment| vouches_at(known, &stat, moment));
        stat == known.stat
            && stat.device == listing.stat.device
            && settled
            && read_fast(&file, stat.size, Holes::Read, self.ask.cancel)
                .is_ok_and(|(fast, _)| fast == known.content.fast)
    }
}

/// The rows that belong to a part of the children: from its first name up to the first of the next part.
fn rows_of(rows: &Folder, listing: &Listing, part: &Range<usize>) -> Range<usize> {
    let from = |child: usize| rows.first_from(listing.name(&listing.children[child]));
    let start = if part.start == 0 { 0 } else { from(part.start) };
    let end = if part.end == listing.children.len() { rows.len() } else { from(part.end) };
    start..end
}
