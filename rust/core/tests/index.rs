//! Rule 1 clause by clause, the table against a model, the file of an index against damage, ranges and manifests.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use proptest::prelude::*;
use riverrun_core::cancel::Cancel;
use riverrun_core::chunks::{CHUNK_BYTES, Chunk, Content};
use riverrun_core::digest::{Fast, Strong, hex};
use riverrun_core::fingerprint::{Certified, Fingerprint, changed_ranges};
use riverrun_core::index::Index;
use riverrun_core::index::table::{Key, Table, join, lies_in, split};
use riverrun_core::manifest::{self, Entry, EntryKind};
use riverrun_core::stat::Present;
use riverrun_core::tick::{TICK_NS, coarse_now, is_settled};
use riverrun_core::trust::{Filesystem, Standing, Trust, vouches};
use riverrun_core::{look, survey};

const SECOND: i64 = 1_000_000_000;

fn print_of(number: u64) -> Fingerprint {
    let ctime_ns = coarse_now() - 3600 * SECOND + 1;
    let stat = Present { size: number, mtime_ns: 5, ctime_ns, inode: 7, mode: 0o100_644, device: 1 };
    let content = Content { size: number, fast: Fast([1; 16]), strong: Strong([2; 32]), chunks: Vec::new() };
    Fingerprint { stat, content, began_ns: ctime_ns + 60 * SECOND, certified: Certified::Yes }
}

#[test]
fn a_stat_vouches_only_if_every_clause_of_the_rule_holds() {
    type Spoil = fn(&mut Fingerprint, &mut Present, &mut Standing);
    let cases: &[(&str, bool, Spoil)] = &[
        ("all holds", true, |_, _, _| {}),
        ("another device number", true, |_, stat, _| stat.device = 2),
        ("size", false, |_, stat, _| stat.size += 1),
        ("mtime", false, |_, stat, _| stat.mtime_ns += 1),
        ("ctime", false, |_, stat, _| stat.ctime_ns += 1),
        ("inode", false, |_, stat, _| stat.inode += 1),
        ("mode", false, |_, stat, _| stat.mode ^= 0o100),
        ("not certified", false, |known, _, _| known.certified = Certified::No),
        ("read before its stamp", false, |known, _, _| known.began_ns = known.stat.ctime_ns - 1),
        ("read a tick after its stamp", false, |known, _, _| known.began_ns = known.stat.ctime_ns + TICK_NS),
        ("read later than that", true, |known, _, _| known.began_ns = known.stat.ctime_ns + TICK_NS + 1),
        ("whole seconds, read in the next", false, |known, stat, _| {
            stat.ctime_ns -= stat.ctime_ns % SECOND;
            known.stat = *stat;
            known.began_ns = stat.ctime_ns + SECOND;
        }),
        ("whole seconds, read later", true, |known, stat, _| {
            stat.ctime_ns -= stat.ctime_ns % SECOND;
            known.stat = *stat;
            known.began_ns = stat.ctime_ns + 2 * SECOND;
        }),
        ("a stamp in the future", false, |known, stat, _| {
            stat.ctime_ns += 7200 * SECOND;
            known.stat = *stat;
            known.began_ns = stat.ctime_ns + 60 * SECOND;
        }),
        ("a filesystem without good stamps", false, |_, _, standing| *standing = Standing::Never),
        ("a server's clock", true, |_, stat, standing| *standing = Standing::Probed(stat.ctime_ns)),
        ("behind a server's clock", false, |_, stat, standing| *standing = Standing::Probed(stat.ctime_ns - 1)),
    ];
    for (case, expected, spoil) in cases {
        let mut known = print_of(3);
        let mut stat = known.stat;
        let mut standing = Standing::Local;
        spoil(&mut known, &mut stat, &mut standing);
        assert_eq!(vouches(&known, &stat, standing), *expected, "{case}");
    }
    assert!(!is_settled(i64::MAX, i64::MAX));
}

#[test]
fn filesystems_are_known_by_their_magic() {
    for (magic, kind) in [
        (0xEF53, Filesystem::Local),
        (0x9123_683E, Filesystem::Local),
        (0x6969, Filesystem::Network("nfs")),
        (0xFF53_4D42, Filesystem::Network("cifs")),
        (0x0102_1994, Filesystem::Unreliable), // tmpfs
        (0x794C_7630, Filesystem::Unreliable), // overlay
        (0x6573_5546, Filesystem::Unreliable), // FUSE
        (0, Filesystem::Unreliable),
    ] {
        assert_eq!(Filesystem::of_magic(magic), kind, "{magic:x}");
    }
}

