//! The innermost loop: a range of an open file comes in, its bytes go out piece by piece while they are warm.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use crate::cancel::Cancel;
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
        let dense = holes == Holes::Read || small || file.metadata()?.blocks().saturating_mul(512) >= size;
        if let Some(copy) = copy_to {
            copy.set_len(size)?; // what is not written stays a hole
        }
        let holes = if dense { Holes::Read } else { Holes::Skip };
        Ok(Source { file, copy_to, holes, cancel })
    }

    /// Hand each piece of `range` to `take`, in order. A file that ends early is `Fault::Changed`.
    pub fn pieces(&self, range: Range<u64>, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        BUFFER.with_borrow_mut(|buffer| {
            let most = PIECE_BYTES.min(usize::try_from(range.end - range.start).unwrap_or(PIECE_BYTES));
            let buffer = buffer.of(most);
            let mut at = range.start;
            while at < range.end {
                self.cancel.check()?;
                let length = most.min(usize::try_from(range.end - at).unwrap_or(most));
                if self.is_hole(at, length as u64)? {
                    take(&ZEROS[..length]);
                } else {
                    let piece = &mut buffer[..length];
                    read_exact_at(self.file, piece, at)?;
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
}

fn read_exact_at(file: &File, mut piece: &mut [u8], mut at: u64) -> io::Result<()> {
    while !piece.is_empty() {
        match file.read_at(piece, at) {
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
