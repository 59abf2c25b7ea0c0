//! Digests of files against independent implementations, at every boundary, for random sizes and edits, and for odd
//! files.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::{ffi::OsStr, io};

use proptest::prelude::*;
use riverrun_core::cancel::Cancel;
use riverrun_core::chunks::{CHUNK_BYTES, Content, TREE_SEED};
use riverrun_core::crew::crew;
use riverrun_core::digest::{Fast, Strong, hex};
use riverrun_core::fault::Fault;
use riverrun_core::file::{Algorithm, Digest, digest_file, digest_path, open_regular};
use riverrun_core::hash::{Holes, read_both, read_fast, read_strong};
use riverrun_core::stream::{FastStream, StrongStream};
use tempfile::TempDir;
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

const CHUNK: usize = CHUNK_BYTES as usize;

/// The documented tree, by another implementation of XXH3.
fn fast_oracle(bytes: &[u8]) -> Fast {
    if bytes.len() <= CHUNK {
        return Fast(xxh3_128(bytes).to_be_bytes());
    }
    let mut above: Vec<u8> = bytes.chunks(CHUNK).flat_map(|chunk| xxh3_128(chunk).to_be_bytes()).collect();
    above.extend((bytes.len() as u64).to_le_bytes());
    Fast(xxh3_128_with_seed(&above, TREE_SEED).to_be_bytes())
}

fn strong_oracle(bytes: &[u8]) -> Strong {
    Strong(*blake3::hash(bytes).as_bytes())
}

fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn on_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    crew(NonZeroUsize::new(3)).unwrap().install(work)
}

fn written(folder: &Path, bytes: &[u8]) -> (PathBuf, File) {
    let path = folder.join("file");
    fs::write(&path, bytes).unwrap();
    (path.clone(), File::open(path).unwrap())
}

fn both(file: &File, known: Option<&Content>, copy_to: Option<&File>) -> io::Result<Content> {
    let size = file.metadata()?.len();
    on_threads(|| read_both(file, size, known, copy_to, &Cancel::new()))
}

/// All the ways to the two digests of these bytes give the oracles' answers.
fn check(bytes: &[u8], portion: usize) {
    let folder = TempDir::new().unwrap();
    let (_, file) = written(folder.path(), bytes);
    let size = bytes.len() as u64;
    let (fast, strong) = (fast_oracle(bytes), strong_oracle(bytes));
    let content = both(&file, None, None).unwrap();
    assert_eq!((content.size, content.fast, content.strong), (size, fast, strong));
    assert_eq!(content.chunks.len(), if size > CHUNK_BYTES { bytes.len().div_ceil(CHUNK) } else { 0 });
    let cancel = Cancel::new();
    let (alone, chunks) = on_threads(|| read_fast(&file, size, Holes::Skip, &cancel)).unwrap();
    assert_eq!(alone, fast);
    assert_eq!(chunks, content.chunks.iter().map(|chunk| chunk.fast).collect::<Vec<_>>());
    assert_eq!(on_threads(|| read_strong(&file, size, Holes::Read, &cancel)).unwrap(), strong);
    let (mut fast_stream, mut strong_stream) = (FastStream::new(), StrongStream::new());
    for part in bytes.chunks(portion) {
        fast_stream.update(part);
        strong_stream.update(part);
    }
    assert_eq!((fast_stream.finish(), strong_stream.finish()), (fast, strong));
}

#[test]
fn every_way_agrees_at_every_boundary() {
    let all = noise(3 * CHUNK + 1, 1);
    for chunks in 0..=3 {
        for past in [-1025, -1024, -1, 0, 1] {
            let length = (chunks * CHUNK).checked_add_signed(past);
            if let Some(length) = length {
                check(&all[..length], 1 << 20);
            }
        }
    }
    for length in [2, 16, 17, 128, 129, 240, 241, 1024, 1025, (256 << 10) - 1, 256 << 10, (256 << 10) + 1] {
        check(&all[..length], 7);
    }
}

