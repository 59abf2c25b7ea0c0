//! The clock that stamps files: the kernel's coarse one on local filesystems. Moments are nanoseconds since 1970.

use std::io;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::cancel::Cancel;

/// Nanoseconds. The kernel stamps files by a clock that moves on at its timer's beat, every 1 to 10 ms as it was built; the longest
/// of these. Within one beat two changes get the same stamp.
pub const TICK_NS: i64 = 10_000_000;

/// Nanoseconds. Filesystems that keep whole seconds (ext3; ext4 with small inodes) show it: no fraction in the stamp.
const SECOND_NS: i64 = 1_000_000_000;

/// Nanoseconds. A stamp further ahead than this is not waited for: a clock was wrong, and stays so.
const LONGEST_WAIT_NS: i64 = 2 * SECOND_NS;

/// Now, as a local filesystem would stamp a change.
pub fn coarse_now() -> i64 {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    now.tv_sec.saturating_mul(SECOND_NS).saturating_add(now.tv_nsec)
}

/// How far apart two changes must be to get different stamps, where this stamp was given. One stamp in a thousand millions (a few
/// hundred, by the beat) has no fraction by chance: it costs a reading.
pub fn tick_of(stamp_ns: i64) -> i64 {
    if stamp_ns % SECOND_NS == 0 { SECOND_NS + TICK_NS } else { TICK_NS }
}

/// Whether any change at or after `moment_ns` must show as another stamp than this one.
pub fn is_settled(stamp_ns: i64, moment_ns: i64) -> bool {
    stamp_ns.saturating_add(tick_of(stamp_ns)) < moment_ns
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    Settled,
    /// The stamp lies too far ahead.
    TooFar,
}

/// Wait until the stamp is settled.
pub fn wait_settled(stamp_ns: i64, cancel: &Cancel) -> io::Result<Waited> {
    loop {
        let now = coarse_now();
        if is_settled(stamp_ns, now) {
            return Ok(Waited::Settled);
        }
        let rest = stamp_ns.saturating_add(tick_of(stamp_ns)).saturating_sub(now);
        if rest > LONGEST_WAIT_NS {
            return Ok(Waited::TooFar);
        }
        cancel.check()?;
        let rest = u64::try_from(rest.clamp(200_000, 20_000_000)).unwrap_or(200_000);
        thread::sleep(Duration::from_nanos(rest));
    }
}
