//! The file of an index that takes several blocks: a large folder is spread over them, and comes back as it was.

use std::fs;

use riverrun_core::chunks::Content;
use riverrun_core::digest::{Fast, Strong};
use riverrun_core::fingerprint::{Certified, Fingerprint};
use riverrun_core::index::Index;
use riverrun_core::index::table::Key;
use riverrun_core::stat::Present;

fn print_of(number: u64) -> Fingerprint {
    let stat = Present { size: number, mtime_ns: 1, ctime_ns: 2, inode: number, mode: 0o100_644, device: 0 };
    let content = Content { size: number, fast: Fast([3; 16]), strong: Strong([4; 32]), chunks: Vec::new() };
    Fingerprint { stat, content, began_ns: 5, certified: Certified::Yes }
}

#[test]
fn a_large_folder_is_spread_over_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let index = Index::open(&path, None).unwrap();
    let key = |number: u64| -> Key {
        let folder = ["/a", "/b", "/c"][usize::from(number >= 10) + usize::from(number >= 29_990)];
        format!("{folder}/{number:06}").into_bytes()
    };
    index.apply((0..30_000).map(|number| (key(number), Some(print_of(number)))).collect());
    index.save().unwrap();
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 3 << 20, "several blocks");
    let loaded = Index::open(&path, None).unwrap();
    assert_eq!(loaded.note, None);
    let (found, kept) = (loaded.table(), index.table());
    let counts: Vec<usize> = found.folders().map(|(_, rows)| rows.len()).collect();
    assert_eq!(counts, [10, 29_980, 10]);
    for number in 0..30_000 {
        assert_eq!(found.get(&key(number)), kept.get(&key(number)));
    }
    // Where the second block begins, in its middle, where the table of blocks begins, at the end.
    for at in [1 << 20, 3 << 19, whole.len() - 24 * 5, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        for damaged in [&damaged[..], &whole[..at], &[&whole[..at], &whole[at - 1..]].concat()] {
            fs::write(&path, damaged).unwrap();
            assert!(Index::open(&path, None).unwrap().note.is_some(), "{at}");
        }
    }
}
