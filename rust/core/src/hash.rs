//! Digests of files: an open file or a path comes in, its digests go out. Large files are read by all threads of the
//! pool in which the caller runs, chunk by chunk, as threads become free.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use blake3::hazmat::HasherExt;
use twox_hash::XxHash3_128;

use crate::cancel::Cancel;
use crate::chunks::{CHUNK_BYTES, Chunk, Content, chunk_count, chunk_len, fast_of_chunks, strong_of_chunks};
use crate::digest::{Fast, Strong};
use crate::piece::Source;
pub use crate::piece::{Holes, PIECE_BYTES};

/// Fast digests only, as a content check needs them: of the whole, and of each chunk when there are several.
pub fn read_fast(file: &File, size: u64, holes: Holes, cancel: &Cancel) -> io::Result<(Fast, Vec<Fast>)> {
    let source = Source::new(file, size, None, holes, cancel)?;
    if size <= CHUNK_BYTES {
        return Ok((fast_of(&source, 0..size)?, Vec::new()));
    }
    let chunks = each_chunk(size, |number| {
        let range = chunk_range(size, number);
        if range.end - range.start == CHUNK_BYTES && source.is_hole(range.start, CHUNK_BYTES)? {
            cancel.advance(CHUNK_BYTES);
            return Ok(zero_chunk());
        }
        fast_of(&source, range)
    })?;
    Ok((fast_of_chunks(chunks.iter().copied(), size), chunks))
}

/// The strong digest only.
pub fn read_strong(file: &File, size: u64, holes: Holes, cancel: &Cancel) -> io::Result<Strong> {
    let source = Source::new(file, size, None, holes, cancel)?;
    if size <= CHUNK_BYTES {
        let mut strong = blake3::Hasher::new();
        source.pieces(0..size, |piece| {
            strong.update(piece);
        })?;
        return Ok(Strong(*strong.finalize().as_bytes()));
    }
    let subtrees = each_chunk(size, |number| {
        let range = chunk_range(size, number);
        let mut subtree = blake3::Hasher::new();
        subtree.set_input_offset(range.start);
        source.pieces(range, |piece| {
            subtree.update(piece);
        })?;
        Ok(subtree.finalize_non_root())
    })?;
    Ok(strong_of_chunks(&subtrees))
}

/// Both digests and the chunk table in one pass. With `known`, chunks whose fast digest is as it was keep their
/// subtree value, the others are read again, at once, for both: a chunk's two digests are always of the same bytes.
/// With `copy_to` the bytes are written there too, at the same offsets; holes stay holes. `size` bytes are read: that
/// the file has just these before and after, the caller's stats tell.
pub fn read_both(
    file: &File,
    size: u64,
    known: Option<&Content>,
    copy_to: Option<&File>,
    cancel: &Cancel,
) -> io::Result<Content> {
    let source = Source::new(file, size, copy_to, Holes::Skip, cancel)?;
    if size <= CHUNK_BYTES {
        return read_small(&source, size, known);
    }
    let chunks = each_chunk(size, |number| {
        let range = chunk_range(size, number);
        if let Some(seen) = known.and_then(|known| seen_chunk(known, size, number))
            && fast_of(&source, range.clone())? == seen.fast
        {
            return Ok(seen);
        }
        let mut fast = XxHash3_128::new();
        let mut subtree = blake3::Hasher::new();
        subtree.set_input_offset(range.start);
        source.pieces(range, |piece| {
            fast.write(piece);
            subtree.update(piece);
        })?;
        Ok(Chunk { fast: Fast::from_value(fast.finish_128()), subtree: subtree.finalize_non_root() })
    })?;
    let subtrees: Vec<[u8; 32]> = chunks.iter().map(|chunk| chunk.subtree).collect();
    Ok(Content {
        size,
        fast: fast_of_chunks(chunks.iter().map(|chunk| chunk.fast), size),
        strong: strong_of_chunks(&subtrees),
        chunks,
    })
}

/// A file of one chunk: recognised, or read (again) for both digests.
fn read_small(source: &Source<'_>, size: u64, known: Option<&Content>) -> io::Result<Content> {
    if let Some(known) = known
        && known.size == size
        && fast_of(source, 0..size)? == known.fast
    {
        return Ok(known.clone());
    }
    let mut fast = XxHash3_128::new();
    let mut strong = blake3::Hasher::new();
    source.pieces(0..size, |piece| {
        fast.write(piece);
        strong.update(piece);
    })?;
    Ok(Content {
        size,
        fast: Fast::from_value(fast.finish_128()),
        strong: Strong(*strong.finalize().as_bytes()),
        chunks: Vec::new(),
    })
}

/// The chunk in this place when the file was last read, if it was as long as now.
fn seen_chunk(known: &Content, size: u64, number: u64) -> Option<Chunk> {
    let seen = known.chunks.get(usize::try_from(number).ok()?)?;
    (chunk_len(known.size, number) == chunk_len(size, number)).then_some(*seen)
}

fn chunk_range(size: u64, number: u64) -> Range<u64> {
    let start = number * CHUNK_BYTES;
    start..start + chunk_len(size, number)
}

/// XXH3-128 without a seed.
fn fast_of(source: &Source<'_>, range: Range<u64>) -> io::Result<Fast> {
    if range.end - range.start <= PIECE_BYTES as u64 {
        let mut fast = XxHash3_128::oneshot(&[]);
        source.pieces(range, |piece| fast = XxHash3_128::oneshot(piece))?;
        return Ok(Fast::from_value(fast));
    }
    let mut fast = XxHash3_128::new();
    source.pieces(range, |piece| fast.write(piece))?;
    Ok(Fast::from_value(fast.finish_128()))
}

/// The fast digest of a chunk of zeros. (A subtree value depends on the place of its chunk, so it cannot be kept like
/// this.)
fn zero_chunk() -> Fast {
    static ZERO: OnceLock<Fast> = OnceLock::new();
    *ZERO.get_or_init(|| {
        let mut fast = XxHash3_128::new();
        let zeros = vec![0; PIECE_BYTES];
        for _ in 0..CHUNK_BYTES / PIECE_BYTES as u64 {
            fast.write(&zeros);
        }
        Fast::from_value(fast.finish_128())
    })
}

/// `work` for the number of each chunk, on all threads of this pool; the results in order, or the first error seen.
/// Numbers are taken in order as threads become free, which is also the order kind to a disk.
fn each_chunk<T: Send>(size: u64, work: impl Fn(u64) -> io::Result<T> + Sync) -> io::Result<Vec<T>> {
    let count = chunk_count(size);
    let next = AtomicU64::new(0);
    let done: Mutex<Vec<(u64, T)>> = Mutex::new(Vec::new());
    let failed: Mutex<Option<io::Error>> = Mutex::new(None);
    let worker = || {
        let mut mine = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            match work(number) {
                Ok(result) => mine.push((number, result)),
                Err(error) => {
                    next.store(count, Ordering::Relaxed);
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    break;
                }
            }
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).append(&mut mine);
    };
    let workers = count.min(rayon::current_num_threads() as u64);
    rayon::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|_| worker());
        }
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
