//! The core that touches bytes: files come in, digests and what is known about files go out. No Python here.

pub mod cancel;
pub mod chunks;
pub mod clock;
pub mod crew;
pub mod digest;
pub mod fault;
pub mod file;
pub mod fingerprint;
pub mod hash;
pub mod held;
pub mod index;
pub mod lease;
pub mod look;
pub mod manifest;
mod piece;
pub mod place;
pub mod reading;
pub mod restore;
pub mod scan;
pub mod stat;
pub mod stream;
pub mod survey;
pub mod sync;
pub mod take;
pub mod tick;
pub mod trust;
pub mod walk;
