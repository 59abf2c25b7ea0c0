"""What commands say: bytes come in at the speed of a pipe, a bounded log file per step and run goes out.

The first and the last megabyte are kept; the first is written as it comes, so that it can be followed. A step that says
nothing has no log.
"""

import os
import re

from riverrun.native import Hasher
from riverrun.run import trees

HEAD_BYTES = 1 << 20
TAIL_BYTES = 1 << 20
SHOWN_BYTES = 8 << 10  # of which the last SHOWN_LINES are for the screen
SHOWN_LINES = 20
RUNS_KEPT = 20
_NAME_BYTES = 200  # filesystems end at 255


def file_name(step: str) -> str:
    """A file name for a step's name; two names never share one."""
    kept = re.sub(
        rb"[^A-Za-z0-9@=+,._/-]|^\.",
        lambda found: b"%%%02X" % found[0][0],
        os.fsencode(step),
        flags=re.DOTALL,
    ).replace(b"/", b":")
    if len(kept) > _NAME_BYTES:
        hasher = Hasher("blake3")
        hasher.update(os.fsencode(step))
        kept = kept[:_NAME_BYTES] + b":" + os.fsencode(hasher.hexdigest()[:16])
    return os.fsdecode(kept) + ".log"


def forget_old(folder: str, current: str) -> None:
    """Remove the logs of all but the last runs; the current one stays. Their age is the folders' own: only logs hang on it."""
    with os.scandir(folder) as entries:
        runs = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in entries)
    others = [name for _, name in runs if name != current]
    for name in others[: max(0, len(others) - (RUNS_KEPT - 1))]:
        trees.remove(os.path.join(folder, name))


class Log:
    """One attempt's log; further attempts of a step in a run are appended to the same file."""

    def __init__(self, path: str, attempt: int) -> None:
        self.path = path
        self.problem = ""  # why it could not be written, if so: a full disk must not end the command
        self.started = False
        self._attempt = attempt
        self._file = -1
        self._said = 0
        self._ring = bytearray()  # of TAIL_BYTES, once the head is full
        self._at = 0

    def write(self, piece: memoryview) -> None:
        """Take what a command said; the buffer may be used again afterwards."""
        room = HEAD_BYTES - self._said
        self._said += len(piece)
        if room > 0:
            self._put(piece[:room])
            piece = piece[room:]
        if piece:
            self._turn(piece)

    def close(self) -> str:
        """Write the rest; the last lines, for the screen."""
        shown = b""
        if self._ring:
            beyond = self._said - HEAD_BYTES
            last = self._last(min(beyond, TAIL_BYTES))
            if beyond > TAIL_BYTES:
                self._put(b"\n[... %d bytes left out ...]\n" % (beyond - TAIL_BYTES))
            self._put(last)
            shown = last
        if self._file >= 0:
            if len(shown) < SHOWN_BYTES:
                shown = self._read_end()
            os.close(self._file)
            self._file = -1
        lines = shown[-SHOWN_BYTES:].decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-SHOWN_LINES:])

    def _put(self, piece: bytes | memoryview) -> None:
        try:
            if self._file < 0 and not self.problem:
                os.makedirs(os.path.dirname(self.path), exist_ok=True)
                fresh = os.O_APPEND if self._attempt else os.O_TRUNC
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | fresh, 0o666)
                self.started = True
                if self._attempt:
                    os.write(self._file, b"[attempt %d]\n" % (self._attempt + 1))
            while piece and self._file >= 0:
                piece = piece[os.write(self._file, piece) :]
        except OSError as error:
            self.problem = f"the log could not be written: {error.strerror}"
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _turn(self, piece: memoryview) -> None:
        """Keep it in the ring, over what is oldest there."""
        if not self._ring:
            self._ring = bytearray(TAIL_BYTES)
        piece = piece[-TAIL_BYTES:]
        first = min(len(piece), TAIL_BYTES - self._at)
        self._ring[self._at : self._at + first] = piece[:first]
        self._ring[: len(piece) - first] = piece[first:]
        self._at = (self._at + len(piece)) % TAIL_BYTES

    def _last(self, count: int) -> bytes:
        """The last bytes that went into the ring."""
        if count < TAIL_BYTES:
            return bytes(self._ring[:count])  # not full yet: it was filled from its start
        return bytes(self._ring[self._at :] + self._ring[: self._at])

    def _read_end(self) -> bytes:
        """The end of the file, of this attempt only."""
        size = os.fstat(self._file).st_size
        count = min(size, SHOWN_BYTES, self._said)
        return os.pread(self._file, count, size - count)
