//! The file of an index: a table goes in, bytes under a checksum go out, and the other way round, strictly.
//!
//! "riverrun index 1\n", then (numbers little-endian) the number of folders (u64), and for each in byte order its key and the number
//! of its rows (u32), for each row in byte order its name and fingerprint; last the XXH3-128 of all before it. Losing it costs only
//! time: whatever is not exactly so is refused as a whole.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use twox_hash::XxHash3_128;

use crate::chunks::{CHUNK_BYTES, Chunk, Content, chunk_count};
use crate::digest::{Fast, Strong};
use crate::fingerprint::{Certified, Fingerprint};
use crate::index::table::{Folder, Table};
use crate::stat::Present;

const MAGIC: &[u8] = b"riverrun index 1\n";
const CHECKSUM_BYTES: u64 = 16;
/// The longest path that the kernel takes is 4 KiB; a key may be two of them.
const LONGEST_KEY: usize = 8 << 10;
const LONGEST_NAME: usize = 4 << 10;
/// Bytes. More names than this in one folder no table holds.
const MOST_NAME_BYTES: usize = 1 << 31;
const BUFFER_BYTES: usize = 1 << 20;

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
    let mut out = Out {
        inner: BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?),
        sum: XxHash3_128::new(),
    };
    write_table(table, &mut out)?;
    let sum = out.sum.finish_128().to_be_bytes();
    out.inner.write_all(&sum)?;
    out.inner.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()
}

struct Out<W> {
    inner: W,
    sum: XxHash3_128,
}

impl<W: Write> Out<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.write(bytes);
        self.inner.write_all(bytes)
    }

    fn put_text(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(&(bytes.len() as u32).to_le_bytes())?;
        self.put(bytes)
    }
}

fn write_table<W: Write>(table: &Table, out: &mut Out<W>) -> io::Result<()> {
    out.put(MAGIC)?;
    out.put(&(table.folders().len() as u64).to_le_bytes())?;
    for (key, folder) in table.folders() {
        out.put_text(key)?;
        let rows = folder.iter();
        out.put(&(rows.len() as u32).to_le_bytes())?;
        for (name, print) in rows {
            out.put_text(name)?;
            write_print(print, out)?;
        }
    }
    Ok(())
}

fn write_print<W: Write>(print: &Fingerprint, out: &mut Out<W>) -> io::Result<()> {
    let Fingerprint { stat, content, began_ns, certified } = print;
    let mut row = Vec::with_capacity(128);
    row.extend(stat.size.to_le_bytes());
    row.extend(stat.mtime_ns.to_le_bytes());
    row.extend(stat.ctime_ns.to_le_bytes());
    row.extend(stat.inode.to_le_bytes());
    row.extend(stat.mode.to_le_bytes());
    row.extend(began_ns.to_le_bytes());
    row.push(u8::from(*certified == Certified::Yes));
    row.extend(content.size.to_le_bytes());
    row.extend(content.fast.0);
    row.extend(content.strong.0);
    out.put(&row)?;
    for chunk in &content.chunks {
        out.put(&chunk.fast.0)?;
        out.put(&chunk.subtree)?;
    }
    Ok(())
}

/// Reads with a running checksum, never past the body's end.
struct In<R> {
    inner: R,
    sum: XxHash3_128,
    left: u64,
}

impl<R: Read> In<R> {
    fn take(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| wrong("it ends too early"))?;
        self.inner.read_exact(bytes)?;
        self.sum.write(bytes);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.take(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> io::Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> io::Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn i64(&mut self) -> io::Result<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// Into `text`, whose memory is used again.
    fn text(&mut self, longest: usize, text: &mut Vec<u8>) -> io::Result<()> {
        let length = self.u32()? as usize;
        if length > longest {
            return Err(wrong("a name in it is too long"));
        }
        text.resize(length, 0);
        self.take(text)
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn read_table(file: &File) -> io::Result<Table> {
    let size = file.metadata()?.len();
    let left = size.checked_sub(CHECKSUM_BYTES).ok_or_else(|| wrong("it is too short"))?;
    let mut from = In { inner: BufReader::with_capacity(BUFFER_BYTES, file), sum: XxHash3_128::new(), left };
    let mut magic = [0; MAGIC.len()];
    from.take(&mut magic)?;
    if magic != MAGIC {
        return Err(wrong("it is not an index, or one of another version"));
    }
    let mut table = Table::default();
    let mut last: Option<Vec<u8>> = None;
    let (mut key, mut name) = (Vec::new(), Vec::new());
    for _ in 0..from.u64()? {
        from.text(LONGEST_KEY, &mut key)?;
        if last.is_some_and(|last| last >= key) {
            return Err(wrong("its folders are not in order"));
        }
        table.push(&key, read_folder(&mut from, &mut name)?);
        last = Some(key.clone());
    }
    if from.left != 0 {
        return Err(wrong("something follows its end"));
    }
    let mut sum = [0; CHECKSUM_BYTES as usize];
    from.inner.read_exact(&mut sum)?;
    if sum != from.sum.finish_128().to_be_bytes() {
        return Err(wrong("its checksum does not match"));
    }
    Ok(table)
}

fn read_folder<R: Read>(from: &mut In<R>, name: &mut Vec<u8>) -> io::Result<Folder> {
    let mut folder = Folder::default();
    let rows = from.u32()?;
    for _ in 0..rows {
        from.text(LONGEST_NAME, name)?;
        if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
            return Err(wrong("a name in it is none"));
        }
        if folder.last_name().is_some_and(|last| last >= &name[..]) || folder.name_bytes() > MOST_NAME_BYTES {
            return Err(wrong("its names are not in order"));
        }
        let print = read_print(from)?;
        folder.push(name, print);
    }
    if rows == 0 { Err(wrong("a folder in it is empty")) } else { Ok(folder) }
}

fn read_print<R: Read>(from: &mut In<R>) -> io::Result<Fingerprint> {
    let stat = Present {
        size: from.u64()?,
        mtime_ns: from.i64()?,
        ctime_ns: from.i64()?,
        inode: from.u64()?,
        mode: from.u32()?,
        device: 0,
    };
    let began_ns = from.i64()?;
    let certified = match from.array()? {
        [0] => Certified::No,
        [1] => Certified::Yes,
        _ => return Err(wrong("a fingerprint in it is none")),
    };
    let size = from.u64()?;
    let mut content = Content { size, fast: Fast(from.array()?), strong: Strong(from.array()?), chunks: Vec::new() };
    if size > CHUNK_BYTES {
        let count = chunk_count(size);
        // Before any memory is asked for: a wrong size would ask for all of it.
        if count > from.left / 48 {
            return Err(wrong("it ends too early"));
        }
        for _ in 0..count {
            content.chunks.push(Chunk { fast: Fast(from.array()?), subtree: from.array()? });
        }
        content.chunks.shrink_to_fit();
    }
    Ok(Fingerprint { stat, content, began_ns, certified })
}
