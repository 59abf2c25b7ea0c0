//! The rows of an index file: folders come in, blocks of bytes go out, and the other way round, strictly.
//!
//! A block is pieces, one after the other: a folder's key, the number of rows that follow (u32), for each its name and
//! fingerprint. Keys and names have their length (u32) before them; numbers are little-endian. A large folder is spread over
//! several blocks: a piece with the key of the one before goes on with its rows.

use std::io;

use crate::chunks::{CHUNK_BYTES, Chunk, Content, chunk_count};
use crate::digest::{Fast, Strong};
use crate::fingerprint::{Certified, Fingerprint};
use crate::index::table::{Folder, Key};
use crate::stat::Present;

/// The longest path that the kernel takes is 4 KiB; a key may be two of them.
const LONGEST_KEY: usize = 8 << 10;
const LONGEST_NAME: usize = 4 << 10;
const CHUNK_ROW_BYTES: u64 = 48;
/// Of a fingerprint without its chunks.
const PRINT_BYTES: usize = 101;

pub fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A block being filled.
#[derive(Default)]
pub struct Block {
    pub bytes: Vec<u8>,
    /// Where the number of rows of the last piece stands, and how many they are.
    piece: Option<(usize, u32)>,
}

impl Block {
    /// The rows that follow are of this folder.
    pub fn begin(&mut self, key: &[u8]) {
        self.text(key);
        self.piece = Some((self.bytes.len(), 0));
        self.bytes.extend(0_u32.to_le_bytes());
    }

    pub fn row(&mut self, name: &[u8], print: &Fingerprint) {
        self.text(name);
        self.print(print);
        if let Some((at, rows)) = &mut self.piece {
            *rows += 1;
            self.bytes[*at..*at + 4].copy_from_slice(&rows.to_le_bytes());
        }
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.piece = None;
    }

    fn text(&mut self, text: &[u8]) {
        self.bytes.extend((text.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(text);
    }

    fn print(&mut self, print: &Fingerprint) {
        let Fingerprint { stat, content, began_ns, certified } = print;
        let bytes = &mut self.bytes;
        bytes.extend(stat.size.to_le_bytes());
        bytes.extend(stat.mtime_ns.to_le_bytes());
        bytes.extend(stat.ctime_ns.to_le_bytes());
        bytes.extend(stat.inode.to_le_bytes());
        bytes.extend(stat.mode.to_le_bytes());
        bytes.extend(began_ns.to_le_bytes());
        bytes.push(u8::from(*certified == Certified::Yes));
        bytes.extend(content.size.to_le_bytes());
        bytes.extend(content.fast.0);
        bytes.extend(content.strong.0);
        for chunk in &content.chunks {
            bytes.extend(chunk.fast.0);
            bytes.extend(chunk.subtree);
        }
    }
}

/// The pieces of a block: no name out of order, nothing before its end or after it.
pub fn pieces_of(block: &[u8]) -> io::Result<Vec<(Key, Folder)>> {
    let mut from = Rest(block);
    let mut pieces: Vec<(Key, Folder)> = Vec::new();
    while !from.0.is_empty() {
        let key = from.text(LONGEST_KEY)?;
        if pieces.last().is_some_and(|(last, _)| &last[..] >= key) {
            return Err(wrong("its folders are not in order"));
        }
        pieces.push((key.to_vec(), folder_from(&mut from)?));
    }
    Ok(pieces)
}

fn folder_from(from: &mut Rest<'_>) -> io::Result<Folder> {
    let rows = u32::from_le_bytes(from.array()?) as usize;
    if rows == 0 {
        return Err(wrong("a folder in it is empty"));
    }
    // Not more than there is room for: a wrong number would ask for all memory.
    let mut folder = Folder::with_room(rows.min(from.0.len() / PRINT_BYTES));
    for _ in 0..rows {
        let name = from.text(LONGEST_NAME)?;
        if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
            return Err(wrong("a name in it is none"));
        }
        if folder.last_name().is_some_and(|last| last >= name) {
            return Err(wrong("its names are not in order"));
        }
        folder.push(name, print_from(from)?);
    }
    Ok(folder)
}

fn print_from(from: &mut Rest<'_>) -> io::Result<Fingerprint> {
    let row: [u8; PRINT_BYTES] = from.array()?;
    let mut row = Rest(&row);
    let stat = Present {
        size: row.u64()?,
        mtime_ns: row.i64()?,
        ctime_ns: row.i64()?,
        inode: row.u64()?,
        mode: u32::from_le_bytes(row.array()?),
        device: 0,
    };
    let began_ns = row.i64()?;
    let certified = match row.array()? {
        [0] => Certified::No,
        [1] => Certified::Yes,
        _ => return Err(wrong("a fingerprint in it is none")),
    };
    let size = row.u64()?;
    let mut content = Content { size, fast: Fast(row.array()?), strong: Strong(row.array()?), chunks: Vec::new() };
    if size > CHUNK_BYTES {
        let count = chunk_count(size);
        // Before any memory is asked for.
        if count > from.0.len() as u64 / CHUNK_ROW_BYTES {
            return Err(wrong("it ends too early"));
        }
        content.chunks.reserve_exact(usize::try_from(count).unwrap_or(0));
        for _ in 0..count {
            content.chunks.push(Chunk { fast: Fast(from.array()?), subtree: from.array()? });
        }
    }
    Ok(Fingerprint { stat, content, began_ns, certified })
}

/// What has not been taken yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or_else(|| wrong("it ends too early"))?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn u64(&mut self) -> io::Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn i64(&mut self) -> io::Result<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    fn text(&mut self, longest: usize) -> io::Result<&'a [u8]> {
        let length = u32::from_le_bytes(self.array()?) as usize;
        if length > longest {
            return Err(wrong("a name in it is too long"));
        }
        let (text, rest) = self.0.split_at_checked(length).ok_or_else(|| wrong("it ends too early"))?;
        self.0 = rest;
        Ok(text)
    }
}