#[test]
fn the_official_vectors_hold() {
    // From BLAKE3's test_vectors.json: byte i of the input is i mod 251.
    let input: Vec<u8> = (0..102_400u32).map(|i| (i % 251) as u8).collect();
    for (length, digest) in [
        (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
        (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
        (102_400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"),
    ] {
        let mut stream = StrongStream::new();
        stream.update(&input[..length]);
        assert_eq!(hex(&stream.finish().0), digest);
    }
    assert_eq!(hex(&FastStream::new().finish().0), "99aa06d3014798d86001c324468d497f");
}

#[test]
fn no_small_file_passes_for_a_large_one() {
    let large = noise(2 * CHUNK + 5, 2);
    let mut small: Vec<u8> = large.chunks(CHUNK).flat_map(|chunk| xxh3_128(chunk).to_be_bytes()).collect();
    small.extend((large.len() as u64).to_le_bytes());
    assert_ne!(fast_oracle(&small), fast_oracle(&large));
    check(&small, 5);
    check(&large, CHUNK);
}

#[test]
fn holes_are_as_zeros() {
    let folder = TempDir::new().unwrap();
    for (length, islands) in [
        (3 * CHUNK + 77, vec![]),
        (5 * CHUNK, vec![CHUNK + 300_000, 4 * CHUNK]),
        (5 * CHUNK + 9, vec![0, 5 * CHUNK + 8]),
        (1 << 20, vec![700_000]),
        (CHUNK, vec![]),
    ] {
        let mut bytes = vec![0; length];
        let (_, file) = written(folder.path(), b"");
        let sparse = File::options().write(true).open(folder.path().join("file")).unwrap();
        sparse.set_len(length as u64).unwrap();
        for at in islands {
            bytes[at] = 7;
            sparse.write_all_at(&[7], at as u64).unwrap();
        }
        let copy = File::create(folder.path().join("copy")).unwrap();
        let content = both(&file, None, Some(&copy)).unwrap();
        assert_eq!((content.fast, content.strong), (fast_oracle(&bytes), strong_oracle(&bytes)));
        assert!(fs::read(folder.path().join("copy")).unwrap() == bytes);
        let cancel = Cancel::new();
        let size = length as u64;
        assert_eq!(on_threads(|| read_fast(&file, size, Holes::Skip, &cancel)).unwrap().0, content.fast);
        assert_eq!(on_threads(|| read_strong(&file, size, Holes::Skip, &cancel)).unwrap(), content.strong);
    }
}

#[test]
fn only_changed_chunks_are_named_again() {
    let folder = TempDir::new().unwrap();
    let mut bytes = noise(4 * CHUNK + 100, 3);
    let before = both(&written(folder.path(), &bytes).1, None, None).unwrap();
    bytes[2 * CHUNK + 17] ^= 1;
    let (_, file) = written(folder.path(), &bytes);
    // A mark in place of each subtree value shows which of them were kept.
    let mut marked = before.clone();
    for chunk in &mut marked.chunks {
        chunk.subtree = [0xee; 32];
    }
    let after = both(&file, Some(&marked), None).unwrap();
    let kept: Vec<bool> = after.chunks.iter().map(|chunk| chunk.subtree == [0xee; 32]).collect();
    assert_eq!(kept, [true, true, false, true, true]);
    let honest = both(&file, Some(&before), None).unwrap();
    assert_eq!((honest.fast, honest.strong), (fast_oracle(&bytes), strong_oracle(&bytes)));
}

#[test]
fn a_file_that_ends_early_has_changed() {
    let folder = TempDir::new().unwrap();
    for length in [0, 10, CHUNK, 2 * CHUNK + 3] {
        let (_, file) = written(folder.path(), &noise(length, 4));
        let more = length as u64 + 1;
        let cancel = Cancel::new();
        let errors = on_threads(|| {
            [
                read_both(&file, more, None, None, &cancel).unwrap_err(),
                read_fast(&file, more, Holes::Skip, &cancel).unwrap_err(),
                read_strong(&file, more, Holes::Read, &cancel).unwrap_err(),
            ]
        });
        assert!(errors.iter().all(|error| Fault::of(error) == Some(Fault::Changed)));
    }
}

#[test]
fn cancelled_work_stops() {
    let folder = TempDir::new().unwrap();
    let (_, file) = written(folder.path(), &noise(2 * CHUNK, 5));
    let cancel = Cancel::new();
    cancel.cancel();
    let error = on_threads(|| read_both(&file, 2 * CHUNK_BYTES, None, None, &cancel)).unwrap_err();
    assert_eq!(Fault::of(&error), Some(Fault::Cancelled));
}

#[test]
fn odd_files_are_refused_and_odd_names_are_not() {
    let folder = TempDir::new().unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let hash = |path: &Path| digest_path(path, Algorithm::Xxh3, &Cancel::new());
    for path in [fifo.as_path(), &socket, Path::new("/dev/null")] {
        assert_eq!(Fault::of(&hash(path).unwrap_err()), Some(Fault::NotAFile), "{}", path.display());
    }
    assert_eq!(Fault::of(&hash(folder.path()).unwrap_err()), Some(Fault::IsAFolder));
    assert_eq!(hash(&folder.path().join("nothing")).unwrap_err().kind(), io::ErrorKind::NotFound);
    let odd = folder.path().join(OsStr::from_bytes(b"\xff\n\xfe"));
    fs::write(&odd, b"x").unwrap();
    assert_eq!(hash(&odd).unwrap(), Digest::Fast(fast_oracle(b"x")));
}

#[test]
fn a_kernel_file_that_says_it_is_empty_is_read() {
    let file = open_regular(Path::new("/proc/version")).unwrap();
    let digest = digest_file(&file, Algorithm::Blake3, Holes::Skip, &Cancel::new()).unwrap();
    assert_eq!(digest, Digest::Strong(strong_oracle(&fs::read("/proc/version").unwrap())));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_way_agrees_for_any_size(length in 0..4 * CHUNK, seed: u64, portion in 1..2 * CHUNK) {
        check(&noise(length, seed), portion.max(length / 1000));
    }

    #[test]
    fn every_edit_is_followed(
        length in 1..4 * CHUNK,
        cut in 0..4 * CHUNK,
        tail in 0..2 * CHUNK,
        flips in prop::collection::vec(0..6 * CHUNK, 0..4),
        seed: u64,
    ) {
        let folder = TempDir::new().unwrap();
        let mut bytes = noise(length, seed);
        let before = both(&written(folder.path(), &bytes).1, None, None).unwrap();
        bytes.truncate(cut);
        bytes.extend(noise(tail, !seed));
        for flip in flips {
            if let Some(byte) = bytes.get_mut(flip) {
                *byte ^= 1;
            }
        }
        let (_, file) = written(folder.path(), &bytes);
        let copy = File::create(folder.path().join("copy")).unwrap();
        let after = both(&file, Some(&before), Some(&copy)).unwrap();
        prop_assert_eq!(&after, &both(&file, None, None).unwrap());
        prop_assert_eq!((after.fast, after.strong), (fast_oracle(&bytes), strong_oracle(&bytes)));
        prop_assert!(fs::read(folder.path().join("copy")).unwrap() == bytes);
    }
}
