//! Hashing of bytes that arrive in any portions: bytes come in, the same digest goes out as of a file that holds them.

use twox_hash::XxHash3_128;

use crate::chunks::{CHUNK_BYTES, Tree};
use crate::digest::{Fast, Strong};

/// `fast` of a stream, whose length is only known at its end.
#[derive(Clone)]
pub struct FastStream {
    /// The chunk that is being filled, without a seed; as long as there is only one it is the answer.
    chunk: XxHash3_128,
    filled: u64,
    tree: Tree,
    size: u64,
}

impl FastStream {
    pub fn new() -> Self {
        FastStream { chunk: XxHash3_128::new(), filled: 0, tree: Tree::new(), size: 0 }
    }

    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.filled == CHUNK_BYTES {
                self.close_chunk(); // only now: a stream of exactly one chunk has no tree
            }
            let room = usize::try_from(CHUNK_BYTES - self.filled).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.chunk.write(now);
            self.filled += now.len() as u64;
            self.size += now.len() as u64;
            bytes = later;
        }
    }

    pub fn finish(&self) -> Fast {
        let last = Fast::from_value(self.chunk.finish_128());
        if self.size <= CHUNK_BYTES {
            return last;
        }
        let mut tree = self.tree.clone();
        tree.push(last);
        tree.finish(self.size)
    }

    fn close_chunk(&mut self) {
        self.tree.push(Fast::from_value(self.chunk.finish_128()));
        self.chunk = XxHash3_128::new();
        self.filled = 0;
    }
}

impl Default for FastStream {
    fn default() -> Self {
        Self::new()
    }
}

/// `strong` of a stream.
#[derive(Clone, Default)]
pub struct StrongStream(blake3::Hasher);

impl StrongStream {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(&self) -> Strong {
        Strong(*self.0.finalize().as_bytes())
    }
}

/// `strong` of bytes in memory.
pub fn strong_of(bytes: &[u8]) -> Strong {
    Strong(*blake3::hash(bytes).as_bytes())
}
