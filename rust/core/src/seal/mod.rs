//! The seal: all that must be as it is for a run to have nothing to do comes in, one file goes out that vouches for it; later the file
//! comes in, and what is not as it was goes out.
//!
//! An entry is one name in one folder, and neither the name nor the folder's path leads through a symbolic link: each link on the way
//! to something is an entry of its own, which holds where it leads. So the stat of an entry cannot be that of something else.
//!
//! A stat alone passes an entry only by rule 1 (see `trust`), which its `Settled` mark and the moment of the check decide together.
//! Where it does not, the names in a folder and the text of a link are read anew; a file is doubtful: someone has to read it.

mod check;
mod file;
mod folders;
mod known;
mod make;
mod names;
mod ways;

use std::sync::Arc;

use crate::index::table::Key;
use crate::stat::Present;

pub use check::{Checked, check};
pub use file::read_header;
pub use make::{Sealing, Wanted, reseal, seal};

/// What an entry vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The bytes of a file, and whether it can be executed.
    File,
    /// The names and kinds in a folder that belongs to an artifact.
    Folder,
    /// The names and kinds in a folder that a glob looks into.
    Listing,
    /// Where a link leads.
    Link,
    /// That nothing is there.
    Absent,
}

/// Whether all that happened to a thing since it was read must show in its stat. What is not is read at each check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settled {
    Yes,
    No,
}

/// XXH3-128 of a link's text, or of the names in a folder; zero where there is none.
type Sum = [u8; 16];

/// An entry as it is gathered.
#[derive(Clone, Debug)]
struct Entry {
    folder: Arc<[u8]>,
    /// "" for the folder itself; of what is absent, all that is missing of the path.
    name: Key,
    kind: Kind,
    settled: Settled,
    stat: Present,
    sum: Sum,
}

impl Entry {
    /// How entries lie in the file: by folder, then by name; a folder before what is in it.
    fn place(&self) -> (&[u8], &[u8], Kind) {
        (&self.folder, &self.name, self.kind)
    }
}
