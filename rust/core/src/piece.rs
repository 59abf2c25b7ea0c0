//! The innermost loop: a range of an open file comes in, its bytes go out piece by piece while they are warm.

use std::cell::RefCell;
use std::fs::{File, Metadata};
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, MutexGuard};

use rustix::fs::{SeekFrom, seek};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::cancel::Cancel;
use crate::disk::{Turn, any_turns, turn_of};
use crate::fault::Fault;

/// Bytes read at once: enough to make the cost of the call small, few enough to stay in L2. Of 64 KiB to 1 MiB none
/// is faster on one large file.
pub const PIECE_BYTES: usize = 256 << 10;

/// A buffer begins where a page begins: the kernel copies faster to there, and vectors are loaded faster from there
/// (one large file by XXH3: 12.3 GB/s on two cores, and 10.9 where the allocator happened to put it).
const PAGE_BYTES: usize = 4096;

thread_local! {
    static BUFFER: RefCell<Buffer> = const { RefCell::new(Buffer(Vec::new())) };
}

static ZEROS: [u8; PIECE_BYTES] = [0; PIECE_BYTES];

/// A thread's own memory, kept from file to file.
struct Buffer(Vec<u8>);

impl Buffer {
    /// `length` bytes that begin with a page. Small files only need, and only zero, a little.
    fn of(&mut self, length: usize) -> &mut [u8] {
        if self.0.len() < length + PAGE_BYTES {
            self.0.resize(length.next_power_of_two() + PAGE_BYTES, 0);
        }
        let start = self.0.as_ptr().align_offset(PAGE_BYTES).min(PAGE_BYTES);
        &mut self.0[start..start + length]
    }
}

/// Whether ranges without bytes on disk may be skipped. Asking for them moves the position of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holes {
    Skip,
    Read,
}

/// An open file that is read by offset, and where its bytes go as well.
pub struct Source<'a> {
    pub file: &'a File,
    pub copy_to: Option<&'a File>,
    pub holes: Holes,
    pub cancel: &'a Cancel,
    /// Of the hard disk that it lies on.
    turn: Option<Arc<Turn>>,
}

