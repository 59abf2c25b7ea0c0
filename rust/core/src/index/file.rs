//! The file of an index: a table goes in, checksummed blocks go out, and the other way round, strictly, on all cores.
//!
//! "riverrun index 2\n"; the blocks (see `block`); for each its length (u64) and the XXH3-128 of its bytes; the number of blocks
//! (u64); the XXH3-128 of the first line and of all that stands between the last block and here. Losing it costs only time:
//! whatever is not exactly so is refused as a whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rayon::prelude::*;
use twox_hash::XxHash3_128;

use crate::crew::crew;
use crate::index::block::{Block, pieces_of, wrong};
use crate::index::table::{Folder, Key, Table};

const MAGIC: &[u8] = b"riverrun index 2\n";
const CHECKSUM_BYTES: usize = 16;
const ENTRY_BYTES: usize = 8 + CHECKSUM_BYTES;
const END_BYTES: usize = 8 + CHECKSUM_BYTES;
/// A block is full when it reaches this: enough for ten thousand rows, few enough for all cores to have some.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes. More names than this in one folder no table holds.
const MOST_NAME_BYTES: usize = 1 << 31;

/// What was found at the index's path.
pub enum Loaded {
    Nothing,
    Table(Table),
    /// Something that is no index, or a damaged one, and why.
    Refused(String),
}

pub fn load(path: &Path) -> Loaded {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Loaded::Nothing,
        Err(error) => return Loaded::Refused(format!("the index cannot be read: {error}")),
    };
    match read_table(&file) {
        Ok(table) => Loaded::Table(table),
        Err(error) => Loaded::Refused(format!("the index is not usable: {error}")),
    }
}

/// Written beside its place, made durable, then renamed: whoever reads finds the old one or the new one, whole.
pub fn save(table: &Table, path: &Path, beside: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let written = write_file(table, beside).and_then(|()| fs::rename(beside, path));
    if written.is_err() {
        let _ = fs::remove_file(beside); // the first error is the one to tell
    }
    written
}

fn write_file(table: &Table, path: &Path) -> io::Result<()> {
    let mut out = Out { file: File::create(path)?, end: Vec::new(), blocks: 0 };
    out.file.write_all(MAGIC)?;
    let mut block = Block::default();
    for (key, folder) in table.folders() {
        block.begin(key);
        let mut rows = folder.iter().peekable();
        while let Some((name, print)) = rows.next() {
            block.row(name, print);
            if block.bytes.len() >= BLOCK_BYTES {
                out.put(&mut block)?;
                if rows.peek().is_some() {
                    block.begin(key);
                }
            }
        }
    }
    out.put(&mut block)?;
    out.end.extend(out.blocks.to_le_bytes());
    out.end.extend(checksum(&[MAGIC, &out.end]));
    out.file.write_all(&out.end)?;
    out.file.sync_data()
}

struct Out {
    file: File,
    end: Vec<u8>,
    blocks: u64,
}

impl Out {
    fn put(&mut self, block: &mut Block) -> io::Result<()> {
        if !block.bytes.is_empty() {
            self.file.write_all(&block.bytes)?;
            self.end.extend((block.bytes.len() as u64).to_le_bytes());
            self.end.extend(checksum(&[&block.bytes]));
            self.blocks += 1;
            block.clear();
        }
        Ok(())
    }
}

fn checksum(parts: &[&[u8]]) -> [u8; CHECKSUM_BYTES] {
    let sum = match parts {
        [only] => XxHash3_128::oneshot(only),
        _ => {
            let mut sum = XxHash3_128::new();
            parts.iter().for_each(|part| sum.write(part));
            sum.finish_128()
        }
    };
    sum.to_be_bytes()
}

/// Where a block lies, and what its bytes must add up to.
struct Extent {
    at: u64,
    length: usize,
    sum: [u8; CHECKSUM_BYTES],
}

fn read_table(file: &File) -> io::Result<Table> {
    let extents = extents(file)?;
    let pieces = |buffer: &mut Vec<u8>, extent: &Extent| {
        buffer.resize(extent.length, 0);
        file.read_exact_at(buffer, extent.at)?;
        if checksum(&[buffer]) != extent.sum {
            return Err(wrong("its checksum does not match"));
        }
        pieces_of(buffer)
    };
    let read: Vec<Vec<(Key, Folder)>> = match &extents[..] {
        [] => Vec::new(),
        [only] => vec![pieces(&mut Vec::new(), only)?],
        many => crew(None)?.install(|| many.par_iter().map_init(Vec::new, pieces).collect::<io::Result<_>>())?,
    };
    let mut table = Table::default();
    let mut last: Option<(Key, Folder)> = None;
    for (key, folder) in read.into_iter().flatten() {
        match &mut last {
            Some((before, rows)) if *before == key => {
                if rows.last_name() >= folder.first_name() {
                    return Err(wrong("its names are not in order"));
                }
                rows.append(folder);
                if rows.name_bytes() > MOST_NAME_BYTES {
                    return Err(wrong("its names are too many"));
                }
            }
            Some((before, _)) if *before > key => return Err(wrong("its folders are not in order")),
            _ => {
                if let Some((before, rows)) = last.replace((key, folder)) {
                    table.push(&before, rows);
                }
            }
        }
    }
    if let Some((before, rows)) = last {
        table.push(&before, rows);
    }
    Ok(table)
}

/// The table of blocks at the end of the file. It must account for every byte before memory is asked for.
fn extents(file: &File) -> io::Result<Vec<Extent>> {
    let size = file.metadata()?.len();
    let mut magic = [0; MAGIC.len()];
    let smallest = (MAGIC.len() + END_BYTES) as u64;
    if size < smallest {
        return Err(wrong("it is too short"));
    }
    file.read_exact_at(&mut magic, 0)?;
    if magic != MAGIC {
        return Err(wrong("it is not an index, or one of another version"));
    }
    let mut count = [0; 8];
    file.read_exact_at(&mut count, size - END_BYTES as u64)?;
    let room = size - smallest;
    let length = u64::from_le_bytes(count).checked_mul(ENTRY_BYTES as u64).filter(|length| *length <= room);
    let length = length.ok_or_else(|| wrong("it ends too early"))?;
    let length = length as usize + END_BYTES;
    let mut end = vec![0; length];
    file.read_exact_at(&mut end, size - length as u64)?;
    let (end, sum) = end.split_at(end.len() - CHECKSUM_BYTES);
    if sum != checksum(&[MAGIC, end]) {
        return Err(wrong("its checksum does not match"));
    }
    let mut at = MAGIC.len() as u64;
    let mut extents = Vec::with_capacity(length / ENTRY_BYTES);
    for entry in end.as_chunks::<ENTRY_BYTES>().0 {
        let (bytes, sum) = entry.split_at(8);
        let bytes = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        let sum = sum.try_into().unwrap_or_default();
        let after = at.checked_add(bytes).filter(|after| *after <= size).ok_or_else(|| wrong("it ends too early"))?;
        extents.push(Extent { at, length: usize::try_from(bytes).unwrap_or(0), sum });
        at = after;
    }
    if at + length as u64 == size {
        Ok(extents)
    } else {
        Err(wrong("something follows its end"))
    }
}