#[test]
fn a_network_is_trusted_by_name_and_only_where_its_clock_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let at = fs::File::open(folder.path()).unwrap();
    let probed = |device| Present { ctime_ns: 42, device, ..Present::NOTHING };
    type Probed = fn() -> io::Result<Present>;
    let cases: &[(&str, Probed, Standing)] = &[
        ("nfs", || Ok(Present { ctime_ns: 42, device: 9, ..Present::NOTHING }), Standing::Probed(42)),
        ("nfs", || Ok(Present { ctime_ns: 42, device: 8, ..Present::NOTHING }), Standing::Never),
        ("nfs", || Err(io::Error::other("read-only")), Standing::Never),
        ("smb", || Ok(Present { ctime_ns: 42, device: 9, ..Present::NOTHING }), Standing::Never),
    ];
    assert_eq!(probed(9).ctime_ns, 42);
    for (name, probe, expected) in cases {
        let trust = Trust::new(vec![(*name).to_owned()], Some(Filesystem::Network("nfs")), Box::new(*probe));
        assert_eq!(trust.standing(std::os::fd::AsFd::as_fd(&at), b"", 9), *expected);
    }
}

#[test]
fn keys_split_and_join() {
    for (key, parts) in [
        (&b"a"[..], Some((&b""[..], &b"a"[..]))),
        (b"a/b", Some((b"a", b"b"))),
        (b"/a", Some((b"/", b"a"))),
        (b"/a/b", Some((b"/a", b"b"))),
        (b"", None),
        (b"/", None),
    ] {
        assert_eq!(split(key), parts);
        if let Some((folder, name)) = parts {
            assert_eq!(join(folder, name), key);
        }
    }
    for (key, folder, expected) in [
        (&b"a/b"[..], &b"a"[..], true),
        (b"a", b"a", true),
        (b"ab", b"a", false),
        (b"a.b/c", b"a", false),
        (b"a", b"", true),
        (b"/a", b"", false),
        (b"/a", b"/", true),
        (b"a", b"/", false),
    ] {
        assert_eq!(lies_in(key, folder), expected, "{key:?} in {folder:?}");
    }
}

fn key() -> impl Strategy<Value = Key> {
    "/?([ab.]/){0,3}[abc\u{ff}]".prop_map(String::into_bytes)
}

proptest! {
    #[test]
    fn a_table_is_a_map(rounds in prop::collection::vec(prop::collection::vec((key(), prop::option::of(0..99u64)), 0..20), 1..5)) {
        let mut table = Table::default();
        let mut model: BTreeMap<Key, u64> = BTreeMap::new();
        for round in rounds {
            for (key, value) in &round {
                match value {
                    Some(value) => model.insert(key.clone(), *value),
                    None => model.remove(key),
                };
            }
            table.apply(round.into_iter().map(|(key, value)| (key, value.map(print_of))).collect());
            let mut found: Vec<(Key, u64)> = table
                .folders()
                .flat_map(|(folder, rows)| rows.iter().map(move |(name, print)| (join(folder, name), print.stat.size)))
                .collect();
            found.sort();
            prop_assert_eq!(found, model.clone().into_iter().collect::<Vec<_>>());
            for (key, value) in &model {
                prop_assert_eq!(table.get(key).map(|print| print.stat.size), Some(*value));
                let (folder, _) = split(key).unwrap();
                let below = table.below(folder).map(|(_, rows)| rows.iter().len()).sum::<usize>();
                let expected = model.keys().filter(|other| lies_in(split(other).unwrap().0, folder)).count();
                prop_assert_eq!(below, expected);
            }
        }
    }

    #[test]
    fn a_saved_index_is_loaded_as_it_was_and_bytes_that_are_not_are_refused(
        keys in prop::collection::vec((key(), 0..9u64), 1..12),
        at in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let index = Index::open(&path, None).unwrap();
        index.apply(keys.iter().map(|(key, size)| (key.clone(), Some(large(*size)))).collect());
        index.save().unwrap();
        let loaded = Index::open(&path, None).unwrap();
        prop_assert_eq!(&loaded.note, &None);
        let (found, kept) = (loaded.table(), index.table());
        for (key, _) in &keys {
            prop_assert_eq!(found.get(key), kept.get(key));
        }
        let whole = fs::read(&path).unwrap();
        let at = at.index(whole.len());
        let mut flipped = whole.clone();
        flipped[at] ^= flip;
        for damaged in [&flipped[..], &whole[..at]] {
            fs::write(&path, damaged).unwrap();
            let refused = Index::open(&path, None).unwrap();
            prop_assert!(refused.note.is_some());
            prop_assert_eq!(refused.table().folders().len(), 0);
        }
    }
}

