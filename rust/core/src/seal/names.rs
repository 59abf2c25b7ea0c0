//! The names in a folder and what they stand for: an open folder comes in, a sorted listing and its digest go out.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, Mode, OFlags, RawDir, openat};
use twox_hash::XxHash3_128;

use super::Sum;
use crate::stat::{Links, Shape, Stat, stat_at};

/// Bytes. Room for about a thousand names by one call to the kernel.
const LISTING_BYTES: usize = 64 << 10;

#[derive(Default)]
pub struct Names {
    text: Vec<u8>,
    /// Where each name begins and ends, and what it stands for; in byte order.
    rows: Vec<(usize, usize, Shape)>,
}

impl Names {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], Shape)> {
        self.rows.iter().map(|(start, end, shape)| (&self.text[*start..*end], *shape))
    }

    pub fn sum(&self) -> Sum {
        let mut sum = XxHash3_128::new();
        for (name, shape) in self.iter() {
            let letter = match shape {
                Shape::File => b"f",
                Shape::Folder => b"d",
                Shape::Link => b"l",
                Shape::Other => b"o",
            };
            sum.write(letter);
            sum.write(name);
            sum.write(b"\0"); // no name has one
        }
        sum.finish_128().to_le_bytes()
    }
}

/// `folder` may have been opened as a mere place (O_PATH).
pub fn names_in(folder: BorrowedFd<'_>) -> io::Result<Names> {
    let folder = openat(folder, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut buffer = Vec::with_capacity(LISTING_BYTES);
    let mut listing = RawDir::new(&folder, buffer.spare_capacity_mut());
    let mut names = Names::default();
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let shape = match entry.file_type() {
            FileType::RegularFile => Shape::File,
            FileType::Directory => Shape::Folder,
            FileType::Symlink => Shape::Link,
            // Some filesystems do not say.
            FileType::Unknown => match stat_at(folder.as_fd(), name, Links::Keep)? {
                Stat::Present(stat) => stat.shape(),
                Stat::Missing => continue,
            },
            _ => Shape::Other,
        };
        let start = names.text.len();
        names.text.extend_from_slice(name);
        names.rows.push((start, names.text.len(), shape));
    }
    let Names { text, rows } = &mut names;
    rows.sort_unstable_by(|one, other| text[one.0..one.1].cmp(&text[other.0..other.1]));
    Ok(names)
}
