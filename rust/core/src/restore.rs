//! Files made again from stored bytes: pieces of the store come in, verified files go out, held until they are placed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rayon::prelude::*;
use rustix::fs::{Mode, OFlags, ioctl_ficlone, openat};

use crate::cancel::Cancel;
use crate::chunks::{CHUNK_BYTES, Content};
use crate::digest::Strong;
use crate::fault::Fault;
use crate::fingerprint::{Certified, Fingerprint};
use crate::hash::{PIECE_BYTES, read_both};
use crate::held::{Held, MOST_LEASES, Taken, settle};
use crate::index::Index;
use crate::index::base::path_of;
use crate::lease::{self, Lease};
use crate::look::{Fact, Kind};
use crate::stat::{Links, open_file, stat_of};
use crate::tick::coarse_now;

/// How often a lease on a file of our own is asked for, a millisecond apart: a child that is being started may hold our writing
/// descriptor until it executes its program.
const LEASE_TRIES: usize = 20;

/// Which bytes of which file become which file, under what name and mode (the process's mask applies).
#[derive(Clone, Debug)]
pub struct Piece {
    pub source: Vec<u8>,
    pub offset: u64,
    pub length: u64,
    pub target: Vec<u8>,
    pub digest: Strong,
    pub mode: u32,
}

/// One fact per piece; a piece whose bytes are not those of its digest is an error, and its file is removed.
pub fn restore(index: &Index, pieces: &[Piece], cancel: &Cancel) -> io::Result<Taken> {
    let mut facts = Vec::with_capacity(pieces.len());
    let mut held = HashMap::new();
    for batch in pieces.chunks(MOST_LEASES) {
        // What an earlier batch holds is settled here, and then needs its lease no more.
        settle(index, &mut held, cancel)?;
        held.values_mut().for_each(Held::release);
        let restored = restore_batch(index, batch, cancel)?;
        for (piece, one) in batch.iter().zip(restored) {
            match one {
                Ok(one) => {
                    facts.push(fact(piece, &one));
                    held.insert(index.base().key(&piece.target)?, one);
                }
                Err(error) => facts.push(Fact::failed(piece.target.clone(), error)),
            }
        }
    }
    Ok(Taken { facts, held })
}

fn fact(piece: &Piece, one: &Held) -> Fact {
    let kind = if one.print.stat.is_executable() { Kind::Executable } else { Kind::File };
    let fact = Fact::new(piece.target.clone(), kind);
    Fact { digest: Some(piece.digest), size: piece.length, read: true, trusted: false, ..fact }
}

/// Small ones at once, large ones by all threads together.
fn restore_batch(index: &Index, batch: &[Piece], cancel: &Cancel) -> io::Result<Vec<io::Result<Held>>> {
    let is_small = |piece: &Piece| piece.length <= CHUNK_BYTES;
    let work = |piece: &Piece| restore_one(index, piece, cancel);
    let small: Vec<_> = batch.par_iter().map(|piece| is_small(piece).then(|| work(piece))).collect();
    let done = batch.iter().zip(small).map(|(piece, done)| done.unwrap_or_else(|| work(piece))).collect();
    cancel.check()?;
    Ok(done)
}

fn restore_one(index: &Index, piece: &Piece, cancel: &Cancel) -> io::Result<Held> {
    cancel.check()?;
    let folder = index.base().folder();
    let (source, stat) = open_file(folder, &piece.source, Links::Keep)?;
    let end = piece.offset.checked_add(piece.length);
    if end.is_none_or(|end| end > stat.size) {
        return Err(Fault::Broken.into()); // shorter than it was
    }
    let absolute = index.base().absolute(&piece.target)?;
    if let Some(parent) = path_of(&absolute).parent() {
        fs::create_dir_all(parent)?;
    }
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let target = File::from(openat(folder, &piece.target, flags, Mode::from_raw_mode(piece.mode & 0o777))?);
    let whole = piece.offset == 0 && piece.length == stat.size;
    let made = fill(&source, piece, &target, whole, cancel).and_then(|content| {
        if content.strong != piece.digest {
            return Err(Fault::Broken.into());
        }
        hold(index, &piece.target, target, content)
    });
    if made.is_err() {
        remove(path_of(&absolute));
    }
    made
}

fn remove(path: &Path) {
    let _ = fs::remove_file(path); // the first error is the one to tell
}

/// The content of what was written.
fn fill(source: &File, piece: &Piece, target: &File, whole: bool, cancel: &Cancel) -> io::Result<Content> {
    if whole && ioctl_ficlone(target, source).is_ok() {
        return read_both(target, piece.length, None, None, cancel);
    }
    if whole {
        return read_both(source, piece.length, None, Some(target), cancel);
    }
    let most = usize::try_from(piece.length).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
    let mut buffer = vec![0; most];
    let mut done = 0;
    while done < piece.length {
        cancel.check()?;
        let length = most.min(usize::try_from(piece.length - done).unwrap_or(most));
        source.read_exact_at(&mut buffer[..length], piece.offset + done)?;
        target.write_all_at(&buffer[..length], done)?;
        done += length as u64;
    }
    read_both(target, piece.length, None, None, cancel)
}

/// Close a file that we wrote, and hold it: no one else may have written to it in between.
pub fn hold(index: &Index, path: &[u8], written: File, content: Content) -> io::Result<Held> {
    let before = stat_of(&written)?;
    drop(written);
    let (file, _) = open_file(index.base().folder(), path, Links::Keep)?;
    let mut lease = lease::hold(&file);
    for _ in 1..LEASE_TRIES {
        if lease != Lease::Busy {
            break;
        }
        thread::sleep(Duration::from_millis(1));
        lease = lease::hold(&file);
    }
    let stat = stat_of(&file)?;
    if stat != before || lease == Lease::Busy || stat.size != content.size {
        return Err(Fault::Changed.into());
    }
    let print = Fingerprint { stat, content, began_ns: coarse_now(), certified: Certified::Yes };
    Ok(Held { print, leased: (lease == Lease::Held).then_some(file) })
}
