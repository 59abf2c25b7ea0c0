//! The folder from which an index sees the world: given paths come in, keys and what to open go out.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;

use crate::index::table::{Key, below, join, lies_in};
use crate::stat::Links;
use crate::walk::open_folder;

/// With a root, relative paths start there, wherever the process stands; without, at the process's current folder, and every key is
/// absolute.
pub struct Base {
    root: Option<Root>,
}

struct Root {
    folder: OwnedFd,
    /// Without links, and as it was given: paths may come in either spelling.
    spellings: [Vec<u8>; 2],
}

impl Base {
    pub fn new(root: Option<&Path>) -> io::Result<Base> {
        let Some(path) = root else { return Ok(Base { root: None }) };
        let given = std::path::absolute(path)?.into_os_string().into_vec();
        let real = fs::canonicalize(path)?.into_os_string().into_vec();
        let folder = open_folder(CWD, path.as_os_str().as_bytes(), Links::Follow)?;
        Ok(Base { root: Some(Root { folder, spellings: [real, tidy(&given)] }) })
    }

    /// From where given paths are opened.
    pub fn folder(&self) -> BorrowedFd<'_> {
        self.root.as_ref().map_or(CWD, |root| root.folder.as_fd())
    }

    pub fn absolute(&self, given: &[u8]) -> io::Result<Vec<u8>> {
        if given.starts_with(b"/") {
            return Ok(given.to_vec());
        }
        match &self.root {
            Some(root) => Ok(join(&root.spellings[0], given)),
            None => Ok(join(std::env::current_dir()?.as_os_str().as_bytes(), given)),
        }
    }

    /// The path as the index knows it. Spelling only: a wrong guess about ".." and links costs a reading, no more.
    pub fn key(&self, given: &[u8]) -> io::Result<Key> {
        let path = tidy(&self.absolute(given)?);
        let root = self.root.iter().flat_map(|root| &root.spellings).find(|root| lies_in(&path, root));
        Ok(match root {
            Some(root) => below(&path, root).to_vec(),
            None => path,
        })
    }

    /// The key of what a path leads to when all links in it are followed.
    pub fn real_key(&self, given: &[u8]) -> io::Result<Key> {
        let path = PathBuf::from(OsStr::from_bytes(&self.absolute(given)?));
        self.key(fs::canonicalize(path)?.as_os_str().as_bytes())
    }
}

/// An absolute path without "", "." and "..".
fn tidy(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let mut tidy = b"/".to_vec();
    tidy.extend(parts.join(&b'/'));
    tidy
}

/// Bytes as the path they are.
pub fn path_of(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
