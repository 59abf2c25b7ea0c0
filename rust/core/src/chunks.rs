//! The tree over a large file: digests of its 4 MiB chunks come in, the digests of the whole go out.
//!
//! `fast`: up to one chunk, XXH3-128 with seed 0 of the bytes. Above: XXH3-128 with seed `TREE_SEED` of each chunk's
//! 16 canonical (big-endian) bytes in order, then the length as a little-endian u64. The seed keeps the two apart: a
//! small file that holds the digests of a large one's chunks does not get the large one's digest.
//!
//! `strong`: standard BLAKE3. A chunk is a whole subtree of BLAKE3's own tree (a power of two of its 1 KiB leaves, at
//! a multiple of its own length), so the standard root follows from the chunks' chaining values.

use blake3::hazmat::{Mode, merge_subtrees_non_root, merge_subtrees_root};
use twox_hash::XxHash3_128;

use crate::digest::{Fast, Strong};

/// Bytes. Part of the format of `fast`; must be a power of two and at least BLAKE3's 1 KiB.
pub const CHUNK_BYTES: u64 = 4 << 20;

/// Part of the format of `fast`: "riverrun" in ASCII, little-endian.
pub const TREE_SEED: u64 = u64::from_le_bytes(*b"riverrun");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub fast: Fast,
    /// BLAKE3 chaining value of the chunk at its place in the file.
    pub subtree: [u8; 32],
}

/// What is known of a file's bytes. `chunks` is empty up to `CHUNK_BYTES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub size: u64,
    pub fast: Fast,
    pub strong: Strong,
    pub chunks: Vec<Chunk>,
}

/// How many chunks a file of `size` bytes has; an empty file has one, empty, chunk.
pub fn chunk_count(size: u64) -> u64 {
    size.div_ceil(CHUNK_BYTES).max(1)
}

/// Bytes of the chunk with this number in a file of `size` bytes.
pub fn chunk_len(size: u64, number: u64) -> u64 {
    size.saturating_sub(number * CHUNK_BYTES).min(CHUNK_BYTES)
}

/// The seeded half of `fast`, fed with chunk digests as they come.
#[derive(Clone)]
pub struct Tree(XxHash3_128);

impl Tree {
    pub fn new() -> Self {
        Tree(XxHash3_128::with_seed(TREE_SEED))
    }

    pub fn push(&mut self, chunk: Fast) {
        self.0.write(&chunk.0);
    }

    pub fn finish(mut self, size: u64) -> Fast {
        self.0.write(&size.to_le_bytes());
        Fast::from_value(self.0.finish_128())
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

/// `fast` of a file above one chunk.
pub fn fast_of_chunks(chunks: impl IntoIterator<Item = Fast>, size: u64) -> Fast {
    let mut tree = Tree::new();
    for chunk in chunks {
        tree.push(chunk);
    }
    tree.finish(size)
}

/// `strong` of a file above one chunk, from its chunks' chaining values (at least two).
pub fn strong_of_chunks(subtrees: &[[u8; 32]]) -> Strong {
    let (left, right) = halves(subtrees);
    Strong(*merge_subtrees_root(&join(left), &join(right), Mode::Hash).as_bytes())
}

fn join(subtrees: &[[u8; 32]]) -> [u8; 32] {
    if let [only] = subtrees {
        return *only;
    }
    let (left, right) = halves(subtrees);
    merge_subtrees_non_root(&join(left), &join(right), Mode::Hash)
}

/// BLAKE3 gives the left side the largest power of two that leaves the right side something.
fn halves(subtrees: &[[u8; 32]]) -> (&[[u8; 32]], &[[u8; 32]]) {
    subtrees.split_at(subtrees.len().next_power_of_two() / 2)
}
