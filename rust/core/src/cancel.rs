//! Shared by the one who waits and those who work: a wish to stop goes one way, how far they are the other.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::fault::Fault;

#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    bytes: AtomicU64,
}

impl Cancel {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn cancel(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.stop.load(Ordering::Relaxed)
    }

    /// An error (`Fault::Cancelled`) once someone has called `cancel`.
    pub fn check(&self) -> io::Result<()> {
        if self.is_cancelled() { Err(Fault::Cancelled.into()) } else { Ok(()) }
    }

    /// So many more bytes are done.
    pub fn advance(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes read, or passed over as holes, so far; what is read twice counts twice.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}
