//! Hard disks: the number of a device comes in, and whose turn it is to read from it goes out.
//!
//! A disk with one arm that is asked for two places in turn moves its arm most of the time. So of the threads that would have to wait
//! for such a disk one at a time reads; what is in memory already is read by all at once. Devices that do not turn have no turns.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::fs::{major, minor};

/// Where Linux tells of its devices; elsewhere nothing is there, and no disk is known to turn.
const DEVICES: &str = "/sys/dev/block";

/// Devices on devices on devices: a partition in an encrypted volume in a RAID. Deeper than this no one looks.
const MOST_LAYERS: usize = 8;

/// Held by the thread that reads from a disk.
#[derive(Default)]
pub struct Turn {
    reading: Mutex<()>,
    /// For tests: take nothing for being in memory, as where a filesystem cannot tell.
    pub blind: bool,
}

impl Turn {
    #[cfg(test)]
    pub fn blind() -> Turn {
        Turn { reading: Mutex::default(), blind: true }
    }

    pub fn wait(&self) -> MutexGuard<'_, ()> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this machine has a hard disk. One that is plugged in later is read by all threads, until the process ends.
pub fn any_turns() -> bool {
    static ANY: OnceLock<bool> = OnceLock::new();
    *ANY.get_or_init(|| {
        let devices = fs::read_dir(DEVICES).into_iter().flatten().flatten();
        devices
            .filter_map(|entry| fs::canonicalize(entry.path()).ok())
            .any(|place| turns(&place, MOST_LAYERS))
    })
}

/// The turn for a device, if it is a hard disk, or lies on one. Looked up once.
pub fn turn_of(device: u64) -> Option<Arc<Turn>> {
    static TURNS: Mutex<Option<HashMap<u64, Option<Arc<Turn>>>>> = Mutex::new(None);
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    let turn = || is_rotational(Path::new(DEVICES), device).then(Arc::default);
    turns.get_or_insert_default().entry(device).or_insert_with(turn).clone()
}

fn is_rotational(devices: &Path, device: u64) -> bool {
    let place = devices.join(format!("{}:{}", major(device), minor(device)));
    fs::canonicalize(place).is_ok_and(|place| turns(&place, MOST_LAYERS))
}

fn turns(place: &Path, layers: usize) -> bool {
    // A virtual disk says that it turns where its host does not say otherwise.
    if layers == 0 || place.as_os_str().as_bytes().windows(7).any(|part| part == b"/virtio") {
        return false;
    }
    let below: Vec<PathBuf> = fs::read_dir(place.join("slaves"))
        .map(|entries| entries.flatten().filter_map(|entry| fs::canonicalize(entry.path()).ok()).collect())
        .unwrap_or_default();
    if !below.is_empty() {
        return below.iter().any(|one| turns(one, layers - 1));
    }
    // A partition has no queue; its disk, the folder around it, has.
    let around = place.parent().unwrap_or(place);
    [place, around]
        .iter()
        .find_map(|at| fs::read(at.join("queue/rotational")).ok())
        .is_some_and(|told| told.starts_with(b"1"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::makedev;

    use super::*;

    #[test]
    fn a_disk_turns_when_it_or_what_it_lies_on_says_so() {
        let sys = tempfile::tempdir().expect("a folder");
        let at = |path: &str| sys.path().join(path);
        let make = |number: &str, path: &str| {
            fs::create_dir_all(at(path)).expect("a device");
            symlink(at(path), at(number)).expect("its number");
        };
        let queue = |path: &str, told: &str| {
            fs::create_dir_all(at(path).join("queue")).expect("a queue");
            fs::write(at(path).join("queue/rotational"), told).expect("what it says");
        };
        make("8:0", "devices/sda");
        queue("devices/sda", "1\n");
        make("8:1", "devices/sda/sda1");
        make("259:0", "devices/nvme0n1");
        queue("devices/nvme0n1", "0\n");
        make("254:0", "devices/virtio1/vda");
        queue("devices/virtio1/vda", "1\n");
        for (number, below) in [("253:0", "sda/sda1"), ("253:1", "nvme0n1"), ("253:2", "dm-0")] {
            let name = format!("devices/dm-{}", &number[4..]);
            make(number, &name);
            queue(&name, "0\n");
            fs::create_dir(at(&name).join("slaves")).expect("slaves");
            symlink(at("devices").join(below), at(&name).join("slaves/one")).expect("a slave");
        }
        make("253:3", "devices/dm-3"); // on itself
        fs::create_dir(at("devices/dm-3/slaves")).expect("slaves");
        symlink(at("devices/dm-3"), at("devices/dm-3/slaves/one")).expect("a slave");
        for (device, expected) in [
            ((8, 0), true),
            ((8, 1), true),
            ((259, 0), false),
            ((254, 0), false),
            ((253, 0), true),
            ((253, 1), false),
            ((253, 2), true),
            ((253, 3), false),
            ((0, 42), false),
        ] {
            assert_eq!(is_rotational(sys.path(), makedev(device.0, device.1)), expected, "{device:?}");
        }
    }
}
