//! Read leases: an open file comes in, whether anyone holds it open for writing goes out.
#![allow(unsafe_code)] // fcntl's lease commands have no safe wrapper; every call here passes plain integers

use std::fs::File;
use std::os::fd::AsRawFd;

/// The kernel tells of a breaking lease by a signal. The default one, SIGIO, would kill; this one is ignored by default.
const BREAK_SIGNAL: libc::c_int = libc::SIGURG;

/// Of linux/fcntl.h; the libc crate lacks it.
const F_SETSIG: libc::c_int = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// No one has the file open for writing; whoever opens it so from now on, breaks the lease first.
    Held,
    /// Someone has it open for writing.
    Busy,
    /// Another owner's file, or a filesystem without leases.
    Unknown,
}

pub fn hold(file: &File) -> Lease {
    let descriptor = file.as_raw_fd();
    // SAFETY: the descriptor is open as long as `file` is borrowed; both commands take an integer.
    let held = unsafe {
        libc::fcntl(descriptor, F_SETSIG, BREAK_SIGNAL) == 0
            && libc::fcntl(descriptor, libc::F_SETLEASE, libc::F_RDLCK) == 0
    };
    if held {
        return Lease::Held;
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EAGAIN) => Lease::Busy,
        _ => Lease::Unknown,
    }
}

pub fn drop(file: &File) {
    // SAFETY: as above. Dropping a lease that is not held any more is refused, and that is well.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK) };
}

/// Whether the lease is still held, and no one waits to break it.
pub fn is_unbroken(file: &File) -> bool {
    // SAFETY: as above; the command takes no argument.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLEASE) == libc::F_RDLCK }
}

/// Taken and dropped at once: a writer would wait for as long as a lease is held.
pub fn ask(file: &File) -> Lease {
    let lease = hold(file);
    if lease == Lease::Held {
        drop(file);
    }
    lease
}
