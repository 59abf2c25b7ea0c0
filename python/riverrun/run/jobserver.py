"""GNU make's jobserver: a number of jobs, or what an outer make says, comes in; a token for each further command goes out.

make, cargo, gcc and others share cores by a pipe that holds a byte, a token, for each job that may run beside the first
one of each program. Whoever starts another job takes a byte out, and puts it back when that job has ended. riverrun makes
such a pipe for its steps, or, when it was itself started under one, takes part in that. See "POSIX Jobserver
Interaction" in the manual of GNU make.

The pipe is read through an opening of its own that does not block: the one that others have must stay as it is.
"""

import contextlib
import os
import re
import stat

_AUTH = re.compile(r"--jobserver-(?:auth|fds)=(?:fifo:(\S+)|(-?[0-9]+),(-?[0-9]+))")
_TOKEN = b"+"  # any byte will do; an outer make may want back what it gave
MOST_TOKENS = 4096  # a pipe takes more only when it is read


class JobServer:
    """Tokens for all commands but the first.

    `flags` is for the steps' MAKEFLAGS, `inherited` are the descriptors that it speaks of; `made` those of a pipe of our
    own, which is closed with it.
    """

    def __init__(
        self, flags: str, inherited: tuple[int, ...], made: tuple[int, ...], reader: int, writer: int
    ) -> None:
        self.flags = flags
        self.inherited = inherited
        self.reader = reader  # readable when there are tokens
        self._writer = writer
        self._made = made
        self._held: list[bytes] = []

    @classmethod
    def of(cls, makeflags: str, jobs: int) -> "JobServer | None":
        """The one that the outer MAKEFLAGS speak of; else one of our own; None where there is nothing to share."""
        outer = _outer(makeflags, jobs)
        if outer is not None or jobs < 2:
            return outer
        ends = os.pipe()
        os.write(ends[1], _TOKEN * min(jobs - 1, MOST_TOKENS))
        return cls(_flags(jobs, "{},{}".format(*ends)), ends, ends, *_own_ends(*ends))

    @property
    def held(self) -> int:
        """How many tokens are ours now."""
        return len(self._held)

    @property
    def is_outer(self) -> bool:
        """Whether others than our own commands take part in it."""
        return not self._made

    def hold(self, wanted: int) -> bool:
        """Take tokens, as far as there are any, or put some back, to have so many; whether it has."""
        while len(self._held) > wanted:
            os.write(self._writer, self._held.pop())
        while len(self._held) < wanted:
            try:
                token = os.read(self.reader, 1)
            except BlockingIOError:
                return False
            if not token:
                return False  # whoever made the pipe is gone
            self._held.append(token)
        return True

    def close(self) -> None:
        """Put back what is held, and let go of the pipe."""
        with contextlib.suppress(OSError):
            self.hold(0)
        for end in (self.reader, self._writer, *self._made):
            os.close(end)


def _outer(makeflags: str, jobs: int) -> JobServer | None:
    """What an outer make shares; None where it does not, or where its recipe is not marked with `+`."""
    found = list(_AUTH.finditer(makeflags))
    if not found:
        return None
    fifo, *numbers = found[-1].groups()  # the last one counts, as in make
    if fifo:
        ends = _ends_of_fifo(fifo)
        return JobServer(_flags(jobs, f"fifo:{fifo}"), (), (), *ends) if ends else None
    reader, writer = map(int, numbers)
    if not (_is_pipe(reader) and _is_pipe(writer)):
        return None
    return JobServer(_flags(jobs, f"{reader},{writer}"), (reader, writer), (), *_own_ends(reader, writer))


def _flags(jobs: int, auth: str) -> str:
    """As make writes them, for its children."""
    return f" -j{jobs} --jobserver-auth={auth}"


def _is_pipe(number: int) -> bool:
    try:
        return number > 2 and stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:
        return False


def _ends_of_fifo(path: str) -> tuple[int, int] | None:
    try:
        return (
            os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC),
            os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC),
        )
    except OSError:
        return None


def _own_ends(reader: int, writer: int) -> tuple[int, int]:
    """The same pipe opened once more: not to block is a matter of an opening, and the others' must stay as it is."""
    return (
        os.open(f"/dev/fd/{reader}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC),
        os.open(f"/dev/fd/{writer}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC),
    )
