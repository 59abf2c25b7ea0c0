//! The file of a seal: sorted entries go in, bytes under a checksum go out, and the other way round, strictly.
//!
//! "riverrun seal 1\n"; the header's length (u32), the header, the XXH3-128 of all so far. Then the workspace's place, where the seal
//! holds there only (1 and the path, or 0); the trusted network filesystems (u32, and each); the number of entries (u64), that of
//! blocks (u32) and the length of each (u32); the blocks; the XXH3-128 of all before it. A block is a folder's key and the number
//! of its entries (u32), each of them: kind, settled or not, name, and unless it is absent size, mtime, ctime, inode, mode; for links
//! and folders a digest. Texts have their length (u32) before them; keys and names end in NUL, to be given to the kernel as they lie
//! in memory. Numbers are little-endian. Losing a seal costs only time: whatever is not exactly so is no seal.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, process};

use twox_hash::XxHash3_128;

use super::{Entry, Kind, Settled, Sum};
use crate::fault::Fault;
use crate::stat::Present;

const MAGIC: &[u8] = b"riverrun seal 1\n";
const SUM_BYTES: usize = 16;
/// Entries. Small enough for all cores to have some of a large folder, large enough for its opening not to count.
const BLOCK_ENTRIES: usize = 1024;

/// An entry as it lies in the file.
pub struct Row<'a> {
    pub name: &'a CStr,
    pub kind: Kind,
    pub settled: Settled,
    pub stat: Present,
    pub sum: Sum,
}

/// What a file holds besides its blocks.
pub struct Seal {
    bytes: Vec<u8>,
    header: Range<usize>,
    pub home: Option<Vec<u8>>,
    pub networks: Vec<String>,
    pub entries: u64,
    pub blocks: Vec<Range<usize>>,
}

/// Beside its place, then renamed: whoever reads finds the old one or the new one, whole. `entries` must be in order.
pub fn write(
    path: &Path,
    header: &[u8],
    home: Option<&[u8]>,
    networks: &[String],
    entries: &[Entry],
) -> io::Result<()> {
    static WRITINGS: AtomicU64 = AtomicU64::new(0);
    let bytes = encode(header, home, networks, entries)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}-{}.new", process::id(), WRITINGS.fetch_add(1, Ordering::Relaxed)));
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside); // the first error is the one to tell
    }
    written
}

fn encode(header: &[u8], home: Option<&[u8]>, networks: &[String], entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    put_text(&mut out, header)?;
    put_sum(&mut out);
    out.push(u8::from(home.is_some()));
    home.map_or(Ok(()), |home| put_text(&mut out, home))?;
    put_number(&mut out, networks.len())?;
    networks.iter().try_for_each(|name| put_text(&mut out, name.as_bytes()))?;
    out.extend((entries.len() as u64).to_le_bytes());
    let by_folder = entries.chunk_by(|one, other| one.folder == other.folder);
    let blocks: Vec<&[Entry]> = by_folder.flat_map(|folder| folder.chunks(BLOCK_ENTRIES)).collect();
    put_number(&mut out, blocks.len())?;
    let lengths = out.len();
    out.resize(lengths + 4 * blocks.len(), 0);
    for (number, block) in blocks.iter().enumerate() {
        let start = out.len();
        put_name(&mut out, &block[0].folder)?;
        put_number(&mut out, block.len())?;
        block.iter().try_for_each(|entry| put_entry(&mut out, entry))?;
        let length = u32::try_from(out.len() - start).map_err(io::Error::other)?.to_le_bytes();
        out[lengths + 4 * number..][..4].copy_from_slice(&length);
    }
    put_sum(&mut out);
    Ok(out)
}

fn put_sum(out: &mut Vec<u8>) {
    out.extend(XxHash3_128::oneshot(out).to_le_bytes());
}

fn put_number(out: &mut Vec<u8>, number: usize) -> io::Result<()> {
    out.extend(u32::try_from(number).map_err(io::Error::other)?.to_le_bytes());
    Ok(())
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) -> io::Result<()> {
    put_number(out, text.len())?;
    out.extend_from_slice(text);
    Ok(())
}

fn put_name(out: &mut Vec<u8>, name: &[u8]) -> io::Result<()> {
    put_number(out, name.len() + 1)?;
    out.extend_from_slice(name);
    out.push(0);
    Ok(())
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry) -> io::Result<()> {
    let Entry { name, kind, settled, stat, sum, .. } = entry;
    out.push(match kind {
        Kind::File => 0,
        Kind::Folder => 1,
        Kind::Listing => 2,
        Kind::Link => 3,
        Kind::Absent => 4,
    });
    out.push(u8::from(*settled == Settled::Yes));
    put_name(out, name)?;
    if *kind != Kind::Absent {
        out.extend(stat.size.to_le_bytes());
        out.extend(stat.mtime_ns.to_le_bytes());
        out.extend(stat.ctime_ns.to_le_bytes());
        out.extend(stat.inode.to_le_bytes());
        out.extend(stat.mode.to_le_bytes());
    }
    if matches!(kind, Kind::Folder | Kind::Listing | Kind::Link) {
        out.extend(sum);
    }
    Ok(())
}

