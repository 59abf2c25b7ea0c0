//! Errors that the kernel does not give: what is wrong with a file, as an `io::Error` that still knows its errno.

use std::{error, fmt, io};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Shorter or longer than its stat said, or written to meanwhile.
    Changed,
    /// A fifo, socket or device where a file should be.
    NotAFile,
    IsAFolder,
    /// Not the bytes that their digest names.
    Broken,
    Cancelled,
}

impl Fault {
    pub fn errno(self) -> i32 {
        match self {
            Fault::Changed => libc::EBUSY,
            Fault::NotAFile => libc::EINVAL,
            Fault::IsAFolder => libc::EISDIR,
            Fault::Broken => libc::EBADMSG,
            Fault::Cancelled => libc::ECANCELED,
        }
    }

    /// The fault inside an error, if it is one of ours.
    pub fn of(error: &io::Error) -> Option<Fault> {
        error.get_ref()?.downcast_ref::<Fault>().copied()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Fault::Changed => "changed while it was read",
            Fault::NotAFile => "not a regular file",
            Fault::IsAFolder => "Is a directory",
            Fault::Broken => "not the bytes that its digest names",
            Fault::Cancelled => "cancelled",
        })
    }
}

impl error::Error for Fault {}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> io::Error {
        let kind = match fault {
            Fault::Changed => io::ErrorKind::ResourceBusy,
            Fault::NotAFile => io::ErrorKind::InvalidInput,
            Fault::IsAFolder => io::ErrorKind::IsADirectory,
            Fault::Broken => io::ErrorKind::InvalidData,
            Fault::Cancelled => io::ErrorKind::Other,
        };
        io::Error::new(kind, fault)
    }
}
