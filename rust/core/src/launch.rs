//! Commands one after the other: prepared ones come in, each is started as soon as it may, and what became of it goes out.
//!
//! Approach. To start a command takes its starter as long as the new process needs to execute its program, and between the end of
//! one command and the start of the next one no one must have to think. So a thread of its own starts them, and watches the
//! processes too: a command that waits its turn is started when another one ends, before the caller has heard of it. The caller
//! reaps; here a process is only looked at. After one that failed, none that waits is started until the caller has forgiven it.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::{Errno, read, write};
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::spawn::{Command, Started, spawn};

/// When a command may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Now,
    /// In its turn, once fewer than this are running.
    WhenFewer(usize),
}

/// What became of a command that was handed in under a number.
pub struct News {
    pub number: u64,
    pub outcome: io::Result<Started>,
}

/// Starts commands; dropped, it starts no more, and leaves those that run alone.
pub struct Launcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    plan: Mutex<Plan>,
    /// Written when the thread must look at the plan again.
    work: OwnedFd,
    /// Readable when there is news.
    news: OwnedFd,
    input: OwnedFd,
}

#[derive(Default)]
struct Plan {
    now: VecDeque<(u64, Command)>,
    /// With how many may be running at the most when one is started.
    waiting: VecDeque<(u64, Command, usize)>,
    news: Vec<News>,
    failed: BTreeSet<u64>,
    held: bool,
    closing: bool,
}

impl Plan {
    /// What is to be started while so many are running.
    fn next(&mut self, running: usize) -> Option<(u64, Command)> {
        if let Some(next) = self.now.pop_front() {
            return Some(next);
        }
        let &(.., than) = self.waiting.front()?;
        if self.held || !self.failed.is_empty() || running >= than {
            return None;
        }
        self.waiting.pop_front().map(|(number, command, _)| (number, command))
    }
}

impl Launcher {
    /// `input` is what all commands read from.
    pub fn new(input: OwnedFd) -> io::Result<Launcher> {
        let bell = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let shared = Arc::new(Shared { plan: Mutex::default(), work: bell()?, news: bell()?, input });
        let its = Arc::clone(&shared);
        let thread = thread::Builder::new().name("riverrun-launch".into()).spawn(move || its.turn())?;
        Ok(Launcher { shared, thread: Some(thread) })
    }

    /// Hand one in.
    pub fn submit(&self, number: u64, command: Command, turn: Turn) {
        let mut plan = self.shared.plan();
        match turn {
            Turn::Now => plan.now.push_back((number, command)),
            Turn::WhenFewer(than) => plan.waiting.push_back((number, command, than)),
        }
        drop(plan);
        ring(&self.shared.work);
    }

    /// Start none of those that wait, ever.
    pub fn hold(&self) {
        self.shared.plan().held = true;
    }

    /// Those that failed and hold up others. One that was reaped before it was looked at here may have failed.
    pub fn failed(&self) -> Vec<u64> {
        self.shared.plan().failed.iter().copied().collect()
    }

    /// That it failed is no reason to stop.
    pub fn forgive(&self, number: u64) {
        if self.shared.plan().failed.remove(&number) {
            ring(&self.shared.work);
        }
    }

    /// Take back all that wait; their numbers.
    pub fn withdraw(&self) -> Vec<u64> {
        self.shared.plan().waiting.drain(..).map(|(number, ..)| number).collect()
    }

    /// Readable when there is news.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.shared.news.as_fd()
    }

    /// What happened since this was last asked.
    pub fn news(&self) -> Vec<News> {
        quiet(&self.shared.news);
        std::mem::take(&mut self.shared.plan().news)
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        self.shared.plan().closing = true;
        ring(&self.shared.work);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it has no result, and a panic in it was told
        }
    }
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's whole life.
    fn turn(&self) {
        let mut running: Vec<(u64, OwnedFd)> = Vec::new();
        while self.start_some(&mut running) {
            self.wait(&mut running);
        }
    }

    /// Start all that may start now. False when the launcher is being closed.
    fn start_some(&self, running: &mut Vec<(u64, OwnedFd)>) -> bool {
        loop {
            let mut plan = self.plan();
            if plan.closing {
                return false;
            }
            let next = plan.next(running.len());
            drop(plan);
            let Some((number, command)) = next else { return true };
            let outcome = spawn(&command, self.input.as_fd());
            // An old kernel tells of no end: the caller then hands in none that waits.
            let exit = outcome.as_ref().ok().and_then(|started| started.exit.as_ref()?.try_clone().ok());
            running.extend(exit.map(|exit| (number, exit)));
            self.plan().news.push(News { number, outcome });
            ring(&self.news);
        }
    }

    /// Until there is something to do; forgets what has ended.
    fn wait(&self, running: &mut Vec<(u64, OwnedFd)>) {
        let mut ends: Vec<PollFd<'_>> = vec![PollFd::new(&self.work, PollFlags::IN)];
        ends.extend(running.iter().map(|(_, exit)| PollFd::new(exit, PollFlags::IN)));
        match poll(&mut ends, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => thread::yield_now(), // no memory for a moment
        }
        let ready: Vec<bool> = ends.iter().map(|end| !end.revents().is_empty()).collect();
        if ready[0] {
            quiet(&self.work);
        }
        let mut at = 0;
        running.retain(|(number, exit)| {
            at += 1;
            if ready[at] && !succeeded(exit.as_fd()) {
                self.plan().failed.insert(*number);
                ring(&self.news); // the caller looks, and says whether to go on
            }
            !ready[at]
        });
    }
}

/// Whether a process that has ended did so with 0. It stays there to be reaped; one that is gone may have failed.
fn succeeded(exit: BorrowedFd<'_>) -> bool {
    let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::PidFd(exit), how), Ok(Some(status)) if status.exit_status() == Some(0))
}

fn ring(bell: &OwnedFd) {
    let _ = write(bell, &1_u64.to_ne_bytes()); // full: it rings already
}

fn quiet(bell: &OwnedFd) {
    let _ = read(bell, &mut [0_u8; 8]); // empty: it did not ring
}
