//! A wish to stop, shared by the one who waits and those who work.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fault::Fault;

#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error (`Fault::Cancelled`) once someone has called `cancel`.
    pub fn check(&self) -> io::Result<()> {
        if self.is_cancelled() { Err(Fault::Cancelled.into()) } else { Ok(()) }
    }
}
