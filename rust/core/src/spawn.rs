//! One command started: words, variables and folders come in, a process in a session of its own goes out, with a pipe that hears it.
//!
//! The child shares this process's memory until it executes its program (no page table is copied), while the thread that started it
//! waits. So it may only make system calls, on what was prepared before; it allocates nothing and takes no lock.
#![allow(unsafe_code)] // clone, and what the child does on a stack of its own, have no safe wrapper

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::{mem, ptr};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::index::table::join;

/// Bytes. The child calls a few functions of the C library, one deep; its signals are blocked or at their defaults.
const STACK_BYTES: usize = 64 << 10;

/// Where programs are looked for when the command's variables have no PATH; and where the shell is, whatever PATH says.
const NO_PATH: &[u8] = b"/bin:/usr/bin";

thread_local! {
    /// Kept for the next one: the thread waits until the child no longer needs it.
    static STACK: RefCell<Vec<u8>> = RefCell::new(vec![0; STACK_BYTES]);
}

/// What is to be executed. Nothing holds a NUL byte: `CString` has seen to that.
pub struct Command {
    /// The program is searched on the PATH of `variables`, unless its name has a slash.
    pub words: Vec<CString>,
    /// `NAME=value`
    pub variables: Vec<CString>,
    pub folder: CString,
    /// Descriptors that it is given besides its own three, by the same numbers.
    pub inherited: Vec<RawFd>,
}

/// It runs, or has ended and waits to be reaped.
pub struct Started {
    pub pid: i32,
    /// Readable when it has ended; an old kernel has no such thing.
    pub exit: Option<OwnedFd>,
    /// Both its outputs; reading does not block.
    pub output: OwnedFd,
}

/// Start it, with `/dev/null` or the like as its input. The error is what the kernel said of the folder or of the program.
pub fn spawn(command: &Command, input: BorrowedFd<'_>) -> io::Result<Started> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    fcntl_setfl(&reader, OFlags::NONBLOCK)?;
    let programs = programs(command);
    let (pid, exit) = start(Child {
        programs: &pointers(&programs),
        words: &pointers(&command.words),
        variables: &pointers(&command.variables),
        folder: command.folder.as_ptr(),
        input: input.as_raw_fd(),
        output: writer.as_raw_fd(),
        inherited: &command.inherited,
        mask: unsafe { mem::zeroed() }, // SAFETY: a set of signals is plain bits
        refusal: 0,
    })?;
    Ok(Started { pid, exit, output: reader })
}

/// Every place at which the program may be, as `execvp` would look.
fn programs(command: &Command) -> Vec<CString> {
    let Some(name) = command.words.first() else { return Vec::new() };
    if name.as_bytes().contains(&b'/') {
        return vec![name.clone()];
    }
    let colon = |byte: &u8| *byte == b':';
    let path = command.variables.iter().find_map(|variable| variable.as_bytes().strip_prefix(b"PATH="));
    let at_last = if name.as_bytes() == b"bash" { NO_PATH } else { b"" };
    let places = path.unwrap_or(NO_PATH).split(colon).chain(at_last.split(colon).filter(|place| !place.is_empty()));
    // Parts of what has no NUL byte have none.
    places.filter_map(|place| CString::new(join(place, name.as_bytes())).ok()).collect()
}

/// As the kernel takes them: a null pointer ends the list.
fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

struct Child<'a> {
    programs: &'a [*const c_char],
    words: &'a [*const c_char],
    variables: &'a [*const c_char],
    folder: *const c_char,
    input: RawFd,
    output: RawFd,
    inherited: &'a [RawFd],
    /// The signals that were blocked before, to be blocked again.
    mask: libc::sigset_t,
    /// Why it could not be executed: written by the child.
    refusal: c_int,
}

fn start(mut child: Child<'_>) -> io::Result<(i32, Option<OwnedFd>)> {
    let mut exit: c_int = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    // A signal of ours must not run our handlers in the child: all wait until the child has none.
    let pid = STACK.with_borrow_mut(|stack| unsafe {
        let mut all: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut child.mask);
        let top = stack.as_mut_ptr().add(STACK_BYTES & !15);
        let top = top.sub(top as usize & 15);
        let child_at = ptr::from_mut(&mut child);
        // SAFETY: the stack is ours alone until the call returns, which CLONE_VFORK delays until the child has executed or exited;
        // until then all that `child` points to stays as it is.
        let pid = libc::clone(begin, top.cast::<c_void>(), flags, child_at.cast::<c_void>(), ptr::from_mut(&mut exit));
        let why = io::Error::last_os_error();
        libc::pthread_sigmask(libc::SIG_SETMASK, &child.mask, ptr::null_mut());
        if pid < 0 { Err(why) } else { Ok(pid) }
    })?;
    // SAFETY: the kernel gave us the descriptor.
    let exit = (exit >= 0).then(|| unsafe { OwnedFd::from_raw_fd(exit) });
    // SAFETY: a plain read of what the child, which is gone or has other memory now, wrote.
    let refusal = unsafe { ptr::read_volatile(&child.refusal) };
    if refusal == 0 {
        return Ok((pid, exit));
    }
    // SAFETY: it is our child, and has exited.
    unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
    Err(io::Error::from_raw_os_error(refusal))
}

/// In the child.
extern "C" fn begin(child: *mut c_void) -> c_int {
    // SAFETY: `start` gave this pointer, and waits.
    let child = unsafe { &mut *child.cast::<Child<'_>>() };
    // SAFETY: system calls with valid pointers only.
    let refusal = unsafe { execute(child) };
    unsafe {
        ptr::write_volatile(&mut child.refusal, refusal);
        libc::_exit(127)
    }
}

/// Does not return where the program is executed; else the kernel's word why not.
unsafe fn execute(child: &Child<'_>) -> c_int {
    let said = || io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
    unsafe {
        // Python ignores some signals, and has handlers for others: a command finds all at their defaults.
        let mut plain: libc::sigaction = mem::zeroed();
        plain.sa_sigaction = libc::SIG_DFL;
        for signal in 1..=libc::SIGRTMAX() {
            libc::sigaction(signal, &plain, ptr::null_mut());
        }
        libc::setsid();
        // One that stands where the child's own are to be would be overwritten: it moves up first.
        let input = above_standard(child.input);
        let output = above_standard(child.output);
        for (from, to) in [(input, 0), (output, 1), (output, 2)] {
            if libc::dup2(from, to) < 0 {
                return said();
            }
        }
        // What some library opened without the flag must not stay open in a command.
        libc::syscall(libc::SYS_close_range, 3, c_int::MAX, libc::CLOSE_RANGE_CLOEXEC);
        for descriptor in child.inherited {
            libc::fcntl(*descriptor, libc::F_SETFD, 0);
        }
        if libc::chdir(child.folder) != 0 {
            return said();
        }
        libc::sigprocmask(libc::SIG_SETMASK, &child.mask, ptr::null_mut());
        let mut refusal = libc::ENOENT;
        for program in child.programs.iter().take_while(|program| !program.is_null()) {
            libc::execve(*program, child.words.as_ptr(), child.variables.as_ptr());
            match said() {
                libc::ENOENT | libc::ENOTDIR => {}
                other => refusal = other,
            }
        }
        refusal
    }
}

unsafe fn above_standard(descriptor: RawFd) -> RawFd {
    if descriptor > 2 {
        descriptor
    } else {
        unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3) }
    }
}
