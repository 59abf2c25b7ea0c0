//! What is at each path: paths come in, one fact for each goes out, and the index learns what was read.

use std::io;

use crate::cancel::Cancel;
use crate::digest::Strong;
use crate::fault::Fault;
use crate::fingerprint::Certified;
use crate::index::Index;
use crate::manifest::{self, Entry, EntryKind};
use crate::reading::read_all;
use crate::stat::Links;
use crate::survey::{Ask, Found, Gather, Level, Slot, Survey, Top, TopAt, Vouch, survey};
use crate::trust::{Trust, vouches};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Missing,
    File,
    Executable,
    Folder,
    Link,
    Other,
    Error,
}

/// What is at one path now.
pub struct Fact {
    pub path: Vec<u8>,
    pub kind: Kind,
    pub digest: Option<Strong>,
    pub size: u64,
    pub certified: bool,
    pub trusted: bool,
    pub read: bool,
    pub entries: Vec<Entry>,
    /// What is wrong, and with which path.
    pub error: Option<(Vec<u8>, io::Error)>,
    /// Path below and text of every link in it.
    pub links: Vec<(Vec<u8>, Vec<u8>)>,
    /// Digest, size and path of every copy made of what is in it.
    pub copied: Vec<(Strong, u64, Vec<u8>)>,
    /// Digest and bytes of the small ones, which need no copy.
    pub kept: Vec<(Strong, Vec<u8>)>,
}

impl Fact {
    pub fn new(path: Vec<u8>, kind: Kind) -> Fact {
        Fact {
            path,
            kind,
            digest: None,
            size: 0,
            certified: true,
            trusted: true,
            read: false,
            entries: Vec::new(),
            error: None,
            links: Vec::new(),
            copied: Vec::new(),
            kept: Vec::new(),
        }
    }

    pub fn failed(path: Vec<u8>, error: io::Error) -> Fact {
        let error = Some((path.clone(), error));
        Fact { error, certified: false, trusted: false, ..Fact::new(path, Kind::Error) }
    }
}

/// The cheap half: which files must be read is known after it (`Survey::unread`).
pub fn begin(index: &Index, paths: &[Vec<u8>], level: Level, trust: &Trust, cancel: &Cancel) -> io::Result<Survey> {
    let (gather, links) = (Gather::Everything, Links::Follow);
    survey(index, paths, &Ask { level, gather, links, vouch: Vouch::ByRule, trust, cancel })
}

/// The half that reads.
pub fn finish(index: &Index, survey: Survey, level: Level, links: Links, cancel: &Cancel) -> io::Result<Vec<Fact>> {
    let mut survey = survey;
    read_all(index, &mut survey, level, links, cancel)?;
    index.apply(survey.changes());
    Ok(facts(survey))
}

/// Rule 7: whether each path, and all below it, has the stats that are known, and they are older than its moment in `since_ns`.
pub fn same_stat(index: &Index, paths: &[Vec<u8>], since_ns: &[i64], cancel: &Cancel) -> io::Result<Vec<bool>> {
    let trust = index.trust();
    let (level, gather, links) = (Level::Stat, Gather::Differences, Links::Follow);
    let vouch = Vouch::Since(since_ns);
    let survey = survey(index, paths, &Ask { level, gather, links, vouch, trust: &trust, cancel })?;
    let mut same: Vec<bool> =
        survey.tops.iter().map(|top| matches!(top.at, TopAt::Single | TopAt::Folder(_))).collect();
    let differs = survey.slots.iter().map(|slot| slot.top).chain(survey.gone.iter().map(|(top, ..)| *top));
    differs.for_each(|top| same[top] = false);
    Ok(same)
}

/// One fact for each path of a survey whose files were read.
pub fn facts(survey: Survey) -> Vec<Fact> {
    let Survey { tops, mut slots, .. } = survey;
    slots.sort_unstable_by(|one, other| (one.top, &one.below).cmp(&(other.top, &other.below)));
    let mut slots = slots.into_iter().peekable();
    let mut facts = Vec::with_capacity(tops.len());
    for (number, top) in tops.into_iter().enumerate() {
        let mine = std::iter::from_fn(|| slots.next_if(|slot| slot.top == number));
        facts.push(fact(top, mine));
    }
    facts
}

