//! Rule 1: which fingerprints a stat alone may vouch for. A stat and what is known come in, yes or no goes out.
//!
//! The rule in one clause: whatever happened to the file since its reading *began* must show in its stat. That holds when the whole
//! stat is as it was, no one was writing (certified), the ctime was a tick old when the reading began, is not in the future, and
//! the filesystem stamps every change at once.

use std::collections::HashMap;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Mode, OFlags, fstatfs, openat};

use crate::fingerprint::{Certified, Fingerprint};
use crate::stat::{Present, spelled};
use crate::tick::{coarse_now, is_settled};

/// How a filesystem keeps stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filesystem {
    /// Stamps every change by this machine's coarse clock.
    Local,
    /// Stamps by a server's clock, perhaps late: only where the user trusts it by this name.
    Network(&'static str),
    /// Everything else; tmpfs, overlay and FUSE among them.
    Unreliable,
}

/// `f_type` of statfs, as in the kernel's linux/magic.h and the filesystems' own headers.
const KINDS: &[(u64, Filesystem)] = &[
    (0x0000_EF53, Filesystem::Local), // ext2, ext3, ext4
    (0x5846_5342, Filesystem::Local), // xfs
    (0x9123_683E, Filesystem::Local), // btrfs
    (0xF2F5_2010, Filesystem::Local), // f2fs
    (0x2FC1_2FC1, Filesystem::Local), // zfs
    (0xCA45_1A4E, Filesystem::Local), // bcachefs
    (0x3153_464A, Filesystem::Local), // jfs
    (0x4253_584E, Filesystem::Local), // apfs
    (0x0000_6969, Filesystem::Network("nfs")),
    (0x0000_517B, Filesystem::Network("smb")),
    (0xFE53_4D42, Filesystem::Network("smb")),
    (0xFF53_4D42, Filesystem::Network("cifs")),
    (0x0102_1997, Filesystem::Network("9p")),
    (0x00C3_6400, Filesystem::Network("ceph")),
    (0x0BD0_0BD0, Filesystem::Network("lustre")),
];

impl Filesystem {
    pub fn of_magic(magic: u64) -> Filesystem {
        KINDS.iter().find(|(number, _)| *number == magic).map_or(Filesystem::Unreliable, |(_, kind)| *kind)
    }
}

/// What a device's clock says: the "now" that stamps on it are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Local,
    /// The ctime of a probe file when this look began; every reading of the look begins later.
    Probed(i64),
    Never,
}

impl Standing {
    /// The moment that no stamp may lie behind; none where no stamp is worth anything.
    pub fn moment(self) -> Option<i64> {
        match self {
            Standing::Local => Some(coarse_now()),
            Standing::Probed(now) => Some(now),
            Standing::Never => None,
        }
    }

    /// The moment from which a reading that begins now must be counted.
    pub fn now(self) -> i64 {
        match self {
            Standing::Local | Standing::Never => coarse_now(),
            Standing::Probed(now) => now,
        }
    }
}

/// Makes a file beside the index and gives its device and ctime.
pub type Probe = Box<dyn Fn() -> io::Result<Present> + Send + Sync>;

/// For one look: what each device met is worth. (Not for longer: numbers of devices are given out again.)
pub struct Trust {
    /// Kinds of network filesystems that the user trusts.
    networks: Vec<String>,
    /// For tests: what every device is taken for.
    assumed: Option<Filesystem>,
    probe: Probe,
    devices: Mutex<HashMap<u64, Standing>>,
}

impl Trust {
    pub fn new(networks: Vec<String>, assumed: Option<Filesystem>, probe: Probe) -> Self {
        Trust { networks, assumed, probe, devices: Mutex::default() }
    }

    /// The standing of the device on which `path` in `folder` lies.
    pub fn standing(&self, folder: BorrowedFd<'_>, path: &[u8], device: u64) -> Standing {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        *devices
            .entry(device)
            .or_insert_with(|| match self.assumed.unwrap_or_else(|| kind_of(folder, path)) {
                Filesystem::Local => Standing::Local,
                Filesystem::Network(name) if self.networks.iter().any(|trusted| trusted == name) => self.probed(device),
                Filesystem::Network(_) | Filesystem::Unreliable => Standing::Never,
            })
    }

    /// The server's clock is known only where we may make a file: on the index's own device.
    fn probed(&self, device: u64) -> Standing {
        match (self.probe)() {
            Ok(stat) if stat.device == device => Standing::Probed(stat.ctime_ns),
            _ => Standing::Never,
        }
    }
}

fn kind_of(folder: BorrowedFd<'_>, path: &[u8]) -> Filesystem {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    openat(folder, spelled(path), flags, Mode::empty())
        .and_then(fstatfs)
        .map_or(Filesystem::Unreliable, |found| Filesystem::of_magic(u64::from(found.f_type as u32)))
}

/// Whether the stat alone vouches for the content (rule 1).
pub fn vouches(known: &Fingerprint, stat: &Present, standing: Standing) -> bool {
    standing.moment().is_some_and(|moment| vouches_at(known, stat, moment))
}

/// The same for many files: a `moment` that lies a little back only makes the rule stricter.
pub fn vouches_at(known: &Fingerprint, stat: &Present, moment: i64) -> bool {
    known.stat == *stat
        && known.certified == Certified::Yes
        && is_settled(stat.ctime_ns, known.began_ns)
        && stat.ctime_ns <= moment
}
