//! What changed since the index last saw it: paths come in, those with new content, those gone and a count of the others go out.

use std::io;

use crate::cancel::Cancel;
use crate::fault::Fault;
use crate::index::Index;
use crate::index::table::{Change, below, join, lies_in};
use crate::reading::read_all;
use crate::stat::{Links, Shape};
use crate::survey::{Ask, Difference, Found, Gather, Level, Survey, TopAt, Vouch, survey};

pub struct Scan {
    /// In byte order, spelled as the path that was given for them.
    pub changed: Vec<Vec<u8>>,
    pub missing: Vec<Vec<u8>>,
    pub errors: Vec<(Vec<u8>, io::Error)>,
    pub unchanged: u64,
    pub bytes_read: u64,
    /// What the index learns when this scan is saved.
    pub changes: Vec<Change>,
}

/// The table stays as it is: `Index::apply` takes the `changes`.
pub fn scan(index: &Index, paths: &[Vec<u8>], level: Level, cancel: &Cancel) -> io::Result<Scan> {
    let trust = index.trust();
    let (gather, links) = (Gather::Differences, Links::Follow);
    let paths = without_nested(index, paths)?;
    let mut survey = survey(index, &paths, &Ask { level, gather, links, vouch: Vouch::ByRule, trust: &trust, cancel })?;
    let bytes_read = survey.bytes + read_all(index, &mut survey, level, links, cancel)?;
    Ok(compare(index, survey, bytes_read))
}

fn compare(index: &Index, survey: Survey, bytes_read: u64) -> Scan {
    let changes = survey.changes();
    let mut scan = Scan {
        changed: vec![],
        missing: vec![],
        errors: vec![],
        unchanged: survey.clean,
        bytes_read,
        changes,
    };
    for (number, key, shape) in &survey.gone {
        if *shape != Shape::Folder {
            let top = &survey.tops[*number];
            scan.missing.push(join(&top.given, below(key, &top.key)));
        }
    }
    for (number, top) in survey.tops.iter().enumerate() {
        if matches!(top.at, TopAt::Missing) && !survey.gone.iter().any(|(other, ..)| *other == number) {
            scan.missing.push(top.given.clone());
        }
    }
    let mut ranges = index.ranges();
    let Survey { tops, slots, .. } = survey;
    for slot in slots {
        let top = &tops[slot.top];
        let path = join(&top.given, &slot.below);
        let difference = match slot.found {
            Found::Read { difference, .. } | Found::Link { difference, .. } => difference,
            Found::Vouched(_) | Found::Held(_) => Difference::Same,
            Found::Vanished => {
                scan.missing.push(path);
                continue;
            }
            Found::Other => {
                scan.errors.push((path, Fault::NotAFile.into()));
                continue;
            }
            Found::Failed(error) => {
                scan.errors.push((path, error));
                continue;
            }
            Found::EmptyFolder | Found::Unread { .. } => continue,
        };
        let key = join(&top.key, &slot.below);
        match difference {
            Difference::Same | Difference::Touched => {
                scan.unchanged += 1;
                continue;
            }
            // The whole file, which needs no word.
            Difference::New => drop(ranges.remove(&key)),
            Difference::Changed(changed) => drop(ranges.insert(key, changed)),
        }
        scan.changed.push(path);
    }
    for (top, error) in tops.into_iter().filter_map(|top| match top.at {
        TopAt::Failed(error) => Some((top.given, error)),
        TopAt::Other => Some((top.given, Fault::NotAFile.into())),
        _ => None,
    }) {
        scan.errors.push((top, error));
    }
    for paths in [&mut scan.changed, &mut scan.missing] {
        paths.sort_unstable();
        paths.dedup();
    }
    scan.errors.sort_by(|one, other| one.0.cmp(&other.0));
    scan
}

/// The paths, each once, without those that the walk of another one meets anyway.
fn without_nested(index: &Index, paths: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
    let base = index.base();
    let mut keyed = Vec::with_capacity(paths.len());
    for path in paths {
        keyed.push((base.key(path)?, path));
    }
    keyed.sort_by(|one, other| one.0.cmp(&other.0));
    keyed.dedup_by(|later, first| later.0 == first.0);
    let mut kept: Vec<(Vec<u8>, &Vec<u8>)> = Vec::new();
    let mut outer: Option<Vec<u8>> = None;
    for (key, path) in keyed {
        // A walk follows no links: a path that leads through one is not met.
        let met = outer
            .as_ref()
            .is_some_and(|outer| lies_in(&key, outer) && base.real_key(path).is_ok_and(|real| real == key));
        if met {
            continue;
        }
        let is_folder = base.absolute(path).is_ok_and(|path| is_folder(&path));
        if is_folder && !outer.as_ref().is_some_and(|outer| lies_in(&key, outer)) {
            outer = Some(base.real_key(path).unwrap_or_else(|_| key.clone()));
        }
        kept.push((key, path));
    }
    Ok(kept.into_iter().map(|(_, path)| path.clone()).collect())
}

fn is_folder(path: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new(std::ffi::OsStr::from_bytes(path)).is_dir()
}