fn fact(top: Top, slots: impl Iterator<Item = Slot>) -> Fact {
    let mut fact = match top.at {
        TopAt::Missing => return Fact::new(top.given, Kind::Missing),
        TopAt::Other => return other(top.given.clone(), top.given),
        TopAt::Failed(error) => return Fact::failed(top.given, error),
        TopAt::Single => Fact::new(top.given, Kind::File),
        TopAt::Folder(_) => Fact::new(top.given, Kind::Folder),
    };
    for slot in slots {
        if fact.kind == Kind::Folder {
            add_entry(&mut fact, slot)
        } else {
            fact = single(fact, slot)
        }
    }
    if fact.kind == Kind::Folder {
        match fact.error.take() {
            Some((path, error)) => {
                let other = Fault::of(&error) == Some(Fault::NotAFile);
                fact.kind = if other { Kind::Other } else { Kind::Error };
                fact.error = Some((path, error));
            }
            None => fact.digest = Some(manifest::digest(&fact.entries)),
        }
    }
    fact
}

fn other(path: Vec<u8>, what: Vec<u8>) -> Fact {
    let error = Some((what, Fault::NotAFile.into()));
    Fact { error, certified: false, trusted: false, ..Fact::new(path, Kind::Other) }
}

/// The content that a slot has, noting how it came to be known.
fn content(fact: &mut Fact, slot: &Slot) -> Option<Strong> {
    match &slot.found {
        Found::Vouched(strong) => Some(*strong),
        Found::Held(strong) => {
            fact.trusted = false;
            Some(*strong)
        }
        Found::Read { print, standing, .. } => {
            fact.read = true;
            fact.certified &= print.certified == Certified::Yes;
            fact.trusted &= vouches(print, &print.stat, *standing);
            Some(print.content.strong)
        }
        _ => None,
    }
}

fn single(mut fact: Fact, slot: Slot) -> Fact {
    fact.size = slot.stat.size;
    fact.digest = content(&mut fact, &slot);
    match slot.found {
        Found::Vanished => Fact::new(fact.path, Kind::Missing),
        Found::Other => other(fact.path.clone(), fact.path),
        Found::Failed(error) => Fact::failed(fact.path, error),
        Found::Link { text, .. } => {
            fact.kind = Kind::Link;
            fact.links.push((Vec::new(), text));
            fact
        }
        _ => {
            fact.kind = if slot.stat.is_executable() { Kind::Executable } else { Kind::File };
            fact
        }
    }
}

fn add_entry(fact: &mut Fact, slot: Slot) {
    let digest = content(fact, &slot);
    let size = slot.stat.size;
    let path = slot.below;
    let kind = match (digest, slot.found) {
        (Some(digest), _) => {
            fact.size += size;
            if slot.stat.is_executable() {
                EntryKind::Executable(digest)
            } else {
                EntryKind::File(digest)
            }
        }
        (None, Found::Link { text, .. }) => {
            fact.links.push((path.clone(), text.clone()));
            EntryKind::Link(text)
        }
        (None, Found::EmptyFolder) if path.is_empty() => return, // the manifest of an empty folder is empty
        (None, Found::EmptyFolder) => EntryKind::Folder,
        (None, Found::Failed(error)) => return fail(fact, &path, error),
        (None, Found::Other) => return fail(fact, &path, Fault::NotAFile.into()),
        (None, _) => {
            // It was there when the folder was listed.
            fact.certified = false;
            fact.trusted = false;
            return;
        }
    };
    let size = if matches!(kind, EntryKind::Folder) { 0 } else { size };
    fact.entries.push(Entry { path, kind, size });
}

fn fail(fact: &mut Fact, below: &[u8], error: io::Error) {
    fact.certified = false;
    fact.trusted = false;
    let path = crate::index::table::join(&fact.path, below);
    fact.error.get_or_insert((path, error));
}
