//! Files that are held, by read leases, between the reading of their bytes and a stat that can vouch for them.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use crate::cancel::Cancel;
use crate::fingerprint::{Certified, Fingerprint};
use crate::index::Index;
use crate::index::table::Key;
use crate::lease;
use crate::look::Fact;
use crate::stat::stat_of;
use crate::tick::{is_settled, wait_settled};

/// Descriptors. Many systems give a process 1024 of them, and others need some too.
pub const MOST_LEASES: usize = 512;

/// What is known of a file since its bytes were read, or written.
pub struct Held {
    pub print: Fingerprint,
    /// Under a lease; without one only an equal stat vouches for the print.
    pub leased: Option<File>,
}

impl Held {
    pub fn release(&mut self) {
        if let Some(file) = self.leased.take() {
            // Said aloud: a child that is being started may still have the descriptor, and with it the lease.
            lease::drop(&file);
        }
    }

    /// Whether it still is what was read.
    fn is_whole(&self) -> bool {
        match &self.leased {
            Some(file) => {
                stat_of(file).is_ok_and(|now| now.same_but_moved(&self.print.stat)) && lease::is_unbroken(file)
            }
            None => is_settled(self.print.stat.ctime_ns, self.print.began_ns),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// What was taken or restored, and is to be placed.
pub struct Taken {
    pub facts: Vec<Fact>,
    pub held: HashMap<Key, Held>,
}

/// Wait until every stamp is a tick old, and give the files that are held unbroken the stat that they have then: from that moment on
/// every change shows. The others are dropped. The leases stay.
pub fn settle(index: &Index, held: &mut HashMap<Key, Held>, cancel: &Cancel) -> io::Result<()> {
    held.retain(|_, one| one.print.certified == Certified::Yes && one.is_whole());
    let stamps = held.values().filter_map(|one| one.leased.as_ref()).filter_map(|file| stat_of(file).ok());
    if let Some(last) = stamps.map(|stat| stat.ctime_ns).max() {
        // Too far ahead: held all the same, though the next look will read it again.
        let _: crate::tick::Waited = wait_settled(last, cancel)?;
    }
    let trust = index.trust();
    held.retain(|key, one| {
        let Some(file) = &one.leased else { return true };
        let Ok(found) = stat_of(file) else { return false };
        // The moment comes before the stat, and the lease is asked about after it: what happens in between breaks it.
        let began_ns = trust.standing(index.base().folder(), key, found.device).now();
        let Ok(stat) = stat_of(file) else { return false };
        let whole = stat.same_but_moved(&one.print.stat) && lease::is_unbroken(file);
        (one.print.stat, one.print.began_ns) = (stat, began_ns);
        whole
    });
    Ok(())
}