/// With as many chunks as its number says.
fn large(chunks: u64) -> Fingerprint {
    let mut print = print_of(chunks);
    if chunks > 1 {
        print.content.size = (chunks - 1) * CHUNK_BYTES + 1;
        print.content.chunks = (0..chunks)
            .map(|number| Chunk { fast: Fast([number as u8; 16]), subtree: [number as u8; 32] })
            .collect();
    }
    print
}

#[test]
fn ranges_are_those_of_the_chunks_that_differ() {
    let content = |marks: &[u8], size: u64| Content {
        size,
        fast: Fast([0; 16]),
        strong: Strong([marks.iter().fold(marks.len() as u8, |sum, mark| sum.wrapping_mul(31) ^ mark); 32]),
        chunks: marks.iter().map(|mark| Chunk { fast: Fast([*mark; 16]), subtree: [0; 32] }).collect(),
    };
    const C: u64 = CHUNK_BYTES;
    let old = content(&[1, 2, 3], 2 * C + 9);
    for (marks, size, expected) in [
        (&[1, 2, 3][..], 2 * C + 9, vec![]),
        (&[1, 9, 3], 2 * C + 9, vec![(C, 2 * C)]),
        (&[9, 9, 3], 2 * C + 9, vec![(0, 2 * C)]),
        (&[9, 2, 9], 2 * C + 9, vec![(0, C), (2 * C, 2 * C + 9)]),
        (&[1, 2, 9], 2 * C + 7, vec![(2 * C, 2 * C + 7)]),
        (&[1, 2, 9, 4], 3 * C + 1, vec![(2 * C, 3 * C + 1)]),
        (&[1, 2], 2 * C, vec![]),
        (&[], 5, vec![(0, 5)]),
        (&[], 0, vec![]),
    ] {
        let found: Vec<(u64, u64)> =
            changed_ranges(&old, &content(marks, size)).iter().map(|range| (range.start, range.end)).collect();
        assert_eq!(found, expected, "{marks:?}");
    }
}

#[test]
fn a_manifest_is_named_by_its_format() {
    let entry = |path: &[u8], kind, size| Entry { path: path.to_vec(), kind, size };
    let entries = [
        entry(b"a", EntryKind::File(Strong([1; 32])), 1),
        entry(b"b", EntryKind::Executable(Strong([2; 32])), 1),
        entry(b"c", EntryKind::Link(b"a".to_vec()), 1),
        entry(b"d", EntryKind::Folder, 0),
    ];
    let mut bytes = b"riverrun manifest 1\0\x04\0\0\0\0\0\0\0f\x01\0\0\0a\x20\0\0\0".to_vec();
    bytes.extend([1; 32]);
    bytes.extend(b"x\x01\0\0\0b\x20\0\0\0");
    bytes.extend([2; 32]);
    bytes.extend(b"l\x01\0\0\0c\x01\0\0\0ad\x01\0\0\0d\0\0\0\0");
    assert_eq!(hex(&manifest::digest(&entries).0), blake3::hash(&bytes).to_hex().as_str());
}

#[test]
fn what_vanishes_between_the_halves_of_a_look_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let index = Index::open(&root.join("index"), Some(root)).unwrap();
    for name in ["stays", "goes", "turns"] {
        fs::create_dir_all(root.join("tree")).unwrap();
        fs::write(root.join(name), name).unwrap();
        fs::write(root.join("tree").join(name), name).unwrap();
    }
    let paths = [&b"stays"[..], b"goes", b"turns", b"tree"].map(<[u8]>::to_vec);
    let cancel = Cancel::new();
    let survey = look::begin(&index, &paths, survey::Level::Stat, &index.trust(), &cancel).unwrap();
    assert_eq!(survey.unread(), (6, 28));
    for place in [root.to_path_buf(), root.join("tree")] {
        fs::remove_file(place.join("goes")).unwrap();
        fs::remove_file(place.join("turns")).unwrap();
        fs::create_dir(place.join("turns")).unwrap();
    }
    let follow = riverrun_core::stat::Links::Follow;
    let facts = look::finish(&index, survey, survey::Level::Stat, follow, &cancel).unwrap();
    let kinds: Vec<look::Kind> = facts.iter().map(|fact| fact.kind).collect();
    assert_eq!(kinds, [look::Kind::File, look::Kind::Missing, look::Kind::Other, look::Kind::Other]);
    assert!(!facts[3].certified);

    let survey = look::begin(&index, &paths, survey::Level::Stat, &index.trust(), &cancel).unwrap();
    cancel.cancel();
    assert!(look::finish(&index, survey, survey::Level::Content, follow, &cancel).is_err());
}
