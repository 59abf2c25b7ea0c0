"""Whether more may be copied: the store's folder and its limit come in, a refusal in words (or none) goes out."""

import os

from riverrun.store.words import told

SPARED_SHARE = (
    0.05  # of the disk, or SPARED_MOST if that is less: below it nothing is copied (design, section 5)
)
SPARED_MOST = 20 << 30  # bytes


class Room:
    """The space that a store may still take; what it holds is counted once, and then kept in step."""

    def __init__(self, folder: str, most: int | None) -> None:
        self._folder = folder
        self._most = most  # bytes that it may hold (`max_size` of the machine's facts)
        self._held: int | None = None

    def took(self, size: int) -> None:
        """So many bytes were added."""
        if self._held is not None:
            self._held += size

    def refusal(self, size: int) -> str:
        """Why so many bytes may not be copied now; empty where they may."""
        place = self._folder
        while not os.path.isdir(place):
            place = os.path.dirname(place)
        with told(place, "look at the disk of"):
            disk = os.statvfs(place)
        spared = min(disk.f_blocks * disk.f_frsize * SPARED_SHARE, SPARED_MOST)
        if disk.f_bavail * disk.f_frsize - size < spared:
            return f"less than {spared / (1 << 30):.1f} GiB would be free on its disk"
        if self._most is None:
            return ""
        if self._held is None:
            with told(self._folder, "look at the size of"):
                self._held = _bytes_below(self._folder)
        return f"it has reached its max_size of {self._most} bytes" if self._held + size >= self._most else ""


def _bytes_below(folder: str) -> int:
    found = 0
    for top, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.lstat(os.path.join(top, name)).st_size
            except FileNotFoundError:
                continue  # another run's staging
    return found
