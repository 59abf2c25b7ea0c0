//! What a folder holds, and its name: entries come in, the digest of the folder goes out.
//!
//! The bytes under the digest: "riverrun manifest 1\0", the number of entries (u64), then for each entry in the byte order of paths
//! its kind (one letter), its path and its value, both with their length (u32) before them. Numbers are little-endian.

use crate::digest::Strong;

const TAG: &[u8] = b"riverrun manifest 1\0";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    File(Strong),
    Executable(Strong),
    Link(Vec<u8>),
    /// Only empty folders are entries: the others show in their contents' paths.
    Folder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Below the folder.
    pub path: Vec<u8>,
    pub kind: EntryKind,
    pub size: u64,
}

/// The digest of a folder; `entries` in the byte order of their paths.
pub fn digest(entries: &[Entry]) -> Strong {
    let mut hasher = blake3::Hasher::new();
    hasher.update(TAG);
    hasher.update(&(entries.len() as u64).to_le_bytes());
    for entry in entries {
        let (letter, value): (u8, &[u8]) = match &entry.kind {
            EntryKind::File(digest) => (b'f', &digest.0),
            EntryKind::Executable(digest) => (b'x', &digest.0),
            EntryKind::Link(text) => (b'l', text),
            EntryKind::Folder => (b'd', &[]),
        };
        hasher.update(&[letter]);
        for part in [&entry.path, value] {
            // Paths and links are bounded by the kernel far below 4 GiB.
            hasher.update(&(part.len() as u32).to_le_bytes());
            hasher.update(part);
        }
    }
    Strong(*hasher.finalize().as_bytes())
}