/// The header alone; nothing that lies behind it is looked at.
pub fn read_header(path: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let mut bytes = vec![0; MAGIC.len() + 4];
    file.read_exact(&mut bytes).ok()?;
    let mut rest = Rest(bytes.get(MAGIC.len()..)?);
    let length = rest.number()?;
    let left = file.metadata().ok()?.len().checked_sub(bytes.len() as u64)?;
    if !bytes.starts_with(MAGIC) || length as u64 > left {
        return None;
    }
    file.take((length + SUM_BYTES) as u64).read_to_end(&mut bytes).ok()?;
    let header = header_in(&bytes)?;
    Some(bytes.get(header)?.to_vec())
}

/// Where the header lies, if it is whole.
fn header_in(bytes: &[u8]) -> Option<Range<usize>> {
    let mut rest = Rest(bytes.strip_prefix(MAGIC)?);
    let length = rest.number()?;
    rest.take(length)?;
    let end = bytes.len() - rest.0.len();
    let sum: Sum = rest.array()?;
    (sum == sum_of(&bytes[..end])).then_some(end - length..end)
}

fn sum_of(bytes: &[u8]) -> Sum {
    XxHash3_128::oneshot(bytes).to_le_bytes()
}

/// `None` for anything that is not a whole seal of this version.
pub fn load(path: &Path) -> Option<Seal> {
    let bytes = fs::read(path).ok()?;
    let header = header_in(&bytes)?;
    let (body, sum) = bytes.split_last_chunk::<SUM_BYTES>()?;
    if *sum != sum_of(body) {
        return None;
    }
    let mut rest = Rest(body.get(header.end + SUM_BYTES..)?);
    let home = match rest.array()? {
        [0] => None,
        [1] => Some(rest.text()?.to_vec()),
        _ => return None,
    };
    let networks = (0..rest.number()?).map(|_| String::from_utf8(rest.text()?.to_vec()).ok());
    let networks = networks.collect::<Option<_>>()?;
    let entries = u64::from_le_bytes(rest.array()?);
    let count = rest.number()?;
    let mut lengths = Rest(rest.take(count.checked_mul(4)?)?);
    let mut at = body.len() - rest.0.len();
    let mut blocks = Vec::with_capacity(count);
    for _ in 0..count {
        let length = lengths.number()?;
        rest.take(length)?;
        blocks.push(at..at + length);
        at += length;
    }
    (at == body.len()).then_some(())?;
    Some(Seal { header, home, networks, entries, blocks, bytes })
}

impl Seal {
    pub fn header(&self) -> &[u8] {
        &self.bytes[self.header.clone()]
    }

    /// The key of a block's folder, and its rows.
    pub fn block(&self, place: &Range<usize>) -> io::Result<(&[u8], Rows<'_>)> {
        let mut rest = Rest(self.bytes.get(place.clone()).ok_or(Fault::Broken)?);
        let folder = rest.name().ok_or(Fault::Broken)?;
        let left = rest.number().ok_or(Fault::Broken)?;
        Ok((folder.to_bytes(), Rows { rest, left }))
    }
}

pub struct Rows<'a> {
    rest: Rest<'a>,
    left: usize,
}

impl<'a> Iterator for Rows<'a> {
    type Item = io::Result<Row<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.rest.row().ok_or_else(|| Fault::Broken.into()))
    }
}

/// What has not been taken yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn number(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(self.array()?) as usize)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length)
    }

    fn name(&mut self) -> Option<&'a CStr> {
        CStr::from_bytes_with_nul(self.text()?).ok()
    }

    fn row(&mut self) -> Option<Row<'a>> {
        let [kind, settled] = self.array()?;
        let kind = match kind {
            0 => Kind::File,
            1 => Kind::Folder,
            2 => Kind::Listing,
            3 => Kind::Link,
            4 => Kind::Absent,
            _ => return None,
        };
        let settled = match settled {
            0 => Settled::No,
            1 => Settled::Yes,
            _ => return None,
        };
        let name = self.name()?;
        let stat = match kind {
            Kind::Absent => Present::NOTHING,
            _ => Present {
                size: u64::from_le_bytes(self.array()?),
                mtime_ns: i64::from_le_bytes(self.array()?),
                ctime_ns: i64::from_le_bytes(self.array()?),
                inode: u64::from_le_bytes(self.array()?),
                mode: u32::from_le_bytes(self.array()?),
                device: 0,
            },
        };
        let sum = match kind {
            Kind::Folder | Kind::Listing | Kind::Link => self.array()?,
            Kind::File | Kind::Absent => [0; 16],
        };
        Some(Row { name, kind, settled, stat, sum })
    }
}
