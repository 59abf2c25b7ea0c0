"""Descriptors that are listened to: each comes in with what it means, and what is to be heard goes out.

`wake` ends the listening from another thread or a signal's function.
"""

import contextlib
import math
import os
import select
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Ears(Generic[T]):
    """One poll over all descriptors."""

    def __init__(self) -> None:
        self.woken = False  # by `wake`, or by whoever sets it
        self._poll = select.poll()
        self._meanings: dict[int, T] = {}
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)
        self._poll.register(self._reader, select.POLLIN)

    def hear(self, descriptor: int, meaning: T) -> None:
        """Listen to it from now on."""
        self._meanings[descriptor] = meaning
        self._poll.register(descriptor, select.POLLIN)

    def hear_no_more(self, descriptor: int) -> None:
        """It may be closed."""
        if self._meanings.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def listen(self, seconds: float | None) -> Iterator[tuple[int, T]]:
        """What is to be heard, after so many seconds at the latest; None: whenever it comes."""
        for descriptor, _ in self._poll.poll(None if seconds is None else math.ceil(seconds * 1000)):
            if descriptor == self._reader:
                self.woken = True
                with contextlib.suppress(BlockingIOError):
                    os.read(self._reader, 4096)
            elif descriptor in self._meanings:  # else closed since, on account of an earlier one
                yield descriptor, self._meanings[descriptor]

    def wake(self) -> None:
        """End the listening that is going on, or the next one. From any thread, and from a signal's function."""
        with contextlib.suppress(BlockingIOError):  # full: it is awake already
            os.write(self._writer, b"w")

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self._reader)
        os.close(self._writer)