impl<'a> Source<'a> {
    /// `holes` is corrected to what the file has: asking about each piece of a file without holes would only cost time.
    pub fn new(
        file: &'a File,
        size: u64,
        copy_to: Option<&'a File>,
        holes: Holes,
        cancel: &'a Cancel,
    ) -> io::Result<Source<'a>> {
        let small = size <= PIECE_BYTES as u64;
        // Of a small file nothing is asked where there are no hard disks: the question costs a tenth of the reading.
        let stat = if small && !any_turns() { None } else { Some(file.metadata()?) };
        let full = |stat: &Metadata| stat.blocks().saturating_mul(512) >= size;
        let dense = holes == Holes::Read || small || stat.as_ref().is_none_or(full);
        if let Some(copy) = copy_to {
            copy.set_len(size)?; // what is not written stays a hole
        }
        let holes = if dense { Holes::Read } else { Holes::Skip };
        Ok(Source { file, copy_to, holes, cancel, turn: stat.and_then(|stat| turn_of(stat.dev())) })
    }

    /// Hand each piece of `range` to `take`, in order. A file that ends early is `Fault::Changed`.
    pub fn pieces(&self, range: Range<u64>, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        BUFFER.with_borrow_mut(|buffer| {
            let most = PIECE_BYTES.min(usize::try_from(range.end - range.start).unwrap_or(PIECE_BYTES));
            let buffer = buffer.of(most);
            let mut turn = None; // once it has come, to the end of the range: the disk reads on where it is
            let mut at = range.start;
            while at < range.end {
                self.cancel.check()?;
                let length = most.min(usize::try_from(range.end - at).unwrap_or(most));
                if self.is_hole(at, length as u64)? {
                    take(&ZEROS[..length]);
                } else {
                    let piece = &mut buffer[..length];
                    self.read_exact_at(piece, at, &mut turn)?;
                    take(piece);
                    if let Some(copy) = self.copy_to {
                        copy.write_all_at(piece, at)?;
                    }
                }
                at += length as u64;
            }
            self.cancel.advance(range.end - range.start);
            Ok(())
        })
    }

    /// Whether the `length` bytes at `at` lie in a hole, and read as zeros.
    pub fn is_hole(&self, at: u64, length: u64) -> io::Result<bool> {
        if self.holes == Holes::Read {
            return Ok(false);
        }
        match seek(self.file, SeekFrom::Data(at)) {
            Ok(next) => Ok(next >= at + length),
            // Nothing more up to the end of the file, which must still lie behind the range.
            Err(Errno::NXIO) if self.file.metadata()?.len() >= at + length => Ok(true),
            Err(Errno::NXIO) => Err(Fault::Changed.into()),
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn read_exact_at<'t>(
        &'t self,
        mut piece: &mut [u8],
        mut at: u64,
        turn: &mut Option<MutexGuard<'t, ()>>,
    ) -> io::Result<()> {
        while !piece.is_empty() {
            let got = match &self.turn {
                Some(disk) if turn.is_none() => match read_from_memory(self.file, piece, at) {
                    Some(got) if !disk.blind => Ok(got),
                    _ => {
                        *turn = Some(disk.wait());
                        continue;
                    }
                },
                _ => self.file.read_at(piece, at),
            };
            match got {
                Ok(0) => return Err(Fault::Changed.into()),
                Ok(got) => {
                    piece = &mut piece[got..];
                    at += got as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What can be read without waiting for a disk; `None` where that is nothing, or cannot be told.
fn read_from_memory(file: &File, piece: &mut [u8], at: u64) -> Option<usize> {
    preadv2(file, &mut [IoSliceMut::new(piece)], at, ReadWriteFlags::NOWAIT).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    const RANGES: u64 = 4;
    const RANGE_BYTES: u64 = 4 * PIECE_BYTES as u64;

    fn file() -> File {
        let file = tempfile::tempfile().expect("a file");
        file.write_all_at(&vec![1; (RANGES * RANGE_BYTES) as usize], 0).expect("its bytes");
        file
    }

    fn source<'a>(file: &'a File, turn: &Arc<Turn>, cancel: &'a Cancel) -> Source<'a> {
        Source { file, copy_to: None, holes: Holes::Read, cancel, turn: Some(Arc::clone(turn)) }
    }

    /// Where no one can tell what is in memory, all is read in turns: the pieces of a range come one after the other.
    #[test]
    fn one_at_a_time_reads_from_a_disk() {
        let (file, cancel) = (file(), Cancel::new());
        let turn = Arc::new(Turn::blind());
        let log = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for range in 0..RANGES {
                let (source, log) = (source(&file, &turn, &cancel), &log);
                scope.spawn(move || {
                    let start = range * RANGE_BYTES;
                    let take = |_: &[u8]| {
                        log.lock().expect("a log").push(range);
                        thread::sleep(Duration::from_millis(2)); // whoever does not wait for a turn gets between
                    };
                    source.pieces(start..start + RANGE_BYTES, take).expect("bytes");
                });
            }
        });
        let log = log.into_inner().expect("a log");
        assert_eq!(log.len() as u64, RANGES * RANGE_BYTES / PIECE_BYTES as u64);
        assert_eq!(log.chunk_by(|one, other| one == other).count() as u64, RANGES, "{log:?}");
    }

    #[test]
    fn what_is_in_memory_waits_for_no_turn() {
        let (file, turn, cancel) = (file(), Arc::<Turn>::default(), Cancel::new());
        if read_from_memory(&file, &mut [0; 16], 0).is_none() {
            return; // this filesystem cannot tell
        }
        let someone_reads = turn.wait();
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut bytes = 0;
                source(&file, &turn, &cancel).pieces(0..RANGE_BYTES, |piece| bytes += piece.len()).expect("bytes");
                sender.send(bytes).expect("someone listens");
            });
            let read = receiver.recv_timeout(Duration::from_secs(60));
            drop(someone_reads);
            assert_eq!(read, Ok(RANGE_BYTES as usize));
        });
    }
}
