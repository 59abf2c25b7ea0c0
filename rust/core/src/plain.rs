//! XXH3-128 of a whole file, as xxhsum prints it: a path comes in, its digest goes out. Above one chunk it is not the
//! file's `fast`; lists that xxhsum wrote are compared with it, and nothing else is.

use std::io;
use std::path::Path;

use twox_hash::XxHash3_128;

use crate::cancel::Cancel;
use crate::chunks::CHUNK_BYTES;
use crate::digest::Fast;
use crate::file::{open_regular, regular_size};
use crate::piece::{Holes, Source};

/// By one thread: this digest has no parts that could be taken side by side.
pub fn plain_of(path: &Path, cancel: &Cancel) -> io::Result<Fast> {
    let file = open_regular(path)?;
    let size = regular_size(&file)?;
    let source = Source::new(&file, size, None, Holes::Skip, cancel)?;
    let mut plain = XxHash3_128::new();
    let mut at = 0;
    while at < size {
        let end = size.min(at + CHUNK_BYTES); // progress is told by the range
        source.pieces(at..end, |piece| plain.write(piece))?;
        at = end;
    }
    Ok(Fast::from_value(plain.finish_128()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_files_are_named_as_by_one_call() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            let cancel = Cancel::new();
            let expected = Fast::from_value(XxHash3_128::oneshot(&bytes));
            assert_eq!(plain_of(&path, &cancel).unwrap(), expected, "{length}");
            assert_eq!(cancel.bytes(), length);
        }
    }
}
