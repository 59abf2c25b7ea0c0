//! The threads that work: how many are wanted comes in, a pool that is kept for the next call goes out.

use std::num::NonZeroUsize;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, mem, thread};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// More would only cost memory; a wish above it is cut.
const MOST_THREADS: usize = 1024;

/// Pools kept for the next call; of those beyond, the oldest is ended once its work is done.
const MOST_CREWS: usize = 4;

/// Pools, and the process that made them: after a fork the child has none of their threads, and waiting for them
/// would never end.
struct Crews {
    process: u32,
    pools: Vec<Arc<ThreadPool>>,
}

static CREWS: Mutex<Crews> = Mutex::new(Crews { process: 0, pools: Vec::new() });

/// A pool of `threads` (the cores that this process may use when not said).
pub fn crew(threads: Option<NonZeroUsize>) -> io::Result<Arc<ThreadPool>> {
    let wanted = match threads {
        Some(threads) => threads.get().min(MOST_THREADS),
        None => thread::available_parallelism().map_or(1, NonZeroUsize::get),
    };
    let mut crews = CREWS.lock().unwrap_or_else(PoisonError::into_inner);
    if crews.process != process::id() {
        mem::forget(mem::take(&mut crews.pools)); // never dropped: their threads are not here to be told
        crews.process = process::id();
    }
    if let Some(pool) = crews.pools.iter().find(|pool| pool.current_num_threads() == wanted) {
        return Ok(Arc::clone(pool));
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(wanted)
        .thread_name(|number| format!("riverrun-{number}"))
        .build()
        .map_err(io::Error::other)?;
    let pool = Arc::new(pool);
    if crews.pools.len() == MOST_CREWS {
        crews.pools.remove(0);
    }
    crews.pools.push(Arc::clone(&pool));
    Ok(pool)
}
