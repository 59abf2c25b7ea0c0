//! Work folders: what is to stand in one comes in, and stands there; what a command left in it goes out.
//!
//! Making and removing folders is what the kernel is slowest at, so one that its command left as it was made is used again for the
//! next step that needs the same folders: one renaming in place of a removing and a making of each.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, flistxattr, fstat, mkdirat, openat, renameat, renameat_with,
    symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::index::table::join;

/// Who may use a folder: mode, owner, group.
pub type Rights = (u32, u32, u32);

/// Make the folder `name` in `nest`, or rename an idle one of the same `folders` to it, and put links in it: (path in it, text).
/// `AlreadyExists` if something of the name is there. The folders' parents stand before them.
pub fn lay(
    nest: BorrowedFd<'_>,
    name: &[u8],
    idle: Option<&[u8]>,
    folders: &[Vec<u8>],
    links: &[(Vec<u8>, Vec<u8>)],
) -> io::Result<()> {
    match idle {
        Some(idle) => renameat_with(nest, idle, nest, name, RenameFlags::NOREPLACE)?,
        None => {
            mkdirat(nest, name, Mode::from_raw_mode(0o777))?;
            for folder in folders {
                mkdirat(nest, join(name, folder), Mode::from_raw_mode(0o777))?;
            }
        }
    }
    for (path, text) in links {
        symlinkat(&text[..], nest, join(name, path))?;
    }
    Ok(())
}

/// What a work folder is worth after its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// As it was made, without its links: it may be used again.
    Idle,
    Used,
}

pub struct Swept {
    /// What was neither laid nor declared; of each folder in byte order, a folder by its name and a slash.
    pub left: Vec<Vec<u8>>,
    pub worth: Worth,
}

/// Take the links out of a work folder, and say what else is in it. `folders` and `links` are what was laid, `declared` what the
/// step may leave; `rights` are those that its folders were made with.
///
/// Links are moved to `grave`, not removed: ext4 does not give the number of a removed file to a new one for a minute, and looks at
/// all such numbers, one by one, each time that a file is made.
pub fn sweep(
    nest: BorrowedFd<'_>,
    grave: BorrowedFd<'_>,
    name: &[u8],
    folders: &[Vec<u8>],
    links: &HashSet<Vec<u8>>,
    declared: &HashSet<Vec<u8>>,
    rights: Rights,
) -> io::Result<Swept> {
    let laid: HashSet<&[u8]> = folders.iter().map(Vec::as_slice).collect();
    let mut swept = Swept { left: Vec::new(), worth: Worth::Idle };
    let mut met = 0;
    for folder in std::iter::once(&[][..]).chain(folders.iter().map(Vec::as_slice)) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = match openat(nest, join(name, folder), flags, Mode::empty()) {
            Ok(opened) => opened,
            // The command removed it, or put something else there, or closed it: it may.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => {
                swept.worth = Worth::Used;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let stat = fstat(&opened)?;
        if (stat.st_mode, stat.st_uid, stat.st_gid) != rights || has_attributes(opened.as_fd()) {
            swept.worth = Worth::Used;
        }
        let first = swept.left.len();
        for entry in Dir::read_from(&opened)? {
            let entry = entry?;
            let own = entry.file_name().to_bytes();
            if own == b"." || own == b".." {
                continue;
            }
            let path = join(folder, own);
            if laid.contains(&path[..]) {
                met += 1;
            } else if links.contains(&path) {
                let gone = match entry.file_type() {
                    FileType::Symlink => renameat(&opened, own, grave, next_number()),
                    _ => unlinkat(&opened, own, AtFlags::empty()), // a copy
                };
                if gone.is_err() {
                    swept.worth = Worth::Used; // a copy of a folder, or a folder in its place
                }
            } else {
                swept.worth = Worth::Used;
                if !declared.contains(&path) {
                    let is_folder = match entry.file_type() {
                        FileType::Unknown => openat(&opened, own, flags, Mode::empty()).is_ok(),
                        known => known == FileType::Directory,
                    };
                    let mark: &[u8] = if is_folder { b"/" } else { b"" };
                    swept.left.push([&path, mark].concat());
                }
            }
        }
        swept.left[first..].sort_unstable();
    }
    if met != folders.len() {
        swept.worth = Worth::Used;
    }
    Ok(swept)
}

/// A name in the grave.
fn next_number() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed).to_string()
}

/// Whether someone gave it attributes that its next user would inherit or see. The machine's own labels do not count.
fn has_attributes(folder: BorrowedFd<'_>) -> bool {
    let mut names = [0_u8; 1024];
    match flistxattr(folder, &mut names[..]) {
        Ok(length) => names[..length]
            .split(|byte| *byte == 0)
            .any(|name| !name.is_empty() && !name.starts_with(b"security.")),
        Err(Errno::OPNOTSUPP) => false,
        Err(_) => true,
    }
}
